//! `recording.toml`: what a recording says of itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use super::RecordingError;
use crate::json;
use crate::time::Timestamp;

/// The name of the manifest's file.
pub const MANIFEST: &str = "recording.toml";

/// The newest format. It changes only where an older stepproof would misread a recording; files,
/// members and kinds of provenance may be added without.
pub const FORMAT: i64 = 1;

/// What a recording says of itself. Members that this stepproof does not know are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Manifest {
    /// The format, from 1.
    pub format: i64,
    /// Who made the history: `aws`, `stepproof`, or the name of another service.
    pub source: String,
    /// What the recording shows.
    pub description: String,
    /// `STANDARD` or `EXPRESS`.
    #[serde(rename = "type")]
    pub machine_type: String,
    /// Where it comes from.
    pub provenance: Provenance,
    /// The hash of each file, `sha256:` and hexadecimal digits. Files without one are not checked.
    pub files: BTreeMap<String, String>,
    /// How many places were redacted, by kind.
    pub redactions: BTreeMap<String, u64>,
    /// Whether redaction was switched off.
    pub unredacted: bool,
    /// What should be known about it.
    pub notes: Vec<String>,
}

/// Where a recording comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Provenance {
    /// How it was taken.
    pub origin: Origin,
    /// The endpoint, where it is not AWS's own.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The tool, with its version.
    pub tool: String,
    /// When it was taken, as RFC 3339.
    pub recorded: Option<String>,
    /// The execution's ARN.
    pub execution: Option<String>,
    /// The state machine's ARN.
    pub state_machine: Option<String>,
    /// How the execution stood.
    pub status: Option<String>,
    /// When it started, as RFC 3339.
    pub started: Option<String>,
    /// Who started it, where CloudTrail says so: an ARN, or the name of a service.
    pub started_by: Option<String>,
    /// How many events its history has.
    pub events: Option<u64>,
}

/// How a recording was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// From the Step Functions API.
    Api,
    /// From files: what the AWS CLI printed, or the console exported.
    Files,
    /// From CloudWatch Logs.
    Logs,
    /// By the simulator.
    Simulation,
    /// Not said, or said by a newer stepproof.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Origin {
    /// Its word in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Files => "files",
            Self::Logs => "logs",
            Self::Simulation => "simulation",
            Self::Unknown => "unknown",
        }
    }
}

impl Provenance {
    /// How something was taken by this version of stepproof, and when.
    pub fn new(origin: Origin, recorded: Timestamp) -> Self {
        Self {
            origin,
            tool: concat!("stepproof ", env!("CARGO_PKG_VERSION")).to_owned(),
            recorded: Some(recorded.to_rfc3339_millis()),
            ..Self::default()
        }
    }
}

impl Manifest {
    /// Reads a manifest; `place` names its file in errors.
    ///
    /// # Errors
    ///
    /// When it is no TOML, lacks its format, or has a newer one.
    pub fn parse(place: &str, text: &str) -> Result<Self, RecordingError> {
        let broken = |error: toml::de::Error| {
            let (line, column) = json::line_column(text, error.span().map_or(0, |span| span.start));
            let place = format!("{place}:{line}:{column}");
            RecordingError::unreadable(place, error.message().replace('\n', ", "))
        };
        let table: toml::Table = text.parse().map_err(broken)?;
        match table.get("format").and_then(toml::Value::as_integer) {
            Some(found) if found > FORMAT => {
                return Err(RecordingError::Newer { place: place.to_owned(), found });
            }
            Some(1..) => {}
            _ => {
                let message = "no `format`: write `format = 1` at its top, if it is a recording's";
                return Err(RecordingError::unreadable(place, message));
            }
        }
        toml::from_str(text).map_err(broken)
    }

    /// The texts that may hold what must not be kept: what a user wrote, and what a service said.
    pub(super) fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let p = &mut self.provenance;
        let said = [
            &mut p.endpoint,
            &mut p.region,
            &mut p.recorded,
            &mut p.execution,
            &mut p.state_machine,
            &mut p.status,
            &mut p.started,
            &mut p.started_by,
        ];
        let own = [&mut self.source, &mut self.description];
        own.into_iter().chain(&mut self.notes).chain(said.into_iter().flatten())
    }

    /// The text of its file.
    pub fn to_toml(&self) -> String {
        let mut out = format!("format = {}\n", self.format);
        let mut member = |key: &str, value: &str| {
            let _ = writeln!(out, "{key} = {}", quoted(value));
        };
        member("source", &self.source);
        member("description", &self.description);
        member("type", &self.machine_type);
        if self.unredacted {
            out.push_str("unredacted = true\n");
        }
        if !self.notes.is_empty() {
            out.push_str("notes = [\n");
            for note in &self.notes {
                let _ = writeln!(out, "    {},", quoted(note));
            }
            out.push_str("]\n");
        }
        let p = &self.provenance;
        let _ = write!(out, "\n[provenance]\norigin = {}\n", quoted(p.origin.as_str()));
        let texts = [
            ("endpoint", &p.endpoint),
            ("region", &p.region),
            ("tool", &Some(p.tool.clone())),
            ("recorded", &p.recorded),
            ("execution", &p.execution),
            ("stateMachine", &p.state_machine),
            ("status", &p.status),
            ("started", &p.started),
            ("startedBy", &p.started_by),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                let _ = writeln!(out, "{key} = {}", quoted(text));
            }
        }
        if let Some(events) = p.events {
            let _ = writeln!(out, "events = {events}");
        }
        if !self.redactions.is_empty() {
            out.push_str("\n[redactions]\n");
            for (kind, places) in &self.redactions {
                let _ = writeln!(out, "{} = {places}", quoted(kind));
            }
        }
        out.push_str("\n[files]\n");
        for (file, hash) in &self.files {
            let _ = writeln!(out, "{} = {}", quoted(file), quoted(hash));
        }
        out
    }
}

/// A TOML string. JSON's escapes are TOML's, but for DEL, which TOML wants escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::new();
    json::write_string(&mut out, text);
    out.replace('\u{7f}', "\\u007f")
}
