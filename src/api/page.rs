//! Pages of lists, and the tokens that lead from one to the next.

use std::fmt::Write;
use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use super::ApiError;
use super::request::{Asked, Members};
use crate::service::Service;
use crate::value::Value;

/// The largest page, and the one that is meant where `maxResults` is zero or missing.
const MOST: usize = 1_000;
const DEFAULT: usize = 100;
/// How long a token is good for (service model): 24 hours.
const TOKEN_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// Where the page begins that the request's token leads to: what [`write`] was given as the
/// cursor of the last item.
///
/// # Errors
///
/// `InvalidToken` for a token of another request or account, an old one, or no token at all.
pub(super) fn cursor(service: &Service, request: &Asked) -> Result<Option<String>, ApiError> {
    let Some(token) = request.optional("nextToken") else { return Ok(None) };
    read(service, request, &token).map(Some).ok_or_else(ApiError::invalid_token)
}

fn read(service: &Service, request: &Asked, token: &str) -> Option<String> {
    let (issued, rest) = token.split_at_checked(16)?;
    let (mark, cursor) = rest.split_at_checked(16)?;
    let issued = i64::from_str_radix(issued, 16).ok()?;
    let bytes = cursor.as_bytes().chunks(2);
    let bytes = bytes.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let cursor = String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()?;
    let age = request.now.millis().saturating_sub(issued);
    let good = signature(service, request, issued, &cursor) == mark
        && (0..=TOKEN_MILLIS).contains(&age)
        && token.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    good.then_some(cursor)
}

fn token(service: &Service, request: &Asked, cursor: &str) -> String {
    let issued = request.now.millis();
    let mut token = format!("{issued:016x}{}", signature(service, request, issued, cursor));
    for byte in cursor.bytes() {
        let _ = write!(token, "{byte:02x}");
    }
    token
}

/// Binds a token to its request. Pages may change their size on the way.
fn signature(service: &Service, request: &Asked, issued: i64, cursor: &str) -> String {
    let mut hasher = FxHasher::default();
    let account = service.account();
    (account.seed, &account.account_id, issued, cursor, request.operation).hash(&mut hasher);
    if let Value::Object(members) = &request.body {
        let rest = members.iter().filter(|(key, _)| !matches!(&***key, "nextToken" | "maxResults"));
        // Key order is the client's business.
        let mut rest: Vec<_> = rest.map(|(key, value)| (key, value.to_json())).collect();
        rest.sort();
        rest.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// Writes one page of `items` under `key`, and a token where there are more.
pub(super) fn write<T>(
    service: &Service,
    request: &Asked,
    key: &str,
    items: impl Iterator<Item = T>,
    cursor: impl Fn(&T) -> String,
    write: impl Fn(&T) -> String,
) -> String {
    let asked = request.whole("maxResults").and_then(|most| usize::try_from(most).ok());
    let most = asked.filter(|most| *most > 0).unwrap_or(DEFAULT).min(MOST);
    let mut items = items.peekable();
    let mut list = String::from("[");
    let mut last = None;
    for item in items.by_ref().take(most) {
        if list.len() > 1 {
            list.push(',');
        }
        list.push_str(&write(&item));
        last = Some(item);
    }
    list.push(']');
    let members = Members::new().raw(key, &list);
    match last.filter(|_| items.peek().is_some()) {
        Some(last) => members.text("nextToken", &token(service, request, &cursor(&last))).end(),
        None => members.end(),
    }
}
