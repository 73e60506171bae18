//! Replays every recording against its definition and against changed ones, and makes those again
//! that our own interpreter made.

mod planted;
mod scale;
mod within;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use stepproof::history::TimestampForm;
use stepproof::runner;
use stepproof::scenario::Scenario;

/// `recording.toml`.
struct Recording {
    folder: PathBuf,
    name: String,
    manifest: toml::Table,
}

/// The folders with a `recording.toml`.
fn recordings() -> Vec<Recording> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    let mut folders: Vec<PathBuf> = root
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|p| p.join("recording.toml").is_file())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "no recordings");
    folders.into_iter().map(Recording::read).collect()
}

impl Recording {
    fn read(folder: PathBuf) -> Self {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(folder.join("recording.toml"))
            .unwrap_or_else(|e| panic!("recordings/{name}/recording.toml: {e}"));
        let manifest = text.parse().unwrap_or_else(|e| panic!("{name}/recording.toml: {e}"));
        Self { folder, name, manifest }
    }

    fn text(&self, key: &str) -> &str {
        self.manifest.get(key).and_then(toml::Value::as_str).unwrap_or_default()
    }

    /// Replays the history; answers the exit code and the report.
    fn replay(&self, definition: &str) -> (i32, Value, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_stepproof"))
            .arg("replay")
            .arg(self.folder.join("history.json"))
            .arg("--definition")
            .arg(self.folder.join(definition))
            .args(["--type", self.text("type"), "--report", "json"])
            .output()
            .expect("the command starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let report = serde_json::from_str(&text).unwrap_or(Value::Null);
        (output.status.code().unwrap_or(-1), report, format!("{text}{errors}"))
    }
}

#[test]
fn manifests_say_what_the_histories_are() {
    for recording in recordings() {
        let name = &recording.name;
        assert_eq!(recording.manifest["format"].as_integer(), Some(1), "{name}: format");
        assert!(["aws", "stepproof"].contains(&recording.text("source")), "{name}: source");
        assert!(["STANDARD", "EXPRESS"].contains(&recording.text("type")), "{name}: type");
        assert!(!recording.text("description").is_empty(), "{name}: description");
        let made_here = recording.text("source") == "stepproof";
        let world = recording.folder.join("world.scenario.yaml").exists();
        assert_eq!(made_here, world, "{name}: a history of our own has a world, others have none");
    }
}

#[test]
fn every_recording_replays_to_the_same() {
    for recording in recordings() {
        let (code, _, printed) = recording.replay("definition.asl.json");
        assert_eq!(code, 0, "{}:\n{printed}", recording.name);
    }
}

#[test]
fn changed_definitions_do_what_the_manifest_says() {
    for recording in recordings() {
        let changes = recording.manifest.get("changed").and_then(toml::Value::as_array);
        for change in changes.into_iter().flatten() {
            let text =
                |key: &str| change.get(key).and_then(toml::Value::as_str).unwrap_or_default();
            let same = change["same"].as_bool().expect("`same` is true or false");
            let (code, report, printed) = recording.replay(text("definition"));
            let place = format!("{}/{}", recording.name, text("definition"));
            assert_eq!(code, i32::from(!same), "{place}:\n{printed}");
            if !same {
                let first = &report["histories"][0];
                for key in ["state", "kind"] {
                    assert!(!text(key).is_empty(), "{place}: name the `{key}` that differs");
                    assert_eq!(first[key], text(key), "{place}: {key}\n{printed}");
                }
            }
        }
    }
}

#[test]
fn histories_of_our_own_come_out_the_same_again() {
    for recording in recordings() {
        let world = recording.folder.join("world.scenario.yaml");
        if !world.exists() {
            continue;
        }
        let scenario =
            Scenario::load(&world).unwrap_or_else(|e| panic!("{}: {e:?}", recording.name));
        let simulation = runner::simulation(&scenario.cases[0], None).expect("a sound definition");
        let run = simulation.run().unwrap_or_else(|e| panic!("{}: {e}", recording.name));
        let made = run.history().to_json(TimestampForm::Text);
        let kept = fs::read_to_string(recording.folder.join("history.json")).unwrap();
        assert!(
            made.trim_end() == kept.trim_end(),
            "{} differs: run `cargo xtask refresh {}` and look at the changes",
            world.display(),
            recording.name
        );
        stepproof::assert_scenarios(&world);
    }
}

/// A folder of the system's own for temporary files, removed at the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let name = format!("stepproof-recordings-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Runs the command in a folder; answers the exit code and everything printed.
fn stepproof(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_stepproof"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("STEPPROOF_REDACTION_KEY")
        .output()
        .expect("the command starts");
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    (output.status.code().unwrap_or(-1), text.concat())
}

/// Every file below a folder.
fn everything(folder: &Path) -> String {
    let mut text = String::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        text.push_str(&match path.is_dir() {
            true => everything(&path),
            false => String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned(),
        });
    }
    text
}

