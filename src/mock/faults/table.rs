//! The table of named faults.

use super::{Code, Evidence, Fault, Form, Names};
use crate::engine::FailureStage;

const fn names(
    optimized: &'static str,
    optimized_service: &'static str,
    optimized_common: &'static str,
    sdk: &'static str,
    sdk_common: &'static str,
) -> Names {
    Names { optimized, optimized_service, optimized_common, sdk, sdk_common }
}

const LAMBDA: Names =
    names("Lambda", "AWSLambda", "AWSLambdaException", "Lambda", "LambdaException");
const DYNAMODB: Names = names(
    "DynamoDB",
    "AmazonDynamoDBv2",
    "AmazonDynamoDBException",
    "DynamoDb",
    "DynamoDbException",
);
const SQS: Names = names("SQS", "AmazonSQS", "AmazonSQSException", "Sqs", "SqsException");
const SNS: Names = names("SNS", "AmazonSNS", "AmazonSNSException", "Sns", "SnsException");
const EVENTS: Names = names(
    "EventBridge",
    "AmazonEventBridge",
    "AmazonEventBridgeException",
    "EventBridge",
    "EventBridgeException",
);
const BATCH: Names = names("Batch", "AWSBatch", "AWSBatchException", "Batch", "BatchException");
const ECS: Names = names("ECS", "AmazonECS", "AmazonECSException", "Ecs", "EcsException");
const GLUE: Names = names("Glue", "AWSGlue", "AWSGlueException", "Glue", "GlueException");
const SAGEMAKER: Names = names(
    "SageMaker",
    "AmazonSageMaker",
    "AmazonSageMakerException",
    "SageMaker",
    "SageMakerException",
);
const STATES: Names =
    names("StepFunctions", "AWSStepFunctions", "AWSStepFunctionsException", "Sfn", "SfnException");
const S3: Names = names("S3", "Amazon S3", "AmazonS3Exception", "S3", "S3Exception");
const ATHENA: Names =
    names("Athena", "AmazonAthena", "AmazonAthenaException", "Athena", "AthenaException");
const CODEBUILD: Names =
    names("CodeBuild", "AWSCodeBuild", "AWSCodeBuildException", "CodeBuild", "CodeBuildException");
const BEDROCK: Names = names(
    "Bedrock",
    "AmazonBedrockRuntime",
    "AmazonBedrockRuntimeException",
    "BedrockRuntime",
    "BedrockRuntimeException",
);
const SECRETS_MANAGER: Names = names(
    "SecretsManager",
    "AWSSecretsManager",
    "AWSSecretsManagerException",
    "SecretsManager",
    "SecretsManagerException",
);

use Code::{Common, Named};
use Evidence::{Documented, Inferred, Recorded};

const fn api(
    name: &'static str,
    service: &'static Names,
    code: Code,
    status: u16,
    message: &'static str,
    evidence: Evidence,
) -> Fault {
    let form = Form::Api { service, code, status, message };
    Fault { name, stage: FailureStage::Run, form, evidence }
}

const fn client(
    name: &'static str,
    service: &'static Names,
    message: &'static str,
    evidence: Evidence,
) -> Fault {
    let form = Form::Client { service, message };
    Fault { name, stage: FailureStage::Run, form, evidence }
}

const fn plain(
    name: &'static str,
    error: &'static str,
    cause: &'static str,
    evidence: Evidence,
) -> Fault {
    let form = Form::Plain { error, cause };
    Fault { name, stage: FailureStage::Run, form, evidence }
}

