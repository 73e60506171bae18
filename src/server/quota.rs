//! The token buckets of the service's quotas.

use rustc_hash::FxHashMap;

use crate::time::Timestamp;

/// A bucket of tokens: so many at once, and so many more each second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// How many tokens it holds when it is full.
    pub size: f64,
    /// How many it gains a second.
    pub refill_per_second: f64,
}

/// Which quotas the server enforces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quotas {
    /// The quota of each operation that has one.
    pub operations: Vec<(String, Bucket)>,
    /// State transitions of Standard executions.
    pub transitions: Option<Bucket>,
}

/// The quota of StartExecution where the state machine is an Express one.
pub(super) const EXPRESS_STARTS: &str = "StartExecution of Express";

/// Bucket size and refill rate.
type Sizes = (u32, u32);

/// Service quotas of the developer guide: operation, bucket size and refill rate, in us-east-1,
/// us-west-2 and eu-west-1, then in all other regions. Those of 2019 that have changed since
/// (state transitions) stand as they are now.
const QUOTAS: &[(&str, Sizes, Sizes)] = &[
    ("CreateActivity", (100, 1), (100, 1)),
    ("CreateStateMachine", (100, 1), (100, 1)),
    ("DeleteActivity", (100, 1), (100, 1)),
    ("DeleteStateMachine", (100, 1), (100, 1)),
    ("DescribeActivity", (200, 1), (200, 1)),
    ("DescribeExecution", (300, 15), (250, 10)),
    ("DescribeStateMachine", (200, 20), (200, 20)),
    ("DescribeStateMachineForExecution", (200, 1), (200, 1)),
    ("GetActivityTask", (3_000, 500), (1_500, 300)),
    ("GetExecutionHistory", (400, 20), (400, 20)),
    ("ListActivities", (100, 10), (100, 5)),
    ("ListExecutions", (200, 5), (100, 2)),
    ("ListStateMachines", (100, 5), (100, 5)),
    ("ListTagsForResource", (100, 1), (100, 1)),
    ("RedriveExecution", (1_300, 300), (800, 150)),
    ("SendTaskFailure", (3_000, 500), (1_500, 300)),
    ("SendTaskHeartbeat", (3_000, 500), (1_500, 300)),
    ("SendTaskSuccess", (3_000, 500), (1_500, 300)),
    ("StartExecution", (1_300, 300), (800, 150)),
    (EXPRESS_STARTS, (6_000, 6_000), (6_000, 6_000)),
    ("StopExecution", (1_000, 200), (500, 25)),
    ("TagResource", (200, 1), (200, 1)),
    ("TestState", (50, 10), (50, 10)),
    ("UntagResource", (200, 1), (200, 1)),
    ("UpdateStateMachine", (100, 1), (200, 1)),
    ("ValidateStateMachineDefinition", (100, 1), (100, 1)),
];

impl Bucket {
    /// Reads `SIZE/RATE`, such as `1300/300`.
    pub fn parse(text: &str) -> Option<Self> {
        let (size, rate) = text.split_once('/')?;
        let (size, refill_per_second) = (size.parse::<f64>().ok()?, rate.parse::<f64>().ok()?);
        let usable = |number: f64| number.is_finite() && number >= 0.0;
        (usable(size) && size >= 1.0 && usable(refill_per_second))
            .then_some(Self { size, refill_per_second })
    }
}

impl Quotas {
    /// Those that AWS enforces by default in a region.
    pub fn of_region(region: &str) -> Self {
        let large = matches!(region, "us-east-1" | "us-west-2" | "eu-west-1");
        let bucket = |(size, rate): Sizes| Bucket {
            size: f64::from(size),
            refill_per_second: f64::from(rate),
        };
        let pick = |here, elsewhere| bucket(if large { here } else { elsewhere });
        let operations = QUOTAS
            .iter()
            .map(|(operation, here, elsewhere)| ((*operation).to_owned(), pick(*here, *elsewhere)));
        Self {
            operations: operations.collect(),
            transitions: Some(pick((5_000, 5_000), (800, 800))),
        }
    }

    /// Gives an operation, or `StateTransition`, another quota. That of `StartExecution` is then one
    /// for the executions of all types.
    pub fn set(&mut self, what: &str, bucket: Bucket) {
        if what == "StateTransition" {
            self.transitions = Some(bucket);
            return;
        }
        let is_same = |own: &str| own == what || (what, own) == ("StartExecution", EXPRESS_STARTS);
        self.operations.retain(|(operation, _)| !is_same(operation));
        self.operations.push((what.to_owned(), bucket));
    }
}

