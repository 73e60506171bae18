//! Reading the versions and aliases of a state machine.

use std::sync::Arc;

use super::case::CaseVersions;
use super::definition::Terms;
use super::read::CaseReader;
use crate::diagnostic::closest;
use crate::document::{Decoder, Kind, Member, Members, Node};
use crate::sim::Routing;

impl CaseReader<'_> {
    /// Reads `versions: [v1.asl.json, null]` and `aliases: { live: { 1: 90, 2: 10 } }`.
    pub(super) fn read_versions(
        &mut self,
        members: &mut Members<'_>,
        terms: Terms<'_>,
    ) -> CaseVersions {
        let mut versions = CaseVersions::default();
        if let Some(node) = members.take("versions") {
            for item in self.decoder.array(node).unwrap_or_default() {
                versions.published.push(match item.kind {
                    Kind::Null => None,
                    _ => self.definitions.load(&mut self.decoder, self.document, item, terms),
                });
            }
        }
        if let Some(node) = members.take("aliases") {
            for member in self.decoder.entries(node).unwrap_or_default() {
                let routing = read_routing(&mut self.decoder, member, &versions);
                versions.aliases.push((member.key.clone(), routing));
            }
        }
        versions
    }
}

/// Reads `2`, or the weight of each version.
fn read_routing(decoder: &mut Decoder<'_>, member: &Member, versions: &CaseVersions) -> Routing {
    let node = &member.value;
    if let Kind::Number(_) = node.kind {
        let version = decoder.unsigned(node).filter(|version| {
            check_version(decoder, node.span.clone(), &version.to_string(), versions)
        });
        return version.map(|version| (version, 100)).into_iter().collect();
    }
    let mut routing = Vec::new();
    for member in decoder.entries(node).unwrap_or_default() {
        let weight = decoder.unsigned(&member.value).and_then(|weight| i64::try_from(weight).ok());
        let known = check_version(decoder, member.key_span.clone(), &member.key, versions);
        if let (Some(weight), true, Ok(version)) = (weight, known, member.key.parse()) {
            routing.push((version, weight));
        }
    }
    let sum: i64 = routing.iter().map(|(_, weight)| weight).sum();
    if sum != 100 && !routing.is_empty() {
        decoder.error(node.span.clone(), format!("the weights make {sum}, not 100"));
    }
    routing
}

/// Whether there is a version of this number; an error where there is none.
fn check_version(
    decoder: &mut Decoder<'_>,
    span: std::ops::Range<usize>,
    number: &str,
    versions: &CaseVersions,
) -> bool {
    let count = versions.published.len();
    let known = number.parse::<usize>().is_ok_and(|number| (1..=count).contains(&number));
    if !known {
        let message = format!("there is no version `{number}`: `versions` has {count}");
        let help = "versions are numbered 1, 2, 3, … in the order of `versions`";
        decoder.error_with_help(span, message, help);
    }
    known
}

/// Reads `startThrough`: an alias, or the number of a version.
pub(super) fn read_qualifier(
    decoder: &mut Decoder<'_>,
    node: &Node,
    versions: &CaseVersions,
) -> Option<Arc<str>> {
    let name: Arc<str> = match &node.kind {
        Kind::Number(_) => decoder.unsigned(node)?.to_string().into(),
        _ => decoder.string(node)?.clone(),
    };
    if versions.aliases.iter().any(|(alias, _)| *alias == name) {
        return Some(name);
    }
    if name.parse::<u64>().is_ok() {
        return check_version(decoder, node.span.clone(), &name, versions).then_some(name);
    }
    let message = format!("there is no alias `{name}`");
    match closest(&name, versions.aliases.iter().map(|(alias, _)| &**alias)) {
        Some(known) => {
            let help = format!("did you mean `{known}`?");
            decoder.error_with_help(node.span.clone(), message, help);
        }
        None => {
            let help = "`aliases: { NAME: 1 }` makes one of version 1";
            decoder.error_with_help(node.span.clone(), message, help);
        }
    }
    None
}
