//! `stepproof init`: a scenario for a definition, with a mock for every Task.

use std::path::{Path, PathBuf};

use super::args::Init;
use super::output::Terminal;
use super::{Exit, definition, file};
use crate::document::{Document, Format};
use crate::runner::{self, CaseOutcome, Run};
use crate::scenario::{FILE_ENDINGS, Scaffold, Scenario};
use crate::value::Value;

pub(super) fn run(arguments: &Init, terminal: &Terminal) -> Result<Exit, String> {
    let given = arguments.definition.as_deref();
    let definition = definition::read_any(given, &arguments.template, &[], None)?;
    let path = given.or(arguments.template.template.as_deref()).unwrap_or(Path::new(""));
    let Some(machine) = &definition.machine else {
        let problems = definition::problems(&definition, terminal.style);
        return Err(format!("the definition cannot be used\n\n{}", problems.trim_end()));
    };
    let source = &definition.source;
    let text = definition.deployed.as_ref().map_or(&source.text, |deployed| &deployed.text);
    let document = match definition.deployed {
        Some(_) if text.trim_start().starts_with('{') => {
            Document::parse_as(&source.name, text, Format::Json)
        }
        _ => Document::parse(&source.name, text),
    };
    let document = document.map_err(|one| one.to_string())?;
    let mut scaffold = Scaffold::new(&document, machine);
    let target = match &arguments.output {
        Some(target) => target.clone(),
        None => PathBuf::from(format!("new{}", FILE_ENDINGS[0])),
    };
    if arguments.output.is_some() && target.exists() {
        return Err(format!("`{}` exists already; it is not overwritten", target.display()));
    }
    let named = named(&relative(path, &target), arguments);
    // The first writing is run, so that the second can say what comes out.
    let draft = |scaffold: &Scaffold| {
        let text = scaffold.to_yaml(&named, &[]);
        Scenario::parse(&target, &text).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            format!("no scenario can be written for this definition:\n  {}", problems.join("\n  "))
        })
    };
    let usable =
        |scenario: &Scenario| scenario.cases.iter().all(|c| c.definition.machine.is_some());
    let mut scenario = draft(&scaffold)?;
    if !usable(&scenario) {
        scaffold = scaffold.without_substitutions();
        scenario = draft(&scaffold)?;
    }
    let mut expected: Vec<(Value, Option<String>)> = Vec::new();
    let mut cases = scenario.cases.iter();
    scaffold.retain_cases(|| {
        let Some(case) = cases.next() else { return true };
        let report = runner::run_case(&scenario, case, None);
        let mut own = case.world.mocks.iter().filter(|mock| !mock.inherited);
        // A failure of a state that is not entered is no case of its own.
        if own.any(|mock| report.leaves_unused(&mock.key)) {
            return false;
        }
        expected.push(match (report.outcome, report.run) {
            (CaseOutcome::Unusable(_), _) | (_, None) => (Value::Null, None),
            (_, Some(run)) => (expectation(&run), remark(&run)),
        });
        true
    });
    let text = scaffold.to_yaml(&named, &expected);
    match &arguments.output {
        None => terminal.print(&text),
        Some(target) => {
            file::write(target, &text)?;
            let target = target.display();
            let cases = scaffold.cases().count();
            terminal.print(&format!(
                "wrote {target} with {cases} {}; adapt it, then: stepproof run {target}\n",
                if cases == 1 { "case" } else { "cases" }
            ));
        }
    }
    Ok(Exit::AsExpected)
}

/// How the scenario names the definition.
fn named(path: &str, arguments: &Init) -> Value {
    let template = &arguments.template;
    if template.template.is_none() {
        return path.into();
    }
    let mut members = vec![("template", Value::from(path))];
    members.extend(template.resource.as_deref().map(|resource| ("resource", resource.into())));
    let parameters = template.parameters.iter().filter_map(|argument| argument.split_once('='));
    let parameters = Value::object(parameters.map(|(name, value)| (name, Value::from(value))));
    if !template.parameters.is_empty() {
        members.push(("parameters", parameters));
    }
    Value::object(members)
}

/// Why a run failed, where the interpreter itself says so: mostly the made-up data lacks something.
fn remark(run: &Run) -> Option<String> {
    let cause = run.cause.as_deref().filter(|cause| *cause != "made up")?;
    let short: String = cause.chars().take(REMARK_MAX).collect();
    Some(if short.len() < cause.len() { format!("{short} …") } else { short })
}

/// The longest remark, in characters.
const REMARK_MAX: usize = 300;

/// What a run came to, as what is expected of it.
pub(super) fn expectation(run: &Run) -> Value {
    let mut members = vec![("status", Value::from(run.status.as_str()))];
    let inner = |place: &&String| place.contains("]/");
    let path: Vec<Value> =
        run.path.iter().filter(|place| !inner(place)).map(|place| place.as_str().into()).collect();
    members.extend(run.output.clone().map(|output| ("output", output)));
    members.extend(run.error.clone().map(|error| ("error", Value::from(error))));
    if path.len() <= PATH_MAX {
        members.push(("path", Value::array(path)));
    }
    Value::object(members)
}

/// The longest path that is written: a longer one is a loop that the made-up answers never end.
const PATH_MAX: usize = 30;

/// The definition's path as a file at `target` names it.
pub(super) fn relative(definition: &Path, target: &Path) -> String {
    let folder = target.parent().unwrap_or(Path::new(""));
    let inside = match folder == Path::new("") {
        true => Some(definition),
        false => definition.strip_prefix(folder).ok(),
    };
    let path = match inside {
        Some(path) => path.to_path_buf(),
        None => from_common(definition, folder).unwrap_or_else(|| definition.to_path_buf()),
    };
    path.to_string_lossy().replace('\\', "/")
}

/// The way from `folder` to `path` by way of the folder that holds both.
fn from_common(path: &Path, folder: &Path) -> Option<PathBuf> {
    let (path, folder) = (path.canonicalize().ok()?, folder.canonicalize().ok()?);
    let common = path.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(common).map(|_| "..");
    Some(up.collect::<PathBuf>().join(path.components().skip(common).collect::<PathBuf>()))
}
