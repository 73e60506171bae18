//! Executions within a recording that lie there, are too large, were left out, or are missing.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{Temporary, stepproof};

const NUMBERS: &str = r#"{"StartAt": "Each", "States": {"Each": {"Type": "Map",
    "ItemsPath": "$.items", "Label": "Each", "End": true, "ItemProcessor": {"StartAt": "P",
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "States": {"P": {"Type": "Pass", "End": true}}}}}}"#;
const NUMBER: &str = r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}"#;

#[track_caller]
fn run(folder: &Path, arguments: &[&str], code: i32, says: &[&str]) -> String {
    let (came, printed) = stepproof(folder, arguments);
    assert_eq!(came, code, "{arguments:?}\n{printed}");
    for text in says {
        assert!(printed.contains(text), "{arguments:?} does not say `{text}`:\n{printed}");
    }
    printed
}

/// An execution of [`NUMBERS`] in `rec/numbers`, whose manifest has these lines too.
fn numbers(folder: &Path, count: usize, more: &str) -> PathBuf {
    let recording = folder.join("rec/numbers");
    fs::create_dir_all(&recording).unwrap();
    fs::write(recording.join("definition.asl.json"), NUMBERS).unwrap();
    let input = json!({ "items": (0..count).collect::<Vec<_>>() }).to_string();
    let exec = ["exec", "rec/numbers/definition.asl.json", "--input", &input, "--history-out"];
    run(folder, &[&exec[..], &["rec/numbers/history.json"]].concat(), 0, &[]);
    let arn = "arn:aws:states:eu-west-1:123456789012:execution:Numbers:numbers";
    let manifest = format!(
        "format = 1\nsource = \"stepproof\"\ndescription = \"\"\ntype = \"STANDARD\"\n\
         [provenance]\norigin = \"files\"\nexecution = \"{arn}\"\n{more}"
    );
    fs::write(recording.join("recording.toml"), manifest).unwrap();
    recording
}

/// The folder of the Map Run, of which DescribeMapRun says that it had `total` children.
fn map_run(recording: &Path, total: usize) -> PathBuf {
    let history = fs::read_to_string(recording.join("history.json")).unwrap();
    let (_, arn) = history.split_once("\"mapRunArn\": \"").expect("it has a Map Run");
    let arn = arn.split('"').next().unwrap();
    let run = recording.join("map-runs").join(arn.rsplit('/').next().unwrap().replace(':', "_"));
    fs::create_dir_all(&run).unwrap();
    let described = json!({
        "mapRunArn": arn, "status": "SUCCEEDED", "executionCounts": { "total": total },
    });
    fs::write(run.join("map-run.json"), described.to_string()).unwrap();
    run
}

/// A child with a description and a history of so many bytes.
fn child(folder: &Path, map_run: &Path, number: usize, bytes: usize) {
    let child = map_run.join(format!("children/c-{number}"));
    fs::create_dir_all(&child).unwrap();
    fs::write(folder.join("number.asl.json"), NUMBER).unwrap();
    let input = number.to_string();
    let path = child.join("history.json");
    let out = path.display().to_string();
    let exec = ["exec", "number.asl.json", "--input", &*input, "--history-out", &*out];
    run(folder, &exec, 0, &[]);
    let mut history = fs::read_to_string(&path).unwrap();
    history.push_str(&" ".repeat(bytes.saturating_sub(history.len())));
    fs::write(path, history).unwrap();
    let execution = json!({
        "executionArn": format!("arn:aws:states:eu-west-1:123456789012:execution:Numbers/Each:c-{number}"),
        "status": "SUCCEEDED", "input": input,
    });
    fs::write(child.join("execution.json"), execution.to_string()).unwrap();
}

const MEGABYTES: usize = 1024 * 1024;

#[test]
fn a_single_recording_tells_of_executions_that_were_left_out() {
    let folder = Temporary::new("left-out");
    let recording = numbers(&folder.0, 2, "");
    let kid = recording.join("children/kid");
    fs::create_dir_all(&kid).unwrap();
    fs::copy(recording.join("history.json"), kid.join("history.json")).unwrap();
    let machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:Kids";
    let execution = json!({ "stateMachineArn": machine, "status": "SUCCEEDED" });
    fs::write(kid.join("execution.json"), execution.to_string()).unwrap();
    let left = "note: left out, since no definition was named: `Kids` (1)\n";
    run(&folder.0, &["replay", "rec/numbers"], 0, &[left, "1 same (1 execution)\n"]);
}

