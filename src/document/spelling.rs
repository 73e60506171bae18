//! Where the text of a JSON or YAML string spells each of its characters.
//!
//! Escapes are read; blanks are left out on both sides, since folding and indentation make others
//! of them: what remains of the spelling is, character by character, what remains of the string.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

/// The bytes of `spelled` where the UTF-16 units of `text` stand, one for each, and behind them the
/// place of its end: of a blank the place behind the character in front of it. They stop early where
/// `spelled` goes on to spell another text.
pub(super) fn places(spelled: &str, text: &str) -> Vec<usize> {
    let mut characters = Characters::new(spelled);
    let mut behind = characters.begin;
    let mut places = Vec::with_capacity(text.len() + 1);
    for wanted in text.chars() {
        let place = if wanted.is_whitespace() {
            behind
        } else {
            match characters.find(|(char, _)| !char.is_whitespace()) {
                Some((found, span)) if found == wanted => {
                    behind = span.end;
                    span.start
                }
                _ => return places,
            }
        };
        places.extend(std::iter::repeat_n(place, wanted.len_utf16()));
    }
    places.push(behind);
    places
}

/// The characters that a scalar spells, each with the bytes that spell it.
struct Characters<'s> {
    chars: Peekable<CharIndices<'s>>,
    /// `"` and `'`, or nothing for a plain or a block scalar.
    quote: Option<char>,
    begin: usize,
    end: usize,
}

impl<'s> Characters<'s> {
    fn new(spelled: &'s str) -> Self {
        let mut chars = spelled.char_indices().peekable();
        let quote = chars.next_if(|(_, char)| matches!(char, '"' | '\'')).map(|(_, char)| char);
        Self { chars, quote, begin: usize::from(quote.is_some()), end: spelled.len() }
    }

    fn here(&mut self) -> usize {
        self.chars.peek().map_or(self.end, |(at, _)| *at)
    }

    /// The character that the escape behind a backslash stands for.
    fn escape(&mut self) -> Option<char> {
        let (_, char) = self.chars.next()?;
        Some(match char {
            'u' => match self.hexadecimal(4)? {
                high @ 0xd800..0xdc00 => self.low_surrogate(high),
                unit => char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER),
            },
            'x' => char::from_u32(self.hexadecimal(2)?)?,
            'U' => char::from_u32(self.hexadecimal(8)?)?,
            'n' | 'r' | 't' | 'N' | '_' | 'L' | 'P' => ' ',
            'b' => '\u{8}',
            'f' => '\u{c}',
            '0' => '\0',
            'a' => '\u{7}',
            'e' => '\u{1b}',
            'v' => '\u{b}',
            other => other,
        })
    }

    fn hexadecimal(&mut self, digits: usize) -> Option<u32> {
        (0..digits).try_fold(0, |number, _| {
            let digit = self.chars.next()?.1.to_digit(16)?;
            Some(number * 16 + digit)
        })
    }

    /// The character of a surrogate pair whose first half has been read.
    fn low_surrogate(&mut self, high: u32) -> char {
        let before = self.chars.clone();
        let mut low = || {
            self.chars.next_if(|(_, char)| *char == '\\')?;
            self.chars.next_if(|(_, char)| *char == 'u')?;
            self.hexadecimal(4).filter(|low| (0xdc00..0xe000).contains(low))
        };
        match low() {
            Some(low) => char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)),
            None => {
                self.chars = before;
                None
            }
        }
        .unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

impl Iterator for Characters<'_> {
    type Item = (char, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let (start, char) = self.chars.next()?;
        let char = match (self.quote, char) {
            (Some('"'), '"') => return None,
            (Some('"'), '\\') => self.escape()?,
            (Some('\''), '\'') => self.chars.next_if(|(_, char)| *char == '\'')?.1,
            (_, char) => char,
        };
        Some((char, start..self.here()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spelled: &str, text: &str, part: &str, expected: &str) {
        let units = text[..text.find(part).unwrap()].encode_utf16().count();
        let places = places(spelled, text);
        assert_eq!(places.len(), text.encode_utf16().count() + 1, "{spelled}");
        assert_eq!(&spelled[places[units]..], expected, "{spelled}");
    }

    #[test]
    fn every_style_is_followed() {
        check(r#""{% a & b %}""#, "{% a & b %}", "b", "b %}\"");
        check(r#""\"\u00e9\ud83d\ude00\" &\n\tb""#, "\"é😀\" &\n\tb", "b", "b\"");
        check(r#""\ud83d\u00e9b""#, "\u{fffd}éb", "b", "b\"");
        check("'it''s b'", "it's b", "b", "b'");
        check("one\n    two\n    b\n", "one two b", "b", "b\n");
        check("one\n\n    é b\n", "one\n\né b\n", "b", "b\n");
        check("\"one \\\n   \\  b\"", "one  b", "b", "b\"");
        check("'a'", "a ", " ", "'");
    }

    #[test]
    fn both_units_of_a_character_stand_where_it_does() {
        assert_eq!(places("'😀b'", "😀b"), [1, 1, 5, 6]);
        assert_eq!(places(r#""\ud83d\ude00b""#, "😀b"), [1, 1, 13, 14]);
    }

    #[test]
    fn another_text_has_no_places() {
        assert!(places("\"${n} + b\"", "1 + b").is_empty());
        assert_eq!(places("\"ab", "abc"), [1, 2]);
    }
}
