//! A case as a test case of Step Functions Local's mock configuration file.
//!
//! The file has numbered answers and nothing else, so the case is run here, and what its calls were
//! answered with is written down in their order. Whatever decides that (conditions, paths,
//! functions, copies of arguments) need not be expressed then; what the file cannot do, such as
//! latency, is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Problem, problem, simulation};
use crate::asl::Resource;
use crate::history::{EventDetails, EventType, Failure, HistoryEvent, Payload};
use crate::mock::config_file::{MockConfigWriter, MockedAnswer, MockedOutcome};
use crate::scenario::Case;
use crate::sim;

/// Adds a case to `writer`; the answer is what the file cannot say of it.
///
/// # Errors
///
/// Why the case is not in the file: it cannot be run, or is not about an execution.
pub fn export_mocks(case: &Case, writer: &mut MockConfigWriter) -> Result<Vec<String>, String> {
    if case.expect_invalid.is_some() {
        return Err("it expects its definition to be refused".to_owned());
    }
    if case.state_test.is_some() {
        return Err("it tests one state by itself, not an execution".to_owned());
    }
    let simulation = simulation(case, None).map_err(|problems| first(&problems))?;
    let run = simulation.run().map_err(|error| first(&[problem(*error.problem)]))?;
    let execution = run.execution();
    let calls = calls(&execution.history.events);
    let mut losses = Losses::default();
    for call in &calls {
        losses.call(call);
    }
    losses.latency(&run, &calls);
    for child in run.children().iter().filter(|child| child.map_run.is_none()) {
        losses.add(format!(
            "the nested execution of `{}` does not run: its result is that of the Task that \
             started it",
            child.machine_name
        ));
    }
    for map_run in run.map_runs() {
        losses.add(format!(
            "the file has no mocks for the child executions of the distributed Map `{}`",
            map_run.state
        ));
    }
    for action in &case.world.actions {
        losses.add(format!("nothing does there what `{action}` does here"));
    }
    if !case.world.objects.is_empty() {
        losses.add("the objects of the case are not there".to_owned());
    }
    let mut answers: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    let mut listed: Vec<MockedAnswer> = Vec::new();
    for call in calls {
        let Some(outcome) = call.outcome().filter(|_| !call.is_activity) else { continue };
        let at = *answers.entry(call.state.clone()).or_insert_with(|| {
            listed.push(MockedAnswer { state: call.state.clone(), outcomes: Vec::new() });
            listed.len() - 1
        });
        listed[at].outcomes.push(outcome);
    }
    writer.case(&case.state_machine_name, &case.name, &listed);
    Ok(losses.list)
}

fn first(problems: &[Problem]) -> String {
    match problems.first() {
        Some(Problem::Diagnostic(diagnostic)) => diagnostic.to_string(),
        Some(Problem::Missing { message, .. }) => message.clone(),
        None => "it cannot be run".to_owned(),
    }
}

/// A call as the history shows it.
struct Call {
    state: Arc<str>,
    is_activity: bool,
    /// Index of the event that scheduled it.
    begin: usize,
    end: Option<(usize, EventType, MockedOutcome)>,
    is_map_run: bool,
}

impl Call {
    fn outcome(&self) -> Option<MockedOutcome> {
        self.end.as_ref().map(|(_, _, outcome)| outcome.clone()).filter(|_| !self.is_map_run)
    }
}

/// The calls of an execution in the order in which they were made.
fn calls(events: &[HistoryEvent]) -> Vec<Call> {
    use EventType as T;
    let mut calls: Vec<Call> = Vec::new();
    // By index of an event: the state around it, and the call that it belongs to.
    let mut states: Vec<Option<Arc<str>>> = Vec::with_capacity(events.len());
    let mut call_of: Vec<Option<usize>> = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        let previous = usize::try_from(event.previous_event_id).unwrap_or(0).checked_sub(1);
        let before = previous.filter(|previous| *previous < index);
        let mut state = before.and_then(|before| states[before].clone());
        let mut call = before.and_then(|before| call_of[before]);
        match event.event_type {
            entered if entered.is_state_entered() => {
                (state, call) = (event.state_name().cloned(), None);
            }
            T::TaskScheduled
            | T::LambdaFunctionScheduled
            | T::ActivityScheduled
            | T::MapRunStarted => {
                call = Some(calls.len());
                calls.push(Call {
                    state: state.clone().unwrap_or_default(),
                    is_activity: event.event_type == T::ActivityScheduled,
                    begin: index,
                    end: None,
                    is_map_run: event.event_type == T::MapRunStarted,
                });
            }
            _ => {
                let open = call.and_then(|call| calls.get_mut(call)).filter(|c| c.end.is_none());
                if let (Some(open), Some(outcome)) = (open, outcome(event)) {
                    open.end = Some((index, event.event_type, outcome));
                }
            }
        }
        states.push(state);
        call_of.push(call);
    }
    calls
}

