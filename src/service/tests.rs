//! The account as the API shows it, without mocks and without a clock of its own.

use serde_json::json;

use super::*;
use crate::asl::{self, StateMachine};
use crate::engine::ExecutionStatus;
use crate::history::Failure;
use crate::value::Value;

const START: Timestamp = Timestamp(1_704_067_200_000);
const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:approve";
const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:M";

/// An account with a machine `M` of one Task state, and an activity.
fn account(resource: &str, execution_type: ExecutionType) -> Service {
    let definition = json!({ "StartAt": "T", "States": { "T": {
        "Type": "Task", "Resource": resource, "TimeoutSeconds": 300, "End": true,
    } } });
    let machine: StateMachine = asl::parse_text("m", &definition.to_string()).0.unwrap();
    let mut service = Service::new(Account::default());
    let operation = Operation::CreateStateMachine {
        name: "M".into(),
        machine: Arc::new(machine),
        execution_type,
        role_arn: "role".into(),
    };
    service.handle(START, operation).unwrap();
    service.handle(START, Operation::CreateActivity { name: "approve".into() }).unwrap();
    service
}

fn start(service: &mut Service, name: &str, input: i32) -> Result<ExecutionId, ApiError> {
    let operation = Operation::StartExecution {
        state_machine_arn: MACHINE.into(),
        name: Some(name.into()),
        input: input.into(),
    };
    match service.handle(START, operation)? {
        Response::Started(id) => Ok(id),
        other => panic!("{other:?}"),
    }
}

/// Does what the account itself can do, and returns the answers to polls.
fn settle(service: &mut Service, now: Timestamp) -> Vec<(PollId, Option<Arc<str>>)> {
    let mut polls = Vec::new();
    loop {
        match service.poll() {
            Output::Task(id, request) => assert!(service.serve(now, id, &request)),
            Output::ActivityTask(id, task) => polls.push((id, task.map(|task| task.task_token))),
            Output::Idle(_) => return polls,
            _ => {}
        }
    }
}

fn poll(service: &mut Service, now: Timestamp) -> Response {
    let operation = Operation::GetActivityTask { activity_arn: ACTIVITY.into(), worker_name: None };
    service.handle(now, operation).unwrap()
}

#[test]
fn names_and_inputs_decide_what_is_started() {
    let mut service = account(ACTIVITY, ExecutionType::Standard);
    let first = start(&mut service, "a", 1).unwrap();
    assert_eq!(start(&mut service, "a", 1), Ok(first), "idempotent while it runs");
    assert_eq!(start(&mut service, "a", 2).unwrap_err().code, "ExecutionAlreadyExists");
    let execution_arn = service.execution(first).arn.clone();
    let failure = Failure::default();
    let stop = Operation::StopExecution { execution_arn, failure };
    assert!(
        matches!(service.handle(START + 5, stop.clone()), Ok(Response::Stopped(at)) if at == START + 5)
    );
    assert!(
        matches!(service.handle(START + 9, stop), Ok(Response::Stopped(at)) if at == START + 5)
    );
    assert_eq!(start(&mut service, "a", 1).unwrap_err().code, "ExecutionAlreadyExists");
    assert_eq!(start(&mut service, "b c", 1).unwrap_err().code, "InvalidName");
    assert_eq!(start(&mut service, &"x".repeat(81), 1).unwrap_err().code, "InvalidName");
}

