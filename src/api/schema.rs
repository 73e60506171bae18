//! What each operation may be given: members, their types and constraints (service model), and
//! the refusal of requests that do not keep to them.

use super::ApiError;
use crate::value::Value;

/// A member of a request or of a structure in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) shape: Shape,
}

/// The type of a member, with its constraints. Bounds of texts count characters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Text {
        least: usize,
        most: usize,
    },
    /// As text, but messages do not repeat the value.
    Secret {
        least: usize,
        most: usize,
    },
    /// A text with a regular expression, which a function stands for.
    Pattern {
        most: usize,
        pattern: &'static str,
        fits: fn(&str) -> bool,
    },
    OneOf(&'static [&'static str]),
    Whole {
        least: i64,
        most: i64,
    },
    Float {
        least: f64,
        most: f64,
    },
    Flag,
    List(&'static Shape),
    Structure(&'static [Member]),
}

use Shape::{Flag, Float, List, OneOf, Pattern, Secret, Structure, Text, Whole};

const fn must(name: &'static str, shape: Shape) -> Member {
    Member { name, required: true, shape }
}

const fn may(name: &'static str, shape: Shape) -> Member {
    Member { name, required: false, shape }
}

const ANY: usize = usize::MAX;
const ARN: Shape = Text { least: 1, most: 256 };
const LONG_ARN: Shape = Text { least: 1, most: 2_000 };
const NAME: Shape = Text { least: 1, most: 80 };
const DATA: Shape = Secret { least: 0, most: 262_144 };
const DEFINITION: Shape = Secret { least: 1, most: 1_048_576 };
const DESCRIPTION: Shape = Secret { least: 0, most: 256 };
const ERROR: Shape = Secret { least: 0, most: 256 };
const CAUSE: Shape = Secret { least: 0, most: 32_768 };
const TASK_TOKEN: Shape = Text { least: 1, most: 2_048 };
const STATE_NAME: Shape = Secret { least: 1, most: 80 };
const INCLUDED_DATA: Shape = OneOf(&["ALL_DATA", "METADATA_ONLY"]);
const TYPE: Shape = OneOf(&["STANDARD", "EXPRESS"]);
const MAX_RESULTS: Member = may("maxResults", Whole { least: 0, most: 1_000 });
const NEXT_TOKEN: Member = may("nextToken", Text { least: 1, most: 1_024 });
const COUNT: Shape = Whole { least: 0, most: i64::MAX };

const TAG: Shape = Structure(&[
    may("key", Text { least: 1, most: 128 }),
    may("value", Text { least: 0, most: 256 }),
]);
const LOG_GROUP: Shape = Structure(&[may("logGroupArn", ARN)]);
const LOG_DESTINATION: Shape = Structure(&[may("cloudWatchLogsLogGroup", LOG_GROUP)]);
const LOGGING: Member = may(
    "loggingConfiguration",
    Structure(&[
        may("level", OneOf(&["ALL", "ERROR", "FATAL", "OFF"])),
        may("includeExecutionData", Flag),
        may("destinations", List(&LOG_DESTINATION)),
    ]),
);
const TRACING: Member = may("tracingConfiguration", Structure(&[may("enabled", Flag)]));
const ENCRYPTION: Member = may(
    "encryptionConfiguration",
    Structure(&[
        may("kmsKeyId", Text { least: 1, most: 2_048 }),
        may("kmsDataKeyReusePeriodSeconds", Whole { least: 60, most: 900 }),
        must("type", OneOf(&["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"])),
    ]),
);
/// Lengths and weights of routes are the account's to check.
const ROUTES: Shape = List(&Structure(&[
    must("stateMachineVersionArn", ARN),
    must("weight", Whole { least: i64::MIN, most: i64::MAX }),
]));
const ALIAS_NAME: Shape = Pattern {
    most: 80,
    pattern: r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$",
    fits: |name| {
        let sign = |c| matches!(c, '_' | '-' | '.');
        name.chars().all(|c| c.is_ascii_alphanumeric() || sign(c))
            && name.chars().any(|c| c.is_ascii_alphabetic() || sign(c))
    },
};
const TRACE_HEADER: Member =
    may("traceHeader", Pattern { most: 256, pattern: r"\p{ASCII}*", fits: str::is_ascii });
const CLIENT_TOKEN: Shape = Pattern {
    most: 64,
    pattern: "[!-~]+",
    fits: |token| !token.is_empty() && token.chars().all(|c| c.is_ascii_graphic()),
};
const MOCK: Shape = Structure(&[
    may("result", DATA),
    may("errorOutput", Structure(&[may("error", ERROR), may("cause", CAUSE)])),
    may("fieldValidationMode", OneOf(&["STRICT", "PRESENT", "NONE"])),
]);
const STATE_CONFIGURATION: Shape = Structure(&[
    may("retrierRetryCount", COUNT),
    may("errorCausedByState", STATE_NAME),
    may("mapIterationFailureCount", COUNT),
    may("mapItemReaderData", DATA),
]);
/// In the order of the recorded refusal (`sfn_api.state_machine_status_filter`).
const STATUS: Shape =
    OneOf(&["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"]);

/// The members of each operation's request.
const REQUESTS: &[(&[&str], &[Member])] = &[
    (&["CreateActivity"], &[must("name", NAME), may("tags", List(&TAG)), ENCRYPTION]),
    (
        &["CreateStateMachine"],
        &[
            must("name", NAME),
            must("definition", DEFINITION),
            must("roleArn", ARN),
            may("type", TYPE),
            LOGGING,
            may("tags", List(&TAG)),
            TRACING,
            may("publish", Flag),
            may("versionDescription", DESCRIPTION),
            ENCRYPTION,
        ],
    ),
    (
        &["CreateStateMachineAlias"],
        &[
            may("description", DESCRIPTION),
            must("name", ALIAS_NAME),
            must("routingConfiguration", ROUTES),
        ],
    ),
    (&["DeleteActivity", "DescribeActivity"], &[must("activityArn", ARN)]),
    (&["DeleteStateMachine"], &[must("stateMachineArn", ARN)]),
    (
        &["DeleteStateMachineAlias", "DescribeStateMachineAlias"],
        &[must("stateMachineAliasArn", ARN)],
    ),
    (&["DeleteStateMachineVersion"], &[must("stateMachineVersionArn", LONG_ARN)]),
    (
        &["DescribeExecution", "DescribeStateMachineForExecution"],
        &[must("executionArn", ARN), may("includedData", INCLUDED_DATA)],
    ),
    (&["DescribeMapRun"], &[must("mapRunArn", LONG_ARN)]),
    (
        &["DescribeStateMachine"],
        &[must("stateMachineArn", ARN), may("includedData", INCLUDED_DATA)],
    ),
    (&["GetActivityTask"], &[must("activityArn", ARN), may("workerName", NAME)]),
    (
        &["GetExecutionHistory"],
        &[
            must("executionArn", ARN),
            MAX_RESULTS,
            may("reverseOrder", Flag),
            NEXT_TOKEN,
            may("includeExecutionData", Flag),
        ],
    ),
    (&["ListActivities", "ListStateMachines"], &[MAX_RESULTS, NEXT_TOKEN]),
    (
        &["ListExecutions"],
        &[
            may("stateMachineArn", ARN),
            may("statusFilter", STATUS),
            MAX_RESULTS,
            may("nextToken", Text { least: 1, most: 3_096 }),
            may("mapRunArn", LONG_ARN),
            may("redriveFilter", OneOf(&["REDRIVEN", "NOT_REDRIVEN"])),
        ],
    ),
    (&["ListMapRuns"], &[must("executionArn", ARN), MAX_RESULTS, NEXT_TOKEN]),
    (
        &["ListStateMachineAliases", "ListStateMachineVersions"],
        &[must("stateMachineArn", ARN), NEXT_TOKEN, MAX_RESULTS],
    ),
    (&["ListTagsForResource"], &[must("resourceArn", ARN)]),
    (
        &["PublishStateMachineVersion"],
        &[
            must("stateMachineArn", ARN),
            may("revisionId", Text { least: 0, most: ANY }),
            may("description", DESCRIPTION),
        ],
    ),
    (&["RedriveExecution"], &[must("executionArn", ARN), may("clientToken", CLIENT_TOKEN)]),
    (
        &["SendTaskFailure"],
        &[must("taskToken", TASK_TOKEN), may("error", ERROR), may("cause", CAUSE)],
    ),
    (&["SendTaskHeartbeat"], &[must("taskToken", TASK_TOKEN)]),
    (&["SendTaskSuccess"], &[must("taskToken", TASK_TOKEN), must("output", DATA)]),
    (
        &["StartExecution"],
        &[must("stateMachineArn", ARN), may("name", NAME), may("input", DATA), TRACE_HEADER],
    ),
    (
        &["StartSyncExecution"],
        &[
            must("stateMachineArn", ARN),
            may("name", NAME),
            may("input", DATA),
            TRACE_HEADER,
            may("includedData", INCLUDED_DATA),
        ],
    ),
    (&["StopExecution"], &[must("executionArn", ARN), may("error", ERROR), may("cause", CAUSE)]),
    (&["TagResource"], &[must("resourceArn", ARN), must("tags", List(&TAG))]),
    (
        &["TestState"],
        &[
            must("definition", DEFINITION),
            may("roleArn", ARN),
            may("input", DATA),
            may("inspectionLevel", OneOf(&["INFO", "DEBUG", "TRACE"])),
            may("revealSecrets", Flag),
            may("variables", DATA),
            may("stateName", STATE_NAME),
            may("mock", MOCK),
            may("context", DATA),
            may("stateConfiguration", STATE_CONFIGURATION),
        ],
    ),
    (
        &["UntagResource"],
        &[must("resourceArn", ARN), must("tagKeys", List(&Text { least: 1, most: 128 }))],
    ),
    (
        &["UpdateMapRun"],
        &[
            must("mapRunArn", LONG_ARN),
            may("maxConcurrency", COUNT),
            may("toleratedFailurePercentage", Float { least: 0.0, most: 100.0 }),
            may("toleratedFailureCount", COUNT),
        ],
    ),
    (
        &["UpdateStateMachine"],
        &[
            must("stateMachineArn", ARN),
            may("definition", DEFINITION),
            may("roleArn", ARN),
            LOGGING,
            TRACING,
            may("publish", Flag),
            may("versionDescription", DESCRIPTION),
            ENCRYPTION,
        ],
    ),
    (
        &["UpdateStateMachineAlias"],
        &[
            must("stateMachineAliasArn", ARN),
            may("description", DESCRIPTION),
            may("routingConfiguration", ROUTES),
        ],
    ),
    (
        &["ValidateStateMachineDefinition"],
        &[
            must("definition", DEFINITION),
            may("type", TYPE),
            may("severity", OneOf(&["ERROR", "WARNING"])),
            may("maxResults", Whole { least: 0, most: 100 }),
        ],
    ),
];

/// The members of an operation's request.
pub(super) fn members(operation: &str) -> &'static [Member] {
    let found = REQUESTS.iter().find(|(names, _)| names.contains(&operation));
    found.map_or(&[], |(_, members)| members)
}

