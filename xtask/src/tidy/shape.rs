//! The shape of source files: a header, a bearable length, no nameless modules, no silenced lints.

use super::{Complaint, File, Tree};

/// Lines of a file before its tests.
const FILE_LINES_MAX: usize = 800;

/// What lies at the top of the repository: nothing else does.
const TOP: &[&str] = &[
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".gitattributes",
    ".github",
    ".gitignore",
    ".rustfmt.toml",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "conformance",
    "recordings",
    "scenarios",
    "src",
    "xtask",
];

pub fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in tree.all() {
        let top = file.path.split('/').next().unwrap_or_default();
        if !TOP.contains(&top) {
            complaints.push(file.complain(None, "does not belong at the top of the repository"));
        }
    }
    for file in tree.rust() {
        header(file, &mut complaints);
        length(file, &mut complaints);
        silenced(file, &mut complaints);
    }
    complaints
}

fn header(file: &File, complaints: &mut Vec<Complaint>) {
    if !file.text.starts_with("//! ") {
        complaints.push(file.complain(1, "begin with `//!` and say what the file is"));
    }
    if file.path.ends_with("/mod.rs") {
        complaints.push(file.complain(None, "name the file after its module, beside its folder"));
    }
}

fn length(file: &File, complaints: &mut Vec<Complaint>) {
    let lines = file.production().count();
    if lines > FILE_LINES_MAX && !file.is_test() {
        let text =
            format!("{lines} lines before the tests, {FILE_LINES_MAX} are the most: split it");
        complaints.push(file.complain(None, text));
    }
}

fn silenced(file: &File, complaints: &mut Vec<Complaint>) {
    for (n, line) in file.text.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with("#[allow(") || line.starts_with("#![allow(") {
            complaints.push(file.complain(n + 1, "use `#[expect(.., reason = ..)]`"));
        }
        if line.starts_with("#[ignore") {
            complaints.push(file.complain(n + 1, "no ignored tests: list an expected failure"));
        }
    }
}
