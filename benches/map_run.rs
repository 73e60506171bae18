//! A distributed Map over rows of CSV, with mocked Express children: time, and peak memory.
//!
//! The rows come from the virtual S3 and the results go back there. A tenth of the rows runs
//! first, to show how time and memory grow.

use std::fmt::Write as _;
use std::fs;
use std::time::Instant;

use serde_json::json;
use stepproof::mock::Mock;
use stepproof::sim::Simulation;

const DEFINITION: &str = r#"{
  "StartAt": "Orders",
  "States": {
    "Orders": {
      "Type": "Map",
      "Label": "Orders",
      "MaxConcurrency": 1000,
      "ItemReader": {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": { "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" },
        "Parameters": { "Bucket": "orders", "Key": "orders.csv" }
      },
      "ItemProcessor": {
        "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS" },
        "StartAt": "Charge",
        "States": {
          "Charge": {
            "Type": "Task",
            "Resource": "arn:aws:lambda:us-east-1:123456789012:function:charge",
            "End": true
          }
        }
      },
      "ResultWriter": {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": { "Bucket": "results", "Prefix": "charged" },
        "WriterConfig": { "Transformation": "COMPACT", "OutputType": "JSONL" }
      },
      "End": true
    }
  }
}"#;

#[expect(clippy::disallowed_methods, reason = "a bench asks the real clock")]
fn main() {
    for rows in [10_000, 100_000] {
        let simulation = simulation(rows);
        let started = Instant::now();
        let run = simulation.run().unwrap_or_else(|error| panic!("{error}"));
        let seconds = started.elapsed().as_secs_f64();
        assert_eq!(run.map_runs()[0].items.succeeded, rows as u64);
        println!("map_run/{rows}_csv_rows    {seconds:>8.3} s");
        if let Some(peak) = peak_kib() {
            println!("map_run/{rows}_csv_rows    {peak:>8} KiB");
        }
    }
}

fn simulation(rows: usize) -> Simulation {
    let mut text = String::from("id,name,amount,currency,country\n");
    for row in 0..rows {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{row},customer {row},{}.50,EUR,DE", row % 1_000);
    }
    Simulation::parse(DEFINITION)
        .unwrap_or_else(|error| panic!("{error}"))
        .object("orders", "orders.csv", text.into_bytes())
        .mock("Charge", Mock::returns(json!({ "receipt": "r-1" })))
}

/// The most memory this process ever held.
fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
