//! Choice rules.

use super::expression::Scope;
use super::level::Level;
use super::{Fields, Parser, did_you_mean};
use crate::asl::choice::{ChoiceRule, Comparison, Condition, Operand, Operator};
use crate::asl::state::QueryLanguage;
use crate::asl::state_machine::StateIndex;
use crate::document::{Kind, Member, Node};
use crate::time::Timestamp;

impl Parser<'_> {
    /// `Choices`: at least one rule.
    pub(super) fn choices(
        &mut self,
        level: &Level<'_>,
        fields: &mut Fields<'_>,
        from: StateIndex,
    ) -> Option<Vec<ChoiceRule>> {
        let language = fields.language;
        let Some(node) = fields.any("Choices") else {
            self.error_in(fields.node, "These fields are required: [Choices]", None);
            return None;
        };
        if self.open(node) {
            level.unknown_ways();
            return Some(Vec::new());
        }
        let items = self.decoder.array(node)?;
        if items.is_empty() {
            self.error_in(node, "Choices must have at least one rule", None);
        }
        let mut rules = Vec::with_capacity(items.len());
        for item in items {
            rules.extend(self.rule(level, item, language, from));
        }
        Some(rules)
    }

    fn rule(
        &mut self,
        level: &Level<'_>,
        node: &Node,
        language: QueryLanguage,
        from: StateIndex,
    ) -> Option<ChoiceRule> {
        let members = self.decoder.object(node)?;
        let mut fields = Fields::new(members, language, "a choice rule");
        self.comment(&mut fields);
        let next = match fields.any("Next") {
            Some(node) => self.target(level, node, "Next", Some(from)),
            None => {
                self.error_in(node, "These fields are required: [Next]", None);
                level.unknown_ways();
                None
            }
        };
        let assign = self.assign(&mut fields, Scope::FIELD);
        let output = fields.jsonata("Output");
        let output = output.and_then(|node| self.jsonata_template(node, Scope::FIELD));
        let condition = match language {
            QueryLanguage::Jsonata => self.jsonata_condition(&mut fields),
            QueryLanguage::JsonPath => {
                fields.jsonata("Condition");
                self.condition(&mut fields, node)
            }
        };
        self.finish(fields);
        Some(ChoiceRule { condition: condition?, next: next?, assign, output })
    }

    /// `Condition`: an expression, or a boolean as it is.
    fn jsonata_condition(&mut self, fields: &mut Fields<'_>) -> Option<Condition> {
        for key in ["Variable", "And", "Or", "Not"] {
            fields.jsonpath(key);
        }
        for (name, _) in Operator::ALL {
            fields.jsonpath(name);
        }
        let Some(node) = fields.jsonata("Condition") else {
            self.error_in(fields.node, "These fields are required: [Condition]", None);
            return None;
        };
        if let Kind::Bool(value) = node.kind {
            return Some(Condition::Literal(value));
        }
        match self.expression_of(node, Scope::FIELD) {
            Some(expression) => expression.map(|e| Condition::Jsonata(Box::new(e))),
            None if self.open(node) => Some(Condition::Literal(true)),
            None => {
                let help = "a condition is true, false, or an expression: \"{% … %}\"";
                self.error_help(&node.span, "Condition must be a JSONata expression", help);
                None
            }
        }
    }

    /// A boolean expression of JSONPath: `And`, `Or`, `Not`, or a comparison.
    fn condition(&mut self, fields: &mut Fields<'_>, node: &Node) -> Option<Condition> {
        let kinds = ["And", "Or", "Not", "Variable"];
        let given: Vec<&str> = kinds.into_iter().filter(|key| fields.has(key)).collect();
        if given.len() != 1 {
            let known = "exactly one of \"Variable\", \"And\", \"Or\" and \"Not\"";
            let message = format!("A choice rule must have {known}");
            self.error_in(node, message, None);
            for key in kinds {
                fields.any(key);
            }
            take_operators(fields);
            return None;
        }
        match given[0] {
            "And" => self.conditions(fields, "And").map(Condition::And),
            "Or" => self.conditions(fields, "Or").map(Condition::Or),
            "Not" => {
                let inner = fields.any("Not")?;
                self.nested(inner).map(|inner| Condition::Not(Box::new(inner)))
            }
            _ => self.comparison(fields).map(|comparison| Condition::Compare(Box::new(comparison))),
        }
    }

    fn conditions(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Option<Vec<Condition>> {
        let node = fields.any(key)?;
        if self.open(node) {
            return Some(Vec::new());
        }
        let items = self.decoder.array(node)?;
        if items.is_empty() {
            self.error_in(node, format!("{key} must have at least one rule"), None);
        }
        let conditions: Vec<Condition> =
            items.iter().filter_map(|item| self.nested(item)).collect();
        (conditions.len() == items.len()).then_some(conditions)
    }

    /// A rule inside another one: without `Next`.
    fn nested(&mut self, node: &Node) -> Option<Condition> {
        let members = self.decoder.object(node)?;
        let mut fields = Fields::new(members, QueryLanguage::JsonPath, "a nested choice rule");
        self.comment(&mut fields);
        let condition = self.condition(&mut fields, node);
        if let Some(member) = fields.member("Next") {
            let message = "Only the outermost rule has a \"Next\"";
            self.conflict(node, &member.key_span, message, "remove it");
        }
        self.finish(fields);
        condition
    }

    fn comparison(&mut self, fields: &mut Fields<'_>) -> Option<Comparison> {
        let variable = fields.any("Variable").and_then(|node| self.path(node));
        let mut found: Vec<(&Member, Operator, bool)> = Vec::new();
        for (operator, name, is_path) in operator_names() {
            if let Some(member) = fields.member(name) {
                found.push((member, operator, is_path));
            }
        }
        let [(member, operator, is_path)] = found[..] else {
            let names: Vec<&str> = found.iter().map(|(member, ..)| &*member.key).collect();
            let message = match names.len() {
                0 => "A choice rule with \"Variable\" must have a comparison operator".to_owned(),
                _ => format!(
                    "A choice rule must have exactly one comparison operator, not {names:?}"
                ),
            };
            let unknown: Vec<_> = fields.leftovers();
            let help = unknown
                .first()
                .and_then(|(member, _)| did_you_mean(&member.key, operator_names().map(|o| o.1)));
            self.error_in(fields.node, message, help);
            return None;
        };
        let operand = match is_path {
            true => Operand::Path(self.path(&member.value)?),
            false => self.literal(&member.value, operator)?,
        };
        Some(Comparison { variable: variable?, operator, operand })
    }

    fn literal(&mut self, node: &Node, operator: Operator) -> Option<Operand> {
        if self.open(node) {
            return Some(Operand::Literal(node.to_value()));
        }
        let name = operator.name();
        if name.starts_with("String") {
            self.decoder.string(node)?;
        } else if name.starts_with("Numeric") {
            self.decoder.number(node)?;
        } else if name.starts_with("Timestamp") {
            self.timestamp(node)?;
        } else {
            self.decoder.boolean(node)?;
        }
        Some(Operand::Literal(node.to_value()))
    }

    /// A literal timestamp.
    pub(super) fn timestamp(&mut self, node: &Node) -> Option<std::sync::Arc<str>> {
        let text = self.text(node)?;
        if Timestamp::parse(&text).is_none() && !self.open(node) {
            let help = "such as 2016-03-14T01:59:00Z: with `T`, and `Z` or an offset";
            self.error_help(&node.span, "String does not match RFC3339 timestamp", help);
            return None;
        }
        Some(text)
    }
}

fn take_operators(fields: &mut Fields<'_>) {
    for (_, name, _) in operator_names() {
        fields.any(name);
    }
}

/// Every operator and its `…Path` form.
fn operator_names() -> impl Iterator<Item = (Operator, &'static str, bool)> {
    let literals = Operator::ALL.into_iter().map(|(name, operator)| (operator, name, false));
    let paths = Operator::ALL
        .into_iter()
        .filter_map(|(_, operator)| operator.path_name().map(|name| (operator, name, true)));
    literals.chain(paths)
}
