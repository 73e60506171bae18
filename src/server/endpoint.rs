//! Calls of real services at their endpoints, outside of the account.
//!
//! The services are those of Step Functions Local's options (guide, "Step Functions Local
//! Configuration Options"), each in its own protocol (`endpoint/protocol.rs`), and HTTP Tasks. Jobs
//! are waited for by asking for their state (`endpoint/job.rs`).

mod connection;
mod http;
mod job;
mod oauth;
mod protocol;
#[cfg(feature = "aws")]
mod tls;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tracing::warn;

pub use connection::HttpConnections;

use connection::Connection;

use super::auth::{self, Key};
use super::report::Report;
use super::shared;
use crate::asl::{Pattern, Resource};
use crate::engine::{FailureStage, TaskRequest};
use crate::history::Failure;
use crate::mock;
use crate::value::Value;

/// The services that an endpoint can be given for: how options call them, what requests are signed
/// for, and the environment variable of Step Functions Local.
pub const SERVICES: &[(&str, &str, &str)] = &[
    ("lambda", "lambda", "LAMBDA_ENDPOINT"),
    ("batch", "batch", "BATCH_ENDPOINT"),
    ("dynamodb", "dynamodb", "DYNAMODB_ENDPOINT"),
    ("ecs", "ecs", "ECS_ENDPOINT"),
    ("glue", "glue", "GLUE_ENDPOINT"),
    ("sagemaker", "sagemaker", "SAGE_MAKER_ENDPOINT"),
    ("sqs", "sqs", "SQS_ENDPOINT"),
    ("sns", "sns", "SNS_ENDPOINT"),
    ("step-functions", "states", "STEP_FUNCTIONS_ENDPOINT"),
];

/// How long an HTTP Task may take (service quotas, "HTTP Task").
const HTTP_TASK: Duration = Duration::from_secs(60);

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// Where real services are called.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// By the service's place in [`SERVICES`].
    urls: Vec<(usize, Uri)>,
    /// What requests are signed with; without it with a made-up key, which emulators take.
    credentials: Option<Key>,
    /// Hosts that are not this computer may be called.
    allow_network: bool,
    connections: HttpConnections,
}

impl Endpoints {
    /// No endpoints yet. Requests are signed with `credentials`; hosts that are not this computer
    /// may be called only with `allow_network`.
    pub fn new(credentials: Option<Key>, allow_network: bool) -> Self {
        Self { credentials, allow_network, ..Self::default() }
    }

    /// What the connections of HTTP Tasks add to their requests.
    pub fn set_connections(&mut self, connections: HttpConnections) {
        self.connections = connections;
    }

    /// The connection that an HTTP Task names. A request goes without what an unknown one adds.
    fn connection(&self, arguments: &Value) -> Option<Arc<Connection>> {
        let named = |key: &str| arguments.get(key)?.get("ConnectionArn")?.as_str();
        let arn = named("Authentication").or_else(|| named("InvocationConfig"))?;
        let found = self.connections.find(arn);
        if found.is_none() {
            warn!(
                connection = arn,
                "nothing is known of this connection, and the request goes without what it adds; \
                 `--connections FILE` names a file that says it"
            );
        }
        found
    }

    /// Calls of `service` (`lambda`, `sqs`, …) go to this URL.
    ///
    /// # Errors
    ///
    /// Where the service is unknown, the URL is none that can be called, or its host is another
    /// computer and that is not allowed.
    pub fn set(&mut self, service: &str, url: &str) -> Result<(), String> {
        let Some(at) = SERVICES.iter().position(|(name, ..)| *name == service) else {
            return Err(format!("no endpoint can be given for `{service}`"));
        };
        let uri = self.check(url).map_err(|why| format!("the endpoint of {service}: {why}"))?;
        self.urls.retain(|(own, _)| *own != at);
        self.urls.push((at, uri));
        Ok(())
    }

    fn check(&self, url: &str) -> Result<Uri, String> {
        let uri: Uri = url.parse().map_err(|error| format!("`{url}` is no URL: {error}"))?;
        let Some(host) = uri.host() else { return Err(format!("`{url}` has no host")) };
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") if cfg!(feature = "aws") => {}
            Some("https") => {
                return Err(format!(
                    "`{url}` is not called: this program was built without the feature `aws`, \
                     which has TLS; give an http:// URL, or build it with"
                ));
            }
            _ => return Err(format!("`{url}` is not called: only http:// and https:// are")),
        }
        let port = uri.authority().map_or("", |authority| authority.as_str());
        let port = port.rsplit_once('@').map_or(port, |(_, rest)| rest).strip_prefix(host);
        if uri.port_u16().is_none() && port.is_some_and(|port| !port.is_empty()) {
            return Err(format!("`{url}` has no port that there could be: 1 to 65535"));
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = bare.to_ascii_lowercase();
        let here = name == "localhost"
            || name.ends_with(".localhost")
            || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !here && !self.allow_network {
            return Err(format!(
                "`{host}` is not this computer; `--allow-network` lets it be called"
            ));
        }
        Ok(uri)
    }

