//! Replaces known secrets: one pass over the bytes, whatever they are nested in.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use super::scan::Secrets;
use super::{Kind, pseudonym};
use crate::json;

/// Replaces the secrets of texts that belong together, wherever they stand in them.
#[derive(Debug)]
pub struct Replacer {
    /// `None` where there is no secret.
    searcher: Option<AhoCorasick>,
    /// By the number of the pattern.
    secrets: Vec<Secret>,
    counts: BTreeMap<Kind, u64>,
}

#[derive(Debug)]
struct Secret {
    kind: Kind,
    around: Around,
    pseudonym: String,
}

/// What may stand beside a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    /// Anything: no text holds it by chance.
    Anything,
    /// No digit: it is digits, or a number with a fraction.
    NoDigit,
    /// No letter or digit, and it is no name of a member: it is a word.
    NoWord,
    /// It is a whole string.
    Quotes,
}

/// How deep JSON is nested in strings at most, as far as a secret with quotes is looked for.
const LEVELS: usize = 4;

/// How many bytes of secrets have the faster automaton.
const DENSE_MAX: usize = 16_384;

impl Replacer {
    pub(super) fn new(secrets: &Secrets, key: &[u8]) -> Self {
        let mut patterns = Vec::new();
        let mut known = Vec::new();
        for (value, kind) in secrets.iter() {
            let around = around(value, kind);
            let pseudonym = pseudonym::of(kind, value, key);
            for form in forms(value) {
                patterns.push(form);
                known.push(Secret { kind, around, pseudonym: pseudonym.clone() });
            }
        }
        let build = || {
            let mut builder = AhoCorasick::builder();
            // The faster automaton takes memory for every byte of every secret.
            let long = patterns.iter().map(String::len).sum::<usize>() > DENSE_MAX;
            let kind = long.then_some(AhoCorasickKind::ContiguousNFA);
            let built = builder.match_kind(MatchKind::LeftmostLongest).kind(kind).build(&patterns);
            built.expect("the patterns are fewer than 2^31, as long as memory holds them")
        };
        let searcher = (!patterns.is_empty()).then(build);
        Self { searcher, secrets: known, counts: BTreeMap::new() }
    }

    /// The text without the secrets that were found in any of the texts.
    pub fn replace(&mut self, text: &str) -> String {
        let Some(searcher) = &self.searcher else { return text.to_owned() };
        let mut out = String::with_capacity(text.len() + 64);
        let (mut copied, mut from) = (0, 0);
        while let Some(found) = searcher.find(Input::new(text).range(from..)) {
            let secret = &self.secrets[found.pattern().as_usize()];
            if secret.around.allows(text.as_bytes(), found.start(), found.end()) {
                out.push_str(&text[copied..found.start()]);
                out.push_str(&secret.pseudonym);
                *self.counts.entry(secret.kind).or_default() += 1;
                (copied, from) = (found.end(), found.end());
            } else {
                // A shorter one may begin within what only looked like this one.
                from = text.ceil_char_boundary(found.start() + 1);
            }
        }
        out.push_str(&text[copied..]);
        out
    }

    /// How many places were replaced so far, by kind.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.iter().map(|(kind, count)| (kind.name().to_owned(), *count)).collect()
    }
}

/// A value as it stands in plain text, in a string, and in JSON within strings.
fn forms(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    for _ in 0..LEVELS {
        let last = &forms[forms.len() - 1];
        let mut next = String::new();
        json::write_string(&mut next, last);
        let next = next[1..next.len() - 1].to_owned();
        if next == *last {
            break;
        }
        forms.push(next);
    }
    // Some writers escape what need not be: `/`, and everything beyond ASCII.
    let escaped = ascii(value);
    for slashes in ["\\/", "\\\\/", "\\\\\\/"] {
        if value.contains('/') {
            forms.push(value.replace('/', slashes));
        }
    }
    if escaped != value {
        let again = escaped.replace('\\', "\\\\");
        forms.extend([escaped, again]);
    }
    forms
}

fn ascii(value: &str) -> String {
    let mut out = String::new();
    let mut buffer = [0; 2];
    for c in value.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            c.encode_utf16(&mut buffer).iter().for_each(|u| out.push_str(&format!("\\u{u:04x}")));
        }
    }
    out
}

fn around(value: &str, kind: Kind) -> Around {
    let letters = value.bytes().all(|byte| byte.is_ascii_alphabetic());
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match value.len() {
        _ if kind == Kind::Account => Around::NoDigit,
        len if number && len >= 6 => Around::NoDigit,
        _ if digits => Around::Quotes,
        len if len >= 13 || (len >= 6 && !letters) => Around::Anything,
        _ => Around::NoWord,
    }
}

impl Around {
    fn allows(self, text: &[u8], start: usize, end: usize) -> bool {
        let at = |index: Option<usize>| index.and_then(|i| text.get(i)).copied().unwrap_or(b' ');
        let (before, after) = (at(start.checked_sub(1)), at(Some(end)));
        let escape = before.is_ascii_alphabetic() && at(start.checked_sub(2)) == b'\\';
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80;
        match self {
            Self::Anything => true,
            Self::NoDigit => {
                // No number stands behind these: `AWSLogs/210987654321.20240502.gz`.
                let name = b"/-_:".contains(&before) && !is_number(text, start);
                let fraction = before == b'.' && at(start.checked_sub(2)).is_ascii_digit()
                    || after == b'.' && at(Some(end + 1)).is_ascii_digit() && !name;
                !before.is_ascii_digit()
                    && !after.is_ascii_digit()
                    && !fraction
                    && !ends_uuid(text, start, end)
            }
            Self::NoWord => (escape || !word(before)) && !word(after) && !is_key(text, end),
            Self::Quotes => before == b'"' && matches!(after, b'"' | b'\\') && !is_key(text, end),
        }
    }
}

/// Whether the digits that begin here are those of a number of JSON, and of no string.
fn is_number(text: &[u8], start: usize) -> bool {
    let head = text[..start].strip_suffix(b"-").unwrap_or(&text[..start]).trim_ascii_end();
    match head.split_last() {
        Some((b':', head)) => head.trim_ascii_end().ends_with(b"\""),
        Some((byte, _)) => b"[,".contains(byte),
        None => true,
    }
}

/// Whether these digits are the last group of a UUID.
pub(super) fn ends_uuid(text: &[u8], start: usize, end: usize) -> bool {
    let Some(head) = start.checked_sub(24).and_then(|from| text.get(from..start)) else {
        return false;
    };
    end - start == 12
        && head.iter().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether the string that ends here is the name of a member.
fn is_key(text: &[u8], end: usize) -> bool {
    let rest = text[end..].iter().skip_while(|byte| **byte == b'\\');
    let mut rest = rest.skip_while(|byte| **byte == b'"');
    let quoted = matches!(text.get(end), Some(b'"' | b'\\'));
    quoted && rest.find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}
