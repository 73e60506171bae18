//! Writes recordings: whole or not at all, one recorder a folder, and on from where it stopped.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::index::{self, Identity, Index};
use super::manifest::quoted;
use super::read::{Files, hash_of};
use super::storage::{Disk, Storage};
use super::{Description, FORMAT, MANIFEST, Manifest, Provenance, Recorded, RecordingError, find};
use crate::redaction::{Redactor, Replacer, Text};
use crate::value::Value;

/// Which executions are recorded; the names are VCR's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Into a folder without recordings, or where a recorder was stopped: then what is missing.
    #[default]
    Once,
    /// Nothing: the recordings that are there must do.
    None,
    /// What the folder does not hold yet.
    New,
    /// Everything, also what is there already.
    All,
}

impl Mode {
    /// The mode with this name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "once" => Some(Self::Once),
            "none" => Some(Self::None),
            "new" => Some(Self::New),
            "all" => Some(Self::All),
            _ => None,
        }
    }
}

/// What a mode makes of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is to be recorded, or was: into this folder.
    Recorded(PathBuf),
    /// The folder holds it already, here.
    Kept(PathBuf),
    /// The mode leaves it out, and the folder does not hold it.
    LeftOut,
}

/// What a manifest says that no answer of the service does.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Who made the history: `aws`, `stepproof`, …
    pub source: String,
    /// What the recording shows.
    pub description: String,
    /// `STANDARD` or `EXPRESS`.
    pub machine_type: String,
    /// How it was taken. What the answers say (ARNs, status, region, start) is filled in.
    pub provenance: Provenance,
    /// What should be known about it.
    pub notes: Vec<String>,
}

/// What a writer records, for those who fetch meanwhile.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What is not fetched again.
    held: BTreeSet<Identity>,
    open: bool,
}

impl Wanted {
    /// Whether the execution with this ARN is worth fetching.
    pub fn wants(&self, arn: &str) -> bool {
        self.open && !self.held.contains(&Identity::of_arn(arn))
    }
}

/// The journal and what is being written: nothing that belongs to the recordings.
const WORK: &str = ".stepproof";

/// Writes recordings below a folder, which it keeps for itself as long as it lives.
pub struct Writer<S: Storage = Disk> {
    root: PathBuf,
    mode: Mode,
    redactor: Option<Redactor>,
    storage: S,
    index: Index,
    /// What this writer has written itself.
    fresh: BTreeSet<Identity>,
    /// Whether the folder was without recordings, or is being gone on with.
    open: bool,
    /// Holds the lock of the system, which goes with the process.
    _lock: File,
}

impl Writer<Disk> {
    /// Opens a folder for recording. Without a redactor recordings are written as they are.
    ///
    /// # Errors
    ///
    /// When another recorder works on the folder, or it cannot be written.
    pub fn open(
        root: &Path,
        mode: Mode,
        redactor: Option<Redactor>,
    ) -> Result<Self, RecordingError> {
        Self::open_on(Disk, root, mode, redactor)
    }
}

impl<S: Storage> Writer<S> {
    /// As [`Writer::open`], on another storage.
    ///
    /// # Errors
    ///
    /// As of [`Writer::open`].
    pub fn open_on(
        mut storage: S,
        root: &Path,
        mode: Mode,
        redactor: Option<Redactor>,
    ) -> Result<Self, RecordingError> {
        let work = root.join(WORK);
        let made = storage.create_folder(&work);
        made.map_err(|error| RecordingError::file("create", &work, error))?;
        let lock = lock(root, &work)?;
        let ignore = work.join(".gitignore");
        if !ignore.exists() {
            let written = storage.write(&ignore, b"*\n");
            written.map_err(|error| RecordingError::file("write", &ignore, error))?;
        }
        Self::recover(&mut storage, root)?;
        let index = Index::read(root, &work.join("journal.jsonl"))?;
        let open = !index.complete;
        let fresh = Default::default();
        let mut writer = Self {
            root: root.to_path_buf(),
            mode,
            redactor,
            storage,
            index,
            fresh,
            open,
            _lock: lock,
        };
        let records = match mode {
            Mode::None => false,
            Mode::Once => writer.open,
            _ => true,
        };
        if records {
            writer.begin()?;
        }
        Ok(writer)
    }

