//! JSON and JSON Lines files as items, one element at a time.

use std::io::{BufRead, Read};
use std::sync::Arc;

use super::failure::{ReadError, reader_failed};
use super::item::{Compression, Item, Source, open};
use super::objects::Body;
use crate::json;
use crate::value::Value;

/// The longest line, and by far longer than any input of an execution may be.
const LINE_BYTES: u64 = 16 * 1024 * 1024;
/// How far into a file `ItemsPointer` may lead (developer guide, "ItemReader").
const POINTER_REACH: usize = 16 * 1024 * 1024;
/// The longest `ItemsPointer` (developer guide, "ItemReader").
const POINTER_CHARS: usize = 2_000;
/// The largest compressed JSON file after decompression.
const UNPACKED_BYTES: u64 = 1024 * 1024 * 1024;

/// A file that holds one array or object. Its elements are read one by one, so that a large file
/// costs no more than its bytes.
#[derive(Debug)]
pub(super) struct JsonItems {
    body: Body,
    position: usize,
    close: u8,
    /// Whether the array or object is the whole file; with ItemsPointer it is a part of it.
    whole: bool,
    begun: bool,
    done: bool,
}

impl JsonItems {
    /// Opens a file as `ReaderConfig` says; the position is that of `ItemsPointer`.
    pub(super) fn open(body: Body, config: &Value) -> Result<Self, ReadError> {
        let body = unpacked(body)?;
        let mut start =
            skip_blanks(&body, if body.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 });
        if let Some(pointer) = config.get("ItemsPointer").and_then(Value::as_str) {
            start = point(&body, start, pointer)?;
        }
        let close = match body.get(start) {
            Some(b'[') => b']',
            Some(b'{') => b'}',
            Some(_) => return Err(reader_failed("Attempting to map over non-iterable node.")),
            None => return Err(reader_failed("The JSON file is empty.")),
        };
        let whole = config.get("ItemsPointer").is_none();
        Ok(Self { body, position: start + 1, close, whole, begun: false, done: false })
    }

    pub(super) fn next(&mut self) -> Result<Option<Item>, ReadError> {
        if self.done {
            return Ok(None);
        }
        let mut at = skip_blanks(&self.body, self.position);
        if self.body.get(at) == Some(&self.close) {
            self.done = true;
            let rest = skip_blanks(&self.body, at + 1);
            return match self.whole && rest < self.body.len() {
                true => Err(invalid(rest, "something follows the value")),
                false => Ok(None),
            };
        }
        if self.begun {
            at = expect(&self.body, at, b',')?;
        }
        self.begun = true;
        let mut key = None;
        if self.close == b'}' {
            let (name, after) = key_at(&self.body, at)?;
            key = Some(name);
            at = after;
        }
        let end = skip_value(&self.body, at)?;
        let value = parse(&self.body, at, end)?;
        self.position = end;
        Ok(Some(Item { value, key, source: None }))
    }
}

/// A file with one JSON text per line; empty lines do not count.
pub(super) struct JsonLines {
    source: Source,
    line: Vec<u8>,
    number: u64,
}

impl std::fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonLines").field("number", &self.number).finish_non_exhaustive()
    }
}

impl JsonLines {
    pub(super) fn open(body: Body) -> Result<Self, ReadError> {
        Ok(Self { source: open(body)?, line: Vec::new(), number: 0 })
    }

    pub(super) fn next(&mut self) -> Result<Option<Value>, ReadError> {
        loop {
            self.line.clear();
            let mut limited = (&mut self.source).take(LINE_BYTES);
            let read = limited.read_until(b'\n', &mut self.line);
            if read.map_err(|error| reader_failed(error.to_string()))? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.line.len() as u64 == LINE_BYTES {
                let cause = format!("Line {} is longer than {LINE_BYTES} bytes.", self.number);
                return Err(reader_failed(cause));
            }
            let line = self.line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let broken = |what: String| {
                reader_failed(format!("Line {} is not valid JSON: {what}", self.number))
            };
            let text = std::str::from_utf8(line).map_err(|error| broken(error.to_string()))?;
            return match json::parse(text) {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(broken(error.message)),
            };
        }
    }
}

fn unpacked(body: Body) -> Result<Body, ReadError> {
    if Compression::of(&body) == Compression::None {
        return Ok(body);
    }
    let mut bytes = Vec::new();
    let read = open(body)?.take(UNPACKED_BYTES).read_to_end(&mut bytes);
    match read.map_err(|error| reader_failed(error.to_string()))? as u64 {
        UNPACKED_BYTES => Err(reader_failed("The compressed JSON file is too large.")),
        _ => Ok(bytes.into()),
    }
}

