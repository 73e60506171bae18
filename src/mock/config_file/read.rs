//! Reading a mock configuration file, with the place of everything that is wrong with it.

use std::ops::Range;
use std::sync::Arc;

use super::{
    INVALID_MOCK_CONFIG, MockConfig, MockedCase, MockedMachine, MockedOutcome, MockedResponse,
    MockedState, NumberedAnswer,
};
use crate::diagnostic::{Diagnostic, closest};
use crate::document::{Decoder, Document, Format, Kind, Member, Node};
use crate::history::Failure;

/// The largest number of a call: far more calls than a history has events.
const LARGEST: u32 = 1_000_000;

pub(super) fn read(name: &str, text: &str) -> Result<MockConfig, Vec<Diagnostic>> {
    let document =
        Document::parse_as(name, text, Format::Json).map_err(|problem| vec![*problem])?;
    let mut reader = Reader { decoder: Decoder::new(&document, INVALID_MOCK_CONFIG) };
    let mut config = MockConfig {
        source: document.source.clone(),
        machines: Vec::new(),
        responses: Vec::new(),
        warnings: Vec::new(),
    };
    reader.file(&document.root, &mut config);
    let mut diagnostics = reader.decoder.into_diagnostics();
    diagnostics.sort_by_key(|problem| problem.span.start);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(diagnostics);
    }
    config.warnings = diagnostics;
    Ok(config)
}

struct Reader<'d> {
    decoder: Decoder<'d>,
}

