//! A distributed Map over rows of CSV, with mocked Express children: time, and peak memory.
//!
//! The rows come from the virtual S3 and the results go back there: without their metadata in JSONPath
//! and in JSONata, and with it. Each is measured in a process of its own; a tenth of the rows runs
//! first, to show how time and memory grow.

use std::fmt::Write as _;
use std::time::Instant;
use std::{env, fs, process};

use serde_json::{Value, json};
use stepproof::mock::Mock;
use stepproof::sim::Simulation;

/// What is measured: the name, the query language, and `Transformation`.
const FORMS: [(&str, &str, &str); 3] = [
    ("csv_rows", "JSONPath", "COMPACT"),
    ("csv_rows_in_jsonata", "JSONata", "COMPACT"),
    ("csv_rows_with_metadata", "JSONPath", "NONE"),
];

fn definition(language: &str, transformation: &str) -> Value {
    let arguments = if language == "JSONata" { "Arguments" } else { "Parameters" };
    let mut map = json!({
        "Type": "Map",
        "Label": "Orders",
        "MaxConcurrency": 1000,
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": { "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" },
            arguments: { "Bucket": "orders", "Key": "orders.csv" },
        },
        "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS" },
            "StartAt": "Charge",
            "States": {
                "Charge": {
                    "Type": "Task",
                    "Resource": "arn:aws:lambda:us-east-1:123456789012:function:charge",
                    "End": true,
                },
            },
        },
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            arguments: { "Bucket": "results", "Prefix": "charged" },
            "WriterConfig": { "Transformation": transformation, "OutputType": "JSONL" },
        },
        "End": true,
    });
    if language == "JSONata" {
        map["ItemProcessor"]["States"]["Charge"]["Arguments"] = json!("{% $states.input %}");
    }
    json!({ "QueryLanguage": language, "StartAt": "Orders", "States": { "Orders": map } })
}

#[expect(clippy::disallowed_methods, reason = "a bench asks the real clock")]
fn measure(form: &str, rows: usize) {
    let (_, language, transformation) =
        FORMS.iter().find(|(name, ..)| *name == form).expect("the form is one of them");
    let simulation = simulation(&definition(language, transformation), rows);
    let started = Instant::now();
    let run = simulation.run().unwrap_or_else(|error| panic!("{error}"));
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(run.map_runs()[0].items.succeeded, rows as u64);
    let name = format!("map_run/{rows}_{form}");
    println!("{name:<40} {seconds:>8.3} s");
    if let Some(peak) = peak_kib() {
        println!("{name:<40} {peak:>8} KiB");
    }
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, flag, form, rows] = &arguments[..]
        && flag == "--measure"
    {
        measure(form, rows.parse().expect("the number of rows"));
        return;
    }
    let own = env::current_exe().expect("the bench knows its own file");
    for (form, ..) in FORMS {
        for rows in ["10000", "100000"] {
            let status = process::Command::new(&own).args(["--measure", form, rows]).status();
            assert!(status.expect("the bench starts itself").success());
        }
    }
}

fn simulation(definition: &Value, rows: usize) -> Simulation {
    let mut text = String::from("id,name,amount,currency,country\n");
    for row in 0..rows {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{row},customer {row},{}.50,EUR,DE", row % 1_000);
    }
    Simulation::parse(&definition.to_string())
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
