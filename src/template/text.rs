//! Texts that are put together from pieces of files, and where each piece came from.
//!
//! A definition in a template is spelled with escapes, indented in a block, cut into the parts of a
//! `Fn::Join`, and holds what something else was replaced by. Whoever finds a mistake in the text
//! that comes out of it wants to be led to the place in the file.

use std::ops::Range;
use std::sync::Arc;

use super::spelling;
use crate::diagnostic::{Diagnostic, Source};

/// A text that knows where its parts come from.
#[derive(Clone, Debug, Default)]
pub struct Text {
    text: String,
    /// In the order of the text, without gaps.
    pieces: Vec<Piece>,
}

/// A part of a [`Text`], up to where the next one begins.
#[derive(Clone, Debug)]
struct Piece {
    /// Where it begins in the text.
    at: usize,
    source: Arc<Source>,
    origin: Range<usize>,
    /// Whether byte for byte stands in the file; else the whole stands for the whole.
    exact: bool,
}

impl Text {
    /// A text that stands for all of `origin`.
    pub(super) fn of(text: impl Into<String>, source: &Arc<Source>, origin: Range<usize>) -> Self {
        let piece = Piece { at: 0, source: source.clone(), origin, exact: false };
        Self { text: text.into(), pieces: vec![piece] }
    }

    /// The whole text of a file.
    pub(super) fn file(source: &Arc<Source>) -> Self {
        let origin = 0..source.text.len();
        let piece = Piece { at: 0, source: source.clone(), origin, exact: true };
        Self { text: source.text.to_string(), pieces: vec![piece] }
    }

    /// The value of a scalar that is spelled at `origin`, with quotes, escapes and indentation.
    pub(super) fn spelled(text: &str, source: &Arc<Source>, origin: Range<usize>) -> Self {
        let mut pieces = Vec::new();
        for part in spelling::align(text, &source.text, origin) {
            let spelling::Part { at, origin, exact } = part;
            pieces.push(Piece { at, source: source.clone(), origin, exact });
        }
        Self { text: text.to_owned(), pieces }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The file that most of it comes from: that of its longest piece.
    pub fn source(&self) -> Option<&Arc<Source>> {
        let ends = self.pieces.iter().skip(1).map(|piece| piece.at).chain([self.text.len()]);
        let longest = self.pieces.iter().zip(ends).max_by_key(|(piece, end)| end - piece.at);
        longest.map(|(piece, _)| &piece.source)
    }

    /// Appends a text.
    pub(super) fn push(&mut self, other: &Self) {
        self.push_part(other, 0..other.text.len());
    }

    /// Appends text that stands for all of `origin`.
    pub(super) fn push_str(&mut self, text: &str, source: &Arc<Source>, origin: Range<usize>) {
        if !text.is_empty() {
            let at = self.text.len();
            self.pieces.push(Piece { at, source: source.clone(), origin, exact: false });
            self.text.push_str(text);
        }
    }

    /// Appends a part of a text.
    pub(super) fn push_part(&mut self, other: &Self, part: Range<usize>) {
        if part.is_empty() {
            return;
        }
        let first = other.pieces.partition_point(|piece| piece.at <= part.start).saturating_sub(1);
        for piece in other.pieces[first..].iter().take_while(|piece| piece.at < part.end) {
            let skipped = part.start.saturating_sub(piece.at);
            let mut piece = piece.clone();
            piece.at = (piece.at + skipped) - part.start + self.text.len();
            if piece.exact {
                piece.origin.start += skipped;
            }
            self.pieces.push(piece);
        }
        self.text.push_str(&other.text[part]);
    }

    /// The part of the text in `range`.
    pub(super) fn part(&self, range: Range<usize>) -> Self {
        let mut out = Self::default();
        out.push_part(self, range);
        out
    }

    /// The text with each `${name}` replaced by what `fill` answers for it; where that is nothing,
    /// it stays.
    pub(super) fn replace<'f>(&self, fill: impl Fn(&str) -> Option<&'f str>) -> Option<Self> {
        let mut out = Self::default();
        let mut copied = 0;
        for (range, name) in placeholders(&self.text) {
            let Some(value) = fill(name) else { continue };
            out.push_part(self, copied..range.start);
            let (source, origin) = self.origin(range.clone());
            out.push_str(value, &source, origin);
            copied = range.end;
        }
        if copied == 0 {
            return None;
        }
        out.push_part(self, copied..self.text.len());
        Some(out)
    }

    /// Where a part of the text comes from.
    pub fn origin(&self, part: Range<usize>) -> (Arc<Source>, Range<usize>) {
        let Some(last) = self.pieces.len().checked_sub(1) else {
            return (Source::new("", ""), 0..0);
        };
        let holding = |at: usize| {
            let index = self.pieces.partition_point(|piece| piece.at <= at).saturating_sub(1);
            &self.pieces[index.min(last)]
        };
        let first = holding(part.start);
        let start = match first.exact {
            true => first.origin.start + (part.start - first.at),
            false => first.origin.start,
        };
        let ending = holding(part.end.saturating_sub(1).max(part.start));
        let end = match ending.exact {
            true => ending.origin.start + part.end.saturating_sub(ending.at),
            false => ending.origin.end,
        };
        match Arc::ptr_eq(&first.source, &ending.source) && end >= start {
            true => (first.source.clone(), start..end.min(first.source.text.len())),
            false => (first.source.clone(), start..first.origin.end.max(start)),
        }
    }

    /// A diagnostic about this text, as one about the files that it comes from.
    pub fn locate(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        if !self.pieces.is_empty() {
            (diagnostic.source, diagnostic.span) = self.origin(diagnostic.span);
        }
        diagnostic
    }
}

/// The `${name}` of a text; a name holds no braces and does not begin with `!`, which marks what
/// `Fn::Sub` leaves alone.
pub(super) fn placeholders(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + text[from..].find("${")?;
            from = start + 2;
            let end = from + text[from..].find(['}', '{', '\n'])?;
            let name = text[from..end].trim();
            if text[end..].starts_with('}') && !name.is_empty() && !name.starts_with('!') {
                from = end + 1;
                return Some((start..from, name));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lead_back_to_their_files() {
        let a = Source::new("a", "one ${X} two");
        let b = Source::new("b", "[three]");
        let mut text = Text::file(&a).replace(|name| (name == "X").then_some("filled")).unwrap();
        assert_eq!(text.as_str(), "one filled two");
        text.push(&Text::file(&b).part(1..6));
        assert_eq!(text.as_str(), "one filled twothree");
        let origin = |part: Range<usize>| {
            let (source, span) = text.origin(part);
            format!("{} {}", source.name, &source.text[span])
        };
        assert_eq!(origin(0..3), "a one");
        assert_eq!(origin(5..7), "a ${X}");
        assert_eq!(origin(11..14), "a two");
        assert_eq!(origin(2..14), "a e ${X} two");
        assert_eq!(origin(15..17), "b hr");
        assert_eq!(origin(19..19), "b ");
        assert_eq!(origin(12..17), "a wo");
    }

    #[test]
    fn placeholders_are_names_in_braces() {
        let names = |text| placeholders(text).map(|(_, name)| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(
            names("${A} ${ B.C }${!D} ${} ${a{b} ${AWS::Region}"),
            ["A", "B.C", "AWS::Region"]
        );
        assert_eq!(names("${A"), [""; 0]);
    }
}
