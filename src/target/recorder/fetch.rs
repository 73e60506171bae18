//! One execution: what the service says of it, its definition, and what it started.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::definitions::{Definitions, Ran};
use super::selection::items;
use super::{Candidate, RecorderSettings};
use crate::recording::{Joined, Recorded, RecordedMapRun, api_time, join_pages};
use crate::target::endpoint::{Answer, Endpoint};
use crate::target::error::{EndpointError, EndpointErrorKind};
use crate::target::map_runs;
use crate::target::pages::{Of, Tokens, executions};
use crate::target::session;
use crate::target::throttle::Operation;
use crate::value::Value;

/// An execution as it was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its ARN.
    pub arn: String,
    /// What the service said.
    pub recorded: Recorded,
    /// How many events its history has.
    pub events: usize,
    /// Who started it, where CloudTrail knows.
    pub started_by: Option<String>,
    /// What should be known about the recording.
    pub notes: Vec<String>,
}

/// Why an execution cannot be recorded.
#[derive(Clone, Debug)]
pub enum Missed {
    /// It still runs.
    Running,
    /// It stands otherwise than was asked for: as this.
    OtherStatus(String),
    /// It is an Express execution: the API keeps nothing of it.
    Express,
    /// The service refuses, or answers what cannot be.
    Refused(EndpointError),
}

/// How deep executions that started executions are followed.
const DEPTH: usize = 8;

/// How often a history that does not end, of an execution that has ended, is asked for again.
const LATE_ENDS: u32 = 5;

/// Fetches executions of one endpoint.
#[derive(Debug)]
pub(super) struct Fetcher {
    endpoint: Endpoint,
    settings: RecorderSettings,
    statuses: Vec<String>,
    definitions: Definitions,
    permits: Semaphore,
    fetched: AtomicU64,
    pages: AtomicU64,
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An execution, with notes, or why not.
type Told = Result<Result<(Recorded, usize, Vec<String>), Missed>, EndpointError>;

impl Fetcher {
    pub(super) fn new(
        endpoint: Endpoint,
        settings: RecorderSettings,
        statuses: Vec<String>,
    ) -> Self {
        Self {
            endpoint,
            settings,
            statuses,
            definitions: Definitions::default(),
            permits: Semaphore::new(settings.concurrency.max(1)),
            fetched: AtomicU64::new(0),
            pages: AtomicU64::new(0),
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How many executions were fetched so far, and how many pages of histories with them.
    pub(super) fn pages_so_far(&self) -> (u64, u64) {
        (self.fetched.load(Ordering::Relaxed), self.pages.load(Ordering::Relaxed))
    }

    /// Fetches an execution with all that hangs on it.
    ///
    /// An error is one that the next execution would meet as well.
    pub(super) async fn fetch(
        self: Arc<Self>,
        candidate: Candidate,
    ) -> Result<Result<Fetched, Missed>, EndpointError> {
        let Candidate { arn, started_by } = candidate;
        let told = self.clone().execution(arn.clone(), 0, true).await?;
        self.fetched.fetch_add(1, Ordering::Relaxed);
        Ok(told.map(|(recorded, events, notes)| Fetched {
            arn,
            recorded,
            events,
            started_by,
            notes,
        }))
    }

    /// Boxed, since executions start executions.
    fn execution(self: Arc<Self>, arn: String, depth: usize, with_definition: bool) -> Boxed<Told> {
        Box::pin(async move {
            if arn.split(':').nth(5) == Some("express") {
                return Ok(Err(Missed::Express));
            }
            match self.told(&arn, depth, with_definition).await {
                Err(error) if is_of_this_one(&error) || depth > 0 && is_refusal(&error) => {
                    Ok(Err(Missed::Refused(error)))
                }
                told => told,
            }
        })
    }

    async fn told(self: &Arc<Self>, arn: &str, depth: usize, with_definition: bool) -> Told {
        let Some(description) = self.ended(arn).await? else { return Ok(Err(Missed::Running)) };
        let status = description.text("status").unwrap_or_default();
        let wanted = &self.statuses;
        if depth == 0 && !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == status) {
            return Ok(Err(Missed::OtherStatus(status.to_owned())));
        }
        let joined = self.history(arn).await?;
        let mut notes = joined.notes;
        if !joined.ended {
            // Somebody may have redriven it meanwhile.
            if self.is_running(&self.describe(arn).await?) {
                return Ok(Err(Missed::Running));
            }
            notes.push("the history does not come to the end of the execution".into());
        }
        let mut recorded = Recorded {
            name: description.text("name").map_or_else(|| name_of(arn), str::to_owned),
            execution: Some(text(&description)),
            ..Recorded::default()
        };
        if with_definition {
            recorded.definition = self.definition(arn, &description, &mut notes).await?;
        }
        let found = Found::in_history(&joined.text);
        recorded.history = joined.text;
        self.follow(arn, found, depth, &mut recorded, &mut notes).await?;
        Ok(Ok((recorded, joined.events, notes)))
    }

    async fn describe(&self, arn: &str) -> Result<Answer, EndpointError> {
        let _permit = self.permits.acquire().await;
        session::describe(&self.endpoint, arn).await
    }

    fn is_running(&self, description: &Answer) -> bool {
        matches!(description.text("status"), Some("RUNNING" | "PENDING_REDRIVE"))
    }

    /// DescribeExecution of one that has ended; `None` where it still runs after the time that is
    /// waited.
    async fn ended(&self, arn: &str) -> Result<Option<Answer>, EndpointError> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(if self.endpoint.is_aws() { 1_000 } else { 50 });
        loop {
            let description = self.describe(arn).await?;
            if !self.is_running(&description) {
                return Ok(Some(description));
            }
            let left = self.settings.wait.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            sleep(pause.min(left)).await;
            pause = (pause * 2).min(Duration::from_secs(30));
        }
    }

