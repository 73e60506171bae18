//! Scenario files: what goes into a state machine, how the world answers, what must come out.
//!
//! The format is described in `scenarios/README.md`. Reading one yields typed [`Case`]s, or
//! diagnostics for everything that is wrong with the file; nothing here runs.

mod case;
mod definition;
mod expect;
mod find;
mod guess;
mod import;
mod names;
mod place;
mod read;
mod scaffold;
mod sequence;
mod state_test;
mod table;
mod versions;
pub mod write;

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use case::{
    Basis, Case, CaseMock, CaseObject, CaseVersions, ExpectedDiagnostic, NestedMachine, Proof,
    World,
};
pub use definition::{Definition, Deployed, substitute};
pub use expect::{
    Bounds, CallCheck, CallPart, Check, CheckKind, EventPattern, Expectation, HistoryFile,
    HistoryPattern, LogLine, LogPattern, PathPattern, StateCheck, StateEntry, StatePart, Status,
};
pub use find::{FILE_ENDINGS, find, find_with_endings};
pub use import::ImportedScenario;
pub use place::PlacePattern;
pub use scaffold::Scaffold;
pub use sequence::{Misfit, Rows, Step, fit, fit_part};
pub use state_test::StateTestCase;

use crate::diagnostic::{Diagnostic, Source};
use crate::document::{Decoder, Document, Kind, Member, Node, UNREADABLE};
use definition::Definitions;
use read::{CaseReader, members_of};

/// The code of everything that is wrong with a scenario file.
pub const INVALID_SCENARIO: &str = "INVALID_SCENARIO";

/// The cases of one file.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file.
    pub path: PathBuf,
    /// Its name and text.
    pub source: Arc<Source>,
    /// What the file is about.
    pub description: Option<Arc<str>>,
    /// The cases, tables unfolded.
    pub cases: Vec<Case>,
}

/// The keys that a file hands down to its cases.
const INHERITED: [&str; 9] = [
    "definition",
    "type",
    "substitutions",
    "tags",
    "features",
    "proves",
    "basis",
    "recording",
    "stateMachineName",
];

impl Scenario {
    /// Reads a scenario file and the definitions it names.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file. A definition that AWS would refuse is not an error
    /// here: a case may expect just that.
    pub fn load(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let name = path.display().to_string();
        let bytes = fs::read(path).map_err(|error| {
            let source = Source::new(name.as_str(), "");
            let message = format!("the file cannot be read: {error}");
            vec![Diagnostic::error(&source, 0..0, UNREADABLE, message)]
        })?;
        let document = Document::from_bytes(&name, bytes).map_err(|problem| vec![*problem])?;
        Self::read(path, &document)
    }

    /// Reads a scenario from its text; `path` says where it stands, for the files that it names.
    ///
    /// # Errors
    ///
    /// As of [`Scenario::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let name = path.display().to_string();
        let document = Document::parse(&name, text).map_err(|problem| vec![*problem])?;
        Self::read(path, &document)
    }

    fn read(path: &Path, document: &Document) -> Result<Self, Vec<Diagnostic>> {
        let stem = file_stem(path);
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut reader = CaseReader {
            decoder: Decoder::new(document, INVALID_SCENARIO),
            definitions: Definitions::new(folder),
            file_stem: &stem,
            document,
        };
        let cases = read_file(&mut reader, &document.root);
        let mut diagnostics = reader.decoder.into_diagnostics();
        diagnostics.sort_by_key(|problem| problem.span.start);
        // Defaults are read once for every case; their problems are told once.
        let mut told: Vec<(Range<usize>, String)> = Vec::new();
        diagnostics.retain(|problem| {
            let key = (problem.span.clone(), problem.message.clone());
            let new = !told.contains(&key);
            if new {
                told.push(key);
            }
            new
        });
        if diagnostics.iter().any(Diagnostic::is_error) {
            return Err(diagnostics);
        }
        let description = document.root.get("description").and_then(Node::as_str).cloned();
        let source = document.source.clone();
        Ok(Self { path: path.to_path_buf(), source, description, cases })
    }
}

