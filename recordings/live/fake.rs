//! A fake of the Step Functions API, and of CloudTrail, that answers as it is told, also badly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// A request, and how many there were of its operation, itself included.
pub struct Request {
    pub operation: String,
    pub body: Value,
    pub number: usize,
}

impl Request {
    pub fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }
}

/// What the fake does with a request.
pub enum Act {
    /// Answers this text with status 200.
    Text(String),
    /// Refuses: the error's name and its message.
    Error(&'static str, String),
    /// Answers a page for people.
    Html(u16),
    /// Promises more than it sends.
    BreakOff,
    /// Never answers.
    Hang,
}

/// A running fake.
pub struct Fake {
    pub url: String,
    log: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Fake {
    pub fn start(answer: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let log: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let (answer, seen) = (Arc::new(answer), log.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, seen) = (answer.clone(), seen.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &*answer, &seen));
            }
        });
        Self { url, log }
    }

    /// The members of the requests of an operation, in their order.
    pub fn asked(&self, operation: &str, member: &str) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let own = log.iter().filter(|(name, _)| name == operation);
        own.map(|(_, body)| body[member].as_str().unwrap_or_default().to_owned()).collect()
    }
}

fn serve(stream: TcpStream, answer: &dyn Fn(&Request) -> Act, log: &Mutex<Vec<(String, Value)>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut operation, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            match &*name.to_ascii_lowercase() {
                "x-amz-target" => operation = value.rsplit('.').next().unwrap().to_owned(),
                "content-length" => length = value.parse().unwrap(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let number = {
            let mut log = log.lock().unwrap();
            log.push((operation.clone(), body.clone()));
            log.iter().filter(|(name, _)| *name == operation).count()
        };
        let act = answer(&Request { operation, body, number });
        let (status, kind, text, more) = match act {
            Act::Text(text) => (200, "application/x-amz-json-1.0", text, 0),
            Act::Error(code, message) => {
                let text = json!({ "__type": code, "message": message }).to_string();
                (400, "application/x-amz-json-1.0", text, 0)
            }
            Act::Html(status) => (status, "text/html", "<html><h1>Log in</h1>".to_owned(), 0),
            Act::BreakOff => (200, "application/x-amz-json-1.0", "{\"events\": [".to_owned(), 500),
            // Until the client goes away.
            Act::Hang => {
                let _ = reader.read(&mut [0]);
                return;
            }
        };
        let sent = write!(
            stream,
            "HTTP/1.1 {status} Status\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{text}",
            text.len() + more
        );
        if sent.is_err() || more > 0 {
            return;
        }
    }
}

pub const MACHINE: &str = "arn:aws:states:eu-west-1:210987654321:stateMachine:Orders";
pub const DEFINITION: &str =
    r#"{"StartAt": "Check", "States": {"Check": {"Type": "Pass", "End": true}}}"#;

/// The ARN of an execution of the machine.
pub fn arn(name: &str) -> String {
    format!("arn:aws:states:eu-west-1:210987654321:execution:Orders:{name}")
}

/// When the execution with this number started, in seconds since 1970.
pub fn start_of(number: usize) -> f64 {
    1_714_637_700.25 + 60.0 * number as f64
}

/// An account with one machine and so many executions, named `o-1`, `o-2`, …, the last one
/// started last. Histories come in two pages, lists in pages of 7.
pub struct Account {
    pub executions: usize,
    /// The input of every execution: JSON text.
    pub input: String,
}

impl Account {
    pub fn of(executions: usize) -> Self {
        Self { executions, input: r#"{"n":1.50}"#.into() }
    }

    /// What the service answers.
    pub fn answer(&self, request: &Request) -> Act {
        let arn = request.text("executionArn");
        let number = number_of(arn).filter(|number| (1..=self.executions).contains(number));
        let answer = match &*request.operation {
            "ListStateMachines" => {
                json!({ "stateMachines": [{ "stateMachineArn": MACHINE, "name": "Orders", "type": "STANDARD" }] })
            }
            "ListExecutions" => self.list(request),
            "LookupEvents" => self.trail(request),
            _ if number.is_none() => {
                let message = format!("Execution Does Not Exist: '{arn}'");
                return Act::Error("ExecutionDoesNotExist", message);
            }
            "DescribeExecution" => self.describe(number.unwrap()),
            "DescribeStateMachineForExecution" => json!({
                "stateMachineArn": MACHINE, "name": "Orders", "definition": DEFINITION,
                "roleArn": "arn:aws:iam::210987654321:role/R", "updateDate": 1_700_000_000.0,
            }),
            "GetExecutionHistory" => return Act::Text(self.page(request)),
            other => return Act::Error("UnknownOperationException", other.to_owned()),
        };
        Act::Text(answer.to_string())
    }

    fn describe(&self, number: usize) -> Value {
        json!({
            "executionArn": arn(&format!("o-{number}")), "stateMachineArn": MACHINE,
            "name": format!("o-{number}"), "status": status_of(number),
            "startDate": start_of(number), "stopDate": start_of(number) + 1.0,
            "input": self.input, "member of tomorrow": { "x": 1 },
        })
    }

    fn list(&self, request: &Request) -> Value {
        let wanted = request.text("statusFilter");
        let mut numbers: Vec<usize> = (1..=self.executions).rev().collect();
        numbers.retain(|number| wanted.is_empty() || status_of(*number) == wanted);
        let from: usize = request.text("nextToken").parse().unwrap_or(0);
        let items: Vec<Value> =
            numbers.iter().skip(from).take(7).map(|n| self.describe(*n)).collect();
        match from + 7 < numbers.len() {
            true => json!({ "executions": items, "nextToken": (from + 7).to_string() }),
            false => json!({ "executions": items }),
        }
    }

    fn trail(&self, request: &Request) -> Value {
        let from: usize = request.text("NextToken").parse().unwrap_or(0);
        let event = |number: usize| {
            let record = json!({
                "eventSource": "states.amazonaws.com", "eventName": "StartExecution",
                "eventTime": "2024-05-02T08:15:00Z",
                "userIdentity": { "arn": "arn:aws:sts::210987654321:assumed-role/Shop/web" },
                "requestParameters": { "stateMachineArn": MACHINE, "name": format!("o-{number}") },
                "responseElements": { "executionArn": arn(&format!("o-{number}")) },
            });
            json!({ "EventName": "StartExecution", "CloudTrailEvent": record.to_string() })
        };
        let numbers = (1..=self.executions).rev().skip(from).take(7);
        let events: Vec<Value> = numbers.map(event).collect();
        match from + 7 < self.executions {
            true => json!({ "Events": events, "NextToken": (from + 7).to_string() }),
            false => json!({ "Events": events }),
        }
    }

    /// A page of the history, as text: digits and unknown members as the service writes them.
    fn page(&self, request: &Request) -> String {
        let number = number_of(request.text("executionArn")).unwrap_or_default();
        let at = |seconds: f64| format!("{:.3}", start_of(number) + seconds);
        let input = serde_json::to_string(&self.input).unwrap();
        let failed = status_of(number) == "FAILED";
        let last = match failed {
            true => r#""type":"ExecutionFailed","id":4,"previousEventId":3,"executionFailedEventDetails":{"error":"States.Runtime"}"#.to_owned(),
            false => format!(r#""type":"ExecutionSucceeded","id":4,"previousEventId":3,"executionSucceededEventDetails":{{"output":{input}}}"#),
        };
        match request.text("nextToken") {
            "" => format!(
                r#"{{"events":[{{"timestamp":{},"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{{"input":{input},"inputDetails":{{"truncated":false}},"roleArn":"arn:aws:iam::210987654321:role/R"}}}},{{"timestamp":{},"type":"PassStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{{"name":"Check","input":{input},"inputDetails":{{"truncated":false}}}}}}],"nextToken":"second"}}"#,
                at(0.0),
                at(0.25)
            ),
            _ => format!(
                r#"{{"events":[{{"timestamp":{},"type":"PassStateExited","id":3,"previousEventId":2,"stateExitedEventDetails":{{"name":"Check","output":{input},"outputDetails":{{"truncated":false}}}}}},{{"timestamp":{},{last}}}]}}"#,
                at(0.5),
                at(1.0)
            ),
        }
    }
}

/// Every fifth execution failed.
pub fn status_of(number: usize) -> &'static str {
    if number.is_multiple_of(5) { "FAILED" } else { "SUCCEEDED" }
}

/// The number in the name of an execution.
pub fn number_of(arn: &str) -> Option<usize> {
    arn.rsplit(":o-").next()?.parse().ok()
}
