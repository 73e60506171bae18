//! JSONata in an execution: what expressions see, and how AWS words their failures.

use super::branch::BranchId;
use super::causes;
use super::dataflow::Fault;
use super::execution::Execution;
use crate::asl::{State, StateKind, Template};
use crate::entropy::Entropy;
use crate::query::jsonata::{Bindings, Environment, Expression, Outcome};
use crate::query::jsonata_template::JsonataTemplate;
use crate::value::{Map, Value};

/// The parts of `$states` that exist only in some fields.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Visible<'a> {
    /// `$states.result`
    pub(super) result: Option<&'a Value>,
    /// `$states.errorOutput`
    pub(super) error_output: Option<&'a Value>,
}

/// The fields of a state, a Choice rule or a Catcher that make its output.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutputFields<'a> {
    /// What stands before the field's name in locations: `Choices[0]/`.
    pub(super) prefix: &'a str,
    pub(super) assign: Option<&'a Template>,
    pub(super) output: Option<&'a JsonataTemplate>,
}

impl Execution {
    /// The value of a template.
    pub(super) fn evaluate(
        &mut self,
        id: BranchId,
        template: &JsonataTemplate,
        field: &str,
        visible: Visible<'_>,
    ) -> Result<Value, Fault> {
        template.evaluate(|placed| {
            let location = format!("{field}{}", placed.location);
            self.evaluate_expression(id, &placed.expression, &location, visible)
        })
    }

    /// The value of a field that is one expression.
    pub(super) fn evaluate_field(
        &mut self,
        id: BranchId,
        expression: &Expression,
        field: &str,
    ) -> Result<Value, Fault> {
        self.evaluate_expression(id, expression, field, Visible::default())
    }

    fn evaluate_expression(
        &mut self,
        id: BranchId,
        expression: &Expression,
        location: &str,
        visible: Visible<'_>,
    ) -> Result<Value, Fault> {
        let bindings = self.bindings(id, expression, visible);
        let entropy = std::mem::replace(&mut self.entropy, Entropy::new(0));
        let mut environment = Environment::new(self.now.millis(), entropy);
        let outcome = expression.evaluate(&bindings, &mut environment);
        self.long_step = true;
        self.entropy = environment.entropy;
        let what = match outcome {
            Ok(Outcome::Value(value)) => return Ok(value),
            Ok(Outcome::Undefined) => causes::undefined(expression.text(), location),
            Ok(Outcome::Function) => causes::unsupported_result(expression.text(), location),
            Err(error) => causes::threw(expression.text(), location, &error),
        };
        Err(Fault::Evaluation { what, location: Some(location.to_owned()) })
    }

    /// `$states` and the variables, as far as the expression names them.
    fn bindings(&self, id: BranchId, expression: &Expression, visible: Visible<'_>) -> Bindings {
        let branch = &self.branches[id as usize];
        let references = expression.references();
        let mut bindings = Bindings::new();
        if !references.states.is_empty() {
            // An empty name is `$states` as a whole.
            let context = references.states.iter().any(|r| matches!(&*r.name, "" | "context"));
            let mut states = Map::default();
            states.insert("input".into(), branch.input.clone());
            if context {
                states.insert("context".into(), self.context(branch));
            }
            if let Some(result) = visible.result {
                states.insert("result".into(), result.clone());
            }
            if let Some(error) = visible.error_output {
                states.insert("errorOutput".into(), error.clone());
            }
            bindings.bind("states", Value::from(states));
        }
        // All of them: a variable may have the name of a built-in function.
        branch.variables.for_each(&mut |name, value| bindings.bind(name.clone(), value.clone()));
        bindings
    }

    /// A Choice rule's Condition.
    pub(super) fn condition(
        &mut self,
        id: BranchId,
        expression: &Expression,
        rule: usize,
    ) -> Result<bool, Fault> {
        let field = format!("Choices[{rule}]/Condition");
        let found = self.evaluate_field(id, expression, &field)?;
        found
            .as_bool()
            .ok_or_else(|| causes::unexpected_result(expression.text(), &field, "boolean", &found))
    }

    /// Output and variables of a state whose work came to `result`.
    pub(super) fn jsonata_output(
        &mut self,
        id: BranchId,
        state: &State,
        result: Value,
    ) -> Result<(Value, Option<Map>), Fault> {
        let fields = OutputFields {
            prefix: "",
            assign: state.assign.as_ref(),
            output: state.output.as_ref(),
        };
        match &state.kind {
            // A Pass has no `$states.result`, but what it passes may come from a mock.
            StateKind::Pass(_) => self.jsonata_results(id, fields, Visible::default(), result),
            kind if kind.has_result() => {
                let visible = Visible { result: Some(&result), error_output: None };
                self.jsonata_results(id, fields, visible, result.clone())
            }
            _ => {
                let input = self.branches[id as usize].input.clone();
                self.jsonata_results(id, fields, Visible::default(), input)
            }
        }
    }

    /// Output and variables by their fields; without an Output field, `default` goes on. Both see
    /// the variables as they were (`state_assign_evaluation_order.*`).
    pub(super) fn jsonata_results(
        &mut self,
        id: BranchId,
        fields: OutputFields<'_>,
        visible: Visible<'_>,
        default: Value,
    ) -> Result<(Value, Option<Map>), Fault> {
        let prefix = fields.prefix;
        let assigned = match fields.assign {
            Some(Template::Jsonata(template)) => {
                match self.evaluate(id, template, &format!("{prefix}Assign"), visible)? {
                    Value::Object(values) => Some(self.checked_variables(id, values.into_map())?),
                    _ => None,
                }
            }
            _ => None,
        };
        let output = match fields.output {
            Some(template) => self.evaluate(id, template, &format!("{prefix}Output"), visible)?,
            None => default,
        };
        Ok((output, assigned))
    }
}
