//! JSONata in an execution: what expressions see, and how AWS words their failures.

use super::branch::BranchId;
use super::dataflow::Fault;
use super::execution::Execution;
use crate::asl::{State, Template};
use crate::query::jsonata::Expression;
use crate::query::jsonata_template::JsonataTemplate;
use crate::value::{Map, Value};

/// What a state hands on.
type Outcome = Result<(Value, Option<Map>), Fault>;

impl Execution {
    /// A template, with `$states` as far as it exists here.
    pub(super) fn evaluate(
        &mut self,
        _id: BranchId,
        _template: &JsonataTemplate,
        _field: &str,
        _result: Option<&Value>,
        _error: Option<&Value>,
    ) -> Result<Value, Fault> {
        Err(Fault::Evaluation { what: "stub".into(), location: None })
    }

    /// A field that is one expression.
    pub(super) fn evaluate_field(
        &mut self,
        _id: BranchId,
        _expression: &Expression,
        _field: &str,
    ) -> Result<Value, Fault> {
        Err(Fault::Evaluation { what: "stub".into(), location: None })
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
        found.as_bool().ok_or_else(|| {
            super::causes::unexpected_result(expression.text(), &field, "boolean", &found)
        })
    }

    /// Output and variables of a state whose work came to `result`.
    pub(super) fn jsonata_output(&mut self, id: BranchId, state: &State, result: Value) -> Outcome {
        let input = self.branches[id as usize].input.clone();
        let (result, default) = match state.kind.has_result() {
            true => (Some(result.clone()), result),
            false => (None, input),
        };
        let (assign, output) = (state.assign.as_ref(), state.output.as_ref());
        self.jsonata_results(id, assign, output, "", result, None, default)
    }

    /// Output and variables by their fields; without an Output field, `default` goes on.
    #[expect(clippy::too_many_arguments, reason = "the fields differ by state, rule and catcher")]
    pub(super) fn jsonata_results(
        &mut self,
        id: BranchId,
        assign: Option<&Template>,
        output: Option<&JsonataTemplate>,
        prefix: &str,
        result: Option<Value>,
        error: Option<Value>,
        default: Value,
    ) -> Outcome {
        let (result, error) = (result.as_ref(), error.as_ref());
        let assigned = match assign {
            Some(Template::Jsonata(template)) => {
                match self.evaluate(id, template, &format!("{prefix}Assign"), result, error)? {
                    Value::Object(values) => Some(self.checked_variables(id, values.into_map())?),
                    _ => None,
                }
            }
            _ => None,
        };
        let output = match output {
            Some(template) => {
                self.evaluate(id, template, &format!("{prefix}Output"), result, error)?
            }
            None => default,
        };
        Ok((output, assigned))
    }
}
