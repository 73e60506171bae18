//! Versions and aliases that state machines have before an execution starts.

use std::sync::Arc;

use super::Machine;
use crate::asl::StateMachine;
use crate::service::{ApiError, Operation, Response, Route, Service};
use crate::time::Timestamp;

/// The versions that an alias leads to, by their numbers, and the weight of each.
pub type Routing = Vec<(u64, i64)>;

/// The versions of a state machine, numbered 1, 2, 3, … in the order in which they are published,
/// and its aliases.
///
/// ```
/// use stepproof::asl;
/// use stepproof::sim::{Simulation, Versions};
///
/// let machine = |state: &str| {
///     let text = format!(r#"{{"StartAt": "{state}", "States": {{"{state}": {{"Type": "Succeed"}}}}}}"#);
///     asl::parse_text("definition", &text).0.expect("the definition is valid")
/// };
/// let versions = Versions::new().publish(machine("Old")).alias("live", [(1, 100)]);
/// let run = Simulation::new(machine("New")).versions(versions).start_through("live").run()?;
/// assert_eq!(run.path(), ["Old"]);
/// # Ok::<(), stepproof::sim::SimulationError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Versions {
    published: Vec<Arc<StateMachine>>,
    aliases: Vec<(Arc<str>, Routing)>,
}

impl Versions {
    /// No versions and no aliases.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next version. The definition that the machine has in the end is a version only where it
    /// is published too.
    #[must_use]
    pub fn publish(mut self, machine: impl Into<Arc<StateMachine>>) -> Self {
        self.published.push(machine.into());
        self
    }

    /// An alias of one or two versions, with the weight of each; the weights make a hundred.
    #[must_use]
    pub fn alias(
        mut self,
        name: impl Into<Arc<str>>,
        routing: impl IntoIterator<Item = (u64, i64)>,
    ) -> Self {
        self.aliases.push((name.into(), routing.into_iter().collect()));
        self
    }

    /// The versions, in their order.
    pub(super) fn published(&self) -> &[Arc<StateMachine>] {
        &self.published
    }
}

impl Machine {
    /// Creates the machine with its versions and aliases; its ARN.
    pub(super) fn create(
        &self,
        service: &mut Service,
        now: Timestamp,
        role_arn: Arc<str>,
    ) -> Result<Arc<str>, ApiError> {
        let mut current = self.versions.published.first().unwrap_or(&self.machine);
        let created = service.handle(
            now,
            Operation::CreateStateMachine {
                name: self.name.clone(),
                machine: current.clone(),
                execution_type: self.execution_type,
                role_arn,
            },
        );
        let Response::Created(arn) = created? else { return Ok(Arc::from("")) };
        for version in &self.versions.published {
            update(service, now, &arn, &mut current, version)?;
            service.handle(
                now,
                Operation::PublishStateMachineVersion {
                    state_machine_arn: arn.clone(),
                    revision_id: None,
                    description: None,
                },
            )?;
        }
        update(service, now, &arn, &mut current, &self.machine)?;
        for (name, routing) in &self.versions.aliases {
            let routing = routing.iter().map(|(version, weight)| Route {
                version_arn: format!("{arn}:{version}").into(),
                weight: *weight,
            });
            service.handle(
                now,
                Operation::CreateStateMachineAlias {
                    name: name.clone(),
                    description: None,
                    routing: routing.collect(),
                },
            )?;
        }
        Ok(arn)
    }
}

/// Gives the machine another definition, unless it has just this one.
fn update<'m>(
    service: &mut Service,
    now: Timestamp,
    arn: &Arc<str>,
    current: &mut &'m Arc<StateMachine>,
    machine: &'m Arc<StateMachine>,
) -> Result<(), ApiError> {
    if Arc::ptr_eq(current, machine) {
        return Ok(());
    }
    *current = machine;
    service.handle(
        now,
        Operation::UpdateStateMachine {
            state_machine_arn: arn.clone(),
            machine: Some(machine.clone()),
            role_arn: None,
        },
    )?;
    Ok(())
}
