//! The stub to paste where a task has no mock.

use super::results;
use crate::asl::{Pattern, Resource};
use crate::engine::TaskRequest;
use crate::json;

/// YAML for a scenario that answers `request`, with a result of the shape its service has.
///
/// `child` is the name of the nested state machine that the state belongs to.
pub fn stub(child: Option<&str>, request: &TaskRequest) -> String {
    let state = match child {
        Some(child) => format!("{child}:{}", request.state),
        None => request.state.to_string(),
    };
    let state = yaml_key(&state);
    let result = spaced(&results::typical(&request.resource).to_json());
    match &request.resource {
        Resource::Activity { arn } => {
            let name = yaml_key(arn.rsplit(':').next().unwrap_or(arn));
            format!("activities:\n  {name}:\n    - return: {{}}\n")
        }
        Resource::Service { service, action, .. }
            if (&**service, &**action) == ("states", "startExecution") =>
        {
            let child = request.arguments.get("StateMachineArn").and_then(|arn| arn.as_str());
            let child = child.and_then(|arn| arn.split(':').nth(6)).unwrap_or("Child");
            format!(
                "mocks:\n  {state}:\n    return: {result}\n# or run the nested machine:\n\
                 machines:\n  {}:\n    definition: child.asl.json\n",
                yaml_key(child)
            )
        }
        resource if resource.pattern() == Pattern::WaitForTaskToken => format!(
            "mocks:\n  {state}:\n    return: {result}  # what the callback sends\n    after: 1m\n"
        ),
        _ => format!("mocks:\n  {state}:\n    return: {result}\n"),
    }
}

/// A key as it is where YAML reads it as that string, else in quotes.
fn yaml_key(key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && !key.ends_with(' ')
        && key.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/'))
        && !matches!(
            &*key.to_ascii_lowercase(),
            "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if plain {
        return key.to_owned();
    }
    let mut quoted = String::new();
    json::write_string(&mut quoted, key);
    quoted
}

/// Compact JSON with a space after each colon and comma, which YAML wants.
fn spaced(compact: &str) -> String {
    let mut out = String::with_capacity(compact.len() + 16);
    let (mut in_string, mut escaped) = (false, false);
    for c in compact.chars() {
        out.push(c);
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c == '"' {
            in_string = true;
        } else if matches!(c, ':' | ',') {
            out.push(' ');
        }
    }
    out
}
