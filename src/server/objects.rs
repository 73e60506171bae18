//! The virtual S3 of a server, to be filled and looked at: what distributed Maps read and write.
//!
//! `PUT /_stepproof/objects/BUCKET/KEY` puts an object there, `GET` fetches it, and `GET
//! /_stepproof/objects` lists all. Every bucket exists until `DELETE /_stepproof/objects/BUCKET`
//! says that it does not.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};

use super::control;
use super::http::Site;
use super::wire::{self, Answer};
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
        (&Method::GET, "", "") => list(site),
        (&Method::GET, _, key) if !key.is_empty() => fetch(site, &bucket, key),
        (&Method::PUT, _, key) if !key.is_empty() => {
            let (parts, body) = request.into_parts();
            let body = site.read_large(&parts, body).await?;
            put(site, &bucket, key, &body).await
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
    let objects = site.shared.with(|driver, _| {
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
    let found = site.shared.with(|driver, _| {
        driver.objects().find(bucket, key).map(|object| Bytes::copy_from_slice(&object.body))
    });
    match found {
        Ok(body) => Response::new(Full::new(body)),
        Err(message) => wire::plain(StatusCode::NOT_FOUND, control::message(&message)),
    }
}

/// The bucket exists from then on.
async fn put(site: &Site, bucket: &str, key: &str, body: &Bytes) -> Answer {
    let put = site.shared.with(|driver, real| driver.put_object(bucket, key, body.to_vec(), real));
    match put {
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

/// The text with its `%xx` read; `None` where that is no UTF-8.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn keys_are_escaped_as_in_any_url() {
        assert_eq!(unescape("in%2Fa b%C3%A9.csv").as_deref(), Some("in/a b\u{e9}.csv"));
        assert_eq!(unescape("100%").as_deref(), Some("100%"));
        assert_eq!(unescape("%ff"), None);
    }
}
