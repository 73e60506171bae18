//! Requests: their members by name and type, refused in AWS's words where something is wrong.

use std::sync::Arc;

use super::ApiError;
use crate::engine::ExecutionStatus;
use crate::value::{Array, Object, Value};

/// The most items of a page, and how many there are where nothing is said.
const PAGE: usize = 1_000;
const DEFAULT_PAGE: usize = 100;

/// An object of a request.
#[derive(Debug)]
pub(super) struct Body {
    members: Object,
    /// Where it stands in the request, with a dot behind: `loggingConfiguration.`
    path: String,
}

/// Key and value.
pub(super) type Tag = (Arc<str>, Arc<str>);

/// Which part of a list is asked for.
pub(super) struct Page {
    pub(super) size: usize,
    /// What the last page ended with.
    pub(super) after: Option<String>,
}

impl Body {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// `SerializationException` where it is no JSON object.
    pub(super) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let text = std::str::from_utf8(body).map_err(|_| serialization("it is not UTF-8"))?;
        match Value::parse(text) {
            Ok(Value::Object(members)) => Ok(Self { members, path: String::new() }),
            Ok(_) => Err(serialization("Unexpected value type in payload")),
            Err(error) => Err(serialization(&error.locate(text))),
        }
    }

    /// The whole of it.
    pub(super) fn value(&self) -> Value {
        Value::Object(self.members.clone())
    }

    /// Cuts a text at the first `sign`: what stood behind it.
    pub(super) fn split(&mut self, key: &str, sign: char) -> Option<String> {
        let (before, behind) = self.find(key)?.as_str()?.split_once(sign)?;
        let (before, behind) = (Value::from(before), behind.to_owned());
        self.members = self.members.with(key, before);
        Some(behind)
    }

    fn find(&self, key: &str) -> Option<&Value> {
        self.members.get(key).filter(|value| !value.is_null())
    }

    /// A text, where it is given.
    pub(super) fn text(&self, key: &str) -> Result<Option<Arc<str>>, ApiError> {
        match self.find(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(wrong_type(other, "a String")),
        }
    }

    /// A text that must be given.
    pub(super) fn required(&self, key: &str) -> Result<Arc<str>, ApiError> {
        self.text(key)?.ok_or_else(|| self.missing(key))
    }

    /// A text of at most `most` characters, where it is given.
    pub(super) fn text_up_to(&self, key: &str, most: usize) -> Result<Option<Arc<str>>, ApiError> {
        let text = self.text(key)?;
        if text.as_ref().is_some_and(|text| text.len() > most && text.chars().count() > most) {
            let bound = format!("Member must have length less than or equal to {most}");
            return Err(self.constraint(text.as_deref(), key, &bound));
        }
        Ok(text)
    }

    /// An ARN of one of these kinds (`stateMachine`, `execution`, …); one of another service or
    /// shape is refused.
    pub(super) fn arn(&self, key: &str, kinds: &[&str]) -> Result<Arc<str>, ApiError> {
        let arn = self.required(key)?;
        check_arn(&arn, kinds).map(|()| arn)
    }

    /// True or false, where it is given.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, ApiError> {
        match self.find(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong_type(other, "a Boolean")),
        }
    }

    /// A whole number, where it is given.
    pub(super) fn integer(&self, key: &str) -> Result<Option<i64>, ApiError> {
        match self.find(key) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| wrong_type(value, "an Integer")),
        }
    }

    /// A number, where it is given.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, ApiError> {
        match self.find(key) {
            None => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| wrong_type(value, "a Float")),
        }
    }

    /// One of these words, where it is given: its index.
    pub(super) fn word(&self, key: &str, words: &[&str]) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        words.iter().position(|word| **word == *text).map(Some).ok_or_else(|| {
            let set = format!("Member must satisfy enum value set: [{}]", words.join(", "));
            self.constraint(Some(&text), key, &set)
        })
    }

    /// An object, where it is given.
    pub(super) fn object(&self, key: &str) -> Result<Option<Self>, ApiError> {
        match self.find(key) {
            None => Ok(None),
            Some(Value::Object(members)) => {
                let path = format!("{}{key}.", self.path);
                Ok(Some(Self { members: members.clone(), path }))
            }
            Some(other) => Err(wrong_type(other, "a structure")),
        }
    }

    /// A list, where it is given.
    fn list(&self, key: &str) -> Result<Option<&Array>, ApiError> {
        match self.find(key) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(wrong_type(other, "a list")),
        }
    }

    /// A list of objects, where it is given.
    pub(super) fn objects(&self, key: &str) -> Result<Option<Vec<Self>>, ApiError> {
        let Some(items) = self.list(key)? else { return Ok(None) };
        let read = |(i, item): (usize, &Value)| match item {
            Value::Object(members) => {
                let path = format!("{}{key}.{}.member.", self.path, i + 1);
                Ok(Self { members: members.clone(), path })
            }
            other => Err(wrong_type(other, "a structure")),
        };
        items.iter().enumerate().map(read).collect::<Result<_, _>>().map(Some)
    }

    /// A list of texts that must be given.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<Arc<str>>, ApiError> {
        let items = self.list(key)?.ok_or_else(|| self.missing(key))?;
        let read = |item: &Value| match item {
            Value::String(text) => Ok(text.clone()),
            other => Err(wrong_type(other, "a String")),
        };
        items.iter().map(read).collect()
    }

    /// `tags`
    pub(super) fn tags(&self) -> Result<Option<Vec<Tag>>, ApiError> {
        let Some(tags) = self.objects("tags")? else { return Ok(None) };
        let text = |tag: &Self, key| Ok(tag.text(key)?.unwrap_or_else(|| "".into()));
        let read = |tag: &Self| Ok((text(tag, "key")?, text(tag, "value")?));
        tags.iter().map(read).collect::<Result<_, ApiError>>().map(Some)
    }

    /// `includedData`: whether it is `METADATA_ONLY`.
    pub(super) fn metadata_only(&self) -> Result<bool, ApiError> {
        Ok(self.word("includedData", &["ALL_DATA", "METADATA_ONLY"])? == Some(1))
    }

    /// `statusFilter`
    pub(super) fn status(&self) -> Result<Option<Option<ExecutionStatus>>, ApiError> {
        use ExecutionStatus::{Aborted, Failed, Running, Succeeded, TimedOut};
        // The order is that of `sfn_api.state_machine_status_filter`.
        let words = ["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"];
        let statuses =
            [Some(Succeeded), Some(TimedOut), None, Some(Aborted), Some(Failed), Some(Running)];
        Ok(self.word("statusFilter", &words)?.map(|word| statuses[word]))
    }

    /// `maxResults` and `nextToken`. Tokens are for the list that gave them, which `scope` names.
    pub(super) fn page(&self, scope: &str) -> Result<Page, ApiError> {
        let size = match self.integer("maxResults")? {
            None | Some(0) => DEFAULT_PAGE,
            Some(size) => match usize::try_from(size) {
                Ok(size) if size <= PAGE => size,
                Ok(_) => {
                    let bound = format!("Member must have value less than or equal to {PAGE}");
                    return Err(self.constraint(Some(&size.to_string()), "maxResults", &bound));
                }
                Err(_) => {
                    let bound = "Member must have value greater than or equal to 0";
                    return Err(self.constraint(Some(&size.to_string()), "maxResults", bound));
                }
            },
        };
        let after = match self.text("nextToken")? {
            None => None,
            Some(token) => Some(open(&token, scope).ok_or_else(|| {
                ApiError::new("InvalidToken", "Invalid Token: 'Invalid token'".to_owned())
            })?),
        };
        Ok(Page { size, after })
    }

    fn missing(&self, key: &str) -> ApiError {
        self.constraint(None, key, "Member must not be null")
    }

    fn constraint(&self, value: Option<&str>, key: &str, constraint: &str) -> ApiError {
        let value = value.map_or("null".to_owned(), |value| format!("'{value}'"));
        // A missing member's value is written without quotes, and `at` has them.
        let label = if value == "null" { "Value null" } else { &format!("Value {value}") };
        ApiError::validation(format!(
            "1 validation error detected: {label} at '{}{key}' failed to satisfy constraint: \
             {constraint}",
            self.path
        ))
    }
}

