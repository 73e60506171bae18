//! `stepproof exec`: one execution, from the command line.

use std::fmt::Write as _;
use std::path::Path;

use super::args::{Exec, Form, LogDetail, MachineType};
use super::output::Terminal;
use super::{Exit, definition, file};
use crate::asl::ExecutionType;
use crate::document::Document;
use crate::duration;
use crate::engine::ExecutionStatus;
use crate::history::{LogLevel, LogOptions, TimestampForm};
use crate::map_run::split_uri;
use crate::mock::Mock;
use crate::report::plural;
use crate::sim::{Problem, Run, Simulation};
use crate::time::Timestamp;
use crate::value::Value;

pub(super) fn run(arguments: &Exec, terminal: &Terminal) -> Result<Exit, String> {
    let execution_type = arguments.machine_type.given.map(execution_type);
    let fills = definition::fills(&arguments.substitutions.set)?;
    let path = arguments.definition.as_deref();
    let definition = definition::read_any(path, &arguments.template, &fills, execution_type)?;
    let machine = definition::machine(&definition, terminal.style)?;
    let mut simulation = Simulation::new(machine)
        .name(machine_name(path.unwrap_or(Path::new(""))))
        .execution_type(execution_type.unwrap_or_default())
        .seed(arguments.seed);
    if let Some(deployed) = &definition.deployed {
        simulation = definition::deploy(simulation, deployed);
    }
    if let Some(input) = &arguments.input {
        simulation = simulation.input(read_value("--input", input)?);
    }
    if let Some(name) = &arguments.name {
        simulation = simulation.execution_name(name.as_str());
    }
    if let Some(time) = &arguments.start_time {
        simulation = simulation.start_time(read_time(time)?);
    }
    for (bucket, key, body) in objects(&arguments.objects)? {
        simulation = simulation.object(bucket, key, body);
    }
    for argument in &arguments.machines {
        let (name, nested_type, path) = nested(argument)?;
        let nested = definition::read(path, &fills, nested_type)?;
        let machine = definition::machine(&nested, terminal.style)?;
        simulation = simulation.machine(name, machine, nested_type);
    }
    for argument in &arguments.mocks {
        let (key, mock) = read_mock(argument)?;
        simulation = simulation.mock(key, mock);
    }
    match simulation.run() {
        Ok(run) => {
            if let Some(path) = &arguments.history_out {
                file::write(path, &run.history().to_json(TimestampForm::Text))?;
            }
            if let Some(path) = &arguments.log_out {
                file::write(path, &log(&run, arguments))?;
            }
            // A history or log on standard output stands there alone, so that it can be piped.
            let out = arguments.history_out.as_deref().or(arguments.log_out.as_deref());
            let alone = out == Some(Path::new("-"));
            match arguments.report.form {
                _ if alone => {}
                Form::Json => terminal.print(&format!("{:#}\n", as_value(&run))),
                Form::Text => terminal.print(&as_text(&run)),
            }
            for unused in run.unused_mocks() {
                terminal.note(&unused.to_string());
            }
            for finding in run.mock_findings() {
                terminal.note(&finding.to_string());
            }
            let succeeded = run.status() == ExecutionStatus::Succeeded;
            Ok(if succeeded { Exit::AsExpected } else { Exit::Failed })
        }
        Err(error) => {
            if let (Some(run), Form::Text) = (&error.run, arguments.report.form) {
                terminal.print(&as_text(run));
            }
            Err(explain(&error.problem))
        }
    }
}

/// The log of the execution, an object a line.
fn log(run: &Run, arguments: &Exec) -> String {
    let level = match arguments.log_level {
        LogDetail::All => LogLevel::All,
        LogDetail::Error => LogLevel::Error,
        LogDetail::Fatal => LogLevel::Fatal,
    };
    let options = LogOptions {
        level,
        include_execution_data: !arguments.log_without_data,
        execution_arn: run.execution().arn.clone(),
    };
    let mut out = String::new();
    for line in run.history().to_log(&options) {
        let _ = writeln!(out, "{line}");
    }
    out
}

/// What is the matter, and the option that mends it.
fn explain(problem: &Problem) -> String {
    match problem {
        Problem::Unmocked { state, machine, resource, .. } => {
            let of = machine.as_ref().map_or_else(String::new, |machine| format!("{machine}:"));
            let option = format!("--mock '{of}{}={{}}'", state.replace('\'', "'\\''"));
            let nested = match resource.contains(":states:startExecution") {
                true => ", or --machine NAME=FILE to run the nested machine",
                false => "",
            };
            format!(
                "`{of}{state}` calls `{resource}`, and no mock answers\n  \
                 add {option} with the result that the service answers{nested}"
            )
        }
        other => other.to_string(),
    }
}

/// The path and the end of a run, for people.
fn as_text(run: &Run) -> String {
    let mut out = String::new();
    for step in run.path() {
        let _ = writeln!(out, "{step}");
    }
    let status = match run.status() {
        ExecutionStatus::Running => "not ended".to_owned(),
        status => format!("{} after {}", status_name(status), duration::text(run.duration())),
    };
    let transitions = usize::try_from(run.transitions()).unwrap_or(usize::MAX);
    let transitions = plural(transitions, "transition");
    let events = plural(run.history().events.len(), "event");
    let _ = writeln!(out, "\n{status} ({transitions}, {events})");
    if let Some(error) = run.error() {
        let _ = writeln!(out, "error: {error}");
    }
    if let Some(cause) = run.cause() {
        let _ = writeln!(out, "cause: {cause}");
    }
    if let Some(output) = run.output() {
        let _ = writeln!(out, "{output:#}");
    }
    out
}

