//! Requests to answers: the API at `POST /`, and the server's own pages under `/_stepproof/`.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use tracing::{debug, warn};

use super::driver::Reply;
use super::output::{self, Call, Requests, Sinks};
use super::quota::{self, Throttle};
use super::shared::{self, Shared};
use super::wire::{self, Answer};
use super::{Options, auth, control, host, objects, page};
use crate::api::{self, ApiError};
use crate::asl::ExecutionType;
use crate::service::PollId;

/// How long GetActivityTask waits for a task (guide, "Activities").
const POLL: Duration = Duration::from_secs(60);

/// Bytes of an oversized body that are read and dropped, so that the client hears the answer.
const DRAINED: usize = 16 * wire::LARGEST_REQUEST;

/// What browsers may send from other pages.
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS";

/// What answers requests.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) shared: Arc<Shared>,
    pub(super) options: Options,
    throttle: Option<Mutex<Throttle>>,
    requests: AtomicU64,
    pub(super) requests_by: Requests,
    pub(super) sinks: Sinks,
}

impl Site {
    pub(super) fn new(shared: Arc<Shared>, options: Options, sinks: Sinks) -> Self {
        let throttle = (!options.quotas.operations.is_empty())
            .then(|| Mutex::new(Throttle::new(&options.quotas, shared::wall())));
        let (requests, requests_by) = (AtomicU64::new(0), Requests::new(shared::wall()));
        Self { shared, options, throttle, requests, requests_by, sinks }
    }

