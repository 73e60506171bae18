//! What is wrong with a file that somebody wrote: code, message, place, and the mend.
//!
//! A [`Diagnostic`] has the members that ValidateStateMachineDefinition answers (severity, code,
//! message, location) and the place in the source text besides. It is data; [`Style`] decides how
//! [`Diagnostic::render`] prints it for people.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde::ser::SerializeStruct;

/// A named text that was read, shared by everything that points into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What people call the text: a path, or a name such as `definition`.
    pub name: Arc<str>,
    /// The text as it was read.
    pub text: Arc<str>,
    /// Where the lines begin, found when it is first asked for.
    lines: OnceLock<Vec<usize>>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used: AWS refuses it too, unless the message says otherwise.
    Error,
    /// The file can be used, but probably does not mean what was meant.
    Warning,
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// AWS's code where AWS has one (`SCHEMA_VALIDATION_FAILED`), else one of our own.
    pub code: &'static str,
    /// What is wrong. AWS's own words where they are recorded.
    pub message: String,
    /// The place as AWS writes it: `/States/X/Next`; empty where the text could not be read.
    pub location: String,
    /// The text that `span` points into.
    pub source: Arc<Source>,
    /// The bytes of the text that are wrong.
    pub span: Range<usize>,
    /// The name of the innermost state around the place.
    pub state: Option<Arc<str>>,
    /// The field of that state, or of the top level.
    pub field: Option<Arc<str>>,
    /// What to do about it.
    pub help: Option<String>,
}

/// How [`Diagnostic::render`] prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Text only.
    #[default]
    Plain,
    /// With the escape sequences of a terminal that has colours.
    Colour,
}

/// The longest part of a source line that is printed, in characters.
const EXCERPT_MAX: usize = 100;

impl Source {
    /// A source called `name`.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into(), lines: OnceLock::new() })
    }

    /// Line and column of a byte, both counted from one, the column in characters.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let lines = self.lines.get_or_init(|| {
            let breaks = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect()
        });
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = lines.partition_point(|begin| *begin <= offset);
        (line, self.text[lines[line - 1]..offset].chars().count() + 1)
    }
}

impl Diagnostic {
    /// An error at some bytes of `source`.
    pub fn error(
        source: &Arc<Source>,
        span: Range<usize>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            location: String::new(),
            source: source.clone(),
            span,
            state: None,
            field: None,
            help: None,
        }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same as a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Whether the file cannot be used because of this.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Line and column of the first wrong byte, both counted from one.
    pub fn line_column(&self) -> (usize, usize) {
        self.source.line_column(self.span.start)
    }

    /// The diagnostic for people: what is wrong, where, the line itself with the place marked, and
    /// the mend. Ends with a line break.
    pub fn render(&self, style: Style) -> String {
        let (line, column) = self.line_column();
        let paint = |code: &str, text: &str| match style {
            Style::Plain => text.to_owned(),
            Style::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        };
        let severity = match self.severity {
            Severity::Error => paint("1;31", "error"),
            Severity::Warning => paint("1;33", "warning"),
        };
        let mut message = self.message.clone();
        if !self.location.is_empty() {
            message.push_str(" at ");
            message.push_str(&self.location);
        }
        let message = paint("1", &message);
        let code = self.code;
        let gutter = " ".repeat(line.to_string().len());
        let (arrow, bar) = (paint("34", "-->"), paint("34", "|"));
        let mut out = format!("{severity}[{code}]: {message}\n");
        out += &format!("{gutter}{arrow} {}:{line}:{column}\n", self.source.name);
        if let Some((excerpt, before, marked)) = self.excerpt() {
            let caret = paint("1;31", &"^".repeat(marked));
            let number = paint("34", &line.to_string());
            out += &format!("{number} {bar} {excerpt}\n");
            out += &format!("{gutter} {bar} {}{caret}\n", " ".repeat(before));
        }
        if let Some(help) = &self.help {
            out += &format!("{gutter} {} {help}\n", paint("36", "= help:"));
        }
        out
    }

    /// The line around the first wrong byte, how many characters stand before it, and how many of
    /// the line are marked. `None` for an empty text.
    fn excerpt(&self) -> Option<(String, usize, usize)> {
        let text = &self.source.text;
        if text.trim().is_empty() {
            return None;
        }
        let mut start = self.span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line = text[line_start..line_end].trim_end_matches('\r');
        let before = text[line_start..start].chars().count();
        let end = self.span.end.clamp(start, line_start + line.len().max(start - line_start));
        let marked = text.get(start..end).map_or(1, |marked| marked.chars().count()).max(1);
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        // Long lines are cut around the place, so that minified definitions stay readable.
        let skipped = if before > EXCERPT_MAX / 2 && line.chars().count() > EXCERPT_MAX {
            before - EXCERPT_MAX / 2
        } else {
            0
        };
        let excerpt: String = line.chars().skip(skipped).take(EXCERPT_MAX).map(clean).collect();
        let before = before - skipped;
        Some((excerpt, before, marked.min(EXCERPT_MAX.saturating_sub(before)).max(1)))
    }
}

