//! `stepproof check`: what is wrong with definitions.

use std::path::Path;

use super::args::{Check, Form};
use super::output::Terminal;
use super::{Exit, definition};
use crate::asl::ExecutionType;
use crate::diagnostic::Diagnostic;
use crate::limits::Limits;
use crate::report::{self, plural};
use crate::scenario::Definition;
use crate::template::{Assumption, Inputs, Template, TemplateKind, TemplateMachine};
use crate::value::Value;

pub(super) fn run(arguments: &Check, terminal: &Terminal) -> Result<Exit, String> {
    let fills = definition::fills(&arguments.substitutions.set)?;
    let mut report =
        Report { exit: Exit::AsExpected, files: Vec::new(), form: arguments.report.form };
    let own = &arguments.template;
    for path in arguments.definitions.iter().filter(|path| !is_template(path)) {
        let checked = definition::read(path, &fills, ExecutionType::Standard)?;
        report.add(&path.display().to_string(), &checked, &[], terminal);
    }
    let named = own.template.iter();
    for path in arguments.definitions.iter().filter(|path| is_template(path)).chain(named) {
        let template = definition::read_template(path, own, &fills, terminal.style)?;
        let resource = own.resource.as_deref().filter(|_| own.template.as_ref() == Some(path));
        if resource.is_some() || template.machines.is_empty() {
            template.machine(resource).map_err(|(message, help)| format!("{message}\n  {help}"))?;
        }
        for problem in &template.problems {
            terminal.note(problem.render(terminal.style).trim_end());
        }
        let wanted = |machine: &&TemplateMachine| match resource {
            Some(resource) => {
                template.machine(Some(resource)).is_ok_and(|one| one.id == machine.id)
            }
            None => true,
        };
        for machine in template.machines.iter().filter(wanted) {
            let id = Some(&*machine.id);
            let checked = Definition::of_template(&template, id, &Limits::today(), None)
                .map_err(|(message, _)| message)?;
            let shown = format!("{} {}", path.display(), machine.id);
            report.add(&shown, &checked, &machine.assumptions, terminal);
        }
    }
    if arguments.report.form == Form::Json {
        terminal.print(&format!("{:#}\n", Value::array(report.files)));
    }
    Ok(report.exit)
}

/// Whether a path is a template and no definition; one that cannot be read is told as a definition.
fn is_template(path: &Path) -> bool {
    if path == Path::new("-") {
        return false;
    }
    let loaded = Template::load(path, &Inputs::default(), &|path| std::fs::read(path));
    loaded.is_ok_and(|template| template.kind != TemplateKind::Definition) || path.is_dir()
}

struct Report {
    exit: Exit,
    files: Vec<Value>,
    form: Form,
}

impl Report {
    fn add(
        &mut self,
        shown: &str,
        definition: &Definition,
        assumptions: &[Assumption],
        terminal: &Terminal,
    ) {
        let diagnostics = &definition.diagnostics;
        if diagnostics.iter().any(Diagnostic::is_error) {
            self.exit = Exit::Unusable;
        }
        if self.form == Form::Json {
            let mut members = vec![
                ("file", Value::from(shown)),
                ("diagnostics", Value::array(diagnostics.iter().map(report::diagnostic))),
            ];
            if definition.deployed.is_some() {
                let assumed = assumptions.iter().map(|one| {
                    let (line, column) = one.source.line_column(one.span.start);
                    Value::object([
                        ("key", Value::from(&*one.key)),
                        ("value", Value::from(&*one.value)),
                        ("file", Value::from(&*one.source.name)),
                        ("line", line.into()),
                        ("column", column.into()),
                    ])
                });
                members.push(("assumed", Value::array(assumed)));
            }
            self.files.push(Value::object(members));
            return;
        }
        for diagnostic in diagnostics {
            terminal.print(&format!("{}\n", diagnostic.render(terminal.style)));
        }
        let errors = diagnostics.iter().filter(|one| one.is_error()).count();
        let warnings = diagnostics.len() - errors;
        let states = definition.machine.as_ref().map(|machine| count(&machine.states));
        let states =
            states.map(|count| format!(" ({})", plural(count, "state"))).unwrap_or_default();
        terminal.print(&match (errors, warnings) {
            (0, 0) => format!("{shown}: nothing to object to{states}\n"),
            _ => format!(
                "{shown}: {}, {}{states}\n",
                plural(errors, "error"),
                plural(warnings, "warning")
            ),
        });
        for one in assumptions {
            let (line, _) = one.source.line_column(one.span.start);
            let file = &one.source.name;
            terminal.print(&format!("  assumed {} = {} ({file}:{line})\n", one.key, one.value));
        }
        terminal.print(&placeholders(definition));
    }
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
