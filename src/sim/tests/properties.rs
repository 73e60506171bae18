//! What holds for every state machine and every world: random machines are grown from random
//! numbers, random answers are drawn from them as well.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::history::{History, Style, TimestampForm};
use crate::mock::TaskCall;
use crate::replay::{ReplayOptions, replay};

/// Numbers that decide everything; zero once they are used up, which makes the plainest choice.
struct Genes<'a> {
    numbers: std::slice::Iter<'a, u8>,
    states: usize,
}

impl Genes<'_> {
    fn next(&mut self) -> usize {
        self.numbers.next().map_or(0, |number| usize::from(*number))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.next() % bound
    }

    /// Up to four states, one after the other.
    fn level(&mut self, depth: usize) -> serde_json::Value {
        let names: Vec<String> = (0..=self.below(4))
            .map(|_| {
                self.states += 1;
                format!("S{}", self.states)
            })
            .collect();
        let mut states = serde_json::Map::new();
        for (i, name) in names.iter().enumerate() {
            let state = self.state(depth, &names[i + 1..]);
            states.insert(name.clone(), state);
        }
        json!({ "StartAt": names[0], "States": states })
    }

    fn state(&mut self, depth: usize, later: &[String]) -> serde_json::Value {
        let mut state = match self.below(if depth < 2 { 8 } else { 6 }) {
            0 => json!({ "Type": "Pass", "Result": self.below(9), "ResultPath": "$.r" }),
            1 | 2 => self.task(),
            3 => json!({ "Type": "Wait", "Seconds": 1 + self.below(5) }),
            4 if later.is_empty() => json!({ "Type": "Fail", "Error": "E", "Cause": "c" }),
            4 => json!({
                "Type": "Choice", "Default": later[0],
                "Choices": [{
                    "Variable": "$.r", "IsPresent": true, "Next": later[self.below(later.len())],
                }],
            }),
            5 => json!({ "Type": "Pass", "Parameters": {
                "n.$": "$.n", "items.$": "$.items", "id.$": "States.UUID()",
            } }),
            6 => {
                let branches: Vec<_> = (0..=self.below(3)).map(|_| self.level(depth + 1)).collect();
                json!({ "Type": "Parallel", "Branches": branches, "ResultPath": "$.p" })
            }
            _ => json!({
                "Type": "Map", "ItemsPath": "$.items", "ResultPath": "$.m",
                "MaxConcurrency": self.below(4),
                "ItemSelector": { "n.$": "$$.Map.Item.Value", "items": [1, 2] },
                "ItemProcessor": self.level(depth + 1),
            }),
        };
        let retryable = matches!(state["Type"].as_str(), Some("Task" | "Parallel" | "Map"));
        if retryable && self.below(2) == 1 {
            state["Retry"] = json!([{
                "ErrorEquals": ["States.ALL"], "MaxAttempts": self.below(3),
                "IntervalSeconds": 1 + self.below(3),
            }]);
            if self.below(2) == 1 {
                state["Retry"][0]["JitterStrategy"] = json!("FULL");
            }
        }
        if retryable && !later.is_empty() && self.below(2) == 1 {
            let next = &later[self.below(later.len())];
            let caught =
                json!([{ "ErrorEquals": ["States.ALL"], "Next": next, "ResultPath": "$.e" }]);
            state["Catch"] = caught;
        }
        if !matches!(state["Type"].as_str(), Some("Choice" | "Fail")) {
            match later.first() {
                Some(next) => state["Next"] = json!(next),
                None => state["End"] = json!(true),
            }
        }
        state
    }

    fn task(&mut self) -> serde_json::Value {
        let resource = [
            LAMBDA,
            "arn:aws:states:::lambda:invoke",
            "arn:aws:states:::batch:submitJob.sync",
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "arn:aws:states:us-east-1:123456789012:activity:approve",
            "arn:aws:states:::aws-sdk:dynamodb:getItem",
        ][self.below(6)];
        let mut task = json!({
            "Type": "Task", "Resource": resource, "TimeoutSeconds": 10, "ResultPath": "$.r",
        });
        if self.below(3) == 1 {
            task["HeartbeatSeconds"] = json!(4);
        }
        task
    }
}

