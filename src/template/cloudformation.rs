//! State machines in templates of CloudFormation and SAM.
//!
//! How a definition comes to be is as in the resource handler that AWS publishes: a file's text, or
//! the object's JSON, in which `DefinitionSubstitutions` are replaced as text.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::resolve::{Resolved, Resolver};
use super::stack::Stacks;
use super::{
    INVALID_TEMPLATE, Inputs, Logging, ReadFile, Template, TemplateKind, TemplateMachine, Text,
    json, members,
};
use crate::asl::ExecutionType;
use crate::diagnostic::{Diagnostic, closest};
use crate::document::{Document, Format, Kind, Member, Node};

/// What the two types of resources call things.
struct Words {
    name: &'static str,
    machine_type: &'static str,
    role: &'static str,
    logging: &'static str,
    /// The properties that hold a definition, or name a file that does.
    definitions: &'static [&'static str],
}

const SERVERLESS: Words = Words {
    name: "Name",
    machine_type: "Type",
    role: "Role",
    logging: "Logging",
    definitions: &["Definition", "DefinitionUri"],
};

const PLAIN: Words = Words {
    name: "StateMachineName",
    machine_type: "StateMachineType",
    role: "RoleArn",
    logging: "LoggingConfiguration",
    definitions: &["Definition", "DefinitionString", "DefinitionS3Location"],
};

fn words(resource_type: &str) -> Option<&'static Words> {
    match resource_type {
        "AWS::Serverless::StateMachine" => Some(&SERVERLESS),
        "AWS::StepFunctions::StateMachine" => Some(&PLAIN),
        _ => None,
    }
}

/// Files of assets by the key of their object in S3: what CDK leaves beside a template.
pub(super) type Assets = BTreeMap<Arc<str>, Arc<str>>;

/// Reads the machines of a template and of those nested in it.
pub(super) fn load(
    path: &Path,
    document: Document,
    inputs: &Inputs,
    read: &ReadFile<'_>,
    assets: Option<&Assets>,
) -> Template {
    let mut stacks = Stacks::default();
    stacks.add(document, path, String::new(), read);
    let empty = Assets::new();
    let machines = machines(&stacks, inputs, read, assets.unwrap_or(&empty));
    Template {
        path: path.to_path_buf(),
        kind: TemplateKind::CloudFormation,
        machines,
        problems: stacks.problems,
    }
}

/// The machines of all stacks.
pub(super) fn machines(
    stacks: &Stacks,
    inputs: &Inputs,
    read: &ReadFile<'_>,
    assets: &Assets,
) -> Vec<TemplateMachine> {
    let mut machines = Vec::new();
    for (index, stack) in stacks.stacks.iter().enumerate() {
        for member in members(stack.document.root.get("Resources")) {
            let resource_type = member.value.get("Type").and_then(Node::as_str);
            let Some(words) = resource_type.and_then(|name| words(name)) else { continue };
            let resolver = Resolver::new(stacks, index, inputs, read);
            let reader = Reader { resolver, words, inputs, assets };
            machines.push(reader.machine(member));
        }
    }
    machines
}

struct Reader<'t> {
    resolver: Resolver<'t>,
    words: &'static Words,
    inputs: &'t Inputs,
    assets: &'t Assets,
}