/// Holds a request against its members: wrong types are a SerializationException, the first one
/// found; broken constraints a ValidationException that lists them all.
pub(super) fn check(members: &[Member], body: &Value) -> Result<(), ApiError> {
    let mut broken = Vec::new();
    structure(members, body, "", &mut broken)?;
    if broken.is_empty() {
        return Ok(());
    }
    let (count, s) = (broken.len(), if broken.len() == 1 { "" } else { "s" });
    let list = broken.join("; ");
    Err(ApiError::validation(format!("{count} validation error{s} detected: {list}")))
}

/// What CloudTrail writes in the place of a secret (guide, "Step Functions Information in
/// CloudTrail", of today: the definition of CreateStateMachine).
pub(super) const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// The request as CloudTrail records it: without what the service model marks as sensitive.
pub(super) fn recorded(members: &[Member], body: &Value) -> Value {
    let Value::Object(given) = body else { return Value::Null };
    let known = given.iter().filter_map(|(key, value)| {
        let member = members.iter().find(|member| *member.name == **key)?;
        Some((key.clone(), recorded_as(&member.shape, value)))
    });
    Value::object(known)
}

fn recorded_as(shape: &Shape, value: &Value) -> Value {
    match (shape, value) {
        (_, Value::Null) => Value::Null,
        (Secret { .. }, _) => Value::string(HIDDEN),
        (List(item), Value::Array(items)) => {
            Value::array(items.iter().map(|value| recorded_as(item, value)))
        }
        (Structure(members), Value::Object(_)) => recorded(members, value),
        _ => value.clone(),
    }
}

