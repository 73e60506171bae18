//! From a state's input to its output: once, for every state, in both query languages.
//!
//! JSONPath: InputPath, Parameters, the state's work, ResultSelector, ResultPath, OutputPath.
//! JSONata: Arguments, the state's work, Output. Assign sees the same values as Output.

use std::sync::Arc;

use super::branch::BranchId;
use super::causes;
use super::execution::Execution;
use super::jsonata::{OutputFields, Visible};
use super::states::Step;
use crate::asl::{
    Catcher, ChoiceRule, FailState, Field, MapState, PathField, QueryLanguage, ResultPath, State,
    TaskState, Template, WaitState,
};
use crate::history::Failure;
use crate::query::jsonpath::PathErrorKind;
use crate::query::scope::{ExpressionError, Scope, ScopedPath, Source};
use crate::query::template::PayloadTemplate;
use crate::time::Timestamp;
use crate::value::{Map, Number, Value};

/// What can go wrong while a state's fields are evaluated.
#[derive(Debug)]
pub(super) enum Fault {
    /// `States.Runtime`, with the cause's own part: nothing catches it.
    Runtime(String),
    /// Another error that AWS's cause puts into the state.
    Named { error: &'static str, what: String },
    /// An error with its whole cause.
    Failure(Failure),
    /// `States.QueryEvaluationError`, with the field it happened in.
    Evaluation { what: String, location: Option<String> },
}

/// The longest Wait: 2^31 - 1 seconds, found between 24,855 and 24,856 days
/// (`wait.timestamp_too_far_in_future_boundary`).
const LONGEST_WAIT_MILLIS: i64 = i32::MAX as i64 * 1_000;

/// What a state hands on: its output, and the variables it assigns.
type Outcome = Result<(Value, Option<Map>), Fault>;

impl From<ExpressionError> for Fault {
    fn from(error: ExpressionError) -> Self {
        match error.error {
            causes::RUNTIME => Self::Runtime(error.cause),
            name => Self::Named { error: name, what: error.cause },
        }
    }
}

impl Execution {
    /// The state's input after InputPath; in JSONata the input itself.
    pub(super) fn effective_input(&self, id: BranchId, state: &State) -> Result<Value, Fault> {
        let branch = &self.branches[id as usize];
        self.path_field(id, &branch.input, &state.input_path)
    }

    fn path_field(&self, id: BranchId, data: &Value, field: &PathField) -> Result<Value, Fault> {
        match field {
            PathField::Whole => Ok(data.clone()),
            PathField::Discard => Ok(Value::from(Map::default())),
            PathField::Path(path) => self.read_path(id, data, path),
        }
    }

    /// What a path of a field of its own leads to.
    fn read_path(&self, id: BranchId, data: &Value, path: &ScopedPath) -> Result<Value, Fault> {
        self.with_scope(id, data, *path.source() == Source::Context, |scope| path.read(scope))
            .map_err(|error| Fault::Runtime(path.cause(&error)))
    }

    /// As [`Self::read_path`], for a state that has one.
    pub(super) fn read(
        &mut self,
        id: BranchId,
        _state: &State,
        data: &Value,
        path: &ScopedPath,
    ) -> Result<Value, Fault> {
        self.read_path(id, data, path)
    }

    /// What a path leads to; `None` where it leads nowhere.
    pub(super) fn read_optional(
        &mut self,
        id: BranchId,
        _state: &State,
        data: &Value,
        path: &ScopedPath,
    ) -> Result<Option<Value>, Fault> {
        let context = *path.source() == Source::Context;
        match self.with_scope(id, data, context, |scope| path.read(scope)) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind == PathErrorKind::NotFound => Ok(None),
            Err(error) => Err(Fault::Runtime(path.cause(&error))),
        }
    }

