//! Payload templates, JSONata templates, and `Assign`.

use super::expression::Scope;
use super::{Fields, Parser, SCHEMA};
use crate::asl::state::{QueryLanguage, Template};
use crate::document::{Kind, Node};
use crate::query::intrinsic::Intrinsic;
use crate::query::jsonata_template::{JsonataTemplate, expression_text};
use crate::query::scope::ScopedPath;
use crate::query::template::PayloadTemplate;
use crate::value::{Map, Value};

impl Parser<'_> {
    /// A template of the state's language under the key of that language.
    pub(super) fn template(
        &mut self,
        fields: &mut Fields<'_>,
        jsonpath_key: &'static str,
        jsonata_key: &'static str,
    ) -> Option<Template> {
        let payload = fields.jsonpath(jsonpath_key);
        let jsonata = match jsonpath_key == jsonata_key {
            true if fields.language == QueryLanguage::Jsonata => fields.any(jsonata_key),
            true => None,
            false => fields.jsonata(jsonata_key),
        };
        match (payload, jsonata) {
            (Some(node), _) => self.payload_template(node).map(Template::Payload),
            (_, Some(node)) => self.jsonata_template(node, Scope::FIELD).map(Template::Jsonata),
            _ => None,
        }
    }

    /// `Assign`: an object from names of variables to templates.
    pub(super) fn assign(&mut self, fields: &mut Fields<'_>, scope: Scope) -> Option<Template> {
        let node = fields.any("Assign")?;
        if self.open(node) {
            return None;
        }
        let jsonata = fields.language == QueryLanguage::Jsonata;
        for member in self.decoder.entries(node)? {
            let name = match jsonata {
                true => &*member.key,
                false => member.key.strip_suffix(".$").unwrap_or(&member.key),
            };
            self.variable_name(name, &member.key_span);
        }
        match jsonata {
            true => self.jsonata_template(node, scope).map(Template::Jsonata),
            false => self.payload_template(node).map(Template::Payload),
        }
    }

    fn variable_name(&mut self, name: &str, span: &std::ops::Range<usize>) {
        self.assigns(name, span);
        if self.document.has_placeholder(name) {
            return;
        }
        let limit = self.limits.name_chars;
        let mut chars = name.chars();
        let begins = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_');
        if !begins || !chars.all(|c| c.is_alphanumeric() || c == '_') {
            let help = "letters, digits and underscores, beginning with a letter; no `$`";
            self.error_help(span, format!("\"{name}\" is not a valid variable name"), help);
        } else if name.chars().count() > limit {
            self.error(span, format!("Variable names have at most {limit} characters"));
        } else if name == "states" {
            let help = "choose another name; $states is the reserved variable";
            self.error_help(span, "The variable \"states\" is reserved", help);
        }
    }

    /// A payload template: keys that end in `.$` hold a path or an intrinsic function.
    pub(super) fn payload_template(&mut self, node: &Node) -> Option<PayloadTemplate> {
        let before = self.errors();
        let value = self.payload(node);
        if self.errors() > before {
            return None;
        }
        match PayloadTemplate::compile(&value) {
            Ok(template) => Some(template),
            Err(problems) => {
                for problem in problems {
                    self.push(self.document.error_in(node, SCHEMA, problem.to_string()));
                }
                None
            }
        }
    }

    /// The value of a template; dynamic fields with a placeholder in them become literals, since
    /// nothing can be said about them yet.
    fn payload(&mut self, node: &Node) -> Value {
        match &node.kind {
            Kind::Object(_) => {
                let mut map = Map::default();
                for member in self.decoder.entries(node).unwrap_or_default() {
                    let Some(name) = member.key.strip_suffix(".$") else {
                        self.check_static(&member.key, &member.value);
                        map.insert(member.key.clone(), self.payload(&member.value));
                        continue;
                    };
                    if self.open(&member.value) {
                        map.insert(name.into(), member.value.to_value());
                        continue;
                    }
                    self.dynamic_field(&member.key, &member.value);
                    map.insert(member.key.clone(), member.value.to_value());
                }
                Value::from(map)
            }
            Kind::Array(items) => {
                let items: Vec<Value> = items.iter().map(|item| self.payload(item)).collect();
                Value::from(items)
            }
            _ => node.to_value(),
        }
    }

    fn dynamic_field(&mut self, key: &str, node: &Node) {
        let refusal = |detail: &str| {
            format!(
                "The value for the field '{key}' must be a valid JSONPath or a valid intrinsic \
                 function call{detail}"
            )
        };
        let Some(text) = node.as_str() else {
            let help = "a key that ends in `.$` takes a string; drop the ending for a literal";
            self.error_help(&node.span, refusal(""), help);
            return;
        };
        if text.trim_start().starts_with('$') {
            match ScopedPath::parse(text) {
                Ok(path) => self.uses_path(&path, &node.span),
                Err(problem) => {
                    self.error(&node.span, refusal(&format!(": {}", problem.message)));
                }
            }
            return;
        }
        match Intrinsic::parse(text) {
            Ok(intrinsic) => {
                for path in intrinsic.paths() {
                    self.uses_path(path, &node.span);
                }
            }
            Err(problem) => self.error(&node.span, refusal(&format!(": {}", problem.message))),
        }
    }

    /// Warns where a literal looks as if it was meant to be dynamic: AWS's `NO_DOLLAR`.
    fn check_static(&mut self, key: &str, node: &Node) {
        let Some(text) = node.as_str() else { return };
        let path = text.starts_with("$.") || text.starts_with("$$.") || text.starts_with("$[");
        let path = path && ScopedPath::parse(text).is_ok();
        let call = text.starts_with("States.") && Intrinsic::parse(text).is_ok();
        if path || call {
            let message = format!(
                "The value for the field '{key}' looks like a JSONPath or an intrinsic function, \
                 but is taken literally"
            );
            let help = format!("write \"{key}.$\" to have it evaluated");
            self.warn(&node.span, "NO_DOLLAR", message, help);
        }
    }

    /// A JSONata template: any value, in which strings between `{%` and `%}` are expressions.
    pub(super) fn jsonata_template(
        &mut self,
        node: &Node,
        scope: Scope,
    ) -> Option<JsonataTemplate> {
        let before = self.errors();
        let value = self.jsonata(node, scope);
        if self.errors() > before {
            return None;
        }
        match JsonataTemplate::compile(&value) {
            Ok(template) => Some(template),
            Err(problems) => {
                // Each expression was read with its place already; this is what is left.
                for problem in problems {
                    let message = format!("{}: {}", problem.location, problem.error.message);
                    self.push(self.document.error_in(node, SCHEMA, message));
                }
                None
            }
        }
    }

    fn jsonata(&mut self, node: &Node, scope: Scope) -> Value {
        match &node.kind {
            Kind::Object(_) => {
                let mut map = Map::default();
                for member in self.decoder.entries(node).unwrap_or_default() {
                    map.insert(member.key.clone(), self.jsonata(&member.value, scope));
                }
                Value::from(map)
            }
            Kind::Array(items) => {
                let items: Vec<Value> =
                    items.iter().map(|item| self.jsonata(item, scope)).collect();
                Value::from(items)
            }
            Kind::String(text) => match self.expression_of(node, scope) {
                // An expression that a placeholder keeps from being one stays as its text.
                None => Value::from(expression_text(text).map_or_else(|| text.clone(), Into::into)),
                Some(_) => node.to_value(),
            },
            _ => node.to_value(),
        }
    }
}
