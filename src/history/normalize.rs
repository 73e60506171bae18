//! Values that nobody can predict, and rules by which two texts count as equal without them.
//!
//! A rule never erases: it pairs what it covers, so that one execution's ARN may stand for the
//! other's throughout, but not for two different ones.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::HistoryEvent;

/// A named rule: which texts may differ between two histories of the same behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Amazon resource names, whole: account, region and names in them.
    Arns,
    /// Universally unique identifiers: request ids, execution names, `States.UUID`.
    Uuids,
    /// Task tokens: 64 and more base64 characters in a row.
    TaskTokens,
    /// ISO 8601 dates with times; any may stand for any.
    Timestamps,
    /// Account ids: twelve digits on their own. Only for recordings that were redacted, so that it
    /// is not among [`Rule::ALL`].
    Accounts,
}

/// Which texts of one history stand for which of the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairing<'h> {
    rules: &'h [Rule],
    /// Texts that stand for themselves, whatever the rules say.
    fixed: Fixed<'h>,
    /// Texts that only the actual side has made up; each stands for some text of the other.
    generated: Vec<Arc<str>>,
    forth: FxHashMap<Box<str>, Box<str>>,
    back: FxHashMap<Box<str>, Box<str>>,
}

/// The texts in a history's data that rules cover. They are looked for when one is first asked
/// about: that takes as long as a comparison does, and mostly nothing hangs on them.
#[derive(Clone, Debug, Default)]
pub(super) struct Fixed<'h> {
    events: &'h [HistoryEvent],
    texts: OnceCell<Rc<FxHashSet<Box<str>>>>,
}

/// A piece of an actual text.
#[derive(Clone, Copy)]
enum Piece<'t> {
    /// Made up for the actual history.
    Generated(&'t str),
    /// Anything else, with the rule that covers it.
    Plain(Option<Rule>, &'t str),
}

/// Texts of more pieces are not compared piece by piece.
const MAX_PIECES: usize = 200;
/// Before more pieces than this, the first possible end of a generated text is taken.
const MAX_TRIES: usize = 12;

impl Rule {
    /// Every rule that a user may name.
    pub const ALL: [Self; 4] = [Self::Arns, Self::Uuids, Self::TaskTokens, Self::Timestamps];

    /// The rule's name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arns => "arns",
            Self::Uuids => "uuids",
            Self::TaskTokens => "task-tokens",
            Self::Timestamps => "timestamps",
            Self::Accounts => "accounts",
        }
    }

    /// The rule with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// How many bytes of `text` the rule covers from its start, 0 for none.
    fn covers(self, text: &str) -> usize {
        let bytes = text.as_bytes();
        let run = |covered: fn(&u8) -> bool| bytes.iter().take_while(|b| covered(b)).count();
        match self {
            Self::Arns if text.starts_with("arn:") => {
                let length = run(|b| b.is_ascii_graphic() && !br#""'\,;()<>[]{}"#.contains(b));
                let colons = bytes[..length].iter().filter(|b| **b == b':').count();
                if colons >= 5 { length } else { 0 }
            }
            Self::Arns => 0,
            Self::Accounts => {
                let alone = !bytes.get(12).is_some_and(u8::is_ascii_alphanumeric);
                if alone { fits(bytes, "dddddddddddd") } else { 0 }
            }
            Self::Uuids => fits(bytes, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
            Self::TaskTokens => {
                let length = run(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b));
                if length >= 64 { length } else { 0 }
            }
            Self::Timestamps => {
                let day_and_time = fits(bytes, "dddd-dd-ddTdd:dd:dd");
                if day_and_time == 0 {
                    return 0;
                }
                let rest = &bytes[day_and_time..];
                let fraction = match rest.first() {
                    Some(b'.') => 1 + rest[1..].iter().take_while(|b| b.is_ascii_digit()).count(),
                    _ => 0,
                };
                let zone = &rest[fraction..];
                let zone = match zone.first() {
                    Some(b'Z') => 1,
                    _ => fits(zone, "sdd:dd"),
                };
                day_and_time + fraction + zone
            }
        }
    }
}

