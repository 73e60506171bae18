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

/// What a clock showed at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SavedClock {
    now: Timestamp,
    wall: Timestamp,
    frozen: bool,
    /// Whether it was a clock that jumps.
    virtual_time: bool,
}

impl SavedClock {
    /// As a row.
    pub(super) fn to_bytes(self) -> [u8; 18] {
        let mut row = [0; 18];
        row[..8].copy_from_slice(&self.now.millis().to_le_bytes());
        row[8..16].copy_from_slice(&self.wall.millis().to_le_bytes());
        row[16] = u8::from(self.frozen);
        row[17] = u8::from(self.virtual_time);
        row
    }

    pub(super) fn from_bytes(row: &[u8]) -> Option<Self> {
        let (now, rest) = row.split_first_chunk()?;
        let (wall, rest) = rest.split_first_chunk()?;
        let [frozen, virtual_time] = rest else { return None };
        let time = |bytes: &[u8; 8]| Timestamp(i64::from_le_bytes(*bytes));
        let (frozen, virtual_time) = (*frozen == 1, *virtual_time == 1);
        Some(Self { now: time(now), wall: time(wall), frozen, virtual_time })
    }
}

impl Clock {
    /// A clock that goes on where one was. Of a clock that passes by itself, the time in which
    /// nobody looked has passed too.
    pub(super) fn restored(
        mode: ClockMode,
        saved: SavedClock,
        wall: Timestamp,
        real: Instant,
    ) -> Self {
        let mut clock = Self::new(mode, wall, real);
        let missed = (wall - saved.wall).max(0) as f64 * clock.speed;
        let now = match (saved.virtual_time, clock.speed > 0.0) {
            (true, true) => saved.now.max(wall),
            (false, true) if !saved.frozen => saved.now + missed as i64,
            _ => saved.now,
        };
        clock.base = (now, real);
        clock.frozen = saved.frozen;
        clock
    }

    /// What it shows, to go on from later.
    pub(super) fn saved(&self, wall: Timestamp, real: Instant) -> SavedClock {
        let (now, frozen) = (self.now(real), self.frozen);
        SavedClock { now, wall, frozen, virtual_time: self.speed == 0.0 }
    }

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
        let time = self.after(duration, real);
        self.holds = false;
        self.target = Some(Target { time, before });
    }

    /// The time that [`Clock::advance`] would send it to.
    pub(super) fn after(&self, duration: Duration, real: Instant) -> Timestamp {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let from = self.target.map_or_else(|| self.now(real), |target| target.time);
        from + millis
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