fn read_file(reader: &mut CaseReader<'_>, root: &Node) -> Vec<Case> {
    if definition::looks_like_a_definition(root) {
        let help = "put it under `definition:`, or name its file there; \
                    `stepproof init` writes a scenario for a definition";
        let message = "this is a state machine's definition, not a scenario";
        let problem = reader.document.error_in(root, INVALID_SCENARIO, message);
        reader.decoder.push(problem.with_help(help));
        return Vec::new();
    }
    let Some(mut members) = reader.decoder.object(root) else { return Vec::new() };
    let Some(listed) = members.take("cases") else {
        return read_case(reader, &[], root);
    };
    let mut inherited: Vec<Member> = Vec::new();
    for key in INHERITED {
        inherited.extend(members.member(key).cloned());
    }
    let description = members.take("description");
    description.map(|node| reader.decoder.string(node));
    if let Some(defaults) = members.take("defaults") {
        if let Some(entries) = reader.decoder.entries(defaults) {
            for entry in entries.iter().filter(|entry| matches!(&*entry.key, "name" | "forEach")) {
                let message = format!("`{}` belongs to a case, not to the defaults", entry.key);
                reader.decoder.error(entry.key_span.clone(), message);
            }
        }
        let merged = table::merge(&inherited, defaults);
        inherited = members_of(&merged).to_vec();
    }
    members.finish(&mut reader.decoder);
    let items = reader.decoder.array(listed).unwrap_or_default();
    if items.is_empty() && matches!(listed.kind, Kind::Array(_)) {
        reader.decoder.error(listed.span.clone(), "there are no cases");
    }
    let mut cases: Vec<Case> = Vec::new();
    let mut names: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for item in items {
        if reader.decoder.object(item).is_none() {
            continue;
        }
        if item.get("name").is_none() {
            let problem = reader.document.error_in(item, INVALID_SCENARIO, "the case has no name");
            reader.decoder.push(problem);
            continue;
        }
        for case in read_case(reader, &inherited, item) {
            if let Some(first) = names.insert(case.name.clone(), item.span.start) {
                let (line, _) = reader.document.source.line_column(first);
                let message =
                    format!("a case called `{}` stands on line {line} already", case.name);
                let at = item.get("name").map_or(item.span.clone(), |name| name.span.clone());
                reader.decoder.error(at, message);
            }
            cases.push(case);
        }
    }
    cases
}

fn read_case(reader: &mut CaseReader<'_>, inherited: &[Member], item: &Node) -> Vec<Case> {
    let merged = table::merge(inherited, item);
    match merged.get("forEach") {
        None => reader.read(&merged, false).into_iter().collect(),
        Some(table) => {
            let rows = table::rows(&mut reader.decoder, &merged, table);
            rows.iter().filter_map(|row| reader.read(row, true)).collect()
        }
    }
}

/// The name of a file without its folder and its endings.
fn file_stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let ends = FILE_ENDINGS.iter().chain(&[".yaml", ".yml", ".json"]);
    let stem = ends.clone().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    stem.to_owned()
}

/// The node that a path such as `$.items[2]['a b']` leads to, as far as it leads.
fn locate<'n>(root: &'n Node, path: &str) -> &'n Node {
    let mut node = root;
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    while !rest.is_empty() {
        let (step, after) = split_step(rest);
        let next = match (&node.kind, step.parse::<usize>()) {
            (Kind::Array(items), Ok(index)) => items.get(index),
            _ => node.get(&step),
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
        rest = after;
    }
    node
}

/// The first step of a path: `.name`, `['name']` or `[2]`, without what marks it as one.
pub(crate) fn split_step(path: &str) -> (String, &str) {
    if let Some(rest) = path.strip_prefix("['") {
        if let Some((name, after)) = rest.split_once("']") {
            return (name.replace("\\'", "'"), after);
        }
    } else if let Some((index, after)) =
        path.strip_prefix('[').and_then(|rest| rest.split_once(']'))
    {
        return (index.to_owned(), after);
    }
    let rest = path.strip_prefix('.').unwrap_or(path);
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    (rest[..end].to_owned(), &rest[end..])
}

#[cfg(test)]
mod tests;
