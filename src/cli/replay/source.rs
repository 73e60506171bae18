//! Where executions come from: histories, recordings and bundles, one after the other.

use std::fs;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::within::{Unheld, Within};
use crate::cli::file;
use crate::history::{History, HistoryError};
use crate::recording::{
    Bundled, Identity, MANIFEST, Manifest, ReadOptions, Recording, is_bundle, read_bundle,
};
use crate::redaction::ACCOUNT_IDS;

/// An execution that was found, mostly not read yet.
pub(super) enum Item {
    /// A history by itself, and its path below the argument.
    File(PathBuf, String),
    /// The folder of a recording, and its path below the argument.
    Folder(PathBuf, String),
    /// Something that stands in a bundle.
    Bundled(Bundled),
}

/// An execution, ready to be replayed.
pub(super) struct Loaded {
    /// For messages.
    pub name: String,
    pub history: History,
    /// What its reader should know.
    pub notes: Vec<String>,
    /// Whether a file is not the recorded one.
    pub edited: bool,
    /// The state machine's name, where the recording says it.
    pub machine: Option<String>,
    /// The execution's ARN, where the recording says it.
    pub arn: Option<String>,
    /// The definition that ran, where the recording has it.
    pub definition: Option<String>,
    pub express: bool,
    /// Whether its account ids are pseudonyms.
    pub other_accounts: bool,
    /// The executions within its recording.
    pub within: Within,
}

/// One of the parts that executions are divided into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shard {
    /// From 1.
    pub part: u64,
    pub parts: u64,
}

impl Shard {
    /// Whether the execution with this key belongs to the part: the same on every machine and in
    /// every version.
    fn takes(self, key: &str) -> bool {
        let fnv = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        // FNV leaves the low bits of similar texts alike.
        let mixed = (fnv ^ (fnv >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 32)) % self.parts == self.part - 1
    }
}

/// Hands over everything that the paths name, in the order of the names, until told to stop.
/// `read` counts the bytes that are done with.
pub(super) fn produce(
    paths: &[PathBuf],
    read: &Arc<AtomicU64>,
    emit: &mut dyn FnMut(Item) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for path in paths {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        if path.is_dir() && path.join(MANIFEST).is_file() {
            emit(Item::Folder(path.clone(), name))?;
        } else if path.is_dir() {
            folder(path, "", read, emit)?;
        } else {
            one_file(path.clone(), name, read, emit)?;
        }
    }
    ControlFlow::Continue(())
}

fn one_file(
    path: PathBuf,
    name: String,
    read: &Arc<AtomicU64>,
    emit: &mut dyn FnMut(Item) -> ControlFlow<()>,
) -> ControlFlow<()> {
    if !is_bundle(&path) {
        return emit(Item::File(path, name));
    }
    let shown = path.display().to_string();
    match fs::File::open(&path) {
        Ok(file) => {
            let file = Counted { inner: file, read: read.clone() };
            read_bundle(&shown, file, &mut |one| emit(Item::Bundled(one)))
        }
        Err(error) => {
            let message = format!("cannot be read: {error}");
            emit(Item::Bundled(Bundled::Broken { name: shown, message }))
        }
    }
}

/// What stands in a folder that is no recording, by name, then what stands in folders within.
fn folder(
    path: &Path,
    below: &str,
    read: &Arc<AtomicU64>,
    emit: &mut dyn FnMut(Item) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let entries = match entries(path) {
        Ok(entries) => entries,
        Err(error) => {
            let (name, message) = (path.display().to_string(), format!("cannot be read: {error}"));
            return emit(Item::Bundled(Bundled::Broken { name, message }));
        }
    };
    for (name, is_folder) in entries {
        // `./a` and `a` are the same file; the shorter name is printed.
        let path = if path == Path::new(".") { PathBuf::from(&name) } else { path.join(&name) };
        let below = if below.is_empty() { name } else { format!("{below}/{name}") };
        if !is_folder {
            one_file(path, below, read, emit)?;
        } else if path.join(MANIFEST).is_file() {
            emit(Item::Folder(path, below))?;
        } else {
            folder(&path, &below, read, emit)?;
        }
    }
    ControlFlow::Continue(())
}

/// The names in a folder that may lead to executions, sorted, and whether each is a folder. Hidden
/// ones, build outputs and definitions are passed over, and links are not followed: they may lead
/// back here.
fn entries(path: &Path) -> io::Result<Vec<(String, bool)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type()?.is_dir();
        let takes = match is_folder {
            true => !name.starts_with('.') && name != "target" && name != "node_modules",
            false => {
                is_bundle(Path::new(&name))
                    || (name.ends_with(".json") && !name.ends_with(".asl.json"))
            }
        };
        if takes {
            found.push((name, is_folder));
        }
    }
    found.sort();
    Ok(found)
}

/// How many bytes [`produce`] will go through, for a progress bar.
pub(super) fn total_bytes(paths: &[PathBuf]) -> u64 {
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut total = 0;
    let mut folders: Vec<PathBuf> = Vec::new();
    for path in paths {
        if path.is_dir() { folders.push(path.clone()) } else { total += size(path) }
    }
    while let Some(path) = folders.pop() {
        if path.join(MANIFEST).is_file() {
            total += size(&path.join("history.json"));
            continue;
        }
        for (name, is_folder) in entries(&path).unwrap_or_default() {
            let path = path.join(name);
            if is_folder { folders.push(path) } else { total += size(&path) }
        }
    }
    total
}

