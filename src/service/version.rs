//! Versions and aliases of state machines.
//!
//! Recorded in `sfn_api_versioning.*` and `sfn_api_aliasing.*`; the messages that no recording has
//! are inferred.

use std::sync::Arc;

use super::execution::StateMachineRecord;
use super::machine::Machine;
use super::nested::iso_date;
use super::{ApiError, Operation, Response, Service};
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

/// The machine's ARN and the version's number or the alias's name, of an ARN that has one.
fn qualified(arn: &str) -> Option<(&str, &str)> {
    let (machine, qualifier) = arn.rsplit_once(':')?;
    (machine.matches(':').count() == 6).then_some((machine, qualifier))
}

/// The ARN of the machine that a version's or an alias's ARN belongs to.
fn unqualified(arn: &str) -> &str {
    qualified(arn).map_or(arn, |(machine, _)| machine)
}

impl Machine {
    fn version(&self, qualifier: &str) -> Option<&Version> {
        // `01` is no other way to write `1`.
        let number: u64 = qualifier.parse().ok()?;
        self.versions.get(&number).filter(|_| !qualifier.starts_with(['0', '+']))
    }
}

impl Service {
    /// The versions of a state machine, the latest first.
    pub fn versions(&self, machine_arn: &str) -> impl Iterator<Item = &Version> {
        let machine = self.machines.get(machine_arn);
        machine.into_iter().flat_map(|machine| machine.versions.values().rev())
    }

    /// The version with this ARN.
    pub fn find_version(&self, arn: &str) -> Option<&Version> {
        let (machine, qualifier) = qualified(arn)?;
        self.machines.get(machine)?.version(qualifier)
    }

    /// The aliases of a state machine, or of one version of it, in the order in which they were
    /// created.
    pub fn aliases<'a>(&'a self, arn: &'a str) -> impl Iterator<Item = &'a Alias> {
        let machine = self.machines.get(unqualified(arn));
        let aliases = machine.into_iter().flat_map(|machine| machine.aliases.values());
        aliases.filter(move |alias| {
            unqualified(&alias.arn) == arn
                || alias.routing.iter().any(|route| *route.version_arn == *arn)
        })
    }

    /// The alias with this ARN.
    pub fn find_alias(&self, arn: &str) -> Option<&Alias> {
        let (machine, name) = qualified(arn)?;
        self.machines.get(machine)?.aliases.get(name)
    }

    /// The machine that an ARN, of a version or an alias as well, leads to. An alias draws one of
    /// its versions by their weights; a machine that was just updated may still be the one before
    /// ([`Account::update_lag_millis`](super::Account::update_lag_millis)).
    pub(super) fn route(
        &mut self,
        now: Timestamp,
        arn: &str,
    ) -> Result<(Arc<StateMachineRecord>, Through), ApiError> {
        if let Some(machine) = self.machines.get(arn) {
            if machine.deleting {
                return Err(ApiError::state_machine_deleting(arn));
            }
            let stale = machine.previous.as_ref().filter(|(_, until)| now < *until);
            let record = match stale {
                Some((previous, _)) if self.entropy.next_int(2) == 0 => previous,
                _ => &machine.current,
            };
            return Ok((record.clone(), Through::default()));
        }
        let missing = || ApiError::state_machine_does_not_exist(arn);
        let (machine, qualifier) = qualified(arn).ok_or_else(missing)?;
        let machine = self.machines.get(machine).ok_or_else(missing)?;
        if machine.deleting {
            return Err(ApiError::state_machine_deleting(arn));
        }
        if let Some(version) = machine.version(qualifier) {
            let through = Through { version_arn: Some(version.arn.clone()), alias_arn: None };
            return Ok((version.machine.clone(), through));
        }
        let alias = machine.aliases.get(qualifier).ok_or_else(missing)?;
        let mut drawn = i64::from(self.entropy.next_int(100));
        let route = alias.routing.iter().find(|route| {
            drawn -= route.weight;
            drawn < 0
        });
        let version = route.and_then(|route| qualified(&route.version_arn));
        let version =
            version.and_then(|(_, number)| machine.version(number)).ok_or_else(missing)?;
        let through =
            Through { version_arn: Some(version.arn.clone()), alias_arn: Some(alias.arn.clone()) };
        Ok((version.machine.clone(), through))
    }

    /// Whether there is room for one more version.
    pub(super) fn check_version_count(&self, arn: &str) -> Result<(), ApiError> {
        let most = self.account.limits.versions;
        match self.machines.get(arn) {
            Some(machine) if machine.versions.len() >= most => {
                let message = format!("A state machine can have {most} versions: '{arn}'");
                Err(ApiError::quota(message))
            }
            _ => Ok(()),
        }
    }

    /// Publishes the current revision, unless a version of it exists. Numbers are not given twice
    /// (`version_ids_between_deletions`).
    pub(crate) fn publish_version(
        &mut self,
        now: Timestamp,
        arn: &str,
        revision_id: Option<&str>,
        description: Option<Arc<str>>,
    ) -> Result<&Version, ApiError> {
        let record = self.changeable_mut(arn)?.current.clone();
        let current = record.revision_id.as_deref().unwrap_or("INITIAL");
        if let Some(given) = revision_id.filter(|given| *given != current) {
            return Err(ApiError::conflict(format!(
                "The revision '{given}' is not the current one of the state machine: '{current}'"
            )));
        }
        let mut known = self.changeable_mut(arn)?.versions.iter();
        let known = known.find(|(_, version)| version.machine.revision_id == record.revision_id);
        let known = known.map(|(number, _)| *number);
        if known.is_none() {
            self.check_version_count(&record.arn)?;
        }
        let machine = self.changeable_mut(arn)?;
        let number = match known {
            Some(number) => number,
            None => {
                machine.published += 1;
                let number = machine.published;
                let arn: Arc<str> = format!("{}:{number}", record.arn).into();
                let version = Version { arn, description, creation_date: now, machine: record };
                machine.versions.insert(number, version);
                number
            }
        };
        Ok(&machine.versions[&number])
    }

