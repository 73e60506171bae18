//! The members of a request that has been checked, and of the answer.

use std::fmt::Write as _;
use std::sync::Arc;

use super::ApiError;
use crate::json;
use crate::time::Timestamp;
use crate::value::{Number, Value};

/// A request whose members have the right types.
pub(super) struct Asked {
    pub(super) operation: &'static str,
    pub(super) body: Value,
    pub(super) now: Timestamp,
}

impl Asked {
    pub(super) fn optional(&self, key: &str) -> Option<Arc<str>> {
        text_in(&self.body, key)
    }

    /// A member that the check saw to be there.
    pub(super) fn text(&self, key: &str) -> Arc<str> {
        self.optional(key).unwrap_or_default()
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.body.get(key)?.as_bool()
    }

    pub(super) fn whole(&self, key: &str) -> Option<i64> {
        whole_in(&self.body, key)
    }

    pub(super) fn float(&self, key: &str) -> Option<f64> {
        self.body.get(key)?.as_f64()
    }

    /// A structure; `null` is none.
    pub(super) fn structure(&self, key: &str) -> Option<&Value> {
        self.body.get(key).filter(|value| !value.is_null())
    }

    /// The elements of a list; none where there is no list.
    pub(super) fn list(&self, key: &str) -> Vec<Value> {
        match self.body.get(key) {
            Some(Value::Array(items)) => items.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// `includedData`
    pub(super) fn metadata_only(&self) -> bool {
        self.body.get("includedData").and_then(Value::as_str) == Some("METADATA_ONLY")
    }

    pub(super) fn tags(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let part = |tag: &Value, key| text_in(tag, key).unwrap_or_default();
        let tags = self.list("tags");
        tags.iter().map(|tag| (part(tag, "key"), part(tag, "value"))).collect()
    }
}

pub(super) fn text_in(value: &Value, key: &str) -> Option<Arc<str>> {
    match value.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    }
}

pub(super) fn whole_in(value: &Value, key: &str) -> Option<i64> {
    let number = value.get(key)?.as_number()?;
    Some(number.as_i64().unwrap_or(number.as_f64() as i64))
}

/// What the API takes as an ARN of one of these kinds of resource
/// (`sfn_api.describe_execution_invalid_arn`, `sfn_api.describe_invalid_arn_sm`; what is said of
/// other defects is inferred).
pub(super) fn check_arn(arn: &str, kinds: &[&str]) -> Result<(), ApiError> {
    if !arn.starts_with("arn:") {
        return Err(ApiError::invalid_arn(&format!("Invalid ARN prefix: {arn}")));
    }
    let mut parts = arn.split(':').skip(2);
    let service = parts.next().unwrap_or_default();
    let (kind, name) = (parts.nth(2), parts.next());
    let (Some(kind), Some(name)) = (kind, name) else {
        return Err(ApiError::invalid_arn(&format!("Invalid ARN: {arn}")));
    };
    if service != "states" || name.is_empty() {
        return Err(ApiError::invalid_arn(&format!("Invalid ARN: {arn}")));
    }
    match kinds.contains(&kind) {
        true => Ok(()),
        false => {
            Err(ApiError::invalid_arn(&format!("Resource type not valid in this context: {kind}")))
        }
    }
}

/// Whether the ARN is that of a distributed Map's states within a machine: `NAME/LABEL`.
pub(super) fn is_labelled(arn: &str) -> bool {
    arn.split(':').nth(6).is_some_and(|name| name.contains('/'))
}

/// Operations that know whole machines only.
pub(super) fn refuse_label(arn: &str) -> Result<(), ApiError> {
    if !is_labelled(arn) {
        return Ok(());
    }
    let reason = Some("API_DOES_NOT_SUPPORT_LABELED_ARNS");
    let message = format!("API does not support labelled ARNs: '{arn}'");
    Err(ApiError { reason, ..ApiError::validation(message) })
}

/// Seconds since the epoch with milliseconds, as the protocol writes dates.
pub(super) fn date(time: Timestamp) -> Value {
    Number::from_f64(time.millis() as f64 / 1_000.0).map_or(Value::Null, Value::Number)
}

/// An object of the answer, written member by member.
pub(super) struct Members(String);

impl Members {
    pub(super) fn new() -> Self {
        Self(String::with_capacity(256))
    }

    /// With room for a description.
    pub(super) fn large() -> Self {
        Self(String::with_capacity(1_024))
    }

    fn key(&mut self, key: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        json::write_string(&mut self.0, key);
        self.0.push(':');
    }

    pub(super) fn push_text(&mut self, key: &str, text: &str) {
        self.key(key);
        json::write_string(&mut self.0, text);
    }

    pub(super) fn push_value(&mut self, key: &str, value: &Value) {
        self.key(key);
        json::write(&mut self.0, value);
    }

    pub(super) fn push_raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.0.push_str(json);
    }

    pub(super) fn push_date(&mut self, key: &str, time: Timestamp) {
        self.key(key);
        let millis = time.millis();
        match u64::try_from(millis) {
            // What `date` gives, without a float on the way.
            Ok(millis) if millis < 1_000_000_000_000_000 => {
                let _ = write!(self.0, "{}", millis / 1_000);
                match millis % 1_000 {
                    0 => {}
                    rest if rest % 100 == 0 => drop(write!(self.0, ".{}", rest / 100)),
                    rest if rest % 10 == 0 => drop(write!(self.0, ".{:02}", rest / 10)),
                    rest => drop(write!(self.0, ".{rest:03}")),
                }
            }
            _ => json::write(&mut self.0, &date(time)),
        }
    }

    pub(super) fn text(mut self, key: &str, text: &str) -> Self {
        self.push_text(key, text);
        self
    }

    pub(super) fn optional(self, key: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(key, text),
            None => self,
        }
    }

    pub(super) fn date(mut self, key: &str, time: Timestamp) -> Self {
        self.push_date(key, time);
        self
    }

    pub(super) fn value(mut self, key: &str, value: &Value) -> Self {
        self.push_value(key, value);
        self
    }

    /// A member whose value is JSON text already.
    pub(super) fn raw(mut self, key: &str, json: &str) -> Self {
        self.push_raw(key, json);
        self
    }

    pub(super) fn end(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_numbers_they_are() {
        for millis in
            [0, 1, 10, 100, 999, 1_704_067_200_000, 1_704_067_200_120, -5, 253_402_300_799_999]
        {
            let written = Members::new().date("at", Timestamp(millis)).end();
            let expected = Value::object([("at", date(Timestamp(millis)))]).to_json();
            assert_eq!(written, expected);
        }
    }
}
