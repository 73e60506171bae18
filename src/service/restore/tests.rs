//! An account that is restored again and again is the account that was never away.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::engine::FailureStage;
use crate::history::Failure;
use crate::service::journal::Change;
use crate::service::{ApiError, NewExecution, Operation, Response};
use crate::time::Timestamp;
use crate::value::Value;

const START: Timestamp = Timestamp(1_704_067_200_000);

/// The rows that are kept of an account.
#[derive(Clone, Debug, Default)]
struct Rows {
    revisions: BTreeMap<u64, Vec<u8>>,
    machines: BTreeMap<Arc<str>, Vec<u8>>,
    activities: BTreeMap<Arc<str>, Vec<u8>>,
    log: Vec<(Option<ExecutionId>, Vec<u8>)>,
    counters: Option<Vec<u8>>,
}

impl Rows {
    fn keep(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Revision(revision) => {
                    self.revisions.insert(revision.number, revision.to_bytes());
                }
                Change::Machine(arn, Some(image)) => {
                    self.machines.insert(arn, image.to_bytes());
                }
                Change::Activity(arn, Some(image)) => {
                    self.activities.insert(arn, image.to_bytes());
                }
                Change::Machine(arn, None) => {
                    self.machines.remove(&arn);
                }
                Change::Activity(arn, None) => {
                    self.activities.remove(&arn);
                }
                Change::Execution(id, op) => self.log.push((Some(id), op.to_bytes())),
                Change::Objects(op) => self.log.push((None, op.to_bytes())),
                Change::Forgotten(id) => self.log.retain(|(own, _)| *own != Some(id)),
                Change::Counters(counters) => self.counters = Some(counters.to_bytes()),
            }
        }
    }

    fn restore(&self) -> Result<Restored, RestoreError> {
        let mut restoring = Restoring::new(Account::default());
        if let Some(counters) = &self.counters {
            restoring.counters(counters)?;
        }
        for (number, row) in &self.revisions {
            restoring.revision(*number, row)?;
        }
        for (arn, row) in &self.machines {
            restoring.machine(arn, row)?;
        }
        for (arn, row) in &self.activities {
            restoring.activity(arn, row)?;
        }
        for (id, row) in &self.log {
            match id {
                Some(id) => restoring.execution(*id, row)?,
                None => restoring.objects(row)?,
            }
        }
        Ok(restoring.finish())
    }
}

/// An account with somebody who answers its tasks.
struct World {
    service: Service,
    rows: Rows,
    now: Timestamp,
    /// Tasks for somebody else.
    open: Vec<(ExecutionId, TaskId)>,
    started: Vec<ExecutionId>,
}

const MACHINES: [&str; 5] = ["branches", "mapped", "express", "outer", "worker"];

fn arn(name: &str) -> Arc<str> {
    format!("arn:aws:states:us-east-1:123456789012:stateMachine:{name}").into()
}

fn definition(name: &str) -> serde_json::Value {
    let activity = "arn:aws:states:us-east-1:123456789012:activity:a";
    let lambda = json!({ "Type": "Task", "End": true, "TimeoutSeconds": 90,
        "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "Retry": [{ "ErrorEquals": ["E"], "IntervalSeconds": 2, "MaxAttempts": 2,
            "JitterStrategy": "FULL" }] });
    let alone = |name: &str, state: serde_json::Value| {
        let mut states = json!({});
        states[name] = state;
        json!({ "StartAt": name, "States": states })
    };
    let only = |state| alone("S", state);
    let mapped = |mode: &str, inner: serde_json::Value| {
        let mut processor = alone("Inner", inner);
        processor["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED", "ExecutionType": mode });
        only(json!({ "Type": "Map", "End": true, "MaxConcurrency": 2, "ItemProcessor": processor,
            "ItemSelector": { "id.$": "States.UUID()", "n.$": "$$.Map.Item.Value" },
            "ToleratedFailureCount": 1 }))
    };
    match name {
        "branches" => {
            let mut waiting = lambda.clone();
            waiting["Resource"] = "arn:aws:states:::lambda:invoke.waitForTaskToken".into();
            waiting["Parameters"] =
                json!({ "FunctionName": "f", "Payload": { "t.$": "$$.Task.Token" } });
            waiting["HeartbeatSeconds"] = 30.into();
            let wait = json!({ "Type": "Wait", "Seconds": 5, "End": true });
            only(json!({ "Type": "Parallel", "Branches": [
                    alone("A", lambda), alone("B", wait), alone("C", waiting)
                ],
                "Catch": [{ "ErrorEquals": ["States.TaskFailed"], "Next": "Then" }], "Next": "Then"
            }))
        }
        "mapped" => mapped("STANDARD", lambda),
        "express" => mapped("EXPRESS", json!({ "Type": "Wait", "Seconds": 3, "End": true })),
        "outer" => only(json!({ "Type": "Task", "End": true,
            "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Parameters": { "StateMachineArn": &*arn("branches"), "Input": {} } })),
        _ => only(json!({ "Type": "Task", "End": true, "Resource": activity,
            "TimeoutSeconds": 60 })),
    }
}

