//! Versions and aliases of state machines.
//!
//! Recorded in `sfn_api_versioning.*` and `sfn_api_aliasing.*`; the messages that no recording has
//! are inferred.

use std::sync::Arc;

use super::execution::StateMachineRecord;
use super::nested::iso_date;
use super::{ApiError, Operation, Response, Service};
use crate::asl::StateMachine;
use crate::time::Timestamp;
use crate::value::Value;

/// A version: an immutable copy of a state machine.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its ARN: that of the machine and its number.
    pub arn: Arc<str>,
    /// Its description.
    pub description: Option<Arc<str>>,
    /// When it was published.
    pub creation_date: Timestamp,
    /// What it is a copy of.
    pub machine: Arc<StateMachineRecord>,
}

/// An alias: a name for one or two versions of a state machine.
#[derive(Clone, Debug)]
pub struct Alias {
    /// Its ARN: that of the machine and its name.
    pub arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its description.
    pub description: Option<Arc<str>>,
    /// Where executions go.
    pub routing: Vec<Route>,
    /// When it was created.
    pub creation_date: Timestamp,
    /// When it was last updated.
    pub update_date: Timestamp,
}

/// A version of an alias, and how many of a hundred executions it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `stateMachineVersionArn`
    pub version_arn: Arc<str>,
    /// `weight`
    pub weight: i64,
}

/// The version and the alias through which an execution starts.
#[derive(Clone, Debug, Default)]
pub(super) struct Through {
    pub(super) version_arn: Option<Arc<str>>,
    pub(super) alias_arn: Option<Arc<str>>,
}

/// Versions and aliases of one machine (service quotas).
const MOST_VERSIONS: usize = 1_000;
const MOST_ALIASES: usize = 100;

/// The ARN of the machine that a version's or an alias's ARN belongs to.
fn unqualified(arn: &str) -> &str {
    arn.rsplit_once(':').map_or(arn, |(machine, _)| machine)
}

impl Service {
    /// The versions of a state machine, the latest first.
    pub fn versions<'a>(&'a self, machine_arn: &'a str) -> impl Iterator<Item = &'a Version> {
        let own = move |version: &&Version| unqualified(&version.arn) == machine_arn;
        self.versions.values().rev().filter(own)
    }

    /// The aliases of a state machine, or of one version of it, in the order in which they were
    /// created.
    pub fn aliases<'a>(&'a self, arn: &'a str) -> impl Iterator<Item = &'a Alias> {
        self.aliases.values().filter(move |alias| {
            unqualified(&alias.arn) == arn
                || alias.routing.iter().any(|route| *route.version_arn == *arn)
        })
    }

    /// The alias with this ARN.
    pub fn find_alias(&self, arn: &str) -> Option<&Alias> {
        self.aliases.get(arn)
    }

    /// The machine that an ARN, of a version or an alias as well, leads to. An alias draws one of
    /// its versions by their weights.
    pub(super) fn route(&mut self, arn: &str) -> Option<(Arc<StateMachineRecord>, Through)> {
        if let Some(version) = self.versions.get(arn) {
            let through = Through { version_arn: Some(version.arn.clone()), alias_arn: None };
            return Some((version.machine.clone(), through));
        }
        let Some(alias) = self.aliases.get(arn) else {
            return self.machines.get(arn).map(|machine| (machine.clone(), Through::default()));
        };
        let mut drawn = i64::from(self.entropy.next_int(100));
        let route = alias.routing.iter().find(|route| {
            drawn -= route.weight;
            drawn < 0
        })?;
        let version = self.versions.get(&route.version_arn)?;
        let through =
            Through { version_arn: Some(version.arn.clone()), alias_arn: Some(alias.arn.clone()) };
        Some((version.machine.clone(), through))
    }

