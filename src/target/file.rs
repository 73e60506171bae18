//! Targets by name: how one is reached, how strictly it is judged, and what is known of it.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::endpoint::EndpointOptions;
use super::settings::{MockWay, Settings, Strictness};
use crate::matcher::glob;

/// Where cases run.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// What reports call it.
    pub name: String,
    /// Which kind of place it is.
    pub host: Host,
    /// How it is reached.
    pub options: EndpointOptions,
    /// How cases run there, and how they are judged.
    pub settings: Settings,
    /// What is known not to hold there.
    pub known: KnownCases,
}

/// The kinds of places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Host {
    /// The interpreter itself, on its virtual clock.
    #[default]
    Local,
    /// Our own server: one for each case, in this process, on the virtual clock.
    Serve,
    /// A live endpoint: AWS, or whoever listens at a URL.
    Endpoint,
}

/// Cases of which a target file says something, by patterns in which `*` stands for any text.
#[derive(Clone, Debug, Default)]
pub struct KnownCases {
    /// Those that fail.
    pub failing: Vec<KnownCase>,
    /// Those that cannot be tried.
    pub not_attempted: Vec<KnownCase>,
}

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCase {
    /// Names of cases: `area/file/case`.
    pub pattern: String,
    /// Why.
    pub reason: String,
}

impl KnownCases {
    /// Reads the lists of a target file: `[expected_failures]`, `[wrong_cases]` (which fail as long
    /// as nobody has mended them) and `[not_attempted]`.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::of(&text.parse().map_err(|error: toml::de::Error| error.to_string())?)
    }

    fn of(table: &toml::Table) -> Result<Self, String> {
        let mut failing = list(table, "expected_failures")?;
        failing.extend(list(table, "wrong_cases")?);
        Ok(Self { failing, not_attempted: list(table, "not_attempted")? })
    }

    /// Why a case cannot be tried, where it cannot. Its name may have folders in front.
    pub fn obstacle(&self, name: &str) -> Option<&str> {
        find(&self.not_attempted, name)
    }

    /// Why a case fails, where that is known.
    pub fn failure(&self, name: &str) -> Option<&str> {
        find(&self.failing, name)
    }
}

fn find<'a>(list: &'a [KnownCase], name: &str) -> Option<&'a str> {
    list.iter().find(|known| known.names(name)).map(|known| &*known.reason)
}

impl KnownCase {
    fn names(&self, name: &str) -> bool {
        glob(&self.pattern, name) || glob(&format!("*/{}", self.pattern), name)
    }
}

/// A list has lines (`"area/file/case" = "why"`) and groups (`[list.name]` with `reason` and `cases`).
fn list(table: &toml::Table, key: &str) -> Result<Vec<KnownCase>, String> {
    let Some(list) = table.get(key) else { return Ok(Vec::new()) };
    let list = list.as_table().ok_or_else(|| format!("`{key}` must be a table"))?;
    let mut known = Vec::new();
    for (name, value) in list {
        let group = value.as_table();
        let reason = group.map_or(Some(value), |group| group.get("reason"));
        let reason = reason.and_then(toml::Value::as_str).unwrap_or_default().trim().to_owned();
        if reason.is_empty() {
            return Err(format!("`{name}` has no reason: write why, as a string"));
        }
        let Some(group) = group else {
            known.push(KnownCase { pattern: name.clone(), reason });
            continue;
        };
        let cases = group.get("cases").and_then(toml::Value::as_array);
        for case in cases.ok_or_else(|| format!("`{name}` must have a list `cases`"))? {
            let pattern =
                case.as_str().ok_or_else(|| format!("a case of `{name}` is no string"))?;
            known.push(KnownCase { pattern: pattern.to_owned(), reason: reason.clone() });
        }
    }
    Ok(known)
}

/// The sections of a target file with their keys; those without keys are lists of cases.
const SECTIONS: [(&str, &[&str]); 6] = [
    ("reach", &["url", "region", "profile", "role", "assume_role", "concurrency"]),
    ("mocks", &["way", "listen", "file"]),
    ("compare", &["history", "cause", "timestamps"]),
    ("expected_failures", &[]),
    ("wrong_cases", &[]),
    ("not_attempted", &[]),
];

impl Target {
    /// The interpreter of this library.
    pub fn local() -> Self {
        Self { name: "local".to_owned(), ..Self::default() }
    }

    /// Our own server, in this process.
    pub fn serve() -> Self {
        let settings = Settings { mocks: MockWay::Server, ..Settings::default() };
        Self { name: "serve".to_owned(), host: Host::Serve, settings, ..Self::default() }
    }

    /// A live endpoint; without a URL AWS, or what the environment says in its place.
    pub fn endpoint(name: &str, url: Option<&str>) -> Self {
        let options = EndpointOptions { url: url.map(str::to_owned), ..EndpointOptions::default() };
        Self { name: name.to_owned(), host: Host::Endpoint, options, ..Self::default() }
    }