impl Reader<'_> {
    fn file(&mut self, root: &Node, config: &mut MockConfig) {
        let known = ["StateMachines", "MockedResponses"];
        let Some(members) = self.decoder.entries(root) else { return };
        for member in &members {
            match &*member.key {
                "StateMachines" => config.machines = self.machines(&member.value),
                "MockedResponses" => config.responses = self.responses(&member.value),
                key => {
                    let message = format!("unknown field `{key}`, which is not read");
                    let help = match closest(key, known) {
                        Some(close) => format!("did you mean `{close}`?"),
                        None => format!("a mock configuration has {}", known.join(" and ")),
                    };
                    self.warn(member.key_span.clone(), message, help);
                }
            }
        }
        for key in known {
            if !members.iter().any(|member| *member.key == *key) {
                let message = format!("field `{key}` is missing");
                let problem = self.decoder.document.error_in(root, INVALID_MOCK_CONFIG, message);
                self.decoder.push(problem);
            }
        }
        self.references(root, config);
    }

    fn machines(&mut self, node: &Node) -> Vec<MockedMachine> {
        let mut machines = Vec::new();
        for member in self.decoder.entries(node).unwrap_or_default() {
            let Some(mut fields) = self.decoder.object(&member.value) else { continue };
            let cases = fields.require(&mut self.decoder, "TestCases");
            let cases = cases.map(|node| self.cases(node)).unwrap_or_default();
            for other in fields.rest() {
                let message = format!("unknown field `{}`, which is not read", other.key);
                let help = "a state machine has the single field TestCases";
                self.warn(other.key_span.clone(), message, help);
            }
            let span = member.key_span.clone();
            machines.push(MockedMachine { name: member.key.clone(), span, cases });
        }
        machines
    }

    fn cases(&mut self, node: &Node) -> Vec<MockedCase> {
        let mut cases = Vec::new();
        for member in self.decoder.entries(node).unwrap_or_default() {
            let entries = self.decoder.entries(&member.value).unwrap_or_default();
            let states = entries.into_iter().filter_map(|entry| {
                Some(MockedState {
                    state: entry.key.clone(),
                    span: entry.key_span.clone(),
                    response: self.decoder.string(&entry.value)?.clone(),
                })
            });
            let states = states.collect();
            cases.push(MockedCase { name: member.key.clone(), states });
        }
        cases
    }

    fn responses(&mut self, node: &Node) -> Vec<MockedResponse> {
        let mut responses = Vec::new();
        for member in self.decoder.entries(node).unwrap_or_default() {
            let Some(entries) = self.decoder.entries(&member.value) else { continue };
            if entries.is_empty() {
                let message = format!("the response `{}` has no answers", member.key);
                let help = "a state that asks for it fails with States.Runtime";
                self.warn(member.key_span.clone(), message, help);
            }
            let mut answers: Vec<(NumberedAnswer, Range<usize>)> = Vec::new();
            for entry in entries {
                let numbers = self.numbers(entry);
                let outcome = self.outcome(&entry.value);
                let (Some((first, last)), Some(outcome)) = (numbers, outcome) else { continue };
                answers.push((NumberedAnswer { first, last, outcome }, entry.key_span.clone()));
            }
            answers.sort_by_key(|(answer, _)| answer.first);
            self.order(&member.key, &answers);
            let answers = answers.into_iter().map(|(answer, _)| answer).collect();
            responses.push(MockedResponse { name: member.key.clone(), answers });
        }
        responses
    }

    /// Numbers that stand twice are an error, numbers that are left out a warning.
    fn order(&mut self, response: &str, answers: &[(NumberedAnswer, Range<usize>)]) {
        let mut next = 0;
        for (answer, span) in answers {
            let NumberedAnswer { first, last, .. } = answer;
            if *first < next {
                let message = format!("the answer \"{first}\" of `{response}` stands twice");
                self.decoder.error(span.clone(), message);
            } else if *first > next {
                let missing = match *first - next {
                    1 => format!("\"{next}\""),
                    _ => format!("\"{next}-{}\"", *first - 1),
                };
                let message = format!("`{response}` has no answer {missing}");
                let help = "a call with that number fails with States.Runtime";
                self.warn(span.clone(), message, help);
            }
            next = next.max(last + 1);
        }
    }

    /// `"3"` or `"1-2"`, both ends included.
    fn numbers(&mut self, entry: &Member) -> Option<(u32, u32)> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<u32>().ok().filter(|_| digits)?;
            (number <= LARGEST).then_some(number)
        };
        let text = entry.key.trim();
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (number(first.trim()), number(last.trim())) {
            (Some(first), Some(last)) if first <= last => Some((first, last)),
            (Some(first), Some(last)) => {
                let message = format!("`{text}` ends before it begins");
                let help = format!("write \"{last}-{first}\"");
                self.decoder.error_with_help(entry.key_span.clone(), message, help);
                None
            }
            _ => {
                let message = format!("`{text}` is no number of a call");
                let help = format!(
                    "write a number such as \"0\" or a range such as \"1-2\", up to {LARGEST}"
                );
                self.decoder.error_with_help(entry.key_span.clone(), message, help);
                None
            }
        }
    }

    /// `{ "Return": … }` or `{ "Throw": { "Error": …, "Cause": … } }`.
    fn outcome(&mut self, node: &Node) -> Option<MockedOutcome> {
        let mut members = self.decoder.object(node)?;
        let (result, thrown) = (members.take("Return"), members.take("Throw"));
        let before = self.decoder.errors();
        members.finish(&mut self.decoder);
        match (result, thrown) {
            (Some(result), None) => Some(MockedOutcome::Return(result.to_value())),
            (None, Some(thrown)) => {
                let mut members = self.decoder.object(thrown)?;
                let error = members.require(&mut self.decoder, "Error");
                let cause = members.take("Cause");
                if cause.is_none() {
                    let help = "Step Functions Local wants both `Error` and `Cause`";
                    self.warn(thrown.span.clone(), "field `Cause` is missing".to_owned(), help);
                }
                members.finish(&mut self.decoder);
                let mut text =
                    |node: Option<&Node>| node.and_then(|node| self.decoder.string(node)).cloned();
                let (error, cause): (Option<Arc<str>>, _) = (text(error), text(cause));
                Some(MockedOutcome::Throw(Failure { error: Some(error?), cause }))
            }
            (Some(_), Some(thrown)) => {
                let message = "an answer has either `Return` or `Throw`, not both";
                self.decoder.error(thrown.span.clone(), message);
                None
            }
            // A misspelt field was told already.
            (None, None) if self.decoder.errors() > before => None,
            (None, None) => {
                let message = "an answer needs `Return` or `Throw`";
                let problem = self.decoder.document.error_in(node, INVALID_MOCK_CONFIG, message);
                self.decoder.push(problem);
                None
            }
        }
    }

    /// Names that lead nowhere, and responses that nobody asks for.
    fn references(&mut self, root: &Node, config: &MockConfig) {
        let states = || {
            let cases = config.machines.iter().flat_map(|machine| &machine.cases);
            cases.flat_map(|case| &case.states)
        };
        for state in states().filter(|state| !config.has_response(&state.response)) {
            let message = format!("there is no mocked response `{}`", state.response);
            let names = config.responses.iter().map(|response| &*response.name);
            let help = match closest(&state.response, names) {
                Some(close) => format!("did you mean `{close}`?"),
                None => "the state fails with States.Runtime".to_owned(),
            };
            self.warn(state.span.clone(), message, help);
        }
        let Some(Kind::Object(listed)) = root.get("MockedResponses").map(|node| &node.kind) else {
            return;
        };
        for response in listed {
            if !states().any(|state| state.response == response.key) {
                let message = format!("no test case takes the response `{}`", response.key);
                self.warn(response.key_span.clone(), message, "remove it, or name it in a case");
            }
        }
    }

    fn warn(&mut self, span: Range<usize>, message: String, help: impl Into<String>) {
        let warning = self.decoder.document.error(span, INVALID_MOCK_CONFIG, message);
        self.decoder.push(warning.with_help(help).as_warning());
    }
}