impl Reader<'_> {
    fn machine(mut self, member: &Member) -> TemplateMachine {
        let stack = self.resolver.here();
        let mut machine = TemplateMachine::new(format!("{}{}", stack.prefix, member.key));
        if !stack.prefix.is_empty() {
            machine.aliases.push(member.key.clone());
        }
        let resource = &member.value;
        let path = resource.get("Metadata").and_then(|node| node.get("aws:cdk:path"));
        if let Some(path) = path.and_then(Node::as_str) {
            machine.aliases.push(path.clone());
            machine.aliases.extend(path.strip_suffix("/Resource").map(Arc::from));
        }
        machine.name = member.key.clone();
        let nothing = Node { span: resource.span.clone(), kind: Kind::Object(Vec::new()) };
        let properties = resource.get("Properties").unwrap_or(&nothing);
        if properties.as_object().is_none() {
            let span = properties.span.clone();
            self.resolver.refuse(span, "`Properties` must be an object", "see its documentation");
        }
        self.deployment(properties, &mut machine);
        self.condition(resource);
        let definition = self.definition(member, properties);
        if let Some((text, format)) = definition {
            machine.format = format;
            machine.definition = Some(text);
            let mut fills = self.substitutions(properties);
            // Where they name the same, the user's come first.
            fills.extend(self.inputs.substitutions.clone());
            machine.substitute(&fills);
        }
        machine.assumptions = std::mem::take(&mut self.resolver.assumptions);
        let mut problems = std::mem::take(&mut self.resolver.problems);
        problems.append(&mut machine.problems);
        machine.problems = problems;
        machine
    }

    /// Name, type, role and logging.
    fn deployment(&mut self, properties: &Node, machine: &mut TemplateMachine) {
        let words = self.words;
        if let Some(name) = properties.get(words.name).and_then(|node| self.resolver.text(node)) {
            machine.name = name.as_str().into();
        }
        if let Some(node) = properties.get(words.machine_type)
            && let Some(text) = self.resolver.text(node)
        {
            match text.as_str() {
                "EXPRESS" => machine.execution_type = ExecutionType::Express,
                "STANDARD" => {}
                text if text.contains("${") => {}
                other => {
                    let message = format!("`{other}` is not one of `STANDARD`, `EXPRESS`");
                    let help = closest(other, ["STANDARD", "EXPRESS"])
                        .map_or("the default is STANDARD".to_owned(), |known| {
                            format!("did you mean `{known}`?")
                        });
                    self.resolver.refuse(node.span.clone(), message, help);
                }
            }
        }
        if let Some(role) = properties.get(words.role).and_then(|node| self.resolver.text(node)) {
            machine.role_arn = Some(role.as_str().into());
        }
        if let Some(logging) = properties.get(words.logging) {
            let mut text = |key| {
                let node = logging.get(key)?;
                let text = self.resolver.text(node)?;
                Some(Arc::<str>::from(text.as_str()))
            };
            let level = text("Level");
            let data = text("IncludeExecutionData");
            machine.logging = level.map(|level| Logging {
                level,
                include_execution_data: data.as_deref() == Some("true"),
            });
        }
    }

    /// Warns of a machine that is not created.
    fn condition(&mut self, resource: &Node) {
        let Some(condition) = resource.get("Condition") else { return };
        let Some(name) = condition.as_str().cloned() else { return };
        if self.resolver.holds(&name, &condition.span) == Some(false) {
            let message = format!("the machine is not created: its condition `{name}` is false");
            let span = condition.span.clone();
            let problem = self.resolver.document.error(span, super::UNRESOLVED, message);
            let help = "give the parameters that make it true";
            self.resolver.keep(problem.with_help(help).as_warning());
        }
    }

    /// The definition before its substitutions.
    fn definition(&mut self, member: &Member, properties: &Node) -> Option<(Text, Format)> {
        let all = ["Definition", "DefinitionString", "DefinitionS3Location", "DefinitionUri"];
        let given: Vec<&Member> = members(Some(properties))
            .iter()
            .filter(|property| all.contains(&&*property.key))
            .collect();
        let own = self.words.definitions;
        for property in &given {
            if !own.contains(&&*property.key) {
                let message = format!("this type of resource has no `{}`", property.key);
                let help = format!("it takes one of {}", own.join(", "));
                self.resolver.refuse(property.key_span.clone(), message, help);
            }
        }
        let [property] = &given[..] else {
            let message = match given.len() {
                0 => format!("`{}` has no definition", member.key),
                _ => format!("`{}` has more than one definition", member.key),
            };
            let span =
                given.get(1).map_or(member.key_span.clone(), |second| second.key_span.clone());
            self.resolver.refuse(span, message, format!("give it one of {}", own.join(", ")));
            return None;
        };
        let node = &property.value;
        match &*property.key {
            "DefinitionString" => Some((self.resolver.text(node)?, Format::Json)),
            "Definition" => match self.resolver.resolve(node) {
                resolved @ Resolved::Map(..) => Some((json::write(&resolved), Format::Json)),
                Resolved::Nothing => None,
                _ => {
                    let help = "use `DefinitionString` for text, `DefinitionUri` for a file";
                    let span = node.span.clone();
                    self.resolver.refuse(span, "expected the definition as an object", help);
                    None
                }
            },
            _ => self.file(member, node),
        }
    }

    /// The definition in the file that `DefinitionUri` or `DefinitionS3Location` names.
    fn file(&mut self, member: &Member, node: &Node) -> Option<(Text, Format)> {
        let asset = member.value.get("Metadata").and_then(|node| node.get("aws:asset:path"));
        let asset = asset.and_then(Node::as_str).cloned();
        let named = match node.get("Key") {
            Some(key) => {
                let key = self.resolver.text(key)?;
                let known = self.assets.get(key.as_str()).cloned();
                asset.or(known).unwrap_or_else(|| key.as_str().into())
            }
            None => asset.unwrap_or(self.resolver.text(node)?.as_str().into()),
        };
        let named = named.strip_prefix("file://").unwrap_or(&named);
        let path = self.resolver.here().folder.join(named);
        let shown = path.display().to_string();
        let bytes = match (self.resolver.read)(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let (message, help) = match named.contains("://") || node.get("Bucket").is_some() {
                    true => (
                        format!("the definition is in S3: `{named}` is no file here"),
                        "use the template from before it was packaged, which names the local file",
                    ),
                    false => (
                        format!("cannot read `{shown}`: {error}"),
                        "paths are relative to the template; `sam build` and `cdk synth` write \
                         generated files",
                    ),
                };
                self.resolver.refuse(node.span.clone(), message, help);
                return None;
            }
        };
        // The text is only read as JSON or YAML when its substitutions are made.
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let problem = Document::from_bytes(&shown, error.into_bytes()).err()?;
                self.resolver.keep(*problem);
                return None;
            }
        };
        if text.len() > crate::document::MAX_BYTES {
            let message = format!("`{shown}` has {} bytes", text.len());
            self.resolver.refuse(node.span.clone(), message, "no definition is that long");
            return None;
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let format = Format::of(&shown, text);
        Some((Text::file(&crate::diagnostic::Source::new(shown, text)), format))
    }

    /// `DefinitionSubstitutions`.
    fn substitutions(&mut self, properties: &Node) -> BTreeMap<Arc<str>, Arc<str>> {
        let mut fills = BTreeMap::new();
        let Some(node) = properties.get("DefinitionSubstitutions") else { return fills };
        match self.resolver.resolve(node) {
            Resolved::Map(entries, _) => {
                for (key, value) in entries {
                    match value {
                        Resolved::Text(text) | Resolved::Scalar(_, text) => {
                            fills.insert(key.as_str().into(), text.as_str().into());
                        }
                        _ => {
                            let (source, span) = key.origin(0..key.as_str().len());
                            let message = format!("`{}` must be a text or a number", key.as_str());
                            let problem =
                                Diagnostic::error(&source, span, INVALID_TEMPLATE, message);
                            self.resolver.keep(problem);
                        }
                    }
                }
            }
            Resolved::Nothing => {}
            _ => {
                let help = "it maps names to texts";
                self.resolver.refuse(node.span.clone(), "expected an object", help);
            }
        }
        fills
    }
}