fn structure(
    members: &[Member],
    value: &Value,
    path: &str,
    broken: &mut Vec<String>,
) -> Result<(), ApiError> {
    for member in members {
        let place = || match path {
            "" => member.name.to_owned(),
            path => format!("{path}.{}", member.name),
        };
        match value.get(member.name) {
            None | Some(Value::Null) if member.required => broken.push(format!(
                "Value null at '{}' failed to satisfy constraint: Member must not be null",
                place()
            )),
            None | Some(Value::Null) => {}
            Some(value) => check_shape(&member.shape, value, &place, broken)?,
        }
    }
    Ok(())
}

fn check_shape(
    shape: &Shape,
    value: &Value,
    place: &dyn Fn() -> String,
    broken: &mut Vec<String>,
) -> Result<(), ApiError> {
    let mut fail = |shown: Option<&str>, constraint: String| {
        let shown = shown.map(|shown| format!(" '{shown}'")).unwrap_or_default();
        let place = place();
        broken
            .push(format!("Value{shown} at '{place}' failed to satisfy constraint: {constraint}"));
    };
    match (shape, value) {
        (Text { least, most }, Value::String(text)) => {
            if let Some(constraint) = length(text, *least, *most) {
                fail(Some(text), constraint);
            }
        }
        (Secret { least, most }, Value::String(text)) => {
            if let Some(constraint) = length(text, *least, *most) {
                fail(None, constraint);
            }
        }
        (Pattern { most, pattern, fits }, Value::String(text)) => {
            if let Some(constraint) = length(text, 0, *most) {
                fail(Some(text), constraint);
            }
            if !fits(text) {
                let constraint =
                    format!("Member must satisfy regular expression pattern: {pattern}");
                fail(Some(text), constraint);
            }
        }
        (OneOf(names), Value::String(text)) => {
            if !names.contains(&&**text) {
                let names = names.join(", ");
                fail(Some(text), format!("Member must satisfy enum value set: [{names}]"));
            }
        }
        (Whole { least, most }, Value::Number(number)) => {
            let shown = value.to_json();
            let (float, least_float) = (number.as_f64(), *least as f64);
            let most_float = *most as f64;
            if float < least_float {
                let constraint = format!("Member must have value greater than or equal to {least}");
                fail(Some(&shown), constraint);
            } else if float > most_float {
                let constraint = format!("Member must have value less than or equal to {most}");
                fail(Some(&shown), constraint);
            }
        }
        (Float { least, most }, Value::Number(number)) => {
            let shown = value.to_json();
            if number.as_f64() < *least {
                let constraint = format!("Member must have value greater than or equal to {least}");
                fail(Some(&shown), constraint);
            } else if number.as_f64() > *most {
                let constraint = format!("Member must have value less than or equal to {most}");
                fail(Some(&shown), constraint);
            }
        }
        (Flag, Value::Bool(_)) => {}
        (List(item), Value::Array(items)) => {
            for (index, value) in items.iter().enumerate() {
                let place = || format!("{}.{}.member", place(), index + 1);
                check_shape(item, value, &place, broken)?;
            }
        }
        (Structure(members), Value::Object(_)) => structure(members, value, &place(), broken)?,
        (shape, value) => return Err(wrong_type(shape, value)),
    }
    Ok(())
}

