//! What the browser looks at: a server with scenarios, long histories, large data, hostile names.

use serde_json::{Value, json};
use stepproof::scenario::Scenario;
use stepproof::server::{ClockMode, Options, Server};
use stepproof::time::Timestamp;

use super::browser::http;
use crate::{read, root};

/// Scenarios of the repository whose cases run on the server.
const SCENARIOS: &[&str] = &[
    "job-poller",
    "catch-error",
    "parallel",
    "map-over-lambda",
    "retry-failure",
    "callback-pattern",
];

/// The name that must not become anything else than text.
pub const HOSTILE: &str = "<script>window.hacked = 1</script>\"' onload=hacked()";

const LOOP: &str = r#"{"StartAt": "Count", "States": {
  "Count": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Enough?"},
  "Enough?": {"Type": "Choice", "Default": "Count", "Choices": [
    {"Variable": "$.n", "NumericGreaterThan": 6000, "Next": "Done"}]},
  "Done": {"Type": "Succeed"}}}"#;

const BULK: &str = r#"{"StartAt": "Each", "States": {"Each": {
  "Type": "Map", "ToleratedFailurePercentage": 100, "MaxConcurrency": 5, "End": true,
  "ItemProcessor": {
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Three?",
    "States": {
      "Three?": {"Type": "Choice", "Default": "Good", "Choices": [
        {"Variable": "$", "NumericEquals": 3, "Next": "Bad"}]},
      "Bad": {"Type": "Fail", "Error": "Three", "Cause": "{\"item\": 3}"},
      "Good": {"Type": "Pass", "End": true}}}}}}"#;

/// A server and what runs on it.
pub struct Account {
    server: Server,
    /// Names and addresses of its pages.
    pages: Vec<(String, String)>,
    /// The execution that waits for an answer, and its task's token.
    pub waiting: (String, String),
    /// An execution with a Parallel.
    pub parallel: String,
}

impl Account {
    pub fn start() -> Result<Self, String> {
        let mut scenarios = Vec::new();
        for name in SCENARIOS {
            let folder = root().join("scenarios/passing").join(name);
            let path = folder.join(format!("{name}.scenario.yaml"));
            let mut scenario = Scenario::load(&path).map_err(|problems| {
                let messages = problems.iter().map(|problem| format!("{}\n", problem.message));
                messages.collect::<String>()
            })?;
            for case in &mut scenario.cases {
                case.state_machine_name = (*name).into();
            }
            scenarios.push(scenario);
        }
        let start = Timestamp::parse("2024-01-01T00:00:00Z").unwrap_or_default();
        let clock = ClockMode::Virtual { start };
        let options = Options { clock, scenarios: scenarios.clone(), ..Options::default() };
        let server = Server::start(options).map_err(|error| error.to_string())?;
        let (pages, waiting) = (Vec::new(), (String::new(), String::new()));
        let mut account = Self { server, pages, waiting, parallel: String::new() };
        for (name, scenario) in SCENARIOS.iter().zip(&scenarios) {
            account.run_scenario(name, scenario)?;
        }
        account.run_others()?;
        Ok(account)
    }

    /// Makes the machine of a scenario and starts its cases.
    fn run_scenario(&mut self, name: &str, scenario: &Scenario) -> Result<(), String> {
        let folder = root().join("scenarios/passing").join(name);
        let machine = self.create(name, &read(&folder.join("state-machine.asl.json"))?)?;
        self.add(&format!("machine {name}"), "/machine", &machine);
        for (number, case) in scenario.cases.iter().enumerate() {
            let arn = format!("{machine}#{}", case.name);
            let execution = self.execute(&arn, &format!("case-{number}"), &case.input.to_json())?;
            if number < 3 {
                self.add(&format!("execution {name} {number}"), "/execution", &execution);
            }
            if name == "parallel" && number == 0 {
                self.parallel = execution;
            }
        }
        Ok(())
    }

    fn run_others(&mut self) -> Result<(), String> {
        self.pages.push(("home".to_owned(), "/".to_owned()));
        self.pages.push(("executions".to_owned(), "/executions".to_owned()));
        let machine = self.create("loop", LOOP)?;
        let long = self.execute(&machine, "long", "{\"n\": 0}")?;
        self.add("long history", "/execution", &long);
        let input = json!({ "n": 9999, "text": "</pre>&<b>".repeat(20_000) }).to_string();
        let large = self.execute(&machine, "large", &input)?;
        self.add("large input", "/execution", &large);
        self.pages.push(("large event".to_owned(), address("/event", &large) + "&id=1"));
        for number in 0..250 {
            self.execute(&machine, &format!("one-of-many-{number}"), "{\"n\": 9999}")?;
        }
        self.add("many executions", "/machine", &machine);
        let bulk = self.create("bulk", BULK)?;
        let items = json!((0..30).collect::<Vec<i32>>()).to_string();
        let execution = self.execute(&bulk, "bulk", &items)?;
        self.add("distributed Map", "/execution", &execution);
        let runs = self.call("ListMapRuns", &json!({ "executionArn": execution }))?;
        let run = runs["mapRuns"][0]["mapRunArn"].as_str().unwrap_or_default().to_owned();
        self.add("Map Run", "/map-run", &run);
        let children = self.call("ListExecutions", &json!({ "mapRunArn": run }))?;
        let child = children["executions"][0]["executionArn"].as_str().unwrap_or_default();
        self.add("child of a Map Run", "/execution", child);
        self.run_hostile()?;
        self.run_versions()?;
        self.run_waiting()
    }

