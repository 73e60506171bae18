//! Defaults and `forEach` tables: how one case is put together from several parts of its file.
//!
//! Both work on the tree before it is decoded, so every node keeps the place where it was written.

use std::sync::Arc;

use super::read::members_of;
use crate::document::{Decoder, Kind, Member, Node};

/// The keys whose members are merged one by one; of all others the case's replaces the default's.
const MERGED: [&str; 7] =
    ["mocks", "machines", "activities", "objects", "limits", "expect", "substitutions"];

/// `over` on top of `base`: a case on top of its defaults.
///
/// The result carries the span of `over`.
pub(super) fn merge(base: &[Member], over: &Node) -> Node {
    let own = members_of(over);
    let find = |key: &str| own.iter().find(|member| &*member.key == key);
    let mut members: Vec<Member> = Vec::with_capacity(base.len() + own.len());
    for default in base {
        match find(&default.key) {
            None => members.push(default.clone()),
            Some(member) if MERGED.contains(&&*default.key) => {
                let value = match (&default.value.kind, &member.value.kind) {
                    (Kind::Object(inner), Kind::Object(_)) => merge_members(inner, &member.value),
                    _ => member.value.clone(),
                };
                members.push(Member { value, ..member.clone() });
            }
            Some(_) => {}
        }
    }
    for member in own {
        let merged =
            MERGED.contains(&&*member.key) && base.iter().any(|default| default.key == member.key);
        if !merged {
            members.push(member.clone());
        }
    }
    // A case that names its own input replaces a default of either kind.
    for (own_key, other) in [("input", "inputFile"), ("inputFile", "input")] {
        if find(own_key).is_some() && find(other).is_none() {
            members.retain(|member| &*member.key != other);
        }
    }
    Node { span: over.span.clone(), kind: Kind::Object(members) }
}

fn merge_members(base: &[Member], over: &Node) -> Node {
    let own = members_of(over);
    let inherited =
        base.iter().filter(|default| own.iter().all(|member| member.key != default.key));
    let members = inherited.chain(own).cloned().collect();
    Node { span: over.span.clone(), kind: Kind::Object(members) }
}

/// The rows of a `forEach`, each with the case that its columns make.
pub(super) fn rows(decoder: &mut Decoder<'_>, case: &Node, table: &Node) -> Vec<Node> {
    let Some(rows) = decoder.array(table) else { return Vec::new() };
    let named = case.get("name").and_then(Node::as_str);
    let varies = named.is_some_and(|name| name.contains("${"));
    let mut cases = Vec::with_capacity(rows.len());
    for (i, row) in rows.iter().enumerate() {
        let Some(columns) = decoder.entries(row) else { continue };
        let mut made = fill(case, &columns);
        if let Kind::Object(members) = &mut made.kind
            && let Some(name) = members.iter_mut().find(|member| &*member.key == "name")
        {
            // A name is text, also where its column holds something else.
            let text = match &name.value.kind {
                Kind::String(text) => text.to_string(),
                _ => name.value.to_value().to_json(),
            };
            let text = if varies { text } else { format!("{text} [{}]", i + 1) };
            name.value.kind = Kind::String(text.into());
        }
        cases.push(made);
    }
    cases
}

/// The node with every `${column}` replaced.
pub(super) fn fill(node: &Node, columns: &[&Member]) -> Node {
    let kind = match &node.kind {
        Kind::String(text) => match whole(text, columns) {
            // The place stays that of the column's use: a definition's locations are counted by it.
            Some(value) => value.kind.clone(),
            None => Kind::String(replace(text, columns)),
        },
        Kind::Array(items) => Kind::Array(items.iter().map(|item| fill(item, columns)).collect()),
        Kind::Object(members) => {
            let filled = members.iter().filter(|member| &*member.key != "forEach");
            Kind::Object(
                filled
                    .map(|member| Member {
                        key: replace(&member.key, columns),
                        key_span: member.key_span.clone(),
                        value: fill(&member.value, columns),
                    })
                    .collect(),
            )
        }
        other => other.clone(),
    };
    Node { span: node.span.clone(), kind }
}

fn whole<'n>(text: &str, columns: &[&'n Member]) -> Option<&'n Node> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    columns.iter().find(|column| &*column.key == name).map(|column| &column.value)
}

fn replace(text: &Arc<str>, columns: &[&Member]) -> Arc<str> {
    if !text.contains("${") {
        return text.clone();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &**text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let inside = &rest[at + 2..];
        let column = inside.split_once('}').and_then(|(name, after)| {
            let column = columns.iter().find(|column| &*column.key == name)?;
            Some((column, after))
        });
        match column {
            Some((column, after)) => {
                match &column.value.kind {
                    Kind::String(value) => out.push_str(value),
                    _ => out.push_str(&column.value.to_value().to_json()),
                }
                rest = after;
            }
            None => {
                out.push_str("${");
                rest = inside;
            }
        }
    }
    out.push_str(rest);
    out.into()
}
