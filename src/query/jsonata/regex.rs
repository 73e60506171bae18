//! Regular expressions of the ECMAScript dialect, on UTF-16 code units.
//!
//! The matcher is our own because its work must be bounded: with the published ones, a pattern
//! such as `(a+)+$` runs for ever.

mod compile;
mod parse;
mod run;

use std::fmt;

use super::error::Fault;
use compile::Program;
use run::{Exhausted, Machine};

/// A compiled regular expression literal.
pub(super) struct Regex {
    /// The pattern between the slashes.
    pub source: String,
    ignore_case: bool,
    multiline: bool,
    program: Program,
}

/// A match: offsets count UTF-16 code units.
pub(super) struct Match {
    pub text: String,
    pub start: usize,
    pub end: usize,
    pub groups: Vec<Option<String>>,
}

/// A text in the form in which it is searched.
pub(super) enum Subject<'t> {
    /// Bytes, characters and UTF-16 code units are the same here.
    Ascii(&'t str),
    Units(Vec<u16>),
}

impl Regex {
    /// Compiles a pattern with the flags `i` and `m`.
    pub fn new(pattern: &str, flags: &str) -> Result<Self, Box<Fault>> {
        let (ignore_case, multiline) = (flags.contains('i'), flags.contains('m'));
        if flags.len() > usize::from(ignore_case) + usize::from(multiline) {
            return Err(Fault::host(format!(
                "Invalid flags supplied to RegExp constructor '{flags}g'"
            )));
        }
        let parsed = parse::parse(pattern).map_err(|problem| {
            let flags = flag_text(ignore_case, multiline);
            Fault::host(format!("Invalid regular expression: /{pattern}/{flags}: {problem}"))
        })?;
        let program = compile::compile(&parsed);
        Ok(Self { source: pattern.to_owned(), ignore_case, multiline, program })
    }

    /// The literal as JavaScript prints it.
    pub fn literal(&self) -> String {
        format!("/{}/{}", self.source, flag_text(self.ignore_case, self.multiline))
    }

    /// The first match at or after `from`. What the search costs is taken from `fuel`.
    pub fn find(
        &self,
        subject: &Subject<'_>,
        from: usize,
        fuel: &mut u64,
    ) -> Result<Option<Match>, Box<Fault>> {
        let (ignore_case, multiline) = (self.ignore_case, self.multiline);
        let mut machine = Machine::new(&self.program, subject, ignore_case, multiline, *fuel);
        let found = machine.search(from);
        *fuel = machine.fuel;
        let captures = match found {
            Ok(Some(captures)) => captures,
            Ok(None) => return Ok(None),
            Err(Exhausted) => return Err(Fault::too_long()),
        };
        let bounds = |group: usize| Some((captures[group * 2]?, captures[group * 2 + 1]?));
        let (start, end) = bounds(0).unwrap_or((from, from));
        let groups = (1..=self.program.groups)
            .map(|group| bounds(group).map(|(start, end)| subject.slice(start, end)));
        Ok(Some(Match { text: subject.slice(start, end), start, end, groups: groups.collect() }))
    }
}

fn flag_text(ignore_case: bool, multiline: bool) -> &'static str {
    match (ignore_case, multiline) {
        (false, false) => "g",
        (true, false) => "gi",
        (false, true) => "gm",
        (true, true) => "gim",
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.literal())
    }
}

impl<'t> Subject<'t> {
    pub fn new(text: &'t str) -> Self {
        if text.is_ascii() { Self::Ascii(text) } else { Self::Units(text.encode_utf16().collect()) }
    }

    /// The length in UTF-16 code units.
    pub fn len(&self) -> usize {
        match self {
            Self::Ascii(text) => text.len(),
            Self::Units(units) => units.len(),
        }
    }

    fn unit(&self, at: usize) -> u16 {
        match self {
            Self::Ascii(text) => u16::from(text.as_bytes()[at]),
            Self::Units(units) => units[at],
        }
    }

