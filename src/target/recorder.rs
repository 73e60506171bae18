//! Records executions of a live endpoint: which ones, what the service says of each, and of what
//! they started.
//!
//! Nothing on the endpoint changes. What is fetched goes to somebody else, who writes it: requests
//! go on while files are written, and what is slow shows.

mod definitions;
mod fetch;
mod selection;
mod trail;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::endpoint::Endpoint;
use super::error::EndpointError;
use super::throttle::Operation;
use crate::time::Timestamp;

use fetch::Fetcher;
pub use fetch::{Fetched, Missed};

/// Which executions are recorded. Conditions that are not set hold for every execution.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// These, by their ARNs; then nothing else is looked at.
    pub executions: Vec<String>,
    /// Those of this state machine: its ARN, that of a version or alias, or its name.
    pub state_machine: Option<String>,
    /// Those that ended (or stand) so: the API's names.
    pub statuses: Vec<String>,
    /// Those that started at this time or later.
    pub since: Option<Timestamp>,
    /// Those that started before this time.
    pub until: Option<Timestamp>,
    /// This part of them, from 0 to 1. Whether an execution belongs to it depends on its ARN alone,
    /// so that a recorder that was stopped goes on with the same ones.
    pub sample: Option<f64>,
    /// So many at most, the newest first.
    pub max: Option<usize>,
    /// Whether CloudTrail is asked who started what, in the place of ListExecutions.
    pub cloud_trail: bool,
}

/// How executions are recorded.
#[derive(Clone, Copy, Debug)]
pub struct RecorderSettings {
    /// How many requests are under way at once.
    pub concurrency: usize,
    /// How long an execution that still runs is waited for.
    pub wait: Duration,
    /// How many children of one execution, and of each of its Map Runs, are recorded with it.
    pub children: usize,
}

impl Default for RecorderSettings {
    fn default() -> Self {
        Self { concurrency: 8, wait: Duration::ZERO, children: 1_000 }
    }
}

/// What a recorder tells as it works.
#[derive(Debug)]
pub enum Heard {
    /// How far the list has come, and what is left of it.
    Ahead {
        /// How many executions are to be fetched, those that were included.
        selected: usize,
        /// Whether there are no more.
        all: bool,
        /// The least time that the account's quotas allow for what is left.
        quotas: Duration,
    },
    /// An execution as the service told it.
    Fetched(Box<Fetched>),
    /// An execution that cannot be recorded.
    Missed {
        /// Its ARN.
        arn: String,
        /// Why.
        why: Missed,
    },
    /// An execution that `wanted` did not want.
    Unwanted(String),
    /// Something about the list.
    Note(String),
}

/// How a recorder ended that was not stopped by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything selected was fetched or told to be missed.
    Complete,
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// Nobody listens any more.
    Unheard,
}

/// An execution that was found.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    arn: String,
    /// Who started it and when, where CloudTrail knows.
    started_by: Option<String>,
}

/// How many executions are listed ahead of what is being fetched.
const AHEAD: usize = 20_000;

/// Fetches what is selected and `wanted`, several at a time; `tell` hears of it and answers whether
/// to go on.
///
/// # Errors
///
/// Where the endpoint cannot be reached, refuses the list, or throttles for ever. What was told
/// before is whole.
pub async fn record(
    endpoint: &Endpoint,
    selection: Selection,
    settings: RecorderSettings,
    wanted: impl Fn(&str) -> bool,
    mut tell: impl FnMut(Heard) -> bool,
) -> Result<End, EndpointError> {
    let (sender, mut listed) = mpsc::channel(AHEAD);
    let statuses = selection.statuses.clone();
    let fetcher = Arc::new(Fetcher::new(endpoint.clone(), settings, statuses));
    let mut lister = tokio::spawn(selection::list(endpoint.clone(), selection, sender));
    let mut running = JoinSet::new();
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    let (mut selected, mut done, mut all) = (0, 0, false);
    let outcome = loop {
        if all && running.is_empty() {
            break Ok(End::Complete);
        }
        let heard = tokio::select! {
            biased;
            _ = &mut interrupt => break Ok(End::Interrupted),
            Some(fetched) = running.join_next() => {
                done += 1;
                match fetched {
                    Ok((_, Ok(Ok(fetched)))) => Heard::Fetched(Box::new(fetched)),
                    Ok((arn, Ok(Err(why)))) => Heard::Missed { arn, why },
                    Ok((_, Err(error))) => break Err(error),
                    // A panic is reported by its hook.
                    Err(_) => break Ok(End::Unheard),
                }
            }
            next = listed.recv(), if !all && running.len() < settings.concurrency.max(1) => {
                match next {
                    None => {
                        all = true;
                        continue;
                    }
                    Some(Ok(candidate)) if !wanted(&candidate.arn) => Heard::Unwanted(candidate.arn),
                    Some(Ok(candidate)) => {
                        selected += 1;
                        let fetcher = fetcher.clone();
                        running.spawn(async move {
                            (candidate.arn.clone(), fetcher.fetch(candidate).await)
                        });
                        continue;
                    }
                    Some(Err(note)) => Heard::Note(note),
                }
            }
        };
        let left = selected - done + listed.len();
        let quotas = fetcher.time_for(left);
        let whole = all || lister.is_finished();
        if !tell(heard) || !tell(Heard::Ahead { selected: done + left, all: whole, quotas }) {
            break Ok(End::Unheard);
        }
    };
    running.shutdown().await;
    match outcome {
        Ok(End::Complete) => match (&mut lister).await {
            Ok(Err(error)) => Err(error),
            _ => Ok(End::Complete),
        },
        other => {
            lister.abort();
            other
        }
    }
}

impl Fetcher {
    /// The least time that the quotas allow for so many executions, by what they took so far.
    fn time_for(&self, executions: usize) -> Duration {
        let (done, pages) = self.pages_so_far();
        let pages = executions as u64 * pages.max(1) / done.max(1);
        self.endpoint().time_for(Operation::GetExecutionHistory, pages.max(executions as u64))
    }
}
