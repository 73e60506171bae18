//! A scenario from the test cases of Step Functions Local's mock configuration file.

use std::sync::Arc;

use super::write;
use crate::asl::StateMachine;
use crate::mock::Counting;
use crate::mock::config_file::{MockConfig, MockedCase, MockedMachine};
use crate::value::Value;

/// The test cases of one state machine as a scenario.
#[derive(Clone, Debug)]
pub struct ImportedScenario {
    machine: Arc<str>,
    source: Arc<str>,
    /// The answers that every case has alike.
    defaults: Vec<(Arc<str>, Value)>,
    cases: Vec<ImportedCase>,
    /// What the scenario does not say that the file does, or that only its author knows.
    pub remarks: Vec<String>,
}

#[derive(Clone, Debug)]
struct ImportedCase {
    name: Arc<str>,
    mocks: Vec<(Arc<str>, Value)>,
    unmocked: Vec<String>,
}

impl ImportedScenario {
    /// The cases of `machine`; with its definition, also what is odd about them.
    pub fn new(
        config: &MockConfig,
        machine: &MockedMachine,
        definition: Option<&StateMachine>,
        counting: Counting,
    ) -> Self {
        let mut scenario = Self {
            machine: machine.name.clone(),
            source: config.source.name.clone(),
            defaults: Vec::new(),
            cases: Vec::new(),
            remarks: Vec::new(),
        };
        if let Some(definition) = definition {
            let odd = config.check(machine, definition);
            scenario.remarks.extend(odd.iter().map(ToString::to_string));
        }
        for case in &machine.cases {
            scenario.case(config, case, definition, counting);
        }
        scenario.share();
        scenario
    }

    fn case(
        &mut self,
        config: &MockConfig,
        case: &MockedCase,
        definition: Option<&StateMachine>,
        counting: Counting,
    ) {
        let mut mocks = Vec::new();
        for state in &case.states {
            let (mock, remarks) = config.scenario_mock(state, counting);
            mocks.extend(mock.map(|mock| (state.state.clone(), mock)));
            let remarks = remarks.iter().map(|remark| format!("{}: {remark}", case.name));
            self.remarks.extend(remarks);
        }
        let unmocked = definition.map(|definition| config.unmocked(case, definition));
        let unmocked: Vec<String> =
            unmocked.unwrap_or_default().into_iter().map(str::to_owned).collect();
        if !unmocked.is_empty() {
            let states: Vec<String> = unmocked.iter().map(|state| format!("`{state}`")).collect();
            let (verb, plural) = if states.len() == 1 { ("has", "") } else { ("have", "s") };
            self.remarks.push(format!(
                "{}: {} {verb} no mock{plural}; Step Functions Local calls the service{plural}, a \
                 scenario needs an answer where the execution comes there",
                case.name,
                states.join(", ")
            ));
        }
        self.cases.push(ImportedCase { name: case.name.clone(), mocks, unmocked });
    }

    /// Moves answers that all cases have alike to the defaults.
    fn share(&mut self) {
        let [first, others @ ..] = self.cases.as_slice() else { return };
        if others.is_empty() {
            return;
        }
        let shared: Vec<(Arc<str>, Value)> = first
            .mocks
            .iter()
            .filter(|mock| others.iter().all(|other| other.mocks.contains(mock)))
            .cloned()
            .collect();
        for case in &mut self.cases {
            case.mocks.retain(|mock| !shared.contains(mock));
        }
        self.defaults = shared;
    }

    /// The names of the cases, in order.
    pub fn cases(&self) -> impl Iterator<Item = &str> {
        self.cases.iter().map(|case| &*case.name)
    }

    /// The scenario as YAML. `definition` is how the file names the definition; `expected` holds
    /// what each case is to expect, as far as it is known.
    pub fn to_yaml(&self, definition: &str, input: &Value, expected: &[Value]) -> String {
        let mut out = format!(
            "# From {}: the test cases of the state machine {}.\ndefinition: {}\n",
            one_line(&self.source),
            one_line(&self.machine),
            write::string(definition)
        );
        out.push_str(&member("stateMachineName", &Value::String(self.machine.clone()), 0));
        out.push_str("\ndefaults:\n  # The file has no inputs: give each case its own.\n");
        out.push_str(&member("input", input, 2));
        if !self.defaults.is_empty() {
            out.push_str("  mocks:\n");
            self.defaults.iter().for_each(|(state, mock)| out.push_str(&member(state, mock, 4)));
        }
        out.push_str("\ncases:\n");
        for (i, case) in self.cases.iter().enumerate() {
            if i > 0 {
                out.push('\n');
            }
            out.push_str(&format!("  - name: {}\n", write::string(&case.name)));
            if !case.unmocked.is_empty() {
                let states = one_line(&case.unmocked.join(", "));
                out.push_str(&format!(
                    "    # Without a mock, and in need of one if reached: {states}\n"
                ));
            }
            if !case.mocks.is_empty() {
                out.push_str("    mocks:\n");
                case.mocks.iter().for_each(|(state, mock)| out.push_str(&member(state, mock, 6)));
            }
            if let Some(Value::Object(expected)) = expected.get(i) {
                out.push_str("    expect:\n");
                expected.iter().for_each(|(key, value)| out.push_str(&member(key, value, 6)));
            }
        }
        out
    }
}

fn member(key: &str, value: &Value, indent: usize) -> String {
    let key = write::string(key);
    let used = indent + key.chars().count() + 1;
    format!("{}{key}:{}\n", " ".repeat(indent), write::member(value, indent, used))
}

/// A name as it may stand in a comment.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}
