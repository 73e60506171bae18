//! What `cargo fmt` and clippy cannot see: layers, file headers, fixtures nobody uses, words.
//!
//! Runs as a task and as a test. A rule is one function from the tree to its complaints.

mod fixtures;
mod layers;
mod shape;
mod words;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, root};

/// One thing that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct Complaint {
    /// File, relative to the repository.
    pub file: String,
    /// Line, where there is one.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub text: String,
}

/// The files of the repository, as git knows them.
pub struct Tree {
    files: Vec<File>,
}

/// A file of the repository.
pub struct File {
    /// Relative to the repository, with forward slashes.
    pub path: String,
    /// Its text; empty where it is no text.
    pub text: String,
}

impl Tree {
    fn read() -> Result<Self, String> {
        let mut files = Vec::new();
        for path in listed()? {
            let full = root().join(&path);
            // Deleted but not yet committed.
            if !full.is_file() {
                continue;
            }
            let bytes = std::fs::read(&full)
                .map_err(|e| format!("cannot read `{}`: {e}", full.display()))?;
            files.push(File { path, text: String::from_utf8(bytes).unwrap_or_default() });
        }
        Ok(Self { files })
    }

    /// All files.
    pub fn all(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// The Rust sources.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.all().filter(|f| f.path.ends_with(".rs"))
    }
}

impl File {
    /// A complaint about this file.
    pub fn complain(&self, line: impl Into<Option<usize>>, text: impl Into<String>) -> Complaint {
        Complaint { file: self.path.clone(), line: line.into(), text: text.into() }
    }

    /// The lines before the file's tests, with their numbers.
    pub fn production(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.text.lines().enumerate().map(|(n, line)| (n + 1, line));
        numbered.take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
    }

    /// Whether the whole file is tests.
    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }
}

pub fn run() -> Outcome {
    let complaints = complaints()?;
    for complaint in &complaints {
        match complaint.line {
            Some(line) => println!("{}:{line}: {}", complaint.file, complaint.text),
            None => println!("{}: {}", complaint.file, complaint.text),
        }
    }
    if complaints.is_empty() {
        println!("tidy");
    }
    Ok(complaints.is_empty())
}

fn complaints() -> Result<Vec<Complaint>, String> {
    let tree = Tree::read()?;
    let mut complaints = layers::check(&tree);
    complaints.extend(shape::check(&tree));
    complaints.extend(fixtures::check(&tree));
    complaints.extend(words::check(&tree));
    Ok(complaints)
}

/// Tracked files and new ones that are not ignored; without git, everything below the known folders.
fn listed() -> Result<Vec<String>, String> {
    let git = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root())
        .output();
    if let Ok(output) = git
        && output.status.success()
    {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        return Ok(text.split('\0').filter(|p| !p.is_empty()).map(str::to_owned).collect());
    }
    let mut found = Vec::new();
    walk(&root(), &root(), &mut found).map_err(|e| format!("cannot list the repository: {e}"))?;
    Ok(found)
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) -> std::io::Result<()> {
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in folder.read_dir()? {
        entries.push(entry?.path());
    }
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != ".git" && name != "target" {
                walk(root, &path, found)?;
            }
        } else {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            found.push(relative.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_repository_is_tidy() {
        let complaints = super::complaints().unwrap();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}
