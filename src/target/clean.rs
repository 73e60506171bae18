//! Sweeping what earlier runs left on an endpoint: found by name, made sure of by tag.

use super::endpoint::{Answer, Endpoint};
use super::error::EndpointError;
use super::pages::{Of, executions};
use super::session::{
    NAME_PREFIX, TAG_RUN, TAG_TIME, delete_activity, delete_machine, is_gone, now_seconds, stop,
};
use super::throttle::Operation;
use crate::value::Value;

/// Something that a run of stepproof left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Its ARN: a state machine or an activity.
    pub arn: String,
    /// The run that made it.
    pub run: String,
    /// How old it is, in seconds.
    pub age_seconds: u64,
}

impl Endpoint {
    /// What runs of stepproof left that is at least this old.
    ///
    /// # Errors
    ///
    /// Where the endpoint cannot be reached or refuses.
    pub async fn leftovers(&self, at_least_seconds: u64) -> Result<Vec<Leftover>, EndpointError> {
        let machines = self
            .list(Operation::ListStateMachines, "stateMachines", usize::MAX, |token| {
                let request = self.client().list_state_machines().set_next_token(token);
                self.call(Operation::ListStateMachines, |capture| async move {
                    request.customize().interceptor(capture).send().await
                })
            })
            .await?;
        let activities = self
            .list(Operation::ListActivities, "activities", usize::MAX, |token| {
                let request = self.client().list_activities().set_next_token(token);
                self.call(Operation::ListActivities, |capture| async move {
                    request.customize().interceptor(capture).send().await
                })
            })
            .await?;
        let mut found = Vec::new();
        let arn = |item: &Value, key: &str| {
            let named = item.get("name").and_then(Value::as_str).unwrap_or_default();
            let arn = item.get(key).and_then(Value::as_str)?;
            named.starts_with(NAME_PREFIX).then(|| arn.to_owned())
        };
        let arns = machines.iter().filter_map(|item| arn(item, "stateMachineArn"));
        let arns = arns.chain(activities.iter().filter_map(|item| arn(item, "activityArn")));
        for arn in arns {
            let tags = match self.tags_of(&arn).await {
                // Somebody else took it away meanwhile.
                Err(error) if is_gone(&error) => continue,
                tags => tags?,
            };
            let tag = |key: &str| {
                let tags = tags.value.get("tags").and_then(Value::as_array)?;
                let text = |tag: &Value, key| {
                    tag.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                tags.iter().find(|tag| text(tag, "key") == key).map(|tag| text(tag, "value"))
            };
            // Whatever else has such a name is somebody else's.
            let Some(run) = tag(TAG_RUN) else { continue };
            let time = tag(TAG_TIME).and_then(|time| time.parse::<u64>().ok()).unwrap_or_default();
            let age_seconds = now_seconds().saturating_sub(time);
            if age_seconds >= at_least_seconds {
                found.push(Leftover { arn, run, age_seconds });
            }
        }
        Ok(found)
    }

    async fn tags_of(&self, arn: &str) -> Result<Answer, EndpointError> {
        let request = self.client().list_tags_for_resource().resource_arn(arn);
        self.call(Operation::ListTagsForResource, |capture| async move {
            request.customize().interceptor(capture).send().await
        })
        .await
    }

    /// Takes a leftover away; a machine's executions are stopped first.
    ///
    /// # Errors
    ///
    /// Where the endpoint cannot be reached or refuses.
    pub async fn sweep(&self, leftover: &Leftover) -> Result<(), EndpointError> {
        if leftover.arn.contains(":activity:") {
            return delete_activity(self, &leftover.arn).await;
        }
        let running = self
            .list(Operation::ListExecutions, "executions", usize::MAX, |token| {
                executions(self, Of::Machine(&leftover.arn), Some("RUNNING"), token)
            })
            .await;
        let running = match running {
            // Of Express executions there is no list; they are over after five minutes.
            Err(error) if error.code() == Some("StateMachineTypeNotSupported") => Vec::new(),
            Err(error) if is_gone(&error) => return Ok(()),
            running => running?,
        };
        for execution in &running {
            if let Some(arn) = execution.get("executionArn").and_then(Value::as_str) {
                stop(self, arn).await?;
            }
        }
        delete_machine(self, &leftover.arn).await
    }
}
