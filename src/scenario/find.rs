//! Finding files in folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How the names of scenario files end.
pub const FILE_ENDINGS: [&str; 2] = [".scenario.yaml", ".scenario.yml"];

/// The scenario files that `path` names: itself, or of a folder every one below it, sorted.
///
/// # Errors
///
/// Where the path or a folder below it cannot be read.
pub fn find(path: &Path) -> io::Result<Vec<PathBuf>> {
    find_with_endings(path, &FILE_ENDINGS)
}

/// The file `path` itself, or of a folder every file below it whose name ends so, sorted. Hidden
/// folders and build outputs are left out.
///
/// # Errors
///
/// As of [`find`].
pub fn find_with_endings(path: &Path, endings: &[&str]) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // `./a` and `a` are the same file; the shorter name is printed.
            let path = match folder == Path::new(".") {
                true => PathBuf::from(entry.file_name()),
                false => entry.path(),
            };
            // A link to a folder may lead back here, so links are not followed.
            if entry.file_type()?.is_dir() {
                if !name.starts_with('.') && name != "target" && name != "node_modules" {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
