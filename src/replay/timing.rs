//! Time-outs that a definition has changed, held against the times of the recording.
//!
//! A changed `TimeoutSeconds` or `HeartbeatSeconds` is no difference by itself: what counts is
//! whether it would have fired. The recorded times mostly prove that; where they do not, nobody
//! knows. A history shows no heartbeats.

use std::sync::Arc;

use super::answers::{Call, CallEnd};
use super::doubt::{Doubt, Reason};
use crate::engine::FailureStage;
use crate::history::{Diff, DifferenceKind, EventDetails, HistoryEvent};

/// How much later than a time-out an event must be to prove it: clocks fire late, and the service
/// writes an event down some time after it happened. Inferred; recorded time-outs are up to a few
/// hundred milliseconds late.
pub(super) const SLACK_MS: i64 = 1_000;

/// What a call's clocks do to its recorded answer.
pub(super) enum Judged {
    /// They are the recorded ones.
    AsBefore,
    /// They are others, and the recorded answer comes all the same; what should be said.
    Harmless(String),
    /// `TimeoutSeconds` has passed before the recorded answer came.
    TooLate,
    /// The recording does not tell.
    Unknown(Doubt),
}

/// `TimeoutSeconds` and `HeartbeatSeconds` of a call.
type Clocks = (Option<i64>, Option<i64>);

/// Judges the clocks that the produced event `now` sets for a recorded call.
pub(super) fn judge(
    recorded: &[HistoryEvent],
    call: &Call,
    now: &HistoryEvent,
    state: &Arc<str>,
) -> Judged {
    let asked = &recorded[call.asked];
    let (before, now) = (clocks(asked), clocks(now));
    if before == now {
        return Judged::AsBefore;
    }
    let Some((at, end)) = &call.end else {
        // It was still waited for when the recording ended.
        let last = recorded.last().and_then(|last| last.timestamp);
        let waited = asked.timestamp.zip(last).map(|(asked, last)| last - asked);
        let limit = now.0.map(|limit| limit.saturating_mul(1_000).saturating_add(SLACK_MS));
        let late = limit.zip(waited).is_some_and(|(limit, waited)| waited >= limit);
        return if late { Judged::TooLate } else { Judged::AsBefore };
    };
    let took = match (asked.timestamp, recorded[*at].timestamp) {
        (Some(asked), Some(ended)) => Some(ended - asked),
        _ => None,
    };
    let timed_out = matches!(end, CallEnd::Failed(FailureStage::TimedOut, _));
    let verdict = if timed_out { waited(before, now, took) } else { answered(before, now, took) };
    let change = change(before, now);
    match verdict {
        Ok(true) => Judged::Harmless(format!(
            "`{state}` has {change}: at the recorded times that alters nothing"
        )),
        Ok(false) => Judged::TooLate,
        Err(why) => Judged::Unknown(Doubt {
            reason: Reason::Timing,
            state: Some(state.clone()),
            from: *at,
            message: format!("`{state}` has {change}: {why}"),
            general: format!(
                "`{state}` has {change}: the recording does not tell whether that alters anything"
            ),
            by_itself: true,
        }),
    }
}

/// Whether an answer comes in time.
fn answered(before: Clocks, now: Clocks, took: Option<i64>) -> Result<bool, String> {
    if let Some(limit) = now.0 {
        match took {
            Some(took) if took >= limit.saturating_mul(1_000).saturating_add(SLACK_MS) => {
                return Ok(false);
            }
            Some(took) if took > limit.saturating_mul(1_000) => {
                return Err(format!(
                    "the recorded answer took {}, too close to it to tell",
                    seconds(took)
                ));
            }
            Some(_) => {}
            None if before.0.is_some_and(|old| old <= limit) => {}
            None => {
                return Err("the recording has no times, so that nobody knows whether the answer \
                            came in time"
                    .into());
            }
        }
    }
    match now.1 {
        Some(limit) if before.1.is_none_or(|old| limit < old) => match took {
            Some(took) if took <= limit.saturating_mul(1_000) => Ok(true),
            _ => Err("a history shows no heartbeats, so that nobody knows whether one would have \
                      been missed"
                .into()),
        },
        _ => Ok(true),
    }
}

/// Whether a call that timed out does so again; the interpreter's own clock then ends it.
fn waited(before: Clocks, now: Clocks, took: Option<i64>) -> Result<bool, String> {
    let sooner = |new: Option<i64>, old: Option<i64>| match (new, took) {
        (Some(new), Some(took)) => new.saturating_mul(1_000) <= took,
        (Some(new), None) => old.is_some_and(|old| new <= old),
        (None, _) => false,
    };
    if sooner(now.0, before.0) {
        return Ok(true);
    }
    // No heartbeat was missed that would not be missed again.
    if before.1.is_some() && sooner(now.1, before.1) {
        return Ok(true);
    }
    let after = took.map_or(String::new(), |took| format!(" after {}", seconds(took)));
    Err(format!(
        "the recorded call timed out{after}, and nobody knows whether an answer would have come \
         later"
    ))
}

fn change(before: Clocks, now: Clocks) -> String {
    let named = [("TimeoutSeconds", before.0, now.0), ("HeartbeatSeconds", before.1, now.1)];
    let changed = named.into_iter().filter(|(_, before, now)| before != now);
    let texts: Vec<String> = changed
        .map(|(name, before, now)| match (before, now) {
            (Some(before), Some(now)) => format!("another {name} ({before}, now {now})"),
            (None, Some(now)) => format!("a new {name} ({now})"),
            (Some(before), None) => format!("no {name} any more (it was {before})"),
            (None, None) => String::new(),
        })
        .collect();
    texts.join(" and ")
}

fn seconds(millis: i64) -> String {
    match millis % 1_000 {
        0 => format!("{} s", millis / 1_000),
        rest => format!("{}.{:03} s", millis / 1_000, rest.abs()),
    }
}

/// The members of an event that say how long a call is waited for.
const CLOCKS: [&str; 2] = ["timeoutInSeconds", "heartbeatInSeconds"];

/// Takes changed clocks out of a comparison: [`judge`] has said what they do.
pub(super) fn forgive(diff: &mut Diff) {
    diff.differences.retain_mut(|difference| match &mut difference.kind {
        DifferenceKind::Details(members) => {
            members.retain(|member| !CLOCKS.contains(&member.member));
            !members.is_empty()
        }
        _ => true,
    });
}

fn clocks(event: &HistoryEvent) -> Clocks {
    match &event.details {
        EventDetails::TaskScheduled(details) => {
            (details.timeout_in_seconds, details.heartbeat_in_seconds)
        }
        EventDetails::ActivityScheduled(details) => {
            (details.timeout_in_seconds, details.heartbeat_in_seconds)
        }
        EventDetails::LambdaFunctionScheduled(details) => (details.timeout_in_seconds, None),
        _ => (None, None),
    }
}
