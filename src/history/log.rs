//! The form in which executions log to CloudWatch Logs: the only history Express executions have.

use std::sync::Arc;

use super::event::{EventType, HistoryEvent};
use super::write::TimestampForm;
use super::{EventDetails, History};
use crate::json;
use crate::value::{Map, Value};

/// `level` of a state machine's logging configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// `OFF`: nothing. What machines have that are made through the API.
    #[default]
    Off,
    /// `FATAL`: how executions end badly.
    Fatal,
    /// `ERROR`: what fails, times out or is stopped as well.
    Error,
    /// `ALL`: every event.
    All,
}

/// How an execution logs.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Which events are logged.
    pub level: LogLevel,
    /// `includeExecutionData`: whether inputs, outputs, parameters and variables are.
    pub include_execution_data: bool,
    /// The execution, which each line names.
    pub execution_arn: Arc<str>,
}

/// The members of details that hold execution data.
const DATA: [&str; 8] = [
    "input",
    "inputDetails",
    "output",
    "outputDetails",
    "parameters",
    "parametersDetails",
    "assignedVariables",
    "assignedVariablesDetails",
];

/// Inputs and outputs are cut off where they take more bytes than this once they are escaped: 248 KB,
/// so that an event fits into the 256 KB of CloudWatch Logs (guide of today, "CloudWatch Logs
/// payloads").
const LARGEST_DATA: usize = 248 * 1024;

/// An event in the form of GetExecutionHistory without the data of the execution, as
/// `includeExecutionData: false` asks for it; what is left out is what logs leave out.
pub fn without_data(event: &Value) -> Value {
    let Some(members) = event.as_object() else { return event.clone() };
    let details = |value: &Value| match value.as_object() {
        Some(inner) => {
            let kept = inner.iter().filter(|(key, _)| !DATA.contains(&&***key));
            Value::object(kept.map(|(key, value)| (key.clone(), value.clone())))
        }
        None => value.clone(),
    };
    Value::object(members.iter().map(|(key, value)| (key.clone(), details(value))))
}

impl LogLevel {
    /// The name in a logging configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::All => "ALL",
        }
    }

    /// The level called `name` in a logging configuration.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "OFF" => Some(Self::Off),
            "FATAL" => Some(Self::Fatal),
            "ERROR" => Some(Self::Error),
            "ALL" => Some(Self::All),
            _ => None,
        }
    }

    /// The least level at which an event of this type is logged.
    ///
    /// The documentation's table of log levels; `logs.partial_log_levels.*` show FailStateEntered
    /// at ERROR, and the end of an execution at FATAL.
    pub fn of(event_type: EventType) -> Self {
        use EventType as E;
        match event_type {
            E::ExecutionAborted | E::ExecutionFailed | E::ExecutionTimedOut => Self::Fatal,
            E::ActivityFailed
            | E::ActivityScheduleFailed
            | E::ActivityTimedOut
            | E::EvaluationFailed
            | E::FailStateEntered
            | E::LambdaFunctionFailed
            | E::LambdaFunctionScheduleFailed
            | E::LambdaFunctionStartFailed
            | E::LambdaFunctionTimedOut
            | E::MapIterationAborted
            | E::MapIterationFailed
            | E::MapRunAborted
            | E::MapRunFailed
            | E::MapStateAborted
            | E::MapStateFailed
            | E::ParallelStateAborted
            | E::ParallelStateFailed
            | E::TaskFailed
            | E::TaskStartFailed
            | E::TaskStateAborted
            | E::TaskSubmitFailed
            | E::TaskTimedOut
            | E::WaitStateAborted => Self::Error,
            _ => Self::All,
        }
    }
}

impl History {
    /// The log lines of the execution, one JSON object each, in the order of the events.
    ///
    /// Ids, times (milliseconds since the epoch) and counts are strings, and `details` has the
    /// members of the event's details, as recorded. CloudWatch Logs itself promises no order.
    pub fn to_log(&self, options: &LogOptions) -> Vec<Value> {
        options.lines(&self.events).collect()
    }
}

impl LogOptions {
    /// The log lines of some events of the execution, as of [`History::to_log`]. They are all of
    /// them, or begin where the execution was redriven.
    pub fn lines(&self, events: &[HistoryEvent]) -> impl Iterator<Item = Value> {
        let mut redrives = 0;
        events.iter().filter_map(move |event| {
            if let EventDetails::ExecutionRedriven { redrive_count } = event.details {
                redrives = redrive_count;
            }
            let logged = self.level >= LogLevel::of(event.event_type);
            (logged && self.level > LogLevel::Off).then(|| line(event, self, redrives))
        })
    }
}

fn line(event: &HistoryEvent, options: &LogOptions, redrives: u64) -> Value {
    let text = |number: u64| Value::from(number.to_string());
    let mut members = Map::default();
    members.insert("id".into(), text(event.id));
    members.insert("type".into(), Value::from(event.event_type.name()));
    members.insert("details".into(), details(event, options.include_execution_data));
    members.insert("previous_event_id".into(), text(event.previous_event_id));
    if let Some(time) = event.timestamp {
        members.insert("event_timestamp".into(), Value::from(time.millis().to_string()));
    }
    members.insert("execution_arn".into(), Value::String(options.execution_arn.clone()));
    members.insert("redrive_count".into(), text(redrives));
    Value::from(members)
}

