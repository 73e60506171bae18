//! The definitions that a scenario names: read once, however many cases run them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::case::{CaseVersions, NestedMachine};
use super::read::members_of;
use crate::asl::{self, ExecutionType, StateMachine};
use crate::diagnostic::{Diagnostic, Source};
use crate::document::{Decoder, Document, Format, Kind, Member, Node};
use crate::json;
use crate::limits::Limits;
use crate::template::{Assumption, Inputs, Template, TemplateMachine};
use crate::value::Value;

/// A definition as a case names it.
#[derive(Debug)]
pub struct Definition {
    /// The text it was read from.
    pub source: Arc<Source>,
    /// What it says, placeholders filled in: what is sent to a live endpoint.
    pub value: Value,
    /// The state machine; `None` where the definition has errors.
    pub machine: Option<Arc<StateMachine>>,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
    /// What its template says besides, where it comes from one.
    pub deployed: Option<Deployed>,
}

/// What a template says of a state machine beside its definition.
#[derive(Debug)]
pub struct Deployed {
    /// The machine's name.
    pub name: Arc<str>,
    /// Its type.
    pub execution_type: ExecutionType,
    /// Its role.
    pub role_arn: Option<Arc<str>>,
    /// The definition's text as the service would be given it.
    pub text: Arc<str>,
    /// What was made up to resolve it.
    pub assumptions: Vec<Assumption>,
    /// The machines of the same template that it starts, and those that they start.
    pub siblings: Vec<NestedMachine>,
}

/// The definitions and files of one scenario file, by what names them.
pub(super) struct Definitions<'f> {
    /// The folder that paths start from.
    folder: &'f Path,
    loaded: BTreeMap<String, Option<Arc<Definition>>>,
    files: BTreeMap<PathBuf, Option<Arc<Document>>>,
}

/// What a definition is read with.
#[derive(Clone, Copy)]
pub(super) struct Terms<'t> {
    /// What fills in `${Placeholders}`.
    pub(super) substitutions: Option<&'t Node>,
    pub(super) limits: Limits,
    /// Where nothing says so, it is the template's, else Standard.
    pub(super) execution_type: Option<ExecutionType>,
}

impl Definition {
    /// Reads a definition from a document.
    pub fn new(document: &Document, limits: &Limits, execution_type: ExecutionType) -> Self {
        let (machine, diagnostics) = asl::parse(document, limits, execution_type);
        let value = document.root.to_value();
        Self {
            source: document.source.clone(),
            value,
            machine: machine.map(Arc::new),
            diagnostics,
            deployed: None,
        }
    }

    /// Reads the definition of a state machine in a template.
    ///
    /// # Errors
    ///
    /// What is wrong with the name of the resource, and what to do about it.
    pub fn of_template(
        template: &Template,
        resource: Option<&str>,
        limits: &Limits,
        execution_type: Option<ExecutionType>,
    ) -> Result<Self, (String, String)> {
        let found = template.machine(resource)?;
        let execution_type = execution_type.unwrap_or(found.execution_type);
        let (machine, diagnostics) = found.parse(limits, execution_type);
        let text = |machine: &TemplateMachine| {
            Arc::<str>::from(machine.definition.as_ref().map_or("", |text| text.as_str()))
        };
        let mut siblings: Vec<NestedMachine> = Vec::new();
        let mut texts = vec![text(found)];
        while let Some(starter) = texts.pop() {
            for other in &template.machines {
                let known = other.name == found.name
                    || siblings.iter().any(|sibling| sibling.name == other.name);
                if known || !starter.contains(&format!(":stateMachine:{}", other.name)) {
                    continue;
                }
                // One that cannot run is as if it were not there: a mock has to stand for it.
                let child = Self::alone(other, limits);
                if child.machine.is_some() && child.unfilled().is_empty() {
                    texts.push(text(other));
                    siblings.push(NestedMachine {
                        inherited: true,
                        name: other.name.clone(),
                        execution_type: other.execution_type,
                        definition: Arc::new(child),
                        versions: CaseVersions::default(),
                    });
                }
            }
        }
        let deployed = Deployed {
            name: found.name.clone(),
            execution_type,
            role_arn: found.role_arn.clone(),
            text: text(found),
            assumptions: found.assumptions.clone(),
            siblings,
        };
        let machine = machine.map(Arc::new);
        let (source, value) = (found.source(), value_of(found));
        Ok(Self { source, value, machine, diagnostics, deployed: Some(deployed) })
    }

    fn alone(machine: &TemplateMachine, limits: &Limits) -> Self {
        let (parsed, diagnostics) = machine.parse(limits, machine.execution_type);
        Self {
            source: machine.source(),
            value: value_of(machine),
            machine: parsed.map(Arc::new),
            diagnostics,
            deployed: None,
        }
    }
}

