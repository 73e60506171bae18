//! Replays of small recordings, and of the recordings on AWS where they lie beside.

use std::fs;

mod changed;

use super::*;
use crate::history::tests::{history, recorded_histories};
use crate::history::{Payload, Style, TimestampForm};
use crate::value::Value;

fn machine(definition: &str) -> Arc<StateMachine> {
    let (machine, problems) = crate::asl::parse_text("definition.json", definition);
    Arc::new(machine.unwrap_or_else(|| panic!("{problems:?}")))
}

fn replayed(definition: &str, recorded: &str) -> (Replay, History) {
    let recorded = history(recorded);
    (replay(&machine(definition), &recorded, &ReplayOptions::default()).unwrap(), recorded)
}

#[track_caller]
fn check_same(definition: &str, recorded: &str) {
    let (replay, recorded) = replayed(definition, recorded);
    assert!(replay.is_same(), "{}", replay.render(&recorded, Style::Plain));
    assert!(!replay.partial);
    let types =
        |history: &History| history.events.iter().map(|event| event.event_type).collect::<Vec<_>>();
    assert_eq!(types(&replay.history), types(&recorded));
}

#[track_caller]
fn check_diverged(definition: &str, recorded: &str, kind: DivergenceKind, message: &str) {
    let (replay, _) = replayed(definition, recorded);
    let Outcome::Diverged(divergence) = replay.outcome else { panic!("it is the same") };
    assert_eq!((divergence.kind, &*divergence.message), (kind, message));
}

const ORDER: &str = r#"{"StartAt": "Charge", "States": {
    "Charge": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"amount.$": "$.amount"},
        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 9}], "Next": "Paid"},
    "Paid": {"Type": "Choice",
        "Choices": [{"Variable": "$.ok", "BooleanEquals": true, "Next": "Ship"}],
        "Default": "Refuse"},
    "Ship": {"Type": "Succeed"},
    "Refuse": {"Type": "Fail", "Error": "Refused"}}}"#;

const SHIPPED: &str = r#"1 0 ExecutionStarted = {"amount":5}
2 0 TaskStateEntered Charge = {"amount":5}
3 2 TaskScheduled lambda = {"amount":5}
4 3 TaskStarted lambda
5 4 TaskFailed Busy try-later
6 5 TaskScheduled lambda = {"amount":5}
7 6 TaskStarted lambda
8 7 TaskSucceeded lambda = {"ok":true}
9 8 TaskStateExited Charge = {"ok":true}
10 9 ChoiceStateEntered Paid = {"ok":true}
11 10 ChoiceStateExited Paid = {"ok":true}
12 11 SucceedStateEntered Ship = {"ok":true}
13 12 SucceedStateExited Ship = {"ok":true}
14 13 ExecutionSucceeded = {"ok":true}"#;

#[test]
fn a_task_with_a_retry() {
    check_same(ORDER, SHIPPED);
}

#[test]
fn another_request() {
    check_diverged(
        &ORDER.replace("\"amount.$\"", "\"total.$\""),
        SHIPPED,
        DivergenceKind::OtherRequest,
        "`Charge` asked lambda:invoke something else at $.amount: recorded 5, replayed nothing \
         (and 1 more places)",
    );
}

#[test]
fn another_state() {
    check_diverged(
        &ORDER.replace("\"BooleanEquals\": true", "\"BooleanEquals\": false"),
        SHIPPED,
        DivergenceKind::OtherState,
        "another state was entered: recorded `Ship`, replayed `Refuse`",
    );
}

#[test]
fn a_state_that_is_skipped() {
    let caught = r#""Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Paid"}]"#;
    check_diverged(
        &ORDER.replace("\"Next\": \"Paid\"", &format!("{caught}, \"Next\": \"Ship\"")),
        SHIPPED,
        DivergenceKind::OtherState,
        "another state was entered: recorded `Paid`, replayed `Ship` (2 events are missing)",
    );
}