    /// Replaces definition or role. Running executions keep what they started with, and so do
    /// versions; without a change the revision stays the same
    /// (`empty_revision_with_publish_and_no_publish_on_creation`).
    pub(super) fn update_state_machine(
        &mut self,
        arn: &str,
        machine: Option<Arc<StateMachine>>,
        role_arn: Option<Arc<str>>,
    ) -> Result<Response, ApiError> {
        let Some(old) = self.machines.get(arn).cloned() else {
            return Err(ApiError::state_machine_does_not_exist(arn));
        };
        let machine = machine.unwrap_or_else(|| old.machine.clone());
        let role_arn = role_arn.unwrap_or_else(|| old.role_arn.clone());
        let same = machine.source == old.machine.source && role_arn == old.role_arn;
        if !same {
            let record = StateMachineRecord {
                arn: old.arn.clone(),
                name: old.name.clone(),
                role_arn,
                execution_type: old.execution_type,
                machine,
                revision_id: Some(self.entropy.next_uuid().into()),
            };
            self.machines.insert(old.arn.clone(), Arc::new(record));
        }
        let revision_id = self.machines[&old.arn].revision_id.clone();
        Ok(Response::Updated { revision_id })
    }

    /// Publishes the current revision, unless a version of it exists. Numbers are not given twice
    /// (`version_ids_between_deletions`).
    pub(super) fn publish_version(
        &mut self,
        now: Timestamp,
        arn: &str,
        revision_id: Option<&str>,
        description: Option<Arc<str>>,
    ) -> Result<Response, ApiError> {
        let Some(machine) = self.machines.get(arn).cloned() else {
            return Err(ApiError::state_machine_does_not_exist(arn));
        };
        let current = machine.revision_id.as_deref().unwrap_or("INITIAL");
        if let Some(given) = revision_id.filter(|given| *given != current) {
            return Err(ApiError::conflict(format!(
                "The revision '{given}' is not the current one of the state machine: '{current}'"
            )));
        }
        let known = self
            .versions(&machine.arn)
            .find(|version| version.machine.revision_id == machine.revision_id);
        if let Some(version) = known {
            return Ok(Response::Published {
                version_arn: version.arn.clone(),
                creation_date: version.creation_date,
            });
        }
        if self.versions(&machine.arn).count() >= MOST_VERSIONS {
            return Err(ApiError::quota(format!(
                "A state machine can have {MOST_VERSIONS} versions: '{}'",
                machine.arn
            )));
        }
        let number = self.published.entry(machine.arn.clone()).or_default();
        *number += 1;
        let version_arn: Arc<str> = format!("{}:{number}", machine.arn).into();
        let version =
            Version { arn: version_arn.clone(), description, creation_date: now, machine };
        self.versions.insert(version_arn.clone(), version);
        Ok(Response::Published { version_arn, creation_date: now })
    }

    /// Deletes a version that no alias leads to; one that does not exist is no error
    /// (`list_delete_version`, `delete_version_with_alias`).
    pub(super) fn delete_version(&mut self, arn: &str) -> Result<Response, ApiError> {
        let names: Vec<&str> = self.aliases(arn).map(|alias| &*alias.name).collect();
        if !names.is_empty() {
            return Err(ApiError::conflict(format!(
                "Version to be deleted must not be referenced by an alias. Current list of aliases \
                 referencing this version: [{}]",
                names.join(", ")
            )));
        }
        self.versions.shift_remove(arn);
        Ok(Response::Empty)
    }

