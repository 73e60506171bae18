//! Results: what the state's output is made of, and the files that ResultWriter writes
//! (developer guide, "ResultWriter").

use std::sync::Arc;

use super::failure::writer_failed;
use super::objects::Objects;
use super::{Child, MapRun};
use crate::engine::{ExecutionStatus, ResultWriterRequest, too_large};
use crate::history::Failure;
use crate::time::Timestamp;
use crate::value::Value;

/// `WriterConfig`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WriterConfig {
    transformation: Transformation,
    lines: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transformation {
    None,
    Compact,
    Flatten,
}

/// The files by the word in their names, in the order of the manifest.
const FILES: [&str; 3] = ["FAILED", "PENDING", "SUCCEEDED"];

/// How many bytes of JSON the results may have that are not exported, before ResultSelector.
const STATE_OUTPUT_BYTES: usize = 16 * 1024 * 1024;

impl WriterConfig {
    /// What the state says. Unless it does, exported results come with their metadata and
    /// results in the state's output without.
    pub(super) fn of(writer: Option<&ResultWriterRequest>) -> Self {
        let exported = writer.is_some_and(|writer| writer.resource.is_some());
        let config = writer.map(|writer| &writer.config);
        let word = |name: &str| config.and_then(|config| config.get(name)).and_then(Value::as_str);
        let transformation = match word("Transformation") {
            Some("NONE") => Transformation::None,
            Some("COMPACT") => Transformation::Compact,
            Some("FLATTEN") => Transformation::Flatten,
            _ if exported => Transformation::None,
            _ => Transformation::Compact,
        };
        Self { transformation, lines: word("OutputType") == Some("JSONL") }
    }

    /// Whether a result shows the input of a child that succeeded.
    pub(super) fn shows_input(self) -> bool {
        self.transformation == Transformation::None
    }

    /// Appends what a child execution contributes. One that failed always shows itself whole.
    fn append(self, results: &mut Vec<Value>, child: &Child, run: &MapRun) {
        let succeeded = child.status == Some(ExecutionStatus::Succeeded);
        if self.transformation == Transformation::None || !succeeded {
            return results.push(entry(child, run));
        }
        match (self.transformation, child.output.to_value()) {
            (Transformation::Flatten, Value::Array(items)) => results.extend(items.iter().cloned()),
            (_, output) => results.push(output),
        }
    }
}

/// The results in the state's output, where nothing is exported. An output may have 256 KB; what
/// ResultSelector makes smaller may have more, but not everything that a large file comes to.
pub(super) fn state_output(run: &MapRun) -> Result<Value, Failure> {
    let config = WriterConfig::of(run.request.result_writer.as_ref());
    let mut results = Vec::with_capacity(run.children.len());
    let mut bytes = 0;
    for child in &run.children {
        let before = results.len();
        config.append(&mut results, child, run);
        bytes += results[before..].iter().map(Value::size).sum::<usize>();
        if bytes > STATE_OUTPUT_BYTES {
            return Err(too_large(&run.request.state));
        }
    }
    if config.lines {
        // A state's output is JSON, so the lines can only be a string. Inferred.
        return Ok(Value::from(lines(&results)));
    }
    Ok(Value::from(results))
}

/// Writes the files and the manifest, and gives the state's output.
pub(super) fn export(
    run: &MapRun,
    writer: &ResultWriterRequest,
    objects: &mut Objects,
    now: Timestamp,
) -> Result<Value, Failure> {
    let text = |name: &str| writer.arguments.get(name).and_then(Value::as_str);
    let bucket = text("Bucket").filter(|bucket| !bucket.is_empty());
    let bucket = bucket.ok_or_else(|| writer_failed("field Bucket is required"))?;
    objects.check_bucket(bucket).map_err(writer_failed)?;
    let config = WriterConfig::of(Some(writer));
    let run_id = run.request.map_run_arn.rsplit(':').next().unwrap_or_default();
    let folder = match text("Prefix").map(|prefix| prefix.trim_end_matches('/')) {
        Some(prefix) if !prefix.is_empty() => format!("{prefix}/{run_id}"),
        _ => run_id.to_owned(),
    };
    let mut files = Vec::with_capacity(FILES.len());
    for name in FILES {
        let mut out = ResultFiles {
            config,
            most: run.limits.result_file_bytes,
            path: format!("{folder}/{name}"),
            text: String::new(),
            listed: Vec::new(),
        };
        let mut put = |key: &str, body| put(objects, bucket, key, body, now);
        let mut results = Vec::new();
        for child in run.children.iter().filter(|child| file_of(child) == name) {
            config.append(&mut results, child, run);
            for result in results.drain(..) {
                out.add(&result, &mut put)?;
            }
        }
        out.close(&mut put)?;
        files.push((name, Value::from(out.listed)));
    }
    let manifest = Value::object([
        ("DestinationBucket", Value::from(bucket)),
        ("MapRunArn", Value::String(run.request.map_run_arn.clone())),
        ("ResultFiles", Value::object(files)),
    ]);
    let key = format!("{folder}/manifest.json");
    put(objects, bucket, &key, manifest.to_json(), now)?;
    Ok(Value::object([
        ("MapRunArn", Value::String(run.request.map_run_arn.clone())),
        (
            "ResultWriterDetails",
            Value::object([("Bucket", Value::from(bucket)), ("Key", Value::from(key))]),
        ),
    ]))
}

