//! How many requests a second the server answers, and how late the latest: StartExecution and
//! DescribeExecution beside a bare handler of the same HTTP stack that answers a constant.
//!
//! `cargo bench --bench server` prints a table. The goals: StartExecution at half of the bare
//! handler's rate, DescribeExecution at 0.7 of it, and no 99th percentile above five times its. To
//! forget executions takes time of its own, so there is a row with `--retain`, too.
//! Client and server share the machine, so only the proportions mean something. Last, StartExecution
//! with a data folder, where each answer comes after its rows are on the disk: 2,000 a second.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use stepproof::server::{Options, Retain, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// That of the `stepproof` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 32;
const ROUND: Duration = Duration::from_millis(1_500);
const ROUNDS: usize = 5;

const DEFINITION: &str = r#"{"Comment":"A Hello World example","StartAt":"HelloWorld","States":{"HelloWorld":{"Type":"Pass","Result":"Hello World!","End":true}}}"#;

/// What one load was answered with.
struct Measured {
    per_second: f64,
    p99: Duration,
}

fn main() {
    let bare = bare_server();
    println!("{:<20}{:>12}{:>9}{:>12}{:>9}", "", "requests/s", "of bare", "p99", "of bare");
    let mut rounds: [Vec<(f64, f64)>; 3] = Default::default();
    for _ in 0..ROUNDS {
        // Which executions a server keeps, and how many there are, is part of what a start costs.
        let keeps_all = Server::start(Options::default()).expect("a free port");
        let retain = Retain::Count(10_000);
        let forgets = Server::start(Options { retain, ..Options::default() }).expect("a free port");
        let [start, other] = [&keeps_all, &forgets].map(hello_world);
        let bare = load(bare, &request("StartExecution", &start));
        row("bare handler", &bare, &bare);
        let starts = load(keeps_all.address(), &request("StartExecution", &start));
        rounds[0].push(row("StartExecution", &starts, &bare));
        let arn = member(&call(keeps_all.address(), "StartExecution", &start), "executionArn");
        let describe = serde_json::json!({ "executionArn": arn });
        let describes = load(keeps_all.address(), &request("DescribeExecution", &describe));
        rounds[1].push(row("DescribeExecution", &describes, &bare));
        let starts = load(forgets.address(), &request("StartExecution", &other));
        rounds[2].push(row("with --retain 10000", &starts, &bare));
    }
    let [starts, describes, forgetting] = rounds;
    for (name, goal, mut rounds) in [
        ("StartExecution", Some(0.5), starts),
        ("DescribeExecution", Some(0.7), describes),
        ("StartExecution with --retain 10000", None, forgetting),
    ] {
        rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (rate, _) = rounds[rounds.len() / 2];
        rounds.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (_, late) = rounds[rounds.len() / 2];
        let verdict = match goal {
            Some(goal) if rate >= goal && late <= 5.0 => format!(" (goals {goal} and 5): met"),
            Some(goal) => format!(" (goals {goal} and 5): missed"),
            None => String::new(),
        };
        println!("{name}: median {rate:.2} of the rate, {late:.2} of the p99{verdict}");
    }
    durable();
}

/// Makes the state machine; what StartExecution is asked for it.
fn hello_world(server: &Server) -> serde_json::Value {
    let machine = serde_json::json!({
        "name": "HelloWorld",
        "definition": DEFINITION,
        "roleArn": "arn:aws:iam::012345678901:role/DummyRole",
    });
    let made = call(server.address(), "CreateStateMachine", &machine);
    serde_json::json!({ "stateMachineArn": member(&made, "stateMachineArn"), "input": "{}" })
}

/// StartExecution where every answer waits for the disk.
fn durable() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-data");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the folder is the bench's own");
    }
    let server = Server::start(Options {
        data_dir: Some(folder.clone()),
        retain: Retain::Count(10_000),
        ..Options::default()
    })
    .expect("a free port and a folder");
    let start = hello_world(&server);
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let measured = load(server.address(), &request("StartExecution", &start));
        println!(
            "{:<20}{:>12.0}{:>21}",
            "with a data folder",
            measured.per_second,
            format!("{:.2?}", measured.p99)
        );
        rates.push(measured.per_second);
    }
    rates.sort_by(f64::total_cmp);
    let rate = rates[rates.len() / 2];
    let met = if rate >= 2_000.0 { "met" } else { "missed" };
    println!("StartExecution with a data folder: median {rate:.0} a second (goal 2000): {met}");
    drop(server);
    // What is left lies in the folder of the build.
    let _ = std::fs::remove_dir_all(&folder);
}

