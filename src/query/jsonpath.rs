//! JSONPath as Step Functions speaks it: the dialect of Jayway JsonPath 2.0.0 (2015).
//!
//! AWS's error texts are that library's, and every path result recorded on AWS agrees with it
//! where newer releases and RFC 9535 do not: a list path through a missing parent gives `[]`
//! (`base.json_path_array_wildcard_or_slice_with_no_input`), filter literals need no quotes,
//! slice steps are ignored, indexes from the end and path functions do not exist. The oddities
//! below are therefore deliberate.
//!
//! [`Path`] reads from one document whose root is `$`; [`crate::query::scope`] decides which.
//! [`ReferencePath`] is the subset that names a single place, which can also be written to.

mod evaluate;
mod filter;
mod parse;
mod reference;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::value::Value;
use filter::Filter;
pub use reference::ReferencePath;

/// A compiled path. Cloning costs a reference count.
#[derive(Clone, Debug)]
pub struct Path {
    compiled: Arc<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    text: Box<str>,
    steps: Vec<Step>,
    definite: bool,
}

/// One selector of a path.
#[derive(Debug)]
enum Step {
    Member(Arc<str>),
    /// Several names in one bracket: an object of those that exist. May be empty, as in `$["x"]`,
    /// since double quotes mean nothing in this dialect.
    Members(Vec<Arc<str>>),
    Index(i32),
    Indexes(Vec<i32>),
    /// `[(@.length-1)]`: an index to which the length is added.
    FromLength(i32),
    SliceFrom(i32),
    SliceTo(i32),
    Slice(i32, i32),
    Wildcard,
    /// `..`: the step after it is applied to every object and array below.
    Scan,
    Filter(Filter),
}

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not a JSONPath: {message}")]
pub struct PathSyntaxError {
    /// The text.
    pub path: String,
    /// The complaint in the words of Jayway JsonPath, such as `Space not allowed in path`.
    pub message: String,
}

/// Why a path gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PathError {
    /// What kind of failure it is.
    pub kind: PathErrorKind,
    /// The message in the words of Jayway JsonPath, which AWS repeats in causes:
    /// `No results for path: $['x']`.
    pub message: String,
}

/// The kinds of [`PathError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathErrorKind {
    /// The document has nothing at that place (`PathNotFoundException`).
    NotFound,
    /// The path cannot be applied to such a document (`InvalidPathException`).
    Invalid,
}

impl Path {
    /// Compiles a path whose `$` is the root of the document that will be read.
    ///
    /// # Errors
    ///
    /// Where Jayway JsonPath 2.0.0 refuses the text, and where it does not begin with `$`.
    pub fn parse(text: &str) -> Result<Self, PathSyntaxError> {
        let refuse = |message| PathSyntaxError { path: text.to_owned(), message };
        if !text.trim_start().starts_with('$') {
            return Err(refuse("a path begins with `$`".to_owned()));
        }
        let steps = parse::compile(text, 0).map_err(|error| refuse(error.to_string()))?;
        let definite = steps.iter().all(Step::is_definite);
        Ok(Self { compiled: Arc::new(Compiled { text: text.into(), steps, definite }) })
    }

    /// `$`, the whole document.
    pub fn root() -> Self {
        let compiled = Compiled { text: "$".into(), steps: Vec::new(), definite: true };
        Self { compiled: Arc::new(compiled) }
    }

    /// The text it was compiled from.
    pub fn text(&self) -> &str {
        &self.compiled.text
    }

    /// Whether the path gives one value, not an array of matches.
    pub fn is_definite(&self) -> bool {
        self.compiled.definite
    }

    /// The value at the path, or the array of all matches where the path is not definite.
    ///
    /// # Errors
    ///
    /// Where a definite path leads nowhere, and where a step does not suit the value it meets.
    pub fn read(&self, root: &Value) -> Result<Value, PathError> {
        evaluate::read(&self.compiled, root)
    }
}

/// The text it was compiled from.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Path {}

impl Step {
    fn is_definite(&self) -> bool {
        match self {
            Self::Member(_) | Self::Members(_) | Self::Index(_) | Self::FromLength(_) => true,
            Self::Indexes(_)
            | Self::SliceFrom(_)
            | Self::SliceTo(_)
            | Self::Slice(..)
            | Self::Wildcard
            | Self::Scan
            | Self::Filter(_) => false,
        }
    }
}

/// The step as Jayway JsonPath prints it: names always in brackets and quotes.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(name) => write!(f, "['{name}']"),
            Self::Members(names) => {
                f.write_str("[")?;
                for (at, name) in names.iter().enumerate() {
                    let comma = if at > 0 { ", " } else { "" };
                    write!(f, "{comma}'{name}'")?;
                }
                f.write_str("]")
            }
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Indexes(indexes) => {
                let texts: Vec<String> = indexes.iter().map(i32::to_string).collect();
                write!(f, "[{}]", texts.join(","))
            }
            Self::FromLength(offset) => write!(f, "[@.size(){offset}]"),
            Self::SliceFrom(from) => write!(f, "[{from}:]"),
            Self::SliceTo(to) => write!(f, "[:{to}]"),
            Self::Slice(from, to) => write!(f, "[{from}:{to}]"),
            Self::Wildcard => f.write_str("[*]"),
            Self::Scan => f.write_str(".."),
            Self::Filter(_) => f.write_str("[?]"),
        }
    }
}

impl PathError {
    fn not_found(message: String) -> Self {
        Self { kind: PathErrorKind::NotFound, message }
    }

    fn invalid(message: String) -> Self {
        Self { kind: PathErrorKind::Invalid, message }
    }
}