#[test]
fn another_output() {
    check_diverged(
        &ORDER.replace("\"Next\": \"Paid\"", "\"ResultPath\": \"$.charge\", \"Next\": \"Paid\""),
        SHIPPED,
        DivergenceKind::OtherOutput,
        "`Charge` has another output at $.ok: recorded true, replayed nothing (and 2 more places)",
    );
}

#[test]
fn another_error() {
    check_diverged(
        &ORDER.replace("Busy", "Other"),
        SHIPPED,
        DivergenceKind::OtherError,
        "in `Charge`: recorded TaskScheduled, replayed ExecutionFailed (Busy: try-later)",
    );
}

#[test]
fn a_task_that_was_not_recorded() {
    let again = r#""Ship": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {}, "End": true}"#;
    let (replay, recorded) =
        replayed(&ORDER.replace("\"Ship\": {\"Type\": \"Succeed\"}", again), SHIPPED);
    insta::assert_snapshot!(replay.render(&recorded, Style::Plain), @r#"
    diverged: `Ship` is another kind of state: recorded Succeed, replayed Task

    - recorded
    + replayed

    1. `Ship` is another kind of state: recorded Succeed, replayed Task
          9  TaskStateExited Charge {"ok":true}
         10  ChoiceStateEntered Paid {"ok":true}
         11  ChoiceStateExited Paid {"ok":true}
    -    12  SucceedStateEntered Ship {"ok":true}
    -    13  SucceedStateExited Ship {"ok":true}
    -    14  ExecutionSucceeded {"ok":true}
    +    12  TaskStateEntered Ship {"ok":true}
    +    13  TaskScheduled sns:publish {}
    "#);
    insta::assert_snapshot!(replay.to_value(&recorded).get("kind").unwrap(), @r#"
    "other-state"
    "#);
}

#[test]
fn a_recording_that_goes_on() {
    // The definition has lost a state: the recording has more to tell.
    let short = ORDER.replace("\"Next\": \"Paid\"", "\"End\": true");
    let start = short.find("    \"Paid\"").unwrap();
    let short = format!("{}}}}}", short[..start].trim_end().trim_end_matches(','));
    check_diverged(
        &short,
        SHIPPED,
        DivergenceKind::OtherState,
        "recorded ChoiceStateEntered `Paid`, replayed nothing (and 3 events behind it)",
    );
}

#[test]
fn a_recording_taken_under_way() {
    let lines: Vec<_> = SHIPPED.lines().take(7).collect();
    let (replay, _) = replayed(ORDER, &lines.join("\n"));
    assert_eq!(replay.outcome, Outcome::Same);
    assert_eq!(replay.history.events.len(), 7);
    assert!(replay.partial);
}

#[test]
fn an_execution_that_was_stopped() {
    let lines: Vec<_> = SHIPPED.lines().take(7).collect();
    let recorded = format!("{}\n8 0 ExecutionAborted Enough of-it", lines.join("\n"));
    check_same(ORDER, &recorded);
}

#[test]
fn an_execution_whose_time_ran_out() {
    let lines: Vec<_> = SHIPPED.lines().take(7).collect();
    let recorded = format!("{}\n8 0 ExecutionTimedOut", lines.join("\n"));
    check_same(&ORDER.replacen('{', "{\"TimeoutSeconds\": 60, ", 1), &recorded);
}

#[test]
fn a_time_out_that_the_definition_does_not_have() {
    let lines: Vec<_> = SHIPPED.lines().take(7).collect();
    let recorded = format!("{}\n8 0 ExecutionTimedOut", lines.join("\n"));
    check_diverged(
        ORDER,
        &recorded,
        DivergenceKind::RecordingEnded,
        "in `Charge`: recorded ExecutionTimedOut, replayed nothing",
    );
}

#[test]
fn what_follows_a_redrive_is_not_replayed() {
    let lines: Vec<_> = SHIPPED.lines().take(5).collect();
    let head = lines.join("\n");
    let recorded = history(&format!(
        "{head}\n6 5 ExecutionFailed Busy try-later\n7 6 ExecutionRedriven\n8 2 TaskScheduled"
    ));
    let replay =
        replay(&machine(&ORDER.replace("Busy", "Other")), &recorded, &ReplayOptions::default());
    let replay = replay.unwrap();
    assert_eq!(replay.outcome, Outcome::Same);
    assert_eq!((replay.notes.len(), replay.partial), (1, true));
}

/// Histories that were damaged, or belong to another machine, are answered and never panic.
#[test]
fn any_history_against_any_definition() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/cases");
    let mut machines = Vec::new();
    let mut histories = Vec::new();
    for file in crate::scenario::find(&folder).unwrap() {
        let scenario = crate::scenario::Scenario::load(&file).unwrap();
        for case in scenario.cases.iter().step_by(3) {
            let Ok(simulation) = crate::runner::simulation(case, None) else { continue };
            let Ok(run) = simulation.run() else { continue };
            let execution = run.execution();
            if execution.history.events.len() < 200 {
                machines.push(execution.machine.clone());
                histories.push(execution.history.clone());
            }
        }
    }
    let mut entropy = crate::entropy::Entropy::new(7);
    let mut pick = |bound: usize| entropy.next_int(i32::try_from(bound).unwrap()) as usize;
    for mut recorded in histories {
        for _ in 0..pick(4) {
            let length = recorded.events.len();
            match pick(4) {
                0 if length > 2 => drop(recorded.events.remove(1 + pick(length - 1))),
                1 => recorded.events.truncate(1 + pick(length)),
                2 => {
                    let (from, to) = (pick(length), pick(length));
                    recorded.events[to].details = recorded.events[from].details.clone();
                }
                _ => recorded.events[pick(length)].previous_event_id = pick(length + 2) as u64,
            }
        }
        let machine = &machines[pick(machines.len())];
        if let Ok(replay) = replay(machine, &recorded, &ReplayOptions::default()) {
            let _ = (replay.render(&recorded, Style::Colour), replay.to_value(&recorded));
        }
    }
}

const BRANCHES: &str = r#"{"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [
    {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 5, "Next": "A"},
        "A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}},
    {"StartAt": "B", "States": {
        "B": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}}]}}}"#;