#[test]
fn what_does_not_exist_is_named() {
    let mut service = account(ACTIVITY, ExecutionType::Standard);
    let code = |result: Result<Response, ApiError>| result.unwrap_err().to_string();
    let missing: Arc<str> = "arn:aws:states:us-east-1:123456789012:x:y".into();
    let (state_machine_arn, name) = (missing.clone(), None);
    let operation = Operation::StartExecution { state_machine_arn, name, input: Value::Null };
    assert_eq!(
        code(service.handle(START, operation)),
        format!("StateMachineDoesNotExist: State Machine Does Not Exist: '{missing}'")
    );
    let operation =
        Operation::StopExecution { execution_arn: missing.clone(), failure: Failure::default() };
    assert_eq!(
        code(service.handle(START, operation)),
        format!("ExecutionDoesNotExist: Execution Does Not Exist: '{missing}'")
    );
    let operation = Operation::GetActivityTask { activity_arn: missing.clone(), worker_name: None };
    assert_eq!(
        code(service.handle(START, operation)),
        format!("ActivityDoesNotExist: Activity Does Not Exist: '{missing}'")
    );
    let operation = Operation::SendTaskHeartbeat { task_token: missing };
    assert_eq!(
        code(service.handle(START, operation)),
        "InvalidToken: Invalid Token: 'Invalid token'"
    );
}

#[test]
fn a_worker_that_waits_gets_the_next_task() {
    let mut service = account(ACTIVITY, ExecutionType::Standard);
    let Response::Polling(id) = poll(&mut service, START) else { panic!("there is no task yet") };
    let execution = start(&mut service, "a", 7).unwrap();
    let polls = settle(&mut service, START);
    let [(answered, Some(token))] = &polls[..] else { panic!("{polls:?}") };
    assert_eq!(*answered, id);
    let operation = Operation::SendTaskSuccess { task_token: token.clone(), output: "done".into() };
    service.handle(START + 1_000, operation.clone()).unwrap();
    settle(&mut service, START + 1_000);
    assert_eq!(service.execution(execution).execution.status(), ExecutionStatus::Succeeded);
    let error = service.handle(START + 2_000, operation).unwrap_err();
    assert_eq!(
        error.to_string(),
        "TaskTimedOut: Task Timed Out: 'Provided task does not exist anymore'"
    );
}

#[test]
fn a_poll_ends_after_a_minute() {
    let mut service = account(ACTIVITY, ExecutionType::Standard);
    let Response::Polling(id) = poll(&mut service, START) else { panic!("there is no task yet") };
    let minute = START.plus_seconds(60);
    assert!(matches!(service.poll(), Output::Idle(Some(at)) if at == minute));
    service.handle_timeout(minute);
    assert_eq!(settle(&mut service, minute), [(id, None)]);
    assert!(matches!(service.poll(), Output::Idle(None)));
}

#[test]
fn tasks_are_taken_in_order_and_those_that_ended_are_not() {
    let mut service = account(ACTIVITY, ExecutionType::Standard);
    let ids: Vec<ExecutionId> =
        ["a", "b", "c"].iter().map(|name| start(&mut service, name, 1).unwrap()).collect();
    settle(&mut service, START);
    let execution_arn = service.execution(ids[0]).arn.clone();
    let failure = Failure::default();
    service.handle(START, Operation::StopExecution { execution_arn, failure }).unwrap();
    settle(&mut service, START);
    let taken = |service: &mut Service| match poll(service, START) {
        Response::ActivityTask(task) => Some(task.execution),
        _ => None,
    };
    assert_eq!(taken(&mut service), Some(ids[1]));
    assert_eq!(taken(&mut service), Some(ids[2]));
    assert_eq!(taken(&mut service), None);
}

#[test]
fn express_executions_have_arns_of_their_own_and_cannot_be_stopped() {
    let lambda = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let mut service = account(lambda, ExecutionType::Express);
    let first = start(&mut service, "a", 1).unwrap();
    let second = start(&mut service, "a", 1).unwrap();
    assert_ne!(first, second, "Express executions are not idempotent");
    let execution_arn = service.execution(first).arn.clone();
    assert!(execution_arn.starts_with("arn:aws:states:us-east-1:123456789012:express:M:a:"));
    let failure = Failure::default();
    let error = service.handle(START, Operation::StopExecution { execution_arn, failure });
    assert_eq!(error.unwrap_err().code, "InvalidArn");
}

