//! Data that the API shows as a string of JSON.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::sync::{Arc, OnceLock};

use crate::json;
use crate::value::{Number, Value};

/// Data that the API shows as a string of JSON.
#[derive(Clone)]
pub enum Payload {
    /// A value.
    Value(Value),
    /// A string that came from a file and is read when somebody looks into it: most of a replay
    /// only compares. [`Payload::value`] reads it.
    Unread(Arc<Unread>),
    /// A string that is not JSON, or that a log cut off.
    Text(Arc<str>),
    /// Left out: the history was asked for with `includeExecutionData=false`.
    Omitted,
}

/// A text that may be JSON.
pub struct Unread {
    text: Box<str>,
    value: OnceLock<Option<Value>>,
}

impl Payload {
    /// A string of an event, to be read when needed.
    pub(super) fn unread(text: &str) -> Self {
        Self::Unread(Arc::new(Unread { text: text.into(), value: OnceLock::new() }))
    }

    /// The JSON value, where there is one.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Unread(unread) => unread.value(),
            Self::Text(_) | Self::Omitted => None,
        }
    }

    /// The string that the API shows; `None` where the data is left out.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Value(value) => Some(Cow::Owned(value.to_json())),
            Self::Unread(unread) => Some(Cow::Borrowed(&unread.text)),
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Omitted => None,
        }
    }

    /// The value, or the text as a string where it is no JSON.
    pub fn to_value(&self) -> Option<Value> {
        self.value().cloned().or_else(|| self.text().map(Value::string))
    }
}

impl Unread {
    fn value(&self) -> Option<&Value> {
        self.value.get_or_init(|| json::parse(&self.text).ok()).as_ref()
    }

    /// Whether this is the JSON of a value; the text that we would write ourselves is not read.
    fn is(&self, value: &Value) -> bool {
        if self.value.get().is_none() {
            let mut rest = Rest(&self.text);
            if rest.starts_with(value).is_ok() && rest.0.is_empty() {
                // The next comparison with the same value is one of pointers.
                let _ = self.value.set(Some(value.clone()));
                return true;
            }
        }
        self.value().is_some_and(|own| own.same(value) || own == value)
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

/// Equal as JSON where both are, else as texts.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Value(a), Self::Value(b)) => a.same(b) || a == b,
            (Self::Value(value), Self::Unread(unread))
            | (Self::Unread(unread), Self::Value(value)) => unread.is(value),
            (Self::Unread(a), Self::Unread(b)) => {
                Arc::ptr_eq(a, b)
                    || a.text == b.text
                    || a.value().is_some_and(|value| b.value() == Some(value))
            }
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Text(text), Self::Unread(unread)) | (Self::Unread(unread), Self::Text(text)) => {
                *unread.text == **text && unread.value().is_none()
            }
            (Self::Omitted, Self::Omitted) => true,
            _ => false,
        }
    }
}

/// The compact JSON text, or the text that is none.
impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.value(), self.text()) {
            (Some(value), _) => fmt::Display::fmt(value, f),
            (None, Some(text)) => f.write_str(&text),
            (None, None) => f.write_str("(not included)"),
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What is left of a text; writing takes off what is written, and fails where it does not stand.
struct Rest<'t>(&'t str);

impl Rest<'_> {
    /// Takes off the compact JSON of a value.
    fn starts_with(&mut self, value: &Value) -> fmt::Result {
        match value {
            Value::Null => self.write_str("null"),
            Value::Bool(true) => self.write_str("true"),
            Value::Bool(false) => self.write_str("false"),
            Value::Number(Number::Int(int)) => write!(self, "{int}"),
            Value::Number(number) => write!(self, "{number}"),
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                self.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.write_str(",")?;
                    }
                    self.starts_with(item)?;
                }
                self.write_str("]")
            }
            Value::Object(members) => {
                self.write_str("{")?;
                for (index, (key, member)) in members.iter().enumerate() {
                    if index > 0 {
                        self.write_str(",")?;
                    }
                    self.string(key)?;
                    self.write_str(":")?;
                    self.starts_with(member)?;
                }
                self.write_str("}")
            }
        }
    }

    fn string(&mut self, text: &str) -> fmt::Result {
        let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
        if text.bytes().all(plain) {
            self.write_str("\"")?;
            self.write_str(text)?;
            return self.write_str("\"");
        }
        let mut escaped = String::new();
        json::write_string(&mut escaped, text);
        self.write_str(&escaped)
    }
}

impl fmt::Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(text).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, value: &str, equal: bool) {
        let value = Payload::Value(Value::parse(value).unwrap());
        assert_eq!(Payload::unread(text) == value, equal, "{text} {value}");
        assert_eq!(value == Payload::unread(text), equal, "{text} {value}");
        assert_eq!(Payload::unread(text) == Payload::unread(&value.to_string()), equal);
    }

    #[test]
    fn a_text_equals_the_value_that_it_is() {
        for text in ["null", "1.50", r#"{"a":[1,-2,true],"b c":"\"\\\n","d":{}}"#, "\"é\"", "[]"] {
            check(text, text, true);
            check(&format!(" {text} "), text, true);
        }
        check(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1.0}"#, true);
        check("[1,2]", "[1]", false);
        check("[1]", "[1,2]", false);
        check("1", "\"1\"", false);
        check("not JSON", "1", false);
    }

    #[test]
    fn texts_that_are_no_json() {
        assert_eq!(Payload::unread("{cut"), Payload::Text("{cut".into()));
        assert_ne!(Payload::unread("1"), Payload::Text("1".into()));
        assert_eq!(Payload::unread("{cut").value(), None);
        assert_eq!(Payload::unread("{cut").to_string(), "{cut");
        assert_eq!(Payload::Omitted.text(), None);
    }
}
