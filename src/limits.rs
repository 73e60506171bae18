//! The service's quotas as named values.
//!
//! [`Limits::today`] holds what AWS enforces now (Service quotas of the developer guide, and
//! measurements where the guide is silent); [`Limits::guide_2019`] what the guide of 2019 said.

use crate::asl::ExecutionType;
use crate::value::Value;

/// What the service refuses to exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The name people select the limits by.
    pub profile: &'static str,
    /// The largest input, output or result.
    pub payload: PayloadLimit,
    /// Events in the history of a Standard execution; the last one says that it failed.
    pub history_events: u64,
    /// Bytes of a definition.
    pub definition_bytes: usize,
    /// Characters of the name of a state, state machine, execution, activity or variable.
    pub name_chars: usize,
    /// Characters of a Map's `Label`.
    pub label_chars: usize,
    /// Characters of the error that SendTaskFailure and StopExecution take.
    pub error_chars: usize,
    /// Characters of the cause that SendTaskFailure and StopExecution take.
    pub cause_chars: usize,
    /// Characters of a task token.
    pub task_token_chars: usize,
    /// Seconds that a Standard execution may run: a year.
    pub standard_seconds: u64,
    /// Seconds that an Express execution may run.
    pub express_seconds: u64,
    /// Seconds that an HTTP task may take.
    pub http_task_seconds: u64,
    /// Iterations of an inline Map that run at once.
    pub inline_map_concurrency: usize,
    /// Child executions of a distributed Map that run at once.
    pub distributed_map_concurrency: usize,
    /// Bytes of a file that ResultWriter writes; what is left goes into another one.
    pub result_file_bytes: u64,
    /// Bytes of one variable, and of all variables of one `Assign`.
    pub assign_bytes: usize,
    /// Bytes of all variables of an execution.
    pub variables_bytes: usize,
    /// The largest number of seconds in a field, and the most attempts of a retrier.
    pub seconds: i64,
    /// The largest `MaxDelaySeconds` of a retrier.
    pub max_delay_seconds: i64,
    /// The deepest nesting of intrinsic functions.
    pub intrinsic_depth: usize,
    /// Levels of states within states that are read; AWS has such a limit
    /// (`TOO_DEEPLY_NESTED`) but documents no number.
    pub nested_levels: usize,
    /// State machines of an account.
    pub state_machines: usize,
    /// Activities of an account.
    pub activities: usize,
    /// Executions of an account that run at once, Standard ones.
    pub open_executions: usize,
    /// Polls for tasks of one activity that wait at once.
    pub activity_pollers: usize,
    /// Versions of a state machine.
    pub versions: usize,
    /// Aliases of a state machine.
    pub aliases: usize,
    /// Tags of a state machine or an activity.
    pub tags: usize,
    /// State transitions of an Express execution in which no virtual time passes. On AWS a loop
    /// takes time and ends after [`Limits::express_seconds`]; here it ends after so many.
    pub express_transitions_at_once: u64,
}

/// How payloads are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadLimit {
    /// Bytes of the JSON text in UTF-8.
    Bytes(usize),
    /// Characters of the JSON text.
    Characters(usize),
}

impl Limits {
    /// What AWS enforces now.
    pub const fn today() -> Self {
        Self {
            profile: "today",
            payload: PayloadLimit::Bytes(262_144),
            history_events: 25_000,
            definition_bytes: 1_048_576,
            name_chars: 80,
            label_chars: 40,
            error_chars: 256,
            cause_chars: 32_768,
            task_token_chars: 2_048,
            standard_seconds: 31_536_000,
            express_seconds: 300,
            http_task_seconds: 60,
            inline_map_concurrency: 40,
            distributed_map_concurrency: 10_000,
            result_file_bytes: 5 * 1024 * 1024 * 1024,
            assign_bytes: 262_144,
            variables_bytes: 10_485_760,
            seconds: 99_999_999,
            max_delay_seconds: 31_622_400,
            intrinsic_depth: 10,
            nested_levels: 100,
            state_machines: 100_000,
            activities: 100_000,
            open_executions: 1_000_000,
            activity_pollers: 1_000,
            versions: 1_000,
            aliases: 100,
            tags: 50,
            express_transitions_at_once: 1_000_000,
        }
    }

    /// What the developer guide of 2019 said: payloads of 32,768 characters.
    pub const fn guide_2019() -> Self {
        Self {
            profile: "guide-2019",
            payload: PayloadLimit::Characters(32_768),
            state_machines: 10_000,
            activities: 10_000,
            ..Self::today()
        }
    }

    /// The limits called `profile`: `today` or `guide-2019`.
    pub fn named(profile: &str) -> Option<Self> {
        [Self::today(), Self::guide_2019()].into_iter().find(|limits| limits.profile == profile)
    }

    /// Whether an input, output or result is small enough.
    pub fn payload_fits(&self, value: &Value) -> bool {
        match self.payload {
            PayloadLimit::Bytes(limit) => value.size() <= limit,
            // The text has at least as many bytes as characters, so it is rarely made.
            PayloadLimit::Characters(limit) => {
                value.size() <= limit || value.to_json().chars().count() <= limit
            }
        }
    }

    /// Bytes of the largest input, output or result; where characters count, no text of so many
    /// bytes is too long.
    pub fn payload_bytes(&self) -> usize {
        match self.payload {
            PayloadLimit::Bytes(limit) | PayloadLimit::Characters(limit) => limit,
        }
    }

    /// How many seconds an execution of this type may run.
    pub fn execution_seconds(&self, execution_type: ExecutionType) -> u64 {
        match execution_type {
            ExecutionType::Standard => self.standard_seconds,
            ExecutionType::Express => self.express_seconds,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::today()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_measured_in_bytes_today_and_were_in_characters() {
        let text = |n: usize| Value::from("é".repeat(n));
        assert!(Limits::today().payload_fits(&text(131_071)));
        assert!(!Limits::today().payload_fits(&text(131_072)));
        assert!(Limits::guide_2019().payload_fits(&text(32_766)));
        assert!(!Limits::guide_2019().payload_fits(&text(32_767)));
        assert_eq!(Limits::named("guide-2019"), Some(Limits::guide_2019()));
        assert_eq!(Limits::named("2019"), None);
    }
}
