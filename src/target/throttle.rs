//! The account's token buckets, kept on this side: a request that would be throttled waits here.
//!
//! Figures are those of the guide's chapter on limits, "Limits Related to API Action Throttling";
//! the buckets of operations that came later are those of the page on service quotas.

use std::cell::Cell;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason,
};
use tokio::time::Instant;

macro_rules! operations {
    ($($name:ident $large:expr, $small:expr;)*) => {
        /// The operations of the API that stepproof calls.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the names are the API's own")]
        pub enum Operation { $($name),* }

        impl Operation {
            const ALL: &[Self] = &[$(Self::$name),*];

            /// The API's name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// Size and refill a second of its bucket: in the three large regions, and elsewhere.
            fn quota(self) -> [(u32, u32); 2] {
                match self { $(Self::$name => [$large, $small]),* }
            }
        }
    };
}

operations! {
    CreateActivity (100, 1), (100, 1);
    CreateStateMachine (100, 1), (100, 1);
    CreateStateMachineAlias (100, 1), (100, 1);
    DeleteActivity (100, 1), (100, 1);
    DeleteStateMachine (100, 1), (100, 1);
    DescribeExecution (300, 15), (250, 10);
    DescribeMapRun (200, 10), (200, 10);
    DescribeStateMachine (200, 20), (200, 20);
    DescribeStateMachineForExecution (200, 1), (200, 1);
    GetActivityTask (3_000, 500), (1_500, 300);
    GetExecutionHistory (400, 20), (400, 20);
    ListActivities (100, 10), (100, 5);
    ListExecutions (200, 5), (100, 2);
    ListMapRuns (100, 1), (100, 1);
    ListStateMachines (100, 5), (100, 5);
    ListTagsForResource (100, 1), (100, 1);
    PublishStateMachineVersion (100, 1), (100, 1);
    RedriveExecution (1_300, 300), (800, 150);
    SendTaskFailure (3_000, 500), (1_500, 300);
    SendTaskHeartbeat (3_000, 500), (1_500, 300);
    SendTaskSuccess (3_000, 500), (1_500, 300);
    StartExecution (1_300, 300), (800, 150);
    StartSyncExecution (6_000, 6_000), (6_000, 6_000);
    StopExecution (1_000, 200), (500, 25);
    TestState (50, 10), (50, 10);
    UpdateMapRun (100, 1), (100, 1);
    UpdateStateMachine (100, 1), (100, 1);
    ValidateStateMachineDefinition (100, 1), (100, 1);
    LookupEvents (2, 2), (2, 2);
}

const LARGE_REGIONS: [&str; 3] = ["us-east-1", "us-west-2", "eu-west-1"];

/// One bucket, told the time.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    size: f64,
    refill: f64,
    tokens: f64,
    /// Seconds since the beginning.
    filled_at: f64,
}

impl Bucket {
    fn new((size, refill): (u32, u32)) -> Self {
        let size = f64::from(size);
        Self { size, refill: f64::from(refill), tokens: size, filled_at: 0.0 }
    }

    /// Takes a token; answers the seconds until it is there. Those who wait have taken theirs
    /// already, so that the next one waits longer.
    fn take(&mut self, now: f64) -> f64 {
        let gained = (now - self.filled_at) * self.refill;
        self.tokens = (self.tokens + gained).min(self.size) - 1.0;
        self.filled_at = now;
        (-self.tokens / self.refill).max(0.0)
    }

    /// The seconds until so many more tokens have been taken.
    fn ahead(&self, now: f64, count: f64) -> f64 {
        let tokens = (self.tokens + (now - self.filled_at) * self.refill).min(self.size);
        ((count - tokens) / self.refill).max(0.0)
    }
}

/// The buckets of one account and region; none for an endpoint that is not AWS.
#[derive(Debug)]
pub(super) struct Throttle {
    buckets: Option<Mutex<Vec<Bucket>>>,
    start: Instant,
}

impl Throttle {
    /// The buckets of an account in this region.
    pub(super) fn of_region(region: &str) -> Self {
        let row = usize::from(!LARGE_REGIONS.contains(&region));
        let buckets = Operation::ALL.iter().map(|operation| Bucket::new(operation.quota()[row]));
        Self { buckets: Some(Mutex::new(buckets.collect())), start: Instant::now() }
    }

    /// No buckets: an emulator goes as fast as it can.
    pub(super) fn none() -> Self {
        Self { buckets: None, start: Instant::now() }
    }

