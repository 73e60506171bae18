//! The `Resource` of a Task.

use std::sync::Arc;

use crate::asl::task::{Pattern, Resource};

/// Whether a part of the text is still to be filled in.
type IsOpen<'f> = &'f dyn Fn(&str) -> bool;

/// Reads the ARN of a Lambda function, an activity or a service integration; `None` for anything
/// else.
pub(super) fn resource(text: &Arc<str>, open: IsOpen<'_>) -> Option<Resource> {
    if open(text) && !text.starts_with("arn:") {
        return Some(Resource::Placeholder(text.clone()));
    }
    let masked = without_inner_colons(text);
    let mut parts = masked.splitn(6, ':');
    let mut part = || parts.next();
    let (arn, partition, service) = (part()?, part()?, part()?);
    let (Some(_region), Some(_account), Some(rest)) = (part(), part(), part()) else {
        return None;
    };
    // Masking keeps the length, so the last part is found again at the end.
    let rest = &text[text.len() - rest.len()..];
    if arn != "arn" || !(partition.starts_with("aws") || open(partition)) {
        return None;
    }
    match service {
        "states" if rest.starts_with("activity:") => activity(text, rest),
        // Region and account are usually left out, but may be there.
        "states" => integration(text, rest, open),
        "lambda" => lambda(text, rest, open),
        _ if open(text) => Some(Resource::Placeholder(text.clone())),
        _ => None,
    }
}

/// The text with the colons inside `${AWS::Region}` and the like out of the way.
fn without_inner_colons(text: &str) -> String {
    let mut depth = 0_usize;
    text.chars()
        .map(|c| {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if c == ':' && depth > 0 { '_' } else { c }
        })
        .collect()
}

/// `function:NAME`, with a version or an alias behind it.
fn lambda(arn: &Arc<str>, rest: &str, open: IsOpen<'_>) -> Option<Resource> {
    if !open(rest) {
        let mut parts = rest.split(':');
        let name = |text: &str| {
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !text.is_empty() && text.chars().all(legal)
        };
        let named = parts.next()? == "function" && parts.next().is_some_and(name);
        let qualified = parts.next().is_none_or(|text| text == "$LATEST" || name(text));
        if !named || !qualified || parts.next().is_some() {
            return None;
        }
    }
    Some(Resource::LambdaFunction { arn: arn.clone() })
}

fn activity(arn: &Arc<str>, rest: &str) -> Option<Resource> {
    let name = rest.strip_prefix("activity:")?;
    (!name.is_empty()).then(|| Resource::Activity { arn: arn.clone() })
}

/// `SERVICE:ACTION[.PATTERN]`, where an SDK service is `aws-sdk:SERVICE`.
fn integration(arn: &Arc<str>, rest: &str, open: IsOpen<'_>) -> Option<Resource> {
    let (call, pattern) = match rest {
        _ if rest.ends_with(".sync:2") => (rest.strip_suffix(".sync:2")?, Pattern::Sync2),
        _ if rest.ends_with(".sync") => (rest.strip_suffix(".sync")?, Pattern::Sync),
        _ => match rest.strip_suffix(".waitForTaskToken") {
            Some(call) => (call, Pattern::WaitForTaskToken),
            None => (rest, Pattern::RequestResponse),
        },
    };
    if open(call) {
        return Some(Resource::Placeholder(arn.clone()));
    }
    let (service, action) = call.rsplit_once(':')?;
    let legal = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let named = legal(service.strip_prefix("aws-sdk:").unwrap_or(service)) && legal(action);
    named.then(|| Resource::Service {
        arn: arn.clone(),
        service: service.into(),
        action: action.into(),
        pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match resource(&Arc::from(text), &crate::document::has_placeholder) {
            None => "refused".to_owned(),
            Some(Resource::LambdaFunction { .. }) => "lambda".to_owned(),
            Some(Resource::Activity { .. }) => "activity".to_owned(),
            Some(Resource::Placeholder(_)) => "placeholder".to_owned(),
            Some(Resource::Service { service, action, pattern, .. }) => {
                format!("{service} {action}{}", pattern.suffix())
            }
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn resources_are_told_apart() {
        for (text, expected) in [
            ("arn:aws:lambda:us-east-1:123456789012:function:f", "lambda"),
            ("arn:aws:lambda:us-east-1:123456789012:function:f:prod", "lambda"),
            ("arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST", "lambda"),
            ("arn:aws-cn:lambda:cn-north-1:123456789012:function:f", "lambda"),
            ("arn:aws-us-gov:states:us-gov-west-1:123456789012:activity:a", "activity"),
            ("arn:aws:states:::lambda:invoke", "lambda invoke"),
            ("arn:aws:states:::lambda:invoke.waitForTaskToken", "lambda invoke.waitForTaskToken"),
            ("arn:aws:states:::states:startExecution.sync:2", "states startExecution.sync:2"),
            ("arn:aws:states:::batch:submitJob.sync", "batch submitJob.sync"),
            ("arn:aws:states:::aws-sdk:s3:getObject", "aws-sdk:s3 getObject"),
            ("arn:aws:states:::http:invoke", "http invoke"),
            ("arn:aws:states:us-east-1:123456789012:aws-sdk:s3:getObject", "aws-sdk:s3 getObject"),
            ("${LambdaArn}", "placeholder"),
            ("arn:${AWS::Partition}:states:::${Service}:invoke", "placeholder"),
            ("arn:aws:states:::${ServiceAndAction}", "placeholder"),
            ("arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:f", "lambda"),
            ("${LambdaArn", "refused"),
            ("my-function", "refused"),
            ("arn:aws:lambda:us-east-1:123456789012:function:f:", "refused"),
            ("arn:aws:lambda:us-east-1:123456789012:function:f:$*#$7485", "refused"),
            ("arn:aws:states:::lambda", "refused"),
            ("arn:aws:s3:::bucket", "refused"),
            ("", "refused"),
        ] {
            check(text, expected);
        }
    }
}
