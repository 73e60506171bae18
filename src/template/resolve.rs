//! What the nodes of a template come to: parameters, references and functions put in.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::names;
use super::stack::{Stack, Stacks};
use super::{Assumption, INVALID_TEMPLATE, Inputs, MAX_TEXT, ReadFile, Text, UNRESOLVED, members};
use crate::diagnostic::{Diagnostic, closest};
use crate::document::{Document, Kind, Member, Node};

/// How deep nodes, and what they refer to, may be nested.
const MAX_DEPTH: usize = 250;

/// How many nodes are looked at for one machine; functions may ask for one node many times.
const MAX_STEPS: usize = 1_000_000;

/// What a node comes to.
#[derive(Clone, Debug)]
pub(super) enum Resolved {
    Text(Text),
    /// Null, a boolean or a number.
    Scalar(Kind, Text),
    List(Vec<Resolved>, Text),
    Map(Vec<(Text, Resolved)>, Text),
    /// `AWS::NoValue`: what holds it is without it.
    Nothing,
}

/// Resolves nodes of a stack, and keeps what it made up and what it could not.
pub(super) struct Resolver<'t> {
    pub(super) stacks: &'t Stacks,
    /// The stack whose nodes are resolved.
    pub(super) stack: usize,
    /// The document whose nodes are resolved: the stack's, or one that it includes.
    pub(super) document: Arc<Document>,
    pub(super) inputs: &'t Inputs,
    pub(super) read: &'t ReadFile<'t>,
    pub(super) assumptions: Vec<Assumption>,
    pub(super) problems: Vec<Diagnostic>,
    /// What is being resolved, to find circles.
    open: Vec<String>,
    depth: usize,
    steps: usize,
    bytes: usize,
    /// The variables of the `Fn::Sub` that is being resolved.
    pub(super) variables: Vec<(Arc<str>, Text)>,
    /// What names of resources came to.
    known: BTreeMap<String, Text>,
}

impl<'t> Resolver<'t> {
    pub(super) fn new(
        stacks: &'t Stacks,
        stack: usize,
        inputs: &'t Inputs,
        read: &'t ReadFile<'t>,
    ) -> Self {
        Self {
            stacks,
            stack,
            document: stacks.stacks[stack].document.clone(),
            inputs,
            read,
            assumptions: Vec::new(),
            problems: Vec::new(),
            open: Vec::new(),
            depth: 0,
            steps: 0,
            bytes: 0,
            variables: Vec::new(),
            known: BTreeMap::new(),
        }
    }

