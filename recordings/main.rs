//! Replays every recording against its definition and against changed ones, and makes those again
//! that our own interpreter made.

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
        .filter(|p| p.is_dir())
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
