//! Definitions with other time-outs and new states, and what many replays have in common.

use serde_json::json;

use super::*;
use crate::mock::{Mock, Mocks};
use crate::sim::Simulation;

/// The recording with its events at these seconds.
fn timed(recorded: &str, seconds: &[i64]) -> History {
    let mut recorded = history(recorded);
    assert_eq!(recorded.events.len(), seconds.len());
    for (event, at) in recorded.events.iter_mut().zip(seconds) {
        event.timestamp = Some(DEFAULT_START + at * 1_000);
    }
    recorded
}

fn with_timeout(mut recorded: History, seconds: i64) -> History {
    for event in &mut recorded.events {
        if let EventDetails::TaskScheduled(details) = &mut event.details {
            details.timeout_in_seconds = Some(seconds);
        }
    }
    recorded
}

fn one_call(timeout: &str) -> String {
    format!(
        r#"{{"StartAt": "Charge", "States": {{"Charge": {{"Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {{}},{timeout}
            "End": true}}}}}}"#
    )
}

const CHARGED: &str = "1 0 ExecutionStarted
2 0 TaskStateEntered Charge
3 2 TaskScheduled lambda
4 3 TaskStarted lambda
5 4 TaskSucceeded lambda = 1
6 5 TaskStateExited Charge = 1
7 6 ExecutionSucceeded = 1";

const TIMED_OUT: &str = "1 0 ExecutionStarted
2 0 TaskStateEntered Charge
3 2 TaskScheduled lambda
4 3 TaskStarted lambda
5 4 TaskTimedOut States.Timeout
6 5 ExecutionFailed States.Timeout";

fn outcome(definition: &str, recorded: &History) -> String {
    let options = ReplayOptions { causes: false, ..ReplayOptions::default() };
    let replay = replay(&machine(definition), recorded, &options).unwrap();
    let text = replay.render(recorded, Style::Plain);
    let mut lines = vec![text.lines().next().unwrap_or_default()];
    lines.extend(text.lines().filter(|line| line.starts_with("note: ")));
    lines.join("\n")
}

#[test]
fn time_outs_that_the_recorded_times_decide() {
    let after = |seconds: i64| timed(CHARGED, &[0, 0, 0, 0, seconds, seconds, seconds]);
    let recorded = |seconds| with_timeout(after(seconds), 60);
    let cases = [
        (60, 9, "same: 7 events as recorded"),
        (
            30,
            9,
            "same: 7 events as recorded\nnote: `Charge` has another TimeoutSeconds (60, now 30): \
             at the recorded times that alters nothing",
        ),
        (
            30,
            45,
            "diverged: in `Charge`: recorded TaskSucceeded, replayed TaskTimedOut (States.Timeout)",
        ),
        (
            30,
            30,
            "same: 7 events as recorded\nnote: `Charge` has another TimeoutSeconds (60, now 30): \
             at the recorded times that alters nothing",
        ),
    ];
    for (timeout, took, expected) in cases {
        let definition = one_call(&format!("\"TimeoutSeconds\": {timeout},"));
        assert_eq!(outcome(&definition, &recorded(took)), expected, "{timeout} s, took {took} s");
    }
    let mut close = recorded(30);
    for event in &mut close.events[4..] {
        event.timestamp = event.timestamp.map(|time| time + 200);
    }
    let definition = one_call("\"TimeoutSeconds\": 30,");
    assert_eq!(
        outcome(&definition, &close),
        "undecided: `Charge` has another TimeoutSeconds (60, now 30): the recorded answer took \
         30.200 s, too close to it to tell"
    );
    assert_eq!(
        outcome(&one_call("\"TimeoutSeconds\": 90, \"HeartbeatSeconds\": 5,"), &recorded(45)),
        "undecided: `Charge` has another TimeoutSeconds (60, now 90) and a new HeartbeatSeconds \
         (5): a history shows no heartbeats, so that nobody knows whether one would have been \
         missed"
    );
}

#[test]
fn time_outs_of_recordings_without_times() {
    let recorded = with_timeout(history(CHARGED), 60);
    let longer = one_call("\"TimeoutSeconds\": 90,");
    assert!(outcome(&longer, &recorded).starts_with("same"), "{}", outcome(&longer, &recorded));
    let shorter = one_call("\"TimeoutSeconds\": 30,");
    assert_eq!(
        outcome(&shorter, &recorded),
        "undecided: `Charge` has another TimeoutSeconds (60, now 30): the recording has no times, \
         so that nobody knows whether the answer came in time"
    );
}