#[test]
fn a_task_of_another_service_is_left_to_the_driver() {
    let lambda = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let mut service = account(lambda, ExecutionType::Standard);
    let id = start(&mut service, "a", 1).unwrap();
    let request = loop {
        match service.poll() {
            Output::Task(_, request) => break request,
            Output::Idle(_) => panic!("the task was never requested"),
            _ => {}
        }
    };
    assert!(!service.serve(START, id, &request));
    let succeeded = Input::TaskSucceeded { task: request.task, output: 2.into() };
    service.tell(START + 10, id, succeeded.clone()).unwrap();
    assert!(service.tell(START + 20, id, succeeded).is_err(), "it is over");
}

fn redrive(
    service: &mut Service,
    now: Timestamp,
    arn: &str,
    token: &str,
) -> Result<Timestamp, ApiError> {
    let client_token = Some(token.into());
    let operation = Operation::RedriveExecution { execution_arn: arn.into(), client_token };
    match service.handle(now, operation)? {
        Response::Redriven(at) => Ok(at),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_redrive_goes_on_with_the_same_execution() {
    let mut service = account(ACTIVITY, ExecutionType::Standard);
    let id = start(&mut service, "a", 1).unwrap();
    settle(&mut service, START);
    let arn = service.execution(id).arn.clone();
    let refused = redrive(&mut service, START, &arn, "t").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "ExecutionNotRedrivable: Execution Not Redrivable: 'Execution is RUNNING and cannot be redriven'"
    );
    let (execution_arn, failure) = (arn.clone(), Failure::default());
    service.handle(START + 5, Operation::StopExecution { execution_arn, failure }).unwrap();
    settle(&mut service, START + 5);
    assert!(!service.any_running());
    assert_eq!(service.execution(id).redrive_status(START + 5), ("REDRIVABLE", None));

    assert_eq!(redrive(&mut service, START + 9, &arn, "t"), Ok(START + 9));
    settle(&mut service, START + 9);
    assert!(service.any_running());
    assert_eq!(redrive(&mut service, START + 12, &arn, "t"), Ok(START + 9), "the same redrive");
    assert_eq!(
        redrive(&mut service, START + 12, &arn, "u").unwrap_err().code,
        "ExecutionNotRedrivable"
    );
    let described = crate::value::Value::object(
        service.execution(id).describe(START + 12, |at| Value::from(at - START)),
    );
    for (member, expected) in [
        ("redriveCount", Value::from(1)),
        ("redriveDate", Value::from(9)),
        ("redriveStatus", "NOT_REDRIVABLE".into()),
        ("status", "RUNNING".into()),
    ] {
        assert_eq!(described.get(member), Some(&expected), "{member}");
    }
    let Response::ActivityTask(task) = poll(&mut service, START + 20) else {
        panic!("a task waits")
    };
    let operation = Operation::SendTaskSuccess { task_token: task.task_token, output: 7.into() };
    service.handle(START + 21, operation).unwrap();
    settle(&mut service, START + 21);
    assert_eq!(service.execution(id).execution.status(), ExecutionStatus::Succeeded);
    let (status, reason) = service.execution(id).redrive_status(START + 21);
    assert_eq!(status, "NOT_REDRIVABLE");
    assert_eq!(reason.as_deref(), Some("Execution is SUCCEEDED and cannot be redriven"));
}

#[test]
fn express_executions_are_not_redriven() {
    let mut service =
        account("arn:aws:lambda:us-east-1:123456789012:function:f", ExecutionType::Express);
    let id = start(&mut service, "a", 1).unwrap();
    let arn = service.execution(id).arn.clone();
    assert_eq!(redrive(&mut service, START, &arn, "t").unwrap_err().code, "InvalidArn");
    assert_eq!(redrive(&mut service, START, "x", "t").unwrap_err().code, "ExecutionDoesNotExist");
}

fn version(number: u32) -> Arc<str> {
    format!("{MACHINE}:{number}").into()
}

fn publish(service: &mut Service) -> Arc<str> {
    let operation = Operation::PublishStateMachineVersion {
        state_machine_arn: MACHINE.into(),
        revision_id: None,
        description: None,
    };
    match service.handle(START, operation) {
        Ok(Response::Published { version_arn, .. }) => version_arn,
        other => panic!("{other:?}"),
    }
}

/// Gives `M` another definition.
fn update(service: &mut Service, comment: &str) {
    let definition =
        json!({ "Comment": comment, "StartAt": "S", "States": { "S": { "Type": "Succeed" } } });
    let machine = asl::parse_text("m", &definition.to_string()).0.map(Arc::new);
    let state_machine_arn = MACHINE.into();
    let operation = Operation::UpdateStateMachine { state_machine_arn, machine, role_arn: None };
    service.handle(START, operation).unwrap();
}

fn alias(service: &mut Service, name: &str, routes: &[(&str, i64)]) -> Result<Response, ApiError> {
    let routing = routes
        .iter()
        .map(|(version_arn, weight)| Route { version_arn: (*version_arn).into(), weight: *weight });
    let routing = routing.collect();
    let name = name.into();
    service.handle(START, Operation::CreateStateMachineAlias { name, description: None, routing })
}

fn start_through(service: &mut Service, arn: &str, name: &str) -> Result<ExecutionId, ApiError> {
    let (state_machine_arn, name) = (arn.into(), Some(name.into()));
    let input = Value::Null;
    match service.handle(START, Operation::StartExecution { state_machine_arn, name, input })? {
        Response::Started(id) => Ok(id),
        other => panic!("{other:?}"),
    }
}

/// `sfn_api_versioning.*`
#[test]
fn versions_are_numbered_once_and_published_once_per_revision() {
    let mut service = account(ACTIVITY, ExecutionType::Standard);
    assert_eq!(publish(&mut service), version(1));
    assert_eq!(publish(&mut service), version(1), "the same revision");
    update(&mut service, "second");
    assert_eq!(publish(&mut service), version(2));
    update(&mut service, "second");
    assert_eq!(publish(&mut service), version(2), "an update without a change");
    for _ in 0..2 {
        let operation = Operation::DeleteStateMachineVersion { version_arn: version(2) };
        assert!(matches!(service.handle(START, operation), Ok(Response::Empty)));
    }
    assert_eq!(publish(&mut service), version(3));
    let listed: Vec<_> = service.versions(MACHINE).map(|version| version.arn.clone()).collect();
    assert_eq!(listed, [version(3), version(1)]);
    let operation = Operation::PublishStateMachineVersion {
        state_machine_arn: MACHINE.into(),
        revision_id: Some("other".into()),
        description: None,
    };
    assert_eq!(service.handle(START, operation).unwrap_err().code, "ConflictException");
    assert_eq!(
        start_through(&mut service, &version(2), "e").unwrap_err().to_string(),
        format!("StateMachineDoesNotExist: State Machine Does Not Exist: '{}'", version(2))
    );
}

/// `sfn_api_aliasing.base_lifecycle_create_invoke_describe_list`
#[test]
fn executions_know_the_version_and_the_alias_that_started_them() {
    let mut service = account(ACTIVITY, ExecutionType::Standard);
    let first = publish(&mut service);
    update(&mut service, "second");
    let routes = [(&*first, 100)];
    for _ in 0..2 {
        assert!(matches!(alias(&mut service, "PROD", &routes), Ok(Response::AliasCreated { .. })));
    }
    let prod = format!("{MACHINE}:PROD");
    for (arn, alias_arn, version_arn) in [
        (&*prod, Some(&*prod), Some(&*first)),
        (&*first, None, Some(&*first)),
        (MACHINE, None, None),
    ] {
        let name = format!("e{}", arn.len());
        let id = start_through(&mut service, arn, &name).unwrap();
        let record = service.execution(id);
        let start = record.execution.start_parameters();
        assert_eq!(
            *record.arn,
            *format!("{}:{name}", MACHINE.replace("stateMachine", "execution"))
        );
        assert_eq!(*start.state_machine_arn, *MACHINE);
        assert_eq!(start.state_machine_alias_arn.as_deref(), alias_arn);
        assert_eq!(start.state_machine_version_arn.as_deref(), version_arn);
        let is_first = record.machine.machine.comment.is_none();
        assert_eq!(is_first, version_arn.is_some(), "the definition is that of the version");
    }
    let operation = Operation::DeleteStateMachineVersion { version_arn: first };
    assert_eq!(
        service.handle(START, operation).unwrap_err().to_string(),
        "ConflictException: Version to be deleted must not be referenced by an alias. Current list \
         of aliases referencing this version: [PROD]"
    );
    service
        .handle(START, Operation::DeleteStateMachineAlias { alias_arn: prod.as_str().into() })
        .unwrap();
    assert_eq!(
        start_through(&mut service, &prod, "x").unwrap_err().code,
        "StateMachineDoesNotExist"
    );
}

#[test]
fn an_alias_shares_its_executions_out_by_weight() {
    let shares = |seed: i64| {
        let mut service = account(ACTIVITY, ExecutionType::Standard);
        service.entropy = Entropy::new(seed);
        let first = publish(&mut service);
        update(&mut service, "second");
        let second = publish(&mut service);
        alias(&mut service, "PROD", &[(&first, 80), (&second, 20)]).unwrap();
        let started = (0..200).map(|i| {
            let id =
                start_through(&mut service, &format!("{MACHINE}:PROD"), &format!("e{i}")).unwrap();
            service.execution(id).execution.start_parameters().state_machine_version_arn.clone()
        });
        started.map(|version| version.as_deref() == Some(&*first)).collect::<Vec<_>>()
    };
    let to_first = shares(1).into_iter().filter(|first| *first).count();
    assert!((140..=180).contains(&to_first), "{to_first}");
    assert_eq!(shares(1), shares(1), "seeded");
    assert_ne!(shares(1), shares(2));
}

/// `sfn_api_aliasing.error_create_alias_invalid_router_configs`
#[test]
fn routing_is_refused_in_the_words_of_the_service() {
    let mut service = account(ACTIVITY, ExecutionType::Standard);
    publish(&mut service);
    update(&mut service, "second");
    publish(&mut service);
    let (one, two) = (format!("{MACHINE}:1"), format!("{MACHINE}:2"));
    let item = |arn: &str, weight: i64| {
        format!("RoutingConfigurationListItem(stateMachineVersionArn={arn}, weight={weight})")
    };
    let cases: [(&[(&str, i64)], String); 6] = [
        (
            &[(&one, 50), (&two, 30), (&one, 20)],
            format!(
                "1 validation error detected: Value '[{}, {}, {}]' at 'routingConfiguration' failed \
                 to satisfy constraint: Member must have length less than or equal to 2",
                item(&one, 50), item(&two, 30), item(&one, 20)
            ),
        ),
        (
            &[(&one, 50), (&one, 50)],
            format!("Routing configuration must contain distinct state machine version ARNs. Received: [{one}, {one}]"),
        ),
        (
            &[(MACHINE, 70), (&two, 30)],
            format!("Routing configuration must contain state machine version ARNs. Received: [{MACHINE}, {two}]"),
        ),
        (
            &[(&one, 101)],
            "1 validation error detected: Value '101' at 'routingConfiguration.1.member.weight' failed to \
             satisfy constraint: Member must have value less than or equal to 100".to_owned(),
        ),
        (&[(&one, 70), (&two, 29)], "Sum of routing configuration weights must equal 100. Received: [70, 29]".to_owned()),
        (&[(&one, 70), (&two, 31)], "Sum of routing configuration weights must equal 100. Received: [70, 31]".to_owned()),
    ];
    for (routes, expected) in cases {
        let refused = alias(&mut service, "A", routes).unwrap_err();
        assert_eq!(refused.to_string(), format!("ValidationException: {expected}"));
    }
    assert_eq!(alias(&mut service, "7", &[(&one, 100)]).unwrap_err().code, "InvalidName");
    let missing = format!("{MACHINE}:9");
    assert_eq!(alias(&mut service, "A", &[(&missing, 100)]).unwrap_err().code, "ResourceNotFound");
}
