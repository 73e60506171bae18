//! Holding what an execution did against what a case expects.

mod log;

use std::time::Duration;

use super::observed::{Observed, Visit, status};
use super::{Detail, FailedCheck, Update};
use crate::diagnostic::Diagnostic;
use crate::duration;
use crate::history::{Diff, DiffOptions, EventDetails, HistoryEvent, Labels, Style, TimestampForm};
use crate::map_run::Counts;
use crate::matcher::{Matcher, Mismatch};
use crate::scenario::{
    Bounds, CallCheck, CallPart, Case, Check, CheckKind, EventPattern, Expectation,
    ExpectedDiagnostic, HistoryFile, HistoryPattern, Misfit, PathPattern, StateCheck, StateEntry,
    StatePart, StateTestCase, Status, Step, fit, fit_part,
};
use crate::sim::{self, MapRunSummary};
use crate::value::{Map, Value};

/// The checks that do not hold.
pub(super) fn judge(expectation: &Expectation, observed: &Observed) -> Vec<FailedCheck> {
    expectation.checks.iter().filter_map(|check| judge_check(check, observed)).collect()
}

/// Whether the definition is refused as expected: every expected diagnostic is among those that came.
pub(super) fn judge_refusal(expected: &[ExpectedDiagnostic], case: &Case) -> Vec<FailedCheck> {
    judge_diagnostics(expected, case, &case.definition.diagnostics)
}

/// As [`judge_refusal`], of diagnostics that came from elsewhere.
pub(super) fn judge_diagnostics(
    expected: &[ExpectedDiagnostic],
    case: &Case,
    diagnostics: &[Diagnostic],
) -> Vec<FailedCheck> {
    let came: Vec<String> = diagnostics.iter().map(diagnostic_text).collect();
    let failed = |span: &std::ops::Range<usize>, expected: String| FailedCheck {
        what: "expectInvalid".into(),
        span: span.clone(),
        written: true,
        expected,
        actual: match diagnostics.iter().any(Diagnostic::is_error) {
            true => came.join("; "),
            false if came.is_empty() => "the definition is accepted".into(),
            false => format!("the definition is accepted, with {}", came.join("; ")),
        },
        detail: Detail::None,
        update: Vec::new(),
    };
    let missing = expected.iter().filter(|one| !diagnostics.iter().any(|came| one.accepts(came)));
    let mut failures: Vec<FailedCheck> =
        missing.map(|one| failed(&one.span, one.to_string())).collect();
    if expected.is_empty() && !diagnostics.iter().any(Diagnostic::is_error) {
        failures.push(failed(&case.span, "any refusal".into()));
    }
    failures
}

/// Whether the answer of a state test is as expected. Members that hold JSON as text are compared
/// as what the text says.
pub(super) fn judge_state_test(test: &StateTestCase, response: &Value) -> Vec<FailedCheck> {
    let answer = read_texts(response);
    let fault = judge_value(&test.expect, Some(&answer));
    let failed = fault.map(|fault| FailedCheck {
        what: "expectState".into(),
        span: test.span.clone(),
        written: true,
        expected: fault.expected,
        actual: fault.actual,
        detail: fault.detail,
        update: fault.update.into_iter().map(|(path, value)| Update { path, value }).collect(),
    });
    failed.into_iter().collect()
}

