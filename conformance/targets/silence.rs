//! Endpoints that do not answer: one request of many, one operation, or nothing any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stepproof::runner::CaseOutcome;
use stepproof::scenario::Scenario;
use stepproof::target::{Batch, CaseOf, EndpointOptions, Settings, run_batch};

use super::*;

/// How long the batches here wait for one answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Cases that pass, by number.
fn passing(folder: &Folder, count: usize) -> Vec<CaseOf> {
    let mut text = PASSES.replace("  - { name: passes, expect: { output: { a: 1 } } }\n", "");
    for i in 0..count {
        text.push_str(&format!(
            "  - {{ name: c{i}, executionName: e{i}, expect: {{ output: {{ a: 1 }} }} }}\n"
        ));
    }
    let scenario = Arc::new(Scenario::load(scenario(folder, &text).as_ref()).unwrap());
    (0..count).map(|i| (scenario.clone(), i)).collect()
}

/// Runs so many cases; how it ended, and what came of each, by number.
fn run(name: &str, url: &str, concurrency: usize, count: usize) -> (Batch, Vec<(usize, String)>) {
    let folder = Folder::new(name);
    let options = EndpointOptions {
        url: Some(url.to_owned()),
        timeout: Some(PATIENCE),
        ..EndpointOptions::default()
    };
    let settings = Settings { concurrency, ..Settings::default() };
    let mut came = Vec::new();
    let batch = run_batch(&options, &settings, passing(&folder, count), |number, live| {
        let text = match live.report.outcome {
            CaseOutcome::Passed => "passed".to_owned(),
            // How long it waited is behind it.
            CaseOutcome::Failed(checks) => {
                checks[0].actual.split(" within ").next().unwrap_or_default().to_owned()
            }
            other => format!("{other:?}"),
        };
        came.push((number, text));
    });
    came.sort();
    (batch.unwrap(), came)
}

#[test]
fn one_answer_that_never_comes_fails_one_case() {
    let server = Server::start(Options::default()).unwrap();
    let fake = faulty(&server, |request| {
        let asked = request.operation == "GetExecutionHistory";
        (asked && request.text("executionArn").ends_with(":e1")).then_some(Act::Hang)
    });
    let (batch, came) = run("one-silence", &fake.url, 1, 4);
    assert_eq!(batch.stopped_by, None);
    let silence = format!("{} did not answer GetExecutionHistory", fake.url);
    let wanted = ["passed", &silence, "passed", "passed"];
    assert_eq!(came, wanted.map(str::to_owned).into_iter().enumerate().collect::<Vec<_>>());
    // Asking a busy endpoint once more only makes it busier.
    let asked = fake.asked("GetExecutionHistory", "executionArn");
    assert_eq!(asked.iter().filter(|arn| arn.ends_with(":e1")).count(), 1);
    assert_eq!(what_is_there(&server.url()), [""; 0]);
}

#[test]
fn an_operation_that_is_never_answered_ends_the_run() {
    let server = Server::start(Options::default()).unwrap();
    let fake = faulty(&server, |request| {
        (request.operation == "GetExecutionHistory").then_some(Act::Hang)
    });
    let begun = Instant::now();
    let (batch, came) = run("silent-operation", &fake.url, 2, 100);
    let stopped = batch.stopped_by.unwrap().to_string();
    assert!(stopped.contains("did not answer GetExecutionHistory within "), "{stopped}");
    assert!(batch.leftovers.is_empty(), "{:?}", batch.leftovers);
    assert!((2..=4).contains(&came.len()), "{came:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(what_is_there(&server.url()), [""; 0]);
}

#[test]
fn an_endpoint_that_falls_silent_ends_the_run() {
    let server = Server::start(Options::default()).unwrap();
    let silent = AtomicBool::new(false);
    let fake = faulty(&server, move |request| {
        let last = request.operation == "StartExecution" && request.number > 2;
        (silent.fetch_or(last, Ordering::Relaxed) || last).then_some(Act::Hang)
    });
    let begun = Instant::now();
    let (batch, came) = run("silent", &fake.url, 1, 100);
    let stopped = batch.stopped_by.unwrap().to_string();
    assert!(stopped.contains("did not answer ListStateMachines within "), "{stopped}");
    assert!(stopped.contains("; is it the right address, and is it up?"), "{stopped}");
    assert_eq!(came, [(0, "passed".to_owned()), (1, "passed".to_owned())]);
    // The third machine, and the two activities of the run.
    let left: Vec<&str> = batch.leftovers.iter().map(|(arn, _)| &**arn).collect();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
