//! Tests of the models and of the checks against them.

use rstest::rstest;

use super::*;
use crate::asl::Pattern;
use crate::json;

fn resource(text: &str) -> Resource {
    let (named, pattern) = [Pattern::Sync2, Pattern::Sync, Pattern::WaitForTaskToken]
        .into_iter()
        .find_map(|pattern| Some((text.strip_suffix(pattern.suffix())?, pattern)))
        .unwrap_or((text, Pattern::RequestResponse));
    let (service, action) = named.rsplit_once(':').unwrap();
    Resource::Service {
        arn: format!("arn:aws:states:::{text}").into(),
        service: service.into(),
        action: action.into(),
        pattern,
    }
}

#[track_caller]
fn errors(text: &str, result: &str, mode: FieldValidationMode) -> Vec<String> {
    let result = json::parse(result).unwrap();
    match check(&resource(text), &result, mode) {
        Verdict::Checked(errors) => {
            errors.iter().map(|error| format!("{} {error}", error.path)).collect()
        }
        other => panic!("{other:?}"),
    }
}

use FieldValidationMode::{Present, Strict};

// The first ten are field_validation_mode* as recorded on AWS; so is `lambda:invoke` of a field
// that it does not have (state_context_object_edge_cases.EMPTY).
#[rstest]
#[case(
    "aws-sdk:kms:encrypt",
    r#"{"CiphertextBlob":""}"#,
    Strict,
    "$.CiphertextBlob Field 'CiphertextBlob' is smaller than the minimum length"
)]
#[case(
    "aws-sdk:kms:encrypt",
    r#"{"CiphertextBlob":123}"#,
    Present,
    "$.CiphertextBlob Field 'CiphertextBlob' must be a string"
)]
#[case(
    "aws-sdk:s3:getObject",
    r#"{"StorageClass":"Papyrus"}"#,
    Strict,
    "$.StorageClass Field 'StorageClass' is not an expected value"
)]
#[case(
    "aws-sdk:s3:getObject",
    r#"{"ContentLength":"9000"}"#,
    Strict,
    "$.ContentLength Field 'ContentLength' must be a number"
)]
#[case(
    "events:putEvents",
    r#"{"Entries":"no"}"#,
    Strict,
    "$.Entries Field 'Entries' must be an array"
)]
#[case(
    "events:putEvents",
    r#"{"Entries":[{"EventId":"e"},{"EventId":[]}]}"#,
    Present,
    "$.Entries[1].EventId Field 'EventId' must be a string"
)]
#[case(
    "lambda:invoke",
    r#"{"StatusCode":"200"}"#,
    Strict,
    "$.StatusCode Field 'StatusCode' must be a number"
)]
#[case(
    "aws-sdk:lambda:getFunction",
    r#"{"Configuration":{"MemorySize":127}}"#,
    Present,
    "$.Configuration.MemorySize Field 'MemorySize' is less than the minimum value"
)]
#[case(
    "aws-sdk:lambda:getFunction",
    r#"{"Configuration":{"MemorySize":10241}}"#,
    Present,
    "$.Configuration.MemorySize Field 'MemorySize' exceeds the maximum value"
)]
#[case("states:startExecution", r#"{"executionArn":"a","startDate":"b"}"#, Present, "")]
#[case("lambda:invoke", r#"{"pokemon":"pikachu"}"#, Strict, "")]
// What AWS says of missing members is not recorded.
#[case(
    "states:startExecution",
    "{}",
    Strict,
    "$.ExecutionArn Field 'ExecutionArn' is required; $.StartDate Field 'StartDate' is required"
)]
#[case(
    "states:startExecution",
    r#"{"ExecutionArn":"a","StartDate":true}"#,
    Strict,
    "$.StartDate Field 'StartDate' must be a string"
)]
#[case(
    "states:startExecution.sync:2",
    r#"{"Status":"DONE","Output":[1]}"#,
    Present,
    "$.Status Field 'Status' is not an expected value"
)]
#[case(
    "states:startExecution.sync",
    r#"{"Status":"SUCCEEDED","Output":[1]}"#,
    Present,
    "$.Output Field 'Output' must be a string"
)]
#[case(
    "ecs:runTask.sync",
    r#"{"Containers":[{"ExitCode":"0"}]}"#,
    Strict,
    "$.Containers[0].ExitCode Field 'ExitCode' must be a number"
)]
#[case(
    "aws-sdk:rds:describeDBInstances",
    r#"{"DbInstances":[{"DbInstanceIdentifier":1}]}"#,
    Strict,
    "$.DbInstances[0].DbInstanceIdentifier Field 'DbInstanceIdentifier' must be a string"
)]
#[case(
    "dynamodb:getItem",
    r#"{"Item":{"id":{"S":1}}}"#,
    Strict,
    "$.Item.id.S Field 'S' must be a string"
)]
#[case(
    "dynamodb:getItem",
    r#"{"Item":{"id":"x"}}"#,
    Strict,
    "$.Item.id Field 'id' must be an object"
)]
#[case(
    "aws-sdk:lambda:invoke",
    r#"{"Payload":{}}"#,
    Strict,
    "$.Payload Field 'Payload' must be a string"
)]
#[case("lambda:invoke", r#"{"Payload":[1,{}],"FunctionError":null}"#, Strict, "")]
#[case(
    "bedrock:invokeModel",
    r#"{"Body":{"completion":"x"},"ContentType":"application/json"}"#,
    Strict,
    ""
)]
#[case(
    "apigateway:invoke",
    r#"{"StatusCode":"200","ResponseBody":[]}"#,
    Strict,
    "$.StatusCode Field 'StatusCode' must be a number"
)]
#[case(
    "aws-sdk:s3:listObjectsV2",
    r#"{"Contents":[{"Size":"1","ETag":2}]}"#,
    Present,
    "$.Contents[0].ETag Field 'ETag' must be a string; $.Contents[0].Size Field 'Size' must be a number"
)]
#[case("aws-sdk:s3:putObject", "[]", Strict, "$ The result must be an object")]
fn results(
    #[case] resource: &str,
    #[case] result: &str,
    #[case] mode: FieldValidationMode,
    #[case] expected: &str,
) {
    assert_eq!(errors(resource, result, mode).join("; "), expected);
}

