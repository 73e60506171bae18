//! How long the account has things happen before its clients get their turn.

use std::time::{Duration, Instant};

use crate::server::shared;

/// How long things happen in one go, before others get their turn.
const TURN: Duration = Duration::from_millis(20);

/// How much is heard before it is: to look takes time, too.
const OUTPUTS: u32 = 64;

/// The time that things may happen before others get their turn. They happen in the same order
/// however short it is.
pub(super) struct Turn {
    ends: Instant,
    /// How much may be heard before the time is looked at again.
    outputs: u32,
}

impl Turn {
    pub(super) fn begins() -> Self {
        Self { ends: shared::now() + TURN, outputs: OUTPUTS }
    }

    /// Whether there is time for one more thing; `looks` where the last one may have been long.
    pub(super) fn goes_on(&mut self, looks: bool) -> bool {
        if !looks && self.outputs > 0 {
            self.outputs -= 1;
            return true;
        }
        self.outputs = OUTPUTS;
        shared::now() < self.ends
    }
}
