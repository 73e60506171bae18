//! Every function with good and bad arguments, and the syntax of calls.

use super::*;
use crate::value::Map;

const INPUT: &str = r#"{
    "name": "Ann", "n": 5, "half": 2.5, "list": [1, 2, 3, 2], "t": "{} is {}", "o": {"a": 1},
    "text": "{\"a\": [1, 1.5]}", "bad": "{", "null": null, "a,b)": "odd"
}"#;

#[track_caller]
fn check(text: &str, expected: Result<&str, &str>) {
    let input = Value::parse(INPUT).unwrap();
    let context = Value::parse(r#"{"Execution":{"Name":"run"}}"#).unwrap();
    let variables: Map = [("v".into(), Value::from(7))].into_iter().collect();
    let scope = Scope { input: &input, context: &context, variables: &variables };
    let got = Intrinsic::parse(text)
        .map_err(|error| error.to_string())
        .and_then(|call| call.evaluate(&scope, &mut Entropy::new(1)).map_err(|e| e.to_string()))
        .map(|value| value.to_json());
    let got = got.as_deref().map_err(String::as_str);
    match (got, expected) {
        (Err(got), Err(expected)) => assert!(got.contains(expected), "{got}"),
        (got, expected) => assert_eq!(got, expected, "{text}"),
    }
}

#[test]
fn format() {
    check("States.Format('Hello, {}!', $.name)", Ok(r#""Hello, Ann!""#));
    check("States.Format($.t, $.name, $v)", Ok(r#""Ann is 7""#));
    check(r"States.Format('\{{}\} it\'s \\ {', 1.50)", Ok(r#""{1.50} it's \\ {""#));
    check("States.Format('{}{}{}', null, true, 1.50)", Ok(r#""nulltrue1.50""#));
    check("States.Format('{}', $.o)", Err("an object cannot stand for {}"));
    check("States.Format('plain')", Ok(r#""plain""#));
    check(
        "States.Format('{}')",
        Err("States.IntrinsicFailure: The function 'States.Format('{}')' \
         had the following error: the template has 1 of {}, but 0 values are given"),
    );
    check("States.Format($.n)", Err("argument 1 must be a string, not number"));
}

#[test]
fn arrays() {
    check("States.Array()", Ok("[]"));
    check("States.Array(1, 'a', $.list, States.Array(null))", Ok(r#"[1,"a",[1,2,3,2],[null]]"#));
    check("States.ArrayContains($.list, 2)", Ok("true"));
    check("States.ArrayContains($.list, '2')", Ok("false"));
    check("States.ArrayGetItem($.list, 2)", Ok("3"));
    check("States.ArrayGetItem($.list, 9)", Err("the index 9 is outside of the array"));
    check("States.ArrayGetItem($.list, -1)", Err("the index -1 is outside"));
    check("States.ArrayLength($.o)", Err("argument 1 must be an array, not object"));
    check("States.ArrayPartition($.list, 3)", Ok("[[1,2,3],[2]]"));
    check("States.ArrayPartition($.list, $.half)", Ok("[[1,2,3],[2]]"));
    check("States.ArrayPartition($.list, 0)", Err("must be positive"));
    check("States.ArrayRange(5, 1, -2)", Ok("[5,3,1]"));
    check("States.ArrayRange(5, 1, 2)", Ok("[]"));
    check(
        "States.ArrayRange(1, 1000, 1)",
        Ok(&Value::array((1..=1000).map(Value::from)).to_json()),
    );
    check("States.ArrayRange(0, 1000, 1)", Err("has more than 1000 elements"));
    check("States.ArrayRange(0, 1, 0)", Err("must not be zero"));
    check(
        "States.ArrayRange(-9007199254740992, 9007199254740992, 9007199254740992)",
        Ok("[-9007199254740992,0,9007199254740992]"),
    );
    check(
        "States.ArrayRange(-9223372036854775808, 9223372036854775807, 1)",
        Err("has more than 1000 elements"),
    );
    check(
        "States.ArrayRange(-9223372036854775808, 9223372036854775807, 9223372036854775807)",
        Ok("[-9223372036854775808,-1,9223372036854775806]"),
    );
    check("States.ArrayUnique($.list)", Ok("[1,2,3]"));
}

#[test]
fn texts_and_json() {
    check("States.StringToJson($.text)", Ok(r#"{"a":[1,1.5]}"#));
    check(r#"States.StringToJson('{"a":1,"a":2}')"#, Ok(r#"{"a":2}"#));
    check("States.StringToJson($.bad)", Err("argument 1 is no JSON"));
    check("States.JsonToString($.o)", Ok(r#""{\"a\":1}""#));
    check(
        "States.JsonMerge($.o, States.StringToJson('{\"a\":2,\"b\":3}'), false)",
        Ok(r#"{"a":2,"b":3}"#),
    );
    check("States.JsonMerge($.o, $.o, true)", Err("deep merging is not supported"));
    check("States.JsonMerge($.o, $.list, false)", Err("argument 2 must be an object"));
    check("States.StringSplit('a.b,,c', '.,')", Ok(r#"["a","b","c"]"#));
    check("States.StringSplit('abc', '')", Ok(r#"["abc"]"#));
    check("States.Base64Encode('Data to encode')", Ok(r#""RGF0YSB0byBlbmNvZGU=""#));
    check("States.Base64Decode('RGF0YSB0byBlbmNvZGU')", Ok(r#""Data to encode""#));
    check("States.Base64Decode('%')", Err("argument 1 is no Base64"));
    check(
        "States.Hash('input data', 'SHA-1')",
        Ok(r#""aaff4a450a104cd177d28d18d74485e8cae074b7""#),
    );
    check("States.Hash('input data', 'SHA1')", Err("the algorithm `SHA1` is not one of"));
}

#[test]
fn numbers_and_chance() {
    check("States.MathAdd($.n, -1)", Ok("4"));
    check("States.MathAdd($.half, -2.5)", Ok("1"));
    check("States.MathAdd(2147483648, 1)", Err("argument 1 must be between"));
    check("States.MathAdd('1', 1)", Err("argument 1 must be an integer, not string"));
    check("States.MathRandom(0, 999, 3)", Ok("239"));
    check("States.MathRandom(1, 1)", Err("the start 1 must be less than the end 1"));
    check(
        "States.MathRandom(-9223372036854775808, 9223372036854775807)",
        Err("the range is too wide"),
    );
    check("States.UUID()", Ok(&Value::from(Entropy::new(1).next_uuid()).to_json()));
}

#[test]
fn calls_nest_and_read_all_documents() {
    check("States.ArrayGetItem(States.StringSplit($$.Execution.Name, 'u'), 1)", Ok(r#""n""#));
    check(" States.Array( $v ,$['a,b)'] , $.list[?(@ == 2)] ) ", Ok(r#"[7,"odd",[2,2]]"#));
    check(
        "States.Array($.nope)",
        Err("States.Runtime: The JsonPath argument for the field '$.nope' could not be found in \
             the input '{\"name\":\"Ann\""),
    );
    let deep = |levels: usize| format!("{}{}", "States.Array(".repeat(levels), ")".repeat(levels));
    check(&deep(10), Ok(&format!("{}{}", "[".repeat(10), "]".repeat(10))));
    check(&deep(11), Err("calls nest deeper than 10 levels"));
    check(&deep(100_000), Err("calls nest deeper than 10 levels"));
}

#[test]
fn bad_syntax_says_where() {
    check("States.Fromat('x')", Err("did you mean `States.Format`?, at character 1"));
    check("States.format('x')", Err("did you mean `States.Format`?"));
    check("Other.Thing()", Err("there is no function `Other.Thing`, at character 1"));
    check("", Err("the name of a function is expected"));
    check("States.UUID", Err("`(` must follow `States.UUID`, at character 12"));
    check("States.UUID() x", Err("nothing may follow the closing parenthesis, at character 15"));
    check("States.UUID(1)", Err("`States.UUID` takes 0 arguments, not 1"));
    check("States.MathRandom(1)", Err("`States.MathRandom` takes 2 to 3 arguments, not 1"));
    check("States.Array(1 2)", Err("`,` or `)` must follow an argument, at character 16"));
    check("States.Array(1", Err("`,` or `)` must follow an argument"));
    check("States.Array('a", Err("the string has no closing apostrophe, at character 14"));
    check(r"States.Array('é\n')", Err(r"`\n` is no escape"));
    check(r"States.Array('a\')", Err("no closing apostrophe"));
    check("States.Array(\"a\")", Err("a string stands in apostrophes"));
    check("States.Array(01)", Err("`01` is not a number"));
    check("States.Array(-)", Err("`-` is not a number"));
    check("States.Array($.a b)", Err("Space not allowed in path"));
    check("States.Array(,)", Err("an argument must be a path"));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(States\\.(Array|Format|MathAdd)\\(|[$.'\\\\{}(),1a é-]){0,20}") {
        let input = Value::parse(INPUT).unwrap();
        let scope = Scope { input: &input, context: &Value::Null, variables: &() };
        if let Ok(call) = Intrinsic::parse(&text) {
            let _ = call.evaluate(&scope, &mut Entropy::new(1));
        }
    }
}