const ARN: &str = "arn:aws:states:eu-west-1:210987654321:execution:Refunds:r-17";

/// What the AWS CLI prints of the refund, with secrets in it.
fn cli_output(folder: &Path) {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/refund");
    let read = |name: &str| {
        let text = fs::read_to_string(own.join(name)).unwrap();
        text.replace("123456789012", "210987654321")
    };
    let machine = serde_json::json!({
        "stateMachineArn": "arn:aws:states:eu-west-1:210987654321:stateMachine:Refunds",
        "name": "Refunds", "definition": read("definition.asl.json"),
    });
    let execution = serde_json::json!({
        "executionArn": ARN, "name": "r-17", "status": "SUCCEEDED",
        "stateMachineArn": "arn:aws:states:eu-west-1:210987654321:stateMachine:Refunds",
        "startDate": "2024-05-02T08:15:00+00:00",
        "input": "{\"paymentId\":\"p-4711\",\"by\":\"anna@acme.com\",\"apiKey\":\"k3y-4711\"}",
    });
    let history = read("history.json");
    fs::write(folder.join("machine.json"), machine.to_string()).unwrap();
    fs::write(folder.join("execution.json"), execution.to_string()).unwrap();
    fs::write(folder.join("history.json"), history).unwrap();
}

const SECRETS: [&str; 3] = ["210987654321", "anna@acme.com", "k3y-4711"];

#[test]
fn output_of_the_aws_cli_is_recorded_replayed_and_written_as_a_scenario() {
    let folder = Temporary::new("cli");
    cli_output(&folder.0);
    let record =
        ["record", "--from", "history.json", "execution.json", "machine.json", "--into", "rec"];
    let (code, printed) = stepproof(&folder.0, &record);
    assert_eq!((code, printed.contains("1 recorded")), (0, true), "{printed}");
    assert!(!printed.contains("does not replay"), "{printed}");
    let recording = folder.0.join("rec/Refunds/r-17");
    let written = everything(&folder.0.join("rec"));
    for secret in SECRETS {
        assert!(!format!("{written}{printed}").contains(secret), "`{secret}` survives");
    }
    let (code, printed) = stepproof(&folder.0, &record);
    assert_eq!((code, &*printed), (0, "1 there already\n"));
    let definition = recording.join("definition.asl.json");
    let history = recording.join("history.json");
    let [definition, history] = [definition, history].map(|p| p.to_str().unwrap().to_owned());
    let (code, printed) = stepproof(&folder.0, &["replay", &history, "--definition", &definition]);
    assert_eq!(code, 0, "{printed}");
    let from = ["scenario", "from", "rec/Refunds/r-17", "--output", "refund.scenario.yaml"];
    let (code, printed) = stepproof(&folder.0, &from);
    assert_eq!(code, 0, "{printed}");
    let (code, printed) = stepproof(&folder.0, &["run", "refund.scenario.yaml"]);
    assert_eq!(code, 0, "{printed}");
    let (code, printed) = stepproof(&folder.0, &from);
    assert_eq!((code, printed.contains("exists already")), (2, true), "{printed}");
    let mut unredacted = record.to_vec();
    unredacted.extend(["--no-redact", "--mode", "all"]);
    let (code, printed) = stepproof(&folder.0, &unredacted);
    assert_eq!(code, 0, "{printed}");
    assert!(SECRETS.iter().all(|secret| everything(&recording).contains(secret)));
}

