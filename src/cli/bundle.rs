//! `stepproof bundle`: many recordings in one file.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _};
use std::path::{Path, PathBuf};

use super::args::Bundle as Arguments;
use super::output::Terminal;
use super::{Exit, file};
use crate::recording::{Files, MANIFEST, Manifest, Packer, Packing, find};

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, String> {
    let target = &arguments.output;
    let packing = Packing::of(target).ok_or_else(|| {
        format!("`{}`: a bundle's name ends in .tar, .tar.gz or .tar.zst", target.display())
    })?;
    let beside = file::neighbour(target);
    let packed = pack(&arguments.recordings, &beside, packing, terminal).and_then(|count| {
        fs::rename(&beside, target).map(|()| count).map_err(|e| failed(target, &e))
    });
    match packed {
        Ok(count) => {
            let noun = if count == 1 { "recording" } else { "recordings" };
            terminal.print(&format!("{count} {noun} in {}\n", target.display()));
            Ok(Exit::AsExpected)
        }
        Err(message) => {
            // The message is about the bundle; what cannot be removed adds nothing to it.
            drop(fs::remove_file(&beside));
            Err(message)
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("cannot write `{}`: {error}", path.display())
}

fn pack(
    roots: &[PathBuf],
    target: &Path,
    packing: Packing,
    terminal: &Terminal,
) -> Result<usize, String> {
    let mut folders = Vec::new();
    for root in roots {
        let found = find(root).map_err(|error| error.to_string())?;
        if found.is_empty() {
            return Err(format!("no recording below `{}`", root.display()));
        }
        folders.extend(found.into_iter().map(|folder| (root, folder)));
    }
    let output = File::create(target).map_err(|error| failed(target, &error))?;
    let mut packer = Packer::new(BufWriter::with_capacity(1 << 20, output), packing)
        .map_err(|error| failed(target, &error))?;
    let mut names = BTreeSet::new();
    let bar = terminal.progress(folders.len(), "recordings");
    for (root, folder) in &folders {
        let name = name(root, folder);
        if !names.insert(name.clone()) {
            return Err(format!(
                "`{}`: another recording is called `{name}`, too",
                folder.display()
            ));
        }
        let mut files = Files::new();
        read(folder, "", &mut files)?;
        check(folder, &files)?;
        packer.add(&name, &files).map_err(|error| failed(target, &error))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let output = packer.finish().map_err(|error| failed(target, &error))?;
    let output = output.into_inner().map_err(|error| failed(target, error.error()))?;
    output.sync_all().map_err(|error| failed(target, &error))?;
    Ok(folders.len())
}

/// A recording's path below the root, or its own name where it is the root.
fn name(root: &Path, folder: &Path) -> String {
    let below = folder.strip_prefix(root).unwrap_or(folder);
    let below = match below.as_os_str().is_empty() {
        true => Path::new(folder.file_name().unwrap_or_default()),
        false => below,
    };
    below.to_string_lossy().replace('\\', "/")
}

/// Only a manifest that this stepproof can read goes into a bundle.
fn check(folder: &Path, files: &Files) -> Result<(), String> {
    let place = folder.join(MANIFEST).display().to_string();
    let text = files.get(MANIFEST).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
    Manifest::parse(&place, &text).map(drop).map_err(|error| error.to_string())
}

fn read(folder: &Path, below: &str, files: &mut Files) -> Result<(), String> {
    let failed =
        |path: &Path, error: io::Error| format!("cannot read `{}`: {error}", path.display());
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let entry = entry.map_err(|error| failed(folder, error))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let kind = entry.file_type().map_err(|error| failed(&path, error))?;
        if kind.is_dir() {
            read(&path, &format!("{below}{name}/"), files)?;
        } else if kind.is_file() {
            let mut bytes = Vec::new();
            File::open(&path)
                .and_then(|mut file| file.read_to_end(&mut bytes))
                .map_err(|error| failed(&path, error))?;
            files.insert(format!("{below}{name}"), bytes);
        }
    }
    Ok(())
}
