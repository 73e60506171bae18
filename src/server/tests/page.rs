//! The web page, as a browser without a script sees it.

use super::*;
use crate::server::{ClockMode, Key};
use crate::time::Timestamp;

const ROLE: &str = "arn:aws:iam::123456789012:role/any";

fn timeless() -> Options {
    let start = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
    Options { clock: ClockMode::Virtual { start }, ..Options::default() }
}

/// Answers its ARN.
fn create(server: &Server, name: &str, definition: &str) -> String {
    let body = serde_json::json!({ "name": name, "definition": definition, "roleArn": ROLE });
    let (status, answer) = call(server, "CreateStateMachine", &body.to_string());
    assert_eq!(status, 200, "{answer}");
    text(&answer, "stateMachineArn").to_owned()
}

/// Answers its ARN.
fn execute(server: &Server, machine: &str, name: &str, input: &str) -> String {
    let body = serde_json::json!({ "stateMachineArn": machine, "name": name, "input": input });
    let (status, answer) = call(server, "StartExecution", &body.to_string());
    assert_eq!(status, 200, "{answer}");
    text(&answer, "executionArn").to_owned()
}

/// What stands on a page.
#[track_caller]
fn page(server: &Server, address: &str) -> String {
    let (status, body) = request(server, &format!("GET {address}"), &[], "");
    assert_eq!(status, 200, "{address}: {body}");
    body
}

/// The first address on a page that begins so, as a browser reads it.
#[track_caller]
fn link(page: &str, beginning: &str) -> String {
    let beginning = format!("href=\"{beginning}");
    let at = page.find(&beginning).unwrap_or_else(|| panic!("no {beginning} in {page}"));
    let address = page[at + 6..].split(['"', '#']).next().unwrap_or_default();
    address.replace("&amp;", "&")
}

#[test]
fn from_the_first_page_to_the_data_of_a_state() {
    let server = start(timeless());
    let definition = r#"{"StartAt": "Wait", "States": {
        "Wait": {"Type": "Wait", "Seconds": 60, "Next": "Give"},
        "Give": {"Type": "Pass", "Result": {"given": [1, 2]}, "ResultPath": "$.r", "End": true}
    }}"#;
    let machine = create(&server, "order", definition);
    execute(&server, &machine, "first", r#"{"asked": true}"#);
    let home = page(&server, "/");
    assert!(home.contains(">order<") && home.contains("SUCCEEDED"), "{home}");
    let machine = page(&server, &link(&home, "/machine?"));
    let execution = page(&server, &link(&machine, "/execution?"));
    assert!(execution.contains("data-state=\"Give\""), "{execution}");
    assert!(execution.contains("1m"), "{execution}");
    let arn = "arn:aws:states:us-east-1:123456789012:execution:order:first";
    let state = page(&server, &link(&execution, &format!("/execution?arn={arn}&amp;state=Give")));
    assert!(state.contains("&quot;given&quot;: ["), "{state}");
    assert!(state.contains("&quot;asked&quot;: true"), "{state}");
    let event = page(&server, &link(&state, "/event?"));
    assert!(event.contains("ExecutionStarted"), "{event}");
    let plain = page(&server, &link(&event, "/event.json?"));
    assert!(plain.starts_with('{') && plain.contains("\"roleArn\""), "{plain}");
}

#[test]
fn names_and_data_stay_text() {
    let server = start(timeless());
    let evil = r#"<script>alert("x")</script>'&amp;"#;
    let definition = serde_json::json!({ "Comment": evil, "StartAt": evil, "States": {
        evil: { "Type": "Pass", "Comment": evil, "Result": { evil: evil }, "Next": "</pre>" },
        "</pre>": { "Type": "Fail", "Error": evil, "Cause": evil },
    }});
    let machine = create(&server, "it's=(hostile)", &definition.to_string());
    let input = serde_json::json!({ evil: [evil, "<!--", "]]>", "\u{0}\u{7f}"] });
    execute(&server, &machine, "n'(x)=@!+", &input.to_string());
    let home = page(&server, "/");
    let machine = link(&home, "/machine?");
    let execution = link(&home, "/execution?");
    for address in [
        "/".to_owned(),
        "/executions".to_owned(),
        machine,
        execution.clone(),
        format!("{execution}&state=%3C%2Fpre%3E"),
        format!("{execution}&state=%3Cscript%3Ealert(1)&visit=%22%3E"),
        link(&page(&server, &execution), "/event?"),
    ] {
        let page = page(&server, &address);
        let scripts = page.matches("<script").count();
        assert_eq!(scripts, 1, "{address} has the script of the page alone");
        let pres = (page.matches("<pre").count(), page.matches("</pre>").count());
        assert_eq!(pres.0, pres.1, "{address}");
        assert!(!page.contains("<!--"), "{address}");
    }
    let (status, missing) = request(&server, "GET /find?what=%3Cscript%3E", &[], "");
    assert_eq!(status, 404);
    assert!(missing.contains("&lt;script&gt;"), "{missing}");
}

