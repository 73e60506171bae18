//! `stepproof graph`: a definition as a picture, and the way of an execution on it.

use super::Exit;
use super::args::{Graph as Arguments, GraphForm};
use super::output::Terminal;
use super::{definition, diff, file};
use crate::asl::ExecutionType;
use crate::graph::Graph;

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, String> {
    let read = definition::read(&arguments.definition, &[], ExecutionType::Standard)?;
    let Some(machine) = &read.machine else {
        let problems = definition::problems(&read, terminal.style);
        return Err(format!("the definition cannot be drawn\n\n{}", problems.trim_end()));
    };
    let mut graph = Graph::of(machine);
    if let Some(path) = &arguments.history {
        let (history, notes) = diff::parse_history(path)?;
        notes.iter().for_each(|note| terminal.note(&format!("{}: {note}", path.display())));
        graph.mark(&history);
        if graph.nodes.iter().all(|node| node.entered == 0) {
            terminal.note(&format!(
                "no state of `{}` occurs in `{}`: are they of the same state machine?",
                arguments.definition.display(),
                path.display()
            ));
        }
    }
    let text = match form(arguments) {
        GraphForm::Svg if !graph.is_drawable() => {
            return Err(format!(
                "`{}` has {} states, which nobody could read in a drawing; `--format dot` writes \
                 them for Graphviz",
                arguments.definition.display(),
                graph.nodes.iter().filter(|node| node.name().is_some()).count()
            ));
        }
        GraphForm::Svg => graph.to_svg(),
        GraphForm::Mermaid => graph.to_mermaid(),
        GraphForm::Dot => graph.to_dot(),
    };
    match &arguments.output {
        Some(path) => file::write(path, &text)?,
        None => terminal.print(&text),
    }
    Ok(Exit::AsExpected)
}

fn form(arguments: &Arguments) -> GraphForm {
    let extension = || arguments.output.as_ref()?.extension()?.to_str();
    arguments.format.unwrap_or_else(|| match extension() {
        Some("svg") => GraphForm::Svg,
        Some("dot" | "gv") => GraphForm::Dot,
        _ => GraphForm::Mermaid,
    })
}
