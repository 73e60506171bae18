//! Where a state stands, as scenarios write it: `Charge`, `Map[2]/Charge`, `Map[*]/*`,
//! `Child:Charge`.

use std::fmt;

use crate::matcher::glob;

/// A pattern for the place of a state in an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacePattern {
    text: String,
}

impl PlacePattern {
    /// The pattern that a scenario spells.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// Whether it leads into a branch, an iteration or another machine; a bare name does not.
    pub fn is_path(&self) -> bool {
        self.text.contains(']') && self.text.contains('/')
    }

    /// Whether the pattern means the state at `place`, such as `Map[2]/Charge`.
    ///
    /// `*` in an index stands for any index, elsewhere for any text within one segment.
    pub fn accepts(&self, place: &str) -> bool {
        if self.text == place {
            return true;
        }
        let (mut wanted, mut found) = (segments(&self.text), segments(place));
        loop {
            match (wanted.next(), found.next()) {
                (None, None) => return true,
                (Some(wanted), Some(found)) if glob(wanted, found) => {}
                _ => return false,
            }
        }
    }

    /// Whether the pattern means the state at `place`, or, being a bare name, one of that name
    /// anywhere.
    pub fn accepts_anywhere(&self, place: &str) -> bool {
        if self.is_path() {
            return self.accepts(place);
        }
        let name = segments(place).last().unwrap_or(place);
        self.accepts(place) || self.text == name || glob(&self.text, name)
    }
}

impl fmt::Display for PlacePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The parts of a place: a `/` separates only behind an index, since names may hold one too.
pub(super) fn segments(place: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(place);
    std::iter::from_fn(move || {
        let text = rest?;
        match text.find("]/") {
            Some(at) => {
                rest = Some(&text[at + 2..]);
                Some(&text[..at + 1])
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart() {
        for (pattern, place, exact, anywhere) in [
            ("Charge", "Charge", true, true),
            ("Charge", "Map[2]/Charge", false, true),
            ("Map[2]/Charge", "Map[2]/Charge", true, true),
            ("Map[*]/Charge", "Map[2]/Charge", true, true),
            ("Map[*]/Charge", "Map[2]/Inner[0]/Charge", false, false),
            ("Map[*]/*", "Map[2]/Charge", true, true),
            ("*", "Charge", true, true),
            ("*", "Map[2]/Charge", false, true),
            ("Get*", "Get order", true, true),
            ("Get*", "Forget", false, false),
            ("a/b", "a/b", true, true),
            ("Child:Charge", "Child:Charge", true, true),
        ] {
            let pattern = PlacePattern::new(pattern);
            assert_eq!(pattern.accepts(place), exact, "{pattern} {place}");
            assert_eq!(pattern.accepts_anywhere(place), anywhere, "{pattern} {place}");
        }
    }

    #[test]
    fn stars() {
        assert!(glob("a*c*e", "abcde"));
        assert!(glob("*", ""));
        assert!(!glob("a*c", "ab"));
        assert!(!glob("ab", "abc"));
        assert!(glob("arn:aws:lambda:*:charge", "arn:aws:lambda:us-east-1:1:function:charge"));
    }
}
