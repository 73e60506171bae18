//! The state machines of a case, with their versions and aliases.

use std::sync::Arc;

use aws_sdk_sfn::types::{
    CloudWatchLogsLogGroup, LogDestination, LogLevel, LoggingConfiguration,
    RoutingConfigurationListItem,
};

use super::{Own, type_of};
use crate::asl::ExecutionType;
use crate::scenario::{CaseVersions, Definition};
use crate::service::Account;
use crate::target::endpoint::Answer;
use crate::target::error::EndpointError;
use crate::target::throttle::Operation;

impl Own<'_> {
    /// Makes a machine, step by step as a simulation does: its first version, each further one as an
    /// update, in the end its own definition, and the aliases; its ARN.
    pub(super) async fn make(
        &self,
        name: &str,
        own: &Arc<Definition>,
        execution_type: ExecutionType,
        versions: &CaseVersions,
    ) -> Result<String, String> {
        let told = |error: EndpointError| error.to_string();
        let published: Vec<&Arc<Definition>> =
            versions.published.iter().map(|version| version.as_ref().unwrap_or(own)).collect();
        let mut current = published.first().copied().unwrap_or(own);
        let made = self.create(name, &current.value.to_json(), execution_type).await;
        let arn = made.map_err(told)?.text("stateMachineArn").unwrap_or_default().to_owned();
        for version in published {
            self.update(&arn, &mut current, version).await.map_err(told)?;
            let request =
                self.endpoint.client().publish_state_machine_version().state_machine_arn(&arn);
            let sent = self.endpoint.call(Operation::PublishStateMachineVersion, |capture| async {
                request.customize().interceptor(capture).send().await
            });
            sent.await.map_err(told)?;
        }
        self.update(&arn, &mut current, own).await.map_err(told)?;
        for (alias, routing) in &versions.aliases {
            let mut request = self.endpoint.client().create_state_machine_alias().name(&**alias);
            for (version, weight) in routing {
                let route = RoutingConfigurationListItem::builder()
                    .state_machine_version_arn(format!("{arn}:{version}"))
                    .weight(i32::try_from(*weight).unwrap_or(i32::MAX))
                    .build()
                    .map_err(|error| error.to_string())?;
                request = request.routing_configuration(route);
            }
            let sent = self.endpoint.call(Operation::CreateStateMachineAlias, |capture| async {
                request.customize().interceptor(capture).send().await
            });
            sent.await.map_err(told)?;
        }
        Ok(arn)
    }

    /// Gives the machine another definition, unless it has just this one.
    async fn update<'d>(
        &self,
        arn: &str,
        current: &mut &'d Arc<Definition>,
        definition: &'d Arc<Definition>,
    ) -> Result<(), EndpointError> {
        if Arc::ptr_eq(current, definition) {
            return Ok(());
        }
        *current = definition;
        let request = self
            .endpoint
            .client()
            .update_state_machine()
            .state_machine_arn(arn)
            .definition(definition.value.to_json());
        let sent = self.endpoint.call(Operation::UpdateStateMachine, |capture| async {
            request.customize().interceptor(capture).send().await
        });
        sent.await.map(drop)
    }

    /// CreateStateMachine, with the role that a simulation would have.
    pub(super) async fn create(
        &self,
        name: &str,
        definition: &str,
        execution_type: ExecutionType,
    ) -> Result<Answer, EndpointError> {
        let role_arn = match &self.case.role_arn {
            Some(role_arn) => role_arn.to_string(),
            None => {
                format!("arn:aws:iam::{}:role/StepFunctions-{name}", Account::default().account_id)
            }
        };
        let request = self
            .endpoint
            .client()
            .create_state_machine()
            .name(name)
            .definition(definition)
            .role_arn(role_arn)
            .logging_configuration(everything())
            .r#type(type_of(execution_type));
        self.endpoint
            .call(Operation::CreateStateMachine, |capture| async move {
                request.customize().interceptor(capture).send().await
            })
            .await
    }
}

/// All events with their data: logs are the only sight of Express executions.
fn everything() -> LoggingConfiguration {
    let group = "arn:aws:logs:us-east-1:123456789012:log-group:/stepproof:*";
    let group = CloudWatchLogsLogGroup::builder().log_group_arn(group).build();
    LoggingConfiguration::builder()
        .level(LogLevel::All)
        .include_execution_data(true)
        .destinations(LogDestination::builder().cloud_watch_logs_log_group(group).build())
        .build()
}