/// What is in a bucket.
#[derive(Debug)]
pub(super) struct Tokens {
    bucket: Bucket,
    left: f64,
    since: Timestamp,
}

impl Tokens {
    pub(super) fn new(bucket: Bucket, now: Timestamp) -> Self {
        Self { bucket, left: bucket.size, since: now }
    }

    /// Takes a token, where there is one.
    fn take(&mut self, now: Timestamp) -> bool {
        self.refill(now);
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }

    /// Takes tokens that are used already: those that come later make up for what was missing.
    pub(super) fn owe(&mut self, tokens: u64) {
        self.left -= tokens as f64;
    }

    /// How many tokens there are: one at least, and so many at most.
    pub(super) fn left(&self, most: u32) -> u32 {
        self.left.clamp(1.0, f64::from(most)) as u32
    }

    /// When there is a token again; `None` where there is one.
    pub(super) fn empty_until(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.refill(now);
        if self.left >= 1.0 {
            return None;
        }
        let millis = (1.0 - self.left) / self.bucket.refill_per_second * 1_000.0;
        // Without a refill that is never: the end of time.
        Some(now + (millis.min(i64::MAX as f64).ceil() as i64).max(1))
    }

    fn refill(&mut self, now: Timestamp) {
        let seconds = (now - self.since).max(0) as f64 / 1_000.0;
        self.left = (self.left + seconds * self.bucket.refill_per_second).min(self.bucket.size);
        self.since = self.since.max(now);
    }
}

/// The buckets of all operations that have a quota.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    operations: FxHashMap<String, Tokens>,
}

impl Throttle {
    pub(super) fn new(quotas: &Quotas, now: Timestamp) -> Self {
        let tokens =
            |(operation, bucket): &(String, Bucket)| (operation.clone(), Tokens::new(*bucket, now));
        Self { operations: quotas.operations.iter().map(tokens).collect() }
    }

    /// Whether the quota has a bucket of its own.
    pub(super) fn has(&self, operation: &str) -> bool {
        self.operations.contains_key(operation)
    }

    /// Whether the operation may be called once more now.
    pub(super) fn admits(&mut self, operation: &str, now: Timestamp) -> bool {
        self.operations.get_mut(operation).is_none_or(|tokens| tokens.take(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_empty_and_fill() {
        let start = Timestamp(1_000);
        let mut quotas = Quotas::default();
        quotas.set("StartExecution", Bucket::parse("2/4").unwrap());
        let mut throttle = Throttle::new(&quotas, start);
        let mut admits = |operation, millis| throttle.admits(operation, start + millis);
        assert!(admits("StartExecution", 0));
        assert!(admits("StartExecution", 0));
        assert!(!admits("StartExecution", 0));
        assert!(admits("StartExecution", 250));
        assert!(!admits("StartExecution", 250));
        assert!(admits("StopExecution", 250));
    }

    #[test]
    fn what_is_owed_comes_back() {
        let bucket = Bucket::parse("10/100").unwrap();
        let mut tokens = Tokens::new(bucket, Timestamp(0));
        assert_eq!(tokens.empty_until(Timestamp(0)), None);
        tokens.owe(20);
        assert_eq!(tokens.empty_until(Timestamp(0)), Some(Timestamp(110)));
        assert_eq!(tokens.empty_until(Timestamp(110)), None);
        let mut never = Tokens::new(Bucket::parse("1/0").unwrap(), Timestamp(0));
        never.owe(1);
        assert_eq!(never.empty_until(Timestamp(9)), Some(Timestamp(i64::MAX)));
    }

    #[test]
    fn buckets_are_written_as_size_and_rate() {
        assert_eq!(Bucket::parse("5/0.5"), Some(Bucket { size: 5.0, refill_per_second: 0.5 }));
        for bad in ["", "5", "0/1", "-1/1", "5/-1", "5/inf", "a/b"] {
            assert_eq!(Bucket::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn regions_differ() {
        let of = |region| {
            let quotas = Quotas::of_region(region);
            quotas.operations.iter().find(|(name, _)| name == "StartExecution").unwrap().1
        };
        assert_eq!(of("us-east-1"), Bucket { size: 1300.0, refill_per_second: 300.0 });
        assert_eq!(of("eu-north-1"), Bucket { size: 800.0, refill_per_second: 150.0 });
    }
}