    /// Creates an alias; the same request once more changes nothing (`idempotent_create_alias`).
    pub(super) fn create_alias(
        &mut self,
        now: Timestamp,
        name: Arc<str>,
        description: Option<Arc<str>>,
        routing: Vec<Route>,
    ) -> Result<Response, ApiError> {
        if !is_alias_name(&name, self.account.limits.name_chars) {
            return Err(ApiError::invalid_name(&name));
        }
        let machine_arn = self.check_routing(&routing)?;
        let arn: Arc<str> = format!("{machine_arn}:{name}").into();
        if let Some(known) = self.aliases.get(&arn) {
            let same = known.description == description && known.routing == routing;
            let creation_date = known.creation_date;
            return match same {
                true => Ok(Response::AliasCreated { alias_arn: arn, creation_date }),
                false => Err(ApiError::conflict(format!("Alias already exists: '{arn}'"))),
            };
        }
        let own = self.aliases.values().filter(|alias| unqualified(&alias.arn) == machine_arn);
        if own.count() >= MOST_ALIASES {
            return Err(ApiError::quota(format!(
                "A state machine can have {MOST_ALIASES} aliases: '{machine_arn}'"
            )));
        }
        let (creation_date, update_date) = (now, now);
        let alias_arn = arn.clone();
        let alias = Alias { arn, name, description, routing, creation_date, update_date };
        self.aliases.insert(alias_arn.clone(), alias);
        Ok(Response::AliasCreated { alias_arn, creation_date })
    }

    pub(super) fn update_alias(
        &mut self,
        now: Timestamp,
        arn: &str,
        description: Option<Arc<str>>,
        routing: Option<Vec<Route>>,
    ) -> Result<Response, ApiError> {
        if !self.aliases.contains_key(arn) {
            return Err(ApiError::resource_not_found(arn));
        }
        if let Some(routing) = &routing
            && self.check_routing(routing)? != unqualified(arn)
        {
            return Err(ApiError::validation(format!(
                "Routing configuration must contain versions of the state machine of the alias: \
                 '{arn}'"
            )));
        }
        let Some(alias) = self.aliases.get_mut(arn) else {
            return Err(ApiError::resource_not_found(arn));
        };
        alias.description = description.or(alias.description.take());
        alias.routing = routing.unwrap_or_else(|| std::mem::take(&mut alias.routing));
        alias.update_date = now;
        Ok(Response::AliasUpdated(now))
    }

    pub(super) fn delete_alias(&mut self, arn: &str) -> Result<Response, ApiError> {
        match self.aliases.shift_remove(arn) {
            Some(_) => Ok(Response::Empty),
            None => Err(ApiError::resource_not_found(arn)),
        }
    }

    /// The machine whose versions these are (`error_create_alias_invalid_router_configs`).
    fn check_routing(&self, routing: &[Route]) -> Result<String, ApiError> {
        let list = |parts: Vec<String>| parts.join(", ");
        let arns = || list(routing.iter().map(|route| route.version_arn.to_string()).collect());
        if routing.is_empty() || routing.len() > 2 {
            let items = routing.iter().map(|Route { version_arn, weight }| {
                format!(
                    "RoutingConfigurationListItem(stateMachineVersionArn={version_arn}, \
                     weight={weight})"
                )
            });
            let bound = if routing.is_empty() {
                "greater than or equal to 1"
            } else {
                "less than or equal to 2"
            };
            return Err(ApiError::validation(format!(
                "1 validation error detected: Value '[{}]' at 'routingConfiguration' failed to \
                 satisfy constraint: Member must have length {bound}",
                list(items.collect())
            )));
        }
        for (i, Route { weight, .. }) in routing.iter().enumerate() {
            if !(0..=100).contains(weight) {
                let bound = if *weight < 0 {
                    "greater than or equal to 0"
                } else {
                    "less than or equal to 100"
                };
                return Err(ApiError::validation(format!(
                    "1 validation error detected: Value '{weight}' at \
                     'routingConfiguration.{}.member.weight' failed to satisfy constraint: Member \
                     must have value {bound}",
                    i + 1
                )));
            }
        }
        let is_version = |arn: &str| {
            arn.split(':').count() == 8
                && arn.rsplit(':').next().is_some_and(|n| n.parse::<u64>().is_ok())
        };
        if !routing.iter().all(|route| is_version(&route.version_arn)) {
            return Err(ApiError::validation(format!(
                "Routing configuration must contain state machine version ARNs. Received: [{}]",
                arns()
            )));
        }
        if routing.len() == 2 && routing[0].version_arn == routing[1].version_arn {
            return Err(ApiError::validation(format!(
                "Routing configuration must contain distinct state machine version ARNs. \
                 Received: [{}]",
                arns()
            )));
        }
        if routing.iter().map(|route| route.weight).sum::<i64>() != 100 {
            let weights = routing.iter().map(|route| route.weight.to_string()).collect();
            return Err(ApiError::validation(format!(
                "Sum of routing configuration weights must equal 100. Received: [{}]",
                list(weights)
            )));
        }
        if let Some(missing) = routing.iter().find(|r| !self.versions.contains_key(&r.version_arn))
        {
            return Err(ApiError::resource_not_found(&missing.version_arn));
        }
        let machine = unqualified(&routing[0].version_arn);
        if routing.iter().any(|route| unqualified(&route.version_arn) != machine) {
            return Err(ApiError::validation(format!(
                "Routing configuration must contain versions of one state machine. Received: [{}]",
                arns()
            )));
        }
        Ok(machine.to_owned())
    }
}

