//! What can go wrong with a live endpoint, told apart by what the user can do about it.

use std::fmt;
use std::time::Duration;

use aws_sdk_sfn::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use super::throttle::Operation;
use crate::duration;

/// Why a call to an endpoint came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointError {
    /// The endpoint: its URL, or the region of AWS.
    pub endpoint: String,
    /// The API operation.
    pub operation: Operation,
    /// What happened.
    pub kind: EndpointErrorKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointErrorKind {
    /// No connection came about, or it broke: the reason.
    Unreachable(String),
    /// It did not answer in time.
    TimedOut {
        /// How long it was waited for.
        waited: Duration,
    },
    /// It refused to answer so many requests, also after pauses.
    Throttled,
    /// There are no credentials, or they are not good any more: the reason.
    Credentials(String),
    /// It answered, but not as Step Functions does: the status and the beginning of the text.
    NotTheApi {
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        excerpt: String,
    },
    /// An error of the API, by its name.
    Refused {
        /// `ExecutionDoesNotExist`, `InvalidDefinition`, …
        code: String,
        /// Its message.
        message: String,
    },
    /// It has no such operation.
    Unsupported(String),
    /// Pages of one list do not belong together: what is wrong with them.
    BrokenPages(String),
    /// What answers mocked Tasks cannot be set up: why.
    Mocks(String),
    /// The machine is `DELETING`, for as long as an Express execution of it runs.
    Deleting,
}

/// Error codes of requests that were too many.
const THROTTLED: [&str; 5] = [
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
];

/// Error codes about who asks.
const CREDENTIALS: [&str; 8] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "MissingAuthenticationToken",
];

/// Error codes of operations that the endpoint does not have.
const UNSUPPORTED: [&str; 4] =
    ["UnknownOperationException", "UnknownOperation", "NotImplemented", "InternalFailure"];

impl EndpointError {
    /// Whether nothing else can be expected of an endpoint that answered before: the command ends
    /// with exit code 3. Among the cases of a batch, one silence is not yet the endpoint's end.
    pub fn is_unreachable(&self) -> bool {
        !matches!(
            self.kind,
            EndpointErrorKind::Refused { .. }
                | EndpointErrorKind::NotTheApi { .. }
                | EndpointErrorKind::Unsupported(_)
                | EndpointErrorKind::BrokenPages(_)
                | EndpointErrorKind::Mocks(_)
                | EndpointErrorKind::Deleting
        )
    }

    /// Whether no answer came, however long it was waited for.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self.kind, EndpointErrorKind::TimedOut { .. })
    }

    /// Whether an operation that few endpoints have is not there: emulators say so in many ways.
    pub(super) fn is_of_missing_operation(&self) -> bool {
        use Operation::{DescribeMapRun, ListExecutions, StartSyncExecution, TestState};
        let rare = [DescribeMapRun, ListExecutions, StartSyncExecution, TestState];
        let missing = matches!(
            self.kind,
            EndpointErrorKind::Unsupported(_) | EndpointErrorKind::NotTheApi { .. }
        );
        missing && rare.contains(&self.operation)
    }

    /// The API's error code, where the API refused.
    pub fn code(&self) -> Option<&str> {
        match &self.kind {
            EndpointErrorKind::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether an answer to a task came too late: the task is over, or was never there.
    pub(super) fn is_of_ended_task(&self) -> bool {
        matches!(self.code(), Some("TaskTimedOut" | "TaskDoesNotExist" | "InvalidToken"))
    }

    /// Reads the error of the SDK, which came after `waited`; `answer` is the body of the response,
    /// where there was one.
    pub(super) fn of<E>(
        endpoint: &str,
        operation: Operation,
        error: &SdkError<E>,
        waited: Duration,
        answer: Option<(u16, &[u8])>,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let kind = match error {
            SdkError::ServiceError(refusal) => {
                let meta = refusal.err();
                of_service(meta.code(), meta.message(), answer)
            }
            SdkError::ResponseError(_) => match answer {
                Some((status, body)) => not_the_api(status, body),
                None => EndpointErrorKind::Unreachable(
                    "the connection broke off in the middle of an answer".into(),
                ),
            },
            SdkError::TimeoutError(_) => EndpointErrorKind::TimedOut { waited },
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                EndpointErrorKind::TimedOut { waited }
            }
            other => {
                let text = reason(other);
                match text.contains("credential") || text.contains("sso") {
                    true => EndpointErrorKind::Credentials(text),
                    false => EndpointErrorKind::Unreachable(text),
                }
            }
        };
        Self { endpoint: endpoint.to_owned(), operation, kind }
    }
}