    /// The whole history, its pages joined; asked for again where it does not end, or where its
    /// pages do not belong together.
    async fn history(&self, arn: &str) -> Result<Joined, EndpointError> {
        let mut tries = 0;
        loop {
            let joined = self.history_once(arn).await;
            tries += 1;
            match joined {
                Ok(joined) if joined.ended || tries > LATE_ENDS => return Ok(joined),
                Err(error) if !is_broken(&error) || tries > 1 => return Err(error),
                _ => sleep(Duration::from_millis(50) * 2_u32.pow(tries)).await,
            }
        }
    }

    async fn history_once(&self, arn: &str) -> Result<Joined, EndpointError> {
        let _permit = self.permits.acquire().await;
        let pages = self.endpoint.history_pages(arn).await?;
        self.pages.fetch_add(pages.len() as u64, Ordering::Relaxed);
        let broken = |what: String| {
            let kind = EndpointErrorKind::BrokenPages(what);
            self.endpoint.error(Operation::GetExecutionHistory, kind)
        };
        let mut texts = Vec::with_capacity(pages.len());
        for (number, page) in (1..).zip(&pages) {
            let text = std::str::from_utf8(page);
            let text = text.map_err(|_| broken(format!("page {number} is not UTF-8")))?;
            texts.push((format!("page {number}"), text));
        }
        let pages = texts.iter().map(|(name, text)| (&**name, *text));
        join_pages(pages).map_err(|error| broken(error.to_string()))
    }

