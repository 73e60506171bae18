//! Cases that test one state by itself: the keys `testState` and `expectState`.

use std::ops::Range;
use std::sync::Arc;

use super::expect::matcher_of_members;
use crate::document::{Decoder, Members, Node};
use crate::history::Failure;
use crate::matcher::Matcher;
use crate::test_state::{
    FieldValidationMode, InspectionLevel, Mock, StateConfiguration, TestStateRequest,
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
        Some(node) => (matcher_of_members(decoder, node)?, node.span.clone()),
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
