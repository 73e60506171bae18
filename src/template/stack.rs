//! Templates as stacks: one that is deployed, and those nested in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{INVALID_TEMPLATE, ReadFile, members, parse};
use crate::diagnostic::Diagnostic;
use crate::document::{Document, Node};

/// How deep stacks may be nested.
const MAX_NESTING: usize = 8;

/// How many stacks are read.
const MAX_STACKS: usize = 500;

/// A template, and its place among others.
pub(super) struct Stack {
    pub(super) document: Arc<Document>,
    /// The folder that local paths start from.
    pub(super) folder: PathBuf,
    /// What stands before the ids of its machines: empty for a single stack, else `Name/`.
    pub(super) prefix: String,
    /// The stack around it, and what it is called there.
    pub(super) parent: Option<(usize, Arc<str>)>,
    /// The stacks in it that were read, by logical id.
    pub(super) nested: BTreeMap<Arc<str>, usize>,
    /// Where the members of `Resources` are, by logical id.
    resources: BTreeMap<Arc<str>, usize>,
    /// Whether the SAM transform runs over it, which makes resources of its own.
    pub(super) serverless: bool,
}

/// All stacks that are read together.
#[derive(Default)]
pub(super) struct Stacks {
    pub(super) stacks: Vec<Stack>,
    pub(super) problems: Vec<Diagnostic>,
}

impl Stack {
    fn new(document: Document, path: &Path, prefix: String) -> Self {
        let resources = members(document.root.get("Resources")).iter().enumerate();
        let resources = resources.map(|(i, member)| (member.key.clone(), i)).collect();
        let transform = document.root.get("Transform").map(|node| node.to_value().to_json());
        let types = members(document.root.get("Resources")).iter();
        let mut types = types.filter_map(|member| member.value.get("Type")?.as_str());
        let serverless = transform.is_some_and(|text| text.contains("AWS::Serverless"))
            || types.any(|name| name.starts_with("AWS::Serverless::"));
        Self {
            document: Arc::new(document),
            folder: path.parent().unwrap_or(Path::new("")).to_path_buf(),
            prefix,
            parent: None,
            nested: BTreeMap::new(),
            resources,
            serverless,
        }
    }

    /// The resource `id`.
    pub(super) fn resource(&self, id: &str) -> Option<&Node> {
        let index = self.resources.get(id)?;
        Some(&members(self.document.root.get("Resources"))[*index].value)
    }

    /// The logical ids of all resources.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.resources.keys().map(|id| &**id)
    }

    /// The parameter `name`.
    pub(super) fn parameter(&self, name: &str) -> Option<&Node> {
        self.document.root.get("Parameters")?.get(name)
    }
}

impl Stacks {
    /// Adds a template and the ones nested in it whose files are there.
    pub(super) fn add(
        &mut self,
        document: Document,
        path: &Path,
        prefix: String,
        read: &ReadFile<'_>,
    ) -> usize {
        let index = self.stacks.len();
        self.stacks.push(Stack::new(document, path, prefix));
        let mut from = index;
        let mut depth = 0;
        while from < self.stacks.len() && depth < MAX_NESTING {
            let end = self.stacks.len();
            (from..end).for_each(|stack| self.add_nested(stack, read));
            (from, depth) = (end, depth + 1);
        }
        index
    }

    fn add_nested(&mut self, parent: usize, read: &ReadFile<'_>) {
        let stack = &self.stacks[parent];
        let mut found = Vec::new();
        for member in members(stack.document.root.get("Resources")) {
            let Some(location) = location(&member.value) else { continue };
            let path = stack.folder.join(&*location);
            found.push((member.key.clone(), member.value.span.clone(), path));
        }
        for (id, span, path) in found {
            if self.stacks.len() >= MAX_STACKS {
                let source = &self.stacks[parent].document.source;
                let message =
                    format!("there are more than {MAX_STACKS} stacks; the rest is left out");
                self.problems.push(Diagnostic::error(source, span, INVALID_TEMPLATE, message));
                return;
            }
            let document =
                read(&path).map_err(|error| format!("cannot read `{}`: {error}", path.display()));
            let document = document.and_then(|bytes| {
                parse(&path.display().to_string(), bytes).map_err(|problem| problem.to_string())
            });
            match document {
                Ok(document) => {
                    let prefix = format!("{}{id}/", self.stacks[parent].prefix);
                    let mut stack = Stack::new(document, &path, prefix);
                    stack.parent = Some((parent, id.clone()));
                    let index = self.stacks.len();
                    self.stacks.push(stack);
                    self.stacks[parent].nested.insert(id, index);
                }
                Err(why) => {
                    let document = &self.stacks[parent].document;
                    let node = self.stacks[parent].resource(&id);
                    let message = format!("the nested stack `{id}` is left out: {why}");
                    let problem = match node {
                        Some(node) => document.error_in(node, super::UNRESOLVED, message),
                        None => document.error(span, super::UNRESOLVED, message),
                    };
                    self.problems.push(problem.as_warning());
                }
            }
        }
    }
}

/// The local file of a nested stack's template.
fn location(resource: &Node) -> Option<Arc<str>> {
    let key = match &**resource.get("Type")?.as_str()? {
        "AWS::CloudFormation::Stack" => "TemplateURL",
        "AWS::Serverless::Application" => "Location",
        _ => return None,
    };
    // CDK names the file beside an URL that only its bootstrap stack knows.
    let asset = resource.get("Metadata").and_then(|node| node.get("aws:asset:path"));
    let named = resource.get("Properties").and_then(|node| node.get(key));
    let path = asset.or(named)?.as_str()?;
    (!path.contains("://")).then(|| path.clone())
}