/// Recorded: `task_service_lambda.*`, `task_lambda.*`, `aws_sdk.*`, `task_service_sqs.*`,
/// `states_errors.*`, `apigetway_task_service.invoke_error`, `events_task_service.*`. Documented:
/// the guide's chapter on error handling and its Lambda best practices; the services' lists of
/// common errors. Inferred: prefix and wording from the recorded ones, the code from the service's
/// API model.
pub(super) const FAULTS: &[Fault] = &[
    api(
        "lambda.throttled",
        &LAMBDA,
        Named("TooManyRequestsException"),
        429,
        "Rate Exceeded.",
        Documented,
    ),
    api(
        "lambda.service",
        &LAMBDA,
        Named("ServiceException"),
        500,
        "An error occurred and the request cannot be processed.",
        Documented,
    ),
    api(
        "lambda.exception",
        &LAMBDA,
        Common("InternalFailure"),
        500,
        "An internal error occurred.",
        Documented,
    ),
    client(
        "lambda.sdk-client",
        &LAMBDA,
        "Unable to execute HTTP request: Read timed out",
        Documented,
    ),
    api(
        "lambda.not-found",
        &LAMBDA,
        Named("ResourceNotFoundException"),
        404,
        "Function not found: arn:aws:lambda:us-east-1:123456789012:function:missing:$LATEST",
        Recorded,
    ),
    api(
        "lambda.access-denied",
        &LAMBDA,
        Common("AccessDeniedException"),
        403,
        "User is not authorized to perform: lambda:InvokeFunction",
        Inferred,
    ),
    api(
        "lambda.too-large",
        &LAMBDA,
        Named("RequestTooLargeException"),
        413,
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
        Inferred,
    ),
    plain(
        "lambda.unhandled",
        "Exception",
        r#"{"errorMessage":"Some exception was raised.","errorType":"Exception","requestId":"11111111-2222-4333-8444-555555555555","stackTrace":["  File \"/var/task/handler.py\", line 2, in handler\n    raise Exception(\"Some exception was raised.\")\n"]}"#,
        Recorded,
    ),
    plain(
        "lambda.timeout",
        "Sandbox.Timedout",
        r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 11111111-2222-4333-8444-555555555555 Error: Task timed out after 3.00 seconds"}"#,
        Documented,
    ),
    plain(
        "lambda.out-of-memory",
        "Runtime.ExitError",
        r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 11111111-2222-4333-8444-555555555555 Error: Runtime exited with error: signal: killed"}"#,
        Inferred,
    ),
    plain(
        "lambda.unknown",
        "Lambda.Unknown",
        "The cause could not be determined because Lambda did not return an error type.",
        Documented,
    ),
    api(
        "dynamodb.conditional-check-failed",
        &DYNAMODB,
        Named("ConditionalCheckFailedException"),
        400,
        "The conditional request failed",
        Documented,
    ),
    api(
        "dynamodb.throttled",
        &DYNAMODB,
        Named("ProvisionedThroughputExceededException"),
        400,
        "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.",
        Documented,
    ),
    api(
        "dynamodb.request-limit-exceeded",
        &DYNAMODB,
        Named("RequestLimitExceeded"),
        400,
        "Throughput exceeds the current throughput limit for your account.",
        Documented,
    ),
    api(
        "dynamodb.not-found",
        &DYNAMODB,
        Named("ResourceNotFoundException"),
        400,
        "Requested resource not found",
        Recorded,
    ),
    api(
        "dynamodb.validation",
        &DYNAMODB,
        Common("ValidationException"),
        400,
        "One or more parameter values were invalid",
        Recorded,
    ),
    api(
        "dynamodb.transaction-canceled",
        &DYNAMODB,
        Named("TransactionCanceledException"),
        400,
        "Transaction cancelled, please refer cancellation reasons for specific reasons [ConditionalCheckFailed]",
        Documented,
    ),
    api(
        "dynamodb.internal",
        &DYNAMODB,
        Named("InternalServerErrorException"),
        500,
        "Internal server error",
        Inferred,
    ),
    client(
        "dynamodb.sdk-client",
        &DYNAMODB,
        "Unable to execute HTTP request: Read timed out",
        Inferred,
    ),
    api(
        "sqs.no-such-queue",
        &SQS,
        Named("QueueDoesNotExistException"),
        400,
        "The specified queue does not exist for this wsdl version.",
        Inferred,
    ),
    api(
        "sqs.missing-parameter",
        &SQS,
        Common("MissingParameter"),
        400,
        "The request must contain the parameter MessageBody.",
        Recorded,
    ),
    api("sqs.throttled", &SQS, Common("RequestThrottled"), 403, "Request is throttled.", Inferred),
    client(
        "sqs.sdk-client",
        &SQS,
        "Unable to execute HTTP request: queue: Name or service not known",
        Recorded,
    ),
    api("sns.not-found", &SNS, Named("NotFoundException"), 404, "Topic does not exist", Inferred),
    api(
        "sns.invalid-parameter",
        &SNS,
        Named("InvalidParameterException"),
        400,
        "Invalid parameter: Message too long",
        Inferred,
    ),
    api("sns.throttled", &SNS, Named("ThrottledException"), 429, "Rate exceeded", Inferred),
    client("sns.sdk-client", &SNS, "Unable to execute HTTP request: Read timed out", Inferred),
    plain(
        "events.failed-entry",
        "EventBridge.FailedEntry",
        r#"{"Entries":[{"ErrorCode":"MalformedDetail","ErrorMessage":"Detail is malformed."}],"FailedEntryCount":1}"#,
        Recorded,
    ),
    api("events.internal", &EVENTS, Named("InternalException"), 500, "Internal error", Documented),
    api("events.throttled", &EVENTS, Common("ThrottlingException"), 400, "Rate exceeded", Inferred),
    api("batch.client", &BATCH, Named("ClientException"), 400, "JobQueue not found", Inferred),
    api("batch.server", &BATCH, Named("ServerException"), 500, "Internal server error", Inferred),
    api(
        "batch.throttled",
        &BATCH,
        Common("TooManyRequestsException"),
        429,
        "Too Many Requests",
        Documented,
    ),
    plain(
        "batch.job-failed",
        "States.TaskFailed",
        r#"{"JobId":"11111111-2222-4333-8444-555555555555","JobName":"job","Status":"FAILED","StatusReason":"Essential container in task exited","Container":{"ExitCode":1,"Reason":"Error"}}"#,
        Documented,
    ),
    api("ecs.client", &ECS, Named("ClientException"), 400, "TaskDefinition not found.", Inferred),
    api(
        "ecs.cluster-not-found",
        &ECS,
        Named("ClusterNotFoundException"),
        400,
        "Cluster not found.",
        Inferred,
    ),
    api("ecs.throttled", &ECS, Common("ThrottlingException"), 400, "Rate exceeded", Documented),
    plain(
        "ecs.task-failed",
        "States.TaskFailed",
        r#"{"LastStatus":"STOPPED","StopCode":"EssentialContainerExited","StoppedReason":"Essential container in task exited","Containers":[{"Name":"container","ExitCode":1,"LastStatus":"STOPPED"}]}"#,
        Documented,
    ),
    api(
        "glue.concurrent-runs-exceeded",
        &GLUE,
        Named("ConcurrentRunsExceededException"),
        400,
        "Concurrent runs exceeded for job",
        Documented,
    ),
    api(
        "glue.not-found",
        &GLUE,
        Named("EntityNotFoundException"),
        400,
        "Failed to start job run due to missing metadata",
        Inferred,
    ),
    api("glue.throttled", &GLUE, Common("ThrottlingException"), 400, "Rate exceeded", Inferred),
    plain(
        "glue.job-failed",
        "States.TaskFailed",
        r#"{"Id":"jr_1","JobName":"job","JobRunState":"FAILED","ErrorMessage":"Command failed with exit code 1"}"#,
        Documented,
    ),
    api(
        "sagemaker.resource-limit-exceeded",
        &SAGEMAKER,
        Named("ResourceLimitExceededException"),
        400,
        "The account-level service limit was exceeded",
        Inferred,
    ),
    api(
        "sagemaker.throttled",
        &SAGEMAKER,
        Common("ThrottlingException"),
        400,
        "Rate exceeded",
        Inferred,
    ),
    api(
        "sagemaker.validation",
        &SAGEMAKER,
        Common("ValidationException"),
        400,
        "Validation failed",
        Inferred,
    ),
    plain(
        "sagemaker.job-failed",
        "States.TaskFailed",
        r#"{"TrainingJobName":"job","TrainingJobStatus":"Failed","FailureReason":"AlgorithmError"}"#,
        Documented,
    ),
    api(
        "states.execution-already-exists",
        &STATES,
        Named("ExecutionAlreadyExistsException"),
        400,
        "Execution Already Exists: 'arn:aws:states:us-east-1:123456789012:execution:Child:name'",
        Documented,
    ),
    api(
        "states.state-machine-does-not-exist",
        &STATES,
        Named("StateMachineDoesNotExistException"),
        400,
        "State Machine Does Not Exist: 'arn:aws:states:us-east-1:123456789012:stateMachine:Child'",
        Inferred,
    ),
    api(
        "states.execution-limit-exceeded",
        &STATES,
        Named("ExecutionLimitExceeded"),
        400,
        "Too many running executions",
        Documented,
    ),
    api("states.throttled", &STATES, Common("ThrottlingException"), 400, "Rate exceeded", Inferred),
    api(
        "states.invalid-token",
        &STATES,
        Named("InvalidTokenException"),
        400,
        "Invalid Token: 'Invalid token'",
        Recorded,
    ),
    api(
        "states.task-timed-out",
        &STATES,
        Named("TaskTimedOutException"),
        400,
        "Task Timed Out: 'Provided task does not exist anymore'",
        Documented,
    ),
    plain(
        "states.child-failed",
        "States.TaskFailed",
        r#"{"Error":"States.Timeout","ExecutionArn":"arn:aws:states:us-east-1:123456789012:execution:Child:name","Input":"{}","InputDetails":{"Included":true},"Name":"name","StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:Child","Status":"FAILED"}"#,
        Recorded,
    ),
    api(
        "s3.no-such-key",
        &S3,
        Named("NoSuchKeyException"),
        404,
        "The specified key does not exist.",
        Documented,
    ),
    api(
        "s3.no-such-bucket",
        &S3,
        Named("NoSuchBucketException"),
        404,
        "The specified bucket does not exist",
        Documented,
    ),
    api("s3.access-denied", &S3, Common("AccessDenied"), 403, "Access Denied", Documented),
    api(
        "s3.slow-down",
        &S3,
        Common("SlowDown"),
        503,
        "Please reduce your request rate.",
        Documented,
    ),
    client("s3.sdk-client", &S3, "Unable to execute HTTP request: Read timed out", Inferred),
    api(
        "athena.throttled",
        &ATHENA,
        Named("TooManyRequestsException"),
        400,
        "Rate exceeded",
        Inferred,
    ),
    plain(
        "athena.query-failed",
        "States.TaskFailed",
        r#"{"QueryExecution":{"QueryExecutionId":"11111111-2222-4333-8444-555555555555","Status":{"State":"FAILED","StateChangeReason":"SYNTAX_ERROR"}}}"#,
        Inferred,
    ),
    plain(
        "codebuild.build-failed",
        "States.TaskFailed",
        r#"{"Build":{"Id":"project:11111111-2222-4333-8444-555555555555","BuildStatus":"FAILED","CurrentPhase":"COMPLETED"}}"#,
        Inferred,
    ),
    api(
        "codebuild.limit-exceeded",
        &CODEBUILD,
        Named("AccountLimitExceededException"),
        400,
        "Cannot have more than 1 builds in queue for the account",
        Inferred,
    ),
    api(
        "bedrock.throttled",
        &BEDROCK,
        Named("ThrottlingException"),
        429,
        "Too many requests, please wait before trying again.",
        Documented,
    ),
    api(
        "bedrock.model-timeout",
        &BEDROCK,
        Named("ModelTimeoutException"),
        408,
        "Model took too long to respond.",
        Inferred,
    ),
    api(
        "secretsmanager.not-found",
        &SECRETS_MANAGER,
        Named("ResourceNotFoundException"),
        400,
        "Secrets Manager can't find the specified secret.",
        Inferred,
    ),
    plain(
        "apigateway.forbidden",
        "ApiGateway.403",
        r#"{"message":"Missing Authentication Token"}"#,
        Recorded,
    ),
    plain("apigateway.throttled", "ApiGateway.429", r#"{"message":"Too Many Requests"}"#, Inferred),
    plain(
        "apigateway.internal",
        "ApiGateway.500",
        r#"{"message":"Internal server error"}"#,
        Inferred,
    ),
    plain("http.not-found", "States.Http.StatusCode.404", "Not Found", Documented),
    plain("http.throttled", "States.Http.StatusCode.429", "Too Many Requests", Documented),
    plain("http.unavailable", "States.Http.StatusCode.503", "Service Unavailable", Documented),
    plain(
        "http.socket",
        "States.Http.Socket",
        "The HTTP task reached its time limit of 60 seconds.",
        Documented,
    ),
    Fault {
        name: "task.timed-out",
        stage: FailureStage::TimedOut,
        form: Form::Plain { error: "States.Timeout", cause: "" },
        evidence: Recorded,
    },
    plain("task.failed", "States.TaskFailed", "The task failed.", Documented),
    plain(
        "task.permissions",
        "States.Permissions",
        "The role of the state machine is not authorized to call the service.",
        Documented,
    ),
    plain(
        "task.data-limit-exceeded",
        "States.DataLimitExceeded",
        "The state/task returned a result with a size exceeding the maximum number of bytes service limit.",
        Recorded,
    ),
];

/// The names of a service whose endpoint may be called; those of an unknown one are Lambda's.
pub(super) fn names_of(service: &str) -> &'static Names {
    match service {
        "dynamodb" => &DYNAMODB,
        "sqs" => &SQS,
        "sns" => &SNS,
        "batch" => &BATCH,
        "ecs" => &ECS,
        "glue" => &GLUE,
        "sagemaker" => &SAGEMAKER,
        "states" | "sfn" => &STATES,
        _ => &LAMBDA,
    }
}
