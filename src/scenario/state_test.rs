//! Cases that test one state by itself: the keys `testState` and `expectState`.

use std::ops::Range;
use std::sync::Arc;

use super::case::Case;
use super::expect::matcher_of_members;
use super::read::is_own;
use crate::asl::StateKind;
use crate::diagnostic::closest;
use crate::document::{Decoder, Members, Node};
use crate::history::Failure;
use crate::matcher::Matcher;
use crate::test_state::{
    FieldValidationMode, InspectionLevel, Mock, StateConfiguration, TestStateRequest, TestStatus,
    tested_state,
};
use crate::value::{Map, Value};

/// A test of one state of the case's definition.
#[derive(Clone, Debug)]
pub struct StateTestCase {
    /// What is asked; the definition and the input come from the case.
    pub request: TestStateRequest,
    /// What the answer must look like, in the shape of TestState's answer with its JSON texts read;
    /// it may have further members.
    pub expect: Matcher,
    /// Whether the answer that is expected is a refusal: `{ Error: { Code, Message } }`.
    pub expects_refusal: bool,
    /// The bytes of the scenario file that spell the expectation.
    pub span: Range<usize>,
}

/// The keys that say something about an execution, which a case that runs none has no use for.
const OF_EXECUTIONS: [&str; 9] = [
    "expect",
    "mocks",
    "actions",
    "activities",
    "machines",
    "objects",
    "interleaving",
    "duplicateDelivery",
    "startThrough",
];

/// The members of TestState's answer that `expectState` may name, and `Error` for a refusal.
const ANSWERED: [&str; 7] =
    ["status", "output", "error", "cause", "nextState", "inspectionData", "Error"];

/// Reports the keys that a case itself has, and that do nothing beside its `testState` or
/// `expectInvalid`. What it has from the defaults may be meant for other cases.
pub(super) fn refuse_idle(decoder: &mut Decoder<'_>, members: &mut Members<'_>) {
    let (span, invalid) = (members.node.span.clone(), members.has("expectInvalid"));
    let (beside, does) = match (invalid, members.has("testState")) {
        (true, _) => ("expectInvalid", "runs nothing"),
        (false, true) => ("testState", "runs no execution"),
        (false, false) => return,
    };
    let tests = ["testState", "expectState"].into_iter().filter(|_| invalid);
    for key in OF_EXECUTIONS.into_iter().chain(tests) {
        let Some(member) = members.member(key) else { continue };
        if !is_own(&member.key_span, &span) {
            continue;
        }
        let message = format!("`{key}` does nothing beside `{beside}`: the case {does}");
        let help = match (key, invalid) {
            ("expect", false) => "say `expectState`, or remove one of them".to_owned(),
            ("mocks", false) => "say `testState: { state: NAME, mock: … }`".to_owned(),
            _ => format!("remove one of them, or put `{key}` into a case of its own"),
        };
        decoder.error_with_help(member.key_span.clone(), message, help);
    }
}

/// Reports what `testState` tells of its state that a state of this type has not.
pub(super) fn check(decoder: &mut Decoder<'_>, node: &Node, case: &Case) {
    let (Some(test), Some(machine)) = (&case.state_test, &case.definition.machine) else { return };
    let (Some((level, index)), Some(node)) =
        (tested_state(machine, &test.request), node.get("testState"))
    else {
        return;
    };
    let state = &level[index];
    let task = matches!(state.kind, StateKind::Task(_));
    let map = matches!(state.kind, StateKind::Map(_));
    let parallel = matches!(state.kind, StateKind::Parallel(_));
    let rules = [
        ("retrierRetryCount", task || map || parallel, "Task, Parallel or Map"),
        ("errorCausedByState", map || parallel, "Parallel or Map"),
        ("mapIterationFailureCount", map, "Map"),
        ("mapItemReaderData", map, "Map"),
    ];
    for (key, has, types) in rules {
        let member = node.as_object().unwrap_or_default().iter().find(|one| &*one.key == key);
        if let Some(member) = member.filter(|_| !has) {
            let (name, found) = (&state.name, state.kind.type_name());
            let message = format!("`{key}` is for a state of type {types}: `{name}` is a {found}");
            decoder.error(member.key_span.clone(), message);
        }
    }
}

/// Reports members that TestState never answers, and a status that it has not.
fn check_expected(decoder: &mut Decoder<'_>, node: &Node) {
    for member in node.as_object().unwrap_or_default() {
        if member.key.starts_with('$') || ANSWERED.contains(&&*member.key) {
            continue;
        }
        let message = format!("unknown key `{}`", member.key);
        let help = match closest(&member.key, ANSWERED) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("known keys: {}", ANSWERED.join(", ")),
        };
        decoder.error_with_help(member.key_span.clone(), message, help);
    }
    if let Some(status) = node.get("status").filter(|status| status.as_str().is_some()) {
        decoder.choice(status, &TestStatus::ALL.map(|status| (status.name(), status)));
    }
}

