//! Requests to `https://` endpoints, with the TLS of the AWS SDK for Rust and the certificates that
//! the system trusts.

use std::sync::OnceLock;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Answered, LARGEST_ANSWER};

/// Sends a request.
///
/// # Errors
///
/// Why there is no answer.
pub(super) async fn send(request: Request<Full<Bytes>>) -> Result<Answered, String> {
    // Reading the certificates takes a while.
    static CONNECTOR: OnceLock<Connector> = OnceLock::new();
    let connector = CONNECTOR.get_or_init(|| {
        Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    });
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    let request = Request::from_parts(parts, SdkBody::from(body));
    let request = HttpRequest::try_from(request).map_err(|error| error.to_string())?;
    let response = connector.call(request).await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        cause.unwrap_or_else(|| error.to_string())
    })?;
    let status = hyper::StatusCode::from_u16(response.status().as_u16());
    let status = status.map_err(|error| error.to_string())?;
    let mut headers = HeaderMap::new();
    for (name, value) in response.headers() {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    Ok(Answered { status, headers, body })
}
