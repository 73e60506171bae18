//! Step Functions Local's mock configuration file, `MockConfigFile.json`.
//!
//! The file names test cases of state machines; a case names a response for each mocked Task; a
//! response numbers its answers, single (`"0"`) or as inclusive ranges (`"1-2"`). What it can say
//! is little (no conditions, no latency, no paths into a Map), so every file becomes mocks, but not
//! every mock a file.
//!
//! What the numbers count is [`Counting`]. The documentation speaks of invocations where it defines
//! responses and of retry attempts where it explains its example; Step Functions Local 2.0.0 was
//! measured to keep one counter a state and execution, which retries and iterations both advance.

mod read;
mod write;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use write::{MockConfigWriter, MockedAnswer};

use super::{Answer, Counting, Mock};
use crate::asl::{Resource, StateKind, StateMachine, States};
use crate::diagnostic::{Diagnostic, Source, closest};
use crate::history::Failure;
use crate::value::Value;

/// The code of everything that is wrong with a mock configuration file.
pub const INVALID_MOCK_CONFIG: &str = "INVALID_MOCK_CONFIG";

/// A mock configuration file that was read.
#[derive(Clone, Debug)]
pub struct MockConfig {
    /// Its name and text.
    pub source: Arc<Source>,
    /// Its state machines, in the order of the file.
    pub machines: Vec<MockedMachine>,
    responses: Vec<MockedResponse>,
    /// What a person should look at although the file can be used.
    pub warnings: Vec<Diagnostic>,
}

/// The test cases of one state machine.
#[derive(Clone, Debug)]
pub struct MockedMachine {
    /// The state machine's name.
    pub name: Arc<str>,
    /// The bytes that spell the name.
    pub span: Range<usize>,
    /// Its cases, in the order of the file.
    pub cases: Vec<MockedCase>,
}

/// A test case: which response each mocked state takes.
#[derive(Clone, Debug)]
pub struct MockedCase {
    /// The name that follows `#` in the ARN of StartExecution.
    pub name: Arc<str>,
    /// The mocked states, in the order of the file.
    pub states: Vec<MockedState>,
}

/// A mocked state of a test case.
#[derive(Clone, Debug)]
pub struct MockedState {
    /// The state.
    pub state: Arc<str>,
    /// The bytes that spell its name.
    pub span: Range<usize>,
    /// The name of the response that it takes.
    pub response: Arc<str>,
}

/// The numbered answers of one response.
#[derive(Clone, Debug)]
struct MockedResponse {
    name: Arc<str>,
    /// In the order of their numbers, which do not overlap.
    answers: Vec<NumberedAnswer>,
}

/// An answer, and the calls that it serves.
#[derive(Clone, Debug)]
struct NumberedAnswer {
    first: u32,
    /// Inclusive.
    last: u32,
    outcome: MockedOutcome,
}

/// What a numbered answer says.
#[derive(Clone, Debug, PartialEq)]
pub enum MockedOutcome {
    /// `Return`: the result.
    Return(Value),
    /// `Throw`: error and cause.
    Throw(Failure),
}

/// A test case that a file does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoSuchCase(pub String);

