//! `GET /metrics`: what was counted, in Prometheus' text form.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};

use super::Destination;
use crate::server::FastMap;
use crate::server::http::Site;
use crate::server::wire::{self, Answer};
use crate::service::{Datapoint, Metric, Tally};
use crate::time::Timestamp;

/// The sums of `AWS/States` metrics since the server started.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Totals(FastMap<(&'static str, Arc<str>), Total>);

#[derive(Clone, Debug)]
struct Total {
    dimension: &'static str,
    count: u64,
    /// Of milliseconds where the metric is an interval.
    sum: i64,
    is_interval: bool,
}

impl Totals {
    /// One more of what is counted.
    pub(super) fn count(
        &mut self,
        name: &'static str,
        dimension: &'static str,
        resource: &Arc<str>,
    ) {
        self.total(name, dimension, resource, false).count += 1;
    }

    fn total(
        &mut self,
        name: &'static str,
        dimension: &'static str,
        resource: &Arc<str>,
        is_interval: bool,
    ) -> &mut Total {
        let new = || Total { dimension, count: 0, sum: 0, is_interval };
        self.0.entry((name, resource.clone())).or_insert_with(new)
    }
}

impl Tally for Totals {
    fn add(
        &mut self,
        name: &'static str,
        dimension: &'static str,
        resource: &Arc<str>,
        point: Datapoint,
    ) {
        let total = self.total(name, dimension, resource, Metric::has_intervals(name));
        total.count += 1;
        total.sum += point.value;
    }
}

/// Requests of the API by operation, HTTP status and error code.
#[derive(Debug)]
pub(in crate::server) struct Requests {
    since: Timestamp,
    counts: Mutex<FastMap<(&'static str, u16, &'static str), u64>>,
}

impl Requests {
    /// `since` is when the server starts.
    pub(in crate::server) fn new(since: Timestamp) -> Self {
        Self { since, counts: Mutex::default() }
    }

    /// One more.
    pub(in crate::server) fn count(
        &self,
        operation: &'static str,
        status: u16,
        error: &'static str,
    ) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((operation, status, error)).or_default() += 1;
    }
}

/// What the account's owner has counted.
#[derive(Debug)]
pub(in crate::server) struct Figures {
    pub(in crate::server) totals: Totals,
    /// Executions that run.
    pub(in crate::server) open: usize,
    /// Executions that are kept, those that run included.
    pub(in crate::server) kept: usize,
    /// State transitions of Standard executions.
    pub(in crate::server) transitions: u64,
    /// Open polls for tasks of activities.
    pub(in crate::server) polls: usize,
    /// Calls of real services under way.
    pub(in crate::server) calls: usize,
}

/// `GET /metrics`
pub(in crate::server) fn page(site: &Site) -> Answer {
    let figures = site.shared.with(|driver, _| driver.figures());
    let mut text = Text(String::with_capacity(4_096));
    text.figures(&figures);
    text.requests(&site.requests_by);
    text.lost(site.sinks.lost());
    text.totals(&figures.totals);
    text.process();
    let mut answer = wire::plain(StatusCode::OK, text.0);
    let form = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, form);
    answer
}

struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let escaped = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            let _ = write!(self.0, "{open}{label}=\"{escaped}\"");
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.line(name, &[], value);
    }

    fn figures(&mut self, figures: &Figures) {
        self.head("stepproof_info", "gauge", "The version of the server.");
        self.line("stepproof_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        let gauges = [
            ("open_executions", "Executions that run.", figures.open),
            ("kept_executions", "Executions in memory, ended or not.", figures.kept),
            ("open_activity_polls", "Calls of GetActivityTask that wait.", figures.polls),
            ("open_service_calls", "Calls of real services under way.", figures.calls),
        ];
        for (name, help, value) in gauges {
            self.single(&format!("stepproof_{name}"), "gauge", help, value);
        }
        let name = "stepproof_state_transitions_total";
        let help = "State transitions of Standard executions.";
        self.single(name, "counter", help, figures.transitions);
    }

    fn requests(&mut self, requests: &Requests) {
        let since = requests.since.millis() as f64 / 1_000.0;
        let help = "When the server started, in seconds since 1970.";
        self.single("stepproof_start_time_seconds", "gauge", help, since);
        let name = "stepproof_api_requests_total";
        self.head(name, "counter", "Answered requests of the API; error is empty where none was.");
        let counts = requests.counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for ((operation, status, error), count) in counts.into_iter().collect::<BTreeMap<_, _>>() {
            let status = status.to_string();
            let labels = [("operation", operation), ("status", &*status), ("error", error)];
            self.line(name, &labels, count);
        }
    }

    fn lost<'a>(&mut self, lost: impl Iterator<Item = (&'a Destination, u64)>) {
        let name = "stepproof_output_lost_total";
        let mut lost = lost.peekable();
        if lost.peek().is_some() {
            self.head(name, "counter", "What could not be written to an output.");
        }
        for (destination, count) in lost {
            let destination = match destination {
                Destination::StandardOutput => "-".to_owned(),
                Destination::File(path) => path.display().to_string(),
            };
            self.line(name, &[("destination", &destination)], count);
        }
    }

    fn totals(&mut self, totals: &Totals) {
        let sorted: BTreeMap<_, _> = totals.0.iter().collect();
        let mut last = "";
        for ((name, resource), total) in sorted {
            let unit = if total.is_interval { "seconds" } else { "total" };
            let shown = format!("stepproof_{}_{unit}", snake(name));
            if last != *name {
                let kind = if total.is_interval { "summary" } else { "counter" };
                self.head(&shown, kind, &format!("{name} of AWS/States."));
                last = *name;
            }
            let label = snake(total.dimension);
            let labels = [(&*label, &**resource)];
            if total.is_interval {
                self.line(&format!("{shown}_sum"), &labels, total.sum as f64 / 1_000.0);
                self.line(&format!("{shown}_count"), &labels, total.count);
            } else {
                self.line(&shown, &labels, total.count);
            }
        }
    }

    /// What the system says of the process, where it is Linux.
    fn process(&mut self) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = resident.and_then(|text| text.split_whitespace().next()?.parse().ok());
        if let Some(kilobytes) = kilobytes.map(|number: u64| number * 1_024) {
            let help = "Resident memory in bytes.";
            self.single("process_resident_memory_bytes", "gauge", help, kilobytes);
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            self.single("process_open_fds", "gauge", "Open file descriptors.", open.count());
        }
    }
}

/// `executions_started`
fn snake(name: &str) -> String {
    // `APIName` is the one name with an abbreviation.
    let name = name.replace("API", "Api");
    let mut out = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
