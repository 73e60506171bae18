//! The account's time: the real one, a faster one, or one that jumps.

use std::time::{Duration, Instant};

use crate::time::Timestamp;

/// How time passes for the account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClockMode {
    /// As on the wall, from the present on.
    Real {
        /// How long waiting takes of what it would take: 0.1 makes time pass ten times as fast, for
        /// Wait states, Retriers, time-outs and heartbeats alike. Greater than zero.
        wait_time_scale: f64,
    },
    /// Time stands still until nothing else can happen, and jumps to the next timer then. Open
    /// callbacks, tasks of activities and calls of real services hold it.
    Virtual {
        /// The time at which the account begins.
        start: Timestamp,
    },
}

impl Default for ClockMode {
    fn default() -> Self {
        Self::Real { wait_time_scale: 1.0 }
    }
}

/// A clock, told the real time by whoever asks it.
#[derive(Debug)]
pub(super) struct Clock {
    /// Milliseconds of the account in one millisecond of the wall; zero where time jumps.
    speed: f64,
    frozen: bool,
    /// A pair of equal moments: the account's, and the wall's.
    base: (Timestamp, Instant),
    /// The time that [`Clock::advance`] was asked to reach.
    target: Option<Target>,
    /// What is due waits until the clock is told something.
    holds: bool,
}

/// A time to reach.
#[derive(Clone, Copy, Debug)]
struct Target {
    time: Timestamp,
    /// What is due at that very time is not to happen yet.
    before: bool,
}

impl Clock {
    /// `wall` is the present by the calendar, `real` the same by the monotonic clock.
    pub(super) fn new(mode: ClockMode, wall: Timestamp, real: Instant) -> Self {
        let (speed, start) = match mode {
            ClockMode::Real { wait_time_scale } => (wait_time_scale.max(1e-9).recip(), wall),
            ClockMode::Virtual { start } => (0.0, start),
        };
        Self { speed, frozen: false, base: (start, real), target: None, holds: false }
    }

    /// The account's time.
    pub(super) fn now(&self, real: Instant) -> Timestamp {
        let (start, began) = self.base;
        if !self.passes() {
            return start;
        }
        let passed = real.saturating_duration_since(began).as_secs_f64() * 1_000.0 * self.speed;
        start + passed as i64
    }

    /// How long until it is `time`; `None` where time does not pass by itself.
    pub(super) fn until(&self, time: Timestamp, real: Instant) -> Option<Duration> {
        if !self.passes() {
            return None;
        }
        let millis = (time - self.now(real)).max(0) as f64 / self.speed;
        Some(Duration::from_secs_f64((millis / 1_000.0).min(1e9)))
    }

    /// Whether it may jump over time in which nothing happens.
    pub(super) fn jumps(&self) -> bool {
        self.speed == 0.0 && !self.frozen
    }

    /// Whether it was stopped.
    pub(super) fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Stops it, or lets it go on.
    pub(super) fn freeze(&mut self, frozen: bool, real: Instant) {
        self.holds = false;
        self.base = (self.now(real), real);
        self.frozen = frozen;
    }

    /// Moves it on to `time`; never back.
    pub(super) fn set(&mut self, time: Timestamp, real: Instant) {
        self.base = (self.now(real).max(time), real);
    }

    /// Asks for `duration` to pass, whatever holds it. The time then is reached step by step. With
    /// `before`, what is due at that very time waits until the clock is told something else.
    pub(super) fn advance(&mut self, duration: Duration, before: bool, real: Instant) {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let from = self.target.map_or_else(|| self.now(real), |target| target.time);
        self.holds = false;
        self.target = Some(Target { time: from + millis, before });
    }

    /// Whether it is on its way to a time that [`Clock::advance`] asked for.
    pub(super) fn is_sent(&self) -> bool {
        self.target.is_some()
    }

    /// Whether something at `time` happens before it has reached the time it was sent to.
    pub(super) fn passes_by(&self, time: Timestamp) -> bool {
        self.target.is_some_and(|target| match target.before {
            true => time < target.time,
            false => time <= target.time,
        })
    }

    /// The time that it was sent to is reached.
    pub(super) fn arrive(&mut self, real: Instant) {
        if let Some(target) = self.target.take() {
            self.set(target.time, real);
            self.holds = target.before;
        }
    }

    /// Whether what is due has to wait.
    pub(super) fn holds(&self) -> bool {
        self.holds
    }

    /// What waited may happen.
    pub(super) fn go_on(&mut self) {
        self.holds = false;
    }

    fn passes(&self) -> bool {
        self.speed > 0.0 && !self.frozen
    }
}
