//! Reading mocks, and what is said about mistakes in them.

use rstest::rstest;

use super::*;

#[track_caller]
fn message(text: &str) -> String {
    Mock::parse(&Value::parse(text).unwrap()).unwrap_err().to_string()
}

#[rstest]
#[case("{}", "$: an answer needs `return`, `fail`, `fault`, `never` or `submit`")]
#[case("[]", "$: a list of at least one answer is needed")]
#[case("3", "$: an answer, such as `{ return: … }` is needed here, not number")]
#[case(r#"{"retrun": 1}"#, "$.retrun: unknown key `retrun`, did you mean `return`?")]
#[case(r#"{"return": 1, "never": true}"#, "$: an answer has either `return` or `never`, not both")]
#[case(
    r#"[{"return": 1, "after": "5"}]"#,
    "$[0].after: \"5\" is not a duration such as `500ms`, `90s`, `2m`, `1h30m` or `7d`"
)]
#[case(r#"{"return": 1, "repeat": 0}"#, "$.repeat: 0 is not a positive number")]
#[case(r#"{"never": false}"#, "$.never: `never` takes `true`")]
#[case(r#"{"fail": {"error": 1}}"#, "$.fail.error: a string is needed")]
#[case(r#"{"fail": {"eror": "E"}}"#, "$.fail.eror: unknown key `eror`, did you mean `error`?")]
#[case(
    r#"{"fail": {"error": "E"}, "stage": "end"}"#,
    "$.stage: a stage is one of schedule, start, submit, run, timeout"
)]
#[case(
    r#"{"fault": "lambda.x"}"#,
    "$.fault: there is no fault `lambda.x`, did you mean `lambda.exception`?"
)]
#[case(
    r#"{"never": true, "heartbeats": {"every": "1s"}}"#,
    "$.heartbeats: heartbeats without an end: give a `count`, or `after` for the answer"
)]
#[case(
    r#"{"return": 1, "when": {"$typ": "x"}}"#,
    "$.when: unknown matcher `$typ`, did you mean `$type`?; data that looks like a matcher goes into `$literal`"
)]
#[case(
    r#"{"return": {"a": {"$input": 1}}}"#,
    "$.return: `$input` takes a path such as `$.name`, not 1"
)]
#[case(
    r#"{"byInvocation": [{"return": 1}], "after": "1s"}"#,
    "$.after: unknown key `after`, known are byInvocation"
)]
fn mistakes_are_named(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(message(text), expected);
}

#[rstest]
#[case("arn:aws:*:charge", "arn:aws:lambda:us-east-1:1:function:charge", true)]
#[case("arn:aws:*:charge", "arn:aws:lambda:us-east-1:1:function:charges", false)]
#[case("a*b*c", "a1b2b3c", true)]
#[case("a*b*c", "acb", false)]
#[case("abc", "abcd", false)]
#[case("*", "", true)]
#[case("a*a", "a", false)]
fn patterns(#[case] pattern: &str, #[case] text: &str, #[case] matches: bool) {
    assert_eq!(crate::matcher::glob(pattern, text), matches);
}

#[test]
fn deep_results_do_not_overflow_the_stack() {
    let text = format!("{}{{\"$input\": \"$\"}}{}", "[".repeat(998), "]".repeat(998));
    let error = Body::parse(&Value::parse(&text).unwrap()).unwrap_err();
    assert_eq!(error, "a result with `$input` may be nested 100 levels deep");
    let text = format!("{}1{}", "[".repeat(999), "]".repeat(999));
    let body = Body::parse(&Value::parse(&text).unwrap()).unwrap();
    assert_eq!(body.fill(&Value::Null).unwrap().depth(), 999);
}