#[test]
fn pseudonyms_are_the_same_with_the_same_key() {
    let folder = Temporary::new("key");
    cli_output(&folder.0);
    fs::write(folder.0.join("key"), "sixteen bytes and more").unwrap();
    let mut histories = Vec::new();
    for into in ["a", "b", "c"] {
        let mut record = vec!["record", "--from", "history.json", "execution.json", "--into", into];
        record.extend(if into == "c" { &[][..] } else { &["--redaction-key", "key"] });
        let (code, printed) = stepproof(&folder.0, &record);
        assert_eq!(code, 0, "{printed}");
        histories.push(fs::read(folder.0.join(into).join("Refunds/r-17/history.json")).unwrap());
    }
    assert_eq!(histories[0], histories[1]);
    assert_ne!(histories[0], histories[2]);
}

#[test]
fn logs_of_express_executions_are_recorded() {
    let folder = Temporary::new("logs");
    let definition = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}"#;
    fs::write(folder.0.join("m.asl.json"), definition).unwrap();
    let exec = ["exec", "m.asl.json", "--type", "EXPRESS", "--log-out", "log.jsonl"];
    let (code, printed) = stepproof(&folder.0, &exec);
    assert_eq!(code, 0, "{printed}");
    let lines = fs::read_to_string(folder.0.join("log.jsonl")).unwrap();
    let mut events: Vec<_> =
        lines.lines().map(|line| serde_json::json!({"message": line, "timestamp": 1})).collect();
    events.reverse();
    let filtered = serde_json::json!({"events": events, "searchedLogStreams": []});
    fs::write(folder.0.join("filtered.json"), filtered.to_string()).unwrap();
    let field = |line| serde_json::json!([{"field": "@message", "value": line}]);
    let rows: Vec<_> = lines.lines().map(field).collect();
    let insights = serde_json::json!({"results": rows, "status": "Complete"});
    fs::write(folder.0.join("insights.json"), insights.to_string()).unwrap();
    for (i, file) in ["log.jsonl", "filtered.json", "insights.json"].iter().enumerate() {
        let into = format!("rec{i}");
        let record = ["record", "--from", file, "--definition", "m.asl.json", "--into", &into];
        let (code, printed) = stepproof(&folder.0, &record);
        assert_eq!(code, 0, "{file}: {printed}");
        assert!(!printed.contains("note:"), "{file}: {printed}");
        let written = everything(&folder.0.join(&into));
        assert!(written.contains("type = \"EXPRESS\""), "{file}: {written}");
        assert!(written.contains("PassStateEntered"), "{file}: {written}");
    }
}

#[test]
fn what_cannot_be_recorded_says_why() {
    let folder = Temporary::new("bad");
    cli_output(&folder.0);
    let history = fs::read_to_string(folder.0.join("history.json")).unwrap();
    fs::write(folder.0.join("cut.json"), &history[..history.len() / 2]).unwrap();
    fs::write(folder.0.join("list.json"), r#"{"executions": []}"#).unwrap();
    fs::write(folder.0.join("page.html"), "<html>").unwrap();
    fs::write(folder.0.join("short"), "short").unwrap();
    fs::write(folder.0.join("bad.toml"), "[redaction]\nkeis = []\n").unwrap();
    for (arguments, expected) in [
        (&["--from", "cut.json"][..], "the file is cut off"),
        (&["--from", "list.json"], "no history, execution, state machine, definition or log"),
        (&["--from", "page.html"], "page.html:1:1: no JSON"),
        (&["--from", "execution.json"], "no history among them"),
        (&["--from", "nowhere.json"], "cannot read `nowhere.json`"),
        (&["--from", "history.json", "--redaction-key", "short"], "16 bytes or more"),
        (&["--from", "history.json", "--config", "bad.toml"], "unknown field `keis`"),
    ] {
        let (code, printed) = stepproof(&folder.0, &[&["record"], arguments].concat());
        assert_eq!(code, 2, "{printed}");
        assert!(printed.contains(expected), "{arguments:?}: {printed}");
    }
    let none = ["record", "--from", "history.json", "--mode", "none"];
    let (code, printed) = stepproof(&folder.0, &none);
    assert_eq!((code, printed.contains("1 left out")), (1, true), "{printed}");
}