    /// What the folder holds.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Whether there is something left to record: `once` is done with a folder that a recorder has
    /// finished, and `none` with every folder.
    pub fn is_open(&self) -> bool {
        match self.mode {
            Mode::Once => self.open,
            Mode::None => false,
            Mode::New | Mode::All => true,
        }
    }

    /// What is worth fetching, as things stand.
    pub fn wanted(&self) -> Wanted {
        let held = match self.mode {
            Mode::All => self.fresh.clone(),
            _ => self.index.recordings.keys().cloned().collect(),
        };
        Wanted { held, open: self.is_open() }
    }

    /// What becomes of the execution with this ARN: ask before fetching it.
    pub fn decide(&self, arn: &str) -> Outcome {
        let identity = Identity::of_arn(arn);
        let held = self.index.recordings.get(&identity).map(|folder| self.root.join(folder));
        let again = self.mode == Mode::All && !self.fresh.contains(&identity);
        match held {
            Some(folder) if !again => Outcome::Kept(folder),
            Some(folder) => Outcome::Recorded(folder),
            None if self.is_open() => {
                let machine = arn.split(':').nth(6).unwrap_or("machine");
                let name = arn.split(':').nth(7).unwrap_or("execution");
                Outcome::Recorded(self.root.join(self.place(machine, name)))
            }
            None => Outcome::LeftOut,
        }
    }

    /// Writes a recording, unless the mode leaves it out or the folder holds it.
    ///
    /// # Errors
    ///
    /// When a file cannot be written: then nothing of the recording stays, and all others do.
    pub fn write(&mut self, recorded: &Recorded, about: &About) -> Result<Outcome, RecordingError> {
        let mut about = about.clone();
        let description = fill_in(&mut about, recorded)?;
        let arn = about.provenance.execution.clone().unwrap_or_else(|| {
            let machine = description.state_machine().unwrap_or("machine");
            format!("arn:aws:states:::execution:{machine}:{}", recorded.name)
        });
        about.provenance.execution = Some(arn.clone());
        let outcome = self.decide(&arn);
        let Outcome::Recorded(folder) = outcome else { return Ok(outcome) };
        let identity = Identity::of_arn(&arn);
        let (files, folder) = self.files(recorded, about, &folder);
        self.place_files(&files, &folder)?;
        let relative = folder.strip_prefix(&self.root).unwrap_or(&folder).to_path_buf();
        self.journal(&index::entry(&identity, &relative))?;
        self.index.recordings.insert(identity.clone(), relative);
        self.fresh.insert(identity);
        Ok(Outcome::Recorded(folder))
    }