#[test]
fn every_line_has_the_number_of_its_executions() {
    let folder = Temporary::new("each-within");
    let recording = numbers(&folder.0, 4, "");
    let children = map_run(&recording, 4);
    child(&folder.0, &children, 0, 0);
    run(&folder.0, &["replay", "rec", "--each", "each.jsonl"], 0, &["2 same (2 executions)\n"]);
    let lines = fs::read_to_string(folder.0.join("each.jsonl")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found: Vec<_> =
        lines.iter().map(|line| (line["outcome"].as_str(), line["executions"].as_u64())).collect();
    let expected = [(Some("not-replayed"), Some(3)), (Some("same"), None), (Some("same"), None)];
    assert_eq!(found, expected, "{lines:?}");
}

#[test]
fn what_a_bundle_does_not_hold_is_counted_once() {
    let folder = Temporary::new("too-large");
    let missing = "[files]\n\"execution.json\" = \"sha256:00\"\n";
    for (more, edited) in [("", false), (missing, true)] {
        let recording = numbers(&folder.0, 8, more);
        let children = map_run(&recording, 8);
        (0..3).for_each(|number| child(&folder.0, &children, number, 7 * MEGABYTES));
        run(&folder.0, &["bundle", "rec", "--output", "all.tar"], 0, &[]);
        let not_recorded = "note: not replayed: 5 executions within recordings: they were not \
                            recorded: more than `--children`, or refused\n";
        let too_large =
            "note: not replayed: 1 execution within recordings: their histories are too large";
        let printed = run(&folder.0, &["replay", "all.tar"], 0, &[too_large, not_recorded]);
        assert!(printed.ends_with("\n3 same (3 executions)\n"), "{printed}");
        let note = "note: 1 recording was edited since it was made, or is not whole: all.tar/";
        assert_eq!(printed.contains(note), edited, "{printed}");
        // A folder has no such limit.
        let printed = run(&folder.0, &["replay", "rec"], 0, &[not_recorded]);
        assert!(printed.ends_with("\n4 same (4 executions)\n"), "{printed}");
        assert!(!printed.contains("too large"), "{printed}");
    }
}

#[test]
fn histories_of_children_are_held_against_their_hashes() {
    let folder = Temporary::new("hashes-within");
    let recording = numbers(&folder.0, 2, "");
    let children = map_run(&recording, 2);
    (0..2).for_each(|number| child(&folder.0, &children, number, 7 * MEGABYTES));
    let label = children.file_name().unwrap().to_string_lossy().into_owned();
    let files =
        format!("[files]\n\"map-runs/{label}/children/c-1/history.json\" = \"sha256:00\"\n");
    let manifest = fs::read_to_string(recording.join("recording.toml")).unwrap();
    fs::write(recording.join("recording.toml"), manifest + &files).unwrap();
    let edited = "note: 1 recording was edited since it was made, or is not whole: rec/numbers\n";
    run(&folder.0, &["replay", "rec"], 0, &[edited, "3 same (3 executions)\n"]);
    fs::write(children.join("children/c-0/history.json"), [0xff]).unwrap();
    let utf8 = "children/c-0/history.json: the file is not UTF-8 (byte 0)\n";
    run(&folder.0, &["replay", "rec"], 2, &[utf8, "1 unusable, 2 same (3 executions)\n"]);
    fs::write(children.join("children/c-0/history.json"), "").unwrap();
    let none = "note: not replayed: 1 execution within recordings: no history was recorded";
    run(&folder.0, &["replay", "rec"], 0, &[none, "2 same (2 executions)\n"]);
}

#[test]
fn executions_within_children_are_read_where_they_lie() {
    let folder = Temporary::new("nested");
    let recording = numbers(&folder.0, 2, "");
    let children = map_run(&recording, 2);
    (0..2).for_each(|number| child(&folder.0, &children, number, 7 * MEGABYTES));
    // As if the first had started the second.
    let (parent, kid) = (children.join("children/c-0"), children.join("children/c-1"));
    let kids = parent.join("children/c-1");
    fs::create_dir_all(parent.join("children")).unwrap();
    fs::rename(kid, &kids).unwrap();
    fs::write(kids.join("definition.asl.json"), NUMBER).unwrap();
    run(&folder.0, &["replay", "rec"], 0, &["3 same (3 executions)\n"]);
    let history = fs::read_to_string(kids.join("history.json")).unwrap();
    fs::write(kids.join("history.json"), history + &" ".repeat(4 * MEGABYTES)).unwrap();
    run(&folder.0, &["bundle", "rec", "--output", "all.tar"], 0, &[]);
    // That of the one around it is not held.
    let too_large =
        "note: not replayed: 2 executions within recordings: their histories are too large";
    run(&folder.0, &["replay", "all.tar"], 0, &[too_large, "\n1 same (1 execution)\n"]);
}
