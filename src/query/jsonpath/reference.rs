//! Reference Paths: paths that name one place by members and indexes only.
//!
//! The States Language allows nothing else where data is written (`ResultPath`) and where one
//! value is asked for (`ItemsPath`, `SecondsPath`, `Variable`).

use std::fmt;
use std::sync::Arc;

use super::{Path, PathError, PathSyntaxError};
use crate::value::Value;

/// A path such as `$`, `$.a.b`, `$.a[0]` or `$['x y']`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferencePath {
    path: Path,
    keys: Arc<[Key]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Name(Arc<str>),
    Index(usize),
}

impl ReferencePath {
    /// Compiles a Reference Path that begins with `$`.
    ///
    /// # Errors
    ///
    /// Where the text is no path, and where it is one that can name several places.
    pub fn parse(text: &str) -> Result<Self, PathSyntaxError> {
        let path = Path::parse(text)?;
        match keys(text) {
            Some(keys) => Ok(Self { path, keys: keys.into() }),
            None => Err(PathSyntaxError {
                path: text.to_owned(),
                message: "a Reference Path has only `.name`, `['name']` and `[0]` after the `$`"
                    .to_owned(),
            }),
        }
    }

    /// The text it was compiled from.
    pub fn text(&self) -> &str {
        self.path.text()
    }

    /// Whether this is `$`, the whole document.
    pub fn is_root(&self) -> bool {
        self.keys.is_empty()
    }

    /// The value at the place.
    ///
    /// # Errors
    ///
    /// Where the document has no such place.
    pub fn read(&self, root: &Value) -> Result<Value, PathError> {
        self.path.read(root)
    }

    /// The document with `value` put at the place, as `ResultPath` does: missing objects on the
    /// way are made, what stood at the place is replaced, the rest is shared with `root`.
    ///
    /// # Errors
    ///
    /// Where a member would go into something that is no object, or an element beyond the end of
    /// an array: `States.ResultPathMatchFailure`, with [`PathError::message`] as the cause. Its
    /// words are those of published error reports; no recording shows them.
    pub fn write(&self, root: &Value, value: Value) -> Result<Value, PathError> {
        put(&self.keys, Some(root), value).ok_or_else(|| {
            let path = self.text();
            PathError::invalid(format!("Unable to apply ReferencePath {path} to input {root}"))
        })
    }
}

fn put(keys: &[Key], place: Option<&Value>, value: Value) -> Option<Value> {
    let Some((key, rest)) = keys.split_first() else { return Some(value) };
    match (key, place) {
        (Key::Name(name), None) => Some(Value::object([(name.clone(), put(rest, None, value)?)])),
        (Key::Name(name), Some(Value::Object(object))) => {
            Some(Value::Object(object.with(name, put(rest, object.get(name), value)?)))
        }
        (Key::Index(index), Some(Value::Array(array))) => {
            let inner = put(rest, Some(array.get(*index)?), value)?;
            let mut items = array.to_vec();
            items[*index] = inner;
            Some(Value::from(items))
        }
        _ => None,
    }
}

impl Path {
    /// Whether this is a Reference Path by its spelling.
    pub fn is_reference(&self) -> bool {
        keys(self.text()).is_some()
    }
}

/// The keys of a Reference Path; `None` where the text has anything else but spaces after them,
/// which published definitions have.
fn keys(text: &str) -> Option<Vec<Key>> {
    let mut rest = text.trim_end().strip_prefix('$')?;
    let mut keys = Vec::new();
    while !rest.is_empty() {
        let (key, after) = if let Some(quoted) = rest.strip_prefix("['") {
            let (name, after) = quoted.split_once("']")?;
            if name.contains('\'') {
                return None;
            }
            (Key::Name(name.into()), after)
        } else if let Some(index) = rest.strip_prefix('[') {
            let (digits, after) = index.split_once(']')?;
            if !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            (Key::Index(usize::try_from(digits.parse::<i32>().ok()?).ok()?), after)
        } else {
            let name = rest.strip_prefix('.')?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            let foreign =
                |c: char| c.is_whitespace() || c.is_control() || "@,:?*()]'\"".contains(c);
            if name.is_empty() || name.contains(foreign) {
                return None;
            }
            (Key::Name(name.into()), after)
        };
        keys.push(key);
        rest = after;
    }
    Some(keys)
}

/// The text it was compiled from.
impl fmt::Display for ReferencePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
