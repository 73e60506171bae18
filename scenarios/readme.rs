//! Runs the examples of `README.md` against the real command.
//!
//! A block after `<!-- file: NAME -->` is written to a fresh folder. Of a `console` block each line
//! that starts with `$ ` is run there, and the lines below it must be what it prints; `[..]` in
//! them stands for any text, and a line `...` for any lines. `<!-- exit: N -->` before the block
//! says the exit code of its commands. Rust blocks are documentation tests of the library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A fenced block with the comments right before it.
struct Block<'t> {
    language: &'t str,
    file: Option<&'t str>,
    exit: i32,
    line: usize,
    text: String,
}

#[test]
fn examples_print_what_the_readme_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let folder = fresh_folder();
    let mut commands = 0;
    for block in blocks(&readme) {
        if let Some(name) = block.file {
            fs::write(folder.join(name), &block.text).unwrap();
        } else if block.language == "console" {
            commands += run_block(&block, &folder, root);
        }
    }
    assert!(commands > 0, "the README has no console examples");
}

fn fresh_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn blocks(readme: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let (mut file, mut exit) = (None, 0);
    let mut lines = readme.lines().enumerate();
    while let Some((n, line)) = lines.next() {
        if let Some(name) = comment(line, "file") {
            file = Some(name);
        } else if let Some(code) = comment(line, "exit") {
            exit = code.parse().expect("an exit code is a number");
        } else if let Some(language) = line.strip_prefix("```") {
            let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            let text: String = inside.flat_map(|line| [line, "\n"]).collect();
            blocks.push(Block { language, file: file.take(), exit, line: n + 1, text });
            exit = 0;
        }
    }
    blocks
}

fn comment<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    line.strip_prefix("<!-- ")?.strip_suffix(" -->")?.strip_prefix(key)?.strip_prefix(": ")
}

/// Runs the commands of a block and compares what they print; answers how many there were.
fn run_block(block: &Block<'_>, folder: &Path, root: &Path) -> usize {
    let mut count = 0;
    let mut lines = block.text.lines().peekable();
    while let Some(line) = lines.next() {
        let command = line.strip_prefix("$ ").expect("a console block begins with a command");
        let mut expected = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            expected.push(line);
        }
        let (printed, code) = run(command, folder, root);
        let place = format!("README.md, block at line {}: `{command}`", block.line);
        assert_eq!(code, block.exit, "{place}\nexit code; it printed:\n{printed}");
        let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
        assert!(
            lines_fit(&expected, &printed),
            "{place}\nexpected:\n{}\n\nprinted:\n{}\n",
            expected.join("\n"),
            printed.join("\n")
        );
        count += 1;
    }
    count
}

/// Runs a `stepproof` or `cat` command in the folder; answers all it printed and its exit code.
fn run(line: &str, folder: &Path, root: &Path) -> (String, i32) {
    let words = split(line);
    let (program, arguments) = words.split_first().expect("a command has a name");
    if program == "cat" {
        let text = fs::read_to_string(folder.join(&arguments[0])).unwrap_or_default();
        return (text.trim_end().to_owned(), 0);
    }
    assert_eq!(program, "stepproof", "the README may only run stepproof: `{line}`");
    let arguments = arguments.iter().map(|word| {
        let ours = ["recordings/", "scenarios/"].iter().any(|folder| word.starts_with(folder));
        if ours { root.join(word).display().to_string() } else { word.clone() }
    });
    let output = Command::new(env!("CARGO_BIN_EXE_stepproof"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the command starts");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8(printed).unwrap().replace(&format!("{}/", root.display()), "");
    (printed.trim_end().to_owned(), output.status.code().unwrap_or(-1))
}

/// The words of a command line; single and double quotes hold one together.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote, mut started) = (String::new(), None, false);
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.push(c),
            None if c == '\'' || c == '"' => (quote, started) = (Some(c), true),
            None if c.is_whitespace() => {
                if started {
                    words.push(std::mem::take(&mut word));
                }
                started = false;
            }
            None => {
                word.push(c);
                started = true;
            }
        }
    }
    if started {
        words.push(word);
    }
    words
}

/// Whether the lines are as expected, where a line `...` stands for any lines.
fn lines_fit(expected: &[&str], printed: &[&str]) -> bool {
    match (expected, printed) {
        ([], []) => true,
        (["...", rest @ ..], _) => {
            (0..=printed.len()).any(|skipped| lines_fit(rest, &printed[skipped..]))
        }
        ([first, rest @ ..], [line, others @ ..]) => fits(first, line) && lines_fit(rest, others),
        _ => false,
    }
}

/// Whether the text is as expected, where `[..]` stands for any text.
fn fits(expected: &str, text: &str) -> bool {
    match expected.split_once("[..]") {
        None => expected == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).filter(|n| rest.is_char_boundary(*n)).any(|n| fits(after, &rest[n..]))
        }),
    }
}
