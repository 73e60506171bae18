//! Writing a mock configuration file from the answers that executions were given.

use std::sync::Arc;

use super::MockedOutcome;
use crate::value::{Map, Value};

/// A mock configuration file that grows case by case.
///
/// Equal responses of a state are written once; another one for a state of the same name gets a
/// number behind it.
#[derive(Clone, Debug, Default)]
pub struct MockConfigWriter {
    machines: Vec<(Arc<str>, Vec<Case>)>,
    responses: Vec<(String, Value)>,
}

#[derive(Clone, Debug)]
struct Case {
    /// The name as it was given.
    given: String,
    /// The name that may stand in an ARN.
    name: String,
    states: Vec<(Arc<str>, String)>,
}

/// What the calls of one state were answered with, in their order.
#[derive(Clone, Debug)]
pub struct MockedAnswer {
    /// The state.
    pub state: Arc<str>,
    /// One outcome a call.
    pub outcomes: Vec<MockedOutcome>,
}

impl MockConfigWriter {
    /// Adds a test case; the answer is the name that it has in the file, which only has what may
    /// stand behind `#` in an ARN.
    pub fn case(&mut self, machine: &str, case: &str, answers: &[MockedAnswer]) -> String {
        let states: Vec<(Arc<str>, String)> = answers
            .iter()
            .filter(|answer| !answer.outcomes.is_empty())
            .map(|answer| {
                let response = response(&answer.outcomes);
                (answer.state.clone(), self.response(&answer.state, response))
            })
            .collect();
        let at = match self.machines.iter().position(|(name, _)| **name == *machine) {
            Some(at) => at,
            None => {
                self.machines.push((machine.into(), Vec::new()));
                self.machines.len() - 1
            }
        };
        let cases = &mut self.machines[at].1;
        let plain = plain(case);
        let name = numbered(&plain, '-', |name| cases.iter().any(|case| case.name == name));
        cases.push(Case { given: case.to_owned(), name: name.clone(), states });
        name
    }

    /// The cases that have another name in the file than they were given: machine, name, new name.
    pub fn renamed(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.machines.iter().flat_map(|(machine, cases)| {
            let renamed = cases.iter().filter(|case| case.given != case.name);
            renamed.map(move |case| (&**machine, case.given.as_str(), case.name.as_str()))
        })
    }

    /// How many cases there are.
    pub fn cases(&self) -> usize {
        self.machines.iter().map(|(_, cases)| cases.len()).sum()
    }

    /// The file.
    pub fn to_value(&self) -> Value {
        let machines = self.machines.iter().map(|(name, cases)| {
            let cases = cases.iter().map(|case| {
                let states = case.states.iter();
                let states = states.map(|(state, name)| (state.clone(), Value::from(name.clone())));
                (Arc::from(case.name.as_str()), Value::object(states))
            });
            let cases = Value::object::<Arc<str>>(cases);
            (name.clone(), Value::object([("TestCases", cases)]))
        });
        let responses =
            self.responses.iter().map(|(name, value)| (Arc::from(name.as_str()), value.clone()));
        Value::object([
            ("StateMachines", Value::object::<Arc<str>>(machines)),
            ("MockedResponses", Value::object::<Arc<str>>(responses)),
        ])
    }

    /// The name of a response of `state`: that of an equal one, or a new one.
    fn response(&mut self, state: &str, response: Value) -> String {
        let is_own = |name: &str| {
            let rest = name.strip_prefix(state);
            rest.is_some_and(|rest| rest.is_empty() || rest.trim_start().parse::<u32>().is_ok())
        };
        let mut known = self.responses.iter();
        if let Some((name, _)) = known.find(|(name, own)| is_own(name) && *own == response) {
            return name.clone();
        }
        let taken = |name: &str| self.responses.iter().any(|(own, _)| own == name);
        let name = numbered(state, ' ', taken);
        self.responses.push((name.clone(), response));
        name
    }
}

/// The answers by the numbers of their calls; equal ones in a row share a range.
fn response(outcomes: &[MockedOutcome]) -> Value {
    let mut members = Map::default();
    let mut first = 0;
    while first < outcomes.len() {
        let equal = outcomes[first..].iter().take_while(|own| **own == outcomes[first]).count();
        let last = first + equal - 1;
        let key = if equal == 1 { first.to_string() } else { format!("{first}-{last}") };
        members.insert(key.into(), outcome(&outcomes[first]));
        first = last + 1;
    }
    Value::from(members)
}

fn outcome(outcome: &MockedOutcome) -> Value {
    match outcome {
        MockedOutcome::Return(result) => Value::object([("Return", result.clone())]),
        MockedOutcome::Throw(failure) => {
            let text = |text: &Option<Arc<str>>| Value::String(text.clone().unwrap_or_default());
            let members = [("Error", text(&failure.error)), ("Cause", text(&failure.cause))];
            Value::object([("Throw", Value::object(members))])
        }
    }
}

/// The name with only letters, digits, `-` and `_`.
fn plain(name: &str) -> String {
    let words = name.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "case".to_owned() } else { words.join("-") }
}

/// The name, or the name with the first number behind it that is not taken.
fn numbered(name: &str, separator: char, taken: impl Fn(&str) -> bool) -> String {
    let names = (2_u32..).map(|number| format!("{name}{separator}{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(names);
    names.find(|name| !taken(name)).unwrap_or_else(|| name.to_owned())
}
