//! `stepproof record`: executions that happened, as folders for review and for replays.

mod files;
#[cfg(feature = "aws")]
mod live;

use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::args::{Record, RecordMode};
use super::output::Terminal;
use super::{Exit, file};
use crate::history::Style;
use crate::recording::{
    About, Mode, Origin, Provenance, ReadOptions, Recorded, Recording, RecordingError, Writer,
};
use crate::redaction::{Redactor, Rules};
use crate::replay::{ReplayOptions, replay};
use crate::time::Timestamp;

/// Where the key of the pseudonyms is looked for when no option names it.
const KEY_VARIABLE: &str = "STEPPROOF_REDACTION_KEY";

/// What became of the executions.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    recorded: usize,
    /// The folder holds them already.
    kept: usize,
    /// The mode records no more.
    left_out: usize,
    /// They still run.
    running: usize,
    /// They cannot be recorded.
    missed: usize,
}

pub(super) fn run(arguments: &Record, terminal: &Terminal) -> Result<Exit, String> {
    let redactor = redactor(arguments)?;
    let shown = Shown(redactor.clone());
    let into = &arguments.into;
    let open = Writer::open(into, mode(arguments.mode), redactor);
    let mut writer = open.map_err(|error| error.to_string())?;
    #[cfg(feature = "aws")]
    if arguments.from.is_empty() {
        return live::record(arguments, writer, &shown, terminal);
    }
    let tally = files::record(arguments, &mut writer, terminal);
    let tally = tally.map_err(|message| shown.text(&message))?;
    writer.finish().map_err(|error| error.to_string())?;
    Ok(tell(&tally, arguments, terminal))
}

/// Tells what became of the executions.
fn tell(tally: &Tally, arguments: &Record, terminal: &Terminal) -> Exit {
    let counts = [
        (tally.recorded, "recorded"),
        (tally.kept, "there already"),
        (tally.left_out, "left out"),
        (tally.running, "still running"),
        (tally.missed, "could not be recorded"),
    ];
    let parts: Vec<String> =
        counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    match parts.is_empty() {
        true => terminal.print("no executions were selected\n"),
        false => terminal.print(&format!("{}\n", parts.join(", "))),
    }
    let left = tally.left_out;
    if left > 0 {
        terminal.note(&format!(
            "`{}` does not hold {left} of them, and the mode records no more: `--mode new` adds \
             them",
            arguments.into.display()
        ));
    }
    let failed = tally.missed > 0 || left > 0 && arguments.mode == RecordMode::None;
    if failed { Exit::Failed } else { Exit::AsExpected }
}

/// Makes messages fit to be shown and logged: they name executions, and quote the service.
struct Shown(Option<Redactor>);

impl Shown {
    fn text(&self, message: &str) -> String {
        match &self.0 {
            Some(redactor) => {
                redactor.replacer([crate::redaction::Text::plain(message)]).replace(message)
            }
            None => message.to_owned(),
        }
    }
}

fn mode(mode: RecordMode) -> Mode {
    match mode {
        RecordMode::Once => Mode::Once,
        RecordMode::None => Mode::None,
        RecordMode::New => Mode::New,
        RecordMode::All => Mode::All,
    }
}

/// The redactor that the options and `stepproof.toml` ask for; none where `--no-redact` was typed.
fn redactor(arguments: &Record) -> Result<Option<Redactor>, String> {
    if arguments.no_redact {
        return Ok(None);
    }
    let named = arguments.config.clone();
    let config = named.or_else(|| Some(PathBuf::from("stepproof.toml")).filter(|p| p.exists()));
    let rules = match config {
        None => Rules::default(),
        Some(path) => Rules::parse(&file::read(&path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?,
    };
    let key = match (&arguments.redaction_key, std::env::var(KEY_VARIABLE)) {
        (Some(path), _) => {
            let key = fs::read(path)
                .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
            if key.len() < 16 {
                let shown = path.display();
                return Err(format!("{shown}: a key of 16 bytes or more is needed"));
            }
            key
        }
        (None, Ok(key)) if key.len() >= 16 => key.into_bytes(),
        (None, Ok(_)) => {
            return Err(format!("{KEY_VARIABLE}: a key of 16 bytes or more is needed"));
        }
        (None, Err(_)) => random_key(),
    };
    Ok(Some(Redactor::new(rules, &key)))
}

/// A key that nobody knows, and that is forgotten with the process.
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "pseudonyms must not be guessed from one recording to the next"
)]
fn random_key() -> Vec<u8> {
    use std::collections::hash_map::RandomState;
    let part = |n: u64| {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u64(n);
        hasher.finish().to_be_bytes()
    };
    (0..4).flat_map(part).collect()
}

/// What a manifest says at least.
#[expect(clippy::disallowed_methods, reason = "a recording says when it was made")]
fn about(arguments: &Record, origin: Origin, source: &str) -> About {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    About {
        source: arguments.source.clone().unwrap_or_else(|| source.to_owned()),
        description: arguments.description.clone().unwrap_or_default(),
        machine_type: "STANDARD".into(),
        provenance: Provenance::new(origin, now),
        notes: Vec::new(),
    }
}

/// Why what was written does not replay as it happened; `None` where it does.
fn verify(folder: &Path, recorded: &Recorded) -> Option<String> {
    let place = folder.display();
    let options = ReadOptions { hashes: false, children: false, ..ReadOptions::default() };
    let written = match Recording::load(folder, &options) {
        Ok(written) => written,
        Err(error) => return Some(error.to_string()),
    };
    let after = match replays(&written) {
        Ok(problem) => problem?,
        Err(error) => return Some(error.to_string()),
    };
    let own = Recording {
        recorded: recorded.clone(),
        name: written.name.clone(),
        manifest: written.manifest.clone(),
        notes: Vec::new(),
        unheld: written.unheld.clone(),
    };
    Some(match replays(&own) {
        Ok(None) => format!(
            "{place}: the redacted recording does not replay, as the unredacted one does; a rule \
             may hit what the definition computes with (`keep` in stepproof.toml): {after}"
        ),
        _ => format!("{place}: does not replay: {after}"),
    })
}

/// Why a recording does not replay the same with its own definition, in a line; `None` where it
/// does, or has no definition.
fn replays(recording: &Recording) -> Result<Option<String>, RecordingError> {
    let Some(definition) = &recording.recorded.definition else { return Ok(None) };
    let (history, _) = recording.history()?;
    let name = format!("{}/definition.asl.json", recording.name);
    let (Some(machine), _) = crate::asl::parse_text(&name, definition) else {
        return Ok(Some("the definition is not valid".into()));
    };
    if let Some(other) = recording.other_machine(&machine, &history) {
        return Ok(Some(other));
    }
    let arn = recording.manifest.provenance.execution.as_deref().map(Into::into);
    let options = ReplayOptions { execution_arn: arn, ..ReplayOptions::default() };
    match replay(&std::sync::Arc::new(machine), &history, &options) {
        Ok(replay) if replay.is_same() => Ok(None),
        Ok(replay) => {
            let text = replay.render(&history, Style::Plain);
            Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
        }
        Err(error) => Ok(Some(error.to_string())),
    }
}