    /// Reads a target file, as they lie in `conformance/targets`. One without `[reach]` is about
    /// the interpreter itself.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, and what may stand there.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
        check_keys(&table)?;
        let text = |section: &str, key: &str| -> Option<&str> {
            table.get(section)?.get(key)?.as_str().map(str::trim)
        };
        let owned = |section: &str, key: &str| text(section, key).map(str::to_owned);
        let mut settings = Settings::default();
        if let Some(way) = text("mocks", "way") {
            settings.mocks = named("mocks.way", way, &MockWay::ALL)?;
        }
        if let Some(address) = text("mocks", "listen") {
            settings.listen = address.parse::<SocketAddr>().map_err(|_| {
                format!("`mocks.listen` is `{address}`, not such as 127.0.0.1:8085")
            })?;
        }
        settings.mock_file = text("mocks", "file").map(PathBuf::from);
        if let Some(history) = text("compare", "history") {
            settings.compare.history = named("compare.history", history, &Strictness::ALL)?;
        }
        if let Some(cause) = text("compare", "cause") {
            let causes = [("exact", true), ("ignore", false)];
            settings.compare.causes = named("compare.cause", cause, &causes)?;
        }
        settings.role_arn = owned("reach", "role");
        if let Some(number) = text("reach", "concurrency") {
            settings.concurrency = number
                .parse::<NonZeroUsize>()
                .map_err(|_| format!("`reach.concurrency` is `{number}`, not a number above 0"))?
                .get();
        }
        Ok(Self {
            name: name.to_owned(),
            host: match settings.mocks {
                MockWay::Server => Host::Serve,
                _ if table.contains_key("reach") => Host::Endpoint,
                _ => Host::Local,
            },
            options: EndpointOptions {
                url: owned("reach", "url"),
                region: owned("reach", "region"),
                profile: owned("reach", "profile"),
                assume_role: owned("reach", "assume_role"),
                ..EndpointOptions::default()
            },
            settings,
            known: KnownCases::of(&table)?,
        })
    }
}

fn check_keys(table: &toml::Table) -> Result<(), String> {
    for (section, value) in table {
        let Some((_, keys)) = SECTIONS.iter().find(|(name, _)| name == section) else {
            let names = SECTIONS.map(|(name, _)| name).join(", ");
            return Err(format!("there is no section `{section}`; there may be {names}"));
        };
        let members = value.as_table().ok_or_else(|| format!("`{section}` must be a table"))?;
        for (key, value) in members.iter().filter(|_| !keys.is_empty()) {
            if !keys.contains(&&**key) {
                let keys = keys.join(", ");
                return Err(format!("`{section}` has no `{key}`; it may have {keys}"));
            }
            if !value.is_str() {
                return Err(format!("`{section}.{key}` must be a string"));
            }
        }
    }
    Ok(())
}

/// One of several choices, by its name.
fn named<T: Copy>(key: &str, name: &str, choices: &[(&'static str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(own, _)| *own == name).map(|(_, choice)| *choice);
    found.ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        format!("`{key}` is `{name}`; it may be {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_file_says_how() {
        let text = "[reach]\nurl = \"http://h:1\"\nrole = \"arn:r\"\nconcurrency = \"2\"\n[mocks]\nway = \"none\"\n\
                    [compare]\nhistory = \"outcome\"\ncause = \"ignore\"\n\
                    [expected_failures]\n\"a/*\" = \"why\"\n\
                    [expected_failures.more]\nreason = \"so\"\ncases = [\"d\"]\n[not_attempted]\n\"b\" = \"never\"\n";
        let target = Target::parse("t", text).unwrap();
        assert_eq!(target.host, Host::Endpoint);
        assert_eq!(target.options.url.as_deref(), Some("http://h:1"));
        assert_eq!((target.settings.mocks, target.settings.concurrency), (MockWay::None, 2));
        assert_eq!(target.settings.compare.history, Strictness::Outcome);
        assert!(!target.settings.compare.causes);
        let known = target.known;
        assert_eq!(known.failure("folder/a/b/c"), Some("why"));
        assert_eq!((known.failure("d"), known.obstacle("d")), (Some("so"), None));
        assert_eq!((known.failure("b"), known.obstacle("b")), (None, Some("never")));
        assert_eq!(known.failure("c"), None);
        assert_eq!(Target::parse("l", "[compare]\n").unwrap().host, Host::Local);
        let serve = Target::parse("s", "[mocks]\nway = \"server\"\n").unwrap();
        assert_eq!(serve.host, Host::Serve);
    }

    #[test]
    fn mistakes_are_told() {
        for (text, wanted) in [
            ("[rech]\n", "no section `rech`"),
            ("[reach]\nuri = \"x\"\n", "`reach` has no `uri`; it may have url"),
            ("[mocks]\nway = \"nun\"\n", "`mocks.way` is `nun`; it may be activity"),
            ("[mocks]\nlisten = \"8085\"\n", "`mocks.listen` is `8085`"),
            ("[reach]\nconcurrency = \"0\"\n", "`reach.concurrency` is `0`, not a number above"),
            ("[reach]\nurl = 1\n", "`reach.url` must be a string"),
            ("[not_attempted]\n\"a\" = \"\"\n", "`a` has no reason"),
            ("[not_attempted.g]\nreason = \"r\"\n", "`g` must have a list `cases`"),
            ("[", "TOML"),
        ] {
            let error = Target::parse("t", text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
