//! `stepproof scenario export-mocks`: Step Functions Local's mock file from scenarios.

use std::fmt::Write;

use super::super::output::Terminal;
use super::super::{Exit, file, run};
use super::args::ExportMocks;
use crate::mock::config_file::MockConfigWriter;
use crate::runner::{self, Selection};
use crate::scenario::Scenario;

pub(in crate::cli) fn run(arguments: &ExportMocks, terminal: &Terminal) -> Result<Exit, String> {
    let files = run::scenario_files(&arguments.paths)?;
    let filter = arguments.filter.as_ref().map(|filter| filter.to_lowercase());
    let selection = Selection { filter, ..Selection::default() };
    let mut writer = MockConfigWriter::default();
    let mut left_out = String::new();
    let mut losses = String::new();
    for path in &files {
        let scenario = Scenario::load(path).map_err(|problems| {
            let problems = problems.iter().filter(|problem| problem.is_error());
            let problems: Vec<String> =
                problems.map(|problem| problem.render(terminal.style)).collect();
            format!("the scenario cannot be used\n\n{}", problems.join("\n").trim_end())
        })?;
        for case in scenario.cases.iter().filter(|case| selection.takes(path, case)) {
            let machine = &case.state_machine_name;
            match runner::export_mocks(case, &mut writer) {
                Ok(lost) => {
                    for loss in lost {
                        let _ = writeln!(losses, "  {machine}, {}: {loss}", case.name);
                    }
                }
                Err(why) => {
                    let why = why.lines().next().unwrap_or_default();
                    let _ = writeln!(left_out, "  {machine}, {}: {why}", case.name);
                }
            }
        }
    }
    if writer.cases() == 0 {
        return Err(match left_out.is_empty() {
            true => "there are no cases to export".to_owned(),
            false => format!("no case can be exported:\n{}", left_out.trim_end()),
        });
    }
    let text = format!("{}\n", writer.to_value().to_json_pretty());
    let mut report = String::new();
    match &arguments.output {
        None => terminal.print(&text),
        Some(target) => {
            file::write(target, &text)?;
            let cases = writer.cases();
            let _ = writeln!(
                report,
                "wrote {} with {cases} {}",
                target.display(),
                if cases == 1 { "case" } else { "cases" }
            );
        }
    }
    let mut renamed = String::new();
    for (machine, given, name) in writer.renamed() {
        let _ = writeln!(renamed, "  {machine}#{name}: {given}");
    }
    let lists = [
        ("cases that have another name behind the ARN:", renamed),
        ("not exported:", left_out),
        ("the file cannot say:", losses),
    ];
    for (title, list) in lists {
        if !list.is_empty() {
            let _ = write!(report, "{title}\n{list}");
        }
    }
    report
        .push_str("the file has no inputs and no expectations; it answers as many calls as came\n");
    match arguments.output {
        Some(_) => terminal.print(&report),
        None => report.lines().for_each(|line| terminal.note(line.trim_start())),
    }
    Ok(Exit::AsExpected)
}