#[test]
fn nothing_is_held_against_nothing() {
    assert!(errors("states:startExecution", "true", FieldValidationMode::None).is_empty());
}

#[rstest]
#[case("sqs:sendMessage.waitForTaskToken", Verdict::Free)]
#[case("aws-sdk:nosuchservice:doIt", Verdict::Unknown)]
#[case("aws-sdk:s3:noSuchAction", Verdict::Unknown)]
#[case("eks:deleteCluster.sync", Verdict::Unknown)]
fn resources_without_a_model(#[case] text: &str, #[case] expected: Verdict) {
    assert_eq!(check(&resource(text), &Value::from(1), Strict), expected);
}

#[rstest]
#[case("aws-sdk:sfn:listExecutions", r#"{"Executions":"x"}"#, r#"{"Executions":[{}]}"#)]
#[case(
    "aws-sdk:rds:describeDBInstances",
    r#"{"DbInstances":[{"AllocatedStorage":"x","DbName":"n"}]}"#,
    r#"{"DbInstances":[{"AllocatedStorage":1,"DbName":"n"}]}"#
)]
#[case(
    "aws-sdk:transcribe:getTranscriptionJob",
    r#"{"TranscriptionJob":{"TranscriptionJobStatus":"x"}}"#,
    r#"{"TranscriptionJob":{"TranscriptionJobStatus":"COMPLETED"}}"#
)]
#[case(
    "dynamodb:getItem",
    r#"{"Item":{"id":{"S":"x","L":"y"}}}"#,
    r#"{"Item":{"id":{"S":"x","L":[{}]}}}"#
)]
#[case("lambda:invoke", r#"{"Payload":{"a":"b"},"More":1}"#, r#"{"Payload":{"a":"b"},"More":1}"#)]
#[case("aws-sdk:nosuch:thing", r#"{"a":"b"}"#, r#"{"a":"b"}"#)]
fn made_up_results_are_fitted(#[case] text: &str, #[case] made_up: &str, #[case] expected: &str) {
    let made_up = json::parse(made_up).unwrap();
    assert_eq!(fit(&resource(text), &made_up), json::parse(expected).unwrap());
}

#[rstest]
#[case("DBInstances", "DBInstances", "DbInstances")]
#[case("SSEKMSKeyId", "SSEKMSKeyId", "SsekmsKeyId")]
#[case("ETag", "ETag", "ETag")]
#[case("executionArn", "ExecutionArn", "ExecutionArn")]
#[case("MD5OfMessageBody", "MD5OfMessageBody", "Md5OfMessageBody")]
#[case("VPC", "VPC", "Vpc")]
#[case("S3Uri", "S3Uri", "S3Uri")]
#[case("x", "X", "X")]
fn spellings(#[case] api: &str, #[case] optimized: &str, #[case] sdk: &str) {
    use integration::Spelling;
    assert_eq!(Spelling::Optimized.of(api), optimized);
    assert_eq!(Spelling::Sdk.of(api), sdk);
}

/// Every reference leads somewhere, and every job's description is there.
#[test]
fn the_models_are_whole() {
    let mut operations = 0;
    for name in format::names() {
        let service = format::service(name).unwrap();
        operations += service.verify().unwrap_or_else(|bad| panic!("{name}: `{bad}`"));
    }
    assert!(operations > 5_000, "{operations}");
    for special in integration::special() {
        assert!(matches!(integration::of(&resource(&special)), integration::Lookup::Found(..)));
    }
}

/// What AWS's services answered in recorded histories has nothing wrong with it.
#[test]
fn recorded_results_pass() {
    let shared = std::env::var_os("STEPPROOF_SHARED").map_or_else(
        || std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")),
        Into::into,
    );
    let Ok(areas) = std::fs::read_dir(shared.join("aws-recorded/history")) else {
        eprintln!("skipped: {} has no recorded histories", shared.display());
        return;
    };
    let cases =
        areas.flat_map(|area| std::fs::read_dir(area.unwrap().path()).into_iter().flatten());
    let mut checked = 0;
    for case in cases {
        let path = case.unwrap().path().join("history.json");
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let history = json::parse(&text).unwrap();
        for event in history.get("events").and_then(Value::as_array).unwrap().iter() {
            let Some(details) = event.get("taskSucceededEventDetails") else { continue };
            let text = |key: &str| details.get(key).and_then(Value::as_str).unwrap_or_default();
            let resource = resource(&format!("{}:{}", text("resourceType"), text("resource")));
            let Ok(result) = json::parse(text("output")) else { continue };
            if let Verdict::Checked(errors) = check(&resource, &result, Strict) {
                assert!(errors.is_empty(), "{}: {errors:?}", path.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 40, "{checked}");
}
