//! Writes the files that are made from others, or with `--check` says which of them are stale.

mod disagreements;
mod features;
mod models;
mod schema;

use std::path::Path;

use crate::{Outcome, read, root};

#[derive(clap::Args)]
pub struct Arguments {
    /// Write nothing; fail where a file differs from what would be written.
    #[arg(long)]
    check: bool,
}

/// A file, and what it should hold.
pub struct Generated {
    /// Relative to the repository.
    path: String,
    text: String,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let mut stale: Vec<(String, Vec<u8>)> =
        stale()?.into_iter().map(|file| (file.path, file.text.into_bytes())).collect();
    match models::state(!arguments.check)? {
        models::State::Fresh => {}
        models::State::Stale(bytes) => stale.push((models::PATH.to_owned(), bytes)),
        models::State::Unknown(why) => println!("skipped: {}: {why}", models::PATH),
    }
    for (path, bytes) in &stale {
        if arguments.check {
            println!("{path} is stale: run `cargo xtask codegen`");
        } else {
            std::fs::write(root().join(path), bytes)
                .map_err(|e| format!("cannot write `{path}`: {e}"))?;
            println!("wrote {path}");
        }
    }
    if stale.is_empty() {
        println!("nothing to do");
    }
    Ok(stale.is_empty() || !arguments.check)
}

/// The generated files that are not as they should be.
fn stale() -> Result<Vec<Generated>, String> {
    let mut files =
        vec![Generated { path: "scenarios/scenario.schema.json".to_owned(), text: schema::text() }];
    files.extend(features::files()?);
    files.extend(disagreements::files()?);
    files.retain(|file| read(&root().join(&file.path)).ok().as_deref() != Some(&file.text));
    Ok(files)
}

/// `text` with `inner` between the two marks of `name`.
fn between_marks(path: &Path, text: &str, name: &str, inner: &str) -> Result<String, String> {
    let (open, close) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let place = text
        .find(&open)
        .map(|at| at + open.len())
        .and_then(|start| text[start..].find(&close).map(|length| (start, start + length)));
    let Some((start, end)) = place else {
        return Err(format!("`{}` lacks the marks of `{name}`", path.display()));
    };
    Ok(format!("{}{inner}{}", &text[..start], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_files_are_fresh() {
        let stale: Vec<_> = stale().unwrap().into_iter().map(|f| f.path).collect();
        assert!(stale.is_empty(), "{stale:?} are stale: run `cargo xtask codegen`");
    }

    #[test]
    fn service_models_are_fresh() {
        match models::state(false).unwrap() {
            models::State::Fresh => {}
            models::State::Stale(_) => {
                panic!("{} is stale: run `cargo xtask codegen`", models::PATH)
            }
            models::State::Unknown(why) => eprintln!("skipped: {}: {why}", models::PATH),
        }
    }

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n";
        let new = between_marks(Path::new("f"), text, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- begin x -->\nnew\n<!-- end x -->\nb\n");
        assert!(between_marks(Path::new("f"), "a", "x", "").is_err());
    }
}
