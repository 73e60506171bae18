//! Compares two JSON values and says where they differ.

use std::fmt::Write;

use crate::history::normalize::Pairing;
use crate::value::Value;

/// The comparison of two values; numbers by value, objects without regard to the order of keys.
pub(super) struct Comparison<'p, 'h> {
    pub pairing: &'p mut Pairing<'h>,
    /// Whether a `Cause` beside an `Error` counts.
    pub causes: bool,
    /// Where in the whole the values stand.
    pub path: String,
    /// Path, expected and actual value of each difference.
    pub found: Vec<(String, Option<Value>, Option<Value>)>,
}

impl Comparison<'_, '_> {
    pub fn compare(&mut self, expected: &Value, actual: &Value) {
        if expected.same(actual) {
            return;
        }
        match (expected, actual) {
            (Value::Object(before), Value::Object(now)) => {
                let failure = before.contains_key("Error") && now.contains_key("Cause");
                for (key, value) in before.iter() {
                    if !self.causes && failure && &**key == "Cause" {
                        continue;
                    }
                    let length = self.path.len();
                    push_key(&mut self.path, key);
                    match now.get(&**key) {
                        Some(other) => self.compare(value, other),
                        None => self.differs(Some(value), None),
                    }
                    self.path.truncate(length);
                }
                for (key, value) in now.iter().filter(|(key, _)| !before.contains_key(&***key)) {
                    let length = self.path.len();
                    push_key(&mut self.path, key);
                    self.differs(None, Some(value));
                    self.path.truncate(length);
                }
            }
            (Value::Array(before), Value::Array(now)) => {
                for index in 0..before.len().max(now.len()) {
                    let length = self.path.len();
                    // Writing to a string cannot fail.
                    let _ = write!(self.path, "[{index}]");
                    match (before.get(index), now.get(index)) {
                        (Some(value), Some(other)) => self.compare(value, other),
                        (value, other) => self.differs(value, other),
                    }
                    self.path.truncate(length);
                }
            }
            (Value::String(before), Value::String(now)) => {
                if self.pairing.texts_match(before, now) {
                    return;
                }
                // A string that holds JSON: AWS passes data between services in such.
                match (container(before), container(now)) {
                    (Some(before), Some(now)) => self.compare(&before, &now),
                    _ => self.differs(Some(expected), Some(actual)),
                }
            }
            _ if expected == actual => {}
            _ => self.differs(Some(expected), Some(actual)),
        }
    }

    fn differs(&mut self, expected: Option<&Value>, actual: Option<&Value>) {
        self.found.push((self.path.clone(), expected.cloned(), actual.cloned()));
    }
}

/// The array or object that a text is.
pub(super) fn container(text: &str) -> Option<Value> {
    if text.starts_with(['{', '[']) { Value::parse(text).ok() } else { None }
}

/// Appends `.key`, or `['key']` where the key is no plain word.
pub(super) fn push_key(path: &mut String, key: &str) {
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if plain && !key.is_empty() {
        path.push('.');
        path.push_str(key);
    } else {
        path.push_str("['");
        for char in key.chars() {
            if matches!(char, '\'' | '\\') {
                path.push('\\');
            }
            path.push(char);
        }
        path.push_str("']");
    }
}
