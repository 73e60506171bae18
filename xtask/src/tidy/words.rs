//! Words and paths that have no place in the repository.

use super::{Complaint, Tree};

/// Traces of the machine a file was written on.
const PLACES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("C:\\", "Users"),
];

/// Traces of the tools and the registries of the machine a file was written on.
const TRACES: &[&str] = &[
    concat!("clau", "de"),
    concat!("anthro", "pic"),
    concat!("open", "ai"),
    concat!("chat", "gpt"),
    concat!("copi", "lot"),
    concat!("artifac", "tory"),
    concat!("index.crates", ".io"),
];

/// Comments that put off what should be done or said now.
const LATER: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];

pub fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in tree.all().filter(|f| f.path != "Cargo.lock") {
        for (n, line) in file.text.lines().enumerate() {
            for place in PLACES.iter().filter(|p| line.contains(**p)) {
                complaints.push(file.complain(n + 1, format!("a machine's path: `{place}`")));
            }
            let lower = line.to_ascii_lowercase();
            for trace in TRACES.iter().filter(|t| lower.contains(**t)) {
                complaints.push(file.complain(n + 1, format!("a trace of a tool: `{trace}`")));
            }
            let comment = file.path.ends_with(".rs") && line.contains("//");
            for word in LATER.iter().filter(|w| comment && line.contains(**w)) {
                complaints.push(file.complain(n + 1, format!("do it or leave it: `{word}`")));
            }
            if line.ends_with(' ') && !file.path.ends_with(".md") && !file.path.ends_with(".snap") {
                complaints.push(file.complain(n + 1, "spaces at the end of the line"));
            }
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            complaints.push(file.complain(None, "no newline at the end"));
        }
    }
    complaints
}