/// The length of the pattern where the bytes start like it, else 0: `x` is a hexadecimal digit,
/// `d` a decimal one, `s` a sign, all else itself.
fn fits(bytes: &[u8], pattern: &str) -> usize {
    let fits = pattern.len() <= bytes.len()
        && pattern.bytes().zip(bytes).all(|(pattern, byte)| match pattern {
            b'x' => byte.is_ascii_hexdigit(),
            b'd' => byte.is_ascii_digit(),
            b's' => b"+-".contains(byte),
            other => *byte == other,
        });
    if fits { pattern.len() } else { 0 }
}

impl<'h> Fixed<'h> {
    /// The texts of these events.
    pub fn of(events: &'h [HistoryEvent]) -> Self {
        Self { events, texts: OnceCell::new() }
    }

    fn contains(&self, text: &str, rules: &[Rule]) -> bool {
        let texts = self.texts.get_or_init(|| Rc::new(covered_texts(self.events, rules)));
        texts.contains(text)
    }
}

fn covered_texts(events: &[HistoryEvent], rules: &[Rule]) -> FxHashSet<Box<str>> {
    let mut found = FxHashSet::default();
    let mut add = |text: &str| {
        let covered = parts(rules, text).into_iter().filter(|(rule, _)| rule.is_some());
        found.extend(covered.map(|(_, text)| Box::from(text)));
    };
    for event in events {
        if let Some(payload) = event.payload() {
            add(&payload.to_string());
        }
        if let Some(cause) = event.failure().and_then(|failure| failure.cause.as_ref()) {
            add(cause);
        }
    }
    found
}

impl<'h> Pairing<'h> {
    pub fn new(rules: &'h [Rule], fixed: Fixed<'h>, generated: &[Arc<str>]) -> Self {
        let mut generated = generated.to_vec();
        // An ARN before the name that it ends with.
        generated.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let (forth, back) = (FxHashMap::default(), FxHashMap::default());
        Self { rules, fixed, generated, forth, back }
    }

    /// Whether the texts are equal but for what the rules cover; pairs what they cover.
    pub fn texts_match(&mut self, expected: &str, actual: &str) -> bool {
        expected == actual
            || (!self.rules.is_empty() && self.covered(expected, actual))
            || self.made_up(expected, actual)
    }

    /// Whether the texts differ only in what the rules cover.
    fn covered(&mut self, expected: &str, actual: &str) -> bool {
        let (expected, actual) = (parts(self.rules, expected), parts(self.rules, actual));
        let similar = expected.len() == actual.len()
            && expected.iter().zip(&actual).all(|(a, b)| match (a.0, b.0) {
                (None, None) => a.1 == b.1,
                (Some(Rule::Timestamps), Some(Rule::Timestamps)) => true,
                (Some(rule), Some(other)) => rule == other && self.may_pair(a.1, b.1),
                _ => false,
            });
        if similar {
            for ((rule, expected), (_, actual)) in expected.into_iter().zip(actual) {
                if rule.is_some_and(|rule| rule != Rule::Timestamps) {
                    self.forth.insert(expected.into(), actual.into());
                    self.back.insert(actual.into(), expected.into());
                }
            }
        }
        similar
    }

    /// Whether the actual text is the expected one with generated texts in it.
    fn made_up(&mut self, expected: &str, actual: &str) -> bool {
        let pieces = self.pieces(actual);
        let any = pieces.iter().any(|piece| matches!(piece, Piece::Generated(_)));
        if !any || pieces.len() > MAX_PIECES {
            return false;
        }
        let mut pairs = Vec::new();
        let matches = self.match_pieces(expected, &pieces, &mut pairs);
        if matches {
            for (stands_for, generated) in pairs {
                self.forth.insert(stands_for.into(), generated.into());
                self.back.insert(generated.into(), stands_for.into());
            }
        }
        matches
    }

