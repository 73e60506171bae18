//! When an execution can be redriven, and that a redriven one is sound.

use std::sync::Arc;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::asl::parse_text;
use crate::engine::{ExecutionResult, FailureStage, Input, Output, Start};
use crate::history::Failure;
use crate::limits::Limits;
use crate::value::Value;

const START: Timestamp = Timestamp(1_700_000_000_000);
const DAY: i64 = 86_400_000;

fn execution(
    definition: &serde_json::Value,
    execution_type: ExecutionType,
    interleaving: Option<i64>,
) -> Execution {
    let machine = parse_text("test.json", &definition.to_string()).0.unwrap();
    let start = Start {
        execution_type,
        interleaving,
        limits: Limits { history_events: 12, ..Limits::today() }.into(),
        ..crate::engine::tests::start(serde_json::json!({}))
    };
    Execution::start(START, Arc::new(machine), start)
}

fn settle(execution: &mut Execution) {
    while !matches!(execution.poll(), Output::Idle(_) | Output::Ended) {}
}

#[rstest]
#[case::the_last_moment("Fail", ExecutionType::Standard, 14 * DAY, Ok(()))]
#[case::too_late("Fail", ExecutionType::Standard, 14 * DAY + 1, Err(NotRedrivable::EndedTooLongAgo))]
#[case::succeeded("Succeed", ExecutionType::Standard, 0, Err(NotRedrivable::Succeeded))]
#[case::express("Fail", ExecutionType::Express, 0, Err(NotRedrivable::Express))]
#[case::a_year("Fail", ExecutionType::Standard, 365 * DAY, Err(NotRedrivable::OpenTooLong))]
fn when_it_can_be_redriven(
    #[case] state: &str,
    #[case] execution_type: ExecutionType,
    #[case] after: i64,
    #[case] expected: Result<(), NotRedrivable>,
) {
    let definition = serde_json::json!({ "StartAt": "S", "States": { "S": { "Type": state } } });
    let mut execution = execution(&definition, execution_type, None);
    if execution_type == ExecutionType::Standard {
        assert_eq!(execution.redrivable(START), Err(NotRedrivable::Running));
    }
    settle(&mut execution);
    assert_eq!(execution.redrive(START + after), expected);
    assert_eq!(execution.result().is_none(), expected.is_ok());
}

#[test]
fn a_full_history_has_no_place_for_a_redrive() {
    let definition = serde_json::json!({ "StartAt": "S", "States": { "S": { "Type": "Fail" } } });
    let mut execution = execution(&definition, ExecutionType::Standard, None);
    settle(&mut execution);
    let mut redrives = 0;
    while execution.redrive(START).is_ok() {
        settle(&mut execution);
        redrives += 1;
    }
    // Three events, and three more with each redrive: at 9 there is a place, at 12 none.
    assert_eq!((redrives, execution.history().len()), (3, 12));
    assert_eq!(execution.redrivable(START), Err(NotRedrivable::HistoryFull));
    assert_eq!(execution.redrive_count(), 3);
}

/// Three tasks in branches of different depth, and one iteration after the other.
fn nested() -> serde_json::Value {
    let task = |resource: &str| {
        serde_json::json!({ "Type": "Task", "End": true,
            "Resource": format!("arn:aws:lambda:us-east-1:123456789012:function:{resource}") })
    };
    serde_json::json!({ "StartAt": "P", "States": { "P": { "Type": "Parallel", "End": true,
        "Branches": [
            { "StartAt": "A", "States": { "A": task("a") } },
            { "StartAt": "Q", "States": { "Q": { "Type": "Parallel", "End": true, "Branches": [
                { "StartAt": "B", "States": { "B": task("b") } },
                { "StartAt": "C", "States": { "C": task("c") } },
            ] } } },
            { "StartAt": "M", "States": { "M": { "Type": "Map", "MaxConcurrency": 2, "End": true,
                "Retry": [{ "ErrorEquals": ["Once"], "MaxAttempts": 1 }],
                "Items": [1, 2, 3, 4], "QueryLanguage": "JSONata",
                "ItemProcessor": { "StartAt": "D", "States": { "D": task("d") } } } } },
        ] } } })
}

proptest! {
    /// Whatever fails, times out or is stopped on the way: redriven often enough it succeeds, and
    /// every task succeeds exactly once unless a retry ran it again.
    #[test]
    fn what_is_redriven_until_it_succeeds_does_all_of_its_work(
        fates in prop::collection::vec(0_u8..6, 0..40),
        interleaving in prop::option::of(any::<i64>()),
    ) {
        let mut execution = execution(&nested(), ExecutionType::Standard, interleaving);
        execution.start.limits = Limits::today().into();
        let mut fates = fates.into_iter();
        let (mut now, mut done, mut retried) = (START, 0, false);
        loop {
            let mut open = Vec::new();
            loop {
                match execution.poll() {
                    Output::Task(request) => open.push(request.task),
                    Output::Ended => break,
                    Output::Idle(deadline) => {
                        if open.is_empty() {
                            now = now.max(deadline.unwrap_or(now));
                            execution.handle_timeout(now);
                        }
                        if let Some(task) = open.pop() {
                            let fail = |error: &str| Input::TaskFailed {
                                task, stage: FailureStage::Run, failure: Failure::new(error, ""),
                            };
                            let input = match fates.next() {
                                Some(1) => fail("Bad"),
                                Some(2) => fail("Once"),
                                Some(3) => Input::Stop { failure: Failure::default() },
                                _ => Input::TaskSucceeded { task, output: Value::from(1) },
                            };
                            retried |= matches!(&input, Input::TaskFailed { failure, .. }
                                if failure.error.as_deref() == Some("Once"));
                            let success = matches!(input, Input::TaskSucceeded { .. });
                            if execution.handle(now, input).is_ok() && success {
                                done += 1;
                            }
                        }
                    }
                    _ => {}
                }
            }
            now = now + 1;
            if execution.redrive(now).is_err() {
                break;
            }
        }
        let one = || Value::from(1);
        let output = Value::array([one(), Value::array([one(), one()]),
            Value::array([one(), one(), one(), one()])]);
        prop_assert_eq!(execution.result(), Some(&ExecutionResult::Succeeded(output)));
        prop_assert!(done == 7 || (retried && done > 7), "{done}");
    }
}
