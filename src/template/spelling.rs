//! How a scalar is spelled in its file: which bytes of the file are which bytes of its value.

use std::ops::Range;

/// A part of a value, up to where the next one begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Where it begins in the value.
    pub(super) at: usize,
    /// The bytes of the file that spell it.
    pub(super) origin: Range<usize>,
    /// Whether file and value have the same bytes there.
    pub(super) exact: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// JSON strings and YAML's double quotes.
    Double,
    Single,
    /// Plain scalars and blocks.
    Bare,
}

/// The parts of `value`, which is spelled at `span` of `file`. What cannot be followed is a part as
/// a whole, so there is always an answer.
pub(super) fn align(value: &str, file: &str, span: Range<usize>) -> Vec<Part> {
    let Some(spelled) = file.get(span.clone()) else {
        return vec![Part { at: 0, origin: span, exact: false }];
    };
    // A span begins behind the indentation of a block's first line.
    let line = file[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let indent = span.start - line;
    let style = style_of(value, spelled);
    let mut aligner = Aligner {
        spelled,
        at: usize::from(style != Style::Bare),
        begin: span.start,
        indent: file[line..span.start].chars().all(|c| c == ' ').then_some(indent),
        parts: Vec::new(),
    };
    for (at, c) in value.char_indices() {
        if aligner.step(at, c, style, &value[at + c.len_utf8()..]).is_none() {
            let origin = (span.start + aligner.at).min(span.end)..span.end;
            aligner.parts.push(Part { at, origin, exact: false });
            break;
        }
    }
    if aligner.parts.is_empty() {
        aligner.parts.push(Part { at: 0, origin: span, exact: false });
    }
    aligner.parts
}

fn style_of(value: &str, spelled: &str) -> Style {
    let quoted = |quote: char| {
        let first = spelled.lines().next().unwrap_or_default();
        spelled.len() > 1
            && spelled.starts_with(quote)
            && spelled.ends_with(quote)
            && !value.starts_with(first.trim_end())
    };
    match () {
        () if quoted('"') => Style::Double,
        () if quoted('\'') => Style::Single,
        () => Style::Bare,
    }
}

struct Aligner<'s> {
    spelled: &'s str,
    /// How far the spelling is followed.
    at: usize,
    /// Where the spelling begins in the file.
    begin: usize,
    /// How far a block is indented, where it may be one.
    indent: Option<usize>,
    parts: Vec<Part>,
}

