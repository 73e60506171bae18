//! Signature Version 4: whether a request was signed with a key that the server knows, and signing
//! requests to real services.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use hyper::header::{AUTHORIZATION, HOST, HeaderMap};
use hyper::http::request::Parts;
use sha2::{Digest, Sha256};

use crate::api::ApiError;
use crate::time::Timestamp;

/// An access key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// `AKIA…`, or any other name.
    pub access_key_id: String,
    /// The secret that requests are signed with.
    pub secret_access_key: String,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// How far the clocks of client and server may be apart.
const SKEW_MINUTES: i64 = 5;

/// The parts of an `Authorization` header.
struct Authorization<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

/// Checks the signature of a request.
///
/// # Errors
///
/// `MissingAuthenticationTokenException`, `IncompleteSignatureException`,
/// `UnrecognizedClientException` and `InvalidSignatureException`, as AWS answers.
pub(super) fn verify(
    keys: &[Key],
    region: &str,
    parts: &Parts,
    body: &[u8],
    now: Timestamp,
) -> Result<(), ApiError> {
    let Some(header) = parts.headers.get(AUTHORIZATION) else {
        let message = "Missing Authentication Token".to_owned();
        return Err(ApiError::new("MissingAuthenticationTokenException", message));
    };
    let header = header.to_str().unwrap_or_default();
    let authorization = parse(header)?;
    let date = header_text(&parts.headers, "x-amz-date");
    let Some(time) = parse_date(date) else {
        return Err(incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            header,
        ));
    };
    let scope: Vec<&str> = authorization.credential.split('/').collect();
    let [key_id, day, scope_region, service, "aws4_request"] = scope[..] else {
        let message = "Credential must have exactly 5 slash-delimited elements, e.g. \
                       keyid/date/region/service/term,";
        return Err(incomplete(message, authorization.credential));
    };
    let Some(key) = keys.iter().find(|key| key.access_key_id == key_id) else {
        let message = "The security token included in the request is invalid.".to_owned();
        return Err(ApiError::new("UnrecognizedClientException", message));
    };
    check_scope((day, scope_region, service), region, date)?;
    check_time(time, now, date)?;
    let scope = format!("{day}/{scope_region}/{service}/aws4_request");
    let (expected, canonical, to_sign) =
        signature(key, parts, authorization.signed_headers, date, &scope, body);
    if !equal(expected.as_bytes(), authorization.signature.as_bytes()) {
        return Err(invalid(format!(
            "The request signature we calculated does not match the signature you provided. Check \
             your AWS Secret Access Key and signing method. Consult the service documentation for \
             details.\n\nThe Canonical String for this request should have been\n'{canonical}'\n\n\
             The String-to-Sign should have been\n'{to_sign}'\n"
        )));
    }
    Ok(())
}

/// Signs a request for `service`; the headers that it has are signed with it.
pub(super) fn sign(
    key: &Key,
    region: &str,
    service: &str,
    parts: &mut Parts,
    body: &[u8],
    now: Timestamp,
) {
    let date = date_text(now);
    let day = date.get(..8).unwrap_or_default().to_owned();
    let Ok(stamp) = date.parse() else { return };
    parts.headers.insert("x-amz-date", stamp);
    let mut names: Vec<&str> = parts.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    let signed_headers = names.join(";");
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let (signature, ..) = signature(key, parts, &signed_headers, &date, &scope, body);
    let header = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed_headers}, \
         Signature={signature}",
        key.access_key_id
    );
    // A key with characters that no header may have signs nothing.
    if let Ok(header) = header.parse() {
        parts.headers.insert(AUTHORIZATION, header);
    }
}

/// The signature of a request, and the texts that it was made from.
fn signature(
    key: &Key,
    parts: &Parts,
    signed_headers: &str,
    date: &str,
    scope: &str,
    body: &[u8],
) -> (String, String, String) {
    let canonical = canonical_request(parts, signed_headers, body);
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(&canonical)));
    let mut signing_key = format!("AWS4{}", key.secret_access_key).into_bytes();
    for part in scope.split('/') {
        signing_key = mac(&signing_key, part.as_bytes());
    }
    (hex(&mac(&signing_key, to_sign.as_bytes())), canonical, to_sign)
}

