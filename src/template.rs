//! Definitions where users keep them: SAM and CloudFormation templates, the output of CDK,
//! Terraform plans, and plain files.
//!
//! A [`Template`] is read through a callback, so nothing here touches files. Each of its
//! [`TemplateMachine`]s has the definition as the service would be given it, with parameters,
//! conditions, mappings and functions resolved as far as a template says; values that only a
//! deployment decides are made up by a fixed scheme (see `names`) and listed as [`Assumption`]s,
//! and what cannot be known stays a `${Key}`, told as a warning, for the user's substitutions to
//! fill in. Diagnostics about a definition point into the file where somebody wrote it.

mod cdk;
mod cloudformation;
mod functions;
mod json;
mod names;
mod resolve;
mod spelling;
mod stack;
mod terraform;
mod text;

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::asl::{self, ExecutionType, StateMachine};
use crate::diagnostic::{Diagnostic, Source, closest};
use crate::document::{Document, Format, Kind, Node, UNREADABLE};
use crate::limits::Limits;

pub use text::Text;

/// The code of a template that CloudFormation would refuse, or that holds no state machine.
pub const INVALID_TEMPLATE: &str = "INVALID_TEMPLATE";
/// The code of a value that nothing in the template decides.
pub const UNRESOLVED: &str = "UNRESOLVED_VALUE";

/// Reads the bytes of a file; [`io::ErrorKind::IsADirectory`] tells a folder.
pub type ReadFile<'r> = dyn Fn(&Path) -> io::Result<Vec<u8>> + 'r;

/// What the user says about a template.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Values of the template's parameters, in place of their defaults.
    pub parameters: BTreeMap<Arc<str>, Arc<str>>,
    /// Values that come before everything else, by what they replace: the name of a `${Name}`, a
    /// parameter, a logical id (what `Ref` answers), `LogicalId.Attribute`, a pseudo parameter, or
    /// the name of an export.
    pub substitutions: BTreeMap<Arc<str>, Arc<str>>,
}

/// A file, or a folder, that holds state machines.
#[derive(Clone, Debug)]
pub struct Template {
    /// The file.
    pub path: PathBuf,
    /// What the file is.
    pub kind: TemplateKind,
    /// Its state machines in the order of the file, those of nested stacks behind it.
    pub machines: Vec<TemplateMachine>,
    /// What concerns no single machine, such as a nested stack that cannot be read.
    pub problems: Vec<Diagnostic>,
}

/// What a file with definitions is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateKind {
    /// A definition itself.
    Definition,
    /// A template of CloudFormation or SAM.
    CloudFormation,
    /// The folder that `cdk synth` writes.
    Cdk,
    /// What `terraform show -json` prints of a plan or a state.
    Terraform,
}

/// A state machine of a template.
#[derive(Clone, Debug)]
pub struct TemplateMachine {
    /// The logical id, or the address of a Terraform resource; in a nested stack
    /// `Stack/LogicalId`.
    pub id: Arc<str>,
    /// Other words for it: the path of its construct, the id without its stack.
    pub aliases: Vec<Arc<str>>,
    /// The name that it has when it is deployed.
    pub name: Arc<str>,
    /// The type.
    pub execution_type: ExecutionType,
    /// The role's ARN, where the template gives one.
    pub role_arn: Option<Arc<str>>,
    /// What is logged.
    pub logging: Option<Logging>,
    /// The definition as the service would be given it; `None` where it cannot be had, which
    /// `problems` explain.
    pub definition: Option<Text>,
    /// What the definition is written in.
    pub format: Format,
    /// What was made up.
    pub assumptions: Vec<Assumption>,
    /// What is wrong, and what could not be resolved.
    pub problems: Vec<Diagnostic>,
}

/// The logging of a state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// `ALL`, `ERROR`, `FATAL` or `OFF`.
    pub level: Arc<str>,
    /// Whether inputs and outputs are logged.
    pub include_execution_data: bool,
}

/// A value that only a deployment decides, and what stands for it.
#[derive(Clone, Debug)]
pub struct Assumption {
    /// What a substitution replaces it by: `ChargeFunction.Arn`.
    pub key: Arc<str>,
    /// The value.
    pub value: Arc<str>,
    /// The file that asks for it.
    pub source: Arc<Source>,
    /// Where it does.
    pub span: Range<usize>,
}

