//! What a replay cannot decide: the recording lacks what the definition now depends on.

use std::fmt;
use std::sync::Arc;

use crate::history::Difference;

/// Why it cannot be said whether a definition does as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// What is missing.
    pub reason: Reason,
    /// The state that it is about, where one is.
    pub state: Option<Arc<str>>,
    /// What cannot be known and what would help, in a sentence.
    pub message: String,
    /// The same without what is particular to this execution.
    pub(super) general: String,
}

/// What is missing for a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A service is called that the recorded execution did not call, and no mock answers.
    NoAnswer,
    /// Answers were recorded without their data.
    NoData,
    /// The result of a Map Run is neither in the recording nor can it be computed.
    MapRunResult,
    /// A time-out is another one, and the recorded times do not say whether it would have fired.
    Timing,
}

impl Reason {
    /// The reason's name in JSON reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoAnswer => "no-answer",
            Self::NoData => "no-data",
            Self::MapRunResult => "map-run-result",
            Self::Timing => "timing",
        }
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "undecided: {}", self.message)
    }
}

/// Something that nobody can know, and from where on it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    pub reason: Reason,
    pub state: Option<Arc<str>>,
    /// The first recorded event, as an index, that depends on it.
    pub from: usize,
    pub message: String,
    /// The same without what is particular to this execution.
    pub general: String,
    /// Whether it leaves the verdict open also where nothing differs.
    pub by_itself: bool,
}

impl Doubt {
    pub fn without_data(from: usize) -> Self {
        let message = "answers were recorded without their data: record with execution data, in a \
                       log too";
        Self {
            reason: Reason::NoData,
            state: None,
            from,
            message: message.into(),
            general: message.into(),
            by_itself: false,
        }
    }

    /// Whether a difference may come from what nobody knows.
    pub fn explains(&self, first: &Difference) -> bool {
        first.expected.is_none_or(|at| at >= self.from)
    }
}

impl From<&Doubt> for Undecided {
    fn from(doubt: &Doubt) -> Self {
        Self {
            reason: doubt.reason,
            state: doubt.state.clone(),
            message: doubt.message.clone(),
            general: doubt.general.clone(),
        }
    }
}
