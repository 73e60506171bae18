//! Requests that are wrong in every way, and clients that are slow, many or gone.

use super::*;

const TARGET: (&str, &str) = ("x-amz-target", "AWSStepFunctions.ListStateMachines");
const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.0");

#[track_caller]
fn check(head: &str, headers: &[(&str, &str)], body: &str, expected: (u16, &str)) {
    let server = start(Options::default());
    let (status, answer) = request(&server, head, headers, body);
    let answer = Value::parse(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
    let code = answer.get("__type").and_then(Value::as_str).unwrap_or_default();
    assert_eq!((status, code), expected, "{answer}");
}

#[test]
fn wrong_content_types_and_targets_are_no_operations() {
    let unknown = (400, "UnknownOperationException");
    check("POST /", &[TARGET], "{}", unknown);
    check("POST /", &[("content-type", "application/json"), TARGET], "{}", unknown);
    check("POST /", &[("content-type", "text/plain"), TARGET], "{}", unknown);
    check("POST /", &[JSON], "{}", unknown);
    check("POST /", &[JSON, ("x-amz-target", "AWSStepFunctions.Fly")], "{}", unknown);
    check("POST /", &[JSON, ("x-amz-target", "AmazonSQS.SendMessage")], "{}", unknown);
    check("POST /", &[JSON, ("x-amz-target", "\u{e9}\u{e9}")], "{}", unknown);
    check("POST /elsewhere", &[JSON, TARGET], "{}", (404, ""));
    check("GET /elsewhere", &[], "", (404, ""));
    check("DELETE /", &[], "", (404, ""));
}

#[test]
fn bodies_that_are_no_json_do_not_serialize() {
    let wrong = (400, "SerializationException");
    for body in ["", "{", "[1", "nul", "{\"maxResults\": }", "\u{0}", "{} {}"] {
        check("POST /", &[JSON, TARGET], body, wrong);
    }
    let deep = "[".repeat(100_000);
    check("POST /", &[JSON, TARGET], &deep, wrong);
}

#[test]
fn bodies_above_a_megabyte_are_too_large() {
    let server = start(Options::default());
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(2_000_000));
    let (status, answer) = call(&server, "ListStateMachines", &large);
    assert_eq!((status, text(&answer, "__type")), (413, "RequestEntityTooLargeException"));
    let announced = format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: {}\r\ncontent-length: 99999999999\r\n\r\n{{",
        JSON.1
    );
    let (status, _) = parse(&raw(&server, announced.as_bytes()));
    assert_eq!(status, 413);
    let chunked = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {}\r\n\
         transfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
        JSON.1,
        format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(20)
    );
    let (status, _) = parse(&raw(&server, chunked.as_bytes()));
    assert_eq!(status, 413);
}

#[test]
fn what_is_no_http_ends_its_own_connection_only() {
    let server = start(Options::default());
    let mut other = connect(&server);
    other.write_all(b"POST / HTTP/1.1\r\nhost: x\r\n").unwrap();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"nonsense\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: minus\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        &[0; 4096],
    ] {
        let answer = raw(&server, bytes);
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(1_000_000));
    assert_eq!(parse(&raw(&server, long.as_bytes())).0, 431);
    // The one who was in the middle of his request goes on.
    other.write_all(b"connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).unwrap();
    assert_eq!(parse(&answer).0, 400);
    assert_eq!(request(&server, "GET /_stepproof/health", &[], "").0, 200);
}

