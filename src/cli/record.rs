//! `stepproof record`: executions that happened, as folders for review and for replays.

use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::args::{Record, RecordMode};
use super::output::Terminal;
use super::{Exit, file};
use crate::history::Style;
use crate::recording::{
    About, Found, Mode, Outcome, Provenance, ReadOptions, Recording, RecordingError, Writer,
    from_files,
};
use crate::redaction::{Redactor, Rules};
use crate::replay::{ReplayOptions, replay};
use crate::time::Timestamp;

/// Where the key of the pseudonyms is looked for when no option names it.
const KEY_VARIABLE: &str = "STEPPROOF_REDACTION_KEY";

pub(super) fn run(arguments: &Record, terminal: &Terminal) -> Result<Exit, String> {
    let redactor = redactor(arguments)?;
    let mut found = Vec::new();
    for files in sets(&arguments.from)? {
        found.extend(from_files(&files).map_err(|error| error.to_string())?);
    }
    let definition = arguments.definition.as_deref().map(file::read).transpose()?;
    let into = &arguments.into;
    let open = Writer::open(into, mode(arguments.mode), redactor);
    let mut writer = open.map_err(|error| error.to_string())?;
    let (mut recorded, mut kept, mut left) = (0, 0, 0);
    for mut found in found {
        if let Some(definition) = &definition {
            found.recorded.definition = Some(definition.clone());
            found.notes.retain(|note| !note.starts_with("no definition"));
        }
        let about = about(arguments, &found);
        match writer.write(&found.recorded, &about) {
            Ok(Outcome::Recorded(folder)) => {
                recorded += 1;
                terminal.print(&format!("recorded {}\n", folder.display()));
                found.notes.iter().for_each(|note| terminal.note(note));
                verify(&folder, &found, terminal);
            }
            Ok(Outcome::Kept(_)) => kept += 1,
            Ok(Outcome::LeftOut) => left += 1,
            Err(error) => return Err(error.to_string()),
        }
    }
    writer.finish().map_err(|error| error.to_string())?;
    terminal.print(&summary(recorded, kept, left));
    if left > 0 {
        terminal.note(&format!(
            "`{}` does not hold {left} of them, and the mode records no more: `--mode new` adds \
             them",
            into.display()
        ));
    }
    Ok(if left > 0 && arguments.mode == RecordMode::None { Exit::Failed } else { Exit::AsExpected })
}

fn summary(recorded: usize, kept: usize, left: usize) -> String {
    let counts = [(recorded, "recorded"), (kept, "there already"), (left, "left out")];
    let parts: Vec<String> =
        counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    format!("{}\n", parts.join(", "))
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
pub(super) fn redactor(arguments: &Record) -> Result<Option<Redactor>, String> {
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

/// The files of each execution: those of every folder that was named, and the rest together.
fn sets(paths: &[PathBuf]) -> Result<Vec<Vec<(String, String)>>, String> {
    let read = |path: &Path| Ok::<_, String>((path.display().to_string(), file::read(path)?));
    let mut sets = Vec::new();
    let mut loose = Vec::new();
    for path in paths {
        if !path.is_dir() {
            loose.push(read(path)?);
            continue;
        }
        let failed = |error| format!("cannot read `{}`: {error}", path.display());
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            if path.is_file() && matches!(ending, Some("json" | "jsonl" | "log")) {
                files.push(path);
            }
        }
        files.sort();
        sets.push(files.iter().map(|path| read(path)).collect::<Result<_, _>>()?);
    }
    if !loose.is_empty() {
        sets.push(loose);
    }
    Ok(sets)
}

#[expect(clippy::disallowed_methods, reason = "a recording says when it was made")]
fn about(arguments: &Record, found: &Found) -> About {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    let arn = found.arn.clone().or_else(|| {
        let (machine, name) = (arguments.name.as_deref()?.split_once('/')).unzip();
        Some(format!("arn:aws:states:::execution:{}:{}", machine?, name?))
    });
    let region = arn.as_deref().and_then(|arn| arn.split(':').nth(3));
    let region = region.filter(|region| !region.is_empty()).map(str::to_owned);
    let events = u64::try_from(found.events).ok();
    About {
        source: arguments.source.clone(),
        description: arguments.description.clone().unwrap_or_default(),
        machine_type: found.machine_type.to_owned(),
        provenance: Provenance {
            execution: arn,
            region,
            events,
            ..Provenance::new(found.origin, now)
        },
        notes: found.notes.clone(),
    }
}

/// Whether what was written replays as it did before it was redacted: tells where it does not.
fn verify(folder: &Path, found: &Found, terminal: &Terminal) {
    let written = Recording::load(folder, &ReadOptions { hashes: false });
    let outcome = written.and_then(|recording| {
        let own = Recording {
            recorded: found.recorded.clone(),
            name: recording.name.clone(),
            manifest: recording.manifest.clone(),
            notes: Vec::new(),
        };
        Ok((replays(&recording)?, replays(&own)?))
    });
    match outcome {
        Err(error) => terminal.note(&error.to_string()),
        Ok((Some(after), None)) => terminal.note(&format!(
            "{}: the redacted recording does not replay, as the unredacted one does; a rule may \
             hit what the definition computes with (`keep` in stepproof.toml): {after}",
            folder.display()
        )),
        Ok((Some(after), Some(_))) => {
            terminal.note(&format!("{}: does not replay: {after}", folder.display()));
        }
        Ok((None, _)) => {}
    }
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