impl Aligner<'_> {
    fn rest(&self) -> &str {
        self.spelled.get(self.at..).unwrap_or_default()
    }

    /// Follows one character of the value; `after` is what comes behind it.
    fn step(&mut self, at: usize, c: char, style: Style, after: &str) -> Option<()> {
        match style {
            Style::Double if self.rest().starts_with('\\') => {
                self.skip_continuation();
                if self.rest().starts_with('\\') {
                    let length = escape_length(self.rest(), c);
                    return self.inexact(at, length);
                }
            }
            Style::Single if c == '\'' && self.rest().starts_with("''") => {
                return self.inexact(at, 2);
            }
            _ => {}
        }
        if c == '\n' && self.rest().starts_with("\r\n") {
            self.at += 1;
        }
        if self.rest().starts_with(c) && !(c == ' ' && self.folds()) {
            self.exact(at, c.len_utf8());
            if c == '\n' {
                self.skip_indent(after);
            }
            return Some(());
        }
        // A line break that became a space, or blank lines that became line breaks.
        let folded = self.rest().bytes().take_while(u8::is_ascii_whitespace).count();
        if folded > 0 && self.rest()[folded..].starts_with(c) {
            // Of the line breaks of a folded blank line, one is left.
            self.at += folded;
            self.exact(at, c.len_utf8());
            return Some(());
        }
        if folded == 0 || !matches!(c, ' ' | '\n') {
            return None;
        }
        self.inexact(at, folded)
    }

    /// Whether the spaces that come next end their line, so that they are folded away.
    fn folds(&self) -> bool {
        let rest = self.rest().trim_start_matches(' ');
        rest.starts_with(['\n', '\r']) && self.indent.is_none()
    }

    fn exact(&mut self, at: usize, length: usize) {
        let start = self.begin + self.at;
        self.at += length;
        if let Some(last) = self.parts.last_mut()
            && last.exact
            && last.origin.end == start
        {
            last.origin.end += length;
            return;
        }
        self.parts.push(Part { at, origin: start..start + length, exact: true });
    }

    fn inexact(&mut self, at: usize, length: usize) -> Option<()> {
        let start = self.begin + self.at;
        let length = length.min(self.rest().len());
        self.at += length;
        self.parts.push(Part { at, origin: start..start + length, exact: false });
        (length > 0).then_some(())
    }

    /// Leaves out the indentation of the next line of a block; `after` is the value's next line.
    fn skip_indent(&mut self, after: &str) {
        let spaces = |text: &str| text.bytes().take_while(|byte| *byte == b' ').count();
        let (spelled, kept) = (spaces(self.rest()), spaces(after));
        self.at += spelled.saturating_sub(kept);
    }

    /// Leaves out a line break that a backslash takes back.
    fn skip_continuation(&mut self) {
        while let Some(rest) =
            self.rest().strip_prefix('\\').map(|rest| rest.trim_start_matches('\r'))
            && rest.starts_with('\n')
        {
            self.at = self.spelled.len() - rest.trim_start().len();
        }
    }
}

/// How long the escape at the beginning of `spelled` is, which stands for `c`.
fn escape_length(spelled: &str, c: char) -> usize {
    match spelled.as_bytes().get(1) {
        Some(b'u') if c.len_utf16() == 2 => 12,
        Some(b'u') => 6,
        Some(b'x') => 4,
        Some(b'U') => 10,
        _ => 1 + spelled[1..].chars().next().map_or(0, char::len_utf8),
    }
}

#[cfg(test)]
mod tests {
    use crate::document::Document;

    /// Every word of the value must lead to the same word in the file.
    #[track_caller]
    fn check(name: &str, text: &str) {
        let document = Document::parse_template(name, text).unwrap();
        let node = document.root.get("k").unwrap();
        let value = node.as_str().unwrap();
        let spelled = super::super::text::Text::spelled(value, &document.source, node.span.clone());
        let mut from = 0;
        for word in value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()) {
            let at = from + value[from..].find(word).unwrap();
            from = at + word.len();
            let (source, span) = spelled.origin(at..from);
            assert_eq!(&source.text[span.clone()], word, "{name}: {value:?} at {at}, {span:?}");
        }
    }

    #[test]
    fn scalars_are_followed_word_by_word() {
        check(
            "a.json",
            r#"{"k": "{\"one\": \"two\",\n \u00e9\ud83d\ude00 three \\ four/\/five}"}"#,
        );
        check("a.yaml", "k: |\n  {\n    \"one\": 1,\n\n    \"two\": [\n      three ]\n  }\n");
        check(
            "a.yaml",
            "k: |-\n    {\"one\": 1,\n  \n     two}\nz: 1\n".replace("  \n", "\n").as_str(),
        );
        check("a.yaml", "k: >-\n  one\n  two three\n\n  four\n    five\n  six\n");
        check("a.yaml", "k: one two\n  three\n  four\n");
        check("a.yaml", "k: 'it''s one'' two\n  three'\n");
        check("a.yaml", "k: \"one \\\n  two\\tthree\\x2d \\U0001F600 four\n  five\\\"six\"\n");
        check("a.yaml", "k: |\r\n  one\r\n  two\r\n   three\r\n");
        check("a.yaml", "k: |\n  \"one\"\n  two \"three\"\n");
        check("a.yaml", "k: \"\\\"one\\\": two\"\n");
        check("a.yaml", "k:\n  one two\n");
    }
}
