//! Reads recordings, from folders or from the files of a bundle, also where people have edited them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Description, MANIFEST, Manifest, Recorded, RecordedMapRun, RecordingError};
use crate::asl::{StateMachine, States};
use crate::history::{History, Note};
use crate::value::Value;

/// The files of one recording by their paths within it, with `/` between folders.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The hashes of files that are not held, by their paths, as manifests write them.
pub type Hashes = BTreeMap<String, String>;

/// How to read.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// Whether files are held against the hashes of the manifest.
    pub hashes: bool,
    /// Whether the executions within are read, those of Map Runs and those that were started.
    pub children: bool,
    /// Whether the histories of the executions within are held. Otherwise those of a folder are
    /// only hashed: their reader takes them one by one.
    pub hold: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { hashes: true, children: true, hold: true }
    }
}

/// A recording as it was read.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Its folder, for messages.
    pub name: String,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What happened.
    pub recorded: Recorded,
    /// What its reader should know: files that were edited, missing or added.
    pub notes: Vec<String>,
    /// Files of executions within that are not held, by their paths: they read as if empty.
    pub unheld: BTreeSet<String>,
}

/// The folders at and below a path that hold a recording, in the order of their names. Folders
/// whose names begin with a dot are passed over, and so is what lies within a recording.
///
/// # Errors
///
/// When a folder cannot be read.
pub fn find(root: &Path) -> Result<Vec<PathBuf>, RecordingError> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if folder.join(MANIFEST).is_file() {
            found.push(folder);
            continue;
        }
        let failed = |error| RecordingError::file("read", &folder, error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !hidden && entry.file_type().map_err(failed)?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

impl Recording {
    /// Reads the recording in a folder.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, the manifest is no manifest or a newer one, or there is no
    /// history.
    pub fn load(folder: &Path, options: &ReadOptions) -> Result<Self, RecordingError> {
        let (mut files, mut unheld) = (Files::new(), Hashes::new());
        collect(folder, "", options, &mut files, &mut unheld)?;
        Self::read_without(&folder.display().to_string(), files, unheld, options)
    }

    /// Reads a recording from its files; `name` stands for its folder in messages.
    ///
    /// # Errors
    ///
    /// As of [`Recording::load`].
    pub fn read(name: &str, files: Files, options: &ReadOptions) -> Result<Self, RecordingError> {
        Self::read_without(name, files, Hashes::new(), options)
    }

    /// As [`Recording::read`], where some files of executions within are not held: `unheld` has
    /// their hashes.
    ///
    /// # Errors
    ///
    /// As of [`Recording::load`].
    pub fn read_without(
        name: &str,
        mut files: Files,
        unheld: Hashes,
        options: &ReadOptions,
    ) -> Result<Self, RecordingError> {
        let place = |file: &str| format!("{name}/{file}");
        let Some(manifest) = files.remove(MANIFEST) else {
            return Err(RecordingError::unreadable(name, format!("there is no `{MANIFEST}`")));
        };
        let manifest = Manifest::parse(&place(MANIFEST), &text(&place(MANIFEST), manifest)?)?;
        let mut notes = Vec::new();
        if !options.children {
            files.retain(|file, _| !is_of_children(file));
        }
        for (file, hash) in &manifest.files {
            if !options.children && is_of_children(file) {
                continue;
            }
            let is_edited = match (unheld.get(file), files.get(file)) {
                (None, None) => {
                    notes.push(format!("{}: the file is missing", place(file)));
                    continue;
                }
                (Some(unheld), _) => unheld != hash,
                (None, Some(bytes)) => options.hashes && hash_of(bytes) != *hash,
            };
            if options.hashes && is_edited {
                notes.push(format!(
                    "{}: edited since it was recorded: its hash is not the one in `{MANIFEST}`",
                    place(file)
                ));
            }
        }
        // The executions that they are of are there. A definition that is not held is none.
        let unheld: BTreeSet<String> = unheld.into_keys().collect();
        let histories = unheld.iter().filter(|file| file.ends_with("/history.json"));
        files.extend(histories.map(|file| (file.clone(), Vec::new())));
        let is_there = files.contains_key("history.json");
        let recorded = execution(name, "", &mut files)?;
        if recorded.history.is_empty() {
            let message = match is_there {
                true => "`history.json` is empty: record the execution again",
                false => "there is no `history.json`",
            };
            return Err(RecordingError::unreadable(name, message));
        }
        Ok(Self { name: name.to_owned(), manifest, recorded, notes, unheld })
    }

    /// The history.
    ///
    /// # Errors
    ///
    /// When it is cut off, no history, or has events that this stepproof does not know.
    pub fn history(&self) -> Result<(History, Vec<Note>), RecordingError> {
        History::parse(&self.recorded.history).map_err(|error| {
            let place = match error.position {
                Some((line, column)) => format!("{}/history.json:{line}:{column}", self.name),
                None => format!("{}/history.json", self.name),
            };
            RecordingError::unreadable(place, error.message)
        })
    }

    /// What DescribeExecution said, where that was recorded.
    ///
    /// # Errors
    ///
    /// When the file is no JSON.
    pub fn description(&self) -> Result<Option<Description>, RecordingError> {
        let Some(text) = &self.recorded.execution else { return Ok(None) };
        let value = Value::parse(text).map_err(|error| {
            let (line, column) = crate::json::line_column(text, error.offset);
            let place = format!("{}/execution.json:{line}:{column}", self.name);
            RecordingError::unreadable(place, error.message)
        })?;
        Ok(Some(Description::read(&value)))
    }

    /// Why a machine cannot be what the history ran, where that is so: the history enters states
    /// that it does not have.
    pub fn other_machine(&self, machine: &StateMachine, history: &History) -> Option<String> {
        let mut names = BTreeSet::new();
        state_names(&machine.states, &mut names);
        let entered = history.events.iter().filter(|event| event.event_type.is_state_entered());
        let unknown = entered.filter_map(|event| event.state_name());
        let first = unknown.into_iter().find(|state| !names.contains(&***state))?;
        Some(format!(
            "{}/definition.asl.json has no state `{first}`, which the history enters: it is the \
             definition of another machine, or was edited",
            self.name
        ))
    }
}

fn state_names<'a>(states: &'a States, names: &mut BTreeSet<&'a str>) {
    for state in states.iter() {
        names.insert(&state.name);
        for level in state.levels() {
            state_names(level, names);
        }
    }
}

