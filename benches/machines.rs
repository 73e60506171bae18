//! The state machines that the benches run, and the shortest driver that runs them.

#![expect(dead_code, reason = "each bench uses some of these")]

use std::sync::Arc;

use serde_json::{Value as Json, json};
use stepproof::asl::{ExecutionType, StateMachine, parse_text};
use stepproof::engine::{Execution, Input, Output, Start};
use stepproof::history::{History, HistoryEvent, TimestampForm};
use stepproof::limits::Limits;
use stepproof::mock::Mock;
use stepproof::sim::Simulation;
use stepproof::time::Timestamp;
use stepproof::value::Value;

/// A state machine with an input.
pub struct Job {
    machine: Arc<StateMachine>,
    input: Value,
    limits: Limits,
}

impl Job {
    fn new(definition: &Json, input: Json) -> Self {
        let text = definition.to_string();
        let (machine, problems) = parse_text("definition.json", &text);
        let machine = machine.unwrap_or_else(|| panic!("{problems:?}"));
        // Some figures are about more events than AWS allows.
        let limits = Limits { history_events: 1_000_000, ..Limits::today() };
        Self { machine: Arc::new(machine), input: input.into(), limits }
    }

    /// The same as a simulation: the virtual clock, the account and its mocks around the engine.
    pub fn simulation(&self) -> Simulation {
        let answer = Mock::returns(json!({ "done": true }));
        Simulation::new(self.machine.clone()).input(self.input.clone()).mock("Call", answer)
    }

    /// One run's history, as `aws stepfunctions get-execution-history` prints it.
    pub fn recorded(&self) -> String {
        History { events: self.run() }.to_json(TimestampForm::Text)
    }

    /// How many events one run has.
    pub fn events(&self) -> u64 {
        self.run().len() as u64
    }

    /// One execution from start to end; each task is answered at once with a small object.
    pub fn run(&self) -> Vec<HistoryEvent> {
        let mut now = Timestamp::EPOCH;
        let answer = Value::from(json!({ "done": true }));
        let mut execution = Execution::start(now, self.machine.clone(), self.start());
        loop {
            match execution.poll() {
                Output::Task(request) => {
                    let input = Input::TaskSucceeded { task: request.task, output: answer.clone() };
                    execution.handle(now, input).expect("the task is under way");
                }
                Output::Idle(Some(deadline)) => {
                    now = deadline;
                    execution.handle_timeout(now);
                }
                Output::Ended => return execution.into_history(),
                other => panic!("nothing here asks for {other:?}"),
            }
        }
    }

    fn start(&self) -> Start {
        Start {
            arn: "arn:aws:states:us-east-1:123456789012:execution:Bench:bench".into(),
            name: "bench".into(),
            state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:Bench".into(),
            state_machine_name: "Bench".into(),
            state_machine_version_arn: None,
            state_machine_alias_arn: None,
            role_arn: "arn:aws:iam::123456789012:role/bench".into(),
            region: "us-east-1".into(),
            execution_type: ExecutionType::Standard,
            synchronous: false,
            input: self.input.clone(),
            seed: 0,
            interleaving: None,
            limits: Arc::new(self.limits),
        }
    }
}

/// `states` Pass states one after the other, and an input of about `bytes` bytes.
pub fn pass_chain(states: usize, bytes: usize) -> Job {
    let mut all = serde_json::Map::new();
    for n in 0..states {
        let state = match n + 1 {
            last if last == states => json!({ "Type": "Pass", "End": true }),
            next => json!({ "Type": "Pass", "Next": format!("S{next}") }),
        };
        all.insert(format!("S{n}"), state);
    }
    Job::new(&json!({ "StartAt": "S0", "States": all }), payload(bytes))
}

/// `states` Pass states one after the other that each make a new object: a number one larger, and a
/// payload of about `bytes` bytes as it was.
pub fn template_chain(states: usize, bytes: usize, language: &str) -> Job {
    // Ten thousand states just fit into the megabyte that a definition may have.
    let mut all = serde_json::Map::new();
    for n in 0..states {
        let mut state = match language {
            "JSONata" => json!({
                "Type": "Pass",
                "Output": { "n": "{%$states.input.n+1%}", "r": "{%$states.input.r%}" },
            }),
            _ => json!({
                "Type": "Pass",
                "Parameters": { "n.$": "States.MathAdd($.n, 1)", "r.$": "$.r" },
            }),
        };
        match n + 1 {
            last if last == states => state["End"] = json!(true),
            next => state["Next"] = json!(next.to_string()),
        }
        all.insert(n.to_string(), state);
    }
    let definition = json!({ "QueryLanguage": language, "StartAt": "0", "States": all });
    Job::new(&definition, json!({ "n": 0, "r": payload(bytes) }))
}

/// A loop of a Choice and a Pass that counts with one intrinsic function.
pub fn choice_loop(rounds: usize) -> Job {
    let definition = json!({
        "StartAt": "More",
        "States": {
            "More": {
                "Type": "Choice",
                "Choices": [{ "Variable": "$.i", "NumericLessThan": rounds, "Next": "Count" }],
                "Default": "Done",
            },
            "Count": {
                "Type": "Pass",
                "Parameters": { "i.$": "States.MathAdd($.i, 1)", "rest.$": "$.rest" },
                "Next": "More",
            },
            "Done": { "Type": "Succeed" },
        },
    });
    Job::new(&definition, json!({ "i": 0, "rest": payload(1_000) }))
}

/// Tasks one after the other, each of five events, and a payload of about `bytes` bytes.
pub fn task_chain(tasks: usize, bytes: usize) -> (String, Job) {
    let mut all = serde_json::Map::new();
    for n in 0..tasks {
        let mut state = json!({
            "Type": "Task",
            "Resource": "arn:aws:lambda:us-east-1:123456789012:function:call",
            "ResultPath": "$.last",
        });
        match n + 1 {
            last if last == tasks => state["End"] = true.into(),
            next => state["Next"] = format!("T{next}").into(),
        }
        all.insert(format!("T{n}"), state);
    }
    let definition = json!({ "StartAt": "T0", "States": all });
    let job = Job::new(&definition, json!({ "rows": payload(bytes) }));
    (definition.to_string(), job)
}

/// An inline Map with one Task an item, forty at a time.
pub fn inline_map(items: usize) -> Job {
    let definition = json!({
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "MaxConcurrency": 40,
                "ItemProcessor": {
                    "StartAt": "Call",
                    "States": {
                        "Call": {
                            "Type": "Task",
                            "Resource": "arn:aws:lambda:us-east-1:123456789012:function:call",
                            "End": true,
                        },
                    },
                },
                "End": true,
            },
        },
    });
    let items: Vec<Json> = (0..items).map(|n| json!({ "n": n, "text": "an item" })).collect();
    Job::new(&definition, Json::Array(items))
}

/// JSON of about `bytes` bytes, as payloads look: objects in arrays, short strings, numbers.
pub fn payload(bytes: usize) -> Json {
    let item =
        |n: usize| json!({ "id": n, "name": "a product", "price": 19.99, "stock": [1, 2, 3] });
    let each = item(100).to_string().len() + 1;
    Json::Array((0..bytes / each).map(item).collect())
}