impl MockConfig {
    /// Reads a file; `name` is what diagnostics call it.
    ///
    /// # Errors
    ///
    /// Everything that makes the file unusable. What only concerns a state or a response (a name
    /// that leads nowhere, a number without an answer) is among the warnings: other cases run.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        read::read(name, text)
    }

    /// The machine called `name`.
    pub fn machine(&self, name: &str) -> Option<&MockedMachine> {
        self.machines.iter().find(|machine| *machine.name == *name)
    }

    /// The test case `case` of the state machine `machine`.
    ///
    /// # Errors
    ///
    /// Where there is none: what there is in its place.
    pub fn case(&self, machine: &str, case: &str) -> Result<&MockedCase, NoSuchCase> {
        let Some(found) = self.machine(machine) else {
            let names = self.machines.iter().map(|machine| &*machine.name);
            let message = format!("`{}` has no state machine `{machine}`", self.source.name);
            return Err(NoSuchCase(message + &known(machine, names)));
        };
        found.cases.iter().find(|own| *own.name == *case).ok_or_else(|| {
            let names = found.cases.iter().map(|case| &*case.name);
            let message = format!(
                "`{}` has no test case `{case}` for the state machine `{machine}`",
                self.source.name
            );
            NoSuchCase(message + &known(case, names))
        })
    }

    /// The mocks of a test case, by state. A call whose number has no answer fails with
    /// `States.Runtime`, as in Step Functions Local.
    pub fn mocks(&self, case: &MockedCase, counting: Counting) -> Vec<(Arc<str>, Mock)> {
        let mock = |state: &MockedState| {
            let answers = self.rows(&state.response).into_iter().map(|row| match row {
                Row::Answer { outcome, calls } => outcome.answer().repeat(calls),
                Row::Nothing { first, calls } => {
                    Answer::fails("States.Runtime", self.nothing(state, first)).repeat(calls)
                }
            });
            let mock = match counting {
                Counting::Attempts => Mock::answers(answers),
                Counting::Invocations => Mock::by_invocation(answers),
            };
            (state.state.clone(), mock)
        };
        case.states.iter().map(mock).collect()
    }

    /// The answers to the calls of a state, from the first call on; the last row stands for all
    /// later ones and holds nothing.
    fn rows(&self, response: &str) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        let mut next = 0;
        let answers = self.responses.iter().find(|own| *own.name == *response);
        for NumberedAnswer { first, last, outcome } in answers.iter().flat_map(|own| &own.answers) {
            if *first > next {
                rows.push(Row::Nothing { first: next, calls: first - next });
            }
            rows.push(Row::Answer { outcome, calls: (last - first).saturating_add(1) });
            next = last.saturating_add(1);
        }
        rows.push(Row::Nothing { first: next, calls: 1 });
        rows
    }

    fn nothing(&self, state: &MockedState, first: u32) -> String {
        let file = &self.source.name;
        let response = &state.response;
        if self.has_response(response) {
            format!(
                "the mocked response `{response}` of `{file}` has no answer \"{first}\" or later \
                 for this call of the state `{}`",
                state.state
            )
        } else {
            format!(
                "`{file}` has no mocked response `{response}`, which `{}` asks for",
                state.state
            )
        }
    }

    fn has_response(&self, name: &str) -> bool {
        self.responses.iter().any(|response| *response.name == *name)
    }

    /// The value of a scenario's `mocks` for a state of a case, and what it does not say that the
    /// file does. `None` where there is no answer at all.
    pub fn scenario_mock(
        &self,
        state: &MockedState,
        counting: Counting,
    ) -> (Option<Value>, Vec<String>) {
        let mut remarks = Vec::new();
        let rows = self.rows(&state.response);
        let (_, rows) = rows.split_last().unwrap_or((&Row::Nothing { first: 0, calls: 1 }, &[]));
        if rows.is_empty() {
            remarks.push(format!(
                "the response `{}` has no answers; the state is left without a mock",
                state.response
            ));
            return (None, remarks);
        }
        let answers: Vec<Value> = rows
            .iter()
            .map(|row| match row {
                Row::Answer { outcome, calls } => {
                    if outcome.looks_like_a_copy() {
                        remarks.push(format!(
                            "the result `{}` holds a member `$input`, which a scenario reads as a \
                             copy from the call's arguments",
                            state.response
                        ));
                    }
                    outcome.scenario_answer(*calls)
                }
                Row::Nothing { first, calls } => {
                    let failure = Failure::new("States.Runtime", self.nothing(state, *first));
                    MockedOutcome::Throw(failure).scenario_answer(*calls)
                }
            })
            .collect();
        let value = match (counting, answers.len()) {
            // The last answer serves all later calls: alone it says no less without the number.
            (_, 1) => match answers.into_iter().next() {
                Some(Value::Object(members)) => Value::from(without_repeat(&members)),
                other => other.unwrap_or_default(),
            },
            (Counting::Attempts, _) => Value::array(answers),
            (Counting::Invocations, _) => Value::object([("byInvocation", Value::array(answers))]),
        };
        (Some(value), remarks)
    }

    /// What is odd about this file for a machine with this definition: states that it does not
    /// have, that no mock can answer, and Tasks of a case that nothing answers.
    pub fn check(&self, machine: &MockedMachine, definition: &StateMachine) -> Vec<Diagnostic> {
        let mut names = Vec::new();
        list(&definition.states, &mut names);
        let mut warnings = Vec::new();
        for state in machine.cases.iter().flat_map(|case| &case.states) {
            let found = names.iter().find(|(name, _)| *name == &*state.state);
            let message = match found {
                Some((_, Some(Resource::Activity { .. }))) => format!(
                    "`{}` is an activity's Task, which Step Functions Local does not mock",
                    state.state
                ),
                Some((_, Some(_))) => continue,
                Some((_, None)) => format!("`{}` is no Task: nothing asks its mock", state.state),
                None => format!("`{}` has no state `{}`", machine.name, state.state),
            };
            let mut warning = self.warning(state.span.clone(), message);
            if found.is_none()
                && let Some(close) = closest(&state.state, names.iter().map(|(name, _)| *name))
            {
                warning = warning.with_help(format!("did you mean `{close}`?"));
            }
            warnings.push(warning);
        }
        warnings
    }

    /// The Tasks of a machine that a case has no response for: Step Functions Local calls their
    /// services.
    pub fn unmocked<'d>(&self, case: &MockedCase, definition: &'d StateMachine) -> Vec<&'d str> {
        let mut names = Vec::new();
        list(&definition.states, &mut names);
        let tasks = names.into_iter().filter(|(_, resource)| resource.is_some());
        let unmocked =
            tasks.filter(|(name, _)| !case.states.iter().any(|state| *state.state == **name));
        unmocked.map(|(name, _)| name).collect()
    }

    fn warning(&self, span: Range<usize>, message: String) -> Diagnostic {
        Diagnostic::error(&self.source, span, INVALID_MOCK_CONFIG, message).as_warning()
    }
}