/// The answer with `output` and the data of `inspectionData` read.
fn read_texts(response: &Value) -> Value {
    let read = |value: &Value| match value {
        Value::String(text) => Value::parse(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    };
    let Some(members) = response.as_object() else { return response.clone() };
    let members = members.iter().map(|(name, value)| {
        let value = match (&**name, value) {
            ("output", value) => read(value),
            ("inspectionData", Value::Object(data)) => {
                Value::object(data.iter().map(|(name, value)| (name.clone(), read(value))))
            }
            (_, value) => value.clone(),
        };
        (name.clone(), value)
    });
    Value::object(members)
}

fn diagnostic_text(diagnostic: &Diagnostic) -> String {
    let kind = if diagnostic.is_error() { "" } else { "the warning " };
    format!("{kind}{} at {}: {}", diagnostic.code, diagnostic.location, diagnostic.message)
}

/// What a check found wrong, before it is tied to its place in the file.
struct Fault {
    expected: String,
    actual: String,
    detail: Detail,
    /// The new value, and the place in the old one: `$` for the whole.
    update: Vec<(String, Value)>,
}

fn judge_check(check: &Check, observed: &Observed) -> Option<FailedCheck> {
    let fault = match &check.kind {
        CheckKind::Status(status) => judge_status(*status, observed),
        CheckKind::Output(matcher) => judge_end(matcher, observed.run.output(), observed),
        CheckKind::Error(matcher) => {
            judge_end(matcher, observed.run.error().map(Value::from).as_ref(), observed)
        }
        CheckKind::Cause(matcher) => {
            judge_end(matcher, observed.run.cause().map(Value::from).as_ref(), observed)
        }
        CheckKind::Path(pattern) => judge_path(pattern, &observed.visits),
        CheckKind::State(check) => judge_state(check, &observed.visits),
        CheckKind::Calls(check) => judge_calls(check, observed.run),
        CheckKind::History(pattern) => judge_history(pattern, observed),
        CheckKind::HistoryFile(file) => judge_history_file(file, observed),
        CheckKind::Log(pattern) => log::judge(pattern, observed),
        CheckKind::Duration(bounds) => {
            let text = |ms: i64| duration::text(Duration::from_millis(ms.unsigned_abs()));
            judge_bounds(*bounds, observed.duration_ms(), text, |ms| Value::from(text(ms)))
        }
        CheckKind::Transitions(bounds) => judge_count(*bounds, observed.run.transitions()),
        CheckKind::Events(bounds) => {
            judge_count(*bounds, observed.run.history().events.len() as u64)
        }
        CheckKind::StatusChanges(matchers) => judge_status_changes(matchers, observed),
        CheckKind::Metric { name, value } => {
            judge_value(value, Some(&Value::from(observed.run.metrics().sum(name))))
        }
        CheckKind::MapRuns(matchers) => {
            let runs: Vec<Value> = observed.run.map_runs().iter().map(map_run).collect();
            judge_list(matchers, &runs.iter().collect::<Vec<_>>())
        }
        CheckKind::Object { uri, body } => {
            judge_value(body, observed.run.object_value(uri).as_ref())
        }
        CheckKind::AnyOf(alternatives) => judge_alternatives(alternatives, observed),
    }?;
    Some(FailedCheck {
        what: check.what.clone(),
        span: check.span.clone(),
        written: check.written,
        expected: fault.expected,
        actual: fault.actual,
        detail: fault.detail,
        update: fault.update.into_iter().map(|(path, value)| Update { path, value }).collect(),
    })
}

fn judge_status(expected: Status, observed: &Observed) -> Option<Fault> {
    (expected != observed.status).then(|| {
        let mut actual = observed.status.name().to_owned();
        let reason = [observed.run.error(), observed.run.cause()];
        let reason: Vec<&str> = reason.into_iter().flatten().collect();
        if !reason.is_empty() {
            actual = format!("{actual} ({})", reason.join(": "));
        }
        Fault {
            expected: expected.name().to_owned(),
            actual,
            detail: Detail::None,
            update: vec![("$".into(), Value::from(observed.status.name()))],
        }
    })
}

/// Judges what an execution ends with, which it may lack.
fn judge_end(matcher: &Matcher, actual: Option<&Value>, observed: &Observed) -> Option<Fault> {
    let mut fault = judge_value(matcher, actual)?;
    if actual.is_none() {
        fault.actual = format!("nothing: the execution is {}", observed.status.name());
        fault.detail = Detail::None;
        fault.update.clear();
    }
    Some(fault)
}

fn judge_value(matcher: &Matcher, actual: Option<&Value>) -> Option<Fault> {
    let mismatches = matcher.matches_at("$", actual).err()?;
    let expected = matcher.plain().map_or_else(|| matcher.to_string(), Value::to_json);
    let detail = match (matcher.plain(), actual) {
        (Some(expected), Some(actual)) if is_nested(expected) || is_nested(actual) => {
            let actual = ordered_like(actual, expected);
            Detail::Lines { expected: pretty(expected), actual: pretty(&actual) }
        }
        _ => Detail::Places(places(&mismatches)),
    };
    Some(Fault {
        expected,
        actual: actual.map_or_else(|| "nothing".to_owned(), Value::to_json),
        detail,
        update: actual.map(|one| updates(matcher, &mismatches, one)).unwrap_or_default(),
    })
}

fn is_nested(value: &Value) -> bool {
    value.depth() > 0 && value.size() > 2
}

/// The value with its keys in the order of `model`, so that only what differs shows.
fn ordered_like(value: &Value, model: &Value) -> Value {
    match (value, model) {
        // Numbers are compared by value, however they are spelt.
        _ if value == model => model.clone(),
        (Value::Object(members), Value::Object(order)) => {
            let known = order.iter().filter_map(|(key, model)| {
                Some((key.clone(), ordered_like(members.get(key)?, model)))
            });
            let rest = members.iter().filter(|(key, _)| !order.contains_key(*key));
            Value::from(known.chain(rest.map(|(k, v)| (k.clone(), v.clone()))).collect::<Map>())
        }
        (Value::Array(items), Value::Array(models)) => {
            let items = items.iter().enumerate();
            Value::array(items.map(|(i, item)| match models.get(i) {
                Some(model) => ordered_like(item, model),
                None => item.clone(),
            }))
        }
        _ => value.clone(),
    }
}

fn pretty(value: &Value) -> Vec<String> {
    value.to_json_pretty().lines().map(str::to_owned).collect()
}

/// The mismatches below the whole value; the whole itself is shown already.
fn places(mismatches: &[Mismatch]) -> Vec<String> {
    mismatches.iter().filter(|one| one.path != "$").map(ToString::to_string).collect()
}

/// New values for the places that differ. Where a plain value has a member or an element too many
/// or too few, all of the object or array around it is new; within matchers such places stay as
/// they are, since a matcher says what matters.
fn updates(matcher: &Matcher, mismatches: &[Mismatch], actual: &Value) -> Vec<(String, Value)> {
    let plain = matcher.plain().is_some();
    let new = mismatches.iter().filter_map(|mismatch| {
        let structural = mismatch.actual.is_none() || mismatch.expected == "nothing";
        match (&mismatch.actual, structural) {
            (Some(value), false) => Some((mismatch.path.clone(), value.clone())),
            _ if plain => {
                let around = parent(&mismatch.path);
                Some((around.to_owned(), at(actual, around)?.clone()))
            }
            _ => None,
        }
    });
    new.collect()
}

/// The path of the object or array around a place.
fn parent(path: &str) -> &str {
    let end = match path.ends_with("']") {
        true => path.rfind("['"),
        false => path.rfind(['.', '[']),
    };
    &path[..end.unwrap_or(1)]
}

/// The value at a path such as `$.items[2]`.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let mut value = value;
    let mut rest = path.strip_prefix('$')?;
    while !rest.is_empty() {
        let (step, after) = crate::scenario::split_step(rest);
        value = match value {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            _ => value.get(&step)?,
        };
        rest = after;
    }
    Some(value)
}

