//! HTTP Tasks: arguments into a request (documentation, "Call HTTPS APIs in Step Functions
//! workflows").
//!
//! The connection that `Authentication` or `InvocationConfig` names is one of EventBridge, which
//! nobody here can ask: a file may say what it adds (`connection.rs`).

use std::fmt::Write;
use std::sync::Arc;

use hyper::{Method, Uri};

use super::Wire;
use super::connection::Connection;
use super::protocol::plain_text;
use crate::server::percent::encoded;
use crate::value::{Object, Value};

/// Headers that a definition may not have; those that end with `-` are prefixes.
const REFUSED: &[&str] = &[
    "a-im",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-md5",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authorization",
    "referer",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "warning",
    "x-forwarded-",
    "x-amz-",
    "x-amzn-",
];

/// The request of an HTTP Task.
///
/// # Errors
///
/// Where the arguments make none: why. The Task fails with `States.Runtime` then.
pub(super) fn request(
    region: &str,
    connection: Option<&Connection>,
    arguments: &Value,
) -> Result<Wire, String> {
    let none = Connection::default();
    let connection = connection.unwrap_or(&none);
    let text = |key: &str| arguments.get(key).and_then(Value::as_str);
    let url = text("ApiEndpoint").ok_or("`ApiEndpoint` is missing")?;
    let uri: Uri = url.parse().map_err(|error| format!("`{url}` is no URL: {error}"))?;
    let method = text("Method").unwrap_or("GET");
    let method =
        Method::from_bytes(method.as_bytes()).map_err(|_| format!("`{method}` is no method"))?;
    let mut path = uri.path_and_query().map_or("/".to_owned(), ToString::to_string);
    let mut add = |key: &str, value: &str| {
        let separator = if path.contains('?') { '&' } else { '?' };
        let _ = write!(path, "{separator}{}={}", encoded(key), encoded(value));
    };
    for (key, value) in members(arguments, "QueryParameters") {
        match value {
            _ if connection.query.iter().any(|(own, _)| **own == **key) => {}
            Value::Array(values) => values.iter().for_each(|value| add(key, &plain_text(value))),
            value => add(key, &plain_text(value)),
        }
    }
    connection.query.iter().for_each(|(key, value)| add(key, value));
    let body = body(connection, arguments)?;
    let headers = headers(region, connection, arguments, body.is_empty())?;
    Ok(Wire { method, path, headers, body: body.into_bytes() })
}

fn headers(
    region: &str,
    connection: &Connection,
    arguments: &Value,
    is_empty: bool,
) -> Result<Vec<(String, String)>, String> {
    let mut headers = Vec::new();
    for (name, value) in members(arguments, "Headers") {
        let name = name.to_ascii_lowercase();
        let is_refused = |refused: &&str| match refused.strip_suffix('-') {
            Some(_) => name.starts_with(*refused),
            None => name == **refused,
        };
        if REFUSED.iter().any(is_refused) {
            return Err(format!("an HTTP Task may not have the header `{name}`"));
        }
        let is_own = connection.headers.iter().any(|(own, _)| *own == name);
        if !is_own && !matches!(&*name, "user-agent" | "range") {
            headers.push((name, plain_text(value)));
        }
    }
    headers.extend(connection.headers.iter().cloned());
    if !is_empty && headers.iter().all(|(name, _)| name != "content-type") {
        headers.push(("content-type".to_owned(), "application/json; charset=UTF-8".to_owned()));
    }
    headers.push(("user-agent".to_owned(), format!("Amazon|StepFunctions|HttpInvoke|{region}")));
    headers.push(("range".to_owned(), "bytes=0-262144".to_owned()));
    Ok(headers)
}

