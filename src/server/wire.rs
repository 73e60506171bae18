//! AWS JSON 1.0: requests as clients send them, answers as AWS words them.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use crate::api::ApiError;

/// A response of the server.
pub(super) type Answer = Response<Full<Bytes>>;

/// The content type of requests and answers.
pub(super) const JSON_1_0: &str = "application/x-amz-json-1.0";

/// The largest request (service quotas: "Maximum request size").
pub(super) const LARGEST_REQUEST: usize = 1_048_576;

/// The operation that a request names.
///
/// # Errors
///
/// As AWS answers requests that are no calls of this service: `UnknownOperationException`.
pub(super) fn operation(headers: &HeaderMap) -> Result<&str, ApiError> {
    let unknown = |message: String| ApiError::new("UnknownOperationException", message);
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(JSON_1_0) {
        let given = content_type.unwrap_or("none");
        return Err(unknown(format!("the Content-Type must be `{JSON_1_0}`, not `{given}`")));
    }
    let Some(target) = headers.get("x-amz-target") else {
        return Err(unknown("the header X-Amz-Target is missing".to_owned()));
    };
    let target = target.to_str().unwrap_or_default();
    match target.split_once('.') {
        Some(("AWSStepFunctions", operation)) => Ok(operation),
        _ => Err(unknown(format!(
            "X-Amz-Target must be `AWSStepFunctions.` and the name of an operation, not `{target}`"
        ))),
    }
}

/// The answer to a call of the API.
pub(super) fn answer(result: Result<String, ApiError>, request_id: HeaderValue) -> Answer {
    let (status, body) = match result {
        Ok(body) => (200, body),
        Err(error) => (status(&error), error.to_json()),
    };
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON_1_0));
    headers.insert("x-amzn-requestid", request_id);
    closing(answer)
}

/// The answer, after which the connection ends where a request was not read to its end.
pub(super) fn closing(mut answer: Answer) -> Answer {
    if matches!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// The answer to anything else, in JSON.
pub(super) fn plain(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// A body of more than [`LARGEST_REQUEST`] bytes.
pub(super) fn too_large() -> ApiError {
    let message = format!("the request is larger than {LARGEST_REQUEST} bytes");
    ApiError::new(TOO_LARGE, message)
}

/// A body that breaks off, or is not framed as HTTP has it.
pub(super) fn broken() -> ApiError {
    let message = "the body of the request broke off".to_owned();
    ApiError::new("SerializationException", message)
}

/// A body that does not arrive.
pub(super) fn too_slow() -> ApiError {
    ApiError::new(TOO_SLOW, "the body of the request did not arrive in time".to_owned())
}

const TOO_LARGE: &str = "RequestEntityTooLargeException";
const TOO_SLOW: &str = "RequestTimeoutException";

/// The HTTP status of an error.
pub(super) fn status(error: &ApiError) -> u16 {
    match error.code {
        TOO_LARGE => 413,
        TOO_SLOW => 408,
        "ServiceUnavailable" => 503,
        _ => error.status(),
    }
}

/// The request ids of a server: UUIDs that look random and are not, so that equal runs are equal.
pub(super) fn request_id(seed: u64, count: u64) -> HeaderValue {
    let high = mixed(seed ^ (count + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let low = mixed(high.wrapping_add(0x9E37_79B9_7F4A_7C15));
    let mut text = [b'-'; 36];
    let mut digits = (0..32).map(|i| {
        let word = if i < 16 { high } else { low };
        let digit = (word >> (60 - 4 * (i % 16))) as usize & 0xF;
        // A version 4 UUID of the usual variant.
        let digit = match i {
            12 => 4,
            16 => 8 | (digit & 3),
            _ => digit,
        };
        b"0123456789abcdef"[digit]
    });
    for (at, letter) in text.iter_mut().enumerate() {
        if !matches!(at, 8 | 13 | 18 | 23) {
            *letter = digits.next().unwrap_or(b'0');
        }
    }
    HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("-"))
}

fn mixed(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_uuids_and_differ() {
        let ids: Vec<String> =
            (0..1_000).map(|count| request_id(7, count).to_str().unwrap().to_owned()).collect();
        let unique: std::collections::BTreeSet<&String> = ids.iter().collect();
        assert_eq!(unique.len(), 1_000);
        let id = &ids[3];
        assert_eq!((id.len(), &id[14..15]), (36, "4"), "{id}");
        assert_eq!(request_id(7, 3), request_id(7, 3));
    }

    #[track_caller]
    fn check(content_type: Option<&str>, target: Option<&str>, expected: Result<&str, &str>) {
        let mut headers = HeaderMap::new();
        for (name, value) in [("content-type", content_type), ("x-amz-target", target)] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        let found = operation(&headers).map_err(|error| error.code);
        assert_eq!(found, expected);
    }

    #[test]
    fn operations_are_named_in_the_target() {
        let (json, target) = (Some(JSON_1_0), Some("AWSStepFunctions.ListActivities"));
        let unknown = Err("UnknownOperationException");
        check(json, target, Ok("ListActivities"));
        check(Some("Application/X-Amz-JSON-1.0; charset=utf-8"), target, Ok("ListActivities"));
        check(None, target, unknown);
        check(Some("application/json"), target, unknown);
        check(json, None, unknown);
        check(json, Some("DynamoDB_20120810.ListTables"), unknown);
        check(json, Some("ListActivities"), unknown);
    }
}
