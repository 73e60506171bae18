//! Bundles: many recordings in one tar file, plain or compressed with gzip or zstd.
//!
//! A bundle is read as a stream, a recording at a time: the files of one stand together, as every
//! `tar` writes them. Nothing is ever unpacked to a disk, so that no path in a bundle can lead
//! anywhere; paths that try to, and links, are refused by name all the same.

mod pack;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::mem;
use std::ops::ControlFlow;
use std::path::Path;

use super::read::{hash_of, is_of_children};
use super::{Files, Hashes, MANIFEST};

pub use pack::{Packer, Packing};

/// How the names of bundles end.
pub const BUNDLE_ENDINGS: [&str; 5] = [".tar", ".tar.zst", ".tzst", ".tar.gz", ".tgz"];

/// Whether a file is a bundle, by its name.
pub fn is_bundle(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    BUNDLE_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Something that stands in a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bundled {
    /// The files of a recording.
    Recording {
        /// The bundle and the recording's folder in it, for messages.
        name: String,
        /// The folder alone.
        folder: String,
        /// The files by their paths in the folder.
        files: Files,
        /// Files of executions within it that were passed over, with their paths in the folder:
        /// they are too large to be held together.
        passed_over: Hashes,
    },
    /// A JSON file that belongs to no recording: a history by itself.
    History {
        /// The bundle and the file's path in it.
        name: String,
        /// The path alone.
        path: String,
        /// The text.
        bytes: Vec<u8>,
    },
    /// A member that cannot be used, or the end of a bundle that was cut off.
    Broken {
        /// The bundle, and the member's path in it where one is meant.
        name: String,
        /// What is wrong.
        message: String,
    },
}

/// The largest file that is read. A history of 25,000 events seldom has a tenth of it.
const MAX_FILE: u64 = 256 * 1024 * 1024;
/// How much is held until the manifest shows which files belong to a recording.
const MAX_PENDING: usize = 32 * 1024 * 1024;
/// How much is held of the executions within one recording: several recordings are in memory at
/// once.
const MAX_WITHIN: usize = 16 * 1024 * 1024;

/// Reads a bundle, and hands over what stands in it until told to stop. What comes before a place
/// where the bundle is damaged is handed over; the damage itself comes as [`Bundled::Broken`].
pub fn read_bundle(
    name: &str,
    input: impl Read,
    emit: &mut dyn FnMut(Bundled) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let broken = |message: String| Bundled::Broken { name: name.to_owned(), message };
    let mut input = BufReader::with_capacity(256 * 1024, input);
    let magic = match input.fill_buf() {
        Ok(bytes) => bytes.get(..4).unwrap_or(bytes).to_vec(),
        Err(error) => return emit(broken(format!("cannot be read: {error}"))),
    };
    match magic.as_slice() {
        [] => emit(broken("the bundle is empty".into())),
        [0x1f, 0x8b, ..] => read_tar(name, flate2::bufread::MultiGzDecoder::new(input), emit),
        [0x28, 0xb5, 0x2f, 0xfd] => match zstd::stream::read::Decoder::with_buffer(input) {
            Ok(input) => read_tar(name, input, emit),
            Err(error) => emit(broken(format!("cannot be decompressed: {error}"))),
        },
        _ => read_tar(name, input, emit),
    }
}

fn read_tar(
    name: &str,
    input: impl Read,
    emit: &mut dyn FnMut(Bundled) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut archive = tar::Archive::new(Tail { inner: input, zeros: 0 });
    let mut reader = Reader { name, pending: Pending::default(), emit };
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return reader.damaged(None, &error),
    };
    let mut last = None;
    for entry in entries {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => return reader.damaged(last.as_deref(), &error),
        };
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        let size = entry.size();
        match refusal(&path, kind, size) {
            Some(why) => reader.refused(&path, why)?,
            None => {
                let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
                if let Err(error) = entry.read_to_end(&mut bytes) {
                    return reader.damaged(Some(&path), &error);
                }
                if bytes.len() as u64 != size {
                    let error = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return reader.damaged(Some(&path), &error);
                }
                reader.file(clean(&path), bytes)?;
            }
        }
        last = Some(path);
    }
    reader.flush()?;
    let mut tail = archive.into_inner();
    // The end shows whether the compressed data is whole.
    let message = match goes_on(&mut tail) {
        Ok(true) => {
            "there is more behind the end of the archive: give joined bundles one by one".to_owned()
        }
        Ok(false) if tail.zeros >= BLOCK => return ControlFlow::Continue(()),
        Ok(false) => "the bundle has no end: it was cut off between two files".to_owned(),
        Err(error) => format!("the bundle is cut off or damaged at its end: {error}"),
    };
    let name = name.to_owned();
    (reader.emit)(Bundled::Broken { name, message })
}