#[test]
fn slow_clients_are_given_up() {
    let server = start(Options { read_timeout: Duration::from_millis(300), ..Options::default() });
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-type: {}\r\n", JSON.1);
    // Half a head.
    assert_eq!(parse(&raw(&server, head.as_bytes())).0, 0);
    // A head, and half a body.
    let half = format!("{head}content-length: 100\r\n\r\n{{");
    let (status, answer) = parse(&raw(&server, half.as_bytes()));
    assert_eq!(status, 408, "{answer}");
    let object = "PUT /_stepproof/objects/b/k HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf";
    let answer = raw(&server, object.as_bytes());
    assert_eq!(parse(&answer).0, 408, "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[test]
fn half_a_request_does_not_keep_the_server_from_stopping() {
    let server = start(Options::default());
    let mut half = connect(&server);
    half.write_all(b"POST / HTTP/1.1\r\nhost: x\r\n").expect("the server reads");
    let idle = connect(&server);
    assert_eq!(request(&server, "GET /_stepproof/health", &[], "").0, 200);
    let begun = crate::server::shared::now();
    server.shutdown();
    assert!(crate::server::shared::now() - begun < Duration::from_secs(5));
    drop((half, idle));
}

/// What is answered already may still be on its way.
#[test]
fn a_slow_reader_gets_the_whole_answer_of_a_server_that_stops() {
    let server = start(Options::default());
    let object = "x".repeat(15 << 20);
    assert_eq!(request(&server, "PUT /_stepproof/objects/b/k", &[], &object).0, 204);
    let mut slow = connect(&server);
    slow.write_all(b"GET /_stepproof/objects/b/k HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut part = vec![0; 512 << 10];
    slow.read_exact(&mut part[..1]).expect("the answer begins");
    let stopping = std::thread::spawn(move || server.shutdown());
    let mut read = 1;
    loop {
        match slow.read(&mut part).expect("the answer goes on") {
            0 => break,
            bytes => read += bytes,
        }
        wait(u64::from(read < object.len()) * 60);
    }
    assert!(read > object.len(), "{read} bytes");
    stopping.join().expect("the server stops");
}

#[test]
fn many_idle_connections_disturb_nobody() {
    let server = start(Options::default());
    let idle: Vec<TcpStream> = (0..500).map(|_| connect(&server)).collect();
    assert_eq!(request(&server, "GET /_stepproof/health", &[], "").0, 200);
    drop(idle);
}

#[expect(clippy::disallowed_methods, reason = "idle clients do nothing for a while")]
fn wait(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// A connection gives its buffers back while nothing is asked.
#[test]
fn connections_go_on_after_they_were_idle() {
    let server = start(Options::default());
    let health = b"GET /_stepproof/health HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut stream = connect(&server);
    let mut ask = |pause: bool| {
        stream.write_all(&health[..20]).expect("the server reads");
        if pause {
            wait(1_200);
        }
        stream.write_all(&health[20..]).expect("the server reads");
        let mut answer = [0; 1_024];
        let read = stream.read(&mut answer).expect("an answer");
        String::from_utf8_lossy(&answer[..read]).into_owned()
    };
    for pause in [false, true, true, false] {
        let answer = ask(pause);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
        wait(if pause { 0 } else { 700 });
    }
    server.shutdown();
}

/// The slow ones among the idle too: half a head is no rest.
#[test]
fn half_a_head_after_a_request_is_given_up() {
    let server = start(Options { read_timeout: Duration::from_millis(900), ..Options::default() });
    let mut stream = connect(&server);
    stream.write_all(b"GET /_stepproof/health HTTP/1.1\r\nhost: x\r\n\r\nGET /_step").unwrap();
    let began = crate::server::shared::now();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    let waited = crate::server::shared::now() - began;
    assert!(waited < Duration::from_secs(5), "{waited:?}");
}

#[test]
fn objects_are_put_listed_and_fetched() {
    let server = start(Options::default());
    let ask = |head: &str, body: &str| request(&server, head, &[], body);
    assert_eq!(ask("PUT /_stepproof/objects/shop/in/a%20b.csv", "id\n7\n").0, 204);
    assert_eq!(ask("GET /_stepproof/objects/shop/in/a%20b.csv", ""), (200, "id\n7\n".to_owned()));
    let (status, list) = ask("GET /_stepproof/objects", "");
    assert_eq!(status, 200);
    assert!(list.contains(r#""bucket":"shop","key":"in/a b.csv","size":5"#), "{list}");
    assert_eq!(ask("GET /_stepproof/objects/shop/other", "").0, 404);
    assert_eq!(ask("DELETE /_stepproof/objects/shop", "").0, 204);
    assert_eq!(ask("GET /_stepproof/objects/shop/in/a%20b.csv", "").0, 404);
    assert_eq!(ask("POST /_stepproof/objects/shop", "").0, 400);
}

#[test]
fn request_ids_differ() {
    let server = start(Options::default());
    let id = || {
        let answer = raw(
            &server,
            b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        );
        let line = answer.lines().find(|line| line.starts_with("x-amzn-requestid: "));
        line.unwrap_or_else(|| panic!("no id in {answer}")).to_owned()
    };
    assert_ne!(id(), id());
}

#[test]
fn pages_have_heads() {
    let server = start(Options::default());
    let paths = ["/_stepproof/health", "/metrics", "/_stepproof/clock", "/_stepproof/objects", "/"];
    for path in paths {
        let (status, body) = request(&server, &format!("HEAD {path}"), &[], "");
        assert_eq!((status, &*body), (200, ""), "{path}");
    }
}

#[test]
fn browsers_are_answered_only_where_they_may_ask() {
    let cors = |options| {
        let server = start(options);
        let preflight = b"OPTIONS / HTTP/1.1\r\nhost: x\r\norigin: http://localhost:3000\r\n\
                          connection: close\r\n\r\n";
        let answer = raw(&server, preflight);
        let methods = answer.contains("access-control-allow-methods: ");
        let puts = answer.contains("PUT") && answer.contains("DELETE");
        assert_eq!(methods, puts, "{answer}");
        (parse(&answer).0, answer.contains("access-control-allow-origin: http://localhost:3000"))
    };
    assert_eq!(cors(Options::default()), (404, false));
    let origin = Some("http://localhost:3000".to_owned());
    assert_eq!(cors(Options { cors: origin, ..Options::default() }), (204, true));
}

#[test]
fn the_clock_takes_json_of_its_own_kind() {
    let server = start(Options::default());
    assert_eq!(clock(&server, "{\"freeze\": true}").0, 200);
    for body in ["", "[]", "{\"freeze\": 1}", "{\"advance\": \"soon\"}", "{\"jump\": 1}"] {
        let (status, answer) = clock(&server, body);
        assert_eq!(status, 400, "{body}: {answer}");
    }
    // No time beyond can be written; what is refused changes nothing.
    let (status, answer) = clock(&server, r#"{"freeze": false, "advance": "99999999999d"}"#);
    assert_eq!(status, 400, "{answer}");
    let (_, state) = clock(&server, "{}");
    assert_eq!(state.get("frozen"), Some(&Value::Bool(true)), "{state}");
    assert!(text(&state, "time") < "3", "{state}");
    // A form of another site cannot move it.
    let form = [("content-type", "text/plain")];
    assert_eq!(request(&server, "POST /_stepproof/clock", &form, "{\"advance\": 1}").0, 400);
}

#[test]
fn a_page_whose_name_leads_here_is_not_answered() {
    let server = start(Options::default());
    let status = |head: &str, host: &str| {
        let (name, operation) = TARGET;
        let request = format!(
            "{head} HTTP/1.1\r\nhost: {host}:8083\r\nconnection: close\r\ncontent-type: {}\r\n\
             {name}: {operation}\r\ncontent-length: 2\r\n\r\n{{}}",
            JSON.1
        );
        parse(&raw(&server, request.as_bytes()))
    };
    for head in ["POST /", "GET /", "GET /metrics", "GET /_stepproof/clock"] {
        assert_eq!(status(head, "sync-localhost").0, 200, "{head}");
        let (code, answer) = status(head, "example.com");
        let answer = Value::parse(&answer).expect("JSON");
        assert_eq!((code, text(&answer, "__type")), (403, "AccessDeniedException"), "{head}");
        assert!(text(&answer, "message").contains("`--allow-host example.com`"), "{answer}");
    }
    let other = Server::start(Options {
        allowed_hosts: vec!["example.com".to_owned()],
        ..Options::default()
    });
    let other = other.expect("a server");
    let request = b"GET /metrics HTTP/1.1\r\nhost: example.com\r\nconnection: close\r\n\r\n";
    assert_eq!(parse(&raw(&other, request)).0, 200);
}

#[test]
fn where_signatures_are_asked_for_other_computers_see_nothing_unsigned() {
    let key = crate::server::Key { access_key_id: "id".into(), secret_access_key: "s".into() };
    let address = "0.0.0.0:0".parse().expect("an address");
    let server = start(Options { keys: Some(vec![key]), address, ..Options::default() });
    let port = server.address().port();
    let status = |host: std::net::IpAddr, head: &str| {
        let mut stream = TcpStream::connect((host, port)).expect("the server listens");
        let request = format!("{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        parse(&answer).0
    };
    let own = ["GET /metrics", "GET /_stepproof/clock", "GET /_stepproof/objects"];
    let health = "GET /_stepproof/health";
    let here = std::net::Ipv4Addr::LOCALHOST.into();
    assert_eq!(own.map(|head| status(here, head)), [200; 3]);
    assert_eq!(status(here, health), 200);
    // Nothing is sent: this only asks which address would be used.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").expect("a socket");
    let outside = socket.connect("198.51.100.1:9").and_then(|()| socket.local_addr());
    let Some(outside) = outside.ok().map(|outside| outside.ip()).filter(|ip| !ip.is_loopback())
    else {
        eprintln!("skipped: this computer has no address but loopback");
        return;
    };
    assert_eq!(own.map(|head| status(outside, head)), [403; 3]);
    assert_eq!(status(outside, health), 200);
}