impl World {
    fn new() -> Self {
        let mut service = Service::new(Account::default());
        service.keep_journal();
        for name in MACHINES {
            let mut definition = definition(name);
            if name == "branches" {
                definition["States"]["Then"] = json!({ "Type": "Pass", "End": true });
            }
            let text = definition.to_string();
            let (machine, problems) = crate::asl::parse_text("m", &text);
            let machine = Arc::new(machine.unwrap_or_else(|| panic!("{problems:?}")));
            let create = Operation::CreateStateMachine {
                name: name.into(),
                machine,
                execution_type: ExecutionType::Standard,
                role_arn: "arn:aws:iam::123456789012:role/r".into(),
            };
            service.handle(START, create).unwrap();
        }
        service.handle(START, Operation::CreateActivity { name: "a".into() }).unwrap();
        let rows = Rows::default();
        Self { service, rows, now: START, open: Vec::new(), started: Vec::new() }
    }

    /// Asks at most so often what the account wants, and lets executions make at most so many steps
    /// each time.
    fn poll(&mut self, times: i32, steps: i32) {
        for _ in 0..times {
            let steps = u32::try_from(steps).unwrap();
            let Some(output) = self.service.poll_some(&mut { steps }) else { continue };
            match output {
                Output::Task(id, request) => {
                    let served = self.service.serve(self.now, id, &request);
                    if !served {
                        self.open.push((id, request.task));
                    }
                }
                Output::MapRun(id, request) => {
                    self.service.run_map(self.now, id, request).unwrap();
                }
                Output::Idle(_) => return,
                _ => {}
            }
        }
    }

    fn tidy(&mut self) {
        let service = &self.service;
        self.open.retain(|(id, task)| service.execution(*id).execution.has_task(*task));
        self.open.sort_unstable();
    }

    fn answer(&mut self, draw: &mut Entropy) {
        self.tidy();
        let Ok(count) = i32::try_from(self.open.len()) else { return };
        if count == 0 {
            return;
        }
        let (id, task) = self.open[draw.next_int(count) as usize];
        let output = Value::from(i64::from(draw.next_int(100)));
        let input = match draw.next_int(6) {
            0 => Input::TaskStarted { task, worker_name: None },
            1 => Input::TaskHeartbeat { task },
            2 => {
                let failure = Failure::new("E", "why");
                Input::TaskFailed { task, stage: FailureStage::Run, failure }
            }
            3 => {
                let failure = Failure::new("F", "why");
                Input::TaskFailed { task, stage: FailureStage::Run, failure }
            }
            _ => Input::TaskSucceeded { task, output },
        };
        let _ = self.service.tell(self.now, id, input);
    }

    fn ask(&mut self, operation: Operation) -> Result<Response, ApiError> {
        self.service.handle(self.now, operation)
    }

    fn work(&mut self, draw: &mut Entropy) {
        let activity = self.service.activity_arn("a");
        let name = Some("w".into());
        let taken = self.service.take_activity_task(self.now, &activity, name).unwrap();
        let Some(task) = taken else { return };
        if draw.next_int(3) > 0 {
            let done = Operation::SendTaskSuccess { task_token: task.task_token, output: 1.into() };
            self.ask(done).unwrap();
        }
    }

    /// Does something.
    fn step(&mut self, draw: &mut Entropy) {
        match draw.next_int(12) {
            0 | 1 => {
                let name = MACHINES[draw.next_int(5) as usize];
                let input = Value::parse("[1,2,3,4]").unwrap();
                let new = NewExecution::new(arn(name), input);
                self.started.push(self.service.start_execution(self.now, new).unwrap());
            }
            2 => self.poll(draw.next_int(5), i32::MAX),
            3 => self.poll(draw.next_int(5), draw.next_int(4)),
            4 | 5 => self.poll(i32::MAX, i32::MAX),
            6 | 7 => self.answer(draw),
            8 => self.work(draw),
            9 => {
                if let Some((deadline, _)) = self.service.next_deadline() {
                    self.now = self.now.max(deadline);
                    self.service.handle_timeout(self.now);
                }
            }
            10 => self.now = self.now + i64::from(draw.next_int(3_000)),
            _ if self.started.is_empty() => {}
            _ => {
                let count = i32::try_from(self.started.len()).unwrap();
                let id = self.started[draw.next_int(count) as usize];
                let execution_arn = self.service.execution(id).arn.clone();
                let failure = Failure::default();
                // Whichever of the two it can be.
                let _ = match draw.next_int(3) {
                    0 => self.ask(Operation::StopExecution { execution_arn, failure }),
                    _ => {
                        let client_token = Some("token".into());
                        self.ask(Operation::RedriveExecution { execution_arn, client_token })
                    }
                };
            }
        }
    }

