//! Base64 and URL encodings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::error::Fault;
use super::super::evaluate::Evaluator;
use super::super::item::{Evaluated, Item};
use super::{coerced_text, text};

/// The characters that `encodeURI` leaves alone besides those of `encodeURIComponent`.
const RESERVED: &str = ";/?:@&=+$,#";

/// Encodes the low byte of every UTF-16 code unit, as the reference does.
pub(super) fn base64_encode<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(str) = text(args, 0)? else { return Ok(Item::Undefined) };
    evaluator.rewrite(str.len())?;
    let bytes: Vec<u8> = str.encode_utf16().map(|unit| unit as u8).collect();
    Ok(Item::String(STANDARD.encode(bytes).into()))
}

/// Decodes to one character per byte. Characters outside both alphabets are passed over, and
/// everything from the first `=` on, as the reference does.
pub(super) fn base64_decode<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(str) = text(args, 0)? else { return Ok(Item::Undefined) };
    evaluator.rewrite(str.len())?;
    let (mut bits, mut held, mut decoded) = (0_u32, 0, String::new());
    for byte in str.bytes().take_while(|byte| *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            decoded.push(char::from((bits >> held) as u8));
        }
    }
    Ok(Item::String(decoded.into()))
}

pub(super) fn encode_url_component<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    encode(args, "", "encodeUrlComponent")
}

pub(super) fn encode_url<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    encode(args, RESERVED, "encodeUrl")
}

pub(super) fn decode_url_component<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    decode(args, "", "decodeUrlComponent")
}

pub(super) fn decode_url<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    decode(args, RESERVED, "decodeUrl")
}

fn encode<'e>(args: &[Item<'e>], kept: &str, name: &'static str) -> Evaluated<'e> {
    let Some(str) = coerced_text(args, 0) else { return Ok(Item::Undefined) };
    // What stands for a lone surrogate here cannot be encoded there.
    if str.contains('\u{fffd}') {
        return Err(malformed(&str, name));
    }
    let mut encoded = String::with_capacity(str.len());
    for byte in str.bytes() {
        let char = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-_.!~*'()".contains(char) || kept.contains(char) {
            encoded.push(char);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(Item::String(encoded.into()))
}

fn decode<'e>(args: &[Item<'e>], kept: &str, name: &'static str) -> Evaluated<'e> {
    let Some(str) = coerced_text(args, 0) else { return Ok(Item::Undefined) };
    let mut decoded: Vec<u8> = Vec::with_capacity(str.len());
    let mut rest = str.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first != b'%' {
            decoded.push(*first);
            rest = tail;
            continue;
        }
        let bytes = sequence(rest).ok_or_else(|| malformed(&str, name))?;
        let (escape, tail) = rest.split_at(bytes.len() * 3);
        match &*bytes {
            [single] if kept.contains(char::from(*single)) => decoded.extend_from_slice(escape),
            _ => decoded.extend_from_slice(&bytes),
        }
        rest = tail;
    }
    match String::from_utf8(decoded) {
        Ok(decoded) => Ok(Item::String(decoded.into())),
        Err(_) => Err(malformed(&str, name)),
    }
}

/// The bytes of one character that is written as escapes.
fn sequence(rest: &[u8]) -> Option<Vec<u8>> {
    let byte = |index: usize| {
        let escape = rest.get(index * 3..index * 3 + 3)?;
        let digits = std::str::from_utf8(escape.strip_prefix(b"%")?).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        u8::from_str_radix(digits, 16).ok()
    };
    let first = byte(0)?;
    let count = match first {
        0..0x80 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf8 => 4,
        _ => return None,
    };
    let bytes: Vec<u8> = (0..count).map(byte).collect::<Option<_>>()?;
    std::str::from_utf8(&bytes).is_ok().then_some(bytes)
}

fn malformed(str: &str, name: &'static str) -> Box<Fault> {
    Fault::new("D3140").value(Some(str.into())).with("functionName", Some(name.into()))
}