    /// The definition that the execution ran.
    async fn definition(
        &self,
        arn: &str,
        description: &Answer,
        notes: &mut Vec<String>,
    ) -> Result<Option<String>, EndpointError> {
        let ran = Ran {
            machine_arn: description.text("stateMachineArn").unwrap_or_default().to_owned(),
            version_arn: description.text("stateMachineVersionArn").map(str::to_owned),
            start: description.value.get("startDate").and_then(api_time),
        };
        if let Some(known) = self.definitions.find(&ran) {
            return Ok(Some(known.to_string()));
        }
        let _permit = self.permits.acquire().await;
        let request = self.endpoint.client().describe_state_machine_for_execution();
        let request = request.execution_arn(arn);
        let answer = self
            .endpoint
            .call(Operation::DescribeStateMachineForExecution, |capture| async move {
                request.customize().interceptor(capture).send().await
            })
            .await;
        match answer {
            Ok(answer) => {
                let definition = answer.text("definition").map(str::to_owned);
                if let Some(definition) = &definition {
                    let updated = answer.value.get("updateDate").and_then(api_time);
                    self.definitions.learn(&ran, updated, definition);
                }
                Ok(definition)
            }
            Err(error) if is_of_this_one(&error) => self.definition_now(&ran, &error, notes).await,
            Err(error) => Err(error),
        }
    }