    /// Everything that can be seen of it.
    fn picture(&self) -> String {
        use std::fmt::Write as _;
        let mut picture = String::new();
        for record in self.service.executions().iter() {
            let execution = &record.execution;
            let described = Value::object(record.describe(self.now, |at| at.millis().into()));
            let tokens = &record.tokens;
            let _ = write!(picture, "{:?} {described} {tokens:?} ", record.id);
            for event in execution.history() {
                let _ = write!(picture, "\n  {event:?}");
            }
            let _ = writeln!(picture, "\n  {:?}", record.deadline);
        }
        for (id, run) in self.service.map_runs() {
            let described = run.describe(&self.service, |at| at.millis().into());
            let _ = writeln!(picture, "{id:?} {described} {:?}", run.children);
        }
        let _ = writeln!(picture, "{:?}", self.service.entropy);
        picture
    }

    fn keep(&mut self) {
        let changes = self.service.take_changes();
        self.rows.keep(changes);
    }

    /// Goes on with the account that the rows give.
    fn restart(&mut self) {
        let restored = self.rows.restore().unwrap_or_else(|error| panic!("{error}"));
        self.service = restored.service;
        self.service.keep_journal();
        self.open.clear();
        for open in restored.tasks {
            let MapRunOrTask::Task(task) = MapRunOrTask::of(&open) else { continue };
            if !self.service.resume(self.now, &open) {
                self.open.push((open.execution, task));
            }
        }
    }
}

enum MapRunOrTask {
    MapRun,
    Task(TaskId),
}

impl MapRunOrTask {
    fn of(open: &OpenTask) -> Self {
        match open.wanted {
            Wanted::Task(_) => Self::Task(open.task()),
            Wanted::MapRun(_) => Self::MapRun,
        }
    }
}

/// The account after so many steps; with `restarts`, restored after about every third.
fn run(seed: i64, steps: u32, restarts: bool) -> String {
    let mut draw = Entropy::new(seed);
    let mut world = World::new();
    for step in 0..steps {
        world.step(&mut draw);
        let restart = draw.next_int(3) == 0;
        // Whenever changes are taken, those that are not idle are noted as such.
        if draw.next_int(2) == 0 || restart {
            world.keep();
        }
        if restart {
            // What was about to be told of is told of no more.
            world.service.outbox.clear();
        }
        if restart && restarts {
            world.tidy();
            let (before, open) = (world.picture(), world.open.clone());
            world.restart();
            world.tidy();
            assert_eq!(world.picture(), before, "seed {seed}, step {step}");
            assert_eq!(world.open, open, "seed {seed}, step {step}");
        }
    }
    world.picture()
}

#[test]
fn restored_accounts_go_on_as_if_nothing_had_been() {
    let mut all = String::new();
    for seed in 0..16 {
        let undisturbed = run(seed, 150, false);
        assert_eq!(run(seed, 150, true), undisturbed, "seed {seed}");
        all.push_str(&undisturbed);
    }
    // The steps lead to whatever may stand between two restarts.
    for part in [
        "MapRunRedriven",
        "ExecutionRedriven",
        "ExecutionAborted",
        "ActivityTimedOut",
        "MapRunFailed",
        "MapRunSucceeded",
        "TaskTimedOut",
        "LambdaFunctionFailed",
        "ActivitySucceeded",
    ] {
        assert!(all.contains(part), "{part}");
    }
}

#[test]
fn what_went_another_way_is_told() {
    let mut world = World::new();
    let new = NewExecution::new(arn("worker"), Value::Null);
    let id = world.service.start_execution(START, new).unwrap();
    world.poll(i32::MAX, i32::MAX);
    world.keep();
    let row = Op(OpKind::Told(START, Input::TaskHeartbeat { task: 99 })).to_bytes();
    world.rows.log.push((Some(id), row));
    let error = world.rows.restore().unwrap_err();
    assert!(matches!(error, RestoreError::Diverged { .. }), "{error}");
    let (_, row) = world.rows.log.last_mut().unwrap();
    row.pop();
    let error = world.rows.restore().unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
}
