//! Files of scenarios, conformance cases and recordings that nothing refers to.

use super::{Complaint, File, Tree};

pub fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let data = |f: &&File| {
        let top = f.path.split('/').next().unwrap_or_default();
        ["scenarios", "conformance", "recordings"].contains(&top)
    };
    let files: Vec<&File> = tree.all().filter(data).collect();
    for file in &files {
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        if is_read_by_itself(folder, name) {
            continue;
        }
        let used = files.iter().any(|other| {
            other.path != file.path && in_or_above(&other.path, folder) && names(other, file)
        });
        if !used {
            complaints
                .push(file.complain(None, "nothing refers to this file: use it or delete it"));
        }
    }
    complaints
}

/// What is found by its name or place.
fn is_read_by_itself(folder: &str, name: &str) -> bool {
    name.ends_with(".scenario.yaml")
        || name.ends_with(".rs")
        || name.ends_with(".md")
        || name.ends_with(".snap")
        || name.ends_with(".schema.json")
        || name == "recording.toml"
        || folder.starts_with("conformance/cases")
        || folder.starts_with("conformance/targets")
        || folder.starts_with("conformance/reports")
        || folder == "conformance"
        || folder.starts_with("scenarios/invalid")
        || folder.starts_with("scenarios/failing")
}

fn in_or_above(path: &str, folder: &str) -> bool {
    let other = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    folder.starts_with(other)
}

fn names(other: &File, file: &File) -> bool {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    other.text.contains(name)
}