fn length(text: &str, least: usize, most: usize) -> Option<String> {
    // Characters are at most as many as bytes, so they are rarely counted.
    if text.len() < least {
        Some(format!("Member must have length greater than or equal to {least}"))
    } else if text.len() > most && text.chars().count() > most {
        Some(format!("Member must have length less than or equal to {most}"))
    } else {
        None
    }
}

/// In the words that AWS's servers have for it; none of Step Functions itself is recorded.
fn wrong_type(shape: &Shape, value: &Value) -> ApiError {
    let wanted = match shape {
        Text { .. } | Secret { .. } | Pattern { .. } | OneOf(_) => "a String",
        Whole { .. } => "an Integer",
        Float { .. } => "a Float",
        Flag => "a Boolean",
        List(_) | Structure(_) => "",
    };
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.as_i64().is_some() => "NUMBER_VALUE",
        Value::Number(_) => "DECIMAL_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => return serialization("Start of list found where not expected"),
        Value::Object(_) => {
            return serialization("Start of structure or map found where not expected.");
        }
    };
    match shape {
        List(_) => serialization("Expected list or null"),
        Structure(_) => serialization("Expected null"),
        _ => serialization(&format!("{found} can not be converted to {wanted}")),
    }
}

/// The body is none that the operation can be read from.
pub(super) fn serialization(message: &str) -> ApiError {
    ApiError::new("SerializationException", message.to_owned())
}
