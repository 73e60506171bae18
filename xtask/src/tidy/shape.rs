//! The shape of source files: a header, a bearable length, no nameless modules, no silenced lints.

use super::{Complaint, File, Tree};

/// Lines of a file before its tests.
const FILE_LINES_MAX: usize = 800;

/// Lines of a function, from its signature to its closing brace.
const FUNCTION_LINES_MAX: usize = 80;

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
        functions(file, &mut complaints);
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

/// Long functions, found by the layout that `cargo fmt` gives them.
fn functions(file: &File, complaints: &mut Vec<Complaint>) {
    let mut open: Option<(usize, usize)> = None;
    for (number, line) in file.production() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if open.is_none() && starts_function(code) && !line.ends_with(['}', ';']) {
            open = Some((number, indent));
        }
        let Some((start, outer)) = open else { continue };
        if indent == outer && (code == "}" || (code.ends_with(';') && number > start)) {
            open = None;
            let lines = number + 1 - start;
            if lines > FUNCTION_LINES_MAX && !file.is_test() {
                let text =
                    format!("a function of {lines} lines, {FUNCTION_LINES_MAX} are the most");
                complaints.push(file.complain(start, text));
            }
        }
    }
}

fn starts_function(code: &str) -> bool {
    let qualifier = |word: &&str| *word == "const" || *word == "async" || word.starts_with("pub");
    code.split_whitespace().find(|word| !qualifier(word)) == Some("fn")
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