fn of_service(
    code: Option<&str>,
    message: Option<&str>,
    answer: Option<(u16, &[u8])>,
) -> EndpointErrorKind {
    let (status, body) = answer.unwrap_or((0, b""));
    let Some(code) = code else {
        return match status {
            429 | 503 => EndpointErrorKind::Throttled,
            _ => not_the_api(status, body),
        };
    };
    let message = message.unwrap_or_default();
    match code {
        _ if THROTTLED.contains(&code) => EndpointErrorKind::Throttled,
        _ if CREDENTIALS.contains(&code) => {
            EndpointErrorKind::Credentials(format!("{code}: {message}"))
        }
        _ if UNSUPPORTED.contains(&code) || status == 501 => {
            EndpointErrorKind::Unsupported(format!("{code} {message}").trim().to_owned())
        }
        _ => EndpointErrorKind::Refused { code: code.to_owned(), message: message.to_owned() },
    }
}

fn not_the_api(status: u16, body: &[u8]) -> EndpointErrorKind {
    let text = String::from_utf8_lossy(body);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    EndpointErrorKind::NotTheApi { status, excerpt: line.chars().take(80).collect() }
}

/// The innermost reasons, without the SDK's own words around them.
fn reason<E: std::error::Error + 'static>(error: &SdkError<E>) -> String {
    let mut texts = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let text = error.to_string();
        if !texts.contains(&text) {
            texts.push(text);
        }
        source = error.source();
    }
    match texts.len() {
        0 => DisplayErrorContext(error).to_string(),
        n => texts.split_off(n.saturating_sub(2)).join(": "),
    }
}

/// Tenths of a second.
fn tenths(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis() / 100).unwrap_or(u32::MAX)
}

impl std::error::Error for EndpointError {}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (endpoint, operation) = (&self.endpoint, self.operation.name());
        match &self.kind {
            EndpointErrorKind::Unreachable(reason) => {
                write!(f, "cannot reach {endpoint} ({operation}): {reason}")
            }
            EndpointErrorKind::TimedOut { waited } => {
                let waited = duration::text(Duration::from_millis(100) * tenths(*waited));
                write!(f, "{endpoint} did not answer {operation} within {waited}")?;
                match self.operation {
                    // What is asked to find out whether anybody is there.
                    Operation::ListStateMachines => {
                        f.write_str("; is it the right address, and is it up?")
                    }
                    _ => Ok(()),
                }
            }
            EndpointErrorKind::Throttled => write!(
                f,
                "{endpoint} throttled {operation} again and again; try later, or with a lower \
                 `--concurrency`"
            ),
            EndpointErrorKind::Credentials(reason) => write!(
                f,
                "{endpoint} does not accept the credentials ({operation}): {reason}; renew them \
                 (`aws sso login`, `AWS_PROFILE`)"
            ),
            EndpointErrorKind::NotTheApi { status, excerpt } => write!(
                f,
                "{endpoint} does not answer {operation} as Step Functions does: status {status}, \
                 `{excerpt}`"
            ),
            EndpointErrorKind::Refused { code, message } => {
                write!(f, "{operation} was refused: {code}")?;
                if message.is_empty() { Ok(()) } else { write!(f, ": {message}") }
            }
            EndpointErrorKind::Unsupported(text) => {
                write!(f, "{endpoint} has no {operation}: {text}")
            }
            EndpointErrorKind::Mocks(problem) => f.write_str(problem),
            EndpointErrorKind::Deleting => f.write_str(
                "it is DELETING, and gone when its Express execution has ended, which nobody can \
                 stop and which takes five minutes at most",
            ),
            EndpointErrorKind::BrokenPages(what) => {
                write!(f, "the pages that {endpoint} answered {operation} with are broken: {what}")
            }
        }
    }
}
