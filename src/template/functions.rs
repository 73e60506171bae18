//! The functions of CloudFormation, and its conditions.

use std::ops::Range;
use std::sync::Arc;

use super::resolve::{Resolved, Resolver};
use super::{Text, members, parse};
use crate::diagnostic::closest;
use crate::document::{Kind, Node, has_placeholder};

/// The functions that are known, for did-you-means.
const FUNCTIONS: [&str; 15] = [
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::FindInMap",
    "Fn::GetAZs",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Length",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Fn::ToJsonString",
    "Fn::Transform",
    "Ref",
];

impl Resolver<'_> {
    /// What the function `name` answers.
    pub(super) fn call(&mut self, name: &str, argument: &Node) -> Resolved {
        let answer = match name {
            "Ref" => argument.as_str().map(|name| self.reference(name, &argument.span)),
            "Fn::GetAtt" => self.get_att(argument),
            "Fn::Sub" => self.sub(argument),
            "Fn::Join" => self.join(argument),
            "Fn::Select" => self.select(argument),
            "Fn::Split" => self.split(argument),
            "Fn::FindInMap" => self.find_in_map(argument),
            "Fn::If" => self.choose(argument),
            "Fn::ImportValue" => self.import(argument),
            "Fn::Base64" => self.base64(argument),
            "Fn::ToJsonString" => {
                let value = self.resolve(argument);
                Some(Resolved::Text(super::json::write(&value)))
            }
            "Fn::Length" => match self.resolve(argument) {
                Resolved::List(items, _) => Some(self.at(&items.len().to_string(), &argument.span)),
                _ => None,
            },
            "Fn::GetAZs" => Some(self.zones(argument)),
            "Fn::Transform" => self.include(argument),
            "Fn::Cidr" => {
                let message = "`Fn::Cidr` is not computed here";
                let help = "give the value as a substitution: `Fn::Cidr: VALUE`";
                let given = self.inputs.substitutions.get("Fn::Cidr").cloned();
                Some(match given {
                    Some(value) => self.at(&value, &argument.span),
                    None => self.unresolved("Fn::Cidr", &argument.span, message, help),
                })
            }
            _ => {
                let message = format!("there is no function `{name}`");
                let help = match closest(name, FUNCTIONS) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => format!("known functions: {}", FUNCTIONS.join(", ")),
                };
                self.refuse(argument.span.clone(), message, help);
                return Resolved::Nothing;
            }
        };
        answer.unwrap_or_else(|| {
            let message = format!("`{name}` does not take this: {}", usage(name));
            self.refuse(argument.span.clone(), message, "see the CloudFormation user guide");
            Resolved::Nothing
        })
    }

    fn get_att(&mut self, argument: &Node) -> Option<Resolved> {
        let (id, attribute) = match &argument.kind {
            Kind::String(text) => {
                let (id, attribute) = text.split_once('.')?;
                (id.to_owned(), attribute.to_owned())
            }
            Kind::Array(items) => {
                let (first, rest) = items.split_first()?;
                let mut attribute = Vec::new();
                for part in rest {
                    attribute.push(self.text(part)?.as_str().to_owned());
                }
                (first.as_str()?.to_string(), attribute.join("."))
            }
            _ => return None,
        };
        (!attribute.is_empty()).then(|| self.attribute_of(&id, &attribute, &argument.span))
    }

    /// An attribute, where SAM's `Function.Alias` may be what has it.
    fn attribute_of(&mut self, id: &str, attribute: &str, span: &Range<usize>) -> Resolved {
        match attribute.split_once('.') {
            Some((kind @ ("Alias" | "Version"), "Arn")) if self.here().serverless => {
                self.reference(&format!("{id}.{kind}"), span)
            }
            _ => self.attribute(id, attribute, span),
        }
    }

    fn sub(&mut self, argument: &Node) -> Option<Resolved> {
        let (template, variables) = match &argument.kind {
            Kind::Array(items) => match &items[..] {
                [template] => (template, None),
                [template, variables] => (template, Some(variables)),
                _ => return None,
            },
            _ => (argument, None),
        };
        let mut own = Vec::new();
        for member in members(variables) {
            let value = self.text(&member.value).unwrap_or_default();
            own.push((member.key.clone(), value));
        }
        // The text itself is not resolved before its variables: it is a literal.
        let Kind::String(text) = &template.kind else { return None };
        let text = Text::spelled(text, &self.document.source, template.span.clone());
        let outer = std::mem::replace(&mut self.variables, own);
        let out = self.substituted(&text);
        self.variables = outer;
        self.spend(&out, &template.span).then_some(Resolved::Text(out))
    }

    /// The text of a `Fn::Sub` with its variables put in; `${!x}` becomes `${x}`.
    fn substituted(&mut self, text: &Text) -> Text {
        let mut out = Text::default();
        let mut copied = 0;
        let spelled = text.as_str();
        let mut from = 0;
        while let Some(start) = spelled[from..].find("${").map(|at| from + at) {
            let Some(end) = spelled[start..].find('}').map(|at| start + at) else { break };
            let name = spelled[start + 2..end].trim();
            from = start + 2;
            if name.starts_with('!') {
                let mark = start + spelled[start..].find('!').unwrap_or_default();
                out.push_part(text, copied..start + 2);
                (copied, from) = (mark + 1, end);
                continue;
            }
            // What does not look like a name, CloudFormation refuses; here it is left as it is.
            if name.is_empty() || name.contains(['{', '\n', '"', '$']) {
                let (_, span) = text.origin(start..end + 1);
                let message = format!("`${{{name}}}` is no name that `Fn::Sub` could replace");
                self.refuse(span, message, "write `${!…}` for text that stays as it is");
                continue;
            }
            out.push_part(text, copied..start);
            let (source, span) = text.origin(start..end + 1);
            match self.variable(name, &span) {
                Resolved::Text(value) | Resolved::Scalar(_, value) => {
                    out.push_str(value.as_str(), &source, span);
                }
                Resolved::Nothing => {}
                Resolved::List(..) | Resolved::Map(..) => {
                    let message = format!("`{name}` is a list, which no text can hold");
                    self.refuse(span, message, "join its elements with `Fn::Join`");
                }
            }
            from = end + 1;
            copied = from;
        }
        out.push_part(text, copied..spelled.len());
        out
    }

    fn variable(&mut self, name: &str, span: &Range<usize>) -> Resolved {
        if let Some((_, value)) = self.variables.iter().find(|(known, _)| **known == *name) {
            return Resolved::Text(value.clone());
        }
        match name.split_once('.') {
            Some((_, "Alias" | "Version")) if self.here().serverless => self.reference(name, span),
            Some((id, attribute)) => self.attribute_of(id, attribute, span),
            None => self.reference(name, span),
        }
    }

    fn join(&mut self, argument: &Node) -> Option<Resolved> {
        let [delimiter, list] = argument.as_array()? else { return None };
        let delimiter = delimiter.as_str()?;
        let Resolved::List(items, _) = self.resolve(list) else { return None };
        let mut out = Text::default();
        for (i, item) in items.iter().enumerate() {
            let (Resolved::Text(text) | Resolved::Scalar(_, text)) = item else { return None };
            if i > 0 {
                out.push_str(delimiter, &self.document.source, list.span.clone());
            }
            out.push(text);
        }
        self.spend(&out, &argument.span).then_some(Resolved::Text(out))
    }

    fn select(&mut self, argument: &Node) -> Option<Resolved> {
        let [index, list] = argument.as_array()? else { return None };
        let at: usize = self.text(index)?.as_str().parse().ok()?;
        let items = match self.resolve(list) {
            Resolved::List(items, _) => items,
            // A list that is not known is a text that is not known.
            unknown @ Resolved::Text(_) => return Some(unknown),
            _ => return None,
        };
        if let Some(item) = items.get(at) {
            return Some(item.clone());
        }
        if let [Resolved::Text(only)] = &items[..]
            && has_placeholder(only.as_str())
        {
            return Some(Resolved::Text(only.clone()));
        }
        let message = format!("there is no element {at} in a list of {}", items.len());
        self.refuse(index.span.clone(), message, "elements are counted from 0");
        Some(Resolved::Nothing)
    }

    fn split(&mut self, argument: &Node) -> Option<Resolved> {
        let [delimiter, text] = argument.as_array()? else { return None };
        let delimiter = delimiter.as_str().filter(|text| !text.is_empty())?;
        let whole = self.text(text)?;
        let mut items = Vec::new();
        let mut from = 0;
        for part in whole.as_str().split(&**delimiter) {
            items.push(Resolved::Text(whole.part(from..from + part.len())));
            from += part.len() + delimiter.len();
        }
        Some(Resolved::List(items, Text::of("", &self.document.source, text.span.clone())))
    }

    fn find_in_map(&mut self, argument: &Node) -> Option<Resolved> {
        let items = argument.as_array()?;
        let (keys, default) = match items {
            [a, b, c] => ([a, b, c], None),
            [a, b, c, options] => ([a, b, c], options.get("DefaultValue")),
            _ => return None,
        };
        let stack = self.here();
        let mut node = stack.document.root.get("Mappings")?;
        for key in keys {
            let text = self.text(key)?;
            let text = text.as_str();
            if let Some(inner) = node.get(text) {
                node = inner;
                continue;
            }
            if let Some(default) = default {
                return Some(self.resolve(default));
            }
            let known = members(Some(node)).iter().map(|member| &*member.key);
            let mut known: Vec<&str> = known.collect();
            let near = closest(text, known.iter().copied()).map(str::to_owned);
            known.truncate(10);
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", known.join(", ")),
            };
            let message = format!("the mapping has no key `{text}`");
            let span = key.span.clone();
            if has_placeholder(text) {
                // What is not known yet may well be a key.
                return Some(self.unresolved(
                    text.trim_matches(['$', '{', '}']),
                    &span,
                    message,
                    help,
                ));
            }
            self.refuse(span, message, help);
            return Some(Resolved::Nothing);
        }
        Some(self.resolve(node))
    }

    fn choose(&mut self, argument: &Node) -> Option<Resolved> {
        let [condition, yes, no] = argument.as_array()? else { return None };
        let name = condition.as_str()?;
        let holds = self.holds(name, &condition.span);
        let holds = holds.unwrap_or_else(|| {
            self.assume(&format!("Condition {name}"), "true", &condition.span);
            true
        });
        Some(self.resolve(if holds { yes } else { no }))
    }

    /// Whether the condition `name` holds; `None` where that depends on what is not known.
    pub(super) fn holds(&mut self, name: &str, span: &Range<usize>) -> Option<bool> {
        let conditions = self.here().document.root.get("Conditions");
        let Some(node) = conditions.and_then(|node| node.get(name)) else {
            let known = members(conditions).iter().map(|member| &*member.key);
            let help = match closest(name, known) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "declare it under `Conditions`".to_owned(),
            };
            self.refuse(span.clone(), format!("there is no condition `{name}`"), help);
            return None;
        };
        let mut answer = None;
        self.elsewhere(self.stack, &format!("Condition {name}"), span, |own| {
            answer = own.evaluate(node);
            Resolved::Nothing
        });
        answer
    }

    fn evaluate(&mut self, node: &Node) -> Option<bool> {
        let [only] = node.as_object()? else { return None };
        let argument = &only.value;
        match &*only.key {
            "Condition" => self.holds(argument.as_str()?, &argument.span),
            "Fn::Equals" => {
                let [left, right] = argument.as_array()? else { return None };
                let (left, right) = (self.text(left)?, self.text(right)?);
                let (left, right) = (left.as_str(), right.as_str());
                // Of texts that are not known, only equal ones are known to be equal.
                match left == right {
                    true => Some(true),
                    false if has_placeholder(left) || has_placeholder(right) => None,
                    false => Some(false),
                }
            }
            "Fn::Not" => {
                let [inner] = argument.as_array()? else { return None };
                self.nested_condition(inner).map(|holds| !holds)
            }
            key @ ("Fn::And" | "Fn::Or") => {
                let decisive = key == "Fn::Or";
                let mut known = true;
                for inner in argument.as_array()? {
                    match self.nested_condition(inner) {
                        Some(holds) if holds == decisive => return Some(decisive),
                        Some(_) => {}
                        None => known = false,
                    }
                }
                known.then_some(!decisive)
            }
            name => {
                let message = format!("`{name}` is no condition");
                let help = "conditions are Fn::And, Fn::Equals, Fn::Not, Fn::Or and Condition";
                self.refuse(node.span.clone(), message, help);
                None
            }
        }
    }

    /// A condition in a condition, one level deeper.
    fn nested_condition(&mut self, node: &Node) -> Option<bool> {
        if !self.deeper(node) {
            return None;
        }
        let answer = self.evaluate(node);
        self.shallower();
        answer
    }

    fn import(&mut self, argument: &Node) -> Option<Resolved> {
        let name = self.text(argument)?;
        let name: Arc<str> = name.as_str().into();
        let span = &argument.span;
        if let Some(value) = self.inputs.substitutions.get(&name) {
            return Some(self.at(value, span));
        }
        for (index, stack) in self.stacks.stacks.iter().enumerate() {
            for output in members(stack.document.root.get("Outputs")) {
                let Some(exported) = output.value.get("Export").and_then(|node| node.get("Name"))
                else {
                    continue;
                };
                let Some(value) = output.value.get("Value") else { continue };
                let mut found = None;
                let key = format!("Export {}", output.key);
                self.elsewhere(index, &key, span, |own| {
                    let is = own.text(exported).is_some_and(|text| *text.as_str() == *name);
                    if is {
                        found = Some(own.resolve(value));
                    }
                    Resolved::Nothing
                });
                if let Some(Resolved::Text(text) | Resolved::Scalar(_, text)) = found {
                    return Some(self.at(text.as_str(), span));
                }
            }
        }
        let message = format!("the export `{name}` belongs to another stack");
        let help = format!("give it as a substitution: `{name}: VALUE`");
        Some(self.unresolved(&name, span, message, help))
    }

    fn base64(&mut self, argument: &Node) -> Option<Resolved> {
        use base64::Engine as _;
        let text = self.text(argument)?;
        let encoded = base64::engine::general_purpose::STANDARD.encode(text.as_str());
        Some(self.at(&encoded, &argument.span))
    }

    fn zones(&mut self, argument: &Node) -> Resolved {
        let span = &argument.span;
        let region = match self.text(argument) {
            Some(text) if !text.as_str().is_empty() => text.as_str().to_owned(),
            _ => match self.reference("AWS::Region", span) {
                Resolved::Text(text) => text.as_str().to_owned(),
                _ => String::new(),
            },
        };
        let zones = ["a", "b", "c"].map(|zone| self.at(&format!("{region}{zone}"), span));
        self.assume("Fn::GetAZs", &format!("{region}a, {region}b, {region}c"), span);
        Resolved::List(zones.into(), Text::of("", &self.document.source, span.clone()))
    }

    /// `AWS::Include` of a local file, as before packaging.
    fn include(&mut self, argument: &Node) -> Option<Resolved> {
        let name = argument.get("Name")?.as_str()?;
        if &**name != "AWS::Include" {
            let message = format!("what the macro `{name}` makes is only known after deployment");
            let help = "only `AWS::Include` of a local file is read";
            self.refuse(argument.span.clone(), message, help);
            return Some(Resolved::Nothing);
        }
        let location = argument.get("Parameters")?.get("Location")?;
        let path = self.text(location)?;
        let path = self.here().folder.join(path.as_str());
        let shown = path.display().to_string();
        let document = match (self.read)(&path) {
            Ok(bytes) => parse(&shown, bytes),
            Err(error) => {
                let message = format!("cannot read `{shown}`: {error}");
                self.refuse(location.span.clone(), message, "paths are relative to the template");
                return Some(Resolved::Nothing);
            }
        };
        let document = match document {
            Ok(document) => Arc::new(document),
            Err(problem) => {
                self.keep(*problem);
                return Some(Resolved::Nothing);
            }
        };
        if !self.deeper(argument) {
            return Some(Resolved::Nothing);
        }
        let back = std::mem::replace(&mut self.document, document.clone());
        let resolved = self.resolve(&document.root);
        self.document = back;
        self.shallower();
        Some(resolved)
    }
}

/// How a function is called.
fn usage(name: &str) -> &'static str {
    match name {
        "Ref" => "it takes the name of a parameter or resource",
        "Fn::GetAtt" => "it takes `Resource.Attribute`, or a list of the two",
        "Fn::Sub" => "it takes a text, or a list of a text and its variables",
        "Fn::Join" => "it takes a delimiter and a list of texts",
        "Fn::Select" => "it takes an index and a list",
        "Fn::Split" => "it takes a delimiter and a text",
        "Fn::FindInMap" => "it takes the names of a mapping and of two keys that exist",
        "Fn::If" => "it takes a condition and two values",
        "Fn::Length" => "it takes a list",
        "Fn::Transform" => "it takes the `Name` of a macro and its `Parameters`",
        _ => "it takes a text",
    }
}