    /// The call for a Task.
    ///
    /// # Errors
    ///
    /// Why there is none, and what to give in its place.
    pub(super) fn call(&self, region: &str, request: &TaskRequest) -> Result<EndpointCall, String> {
        let text = request.resource.text();
        let service = protocol::endpoint_of(&request.resource);
        if service == Some("http") {
            let url = request.arguments.get("ApiEndpoint").and_then(Value::as_str);
            let url = url.ok_or_else(|| format!("`{text}` has no `ApiEndpoint`"))?;
            let base = self.check(url)?;
            let mut call = self.made("execute-api", base, region, request);
            call.connection = self.connection(&request.arguments);
            if let Some(oauth) = call.connection.as_ref().and_then(|one| one.oauth.as_ref()) {
                let base = self.check(&oauth.endpoint.to_string())?;
                let authority = self.caller("execute-api", base, region, request);
                call.authority = Some(Arc::new(authority));
            }
            return Ok(call);
        }
        let known = service
            .and_then(|service| SERVICES.iter().position(|(name, ..)| *name == service))
            .filter(|_| protocol::is_known(&request.resource));
        let Some(at) = known else {
            return Err(format!(
                "`{text}` has no mock, and no endpoint can be given for it; give it a mock \
                 (`--mocks FILE` or `--mock-config FILE`)"
            ));
        };
        let (name, signing, variable) = SERVICES[at];
        let Some((_, base)) = self.urls.iter().find(|(own, _)| *own == at) else {
            return Err(format!(
                "`{text}` has neither a mock nor an endpoint; give it a mock (`--mocks FILE` or \
                 `--mock-config FILE`), or its service an endpoint (`--{name}-endpoint URL` or \
                 {variable})"
            ));
        };
        Ok(self.made(signing, base.clone(), region, request))
    }

    fn made(
        &self,
        signing: &'static str,
        base: Uri,
        region: &str,
        request: &TaskRequest,
    ) -> EndpointCall {
        EndpointCall {
            caller: Arc::new(self.caller(signing, base, region, request)),
            arguments: request.arguments.clone(),
            connection: None,
            authority: None,
            begun: None,
            job: Job::default(),
        }
    }

    fn caller(
        &self,
        signing: &'static str,
        base: Uri,
        region: &str,
        request: &TaskRequest,
    ) -> Caller {
        let made_up = || Key {
            access_key_id: "stepproof".to_owned(),
            secret_access_key: "stepproof".to_owned(),
        };
        Caller {
            base,
            signing,
            region: region.to_owned(),
            key: self.credentials.clone().unwrap_or_else(made_up),
            resource: request.resource.clone(),
        }
    }
}

/// A call of a service.
#[derive(Debug)]
pub(super) struct EndpointCall {
    caller: Arc<Caller>,
    arguments: Value,
    connection: Option<Arc<Connection>>,
    /// Who gives the connection its token.
    authority: Option<Arc<Caller>>,
    /// What a call before this one was answered with: the job that it began is waited for.
    begun: Option<Value>,
    job: Job,
}

/// The job that a `.sync` Task waits for, once it has begun: how to stop it.
#[derive(Clone, Debug, Default)]
pub(super) struct Job(Arc<OnceLock<(Arc<Caller>, job::Question)>>);

impl Job {
    /// Stops the job, where there is one. Nobody waits for the answer any more.
    pub(super) async fn stop(&self) {
        let Some((caller, question)) = self.0.get() else { return };
        let wire = protocol::operation(&caller.resource, question.operation, &question.arguments);
        let answered = caller.send(wire).await;
        let result = answered.and_then(|one| protocol::plain_result(&caller.resource, &one));
        if let Err(failure) = result {
            let cause = failure.cause.as_deref().unwrap_or_default();
            warn!(operation = question.operation, cause, "a job could not be stopped");
        }
    }
}

/// Who calls an endpoint, and for which resource.
#[derive(Debug)]
struct Caller {
    base: Uri,
    /// What requests are signed for.
    signing: &'static str,
    region: String,
    key: Key,
    resource: Resource,
}

