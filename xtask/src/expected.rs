//! Lists of what a target cannot do yet: data with a reason for each, run all the same, and wrong when they pass.

use std::path::Path;

use stepproof::matcher::glob;
use stepproof::target::{KnownCase, KnownCases};

/// The lists of one target.
#[derive(Default)]
pub struct Expected {
    entries: Vec<KnownCase>,
    not_attempted: Vec<KnownCase>,
}

/// How the names of a run compare with a list.
#[derive(Default)]
pub struct Verdict {
    /// Failed, and in the list.
    pub expected: Vec<(String, String)>,
    /// Failed, and not in the list.
    pub unexpected: Vec<String>,
    /// In the list, but passed.
    pub fixed: Vec<String>,
    /// Entries that match nothing that was run.
    pub dead: Vec<String>,
}

impl Expected {
    /// Reads the `[expected_failures]` table of a TOML file; an absent file is an empty list.
    pub fn read(path: &Path) -> Result<Self, String> {
        if !path.exists() {
            return Ok(Self::default());
        }
        Self::parse(&crate::read(path)?).map_err(|e| format!("`{}`: {e}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let KnownCases { failing, not_attempted, .. } = KnownCases::parse(text)?;
        Ok(Self { entries: failing, not_attempted })
    }

    /// Whether the case cannot be run on this target.
    pub fn is_not_attempted(&self, name: &str) -> bool {
        self.not_attempted.iter().any(|entry| glob(&entry.pattern, name))
    }

    /// Compares what passed and what failed with the list. `whole` says that nothing was filtered
    /// out, so that an entry without a match is dead.
    pub fn judge(&self, passed: &[String], failed: &[String], whole: bool) -> Verdict {
        let mut verdict = Verdict::default();
        for name in failed {
            match self.entries.iter().find(|e| glob(&e.pattern, name)) {
                Some(entry) => verdict.expected.push((name.clone(), entry.reason.clone())),
                None => verdict.unexpected.push(name.clone()),
            }
        }
        for entry in &self.entries {
            let holds = failed.iter().any(|name| glob(&entry.pattern, name));
            let passing: Vec<_> = passed.iter().filter(|name| glob(&entry.pattern, name)).collect();
            if passing.is_empty() && !holds && whole {
                verdict.dead.push(entry.pattern.clone());
            }
            verdict.fixed.extend(passing.into_iter().cloned());
        }
        verdict
    }
}

impl Verdict {
    /// Whether everything went as the list says.
    pub fn is_good(&self) -> bool {
        self.unexpected.is_empty() && self.fixed.is_empty() && self.dead.is_empty()
    }

    /// What is wrong, for people.
    pub fn print(&self, list: &str) {
        for (name, reason) in &self.expected {
            println!("expected failure: {name} ({reason})");
        }
        for name in &self.unexpected {
            println!("FAILED: {name}");
        }
        for name in &self.fixed {
            println!("PASSES NOW: {name}: take it out of {list}");
        }
        for pattern in &self.dead {
            println!("MATCHES NOTHING: `{pattern}` in {list}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("a/*", "a/b/c", true),
            ("*c", "a/b/c", true),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "a--c--b", false),
        ] {
            assert_eq!(glob(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_listed_case_that_passes_is_wrong() {
        let list = Expected::parse("[expected_failures]\n\"a/*\" = \"why\"\n\"z\" = \"gone\"\n");
        let verdict = list.unwrap().judge(&names(&["a/1"]), &names(&["a/2", "b"]), true);
        assert_eq!(verdict.fixed, ["a/1"]);
        assert_eq!(verdict.unexpected, ["b"]);
        assert_eq!(verdict.expected, [("a/2".to_owned(), "why".to_owned())]);
        assert_eq!(verdict.dead, ["z"]);
        assert!(!verdict.is_good());
    }

    #[test]
    fn every_entry_needs_a_reason() {
        assert!(Expected::parse("[expected_failures]\n\"a\" = \"\"\n").is_err());
    }
}
