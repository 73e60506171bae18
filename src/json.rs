//! The JSON text format: reading with positions, writing, measuring.
//!
//! One reader serves payloads ([`parse`]) and documents whose places matter ([`parse_spanned`]).
//! It refuses what RFC 8259 refuses, duplicate keys, and nesting beyond [`MAX_DEPTH`], so that no
//! input can exhaust the stack.

use std::fmt;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use crate::value::{Map, Number, Value};

/// The deepest nesting that is read; also the default of the JSON library AWS's services use.
pub const MAX_DEPTH: usize = 1_000;

/// Why a text is not the JSON this reader takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The byte offset of the trouble.
    pub offset: usize,
    /// What is wrong there, as a lowercase fragment.
    pub message: String,
}

/// A JSON value whose every node and key knows its place in the text.
#[derive(Clone, Debug)]
pub struct Spanned {
    /// The bytes of the text that spell this value.
    pub span: Range<usize>,
    /// The value.
    pub data: SpannedData,
}

/// The kinds of [`Spanned`].
#[derive(Clone, Debug)]
pub enum SpannedData {
    /// `null`, a boolean, a number or a string.
    Scalar(Value),
    /// The elements of an array.
    Array(Vec<Spanned>),
    /// Key, span of the key, member; duplicates are kept, for the reader to report.
    Object(Vec<(Arc<str>, Range<usize>, Spanned)>),
}

/// Reads a whole text as one value.
pub fn parse(text: &str) -> Result<Value, JsonError> {
    parse_to(MAX_DEPTH, text)
}

/// Reads a whole text as one value that nests at most so many levels. Each takes its part of the
/// stack: `most` should not be far from [`MAX_DEPTH`].
pub(crate) fn parse_to(most: usize, text: &str) -> Result<Value, JsonError> {
    let mut reader = Reader { text, bytes: text.as_bytes(), position: 0, most };
    let value = reader.value(0)?;
    reader.end()?;
    Ok(value)
}

/// Reads a whole text, keeping the place of every node. Duplicate keys are left to the caller.
pub fn parse_spanned(text: &str) -> Result<Spanned, JsonError> {
    let mut reader = Reader { text, bytes: text.as_bytes(), position: 0, most: MAX_DEPTH };
    let value = reader.spanned(0)?;
    reader.end()?;
    Ok(value)
}

/// The offset of the first bracket of a text that opens more than `most` levels. It takes no stack
/// to find out, and whether the text is JSON does not matter.
pub(crate) fn deeper_than(most: usize, text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                if depth > most {
                    return Some(at);
                }
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Line and column of a byte offset, both counted from one, the column in characters.
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// Appends the compact text of `value`.
pub fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (i, (key, member)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(out, key);
                out.push(':');
                write(out, member);
            }
            out.push('}');
        }
    }
}

/// Appends the text of `value` over several lines; `indent` is the depth of the first line.
pub fn write_pretty(out: &mut String, value: &Value, indent: usize) {
    let line = |out: &mut String, indent: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", indent));
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                line(out, indent + 1);
                write_pretty(out, item, indent + 1);
            }
            line(out, indent);
            out.push(']');
        }
        Value::Object(members) if !members.is_empty() => {
            out.push('{');
            for (i, (key, member)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                line(out, indent + 1);
                write_string(out, key);
                out.push_str(": ");
                write_pretty(out, member, indent + 1);
            }
            line(out, indent);
            out.push('}');
        }
        _ => write(out, value),
    }
}

/// Appends `text` in quotes, escaped.
pub fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut clean = 0;
    for (at, byte) in text.bytes().enumerate() {
        if escape_len(byte) == 1 {
            continue;
        }
        out.push_str(&text[clean..at]);
        clean = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[clean..]);
    out.push('"');
}

/// How many bytes [`write_string`] would append.
pub fn escaped_len(text: &str) -> usize {
    2 + text.bytes().map(escape_len).sum::<usize>()
}

/// The longest beginning of a text of which [`write_string`] appends at most so many bytes, the
/// quotes not counted.
pub fn escaped_prefix(text: &str, mut room: usize) -> &str {
    for (mut at, byte) in text.bytes().enumerate() {
        match room.checked_sub(escape_len(byte)) {
            Some(left) => room = left,
            None => {
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                return &text[..at];
            }
        }
    }
    text
}