    /// The text between two offsets; the end may lie beyond the text.
    pub fn slice(&self, start: usize, end: usize) -> String {
        let end = end.min(self.len());
        let start = start.min(end);
        match self {
            Self::Ascii(text) => text[start..end].to_owned(),
            Self::Units(units) => String::from_utf16_lossy(&units[start..end]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The match and its groups, as text.
    fn find(pattern: &str, flags: &str, text: &str) -> Option<Vec<String>> {
        let regex = Regex::new(pattern, flags).unwrap_or_else(|_| panic!("{pattern}"));
        let found = regex.find(&Subject::new(text), 0, &mut 100_000).unwrap()?;
        let groups = found.groups.into_iter().map(|group| group.unwrap_or("-".into()));
        Some([found.text].into_iter().chain(groups).collect())
    }

    #[test]
    fn patterns_match_like_ecmascript() {
        for (pattern, flags, text, expected) in [
            ("a|ab", "", "xab", &["a"][..]),
            ("((a)|(ab))((c)|(bc))", "", "abc", &["abc", "a", "a", "-", "bc", "-", "bc"]),
            ("(z)((a+)?(b+)?(c))*", "", "zaacbbbcac", &["zaacbbbcac", "z", "ac", "a", "-", "c"]),
            ("(?=(a+))a*b\\1", "", "baaabac", &["aba", "a"]),
            ("(.*?)a(?!(a+)b\\2c)\\2(.*)", "", "baaabaac", &["baaabaac", "ba", "-", "abaac"]),
            ("(?<=\\$)\\d+(\\.\\d*)?", "", "a$10.5", &["10.5", ".5"]),
            ("(?<!\\$)\\b\\d+", "", "$10 20", &["20"]),
            ("(?<=(\\d)(\\d+))x", "", "123x", &["x", "1", "23"]),
            ("(?<year>\\d{4})-\\k<year>", "", "2020-2020", &["2020-2020", "2020"]),
            ("a{2,3}?", "", "aaaa", &["aa"]),
            ("(a*)*", "", "b", &["", "-"]),
            ("(?:a?)*?b", "", "aab", &["aab"]),
            ("[^\\W\\d]+", "", "12ab_3", &["ab_"]),
            ("[a-c-e]+", "", "x-eb", &["-eb"]),
            ("[\\b]", "", "a\u{8}", &["\u{8}"]),
            ("^b", "m", "a\nb", &["b"]),
            ("É[à-ü]", "i", "éÀ", &["éÀ"]),
            ("\\x41\\u0042\\103\\cJ", "", "ABC\n", &["ABC\n"]),
            ("a{,2}{", "", "a{,2}{", &["a{,2}{"]),
            ("\\8\\k]}", "", "8k]}", &["8k]}"]),
            (".", "", "\n\u{2028}😀", &["\u{fffd}"]),
            ("\\s+", "", "a\u{a0}\u{feff}b", &["\u{a0}\u{feff}"]),
        ] {
            let found = find(pattern, flags, text).unwrap_or_else(|| panic!("{pattern}"));
            assert_eq!(found, expected, "{pattern}");
        }
        assert_eq!(find("a$", "", "a\n"), None);
        assert_eq!(find("[]", "", "a"), None);
    }

    #[test]
    fn bad_patterns_are_refused_in_the_words_of_v8() {
        for (pattern, problem) in [
            ("a**", "Nothing to repeat"),
            ("{1}", "Nothing to repeat"),
            ("(", "Unterminated group"),
            (")", "Unmatched ')'"),
            ("(?a)", "Invalid group"),
            ("[a", "Unterminated character class"),
            ("[b-a]", "Range out of order in character class"),
            ("a{2,1}", "numbers out of order in {} quantifier"),
            ("\\", "\\ at end of pattern"),
            ("(?<1>a)", "Invalid capture group name"),
            ("(?<a>)(?<a>)", "Duplicate capture group name"),
            ("(?<a>)\\k<b>", "Invalid named capture referenced"),
        ] {
            let Err(fault) = Regex::new(pattern, "i") else { panic!("{pattern}") };
            let expected = format!("Invalid regular expression: /{pattern}/gi: {problem}");
            assert_eq!(fault.finish().message, expected);
        }
    }

    #[test]
    fn searches_that_explode_end() {
        for pattern in ["(a+)+$", "(a|a)*$", "(?:.*)*.*x", "(?=(a+)+$)b", "(a*)*\\1b"] {
            let regex = Regex::new(pattern, "").unwrap_or_else(|_| panic!("{pattern}"));
            let text = format!("{}!", "a".repeat(5_000));
            assert!(regex.find(&Subject::new(&text), 0, &mut 1_000_000).is_err(), "{pattern}");
        }
        assert!(Regex::new(&"(".repeat(100_000), "").is_err());
    }
}