    /// Notes in the journal that the work is done: `once` records nothing more.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn finish(mut self) -> Result<(), RecordingError> {
        if self.is_open() { self.journal(&index::session("end")) } else { Ok(()) }
    }

    /// Begins the journal anew: what it lost or never knew is in it afterwards.
    fn begin(&mut self) -> Result<(), RecordingError> {
        let mut text = index::session("begin");
        for (identity, folder) in &self.index.recordings {
            text.push_str(&index::entry(identity, folder));
        }
        let journal = self.root.join(WORK).join("journal.jsonl");
        let beside = self.root.join(WORK).join("journal.new");
        let written = self.storage.write(&beside, text.as_bytes());
        let written = written.and_then(|()| self.storage.rename(&beside, &journal));
        written.map_err(|error| RecordingError::file("write", &journal, error))
    }

    fn journal(&mut self, line: &str) -> Result<(), RecordingError> {
        let journal = self.root.join(WORK).join("journal.jsonl");
        let written = self.storage.append(&journal, line.as_bytes());
        written.map_err(|error| RecordingError::file("write", &journal, error))
    }

    /// The folder of an execution that the root does not hold yet.
    fn place(&self, machine: &str, name: &str) -> PathBuf {
        self.free(&Path::new(&file_name(machine)).join(file_name(name)))
    }

    /// This folder or, where it is taken, the same with a number.
    fn free(&self, base: &Path) -> PathBuf {
        let name = base.file_name().unwrap_or_default().to_string_lossy();
        let numbered = (2..).map(|number: u32| base.with_file_name(format!("{name}-{number}")));
        let mut places = std::iter::once(base.to_path_buf()).chain(numbered);
        places.find(|place| !self.root.join(place).exists()).unwrap_or_else(|| base.to_path_buf())
    }

    /// The files of a recording, redacted, and the folder, whose name is redacted like them.
    fn files(&self, recorded: &Recorded, about: About, folder: &Path) -> (Files, PathBuf) {
        let mut texts = Vec::new();
        texts_of(recorded, "", &mut texts);
        let mut manifest = Manifest {
            format: FORMAT,
            source: about.source,
            description: about.description,
            machine_type: about.machine_type,
            provenance: about.provenance,
            unredacted: self.redactor.is_none(),
            notes: about.notes,
            ..Manifest::default()
        };
        let relative = folder.strip_prefix(&self.root).unwrap_or(folder);
        let mut place = relative.to_path_buf();
        let mut files: Files;
        if let Some(redactor) = &self.redactor {
            let said = manifest.to_toml();
            let all = texts.iter().map(|(_, text)| *text).chain([Text::plain(&said)]);
            let mut replacer = redactor.replacer(all);
            files = texts
                .iter()
                .map(|(path, text)| {
                    let redacted = replacer.replace(text.text);
                    (redacted_path(&mut replacer, path), redacted.into_bytes())
                })
                .collect();
            let redacted = PathBuf::from(replacer.replace(&place.to_string_lossy()));
            place = if redacted == place { place } else { self.free(&redacted) };
            manifest.texts_mut().for_each(|text| *text = redacted_text(&mut replacer, text));
            manifest.redactions = replacer.counts();
        } else {
            files = texts
                .iter()
                .map(|(path, text)| (path.clone(), text.text.as_bytes().to_vec()))
                .collect();
        }
        manifest.files = files.iter().map(|(path, bytes)| (path.clone(), hash_of(bytes))).collect();
        files.insert(MANIFEST.to_owned(), manifest.to_toml().into_bytes());
        (files, self.root.join(place))
    }

    /// Writes files beside their folder, and puts them there at once.
    fn place_files(&mut self, files: &Files, folder: &Path) -> Result<(), RecordingError> {
        let partial = self.root.join(WORK).join("partial");
        let whole = partial.join("new");
        let relative = folder.strip_prefix(&self.root).unwrap_or(folder);
        let old = self.root.join(WORK).join("old").join(relative);
        let result = self.stage(files, &whole).and_then(|()| self.swap(&whole, folder, &old));
        // What is left over is removed again when the folder is next opened.
        drop(self.storage.remove_folder(&partial));
        result
    }

    /// Puts a folder in its place. What was there goes aside first and, whatever happens between,
    /// comes back when the root is next opened.
    fn swap(&mut self, whole: &Path, folder: &Path, old: &Path) -> Result<(), RecordingError> {
        let failed = |error| RecordingError::file("write", folder, error);
        let replaces = folder.exists();
        let mut make_way = |target: &Path, from: &Path| {
            let around = target.parent().unwrap_or(target);
            self.storage.create_folder(around)?;
            self.storage.rename(from, target)
        };
        if replaces {
            make_way(old, folder).map_err(failed)?;
        }
        make_way(folder, whole).map_err(failed)?;
        if replaces {
            drop(self.storage.remove_folder(old));
        }
        Ok(())
    }

    /// Ends what a recorder was at when it was stopped.
    fn recover(storage: &mut S, root: &Path) -> Result<(), RecordingError> {
        let (partial, old) = (root.join(WORK).join("partial"), root.join(WORK).join("old"));
        if old.exists() {
            for aside in find(&old)? {
                let folder = root.join(aside.strip_prefix(&old).unwrap_or(&aside));
                if !folder.exists() {
                    let put_back = storage.rename(&aside, &folder);
                    put_back.map_err(|error| RecordingError::file("write", &folder, error))?;
                }
            }
        }
        for folder in [partial, old] {
            let removed = storage.remove_folder(&folder);
            removed.map_err(|error| RecordingError::file("remove", &folder, error))?;
        }
        Ok(())
    }

    fn stage(&mut self, files: &Files, whole: &Path) -> Result<(), RecordingError> {
        let mut placed = Vec::with_capacity(files.len());
        for (path, bytes) in files {
            let path = whole.join(path);
            let folder = path.parent().unwrap_or(whole);
            let made = self.storage.create_folder(folder);
            made.map_err(|error| RecordingError::file("write", &path, error))?;
            placed.push((path, bytes.as_slice()));
        }
        let written = self.storage.write_all(&placed);
        written.map_err(|(path, error)| RecordingError::file("write", path, error))
    }
}