fn details(event: &HistoryEvent, include_data: bool) -> Value {
    let whole = event.to_value(TimestampForm::Omitted);
    let details = event.event_type.details_member().and_then(|member| whole.get(member).cloned());
    let Some(Value::Object(members)) = details else {
        return details.unwrap_or_else(|| Value::from(Map::default()));
    };
    let mut members = members.into_map();
    if !include_data {
        members.retain(|name, _| !DATA.contains(&&**name));
    }
    for (data, details) in [("input", "inputDetails"), ("output", "outputDetails")] {
        let Some(Value::String(text)) = members.get_mut(data) else { continue };
        let fits = json::escaped_prefix(text, LARGEST_DATA);
        if fits.len() < text.len() {
            *text = fits.into();
            members.insert(details.into(), Value::object([("truncated", Value::Bool(true))]));
        }
    }
    Value::from(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn history() -> History {
        let (history, _) = History::parse(
            &json!({"events": [
                {"id": 1, "previousEventId": 0, "type": "ExecutionStarted",
                 "timestamp": "2024-01-01T00:00:00.000Z",
                 "executionStartedEventDetails": {"input": "{\"a\":1}",
                    "inputDetails": {"truncated": false}, "roleArn": "r"}},
                {"id": 2, "previousEventId": 0, "type": "FailStateEntered",
                 "stateEnteredEventDetails": {"name": "Stop", "input": "{\"a\":1}",
                    "inputDetails": {"truncated": false}}},
                {"id": 3, "previousEventId": 2, "type": "ExecutionFailed",
                 "executionFailedEventDetails": {"error": "E", "cause": "c"}}
            ]})
            .to_string(),
        )
        .unwrap();
        history
    }

    #[track_caller]
    fn check_cut(text: &str, kept: usize) {
        let input = json!(text).to_string();
        let events = json!({"events": [{"id": 1, "previousEventId": 0, "type": "ExecutionStarted",
            "executionStartedEventDetails": {"input": input}}]});
        let (history, _) = History::parse(&events.to_string()).unwrap();
        let options = LogOptions {
            level: LogLevel::All,
            include_execution_data: true,
            execution_arn: "arn".into(),
        };
        let truncated = json!({ "truncated": kept < input.len() });
        let expected = json!({ "input": input[..kept], "inputDetails": truncated });
        let found = history.to_log(&options)[0].get("details").cloned();
        assert!(found == Some(expected.into()), "{} bytes are cut off otherwise", input.len());
    }

    #[test]
    fn large_data_is_cut_off_and_says_so() {
        // Each quote around the text takes two bytes, each one in it four.
        check_cut(&"x".repeat(LARGEST_DATA - 4), LARGEST_DATA - 2);
        check_cut(&"x".repeat(LARGEST_DATA - 3), LARGEST_DATA - 2);
        check_cut(&"x".repeat(LARGEST_DATA), LARGEST_DATA - 1);
        check_cut(&"\"".repeat(LARGEST_DATA / 4), LARGEST_DATA / 2);
        check_cut(&"\u{e9}".repeat(LARGEST_DATA / 2), LARGEST_DATA - 1);
    }

    fn types(level: LogLevel) -> Vec<String> {
        let options =
            LogOptions { level, include_execution_data: false, execution_arn: "arn".into() };
        let lines = history().to_log(&options);
        lines.iter().map(|line| line.get("type").unwrap().as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn levels_choose_events() {
        assert_eq!(
            types(LogLevel::All),
            ["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]
        );
        assert_eq!(types(LogLevel::Error), ["FailStateEntered", "ExecutionFailed"]);
        assert_eq!(types(LogLevel::Fatal), ["ExecutionFailed"]);
        assert!(types(LogLevel::Off).is_empty());
        assert_eq!(LogLevel::parse("ERROR"), Some(LogLevel::Error));
        assert_eq!(LogLevel::parse("error"), None);
    }

    #[test]
    fn lines_have_strings_for_numbers_and_data_on_demand() {
        let line = |include_execution_data| {
            let options = LogOptions {
                level: LogLevel::All,
                include_execution_data,
                execution_arn: "arn".into(),
            };
            history().to_log(&options)[0].clone()
        };
        let expected = json!({
            "id": "1", "type": "ExecutionStarted", "details": {"roleArn": "r"},
            "previous_event_id": "0", "event_timestamp": "1704067200000",
            "execution_arn": "arn", "redrive_count": "0"
        });
        assert_eq!(line(false), expected.into());
        let details = json!({
            "input": "{\"a\":1}", "inputDetails": {"truncated": false}, "roleArn": "r"
        });
        assert_eq!(line(true).get("details"), Some(&details.into()));
    }
}
