//! Building mocks from Rust.

use std::sync::Arc;
use std::time::Duration;

use super::{Answer, Counting, Mock, Source, TaskCall};
use crate::engine::FailureStage;
use crate::matcher::Matcher;
use crate::value::Value;

impl Mock {
    /// The task succeeds with this result.
    pub fn returns(result: impl Into<Value>) -> Self {
        Answer::returns(result).into()
    }

    /// The task fails with this error and cause.
    pub fn fails(error: impl AsRef<str>, cause: impl AsRef<str>) -> Self {
        Answer::fails(error, cause).into()
    }

    /// The task fails as [`Fault`](super::Fault)s of this name do. An unknown name is an error of
    /// the run.
    pub fn fault(name: impl AsRef<str>) -> Self {
        Answer::fault(name).into()
    }

    /// The task is never answered: a time-out, a heartbeat or a stop has to end it.
    pub fn never() -> Self {
        Answer::never().into()
    }

    /// Whatever the function says, called once for each attempt.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepproof::mock::{Answer, Mock};
    ///
    /// let mock = Mock::from_fn(|call| match call.arguments.get("amount").and_then(|v| v.as_i64()) {
    ///     Some(amount) if amount < 100 => Answer::returns(json!({ "approved": true })),
    ///     _ => Answer::fails("LimitExceeded", format!("attempt {}", call.attempt)),
    /// });
    /// ```
    pub fn from_fn(function: impl Fn(&TaskCall<'_>) -> Answer + Send + Sync + 'static) -> Self {
        Self { source: Source::Function(Arc::new(function)), counting: Counting::Attempts }
    }

    /// These answers one after the other, counted over all calls of the state in the whole run.
    pub fn by_invocation(answers: impl IntoIterator<Item = Answer>) -> Self {
        let source = Source::Answers(answers.into_iter().collect());
        Self { source, counting: Counting::Invocations }
    }

    /// These answers one after the other, one for each attempt; the last serves all later ones.
    pub fn answers(answers: impl IntoIterator<Item = Answer>) -> Self {
        let source = Source::Answers(answers.into_iter().collect());
        Self { source, counting: Counting::Attempts }
    }

    /// Then what `next` answers. A function has no end: nothing comes after it.
    #[must_use]
    pub fn then(mut self, next: impl Into<Self>) -> Self {
        if let (Source::Answers(answers), Source::Answers(next)) =
            (&mut self.source, next.into().source)
        {
            answers.extend(next);
        }
        self
    }

    /// The last answer takes this long, in virtual time.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        self.change_last(|answer| answer.after(delay))
    }

    /// The last answer is only for calls whose arguments match.
    #[must_use]
    pub fn when(self, condition: Matcher) -> Self {
        self.change_last(|answer| answer.when(condition))
    }

    /// The last answer serves this many attempts.
    #[must_use]
    pub fn repeat(self, attempts: u32) -> Self {
        self.change_last(|answer| answer.repeat(attempts))
    }

    /// How far the task of the last answer comes before it fails.
    #[must_use]
    pub fn at_stage(self, stage: FailureStage) -> Self {
        self.change_last(|answer| answer.at_stage(stage))
    }

    /// What the call itself is answered with, where the last answer is to a `.sync` or callback
    /// task.
    #[must_use]
    pub fn submit(self, output: impl Into<Value>) -> Self {
        self.change_last(|answer| answer.submit(output))
    }

    /// The last answer is preceded by this many heartbeats.
    #[must_use]
    pub fn heartbeats(self, every: Duration, count: u32) -> Self {
        self.change_last(|answer| answer.heartbeats(every, count))
    }

    fn change_last(mut self, change: impl FnOnce(Answer) -> Answer) -> Self {
        if let Source::Answers(answers) = &mut self.source {
            let changed = answers.pop().map(change);
            answers.extend(changed);
        }
        self
    }
}

impl From<Answer> for Mock {
    fn from(answer: Answer) -> Self {
        Self::answers([answer])
    }
}