fn body(connection: &Connection, arguments: &Value) -> Result<String, String> {
    let body = match arguments.get("RequestBody").cloned().unwrap_or_default() {
        Value::Null if connection.body.is_empty() => return Ok(String::new()),
        body if connection.body.is_empty() => body,
        Value::Null => Value::object(connection.body.iter().cloned()),
        Value::Object(members) => {
            let add = |members: Object, (key, value): &(Arc<str>, Value)| {
                members.with(key, value.clone())
            };
            Value::Object(connection.body.iter().fold(members, add))
        }
        _ => {
            let why = "`RequestBody` must be an object, since the connection adds members to it";
            return Err(why.to_owned());
        }
    };
    let body = &body;
    let transform = arguments.get("Transform");
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let encoding = text(transform.and_then(|transform| transform.get("RequestBodyEncoding")));
    match encoding.as_deref() {
        None | Some("NONE") => Ok(match body {
            Value::String(text) => text.to_string(),
            body => body.to_json(),
        }),
        Some("URL_ENCODED") => {
            let options = transform.and_then(|transform| transform.get("RequestEncodingOptions"));
            let arrays = text(options.and_then(|options| options.get("ArrayFormat")));
            let arrays = Arrays::named(arrays.as_deref().unwrap_or("INDICES"))?;
            let mut fields = Vec::new();
            flatten(String::new(), body, arrays, &mut fields);
            let fields = fields.iter().map(|(key, value)| format!("{}={value}", encoded(key)));
            Ok(fields.collect::<Vec<_>>().join("&"))
        }
        Some(other) => Err(format!("`RequestBodyEncoding` is NONE or URL_ENCODED, not `{other}`")),
    }
}

/// How arrays become form fields.
#[derive(Clone, Copy)]
enum Arrays {
    Indices,
    Repeat,
    Commas,
    Brackets,
}

impl Arrays {
    fn named(name: &str) -> Result<Self, String> {
        Ok(match name {
            "INDICES" => Self::Indices,
            "REPEAT" => Self::Repeat,
            "COMMAS" => Self::Commas,
            "BRACKETS" => Self::Brackets,
            _ => {
                let names = "INDICES, REPEAT, COMMAS or BRACKETS";
                return Err(format!("`ArrayFormat` is {names}, not `{name}`"));
            }
        })
    }
}

/// Form fields: keys as they are, values encoded.
fn flatten(place: String, value: &Value, arrays: Arrays, fields: &mut Vec<(String, String)>) {
    match (value, arrays) {
        (Value::Object(members), _) => {
            for (key, member) in members.iter() {
                let inner =
                    if place.is_empty() { key.to_string() } else { format!("{place}[{key}]") };
                flatten(inner, member, arrays, fields);
            }
        }
        (Value::Array(items), Arrays::Commas) => {
            let items: Vec<String> = items.iter().map(|one| encoded(&plain_text(one))).collect();
            fields.push((place, items.join(",")));
        }
        (Value::Array(items), _) => {
            for (index, item) in items.iter().enumerate() {
                let inner = match arrays {
                    Arrays::Indices => format!("{place}[{index}]"),
                    Arrays::Brackets => format!("{place}[]"),
                    _ => place.clone(),
                };
                flatten(inner, item, arrays, fields);
            }
        }
        (scalar, _) => fields.push((place, encoded(&plain_text(scalar)))),
    }
}

