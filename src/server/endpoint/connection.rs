//! The connections of HTTP Tasks: what EventBridge would add to their requests, from a file.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;

use super::oauth::OAuth;
use crate::value::Value;

/// HttpConnections by their names, each as EventBridge's CreateConnection takes it:
/// `{"NAME": {"AuthorizationType": "BASIC", "AuthParameters": {…}}}`.
#[derive(Clone, Debug, Default)]
pub struct HttpConnections(Vec<(Arc<str>, Arc<Connection>)>);

/// What a connection adds to a request.
#[derive(Default)]
pub(super) struct Connection {
    pub(super) headers: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Vec<(Arc<str>, Value)>,
    /// Where it gets a token first, which it adds too.
    pub(super) oauth: Option<OAuth>,
}

impl fmt::Debug for Connection {
    /// Without its secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl HttpConnections {
    /// Reads the JSON of a file.
    ///
    /// # Errors
    ///
    /// What is wrong in it, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value = Value::parse(text).map_err(|error| format!("it is no JSON: {error}"))?;
        let members =
            value.as_object().ok_or("it must be an object, with a member a connection")?;
        let read = |(name, value): (&Arc<str>, &Value)| {
            let connection = Connection::read(value).map_err(|why| format!("`{name}`: {why}"))?;
            Ok((name.clone(), Arc::new(connection)))
        };
        members.iter().map(read).collect::<Result<_, String>>().map(Self)
    }

    /// The connection with this ARN: `arn:aws:events:REGION:ACCOUNT:connection/NAME/ID`.
    pub(super) fn find(&self, arn: &str) -> Option<Arc<Connection>> {
        let name = arn.split_once(":connection/").map_or(arn, |(_, rest)| rest);
        let name = name.split('/').next().unwrap_or_default();
        self.0.iter().find(|(own, _)| **own == *name).map(|(_, connection)| connection.clone())
    }
}

impl Connection {
    fn read(value: &Value) -> Result<Self, String> {
        let parameters = value.get("AuthParameters").cloned().unwrap_or_default();
        let part = |key: &str| {
            parameters.get(key).ok_or_else(|| format!("`AuthParameters.{key}` is missing"))
        };
        let mut connection = Self::default();
        match &*text(value, "AuthorizationType")? {
            "BASIC" => {
                let basic = part("BasicAuthParameters")?;
                let both = format!("{}:{}", text(basic, "Username")?, text(basic, "Password")?);
                let header = format!("Basic {}", STANDARD.encode(both));
                connection.headers.push(("authorization".to_owned(), header));
            }
            "API_KEY" => {
                let key = part("ApiKeyAuthParameters")?;
                let name = text(key, "ApiKeyName")?.to_ascii_lowercase();
                connection.headers.push((name, text(key, "ApiKeyValue")?));
            }
            "OAUTH_CLIENT_CREDENTIALS" => {
                connection.oauth = Some(oauth(part("OAuthParameters")?)?);
            }
            other => {
                return Err(format!(
                    "`AuthorizationType` is BASIC, API_KEY or OAUTH_CLIENT_CREDENTIALS, not \
                     `{other}`"
                ));
            }
        }
        let more = Parameters::read(parameters.get("InvocationHttpParameters"))?;
        connection.headers.extend(more.headers);
        connection.query = more.query;
        connection.body = more.body;
        Ok(connection)
    }
}

fn text(value: &Value, key: &str) -> Result<String, String> {
    let text = value.get(key).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| format!("`{key}` is missing"))
}

fn oauth(value: &Value) -> Result<OAuth, String> {
    let url = text(value, "AuthorizationEndpoint")?;
    let endpoint = url.parse().map_err(|error| format!("`{url}` is no URL: {error}"))?;
    let method = match &*text(value, "HttpMethod")? {
        "GET" => Method::GET,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        other => return Err(format!("`HttpMethod` is GET, POST or PUT, not `{other}`")),
    };
    let client = value.get("ClientParameters").ok_or("`ClientParameters` is missing")?;
    let client = (text(client, "ClientID")?, text(client, "ClientSecret")?);
    let more = Parameters::read(value.get("OAuthHttpParameters"))?;
    let mut oauth = OAuth::new(endpoint, method, client);
    (oauth.headers, oauth.query, oauth.body) = (more.headers, more.query, more.body);
    Ok(oauth)
}

/// ConnectionHttpParameters
#[derive(Default)]
struct Parameters {
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
    body: Vec<(Arc<str>, Value)>,
}

impl Parameters {
    fn read(value: Option<&Value>) -> Result<Self, String> {
        let list = |key: &str| -> Result<Vec<(String, Value)>, String> {
            let items = value.and_then(|value| value.get(key)).and_then(Value::as_array);
            let read = |item: &Value| {
                let value = item.get("Value").cloned().unwrap_or_default();
                Ok((text(item, "Key")?, value))
            };
            items.into_iter().flat_map(|items| items.iter()).map(read).collect()
        };
        let plain = |value: Value| super::protocol::plain_text(&value);
        let mut parameters = Self::default();
        for (name, value) in list("HeaderParameters")? {
            parameters.headers.push((name.to_ascii_lowercase(), plain(value)));
        }
        for (key, value) in list("QueryStringParameters")? {
            parameters.query.push((key, plain(value)));
        }
        for (key, value) in list("BodyParameters")? {
            parameters.body.push((key.into(), value));
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(HttpConnections::parse(text).unwrap_err(), expected);
    }

    #[test]
    fn files_that_cannot_be_used_say_why() {
        check("[]", "it must be an object, with a member a connection");
        check(r#"{"a": {}}"#, "`a`: `AuthorizationType` is missing");
        check(
            r#"{"a": {"AuthorizationType": "BASIC"}}"#,
            "`a`: `AuthParameters.BasicAuthParameters` is missing",
        );
        check(
            r#"{"a": {"AuthorizationType": "OAUTH"}}"#,
            "`a`: `AuthorizationType` is BASIC, API_KEY or OAUTH_CLIENT_CREDENTIALS, not `OAUTH`",
        );
        check(
            r#"{"a": {"AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": {
                "OAuthParameters": {"AuthorizationEndpoint": "http://localhost/",
                    "HttpMethod": "HEAD"}}}}"#,
            "`a`: `HttpMethod` is GET, POST or PUT, not `HEAD`",
        );
    }
}
