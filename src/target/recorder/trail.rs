//! Who started which execution and when, as CloudTrail knows it.
//!
//! CloudTrail is an index: it hides inputs, and keeps what happened for 90 days. Where its answer
//! lacks the execution's ARN, the ARN is made of the machine's and the name.

use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;

use super::Candidate;
use super::selection::{Flow, Lister, items};
use crate::target::endpoint::{Answer, Endpoint};
use crate::target::error::{EndpointError, EndpointErrorKind};
use crate::target::pages::Tokens;
use crate::target::throttle::Operation;
use crate::time::Timestamp;
use crate::value::Value;

/// Lists the executions that were started, of one machine or of all.
pub(super) async fn list(lister: &mut Lister, machine: Option<&str>) -> Result<(), EndpointError> {
    let client = lister.endpoint.cloud_trail();
    let mut token = None;
    let mut tokens = Tokens::default();
    let mut nameless = 0;
    loop {
        let page = page(lister, &client, token).await?;
        for event in items(&page, "Events") {
            match started(event, machine) {
                Started::Not => {}
                Started::Nameless => nameless += 1,
                Started::Execution(candidate, at) => {
                    if lister.offer(candidate, at).await == Flow::Stop {
                        return Ok(());
                    }
                }
            }
        }
        let is_empty = items(&page, "Events").next().is_none();
        let next = (&page, "NextToken");
        token = tokens.next(&lister.endpoint, Operation::LookupEvents, next, is_empty)?;
        if token.is_none() {
            break;
        }
    }
    if nameless > 0 {
        let text = format!(
            "CloudTrail does not say which execution {nameless} of the StartExecution requests \
             started: they gave no name"
        );
        lister.note(text).await;
    }
    Ok(())
}

async fn page(
    lister: &Lister,
    client: &aws_sdk_cloudtrail::Client,
    token: Option<String>,
) -> Result<Answer, EndpointError> {
    let attribute = LookupAttribute::builder()
        .attribute_key(LookupAttributeKey::EventName)
        .attribute_value("StartExecution")
        .build()
        .map_err(|error| invalid(&lister.endpoint, &error.to_string()))?;
    let time = |time: Option<Timestamp>| time.map(|time| DateTime::from_millis(time.millis()));
    let request = client
        .lookup_events()
        .lookup_attributes(attribute)
        .set_start_time(time(lister.selection.since))
        .set_end_time(time(lister.selection.until))
        .max_results(50)
        .set_next_token(token);
    lister
        .endpoint
        .call(Operation::LookupEvents, |capture| async move {
            request.customize().interceptor(capture).send().await
        })
        .await
}

fn invalid(endpoint: &Endpoint, message: &str) -> EndpointError {
    let kind = EndpointErrorKind::Refused { code: "InvalidLookup".into(), message: message.into() };
    endpoint.error(Operation::LookupEvents, kind)
}

/// What an event tells.
#[derive(Debug)]
enum Started {
    /// Nothing was started, or something else.
    Not,
    /// An execution of which neither ARN nor name is said.
    Nameless,
    /// This execution, at this time.
    Execution(Candidate, Option<Timestamp>),
}

fn started(event: &Value, machine: Option<&str>) -> Started {
    let record = event.get("CloudTrailEvent").and_then(Value::as_str);
    let Some(record) = record.and_then(|text| Value::parse(text).ok()) else { return Started::Not };
    let text = |path: &[&str]| {
        let found = path.iter().try_fold(&record, |value, key| value.get(key));
        found.and_then(Value::as_str)
    };
    let ours = text(&["eventSource"]) == Some("states.amazonaws.com");
    if !ours || text(&["eventName"]) != Some("StartExecution") || text(&["errorCode"]).is_some() {
        return Started::Not;
    }
    let started = text(&["requestParameters", "stateMachineArn"]).unwrap_or_default();
    // A version or an alias of the machine stands behind a colon.
    let is_of = |machine: &str| {
        started == machine
            || started.strip_prefix(machine).is_some_and(|rest| rest.starts_with(':'))
    };
    if machine.is_some_and(|machine| !is_of(machine)) {
        return Started::Not;
    }
    let named = text(&["requestParameters", "name"]);
    let made = || {
        Some(format!(
            "{}:{}",
            machine_of(started)?.replacen(":stateMachine:", ":execution:", 1),
            named?
        ))
    };
    let arn = text(&["responseElements", "executionArn"]).map(str::to_owned).or_else(made);
    let Some(arn) = arn else { return Started::Nameless };
    let at = text(&["eventTime"]).and_then(Timestamp::parse_lenient);
    let who = text(&["userIdentity", "arn"])
        .or_else(|| text(&["userIdentity", "invokedBy"]))
        .or_else(|| event.get("Username").and_then(Value::as_str));
    Started::Execution(Candidate { arn, started_by: who.map(str::to_owned) }, at)
}

/// The ARN of a machine without version or alias.
fn machine_of(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.split(':').collect();
    (parts.len() >= 7).then(|| parts[..7].join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:Orders";

    #[track_caller]
    fn check(change: &[(&str, &str)], machine: Option<&str>, expected: &str) {
        let mut record = format!(
            r#"{{"eventSource":"states.amazonaws.com","eventName":"StartExecution","eventTime":"2024-05-02T08:15:00Z","userIdentity":{{"arn":"arn:aws:sts::123456789012:assumed-role/Shop/web"}},"requestParameters":{{"stateMachineArn":"{MACHINE}","name":"o-1","input":"HIDDEN"}},"responseElements":{{"executionArn":"arn:aws:states:eu-west-1:123456789012:execution:Orders:o-1"}}}}"#
        );
        for (from, to) in change {
            assert!(record.contains(from), "{from}");
            record = record.replace(from, to);
        }
        let event = Value::object([("CloudTrailEvent", Value::from(record))]);
        let found = match started(&event, machine) {
            Started::Not => "not".to_owned(),
            Started::Nameless => "nameless".to_owned(),
            Started::Execution(candidate, at) => format!(
                "{} by {} at {}",
                candidate.arn.rsplit("states:").next().unwrap_or_default(),
                candidate.started_by.unwrap_or_default(),
                at.map_or(0, |at| at.millis() / 1_000)
            ),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn events_tell_who_started_what() {
        let by = "by arn:aws:sts::123456789012:assumed-role/Shop/web at 1714637700";
        let whole = format!("eu-west-1:123456789012:execution:Orders:o-1 {by}");
        check(&[], None, &whole);
        check(&[], Some(MACHINE), &whole);
        check(&[], Some("arn:aws:states:eu-west-1:123456789012:stateMachine:Order"), "not");
        let alias = [("stateMachine:Orders", "stateMachine:Orders:live")];
        check(&alias, Some(MACHINE), &whole);
        let silent = [("executionArn", "other")];
        check(&silent, None, &whole);
        check(&[("executionArn", "other"), ("\"name\"", "\"other\"")], None, "nameless");
        check(&[("StartExecution", "StopExecution")], None, "not");
        check(&[("\"eventTime\"", "\"errorCode\":\"AccessDenied\",\"eventTime\"")], None, "not");
        let event = Value::object([("CloudTrailEvent", Value::from("<html>"))]);
        assert!(matches!(started(&event, None), Started::Not));
    }
}