fn judge_path(pattern: &PathPattern, visits: &[Visit]) -> Option<Fault> {
    let places: Vec<&str> = visits
        .iter()
        .filter(|visit| pattern.inner || visit.top)
        .map(|visit| visit.place.as_str())
        .collect();
    let misfit = fit(&pattern.steps, &places, &|wanted, place| wanted.accepts(place)).err()?;
    let items: Vec<String> = places.iter().map(|place| (*place).to_owned()).collect();
    let new = Value::array(items.iter().map(|place| Value::from(place.as_str())));
    Some(row_fault(&pattern.steps, items, &misfit, 0, vec![("$".into(), new)]))
}

fn row_fault<E: std::fmt::Display>(
    steps: &[Step<E>],
    items: Vec<String>,
    misfit: &Misfit<'_, E>,
    start: usize,
    update: Vec<(String, Value)>,
) -> Fault {
    Fault {
        expected: steps.iter().map(step_text).collect::<Vec<_>>().join(", "),
        actual: items.join(", "),
        detail: Detail::Row {
            items,
            fitted: start + misfit.fitted,
            wanted: match misfit.ambiguous {
                true => vec!["less ways to follow: say more in `anyOrder`, such as `state`".into()],
                false => misfit.wanted.iter().map(|step| step_text(step)).collect(),
            },
        },
        update,
    }
}

