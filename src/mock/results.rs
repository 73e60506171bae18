//! What services answer: typical results, and the results that Step Functions takes for failures.

use super::faults::REQUEST_ID;
use crate::asl::{Pattern, Resource};
use crate::history::Failure;
use crate::value::Value;

/// A typical result of a task, in the shape of its service: what a stub starts from.
pub fn typical(resource: &Resource) -> Value {
    let Resource::Service { service, action, pattern, .. } = resource else {
        return Value::object::<&str>([]);
    };
    let text = match (&**service, &**action, pattern) {
        // Whatever the worker sends.
        (_, _, Pattern::WaitForTaskToken) => "{}",
        ("states", "startExecution", Pattern::Sync) => r#"{"Status":"SUCCEEDED","Output":"{}"}"#,
        ("states", "startExecution", Pattern::Sync2) => r#"{"Status":"SUCCEEDED","Output":{}}"#,
        ("ecs", "runTask", Pattern::Sync) => {
            r#"{"LastStatus":"STOPPED","StopCode":"EssentialContainerExited","Containers":[{"ExitCode":0,"LastStatus":"STOPPED"}]}"#
        }
        ("batch", "submitJob", Pattern::Sync) => {
            r#"{"JobId":"11111111-2222-4333-8444-555555555555","JobName":"job","Status":"SUCCEEDED"}"#
        }
        ("glue", "startJobRun", Pattern::Sync) => {
            r#"{"Id":"jr_1","JobName":"job","JobRunState":"SUCCEEDED"}"#
        }
        ("sagemaker", "createTrainingJob", Pattern::Sync) => {
            r#"{"TrainingJobName":"job","TrainingJobStatus":"Completed","ModelArtifacts":{"S3ModelArtifacts":"s3://bucket/model.tar.gz"}}"#
        }
        ("sagemaker", "createTransformJob", Pattern::Sync) => {
            r#"{"TransformJobName":"job","TransformJobStatus":"Completed"}"#
        }
        ("athena", "startQueryExecution", Pattern::Sync) => {
            r#"{"QueryExecution":{"QueryExecutionId":"11111111-2222-4333-8444-555555555555","Status":{"State":"SUCCEEDED"}}}"#
        }
        ("codebuild", "startBuild", Pattern::Sync) => {
            r#"{"Build":{"Id":"project:11111111-2222-4333-8444-555555555555","BuildStatus":"SUCCEEDED"}}"#
        }
        (service, action, _) => call_answer(service, action),
    };
    Value::parse(text).unwrap_or_default()
}

/// What the call itself of a service is answered with.
fn call_answer(service: &str, action: &str) -> &'static str {
    match (service.trim_start_matches("aws-sdk:"), action) {
        ("lambda", "invoke") => r#"{"ExecutedVersion":"$LATEST","Payload":{},"StatusCode":200}"#,
        ("dynamodb", "getItem") => r#"{"Item":{"id":{"S":"id1"}}}"#,
        ("dynamodb", "query" | "scan") => r#"{"Count":0,"Items":[],"ScannedCount":0}"#,
        ("dynamodb", "updateItem") => r#"{"Attributes":{}}"#,
        ("sqs", "sendMessage") => {
            r#"{"MD5OfMessageBody":"098f6bcd4621d373cade4e832627b4f6","MessageId":"11111111-2222-4333-8444-555555555555"}"#
        }
        ("sns", "publish") => r#"{"MessageId":"11111111-2222-4333-8444-555555555555"}"#,
        ("events" | "eventbridge", "putEvents") => {
            r#"{"Entries":[{"EventId":"11111111-2222-4333-8444-555555555555"}],"FailedEntryCount":0}"#
        }
        ("states" | "sfn", "startExecution") => {
            r#"{"ExecutionArn":"arn:aws:states:us-east-1:123456789012:execution:Child:name","StartDate":"2024-01-01T00:00:00Z"}"#
        }
        ("ecs", "runTask") => {
            r#"{"Failures":[],"Tasks":[{"LastStatus":"PROVISIONING","TaskArn":"arn:aws:ecs:us-east-1:123456789012:task/cluster/1"}]}"#
        }
        ("batch", "submitJob") => {
            r#"{"JobId":"11111111-2222-4333-8444-555555555555","JobName":"job"}"#
        }
        ("glue", "startJobRun") => r#"{"JobRunId":"jr_1"}"#,
        ("sagemaker", "createTrainingJob") => {
            r#"{"TrainingJobArn":"arn:aws:sagemaker:us-east-1:123456789012:training-job/job"}"#
        }
        ("athena", "startQueryExecution") => {
            r#"{"QueryExecutionId":"11111111-2222-4333-8444-555555555555"}"#
        }
        ("codebuild", "startBuild") => {
            r#"{"Build":{"Id":"project:11111111-2222-4333-8444-555555555555","BuildStatus":"IN_PROGRESS"}}"#
        }
        ("apigateway" | "http", "invoke") => {
            r#"{"Headers":{},"ResponseBody":{},"StatusCode":200,"StatusText":"OK"}"#
        }
        _ => "{}",
    }
}