/// The files of a folder and the folders in it.
fn collect(
    folder: &Path,
    prefix: &str,
    options: &ReadOptions,
    files: &mut Files,
    unheld: &mut Hashes,
) -> Result<(), RecordingError> {
    let failed = |error| RecordingError::file("read", folder, error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if entry.file_type().map_err(failed)?.is_dir() {
            let prefix = format!("{name}/");
            if options.children || !is_of_children(&prefix) {
                collect(&path, &prefix, options, files, unheld)?;
            }
        } else {
            let bytes =
                fs::read(&path).map_err(|error| RecordingError::file("read", &path, error))?;
            let held = options.hold || !is_of_children(&name) || !name.ends_with("/history.json");
            if held || bytes.is_empty() {
                files.insert(name, bytes);
            } else {
                unheld.insert(name, hash_of(&bytes));
            }
        }
    }
    Ok(())
}

/// Whether a file of a recording belongs to an execution within.
pub(super) fn is_of_children(file: &str) -> bool {
    file.starts_with("children/") || file.starts_with("map-runs/")
}

/// How many folders deep executions within a recording may lie.
const MAX_DEPTH: usize = 200;

/// Takes the execution in the folder `prefix` out of the files.
fn execution(name: &str, prefix: &str, files: &mut Files) -> Result<Recorded, RecordingError> {
    if prefix.split('/').count() > MAX_DEPTH {
        let message = "executions within executions are nested too deeply: no recorder does that";
        return Err(RecordingError::unreadable(name, message));
    }
    let mut take = |file: &str| {
        let path = format!("{prefix}{file}");
        files.remove(&path).map(|bytes| text(&format!("{name}/{path}"), bytes)).transpose()
    };
    let definition = take("definition.asl.json")?;
    let description = take("execution.json")?;
    let history = take("history.json")?.unwrap_or_default();
    let own = prefix.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty());
    let own = own.unwrap_or_else(|| name.rsplit(['/', '\\']).next().unwrap_or(name)).to_owned();
    let mut map_runs = Vec::new();
    for label in folders(files, &format!("{prefix}map-runs/")) {
        let prefix = format!("{prefix}map-runs/{label}/");
        let path = format!("{prefix}map-run.json");
        let map_run = files.remove(&path);
        let map_run = map_run.map(|bytes| text(&format!("{name}/{path}"), bytes)).transpose()?;
        let children = children(name, &prefix, files)?;
        map_runs.push(RecordedMapRun { name: label, map_run, children });
    }
    let children = children(name, prefix, files)?;
    Ok(Recorded { name: own, definition, execution: description, history, map_runs, children })
}

fn children(name: &str, prefix: &str, files: &mut Files) -> Result<Vec<Recorded>, RecordingError> {
    let prefix = format!("{prefix}children/");
    let names = folders(files, &prefix);
    names.iter().map(|child| execution(name, &format!("{prefix}{child}/"), files)).collect()
}

/// The names of the folders directly below a prefix.
fn folders(files: &Files, prefix: &str) -> Vec<String> {
    let below = files.range(prefix.to_owned()..).map(|(path, _)| path);
    let below = below.map_while(|path| path.strip_prefix(prefix));
    let names: BTreeSet<&str> =
        below.filter_map(|rest| rest.split_once('/').map(|(name, _)| name)).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The text of a file; `place` is its path for messages.
pub(crate) fn text(place: &str, bytes: Vec<u8>) -> Result<String, RecordingError> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        RecordingError::unreadable(place, format!("the file is not UTF-8 (byte {at})"))
    })
}

/// A file's hash as manifests write it.
pub(super) fn hash_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}
