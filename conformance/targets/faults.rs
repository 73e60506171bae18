//! What endpoints do wrong: refuse, hang, throttle, break off, answer for people, lose executions.

use super::*;

/// A fake that passes everything on to a server, but what `wrong` does itself.
pub fn faulty(
    server: &Server,
    wrong: impl Fn(&Request) -> Option<Act> + Send + Sync + 'static,
) -> Fake {
    let url = server.url();
    Fake::start(move |request| {
        wrong(request).unwrap_or_else(|| {
            let (status, body) = call(&url, &request.operation, &request.body);
            if status == 200 {
                return Act::Text(body);
            }
            let error: Value = serde_json::from_str(&body).unwrap();
            let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
            Act::Error(text("__type").leak(), text("message"))
        })
    })
}

/// Runs one case that would pass, on a server behind a fake.
#[track_caller]
fn check(
    name: &str,
    wrong: impl Fn(&Request) -> Option<Act> + Send + Sync + 'static,
    code: i32,
    wanted: &str,
) {
    let folder = Folder::new(name);
    let server = Server::start(Options::default()).unwrap();
    let fake = faulty(&server, wrong);
    let path = scenario(&folder, PASSES);
    let (came, text) = stepproof(&["run", &path, "--target", &fake.url, "--timeout", "2s"]);
    assert_eq!(came, code, "{text}");
    assert!(text.contains(wanted), "{text}");
    assert_eq!(what_is_there(&server.url()), [""; 0], "{text}");
}

fn throttled() -> Act {
    Act::Error("ThrottlingException", "Rate exceeded".into())
}

#[test]
fn nobody_answers() {
    let folder = Folder::new("nobody");
    let path = scenario(&folder, PASSES);
    let url = format!("http://{}", free_address());
    for arguments in [
        &["run", &path, "--target", &url][..],
        &["clean", "--target", &url],
        &["compare", &path, "--target", "local", "--target", &url],
    ] {
        let (code, text) = stepproof(arguments);
        assert_eq!(code, 3, "{text}");
        assert!(text.contains(&format!("cannot reach {url} (ListStateMachines)")), "{text}");
        // Nothing ran: nothing is called good, and no time is told.
        assert!(!text.contains("ok  ") && !text.contains("virtual time"), "{text}");
    }
    let (_, text) = stepproof(&["run", &path, "--target", &url]);
    assert!(text.contains(&format!("not run {path}  1 case\n")), "{text}");
    assert!(text.contains(&format!("1 not run (1 case in 1 file, on {url})")), "{text}");
}

#[test]
fn throttling_is_waited_out() {
    let wrong = |request: &Request| (request.number <= 2).then(throttled);
    // The probe has no patience; everything behind it has.
    let wrong = move |request: &Request| {
        wrong(request).filter(|_| request.operation != "ListStateMachines")
    };
    check("throttled", wrong, 0, "1 passed");
}

#[test]
fn throttling_for_ever() {
    let wrong = |request: &Request| (request.operation == "GetExecutionHistory").then(throttled);
    check("throttled-for-ever", wrong, 3, "throttled GetExecutionHistory again and again");
}

#[test]
fn a_web_page() {
    let wrong = |_: &Request| Some(Act::Html(200));
    check("page", wrong, 3, "does not answer ListStateMachines as Step Functions does: status 200");
    let wrong =
        |request: &Request| (request.operation == "DescribeExecution").then_some(Act::Html(502));
    check("page-later", wrong, 1, "does not answer DescribeExecution as Step Functions does");
}

#[test]
fn connections_that_break_off() {
    let in_a_page = |request: &Request| {
        (request.operation == "GetExecutionHistory" && request.number == 1).then_some(Act::BreakOff)
    };
    check("break-once", in_a_page, 0, "1 passed");
    let always =
        |request: &Request| (request.operation == "GetExecutionHistory").then_some(Act::BreakOff);
    check("break-always", always, 3, "the connection broke off in the middle of an answer");
}

const FIRST: &str = r#"{"events":[{"timestamp":1.5,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{}"}}],"nextToken":"t1"}"#;
const SKIPPED: &str = r#"{"events":[{"timestamp":1.6,"type":"ExecutionSucceeded","id":9,"previousEventId":8,"executionSucceededEventDetails":{"output":"{}"}}]}"#;

