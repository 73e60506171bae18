//! Which operation a Task's result comes from, and how Step Functions spells it.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::format::{self, Service, Shape};
use crate::asl::{Pattern, Resource};

/// What is known about the result of a resource.
pub(super) enum Lookup {
    /// No API describes it.
    Free,
    /// The models do not have it.
    Unknown,
    /// It is this.
    Found(&'static Service, Expected),
}

/// The shape of a result.
pub(super) struct Expected {
    /// The reference to it.
    pub shape: Cow<'static, str>,
    /// How its members are spelled.
    pub spelling: Spelling,
    /// Members at its top that are JSON of any kind.
    free: &'static [&'static str],
}

/// How the names of an API's members appear in Step Functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Optimized integrations: the first letter in upper case, the rest as the API has it
    /// (`MD5OfMessageBody` in `callback.*`).
    Optimized,
    /// `aws-sdk:` integrations: as the getters of the AWS SDK for Java 2 are named, with the first
    /// letter in upper case: `DbInstances`, `SsekmsKeyId`, `ETag`.
    Sdk,
}

/// An action whose result is not the answer of the operation of the same name.
struct Special {
    service: &'static str,
    action: &'static str,
    pattern: Pattern,
    /// In the models.
    source: (&'static str, &'static str),
    /// The member of the operation's output that the result is; of a list, its items.
    member: Option<&'static str>,
    free: &'static [&'static str],
}

const fn job(
    service: &'static str,
    action: &'static str,
    source: (&'static str, &'static str),
    member: Option<&'static str>,
) -> Special {
    Special { service, action, pattern: Pattern::Sync, source, member, free: &[] }
}

/// Optimized integrations of their own shape. The result of a job is what describes it at its end
/// (`startExecution.sync`, `ecs_task_service.run_task_sync`; guide, "Run a Job"): a job whose
/// description is not certain is left out.
const SPECIAL: &[Special] = &[
    // The payload is parsed (`task_service_lambda.*`).
    Special {
        service: "lambda",
        action: "invoke",
        pattern: Pattern::RequestResponse,
        source: ("lambda", "invoke"),
        member: None,
        free: &["Payload"],
    },
    Special {
        service: "bedrock",
        action: "invokeModel",
        pattern: Pattern::RequestResponse,
        source: ("bedrockruntime", "invokeModel"),
        member: None,
        free: &["Body"],
    },
    Special {
        service: "states",
        action: "startExecution",
        pattern: Pattern::Sync2,
        source: ("sfn", "describeExecution"),
        member: None,
        free: &["Input", "Output"],
    },
    job("states", "startExecution", ("sfn", "describeExecution"), None),
    job("ecs", "runTask", ("ecs", "describeTasks"), Some("tasks")),
    job("batch", "submitJob", ("batch", "describeJobs"), Some("jobs")),
    job("glue", "startJobRun", ("glue", "getJobRun"), Some("JobRun")),
    job("athena", "startQueryExecution", ("athena", "getQueryExecution"), None),
    job("codebuild", "startBuild", ("codebuild", "startBuild"), None),
    job("codebuild", "startBuildBatch", ("codebuild", "startBuildBatch"), None),
    job("sagemaker", "createTrainingJob", ("sagemaker", "describeTrainingJob"), None),
    job("sagemaker", "createTransformJob", ("sagemaker", "describeTransformJob"), None),
    job("sagemaker", "createProcessingJob", ("sagemaker", "describeProcessingJob"), None),
    job("sagemaker", "createLabelingJob", ("sagemaker", "describeLabelingJob"), None),
    job("databrew", "startJobRun", ("databrew", "describeJobRun"), None),
    job("mediaconvert", "createJob", ("mediaconvert", "getJob"), None),
    job("emr-serverless", "startJobRun", ("emrserverless", "getJobRun"), None),
    job("emr-serverless", "createApplication", ("emrserverless", "getApplication"), None),
    job("emr-serverless", "startApplication", ("emrserverless", "getApplication"), None),
    job("emr-containers", "startJobRun", ("emrcontainers", "describeJobRun"), None),
];