/// Reads on to the end; whether there is more than the zeros that end a tar file.
fn goes_on(input: &mut impl Read) -> io::Result<bool> {
    let mut buffer = vec![0; 64 * 1024];
    let mut more = false;
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(more),
            Ok(count) => more |= buffer[..count].iter().any(|byte| *byte != 0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The unit of a tar file; two of zeros end it.
const BLOCK: usize = 512;

/// Why a member is not read.
fn refusal(path: &str, kind: tar::EntryType, size: u64) -> Option<String> {
    let parts = || path.split(['/', '\\']);
    let drive = path.as_bytes().get(1) == Some(&b':');
    if path.starts_with(['/', '\\']) || drive {
        return Some("its path is absolute: bundles hold relative paths".into());
    }
    if parts().any(|part| part == "..") {
        return Some("its path leads out of the bundle by `..`".into());
    }
    if parts().all(|part| part.is_empty() || part == ".") || path.contains('\0') {
        return Some("it has no usable path".into());
    }
    if kind.is_symlink() || kind.is_hard_link() {
        return Some("it is a link, and links are not followed: pack the file itself".into());
    }
    if !(kind.is_file() || kind.is_contiguous()) {
        return Some("it is no regular file".into());
    }
    if size > MAX_FILE {
        return Some(format!("it has {size} bytes: more than {MAX_FILE} are not read"));
    }
    None
}

/// A path without `.` and empty parts.
fn clean(path: &str) -> String {
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    parts.collect::<Vec<_>>().join("/")
}

/// The files of what may become a recording.
#[derive(Default)]
struct Pending {
    /// The folder; before the manifest was seen, the one that the first file's path suggests.
    folder: String,
    /// Whether the manifest was seen.
    confirmed: bool,
    /// By their paths in the bundle.
    files: Files,
    bytes: usize,
    /// How many of the bytes are of executions within.
    within: usize,
    /// Files of executions within that are not held, by their paths in the bundle.
    passed_over: Hashes,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.passed_over.is_empty()
    }
}

struct Reader<'e> {
    name: &'e str,
    pending: Pending,
    emit: &'e mut dyn FnMut(Bundled) -> ControlFlow<()>,
}

