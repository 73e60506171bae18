//! What the user adds to the rules, in the section `[redaction]` of `stepproof.toml`.

use regex::bytes::Regex;
use serde::Deserialize;

use crate::query::jsonpath::Path;

/// What is redacted beside what stepproof knows, and what is not.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Names of members whose values are secret, in any case, wherever they stand.
    pub keys: Vec<String>,
    /// Where secret values stand in inputs, outputs and parameters.
    pub paths: Vec<Path>,
    /// What secret values look like.
    pub patterns: Vec<Regex>,
    /// Values that are left as they are.
    pub keep: Vec<String>,
}

/// A rule that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RulesError(String);

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Section {
    keys: Vec<String>,
    paths: Vec<String>,
    patterns: Vec<String>,
    keep: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    redaction: Section,
}

impl Rules {
    /// Reads `stepproof.toml`.
    ///
    /// # Errors
    ///
    /// When it is no TOML, or a rule has a wrong form.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        let file: File = toml::from_str(text)
            .map_err(|error| RulesError(error.to_string().trim_end().to_owned()))?;
        let Section { keys, paths, patterns, keep } = file.redaction;
        let paths = paths.iter().map(|path| {
            Path::parse(path)
                .map_err(|error| RulesError(format!("[redaction] paths: `{path}`: {error}")))
        });
        let patterns = patterns.iter().map(|pattern| {
            Regex::new(pattern)
                .map_err(|error| RulesError(format!("[redaction] patterns: {error}")))
        });
        Ok(Self {
            keys,
            paths: paths.collect::<Result<_, _>>()?,
            patterns: patterns.collect::<Result<_, _>>()?,
            keep,
        })
    }
}
