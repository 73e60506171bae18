//! The registry of conformance features, and the cases that prove them.

use std::path::{Path, PathBuf};

use stepproof::scenario::{Basis, Case, Scenario};

use crate::{read, root};

/// A row of `conformance/features.toml`.
pub struct Feature {
    /// What cases call it.
    pub id: String,
    /// What it is.
    pub title: String,
    /// Whether every state machine may rely on it.
    pub core: bool,
}

/// A file of cases with the area it belongs to.
pub struct CaseFile {
    /// `area/file`.
    pub name: String,
    /// What is in it.
    pub scenario: Scenario,
}

impl CaseFile {
    /// `area/file/case`.
    pub fn case_name(&self, case: &Case) -> String {
        format!("{}/{}", self.name, case.name)
    }
}

/// The registry, in its order.
pub fn registry() -> Result<Vec<Feature>, String> {
    let path = root().join("conformance/features.toml");
    let table: toml::Table =
        read(&path)?.parse().map_err(|e| format!("`{}`: {e}", path.display()))?;
    let rows = table.get("feature").and_then(toml::Value::as_array);
    let text = |row: &toml::Value, key: &str| {
        row.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned()
    };
    Ok(rows
        .into_iter()
        .flatten()
        .map(|row| Feature {
            id: text(row, "id"),
            title: text(row, "title"),
            core: text(row, "level") == "core",
        })
        .collect())
}

/// All files below `conformance/cases`, and what is wrong with those that cannot be read.
pub fn case_files() -> Result<(Vec<CaseFile>, Vec<String>), String> {
    let folder = root().join("conformance/cases");
    let mut paths = Vec::new();
    find(&folder, &mut paths).map_err(|e| format!("cannot list `{}`: {e}", folder.display()))?;
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let relative = path.strip_prefix(&folder).unwrap_or(&path).to_string_lossy();
        let name = relative.trim_end_matches(".scenario.yaml").replace('\\', "/");
        match Scenario::load(&path) {
            Ok(scenario) => files.push(CaseFile { name, scenario }),
            Err(diagnostics) => {
                problems.extend(diagnostics.iter().map(|d| format!("{name}: {}", d.message)));
            }
        }
    }
    Ok((files, problems))
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in folder.read_dir()? {
        entries.push(entry?.path());
    }
    entries.sort();
    for path in entries {
        if path.is_dir() {
            find(&path, found)?;
        } else if path.to_string_lossy().ends_with(".scenario.yaml") {
            found.push(path);
        }
    }
    Ok(())
}

/// How many cases stand on which grounds.
#[derive(Clone, Copy, Default)]
pub struct Grounds {
    /// Seen on AWS.
    pub observed: usize,
    /// Written down by AWS.
    pub documented: usize,
    /// Concluded from others.
    pub inferred: usize,
}

impl Grounds {
    /// Counts a case.
    pub fn add(&mut self, case: &Case) {
        match case.proof.basis {
            Some(Basis::Observed) => self.observed += 1,
            Some(Basis::Documented) => self.documented += 1,
            Some(Basis::Inferred) | None => self.inferred += 1,
        }
    }

    /// All of them.
    pub fn cases(self) -> usize {
        self.observed + self.documented + self.inferred
    }
}
