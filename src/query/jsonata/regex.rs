//! Regular expressions of the ECMAScript dialect.

use std::fmt;

use super::error::Fault;

/// A compiled regular expression literal.
pub(super) struct Regex {
    /// The pattern between the slashes.
    pub source: String,
    flags: String,
    program: regress::Regex,
}

/// A match: offsets count UTF-16 code units.
pub(super) struct Match {
    pub text: String,
    pub start: usize,
    pub end: usize,
    pub groups: Vec<Option<String>>,
}

/// A text in the form in which it is searched.
pub(super) enum Subject<'t> {
    /// Bytes, characters and UTF-16 code units are the same here.
    Ascii(&'t str),
    Units(Vec<u16>),
}

impl Regex {
    /// Compiles a pattern with the flags `i` and `m`.
    pub fn new(pattern: &str, flags: &str) -> Result<Self, Box<Fault>> {
        if flags.matches('i').count() > 1 || flags.matches('m').count() > 1 {
            return Err(Fault::host(format!(
                "Invalid flags supplied to RegExp constructor '{flags}g'"
            )));
        }
        let program = regress::Regex::with_flags(pattern, flags).map_err(|error| {
            Fault::host(format!("Invalid regular expression: /{pattern}/{flags}g: {error}"))
        })?;
        Ok(Self { source: pattern.to_owned(), flags: flags.to_owned(), program })
    }

    /// The literal as JavaScript prints it.
    pub fn literal(&self) -> String {
        format!("/{}/g{}", self.source, self.flags)
    }

    /// The first match at or after `from`.
    pub fn find(&self, subject: &Subject<'_>, from: usize) -> Option<Match> {
        if from > subject.len() {
            return None;
        }
        let found = match subject {
            Subject::Ascii(text) => self.program.find_from_ascii(text, from).next(),
            Subject::Units(units) => self.program.find_from_ucs2(units, from).next(),
        }?;
        let groups = found.captures.iter().map(|range| {
            let range = range.as_ref()?;
            Some(subject.slice(range.start, range.end))
        });
        Some(Match {
            text: subject.slice(found.range.start, found.range.end),
            start: found.range.start,
            end: found.range.end,
            groups: groups.collect(),
        })
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.literal())
    }
}

impl<'t> Subject<'t> {
    pub fn new(text: &'t str) -> Self {
        if text.is_ascii() { Self::Ascii(text) } else { Self::Units(text.encode_utf16().collect()) }
    }

    /// The length in UTF-16 code units.
    pub fn len(&self) -> usize {
        match self {
            Self::Ascii(text) => text.len(),
            Self::Units(units) => units.len(),
        }
    }

    /// The text between two offsets; the end may lie beyond the text.
    pub fn slice(&self, start: usize, end: usize) -> String {
        let end = end.min(self.len());
        let start = start.min(end);
        match self {
            Self::Ascii(text) => text[start..end].to_owned(),
            Self::Units(units) => String::from_utf16_lossy(&units[start..end]),
        }
    }
}