fn invalid(offset: usize, what: &str) -> ReadError {
    reader_failed(format!("The JSON file is not valid: {what} at byte {offset}."))
}

fn parse(body: &[u8], start: usize, end: usize) -> Result<Value, ReadError> {
    let text = std::str::from_utf8(&body[start..end])
        .map_err(|error| invalid(start + error.valid_up_to(), "bytes that are no UTF-8"))?;
    json::parse(text).map_err(|error| invalid(start + error.offset, &error.message))
}

fn skip_blanks(body: &[u8], at: usize) -> usize {
    let rest = body.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// Steps over `byte`, which must come next, and the blanks around it.
fn expect(body: &[u8], at: usize, byte: u8) -> Result<usize, ReadError> {
    let at = skip_blanks(body, at);
    match body.get(at) {
        Some(found) if *found == byte => Ok(skip_blanks(body, at + 1)),
        _ => Err(invalid(at, &format!("expected `{}`", byte as char))),
    }
}

/// The key at `at`, and where its value begins.
fn key_at(body: &[u8], at: usize) -> Result<(Arc<str>, usize), ReadError> {
    if body.get(at) != Some(&b'"') {
        return Err(invalid(at, "expected a key in double quotes"));
    }
    let end = skip_string(body, at)?;
    match parse(body, at, end)? {
        Value::String(key) => Ok((key, expect(body, end, b':')?)),
        _ => Err(invalid(at, "expected a key in double quotes")),
    }
}

/// Where the string at `at` ends.
fn skip_string(body: &[u8], at: usize) -> Result<usize, ReadError> {
    let mut end = at + 1;
    while let Some(byte) = body.get(end) {
        match byte {
            b'"' => return Ok(end + 1),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    Err(invalid(body.len(), "a string without an end"))
}

/// Where the value at `at` ends; what is inside is checked when it is parsed.
fn skip_value(body: &[u8], at: usize) -> Result<usize, ReadError> {
    let (mut end, mut depth) = (at, 0_usize);
    while let Some(byte) = body.get(end) {
        match byte {
            b'"' => {
                end = skip_string(body, end)?;
                if depth == 0 {
                    return Ok(end);
                }
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth == 0 => return Ok(end),
            b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Ok(end + 1);
                }
            }
            b',' if depth == 0 => return Ok(end),
            _ => {}
        }
        end += 1;
    }
    Err(invalid(body.len(), "the file ends too early"))
}

/// Where the value begins that a JSON pointer (RFC 6901) leads to.
fn point(body: &[u8], start: usize, pointer: &str) -> Result<usize, ReadError> {
    let lost = || reader_failed(format!("ItemsPointer {pointer} does not lead to a value."));
    if pointer.chars().count() >= POINTER_CHARS {
        return Err(reader_failed(format!(
            "ItemsPointer must be under {POINTER_CHARS} characters."
        )));
    }
    let Some(path) = pointer.strip_prefix('/') else {
        return if pointer.is_empty() { Ok(start) } else { Err(lost()) };
    };
    let mut at = start;
    for token in path.split('/') {
        let token = token.replace("~1", "/").replace("~0", "~");
        at = step(body, at, &token)?.ok_or_else(lost)?;
    }
    if at > POINTER_REACH {
        return Err(reader_failed("ItemsPointer must lead into the first 16 MB of the file."));
    }
    Ok(at)
}

/// Where the element or member called `token` begins, of the value at `at`.
fn step(body: &[u8], at: usize, token: &str) -> Result<Option<usize>, ReadError> {
    let close = match body.get(at) {
        Some(b'[') => b']',
        Some(b'{') => b'}',
        _ => return Ok(None),
    };
    let mut at = skip_blanks(body, at + 1);
    let mut index = 0_usize;
    while body.get(at) != Some(&close) {
        let mut found = index.to_string() == token;
        if close == b'}' {
            let (key, value) = key_at(body, at)?;
            found = *key == *token;
            at = value;
        }
        if found {
            return Ok(Some(at));
        }
        at = skip_blanks(body, skip_value(body, at)?);
        if body.get(at) != Some(&close) {
            at = expect(body, at, b',')?;
        }
        index += 1;
    }
    Ok(None)
}
