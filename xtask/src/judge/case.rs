//! One recorded case: through `stepproof replay` where there is a history, else `stepproof exec`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{Outcome, read};

#[derive(clap::Args)]
pub struct Arguments {
    /// The command to judge.
    #[arg(long)]
    stepproof: PathBuf,
    definition: PathBuf,
    input: PathBuf,
    history: PathBuf,
    case: PathBuf,
    out: PathBuf,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let case: Value = serde_json::from_str(&read(&arguments.case)?)
        .map_err(|e| format!("`{}`: {e}", arguments.case.display()))?;
    let mut command = Command::new(&arguments.stepproof);
    if arguments.history.exists() {
        command.arg("replay").arg(&arguments.history);
        command.arg("--definition").arg(&arguments.definition);
        for object in objects(arguments)? {
            command.arg("--object").arg(object);
        }
    } else {
        command.arg("exec").arg(&arguments.definition).arg("--input").arg(&arguments.input);
    }
    command.arg("--history-out").arg(&arguments.out);
    if let Some(clock) = case["clock"].as_str() {
        command.args(["--start-time", clock]);
    }
    if case["type"] == "EXPRESS" {
        command.args(["--type", "EXPRESS"]);
    }
    let output = command.output().map_err(|e| format!("cannot run stepproof: {e}"))?;
    match output.status.code() {
        // A divergence or a failed execution is an answer; the judge compares the history.
        Some(0 | 1) if written(&arguments.out) => Ok(true),
        code => Err(format!(
            "exit code {code:?}: {}{}",
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout)
        )
        .into()),
    }
}

fn written(path: &Path) -> bool {
    path.metadata().is_ok_and(|m| m.len() > 0)
}

/// The S3 objects that stood around the recorded execution, as `--object` takes them.
fn objects(arguments: &Arguments) -> Result<Vec<String>, String> {
    let environment = arguments.case.with_file_name("environment.json");
    if !environment.exists() {
        return Ok(Vec::new());
    }
    let environment: Value = serde_json::from_str(&read(&environment)?)
        .map_err(|e| format!("`{}`: {e}", environment.display()))?;
    let mut objects = Vec::new();
    for (number, object) in environment["s3Objects"].as_array().into_iter().flatten().enumerate() {
        let [Some(bucket), Some(key)] = ["bucket", "key"].map(|name| object[name].as_str()) else {
            return Err("an S3 object without bucket and key".to_owned());
        };
        let body = object["body"].as_str().map_or_else(|| object["body"].to_string(), Into::into);
        let file = arguments.out.with_extension(format!("object{number}"));
        std::fs::write(&file, body).map_err(|e| format!("`{}`: {e}", file.display()))?;
        objects.push(format!("s3://{bucket}/{key}={}", file.display()));
    }
    Ok(objects)
}
