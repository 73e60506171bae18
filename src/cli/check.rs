//! `stepproof check`: what is wrong with definitions.

use super::args::{Check, Form};
use super::output::Terminal;
use super::{Exit, definition};
use crate::asl::ExecutionType;
use crate::diagnostic::Diagnostic;
use crate::report::{self, plural};
use crate::scenario::Definition;
use crate::value::Value;

pub(super) fn run(arguments: &Check, terminal: &Terminal) -> Result<Exit, String> {
    let fills = definition::fills(&arguments.substitutions)?;
    let mut exit = Exit::AsExpected;
    let mut files = Vec::new();
    for path in &arguments.definitions {
        let definition = definition::read(path, &fills, ExecutionType::Standard)?;
        let diagnostics = &definition.diagnostics;
        if diagnostics.iter().any(Diagnostic::is_error) {
            exit = Exit::Unusable;
        }
        let shown = path.display();
        match arguments.report {
            Form::Json => files.push(Value::object([
                ("file", Value::from(shown.to_string())),
                ("diagnostics", Value::array(diagnostics.iter().map(report::diagnostic))),
            ])),
            Form::Text => {
                for diagnostic in diagnostics {
                    terminal.print(&format!("{}\n", diagnostic.render(terminal.style)));
                }
                let errors = diagnostics.iter().filter(|one| one.is_error()).count();
                let warnings = diagnostics.len() - errors;
                let states = definition.machine.as_ref().map(|machine| count(&machine.states));
                let states = states
                    .map(|count| format!(" ({})", plural(count, "state")))
                    .unwrap_or_default();
                terminal.print(&match (errors, warnings) {
                    (0, 0) => format!("{shown}: nothing to object to{states}\n"),
                    _ => format!(
                        "{shown}: {}, {}{states}\n",
                        plural(errors, "error"),
                        plural(warnings, "warning")
                    ),
                });
                terminal.print(&placeholders(&definition));
            }
        }
    }
    if arguments.report == Form::Json {
        terminal.print(&format!("{:#}\n", Value::array(files)));
    }
    Ok(exit)
}

/// The placeholders that nothing fills in, and which of them must be before the machine can run.
fn placeholders(definition: &Definition) -> String {
    let needed = definition.unfilled();
    let mut names: Vec<String> = Vec::new();
    for placeholder in definition.machine.iter().flat_map(|machine| &machine.placeholders) {
        let needed = if needed.contains(&placeholder.name) { " (needed to run it)" } else { "" };
        let name = format!("${{{}}}{needed}", placeholder.name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.is_empty() {
        true => String::new(),
        false => format!("  placeholders not filled in: {}\n", names.join(", ")),
    }
}

/// The states of all levels.
fn count(level: &crate::asl::States) -> usize {
    let inner = level.iter().flat_map(crate::asl::State::levels).map(count);
    level.iter().count() + inner.sum::<usize>()
}
