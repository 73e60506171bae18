//! Task states and the resources they call.

use std::sync::Arc;

use super::state::{Field, Template};

/// The fields of a Task state.
#[derive(Debug)]
pub struct TaskState {
    /// `Resource`.
    pub resource: Resource,
    /// `TimeoutSeconds` or `TimeoutSecondsPath`.
    pub timeout_seconds: Option<Field<i64>>,
    /// `HeartbeatSeconds` or `HeartbeatSecondsPath`.
    pub heartbeat_seconds: Option<Field<i64>>,
    /// `Credentials`.
    pub credentials: Option<Template>,
}

/// What a Task calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The ARN of a Lambda function: events are called `LambdaFunction…`.
    LambdaFunction {
        /// The whole ARN.
        arn: Arc<str>,
    },
    /// The ARN of an activity.
    Activity {
        /// The whole ARN.
        arn: Arc<str>,
    },
    /// `arn:aws:states:::SERVICE:ACTION[.PATTERN]`, optimized or `aws-sdk:` alike.
    Service {
        /// The whole ARN.
        arn: Arc<str>,
        /// What history events call `resourceType`: `lambda`, `states`, `aws-sdk:s3`, `http`.
        service: Arc<str>,
        /// The action without its pattern: `invoke`, `startExecution`.
        action: Arc<str>,
        /// What is waited for.
        pattern: Pattern,
    },
    /// A `${Placeholder}` of a template, or text around one, that nothing has filled in.
    Placeholder(Arc<str>),
}

/// The integration patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// Request Response.
    RequestResponse,
    /// `.sync`: run a job.
    Sync,
    /// `.sync:2`: run a job, its output parsed.
    Sync2,
    /// `.waitForTaskToken`: wait for a callback.
    WaitForTaskToken,
}

impl Resource {
    /// The text in the definition.
    pub fn text(&self) -> &Arc<str> {
        match self {
            Self::LambdaFunction { arn } | Self::Activity { arn } | Self::Service { arn, .. } => {
                arn
            }
            Self::Placeholder(text) => text,
        }
    }

    /// What is waited for; Lambda functions and activities answer by themselves.
    pub fn pattern(&self) -> Pattern {
        match self {
            Self::Service { pattern, .. } => *pattern,
            _ => Pattern::RequestResponse,
        }
    }
}

impl Pattern {
    /// The suffix that asks for it: empty, `.sync`, `.sync:2`, `.waitForTaskToken`.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::RequestResponse => "",
            Self::Sync => ".sync",
            Self::Sync2 => ".sync:2",
            Self::WaitForTaskToken => ".waitForTaskToken",
        }
    }
}