    /// Answers a request of the computer at `peer`.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
    ) -> Answer {
        // A connection reserves the room of this future for as long as it is open, and that of a
        // long poll is needed for a minute: what is large stands in boxes of its own.
        let reply = if request.method() == Method::OPTIONS && self.options.cors.is_some() {
            Routed::Answer(wire::plain(StatusCode::NO_CONTENT, String::new()))
        } else {
            Box::pin(self.route(request, peer)).await
        };
        let mut answer = match reply {
            Routed::Answer(answer) => answer,
            Routed::Wait(id, reply, noted) => {
                let result = self.kept(self.wait(reply).await).await;
                self.answered(noted, &result, &id);
                wire::answer(result, id)
            }
        };
        if let Some(origin) = &self.options.cors {
            allow_origin(&mut answer, origin);
        }
        answer
    }

    async fn route(&self, request: Request<Incoming>, peer: IpAddr) -> Routed {
        if self.options.keys.is_some() && !is_open_to(peer, request.uri().path()) {
            let message = "a server with `--auth` takes this from its own computer only, since \
                           nobody signs it";
            return Routed::Answer(wire::plain(StatusCode::FORBIDDEN, control::message(message)));
        }
        if let Some(refusal) = host::refusal(&self.options, request.uri(), request.headers()) {
            return Routed::Answer(refusal);
        }
        Routed::Answer(match (request.method(), request.uri().path()) {
            (&Method::POST, "/") => return self.api(request, peer).await,
            (&Method::GET | &Method::HEAD, path) if page::is_at(path) => {
                page::answer(self, request.uri()).await
            }
            (&Method::GET | &Method::HEAD, "/_stepproof/health") => control::health(self),
            (&Method::GET | &Method::HEAD, "/metrics") => output::page(self),
            (&Method::GET | &Method::HEAD, "/_stepproof/clock") => control::clock(self),
            (&Method::POST, "/_stepproof/clock") => {
                let (parts, body) = request.into_parts();
                match self.read(&parts, body).await {
                    Ok(body) => control::set_clock(self, &parts, &body).await,
                    Err(error) => control::unread(&error),
                }
            }
            (&Method::POST, "/_stepproof/redeliver") => {
                let (parts, body) = request.into_parts();
                match self.read(&parts, body).await {
                    Ok(body) => control::redeliver(self, &parts, &body).await,
                    Err(error) => control::unread(&error),
                }
            }
            (method, path) if path.starts_with(objects::PATH) => {
                match objects::answer(self, method.clone(), path.to_owned(), request).await {
                    Ok(answer) => answer,
                    Err(error) => control::unread(&error),
                }
            }
            (method, path) => {
                let message = format!(
                    "nothing is at `{method} {path}`; the API of Step Functions is at `POST /`"
                );
                wire::plain(StatusCode::NOT_FOUND, control::message(&message))
            }
        })
    }

    /// A call of the API.
    async fn api(&self, request: Request<Incoming>, peer: IpAddr) -> Routed {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        let id = wire::request_id(self.options.account.seed.cast_unsigned(), count);
        let (parts, body) = request.into_parts();
        // While nothing can be kept one may still look at what there is.
        let reads = self.shared.trouble().is_some()
            && wire::operation(&parts.headers).is_ok_and(api::changes_nothing);
        let mut noted = Noted { count, operation: "unknown", call: None };
        let reply = self.call(&parts, body, peer, &mut noted).await;
        let reply = reply.unwrap_or_else(|error| Reply::Ready(Err(error)));
        debug!(
            request_id = id.to_str().unwrap_or_default(),
            target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()),
            error = match &reply {
                Reply::Ready(Err(error)) => Some(error.code),
                _ => None,
            },
            "request"
        );
        match reply {
            Reply::Ready(result) => {
                let result = if reads { result } else { self.kept(result).await };
                self.answered(noted, &result, &id);
                Routed::Answer(wire::answer(result, id))
            }
            reply => Routed::Wait(id, reply, noted),
        }
    }

    async fn call(
        &self,
        parts: &Parts,
        body: Incoming,
        peer: IpAddr,
        noted: &mut Noted,
    ) -> Result<Reply, ApiError> {
        let body = self.read(parts, body).await?;
        let operation = wire::operation(&parts.headers)?;
        let known = api::OPERATIONS.binary_search(&operation).map(|index| api::OPERATIONS[index]);
        noted.operation = known.unwrap_or(noted.operation);
        if let Some(keys) = &self.options.keys {
            auth::verify(keys, &self.options.account.region, parts, &body, shared::wall())?;
        }
        if let Ok(operation) = known
            && self.sinks.has_trail()
        {
            let call = Call::new(operation, self.shared.time(), peer, &parts.headers);
            noted.call = Some(Box::new(call));
        }
        // What can be done without the account is done without keeping it from others.
        let mut request = api::Request::parse(operation, &body)?;
        if let Some(call) = &mut noted.call {
            call.read(&request);
        }
        if let Some(throttle) = &self.throttle
            && !self.admits(throttle, operation, &request)
        {
            self.sinks.call_throttled(noted.operation, self.shared.time());
            return Err(ApiError::new("ThrottlingException", "Rate exceeded".to_owned()));
        }
        if let Some(result) = request.answer_alone(|| self.shared.time(), &self.options.account) {
            return Ok(Reply::Ready(result));
        }
        if let Some(cause) = self.shared.trouble()
            && !api::changes_nothing(operation)
        {
            return Err(unavailable(&cause));
        }
        let case = request.split_test_case();
        Ok(self.shared.with(|driver, real| driver.request(&request, case.as_deref(), real)))
    }

    /// Whether the quotas let a call through. Express executions have a bucket of their own.
    fn admits(&self, throttle: &Mutex<Throttle>, operation: &str, request: &api::Request) -> bool {
        let arn = request.state_machine_arn().filter(|_| operation == "StartExecution");
        let is_express = arn.is_some_and(|arn| {
            self.shared.look(|driver, _| {
                let arn = arn.split_once('#').map_or(&*arn, |(arn, _)| arn);
                let machine = driver.service().find_state_machine(arn);
                machine.is_some_and(|own| own.execution_type == ExecutionType::Express)
            })
        });
        let mut throttle = throttle.lock().unwrap_or_else(PoisonError::into_inner);
        let own = is_express && throttle.has(quota::EXPRESS_STARTS);
        throttle.admits(if own { quota::EXPRESS_STARTS } else { operation }, shared::wall())
    }

    /// Counts a call that has its answer, and puts it on record.
    fn answered(&self, noted: Noted, result: &Result<String, ApiError>, id: &HeaderValue) {
        let (status, error) = match result {
            Ok(_) => (200, ""),
            Err(error) => (wire::status(error), error.code),
        };
        self.requests_by.count(noted.operation, status, error);
        if let Some(mut call) = noted.call {
            // Another id that looks random and is not.
            let seed = !self.options.account.seed.cast_unsigned();
            call.answered(result, id, &wire::request_id(seed, noted.count));
            self.sinks.called(call);
        }
    }

    /// The answer once everything that it tells of is kept.
    async fn kept(&self, result: Result<String, ApiError>) -> Result<String, ApiError> {
        match self.shared.kept().await {
            Ok(()) => result,
            Err(cause) => result.and(Err(unavailable(&cause))),
        }
    }

    /// Waits for the answer to a call that has none yet.
    async fn wait(&self, reply: Reply) -> Result<String, ApiError> {
        match reply {
            Reply::Ready(result) => result,
            Reply::Synchronous(end) => end.await.map_err(|_| stopped()),
            Reply::Poll(poll, task) => {
                let _open = OpenPoll { shared: &self.shared, poll };
                match tokio::time::timeout(POLL, task).await {
                    Ok(task) => task.map_err(|_| stopped()),
                    Err(_) => Ok(api::activity_task(None)),
                }
            }
        }
    }

    /// Reads the body of a request.
    async fn read(&self, parts: &Parts, body: Incoming) -> Result<Bytes, ApiError> {
        self.read_to(wire::LARGEST_REQUEST, parts, body).await
    }

    /// Reads a body that may be larger than a request of the API.
    pub(super) async fn read_large(
        &self,
        parts: &Parts,
        body: Incoming,
    ) -> Result<Bytes, ApiError> {
        self.read_to(DRAINED, parts, body).await
    }

    async fn read_to(&self, most: usize, parts: &Parts, body: Incoming) -> Result<Bytes, ApiError> {
        let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let announced = announced.and_then(|length| length.parse::<u64>().ok());
        if announced.is_some_and(|length| length > DRAINED as u64) {
            return Err(wire::too_large());
        }
        // A body that is here already, as most are, needs no timer.
        let mut reading = pin!(collect(body, most));
        match poll_immediately(reading.as_mut()).await {
            Some(read) => read,
            None => {
                let read = tokio::time::timeout(self.options.read_timeout, reading).await;
                read.unwrap_or_else(|_| Err(wire::too_slow()))
            }
        }
    }
}