impl Item {
    /// How it is called in messages.
    pub fn name(&self) -> String {
        match self {
            Self::File(path, _) | Self::Folder(path, _) => path.display().to_string(),
            Self::Bundled(
                Bundled::Recording { name, .. }
                | Bundled::History { name, .. }
                | Bundled::Broken { name, .. },
            ) => name.clone(),
        }
    }

    /// How many bytes are done with once it is; those of bundles are counted as they are read.
    pub fn bytes(&self) -> u64 {
        let path = match self {
            Self::File(path, _) => path.clone(),
            Self::Folder(path, _) => path.join("history.json"),
            Self::Bundled(_) => return 0,
        };
        fs::metadata(path).map_or(0, |metadata| metadata.len())
    }

    /// Whether it belongs to a part: by the execution's ARN, without the account, which redaction
    /// replaces; by its path where no ARN is known. What cannot be read belongs to every part: each
    /// looks from its own place, and what is lost there might have been any of the executions.
    pub fn is_of(&self, shard: Shard) -> bool {
        let arn_of = |manifest: &[u8]| {
            let text = std::str::from_utf8(manifest).ok()?;
            let manifest = Manifest::parse(MANIFEST, text).ok()?;
            manifest.provenance.execution.map(|arn| Identity::of_arn(&arn))
        };
        let (arn, path) = match self {
            Self::File(_, below) => (None, below),
            Self::Folder(path, below) => {
                (fs::read(path.join(MANIFEST)).ok().as_deref().and_then(arn_of), below)
            }
            Self::Bundled(Bundled::Recording { folder, files, .. }) => {
                (files.get(MANIFEST).map(Vec::as_slice).and_then(arn_of), folder)
            }
            Self::Bundled(Bundled::History { path, .. }) => (None, path),
            Self::Bundled(Bundled::Broken { .. }) => return true,
        };
        shard.takes(arn.as_ref().map_or(path, Identity::as_str))
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// Why it cannot be replayed, with its name.
    pub fn load(self) -> Result<Loaded, String> {
        let options = ReadOptions::default();
        match self {
            Self::File(path, _) => history(path.display().to_string(), &file::read(&path)?),
            Self::Folder(path, _) => {
                let recording = Recording::load(&path, &ReadOptions { hold: false, ..options });
                of_recording(recording.map_err(|error| error.to_string())?, Some(path))
            }
            Self::Bundled(Bundled::Recording { name, files, passed_over, .. }) => {
                let recording = Recording::read_without(&name, files, passed_over, &options);
                of_recording(recording.map_err(|error| error.to_string())?, None)
            }
            Self::Bundled(Bundled::History { name, bytes, .. }) => {
                let text = String::from_utf8(bytes)
                    .map_err(|_| format!("{name}: the file is not UTF-8"))?;
                history(name, &text)
            }
            Self::Bundled(Bundled::Broken { name, message }) => Err(format!("{name}: {message}")),
        }
    }
}

fn history(name: String, text: &str) -> Result<Loaded, String> {
    let (history, notes) = History::parse(text).map_err(|error| at_place(&name, &error))?;
    Ok(Loaded {
        name,
        history,
        notes: notes.iter().map(ToString::to_string).collect(),
        edited: false,
        machine: None,
        arn: None,
        definition: None,
        express: false,
        other_accounts: false,
        within: Within::default(),
    })
}

pub(super) fn at_place(name: &str, error: &HistoryError) -> String {
    match error.position {
        Some((line, column)) => format!("{name}:{line}:{column}: {}", error.message),
        None => format!("{name}: {}", error.message),
    }
}

/// `folder` is where files lie that are not held.
fn of_recording(mut recording: Recording, folder: Option<PathBuf>) -> Result<Loaded, String> {
    let (history, history_notes) = recording.history().map_err(|error| error.to_string())?;
    let edited = !recording.notes.is_empty();
    let unheld = Unheld { files: recording.unheld, folder };
    let within = Within::of(&recording.name, &mut recording.recorded, Arc::new(unheld));
    let mut notes = recording.notes;
    notes.extend(history_notes.iter().map(ToString::to_string));
    let provenance = recording.manifest.provenance;
    let field = |arn: &Option<String>| arn.as_ref()?.split(':').nth(6).map(str::to_owned);
    let machine = field(&provenance.state_machine).or_else(|| field(&provenance.execution));
    Ok(Loaded {
        name: recording.name,
        history,
        notes,
        edited,
        machine,
        arn: provenance.execution,
        definition: recording.recorded.definition,
        express: recording.manifest.machine_type.eq_ignore_ascii_case("express"),
        other_accounts: recording.manifest.redactions.contains_key(ACCOUNT_IDS),
        within,
    })
}

/// A file that counts what was read of it.
struct Counted {
    inner: fs::File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_execution_is_in_one_part() {
        let mut sizes = [0; 8];
        for number in 0..8_000 {
            let arn = format!("arn:aws:states:eu-west-1:1:execution:Orders:order-{number}");
            let key = Identity::of_arn(&arn);
            let takes = |part: &u64| Shard { part: *part, parts: 8 }.takes(key.as_str());
            let parts: Vec<u64> = (1..=8).filter(takes).collect();
            assert_eq!(parts.len(), 1, "{arn}");
            sizes[parts[0] as usize - 1] += 1;
        }
        assert!(sizes.iter().all(|size| (900..1_100).contains(size)), "{sizes:?}");
        // Parts must never change: results of several versions may be merged.
        let part = (1..=8).find(|part| Shard { part: *part, parts: 8 }.takes("r-17"));
        assert_eq!(part, Some(8));
    }
}