impl Reader<'_> {
    fn file(&mut self, path: String, bytes: Vec<u8>) -> ControlFlow<()> {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", &path));
        if file == MANIFEST {
            self.manifest(folder.to_owned())?;
        } else if self.pending.confirmed {
            if within(&path, &self.pending.folder).is_none() {
                self.start(suggested(folder))?;
            }
        } else if self.pending.is_empty() || suggested(folder) != self.pending.folder {
            self.start(suggested(folder))?;
        } else if self.pending.bytes > MAX_PENDING {
            self.flush()?;
            self.start(suggested(folder))?;
        }
        if within(&path, &self.pending.folder).is_some_and(is_of_children) {
            if self.pending.within + bytes.len() > MAX_WITHIN {
                self.pending.passed_over.insert(path, hash_of(&bytes));
                return ControlFlow::Continue(());
            }
            self.pending.within += bytes.len();
        }
        self.pending.bytes += bytes.len();
        self.pending.files.insert(path, bytes);
        ControlFlow::Continue(())
    }

    /// A manifest: the files of its folder that came before belong to it.
    fn manifest(&mut self, folder: String) -> ControlFlow<()> {
        if self.pending.confirmed {
            self.flush()?;
        }
        let files = mem::take(&mut self.pending.files);
        let (own, others): (Files, Files) =
            files.into_iter().partition(|(path, _)| within(path, &folder).is_some());
        let of_children =
            own.iter().filter(|(path, _)| within(path, &folder).is_some_and(is_of_children));
        let held = of_children.map(|(_, bytes)| bytes.len()).sum();
        let passed_over = mem::take(&mut self.pending.passed_over);
        let (passed_over, lost): (Hashes, Hashes) =
            passed_over.into_iter().partition(|(path, _)| within(path, &folder).is_some());
        (self.pending.files, self.pending.passed_over) = (others, lost);
        self.flush()?;
        self.pending =
            Pending { folder, confirmed: true, files: own, bytes: 0, within: held, passed_over };
        ControlFlow::Continue(())
    }

    fn start(&mut self, folder: String) -> ControlFlow<()> {
        self.flush()?;
        self.pending.folder = folder;
        ControlFlow::Continue(())
    }

    /// Hands over what is complete.
    fn flush(&mut self) -> ControlFlow<()> {
        let Pending { folder, confirmed, files, passed_over, .. } = mem::take(&mut self.pending);
        if confirmed {
            let (name, files) = (self.of(&folder), below(&folder, files));
            let passed_over = below(&folder, passed_over);
            return (self.emit)(Bundled::Recording { name, folder, files, passed_over });
        }
        let lost = passed_over.keys().filter(|path| is_history(path)).count();
        if lost > 0 {
            let message = format!(
                "{lost} more of the histories are too large to be held together, and no \
                 `{MANIFEST}` says whose they are: unpack the bundle, and replay the folder"
            );
            let name = self.of(&folder);
            (self.emit)(Bundled::Broken { name, message })?;
        }
        for (path, bytes) in files {
            if is_history(&path) {
                let name = self.of(&path);
                (self.emit)(Bundled::History { name, path, bytes })?;
            }
        }
        ControlFlow::Continue(())
    }

    fn refused(&mut self, path: &str, message: String) -> ControlFlow<()> {
        let name = self.of(&path.escape_debug().to_string());
        (self.emit)(Bundled::Broken { name, message })
    }

    /// The bundle cannot be read on. What was being collected is not whole.
    fn damaged(&mut self, last: Option<&str>, error: &io::Error) -> ControlFlow<()> {
        let place = last
            .map_or_else(|| "at its beginning".to_owned(), |last| format!("at or behind `{last}`"));
        let message = match error.kind() {
            io::ErrorKind::UnexpectedEof => format!("the bundle is cut off {place}"),
            _ => format!("the bundle is damaged {place}, or no tar file: {error}"),
        };
        let lost = mem::take(&mut self.pending);
        if lost.confirmed || !lost.is_empty() {
            let name = self.of(&lost.folder);
            let message = format!("{message}: the recording is not whole");
            return (self.emit)(Bundled::Broken { name, message });
        }
        let name = self.name.to_owned();
        (self.emit)(Bundled::Broken { name, message })
    }

    /// A name for messages.
    fn of(&self, path: &str) -> String {
        if path.is_empty() { self.name.to_owned() } else { format!("{}/{path}", self.name) }
    }
}

/// What stands in a folder, by the paths within it.
fn below<T>(folder: &str, files: BTreeMap<String, T>) -> BTreeMap<String, T> {
    let own = files.into_iter();
    own.filter_map(|(path, file)| Some((within(&path, folder)?.to_owned(), file))).collect()
}

/// The path within a folder.
fn within<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    if folder.is_empty() {
        return Some(path);
    }
    path.strip_prefix(folder)?.strip_prefix('/')
}

/// The folder of the recording that a file in this folder may belong to: the executions within a
/// recording stand in folders of their own.
fn suggested(folder: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    while let [.., "children" | "map-runs", _] = parts.as_slice() {
        parts.truncate(parts.len() - 2);
    }
    parts.join("/")
}

/// Whether a file that belongs to no recording may be a history, by its name.
fn is_history(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.ends_with(".json")
        && !name.ends_with(".asl.json")
        && !matches!(name, "execution.json" | "map-run.json")
}

/// A reader that knows whether the last that it read was zeros, which end a tar file.
struct Tail<R> {
    inner: R,
    zeros: usize,
}

impl<R: Read> Read for Tail<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match buffer[..count].iter().rposition(|byte| *byte != 0) {
            Some(last) => self.zeros = count - 1 - last,
            None => self.zeros += count,
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