/// The files of results of one kind, `SUCCEEDED_0.json` and so on. Each result is written before
/// the next one is made: there may be a great many. One that does not fit into the file any more
/// begins the next file (developer guide, "ResultWriter").
struct ResultFiles {
    config: WriterConfig,
    /// Bytes of a file.
    most: u64,
    /// What its key begins with.
    path: String,
    /// The file so far, without its end.
    text: String,
    /// Key and size of those that are written.
    listed: Vec<Value>,
}

impl ResultFiles {
    fn add(
        &mut self,
        result: &Value,
        put: &mut impl FnMut(&str, String) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        // One byte goes between two results, and one behind the last.
        let bytes = self.text.len() as u64 + result.size() as u64 + 2;
        if !self.text.is_empty() && bytes > self.most {
            self.close(put)?;
        }
        match (self.text.is_empty(), self.config.lines) {
            (true, true) => {}
            (true, false) => self.text.push('['),
            (false, true) => self.text.push('\n'),
            (false, false) => self.text.push(','),
        }
        crate::json::write(&mut self.text, result);
        Ok(())
    }

    /// Writes the file, where there is one.
    fn close(
        &mut self,
        put: &mut impl FnMut(&str, String) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.text.is_empty() {
            return Ok(());
        }
        let (end, ending) = if self.config.lines { ('\n', "jsonl") } else { (']', "json") };
        let mut body = std::mem::take(&mut self.text);
        body.push(end);
        body.shrink_to_fit();
        let key = format!("{}_{}.{ending}", self.path, self.listed.len());
        self.listed.push(Value::object([
            ("Key", Value::from(key.as_str())),
            ("Size", Value::from(body.len())),
        ]));
        put(&key, body)
    }
}

fn put(
    objects: &mut Objects,
    bucket: &str,
    key: &str,
    body: String,
    now: Timestamp,
) -> Result<(), Failure> {
    objects.put(bucket, key, body.into_bytes(), now).map_err(writer_failed)
}

fn lines(results: &[Value]) -> String {
    let mut text = String::new();
    for result in results {
        crate::json::write(&mut text, result);
        text.push('\n');
    }
    text
}

fn file_of(child: &Child) -> &'static str {
    match child.status {
        Some(ExecutionStatus::Succeeded) => "SUCCEEDED",
        Some(_) => "FAILED",
        None => "PENDING",
    }
}

/// A child execution with its metadata.
fn entry(child: &Child, run: &MapRun) -> Value {
    let text = |text: &Arc<str>| Value::String(text.clone());
    let details = || Value::object([("Included", Value::Bool(true))]);
    let date = |date: Timestamp| Value::from(date.to_rfc3339_millis());
    let status = child.status.map_or("PENDING", ExecutionStatus::api_name);
    let mut members = Vec::with_capacity(16);
    if let Some(failure) = &child.failure {
        members.extend(failure.cause.as_ref().map(|cause| ("Cause", text(cause))));
        members.extend(failure.error.as_ref().map(|error| ("Error", text(error))));
    }
    let started = child.started.as_ref();
    members.extend(started.map(|started| ("ExecutionArn", text(&started.arn))));
    members.push(("Input", Value::String(child.input.text())));
    members.push(("InputDetails", details()));
    members.extend(started.map(|started| ("Name", text(&started.name))));
    if child.status == Some(ExecutionStatus::Succeeded) {
        members.push(("Output", Value::String(child.output.text())));
        members.push(("OutputDetails", details()));
    }
    if let Some(started) = started {
        members.push(("RedriveCount", Value::from(child.redrive_count)));
        let redrivable = child.status != Some(ExecutionStatus::Succeeded);
        members.push((
            "RedriveStatus",
            Value::from(if redrivable { "REDRIVABLE_BY_MAP_RUN" } else { "NOT_REDRIVABLE" }),
        ));
        if !redrivable {
            let reason = format!("Execution is {status} and cannot be redriven");
            members.push(("RedriveStatusReason", Value::from(reason)));
        }
        members.push(("StartDate", date(started.at)));
        members.push(("StateMachineArn", Value::String(run.state_machine_arn.clone())));
    }
    members.push(("Status", Value::from(status)));
    members.extend(child.stopped.map(|stopped| ("StopDate", date(stopped))));
    Value::object(members)
}