    /// Calls `read` with what expressions of this branch may see. The Context Object is only made
    /// where it is wanted.
    fn with_scope<T>(
        &self,
        id: BranchId,
        input: &Value,
        context: bool,
        read: impl FnOnce(&Scope<'_>) -> T,
    ) -> T {
        let branch = &self.branches[id as usize];
        let context = if context { self.context(branch) } else { Value::Null };
        read(&Scope { input, context: &context, variables: &branch.variables })
    }

    fn render(
        &mut self,
        id: BranchId,
        data: &Value,
        template: &PayloadTemplate,
    ) -> Result<Value, Fault> {
        if template.is_literal() {
            return Ok(template.render(&empty_scope(), &mut self.entropy)?);
        }
        let branch = &self.branches[id as usize];
        let context = if template.reads_context() { self.context(branch) } else { Value::Null };
        let scope = Scope { input: data, context: &context, variables: &branch.variables };
        Ok(template.render(&scope, &mut self.entropy)?)
    }

    /// What a state works with: Parameters of the effective input, or Arguments.
    pub(super) fn arguments(&mut self, id: BranchId, state: &State) -> Result<Value, Fault> {
        let input = self.effective_input(id, state)?;
        self.see(|seen| seen.after_input_path = Some(input.clone()));
        let arguments = match &state.arguments {
            None => input,
            Some(Template::Payload(template)) => self.render(id, &input, template)?,
            Some(Template::Jsonata(template)) => {
                let arguments = self.evaluate(id, template, "Arguments", Visible::default())?;
                self.see(|seen| seen.after_arguments = Some(arguments.clone()));
                arguments
            }
        };
        self.see(|seen| seen.after_parameters = Some(arguments.clone()));
        Ok(arguments)
    }

    /// A template field that reads the effective input.
    pub(super) fn template(
        &mut self,
        id: BranchId,
        state: &State,
        template: &Template,
        field: &str,
    ) -> Result<Value, Fault> {
        match template {
            Template::Payload(template) => {
                let input = self.effective_input(id, state)?;
                self.render(id, &input, template)
            }
            Template::Jsonata(template) => self.evaluate(id, template, field, Visible::default()),
        }
    }

    /// The input of a Map iteration.
    pub(super) fn select_item(
        &mut self,
        id: BranchId,
        _state: &State,
        selector: &Template,
        input: &Value,
        item: &Value,
    ) -> Result<Value, Fault> {
        let branch = &mut self.branches[id as usize];
        let outer = branch.map_item.replace(item.clone());
        let selected = match selector {
            Template::Payload(template) => self.render(id, input, template),
            Template::Jsonata(template) => {
                self.evaluate(id, template, "ItemSelector", Visible::default())
            }
        };
        self.branches[id as usize].map_item = outer;
        selected
    }

    /// What a state puts out after its work came to `result`.
    ///
    /// Pass, Task, Parallel and Map have a result; for Wait, Succeed and Fail, which have none,
    /// the input goes on.
    pub(super) fn state_output(&mut self, id: BranchId, state: &State, result: Value) -> Outcome {
        if state.query_language == QueryLanguage::Jsonata {
            return self.jsonata_output(id, state, result);
        }
        if !state.kind.has_result() {
            let input = self.effective_input(id, state)?;
            let assigned = self.assign(id, state.assign.as_ref(), &input)?;
            return Ok((self.path_field(id, &input, &state.output_path)?, assigned));
        }
        let result = match &state.result_selector {
            Some(selector) => self.render(id, &result, selector)?,
            None => result,
        };
        self.see(|seen| seen.after_result_selector = Some(result.clone()));
        let assigned = self.assign(id, state.assign.as_ref(), &result)?;
        let input = &self.branches[id as usize].input;
        let combined = combine(input, &state.result_path, result)?;
        self.see(|seen| seen.after_result_path = Some(combined.clone()));
        Ok((self.path_field(id, &combined, &state.output_path)?, assigned))
    }

    /// The variables that an `Assign` of payload templates sets, reading `data`.
    fn assign(
        &mut self,
        id: BranchId,
        assign: Option<&Template>,
        data: &Value,
    ) -> Result<Option<Map>, Fault> {
        let Some(Template::Payload(template)) = assign else { return Ok(None) };
        match self.render(id, data, template)? {
            Value::Object(values) => self.checked_variables(id, values.into_map()).map(Some),
            _ => Ok(None),
        }
    }

    /// Refuses variables that are larger than the service takes.
    pub(super) fn checked_variables(&self, id: BranchId, values: Map) -> Result<Map, Fault> {
        let limits = &self.start.limits;
        let size: usize = values.iter().map(|(name, value)| name.len() + value.size()).sum();
        let total = self.branches[id as usize].variables.size() + size;
        let single = values.values().map(Value::size).max().unwrap_or(0);
        if single > limits.assign_bytes
            || size > limits.assign_bytes
            || total > limits.variables_bytes
        {
            let name = &self.branches[id as usize].state().name;
            return Err(Fault::Failure(causes::too_large(name)));
        }
        Ok(values)
    }

    /// Output and variables of a Choice state, by the rule that matched or by its Default.
    pub(super) fn choice_output(
        &mut self,
        id: BranchId,
        state: &State,
        rule: Option<(usize, &ChoiceRule)>,
    ) -> Outcome {
        let assign = match rule {
            Some((_, rule)) => rule.assign.as_ref(),
            None => state.assign.as_ref(),
        };
        if state.query_language == QueryLanguage::Jsonata {
            let output = match rule {
                Some((_, rule)) => rule.output.as_ref().or(state.output.as_ref()),
                None => state.output.as_ref(),
            };
            let prefix = match rule {
                Some((index, _)) => format!("Choices[{index}]/"),
                None => String::new(),
            };
            let input = self.branches[id as usize].input.clone();
            let fields = OutputFields { prefix: &prefix, assign, output };
            return self.jsonata_results(id, fields, Visible::default(), input);
        }
        let input = self.effective_input(id, state)?;
        let assigned = self.assign(id, assign, &input)?;
        Ok((self.path_field(id, &input, &state.output_path)?, assigned))
    }

    /// Output and variables of a state whose failure a Catcher has caught.
    pub(super) fn caught_output(
        &mut self,
        id: BranchId,
        state: &State,
        catcher: &Catcher,
        failure: &Failure,
    ) -> Outcome {
        let error = error_output(failure);
        if state.query_language == QueryLanguage::Jsonata {
            let index = state.catch.iter().position(|other| std::ptr::eq(other, catcher));
            let prefix = format!("Catch[{}]/", index.unwrap_or(0));
            let fields = OutputFields {
                prefix: &prefix,
                assign: catcher.assign.as_ref(),
                output: catcher.output.as_ref(),
            };
            let visible = Visible { result: None, error_output: Some(&error) };
            return self.jsonata_results(id, fields, visible, error.clone());
        }
        let assigned = self.assign(id, catcher.assign.as_ref(), &error)?;
        let input = &self.branches[id as usize].input;
        Ok((combine(input, &catcher.result_path, error)?, assigned))
    }

    /// When a Wait state ends.
    pub(super) fn wait_until(
        &mut self,
        id: BranchId,
        state: &State,
        wait: &WaitState,
    ) -> Result<Timestamp, Fault> {
        let until = match wait {
            WaitState::Seconds(field) => {
                let seconds = self.wait_seconds(id, state, field)?;
                self.now.plus_seconds(seconds.max(0))
            }
            WaitState::Timestamp(field) => self.wait_timestamp(id, state, field)?,
        };
        if until - self.now > LONGEST_WAIT_MILLIS {
            return Err(Fault::Runtime(causes::WAIT_TOO_LONG.into()));
        }
        Ok(until)
    }

    fn wait_seconds(
        &mut self,
        id: BranchId,
        state: &State,
        field: &Field<i64>,
    ) -> Result<i64, Fault> {
        let Field::Path(path) = field else {
            return Ok(self.integer(id, state, "Seconds", Some(field))?.unwrap_or(0));
        };
        let input = self.effective_input(id, state)?;
        match self.read_optional(id, state, &input, path)? {
            None => Err(Fault::Runtime(causes::no_seconds(path.text()))),
            Some(found) => found
                .as_i64()
                .filter(|seconds| *seconds >= 0)
                .ok_or_else(|| Fault::Runtime(causes::not_seconds(path.text(), &found))),
        }
    }

    fn wait_timestamp(
        &mut self,
        id: BranchId,
        state: &State,
        field: &Field<Arc<str>>,
    ) -> Result<Timestamp, Fault> {
        let found = match field {
            Field::Literal(text) => Value::String(text.clone()),
            Field::Path(path) => {
                let input = self.effective_input(id, state)?;
                self.read_path(id, &input, path)?
            }
            other => {
                self.text(id, state, "Timestamp", Some(other))?.map_or(Value::Null, Value::String)
            }
        };
        found.as_str().and_then(Timestamp::parse).ok_or_else(|| match field {
            Field::Jsonata(expression) => {
                causes::unexpected_result(expression.text(), "Timestamp", "timestamp", &found)
            }
            Field::Path(path) => Fault::Runtime(causes::not_a_timestamp(path.text(), &found)),
            _ => Fault::Runtime(causes::not_a_timestamp("$", &found)),
        })
    }

    /// Error and cause of a Fail state.
    pub(super) fn fail_state(
        &mut self,
        id: BranchId,
        state: &State,
        fail: &FailState,
    ) -> Result<Step, Fault> {
        let error = self.text(id, state, "Error", fail.error.as_ref())?;
        let cause = self.text(id, state, "Cause", fail.cause.as_ref())?;
        Ok(Step::Fail(Failure { error, cause }))
    }

    /// A field of text, wherever it comes from.
    fn text(
        &mut self,
        id: BranchId,
        state: &State,
        name: &str,
        field: Option<&Field<Arc<str>>>,
    ) -> Result<Option<Arc<str>>, Fault> {
        let Some(field) = field else { return Ok(None) };
        let input = self.branches[id as usize].input.clone();
        let found = match field {
            Field::Literal(text) => return Ok(Some(text.clone())),
            Field::Path(path) => {
                let context = *path.source() == Source::Context;
                self.with_scope(id, &input, context, |scope| {
                    path.read(scope)
                        .map_err(|error| path.field_cause(&format!("{name}Path"), &error, scope))
                })
                .map_err(Fault::Runtime)?
            }
            Field::Intrinsic(intrinsic) => {
                let branch = &self.branches[id as usize];
                let context = self.context(branch);
                let scope =
                    Scope { input: &input, context: &context, variables: &branch.variables };
                intrinsic.evaluate(&scope, &mut self.entropy)?
            }
            Field::Jsonata(expression) => self.evaluate_field(id, expression, name)?,
        };
        match (found, field) {
            (Value::String(text), _) => Ok(Some(text)),
            (found, Field::Jsonata(expression)) => {
                Err(causes::unexpected_result(expression.text(), name, "string", &found))
            }
            (found, _) => Err(Fault::Runtime(causes::not_a_string(&state.name, name, &found))),
        }
    }

    /// A field of whole numbers, wherever it comes from.
    pub(super) fn integer(
        &mut self,
        id: BranchId,
        state: &State,
        name: &str,
        field: Option<&Field<i64>>,
    ) -> Result<Option<i64>, Fault> {
        let at_path = |found: &Value| {
            let integer = found.as_number().filter(|number| number.is_integer_text());
            integer.and_then(|number| number.as_i64())
        };
        // Fractions are cut off, towards zero (measured on AWS).
        let evaluated = |found: &Value| found.as_f64().map(|float| float.trunc() as i64);
        self.number_as(id, state, name, field, (at_path, evaluated))
    }

    /// `ToleratedFailureCount` and `ToleratedFailurePercentage`, which must be within the ranges
    /// that they have as literals.
    pub(super) fn tolerated_failures(
        &mut self,
        id: BranchId,
        state: &State,
        map: &MapState,
    ) -> Result<(Option<f64>, Option<f64>), Fault> {
        let mut found = [None; 2];
        let fields = [
            ("ToleratedFailureCount", &map.tolerated_failure_count, f64::INFINITY),
            ("ToleratedFailurePercentage", &map.tolerated_failure_percentage, 100.0),
        ];
        for (place, (name, field, most)) in found.iter_mut().zip(fields) {
            *place = self.number(id, state, name, field.as_ref())?;
            if let (Some(number), Some(field)) = (*place, field)
                && !(0.0..=most).contains(&number)
            {
                let found = Number::from_f64(number).unwrap_or(Number::Float(number));
                return Err(out_of_range(name, field, Value::Number(found)));
            }
        }
        Ok((found[0], found[1]))
    }

    /// A field of numbers, wherever it comes from.
    fn number(
        &mut self,
        id: BranchId,
        state: &State,
        name: &str,
        field: Option<&Field<f64>>,
    ) -> Result<Option<f64>, Fault> {
        self.number_as(id, state, name, field, (Value::as_f64, Value::as_f64))
    }

    /// A number that `of.0` makes of what a path leads to, or `of.1` of what JSONata gives.
    fn number_as<T: Copy>(
        &mut self,
        id: BranchId,
        state: &State,
        name: &str,
        field: Option<&Field<T>>,
        of: (impl Fn(&Value) -> Option<T>, impl Fn(&Value) -> Option<T>),
    ) -> Result<Option<T>, Fault> {
        match field {
            None | Some(Field::Intrinsic(_)) => Ok(None),
            Some(Field::Literal(value)) => Ok(Some(*value)),
            Some(Field::Path(path)) => {
                let input = self.effective_input(id, state)?;
                let found = self.read_path(id, &input, path)?;
                // Recorded: `The MaxItemsPath field …`, without the fields around it.
                let name = name.rsplit('/').next().unwrap_or(name);
                of.0(&found).map(Some).ok_or_else(|| {
                    Fault::Runtime(causes::not_an_integer(name, path.text(), &found))
                })
            }
            Some(Field::Jsonata(expression)) => {
                let found = self.evaluate_field(id, expression, name)?;
                of.1(&found).map(Some).ok_or_else(|| {
                    causes::unexpected_result(expression.text(), name, "number", &found)
                })
            }
        }
    }

    /// `TimeoutSeconds` or `HeartbeatSeconds` of a task.
    pub(super) fn task_seconds(
        &mut self,
        id: BranchId,
        state: &State,
        name: &'static str,
        task: &TaskState,
    ) -> Result<Option<i64>, Fault> {
        let field = match name {
            "TimeoutSeconds" => task.timeout_seconds.as_ref(),
            _ => task.heartbeat_seconds.as_ref(),
        };
        let seconds = self.integer(id, state, name, field)?;
        match (seconds, field) {
            (Some(seconds), Some(field)) if seconds < 1 => {
                Err(out_of_range(name, field, seconds.into()))
            }
            _ => Ok(seconds),
        }
    }

    /// `MaxConcurrency` of a Map state; none where there is no limit.
    pub(super) fn max_concurrency(
        &mut self,
        id: BranchId,
        state: &State,
        map: &MapState,
    ) -> Result<Option<i64>, Fault> {
        let field = map.max_concurrency.as_ref();
        let most = self.integer(id, state, "MaxConcurrency", field)?;
        match (most, field) {
            (Some(most), Some(field)) if most < 0 => {
                Err(out_of_range("MaxConcurrency", field, most.into()))
            }
            _ => Ok(most),
        }
    }
}

/// A number found while running that the field may not have. The specification has the ranges; the
/// words are inferred.
fn out_of_range<T>(name: &str, field: &Field<T>, found: Value) -> Fault {
    match field {
        Field::Jsonata(expression) => Fault::Evaluation {
            what: causes::out_of_range(expression.text(), name, &found),
            location: Some(name.to_owned()),
        },
        Field::Path(path) => Fault::Runtime(causes::not_an_integer(name, path.text(), &found)),
        Field::Literal(_) | Field::Intrinsic(_) => {
            Fault::Runtime(causes::not_an_integer(name, "", &found))
        }
    }
}

fn empty_scope() -> Scope<'static> {
    Scope { input: &Value::Null, context: &Value::Null, variables: &() }
}

/// ResultPath: the result in its place within the raw input.
fn combine(input: &Value, path: &ResultPath, result: Value) -> Result<Value, Fault> {
    match path {
        ResultPath::Replace => Ok(result),
        ResultPath::Discard => Ok(input.clone()),
        ResultPath::Write(path) => path.write(input, result).map_err(|error| Fault::Named {
            error: "States.ResultPathMatchFailure",
            what: causes::result_path(&error),
        }),
    }
}

/// What a Catcher gets. Without a cause of its own, the cause is empty
/// (`task_service_lambda.invoke_timeout`).
fn error_output(failure: &Failure) -> Value {
    let text = |text: &Option<Arc<str>>| Value::String(text.clone().unwrap_or_else(|| "".into()));
    Value::object([("Error", text(&failure.error)), ("Cause", text(&failure.cause))])
}