impl Template {
    /// Reads a template, or the folder that `cdk synth` writes.
    ///
    /// # Errors
    ///
    /// Why the file is none. What is wrong with a single machine is among its own problems.
    pub fn load(
        path: &Path,
        inputs: &Inputs,
        read: &ReadFile<'_>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let name = path.display().to_string();
        let bytes = match read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                return cdk::load(path, inputs, read);
            }
            Err(error) => return Err(vec![unreadable(&name, &error.to_string())]),
        };
        let document = parse(&name, bytes).map_err(|problem| vec![*problem])?;
        Self::of(path, document, inputs, read)
    }

    fn of(
        path: &Path,
        document: Document,
        inputs: &Inputs,
        read: &ReadFile<'_>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let root = &document.root;
        if root.get("StartAt").is_some() || root.get("States").is_some() {
            return Ok(definition(path, &document, inputs));
        }
        if root.get("planned_values").is_some() || root.get("terraform_version").is_some() {
            return terraform::load(path, &document, inputs);
        }
        // The manifest of an assembly names its folder as well as the folder itself does.
        if root.get("artifacts").is_some() && path.ends_with("manifest.json") {
            return cdk::load(path.parent().unwrap_or(Path::new("")), inputs, read);
        }
        if !matches!(root.get("Resources").map(|node| &node.kind), Some(Kind::Object(_))) {
            let message = "this is neither a template (it has no `Resources`) nor a definition";
            let help = "expected a CloudFormation or SAM template, the folder `cdk.out`, what \
                        `terraform show -json PLAN` prints, or a definition as JSON or YAML";
            let problem = document.error_in(root, INVALID_TEMPLATE, message);
            return Err(vec![problem.with_help(help)]);
        }
        Ok(cloudformation::load(path, document, inputs, read, None))
    }

    /// The state machine that `resource` names; without a name the only one there is.
    ///
    /// # Errors
    ///
    /// What is wrong with the name, and what to do about it.
    pub fn machine(&self, resource: Option<&str>) -> Result<&TemplateMachine, (String, String)> {
        let shown = self.path.display();
        let ids = || {
            let ids = self.machines.iter().map(|machine| format!("`{}`", machine.id));
            ids.collect::<Vec<_>>().join(", ")
        };
        let Some(resource) = resource else {
            return match &self.machines[..] {
                [only] => Ok(only),
                [] => Err((format!("`{shown}` holds no state machine"), self.kind.wanted())),
                _ => Err((
                    format!("`{shown}` holds {} state machines", self.machines.len()),
                    format!("name one as resource: {}", ids()),
                )),
            };
        };
        if let Some(found) = self.machines.iter().find(|machine| &*machine.id == resource) {
            return Ok(found);
        }
        let called = |machine: &&TemplateMachine| {
            *machine.name == *resource || machine.aliases.iter().any(|alias| **alias == *resource)
        };
        let mut found = self.machines.iter().filter(called);
        match (found.next(), found.next()) {
            (Some(found), None) => Ok(found),
            (Some(_), Some(_)) => {
                let message = format!("`{resource}` names more than one machine of `{shown}`");
                Err((message, format!("use one of {}", ids())))
            }
            (None, _) if self.machines.is_empty() => {
                Err((format!("`{shown}` holds no state machine"), self.kind.wanted()))
            }
            (None, _) => {
                let known = self.machines.iter().flat_map(|machine| {
                    [&machine.id].into_iter().chain(&machine.aliases).map(|name| &**name)
                });
                let help = match closest(resource, known) {
                    Some(known) => format!("did you mean `{known}`? It holds {}", ids()),
                    None => format!("it holds {}", ids()),
                };
                Err((format!("`{shown}` has no state machine `{resource}`"), help))
            }
        }
    }
}

impl TemplateKind {
    /// What makes a machine in such a file.
    fn wanted(self) -> String {
        match self {
            Self::Terraform => "expected a resource of the type `aws_sfn_state_machine`".into(),
            _ => "expected a resource of the type `AWS::Serverless::StateMachine` or \
                  `AWS::StepFunctions::StateMachine`"
                .into(),
        }
    }
}