impl Definition {
    /// The names of `${Placeholders}` without which the machine does not do what its author meant.
    pub fn unfilled(&self) -> Vec<Arc<str>> {
        let placeholders = self.machine.iter().flat_map(|machine| &machine.placeholders);
        let mut names: Vec<Arc<str>> = Vec::new();
        for placeholder in placeholders.filter(|placeholder| placeholder.needed) {
            if !names.contains(&placeholder.name) {
                names.push(placeholder.name.clone());
            }
        }
        names
    }
}

/// What the definition of a template's machine says; null where it is no JSON or YAML.
fn value_of(machine: &TemplateMachine) -> Value {
    machine.document().map_or(Value::Null, |document| document.root.to_value())
}

impl<'f> Definitions<'f> {
    pub(super) fn new(folder: &'f Path) -> Self {
        Self { folder, loaded: BTreeMap::new(), files: BTreeMap::new() }
    }

    /// The folder that paths start from.
    pub(super) fn folder(&self) -> &'f Path {
        self.folder
    }

    /// The definition that `node` holds or names, `substitutions` filled in.
    pub(super) fn load(
        &mut self,
        decoder: &mut Decoder<'_>,
        document: &Document,
        node: &Node,
        terms: Terms<'_>,
    ) -> Option<Arc<Definition>> {
        let fills = terms.substitutions.map(|node| node.to_value().to_json()).unwrap_or_default();
        let terms_key = format!("{fills}\n{:?}\n{:?}", terms.limits, terms.execution_type);
        let key = match node.as_str() {
            Some(path) => format!("{path}\n{terms_key}"),
            None => format!("{:?} {}\n{terms_key}", node.span, node.to_value()),
        };
        if let Some(known) = self.loaded.get(&key) {
            return known.clone();
        }
        let definition = self.load_anew(decoder, document, node, terms).map(Arc::new);
        self.loaded.insert(key, definition.clone());
        definition
    }

    fn load_anew(
        &mut self,
        decoder: &mut Decoder<'_>,
        document: &Document,
        node: &Node,
        terms: Terms<'_>,
    ) -> Option<Definition> {
        let read = |document: &Document| {
            Definition::new(document, &terms.limits, terms.execution_type.unwrap_or_default())
        };
        let fills = match terms.substitutions {
            Some(node) => decoder.entries(node)?,
            None => Vec::new(),
        };
        match &node.kind {
            // A definition that was written as a block of JSON text.
            Kind::String(text) if text.trim_start().starts_with('{') => {
                let inner =
                    Document::parse(&format!("{} (definition)", document.source.name), text);
                let inner = inner.map_err(|problem| decoder.push(*problem)).ok()?;
                Some(read(&substitute(&inner, &fills)))
            }
            Kind::String(path) => {
                let file = self.read_file(decoder, node, path)?;
                Some(read(&substitute(&file, &fills)))
            }
            Kind::Object(_) if node.get("template").is_some() => {
                self.load_template(decoder, node, &fills, terms)
            }
            Kind::Object(_) => {
                let inner = document.with_root(node.clone());
                Some(read(&substitute(&inner, &fills)))
            }
            _ => {
                let message = "expected a path, or a definition as an object";
                decoder.error(node.span.clone(), message);
                None
            }
        }
    }

    /// The definition in a template: `{ template: FILE, resource: ID, … }`.
    fn load_template(
        &mut self,
        decoder: &mut Decoder<'_>,
        node: &Node,
        fills: &[&Member],
        terms: Terms<'_>,
    ) -> Option<Definition> {
        let mut members = decoder.object(node)?;
        let file = members.require(decoder, "template")?;
        let path = decoder.string(file)?.clone();
        let named = members.take("resource");
        let resource = named.and_then(|node| decoder.string(node)).cloned();
        let mut inputs = Inputs::default();
        let text = |value: &Node| -> Arc<str> {
            value.as_str().cloned().unwrap_or_else(|| value.to_value().to_json().into())
        };
        for fill in fills {
            inputs.substitutions.insert(fill.key.clone(), text(&fill.value));
        }
        let mut entries = |key: &'static str, into: &mut BTreeMap<Arc<str>, Arc<str>>| {
            let Some(node) = members.take(key) else { return };
            for entry in decoder.entries(node).unwrap_or_default() {
                into.insert(entry.key.clone(), text(&entry.value));
            }
        };
        entries("substitutions", &mut inputs.substitutions);
        entries("parameters", &mut inputs.parameters);
        members.finish(decoder);
        let full = self.folder.join(&*path);
        let template = match Template::load(&full, &inputs, &|path| fs::read(path)) {
            Ok(template) => template,
            Err(problems) => {
                for problem in problems {
                    let message = problem.message.clone();
                    match problem.source.text.is_empty() {
                        true => decoder.error_with_help(
                            file.span.clone(),
                            message,
                            problem
                                .help
                                .unwrap_or("paths are relative to the scenario file".into()),
                        ),
                        false => decoder.push(problem),
                    }
                }
                return None;
            }
        };
        let resource = resource.as_deref();
        let read =
            Definition::of_template(&template, resource, &terms.limits, terms.execution_type);
        read.map_err(|(message, help)| {
            let span = named.map_or(file.span.clone(), |named| named.span.clone());
            decoder.error_with_help(span, message, help);
        })
        .ok()
    }

    /// The document in a file beside the scenario; `node` names it.
    pub(super) fn read_file(
        &mut self,
        decoder: &mut Decoder<'_>,
        node: &Node,
        named: &str,
    ) -> Option<Arc<Document>> {
        let path = self.folder.join(named);
        if let Some(known) = self.files.get(&path) {
            return known.clone();
        }
        let shown = path.display().to_string();
        let document = self.read_bytes(decoder, node, named).and_then(|bytes| {
            let document = Document::from_bytes(&shown, bytes);
            document.map_err(|problem| decoder.push(*problem)).ok().map(Arc::new)
        });
        self.files.insert(path, document.clone());
        document
    }

    /// The bytes of a file beside the scenario; `node` names it.
    pub(super) fn read_bytes(
        &self,
        decoder: &mut Decoder<'_>,
        node: &Node,
        path: &str,
    ) -> Option<Vec<u8>> {
        let path = self.folder.join(path);
        let bytes = fs::read(&path).map_err(|error| {
            let message = format!("cannot read `{}`: {error}", path.display());
            let help = "paths are relative to the scenario file";
            decoder.error_with_help(node.span.clone(), message, help);
        });
        bytes.ok()
    }
}