fn parse(header: &str) -> Result<Authorization<'_>, ApiError> {
    let Some(rest) = header.strip_prefix("AWS4-HMAC-SHA256") else {
        let message = "Unsupported AWS 'algorithm':".to_owned();
        return Err(incomplete(&message, header));
    };
    let part = |name: &str| {
        let parts = rest.split(',').filter_map(|part| part.trim().split_once('='));
        parts.filter(|(own, _)| *own == name).map(|(_, value)| value).next().unwrap_or_default()
    };
    let authorization = Authorization {
        credential: part("Credential"),
        signed_headers: part("SignedHeaders"),
        signature: part("Signature"),
    };
    let missing = [
        ("Credential", authorization.credential),
        ("Signature", authorization.signature),
        ("SignedHeaders", authorization.signed_headers),
    ];
    let mut message = String::new();
    for (name, _) in missing.iter().filter(|(_, value)| value.is_empty()) {
        let _ = write!(message, "Authorization header requires '{name}' parameter. ");
    }
    if message.is_empty() { Ok(authorization) } else { Err(incomplete(message.trim_end(), header)) }
}

fn check_scope(scope: (&str, &str, &str), region: &str, date: &str) -> Result<(), ApiError> {
    let (day, scope_region, service) = scope;
    if scope_region != region {
        let message =
            format!("Credential should be scoped to a valid region, not '{scope_region}'. ");
        return Err(invalid(message));
    }
    if service != "states" {
        return Err(invalid(
            "Credential should be scoped to correct service: 'states'. ".to_owned(),
        ));
    }
    let own_day = date.get(..8).unwrap_or_default();
    if day != own_day {
        return Err(invalid(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
             HTTP: '{day}' != '{own_day}', from '{date}'."
        )));
    }
    Ok(())
}

fn check_time(time: Timestamp, now: Timestamp, date: &str) -> Result<(), ApiError> {
    let allowed = SKEW_MINUTES * 60_000;
    let now_text = date_text(now);
    if now - time > allowed {
        let limit = date_text(now + -allowed);
        return Err(invalid(format!(
            "Signature expired: {date} is now earlier than {limit} ({now_text} - {SKEW_MINUTES} min.)"
        )));
    }
    if time - now > allowed {
        let limit = date_text(now + allowed);
        return Err(invalid(format!(
            "Signature not yet current: {date} is still later than {limit} ({now_text} + \
             {SKEW_MINUTES} min.)"
        )));
    }
    Ok(())
}

/// The request in the form that is signed (Signature Version 4, "Create a canonical request").
fn canonical_request(parts: &Parts, signed_headers: &str, body: &[u8]) -> String {
    let mut canonical = format!("{}\n{}\n", parts.method, parts.uri.path());
    let mut query: Vec<&str> =
        parts.uri.query().unwrap_or_default().split('&').filter(|part| !part.is_empty()).collect();
    query.sort_unstable();
    canonical.push_str(&query.join("&"));
    canonical.push('\n');
    for name in signed_headers.split(';') {
        let values = parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let mut values: Vec<String> = values.map(single_spaced).collect();
        // HTTP/2 has `:authority` in the place of `Host`.
        if values.is_empty() && name == HOST.as_str() {
            values.extend(parts.uri.authority().map(ToString::to_string));
        }
        let _ = writeln!(canonical, "{name}:{}", values.join(","));
    }
    let _ = write!(canonical, "\n{signed_headers}\n{}", hex(&Sha256::digest(body)));
    canonical
}

fn single_spaced(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn header_text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Reads `20240131T235959Z`.
fn parse_date(text: &str) -> Option<Timestamp> {
    if text.len() != 16 || !text.is_ascii() {
        return None;
    }
    let (day, time) = text.split_once('T')?;
    let (year, month, day) = (day.get(..4)?, day.get(4..6)?, day.get(6..8)?);
    let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..6)?);
    Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

/// `20240131T235959Z`
fn date_text(time: Timestamp) -> String {
    let text = time.to_rfc3339_millis();
    let seconds = text.split('.').next().unwrap_or_default();
    format!("{}Z", seconds.replace(['-', ':'], ""))
}

fn incomplete(message: &str, header: &str) -> ApiError {
    ApiError::new("IncompleteSignatureException", format!("{message} {header}"))
}

fn invalid(message: String) -> ApiError {
    ApiError::new("InvalidSignatureException", message)
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // Keys of any length are keys of this algorithm.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Takes equally long however many bytes are right.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::check_scope;

    #[test]
    fn the_day_of_the_scope_is_the_day_of_the_request() {
        let check =
            |day| check_scope((day, "us-east-1", "states"), "us-east-1", "20240131T235959Z");
        assert!(check("20240131").is_ok());
        for day in ["", "2024", "2024013", "20240131T", "20240201"] {
            let error = check(day).expect_err(day);
            assert_eq!(error.code, "InvalidSignatureException", "{day}");
        }
    }
}
