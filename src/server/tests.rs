//! The server over real sockets: what clients send that no SDK would send, and time.

mod driver;
mod integrations;
mod limits;
mod outputs;
mod page;
#[cfg(feature = "aws")]
mod sdk;
mod storage;
mod wire;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{Options, Server};
use crate::value::Value;

fn start(options: Options) -> Server {
    Server::start(options).expect("a free port")
}

/// Sends these bytes on a connection of their own and reads until the server closes it.
fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server);
    // A server that refuses early may close before everything is written.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream
}

/// Status and body of a request with these headers.
fn request(server: &Server, head: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let mut text = format!("{head} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    parse(&raw(server, text.as_bytes()))
}

fn parse(answer: &str) -> (u16, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, body.to_owned())
}

/// A call of the API.
fn call(server: &Server, operation: &str, body: &str) -> (u16, Value) {
    let target = format!("AWSStepFunctions.{operation}");
    let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", &*target)];
    let (status, body) = request(server, "POST /", &headers, body);
    (status, Value::parse(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
}

/// A request of the clock's page.
fn clock(server: &Server, body: &str) -> (u16, Value) {
    let json = [("content-type", "application/json")];
    let (status, body) = request(server, "POST /_stepproof/clock", &json, body);
    (status, Value::parse(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("no `{key}` in {value}"))
}