    /// The text in pieces, generated and plain ones, the latter by rules.
    fn pieces<'t>(&self, text: &'t str) -> Vec<Piece<'t>> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            // The earliest, and of those the longest, which comes first in the list.
            let found = self.generated.iter().filter(|text| !text.is_empty());
            let found = found.filter_map(|text| Some((rest.find(&**text)?, text.len())));
            let (at, length) = found.min_by_key(|(at, _)| *at).unwrap_or((rest.len(), 0));
            let plain = parts(self.rules, &rest[..at]).into_iter();
            pieces.extend(plain.map(|(rule, text)| Piece::Plain(rule, text)));
            if length > 0 {
                pieces.push(Piece::Generated(&rest[at..at + length]));
            }
            rest = &rest[at + length..];
        }
        pieces
    }

    fn match_pieces<'t>(
        &self,
        expected: &'t str,
        pieces: &[Piece<'t>],
        pairs: &mut Vec<(&'t str, &'t str)>,
    ) -> bool {
        let Some((first, behind)) = pieces.split_first() else { return expected.is_empty() };
        let generated = match *first {
            Piece::Plain(rule, text) => {
                let other = rule.map_or(0, |rule| rule.covers(expected));
                let length = match expected.starts_with(text) {
                    true => text.len(),
                    false if other > 0 && !self.fixed.contains(text, self.rules) => other,
                    false => return false,
                };
                return self.match_pieces(&expected[length..], behind, pairs);
            }
            Piece::Generated(text) => text,
        };
        let pair = pairs.iter().find(|(_, actual)| *actual == generated).map(|pair| pair.0);
        if let Some(known) = pair.or(self.back.get(generated).map(|known| &**known)) {
            let rest = expected.strip_prefix(known);
            return rest.is_some_and(|rest| self.match_pieces(rest, behind, pairs));
        }
        // What it stands for ends where the text behind it goes on, or at the end.
        let next = match behind.first() {
            Some(Piece::Plain(None, text)) => Some(*text),
            _ => None,
        };
        let ends = expected.char_indices().map(|(at, _)| at).chain([expected.len()]).skip(1);
        for end in ends {
            let (stands_for, rest) = expected.split_at(end);
            let may_end = next.is_none_or(|next| rest.starts_with(next));
            if !may_end || self.forth.get(stands_for).is_some_and(|known| **known != *generated) {
                continue;
            }
            let known = pairs.len();
            pairs.push((stands_for, generated));
            if self.match_pieces(rest, behind, pairs) {
                return true;
            }
            pairs.truncate(known);
            if behind.len() > MAX_TRIES {
                return false;
            }
        }
        false
    }

    fn may_pair(&self, expected: &str, actual: &str) -> bool {
        if self.fixed.contains(actual, self.rules) {
            return false;
        }
        let forth = self.forth.get(expected).is_none_or(|known| **known == *actual);
        forth && self.back.get(actual).is_none_or(|known| **known == *expected)
    }
}

/// The text with a star in the place of all that the rules cover.
pub(crate) fn without_covered(rules: &[Rule], text: &str) -> String {
    let parts = parts(rules, text).into_iter();
    parts.map(|(rule, text)| if rule.is_some() { "*" } else { text }).collect()
}

