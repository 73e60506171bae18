//! Inputs and outputs of children that have ended.

use std::sync::Arc;

use crate::value::Value;

/// A value that is kept for the results of a Map Run. There may be a hundred thousand: as text each
/// takes a fifth of the room.
#[derive(Debug)]
pub(super) enum Kept {
    Value(Value),
    /// Its JSON text.
    Text(Arc<str>),
}

impl Kept {
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            // The text is our own.
            Self::Text(text) => Value::parse(text).unwrap_or_default(),
        }
    }

    pub(super) fn text(&self) -> Arc<str> {
        match self {
            Self::Value(value) => value.to_json().into(),
            Self::Text(text) => text.clone(),
        }
    }

    /// Keeps the text from now on. What is no array and no object takes no room to speak of.
    pub(super) fn shrink(&mut self) {
        if let Self::Value(value @ (Value::Array(_) | Value::Object(_))) = self {
            *self = Self::Text(value.to_json().into());
        }
    }
}