/// Whether a text is an ARN of Step Functions and of one of these kinds.
pub(super) fn check_arn(arn: &str, kinds: &[&str]) -> Result<(), ApiError> {
    if !arn.starts_with("arn:") {
        return Err(ApiError::invalid_arn(&format!("Invalid ARN prefix: {arn}")));
    }
    let parts: Vec<&str> = arn.splitn(8, ':').collect();
    let [_, _, service, _, _, kind, name, ..] = parts[..] else {
        return Err(ApiError::invalid_arn(&format!("Invalid ARN format: {arn}")));
    };
    if service != "states" || name.is_empty() {
        return Err(ApiError::invalid_arn(&format!("Invalid ARN format: {arn}")));
    }
    if !kinds.contains(&kind) {
        let reason = format!("Resource type not valid in this context: {kind}");
        return Err(ApiError::invalid_arn(&reason));
    }
    Ok(())
}

/// A token that begins the next page behind `after`.
pub(super) fn token(scope: &str, after: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("{}\n{after}", sum(scope)))
}

fn open(token: &str, scope: &str) -> Option<String> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(token).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (own, after) = text.split_once('\n')?;
    (own == sum(scope)).then(|| after.to_owned())
}

/// What tells one list from another.
fn sum(scope: &str) -> String {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for byte in scope.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    format!("{hash:016x}")
}

fn serialization(message: &str) -> ApiError {
    ApiError::new("SerializationException", message.to_owned())
}

fn wrong_type(value: &Value, wanted: &str) -> ApiError {
    let message = match value {
        Value::Array(_) => "Start of list found where not expected".to_owned(),
        Value::Object(_) => "Start of structure or map found where not expected".to_owned(),
        Value::Bool(true) => format!("TRUE_VALUE can not be converted to {wanted}"),
        Value::Bool(false) => format!("FALSE_VALUE can not be converted to {wanted}"),
        Value::Number(_) => format!("NUMBER_VALUE can not be converted to {wanted}"),
        _ => format!("STRING_VALUE can not be converted to {wanted}"),
    };
    serialization(&message)
}