#[test]
fn a_recorded_time_out_with_another_patience() {
    let recorded = with_timeout(timed(TIMED_OUT, &[0, 0, 0, 0, 60, 60]), 60);
    let shorter = outcome(&one_call("\"TimeoutSeconds\": 30,"), &recorded);
    assert!(shorter.starts_with("same"), "{shorter}");
    assert_eq!(
        outcome(&one_call("\"TimeoutSeconds\": 90,"), &recorded),
        "undecided: `Charge` has another TimeoutSeconds (60, now 90): the recorded call timed out \
         after 60 s, and nobody knows whether an answer would have come later"
    );
}

#[test]
fn a_time_out_of_the_whole_machine() {
    let recorded = timed(CHARGED, &[0, 0, 0, 0, 45, 45, 45]);
    let with =
        |seconds: u32| one_call("").replacen('{', &format!("{{\"TimeoutSeconds\": {seconds}, "), 1);
    assert_eq!(outcome(&with(60), &recorded), "same: 7 events as recorded");
    assert_eq!(outcome(&with(45), &recorded), "same: 7 events as recorded");
    assert_eq!(
        outcome(&with(30), &recorded),
        "diverged: in `Charge`: recorded TaskSucceeded, replayed ExecutionTimedOut"
    );
    assert_eq!(outcome(&with(30), &history(CHARGED)), "same: 7 events as recorded");
}

#[test]
fn a_recorded_end_with_another_time_out_of_the_machine() {
    let with =
        |seconds: u32| one_call("").replacen('{', &format!("{{\"TimeoutSeconds\": {seconds}, "), 1);
    let lines: Vec<_> = CHARGED.lines().take(4).collect();
    let ended = |end: &str| timed(&format!("{}\n5 4 {end}", lines.join("\n")), &[0, 0, 0, 0, 60]);
    let timed_out = ended("ExecutionTimedOut");
    assert_eq!(outcome(&with(60), &timed_out), "same: 5 events as recorded");
    assert_eq!(outcome(&with(30), &timed_out), "same: 5 events as recorded");
    assert_eq!(
        outcome(&with(90), &timed_out),
        "undecided: the execution timed out, and would have had longer now: nobody knows how it \
         would have ended"
    );
    let aborted = ended("ExecutionAborted Enough");
    assert_eq!(outcome(&with(90), &aborted), "same: 5 events as recorded");
    assert_eq!(
        outcome(&with(30), &aborted),
        "diverged: in `Charge`: recorded ExecutionAborted (Enough), replayed ExecutionTimedOut"
    );
}

fn audited(result_path: &str) -> String {
    ORDER.replacen(
        r#""StartAt": "Charge", "States": {"#,
        &format!(
            r#""StartAt": "Audit", "States": {{
            "Audit": {{"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
                "Parameters": {{"QueueUrl": "q"}}{result_path}, "Next": "Charge"}},"#
        ),
        1,
    )
}

fn with_fallback(definition: &str, recorded: &History, mocks: &[(&str, Mock)]) -> Replay {
    let mut fallback = Mocks::default();
    mocks.iter().for_each(|(key, mock)| fallback.add(None, key, mock.clone()));
    let options = ReplayOptions { fallback: Some(Arc::new(fallback)), ..ReplayOptions::default() };
    replay(&machine(definition), recorded, &options).unwrap()
}