impl TemplateMachine {
    fn new(id: impl Into<Arc<str>>) -> Self {
        let id = id.into();
        Self {
            name: id.clone(),
            id,
            aliases: Vec::new(),
            execution_type: ExecutionType::Standard,
            role_arn: None,
            logging: None,
            definition: None,
            format: Format::Json,
            assumptions: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The state machine, and everything that is wrong: what could not be resolved, and what is
    /// wrong with the definition, each where it was written.
    pub fn parse(
        &self,
        limits: &Limits,
        execution_type: ExecutionType,
    ) -> (Option<StateMachine>, Vec<Diagnostic>) {
        let mut diagnostics = self.problems.clone();
        let Some(text) = &self.definition else { return (None, diagnostics) };
        let refused = diagnostics.iter().any(Diagnostic::is_error);
        let (machine, found) = match self.document() {
            Ok(document) => asl::parse(&document, limits, execution_type),
            Err(problem) => (None, vec![*problem]),
        };
        diagnostics.extend(found.into_iter().map(|problem| text.locate(problem)));
        (machine.filter(|_| !refused), diagnostics)
    }

    /// The definition as a document, whose places are those of the resolved text.
    ///
    /// # Errors
    ///
    /// Why the definition is no JSON or YAML, with the place in the resolved text; also where there
    /// is no definition.
    pub fn document(&self) -> Result<Document, Box<Diagnostic>> {
        match &self.definition {
            Some(text) => {
                let source = text.source();
                let name = source.map_or("definition", |source| &*source.name);
                Document::parse_as(name, text.as_str(), self.format)
            }
            None => Err(match self.problems.iter().find(|problem| problem.is_error()) {
                Some(problem) => Box::new(problem.clone()),
                None => Box::new(unreadable(&self.id, "there is no definition")),
            }),
        }
    }

    /// The file that the definition stands in.
    pub fn source(&self) -> Arc<Source> {
        let text = self.definition.as_ref().and_then(Text::source).cloned();
        let problem = self.problems.first().map(|problem| problem.source.clone());
        text.or(problem).unwrap_or_else(|| Source::new(self.id.clone(), ""))
    }

    /// Whether the definition is there and nothing of it is unknown.
    pub fn is_resolved(&self) -> bool {
        self.definition.is_some() && self.problems.is_empty()
    }

    /// Fills in `${Placeholders}` that are left.
    fn substitute(&mut self, fills: &BTreeMap<Arc<str>, Arc<str>>) {
        // CloudFormation replaces what its replacements hold as well.
        for _ in 0..=fills.len().min(MAX_ROUNDS) {
            let Some(text) = &self.definition else { return };
            let fill = |name: &str| {
                // A value that holds its own name would be replaced for ever.
                let value = fills.get(name)?;
                (!value.contains(&format!("${{{name}}}"))).then_some(&**value)
            };
            match text.replace(fill) {
                Some(filled) if filled.as_str().len() <= MAX_TEXT => self.definition = Some(filled),
                Some(_) => {
                    let (source, span) = text.origin(0..1);
                    let message = format!("the definition grows beyond {MAX_TEXT} bytes");
                    self.problems.push(Diagnostic::error(&source, span, INVALID_TEMPLATE, message));
                    return;
                }
                None => return,
            }
        }
    }
}

/// How often replacements are replaced.
const MAX_ROUNDS: usize = 8;

/// The longest text that functions may make, in bytes: far above what a definition may have.
const MAX_TEXT: usize = 8 * 1024 * 1024;

/// A definition that is no template at all.
fn definition(path: &Path, document: &Document, inputs: &Inputs) -> Template {
    let stem = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = stem.split('.').next().unwrap_or_default();
    let mut machine = TemplateMachine::new(if stem.is_empty() { "StateMachine" } else { stem });
    machine.format = document.format;
    machine.definition = Some(Text::file(&document.source));
    let mut fills = inputs.parameters.clone();
    fills.extend(inputs.substitutions.clone());
    machine.substitute(&fills);
    Template {
        path: path.to_path_buf(),
        kind: TemplateKind::Definition,
        machines: vec![machine],
        problems: Vec::new(),
    }
}

/// A file's document, read as a template.
fn parse(name: &str, bytes: Vec<u8>) -> Result<Document, Box<Diagnostic>> {
    match String::from_utf8(bytes) {
        Ok(text) => Document::parse_template(name, &text),
        Err(error) => Document::from_bytes(name, error.into_bytes()),
    }
}

fn unreadable(name: &str, why: &str) -> Diagnostic {
    let source = Source::new(name, "");
    let message = format!("cannot read `{name}`: {why}");
    Diagnostic::error(&source, 0..0, UNREADABLE, message)
}

/// The members of `node`, where it is an object.
fn members(node: Option<&Node>) -> &[crate::document::Member] {
    node.and_then(Node::as_object).unwrap_or_default()
}

#[cfg(test)]
mod tests;
