//! States: what all of them share, and the small types.

use std::sync::Arc;

use super::expression::Scope;
use super::level::Level;
use super::{Fields, Parser, SCHEMA, did_you_mean};
use crate::asl::state::{FailState, Field, QueryLanguage, State, StateKind, Template, WaitState};
use crate::asl::state_machine::StateIndex;
use crate::document::{Kind, Member, Node};

const TYPES: [(&str, &str); 8] = [
    ("Task", "a Task state"),
    ("Pass", "a Pass state"),
    ("Choice", "a Choice state"),
    ("Wait", "a Wait state"),
    ("Succeed", "a Succeed state"),
    ("Fail", "a Fail state"),
    ("Parallel", "a Parallel state"),
    ("Map", "a Map state"),
];

impl Parser<'_> {
    /// One state; `None` where it cannot be built.
    pub(super) fn state(
        &mut self,
        level: &Level<'_>,
        index: StateIndex,
        member: &Member,
    ) -> Option<State> {
        let outer = self.begin_variables();
        let state = self.read_state(level, index, member);
        self.end_variables(&member.key, outer);
        state
    }

    fn read_state(
        &mut self,
        level: &Level<'_>,
        index: StateIndex,
        member: &Member,
    ) -> Option<State> {
        let members = self.decoder.object(&member.value)?;
        let mut fields = Fields::new(members, self.default_language, "a state");
        let type_name = self.state_type(&mut fields)?;
        let own = self.query_language(&mut fields);
        if own == Some(QueryLanguage::JsonPath) && self.default_language == QueryLanguage::Jsonata {
            let message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole \
                           state machine";
            self.push(self.document.error_in(&member.value, SCHEMA, message));
        }
        fields.language = own.unwrap_or(self.default_language);
        let mut state = self.shared(&mut fields, type_name, member.key.clone());
        if !matches!(type_name, "Choice" | "Succeed" | "Fail") {
            state.transition = self.transition(level, &mut fields, index);
        }
        if matches!(type_name, "Task" | "Parallel" | "Map") {
            state.retry = self.retry(&mut fields);
            state.catch = self.catch(level, &mut fields, index);
        }
        let kind = match type_name {
            "Task" => self.task(&mut fields).map(|task| StateKind::Task(Box::new(task))),
            "Pass" => Some(StateKind::Pass(self.result(&mut fields))),
            "Choice" => self.choice_state(level, &mut fields, index, &mut state),
            "Wait" => self.wait(&mut fields).map(StateKind::Wait),
            "Fail" => Some(StateKind::Fail(Box::new(self.fail(&mut fields)))),
            "Parallel" => self.branches(&mut fields).map(StateKind::Parallel),
            "Map" => self.map(&mut fields).map(|map| StateKind::Map(Box::new(map))),
            _ => Some(StateKind::Succeed),
        };
        self.finish(fields);
        state.kind = kind?;
        Some(state)
    }

    fn state_type(&mut self, fields: &mut Fields<'_>) -> Option<&'static str> {
        let Some(node) = fields.any("Type") else {
            self.error_in(fields.node, "These fields are required: [Type]", None);
            return None;
        };
        let text = self.text(node)?;
        let Some((name, what)) = TYPES.iter().find(|(name, _)| **name == *text) else {
            let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
            let message = format!("Field 'Type' must be one of {names:?}, but was \"{text}\"");
            match did_you_mean(&text, names) {
                Some(help) => self.error_help(&node.span, message, help),
                None => self.error(&node.span, message),
            }
            return None;
        };
        fields.rename(what);
        Some(name)
    }

    /// The fields that several types have, as far as `type_name` has them.
    fn shared(&mut self, fields: &mut Fields<'_>, type_name: &str, name: Arc<str>) -> State {
        let works = matches!(type_name, "Task" | "Parallel" | "Map");
        let mut state = State::new(name, fields.language);
        state.comment = self.comment(fields);
        if type_name == "Fail" {
            return state;
        }
        let input_path = fields.jsonpath("InputPath");
        state.input_path = self.path_field(input_path);
        let output_path = fields.jsonpath("OutputPath");
        state.output_path = self.path_field(output_path);
        let scope = if works { Scope::RESULT } else { Scope::FIELD };
        let output = fields.jsonata("Output");
        state.output = output.and_then(|node| self.jsonata_template(node, scope));
        if type_name != "Succeed" {
            state.assign = self.assign(fields, scope);
        }
        if works || type_name == "Pass" {
            let result_path = fields.jsonpath("ResultPath");
            state.result_path = self.result_path(result_path);
        }
        match type_name {
            "Task" | "Parallel" => {
                state.arguments = self.template(fields, "Parameters", "Arguments");
            }
            "Pass" => {
                let node = fields.jsonpath("Parameters");
                let template = node.and_then(|node| self.payload_template(node));
                state.arguments = template.map(Template::Payload);
            }
            _ => {}
        }
        if works {
            let selector = fields.jsonpath("ResultSelector");
            state.result_selector = selector.and_then(|node| self.payload_template(node));
        }
        state
    }

    fn choice_state(
        &mut self,
        level: &Level<'_>,
        fields: &mut Fields<'_>,
        index: StateIndex,
        state: &mut State,
    ) -> Option<StateKind> {
        let rules = self.choices(level, fields, index);
        if let Some(node) = fields.any("Default") {
            let target = self.target(level, node, "Default", Some(index));
            state.transition = target.map(crate::asl::state::Transition::Next);
        }
        rules.map(StateKind::Choice)
    }

    /// `Result`: static data, taken as it is.
    fn result(&mut self, fields: &mut Fields<'_>) -> Option<crate::value::Value> {
        let node = fields.jsonpath("Result")?;
        self.check_result(node);
        Some(node.to_value())
    }

    /// Warns where a path in `Result` was meant to be evaluated: AWS's `PASS_RESULT_IS_STATIC`.
    fn check_result(&mut self, node: &Node) {
        match &node.kind {
            Kind::Object(_) => {
                for member in self.decoder.entries(node).unwrap_or_default() {
                    let text = member.value.as_str();
                    if member.key.ends_with(".$") && text.is_some_and(|t| t.starts_with('$')) {
                        let message = "The Result of a Pass state is static; paths in it are not \
                                       evaluated";
                        let help = "use Parameters";
                        self.warn(&member.key_span, "PASS_RESULT_IS_STATIC", message, help);
                    }
                    self.check_result(&member.value);
                }
            }
            Kind::Array(items) => items.iter().for_each(|item| self.check_result(item)),
            _ => {}
        }
    }

    fn wait(&mut self, fields: &mut Fields<'_>) -> Option<WaitState> {
        let keys = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];
        let given: Vec<&str> = keys.into_iter().filter(|key| fields.has(key)).collect();
        let seconds = self.number_field(fields, "Seconds", "SecondsPath", 0..=self.limits.seconds);
        let timestamp = self.field(fields, "Timestamp", "TimestampPath", Self::timestamp);
        let mixed = given.iter().any(|key| key.starts_with('S'))
            && given.iter().any(|key| key.starts_with('T'));
        if given.is_empty() || mixed {
            let message = format!("A Wait state must have exactly one of {keys:?}");
            self.error_in(fields.node, message, None);
            return None;
        }
        seconds.map(WaitState::Seconds).or_else(|| timestamp.map(WaitState::Timestamp))
    }

    fn fail(&mut self, fields: &mut Fields<'_>) -> FailState {
        let error = self.text_field(fields, "Error", "ErrorPath");
        let cause = self.text_field(fields, "Cause", "CausePath");
        for (key, field) in [("Error", &error), ("Cause", &cause)] {
            self.check_literal_path(fields, key, field.as_ref());
        }
        FailState { error, cause }
    }

    /// Warns where a text looks like a path but its field takes none: AWS's `NO_PATH`.
    fn check_literal_path(
        &mut self,
        fields: &mut Fields<'_>,
        key: &'static str,
        field: Option<&Field<Arc<str>>>,
    ) {
        let Some(Field::Literal(text)) = field else { return };
        let Some(node) = fields.any(key) else { return };
        if fields.language == QueryLanguage::JsonPath
            && (text.starts_with("$.") || text.starts_with("$$."))
        {
            let message = format!("The value of '{key}' looks like a path, but is taken literally");
            let help = format!("use {key}Path");
            self.warn(&node.span, "NO_PATH", message, help);
        }
    }

    fn branches(
        &mut self,
        fields: &mut Fields<'_>,
    ) -> Option<Vec<Arc<crate::asl::state_machine::States>>> {
        let Some(node) = fields.any("Branches") else {
            self.error_in(fields.node, "These fields are required: [Branches]", None);
            return None;
        };
        if self.open(node) {
            return Some(Vec::new());
        }
        let items = self.decoder.array(node)?;
        if items.is_empty() {
            self.error_in(node, "Branches must have at least one branch", None);
        }
        let mut branches = Vec::with_capacity(items.len());
        for item in items {
            branches.extend(self.inner_level(item, "a branch", |_, _| true).map(Arc::new));
        }
        (branches.len() == items.len()).then_some(branches)
    }
}