    pub(super) fn here(&self) -> &'t Stack {
        &self.stacks.stacks[self.stack]
    }

    /// What `node` comes to.
    pub(super) fn resolve(&mut self, node: &Node) -> Resolved {
        self.steps += 1;
        if self.depth >= MAX_DEPTH || self.steps > MAX_STEPS {
            let what = match self.depth >= MAX_DEPTH {
                true => format!("what this refers to is nested deeper than {MAX_DEPTH} levels"),
                false => format!("this needs more than {MAX_STEPS} steps to resolve"),
            };
            self.refuse(node.span.clone(), what, "simplify the template");
            return Resolved::Nothing;
        }
        self.depth += 1;
        let resolved = self.resolve_kind(node);
        self.depth -= 1;
        resolved
    }

    fn resolve_kind(&mut self, node: &Node) -> Resolved {
        match &node.kind {
            Kind::String(text) => {
                Resolved::Text(Text::spelled(text, &self.document.source, node.span.clone()))
            }
            Kind::Array(items) => {
                let items = items.iter().map(|item| self.resolve(item));
                let items = items.filter(|item| !matches!(item, Resolved::Nothing)).collect();
                Resolved::List(items, self.mark(node))
            }
            Kind::Object(members) => match &members[..] {
                [only] if is_function(&only.key) => self.call(&only.key, &only.value),
                _ => self.resolve_members(node, members),
            },
            scalar => {
                let spelled = self.document.text_of(node).to_owned();
                let text = Text::spelled(&spelled, &self.document.source, node.span.clone());
                Resolved::Scalar(scalar.clone(), text)
            }
        }
    }

    fn resolve_members(&mut self, node: &Node, members: &[Member]) -> Resolved {
        let mut out = Vec::with_capacity(members.len());
        for member in members {
            if &*member.key == "Fn::Transform" {
                if let Resolved::Map(included, _) = self.call(&member.key, &member.value) {
                    out.extend(included);
                }
                continue;
            }
            let value = self.resolve(&member.value);
            if !matches!(value, Resolved::Nothing) {
                let span = member.key_span.clone();
                out.push((Text::spelled(&member.key, &self.document.source, span), value));
            }
        }
        Resolved::Map(out, self.mark(node))
    }

    /// An empty text at the place of `node`.
    fn mark(&self, node: &Node) -> Text {
        let end = node.span.end.min(node.span.start + 1);
        Text::of("", &self.document.source, node.span.start..end)
    }

    /// The text that `node` comes to; `None` where it is none, which is reported.
    pub(super) fn text(&mut self, node: &Node) -> Option<Text> {
        match self.resolve(node) {
            Resolved::Text(text) | Resolved::Scalar(_, text) => Some(text),
            Resolved::Nothing => None,
            Resolved::List(..) | Resolved::Map(..) => {
                let message = "expected a text, or a function that answers one";
                self.refuse(node.span.clone(), message, "see the CloudFormation user guide");
                None
            }
        }
    }

    /// A text made of others is no longer than it may be.
    pub(super) fn spend(&mut self, text: &Text, span: &Range<usize>) -> bool {
        self.bytes += text.as_str().len();
        if self.bytes <= MAX_TEXT {
            return true;
        }
        let message = format!("the texts made here have more than {MAX_TEXT} bytes");
        self.refuse(span.clone(), message, "simplify the template");
        false
    }

    /// What `Ref` answers for `name`, asked for at `span`.
    pub(super) fn reference(&mut self, name: &str, span: &Range<usize>) -> Resolved {
        if let Some(value) = self.inputs.substitutions.get(name) {
            return self.at(value, span);
        }
        if name == "AWS::NoValue" {
            return Resolved::Nothing;
        }
        if let Some(parameter) = self.here().parameter(name) {
            return self.parameter(name, parameter, span);
        }
        if let Some(value) = names::pseudo(name) {
            self.assume(name, value, span);
            return self.at(value, span);
        }
        match self.physical(name, None, span) {
            Some(value) => Resolved::Text(value),
            None => {
                self.unknown(name, span);
                self.at(&format!("${{{name}}}"), span)
            }
        }
    }

    /// A name that nothing in the template has: CloudFormation refuses it.
    fn unknown(&mut self, name: &str, span: &Range<usize>) {
        let stack = self.here();
        let parameters = members(stack.document.root.get("Parameters")).iter();
        let parameters = parameters.map(|member| &*member.key);
        let known = stack.ids().chain(parameters).chain(names::PSEUDO);
        let help = match closest(name, known) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("declare it, or give it as a substitution: `{name}: VALUE`"),
        };
        let message = format!("there is no resource or parameter `{name}`");
        self.refuse(span.clone(), message, help);
    }

    /// What a parameter comes to: what the user or the stack around says, else its default.
    fn parameter(&mut self, name: &str, parameter: &Node, span: &Range<usize>) -> Resolved {
        let own_type =
            parameter.get("Type").and_then(Node::as_str).map_or("String", |text| &**text);
        let of_list = own_type.starts_with("List<") || own_type == "CommaDelimitedList";
        let is_top = self.here().parent.is_none();
        if let Some(value) = self.inputs.parameters.get(name).filter(|_| is_top) {
            return self.list_or_text(value, of_list, span);
        }
        if let Some((parent, id)) = self.here().parent.clone() {
            let given = self.stacks.stacks[parent].resource(&id);
            let given = given.and_then(|node| node.get("Properties")?.get("Parameters")?.get(name));
            if let Some(node) = given {
                return self
                    .elsewhere(parent, &format!("{id}.{name}"), span, |own| own.resolve(node));
            }
        }
        let default = parameter.get("Default");
        if own_type.starts_with("AWS::SSM::Parameter::Value<") {
            let path = default.map(|node| node.to_value().to_json()).unwrap_or_default();
            let message = format!("parameter `{name}` reads {path} of SSM, which is not here");
            return self.unresolved(name, span, message, self.parameter_help(name));
        }
        let Some(default) = default else {
            let message = format!("parameter `{name}` has no default");
            return self.unresolved(name, span, message, self.parameter_help(name));
        };
        let spelled = match &default.kind {
            Kind::String(text) => text.to_string(),
            Kind::Null => String::new(),
            _ => self.document.text_of(default).to_owned(),
        };
        self.list_or_text(&spelled, of_list, span)
    }

    fn parameter_help(&self, name: &str) -> String {
        match &self.here().parent {
            None => {
                format!("give it: `--parameter {name}=VALUE`, `parameters: {{ {name}: VALUE }}`")
            }
            Some((_, id)) => format!("give it in the `Parameters` of `{id}`, or as a substitution"),
        }
    }

    fn list_or_text(&self, value: &str, of_list: bool, span: &Range<usize>) -> Resolved {
        if !of_list {
            return self.at(value, span);
        }
        let items = value.split(',').map(|item| self.at(item.trim(), span)).collect();
        Resolved::List(items, Text::of("", &self.document.source, span.clone()))
    }

    /// A text that stands for what is at `span`.
    pub(super) fn at(&self, value: &str, span: &Range<usize>) -> Resolved {
        Resolved::Text(Text::of(value, &self.document.source, span.clone()))
    }

    /// What `Fn::GetAtt` answers, asked for at `span`.
    pub(super) fn attribute(&mut self, id: &str, attribute: &str, span: &Range<usize>) -> Resolved {
        let key = format!("{id}.{attribute}");
        if let Some(value) = self.inputs.substitutions.get(&*key) {
            return self.at(value, span);
        }
        if let Some(output) = attribute.strip_prefix("Outputs.")
            && let Some(nested) = self.here().nested.get(id).copied()
        {
            let outputs = self.stacks.stacks[nested].document.root.get("Outputs");
            let value = outputs.and_then(|node| node.get(output)?.get("Value"));
            if let Some(value) = value {
                return self.elsewhere(nested, &key, span, |own| own.resolve(value));
            }
        }
        if let Some(value) = self.physical(id, Some(attribute), span) {
            return Resolved::Text(value);
        }
        if self.here().resource(id).is_none() {
            self.unknown(id, span);
            return self.at(&format!("${{{key}}}"), span);
        }
        let message = format!("`{key}` is only known after deployment");
        let help = format!("give it as a substitution: `{key}: VALUE`");
        self.unresolved(&key, span, message, help)
    }

    /// Resolves something in another stack.
    pub(super) fn elsewhere(
        &mut self,
        stack: usize,
        key: &str,
        span: &Range<usize>,
        resolve: impl FnOnce(&mut Self) -> Resolved,
    ) -> Resolved {
        let key = format!("{}:{key}", self.stack);
        if self.depth >= MAX_DEPTH || self.is_circle(&key, span) {
            return Resolved::Nothing;
        }
        self.open.push(key);
        let document =
            std::mem::replace(&mut self.document, self.stacks.stacks[stack].document.clone());
        let back = std::mem::replace(&mut self.stack, stack);
        let variables = std::mem::take(&mut self.variables);
        self.depth += 1;
        let resolved = resolve(self);
        self.depth -= 1;
        (self.document, self.stack, self.variables) = (document, back, variables);
        self.open.pop();
        match resolved {
            // Whoever reads the definition looks at what asks, not at what answers.
            Resolved::Text(text) | Resolved::Scalar(_, text) => self.at(text.as_str(), span),
            other => other,
        }
    }

    fn is_circle(&mut self, key: &str, span: &Range<usize>) -> bool {
        let Some(first) = self.open.iter().position(|open| open == key) else { return false };
        let name = |key: &str| key.split_once(':').map_or(key, |(_, name)| name).to_owned();
        let mut way: Vec<String> = self.open[first..].iter().map(|key| name(key)).collect();
        way.push(name(key));
        let message = format!("`{}` refers to itself: {}", name(key), way.join(" → "));
        self.refuse(span.clone(), message, "break the circle");
        true
    }

    /// The made-up name (`None`) or attribute of a resource; `None` where there is no such resource
    /// or nothing is known about the attribute.
    fn physical(&mut self, id: &str, attribute: Option<&str>, span: &Range<usize>) -> Option<Text> {
        let shown = attribute.map_or(id.to_owned(), |attribute| format!("{id}.{attribute}"));
        let key = format!("{}:{shown}", self.stack);
        let value = match self.known.get(&key) {
            Some(value) => value.clone(),
            None => {
                if self.is_circle(&key, span) {
                    return Some(Text::of(
                        format!("${{{shown}}}"),
                        &self.document.source,
                        span.clone(),
                    ));
                }
                self.open.push(key.clone());
                let value = self.physical_anew(id, attribute, span);
                self.open.pop();
                let value = value?;
                self.known.insert(key, value.clone());
                value
            }
        };
        self.assume(&shown, value.as_str(), span);
        Some(Text::of(value.as_str(), &self.document.source, span.clone()))
    }

    fn physical_anew(
        &mut self,
        id: &str,
        attribute: Option<&str>,
        span: &Range<usize>,
    ) -> Option<Text> {
        let Some(resource) = self.here().resource(id) else {
            return self.generated(id, attribute, span);
        };
        let resource_type = resource.get("Type").and_then(Node::as_str).cloned()?;
        let scheme = names::of(&resource_type);
        let properties = resource.get("Properties");
        let named = match scheme {
            Some(scheme) => properties.and_then(|node| node.get(scheme.property)),
            None => names::NAMING.iter().find_map(|key| properties.and_then(|node| node.get(key))),
        };
        // A custom resource's attributes are what its code answers.
        let custom = resource_type.starts_with("Custom::")
            || &*resource_type == "AWS::CloudFormation::CustomResource";
        let general;
        let form = match (scheme, attribute) {
            (Some(scheme), None) => scheme.reference,
            (Some(scheme), Some("Arn")) if !scheme.arn.is_empty() => scheme.arn,
            (Some(scheme), Some(attribute)) => {
                scheme.attributes.iter().find(|(name, _)| *name == attribute)?.1
            }
            (None, None) => "{name}",
            (None, Some("Arn")) if !custom => {
                general = names::general_arn(&resource_type);
                &general
            }
            (None, Some("Name")) if !custom => "{name}",
            (None, Some(_)) => return None,
        };
        if attribute == Some("Value") && &*resource_type == "AWS::SSM::Parameter" {
            let value = properties.and_then(|node| node.get("Value"))?;
            return self.text(value);
        }
        let name = match named {
            Some(node) => {
                self.text(node).map_or_else(|| id.to_owned(), |text| text.as_str().to_owned())
            }
            None => id.to_owned(),
        };
        let arn = scheme.map_or("", |scheme| scheme.arn);
        let text = self.filled(form, arn, id, &name, span);
        Some(Text::of(text, &self.document.source, span.clone()))
    }

    /// The form of a name with its parts put in.
    fn filled(
        &mut self,
        form: &str,
        arn: &str,
        id: &str,
        name: &str,
        span: &Range<usize>,
    ) -> String {
        let form = form.replace("{arn}", arn);
        let mut out = String::new();
        let mut rest = &*form;
        while let Some((before, after)) = rest.split_once('{') {
            let (part, after) = after.split_once('}').unwrap_or((after, ""));
            out.push_str(before);
            let pseudo = |key: &str| {
                let given = self.inputs.substitutions.get(key).map(|value| value.to_string());
                given.unwrap_or_else(|| names::pseudo(key).unwrap_or_default().to_owned())
            };
            out.push_str(&match part {
                "partition" => pseudo("AWS::Partition"),
                "region" => pseudo("AWS::Region"),
                "account" => pseudo("AWS::AccountId"),
                "suffix" => pseudo("AWS::URLSuffix"),
                "lower" => name.to_lowercase(),
                "uuid" => names::uuid(id),
                "short" => names::short_id(id),
                "function" => self.function_of(id, span),
                _ => name.to_owned(),
            });
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// The ARN of the function that a version or alias belongs to.
    fn function_of(&mut self, id: &str, span: &Range<usize>) -> String {
        let resource = self.here().resource(id);
        let name = resource.and_then(|node| node.get("Properties")?.get("FunctionName"));
        let name = name.and_then(|node| self.text(node)).unwrap_or_default();
        match name.as_str() {
            name if name.starts_with("arn:") => name.to_owned(),
            name => {
                let form = "arn:{partition}:lambda:{region}:{account}:function:{name}";
                self.filled(form, "", id, name, span)
            }
        }
    }

    /// Resources that the SAM transform makes: roles, versions and aliases of functions.
    fn generated(
        &mut self,
        id: &str,
        attribute: Option<&str>,
        span: &Range<usize>,
    ) -> Option<Text> {
        if !self.here().serverless {
            return None;
        }
        let source = self.document.source.clone();
        let of = |text: String| Text::of(text, &source, span.clone());
        // `!Ref Function.Alias` and `!GetAtt Function.Alias.Arn` name what `AutoPublishAlias` makes.
        if let Some((function, kind @ ("Alias" | "Version"))) = id.split_once('.') {
            let alias = self.here().resource(function)?.get("Properties")?.get("AutoPublishAlias");
            let qualifier = match (kind, alias) {
                ("Alias", Some(alias)) => self.text(alias)?.as_str().to_owned(),
                _ => "1".to_owned(),
            };
            let arn = self.physical(function, Some("Arn"), span)?;
            return Some(of(format!("{}:{qualifier}", arn.as_str())));
        }
        let owner = id.strip_suffix("Role").filter(|owner| self.here().resource(owner).is_some());
        if owner.is_some() {
            let form = match attribute {
                None => "{name}",
                Some("Arn") => "arn:{partition}:iam::{account}:role/{name}",
                Some(_) => return None,
            };
            return Some(of(self.filled(form, "", id, id, span)));
        }
        let implicit = ["ServerlessRestApi", "ServerlessHttpApi"].contains(&id);
        (implicit && attribute.is_none()).then(|| of(names::short_id(id)))
    }

    /// Goes one level deeper than `node`, where that is allowed.
    pub(super) fn deeper(&mut self, node: &Node) -> bool {
        if self.depth >= MAX_DEPTH {
            let message = format!("what this refers to is nested deeper than {MAX_DEPTH} levels");
            self.refuse(node.span.clone(), message, "simplify the template");
            return false;
        }
        self.depth += 1;
        true
    }

    /// Comes back from one level deeper.
    pub(super) fn shallower(&mut self) {
        self.depth -= 1;
    }

    /// Keeps that `key` was made up.
    pub(super) fn assume(&mut self, key: &str, value: &str, span: &Range<usize>) {
        // What asks for the name of something is the thing to show, not what its name is made of.
        if !self.open.is_empty() || self.assumptions.iter().any(|known| &*known.key == key) {
            return;
        }
        self.assumptions.push(Assumption {
            key: key.into(),
            value: value.into(),
            source: self.document.source.clone(),
            span: span.clone(),
        });
    }

    /// Keeps that a value is not known, and answers the `${key}` that a substitution may fill in.
    pub(super) fn unresolved(
        &mut self,
        key: &str,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Resolved {
        let message = message.into();
        let problem = self.document.error(span.clone(), UNRESOLVED, message);
        self.keep(problem.with_help(help).as_warning());
        self.at(&format!("${{{key}}}"), span)
    }

    /// Keeps an error: CloudFormation would refuse the template.
    pub(super) fn refuse(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let problem = self.document.error(span, INVALID_TEMPLATE, message);
        self.keep(problem.with_help(help));
    }

    /// Keeps a diagnostic once, and no more of them than anybody reads.
    pub(super) fn keep(&mut self, problem: Diagnostic) {
        let known = self.problems.iter().any(|known| known.message == problem.message);
        if !known && self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }
}

/// How many problems of one machine are kept.
const MAX_PROBLEMS: usize = 200;

/// Whether the only member of an object makes it a function.
fn is_function(key: &str) -> bool {
    key == "Ref" || key.starts_with("Fn::")
}
