//! One state machine, or a version of it: definition, graph, versions, aliases, executions.

use std::sync::Arc;

use maud::{Markup, PreEscaped, html};

use super::Shown;
use super::data::{block, indented_text};
use super::frame::{arn, facts, time};
use super::home::type_name;
use super::link::{Query, address};
use super::list::Executions;
use crate::graph::Graph;
use crate::history::LogLevel;
use crate::server::shared::Shared;
use crate::service::{Alias, EncryptionConfiguration, Service, StateMachineRecord, Version};
use crate::value::Value;

/// Bytes of a definition that are shown at once.
const DEFINITION: usize = 64 * 1024;

struct Machine {
    record: Arc<StateMachineRecord>,
    /// The ARN that was asked for: the machine's, or that of a version or alias.
    arn: String,
    deleting: bool,
    versions: Vec<Version>,
    aliases: Vec<Alias>,
    tags: Vec<(Arc<str>, Arc<str>)>,
    executions: Executions,
}

/// `/machine`: `arn`, and `definition=all` for all of a long definition.
pub(super) fn show(shared: &Arc<Shared>, query: &Query) -> Shown {
    let asked = query.text("arn").unwrap_or_default();
    let found = shared.look(|driver, _| copy(driver.service(), asked, query));
    let Some(machine) = found else { return Shown::Missing(asked.to_owned()) };
    if query.text("definition") == Some("all") {
        return Shown::Text(machine.record.machine.source.to_string());
    }
    let record = &machine.record;
    let qualifier = machine.arn.strip_prefix(&*record.arn).unwrap_or_default();
    let title = format!("{}{qualifier}", record.name);
    let live = machine.executions.any_running();
    let body = html! {
        p.trail { a href="/" { "State machines" } }
        h1.wrap { (title) }
        (about(&machine))
        h2 { "Graph" }
        (graph(record))
        (machine.executions.show("/machine", &machine.arn))
        @if qualifier.is_empty() { (versions(&machine)) }
        h2 { "Definition" }
        @let whole = address("/machine", &[("arn", &machine.arn), ("definition", "all")]);
        (block("Definition", &indented_text(&record.machine.source), DEFINITION, &whole))
    };
    Shown::Page { title, body, live }
}

fn copy(service: &Service, asked: &str, query: &Query) -> Option<Machine> {
    let record = service.find_state_machine(asked)?.clone();
    Some(Machine {
        arn: asked.to_owned(),
        deleting: service.is_deleting(&record.arn),
        versions: service.versions(asked).cloned().collect(),
        aliases: service.aliases(asked).cloned().collect(),
        tags: service
            .tags(asked)
            .into_iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        executions: Executions::of(service, asked, query),
        record,
    })
}

fn about(machine: &Machine) -> Markup {
    let record = &machine.record;
    let settings = &record.settings;
    let text = |text: &str| html! { (text) };
    let is_version = *machine.arn != *record.arn;
    let logging = (settings.logging.level != LogLevel::Off).then(|| {
        let group = settings.logging.log_group_arn.as_deref().unwrap_or_default();
        html! { (settings.logging.level.name()) " to " span.arn { (group) } }
    });
    let key = match &settings.encryption {
        EncryptionConfiguration::AwsOwnedKey => None,
        EncryptionConfiguration::CustomerManagedKmsKey { key_id, .. } => Some(text(key_id)),
    };
    let tags = (!machine.tags.is_empty()).then(|| {
        html! { @for (key, value) in &machine.tags { span.tag { (key) "=" (value) } " " } }
    });
    facts(&[
        ("ARN", Some(html! { span.arn { (machine.arn) } })),
        ("Machine", is_version.then(|| arn(&record.arn))),
        ("Status", machine.deleting.then(|| text("DELETING: it goes with its last execution"))),
        ("Type", Some(text(type_name(record.execution_type)))),
        ("Role", Some(html! { span.arn { (record.role_arn) } })),
        ("Created", Some(html! { (time(record.creation_date)) " UTC" })),
        (
            "Updated",
            (record.update_date != record.creation_date)
                .then(|| html! { (time(record.update_date)) " UTC" }),
        ),
        ("Revision", record.revision_id.as_deref().map(text)),
        ("Logs", logging),
        ("Traces", settings.tracing.then(|| text("X-Ray"))),
        ("Key", key),
        ("Tags", tags),
        ("Comment", record.machine.comment.as_deref().map(text)),
    ])
}

fn graph(record: &StateMachineRecord) -> Markup {
    let graph = Graph::of(&record.machine);
    html! {
        @match graph.is_drawable() {
            true => {
                div.graph #graph role="region" aria-label="Graph" tabindex="0" {
                    (PreEscaped(graph.to_svg_element()))
                }
            }
            false => (too_large(graph.nodes.len())),
        }
    }
}

/// In the place of a drawing that nobody could read.
pub(super) fn too_large(states: usize) -> Markup {
    html! {
        p.soft { "With " (super::frame::count(states)) " states it is too large to draw. "
            code { "stepproof graph --format dot" } " writes it for Graphviz." }
    }
}

fn versions(machine: &Machine) -> Markup {
    let link = |arn: &str| address("/machine", &[("arn", arn)]);
    let number = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
    html! {
        @if !machine.versions.is_empty() {
            h2 { "Versions" }
            @let heads = ["Version", "Published (UTC)", "Description"];
            (super::frame::table("Versions", &heads, &html! {
                @for version in &machine.versions {
                    tr {
                        th scope="row" { a href=(link(&version.arn)) { (number(&version.arn)) } }
                        td.nowrap { (time(version.creation_date)) }
                        td.wrap { (version.description.as_deref().unwrap_or_default()) }
                    }
                }
            }))
        }
        @if !machine.aliases.is_empty() {
            h2 { "Aliases" }
            @let heads = ["Alias", "Versions", "Updated (UTC)", "Description"];
            (super::frame::table("Aliases", &heads, &html! {
                @for alias in &machine.aliases {
                    tr {
                        th scope="row" { a.wrap href=(link(&alias.arn)) { (alias.name) } }
                        td {
                            @for route in &alias.routing {
                                a href=(link(&route.version_arn)) { (number(&route.version_arn)) }
                                " " span.soft { (route.weight) " %" } " "
                            }
                        }
                        td.nowrap { (time(alias.update_date)) }
                        td.wrap { (alias.description.as_deref().unwrap_or_default()) }
                    }
                }
            }))
        }
    }
}

/// What a definition says of one state, wherever it stands.
pub(super) fn state_definition(source: &str, name: &str) -> Option<Value> {
    let mut levels = vec![Value::parse(source).ok()?];
    while let Some(level) = levels.pop() {
        let Some(states) = level.get("States").and_then(Value::as_object) else { continue };
        for (own, state) in states.iter() {
            if **own == *name {
                return Some(state.clone());
            }
            let branches = state.get("Branches").and_then(Value::as_array);
            levels.extend(branches.into_iter().flat_map(|all| all.iter().cloned()));
            levels.extend(
                ["ItemProcessor", "Iterator"]
                    .map(|key| state.get(key).cloned())
                    .into_iter()
                    .flatten(),
            );
        }
    }
    None
}
