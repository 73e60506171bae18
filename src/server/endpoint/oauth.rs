//! OAuth of the connections of HTTP Tasks: a token for the client's credentials (RFC 6749, section
//! 4.4), kept until it expires (EventBridge User Guide, "Authorization methods for connections").
//!
//! How EventBridge writes the request for a token is not documented beyond the names of the
//! parameters. Here `grant_type`, `client_id` and `client_secret` go into a form, or into the query
//! of a GET, unless the connection's own parameters give them otherwise.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::{Method, Uri};
use tokio::sync::Mutex;

use super::protocol::plain_text;
use super::{Answered, Caller, Wire};
use crate::history::Failure;
use crate::server::percent::encoded;
use crate::server::shared;
use crate::value::Value;

/// A token that expires sooner than this is not used any more (the same chapter).
const MARGIN: Duration = Duration::from_secs(60);

/// How a connection gets its token.
pub(super) struct OAuth {
    /// The authorization endpoint.
    pub(super) endpoint: Uri,
    pub(super) method: Method,
    pub(super) headers: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Vec<(Arc<str>, Value)>,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    token: Mutex<Option<Token>>,
}

struct Token {
    text: Arc<str>,
    expires: Option<Instant>,
}

impl OAuth {
    pub(super) fn new(endpoint: Uri, method: Method, client: (String, String)) -> Self {
        let (client_id, client_secret) = client;
        let (headers, query, body) = (Vec::new(), Vec::new(), Vec::new());
        let token = Mutex::new(None);
        Self { endpoint, method, headers, query, body, client_id, client_secret, token }
    }

    /// The value of the header `authorization`. A token that was `refused` is not given again.
    ///
    /// # Errors
    ///
    /// Where there is no token: what a Task fails with whose connection is not authorized.
    pub(super) async fn authorization(
        &self,
        caller: &Caller,
        refused: Option<&str>,
    ) -> Result<Arc<str>, Failure> {
        // Tasks that need a token at the same time wait for one request.
        let mut token = self.token.lock().await;
        let now = shared::now();
        if let Some(Token { text, expires }) = &*token
            && refused != Some(text)
            && expires.is_none_or(|expires| now + MARGIN < expires)
        {
            return Ok(text.clone());
        }
        *token = None;
        let answered = caller.send(self.request()).await;
        let read = answered
            .map_err(|failure| failure.cause.as_deref().unwrap_or_default().to_owned())
            .and_then(|answered| read(&answered, now));
        let new = read.map_err(|why| {
            let cause = format!(
                "Connection resource is not authorized. This is likely a configuration issue with \
                 your connection. ({}: {why})",
                self.endpoint
            );
            Failure::new("Events.ConnectionResource.InvalidConnectionState", cause)
        })?;
        let text = new.text.clone();
        *token = Some(new);
        Ok(text)
    }

    fn request(&self) -> Wire {
        let own = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id),
            ("client_secret", &self.client_secret),
        ];
        let is_given = |name: &str| {
            self.body.iter().any(|(own, _)| **own == *name)
                || self.query.iter().any(|(own, _)| own == name)
        };
        let own = own.into_iter().filter(|(name, _)| !is_given(name));
        let own = own.map(|(name, text)| (Arc::from(name), Value::string(text)));
        let members: Vec<(Arc<str>, Value)> = own.chain(self.body.iter().cloned()).collect();
        let mut query: Vec<(String, String)> = self.query.clone();
        let mut headers = self.headers.clone();
        let content_type = headers.iter().find(|(name, _)| name == "content-type");
        let is_json = content_type.is_some_and(|(_, value)| value.contains("json"));
        let body = if self.method == Method::GET {
            query.extend(members.iter().map(|(name, value)| (name.to_string(), plain_text(value))));
            String::new()
        } else if is_json {
            Value::object(members).to_json()
        } else {
            if content_type.is_none() {
                let form = "application/x-www-form-urlencoded";
                headers.push(("content-type".to_owned(), form.to_owned()));
            }
            form(members.iter().map(|(name, value)| (&**name, plain_text(value))))
        };
        headers.push(("accept".to_owned(), "application/json".to_owned()));
        let mut path = self.endpoint.path_and_query().map_or("/".to_owned(), ToString::to_string);
        if !query.is_empty() {
            path.push(if path.contains('?') { '&' } else { '?' });
            path += &form(query.iter().map(|(name, value)| (&**name, value.clone())));
        }
        Wire { method: self.method.clone(), path, headers, body: body.into_bytes() }
    }
}

fn form<'a>(fields: impl Iterator<Item = (&'a str, String)>) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        let separator = if text.is_empty() { "" } else { "&" };
        // Writing into a string cannot fail.
        let _ = write!(text, "{separator}{}={}", encoded(name), encoded(&value));
    }
    text
}

/// The token in an answer that came for a request of `asked`. The error does not repeat what may be
/// secret.
fn read(answered: &Answered, asked: Instant) -> Result<Token, String> {
    if !answered.status.is_success() {
        return Err(format!("it answered {}", answered.status));
    }
    let value = Value::parse(&String::from_utf8_lossy(&answered.body));
    let value = value.map_err(|_| "its answer is no JSON".to_owned())?;
    let token = value.get("access_token").and_then(Value::as_str);
    let token = token.ok_or("its answer has no `access_token`")?;
    let seconds = value.get("expires_in").and_then(|seconds| plain_text(seconds).parse().ok());
    let life = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let expires = life.and_then(|life| asked.checked_add(life));
    Ok(Token { text: format!("Bearer {token}").into(), expires })
}