fn escape_len(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
    /// How deep it may nest.
    most: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        match self.peek() {
            Some(b'[') => {
                let mut items = Vec::new();
                self.sequence(b']', depth, |reader| {
                    items.push(reader.value(depth + 1)?);
                    Ok(())
                })?;
                Ok(Value::from(items))
            }
            Some(b'{') => {
                let mut members = Map::default();
                self.sequence(b'}', depth, |reader| {
                    let (key, span) = reader.key()?;
                    let member = reader.value(depth + 1)?;
                    if members.insert(key, member).is_some() {
                        let key = &reader.text[span.clone()];
                        return Err(fail(span.start, format!("key {key} occurs twice")));
                    }
                    Ok(())
                })?;
                Ok(Value::from(members))
            }
            _ => self.scalar(),
        }
    }

    fn spanned(&mut self, depth: usize) -> Result<Spanned, JsonError> {
        let first = self.peek();
        let start = self.position;
        let data = match first {
            Some(b'[') => {
                let mut items = Vec::new();
                self.sequence(b']', depth, |reader| {
                    items.push(reader.spanned(depth + 1)?);
                    Ok(())
                })?;
                SpannedData::Array(items)
            }
            Some(b'{') => {
                let mut members = Vec::new();
                self.sequence(b'}', depth, |reader| {
                    let (key, span) = reader.key()?;
                    members.push((key, span, reader.spanned(depth + 1)?));
                    Ok(())
                })?;
                SpannedData::Object(members)
            }
            _ => SpannedData::Scalar(self.scalar()?),
        };
        Ok(Spanned { span: start..self.position, data })
    }

    /// Reads what stands between the bracket at the position and `close`, commas included.
    fn sequence(
        &mut self,
        close: u8,
        depth: usize,
        mut element: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        if depth >= self.most {
            let most = self.most;
            return Err(fail(self.position, format!("nesting is deeper than {most} levels")));
        }
        self.position += 1;
        if self.peek() == Some(close) {
            self.position += 1;
            return Ok(());
        }
        loop {
            element(self)?;
            match self.peek() {
                Some(b',') => self.position += 1,
                Some(byte) if byte == close => {
                    self.position += 1;
                    return Ok(());
                }
                _ => {
                    let close = close as char;
                    return Err(self.unexpected(&format!("`,` or `{close}`")));
                }
            }
        }
    }

    fn key(&mut self) -> Result<(Arc<str>, Range<usize>), JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a key in double quotes"));
        }
        let start = self.position;
        let key = self.string()?;
        let span = start..self.position;
        if self.peek() != Some(b':') {
            return Err(self.unexpected("`:`"));
        }
        self.position += 1;
        Ok((key, span))
    }

    fn scalar(&mut self) -> Result<Value, JsonError> {
        match self.peek() {
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                let rest = &self.bytes[self.position..];
                for (word, value) in
                    [("null", Value::Null), ("true", true.into()), ("false", false.into())]
                {
                    let ends = !rest.get(word.len()).is_some_and(u8::is_ascii_alphanumeric);
                    if rest.starts_with(word.as_bytes()) && ends {
                        self.position += word.len();
                        return Ok(value);
                    }
                }
                Err(self.unexpected("a value"))
            }
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.position;
        if self.bytes[self.position] == b'-' {
            self.position += 1;
        }
        let leading_zero = self.bytes.get(self.position) == Some(&b'0');
        let whole = self.digits();
        let mut valid = whole == 1 || (whole > 1 && !leading_zero);
        if self.bytes.get(self.position) == Some(&b'.') {
            self.position += 1;
            valid &= self.digits() > 0;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.position) {
            self.position += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.position) {
                self.position += 1;
            }
            valid &= self.digits() > 0;
        }
        let text = &self.text[start..self.position];
        if !valid {
            return Err(fail(start, format!("`{text}` is not a JSON number")));
        }
        Ok(Value::Number(Number::from_text(text)))
    }

    fn digits(&mut self) -> usize {
        let start = self.position;
        while self.bytes.get(self.position).is_some_and(u8::is_ascii_digit) {
            self.position += 1;
        }
        self.position - start
    }

    fn string(&mut self) -> Result<Arc<str>, JsonError> {
        let start = self.position;
        self.position += 1;
        let clean = self.position;
        loop {
            match self.bytes.get(self.position) {
                Some(b'"') => {
                    let text = &self.text[clean..self.position];
                    self.position += 1;
                    return Ok(Arc::from(text));
                }
                Some(b'\\') => break,
                Some(byte) if *byte >= 0x20 => self.position += 1,
                Some(_) => {
                    return Err(fail(self.position, "control character in a string".into()));
                }
                None => return Err(fail(start, "string without closing quote".into())),
            }
        }
        let mut out = String::from(&self.text[clean..self.position]);
        loop {
            let rest = &self.bytes[self.position..];
            let plain = rest
                .iter()
                .position(|b| matches!(b, b'"' | b'\\') || *b < 0x20)
                .unwrap_or(rest.len());
            out.push_str(&self.text[self.position..self.position + plain]);
            self.position += plain;
            match self.bytes.get(self.position) {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(Arc::from(out));
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => {
                    return Err(fail(self.position, "control character in a string".into()));
                }
                None => return Err(fail(start, "string without closing quote".into())),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.position;
        self.position += 2;
        Ok(match self.bytes.get(start + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex(start)?;
                match first {
                    0xd800..0xdc00 if self.bytes[self.position..].starts_with(b"\\u") => {
                        let low_at = self.position;
                        self.position += 2;
                        match self.hex(low_at)? {
                            low @ 0xdc00..0xe000 => {
                                let code = 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00);
                                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
                            }
                            _ => {
                                // Half a pair: the second escape stands for itself.
                                self.position = low_at;
                                char::REPLACEMENT_CHARACTER
                            }
                        }
                    }
                    _ => char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER),
                }
            }
            _ => return Err(fail(start, "unknown escape in a string".into())),
        })
    }

    fn hex(&mut self, escape: usize) -> Result<u32, JsonError> {
        let digits = self.bytes.get(self.position..self.position + 4);
        let digits = digits.filter(|d| d.iter().all(u8::is_ascii_hexdigit));
        let code = digits
            .and_then(|_| self.text.get(self.position..self.position + 4))
            .and_then(|text| u32::from_str_radix(text, 16).ok())
            .ok_or_else(|| fail(escape, "`\\u` needs four hexadecimal digits".into()))?;
        self.position += 4;
        Ok(code)
    }

    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.position) {
            self.position += 1;
        }
        self.bytes.get(self.position).copied()
    }

    fn end(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the end of the text")),
        }
    }

    fn unexpected(&self, wanted: &str) -> JsonError {
        let found = match self.text[self.position..].chars().next() {
            Some(char) => format!("`{}`", char.escape_debug()),
            None => "the end of the text".into(),
        };
        fail(self.position, format!("expected {wanted}, found {found}"))
    }
}