/// The text in pieces, each with the rule that covers it.
pub(super) fn parts<'t>(rules: &[Rule], text: &'t str) -> Vec<(Option<Rule>, &'t str)> {
    let mut parts = Vec::new();
    let (mut plain, mut at) = (0, 0);
    let bytes = text.as_bytes();
    while at < text.len() {
        let starts_word = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let covered = match text.get(at..) {
            Some(rest) if starts_word => rules.iter().find_map(|rule| {
                let length = rule.covers(rest);
                (length > 0).then_some((*rule, length))
            }),
            _ => None,
        };
        match covered {
            None => at += 1,
            Some((rule, length)) => {
                if plain < at {
                    parts.push((None, &text[plain..at]));
                }
                parts.push((Some(rule), &text[at..at + length]));
                at += length;
                plain = at;
            }
        }
    }
    if plain < at {
        parts.push((None, &text[plain..]));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pairing: &mut Pairing<'_>, expected: &str, actual: &str, equal: bool) {
        assert_eq!(pairing.texts_match(expected, actual), equal, "{expected} / {actual}");
    }

    fn pairing(rules: &[Rule]) -> Pairing<'_> {
        Pairing::new(rules, Fixed::default(), &[])
    }

    const A: &str = "3f2504e0-4f89-11d3-9a0c-0305e82c3301";
    const B: &str = "9b2b3c1a-0000-4000-8000-1234567890ab";
    const C: &str = "00000000-0000-4000-8000-1234567890ab";

    #[test]
    fn a_text_stands_for_one_other_throughout() {
        let mut pairing = pairing(&Rule::ALL);
        check(&mut pairing, &format!("id {A}!"), &format!("id {B}!"), true);
        check(&mut pairing, A, B, true);
        check(&mut pairing, A, C, false);
        check(&mut pairing, C, B, false);
        check(&mut pairing, &format!("id {A}"), &format!("id {B}!"), false);
        check(&mut pairing, A, "x", false);
    }

    #[test]
    fn each_rule_covers_its_own() {
        let arn = |name| format!("arn:aws:states:eu-west-1:123456789012:execution:m:{name}");
        for (rule, expected, actual) in [
            (Rule::Arns, format!("[{}]", arn("a")), format!("[{}]", arn("b"))),
            (Rule::Uuids, A.into(), B.into()),
            (Rule::TaskTokens, format!("t={}", "A1+/".repeat(20)), format!("t={}", "b".repeat(64))),
            (Rule::Timestamps, "at 2024-01-01T00:00:00Z.".into(), {
                "at 2025-01-01T00:00:00.123+01:00.".into()
            }),
        ] {
            check(&mut pairing(&[rule]), &expected, &actual, true);
            check(&mut pairing(&[]), &expected, &actual, false);
            let others: Vec<_> = Rule::ALL.into_iter().filter(|other| *other != rule).collect();
            check(&mut pairing(&others), &expected, &actual, false);
            assert_eq!(Rule::parse(rule.name()), Some(rule));
        }
    }

    #[test]
    fn texts_that_are_no_ascii() {
        let mut pairing = pairing(&Rule::ALL);
        check(&mut pairing, &format!("é{A}ü"), &format!("é{B}ü"), true);
        check(&mut pairing, "arn:é", "arn:ü", false);
    }

    #[test]
    fn a_generated_text_stands_for_some_other() {
        let generated = ["token-1".into(), "arn:run".into(), "run".into()];
        let mut pairing = Pairing::new(&[], Fixed::default(), &generated);
        check(&mut pairing, "t=ABC;", "t=token-1;", true);
        check(&mut pairing, "ABC", "token-1", true);
        check(&mut pairing, "ABD", "token-1", false);
        check(&mut pairing, "x arn:aws:7 in 7", "x arn:run in run", true);
        check(&mut pairing, "x arn:aws:8 in 7", "x arn:run in run", false);
        check(&mut pairing, "7", "run", true);
        check(&mut pairing, "", "run", false);
    }

    #[test]
    fn data_stands_for_itself() {
        let texts = FxHashSet::from_iter([B.into()]);
        let fixed = Fixed { events: &[], texts: OnceCell::from(Rc::new(texts)) };
        let mut pairing = Pairing::new(&Rule::ALL, fixed, &[]);
        check(&mut pairing, A, B, false);
        check(&mut pairing, A, C, true);
    }
}