#[test]
fn browsers_may_load_nothing_else() {
    let server = start(Options::default());
    let answer = raw(&server, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-security-policy: default-src 'none';"), "{head}");
    assert!(head.contains("text/html; charset=utf-8"), "{head}");
    assert!(!body.contains("http://") && !body.contains("https://"), "{body}");
    assert!(!body.contains(" style=\"") && !body.contains(" onclick="), "{body}");
    let head = raw(&server, b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn what_does_not_exist_is_said_so() {
    let server = start(Options::default());
    for address in [
        "/machine",
        "/machine?arn=nothing",
        "/machine?arn=arn:aws:states:us-east-1:123456789012:stateMachine:none",
        "/execution?arn=",
        "/execution?arn=%00%FF",
        "/map-run?arn=arn:aws:states:us-east-1:123456789012:mapRun:a/b:c",
        "/event?arn=x&id=0",
        "/event.json?arn=x&id=99999999999999999999",
        "/find?what=nobody",
    ] {
        let (status, body) = request(&server, &format!("GET {address}"), &[], "");
        assert_eq!(status, 404, "{address}");
        assert!(body.contains("Not found"), "{address}: {body}");
    }
}

#[test]
fn who_cannot_sign_sees_nothing_where_signatures_are_asked_for() {
    let key = Key { access_key_id: "id".into(), secret_access_key: "secret".into() };
    let server = start(Options { keys: Some(vec![key]), ..Options::default() });
    for address in ["/", "/executions", "/machine?arn=x"] {
        let (status, body) = request(&server, &format!("GET {address}"), &[], "");
        assert_eq!(status, 403, "{address}");
        assert!(body.contains("--auth"), "{body}");
    }
}

/// A loop of 8,000 rounds, the longest history that ends well, and an input of a quarter of a
/// megabyte: pages stay small.
#[test]
fn long_histories_and_large_data_come_in_pages() {
    let server = start(timeless());
    let definition = r#"{"StartAt": "Count", "States": {
        "Count": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Enough?"},
        "Enough?": {"Type": "Choice", "Default": "Count", "Choices": [
            {"Variable": "$.n", "NumericGreaterThan": 6000, "Next": "Done"}]},
        "Done": {"Type": "Succeed"}}}"#;
    let machine = create(&server, "loop", definition);
    let long = execute(&server, &machine, "long", r#"{"n": 0}"#);
    // The clock answers when nothing more is to happen.
    super::clock(&server, "{}");
    let first = page(&server, &format!("/execution?arn={long}"));
    assert!(first.contains("1 to 100 of 24,008"), "{}", first.len());
    assert!(first.len() < 200_000, "{}", first.len());
    let last = page(&server, &format!("/execution?arn={long}&from=24001"));
    assert!(last.contains("ExecutionSucceeded"), "{}", last.len());
    let visit = page(&server, &format!("/execution?arn={long}&state=Count&visit=5000"));
    assert!(visit.contains("Visit 5,000 of 6,001"), "{}", visit.len());
    assert!(visit.contains("&quot;n&quot;: 4999"), "{}", visit.len());
    let input = format!("{{\"n\": 9999, \"text\": \"{}\"}}", "<".repeat(250_000));
    let large = execute(&server, &machine, "large", &input);
    let shown = page(&server, &format!("/execution?arn={large}"));
    assert!(shown.contains("All of it") && shown.len() < 700_000, "{}", shown.len());
    let event = page(&server, &format!("/event.json?arn={large}&id=1"));
    assert!(event.len() > 250_000, "{}", event.len());
}

#[test]
fn many_executions_come_in_pages() {
    let server = start(timeless());
    let definition = r#"{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}"#;
    let machine = create(&server, "many", definition);
    for number in 0..205 {
        execute(&server, &machine, &format!("e-{number}"), "{}");
    }
    let mut address = format!("/machine?arn={machine}&status=SUCCEEDED");
    let mut seen = Vec::new();
    loop {
        let page = page(&server, &address);
        seen.push(page.matches("<th scope=\"row\">").count());
        if !page.contains("rel=\"next\"") {
            break;
        }
        let before = page.find("before=").unwrap();
        let before = page[before + 7..].split(['#', '"']).next().unwrap();
        address = format!("/machine?arn={machine}&status=SUCCEEDED&before={before}");
    }
    assert_eq!(seen, [100, 100, 5]);
    let all = page(&server, "/executions");
    assert_eq!(all.matches("<th scope=\"row\">").count(), 100);
    let found =
        raw(&server, b"GET /find?what=e-7 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(found.starts_with("HTTP/1.1 303") && found.contains(":execution:many:e-7"), "{found}");
}