#[test]
fn a_new_state_before_a_task() {
    let recorded = history(SHIPPED);
    let discards = audited(r#", "ResultPath": null"#);
    check_diverged(
        &discards,
        SHIPPED,
        DivergenceKind::OtherState,
        "another state was entered: recorded `Charge`, replayed `Audit`",
    );
    let sent = || [("Audit", Mock::returns(Value::object([("MessageId", Value::from("m"))])))];
    let replay = with_fallback(&discards, &recorded, &sent());
    assert_eq!(
        replay.render(&recorded, Style::Plain),
        "same: 19 events as recorded\nnote: new, and not compared: `Audit`\n"
    );
    // Its answer takes the place of the input.
    let replay = with_fallback(&audited(""), &recorded, &sent());
    let Outcome::Diverged(divergence) = &replay.outcome else { panic!("{:?}", replay.outcome) };
    assert_eq!(
        divergence.message,
        "`Charge` was entered with another input at $.amount: recorded 5, replayed nothing (and 1 \
         more places)"
    );
    let replay = with_fallback(&discards, &recorded, &[("Other", Mock::never())]);
    assert_eq!(
        replay.render(&recorded, Style::Plain).lines().next(),
        Some(
            "undecided: `Audit` calls sqs:sendMessage, which the recorded execution did not do: \
             there is no answer to give; add a mock for `Audit` to the fallback"
        )
    );
}

#[test]
fn a_fallback_answers_attempts_that_were_not_made() {
    let lines: Vec<_> = SHIPPED.lines().take(5).collect();
    let recorded = history(&format!("{}\n6 5 ExecutionFailed Busy try-later", lines.join("\n")));
    let replay = with_fallback(ORDER, &recorded, &[("Charge", Mock::fails("Broken", "down"))]);
    let Outcome::Diverged(divergence) = &replay.outcome else { panic!("{:?}", replay.outcome) };
    assert_eq!(
        divergence.message,
        "in `Charge`: recorded nothing, replayed TaskScheduled (and 2 events behind it)"
    );
    let last = replay.history.events.last().unwrap();
    assert_eq!(last.failure().and_then(|failure| failure.error.as_deref()), Some("Broken"));
}

#[test]
fn answers_without_data_decide_nothing() {
    let mut recorded = history(SHIPPED);
    let EventDetails::TaskOutput { output, .. } = &mut recorded.events[7].details else { panic!() };
    *output = Some(Payload::Omitted);
    let replay = replay(&machine(ORDER), &recorded, &ReplayOptions::default()).unwrap();
    let Outcome::Undecided(undecided) = &replay.outcome else { panic!("{:?}", replay.outcome) };
    assert_eq!(undecided.reason, Reason::NoData);
    // What differs before is certain all the same.
    let other = machine(&ORDER.replace("\"amount.$\"", "\"total.$\""));
    let replay = super::super::replay(&other, &recorded, &ReplayOptions::default()).unwrap();
    assert!(matches!(replay.outcome, Outcome::Diverged(_)), "{:?}", replay.outcome);
}

fn finding(definition: &str, recorded: &str) -> Finding {
    let (replay, recorded) = replayed(definition, recorded);
    let finding = Finding::of(&replay, &recorded).expect("it differs");
    assert_eq!(Finding::from_value(&finding.to_value()).as_ref(), Some(&finding));
    finding
}

#[test]
fn equal_divergences_of_many_executions_are_one() {
    let other = ORDER.replace("\"amount.$\"", "\"total.$\"");
    let more = SHIPPED.replace("\"amount\":5", "\"amount\":7012");
    assert_eq!(finding(&other, SHIPPED), finding(&other, &more));
    assert_eq!(
        finding(&other, SHIPPED).sentence(),
        "`Charge` asks lambda:invoke something else: `$.amount` is gone, `$.total` is new"
    );
    let text = ORDER.replace("\"$.amount\"", "\"States.Format('{}', $.amount)\"");
    assert_eq!(
        finding(&text, SHIPPED).sentence(),
        "`Charge` asks lambda:invoke something else: `$.amount` is now a string, was a number"
    );
    let typed = SHIPPED.replace("\"amount\":5", "\"amount\":\"5\"");
    assert_ne!(finding(&other, SHIPPED).kind, "same");
    let number = ORDER.replace("\"$.amount\"", "\"States.StringToJson($.amount)\"");
    assert_ne!(finding(&number, &typed), finding(&text, SHIPPED));
    let choice = ORDER.replace("\"BooleanEquals\": true", "\"BooleanEquals\": false");
    assert_eq!(finding(&choice, SHIPPED).sentence(), "`Refuse` is entered in place of `Ship`");
    let uncaught = ORDER.replace("Busy", "Other");
    assert_eq!(
        finding(&uncaught, SHIPPED).sentence(),
        "the execution fails (Busy) where `Charge` called lambda:invoke"
    );
}

#[test]
fn account_ids_of_a_redacted_recording_stand_for_those_of_the_definition() {
    let definition = |queue: &str, topic: &str| {
        format!(
            r#"{{"StartAt": "Send", "States": {{"Send": {{"Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {{
                    "QueueUrl": "https://sqs.eu-west-1.amazonaws.com/{queue}/q",
                    "MessageBody": {{"topic": "arn:aws:sns:eu-west-1:{topic}:t"}}}},
                "End": true}}}}}}"#
        )
    };
    let pseudonym = "111122223333";
    let simulation = Simulation::parse(&definition(pseudonym, pseudonym)).unwrap();
    let run = simulation.mock("Send", Mock::returns(json!({}))).run().unwrap();
    let check = |other_accounts: bool, queue: &str, topic: &str, same: bool| {
        let options = ReplayOptions { other_accounts, ..ReplayOptions::default() };
        let machine = machine(&definition(queue, topic));
        let replay = replay(&machine, run.history(), &options).unwrap();
        assert_eq!(replay.is_same(), same, "{other_accounts} {queue} {topic}");
    };
    let [own, other] = ["444455556666", "777788889999"];
    check(true, own, own, true);
    check(true, own, other, false);
    check(false, own, own, false);
}
