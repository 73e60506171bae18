//! What a server wrote beside its answers: status-change events, metrics, and the logs of
//! executions.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::value::Value;

/// A file for what a server writes, which goes with it.
pub(super) struct Outputs {
    pub(super) path: PathBuf,
}

impl Outputs {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let (process, number) = (std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let name = format!("stepproof-outputs-{process}-{number}.jsonl");
        Self { path: std::env::temp_dir().join(name) }
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        // Where it was never written there is none.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The lines, by what they are.
#[derive(Default)]
pub(super) struct Written {
    /// As EventBridge delivers them.
    pub(super) status_changes: Vec<Value>,
    /// The datapoints of CloudWatch metrics: name, resource, time and value.
    pub(super) datapoints: Vec<Datapoint>,
    /// The lines of CloudWatch Logs.
    log: Vec<Value>,
}

/// The name of a metric, its resource, when in milliseconds, and the value.
pub(super) type Datapoint = (String, String, i64, i64);

impl Written {
    pub(super) fn read(outputs: &Outputs) -> Result<Self, String> {
        let path = outputs.path.display();
        let text = std::fs::read_to_string(&outputs.path)
            .map_err(|error| format!("what the server wrote to `{path}`: {error}"))?;
        let mut written = Self::default();
        for line in text.lines() {
            let line =
                Value::parse(line).map_err(|error| format!("a line of `{path}`: {error}"))?;
            if line.get("detail-type").is_some() {
                written.status_changes.push(line);
            } else if line.get("metric_name").is_some() {
                written.datapoints.push(datapoint(&line));
            } else {
                written.log.push(line);
            }
        }
        written.datapoints.sort();
        Ok(written)
    }

    /// What was logged of the executions with this ARN, of each from its beginning to its end.
    pub(super) fn logs_of(&self, arn: &str) -> Vec<Vec<&Value>> {
        let mut logs: Vec<Vec<&Value>> = Vec::new();
        let text = |line: &Value, key| line.get(key).and_then(Value::as_str).map(str::to_owned);
        for line in &self.log {
            if text(line, "execution_arn").as_deref() != Some(arn) {
                continue;
            }
            match logs.last_mut() {
                Some(log) if text(line, "id").as_deref() != Some("1") => log.push(line),
                _ => logs.push(vec![line]),
            }
        }
        logs
    }
}

fn datapoint(line: &Value) -> Datapoint {
    let name = line.get("metric_name").and_then(Value::as_str).unwrap_or_default();
    let dimensions = line.get("dimensions").and_then(Value::as_object);
    let resource = dimensions.and_then(|own| own.iter().next()?.1.as_str()).unwrap_or_default();
    let time = line.get("timestamp").and_then(Value::as_i64).unwrap_or_default();
    let value = line.get("value").and_then(|value| value.get("sum")?.as_i64()).unwrap_or_default();
    (name.to_owned(), resource.to_owned(), time, value)
}
