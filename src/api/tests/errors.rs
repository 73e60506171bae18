//! Every error of the service model, and how it comes about.

use serde_json::json;

use super::*;
use crate::history::tests::shared;
use crate::limits::Limits;
use crate::service::KmsTrouble;

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/k";
const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:M";
const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:a";
const CALLS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}"#;

/// What makes an error: what comes before, and the request that is refused.
type Way = fn(&mut Service) -> (&'static str, serde_json::Value);

fn key(service: &mut Service, trouble: KmsTrouble) {
    let encryption = json!({ "type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": KEY });
    let body = json!({
        "name": "M", "definition": PASS, "roleArn": ROLE, "encryptionConfiguration": encryption
    });
    ask(service, "CreateStateMachine", body).unwrap();
    service.surroundings_mut().kms_keys.insert(KEY.into(), trouble);
}

/// An execution whose task a worker has taken: the token.
fn token(service: &mut Service) -> String {
    ask(service, "CreateActivity", json!({ "name": "a" })).unwrap();
    let arn = create(service, "M", CALLS, ExecutionType::Standard);
    start(service, &arn);
    let task = ask(service, "GetActivityTask", json!({ "activityArn": ACTIVITY })).unwrap();
    task.get("taskToken").unwrap().as_str().unwrap().to_owned()
}

fn with(change: fn(&mut Limits)) -> Service {
    let mut limits = Limits::today();
    change(&mut limits);
    Service::new(Account { limits, ..Account::default() })
}

fn new_machine(name: &str, definition: &str) -> serde_json::Value {
    json!({ "name": name, "definition": definition, "roleArn": ROLE })
}

const WAYS: &[(&str, Way)] = &[
    ("ActivityAlreadyExists", |service| {
        ask(service, "CreateActivity", json!({ "name": "a" })).unwrap();
        let encryption = json!({ "type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": KEY });
        ("CreateActivity", json!({ "name": "a", "encryptionConfiguration": encryption }))
    }),
    ("ActivityDoesNotExist", |_| ("DescribeActivity", json!({ "activityArn": ACTIVITY }))),
    ("ActivityLimitExceeded", |service| {
        *service = with(|limits| limits.activities = 0);
        ("CreateActivity", json!({ "name": "a" }))
    }),
    ("ActivityWorkerLimitExceeded", |service| {
        *service = with(|limits| limits.activity_pollers = 0);
        ask(service, "CreateActivity", json!({ "name": "a" })).unwrap();
        ("GetActivityTask", json!({ "activityArn": ACTIVITY }))
    }),
    ("ConflictException", |service| {
        create(service, "M", PASS, ExecutionType::Standard);
        let body = json!({ "stateMachineArn": MACHINE, "revisionId": "another" });
        ("PublishStateMachineVersion", body)
    }),
    ("ExecutionAlreadyExists", |service| {
        create(service, "M", PASS, ExecutionType::Standard);
        let body = json!({ "stateMachineArn": MACHINE, "name": "e" });
        ask(service, "StartExecution", body.clone()).unwrap();
        ("StartExecution", body)
    }),
    ("ExecutionDoesNotExist", |_| {
        let arn = "arn:aws:states:us-east-1:123456789012:execution:M:e";
        ("DescribeExecution", json!({ "executionArn": arn }))
    }),
    ("ExecutionLimitExceeded", |service| {
        *service = with(|limits| limits.open_executions = 0);
        create(service, "M", PASS, ExecutionType::Standard);
        ("StartExecution", json!({ "stateMachineArn": MACHINE }))
    }),
    ("ExecutionNotRedrivable", |service| {
        create(service, "M", PASS, ExecutionType::Standard);
        ("RedriveExecution", json!({ "executionArn": start(service, MACHINE) }))
    }),
    ("InvalidArn", |service| {
        create(service, "M", PASS, ExecutionType::Express);
        ("StopExecution", json!({ "executionArn": start(service, MACHINE) }))
    }),
    ("InvalidDefinition", |_| ("CreateStateMachine", new_machine("M", "{}"))),
    ("InvalidEncryptionConfiguration", |_| {
        let encryption = json!({ "type": "CUSTOMER_MANAGED_KMS_KEY" });
        ("CreateActivity", json!({ "name": "a", "encryptionConfiguration": encryption }))
    }),
    ("InvalidExecutionInput", |service| {
        create(service, "M", PASS, ExecutionType::Standard);
        ("StartExecution", json!({ "stateMachineArn": MACHINE, "input": "{" }))
    }),
    ("InvalidLoggingConfiguration", |_| {
        let mut body = new_machine("M", PASS);
        body["loggingConfiguration"] = json!({ "level": "ALL" });
        ("CreateStateMachine", body)
    }),
    ("InvalidName", |_| ("CreateActivity", json!({ "name": "a b" }))),
    ("InvalidOutput", |service| {
        ("SendTaskSuccess", json!({ "taskToken": token(service), "output": "x" }))
    }),
    ("InvalidToken", |_| ("ListActivities", json!({ "nextToken": "x" }))),
    ("InvalidTracingConfiguration", |_| {
        let mut body = new_machine("M", PASS);
        body["tracingConfiguration"] = json!({});
        ("CreateStateMachine", body)
    }),
    ("KmsAccessDeniedException", |service| {
        key(service, KmsTrouble::AccessDenied);
        ("DescribeStateMachine", json!({ "stateMachineArn": MACHINE }))
    }),
    ("KmsInvalidStateException", |service| {
        key(service, KmsTrouble::Disabled);
        ("StartExecution", json!({ "stateMachineArn": MACHINE }))
    }),
    ("KmsThrottlingException", |service| {
        key(service, KmsTrouble::Throttled);
        ("StartExecution", json!({ "stateMachineArn": MACHINE }))
    }),
    ("MissingRequiredParameter", |service| {
        create(service, "M", PASS, ExecutionType::Standard);
        ("UpdateStateMachine", json!({ "stateMachineArn": MACHINE }))
    }),
    ("ResourceNotFound", |_| ("ListTagsForResource", json!({ "resourceArn": MACHINE }))),
    ("ServiceQuotaExceededException", |service| {
        *service = with(|limits| limits.versions = 0);
        create(service, "M", PASS, ExecutionType::Standard);
        ("PublishStateMachineVersion", json!({ "stateMachineArn": MACHINE }))
    }),
    ("StateMachineAlreadyExists", |service| {
        create(service, "M", PASS, ExecutionType::Standard);
        ("CreateStateMachine", new_machine("M", WAIT))
    }),
    ("StateMachineDeleting", |service| {
        create(service, "M", WAIT, ExecutionType::Standard);
        start(service, MACHINE);
        ask(service, "DeleteStateMachine", json!({ "stateMachineArn": MACHINE })).unwrap();
        ("CreateStateMachine", new_machine("M", PASS))
    }),
    ("StateMachineDoesNotExist", |_| ("StartExecution", json!({ "stateMachineArn": MACHINE }))),
    ("StateMachineLimitExceeded", |service| {
        *service = with(|limits| limits.state_machines = 0);
        ("CreateStateMachine", new_machine("M", PASS))
    }),
    ("StateMachineTypeNotSupported", |service| {
        create(service, "M", PASS, ExecutionType::Express);
        ("ListExecutions", json!({ "stateMachineArn": MACHINE }))
    }),
    ("TaskDoesNotExist", |service| {
        let token = token(service);
        ask(service, "DeleteActivity", json!({ "activityArn": ACTIVITY })).unwrap();
        ("SendTaskHeartbeat", json!({ "taskToken": token }))
    }),
    ("TaskTimedOut", |service| {
        let token = token(service);
        let body = json!({ "taskToken": token, "output": "{}" });
        ask(service, "SendTaskSuccess", body.clone()).unwrap();
        ("SendTaskSuccess", body)
    }),
    ("TooManyTags", |_| {
        let tags: Vec<_> = (0..51).map(|i| json!({ "key": i.to_string(), "value": "" })).collect();
        ("CreateActivity", json!({ "name": "a", "tags": tags }))
    }),
    ("ValidationException", |_| ("CreateActivity", json!({ "name": "" }))),
];

#[test]
fn every_error_comes_about() {
    for (code, way) in WAYS {
        let mut service = account();
        let (operation, body) = way(&mut service);
        let error = ask(&mut service, operation, body).expect_err(code);
        assert_eq!(error.code, *code, "{error}");
        let body = Value::parse(&error.to_json()).unwrap();
        assert_eq!(body.get("__type").unwrap().as_str(), Some(*code));
    }
    let Some(path) = shared("facts/stepfunctions-2016-11-23.json") else { return };
    let model = Value::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let shapes = model.get("shapes").unwrap().as_object().unwrap().iter();
    let errors = shapes.filter(|(_, shape)| shape.get("exception").is_some());
    let mut errors: Vec<&str> = errors.map(|(name, _)| &**name).collect();
    errors.sort_unstable();
    let ways: Vec<&str> = WAYS.iter().map(|(code, _)| *code).collect();
    assert_eq!(ways, errors);
}

#[track_caller]
fn check(operation: &str, body: &str, code: &str, message: &str) {
    let error = call(&mut account(), START, operation, body.as_bytes()).unwrap_err();
    assert_eq!((error.code, &*error.message), (code, message));
}

#[test]
fn bodies_that_are_wrong() {
    let (serialization, validation) = ("SerializationException", "ValidationException");
    let null = "1 validation error detected: Value null at 'name' failed to satisfy constraint: \
                Member must not be null";
    check("CreateActivity", "{}", validation, null);
    check("CreateActivity", r#"{"name":null}"#, validation, null);
    let number = "NUMBER_VALUE can not be converted to a String";
    check("CreateActivity", r#"{"name":1}"#, serialization, number);
    let text = "STRING_VALUE can not be converted to an Integer";
    check("ListActivities", r#"{"maxResults":"1"}"#, serialization, text);
    let list = "Start of list found where not expected";
    check("CreateActivity", r#"{"name":[]}"#, serialization, list);
    check("CreateActivity", r#"{"name":"a","tags":"b"}"#, serialization, "Expected list or null");
    let two = "2 validation errors detected: Value '' at 'name' failed to satisfy constraint: \
               Member must have length greater than or equal to 1; Value null at 'definition' \
               failed to satisfy constraint: Member must not be null";
    let body = r#"{"name":"","roleArn":"arn:aws:iam::123456789012:role/r"}"#;
    check("CreateStateMachine", body, validation, two);
    let many = "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy \
                constraint: Member must have value less than or equal to 1000";
    check("ListActivities", r#"{"maxResults":1001}"#, validation, many);
}

#[test]
fn reasons_and_resources_are_members() {
    let error = |operation: &str, body: serde_json::Value| {
        let mut service = account();
        create(&mut service, "M", PASS, ExecutionType::Standard);
        ask(&mut service, operation, body).unwrap_err().to_json()
    };
    let labelled = json!({ "stateMachineArn": format!("{MACHINE}/L") });
    let text = error("DeleteStateMachine", labelled);
    assert!(text.contains(r#""reason":"API_DOES_NOT_SUPPORT_LABELED_ARNS""#), "{text}");
    let text = error("ListExecutions", json!({}));
    assert!(text.contains(r#""reason":"MISSING_REQUIRED_PARAMETER""#), "{text}");
    let text = error("ListTagsForResource", json!({ "resourceArn": ACTIVITY }));
    assert!(text.contains(&format!(r#""resourceName":"{ACTIVITY}""#)), "{text}");
}

#[test]
fn tokens_are_for_their_request_and_a_day() {
    let mut service = account();
    for name in ["M", "N", "O"] {
        create(&mut service, name, PASS, ExecutionType::Standard);
    }
    let first = ask(&mut service, "ListStateMachines", json!({ "maxResults": 1 })).unwrap();
    let token = first.get("nextToken").unwrap().as_str().unwrap().to_owned();
    let body = json!({ "nextToken": token });
    let day = START.plus_seconds(86_400);
    let rest = ask_at(&mut service, day, "ListStateMachines", body.clone()).unwrap();
    assert_eq!(texts(&rest, "stateMachines", "name"), ["N", "O"]);
    let late = ask_at(&mut service, day + 1, "ListStateMachines", body.clone()).unwrap_err();
    let other = ask(&mut service, "ListActivities", body).unwrap_err();
    let broken = json!({ "nextToken": format!("{token}0") });
    let broken = ask(&mut service, "ListStateMachines", broken).unwrap_err();
    assert_eq!([late.code, other.code, broken.code], ["InvalidToken"; 3]);
}
