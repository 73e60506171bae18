//! Percent-encoding, as addresses and forms have it (RFC 3986, section 2.1).

use std::fmt::Write as _;

/// The bytes of a text whose `%xx` are read; a `%` before anything else is itself.
pub(crate) fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digit = |at: usize| char::from(*behind.get(at)?).to_digit(16);
        let escaped = (*first == b'%').then(|| Some(16 * digit(0)? + digit(1)?)).flatten();
        bytes.push(escaped.map_or(*first, |byte| byte as u8));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    bytes
}

/// Percent-encoded but for what needs not be anywhere.
pub(crate) fn encoded(text: &str) -> String {
    encoded_but(text, "")
}

/// The same, and without the characters of `also`.
pub(crate) fn encoded_but(text: &str, also: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        if plain || also.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[u8]) {
        assert_eq!(decoded(text), expected, "{text}");
    }

    #[test]
    fn what_is_escaped_is_read() {
        check("in%2Fa b%C3%A9.csv", "in/a b\u{e9}.csv".as_bytes());
        check("%2f%ff+", b"/\xff+");
        for text in ["100%", "%", "%4", "%zz", "%+1", "%\u{e9}"] {
            check(text, text.as_bytes());
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = "a b+c&d=e%20#f?\"'<:/\u{0}\n \u{e9} az-_.~";
        for also in ["", ":/"] {
            assert_eq!(decoded(&encoded_but(text, also)), text.as_bytes());
        }
        assert_eq!(encoded_but("a:b/c d", ":/"), "a:b/c%20d");
        assert_eq!(encoded("a:b/c\u{e9}"), "a%3Ab%2Fc%C3%A9");
    }
}