/// The document with its `${Placeholders}` filled in, as `DefinitionSubstitutions` does.
///
/// In quotes the text is put in; outside of quotes the value takes the placeholder's place, read as
/// JSON where it is a string that can be.
pub fn substitute(document: &Document, fills: &[&Member]) -> Document {
    if fills.is_empty() {
        return document.clone();
    }
    let text = &document.source.text;
    let json = document.format == Format::Json;
    let is_bare = |node: &Node| {
        json && text.get(node.span.clone()).is_some_and(|text| text.starts_with("${"))
    };
    document.with_root(fill(&document.root, fills, &is_bare))
}

fn fill(node: &Node, fills: &[&Member], is_bare: &impl Fn(&Node) -> bool) -> Node {
    let kind = match &node.kind {
        Kind::String(text) if text.contains("${") => {
            let whole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            let value = whole.and_then(|name| fills.iter().find(|fill| &*fill.key == name.trim()));
            match value.map(|fill| &fill.value.kind) {
                Some(Kind::String(value)) if is_bare(node) => bare_value(value),
                Some(Kind::String(value)) => Kind::String(value.clone()),
                Some(other) => other.clone(),
                None => Kind::String(fill_text(text, fills).into()),
            }
        }
        Kind::Array(items) => {
            Kind::Array(items.iter().map(|item| fill(item, fills, is_bare)).collect())
        }
        Kind::Object(members) => Kind::Object(
            members
                .iter()
                .map(|member| Member {
                    key: fill_text(&member.key, fills).into(),
                    key_span: member.key_span.clone(),
                    value: fill(&member.value, fills, is_bare),
                })
                .collect(),
        ),
        other => other.clone(),
    };
    Node { span: node.span.clone(), kind }
}

fn bare_value(text: &Arc<str>) -> Kind {
    match json::parse(text) {
        Ok(crate::value::Value::Number(number)) => Kind::Number(number),
        Ok(crate::value::Value::Bool(value)) => Kind::Bool(value),
        Ok(crate::value::Value::Null) => Kind::Null,
        _ => Kind::String(text.clone()),
    }
}

fn fill_text(text: &str, fills: &[&Member]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let inside = &rest[at + 2..];
        let known = inside.split_once('}').and_then(|(name, after)| {
            let fill = fills.iter().find(|fill| &*fill.key == name.trim())?;
            Some((fill, after))
        });
        match known {
            Some((fill, after)) => {
                match &fill.value.kind {
                    Kind::String(value) => out.push_str(value),
                    _ => out.push_str(&fill.value.to_value().to_json()),
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
    out
}

/// The keys of a definition, which a scenario file must not have: somebody mixed the two up.
pub(super) fn looks_like_a_definition(root: &Node) -> bool {
    members_of(root).iter().any(|member| matches!(&*member.key, "StartAt" | "States"))
}
