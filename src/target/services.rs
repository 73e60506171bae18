//! The services that Tasks call, served by us, for an endpoint that was told their address.
//!
//! Nothing of a definition is changed. A call does not say which state makes it: the run of the case
//! on our own interpreter says who calls what, in which order, and its mocks say what comes back.

mod script;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::endpoint::Endpoint;
use super::worker::lock;
pub(super) use script::Script;
use wire::Wire;
pub(super) use wire::without_metadata;

/// The largest request that is read, in bytes.
const LARGEST_REQUEST: usize = 8 * 1024 * 1024;

/// Servers of the services of one run, all at one address.
pub(super) struct Services {
    script: Current,
    listening: JoinHandle<()>,
}

type Current = Arc<Mutex<Option<Arc<Script>>>>;

impl Services {
    /// Begins to listen. Callbacks go to `endpoint`.
    ///
    /// # Errors
    ///
    /// Where the address cannot be listened on.
    pub(super) async fn listen(address: SocketAddr, endpoint: Endpoint) -> Result<Self, String> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            format!(
                "services cannot be served on {address}: {error}; `--mocks-listen` takes another \
                 address, which the endpoint must know"
            )
        })?;
        let script = Current::default();
        let listening = tokio::spawn(accept(listener, script.clone(), endpoint));
        Ok(Self { script, listening })
    }

    /// From now on calls are answered as this case says.
    pub(super) fn play(&self, script: Option<Arc<Script>>) {
        *lock(&self.script) = script;
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn accept(listener: TcpListener, script: Current, endpoint: Endpoint) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: those that are open go on.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let (script, endpoint) = (script.clone(), endpoint.clone());
        let answer = service_fn(move |request| {
            let (script, endpoint) = (lock(&script).clone(), endpoint.clone());
            answer(request, script, endpoint)
        });
        connections.spawn(async move {
            // Clients may break off at any time, and a connection is dropped where that is the mock.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

/// An error drops the connection.
async fn answer(
    request: Request<Incoming>,
    script: Option<Arc<Script>>,
    endpoint: Endpoint,
) -> Result<Response<Full<Bytes>>, Dropped> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST_REQUEST).collect().await else {
        return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large"));
    };
    let call = match wire::read(&parts, &body.to_bytes()) {
        Ok(call) => call,
        Err(problem) => {
            if let Some(script) = &script {
                script.not_served(problem.clone());
            }
            return Ok(plain(StatusCode::BAD_REQUEST, &problem));
        }
    };
    let Some(script) = script else {
        return Ok(plain(StatusCode::SERVICE_UNAVAILABLE, "no case is under way"));
    };
    let Wire { status, headers, body } = script.answer(call, endpoint).await.ok_or(Dropped)?;
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped")]
struct Dropped;

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text.to_owned())));
    *response.status_mut() = status;
    response
}