fn step_text<E: std::fmt::Display>(step: &Step<E>) -> String {
    match step {
        Step::One(element) => element.to_string(),
        Step::Any => "*".into(),
        Step::Many => "**".into(),
        Step::AnyOrder(rows) => {
            let row = |row: &[Step<E>]| row.iter().map(step_text).collect::<Vec<_>>().join(", ");
            let rows: Vec<String> = rows.iter().map(|one| format!("[{}]", row(one))).collect();
            format!("in any order {}", rows.join(" "))
        }
    }
}

fn judge_state(check: &StateCheck, visits: &[Visit]) -> Option<Fault> {
    let visits: Vec<&Visit> =
        visits.iter().filter(|visit| check.place.accepts_anywhere(&visit.place)).collect();
    match &check.part {
        StatePart::Entered(bounds) => judge_count(*bounds, visits.len() as u64),
        StatePart::Input(matcher) => judge_visits(matcher, &visits, |visit| visit.input.as_ref()),
        StatePart::Output(matcher) => judge_visits(matcher, &visits, |visit| visit.output.as_ref()),
        StatePart::Assigned(matcher) => {
            judge_visits(matcher, &visits, |visit| visit.assigned.as_ref())
        }
        StatePart::Each(entries) => judge_entries(entries, &visits),
    }
}