/// Reads both keys; `None` for a case that runs an execution.
pub(super) fn read(
    decoder: &mut Decoder<'_>,
    members: &mut Members<'_>,
    case: &Node,
) -> Option<StateTestCase> {
    let (test, expect) = (members.take("testState"), members.take("expectState"));
    let Some(test) = test else {
        if let Some(expect) = expect {
            let help = "add `testState: { state: NAME }`";
            let message = "`expectState` goes with `testState`";
            decoder.error_with_help(expect.span.clone(), message, help);
        }
        return None;
    };
    let request = read_request(decoder, test)?;
    let expects_refusal = expect.is_some_and(|node| node.get("Error").is_some());
    let (expect, span) = match expect {
        Some(node) => {
            check_expected(decoder, node);
            (matcher_of_members(decoder, node)?, node.span.clone())
        }
        None => {
            let succeeds = Value::object([("status", Value::from("SUCCEEDED"))]);
            (Matcher::parse_subset(&succeeds).ok()?, case.span.clone())
        }
    };
    Some(StateTestCase { request, expect, expects_refusal, span })
}

fn read_request(decoder: &mut Decoder<'_>, node: &Node) -> Option<TestStateRequest> {
    let mut members = decoder.object(node)?;
    let mut text = |members: &mut Members<'_>, key| {
        members.take(key).and_then(|node| decoder.string(node)).cloned()
    };
    let state = text(&mut members, "state");
    let caused_by = text(&mut members, "errorCausedByState");
    let retries = count(decoder, &mut members, "retrierRetryCount");
    let configuration = StateConfiguration {
        retrier_retry_count: u32::try_from(retries.unwrap_or(0)).unwrap_or(u32::MAX),
        error_caused_by_state: caused_by,
        map_iteration_failure_count: count(decoder, &mut members, "mapIterationFailureCount"),
        map_item_reader_data: members.take("mapItemReaderData").map(|node| match node.to_value() {
            Value::String(text) => text,
            data => data.to_json().into(),
        }),
    };
    let levels = [
        ("INFO", InspectionLevel::Info),
        ("DEBUG", InspectionLevel::Debug),
        ("TRACE", InspectionLevel::Trace),
    ];
    let level = members.take("inspectionLevel").and_then(|node| decoder.choice(node, &levels));
    let variables = members.take("variables").and_then(|node| variables(decoder, node));
    let mock = members.take("mock").and_then(|node| read_mock(decoder, node));
    let context = members.take("context").map(Node::to_value);
    members.finish(decoder);
    Some(TestStateRequest {
        state_name: state,
        inspection_level: level.unwrap_or(InspectionLevel::Debug),
        variables,
        mock,
        context,
        configuration,
        ..TestStateRequest::default()
    })
}

fn count(decoder: &mut Decoder<'_>, members: &mut Members<'_>, key: &'static str) -> Option<u64> {
    members.take(key).and_then(|node| decoder.unsigned(node))
}

fn variables(decoder: &mut Decoder<'_>, node: &Node) -> Option<Map> {
    let entries = decoder.entries(node)?;
    Some(entries.iter().map(|member| (member.key.clone(), member.value.to_value())).collect())
}

/// Reads `{ return: … }` or `{ fail: { error, cause } }`, with `fieldValidationMode`.
fn read_mock(decoder: &mut Decoder<'_>, node: &Node) -> Option<Mock> {
    let mut members = decoder.object(node)?;
    let modes = &FieldValidationMode::NAMES;
    let mode = members.take("fieldValidationMode").and_then(|node| decoder.choice(node, modes));
    let (result, failure) = (members.take("return"), members.take("fail"));
    members.finish(decoder);
    let result = match (result, failure) {
        (Some(result), None) => Ok(result.to_value()),
        (None, Some(failure)) => Err(read_failure(decoder, failure)?),
        _ => {
            let help = "`{ return: RESULT }`, or `{ fail: { error: E, cause: c } }`";
            let message = "a mock of a state test either returns or fails";
            decoder.error_with_help(node.span.clone(), message, help);
            return None;
        }
    };
    Some(Mock { result, field_validation_mode: mode.unwrap_or_default() })
}

fn read_failure(decoder: &mut Decoder<'_>, node: &Node) -> Option<Failure> {
    let mut members = decoder.object(node)?;
    let mut text = |key| -> Option<Arc<str>> {
        members.take(key).and_then(|node| decoder.string(node)).cloned()
    };
    let failure = Failure { error: text("error"), cause: text("cause") };
    members.finish(decoder);
    Some(failure)
}
