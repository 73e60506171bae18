//! What mocks answer, attempt by attempt.

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