impl Service {
    /// The calls of `aws-sdk:sfn` about versions, aliases and redrives.
    pub(super) fn call_versions(
        &mut self,
        now: Timestamp,
        action: &str,
        arguments: &Value,
    ) -> Option<Result<Value, ApiError>> {
        let optional = |key: &str| match arguments.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        let text = |key: &str| optional(key).unwrap_or_else(|| "".into());
        let description = optional("Description");
        let operation = match action {
            "publishStateMachineVersion" => Operation::PublishStateMachineVersion {
                state_machine_arn: text("StateMachineArn"),
                revision_id: optional("RevisionId"),
                description,
            },
            "deleteStateMachineVersion" => {
                Operation::DeleteStateMachineVersion { version_arn: text("StateMachineVersionArn") }
            }
            "createStateMachineAlias" => Operation::CreateStateMachineAlias {
                name: text("Name"),
                description,
                routing: routes(arguments).unwrap_or_default(),
            },
            "updateStateMachineAlias" => Operation::UpdateStateMachineAlias {
                alias_arn: text("StateMachineAliasArn"),
                description,
                routing: routes(arguments),
            },
            "deleteStateMachineAlias" => {
                Operation::DeleteStateMachineAlias { alias_arn: text("StateMachineAliasArn") }
            }
            "redriveExecution" => Operation::RedriveExecution {
                execution_arn: text("ExecutionArn"),
                client_token: optional("ClientToken"),
            },
            _ => return None,
        };
        Some(self.handle(now, operation).map(|response| match response {
            Response::Published { version_arn, creation_date } => Value::object([
                ("CreationDate", iso_date(creation_date)),
                ("StateMachineVersionArn", Value::String(version_arn)),
            ]),
            Response::AliasCreated { alias_arn, creation_date } => Value::object([
                ("CreationDate", iso_date(creation_date)),
                ("StateMachineAliasArn", Value::String(alias_arn)),
            ]),
            Response::AliasUpdated(at) => Value::object([("UpdateDate", iso_date(at))]),
            Response::Redriven(at) => Value::object([("RedriveDate", iso_date(at))]),
            _ => Value::object::<&str>([]),
        }))
    }
}

/// `RoutingConfiguration`, as the SDK integrations write it.
fn routes(arguments: &Value) -> Option<Vec<Route>> {
    let Some(Value::Array(items)) = arguments.get("RoutingConfiguration") else { return None };
    let route = |item: &Value| Route {
        version_arn: item
            .get("StateMachineVersionArn")
            .and_then(Value::as_str)
            .unwrap_or("")
            .into(),
        weight: item.get("Weight").and_then(Value::as_i64).unwrap_or(0),
    };
    Some(items.iter().map(route).collect())
}

/// Letters, digits, `_`, `-` and `.`, but not digits alone, which are versions (service model,
/// CharacterRestrictedName).
fn is_alias_name(name: &str, most: usize) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=most).contains(&name.len())
        && name.chars().all(fits)
        && name.chars().any(|c| !c.is_ascii_digit())
}
