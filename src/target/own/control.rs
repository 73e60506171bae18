//! The server's own pages, called: its clock, and its virtual S3.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::server::percent::{encoded, encoded_but};
use crate::time::Timestamp;
use crate::value::Value;

/// A client of the pages under `/_stepproof/`.
pub(super) struct Control {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
}

/// What the clock shows.
pub(super) struct Clock {
    /// The account's time.
    pub(super) now: Timestamp,
    /// When the next thing happens by itself.
    pub(super) next_timer: Option<Timestamp>,
    /// The states whose tasks somebody outside is to answer.
    pub(super) waiting_for: Vec<String>,
}

impl Control {
    pub(super) fn new(url: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, url: format!("{url}/_stepproof") }
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, String> {
        let named = format!("{method} {}{path}", self.url);
        let fail = |what: String| format!("{named}: {what}");
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| fail(error.to_string()))?;
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| fail(error.to_string()))?;
        let status = answer.status();
        let body = answer.into_body().collect().await;
        let body = body.map_err(|error| fail(error.to_string()))?.to_bytes();
        match status {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(body),
            _ => Err(fail(format!("{status}: {}", String::from_utf8_lossy(&body)))),
        }
    }

    /// Stops the clock, or lets it go on, as far as it goes.
    pub(super) async fn freeze(&self, freeze: bool) -> Result<(), String> {
        self.change(Value::object([("freeze", Value::Bool(freeze))])).await
    }

    /// Moves the frozen clock on. With `before`, what is due then has to wait for the next change.
    pub(super) async fn advance(&self, by: Duration, before: bool) -> Result<(), String> {
        let advance = Value::from(format!("{}ms", by.as_millis()));
        self.change(Value::object([("advance", advance), ("before", Value::Bool(before))])).await
    }

    async fn change(&self, change: Value) -> Result<(), String> {
        self.send(Method::POST, "/clock", change.to_json().into()).await.map(drop)
    }

    /// Delivers the start of an Express execution once more.
    pub(super) async fn redeliver(&self, execution_arn: &str) -> Result<(), String> {
        let body = Value::object([("executionArn", Value::from(execution_arn))]).to_json();
        self.send(Method::POST, "/redeliver", body.into()).await.map(drop)
    }

    /// Lets go on what the clock held.
    pub(super) async fn go_on(&self) -> Result<(), String> {
        self.change(Value::object::<&str>([])).await
    }

    /// Looks at the clock.
    pub(super) async fn clock(&self) -> Result<Clock, String> {
        let answer = read(&self.send(Method::GET, "/clock", Bytes::new()).await?)?;
        let time = |key| Timestamp::parse(answer.get(key)?.as_str()?);
        let waiting = answer.get("waitingFor").and_then(Value::as_array);
        let state = |one: &Value| one.get("state")?.as_str().map(str::to_owned);
        Ok(Clock {
            now: time("time").ok_or("the clock shows no time")?,
            next_timer: time("nextTimer"),
            waiting_for: waiting.iter().flat_map(|list| list.iter()).filter_map(state).collect(),
        })
    }

    /// Puts an object into the virtual S3.
    pub(super) async fn put(&self, bucket: &str, key: &str, body: &[u8]) -> Result<(), String> {
        let body = Bytes::copy_from_slice(body);
        self.send(Method::PUT, &object(bucket, key), body).await.map(drop)
    }

    /// The bucket does not exist.
    pub(super) async fn delete_bucket(&self, bucket: &str) -> Result<(), String> {
        let path = format!("/objects/{}", encoded(bucket));
        self.send(Method::DELETE, &path, Bytes::new()).await.map(drop)
    }

    /// All objects: bucket, key and content.
    pub(super) async fn objects(&self) -> Result<Vec<(String, String, Bytes)>, String> {
        let list = read(&self.send(Method::GET, "/objects", Bytes::new()).await?)?;
        let mut objects = Vec::new();
        let list = list.get("objects").and_then(Value::as_array);
        for listed in list.iter().flat_map(|list| list.iter()) {
            let text = |key| listed.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (bucket, key) = (text("bucket"), text("key"));
            let body = self.send(Method::GET, &object(&bucket, &key), Bytes::new()).await?;
            objects.push((bucket, key, body));
        }
        Ok(objects)
    }
}

fn read(body: &[u8]) -> Result<Value, String> {
    Value::parse(&String::from_utf8_lossy(body)).map_err(|error| error.to_string())
}

fn object(bucket: &str, key: &str) -> String {
    format!("/objects/{}/{}", encoded(bucket), encoded_but(key, "/"))
}