/// `file:line:column: message at location`, on one line.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}: {}", self.source.name, self.message)?;
        if !self.location.is_empty() {
            write!(f, " at {}", self.location)?;
        }
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// For editors and CI: the members of AWS's diagnostic, then file, line, column and the rest.
impl serde::Serialize for Diagnostic {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (line, column) = self.line_column();
        let mut out = serializer.serialize_struct("Diagnostic", 12)?;
        out.serialize_field("severity", self.severity.name())?;
        out.serialize_field("code", self.code)?;
        out.serialize_field("message", &self.message)?;
        out.serialize_field("location", &self.location)?;
        out.serialize_field("file", &*self.source.name)?;
        out.serialize_field("line", &line)?;
        out.serialize_field("column", &column)?;
        out.serialize_field("start", &self.span.start)?;
        out.serialize_field("end", &self.span.end)?;
        out.serialize_field("state", &self.state.as_deref())?;
        out.serialize_field("field", &self.field.as_deref())?;
        out.serialize_field("help", &self.help)?;
        out.end()
    }
}

impl Severity {
    /// AWS's word for it: `ERROR` or `WARNING`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
        }
    }
}

/// The one of `known` that `text` was probably meant to be, for a did-you-mean.
pub fn closest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // One mistake in three letters; of shorter names only the case may be wrong.
    let allowed = (text.chars().count() / 3).min(4);
    let text_folded = text.to_lowercase();
    let distance = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let begins = candidate.starts_with(&text_folded) || text_folded.starts_with(&candidate);
        match begins && allowed > 0 && candidate.len().min(text.len()) >= 3 {
            true => 1.min(strsim::osa_distance(&text_folded, &candidate)),
            false => strsim::osa_distance(&text_folded, &candidate),
        }
    };
    known
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *candidate != text)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn rendered(text: &str, span: Range<usize>, expected: &str) {
        let source = Source::new("a.json", text);
        let diagnostic = Diagnostic::error(&source, span, "CODE", "wrong").with_help("mend it");
        assert_eq!(diagnostic.render(Style::Plain), expected);
    }

    #[test]
    fn the_place_is_marked() {
        rendered(
            "{\n  \"é\": 12\n}",
            10..12,
            "error[CODE]: wrong\n --> a.json:2:8\n2 |   \"é\": 12\n  |        ^^\n  = help: mend it\n",
        );
        rendered("", 0..0, "error[CODE]: wrong\n --> a.json:1:1\n  = help: mend it\n");
        rendered(
            "x",
            9..90,
            "error[CODE]: wrong\n --> a.json:1:2\n1 | x\n  |  ^\n  = help: mend it\n",
        );
    }

    #[test]
    fn json_has_the_members_of_the_api_first() {
        let source = Source::new("a.json", "{\n \"a\": 1}");
        let mut diagnostic = Diagnostic::error(&source, 8..9, "CODE", "wrong");
        diagnostic.location = "/a".to_owned();
        assert_eq!(
            serde_json::to_string(&diagnostic).unwrap(),
            r#"{"severity":"ERROR","code":"CODE","message":"wrong","location":"/a","file":"a.json","line":2,"column":7,"start":8,"end":9,"state":null,"field":null,"help":null}"#
        );
        let coloured = diagnostic.render(Style::Colour);
        assert!(coloured.starts_with("\u{1b}[1;31merror\u{1b}[0m[CODE]"), "{coloured:?}");
    }

    #[test]
    fn lines_and_columns_count_from_one() {
        let text = "é\n\nab\n";
        let source = Source::new("a", text);
        for offset in 0..=text.len() + 1 {
            assert_eq!(source.line_column(offset), crate::json::line_column(text, offset));
        }
        assert_eq!(Source::new("a", "").line_column(0), (1, 1));
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!("{}BAD{}", "a".repeat(10_000), "b".repeat(10_000));
        let source = Source::new("a", text);
        let shown = Diagnostic::error(&source, 10_000..10_003, "C", "m").render(Style::Plain);
        assert!(shown.lines().all(|line| line.len() < 120), "{shown}");
        assert!(shown.contains("aBADb"), "{shown}");
    }

    #[test]
    fn names_that_nearly_fit_are_proposed() {
        let known = ["Next", "InputPath", "OutputPath"];
        assert_eq!(closest("Nxet", known), Some("Next"));
        assert_eq!(closest("inputpath", known), Some("InputPath"));
        assert_eq!(closest("Frobnicate", known), None);
        assert_eq!(closest("Next", known), None);
    }
}
