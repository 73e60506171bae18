//! Jobs that `.sync` Tasks wait for: how to ask for their state, and when they have ended.

use crate::asl::{Pattern, Resource};
use crate::history::Failure;
use crate::value::Value;

/// The call that asks for the state of a job.
#[derive(Debug)]
pub(super) struct Question {
    /// The operation, as the API names it.
    pub(super) operation: &'static str,
    /// Its arguments, as Step Functions would write them.
    pub(super) arguments: Value,
}

fn names(resource: &Resource) -> (&str, &str) {
    match resource {
        Resource::Service { service, action, .. } => (service, action),
        _ => ("", ""),
    }
}

/// What to ask about the job that a call began.
pub(super) fn begun(
    resource: &Resource,
    arguments: &Value,
    result: &Value,
) -> Result<Question, Failure> {
    let from = |value: &Value, key: &str| value.get(key).cloned().unwrap_or_default();
    let question = |operation, members: Vec<(&str, Value)>| {
        Ok(Question { operation, arguments: Value::object(members) })
    };
    match names(resource) {
        ("batch", "submitJob") => {
            question("DescribeJobs", vec![("Jobs", Value::array([from(result, "JobId")]))])
        }
        ("ecs", "runTask") => {
            let tasks = result.get("Tasks").and_then(Value::as_array);
            let Some(task) = tasks.and_then(|tasks| tasks.first()) else {
                return Err(Failure::new("AmazonECS.Unknown", result.to_json()));
            };
            let mut members = vec![("Tasks", Value::array([from(task, "TaskArn")]))];
            members.extend(arguments.get("Cluster").map(|cluster| ("Cluster", cluster.clone())));
            question("DescribeTasks", members)
        }
        ("glue", "startJobRun") => question(
            "GetJobRun",
            vec![("JobName", from(arguments, "JobName")), ("RunId", from(result, "JobRunId"))],
        ),
        ("sagemaker", "createTrainingJob") => question(
            "DescribeTrainingJob",
            vec![("TrainingJobName", from(arguments, "TrainingJobName"))],
        ),
        ("sagemaker", "createTransformJob") => question(
            "DescribeTransformJob",
            vec![("TransformJobName", from(arguments, "TransformJobName"))],
        ),
        ("states", "startExecution") => {
            question("DescribeExecution", vec![("ExecutionArn", from(result, "ExecutionArn"))])
        }
        _ => Err(Failure::new(
            "States.Runtime",
            format!("stepproof cannot wait for the end of `{}`; give it a mock", resource.text()),
        )),
    }
}

/// The call that ends a job before its time, where its service has one (guide, "IAM Policies for
/// Integrated Services": what `.sync` needs to be allowed).
pub(super) fn stopped(resource: &Resource, arguments: &Value, result: &Value) -> Option<Question> {
    let from = |value: &Value, key: &str| value.get(key).cloned().unwrap_or_default();
    let reason = || ("Reason", Value::string("The Task that waited for it was stopped"));
    let (operation, members) = match names(resource) {
        ("batch", "submitJob") => {
            ("TerminateJob", vec![("JobId", from(result, "JobId")), reason()])
        }
        ("ecs", "runTask") => {
            let task = result.get("Tasks")?.as_array()?.first()?;
            let mut members = vec![("Task", from(task, "TaskArn")), reason()];
            members.extend(arguments.get("Cluster").map(|cluster| ("Cluster", cluster.clone())));
            ("StopTask", members)
        }
        ("glue", "startJobRun") => {
            let run = Value::array([from(result, "JobRunId")]);
            ("BatchStopJobRun", vec![("JobName", from(arguments, "JobName")), ("JobRunIds", run)])
        }
        ("sagemaker", "createTrainingJob") => {
            let key = "TrainingJobName";
            ("StopTrainingJob", vec![(key, from(arguments, key))])
        }
        ("sagemaker", "createTransformJob") => {
            let key = "TransformJobName";
            ("StopTransformJob", vec![(key, from(arguments, key))])
        }
        ("states", "startExecution") => {
            ("StopExecution", vec![("ExecutionArn", from(result, "ExecutionArn"))])
        }
        _ => return None,
    };
    Some(Question { operation, arguments: Value::object(members) })
}

/// How the job ended, if it has.
pub(super) fn ended(resource: &Resource, answer: &Value) -> Option<Result<Value, Failure>> {
    let first = |key: &str| answer.get(key).and_then(Value::as_array)?.first().cloned();
    let (job, state, good): (Value, &str, &[&str]) = match names(resource) {
        ("batch", _) => (first("Jobs")?, "Status", &["SUCCEEDED"]),
        ("ecs", _) => return ended_task(&first("Tasks")?),
        ("glue", _) => (answer.get("JobRun")?.clone(), "JobRunState", &["SUCCEEDED"]),
        ("sagemaker", "createTrainingJob") => (answer.clone(), "TrainingJobStatus", &["Completed"]),
        ("sagemaker", _) => (answer.clone(), "TransformJobStatus", &["Completed"]),
        _ => (with_data(resource, answer), "Status", &["SUCCEEDED"]),
    };
    let status = job.get(state).and_then(Value::as_str)?.to_owned();
    if good.contains(&&*status) {
        return Some(Ok(job));
    }
    let over =
        ["FAILED", "TIMED_OUT", "ABORTED", "STOPPED", "TIMEOUT", "ERROR", "Failed", "Stopped"];
    over.contains(&&*status).then(|| Err(Failure::new("States.TaskFailed", job.to_json())))
}

/// A task of ECS has ended well where all of its containers have.
fn ended_task(task: &Value) -> Option<Result<Value, Failure>> {
    if task.get("LastStatus").and_then(Value::as_str) != Some("STOPPED") {
        return None;
    }
    let containers = task.get("Containers").and_then(Value::as_array);
    let mut codes = containers.into_iter().flat_map(|list| list.iter());
    let well = codes.all(|one| one.get("ExitCode").and_then(Value::as_i64).unwrap_or(0) == 0);
    Some(if well {
        Ok(task.clone())
    } else {
        Err(Failure::new("States.TaskFailed", task.to_json()))
    })
}

/// An execution's input and output: texts for `.sync`, JSON for `.sync:2`.
fn with_data(resource: &Resource, answer: &Value) -> Value {
    let Value::Object(members) = answer else { return answer.clone() };
    if resource.pattern() != Pattern::Sync2 {
        return answer.clone();
    }
    let mut members = members.clone();
    for key in ["Input", "Output"] {
        let text = members.get(key).and_then(Value::as_str);
        if let Some(value) = text.and_then(|text| Value::parse(text).ok()) {
            members = members.with(key, value);
        }
    }
    Value::Object(members)
}