/// A text of the manifest without what must not be kept, as it stands there: in quotes, which a
/// rule of the user's may count to the secret.
fn redacted_text(replacer: &mut Replacer, text: &str) -> String {
    let redacted = replacer.replace(&quoted(text));
    serde_json::from_str(&redacted).unwrap_or(redacted)
}

/// The path of a file without what must not be kept: the names of executions and Map Runs. What
/// stands between them is the recording's own, whatever word is a secret.
fn redacted_path(replacer: &mut Replacer, path: &str) -> String {
    let parts: Vec<String> = path
        .split('/')
        .enumerate()
        .map(|(i, part)| if i % 2 == 1 { replacer.replace(part) } else { part.to_owned() })
        .collect();
    parts.join("/")
}

/// Takes the lock of a folder.
fn lock(root: &Path, work: &Path) -> Result<File, RecordingError> {
    let path = work.join("lock");
    let failed = |error| RecordingError::file("lock", &path, error);
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = opened.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            let id = std::process::id().to_string();
            let written = file.set_len(0).and_then(|()| file.write_all(id.as_bytes()));
            written.map_err(failed)?;
            Ok(file)
        }
        Err(fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Who holds it is only for the message.
            let known = file.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
            let holder =
                if known { format!(" (process {})", holder.trim()) } else { String::new() };
            Err(RecordingError::Locked { path: root.to_path_buf(), holder })
        }
        Err(fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Says in the provenance what the answers say.
fn fill_in(about: &mut About, recorded: &Recorded) -> Result<Description, RecordingError> {
    let mut description = Description::default();
    if let Some(text) = &recorded.execution {
        let value = Value::parse(text).map_err(|error| {
            let message = format!("the answer of DescribeExecution is no JSON: {}", error.message);
            RecordingError::unreadable(&recorded.name, message)
        })?;
        description = Description::read(&value);
    }
    let own = &mut about.provenance;
    let or = |own: &mut Option<String>, found: Option<String>| {
        if own.is_none() {
            *own = found;
        }
    };
    or(&mut own.execution, description.arn.clone());
    or(&mut own.state_machine, description.state_machine_arn.clone());
    or(&mut own.region, description.region().map(str::to_owned));
    or(&mut own.status, description.status.clone());
    or(&mut own.started, description.start.map(|start| start.to_rfc3339_millis()));
    Ok(description)
}

/// The files of an execution and of what hangs on it, by their paths.
fn texts_of<'a>(recorded: &'a Recorded, prefix: &str, texts: &mut Vec<(String, Text<'a>)>) {
    let mut add = |file: &str, text: Text<'a>| texts.push((format!("{prefix}{file}"), text));
    if let Some(definition) = &recorded.definition {
        add("definition.asl.json", Text::definition(definition));
    }
    if let Some(execution) = &recorded.execution {
        add("execution.json", Text::data(execution));
    }
    if !recorded.history.is_empty() {
        add("history.json", Text::data(&recorded.history));
    }
    let mut taken = BTreeSet::new();
    for map_run in &recorded.map_runs {
        let prefix = format!("{prefix}map-runs/{}/", unlike(&mut taken, &map_run.name));
        if let Some(text) = &map_run.map_run {
            texts.push((format!("{prefix}map-run.json"), Text::data(text)));
        }
        texts_of_children(&map_run.children, &prefix, texts);
    }
    texts_of_children(&recorded.children, prefix, texts);
}

fn texts_of_children<'a>(
    children: &'a [Recorded],
    prefix: &str,
    texts: &mut Vec<(String, Text<'a>)>,
) {
    let mut taken = BTreeSet::new();
    for child in children {
        let name = unlike(&mut taken, &child.name);
        texts_of(child, &format!("{prefix}children/{name}/"), texts);
    }
}

/// The name of a folder beside others, with a number where one of them has it: executions of two
/// machines may share a name, and some file systems take `a` for `A`.
fn unlike(taken: &mut BTreeSet<String>, name: &str) -> String {
    let name = file_name(name);
    let numbered = (2..).map(|number: u32| format!("{name}-{number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    names.find(|name| taken.insert(name.to_lowercase())).unwrap_or(name)
}

/// A name that every file system takes, and that no reader mistakes for something else.
fn file_name(name: &str) -> String {
    let odd = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    let name: String = name.chars().take(100).map(|c| if odd(c) { '_' } else { c }).collect();
    match name.trim_matches(['.', ' ']) {
        "" => "_".to_owned(),
        name => name.to_owned(),
    }
}
