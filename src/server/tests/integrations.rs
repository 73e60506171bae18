//! What Tasks are answered with: mock files, and services at their endpoints.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::*;
use crate::mock::config_file::MockConfig;
use crate::server::{ClockMode, Endpoints, HttpConnections, Key, Retain};
use crate::time::Timestamp;

const MOCKS: &str = r#"{
  "StateMachines": { "Order": { "TestCases": {
    "Retry": { "Charge": "Throttled" },
    "Happy": { "Charge": "Charged" }
  } } },
  "MockedResponses": {
    "Charged": { "0": { "Return": { "receipt": "r-1" } } },
    "Throttled": {
      "0-1": { "Throw": { "Error": "E", "Cause": "c" } },
      "2": { "Return": { "receipt": "r-3" } }
    }
  }
}"#;

fn virtual_clock() -> Options {
    let start = Timestamp::parse("2024-01-01T00:00:00Z").expect("a time");
    Options { clock: ClockMode::Virtual { start }, ..Options::default() }
}

/// Creates a machine called `Order` with one Task; its ARN.
fn create(server: &Server, task: &serde_json::Value) -> String {
    let mut task = task.clone();
    task["Type"] = "Task".into();
    task["End"] = true.into();
    let definition = json!({ "StartAt": "Charge", "States": { "Charge": task } }).to_string();
    let body = json!({ "name": "Order", "definition": definition,
        "roleArn": "arn:aws:iam::123456789012:role/r" });
    let (status, answer) = call(server, "CreateStateMachine", &body.to_string());
    assert_eq!(status, 200, "{answer}");
    text(&answer, "stateMachineArn").to_owned()
}

/// Gives the server, which has threads of its own, time to get on.
#[expect(clippy::disallowed_methods, reason = "what is waited for happens in real time")]
fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// Starts a machine and waits for its end.
fn outcome(server: &Server, arn: &str, input: &serde_json::Value) -> Value {
    let body = json!({ "stateMachineArn": arn, "input": input.to_string() }).to_string();
    let (status, started) = call(server, "StartExecution", &body);
    assert_eq!(status, 200, "{started}");
    let body = json!({ "executionArn": text(&started, "executionArn") }).to_string();
    for _ in 0..200 {
        let (_, execution) = call(server, "DescribeExecution", &body);
        if text(&execution, "status") != "RUNNING" {
            return execution;
        }
        pause(25);
    }
    panic!("the execution does not end");
}

fn output(execution: &Value) -> serde_json::Value {
    let cause = || execution.to_string();
    assert_eq!(text(execution, "status"), "SUCCEEDED", "{}", cause());
    serde_json::from_str(text(execution, "output")).expect("JSON")
}

fn lambda_task() -> serde_json::Value {
    json!({ "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": { "FunctionName": "charge", "Payload.$": "$" } })
}

#[test]
fn test_cases_of_a_mock_file_answer() {
    let mock_config = MockConfig::parse("mocks.json", MOCKS).ok();
    let server = start(Options { mock_config, ..virtual_clock() });
    let mut task = lambda_task();
    task["Retry"] = json!([{ "ErrorEquals": ["E"], "IntervalSeconds": 3600 }]);
    let arn = create(&server, &task);
    for (case, receipt) in [("Retry", "r-3"), ("Happy", "r-1"), ("Retry", "r-3")] {
        let execution = outcome(&server, &format!("{arn}#{case}"), &json!({}));
        assert_eq!(output(&execution), json!({ "receipt": receipt }));
    }
    // Without a case nothing is mocked, and nothing else is there.
    let execution = outcome(&server, &arn, &json!({}));
    assert_eq!(text(&execution, "error"), "States.Runtime");
    let cause = text(&execution, "cause");
    assert!(cause.contains("`--lambda-endpoint URL` or LAMBDA_ENDPOINT"), "{cause}");
    let body = json!({ "stateMachineArn": format!("{arn}#Hapy") }).to_string();
    let (status, error) = call(&server, "StartExecution", &body);
    assert_eq!((status, text(&error, "__type")), (400, "ValidationException"));
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    assert!(message.contains("did you mean `Happy`?"), "{error}");
}