/// Judges the same part of every visit; the first that does not fit is shown.
fn judge_visits<'v>(
    matcher: &Matcher,
    visits: &[&'v Visit],
    part: impl Fn(&'v Visit) -> Option<&'v Value>,
) -> Option<Fault> {
    if visits.is_empty() {
        return Some(Fault {
            expected: matcher.to_string(),
            actual: "nothing: the state was never entered".into(),
            detail: Detail::None,
            update: Vec::new(),
        });
    }
    let (i, mut fault) = visits
        .iter()
        .enumerate()
        .find_map(|(i, visit)| Some((i, judge_value(matcher, part(visit))?)))?;
    if visits.len() > 1 {
        fault.expected.push_str(" for every entry");
        fault.actual = format!("{} for entry {} of {}", fault.actual, i + 1, visits.len());
        fault.update.clear();
    }
    Some(fault)
}

fn judge_entries(entries: &[StateEntry], visits: &[&Visit]) -> Option<Fault> {
    if entries.len() != visits.len() {
        return Some(Fault {
            expected: plural(entries.len(), "entry", "entries"),
            actual: plural(visits.len(), "entry", "entries"),
            detail: Detail::None,
            update: Vec::new(),
        });
    }
    let mut places = Vec::new();
    let mut update = Vec::new();
    for (i, (entry, visit)) in entries.iter().zip(visits).enumerate() {
        let parts = [
            ("input", &entry.input, &visit.input),
            ("output", &entry.output, &visit.output),
            ("assigned", &entry.assigned, &visit.assigned),
        ];
        for (name, matcher, actual) in parts {
            let Some(matcher) = matcher else { continue };
            let path = format!("$[{i}].{name}");
            let Err(mismatches) = matcher.matches_at(&path, actual.as_ref()) else { continue };
            places.extend(mismatches.iter().map(ToString::to_string));
            update.extend(actual.clone().map(|actual| (path, actual)));
        }
    }
    (!places.is_empty()).then(|| Fault {
        expected: "each entry as listed".into(),
        actual: format!("{} that differ", plural(places.len(), "place", "places")),
        detail: Detail::Places(places),
        update,
    })
}

fn judge_calls(check: &CallCheck, run: &sim::Run) -> Option<Fault> {
    let calls = run.calls(&check.key);
    match &check.part {
        CallPart::Count(bounds) => judge_count(*bounds, calls.len() as u64),
        CallPart::Arguments(matcher) => {
            if calls.is_empty() {
                return Some(Fault {
                    expected: matcher.to_string(),
                    actual: "nothing: there was no call".into(),
                    detail: Detail::None,
                    update: Vec::new(),
                });
            }
            let mut faults = calls.iter().enumerate();
            let (i, mut fault) = faults
                .find_map(|(i, call)| Some((i, judge_value(matcher, Some(call.arguments()))?)))?;
            if calls.len() > 1 {
                fault.actual = format!("{} in call {} of {}", fault.actual, i + 1, calls.len());
                fault.update.clear();
            }
            Some(fault)
        }
        CallPart::Each(matchers) => {
            let arguments: Vec<&Value> = calls.iter().map(|call| call.arguments()).collect();
            judge_list(matchers, &arguments)
        }
    }
}

/// Judges a list of values, one matcher each.
fn judge_list(matchers: &[Matcher], values: &[&Value]) -> Option<Fault> {
    let mut places = Vec::new();
    for i in 0..matchers.len().max(values.len()) {
        let path = format!("$[{i}]");
        match (matchers.get(i), values.get(i)) {
            (Some(matcher), actual) => {
                if let Err(mismatches) = matcher.matches_at(&path, actual.copied()) {
                    places.extend(mismatches.iter().map(ToString::to_string));
                }
            }
            (None, Some(extra)) => places.push(format!("{path}: expected nothing, got {extra}")),
            (None, None) => {}
        }
    }
    let matchers = matchers.iter().map(ToString::to_string).collect::<Vec<_>>();
    let new = Value::array(values.iter().map(|value| (*value).clone()));
    (!places.is_empty()).then(|| Fault {
        expected: format!("[{}]", matchers.join(", ")),
        actual: new.to_json(),
        detail: Detail::Places(places),
        update: vec![("$".into(), new)],
    })
}

fn judge_history(pattern: &HistoryPattern, observed: &Observed) -> Option<Fault> {
    let events: Vec<(&HistoryEvent, &str)> = observed
        .run
        .history()
        .events
        .iter()
        .zip(&observed.event_places)
        .map(|(event, place)| (event, place.as_str()))
        .collect();
    let accepts = |wanted: &EventPattern, (event, place): &(&HistoryEvent, &str)| {
        wanted.event_type.is_none_or(|event_type| event_type == event.event_type)
            && wanted.state.as_ref().is_none_or(|state| state.accepts_anywhere(place))
            && wanted.details.as_ref().is_none_or(|matcher| details_match(matcher, event))
    };
    let (start, misfit) = if pattern.excerpt {
        fit_part(&pattern.steps, &events, &accepts).err()?
    } else {
        (0, fit(&pattern.steps, &events, &accepts).err()?)
    };
    let items = events.iter().map(|(event, place)| event_text(event, place)).collect();
    let only_types = pattern
        .steps
        .iter()
        .all(|step| matches!(step, Step::One(EventPattern { state: None, details: None, .. })));
    let update = if only_types && !pattern.excerpt {
        let types = events.iter().map(|(event, _)| Value::from(event.event_type.name()));
        vec![("$".into(), Value::array(types))]
    } else {
        Vec::new()
    };
    let mut fault = row_fault(&pattern.steps, items, &misfit, start, update);
    if let Some((event, _)) = events.get(start + misfit.fitted) {
        say_what_details_differ(&mut fault, &misfit, event);
    }
    Some(fault)
}

fn judge_history_file(file: &HistoryFile, observed: &Observed) -> Option<Fault> {
    let actual = observed.run.history();
    let options = DiffOptions { rules: file.ignore.clone(), ..DiffOptions::default() };
    let diff = Diff::new(&file.history, actual, &options);
    let first = diff.differences.first()?;
    let labels = Labels::default();
    let text = diff.render(&file.history, actual, &labels, Style::Plain);
    Some(Fault {
        expected: format!("the history in {}", file.name),
        actual: first.sentence(&file.history, actual, &labels),
        detail: Detail::Text(text.lines().map(str::to_owned).collect()),
        update: Vec::new(),
    })
}

/// Whether details are as expected, data written as JSON or as the string of JSON that the API has.
fn details_match(matcher: &Matcher, event: &HistoryEvent) -> bool {
    matcher.is_match(&details(event, true)) || matcher.is_match(&details(event, false))
}

/// The details of an event as the API has them; with `open`, data is not a string of JSON.
fn details(event: &HistoryEvent, open: bool) -> Value {
    let whole = event.to_value(TimestampForm::Omitted);
    let member = event.event_type.details_member().and_then(|member| whole.get(member));
    let details = member.cloned().unwrap_or_else(|| Value::object::<&str>([]));
    if open { open_texts(&details) } else { details }
}

/// The details with their data as JSON, not as strings of it.
fn open_texts(details: &Value) -> Value {
    let Value::Object(members) = details else { return details.clone() };
    let mut members = (**members).clone();
    for key in ["input", "output", "parameters"] {
        if let Some(place) = members.get_mut(key)
            && let Some(value) = place.as_str().and_then(|text| Value::parse(text).ok())
        {
            *place = value;
        }
    }
    Value::from(members)
}

fn say_what_details_differ(
    fault: &mut Fault,
    misfit: &Misfit<'_, EventPattern>,
    event: &HistoryEvent,
) {
    let [Step::One(EventPattern { event_type, details: Some(matcher), .. })] = misfit.wanted[..]
    else {
        return;
    };
    if event_type.is_some_and(|event_type| event_type != event.event_type) {
        return;
    }
    let Detail::Row { items, fitted, .. } = &mut fault.detail else { return };
    if let (Err(mismatches), Some(item)) =
        (matcher.matches(&details(event, true)), items.get_mut(*fitted))
    {
        let places: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
        item.push_str(&format!(", whose details differ: {}", places.join("; ")));
    }
}

fn event_text(event: &HistoryEvent, place: &str) -> String {
    let name = event.event_type.name();
    match &event.details {
        EventDetails::Failure(failure) if failure.error.is_some() => {
            format!("{name} ({})", failure.error.as_deref().unwrap_or_default())
        }
        _ if place.is_empty() => name.to_owned(),
        _ => format!("{name} of {place}"),
    }
}

fn judge_status_changes(matchers: &[Matcher], observed: &Observed) -> Option<Fault> {
    let changes = observed.run.status_changes().iter().enumerate();
    let shown: Vec<Value> = changes
        .map(|(i, change)| {
            let event = change.to_value();
            let detail = event.get("detail").cloned().unwrap_or_default();
            // A change is often meant by its status alone, and mostly by its detail.
            let status = detail.get("status").cloned().unwrap_or_default();
            match matchers.get(i) {
                Some(matcher) if matcher.plain().is_some_and(|one| one.as_str().is_some()) => {
                    status
                }
                Some(matcher) if matcher.is_match(&event) => event,
                Some(_) => detail,
                None => status,
            }
        })
        .collect();
    let mut fault = judge_list(matchers, &shown.iter().collect::<Vec<_>>())?;
    let statuses = observed.run.status_changes().iter().map(|change| status(change.status).name());
    fault.update = vec![("$".into(), Value::array(statuses.map(Value::from)))];
    Some(fault)
}

/// A Map Run in the words of DescribeMapRun.
fn map_run(run: &MapRunSummary) -> Value {
    let counts = |counts: &Counts| {
        Value::object([
            ("pending", Value::from(counts.pending as usize)),
            ("running", (counts.running as usize).into()),
            ("succeeded", (counts.succeeded as usize).into()),
            ("failed", (counts.failed as usize).into()),
            ("timedOut", (counts.timed_out as usize).into()),
            ("aborted", (counts.aborted as usize).into()),
            ("total", (counts.total as usize).into()),
            ("resultsWritten", (counts.results_written as usize).into()),
        ])
    };
    Value::object([
        ("state", Value::from(run.state.clone())),
        ("status", run.status.api_name().into()),
        ("mapRunArn", run.arn.clone().into()),
        ("itemCounts", counts(&run.items)),
        ("executionCounts", counts(&run.executions)),
    ])
}

fn judge_bounds(
    bounds: Bounds,
    actual: i64,
    text: impl Fn(i64) -> String,
    value: impl Fn(i64) -> Value,
) -> Option<Fault> {
    let exact = bounds.at_least == bounds.at_most;
    (!bounds.hold(actual)).then(|| Fault {
        expected: bounds.text(&text),
        actual: text(actual),
        detail: Detail::None,
        update: if exact { vec![("$".into(), value(actual))] } else { Vec::new() },
    })
}

fn judge_count(bounds: Bounds, actual: u64) -> Option<Fault> {
    let actual = i64::try_from(actual).unwrap_or(i64::MAX);
    judge_bounds(bounds, actual, |number| number.to_string(), Value::from)
}

fn judge_alternatives(alternatives: &[Expectation], observed: &Observed) -> Option<Fault> {
    let mut failures = Vec::with_capacity(alternatives.len());
    for alternative in alternatives {
        let failed = judge(alternative, observed);
        if failed.is_empty() {
            return None;
        }
        failures.push(failed);
    }
    Some(Fault {
        expected: format!("one of {} alternatives", alternatives.len()),
        actual: "none of them holds".into(),
        detail: Detail::Alternatives(failures),
        update: Vec::new(),
    })
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
