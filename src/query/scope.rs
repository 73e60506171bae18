//! What a path of a state may read: the state's data, the Context Object, workflow variables.
//!
//! `$.x` reads the data, `$$.x` the Context Object, `$name.x` the variable `name`. Beyond the
//! prefix all three are the same dialect, [`crate::query::jsonpath`].

use std::fmt;
use std::sync::Arc;

use crate::query::jsonpath::{Path, PathError, PathErrorKind, PathSyntaxError};
use crate::value::Value;

/// The documents that expressions read.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// What `$` stands for.
    pub input: &'a Value,
    /// The Context Object, what `$$` stands for.
    pub context: &'a Value,
    /// The workflow variables in scope.
    pub variables: &'a dyn Variables,
}

/// Why an expression gave no value, as the engine reports it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct ExpressionError {
    /// The Error Name: `States.Runtime` for paths, `States.IntrinsicFailure` for functions.
    pub error: &'static str,
    /// The cause, without the words about the state with which AWS begins.
    pub cause: String,
}

/// Workflow variables by name.
pub trait Variables {
    /// The value assigned to `name`, without its `$`.
    fn variable(&self, name: &str) -> Option<&Value>;
}

/// No variables.
impl Variables for () {
    fn variable(&self, _name: &str) -> Option<&Value> {
        None
    }
}

/// The members of an object as variables.
impl Variables for crate::value::Map {
    fn variable(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }
}

/// Which document a path reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `$`: the state's data.
    Input,
    /// `$$`: the Context Object.
    Context,
    /// `$name`: the variable of that name.
    Variable(Arc<str>),
}

/// A path with the document it reads: `$.a`, `$$.Execution.Id`, `$name.a[0]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopedPath {
    text: Arc<str>,
    source: Source,
    path: Path,
}

impl ScopedPath {
    /// Compiles a path with its prefix.
    ///
    /// # Errors
    ///
    /// Where what follows the prefix is no path; see [`Path::parse`].
    pub fn parse(text: &str) -> Result<Self, PathSyntaxError> {
        let trimmed = text.trim();
        let (source, path) = if trimmed.starts_with("$$") {
            (Source::Context, Path::parse(&trimmed[1..]))
        } else if let Some((name, rest)) = variable_name(trimmed) {
            (Source::Variable(name.into()), Path::parse(&format!("${rest}")))
        } else {
            (Source::Input, Path::parse(text))
        };
        let path = path.map_err(|error| PathSyntaxError { path: text.to_owned(), ..error })?;
        Ok(Self { text: text.into(), source, path })
    }

    /// `$`, the whole input.
    pub fn root() -> Self {
        Self { text: "$".into(), source: Source::Input, path: Path::root() }
    }

    /// The text it was compiled from, prefix included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The document it reads.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The path within the document.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is a whole document: `$`, `$$` or `$name`.
    pub fn is_root(&self) -> bool {
        self.path.text().trim() == "$"
    }

    /// The value at the path, or the array of all matches where the path is not definite.
    ///
    /// # Errors
    ///
    /// As [`Path::read`], and where the variable is not assigned.
    pub fn read(&self, scope: &Scope<'_>) -> Result<Value, PathError> {
        match self.document(scope) {
            Some(document) => self.path.read(document),
            None => Err(PathError {
                kind: PathErrorKind::NotFound,
                message: format!("No results for path: {}", self.text),
            }),
        }
    }

