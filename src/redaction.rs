//! Replaces what must not be kept: account ids, tokens, credentials, addresses of people.
//!
//! A [`Redactor`] looks for secrets in all texts that belong together, by their form and by the
//! names of the members that hold them, also in JSON within strings; its [`Replacer`] then replaces
//! each wherever it stands, so that a password is gone as well from the texts that were made of it.
//! Bytes that are no secret stay as they are.
//!
//! Equal values get equal pseudonyms of the same form: twelve digits stay twelve digits, ARNs stay
//! ARNs with the names in them, and a recording redacted as a whole still replays. Pseudonyms
//! depend on a key that is kept elsewhere: without it nobody can try out which account it was.
//!
//! ```
//! use stepproof::redaction::{Redactor, Rules, Text};
//!
//! let redactor = Redactor::new(Rules::default(), b"a key that is kept elsewhere");
//! let [definition, history] = [
//!     r#"{"Resource": "arn:aws:lambda:eu-west-1:210987654321:function:Charge"}"#,
//!     r#"{"input": "{\"password\":\"hunter2\",\"note\":\"say hunter2\"}"}"#,
//! ];
//! let mut replacer = redactor.replacer([Text::definition(definition), Text::data(history)]);
//! let definition = replacer.replace(definition);
//! assert!(definition.ends_with(":function:Charge\"}") && !definition.contains("210987654321"));
//! assert!(!replacer.replace(history).contains("hunter2"));
//! ```
//!
//! What it does not see: secrets that are encoded or hashed (Base64, `States.Hash`), cut in pieces,
//! or plain words under plain names. Rules of the user's say what else there is.

mod keys;
mod pseudonym;
mod replace;
mod rules;
mod scan;

pub use replace::Replacer;
pub use rules::{Rules, RulesError};

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

/// What a secret is, as manifests count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Account,
    AccessKey,
    Email,
    Token,
    Secret,
    Rule,
}

/// What manifests call the places where account ids were replaced.
pub const ACCOUNT_IDS: &str = "account ids";

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Account => ACCOUNT_IDS,
            Self::AccessKey => "access keys",
            Self::Email => "e-mail addresses",
            Self::Token => "tokens",
            Self::Secret => "secrets",
            Self::Rule => "by rule",
        }
    }
}

/// What is replaced, and by what.
#[derive(Clone, Debug)]
pub struct Redactor {
    scanner: scan::Scanner,
    key: Vec<u8>,
}

impl Redactor {
    /// A redactor that makes pseudonyms with this key: the same of the same value, wherever the key
    /// is the same.
    pub fn new(rules: Rules, key: &[u8]) -> Self {
        Self { scanner: scan::Scanner::new(rules), key: key.to_vec() }
    }

    /// Looks for secrets in all texts that belong together.
    pub fn replacer<'a>(&self, texts: impl IntoIterator<Item = Text<'a>>) -> Replacer {
        let mut secrets = scan::Secrets::default();
        texts.into_iter().for_each(|text| self.scanner.scan(text, &mut secrets));
        Replacer::new(&secrets, &self.key)
    }
}

#[cfg(test)]
mod tests;
