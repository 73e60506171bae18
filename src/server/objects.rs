//! The virtual S3 of a server, to be filled and looked at: what distributed Maps read and write.
//!
//! `PUT /_stepproof/objects/BUCKET/KEY` puts an object there, `GET` fetches it, and `GET
//! /_stepproof/objects` lists all. Every bucket exists until `DELETE /_stepproof/objects/BUCKET`
//! says that it does not.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};

use super::http::Site;
use super::wire::{self, Answer};
use super::{control, percent};
use crate::api::ApiError;
use crate::value::Value;

/// Where they are.
pub(super) const PATH: &str = "/_stepproof/objects";

/// Answers a request for an object, or for all.
///
/// # Errors
///
/// Where the body is too large or does not arrive.
pub(super) async fn answer(
    site: &Site,
    method: Method,
    path: String,
    request: Request<Incoming>,
) -> Result<Answer, ApiError> {
    let rest = path.strip_prefix(PATH).unwrap_or_default().trim_start_matches('/');
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    let (Some(bucket), Some(key)) = (unescape(bucket), unescape(key)) else {
        return Ok(control::refused("bucket and key must be UTF-8, escaped as in any URL"));
    };
    Ok(match (&method, &*bucket, &*key) {
        (&Method::GET | &Method::HEAD, "", "") => list(site),
        (&Method::GET | &Method::HEAD, _, key) if !key.is_empty() => fetch(site, &bucket, key),
        (&Method::PUT, _, key) if !key.is_empty() => {
            let (parts, body) = request.into_parts();
            let body = site.read_large(&parts, body).await?;
            put(site, &bucket, key, body).await
        }
        (&Method::DELETE, bucket, "") if !bucket.is_empty() => {
            site.shared.with(|driver, _| driver.drop_bucket(bucket));
            done(site).await
        }
        _ => control::refused(&format!(
            "there are `GET {PATH}`, `GET` and `PUT {PATH}/BUCKET/KEY`, and `DELETE {PATH}/BUCKET`"
        )),
    })
}

fn list(site: &Site) -> Answer {
    let objects = site.shared.look(|driver, _| {
        let objects = driver.objects().iter().map(|(bucket, key, object)| {
            Value::object([
                ("bucket", Value::String(bucket.clone())),
                ("key", Value::String(key.clone())),
                ("size", Value::from(object.body.len())),
                ("lastModified", Value::from(object.last_modified.to_rfc3339_millis())),
            ])
        });
        Value::array(objects)
    });
    wire::plain(StatusCode::OK, Value::object([("objects", objects)]).to_json())
}

fn fetch(site: &Site, bucket: &str, key: &str) -> Answer {
    let found = site
        .shared
        .look(|driver, _| driver.objects().find(bucket, key).map(|object| object.body.clone()));
    match found {
        Ok(body) => Response::new(Full::new(Bytes::from_owner(body))),
        Err(message) => wire::plain(StatusCode::NOT_FOUND, control::message(&message)),
    }
}

/// The bucket exists from then on.
async fn put(site: &Site, bucket: &str, key: &str, body: Bytes) -> Answer {
    let body = Vec::from(body);
    match site.shared.with(|driver, real| driver.put_object(bucket, key, body, real)) {
        Ok(()) => done(site).await,
        Err(message) => control::refused(&message),
    }
}

/// The answer once it is kept.
async fn done(site: &Site) -> Answer {
    match site.shared.kept().await {
        Ok(()) => wire::plain(StatusCode::NO_CONTENT, String::new()),
        Err(cause) => wire::plain(StatusCode::SERVICE_UNAVAILABLE, control::message(&cause)),
    }
}

/// A part of a path; `None` where it is no UTF-8.
fn unescape(text: &str) -> Option<String> {
    String::from_utf8(percent::decoded(text)).ok()
}
