//! Syntax errors of JSON in the words of the Jackson library, which AWS repeats
//! (`validate_state_machine_definition_not_a_definition.NOT_A_DEF`).

use super::ValidationDiagnostic;
use crate::diagnostic::Severity;
use crate::document::INVALID_JSON;
use crate::json::{JsonError, line_column};

/// How much of the text a place repeats, in characters.
const SNIPPET_MAX: usize = 500;

/// The diagnostic of a text that is not JSON.
pub(super) fn diagnostic(text: &str, error: &JsonError) -> ValidationDiagnostic {
    let at = error.offset.min(text.len());
    let (message, end) = complaint(&text[at..], &error.message);
    let (line, column) = line_column(text, at + end);
    let place = format!("[Source: (String)\"{}\"; line: {line}, column: {column}]", snippet(text));
    ValidationDiagnostic {
        severity: Severity::Error,
        code: INVALID_JSON,
        message: format!("{message}\n at {place}"),
        location: Some(place),
    }
}

/// What Jackson says about a text, without the place.
pub(super) fn complaint_of(text: &str, error: &JsonError) -> String {
    complaint(&text[error.offset.min(text.len())..], &error.message).0
}

/// What Jackson says about the text from the trouble on, and how many bytes it has read of it.
fn complaint(rest: &str, ours: &str) -> (String, usize) {
    const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    let Some(first) = rest.chars().next() else {
        return ("Unexpected end-of-input".to_owned(), 0);
    };
    let expected = [
        ("expected a key", "was expecting double-quote to start field name"),
        ("expected `:`", "was expecting a colon to separate field name and value"),
        ("expected `,` or `}`", "was expecting comma to separate Object entries"),
        ("expected `,` or `]`", "was expecting comma to separate Array entries"),
    ];
    let unexpected = |why: &str| {
        let message = format!("Unexpected character ('{first}' (code {})): {why}", first as u32);
        (message, first.len_utf8())
    };
    if let Some((_, why)) = expected.iter().find(|(begin, _)| ours.starts_with(begin)) {
        return unexpected(why);
    }
    if ours.starts_with("expected") && !(first.is_alphabetic() || matches!(first, '_' | '$')) {
        return unexpected(&format!("expected a valid value {VALUES}"));
    }
    if ours.starts_with("expected") {
        let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
        let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
        return (format!("Unrecognized token '{}': was expecting {VALUES}", &rest[..end]), end);
    }
    (ours.to_owned(), first.len_utf8())
}

fn snippet(text: &str) -> String {
    let chars = text.chars().count();
    if chars <= SNIPPET_MAX {
        return text.to_owned();
    }
    let shown: String = text.chars().take(SNIPPET_MAX).collect();
    format!("{shown}\"[truncated {} chars]", chars - SNIPPET_MAX)
}