#[test]
fn pages_that_repeat_or_skip() {
    let repeats = |request: &Request| {
        (request.operation == "GetExecutionHistory").then(|| Act::Text(FIRST.into()))
    };
    check("repeats", repeats, 1, "page 2 starts with event 1, which came before");
    let skips = |request: &Request| {
        let page = if request.number % 2 == 1 { FIRST } else { SKIPPED };
        (request.operation == "GetExecutionHistory").then(|| Act::Text(page.into()))
    };
    check("skips", skips, 1, "events 2 to 8 are missing");
}

#[test]
fn an_execution_that_is_lost() {
    let wrong = |request: &Request| {
        let lost = || Act::Error("ExecutionDoesNotExist", "Execution Does Not Exist".into());
        (request.operation == "DescribeExecution").then(lost)
    };
    check("lost", wrong, 1, "DescribeExecution was refused: ExecutionDoesNotExist");
}

#[test]
fn credentials_that_expire() {
    let expired = || Act::Error("ExpiredTokenException", "The security token is expired".into());
    let at_once = move |_: &Request| Some(expired());
    check("expired", at_once, 3, "renew them (`aws sso login`, `AWS_PROFILE`)");
    let later = move |request: &Request| (request.operation == "DescribeExecution").then(expired);
    check("expired-later", later, 3, "does not accept the credentials (DescribeExecution)");
}

#[test]
fn workers_that_get_no_tasks() {
    let folder = Folder::new("no-tasks");
    let server = Server::start(Options::default()).unwrap();
    let path = scenario(&folder, MOCKED);
    let denied = || Act::Error("AccessDeniedException", "not you".into());
    type Wrong = fn() -> Act;
    let acts: [(Wrong, i32, &str); 3] = [
        (|| Act::Html(200), 1, "does not answer GetActivityTask as Step Functions does"),
        (denied, 1, "GetActivityTask was refused: AccessDeniedException: not you"),
        (|| Act::BreakOff, 3, "(GetActivityTask)"),
    ];
    for (wrong, code, wanted) in acts {
        let fake =
            faulty(&server, move |request| (request.operation == "GetActivityTask").then(wrong));
        let arguments = ["run", &path, "--target", &fake.url, "--timeout", "6s", "-k", "declined"];
        let (came, text) = stepproof(&arguments);
        assert_eq!(came, code, "{text}");
        assert!(text.contains(wanted), "{text}");
        assert_eq!(what_is_there(&server.url()), [""; 0], "{text}");
    }
}

#[test]
fn an_answer_without_an_arn() {
    let empty =
        |request: &Request| (request.operation == "StartExecution").then(|| Act::Text("{}".into()));
    check("no-arn", empty, 1, "does not answer StartExecution as Step Functions does: status 200");
}

#[test]
fn what_cannot_be_taken_away_is_told() {
    let folder = Folder::new("left");
    let server = Server::start(Options::default()).unwrap();
    let fake = faulty(&server, |request| {
        let denied = || Act::Error("AccessDeniedException", "not you".into());
        (request.operation == "DeleteStateMachine").then(denied)
    });
    let path = scenario(&folder, PASSES);
    let (code, text) = stepproof(&["run", &path, "--target", &fake.url]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("left behind: arn:aws:states:"), "{text}");
    assert!(text.contains(&format!("`stepproof clean --target {}", fake.url)), "{text}");
    let (code, text) = stepproof(&["clean", "--target", &server.url(), "--older-than", "0s"]);
    assert_eq!((code, text.contains("1 of 1 taken away")), (0, true), "{text}");
}

#[test]
fn somebody_who_never_answers() {
    let folder = Folder::new("hang");
    let fake = Fake::start(|_| Act::Hang);
    let path = scenario(&folder, PASSES);
    let begun = Instant::now();
    let (code, text) = stepproof(&["run", &path, "--target", &fake.url]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("did not answer ListStateMachines within 10"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn no_address_is_free_for_the_services() {
    let folder = Folder::new("address");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::start(Options::default()).unwrap();
    let path = scenario(&folder, PASSES);
    let listen = taken.local_addr().unwrap().to_string();
    let ways = ["--mocks", "endpoint", "--mocks-listen", &listen];
    let (code, text) = stepproof(&[&["run", &path, "--target", &server.url()], &ways[..]].concat());
    assert_eq!(
        (code, text.contains("`--mocks-listen` takes another address")),
        (2, true),
        "{text}"
    );
}