fn as_value(run: &Run) -> Value {
    let mut members = vec![("status", Value::from(status_name(run.status())))];
    members.extend(run.output().map(|output| ("output", output.clone())));
    members.extend(run.error().map(|error| ("error", Value::from(error))));
    members.extend(run.cause().map(|cause| ("cause", Value::from(cause))));
    let millis = i64::try_from(run.duration().as_millis()).unwrap_or(i64::MAX);
    members.push(("path", Value::array(run.path().into_iter().map(Value::from))));
    members.push(("virtualMilliseconds", millis.into()));
    members.push(("transitions", (run.transitions() as usize).into()));
    members.push(("events", run.history().events.len().into()));
    Value::object(members)
}

fn status_name(status: ExecutionStatus) -> &'static str {
    match status {
        ExecutionStatus::Running => "RUNNING",
        ExecutionStatus::Succeeded => "SUCCEEDED",
        ExecutionStatus::Failed => "FAILED",
        ExecutionStatus::TimedOut => "TIMED_OUT",
        ExecutionStatus::Aborted => "ABORTED",
    }
}

pub(super) fn execution_type(machine_type: MachineType) -> ExecutionType {
    match machine_type {
        MachineType::Standard => ExecutionType::Standard,
        MachineType::Express => ExecutionType::Express,
    }
}

/// JSON that is given as it is, or in a file of this name.
pub(super) fn read_value(option: &str, argument: &str) -> Result<Value, String> {
    let path = Path::new(argument);
    if argument != "-" && !path.is_file() {
        return Value::parse(argument).map_err(|error| {
            let error = error.locate(argument);
            format!("{option}: neither a file nor JSON: `{argument}`: {error}")
        });
    }
    let text = file::read(path)?;
    match Document::parse(argument, &text) {
        Ok(document) => Ok(document.root.to_value()),
        Err(problem) => Err(format!("{option}: {problem}")),
    }
}

pub(super) fn read_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_lenient(text).ok_or_else(|| {
        format!("--start-time: `{text}` is not an RFC 3339 time such as 2024-01-01T00:00:00Z")
    })
}

/// Bucket, key and bytes of an `--object`.
pub(super) type ObjectArgument<'a> = (&'a str, &'a str, Vec<u8>);

/// Reads `S3URI=FILE` arguments.
pub(super) fn objects(arguments: &[String]) -> Result<Vec<ObjectArgument<'_>>, String> {
    let mut objects = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let parts = argument.rsplit_once('=').and_then(|(uri, file)| {
            let (bucket, key) = split_uri(uri).filter(|(_, key)| !key.is_empty())?;
            Some((bucket, key, file))
        });
        let Some((bucket, key, file)) = parts else {
            return Err(format!("`--object {argument}`: write it as s3://BUCKET/KEY=FILE"));
        };
        let body = std::fs::read(file).map_err(|error| format!("cannot read `{file}`: {error}"))?;
        objects.push((bucket, key, body));
    }
    Ok(objects)
}

/// Reads `NAME=FILE` or `NAME:TYPE=FILE`.
fn nested(argument: &str) -> Result<(&str, ExecutionType, &Path), String> {
    let refuse = || format!("`--machine {argument}`: write it as NAME=FILE or NAME:EXPRESS=FILE");
    let (name, path) = argument.split_once('=').ok_or_else(refuse)?;
    let (name, nested_type) = match name.split_once(':') {
        None => (name, ExecutionType::Standard),
        Some((name, kind)) if kind.eq_ignore_ascii_case("EXPRESS") => {
            (name, ExecutionType::Express)
        }
        Some((name, kind)) if kind.eq_ignore_ascii_case("STANDARD") => {
            (name, ExecutionType::Standard)
        }
        Some(_) => return Err(refuse()),
    };
    if name.is_empty() || path.is_empty() {
        return Err(refuse());
    }
    Ok((name, nested_type, Path::new(path)))
}

/// Reads `KEY=JSON`, where the JSON is a result, `{"$fail": …}` or `{"$mock": …}`.
fn read_mock(argument: &str) -> Result<(&str, Mock), String> {
    let refuse = |why: String| format!("--mock `{argument}`: {why}");
    let (key, text) = argument
        .split_once('=')
        .ok_or_else(|| refuse("expected KEY=JSON, such as 'Charge={\"receipt\": 1}'".into()))?;
    let value = Value::parse(text).map_err(|error| refuse(error.locate(text)))?;
    let single = value.as_object().filter(|members| members.len() == 1);
    let single = single.and_then(|members| members.first());
    let mock = match single.map(|(key, operand)| (&**key, operand)) {
        Some(("$fail", operand)) => {
            let failure = match operand {
                Value::String(_) => Value::object([("error", operand.clone())]),
                other => other.clone(),
            };
            let answer = Value::object([("fail", failure)]);
            Mock::parse(&answer).map_err(|error| refuse(error.to_string()))?
        }
        Some(("$mock", operand)) => {
            Mock::parse(operand).map_err(|error| refuse(error.to_string()))?
        }
        _ => Mock::returns(value),
    };
    Ok((key, mock))
}

/// The name of a state machine whose definition is this file.
fn machine_name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    match stem {
        "" | "-" => "StateMachine".into(),
        stem => stem.chars().take(80).map(allowed).collect(),
    }
}
