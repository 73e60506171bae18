//! Answers: JSON written member by member.

use std::fmt::Write as _;
use std::sync::Arc;

use super::body::{Page, token};
use crate::json;
use crate::time::Timestamp;
use crate::value::Value;

/// A JSON object in the making.
pub(super) struct Answer(String);

impl Answer {
    pub(super) fn new() -> Self {
        let mut text = String::with_capacity(256);
        text.push('{');
        Self(text)
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
    }

    pub(super) fn text(mut self, key: &str, text: &str) -> Self {
        self.key(key);
        json::write_string(&mut self.0, text);
        self
    }

    pub(super) fn some(self, key: &str, text: Option<&Arc<str>>) -> Self {
        match text {
            Some(text) => self.text(key, text),
            None => self,
        }
    }

    /// Seconds since the epoch, with three digits behind the point.
    pub(super) fn date(mut self, key: &str, date: Timestamp) -> Self {
        self.key(key);
        let (seconds, millis) = (date.millis().div_euclid(1_000), date.millis().rem_euclid(1_000));
        // Writing to a text does not fail.
        let _ = write!(self.0, "{seconds}.{millis:03}");
        self
    }

    pub(super) fn some_date(self, key: &str, date: Option<Timestamp>) -> Self {
        match date {
            Some(date) => self.date(key, date),
            None => self,
        }
    }

    pub(super) fn number(mut self, key: &str, number: i64) -> Self {
        self.key(key);
        let _ = write!(self.0, "{number}");
        self
    }

    pub(super) fn flag(self, key: &str, flag: bool) -> Self {
        self.raw(key, if flag { "true" } else { "false" })
    }

    /// A value whose JSON text is a text of the answer.
    pub(super) fn data(self, key: &str, value: &Value) -> Self {
        let text = value.to_json();
        self.text(key, &text)
    }

    /// JSON.
    pub(super) fn raw(mut self, key: &str, json: &str) -> Self {
        self.key(key);
        self.0.push_str(json);
        self
    }

    /// A list of what is JSON already.
    pub(super) fn list(mut self, key: &str, items: impl IntoIterator<Item = String>) -> Self {
        self.key(key);
        self.0.push('[');
        for (i, item) in items.into_iter().enumerate() {
            if i > 0 {
                self.0.push(',');
            }
            self.0.push_str(&item);
        }
        self.0.push(']');
        self
    }

    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A page of a list: as many items as were asked for, and a token where there are more. `mark` is
/// what tells where an item stands; `write` makes its JSON.
pub(super) fn page<T>(
    key: &str,
    scope: &str,
    page: &Page,
    mut items: impl Iterator<Item = T>,
    mark: impl Fn(&T) -> String,
    write: impl Fn(&T) -> String,
) -> String {
    let taken: Vec<T> = items.by_ref().take(page.size).collect();
    let next = items.next().and_then(|_| taken.last()).map(|last| token(scope, &mark(last)));
    let answer = Answer::new().list(key, taken.iter().map(write));
    match next {
        Some(next) => answer.text("nextToken", &next).end(),
        None => answer.end(),
    }
}
