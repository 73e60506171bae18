//! What each matcher accepts, and what it says where it does not.

use super::*;

#[track_caller]
fn matcher(text: &str) -> Matcher {
    Matcher::parse(&Value::parse(text).unwrap()).unwrap()
}

#[track_caller]
fn accepts(text: &str, value: &str) {
    let result = matcher(text).matches(&Value::parse(value).unwrap());
    assert!(result.is_ok(), "{text} refused {value}: {result:?}");
}

#[track_caller]
fn refuses(text: &str, value: &str, messages: &[&str]) {
    let mismatches = matcher(text).matches(&Value::parse(value).unwrap()).unwrap_err();
    let mismatches: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
    assert_eq!(mismatches, messages);
}

#[track_caller]
fn invalid(text: &str, message: &str) {
    let error = Matcher::parse(&Value::parse(text).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[test]
fn plain_values_are_equal() {
    accepts("{\"a\": [1, {\"b\": 2.0}]}", "{\"a\": [1.0, {\"b\": 2}]}");
    refuses(
        "{\"a\": 1, \"b\": {\"c\": [1, 2, 3]}, \"d e\": 0}",
        "{\"a\": 2, \"b\": {\"c\": [1, 5]}, \"x\": true}",
        &[
            "$.a: expected 1, got 2",
            "$.b.c[1]: expected 2, got 5",
            "$.b.c[2]: expected 3, got nothing",
            "$['d e']: expected 0, got nothing",
            "$.x: expected nothing, got true",
        ],
    );
    refuses("[1]", "[1, 2]", &["$[1]: expected nothing, got 2"]);
    refuses("{}", "[]", &["$: expected {}, got []"]);
}

#[test]
fn subsets_are_open_all_the_way_down() {
    accepts("{\"$subset\": {\"a\": {\"b\": 1}}}", "{\"a\": {\"b\": 1, \"c\": 2}, \"d\": 3}");
    accepts("{\"$subset\": {\"a\": [{\"b\": 1}]}}", "{\"a\": [{\"b\": 1, \"c\": 2}]}");
    accepts("{\"$subset\": {\"a\": {\"$type\": \"number\"}}}", "{\"a\": 1, \"b\": 2}");
    refuses(
        "{\"$subset\": {\"a\": {\"b\": 1}}}",
        "{\"a\": {\"c\": 1}}",
        &["$.a.b: expected 1, got nothing"],
    );
}

#[test]
fn types_are_told_apart() {
    for (name, value) in [
        ("null", "null"),
        ("boolean", "false"),
        ("number", "1.5"),
        ("integer", "3"),
        ("integer", "123456789012345678901234567890"),
        ("string", "\"\""),
        ("array", "[]"),
        ("object", "{}"),
        ("timestamp", "\"2024-01-01T00:00:00Z\""),
        ("uuid", "\"01234567-89ab-4def-8123-456789abcdef\""),
        ("arn", "\"arn:aws:states:us-east-1:123456789012:stateMachine:M\""),
    ] {
        accepts(&format!("{{\"$type\": \"{name}\"}}"), value);
    }
    refuses("{\"$type\": \"integer\"}", "1.5", &["$: expected an integer, got 1.5"]);
    refuses("{\"$type\": \"timestamp\"}", "\"noon\"", &["$: expected a timestamp, got \"noon\""]);
}

#[test]
fn strings_lists_and_ranges() {
    accepts("{\"$regex\": \"^r-\\\\d+$\"}", "\"r-17\"");
    refuses(
        "{\"$regex\": \"^a\"}",
        "\"ba\"",
        &["$: expected a string that matches `^a`, got \"ba\""],
    );
    accepts("{\"$json\": {\"a\": {\"$any\": true}}}", "\"{\\\"a\\\": 1}\"");
    refuses("{\"$json\": {\"a\": 2}}", "\"{\\\"a\\\": 1}\"", &["$.a: expected 2, got 1"]);
    accepts("{\"$contains\": \"b\"}", "\"abc\"");
    accepts("{\"$contains\": {\"$subset\": {\"a\": 1}}}", "[0, {\"a\": 1, \"b\": 2}]");
    accepts("{\"$length\": 2}", "\"äö\"");
    accepts("{\"$gte\": 1, \"$lt\": 3}", "1");
    refuses("{\"$gte\": 1, \"$lt\": 3}", "3", &["$: expected a number >= 1 and < 3, got 3"]);
    accepts("{\"$oneOf\": [1, {\"$type\": \"null\"}]}", "null");
    refuses("{\"$not\": 1}", "1", &["$: expected anything but 1, got 1"]);
}

#[test]
fn unordered_lists_find_a_pairing() {
    // The first matcher accepts both items; only the second choice leaves one for the other.
    accepts("{\"$unordered\": [{\"$type\": \"number\"}, 1]}", "[1, 2]");
    refuses(
        "{\"$unordered\": [{\"$type\": \"number\"}, 1]}",
        "[2, 3]",
        &["$: expected in any order [a number, 1], got [2,3]"],
    );
}

#[test]
fn members_may_be_absent() {
    accepts("{\"a\": {\"$absent\": true}}", "{}");
    refuses("{\"a\": {\"$absent\": true}}", "{\"a\": 1}", &["$.a: expected nothing, got 1"]);
    refuses("{\"a\": {\"$any\": true}}", "{}", &["$.a: expected anything, got nothing"]);
    accepts("{\"a\": {\"$oneOf\": [1, {\"$absent\": true}]}}", "{}");
    assert!(matcher("{\"$absent\": true}").matches_at("error", None).is_ok());
}

#[test]
fn literals_and_several_keys_are_data() {
    accepts("{\"$literal\": {\"$any\": true}}", "{\"$any\": true}");
    accepts("{\"a\": {\"$literal\": {\"$type\": \"x\"}}}", "{\"a\": {\"$type\": \"x\"}}");
    accepts("{\"$ref\": 1, \"b\": 2}", "{\"$ref\": 1, \"b\": 2}");
    assert!(matcher("[1, {\"a\": 2}]").plain().is_some());
    assert!(matcher("[{\"$any\": true}]").plain().is_none());
}

#[test]
fn mistakes_are_named() {
    invalid(
        "{\"a\": [{\"$subst\": {}}]}",
        "$.a[0]: unknown matcher `$subst`, did you mean `$subset`?; \
         data that looks like a matcher goes into `$literal`",
    );
    invalid("{\"$type\": \"float\"}", &format!("$.$type: `$type` takes {TYPES}"));
    invalid("{\"$any\": false}", "$.$any: `$any` takes `true`");
    invalid("{\"$gte\": \"1\"}", "$.$gte: `$gte` takes a number");
    invalid("{\"$oneOf\": 1}", "$.$oneOf: `$oneOf` takes an array");
}

#[test]
fn deep_values_do_not_overflow_the_stack() {
    let deep = |inner: &str| {
        let text = format!("{}{inner}{}", "[".repeat(999), "]".repeat(999));
        Value::parse(&text).unwrap()
    };
    let plain = Matcher::parse(&deep("1")).unwrap();
    assert!(plain.is_match(&deep("1")));
    assert_eq!(plain.matches(&deep("2")).unwrap_err().len(), 1);
    let text = format!("{}{{\"$any\": true}}{}", "[".repeat(998), "]".repeat(998));
    let error = Matcher::parse(&Value::parse(&text).unwrap()).unwrap_err();
    assert_eq!(error.message, "matchers may be nested 100 levels deep, not more");
}
