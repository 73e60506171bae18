//! Small machines in small worlds.

mod account;
mod activities;
mod answers;
mod delivery;
mod keys;
mod map_run;
mod map_runs;
mod nested;
mod properties;
mod redrive;
mod unmocked;
mod validation;
mod waiting;

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

#[test]
fn a_broken_definition_is_told() {
    let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass"}}}"#;
    let error = Simulation::parse(text).unwrap_err().to_string();
    assert!(error.starts_with("the definition has errors:\n"), "{error}");
}
