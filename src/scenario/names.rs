//! The states that expectations name: one that no machine of the case has is a mistake, which an
//! expectation of nothing (`calls: { Chrage: 0 }`) would never show.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::case::{Case, CaseVersions};
use super::definition::Definition;
use super::expect::{Check, CheckKind, Expectation};
use super::place::segments;
use super::read::is_own;
use crate::asl::{ProcessorMode, StateKind, States};
use crate::diagnostic::closest;
use crate::document::Decoder;

/// The names of the states of a case.
#[derive(Default)]
struct Names {
    /// Those that the execution under test enters itself.
    own: BTreeSet<Arc<str>>,
    /// Those that other executions enter: children of a distributed Map, nested machines.
    others: BTreeSet<Arc<str>>,
}

/// Reports every state that the case itself expects something of, and that is in none of its
/// machines. What it has from the defaults may be meant for another definition.
pub(super) fn check(decoder: &mut Decoder<'_>, case: &Case) {
    if let Some(names) = names(case) {
        check_expectation(decoder, &case.expect, &case.span, &names);
    }
}

/// The names, where all of the case's machines could be read.
fn names(case: &Case) -> Option<Names> {
    let mut names = Names::default();
    let own = definitions(&case.definition, &case.versions);
    for definition in own {
        collect(&definition.machine.as_ref()?.states, false, &mut names);
    }
    for nested in &case.world.machines {
        for definition in definitions(&nested.definition, &nested.versions) {
            collect(&definition.machine.as_ref()?.states, true, &mut names);
        }
    }
    Some(names)
}

fn definitions<'d>(
    own: &'d Arc<Definition>,
    versions: &'d CaseVersions,
) -> impl Iterator<Item = &'d Arc<Definition>> {
    std::iter::once(own).chain(versions.published.iter().flatten())
}

fn collect(level: &States, elsewhere: bool, names: &mut Names) {
    for state in level.iter() {
        let set = if elsewhere { &mut names.others } else { &mut names.own };
        set.insert(state.name.clone());
        let children = matches!(&state.kind, StateKind::Map(map)
            if matches!(map.mode, ProcessorMode::Distributed(_)));
        for inner in state.levels() {
            collect(inner, elsewhere || children, names);
        }
    }
}

fn check_expectation(
    decoder: &mut Decoder<'_>,
    expectation: &Expectation,
    case: &Range<usize>,
    names: &Names,
) {
    for Check { span, kind, .. } in &expectation.checks {
        if !is_own(span, case) {
            continue;
        }
        match kind {
            CheckKind::State(check) => {
                check_name(decoder, &check.place.to_string(), span, names, true);
            }
            CheckKind::Calls(check) => check_name(decoder, &check.key, span, names, false),
            CheckKind::AnyOf(alternatives) => {
                alternatives.iter().for_each(|one| check_expectation(decoder, one, case, names))
            }
            _ => {}
        }
    }
}

/// Checks a key: a name, a path to one (`Orders[*]/Charge`), either with a machine in front.
fn check_name(
    decoder: &mut Decoder<'_>,
    key: &str,
    span: &Range<usize>,
    names: &Names,
    only_own: bool,
) {
    let path = key.split_once(':').map_or(key, |(_, path)| path);
    // As expectations of states and keys of mocks are split: these at every `/`.
    let last = |text: &str| {
        let name = if only_own { segments(text).last() } else { text.rsplit('/').next() };
        name.unwrap_or_default().to_owned()
    };
    let spelled = [key.to_owned(), path.to_owned(), last(key), last(path)];
    // A resource, or a pattern of names.
    if key.starts_with("arn:") || spelled[3].contains('*') {
        return;
    }
    let known = |set: &BTreeSet<Arc<str>>| spelled.iter().any(|name| set.contains(name.as_str()));
    if known(&names.own) || !only_own && known(&names.others) {
        return;
    }
    if known(&names.others) {
        let message = format!(
            "`{key}` runs in another execution, a child of a distributed Map or a nested one, \
             which `states` does not see"
        );
        let help =
            format!("ask with `calls: {{ {key}: … }}`, or for the output of the state around");
        decoder.error_with_help(span.clone(), message, help);
        return;
    }
    let message = format!("no state is called `{key}`");
    let all = names.own.iter().chain(names.others.iter().filter(|_| !only_own));
    match closest(&spelled[3], all.map(|name| &**name)) {
        Some(name) => {
            decoder.error_with_help(span.clone(), message, format!("did you mean `{name}`?"));
        }
        None => decoder.error(span.clone(), message),
    }
}
