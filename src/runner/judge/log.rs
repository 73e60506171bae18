//! Holding the log of an execution against what a case expects of it.

use super::super::observed::Observed;
use super::{Fault, open_texts, row_fault};
use crate::history::LogOptions;
use crate::scenario::{LogLine, LogPattern, Step, fit};
use crate::value::Value;

pub(super) fn judge(pattern: &LogPattern, observed: &Observed) -> Option<Fault> {
    let options = LogOptions {
        level: pattern.level,
        include_execution_data: pattern.include_execution_data,
        execution_arn: observed.run.execution().arn.clone(),
    };
    let lines = observed.run.history().to_log(&options);
    let accepts = |wanted: &LogLine, line: &Value| {
        wanted.matcher.is_match(line) || wanted.matcher.is_match(&with_open_details(line))
    };
    let misfit = fit(&pattern.steps, &lines, &accepts).err()?;
    let items = lines.iter().map(line_text).collect();
    let update =
        match pattern.steps.iter().all(|step| matches!(step, Step::One(line) if line.only_type)) {
            true => vec![("$".into(), Value::array(lines.iter().map(event_type)))],
            false => Vec::new(),
        };
    let mut fault = row_fault(&pattern.steps, items, &misfit, 0, update);
    if let ([Step::One(wanted)], Some(line)) = (&misfit.wanted[..], lines.get(misfit.fitted))
        && let Err(mismatches) = wanted.matcher.matches(&with_open_details(line))
        && let super::Detail::Row { items, fitted, .. } = &mut fault.detail
        && let Some(item) = items.get_mut(*fitted)
    {
        let places: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
        item.push_str(&format!(", which differs: {}", places.join("; ")));
    }
    Some(fault)
}

fn event_type(line: &Value) -> Value {
    line.get("type").cloned().unwrap_or_default()
}

fn line_text(line: &Value) -> String {
    let name = event_type(line);
    let state = line.get("details").and_then(|details| details.get("name"));
    match state.and_then(Value::as_str) {
        Some(state) => format!("{} of {state}", name.as_str().unwrap_or_default()),
        None => name.as_str().unwrap_or_default().to_owned(),
    }
}

/// The line with its data as JSON, not as strings of it.
fn with_open_details(line: &Value) -> Value {
    let Some(members) = line.as_object() else { return line.clone() };
    Value::object(members.iter().map(|(key, value)| {
        let value = if &**key == "details" { open_texts(value) } else { value.clone() };
        (key.clone(), value)
    }))
}