/// Prints a line of the table: rate and 99th percentile as parts of the bare handler's.
fn row(name: &str, measured: &Measured, bare: &Measured) -> (f64, f64) {
    let rate = measured.per_second / bare.per_second;
    let late = measured.p99.as_secs_f64() / bare.p99.as_secs_f64();
    let p99 = format!("{:.2?}", measured.p99);
    println!("{name:<20}{:>12.0}{rate:>9.2}{p99:>12}{late:>9.2}", measured.per_second);
    (rate, late)
}

/// A handler of the same stack, which reads the request and answers as many bytes as
/// StartExecution.
fn bare_server() -> SocketAddr {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            sender.send(listener.local_addr().expect("an address")).expect("somebody waits");
            let mut http = auto::Builder::new(TokioExecutor::new());
            http.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(60));
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let _ = stream.set_nodelay(true);
                let connection =
                    http.serve_connection(TokioIo::new(stream), service_fn(constant)).into_owned();
                tokio::spawn(connection);
            }
        });
    });
    receiver.recv().expect("the server starts")
}

async fn constant(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let _ = request.into_body().collect().await;
    Ok(Response::builder()
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000")
        .body(Full::new(Bytes::from_static(&[b' '; 150])))
        .expect("a valid answer"))
}

/// Sends the request on all connections, one after another on each, until the time is up.
fn load(address: SocketAddr, request: &[u8]) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let (elapsed, mut latencies) = runtime.expect("a runtime").block_on(async {
        let began = now();
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| tokio::spawn(client(address, request.to_vec(), began + ROUND)))
            .collect();
        let mut latencies = Vec::new();
        for client in clients {
            latencies.extend(client.await.expect("no client fails"));
        }
        (now() - began, latencies)
    });
    latencies.sort_unstable();
    Measured {
        per_second: latencies.len() as f64 / elapsed.as_secs_f64(),
        p99: latencies[latencies.len() * 99 / 100],
    }
}

async fn client(address: SocketAddr, request: Vec<u8>, until: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a socket option");
    let mut latencies = Vec::new();
    let mut buffer = vec![0; 16_384];
    let mut began = now();
    while began < until {
        stream.write_all(&request).await.expect("the server reads");
        let mut filled = 0;
        loop {
            let read = stream.read(&mut buffer[filled..]).await.expect("an answer");
            assert!(read > 0, "the server closed the connection");
            filled += read;
            if is_whole(&buffer[..filled]) {
                break;
            }
        }
        assert!(
            buffer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&buffer[..filled])
        );
        let end = now();
        latencies.push(end - began);
        began = end;
    }
    latencies
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
    let name = b"content-length: ";
    let length = answer[..end].windows(name.len()).position(|bytes| bytes == name);
    let digits = length.map_or(&b""[..], |at| &answer[at + name.len()..end]);
    let digits = digits.iter().take_while(|digit| digit.is_ascii_digit());
    let length = digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    answer.len() >= end + 4 + length
}

fn request(operation: &str, body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST / HTTP/1.1\r\nhost: localhost:8083\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-target: AWSStepFunctions.{operation}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn call(address: SocketAddr, operation: &str, body: &serde_json::Value) -> serde_json::Value {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("the server listens");
    let request = request(operation, body);
    let request =
        String::from_utf8_lossy(&request).replacen("\r\n", "\r\nconnection: close\r\n", 1);
    stream.write_all(request.as_bytes()).expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).expect("JSON")
}

fn member(answer: &serde_json::Value, key: &str) -> String {
    answer[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {answer}")).to_owned()
}

#[expect(clippy::disallowed_methods, reason = "a bench may ask the clock")]
fn now() -> Instant {
    Instant::now()
}
