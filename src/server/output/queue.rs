//! The way to a file: whoever puts something in never waits, and a thread makes lines of it.

use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::warn;

use super::{Call, Destination, HttpInvocation};
use crate::history::{HistoryEvent, LogOptions};
use crate::service::{Account, Metric, Metrics, StatusChange};
use crate::value::Value;

/// Entries that wait to be written. A disk that is slower for longer than this loses some, as
/// EventBridge, CloudWatch and CloudTrail promise no more than their best effort either.
const MOST: usize = 65_536;

/// Lines are written at least so often: after this many bytes.
const CHUNK: usize = 64 * 1024;

/// Something to be written.
#[derive(Debug)]
pub(super) enum Entry {
    StatusChange(Box<StatusChange>),
    Metrics(Metrics),
    Log(Box<Logged>),
    Call(Box<Call>),
    Http(Box<HttpInvocation>),
}

/// Events of an execution that its state machine logs.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) options: LogOptions,
    pub(super) events: Vec<HistoryEvent>,
}

/// What waits to be written to one destination.
#[derive(Debug)]
pub(super) struct Queue {
    destination: String,
    state: Mutex<State>,
    /// Something changed in `state`.
    changed: Condvar,
    lost: AtomicU64,
    told: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    /// Nothing more is taken.
    closed: bool,
    /// Nothing more is written.
    ended: bool,
}

impl Queue {
    /// Opens the destination, and starts the thread that writes to it.
    pub(super) fn open(destination: &Destination, account: &Account) -> io::Result<Arc<Self>> {
        let out: Box<dyn Write + Send> = match destination {
            Destination::StandardOutput => Box::new(io::stdout()),
            Destination::File(path) => {
                Box::new(File::options().create(true).append(true).open(path)?)
            }
        };
        let queue = Arc::new(Self {
            destination: destination.to_string(),
            state: Mutex::default(),
            changed: Condvar::new(),
            lost: AtomicU64::new(0),
            told: AtomicBool::new(false),
        });
        let (own, account) = (queue.clone(), account.clone());
        let writer = std::thread::Builder::new().name("stepproof-output".to_owned());
        writer.spawn(move || own.write_all(out, &account))?;
        Ok(queue)
    }

    /// Takes an entry, unless too many wait already.
    pub(super) fn put(&self, entry: Entry) {
        let mut state = self.state();
        if state.closed || state.entries.len() >= MOST {
            let full = !state.closed;
            drop(state);
            self.lost.fetch_add(1, Ordering::Relaxed);
            if full && !self.told.swap(true, Ordering::Relaxed) {
                let destination = &self.destination;
                warn!(
                    destination,
                    "what is to be written comes faster than it is written; some \
                       is lost, and `/metrics` says how much"
                );
            }
            return;
        }
        state.entries.push(entry);
        let first = state.entries.len() == 1;
        drop(state);
        if first {
            self.changed.notify_all();
        }
    }

    /// How many entries were not written.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Takes no more, and waits until everything is written, or until it has taken too long.
    pub(super) fn close(&self, patience: Duration) {
        let mut state = self.state();
        state.closed = true;
        self.changed.notify_all();
        let waited = self.changed.wait_timeout_while(state, patience, |state| !state.ended);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if !state.ended {
            let destination = &self.destination;
            warn!(destination, "not everything could be written in time");
        }
    }

    /// Writes whatever comes, until nothing more does or it cannot be written.
    fn write_all(&self, mut out: impl Write, account: &Account) {
        let (mut batch, mut text) = (Vec::new(), String::new());
        while self.take(&mut batch) {
            let mut written = 0;
            for (entry, after) in batch.iter().zip(1..) {
                entry.write(account, &mut text);
                if text.len() < CHUNK && after < batch.len() {
                    continue;
                }
                // Whole lines, so that several processes may append to one file.
                let done = out.write_all(text.as_bytes()).and_then(|()| out.flush());
                text.clear();
                if let Err(error) = done {
                    self.give_up(&error, batch.len() - written);
                    return;
                }
                written = after;
            }
            batch.clear();
        }
        self.state().ended = true;
        self.changed.notify_all();
    }

    /// Waits for entries; false where none will come.
    fn take(&self, batch: &mut Vec<Entry>) -> bool {
        let state = self.state();
        let nothing = |state: &mut State| state.entries.is_empty() && !state.closed;
        let waited = self.changed.wait_while(state, nothing);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.entries, batch);
        !batch.is_empty()
    }

    /// Nothing more can be written: a pipe that nobody reads any more, or a full disk.
    fn give_up(&self, error: &io::Error, unwritten: usize) {
        let mut state = self.state();
        (state.closed, state.ended) = (true, true);
        let waiting = std::mem::take(&mut state.entries).len();
        drop(state);
        self.changed.notify_all();
        self.lost.fetch_add((unwritten + waiting) as u64, Ordering::Relaxed);
        let destination = &self.destination;
        warn!(%error, destination, "cannot be written to; nothing more is");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Appends the lines of the entry.
    fn write(&self, account: &Account, text: &mut String) {
        let mut line = |value: &Value| {
            text.push_str(&value.to_json());
            text.push('\n');
        };
        match self {
            Self::StatusChange(change) => line(&change.to_value()),
            Self::Metrics(metrics) => {
                for metric in &metrics.all {
                    datapoints(metric, account).for_each(|point| line(&point));
                }
            }
            Self::Log(logged) => {
                logged.options.lines(&logged.events).for_each(|event| line(&event));
            }
            Self::Call(call) => line(&call.to_value(account)),
            Self::Http(invocation) => line(&invocation.to_value(account)),
        }
    }
}

/// The datapoints of a metric in the JSON of CloudWatch metric streams, one by one: CloudWatch sums
/// those of a minute up, and drops the seconds.
fn datapoints<'a>(metric: &'a Metric, account: &'a Account) -> impl Iterator<Item = Value> + 'a {
    let unit = if metric.is_interval() { "Milliseconds" } else { "Count" };
    metric.datapoints.iter().map(move |point| {
        let value = ["max", "min", "sum"].map(|name| (name, Value::from(point.value)));
        let count = std::iter::once(("count", Value::from(1)));
        let resource = Value::String(metric.resource.clone());
        Value::object([
            ("metric_stream_name", Value::string("stepproof")),
            ("account_id", Value::String(account.account_id.clone())),
            ("region", Value::String(account.region.clone())),
            ("namespace", Value::string("AWS/States")),
            ("metric_name", Value::string(metric.name)),
            ("dimensions", Value::object([(metric.dimension, resource)])),
            ("timestamp", Value::from(point.time.millis())),
            ("value", Value::object(value.into_iter().chain(count))),
            ("unit", Value::string(unit)),
        ])
    })
}