    /// The machine's definition as it is now, where nobody knows what it was.
    async fn definition_now(
        &self,
        ran: &Ran,
        why: &EndpointError,
        notes: &mut Vec<String>,
    ) -> Result<Option<String>, EndpointError> {
        let arn = ran.version_arn.as_ref().unwrap_or(&ran.machine_arn);
        let request = self.endpoint.client().describe_state_machine().state_machine_arn(arn);
        let answer = self
            .endpoint
            .call(Operation::DescribeStateMachine, |capture| async move {
                request.customize().interceptor(capture).send().await
            })
            .await;
        match answer {
            Ok(answer) => {
                notes.push(format!(
                    "the definition is the machine's of today, which need not be the one that \
                     ran: {why}"
                ));
                Ok(answer.text("definition").map(str::to_owned))
            }
            Err(error) if is_of_this_one(&error) => {
                notes.push(format!("no definition: {why}; {error}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Fetches what the execution started.
    async fn follow(
        self: &Arc<Self>,
        arn: &str,
        mut found: Found,
        depth: usize,
        recorded: &mut Recorded,
        notes: &mut Vec<String>,
    ) -> Result<(), EndpointError> {
        let most = self.settings.children;
        if most == 0 || depth == DEPTH {
            let count = found.executions.len() + found.map_runs.len();
            if count > 0 {
                notes.push(format!("{count} children and Map Runs were not followed"));
            }
            return Ok(());
        }
        let region = |arn: &str| arn.split(':').nth(3).map(str::to_owned);
        found.executions.retain(|child| {
            let here = region(child) == region(arn);
            if !here {
                notes.push(format!("child {}: in another region, not recorded", name_of(child)));
            }
            here
        });
        if found.executions.len() > most {
            notes.push(format!(
                "of {} children the first {most} are recorded",
                found.executions.len()
            ));
            found.executions.truncate(most);
        }
        recorded.children = self.children(found.executions, depth, true, notes).await?;
        for map_run in found.map_runs {
            match self.map_run(&map_run, depth, notes).await {
                Ok(map_run) => recorded.map_runs.push(map_run),
                Err(error) if is_of_this_one(&error) || is_refusal(&error) => {
                    notes.push(format!("Map Run {}: not recorded: {error}", last(&map_run)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn map_run(
        self: &Arc<Self>,
        arn: &str,
        depth: usize,
        notes: &mut Vec<String>,
    ) -> Result<RecordedMapRun, EndpointError> {
        let answer = map_runs::describe(&self.endpoint, arn).await?;
        let mut arns = Vec::new();
        let (mut token, mut tokens) = (None, Tokens::default());
        let most = self.settings.children;
        let more = loop {
            let page = executions(&self.endpoint, Of::MapRun(arn), None, token).await?;
            let own = items(&page, "executions").filter_map(|item| item.get("executionArn"));
            arns.extend(own.filter_map(Value::as_str).map(str::to_owned));
            let is_empty = items(&page, "executions").next().is_none();
            let next = (&page, "nextToken");
            token = tokens.next(&self.endpoint, Operation::ListExecutions, next, is_empty)?;
            if token.is_none() || arns.len() >= most {
                break token.is_some();
            }
        };
        if more || arns.len() > most {
            let total = answer.value.get("itemCounts").and_then(|counts| counts.get("total"));
            let total = total.map(|total| format!(" of {total} items")).unwrap_or_default();
            notes.push(format!(
                "Map Run {}: the last {most} children{total} are recorded",
                last(arn)
            ));
            arns.truncate(most);
        }
        let children = self.children(arns, depth, false, notes).await?;
        Ok(RecordedMapRun { name: last(arn).to_owned(), map_run: Some(text(&answer)), children })
    }

    /// Several children, as many at once as the settings say; in the order of the ARNs.
    async fn children(
        self: &Arc<Self>,
        arns: Vec<String>,
        depth: usize,
        with_definition: bool,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Recorded>, EndpointError> {
        let mut children: Vec<Option<Result<_, Missed>>> = arns.iter().map(|_| None).collect();
        let mut running: JoinSet<(usize, Told)> = JoinSet::new();
        let mut waiting = arns.iter().cloned().enumerate();
        loop {
            while running.len() < self.settings.concurrency.max(1)
                && let Some((number, arn)) = waiting.next()
            {
                let child = self.clone().child(arn, depth + 1, with_definition);
                running.spawn(async move { (number, child.await) });
            }
            match running.join_next().await {
                None => break,
                Some(Ok((number, told))) => children[number] = Some(told?),
                // A panic is reported by its hook.
                Some(Err(_)) => {}
            }
        }
        let mut recorded = Vec::new();
        for (arn, told) in arns.iter().zip(children) {
            let name = name_of(arn);
            match told {
                Some(Ok((child, _, own))) => {
                    notes.extend(own.iter().map(|note| format!("child {name}: {note}")));
                    recorded.push(child);
                }
                Some(Err(why)) => notes.push(format!("child {name}: not recorded: {why}")),
                None => notes.push(format!("child {name}: not recorded: the recorder failed")),
            }
        }
        Ok(recorded)
    }

    /// A child; of an Express child of a Map Run there is no history.
    fn child(self: Arc<Self>, arn: String, depth: usize, with_definition: bool) -> Boxed<Told> {
        Box::pin(async move {
            if arn.split(':').nth(5) != Some("express") || with_definition {
                return self.execution(arn, depth, with_definition).await;
            }
            match self.describe(&arn).await {
                Ok(description) => {
                    let name =
                        description.text("name").map_or_else(|| name_of(&arn), str::to_owned);
                    let execution = Some(text(&description));
                    Ok(Ok((Recorded { name, execution, ..Recorded::default() }, 0, Vec::new())))
                }
                Err(error) if is_of_this_one(&error) || is_refusal(&error) => {
                    Ok(Err(Missed::Refused(error)))
                }
                Err(error) => Err(error),
            }
        })
    }
}

/// Whether an error is about one execution, so that another may go well.
fn is_of_this_one(error: &EndpointError) -> bool {
    use EndpointErrorKind as Kind;
    match &error.kind {
        // What nobody may do, nobody may do for the next one either.
        Kind::Refused { code, .. } => !code.contains("AccessDenied"),
        Kind::Unsupported(_) => !matches!(
            error.operation,
            Operation::DescribeExecution | Operation::GetExecutionHistory
        ),
        Kind::BrokenPages(_) => true,
        _ => false,
    }
}

/// Whether the service refuses. Of what an execution started that is about this one, also where it
/// is a matter of permissions: it may be another account's, or of a machine that one may not see.
fn is_refusal(error: &EndpointError) -> bool {
    matches!(error.kind, EndpointErrorKind::Refused { .. })
}

fn is_broken(error: &EndpointError) -> bool {
    matches!(error.kind, EndpointErrorKind::BrokenPages(_))
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.bytes).into_owned()
}

fn name_of(arn: &str) -> String {
    arn.split(':').nth(7).unwrap_or(arn).to_owned()
}

/// The last part of the ARN of a Map Run: its label and its UUID.
fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// What a history says that the execution started, each once, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    executions: Vec<String>,
    map_runs: Vec<String>,
}

impl Found {
    /// Reads a history leniently: event types that are newer than this stepproof start nothing
    /// that it could follow.
    fn in_history(history: &str) -> Self {
        let mut found = Self::default();
        let Ok(history) = Value::parse(history) else { return found };
        let events = history.get("events").and_then(Value::as_array);
        for event in events.into_iter().flat_map(|events| events.iter()) {
            let text = |path: [&str; 2]| event.get(path[0])?.get(path[1])?.as_str();
            let details = match event.get("type").and_then(Value::as_str) {
                Some("MapRunStarted") => {
                    let arn = text(["mapRunStartedEventDetails", "mapRunArn"]);
                    add(&mut found.map_runs, arn);
                    continue;
                }
                Some("TaskSubmitted") => "taskSubmittedEventDetails",
                Some("TaskSucceeded") => "taskSucceededEventDetails",
                _ => continue,
            };
            let service = text([details, "resourceType"]).unwrap_or_default();
            let action = text([details, "resource"]).unwrap_or_default();
            let starts = matches!(service, "states" | "aws-sdk:sfn")
                && (action.starts_with("startExecution")
                    || action.starts_with("startSyncExecution"));
            let Some(output) = text([details, "output"]).filter(|_| starts) else { continue };
            let output = Value::parse(output).unwrap_or_default();
            let arn = output.get("ExecutionArn").or_else(|| output.get("executionArn"));
            add(&mut found.executions, arn.and_then(Value::as_str));
        }
        found
    }
}

fn add(list: &mut Vec<String>, arn: Option<&str>) {
    if let Some(arn) = arn
        && !list.iter().any(|own| own == arn)
    {
        list.push(arn.to_owned());
    }
}

impl std::fmt::Display for Missed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Running => f.write_str("it still runs"),
            Self::OtherStatus(status) => write!(f, "it is {status}"),
            Self::Express => f.write_str(
                "it is an Express execution, of which the API keeps no history: export its log \
                 (`aws logs filter-log-events`) and give it to `--from`",
            ),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_started_is_found_once() {
        let history = r#"{"events":[
            {"id":1,"type":"ExecutionStarted"},
            {"id":2,"type":"FutureEvent","futureEventDetails":{"output":"{\"ExecutionArn\":\"no\"}"}},
            {"id":3,"type":"TaskSubmitted","taskSubmittedEventDetails":{"resourceType":"states","resource":"startExecution.sync:2","output":"{\"ExecutionArn\":\"a\"}"}},
            {"id":4,"type":"TaskSucceeded","taskSucceededEventDetails":{"resourceType":"states","resource":"startExecution.sync:2","output":"{\"ExecutionArn\":\"a\",\"Output\":{}}"}},
            {"id":5,"type":"TaskSucceeded","taskSucceededEventDetails":{"resourceType":"aws-sdk:sfn","resource":"startExecution","output":"{\"ExecutionArn\":\"b\"}"}},
            {"id":6,"type":"TaskSucceeded","taskSucceededEventDetails":{"resourceType":"lambda","resource":"invoke","output":"{\"ExecutionArn\":\"no\"}"}},
            {"id":7,"type":"MapRunStarted","mapRunStartedEventDetails":{"mapRunArn":"r"}},
            {"id":8,"type":"MapRunStarted","mapRunStartedEventDetails":{"mapRunArn":"r"}}]}"#;
        let expected =
            Found { executions: vec!["a".into(), "b".into()], map_runs: vec!["r".into()] };
        assert_eq!(Found::in_history(history), expected);
        assert_eq!(Found::in_history("<html>"), Found::default());
    }
}
