//! Endpoints that refuse, throttle, lie and break off.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use super::throttle::{Operation, Throttle};
use super::{Endpoint, EndpointError, EndpointErrorKind, EndpointOptions, block_on};

/// What the fake does with one request.
#[derive(Clone)]
enum Act {
    Json(u16, &'static str),
    Html(u16),
    /// Promises more bytes than it sends.
    BreakOff,
    Hang,
}

/// A fake that serves these answers in their order, the last one for ever; its URL.
fn fake(acts: Vec<Act>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut acts = acts.into_iter().peekable();
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 65_536];
            let _ = stream.read(&mut buffer);
            let Some(act) = acts.next() else { return };
            if acts.peek().is_none() {
                acts = vec![act.clone(), act.clone()].into_iter().peekable();
                acts.next();
            }
            let (status, kind, body, more) = match act {
                Act::Json(status, body) => (status, "application/x-amz-json-1.0", body, 0),
                Act::Html(status) => (status, "text/html", "<html><h1>Welcome to nginx</h1>", 0),
                Act::BreakOff => (200, "application/x-amz-json-1.0", "{\"events\": [", 500),
                Act::Hang => {
                    held.push(stream);
                    continue;
                }
            };
            let length = body.len() + more;
            let _ = write!(
                stream,
                "HTTP/1.1 {status} Status\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\
                 connection: close\r\n\r\n{body}"
            );
        }
    });
    url
}

fn endpoint(url: String, attempts: u32) -> Endpoint {
    block_on(Endpoint::new(&EndpointOptions {
        url: Some(url),
        timeout: Some(Duration::from_millis(600)),
        attempts: Some(attempts),
        ..EndpointOptions::default()
    }))
}

fn probe(url: String) -> EndpointError {
    let endpoint = endpoint(url, 1);
    block_on(endpoint.probe()).expect_err("nobody answers as the API does")
}

fn history(acts: Vec<Act>, attempts: u32) -> Result<usize, EndpointError> {
    let endpoint = endpoint(fake(acts), attempts);
    block_on(endpoint.history("arn:aws:states:us-east-1:123456789012:execution:m:e", false))
        .map(|fetched| fetched.history.events.len())
}

const FIRST: &str = r#"{"events":[{"timestamp":1.5,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{}"}}],"nextToken":"t1"}"#;
const SECOND: &str = r#"{"events":[{"timestamp":1.6,"type":"ExecutionSucceeded","id":2,"previousEventId":1,"executionSucceededEventDetails":{"output":"{}"}}]}"#;
const SKIPPED: &str = r#"{"events":[{"timestamp":1.6,"type":"ExecutionSucceeded","id":9,"previousEventId":8,"executionSucceededEventDetails":{"output":"{}"}}]}"#;
const THROTTLED: &str = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;

#[test]
fn nobody_listens() {
    let error = probe("http://127.0.0.1:1".into());
    assert!(matches!(error.kind, EndpointErrorKind::Unreachable(_)), "{error}");
    assert!(error.to_string().starts_with("cannot reach http://127.0.0.1:1"), "{error}");
}

#[test]
fn somebody_who_never_answers() {
    let error = probe(fake(vec![Act::Hang]));
    assert!(matches!(error.kind, EndpointErrorKind::TimedOut { .. }), "{error}");
}

#[test]
fn a_web_server() {
    for status in [200, 404, 500] {
        let error = probe(fake(vec![Act::Html(status)]));
        assert!(
            matches!(&error.kind, EndpointErrorKind::NotTheApi { status: own, excerpt }
                if *own == status && excerpt.contains("nginx")),
            "{error:?}"
        );
    }
}

#[test]
fn expired_credentials() {
    let body = r#"{"__type":"ExpiredTokenException","message":"The security token is expired"}"#;
    let error = probe(fake(vec![Act::Json(400, body)]));
    assert!(matches!(error.kind, EndpointErrorKind::Credentials(_)), "{error:?}");
    assert!(error.to_string().contains("aws sso login"), "{error}");
}

#[test]
fn a_throttled_call_is_made_again() {
    let acts = vec![
        Act::Json(400, THROTTLED),
        Act::Json(400, THROTTLED),
        Act::Json(200, FIRST),
        Act::Json(400, THROTTLED),
        Act::Json(200, SECOND),
    ];
    assert_eq!(history(acts, 4), Ok(2));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a bucket is filled in real time")]
fn calls_that_are_made_again_take_tokens_too() {
    let throttled = Act::Json(400, THROTTLED);
    let empty = Act::Json(200, r#"{"executions":[]}"#);
    let url = fake(vec![throttled.clone(), throttled, empty]);
    let options = EndpointOptions { attempts: Some(3), ..EndpointOptions::default() };
    let config = endpoint(url.clone(), 3).config;
    let account = Throttle::of_region("us-east-1");
    let endpoint = Endpoint::throttled(config, &options, Some(url), account);
    let operation = Operation::ListExecutions;
    let call = async |endpoint: &Endpoint| {
        let request = endpoint.client().list_executions();
        let sent = endpoint.call(operation, |capture| async move {
            request.customize().interceptor(capture).send().await
        });
        sent.await.map(|answer| answer.value.to_json())
    };
    // The bucket has 200 tokens, and is filled by five a second.
    let start = std::time::Instant::now();
    let answer = block_on(async {
        for _ in 0..200 {
            endpoint.throttle.admit(operation, async {}).await;
        }
        call(&endpoint).await
    });
    assert_eq!(answer, Ok(r#"{"executions":[]}"#.to_owned()));
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(550), "three tokens take 0.6 seconds, not {took:?}");
    assert!(endpoint.time_for(operation, 1) > Duration::ZERO, "no token is left");
}

#[test]
fn throttled_for_ever() {
    let error = history(vec![Act::Json(400, THROTTLED)], 2).unwrap_err();
    assert_eq!(error.kind, EndpointErrorKind::Throttled);
}

#[test]
fn a_connection_that_drops_in_the_middle_of_a_page() {
    let again = vec![Act::Json(200, FIRST), Act::BreakOff, Act::Json(200, SECOND)];
    assert_eq!(history(again, 3), Ok(2));
    let error = history(vec![Act::Json(200, FIRST), Act::BreakOff], 2).unwrap_err();
    assert!(error.is_unreachable(), "{error:?}");
}

#[test]
fn pages_that_repeat_or_skip() {
    let error = history(vec![Act::Json(200, FIRST)], 1).unwrap_err();
    assert!(error.to_string().contains("page 2 starts with event 1"), "{error}");
    let error = history(vec![Act::Json(200, FIRST), Act::Json(200, SKIPPED)], 1).unwrap_err();
    assert!(error.to_string().contains("events 2 to 8 are missing"), "{error}");
    const HUGE: &str = r#"{"events":[{"timestamp":1.5,"type":"ExecutionStarted","id":1},{"timestamp":1.6,"type":"ExecutionSucceeded","id":900000000000}]}"#;
    let error = history(vec![Act::Json(200, HUGE)], 1).unwrap_err();
    assert!(error.to_string().contains("events 2 to 899999999999 are missing"), "{error}");
}