/// A stretch of calls.
enum Row<'c> {
    Answer {
        outcome: &'c MockedOutcome,
        calls: u32,
    },
    /// Calls that no answer is given for.
    Nothing {
        first: u32,
        calls: u32,
    },
}

impl MockedOutcome {
    fn answer(&self) -> Answer {
        match self {
            Self::Return(result) => Answer::returns(result.clone()),
            Self::Throw(Failure { error, cause }) => {
                let text = |text: &Option<Arc<str>>| text.clone().unwrap_or_default();
                Answer::fails(text(error), text(cause))
            }
        }
    }

    fn scenario_answer(&self, calls: u32) -> Value {
        let (key, value) = match self {
            Self::Return(result) => ("return", result.clone()),
            Self::Throw(Failure { error, cause }) => {
                let members = [("error", error), ("cause", cause)];
                let members = members.into_iter().filter_map(|(key, text)| {
                    text.as_ref().map(|text| (key, Value::String(text.clone())))
                });
                ("fail", Value::object(members))
            }
        };
        let repeat = (calls > 1).then(|| ("repeat", Value::from(calls)));
        Value::object([(key, value)].into_iter().chain(repeat))
    }

    fn looks_like_a_copy(&self) -> bool {
        fn holds(value: &Value) -> bool {
            match value {
                Value::Array(items) => items.iter().any(holds),
                Value::Object(members) => {
                    members.len() == 1 && members.contains_key("$input")
                        || members.values().any(holds)
                }
                _ => false,
            }
        }
        matches!(self, Self::Return(result) if holds(result))
    }
}

impl fmt::Display for MockedOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Return(result) => write!(f, "Return {result}"),
            Self::Throw(failure) => {
                write!(f, "Throw {}", failure.error.as_deref().unwrap_or_default())
            }
        }
    }
}

fn without_repeat(members: &crate::value::Map) -> crate::value::Map {
    let kept = members.iter().filter(|(key, _)| &***key != "repeat");
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// `; did you mean …?`, or what there is.
fn known<'n>(name: &str, names: impl Iterator<Item = &'n str> + Clone) -> String {
    match closest(name, names.clone()) {
        Some(close) => format!("; did you mean `{close}`?"),
        None => {
            let names: Vec<&str> = names.take(10).collect();
            if names.is_empty() {
                "; it has none".to_owned()
            } else {
                format!("; it has {}", names.join(", "))
            }
        }
    }
}

/// Every state of all levels, Tasks with what they call.
fn list<'d>(level: &'d States, names: &mut Vec<(&'d str, Option<&'d Resource>)>) {
    for state in level.iter() {
        let resource = match &state.kind {
            StateKind::Task(task) => Some(&task.resource),
            _ => None,
        };
        names.push((&state.name, resource));
        state.levels().into_iter().for_each(|inner| list(inner, names));
    }
}

#[cfg(test)]
mod tests;
