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
    assert_eq!(error.unwrap_err().code, "StateMachineTypeNotSupported");
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
