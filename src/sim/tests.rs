//! Small machines in small worlds.

mod delivery;
mod map_run;
mod redrive;
mod validation;

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::engine::ExecutionStatus;
use crate::history::{EventType, Failure};
use crate::matcher::Matcher;
use crate::mock::Answer;

const LAMBDA: &str = "arn:aws:lambda:us-east-1:123456789012:function:charge";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[track_caller]
fn simulation(definition: &serde_json::Value) -> Simulation {
    Simulation::parse(&definition.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

/// One Task state called `Charge` that ends the machine.
#[track_caller]
fn charge(resource: &str, more: &serde_json::Value) -> Simulation {
    let mut state = json!({ "Type": "Task", "Resource": resource, "End": true });
    for (key, value) in more.as_object().unwrap() {
        state[key] = value.clone();
    }
    simulation(&json!({ "StartAt": "Charge", "States": { "Charge": state } }))
}

#[track_caller]
fn run(simulation: &Simulation) -> Run {
    simulation.run().unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn problem(simulation: &Simulation) -> String {
    simulation.run().expect_err("the simulation has a problem").to_string()
}

fn types(run: &Run) -> Vec<EventType> {
    run.history().events.iter().map(|event| event.event_type).collect()
}

fn parse(text: &str) -> Value {
    Value::parse(text).unwrap()
}

mod properties;

mod answers {
    use super::*;

    #[test]
    fn each_attempt_takes_the_next_and_the_last_serves_on() {
        let retry = json!({ "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 9 }] });
        let simulation = charge(LAMBDA, &retry)
            .mock("Charge", Mock::fails("A", "1").repeat(2).then(Mock::fails("B", "2")));
        let run = run(&simulation);
        assert_eq!(run.status(), ExecutionStatus::Failed);
        assert_eq!((run.error(), run.cause()), (Some("B"), Some("2")));
        assert_eq!(run.calls("Charge").len(), 10);
        assert_eq!(run.transitions(), 10);
        assert_eq!(run.duration(), seconds((0..9).map(|n| 1 << n).sum()));
    }

    #[test]
    fn a_new_iteration_begins_anew_and_invocations_do_not() {
        let map = |mock: Mock| {
            let definition = json!({
                "StartAt": "Map",
                "States": { "Map": {
                    "Type": "Map", "End": true, "MaxConcurrency": 1,
                    "ItemProcessor": { "StartAt": "Charge", "States": { "Charge": {
                        "Type": "Task", "Resource": LAMBDA, "End": true,
                        "Retry": [{ "ErrorEquals": ["Once"] }],
                    } } },
                } },
            });
            let simulation = simulation(&definition).input(json!([1, 2, 3])).mock("Charge", mock);
            run(&simulation).output().unwrap().to_json()
        };
        let first = Answer::fails("Once", "");
        assert_eq!(map(Mock::answers([first, Answer::returns("x")])), r#"["x","x","x"]"#);
        let numbers = (1..=3).map(Answer::returns);
        assert_eq!(map(Mock::by_invocation(numbers)), "[1,2,3]");
        let function = Mock::from_fn(|call| Answer::returns(call.invocation));
        assert_eq!(map(function), "[0,1,2]");
    }

    #[test]
    fn conditions_choose_by_arguments() {
        let over = Matcher::parse(&parse(r#"{"$subset": {"amount": {"$gt": 100}}}"#)).unwrap();
        let mock = Mock::fails("LimitExceeded", "").when(over).then(Mock::returns("charged"));
        let simulation = charge(LAMBDA, &json!({})).mock("Charge", mock);
        assert_eq!(
            run(&simulation.clone().input(json!({ "amount": 5 }))).output().unwrap(),
            &"charged".into()
        );
        assert_eq!(run(&simulation.input(json!({ "amount": 500 }))).error(), Some("LimitExceeded"));
    }

    #[test]
    fn no_condition_holds() {
        let never = Matcher::parse(&parse(r#"{"a": 1}"#)).unwrap();
        let simulation = charge(LAMBDA, &json!({})).mock("Charge", Mock::returns(1).when(never));
        assert_eq!(
            problem(&simulation),
            "no `when` of mock `Charge` holds for this call of `Charge`: {}\n\
             add an answer without `when` for all other calls"
        );
    }

    #[test]
    fn copies_come_from_the_arguments() {
        let mock = r#"{"return": {"id": {"$input": "$.order.id"}, "all": [{"$input": "$"}]}}"#;
        let simulation = charge(LAMBDA, &json!({}))
            .input(json!({ "order": { "id": 7 } }))
            .mock("Charge", Mock::parse(&parse(mock)).unwrap());
        let output = run(&simulation).output().unwrap().to_json();
        assert_eq!(output, r#"{"id":7,"all":[{"order":{"id":7}}]}"#);
        assert_eq!(
            problem(&simulation.input(json!({}))),
            "`Charge` could not be answered: `$input: $.order.id` found nothing in the arguments: \
             Missing property in path $['order']"
        );
    }

    #[rstest]
    #[case(
        "arn:aws:states:::lambda:invoke",
        r#"{"FunctionError": "Unhandled", "Payload": {"errorType": "E", "errorMessage": "m"}}"#,
        "E",
        r#"{"errorType":"E","errorMessage":"m"}"#
    )]
    #[case(
        "arn:aws:states:::lambda:invoke",
        r#"{"FunctionError": "Unhandled", "Payload": null}"#,
        "Lambda.Unknown",
        "null"
    )]
    #[case(
        "arn:aws:states:::events:putEvents",
        r#"{"Entries": [], "FailedEntryCount": 1}"#,
        "EventBridge.FailedEntry",
        r#"{"Entries":[],"FailedEntryCount":1}"#
    )]
    #[case(
        "arn:aws:states:::apigateway:invoke",
        r#"{"StatusCode": 403, "ResponseBody": {"message": "no"}}"#,
        "ApiGateway.403",
        r#"{"message":"no"}"#
    )]
    #[case(
        "arn:aws:states:::http:invoke",
        r#"{"StatusCode": 404, "ResponseBody": "gone"}"#,
        "States.Http.StatusCode.404",
        "gone"
    )]
    fn results_that_are_failures(
        #[case] resource: &str,
        #[case] result: &str,
        #[case] error: &str,
        #[case] cause: &str,
    ) {
        let run = run(&charge(resource, &json!({})).mock("Charge", Mock::returns(parse(result))));
        assert_eq!((run.error(), run.cause()), (Some(error), Some(cause)));
    }

    #[test]
    fn a_slow_answer_is_started_at_once() {
        let mock = Mock::returns(1).after(seconds(90));
        let run = run(&charge(LAMBDA, &json!({})).mock("Charge", mock));
        let at = |event_type| {
            let mut events = run.history().events.iter();
            let event = events.find(|event| event.event_type == event_type).unwrap();
            event.timestamp.unwrap() - run.start_time()
        };
        assert_eq!(at(EventType::LambdaFunctionStarted), 0);
        assert_eq!(at(EventType::LambdaFunctionSucceeded), 90_000);
        assert_eq!(run.calls("Charge")[0].end_time, run.stop_time());
    }

    #[rstest]
    #[case(json!({ "HeartbeatSeconds": 30, "TimeoutSeconds": 100 }), 2, 70)]
    #[case(json!({ "HeartbeatSeconds": 30, "TimeoutSeconds": 100 }), 9, 100)]
    #[case(json!({ "TimeoutSeconds": 100 }), 2, 100)]
    fn silence_ends_in_a_time_out(
        #[case] fields: serde_json::Value,
        #[case] heartbeats: u32,
        #[case] after: u64,
    ) {
        let mock = Mock::never().heartbeats(seconds(20), heartbeats);
        let run = run(&charge(LAMBDA, &fields).mock("Charge", mock));
        assert_eq!(run.error(), Some("States.Timeout"));
        assert_eq!(run.duration(), seconds(after));
    }

    #[rstest]
    #[case(json!({ "HeartbeatSeconds": 10, "TimeoutSeconds": 86_400 }), 1, 86_400)]
    #[case(json!({ "HeartbeatSeconds": 10_000 }), 1, 4_294_967 + 10_000)]
    #[case(json!({ "TimeoutSeconds": 50 }), 1, 50)]
    fn heartbeats_without_number_take_no_time(
        #[case] fields: serde_json::Value,
        #[case] every_millis: u64,
        #[case] after: u64,
    ) {
        let mock = Mock::never().heartbeats(Duration::from_millis(every_millis), u32::MAX);
        let run = run(&charge(LAMBDA, &fields).mock("Charge", mock));
        assert_eq!(run.duration().as_secs(), after);
    }

    #[rstest]
    #[case(LAMBDA, "schedule", EventType::LambdaFunctionScheduleFailed)]
    #[case(LAMBDA, "start", EventType::LambdaFunctionStartFailed)]
    #[case(LAMBDA, "timeout", EventType::LambdaFunctionTimedOut)]
    #[case("arn:aws:states:::ecs:runTask.sync", "submit", EventType::TaskSubmitFailed)]
    #[case("arn:aws:states:::ecs:runTask.sync", "run", EventType::TaskFailed)]
    fn stages(#[case] resource: &str, #[case] stage: &str, #[case] event: EventType) {
        let mock = parse(&format!(r#"{{"fail": {{"error": "E"}}, "stage": "{stage}"}}"#));
        let run = run(&charge(resource, &json!({})).mock("Charge", Mock::parse(&mock).unwrap()));
        assert!(types(&run).contains(&event), "{:?}", run.history());
        let submitted = types(&run).contains(&EventType::TaskSubmitted);
        assert_eq!(submitted, stage == "run" && resource != LAMBDA);
    }

    #[test]
    fn a_refused_job_fails_when_it_is_submitted() {
        let simulation = charge("arn:aws:states:::batch:submitJob.sync", &json!({}));
        let throttled = run(&simulation.clone().mock("Charge", Mock::fault("batch.throttled")));
        assert!(types(&throttled).contains(&EventType::TaskSubmitFailed));
        let failed = run(&simulation.mock("Charge", Mock::fault("batch.job-failed")));
        assert!(types(&failed).contains(&EventType::TaskSubmitted));
        assert_eq!(failed.error(), Some("States.TaskFailed"));
    }
}

mod keys {
    use super::*;

    #[track_caller]
    fn outputs(mocks: &[(&str, &str)]) -> String {
        let task = |resource: &str| json!({ "Type": "Task", "Resource": resource, "End": true });
        let definition = json!({
            "StartAt": "Both",
            "States": { "Both": { "Type": "Parallel", "End": true, "Branches": [
                { "StartAt": "Items", "States": { "Items": {
                    "Type": "Map", "End": true,
                    "ItemProcessor": { "StartAt": "a/b", "States": { "a/b": task(LAMBDA) } },
                } } },
                { "StartAt": "Right", "States": {
                    "Right": task("arn:aws:states:::sqs:sendMessage"),
                } },
            ] } },
        });
        let mut simulation = simulation(&definition).input(json!([1, 2]));
        for (key, result) in mocks {
            simulation = simulation.mock(key, Mock::returns(*result));
        }
        run(&simulation).output().unwrap().to_json()
    }

    #[test]
    fn the_most_specific_key_answers() {
        let right = ("Right", "r");
        assert_eq!(outputs(&[("a/b", "s"), right]), r#"[["s","s"],"r"]"#);
        assert_eq!(outputs(&[("arn:aws:*", "*")]), r#"[["*","*"],"*"]"#);
        assert_eq!(
            outputs(&[("arn:aws:*", "*"), ("arn:aws:lambda:*:charge", "l")]),
            r#"[["l","l"],"*"]"#
        );
        assert_eq!(
            outputs(&[("arn:aws:states:::sqs:sendMessage", "q"), ("a/b", "s")]),
            r#"[["s","s"],"q"]"#
        );
        assert_eq!(outputs(&[right, ("a/b", "s"), ("arn:aws:*", "*")]), r#"[["s","s"],"r"]"#);
    }

    #[test]
    fn places_are_more_specific_than_names() {
        let run = |mocks: &[(&str, &str)]| {
            let definition = json!({
                "StartAt": "Outer",
                "States": { "Outer": { "Type": "Map", "End": true, "ItemProcessor": {
                    "StartAt": "Inner",
                    "States": { "Inner": { "Type": "Map", "End": true, "ItemProcessor": {
                        "StartAt": "T",
                        "States": { "T": { "Type": "Task", "Resource": LAMBDA, "End": true } },
                    } } },
                } } },
            });
            let mut simulation = simulation(&definition).input(json!([[0, 1], [2, 3]]));
            for (key, result) in mocks {
                simulation = simulation.mock(key, Mock::returns(*result));
            }
            let run = run(&simulation);
            (run.output().unwrap().to_json(), run.calls("Outer[1]/Inner[*]/T").len())
        };
        let t = ("T", "t");
        assert_eq!(run(&[t, ("Inner[1]/T", "1")]).0, r#"[["t","1"],["t","1"]]"#);
        assert_eq!(run(&[t, ("Outer[1]/Inner[0]/T", "x")]).0, r#"[["t","t"],["x","t"]]"#);
        assert_eq!(run(&[t, ("Outer[1]/Inner/T", "x")]).0, r#"[["t","t"],["x","x"]]"#);
        let mocks =
            [("Outer[*]/Inner[*]/T", "*"), ("Inner[1]/T", "1"), ("Outer[0]/Inner[1]/T", "01")];
        assert_eq!(run(&mocks), (r#"[["*","01"],["*","*"]]"#.to_owned(), 2));
    }

    #[test]
    fn what_was_not_used_is_reported() {
        let simulation = charge(LAMBDA, &json!({}))
            .mock("Charge", Mock::returns(1))
            .mock("Chrge", Mock::returns(1))
            .mock("Child:Charge", Mock::returns(1))
            .mock("arn:aws:states:::sqs:*", Mock::returns(1))
            .worker("approve", Worker::new(Mock::returns(1)));
        let unused: Vec<String> =
            run(&simulation).unused_mocks().iter().map(ToString::to_string).collect();
        assert_eq!(
            unused,
            [
                "mock `Chrge` was not used: no state is called `Chrge`, did you mean `Charge`?",
                "mock `Child:Charge` was not used by `Child`: no state machine is called `Child`",
                "mock `arn:aws:states:::sqs:*` was not used",
                "mock `approve` was not used",
            ]
        );
    }

    #[rstest]
    #[case("Map[x]/T", "`[x]` of `Map[x]` is no index: write a number, or `[*]` for all")]
    #[case("/T", "`/T` is no path: a name between two `/` is empty")]
    #[case("", "the key of a mock is empty")]
    fn mistakes_in_keys(#[case] key: &str, #[case] message: &str) {
        let message = format!("a mock cannot be understood: $['{key}']: {message}");
        assert_eq!(problem(&charge(LAMBDA, &json!({})).mock(key, Mock::never())), message);
    }

    #[test]
    fn unknown_faults_are_guessed() {
        assert_eq!(
            problem(&charge(LAMBDA, &json!({})).mock("Charge", Mock::fault("lambda.throtled"))),
            "a mock cannot be understood: $['Charge']: there is no fault `lambda.throtled`, did \
             you mean `lambda.throttled`?"
        );
        let mock = Mock::from_fn(|_| Answer::fault("xyz"));
        assert_eq!(
            problem(&charge(LAMBDA, &json!({})).mock("Charge", mock)),
            "`Charge` could not be answered: there is no fault `xyz`; `stepproof run \
             --list-faults` prints them all"
        );
    }
}

mod unmocked {
    use super::*;

    #[rstest]
    #[case(LAMBDA, "mocks:\n  Charge:\n    return: {}\n")]
    #[case(
        "arn:aws:states:::lambda:invoke",
        "mocks:\n  Charge:\n    return: {\"ExecutedVersion\": \"$LATEST\", \"Payload\": {}, \
         \"StatusCode\": 200}\n"
    )]
    #[case(
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "mocks:\n  Charge:\n    return: {}  # what the callback sends\n    after: 1m\n"
    )]
    #[case(
        "arn:aws:states:us-east-1:123456789012:activity:approve it",
        "activities:\n  approve it:\n    - return: {}\n"
    )]
    fn a_stub_is_offered(#[case] resource: &str, #[case] stub: &str) {
        let expected =
            format!("`Charge` calls `{resource}`, and nothing answers; paste and adapt:\n\n{stub}");
        assert_eq!(problem(&charge(resource, &json!({}))), expected);
    }

    #[test]
    fn nested_machines_are_offered_both_ways() {
        let resource = "arn:aws:states:::states:startExecution.sync:2";
        let arguments = json!({ "Parameters": {
            "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Bake",
        } });
        insta::assert_snapshot!(problem(&charge(resource, &arguments)), @r#"
        `Charge` calls `arn:aws:states:::states:startExecution.sync:2`, and nothing answers; paste and adapt:

        mocks:
          Charge:
            return: {"Status": "SUCCEEDED", "Output": {}}
        # or run the nested machine:
        machines:
          Bake:
            definition: child.asl.json
        "#);
    }

    #[test]
    fn the_history_so_far_is_kept() {
        let error = charge(LAMBDA, &json!({})).run().unwrap_err();
        let run = error.run.unwrap();
        assert_eq!(run.status(), ExecutionStatus::Running);
        assert_eq!(run.path(), ["Charge"]);
    }
}

mod waiting {
    use super::*;

    const CALLBACK: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";

    #[test]
    fn a_year_takes_no_time() {
        let wait = json!({ "Type": "Wait", "Seconds": 31_000_000, "End": true });
        let run = run(&simulation(&json!({ "StartAt": "W", "States": { "W": wait } })));
        assert_eq!(run.status(), ExecutionStatus::Succeeded);
        assert_eq!(run.duration(), seconds(31_000_000));
    }

    #[test]
    fn actions_call_back_in_time() {
        let output = json!({ "approved": true });
        let simulation = charge(CALLBACK, &json!({ "HeartbeatSeconds": 60 }))
            .action(Action::send_task_heartbeat(seconds(50), "Charge"))
            .action(Action::send_task_success(seconds(100), "Charge", output.clone()));
        let run = run(&simulation);
        assert_eq!(run.output(), Some(&output.into()));
        assert_eq!(run.duration(), seconds(100));
        assert!(types(&run).contains(&EventType::TaskSubmitted));
    }

    #[test]
    fn failures_and_stops_come_from_outside() {
        let failure = Failure::new("Denied", "by hand");
        let failed = charge(CALLBACK, &json!({})).action(Action::send_task_failure(
            seconds(5),
            "Charge",
            failure.clone(),
        ));
        let failed = run(&failed);
        assert_eq!((failed.error(), failed.cause()), (Some("Denied"), Some("by hand")));
        let stopped = charge(LAMBDA, &json!({}))
            .mock("Charge", Mock::never())
            .action(Action::stop(seconds(7), failure));
        let stopped = run(&stopped);
        assert_eq!(stopped.status(), ExecutionStatus::Aborted);
        assert_eq!((stopped.error(), stopped.duration()), (Some("Denied"), seconds(7)));
    }

    #[test]
    fn actions_that_cannot_be_done_are_errors_and_late_ones_are_reported() {
        let simulation = charge(LAMBDA, &json!({}))
            .mock("Charge", Mock::returns(1).after(seconds(10)))
            .action(Action::send_task_success(seconds(5), "Charge", 1));
        assert_eq!(
            problem(&simulation),
            "sendTaskSuccess of `Charge` at 5s: no task of this state waits for a callback at \
             that time"
        );
        let simulation = charge(LAMBDA, &json!({}))
            .mock("Charge", Mock::returns(1))
            .action(Action::stop(seconds(5), Failure::default()));
        let run = run(&simulation);
        assert_eq!(run.status(), ExecutionStatus::Succeeded);
        let unused = run.unused_actions()[0].to_string();
        assert_eq!(unused, "stop at 5s came too late: everything was over");
    }

    #[test]
    fn a_callback_that_never_comes_is_an_error() {
        let simulation = charge(CALLBACK, &json!({})).mock("Charge", Mock::never());
        insta::assert_snapshot!(problem(&simulation), @"
        nothing will ever happen again after 0s:
          `Charge` waits for a callback from `arn:aws:states:::sqs:sendMessage.waitForTaskToken`
        answer the task with a mock, call back with an action, or give the state `TimeoutSeconds`
        ");
        let timed = charge(CALLBACK, &json!({ "TimeoutSeconds": 5 })).mock("Charge", Mock::never());
        assert_eq!(run(&timed).error(), Some("States.Timeout"));
    }

    #[test]
    fn an_endless_loop_ends_at_the_history_limit() {
        let states = json!({
            "A": { "Type": "Choice", "Default": "B", "Choices": [
                { "Variable": "$.stop", "IsPresent": true, "Next": "C" },
            ] },
            "B": { "Type": "Pass", "Next": "A" },
            "C": { "Type": "Succeed" },
        });
        let run = run(&simulation(&json!({ "StartAt": "A", "States": states })));
        assert_eq!(run.error(), Some("States.Runtime"));
        assert_eq!(run.history().events.len(), 25_000);
    }
}

mod activities {
    use super::*;

    const ACTIVITY: &str = "arn:aws:states:eu-west-1:999999999999:activity:approve";

    fn worker(json: &str) -> Worker {
        Worker::parse(&parse(json)).unwrap()
    }

    #[test]
    fn a_worker_takes_the_task_when_it_asks() {
        let simulation = charge(ACTIVITY, &json!({})).input(json!({ "a": 1 })).worker(
            "approve",
            worker(
                r#"[{"worker": "w1", "poll": "5s", "after": "2s", "return": {"$input": "$.a"}}]"#,
            ),
        );
        let run = run(&simulation);
        assert_eq!(run.output(), Some(&1.into()));
        let text = run.history().to_string();
        assert!(text.contains("ActivityStarted w1"), "{text}");
        // It asks for the first time at the start, when the task is there already.
        assert_eq!(run.duration(), seconds(2));
    }

    #[test]
    fn one_worker_takes_one_task_at_each_poll() {
        let task = |name: &str| {
            json!({ "StartAt": name, "States": { name: {
                "Type": "Task", "Resource": ACTIVITY, "End": true,
            } } })
        };
        let definition = json!({
            "StartAt": "Wait",
            "States": {
                "Wait": { "Type": "Wait", "Seconds": 1, "Next": "Both" },
                "Both": { "Type": "Parallel", "End": true, "Branches": [task("A"), task("B")] },
            },
        });
        let simulation =
            simulation(&definition).worker("approve", worker(r#"{"poll": "5s", "return": 1}"#));
        let run = run(&simulation);
        let ends: Vec<i64> =
            run.all_calls().iter().map(|call| call.end_time.unwrap() - run.start_time()).collect();
        assert_eq!(ends, [5_000, 10_000]);
    }

    #[test]
    fn a_task_that_no_worker_takes_in_time_times_out_only_once_taken() {
        // An activity's clock runs from its start, so this one waits for the poll.
        let simulation = charge(ACTIVITY, &json!({ "TimeoutSeconds": 3 }))
            .worker("approve", worker(r#"{"never": true}"#));
        let run = run(&simulation);
        assert_eq!((run.error(), run.duration()), (Some("States.Timeout"), seconds(3)));
        assert_eq!(run.metrics().sum("ActivitiesTimedOut"), 1);
        assert_eq!(run.metrics().sum("ActivitiesHeartbeatTimedOut"), 0);
    }

    #[test]
    fn a_mock_of_the_state_needs_no_worker() {
        let simulation = charge(ACTIVITY, &json!({})).mock("Charge", Mock::returns(1));
        let run = run(&simulation);
        assert_eq!(
            types(&run)[2..5],
            [
                EventType::ActivityScheduled,
                EventType::ActivityStarted,
                EventType::ActivitySucceeded
            ]
        );
    }
}

mod nested {
    use super::*;

    /// A machine that starts `Child` with these arguments beside its ARN.
    fn parent(resource: &str, more: &serde_json::Value) -> Simulation {
        let mut arguments = json!({
            "StateMachineArn": "arn:aws:states:us-east-1:111111111111:stateMachine:Child",
        });
        for (key, value) in more.as_object().unwrap() {
            arguments[key] = value.clone();
        }
        charge(&format!("arn:aws:states:::{resource}"), &json!({ "Parameters": arguments }))
    }

    fn child(states: serde_json::Value) -> Arc<StateMachine> {
        let (start, _) = states.as_object().unwrap().iter().next().unwrap();
        let text = json!({ "StartAt": start, "States": states.clone() }).to_string();
        Arc::new(asl::parse_text("child", &text).0.unwrap())
    }

    fn passing() -> Arc<StateMachine> {
        child(
            json!({ "State_1": { "Type": "Pass", "Result": { "Arg1": "argument1" }, "End": true } }),
        )
    }

    /// `callback.start_execution_sync` and `callback.start_execution_sync2`, with the members of
    /// redrive as in `base_callbacks.sfn_start_execution_sync`.
    #[rstest]
    #[case("", r#""{}""#, r#""{\"Arg1\":\"argument1\"}""#)]
    #[case(":2", "{}", r#"{"Arg1":"argument1"}"#)]
    fn sync_tells_the_description(#[case] suffix: &str, #[case] input: &str, #[case] output: &str) {
        let more = json!({ "Input": null, "Name": "TestStartTarget" });
        let simulation = parent(&format!("states:startExecution.sync{suffix}"), &more).machine(
            "Child",
            passing(),
            ExecutionType::Standard,
        );
        let run = run(&simulation);
        assert_eq!(
            run.output().unwrap().to_json(),
            format!(
                r#"{{"ExecutionArn":"arn:aws:states:us-east-1:111111111111:execution:Child:TestStartTarget","Input":{input},"InputDetails":{{"Included":true}},"Name":"TestStartTarget","Output":{output},"OutputDetails":{{"Included":true}},"RedriveCount":0,"RedriveStatus":"NOT_REDRIVABLE","RedriveStatusReason":"Execution is SUCCEEDED and cannot be redriven","StartDate":1704067200000,"StateMachineArn":"arn:aws:states:us-east-1:111111111111:stateMachine:Child","Status":"SUCCEEDED","StopDate":1704067200000}}"#
            )
        );
        assert_eq!(
            types(&run)[2..6],
            [
                EventType::TaskScheduled,
                EventType::TaskStarted,
                EventType::TaskSubmitted,
                EventType::TaskSucceeded
            ]
        );
        assert_eq!(run.children()[0].history.events.len(), 4);
    }

    /// `callback.start_execution_sync_delegate_timeout`
    #[test]
    fn a_failing_child_fails_its_parent() {
        let failing = child(json!({ "F": { "Type": "Fail", "Error": "E", "Cause": "c" } }));
        let simulation = parent(
            "states:startExecution.sync",
            &json!({ "Name": "n", "Input": { "Payload": null } }),
        )
        .machine("Child", failing, ExecutionType::Standard);
        let run = run(&simulation);
        assert_eq!(run.error(), Some("States.TaskFailed"));
        let cause = parse(run.cause().unwrap());
        let keys: Vec<&str> = cause.as_object().unwrap().keys().map(|key| &**key).collect();
        assert_eq!(keys[..3], ["Cause", "Error", "ExecutionArn"]);
        assert_eq!(cause.get("Status"), Some(&"FAILED".into()));
        assert_eq!(cause.get("Input"), Some(&r#"{"Payload":null}"#.into()));
    }

    #[test]
    fn children_share_the_clock_and_have_mocks_of_their_own() {
        let machine = child(json!({ "Bake": { "Type": "Task", "Resource": LAMBDA, "End": true } }));
        let simulation = parent("states:startExecution.sync:2", &json!({ "Input": { "n": 1 } }))
            .machine("Child", machine, ExecutionType::Standard)
            .nested_mock("Child", "Bake", Mock::returns("done").after(seconds(50)));
        let first = run(&simulation);
        assert_eq!(first.output().unwrap().get("Output"), Some(&"done".into()));
        assert_eq!(first.duration(), seconds(50));
        assert_eq!(first.calls("Child:Bake").len(), 1);
        assert_eq!(&*first.calls("Bake")[0].machine, "Child");
        let again = run(&simulation);
        assert_eq!(first.history(), again.history());
        assert_eq!(first.children()[0].arn, again.children()[0].arn);
    }

    #[test]
    fn a_name_is_given_only_once() {
        let start = json!({
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution",
            "Parameters": {
                "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Child",
                "Name": "same",
            },
        });
        let (mut first, mut second) = (start.clone(), start);
        first["Next"] = "Second".into();
        second["End"] = true.into();
        let twice = json!({ "StartAt": "First", "States": { "First": first, "Second": second } });
        let twice = simulation(&twice).machine("Child", passing(), ExecutionType::Standard);
        assert_eq!(run(&twice).children().len(), 1, "the same input is the same execution");
        second["Parameters"]["Input"] = json!({ "n": 2 });
        let definition =
            json!({ "StartAt": "First", "States": { "First": first, "Second": second } });
        let simulation =
            simulation(&definition).machine("Child", passing(), ExecutionType::Standard);
        let run = run(&simulation);
        assert_eq!(run.error(), Some("StepFunctions.ExecutionAlreadyExistsException"));
        assert!(run.cause().unwrap().starts_with(
            "Execution Already Exists: 'arn:aws:states:us-east-1:123456789012:execution:Child:same'\
             \u{20}(Service: AWSStepFunctions; Status Code: 400; Error Code: ExecutionAlreadyExists;"
        ));
    }

    /// `aws_sdk_task_service.sfn_start_execution`
    #[test]
    fn the_sdk_starts_and_does_not_wait() {
        let wait = child(json!({ "W": { "Type": "Wait", "Seconds": 60, "End": true } }));
        let simulation = parent(
            "aws-sdk:sfn:startExecution",
            &json!({ "Name": "n", "Input": "{}" }),
        )
        .machine("Child", wait, ExecutionType::Standard);
        let run = run(&simulation);
        assert_eq!(
            run.output().unwrap().to_json(),
            r#"{"ExecutionArn":"arn:aws:states:us-east-1:111111111111:execution:Child:n","StartDate":"2024-01-01T00:00:00Z"}"#
        );
        assert_eq!(run.duration(), seconds(0));
        assert_eq!(run.children()[0].duration(), seconds(60));
    }

    #[test]
    fn express_children_answer_synchronously() {
        let failing = child(json!({ "F": { "Type": "Fail", "Error": "E", "Cause": "c" } }));
        let simulation = parent("aws-sdk:sfn:startSyncExecution", &json!({ "Name": "n" })).machine(
            "Child",
            failing,
            ExecutionType::Express,
        );
        let run = run(&simulation);
        let output = run.output().unwrap();
        assert_eq!(output.get("Status"), Some(&"FAILED".into()));
        assert_eq!(output.get("Error"), Some(&"E".into()));
        assert!(
            output.get("BillingDetails").unwrap().get("BilledDurationInMilliseconds").is_some()
        );
        assert!(
            output.get("ExecutionArn").unwrap().as_str().unwrap().contains(":express:Child:n:")
        );
    }

    #[test]
    fn a_child_calls_its_parent_back() {
        let answer = child(json!({ "Answer": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
            "Parameters": { "TaskToken.$": "$.token", "Output.$": "States.JsonToString($.answer)" },
            "End": true,
        } }));
        let input = json!({ "token.$": "$$.Task.Token", "answer": { "ok": true } });
        let simulation = parent(
            "states:startExecution.waitForTaskToken",
            &json!({ "Input": input }),
        )
        .machine("Child", answer, ExecutionType::Standard);
        let run = run(&simulation);
        assert_eq!(run.output().unwrap().to_json(), r#"{"ok":true}"#);
        assert_eq!(run.children()[0].output.as_ref().unwrap().to_json(), "{}");
    }

    /// `aws_sdk_task_service.sfn_send_task_outcome_with_no_such_token`
    #[test]
    fn unknown_tokens_are_refused() {
        let arguments = json!({ "Parameters": { "TaskToken": "x", "Output": "1" } });
        let simulation = charge("arn:aws:states:::aws-sdk:sfn:sendTaskSuccess", &arguments);
        let run = run(&simulation);
        assert_eq!(run.error(), Some("Sfn.InvalidTokenException"));
        assert!(run.cause().unwrap().starts_with(
            "Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: "
        ));
    }

    #[test]
    fn stopping_the_parent_stops_the_child_it_waits_for() {
        let wait = child(json!({ "W": { "Type": "Wait", "Seconds": 60, "End": true } }));
        let simulation = parent("states:startExecution.sync", &json!({}))
            .machine("Child", wait, ExecutionType::Standard)
            .action(Action::stop(seconds(10), Failure::default()));
        let run = run(&simulation);
        assert_eq!(run.status(), ExecutionStatus::Aborted);
        assert_eq!(run.children()[0].status, ExecutionStatus::Aborted);
        assert_eq!(run.children()[0].duration(), seconds(10));
    }

    #[test]
    fn a_stuck_child_is_named() {
        let machine = child(json!({ "Bake": { "Type": "Task", "Resource": LAMBDA, "End": true } }));
        let simulation = parent("states:startExecution.sync:2", &json!({}))
            .machine("Child", machine, ExecutionType::Standard)
            .mock("Child:Bake", Mock::never());
        assert!(problem(&simulation).contains("\n  `Bake` of `Child` waits for an answer from"));
    }

    #[test]
    fn executions_that_start_one_another_for_ever_end() {
        let again = child(json!({ "Again": {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution",
            "Parameters": {
                "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Child",
            },
            "End": true,
        } }));
        let simulation = parent("states:startExecution", &json!({})).machine(
            "Child",
            again,
            ExecutionType::Standard,
        );
        assert_eq!(
            problem(&simulation),
            "executions start one another without an end: 10000 so far"
        );
    }
}

mod map_runs {
    use super::*;

    fn map(fields: serde_json::Value) -> Simulation {
        let mut state = json!({
            "Type": "Map", "End": true, "Label": "l",
            "ItemProcessor": {
                "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
                "StartAt": "T",
                "States": { "T": { "Type": "Task", "Resource": LAMBDA, "End": true } },
            },
        });
        for (key, value) in fields.as_object().unwrap() {
            state[key] = value.clone();
        }
        simulation(&json!({ "StartAt": "Map", "States": { "Map": state } }))
    }

    fn double() -> Mock {
        Mock::from_fn(|call| Answer::returns(call.arguments.as_i64().unwrap_or(0) * 2))
    }

    #[test]
    fn children_are_executions_of_their_own() {
        let mock = Mock::from_fn(|call| Answer::returns(call.place.to_string()).after(seconds(5)));
        let simulation =
            map(json!({ "MaxConcurrency": 2 })).name("M").input(json!([1, 2, 3])).mock("T", mock);
        let run = run(&simulation);
        assert_eq!(run.output().unwrap().to_json(), r#"["Map[0]","Map[1]","Map[2]"]"#);
        assert_eq!(run.duration(), seconds(10), "two at once, then the third");
        assert_eq!(run.children().len(), 3);
        let arn = &run.children()[0].arn;
        assert!(arn.starts_with("arn:aws:states:us-east-1:123456789012:execution:M/l:"), "{arn}");
        assert_eq!(run.calls("Map[1]/T").len(), 1);
        assert_eq!(run.status_changes().len(), 2);
    }

    #[rstest]
    #[case(json!({}), false)]
    #[case(json!({ "ToleratedFailureCount": 1 }), true)]
    #[case(json!({ "ToleratedFailurePercentage": 20 }), false)]
    #[case(json!({ "ToleratedFailurePercentage": 25 }), true)]
    #[case(json!({ "ToleratedFailureCount": 9, "ToleratedFailurePercentage": 20 }), false)]
    fn failures_are_tolerated_up_to_a_threshold(
        #[case] fields: serde_json::Value,
        #[case] succeeds: bool,
    ) {
        let simulation = map(fields)
            .input(json!([1, 2, 3, 4]))
            .mock("T", Mock::returns(1).after(seconds(9)))
            .mock("Map[1]/T", Mock::fails("E", ""));
        let run = run(&simulation);
        if succeeds {
            let output = run.output().and_then(Value::as_array).unwrap();
            assert_eq!((output.len(), &output[3]), (4, &Value::from(1)));
            // The one that failed shows itself whole (documentation of ResultWriter).
            assert_eq!(output[1].get("Status"), Some(&Value::from("FAILED")));
        } else {
            assert_eq!(run.error(), Some("States.ExceedToleratedFailureThreshold"));
            assert_eq!(run.duration(), seconds(0));
            assert_eq!(run.children()[3].status, ExecutionStatus::Aborted);
        }
    }

    #[test]
    fn items_come_in_batches() {
        let batcher = json!({ "MaxItemsPerBatch": 2, "BatchInput": { "f": 1 } });
        let simulation = map(json!({ "ItemBatcher": batcher }))
            .input(json!([1, 2, 3]))
            .mock("T", Mock::parse(&parse(r#"{"return": {"$input": "$"}}"#)).unwrap());
        assert_eq!(
            run(&simulation).output().unwrap().to_json(),
            r#"[{"BatchInput":{"f":1},"Items":[1,2]},{"BatchInput":{"f":1},"Items":[3]}]"#
        );
    }

    #[test]
    fn a_mock_of_the_state_stands_for_the_whole_run() {
        let simulation = map(json!({})).input(json!([1])).mock("T", double());
        assert_eq!(run(&simulation).output().unwrap().to_json(), "[2]");
        let mocked = run(&simulation.mock("Map", Mock::returns("all")));
        assert_eq!(mocked.output(), Some(&"all".into()));
        assert!(mocked.children().is_empty());
    }

    #[test]
    fn stopping_the_parent_stops_the_children() {
        let simulation = map(json!({}))
            .input(json!([1, 2]))
            .mock("T", Mock::never())
            .action(Action::stop(seconds(3), Failure::default()));
        let run = run(&simulation);
        assert!(run.executions().iter().all(|one| one.status == ExecutionStatus::Aborted));
    }
}

mod account {
    use super::*;

    /// The members and their order are those of `base.event_bridge_events_base`.
    #[test]
    fn status_changes() {
        let definition = json!({
            "StartAt": "W",
            "States": {
                "W": { "Type": "Wait", "Seconds": 60, "Next": "P" },
                "P": { "Type": "Pass", "Result": { "Arg1": "argument1" }, "End": true },
            },
        });
        let run = run(&simulation(&definition).name("M"));
        let changes: Vec<Value> =
            run.status_changes().iter().map(crate::service::StatusChange::to_value).collect();
        assert_eq!(changes.len(), 2);
        insta::assert_snapshot!(changes[1].to_json_pretty());
        assert_eq!(changes[0].get("detail").unwrap().get("stopDate"), Some(&Value::Null));
    }

    #[test]
    fn express_executions_have_no_status_changes() {
        let states = json!({ "P": { "Type": "Pass", "End": true } });
        let simulation = simulation(&json!({ "StartAt": "P", "States": states }))
            .execution_type(ExecutionType::Express);
        let run = run(&simulation);
        assert!(run.status_changes().is_empty());
        assert!(
            run.execution().arn.starts_with(
                "arn:aws:states:us-east-1:123456789012:express:StateMachine:execution:"
            )
        );
    }

    #[test]
    fn metrics_of_a_task() {
        let mock = Mock::fails("E", "").after(seconds(2)).then(Mock::returns(1).after(seconds(3)));
        let retry = json!({ "Retry": [{ "ErrorEquals": ["E"] }] });
        let run = run(&charge(LAMBDA, &retry).mock("Charge", mock));
        let sum = |name| run.metrics().sum(name);
        assert_eq!(sum("ExecutionsStarted"), 1);
        assert_eq!(sum("ExecutionsSucceeded"), 1);
        assert_eq!(sum("ExecutionTime"), 6_000);
        assert_eq!(sum("LambdaFunctionsScheduled"), 2);
        assert_eq!(sum("LambdaFunctionsFailed"), 1);
        assert_eq!(sum("LambdaFunctionsSucceeded"), 1);
        assert_eq!(sum("LambdaFunctionRunTime"), 5_000);
        assert!(run.metrics().all.iter().all(|metric| Metrics::NAMES.contains(&metric.name)));
    }

    use crate::service::Metrics;

    #[test]
    fn a_seed_fixes_everything_and_another_changes_it() {
        let states = json!({ "P": {
            "Type": "Pass", "End": true, "Parameters": { "id.$": "States.UUID()" },
        } });
        let definition = json!({ "StartAt": "P", "States": states });
        let text = |seed| run(&simulation(&definition).seed(seed)).history().to_string();
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }

    #[test]
    fn a_shuffle_changes_the_order_of_branches_only() {
        let items: Vec<u32> = (0..10).collect();
        let definition = json!({
            "StartAt": "Map",
            "States": { "Map": {
                "Type": "Map", "End": true,
                "ItemProcessor": { "StartAt": "T", "States": {
                    "T": { "Type": "Task", "Resource": LAMBDA, "End": true },
                } },
            } },
        });
        let mock = Mock::parse(&parse(r#"{"return": {"$input": "$"}}"#)).unwrap();
        let simulation = simulation(&definition).input(json!(items)).mock("T", mock);
        let fixed = run(&simulation);
        let shuffled = run(&simulation.clone().interleaving(Some(3)));
        assert_eq!(fixed.output(), shuffled.output());
        assert_ne!(fixed.history(), shuffled.history());
        assert_eq!(shuffled.history(), run(&simulation.interleaving(Some(3))).history());
        assert_eq!(fixed.path()[..3], ["Map", "Map[0]/T", "Map[1]/T"]);
    }

    #[test]
    fn paths_name_branches_and_iterations() {
        let leaf = |name: &str| json!({ "StartAt": name, "States": { name: { "Type": "Pass", "End": true } } });
        let definition = json!({
            "StartAt": "Both",
            "States": {
                "Both": { "Type": "Parallel", "Next": "Map", "Branches": [leaf("L"), leaf("R")] },
                "Map": { "Type": "Map", "Next": "End", "MaxConcurrency": 1, "ItemProcessor": {
                    "StartAt": "In", "States": {
                        "In": { "Type": "Map", "Next": "Out", "ItemProcessor": leaf("X") },
                        "Out": { "Type": "Pass", "End": true },
                    },
                } },
                "End": { "Type": "Succeed" },
            },
        });
        let definition = simulation(&definition).input(json!([7]));
        let run = run(&definition);
        let path = run.path();
        let path: Vec<&str> = path.iter().map(|step| &**step).collect();
        assert_eq!(path[..3], ["Both", "Both[0]/L", "Both[1]/R"]);
        assert_eq!(path[3..7], ["Map", "Map[0]/In", "Map[0]/In[0]/X", "Map[0]/Out"]);
        assert_eq!(path[7..], ["Map[1]/In", "Map[1]/In[0]/X", "Map[1]/Out", "End"]);
        assert_eq!(run.top_level_path().join(" "), "Both Map End");
    }
}

#[test]
fn a_broken_definition_is_told() {
    let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass"}}}"#;
    let error = Simulation::parse(text).unwrap_err().to_string();
    assert!(error.starts_with("the definition has errors:\n"), "{error}");
}
