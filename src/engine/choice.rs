//! Choice rules: conditions and comparisons.
//!
//! A comparison of values of other types than the operator's is false, never an error
//! (States Language, "Choice State"); a variable that is not there is an error for every operator
//! but IsPresent.

use std::cmp::Ordering;

use super::branch::BranchId;
use super::causes;
use super::dataflow::Fault;
use super::execution::Execution;
use super::states::Step;
use crate::asl::{ChoiceRule, Comparison, Condition, Operand, Operator, State, Transition};
use crate::query::scope::ScopedPath;
use crate::time::parse_precise;
use crate::value::{Number, Value};

impl Execution {
    /// Takes the first rule that matches, else the Default.
    pub(super) fn choose(
        &mut self,
        id: BranchId,
        state: &State,
        rules: &[ChoiceRule],
    ) -> Result<Step, Fault> {
        let input = self.effective_input(id, state)?;
        for (index, rule) in rules.iter().enumerate() {
            if self.matches(id, state, &input, &rule.condition, index)? {
                let (output, assigned) = self.choice_output(id, state, Some((index, rule)))?;
                let to = Some(Transition::Next(rule.next));
                return Ok(Step::Left { output, assigned, to });
            }
        }
        if state.transition.is_none() {
            let error = causes::NO_CHOICE_MATCHED;
            return Err(Fault::Named { error, what: causes::NO_TRANSITION.into() });
        }
        let (output, assigned) = self.choice_output(id, state, None)?;
        Ok(Step::Left { output, assigned, to: state.transition })
    }

    fn matches(
        &mut self,
        id: BranchId,
        state: &State,
        input: &Value,
        condition: &Condition,
        rule: usize,
    ) -> Result<bool, Fault> {
        match condition {
            Condition::And(all) => {
                for inner in all {
                    if !self.matches(id, state, input, inner, rule)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Or(any) => {
                for inner in any {
                    if self.matches(id, state, input, inner, rule)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Not(inner) => Ok(!self.matches(id, state, input, inner, rule)?),
            Condition::Compare(comparison) => self.compare(id, state, input, comparison),
            Condition::Jsonata(expression) => self.condition(id, expression, rule),
            Condition::Literal(value) => Ok(*value),
        }
    }

    fn compare(
        &mut self,
        id: BranchId,
        state: &State,
        input: &Value,
        comparison: &Comparison,
    ) -> Result<bool, Fault> {
        let variable = self.read_optional(id, state, input, &comparison.variable)?;
        let variable = match (comparison.operator, variable) {
            (Operator::IsPresent, found) => {
                return Ok(Some(found.is_some()) == literal_bool(&comparison.operand));
            }
            (_, Some(variable)) => variable,
            (_, None) => return Err(invalid_value(&comparison.variable)),
        };
        let operand = match &comparison.operand {
            Operand::Literal(value) => value.clone(),
            Operand::Path(path) => {
                self.read_optional(id, state, input, path)?.ok_or_else(|| invalid_value(path))?
            }
        };
        Ok(holds(comparison.operator, &variable, &operand))
    }
}

/// Inferred: users' reports of Choice states on AWS.
fn invalid_value(path: &ScopedPath) -> Fault {
    Fault::Runtime(format!(
        "Invalid path '{}': The choice state's condition path references an invalid value.",
        path.text()
    ))
}

fn literal_bool(operand: &Operand) -> Option<bool> {
    match operand {
        Operand::Literal(value) => value.as_bool(),
        Operand::Path(_) => None,
    }
}

/// Whether `variable OPERATOR operand` is true.
fn holds(operator: Operator, variable: &Value, operand: &Value) -> bool {
    use Operator as O;
    let is = |found: bool| operand.as_bool() == Some(found);
    match operator {
        O::StringEquals => strings(variable, operand) == Some(Ordering::Equal),
        O::StringLessThan => strings(variable, operand) == Some(Ordering::Less),
        O::StringGreaterThan => strings(variable, operand) == Some(Ordering::Greater),
        O::StringLessThanEquals => strings(variable, operand).is_some_and(Ordering::is_le),
        O::StringGreaterThanEquals => strings(variable, operand).is_some_and(Ordering::is_ge),
        O::StringMatches => match (variable, operand) {
            (Value::String(text), Value::String(pattern)) => wildcard_matches(pattern, text),
            _ => false,
        },
        O::NumericEquals => numbers(variable, operand) == Some(Ordering::Equal),
        O::NumericLessThan => numbers(variable, operand) == Some(Ordering::Less),
        O::NumericGreaterThan => numbers(variable, operand) == Some(Ordering::Greater),
        O::NumericLessThanEquals => numbers(variable, operand).is_some_and(Ordering::is_le),
        O::NumericGreaterThanEquals => numbers(variable, operand).is_some_and(Ordering::is_ge),
        O::BooleanEquals => variable.as_bool().is_some() && variable == operand,
        O::TimestampEquals => times(variable, operand) == Some(Ordering::Equal),
        O::TimestampLessThan => times(variable, operand) == Some(Ordering::Less),
        O::TimestampGreaterThan => times(variable, operand) == Some(Ordering::Greater),
        O::TimestampLessThanEquals => times(variable, operand).is_some_and(Ordering::is_le),
        O::TimestampGreaterThanEquals => times(variable, operand).is_some_and(Ordering::is_ge),
        O::IsNull => is(variable.is_null()),
        O::IsPresent => is(true),
        O::IsNumeric => is(variable.as_number().is_some()),
        O::IsString => is(variable.as_str().is_some()),
        O::IsBoolean => is(variable.as_bool().is_some()),
        O::IsTimestamp => is(time(variable).is_some()),
    }
}

/// The order of two strings by UTF-16 code units, as Java compares them.
fn strings(a: &Value, b: &Value) -> Option<Ordering> {
    Some(a.as_str()?.encode_utf16().cmp(b.as_str()?.encode_utf16()))
}

fn numbers(a: &Value, b: &Value) -> Option<Ordering> {
    match (a.as_number()?, b.as_number()?) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(b)),
        (a, b) => a.as_f64().partial_cmp(&b.as_f64()),
    }
}

fn times(a: &Value, b: &Value) -> Option<Ordering> {
    Some(time(a)?.cmp(&time(b)?))
}

fn time(value: &Value) -> Option<(crate::time::Timestamp, u32)> {
    parse_precise(value.as_str()?)
}

/// `*` stands for any characters, none included; `\*` and `\\` for themselves.
fn wildcard_matches(pattern: &str, text: &str) -> bool {
    let mut parts: Vec<String> = vec![String::new()];
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match char {
            '*' => parts.push(String::new()),
            '\\' => parts.last_mut().expect("never empty").extend(chars.next()),
            other => parts.last_mut().expect("never empty").push(other),
        }
    }
    let last = parts.len() - 1;
    if last == 0 {
        return parts[0] == text;
    }
    let Some(mut rest) = text.strip_prefix(parts[0].as_str()) else { return false };
    for part in &parts[1..last] {
        match rest.find(part.as_str()) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(parts[last].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*", "abc", true),
            ("*.log", "x.log", true),
            ("*.log", "x.logs", false),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abde", false),
            ("a*a", "a", false),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("a\\\\*", "a\\b", true),
            ("", "", true),
            ("", "x", false),
            ("**", "x", true),
        ] {
            assert_eq!(wildcard_matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
