//! What stands in the place of a secret: the same for the same value and key, in its form.

use sha2::{Digest, Sha256};

use super::Kind;

/// Digits that nobody foresees without the key.
struct Stream<'a> {
    key: &'a [u8],
    seed: [u8; 32],
    block: [u8; 32],
    used: usize,
    number: u64,
}

impl<'a> Stream<'a> {
    fn new(key: &'a [u8], kind: Kind, value: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update((key.len() as u64).to_be_bytes());
        hash.update(key);
        hash.update(kind.name());
        hash.update([0]);
        hash.update(value);
        let seed = hash.finalize().into();
        Self { key, seed, block: [0; 32], used: 32, number: 0 }
    }

    fn below(&mut self, limit: u8) -> u8 {
        if self.used == self.block.len() {
            let mut hash = Sha256::new();
            hash.update(self.seed);
            hash.update(self.key);
            hash.update(self.number.to_be_bytes());
            self.block = hash.finalize().into();
            self.number += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1] % limit
    }

    fn pick(&mut self, from: &[u8]) -> char {
        let limit = u8::try_from(from.len()).unwrap_or(u8::MAX);
        char::from(from[usize::from(self.below(limit))])
    }
}

const DIGITS: &[u8] = b"0123456789";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The pseudonym of a value. It holds nothing that JSON or TOML would have to escape.
pub(super) fn of(kind: Kind, value: &str, key: &[u8]) -> String {
    let mut stream = Stream::new(key, kind, value);
    match kind {
        // A number may not begin with 0, and an account id may stand as a number.
        Kind::Account => {
            let first = stream.pick(&DIGITS[1..]);
            std::iter::once(first).chain((1..12).map(|_| stream.pick(DIGITS))).collect()
        }
        Kind::AccessKey => {
            let rest = value.len().saturating_sub(4);
            value.chars().take(4).chain((0..rest).map(|_| stream.pick(BASE32))).collect()
        }
        Kind::Email => {
            let name: String = (0..10).map(|_| stream.pick(b"0123456789abcdef")).collect();
            let at = if value.contains('@') { "@" } else { "%40" };
            format!("person-{name}{at}example.com")
        }
        Kind::Token | Kind::Secret | Kind::Rule => {
            let number = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            value
                .chars()
                .enumerate()
                .map(|(i, c)| match c {
                    '0'..='9' if number && i == 0 => stream.pick(&DIGITS[1..]),
                    '0'..='9' => stream.pick(DIGITS),
                    'A'..='Z' => stream.pick(UPPER),
                    'a'..='z' => stream.pick(LOWER),
                    '"' | '\\' | '\'' | '/' => '_',
                    c if c.is_ascii_graphic() || c == ' ' => c,
                    _ => stream.pick(LOWER),
                })
                .collect()
        }
    }
}