/// An answer that depends on nothing but the call and the seed.
fn answer(call: &TaskCall<'_>, seed: u8) -> Answer {
    let text = format!("{seed} {} {} {}", call.place, call.state, call.attempt);
    let draw = crate::entropy::Entropy::new(7).fork(&text).next_int(1_000);
    let delay = seconds(u64::from(draw.unsigned_abs() / 10 % 4));
    match draw % 10 {
        0 => Answer::fails("E1", "one").after(delay),
        1 => Answer::fault("lambda.throttled").after(delay),
        2 => Answer::never().heartbeats(seconds(3), draw.unsigned_abs() / 10 % 3 + 1),
        3 => Answer::returns(text).after(seconds(9)).heartbeats(seconds(3), 2),
        _ => Answer::returns(json!({ "answer": text })).after(delay),
    }
}

fn grown(genes: &[u8], seed: u8) -> Simulation {
    let definition = Genes { numbers: genes.iter(), states: 0 }.level(0);
    simulation(&definition)
        .input(json!({ "n": 1, "items": [1, 2, 3] }))
        .seed(seed.into())
        .mock("arn:*", Mock::from_fn(move |call| answer(call, seed)))
}

#[track_caller]
fn well_formed(run: &Run) {
    let events = &run.history().events;
    let mut time = run.start_time();
    for (i, event) in events.iter().enumerate() {
        assert_eq!(event.id, i as u64 + 1, "ids are dense");
        assert!(event.previous_event_id < event.id, "links lead back");
        assert!(event.timestamp >= Some(time), "time does not run back");
        time = event.timestamp.unwrap();
        assert_eq!(event.event_type.is_terminal(), i + 1 == events.len(), "one terminal event");
    }
    assert_eq!(run.stop_time(), Some(time));
    for call in run.all_calls() {
        assert!(call.end_time.is_some_and(|end| end >= call.time), "{call:?}");
    }
    let entered = events.iter().filter(|event| event.event_type.is_state_entered()).count();
    assert!(run.transitions() >= entered as u64);
}

fn replays(run: &Run) -> Result<(), TestCaseError> {
    let recorded = run.history();
    let (read, notes) = History::parse(&recorded.to_json(TimestampForm::Text)).unwrap();
    prop_assert!(notes.is_empty(), "{notes:?}");
    let machine = &run.execution().machine;
    let replayed = replay(machine, &read, &ReplayOptions::default()).unwrap();
    let shown = replayed.render(&read, Style::Plain);
    prop_assert!(replayed.is_same(), "{}\n{recorded}\n{shown}", machine.source);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        cases: 256,
        ..Default::default()
    })]

    #[test]
    fn every_run_is_well_formed_and_repeats_itself(
        genes in prop::collection::vec(any::<u8>(), 1..120),
        seed in any::<u8>(),
    ) {
        let simulation = grown(&genes, seed);
        let first = run(&simulation);
        well_formed(&first);
        let again = run(&simulation);
        let json = |run: &Run| run.history().to_json(TimestampForm::Text);
        prop_assert_eq!(json(&first), json(&again));
    }

    #[test]
    fn shuffled_runs_are_as_good(
        genes in prop::collection::vec(any::<u8>(), 1..120),
        seed in any::<u8>(),
        order in any::<u64>(),
    ) {
        let simulation = grown(&genes, seed).interleaving(Some(order));
        let shuffled = run(&simulation);
        well_formed(&shuffled);
        let again = run(&simulation);
        prop_assert_eq!(shuffled.history(), again.history());
    }

    /// Also when the branches overtook one another, and when retries drew their delays.
    #[test]
    fn what_was_simulated_replays_the_same(
        genes in prop::collection::vec(any::<u8>(), 1..120),
        seed in any::<u8>(),
        order in any::<Option<u64>>(),
    ) {
        replays(&run(&grown(&genes, seed).interleaving(order)))?;
    }

    /// Mocks written from a history answer as those did that made it.
    #[cfg(feature = "recordings")]
    #[test]
    fn what_was_simulated_becomes_a_passing_scenario(
        genes in prop::collection::vec(any::<u8>(), 1..120),
        seed in any::<u8>(),
    ) {
        let run = run(&grown(&genes, seed));
        let source = &run.execution().machine.source;
        // A scenario draws other delays.
        prop_assume!(!source.contains("JitterStrategy"));
        let path = std::path::Path::new("definition.json");
        let problem = crate::recording::scenario_problem(path, source, run.history());
        prop_assert!(problem.is_none(), "{}\n{source}\n{}", problem.unwrap(), run.history());
    }
}