/// The failure of one branch must wait until the other has done what the recording shows.
#[test]
fn a_failure_behind_another_branch() {
    check_same(
        BRANCHES,
        "1 0 ExecutionStarted
         2 0 ParallelStateEntered P
         3 2 ParallelStateStarted
         4 3 WaitStateEntered W
         5 3 TaskStateEntered B
         6 5 TaskScheduled lambda
         7 6 TaskStarted lambda
         8 4 WaitStateExited W
         9 8 TaskStateEntered A
         10 9 TaskScheduled lambda
         11 10 TaskStarted lambda
         12 11 TaskSucceeded lambda = 1
         13 12 TaskStateExited A = 1
         14 7 TaskFailed Broken
         15 14 TaskStateAborted
         16 15 ParallelStateFailed
         17 16 ExecutionFailed Broken",
    );
}

#[test]
fn branches_end_in_the_recorded_order() {
    for order in [["A", "B"], ["B", "A"]] {
        let mut lines = vec![
            "1 0 ExecutionStarted".to_owned(),
            "2 0 ParallelStateEntered P".into(),
            "3 2 ParallelStateStarted".into(),
            "4 3 WaitStateEntered W".into(),
            "5 3 TaskStateEntered B".into(),
            "6 5 TaskScheduled lambda".into(),
            "7 6 TaskStarted lambda".into(),
            "8 4 WaitStateExited W".into(),
            "9 8 TaskStateEntered A".into(),
            "10 9 TaskScheduled lambda".into(),
            "11 10 TaskStarted lambda".into(),
        ];
        for state in order {
            let (id, data) = (lines.len() + 1, format!("\"{state}\""));
            let started = if state == "A" { 11 } else { 7 };
            lines.push(format!("{id} {started} TaskSucceeded lambda = {data}"));
            lines.push(format!("{} {id} TaskStateExited {state} = {data}", id + 1));
        }
        lines.push("16 15 ParallelStateSucceeded".into());
        lines.push(r#"17 15 ParallelStateExited P = ["A","B"]"#.into());
        lines.push(r#"18 17 ExecutionSucceeded = ["A","B"]"#.into());
        check_same(BRANCHES, &lines.join("\n"));
    }
}

#[test]
fn a_recording_with_a_hole_is_refused() {
    let mut recorded = history(SHIPPED);
    recorded.events.drain(4..7);
    let options = ReplayOptions::default();
    let refused = replay(&machine(ORDER), &recorded, &options).unwrap_err();
    assert_eq!(refused, ReplayError::MissingEvents { after: 4, before: 8 });
}

#[test]
fn a_recording_without_data_is_refused() {
    let mut recorded = history(SHIPPED);
    if let EventDetails::ExecutionStarted(started) = &mut recorded.events[0].details {
        started.input = Payload::Omitted;
    }
    let refused = replay(&machine(ORDER), &recorded, &ReplayOptions::default());
    assert_eq!(refused.unwrap_err(), ReplayError::WithoutData);
}

/// Cases whose recording hides, behind a mask, what AWS made up; the judge knows the masks.
const MASKED: &[&str] = &[
    "assign_base.base_cases.BASE_PATHS",
    "assign_reference_variables.assign_from_value.BASE_ASSIGN_FROM_INTRINSIC_FUNCTION",
    "base_scenarios.invalid_jsonpath.INVALID_JSONPATH_IN_ERRORPATH",
    "base_scenarios.invalid_jsonpath.INVALID_JSONPATH_IN_STRING_EXPR_CONTEXTPATH",
    "base_scenarios.invalid_jsonpath.INVALID_JSONPATH_IN_STRING_EXPR_JSONPATH",
    "base_scenarios.invalid_jsonpath.ST.INVALID_JSONPATH_IN_CAUSEPATH",
    "base_scenarios.lambda_service_invoke_with_retry_extended_input",
    "base_scenarios.map_state_config_distributed_reentrant",
    "context_object.input_path-17333e",
    "math_operations.math_random_seeded.exec_hist_resp",
];

#[test]
fn executions_recorded_on_aws_do_as_recorded() {
    let mut diverged = Vec::new();
    for file in recorded_histories() {
        let folder = file.parent().unwrap();
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let case = Value::parse(&read("case.json")).unwrap();
        let text = |name: &str| case.get(name).and_then(Value::as_str);
        if text("queryLanguage") != Some("JSONPath") {
            continue;
        }
        let name = folder.file_name().unwrap().to_str().unwrap();
        let (recorded, _) = History::parse(&read("history.json")).unwrap();
        let start_time = text("clock").and_then(Timestamp::parse);
        let options = ReplayOptions { start_time, ..ReplayOptions::default() };
        let replay = replay(&machine(&read("definition.json")), &recorded, &options).unwrap();
        let ids = replay.history.events.iter().map(|event| event.id);
        assert!(ids.eq(1..=replay.history.events.len() as u64), "{name}");
        let ends = replay.history.events.iter().filter(|event| event.event_type.is_terminal());
        assert_eq!(ends.count(), 1, "{name}");
        if !replay.is_same() && !MASKED.contains(&name) {
            diverged.push(format!("{name}: {}", replay.render(&recorded, Style::Plain)));
        }
    }
    assert!(diverged.is_empty(), "{}", diverged.join("\n"));
}

/// Whatever a definition did against mocks, it does again when its own history is replayed: also
/// when everything happened a little late, as on AWS, or when nobody knows when it happened.
#[test]
fn what_was_simulated_replays_the_same() {
    let (mut replays, mut diverged) = (0, Vec::new());
    for folder in ["conformance/cases", "scenarios/passing"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for file in crate::scenario::find(&folder).unwrap() {
            let scenario = crate::scenario::Scenario::load(&file).unwrap();
            for case in &scenario.cases {
                let Ok(simulation) = crate::runner::simulation(case, None) else { continue };
                let Ok(run) = simulation.run() else { continue };
                for execution in run.executions() {
                    if execution.execution_type == ExecutionType::Express {
                        continue;
                    }
                    // A year without a time-out of its own cannot be told from a time-out that
                    // the definition has lost.
                    let a_year = execution.status == crate::engine::ExecutionStatus::TimedOut
                        && execution.machine.timeout_seconds.is_none();
                    let long = execution.history.events.len() > 2_000;
                    let one_moment = ONE_MOMENT.contains(&&*case.name);
                    for clock in ["late", "unknown"] {
                        let late = clock == "late";
                        if (!late && a_year) || (late && (long || one_moment)) {
                            continue;
                        }
                        replays += 1;
                        if let Some(shown) = replay_of_itself(execution, case, clock) {
                            let file = file.display();
                            diverged.push(format!("{file} {} ({clock}): {shown}", case.name));
                        }
                    }
                }
            }
        }
    }
    assert!(diverged.is_empty(), "{} of {replays}\n{}", diverged.len(), diverged.join("\n"));
    assert!(replays > 1000, "{replays}");
}

/// Cases that ask whether two events were in one moment.
const ONE_MOMENT: &[&str] = &["context-state-entered"];

fn replay_of_itself(
    execution: &crate::sim::ExecutionRun,
    case: &crate::scenario::Case,
    clock: &str,
) -> Option<String> {
    let limits = case.limits;
    let mut objects = crate::map_run::Objects::default();
    for object in &case.world.objects {
        objects.put(&object.bucket, &object.key, object.body.clone(), case.start_time).unwrap();
    }
    let form = match clock {
        "unknown" => TimestampForm::Omitted,
        _ => TimestampForm::Text,
    };
    let (mut recorded, _) = History::parse(&execution.history.to_json(form)).unwrap();
    let mut late = 0;
    for (number, event) in recorded.events.iter_mut().enumerate() {
        if clock == "late" {
            late += (number as i64 * 37) % 90;
            event.timestamp = event.timestamp.map(|time| time + late);
        }
    }
    let start_time = (clock == "unknown").then_some(execution.start_time);
    let execution_arn = Some(execution.arn.clone());
    let options =
        ReplayOptions { start_time, limits, execution_arn, objects, ..Default::default() };
    let replay = replay(&execution.machine, &recorded, &options).unwrap();
    (!replay.is_same()).then(|| replay.render(&recorded, Style::Plain))
}

/// Why the children's inputs of a Map Run were not compared is said as it is.
#[test]
fn inputs_of_children_that_nobody_can_make_are_not_compared() {
    let definition = r#"{"StartAt": "Each", "States": {"Each": {"Type": "Map", "End": true,
        "ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "PARQUET"},
            "Parameters": {"Bucket": "b", "Key": "k"}},
        "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}},
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}}}}"#;
    let recorded = history(
        "1 0 ExecutionStarted = {}\n2 0 MapStateEntered Each = {}\n3 2 MapStateStarted 0\n\
         4 3 MapRunStarted\n5 4 MapRunSucceeded\n6 5 MapStateSucceeded\n\
         7 6 MapStateExited Each = []\n8 7 ExecutionSucceeded = []\n",
    );
    let says = |objects: Objects, what: &str| {
        let map_runs = BTreeMap::from([("arn".into(), MapRunInputs::default())]);
        let options = ReplayOptions { objects, map_runs, ..ReplayOptions::default() };
        let text = replay(&machine(definition), &recorded, &options)
            .unwrap()
            .render(&recorded, Style::Plain);
        let note = format!("note: the inputs of the children of `Each` were not compared: {what}");
        assert!(text.contains(&note), "{text}");
    };
    says(Objects::default(), "its items lie in S3 (`--object` gives them)\n");

    let file = "/conformance/cases/distributed-map/files/orders-v1.zstd.parquet";
    let mut body = fs::read(format!("{}{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    // In the footer ZSTD, between a column's path and its number of values, becomes BROTLI.
    for at in 0..body.len() - 2 {
        if body[at..].starts_with(&[0x15, 0x0c, 0x16]) {
            body[at + 1] = 0x08;
        }
    }
    let mut objects = Objects::default();
    objects.put("b", "k", body, Timestamp::EPOCH).unwrap();
    let what = match cfg!(feature = "parquet") {
        true => "Parquet: ",
        false => "stepproof was built without the feature `parquet`",
    };
    says(objects, what);
}
