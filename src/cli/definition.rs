//! Definitions as the commands name them: a file, and what fills in its placeholders.

use std::path::Path;
use std::sync::Arc;

use super::args::TemplateArgs;
use super::file;
use crate::asl::{ExecutionType, StateMachine};
use crate::diagnostic::Style;
use crate::document::{Document, Kind, Member, Node};
use crate::limits::Limits;
use crate::scenario::{Definition, Deployed, substitute};
use crate::sim::Simulation;
use crate::template::{Inputs, Template};
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
    Ok(of_text(&path.display().to_string(), &text, fills, execution_type))
}

/// A definition from its text; `name` stands for its file.
pub(super) fn of_text(
    name: &str,
    text: &str,
    fills: &[Member],
    execution_type: ExecutionType,
) -> Definition {
    let document = match Document::parse(name, text) {
        Ok(document) => document,
        Err(problem) => {
            let source = problem.source.clone();
            return Definition {
                source,
                value: Value::Null,
                machine: None,
                diagnostics: vec![*problem],
                deployed: None,
            };
        }
    };
    let fills: Vec<&Member> = fills.iter().collect();
    Definition::new(&substitute(&document, &fills), &Limits::today(), execution_type)
}

/// Reads the definition that a command names: a file, or a state machine of a template.
pub(super) fn read_any(
    path: Option<&Path>,
    template: &TemplateArgs,
    fills: &[Member],
    execution_type: Option<ExecutionType>,
) -> Result<Definition, String> {
    let Some(file) = &template.template else {
        let path = path.ok_or("name a definition, or a `--template`")?;
        return read(path, fills, execution_type.unwrap_or_default());
    };
    let loaded = read_template(file, template, fills, Style::Plain)?;
    let resource = template.resource.as_deref();
    Definition::of_template(&loaded, resource, &Limits::today(), execution_type).map_err(
        |(message, help)| {
            format!(
                "{message}
  {help}"
            )
        },
    )
}

/// Reads a template with the parameters and substitutions of the command line.
pub(super) fn read_template(
    file: &Path,
    template: &TemplateArgs,
    fills: &[Member],
    style: Style,
) -> Result<Template, String> {
    let mut inputs = Inputs::default();
    for argument in &template.parameters {
        let (name, value) = argument
            .split_once('=')
            .ok_or_else(|| format!("`--parameter {argument}` is not of the form NAME=VALUE"))?;
        inputs.parameters.insert(name.into(), value.into());
    }
    for fill in fills {
        let value = fill.value.as_str().cloned().unwrap_or_default();
        inputs.substitutions.insert(fill.key.clone(), value);
    }
    Template::load(file, &inputs, &|path| std::fs::read(path)).map_err(|problems| {
        let shown: String = problems.iter().map(|one| format!("{}\n", one.render(style))).collect();
        format!("the template cannot be used\n\n{}", shown.trim_end())
    })
}

/// The simulation's name, type and nested machines, as the template of a definition says.
pub(super) fn deploy(simulation: Simulation, deployed: &Deployed) -> Simulation {
    let mut simulation =
        simulation.name(deployed.name.clone()).execution_type(deployed.execution_type);
    if let Some(role_arn) = &deployed.role_arn {
        simulation = simulation.role_arn(role_arn.clone());
    }
    for sibling in &deployed.siblings {
        if let Some(machine) = &sibling.definition.machine {
            let name = sibling.name.clone();
            simulation = simulation.machine(name, machine.clone(), sibling.execution_type);
        }
    }
    simulation
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