fn members<'v>(arguments: &'v Value, key: &str) -> impl Iterator<Item = (&'v Arc<str>, &'v Value)> {
    arguments.get(key).and_then(Value::as_object).into_iter().flat_map(|object| object.iter())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::server::endpoint::connection::HttpConnections;

    fn wire(more: serde_json::Value) -> Result<Wire, String> {
        let mut arguments = json!({ "ApiEndpoint": "http://localhost/v1?a=1", "Method": "POST" });
        for (key, value) in more.as_object().expect("members") {
            arguments[key] = value.clone();
        }
        request("eu-west-1", None, &arguments.into())
    }

    #[track_caller]
    fn check_body(array_format: Option<&str>, body: serde_json::Value, expected: &str) {
        let options = array_format.map(|format| json!({ "ArrayFormat": format }));
        let transform =
            json!({ "RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": options });
        let wire = wire(json!({ "RequestBody": body, "Transform": transform })).unwrap();
        assert_eq!(String::from_utf8_lossy(&wire.body), expected);
    }

    #[test]
    fn headers_are_those_of_the_definition_and_of_the_service() {
        let headers = json!({ "Request-Id": "r-1", "User-Agent": "mine" });
        let wire = wire(json!({ "Headers": headers, "RequestBody": { "a": 1 } })).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [
            pair("request-id", "r-1"),
            pair("content-type", "application/json; charset=UTF-8"),
            pair("user-agent", "Amazon|StepFunctions|HttpInvoke|eu-west-1"),
            pair("range", "bytes=0-262144"),
        ];
        assert_eq!(wire.headers, expected);
        assert_eq!((&*wire.path, &*wire.body), ("/v1?a=1", &br#"{"a":1}"#[..]));
    }

    #[test]
    fn connections_have_the_last_word() {
        let connections = HttpConnections::parse(
            r#"{"Example": {"AuthorizationType": "API_KEY", "AuthParameters": {
                "ApiKeyAuthParameters": {"ApiKeyName": "ApiKey", "ApiKeyValue": "key"},
                "InvocationHttpParameters": {
                    "BodyParameters": [{"Key": "mode", "Value": "theirs"}],
                    "HeaderParameters": [{"Key": "Mode", "Value": "theirs"}],
                    "QueryStringParameters": [{"Key": "mode", "Value": "theirs"}]}}}}"#,
        );
        let arn = "arn:aws:events:us-east-1:123456789012:connection/Example/81210c42";
        let connection = connections.unwrap().find(arn).unwrap();
        let ours = || json!({ "mode": "ours", "job": 1 });
        let arguments = json!({ "ApiEndpoint": "http://localhost/path", "Method": "POST",
            "Headers": ours(), "QueryParameters": ours(), "RequestBody": ours() });
        let wire = request("eu-west-1", Some(&connection), &arguments.into()).unwrap();
        assert_eq!(wire.path, "/path?job=1&mode=theirs");
        assert_eq!(String::from_utf8_lossy(&wire.body), r#"{"mode":"theirs","job":1}"#);
        let header =
            |name: &str| wire.headers.iter().find(|(own, _)| own == name).unwrap().1.clone();
        assert_eq!((header("mode"), header("apikey")), ("theirs".into(), "key".into()));
        let text = json!({ "ApiEndpoint": "http://localhost/", "RequestBody": "text" });
        assert!(request("eu-west-1", Some(&connection), &text.into()).is_err());
    }

    #[test]
    fn headers_of_connections_and_protocols_are_refused() {
        for name in ["Authorization", "Host", "X-Amz-Date", "x-forwarded-for"] {
            let error = wire(json!({ "Headers": { name: "x" } })).unwrap_err();
            assert!(error.contains(&name.to_ascii_lowercase()), "{error}");
        }
        let wire = wire(json!({ "Headers": { "Fromage": "x" } })).unwrap();
        assert!(
            wire.headers.contains(&("fromage".to_owned(), "x".to_owned())),
            "{:?}",
            wire.headers
        );
    }

    #[test]
    fn bodies_become_forms() {
        let array = json!({ "array": ["a", "b c"] });
        check_body(None, array.clone(), "array%5B0%5D=a&array%5B1%5D=b%20c");
        check_body(Some("REPEAT"), array.clone(), "array=a&array=b%20c");
        check_body(Some("COMMAS"), array.clone(), "array=a,b%20c");
        check_body(Some("BRACKETS"), array, "array%5B%5D=a&array%5B%5D=b%20c");
        let nested = json!({ "description": "Monthly", "metadata": { "order_details": "m r" } });
        check_body(None, nested, "description=Monthly&metadata%5Border_details%5D=m%20r");
    }
}