    /// Names and data that want to be more than text.
    fn run_hostile(&mut self) -> Result<(), String> {
        let (long, result) = ("x".repeat(80), json!({ HOSTILE: ["</pre>", HOSTILE] }));
        let definition = json!({ "Comment": HOSTILE, "StartAt": HOSTILE, "States": {
            HOSTILE: { "Type": "Pass", "Result": result, "Next": long },
            "x".repeat(80): { "Type": "Fail", "Error": HOSTILE, "Cause": HOSTILE },
        }});
        let machine = self.create(
            "it's=(hostile)-with-a-name-that-goes-on-and-on-to-eighty-letters",
            &definition.to_string(),
        )?;
        self.add("hostile machine", "/machine", &machine);
        let input = json!({ HOSTILE: "<img src=x onerror=hacked()>" }).to_string();
        let execution = self.execute(&machine, "o'(x)=@!+", &input)?;
        self.add("hostile execution", "/execution", &execution);
        Ok(())
    }

    fn run_versions(&mut self) -> Result<(), String> {
        let machine = self
            .create("versions", r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#)?;
        let published = self.call(
            "PublishStateMachineVersion",
            &json!({ "stateMachineArn": machine, "description": "the first" }),
        )?;
        let version = published["stateMachineVersionArn"].as_str().unwrap_or_default().to_owned();
        let route = json!([{ "stateMachineVersionArn": version, "weight": 100 }]);
        self.call(
            "CreateStateMachineAlias",
            &json!({ "name": "LIVE", "routingConfiguration": route }),
        )?;
        self.execute(&format!("{machine}:LIVE"), "through-an-alias", "{}")?;
        self.add("versions", "/machine", &machine);
        self.add("one version", "/machine", &version);
        Ok(())
    }

    /// An execution that waits for a worker.
    fn run_waiting(&mut self) -> Result<(), String> {
        let activity = self.call("CreateActivity", &json!({ "name": "approve" }))?;
        let activity = activity["activityArn"].as_str().unwrap_or_default().to_owned();
        let definition = json!({ "StartAt": "Ask", "States": {
            "Ask": { "Type": "Task", "Resource": activity, "Next": "Thank" },
            "Thank": { "Type": "Pass", "Result": "thanks", "End": true },
        }});
        let machine = self.create("approval", &definition.to_string())?;
        let execution = self.execute(&machine, "waits", "{\"question\": \"May I?\"}")?;
        let task = self.call(
            "GetActivityTask",
            &json!({ "activityArn": activity, "workerName": "a worker" }),
        )?;
        let token = task["taskToken"].as_str().unwrap_or_default().to_owned();
        self.add("running execution", "/execution", &execution);
        self.pages.push(("activities".to_owned(), "/activities".to_owned()));
        self.pages.push(("nothing".to_owned(), "/find?what=nothing".to_owned()));
        self.waiting = (execution, token);
        Ok(())
    }

    fn add(&mut self, name: &str, path: &str, arn: &str) {
        self.pages.push((name.to_owned(), address(path, arn)));
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Names and addresses of pages of every kind.
    pub fn pages(&self) -> Vec<(String, String)> {
        self.pages.clone()
    }

    fn create(&self, name: &str, definition: &str) -> Result<String, String> {
        let role = "arn:aws:iam::123456789012:role/any";
        let body = json!({ "name": name, "definition": definition, "roleArn": role });
        let created = self.call("CreateStateMachine", &body)?;
        Ok(created["stateMachineArn"].as_str().unwrap_or_default().to_owned())
    }

    fn execute(&self, machine: &str, name: &str, input: &str) -> Result<String, String> {
        let body = json!({ "stateMachineArn": machine, "name": name, "input": input });
        let started = self.call("StartExecution", &body)?;
        Ok(started["executionArn"].as_str().unwrap_or_default().to_owned())
    }

    /// A call of the API.
    pub fn call(&self, operation: &str, body: &Value) -> Result<Value, String> {
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/x-amz-json-1.0\r\n\
             x-amz-target: AWSStepFunctions.{operation}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = http(self.server.address().port(), &request)
            .map_err(|error| format!("{operation}: {error}"))?;
        let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        match answer["__type"].as_str() {
            Some(error) => Err(format!("{operation}: {error}: {}", answer["message"])),
            None => Ok(answer),
        }
    }
}

/// The address of the page about this ARN.
pub fn address(path: &str, arn: &str) -> String {
    let mut encoded = String::new();
    for byte in arn.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b':' => encoded.push(char::from(byte)),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("{path}?arn={encoded}")
}