/// HTTP calls answer in an envelope of Step Functions' own (`apigetway_task_service.*`).
const HTTP: &str = "invoke\t0\n\n{Headers=a\tResponseBody=a\tStatusCode=n\tStatusText=s";

static HTTP_SERVICE: LazyLock<Service> = LazyLock::new(|| Service::read(HTTP));

/// Where the result of a task is described.
pub(super) fn of(resource: &Resource) -> Lookup {
    let Resource::Service { service, action, pattern, .. } = resource else { return Lookup::Free };
    if *pattern == Pattern::WaitForTaskToken {
        return Lookup::Free;
    }
    let found = match service.strip_prefix("aws-sdk:") {
        Some(service) => sdk(service, action, *pattern),
        None => optimized(service, action, *pattern),
    };
    found.map_or(Lookup::Unknown, |(service, expected)| Lookup::Found(service, expected))
}

fn sdk(service: &str, action: &str, pattern: Pattern) -> Option<(&'static Service, Expected)> {
    if pattern != Pattern::RequestResponse {
        return None;
    }
    let service = format::service(service)?;
    let shape = service.output(action)?.into();
    Some((service, Expected { shape, spelling: Spelling::Sdk, free: &[] }))
}

fn optimized(
    service: &str,
    action: &str,
    pattern: Pattern,
) -> Option<(&'static Service, Expected)> {
    let expected = |shape, free| Expected { shape, spelling: Spelling::Optimized, free };
    let is = |special: &&Special| {
        (special.service, special.action, special.pattern) == (service, action, pattern)
    };
    if let Some(special) = SPECIAL.iter().find(is) {
        let service = format::service(special.source.0)?;
        let mut shape = service.output(special.source.1)?;
        if let Some(member) = special.member {
            shape = service.member(shape, member)?;
            if let Shape::List(items) = service.shape(shape) {
                shape = items;
            }
        }
        return Some((service, expected(shape.into(), special.free)));
    }
    if pattern != Pattern::RequestResponse {
        return None;
    }
    if matches!(service, "http" | "apigateway") {
        return Some((&HTTP_SERVICE, expected(HTTP_SERVICE.output(action)?.into(), &[])));
    }
    let service = format::service(match service {
        "states" => "sfn",
        "events" => "eventbridge",
        "elasticmapreduce" => "emr",
        "emr-containers" => "emrcontainers",
        "emr-serverless" => "emrserverless",
        same => same,
    })?;
    Some((service, expected(service.output(action)?.into(), &[])))
}

impl Expected {
    /// Whether a member at the top may be anything.
    pub(super) fn is_free(&self, name: &str) -> bool {
        self.free.contains(&name)
    }
}

impl Spelling {
    /// The member `name` of an API.
    pub(super) fn of(self, name: &str) -> Cow<'_, str> {
        let bytes = name.as_bytes();
        let upper = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_uppercase);
        let lower = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_lowercase);
        // The letters of the abbreviation at the start; its last one may begin the next word.
        let mut end = 1;
        while self == Self::Sdk && upper(0) && upper(end) && !lower(end + 1) {
            end += 1;
        }
        if end == 1 && !lower(0) {
            return name.into();
        }
        let (first, rest) = name.split_at(1);
        let (abbreviation, rest) = rest.split_at(end - 1);
        (first.to_ascii_uppercase() + &abbreviation.to_ascii_lowercase() + rest).into()
    }
}

/// The integrations of their own shape, as resources are written.
#[cfg(test)]
pub(super) fn special() -> impl Iterator<Item = String> {
    SPECIAL.iter().map(|special| {
        format!("{}:{}{}", special.service, special.action, special.pattern.suffix())
    })
}
