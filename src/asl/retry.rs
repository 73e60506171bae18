//! Retry and Catch.

use std::sync::Arc;

use super::state::{ResultPath, Template};
use super::state_machine::StateIndex;
use crate::query::jsonata_template::JsonataTemplate;

/// One element of `Retry`, its defaults filled in.
#[derive(Debug)]
pub struct Retrier {
    /// `ErrorEquals`
    pub error_equals: Vec<ErrorName>,
    /// `IntervalSeconds`, 1 by default
    pub interval_seconds: u64,
    /// `MaxAttempts`, 3 by default
    pub max_attempts: u64,
    /// `BackoffRate`, 2.0 by default
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`
    pub max_delay_seconds: Option<u64>,
    /// `JitterStrategy`
    pub jitter_strategy: JitterStrategy,
}

/// `JitterStrategy`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JitterStrategy {
    /// The exact delay.
    #[default]
    None,
    /// Anything between zero and the delay.
    Full,
}

/// One element of `Catch`.
#[derive(Debug)]
pub struct Catcher {
    /// `ErrorEquals`
    pub error_equals: Vec<ErrorName>,
    /// `Next`
    pub next: StateIndex,
    /// `ResultPath` (JSONPath)
    pub result_path: ResultPath,
    /// `Output` (JSONata)
    pub output: Option<JsonataTemplate>,
    /// `Assign`
    pub assign: Option<Template>,
}

/// The name of an error: one of the reserved `States.…` names, or a service's or user's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ErrorName(pub Arc<str>);