/// A request in the protocol of its service.
#[derive(Debug)]
struct Wire {
    method: Method,
    /// Path and query.
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What a service answered.
#[derive(Debug)]
struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl EndpointCall {
    /// The job that will be waited for.
    pub(super) fn job(&self) -> Job {
        self.job.clone()
    }

    /// The same call, made before and answered with `begun`: what is left is to wait for the job.
    pub(super) fn after(self, begun: Value) -> Self {
        Self { begun: Some(begun), ..self }
    }

    /// Makes the call, and reports what becomes of the Task. It is dropped where the Task is given
    /// up before.
    pub(super) async fn run(mut self, report: Report) {
        if let Some(begun) = self.begun.take() {
            self.keep_job(&begun);
            return self.wait_for_job(&begun, report).await;
        }
        let pattern = self.caller.resource.pattern();
        report.started();
        let result = self.send().await;
        let result = result.and_then(|answered| protocol::result(&self.caller.resource, &answered));
        match (result, pattern) {
            (Ok(result), Pattern::RequestResponse) => report.succeeded(result),
            (Ok(result), Pattern::WaitForTaskToken) => report.submitted(result),
            (Ok(result), Pattern::Sync | Pattern::Sync2) => {
                self.keep_job(&result);
                report.submitted(result.clone());
                self.wait_for_job(&result, report).await;
            }
            (Err(failure), Pattern::RequestResponse) => report.failed(FailureStage::Run, failure),
            (Err(failure), _) => report.failed(FailureStage::Submit, failure),
        }
    }

    /// What the service answers. A token that it refuses is replaced once.
    async fn send(&self) -> Result<Answered, Failure> {
        let connection = self.connection.as_deref();
        let (region, resource) = (&self.caller.region, &self.caller.resource);
        let wire = || {
            let wire = protocol::request(region, connection, resource, &self.arguments);
            wire.map_err(|message| Failure::new("States.Runtime", message))
        };
        let oauth = connection.and_then(|connection| connection.oauth.as_ref());
        let (Some(oauth), Some(authority)) = (oauth, &self.authority) else {
            return self.caller.send(wire()?).await;
        };
        let with = |token: &str| {
            let mut wire = wire()?;
            wire.headers.push(("authorization".to_owned(), token.to_owned()));
            Ok::<_, Failure>(wire)
        };
        let token = oauth.authorization(authority, None).await?;
        let answered = self.caller.send(with(&token)?).await?;
        if !matches!(answered.status.as_u16(), 401 | 407) {
            return Ok(answered);
        }
        let token = oauth.authorization(authority, Some(&token)).await?;
        self.caller.send(with(&token)?).await
    }

    /// The job that a call with this answer began can be stopped.
    fn keep_job(&self, begun: &Value) {
        if let Some(stop) = job::stopped(&self.caller.resource, &self.arguments, begun) {
            let _ = self.job.0.set((self.caller.clone(), stop));
        }
    }

    /// Waits for the end of the job that a call with this answer began.
    async fn wait_for_job(self, begun: &Value, report: Report) {
        let ended = match job::begun(&self.caller.resource, &self.arguments, begun) {
            Ok(question) => self.wait(question).await,
            Err(failure) => Err(failure),
        };
        match ended {
            Ok(result) => report.succeeded(result),
            Err(failure) => report.failed(FailureStage::Run, failure),
        }
    }

    /// Asks for a job until it has ended, less and less often.
    async fn wait(&self, question: job::Question) -> Result<Value, Failure> {
        let mut pause = Duration::from_millis(100);
        loop {
            tokio::time::sleep(pause).await;
            let wire =
                protocol::operation(&self.caller.resource, question.operation, &question.arguments);
            let answered = self.caller.send(wire).await?;
            let state = protocol::plain_result(&self.caller.resource, &answered)?;
            if let Some(ended) = job::ended(&self.caller.resource, &state) {
                return ended;
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }
}

impl Caller {
    async fn send(&self, wire: Wire) -> Result<Answered, Failure> {
        let unreachable = |error: &dyn std::fmt::Display| {
            let message = format!("Unable to execute HTTP request to {}: {error}", self.base);
            match self.signing {
                "execute-api" => Failure::new("States.Http.Socket", message),
                _ => mock::client_failure(&self.resource, &message),
            }
        };
        let request = self.request(wire).map_err(|error| unreachable(&error))?;
        let sending = self.send_request(request);
        let answered = match self.signing {
            "execute-api" => match tokio::time::timeout(HTTP_TASK, sending).await {
                Ok(answered) => answered,
                Err(_) => Err(format!("no answer within {} s", HTTP_TASK.as_secs())),
            },
            _ => sending.await,
        };
        answered.map_err(|error| unreachable(&error))
    }

    async fn send_request(&self, request: Request<Full<Bytes>>) -> Result<Answered, String> {
        #[cfg(feature = "aws")]
        if self.base.scheme_str() == Some("https") {
            return tls::send(request).await;
        }
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            cause.unwrap_or_else(|| error.to_string())
        })?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok(Answered { status: parts.status, headers: parts.headers, body })
    }

    fn request(&self, wire: Wire) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let authority = self.base.authority().map(ToString::to_string).unwrap_or_default();
        let root = self.base.path().trim_end_matches('/');
        let root = if self.signing == "execute-api" { "" } else { root };
        let scheme = self.base.scheme_str().unwrap_or("http");
        let uri = format!("{scheme}://{authority}{root}{}", wire.path);
        let mut request = Request::builder().method(wire.method).uri(uri);
        for (name, value) in &wire.headers {
            request = request.header(name, value);
        }
        let (mut parts, ()) = request.body(())?.into_parts();
        parts.headers.insert(HOST, HeaderValue::from_str(&authority)?);
        if self.signing != "execute-api" {
            auth::sign(
                &self.key,
                &self.region,
                self.signing,
                &mut parts,
                &wire.body,
                shared::wall(),
            );
        }
        Ok(Request::from_parts(parts, Full::new(wire.body.into())))
    }
}