    /// Makes a call once the operation may be called. [`RetryTokens`] sees which one it is.
    pub(super) async fn admit<T>(&self, operation: Operation, call: impl Future<Output = T>) -> T {
        let wait = self.take(operation);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        CALLED.scope((operation, Cell::new(0)), call).await
    }

    /// Whether a call whose try was not answered is given up. On AWS the connection may have been
    /// lost on the way, and another one is tried; an emulator that does not answer is at work, or
    /// stuck, and another request waits behind the first. What runs Tasks while it is waited for
    /// would run them twice.
    fn is_patience_over(&self) -> bool {
        let over = CALLED.try_with(|(operation, silences)| {
            let runs = matches!(operation, Operation::StartSyncExecution | Operation::TestState);
            let tries = u32::from(self.buckets.is_some() && !runs);
            silences.replace(silences.get() + 1) >= tries
        });
        over.unwrap_or(self.buckets.is_none())
    }

    /// Takes a token; answers how long to wait for it.
    fn take(&self, operation: Operation) -> Duration {
        let Some(mut buckets) = self.buckets() else { return Duration::ZERO };
        let now = self.start.elapsed().as_secs_f64();
        Duration::from_secs_f64(buckets[operation as usize].take(now))
    }

    /// The least time that so many calls take from now on; zero where that cannot be said.
    pub(super) fn time_for(&self, operation: Operation, calls: u64) -> Duration {
        let Some(buckets) = self.buckets() else { return Duration::ZERO };
        let now = self.start.elapsed().as_secs_f64();
        Duration::from_secs_f64(buckets[operation as usize].ahead(now, calls as f64))
    }

    fn buckets(&self) -> Option<MutexGuard<'_, Vec<Bucket>>> {
        Some(self.buckets.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

tokio::task_local! {
    /// What the SDK is calling, and how often nothing was answered: a classifier of retries is not
    /// told.
    static CALLED: (Operation, Cell<u32>);
}

/// Has the SDK's own retries take a token each, and wait for it; and has it not ask again and again
/// where nothing is answered.
#[derive(Debug)]
pub(super) struct RetryTokens(pub Arc<Throttle>);

impl ClassifyRetry for RetryTokens {
    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        RetryAction::NoActionIndicated
    }

    /// Whether to try again is for others to say: this says when.
    fn classify_retry_v2(&self, seen: &InterceptorContext, previous: &RetryAction) -> RetryAction {
        let RetryAction::RetryIndicated(RetryReason::RetryableError { kind, retry_after }) =
            previous
        else {
            return RetryAction::NoActionIndicated;
        };
        let silent = matches!(seen.output_or_error(), Some(Err(error)) if error.is_timeout_error());
        if silent && self.0.is_patience_over() {
            return RetryAction::RetryForbidden;
        }
        let wait = CALLED.try_with(|(operation, _)| self.0.take(*operation)).unwrap_or_default();
        // Where a token is there, the SDK's own pause is long enough.
        match wait.is_zero() {
            true => RetryAction::NoActionIndicated,
            false => {
                let wait = retry_after.unwrap_or_default().max(wait);
                RetryAction::retryable_error_with_explicit_delay(*kind, wait)
            }
        }
    }

    fn name(&self) -> &'static str {
        "RetryTokens"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_serves_its_size_at_once_and_then_its_refill() {
        let mut bucket = Bucket::new((400, 20));
        assert!((0..400).all(|_| bucket.take(0.0) == 0.0));
        let waits: Vec<f64> = (0..40).map(|_| bucket.take(0.0)).collect();
        assert_eq!((waits[0], waits[19], waits[39]), (0.05, 1.0, 2.0));
        assert_eq!((bucket.ahead(0.0, 20.0), bucket.ahead(3.0, 20.0)), (3.0, 0.0));
        // All forty have been served after two seconds; one second more gives twenty tokens.
        assert!((0..20).all(|_| bucket.take(3.0) == 0.0));
        assert!(bucket.take(3.0) > 0.0);
    }

    #[test]
    fn no_second_serves_more_than_size_and_refill() {
        let mut bucket = Bucket::new((5, 2));
        let mut served: Vec<f64> = Vec::new();
        for i in 0..100 {
            let now = f64::from(i) * 0.01;
            served.push(now + bucket.take(now));
        }
        for start in 0..50 {
            let within = |time: &&f64| {
                let offset = **time - f64::from(start);
                (0.0..1.0).contains(&offset)
            };
            assert!(served.iter().filter(within).count() <= 5 + 2);
        }
    }
}