/// Whether a computer may ask for this where requests must be signed. Nobody signs requests for the
/// server's own pages, so they are for those who can start a server there themselves; whether it is
/// ready is no secret. The API checks signatures, and the web page shows nothing at all then.
fn is_open_to(peer: IpAddr, path: &str) -> bool {
    !is_unsigned(path) || peer.to_canonical().is_loopback()
}

/// Whether there is something to protect that nobody signs.
pub(super) fn is_unsigned(path: &str) -> bool {
    let own = path.starts_with("/_stepproof/") || path == "/metrics";
    own && path != "/_stepproof/health"
}

/// Reads a body of at most so many bytes. What is beyond is dropped as it comes, up to [`DRAINED`]
/// bytes in all: whoever hears nothing while he sends takes the connection for broken.
async fn collect(mut body: Incoming, most: usize) -> Result<Bytes, ApiError> {
    let broken = |error: &dyn std::fmt::Display| {
        // Where the connection broke off, nobody hears this answer.
        warn!(%error, "a request broke off");
        wire::broken()
    };
    match Limited::new(&mut body, most).collect().await {
        Ok(body) => return Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {}
        Err(error) => return Err(broken(&error)),
    }
    let mut left = DRAINED.saturating_sub(most);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(rest) => left = rest,
            None => break,
        }
    }
    Err(wire::too_large())
}

/// The outcome of a future that is ready at once.
async fn poll_immediately<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// What a request came to.
enum Routed {
    Answer(Answer),
    /// The answer to a call of the API is still to come; its request id.
    Wait(HeaderValue, Reply, Noted),
}

/// What is noted of a call of the API until it has its answer.
struct Noted {
    /// How many calls came before it.
    count: u64,
    operation: &'static str,
    /// For the trail, where there is one.
    call: Option<Box<Call>>,
}

/// A poll that ends when its client goes away.
struct OpenPoll<'a> {
    shared: &'a Arc<Shared>,
    poll: PollId,
}

impl Drop for OpenPoll<'_> {
    fn drop(&mut self) {
        self.shared.with(|driver, real| driver.poll_ended(self.poll, real));
    }
}

/// Nothing can be kept: whether the request had an effect is unknown.
fn unavailable(cause: &str) -> ApiError {
    ApiError::new("ServiceUnavailable", cause.to_owned())
}

fn stopped() -> ApiError {
    ApiError::new("ServiceUnavailable", "the server is shutting down".to_owned())
}

fn allow_origin(answer: &mut Response<Full<Bytes>>, origin: &str) {
    let headers = answer.headers_mut();
    let Ok(origin) = HeaderValue::from_str(origin) else { return };
    headers.insert("access-control-allow-origin", origin);
    headers.insert("access-control-allow-methods", HeaderValue::from_static(METHODS));
    headers.insert(
        "access-control-allow-headers",
        HeaderValue::from_static(
            "authorization, content-type, x-amz-content-sha256, x-amz-date, x-amz-security-token, \
             x-amz-target, x-amz-user-agent, amz-sdk-invocation-id, amz-sdk-request",
        ),
    );
    headers.insert("access-control-expose-headers", HeaderValue::from_static("x-amzn-requestid"));
    headers.insert("access-control-max-age", HeaderValue::from_static("600"));
}

/// Whether a request says that its body is JSON. Browsers ask before they send such a request to
/// another site, forms cannot send it at all.
pub(super) fn is_json(parts: &Parts) -> bool {
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::is_open_to;

    #[test]
    fn what_nobody_signs_is_for_the_same_computer() {
        let open = |peer: &str, path: &str| is_open_to(peer.parse().expect(peer), path);
        let own = [
            "/metrics",
            "/_stepproof/clock",
            "/_stepproof/redeliver",
            "/_stepproof/objects",
            "/_stepproof/objects/bucket/key",
        ];
        for path in own {
            for peer in ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"] {
                assert!(open(peer, path), "{peer} {path}");
            }
            for peer in ["192.168.0.7", "10.0.0.1", "fe80::1", "::ffff:192.168.0.7", "0.0.0.0"] {
                assert!(!open(peer, path), "{peer} {path}");
            }
        }
        for path in ["/", "/_stepproof/health", "/elsewhere"] {
            assert!(open("192.168.0.7", path), "{path}");
        }
    }
}
