//! Definitions as the commands name them: a file, and what fills in its placeholders.

use std::path::Path;
use std::sync::Arc;

use super::file;
use crate::asl::{ExecutionType, StateMachine};
use crate::diagnostic::Style;
use crate::document::{Document, Kind, Member, Node};
use crate::limits::Limits;
use crate::scenario::{Definition, substitute};
use crate::value::Value;

/// Reads `NAME=VALUE` arguments.
pub(super) fn fills(arguments: &[String]) -> Result<Vec<Member>, String> {
    let fill = |argument: &String| {
        let (name, value) = argument
            .split_once('=')
            .ok_or_else(|| format!("`--set {argument}` is not of the form NAME=VALUE"))?;
        let value = Node { span: 0..0, kind: Kind::String(value.into()) };
        Ok(Member { key: name.into(), key_span: 0..0, value })
    };
    arguments.iter().map(fill).collect()
}

/// Reads a definition with what is wrong with it.
pub(super) fn read(
    path: &Path,
    fills: &[Member],
    execution_type: ExecutionType,
) -> Result<Definition, String> {
    let text = file::read(path)?;
    let document = match Document::parse(&path.display().to_string(), &text) {
        Ok(document) => document,
        Err(problem) => {
            let source = problem.source.clone();
            return Ok(Definition {
                source,
                value: Value::Null,
                machine: None,
                diagnostics: vec![*problem],
            });
        }
    };
    let fills: Vec<&Member> = fills.iter().collect();
    Ok(Definition::new(&substitute(&document, &fills), &Limits::today(), execution_type))
}

/// The machine of a definition that can be run.
pub(super) fn machine(definition: &Definition, style: Style) -> Result<Arc<StateMachine>, String> {
    let Some(machine) = &definition.machine else {
        let problems = problems(definition, style);
        return Err(format!("the definition cannot be run\n\n{}", problems.trim_end()));
    };
    match definition.unfilled() {
        unfilled if unfilled.is_empty() => Ok(machine.clone()),
        unfilled => {
            let options: Vec<String> =
                unfilled.iter().map(|name| format!("--set '{name}=VALUE'")).collect();
            Err(format!(
                "placeholders of `{}` must be filled in before it can run\n  add {}",
                definition.source.name,
                options.join(" ")
            ))
        }
    }
}

/// The problems of a definition that cannot be run.
pub(super) fn problems(definition: &Definition, style: Style) -> String {
    let errors = definition.diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
    errors.map(|diagnostic| format!("{}\n", diagnostic.render(style))).collect()
}