/// The typical answer to the call of a `.sync` or callback task: `output` of TaskSubmitted.
///
/// Optimized integrations add the metadata of the HTTP answer (`callback.*`,
/// `ecs_task_service.run_task_sync`), `aws-sdk:` ones do not.
pub fn submitted(resource: &Resource) -> Value {
    let Resource::Service { service, action, .. } = resource else { return Value::Null };
    let answer = Value::parse(call_answer(service, action)).unwrap_or_default();
    match answer {
        Value::Object(members) if !service.starts_with("aws-sdk:") => {
            let metadata = Value::object([
                ("HttpStatusCode", Value::from(200)),
                ("HttpHeaders", Value::object::<&str>([])),
            ]);
            let request = Value::object([("RequestId", Value::string(REQUEST_ID))]);
            let members = members.with("SdkHttpMetadata", metadata);
            Value::Object(members.with("SdkResponseMetadata", request))
        }
        answer => answer,
    }
}

/// The failure that Step Functions makes of a result, where it does.
///
/// - `lambda:invoke` with `FunctionError`: the function's error type, its payload as cause
///   (`task_service_lambda.raise_exception` shows what becomes of it; for a payload without an
///   error type the guide names `Lambda.Unknown`).
/// - `events:putEvents` with failed entries: `EventBridge.FailedEntry`
///   (`events_task_service.put_events_mixed_malformed_detail`).
/// - `apigateway:invoke` with a status of 400 or above: `ApiGateway.403`
///   (`apigetway_task_service.invoke_error`); `http:invoke`: `States.Http.StatusCode.403`
///   (documentation of HTTP tasks).
pub fn failed_by_service(resource: &Resource, result: &Value) -> Option<Failure> {
    let Resource::Service { service, action, .. } = resource else { return None };
    let status =
        || result.get("StatusCode").and_then(Value::as_i64).filter(|status| *status >= 400);
    let body = || {
        result.get("ResponseBody").map_or(String::new(), |body| match body {
            Value::String(text) => text.to_string(),
            body => body.to_json(),
        })
    };
    match (&**service, &**action) {
        ("lambda", "invoke") if result.get("FunctionError").is_some_and(|kind| !kind.is_null()) => {
            let payload = result.get("Payload");
            let error = payload.and_then(|payload| payload.get("errorType")?.as_str());
            let cause = payload.map_or(String::new(), Value::to_json);
            Some(Failure::new(error.unwrap_or("Lambda.Unknown"), cause))
        }
        ("events", "putEvents")
            if result.get("FailedEntryCount").and_then(Value::as_i64).unwrap_or(0) > 0 =>
        {
            Some(Failure::new("EventBridge.FailedEntry", result.to_json()))
        }
        ("apigateway", "invoke") => {
            status().map(|status| Failure::new(format!("ApiGateway.{status}"), body()))
        }
        ("http", "invoke") => {
            status().map(|status| Failure::new(format!("States.Http.StatusCode.{status}"), body()))
        }
        _ => None,
    }
}