    /// The document it reads; `None` for a variable that is not assigned.
    pub fn document<'a>(&self, scope: &Scope<'a>) -> Option<&'a Value> {
        match &self.source {
            Source::Input => Some(scope.input),
            Source::Context => Some(scope.context),
            Source::Variable(name) => scope.variables.variable(name),
        }
    }

    /// The cause of a failure in a field that takes a path of its own (`InputPath`, `OutputPath`,
    /// `TimeoutSecondsPath`, ...): `Invalid path '$.x' : No results for path: $['x']`.
    /// The error is `States.Runtime` (`base_scenarios.invalid_jsonpath.*_IN_INPUTPATH`).
    pub fn cause(&self, error: &PathError) -> String {
        invalid_path_cause(&self.text, error)
    }

    /// The cause of a failure where AWS names the field: payload templates (`value.$`), and the
    /// `ErrorPath` and `CausePath` of a Fail state. The error is `States.Runtime`
    /// (`base_scenarios.invalid_jsonpath.INVALID_JSONPATH_IN_STRING_EXPR_JSONPATH` and
    /// `..._IN_ERRORPATH`). A path that does not suit the data is reported as by [`Self::cause`].
    pub fn field_cause(&self, field: &str, error: &PathError, scope: &Scope<'_>) -> String {
        match error.kind {
            PathErrorKind::Invalid => self.cause(error),
            PathErrorKind::NotFound => format!(
                "The JSONPath '{}' specified for the field '{field}' could not be found in the \
                 input '{}'",
                self.text,
                self.document_text(scope)
            ),
        }
    }

    /// The document as causes quote it.
    pub(crate) fn document_text(&self, scope: &Scope<'_>) -> String {
        self.document(scope).map_or_else(|| "{}".to_owned(), Value::to_json)
    }
}

/// `Invalid path '$.x' : No results for path: $['x']`, for a path without its own [`ScopedPath`].
pub fn invalid_path_cause(path: &str, error: &PathError) -> String {
    format!("Invalid path '{path}' : {}", error.message)
}

/// Splits `$name.rest` into `name` and `.rest`; `None` where no name follows the `$`.
fn variable_name(text: &str) -> Option<(&str, &str)> {
    let name = text.strip_prefix('$')?;
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    Some(name.split_at(end))
}

/// The text it was compiled from.
impl fmt::Display for ScopedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Result<&str, &str>) {
        let input = Value::parse(r#"{"a":{"b":1},"list":[{"v":1},{}]}"#).unwrap();
        let context = Value::parse(r#"{"Execution":{"Id":"e"}}"#).unwrap();
        let variables = Value::parse(r#"{"größe":[10,20],"x_1":true}"#).unwrap();
        let variables = variables.as_object().unwrap();
        let scope = Scope { input: &input, context: &context, variables: &**variables };
        let path = ScopedPath::parse(path).unwrap();
        let got = path.read(&scope).map(|value| value.to_json());
        let got = got.map_err(|error| path.field_cause("f.$", &error, &scope));
        assert_eq!(got.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn prefixes_choose_the_document() {
        check("$", Ok(r#"{"a":{"b":1},"list":[{"v":1},{}]}"#));
        check("$.a.b", Ok("1"));
        check("$.list[*].v", Ok("[1]"));
        check("$$.Execution.Id", Ok(r#""e""#));
        check("$$", Ok(r#"{"Execution":{"Id":"e"}}"#));
        check("$größe[1]", Ok("20"));
        check("$x_1", Ok("true"));
    }

    #[test]
    fn causes_name_the_field_and_quote_the_document() {
        check(
            "$$.Execution.Nope",
            Err("The JSONPath '$$.Execution.Nope' specified for the field 'f.$' could not be \
                 found in the input '{\"Execution\":{\"Id\":\"e\"}}'"),
        );
        check(
            "$nope.a",
            Err("The JSONPath '$nope.a' specified for the field 'f.$' could not be found in the \
                 input '{}'"),
        );
        check(
            "$.a[0]",
            Err("Invalid path '$.a[0]' : Filter: [0] can only be applied to arrays. Current \
                 context is: {\"b\":1}"),
        );
    }

    #[test]
    fn bad_paths_keep_their_text() {
        for text in ["$x-y", "$$x", "", "a", "$.", "$name[", "$$[?(]"] {
            assert_eq!(ScopedPath::parse(text).unwrap_err().path, text);
        }
    }
}