    /// Deletes a version that no alias leads to; one that does not exist is no error
    /// (`list_delete_version`, `delete_version_with_alias`).
    pub(crate) fn delete_version(&mut self, arn: &str) -> Result<(), ApiError> {
        let names: Vec<&str> = self.aliases(arn).map(|alias| &*alias.name).collect();
        if !names.is_empty() {
            return Err(ApiError::conflict(format!(
                "Version to be deleted must not be referenced by an alias. Current list of aliases \
                 referencing this version: [{}]",
                names.join(", ")
            )));
        }
        if self.find_version(arn).is_some()
            && let Some((machine, number)) = qualified(arn)
            && let Some(machine) = self.machines.get_mut(machine)
            && let Ok(number) = number.parse()
        {
            machine.versions.remove(&number);
            let arn = machine.current.arn.clone();
            self.note_altered(&arn);
        }
        Ok(())
    }

    /// Creates an alias; the same request once more changes nothing (`idempotent_create_alias`).
    pub(crate) fn create_alias(
        &mut self,
        now: Timestamp,
        name: Arc<str>,
        description: Option<Arc<str>>,
        routing: Vec<Route>,
    ) -> Result<&Alias, ApiError> {
        if !is_alias_name(&name, self.account.limits.name_chars) {
            return Err(ApiError::invalid_name(&name));
        }
        let most = self.account.limits.aliases;
        let machine_arn = self.check_routing(&routing)?;
        let machine = self.changeable_mut(&machine_arn)?;
        if let Some(known) = machine.aliases.get(&name) {
            if known.description != description || known.routing != routing {
                let arn = &known.arn;
                return Err(ApiError::conflict(format!("Alias already exists: '{arn}'")));
            }
        } else if machine.aliases.len() >= most {
            return Err(ApiError::quota(format!(
                "A state machine can have {most} aliases: '{machine_arn}'"
            )));
        } else {
            let arn: Arc<str> = format!("{machine_arn}:{name}").into();
            let (creation_date, update_date) = (now, now);
            let key = name.clone();
            let alias = Alias { arn, name, description, routing, creation_date, update_date };
            return Ok(machine.aliases.entry(key).or_insert(alias));
        }
        Ok(&machine.aliases[&name])
    }

    pub(crate) fn update_alias(
        &mut self,
        now: Timestamp,
        arn: &str,
        description: Option<Arc<str>>,
        routing: Option<Vec<Route>>,
    ) -> Result<(), ApiError> {
        if self.find_alias(arn).is_none() {
            return Err(ApiError::resource_not_found(arn));
        }
        if let Some(routing) = &routing
            && self.check_routing(routing)? != unqualified(arn)
        {
            return Err(ApiError::routing(format!(
                "Routing configuration must contain versions of the state machine of the alias: \
                 '{arn}'"
            )));
        }
        let machine = self.changeable_mut(unqualified(arn))?;
        let alias = qualified(arn).and_then(|(_, name)| machine.aliases.get_mut(name));
        let alias = alias.ok_or_else(|| ApiError::resource_not_found(arn))?;
        alias.description = description.or(alias.description.take());
        alias.routing = routing.unwrap_or_else(|| std::mem::take(&mut alias.routing));
        alias.update_date = now;
        Ok(())
    }

    pub(crate) fn delete_alias(&mut self, arn: &str) -> Result<(), ApiError> {
        let deleted = qualified(arn).and_then(|(machine, name)| {
            let machine = self.machines.get_mut(machine)?;
            machine.aliases.shift_remove(name).map(|_| machine.current.arn.clone())
        });
        let machine_arn = deleted.ok_or_else(|| ApiError::resource_not_found(arn))?;
        self.note_altered(&machine_arn);
        Ok(())
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
            return Err(ApiError::routing(format!(
                "Routing configuration must contain state machine version ARNs. Received: [{}]",
                arns()
            )));
        }
        if routing.len() == 2 && routing[0].version_arn == routing[1].version_arn {
            return Err(ApiError::routing(format!(
                "Routing configuration must contain distinct state machine version ARNs. \
                 Received: [{}]",
                arns()
            )));
        }
        if routing.iter().map(|route| route.weight).sum::<i64>() != 100 {
            let weights = routing.iter().map(|route| route.weight.to_string()).collect();
            return Err(ApiError::routing(format!(
                "Sum of routing configuration weights must equal 100. Received: [{}]",
                list(weights)
            )));
        }
        let missing = |route: &&Route| self.find_version(&route.version_arn).is_none();
        if let Some(missing) = routing.iter().find(missing) {
            return Err(ApiError::resource_not_found(&missing.version_arn));
        }
        let machine = unqualified(&routing[0].version_arn);
        if routing.iter().any(|route| unqualified(&route.version_arn) != machine) {
            return Err(ApiError::routing(format!(
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