fn fail(offset: usize, message: String) -> JsonError {
    JsonError { offset, message }
}

impl Spanned {
    /// The value without its places; of duplicate keys the last one wins.
    pub fn to_value(&self) -> Value {
        match &self.data {
            SpannedData::Scalar(value) => value.clone(),
            SpannedData::Array(items) => Value::array(items.iter().map(Self::to_value)),
            SpannedData::Object(members) => Value::object(
                members.iter().map(|(key, _, member)| (key.clone(), member.to_value())),
            ),
        }
    }
}

impl JsonError {
    /// The message with line and column in `text`.
    pub fn locate(&self, text: &str) -> String {
        let (line, column) = line_column(text, self.offset);
        format!("{} at line {line} column {column}", self.message)
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.message, self.offset)
    }
}

impl std::error::Error for JsonError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, offset: usize, message: &str) {
        let error = parse(text).unwrap_err();
        assert_eq!((error.offset, error.message.as_str()), (offset, message));
    }

    #[test]
    fn refusals_name_the_place() {
        refused("", 0, "expected a value, found the end of the text");
        refused("{\"a\":1,}", 7, "expected a key in double quotes, found `}`");
        refused("{\"a\":1,\"a\":2}", 7, "key \"a\" occurs twice");
        refused("[1 2]", 3, "expected `,` or `]`, found `2`");
        refused("01", 0, "`01` is not a JSON number");
        refused("1.", 0, "`1.` is not a JSON number");
        refused("nullx", 0, "expected a value, found `n`");
        refused("\"a", 0, "string without closing quote");
        refused("\"\\x\"", 1, "unknown escape in a string");
        refused("\"\\u12g4\"", 1, "`\\u` needs four hexadecimal digits");
        refused("1 1", 2, "expected the end of the text, found `1`");
        refused(&"[".repeat(10_000), 1_000, "nesting is deeper than 1000 levels");
    }

    #[test]
    fn escapes_are_read() {
        let text = parse(r#""\u00e9\ud83d\ude00\/\ud83dx""#).unwrap();
        assert_eq!(text.as_str(), Some("é😀/\u{fffd}x"));
    }

    #[test]
    fn spans_cover_keys_and_values() {
        let text = "{ \"a\" : [1, \"x\"] }";
        let SpannedData::Object(members) = parse_spanned(text).unwrap().data else { panic!() };
        let (_, key, member) = &members[0];
        assert_eq!((&text[key.clone()], &text[member.span.clone()]), ("\"a\"", "[1, \"x\"]"));
        assert_eq!(line_column("a\nbé c", 6), (2, 4));
    }
}