#[test]
fn mock_files_are_read_again() {
    let folder = std::env::temp_dir().join(format!("stepproof-mocks-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("mocks.json");
    std::fs::write(&file, MOCKS).expect("it is written");
    let mock_config = MockConfig::parse(&file.display().to_string(), MOCKS).ok();
    let server = start(Options { mock_config, watch: true, ..virtual_clock() });
    let arn = format!("{}#Happy", create(&server, &lambda_task()));
    let receipt = || output(&outcome(&server, &arn, &json!({})))["receipt"].clone();
    assert_eq!(receipt(), "r-1");
    std::fs::write(&file, "{ broken").expect("it is written");
    pause(700);
    assert_eq!(receipt(), "r-1", "what it said before stays");
    std::fs::write(&file, MOCKS.replace("r-1", "r-new")).expect("it is written");
    let news = (0..100).any(|_| {
        pause(50);
        receipt() == "r-new"
    });
    assert!(news, "the new file was never read");
    let _ = std::fs::remove_dir_all(&folder);
}

/// A callback may come before the call that asks for it is answered.
#[test]
fn a_call_may_outlast_its_execution() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut endpoints = Endpoints::default();
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    endpoints.set("lambda", &url).expect("an endpoint");
    let retain = Retain::Count(0);
    let server = start(Options { endpoints, retain, ..virtual_clock() });
    let task = json!({ "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": { "FunctionName": "f", "Payload": { "token.$": "$$.Task.Token" } } });
    let arn = create(&server, &task);
    let body = json!({ "stateMachineArn": arn }).to_string();
    let (_, started) = call(&server, "StartExecution", &body);
    let (mut asked, _) = listener.accept().expect("a call");
    let (mut request, mut bytes) = (String::new(), [0; 4_096]);
    while !request.ends_with("\"}") {
        let length = asked.read(&mut bytes).expect("a request");
        request.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    let body = request.split("\r\n\r\n").nth(1).expect("a body");
    let token = Value::parse(body).expect("JSON");
    let success = json!({ "taskToken": text(&token, "token"), "output": "1" }).to_string();
    assert_eq!(call(&server, "SendTaskSuccess", &success).0, 200);
    let body = json!({ "executionArn": text(&started, "executionArn") }).to_string();
    call(&server, "DescribeExecution", &body);
    assert_eq!(call(&server, "DescribeExecution", &body).0, 400, "it is forgotten");
    let (status, state) = clock(&server, "{}");
    assert_eq!(status, 200, "{state}");
    assert_eq!(state.get("waitingFor"), Some(&Value::array([])));
    drop(asked);
}

/// What a fake service was asked.
#[derive(Clone, Debug)]
struct Asked {
    /// `POST /path?query`
    line: String,
    target: String,
    signed: bool,
    authorization: String,
    body: String,
}

type Answer = (u16, &'static str, String);

/// A fake of every service: status, headers and body for each request.
struct Fake {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    fn new(answer: impl Fn(&Asked, usize) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let list = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let request = read(&stream);
                let mut list = list.lock().expect("no test panics with it");
                let (status, headers, body) = answer(&request, list.len());
                list.push(request);
                let length = body.len();
                let _ = stream.write_all(
                    format!(
                        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\
                         x-amzn-RequestId: q-1\r\n{headers}\r\n{body}"
                    )
                    .as_bytes(),
                );
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test panics with it").clone()
    }

    fn options(&self, service: &str) -> Options {
        let mut endpoints = Endpoints::default();
        endpoints.set(service, &self.url).expect("an endpoint of this computer");
        Options { endpoints, ..virtual_clock() }
    }
}

fn read(stream: &TcpStream) -> Asked {
    let mut reader = BufReader::new(stream);
    let (mut line, mut target, mut length) = (String::new(), String::new(), 0);
    let mut authorization = String::new();
    let _ = reader.read_line(&mut line);
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap_or(0) <= 2 {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => target = value.trim().to_owned(),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => authorization = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    let signed = authorization.contains("Signature=");
    Asked { line, target, signed, authorization, body: String::from_utf8_lossy(&body).into_owned() }
}

#[test]
fn lambda_functions_are_invoked() {
    let fake = Fake::new(|asked, _| match asked.body.contains("bad") {
        false => (200, "x-amz-executed-version: $LATEST\r\n", r#"{"paid": true}"#.into()),
        true => (
            200,
            "x-amz-function-error: Unhandled\r\n",
            r#"{"errorType": "Declined", "errorMessage": "no money"}"#.into(),
        ),
    });
    let server = start(fake.options("lambda"));
    let arn = create(&server, &lambda_task());
    let result = output(&outcome(&server, &arn, &json!({ "order": 1 })));
    assert_eq!(result["Payload"], json!({ "paid": true }));
    assert_eq!(
        (&result["StatusCode"], &result["ExecutedVersion"]),
        (&200.into(), &"$LATEST".into())
    );
    assert_eq!(result["SdkHttpMetadata"]["HttpStatusCode"], 200);
    assert_eq!(result["SdkResponseMetadata"]["RequestId"], "q-1");
    let failed = outcome(&server, &arn, &json!("bad"));
    assert_eq!(text(&failed, "error"), "Declined");
    assert!(text(&failed, "cause").contains("no money"), "{failed}");
    let server = start(fake.options("lambda"));
    let function = "arn:aws:lambda:us-east-1:123456789012:function:HelloWorldFunction:live";
    let arn = create(&server, &json!({ "Resource": function }));
    assert_eq!(output(&outcome(&server, &arn, &json!({}))), json!({ "paid": true }));
    let asked = fake.asked();
    assert!(asked.iter().all(|one| one.signed));
    assert_eq!(asked[0].line, "POST /2015-03-31/functions/charge/invocations");
    assert_eq!(asked[0].body, r#"{"order":1}"#);
    assert_eq!(
        asked[2].line,
        "POST /2015-03-31/functions/HelloWorldFunction/invocations?Qualifier=live"
    );
}

#[test]
fn refusals_have_the_names_of_their_service() {
    let fake = Fake::new(|_, count| match count {
        0 => (
            404,
            "x-amzn-errortype: ResourceNotFoundException\r\n",
            r#"{"Message": "gone"}"#.into(),
        ),
        _ => (502, "", "<html>no</html>".into()),
    });
    let server = start(fake.options("lambda"));
    let arn = create(&server, &lambda_task());
    let failed = outcome(&server, &arn, &json!({}));
    assert_eq!(text(&failed, "error"), "Lambda.ResourceNotFoundException");
    assert_eq!(
        text(&failed, "cause"),
        "gone (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; \
         Request ID: q-1; Proxy: null)"
    );
    let failed = outcome(&server, &arn, &json!({}));
    assert_eq!(text(&failed, "error"), "Lambda.AWSLambdaException");
    // Nobody listens at a port that was just closed.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr());
    let mut endpoints = Endpoints::default();
    endpoints.set("lambda", &format!("http://{}", closed.expect("a port"))).expect("a URL");
    let server = start(Options { endpoints, ..virtual_clock() });
    let failed = outcome(&server, &create(&server, &lambda_task()), &json!({}));
    assert_eq!(text(&failed, "error"), "Lambda.SdkClientException");
}

/// One service: what is asked of it, and what comes back as the Task's result.
#[track_caller]
fn check(
    service: &str,
    resource: &str,
    parameters: serde_json::Value,
    answers: &'static [&'static str],
    asked: &[(&str, &str)],
    result: &serde_json::Value,
) {
    let fake = Fake::new(move |_, count| (200, "", answers[count.min(answers.len() - 1)].into()));
    let server = start(fake.options(service));
    let resource = format!("arn:aws:states:::{resource}");
    let arn = create(&server, &json!({ "Resource": resource, "Parameters": parameters }));
    let mut came = output(&outcome(&server, &arn, &json!({})));
    if let Some(members) = came.as_object_mut() {
        members.remove("SdkHttpMetadata");
        members.remove("SdkResponseMetadata");
    }
    assert_eq!(&came, result);
    let requests = fake.asked();
    assert_eq!(requests.len(), asked.len(), "{requests:?}");
    for (request, (what, body)) in requests.iter().zip(asked) {
        let named = if request.target.is_empty() { &request.line } else { &request.target };
        assert_eq!((&**named, &*request.body), (*what, *body));
    }
}

#[test]
fn each_service_has_its_protocol() {
    check(
        "sqs",
        "sqs:sendMessage",
        json!({ "QueueUrl": "q", "MessageBody": { "a": 1 } }),
        &[r#"{"MessageId": "m-1"}"#],
        &[("AmazonSQS.SendMessage", r#"{"QueueUrl":"q","MessageBody":"{\"a\":1}"}"#)],
        &json!({ "MessageId": "m-1" }),
    );
    check(
        "dynamodb",
        "dynamodb:getItem",
        json!({ "TableName": "t", "Key": { "id": { "S": "1" } } }),
        &[r#"{"Item": {"id": {"S": "1"}}}"#],
        &[("DynamoDB_20120810.GetItem", r#"{"TableName":"t","Key":{"id":{"S":"1"}}}"#)],
        &json!({ "Item": { "id": { "S": "1" } } }),
    );
    check(
        "sns",
        "sns:publish",
        json!({ "TopicArn": "arn:t", "Message": "a b&c" }),
        &[
            "<PublishResponse><PublishResult><MessageId>m-2</MessageId></PublishResult></PublishResponse>",
        ],
        &[("POST /", "Action=Publish&Version=2010-03-31&TopicArn=arn%3At&Message=a%20b%26c")],
        &json!({ "MessageId": "m-2" }),
    );
}

#[test]
fn jobs_are_waited_for() {
    check(
        "batch",
        "batch:submitJob.sync",
        json!({ "JobName": "j", "JobQueue": "q", "Parameters": { "Key": "v" } }),
        &[
            r#"{"jobId": "1", "jobName": "j"}"#,
            r#"{"jobs": [{"jobId": "1", "status": "RUNNING"}]}"#,
            r#"{"jobs": [{"jobId": "1", "status": "SUCCEEDED"}]}"#,
        ],
        &[
            ("POST /v1/submitjob", r#"{"jobName":"j","jobQueue":"q","parameters":{"Key":"v"}}"#),
            ("POST /v1/describejobs", r#"{"jobs":["1"]}"#),
            ("POST /v1/describejobs", r#"{"jobs":["1"]}"#),
        ],
        &json!({ "JobId": "1", "Status": "SUCCEEDED" }),
    );
    check(
        "ecs",
        "ecs:runTask.sync",
        json!({ "Cluster": "c", "TaskDefinition": "t" }),
        &[
            r#"{"tasks": [{"taskArn": "a", "lastStatus": "PENDING"}]}"#,
            r#"{"tasks": [{"taskArn": "a", "lastStatus": "STOPPED", "containers": [{"exitCode": 0}]}]}"#,
        ],
        &[
            (
                "AmazonEC2ContainerServiceV20141113.RunTask",
                r#"{"cluster":"c","taskDefinition":"t"}"#,
            ),
            (
                "AmazonEC2ContainerServiceV20141113.DescribeTasks",
                r#"{"tasks":["a"],"cluster":"c"}"#,
            ),
        ],
        &json!({ "TaskArn": "a", "LastStatus": "STOPPED", "Containers": [{ "ExitCode": 0 }] }),
    );
    check(
        "glue",
        "glue:startJobRun.sync",
        json!({ "JobName": "j" }),
        &[r#"{"JobRunId": "r"}"#, r#"{"JobRun": {"Id": "r", "JobRunState": "SUCCEEDED"}}"#],
        &[
            ("AWSGlue.StartJobRun", r#"{"JobName":"j"}"#),
            ("AWSGlue.GetJobRun", r#"{"JobName":"j","RunId":"r"}"#),
        ],
        &json!({ "Id": "r", "JobRunState": "SUCCEEDED" }),
    );
    check(
        "sagemaker",
        "sagemaker:createTransformJob.sync",
        json!({ "TransformJobName": "j" }),
        &[r#"{"TransformJobArn": "a"}"#, r#"{"TransformJobStatus": "Completed"}"#],
        &[
            ("SageMaker.CreateTransformJob", r#"{"TransformJobName":"j"}"#),
            ("SageMaker.DescribeTransformJob", r#"{"TransformJobName":"j"}"#),
        ],
        &json!({ "TransformJobStatus": "Completed" }),
    );
}

#[test]
fn callbacks_come_from_outside() {
    let fake = Fake::new(|_, _| (200, "", r#"{"MessageId": "m"}"#.into()));
    let server = start(fake.options("sqs"));
    let arn = create(
        &server,
        &json!({ "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": { "QueueUrl": "q", "MessageBody": { "Token.$": "$$.Task.Token" } } }),
    );
    let body = json!({ "stateMachineArn": arn }).to_string();
    let (_, started) = call(&server, "StartExecution", &body);
    let token = (0..200).find_map(|_| {
        pause(25);
        let asked = fake.asked().first()?.body.clone();
        let body: serde_json::Value = serde_json::from_str(&asked).ok()?;
        let message: serde_json::Value =
            serde_json::from_str(body["MessageBody"].as_str()?).ok()?;
        Some(message["Token"].as_str()?.to_owned())
    });
    let body = json!({ "taskToken": token.expect("the queue was told"), "output": "7" });
    // The token is known before the call is answered, but is taken only afterwards.
    pause(100);
    assert_eq!(call(&server, "SendTaskSuccess", &body.to_string()).0, 200);
    let body = json!({ "executionArn": text(&started, "executionArn") }).to_string();
    let (_, execution) = call(&server, "DescribeExecution", &body);
    assert_eq!(output(&execution), 7);
}

#[test]
fn http_tasks_and_strangers() {
    let fake = Fake::new(|_, _| (201, "content-type: application/json\r\n", r#"{"ok": 1}"#.into()));
    let server = start(virtual_clock());
    let task = |url: &str| {
        json!({ "Resource": "arn:aws:states:::http:invoke", "Parameters": {
            "ApiEndpoint": url, "Method": "PUT",
            "Authentication": { "ConnectionArn": "arn:aws:events:us-east-1:123456789012:connection/c/1" },
            "QueryParameters": { "q": "a b" }, "RequestBody": { "x": 1 } } })
    };
    let arn = create(&server, &task(&format!("{}/orders", fake.url)));
    let result = output(&outcome(&server, &arn, &json!({})));
    assert_eq!(result["ResponseBody"], json!({ "ok": 1 }));
    assert_eq!((&result["StatusCode"], &result["StatusText"]), (&201.into(), &"Created".into()));
    let asked = fake.asked();
    assert_eq!((&*asked[0].line, &*asked[0].body), ("PUT /orders?q=a%20b", r#"{"x":1}"#));
    assert!(!asked[0].signed);
    let server = start(virtual_clock());
    let arn = create(&server, &task("http://example.com/orders"));
    let failed = outcome(&server, &arn, &json!({}));
    assert!(text(&failed, "cause").contains("`--allow-network`"), "{failed}");
    let set = |mut endpoints: Endpoints, service: &str, url: &str| endpoints.set(service, url);
    let refused = |service: &str, url: &str, why: &str| {
        let refusal = set(Endpoints::default(), service, url).expect_err("a refusal");
        assert!(refusal.contains(why), "{refusal}");
    };
    refused("lambda", "http://10.0.0.1:3001", "`--allow-network`");
    refused("lambda", "ftp://localhost:3001", "is not called");
    refused("lamda", "http://localhost", "no endpoint can be given for `lamda`");
    for port in ["99999", ""] {
        refused("lambda", &format!("http://u@localhost:{port}"), "has no port");
    }
    for url in ["http://[::1]:3001", "http://LOCALHOST:1", "http://u@localhost:3001/x"] {
        assert_eq!(set(Endpoints::default(), "lambda", url), Ok(()), "{url}");
    }
    let with_tls = set(Endpoints::default(), "lambda", "https://localhost:3001").is_ok();
    assert_eq!(with_tls, cfg!(feature = "aws"));
    assert_eq!(set(Endpoints::new(None, true), "lambda", "http://10.0.0.1:3001"), Ok(()));
}

/// The server with one connection, `c`, that gets its tokens from `fake`, and the ARN of a machine
/// that asks `fake` for `/orders` by way of it.
fn with_oauth(fake: &Fake, method: &str, more: &serde_json::Value) -> (Server, String) {
    let connections = json!({ "c": { "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS",
        "AuthParameters": { "OAuthParameters": {
            "AuthorizationEndpoint": format!("{}/token?v=1", fake.url), "HttpMethod": method,
            "ClientParameters": { "ClientID": "me", "ClientSecret": "s&t" },
            "OAuthHttpParameters": more } } } });
    let mut endpoints = Endpoints::default();
    endpoints.set_connections(HttpConnections::parse(&connections.to_string()).expect("a file"));
    let server = start(Options { endpoints, ..virtual_clock() });
    let arn = create(
        &server,
        &json!({ "Resource": "arn:aws:states:::http:invoke", "Parameters": {
            "ApiEndpoint": format!("{}/orders", fake.url), "Method": "GET", "Authentication": {
                "ConnectionArn": "arn:aws:events:us-east-1:123456789012:connection/c/1" } } }),
    );
    (server, arn)
}

#[test]
fn tokens_of_oauth_connections_are_kept_until_they_expire_or_are_refused() {
    // The first token is refused when it is used the third time; later ones expire soon.
    let fake = Fake::new(|asked, count| match &*asked.authorization {
        "" => {
            let life = if count < 5 { 3600 } else { 30 };
            let token = json!({ "access_token": format!("t{count}"), "expires_in": life });
            (200, "", token.to_string())
        }
        "Bearer t0" if count > 2 => (401, "", "{}".into()),
        _ => (200, "", "{}".into()),
    });
    let audience = json!({ "BodyParameters": [{ "Key": "audience", "Value": "all" }] });
    let (server, arn) = with_oauth(&fake, "POST", &audience);
    for _ in 0..3 {
        output(&outcome(&server, &arn, &json!({})));
    }
    let asked = fake.asked();
    let token = "grant_type=client_credentials&client_id=me&client_secret=s%26t&audience=all";
    assert_eq!((&*asked[0].line, &*asked[0].body), ("POST /token?v=1", token));
    let used: Vec<&str> = asked.iter().map(|one| &*one.authorization).collect();
    assert_eq!(used, ["", "Bearer t0", "Bearer t0", "Bearer t0", "", "Bearer t4"]);
    // One that expires within the minute is used once.
    let (server, arn) = with_oauth(&fake, "GET", &json!({}));
    for _ in 0..2 {
        output(&outcome(&server, &arn, &json!({})));
    }
    let asked = fake.asked();
    let token = "GET /token?v=1&grant_type=client_credentials&client_id=me&client_secret=s%26t";
    assert_eq!((&*asked[6].line, &*asked[6].body), (token, ""));
    let used: Vec<&str> = asked[6..].iter().map(|one| &*one.authorization).collect();
    assert_eq!(used, ["", "Bearer t6", "", "Bearer t8"]);
}

#[test]
fn a_connection_without_a_token_is_not_authorized() {
    let fake = Fake::new(|_, _| (400, "", r#"{"error": "invalid_client"}"#.into()));
    let (server, arn) = with_oauth(&fake, "POST", &json!({}));
    let failed = outcome(&server, &arn, &json!({}));
    assert_eq!(text(&failed, "error"), "Events.ConnectionResource.InvalidConnectionState");
    let cause = text(&failed, "cause");
    assert!(cause.contains("is not authorized") && cause.contains("400 Bad Request"), "{cause}");
    assert!(!cause.contains("s&t"), "{cause}");
    assert_eq!(fake.asked().len(), 1, "the endpoint itself is not called");
}

/// One of our servers runs the child machines of another, which signs what it asks.
#[test]
fn signed_calls_start_executions_elsewhere() {
    let key = Key { access_key_id: "me".into(), secret_access_key: "secret".into() };
    let elsewhere = start(Options { keys: Some(vec![key.clone()]), ..virtual_clock() });
    let plain = start(virtual_clock());
    // Unsigned calls cannot create the child there, so it is created by way of a signed one.
    let pass = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "Result": { "b": 2 }, "End": true } } });
    drop(plain);
    let mut endpoints = Endpoints::new(Some(key), false);
    endpoints.set("step-functions", &elsewhere.url()).expect("a URL");
    let server = start(Options { endpoints, ..virtual_clock() });
    let creates = create(
        &server,
        &json!({ "Resource": "arn:aws:states:::aws-sdk:sfn:createStateMachine", "Parameters": {
            "Name": "Child", "Definition": pass.to_string(),
            "RoleArn": "arn:aws:iam::123456789012:role/r" } }),
    );
    let created = output(&outcome(&server, &creates, &json!({})));
    let child = created["StateMachineArn"].as_str().expect("an ARN").to_owned();
    let definition = json!({ "StartAt": "Run", "States": { "Run": { "Type": "Task", "End": true,
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": { "StateMachineArn": child, "Input": { "a": 1 } } } } });
    let body = json!({ "name": "Parent", "definition": definition.to_string(),
        "roleArn": "arn:aws:iam::123456789012:role/r" });
    let (_, parent) = call(&server, "CreateStateMachine", &body.to_string());
    let execution = outcome(&server, text(&parent, "stateMachineArn"), &json!({}));
    let result = output(&execution);
    assert_eq!((&result["Status"], &result["Output"]), (&"SUCCEEDED".into(), &json!({ "b": 2 })));
    assert_eq!(result["Input"], json!({ "a": 1 }));
}

#[test]
fn a_job_is_stopped_with_the_task_that_waits_for_it() {
    let fake = Fake::new(|asked, _| {
        let body = match &*asked.target {
            "AWSGlue.StartJobRun" => r#"{"JobRunId":"jr_1"}"#,
            "AWSGlue.GetJobRun" => r#"{"JobRun":{"JobRunState":"RUNNING"}}"#,
            _ => "{}",
        };
        (200, "", body.into())
    });
    let server = start(fake.options("glue"));
    let resource = "arn:aws:states:::glue:startJobRun.sync";
    let arn =
        create(&server, &json!({ "Resource": resource, "Parameters": { "JobName": "nightly" } }));
    let body = json!({ "stateMachineArn": arn }).to_string();
    let (_, started) = call(&server, "StartExecution", &body);
    let asked = |target: &str| {
        let found = || fake.asked().into_iter().find(|one| one.target == target);
        (0..200).find_map(|_| {
            pause(25);
            found()
        })
    };
    assert!(asked("AWSGlue.GetJobRun").is_some(), "the job is waited for");
    let body = json!({ "executionArn": text(&started, "executionArn") }).to_string();
    assert_eq!(call(&server, "StopExecution", &body).0, 200);
    let stop = asked("AWSGlue.BatchStopJobRun").expect("the job is stopped");
    assert_eq!(stop.body, r#"{"JobName":"nightly","JobRunIds":["jr_1"]}"#);
}

#[test]
#[cfg(feature = "aws")]
fn https_endpoints_are_called_with_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let first = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a byte");
        byte[0]
    });
    let mut endpoints = Endpoints::default();
    endpoints.set("lambda", &url).expect("a URL");
    let server = start(Options { endpoints, ..virtual_clock() });
    let failed = outcome(&server, &create(&server, &lambda_task()), &json!({}));
    assert_eq!(text(&failed, "error"), "Lambda.SdkClientException");
    assert_eq!(first.join().expect("it was called"), 0x16, "a handshake of TLS");
}