/// What ends a call, if the event does.
fn outcome(event: &HistoryEvent) -> Option<MockedOutcome> {
    use EventType as T;
    let failed = || Some(MockedOutcome::Throw(event.failure().cloned().unwrap_or_default()));
    match event.event_type {
        T::TaskSucceeded | T::LambdaFunctionSucceeded | T::ActivitySucceeded => {
            let output = match &event.details {
                EventDetails::Output { output } => Some(output),
                EventDetails::TaskOutput { output, .. } => output.as_ref(),
                _ => None,
            };
            let output = output.and_then(Payload::to_value).unwrap_or_default();
            Some(MockedOutcome::Return(output))
        }
        T::TaskTimedOut | T::LambdaFunctionTimedOut | T::ActivityTimedOut => {
            let failure = event.failure().cloned().unwrap_or_default();
            let error = failure.error.or_else(|| Some("States.Timeout".into()));
            Some(MockedOutcome::Throw(Failure { error, ..failure }))
        }
        T::TaskFailed
        | T::TaskStartFailed
        | T::TaskSubmitFailed
        | T::LambdaFunctionFailed
        | T::LambdaFunctionScheduleFailed
        | T::LambdaFunctionStartFailed
        | T::ActivityFailed
        | T::ActivityScheduleFailed => failed(),
        _ => None,
    }
}

/// What the file cannot say, each thing once.
#[derive(Default)]
struct Losses {
    list: Vec<String>,
    /// By state: the event that ended its latest call so far, and what it came to.
    latest: BTreeMap<Arc<str>, (usize, Option<MockedOutcome>)>,
}

impl Losses {
    fn add(&mut self, loss: String) {
        if !self.list.contains(&loss) {
            self.list.push(loss);
        }
    }

    fn call(&mut self, call: &Call) {
        use EventType as T;
        let state = &call.state;
        if call.is_map_run {
            return;
        }
        if call.is_activity {
            self.add(format!("`{state}` is an activity's Task, which cannot be mocked there"));
            return;
        }
        match &call.end {
            None => self.add(format!("`{state}` is never answered, which the file cannot say")),
            Some((_, end @ (T::TaskTimedOut | T::LambdaFunctionTimedOut), _)) => self
                .add(format!("the time-out of `{state}` ({}) becomes a Throw at once", end.name())),
            Some((
                _,
                end @ (T::TaskStartFailed
                | T::TaskSubmitFailed
                | T::LambdaFunctionScheduleFailed
                | T::LambdaFunctionStartFailed),
                _,
            )) => self.add(format!(
                "a Throw of `{state}` comes when the Task runs, not as {}",
                end.name()
            )),
            Some(_) => {}
        }
        // Two calls at a time that come to different things: which one is first there is open.
        let outcome = call.outcome();
        let end = call.end.as_ref().map_or(usize::MAX, |(end, ..)| *end);
        if let Some((until, before)) = self.latest.get(state)
            && *until > call.begin
            && *before != outcome
        {
            self.add(format!(
                "calls of `{state}` overlap, and the file answers them in the order of this run; \
                 set MaxConcurrency to 1 there"
            ));
        }
        self.latest.insert(state.clone(), (end, outcome));
    }

    fn latency(&mut self, run: &sim::Run, calls: &[Call]) {
        let own = run.all_calls().iter().filter(|call| call.execution.0 == 0);
        for call in own.filter(|call| !matches!(call.resource(), Resource::Activity { .. })) {
            let state = call.state();
            // Of time-outs and of silence something else was told.
            let answered = calls.iter().any(|own| {
                own.state == *state
                    && own.end.as_ref().is_some_and(|(_, end, _)| {
                        !matches!(end, EventType::TaskTimedOut | EventType::LambdaFunctionTimedOut)
                    })
            });
            if answered && call.end_time.is_some_and(|end| end - call.time > 0) {
                self.add(format!("`{state}` takes time to answer here, and none there"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::mock::Counting;
    use crate::mock::config_file::MockConfig;
    use crate::scenario::{self, Scenario};

    /// Every example is exported, read again and run with what was read: where nothing was lost,
    /// the same comes out.
    #[test]
    fn what_is_exported_runs_the_same() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/passing");
        let (mut same, mut lossy) = (0, 0);
        for path in scenario::find(&folder).unwrap() {
            let scenario = Scenario::load(&path).unwrap();
            for case in &scenario.cases {
                let mut writer = MockConfigWriter::default();
                let Ok(losses) = export_mocks(case, &mut writer) else { continue };
                let config = MockConfig::parse("m.json", &writer.to_value().to_json()).unwrap();
                assert!(config.warnings.is_empty(), "{:?}", config.warnings);
                if !losses.is_empty() {
                    lossy += 1;
                    continue;
                }
                let mut alone = case.clone();
                alone.world.mocks.clear();
                let mut again = simulation(&alone, None).unwrap();
                for (state, mock) in
                    config.mocks(&config.machines[0].cases[0], Counting::Invocations)
                {
                    again = again.mock(state, mock);
                }
                let again = again.run().unwrap_or_else(|error| panic!("{}: {error}", case.name));
                let before = simulation(case, None).unwrap().run().unwrap();
                assert_eq!(again.output(), before.output(), "{}", case.name);
                assert_eq!(again.error(), before.error(), "{}", case.name);
                assert_eq!(again.path(), before.path(), "{}", case.name);
                same += 1;
            }
        }
        assert!(same > 50 && lossy > 20, "{same} the same, {lossy} with losses");
    }
}
