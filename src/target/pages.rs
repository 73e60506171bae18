//! Lists and histories, page by page, as the service answered them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sfn::types::ExecutionStatus;
use tokio::time::sleep;

use super::endpoint::{Answer, Endpoint};
use super::error::{EndpointError, EndpointErrorKind};
use super::throttle::Operation;
use crate::history::History;
use crate::value::Value;

/// The history of an execution: the pages as they came, and what is in them.
#[derive(Clone, Debug)]
pub struct FetchedHistory {
    /// The bytes of each page.
    pub pages: Vec<Arc<[u8]>>,
    /// The events.
    pub history: History,
}

impl FetchedHistory {
    /// The text of all pages, one after another.
    pub fn text(&self) -> String {
        join(&self.pages)
    }
}

fn join(pages: &[Arc<[u8]>]) -> String {
    let texts = pages.iter().map(|page| String::from_utf8_lossy(page));
    texts.collect::<Vec<_>>().join("\n")
}

/// How many pages without anything on them may follow one another: a filter may leave a few, a list
/// that never ends has nothing else.
const EMPTY_MAX: usize = 100;

/// The tokens of a list's pages, which must come to an end.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    seen: BTreeSet<String>,
    empty: usize,
}

impl Tokens {
    /// The token of the page behind this one, which stands in `member`; `None` behind the last one.
    ///
    /// # Errors
    ///
    /// Where the pages go in a circle, or go on for ever with nothing on them.
    pub(super) fn next(
        &mut self,
        endpoint: &Endpoint,
        operation: Operation,
        (page, member): (&Answer, &str),
        is_empty: bool,
    ) -> Result<Option<String>, EndpointError> {
        let token = page.text(member).filter(|token| !token.is_empty()).map(str::to_owned);
        let Some(token) = token else { return Ok(None) };
        self.empty = if is_empty { self.empty + 1 } else { 0 };
        let what = match () {
            () if !self.seen.insert(token.clone()) => {
                "the token of a page leads back to the same page".to_owned()
            }
            () if self.empty >= EMPTY_MAX => {
                format!("{EMPTY_MAX} pages in a row have nothing on them")
            }
            () => return Ok(Some(token)),
        };
        Err(endpoint.error(operation, EndpointErrorKind::BrokenPages(what)))
    }
}

/// Whose executions are listed.
#[derive(Clone, Copy)]
pub(super) enum Of<'a> {
    /// Those of a state machine.
    Machine(&'a str),
    /// Those of a Map Run.
    MapRun(&'a str),
}

/// A page of ListExecutions, the newest first; of those with this status where there is one.
pub(super) async fn executions(
    endpoint: &Endpoint,
    of: Of<'_>,
    status: Option<&str>,
    token: Option<String>,
) -> Result<Answer, EndpointError> {
    let request = endpoint.client().list_executions().max_results(1_000).set_next_token(token);
    let request = request.set_status_filter(status.map(ExecutionStatus::from));
    let request = match of {
        Of::Machine(arn) => request.state_machine_arn(arn),
        Of::MapRun(arn) => request.map_run_arn(arn),
    };
    endpoint
        .call(Operation::ListExecutions, |capture| async move {
            request.customize().interceptor(capture).send().await
        })
        .await
}

/// How often a history that does not end is asked for again, where the execution has ended: what
/// DescribeExecution says may come before what GetExecutionHistory shows.
const LATE_ENDS: u32 = 5;

impl Endpoint {
    /// The whole history of an execution. With `ended`, it is asked for again until it ends.
    ///
    /// # Errors
    ///
    /// Where the endpoint cannot be reached, refuses, or answers pages that do not belong together.
    pub async fn history(
        &self,
        execution_arn: &str,
        ended: bool,
    ) -> Result<FetchedHistory, EndpointError> {
        let mut tries = 0;
        loop {
            let pages = self.history_pages(execution_arn).await?;
            let text = join(&pages);
            let (history, _) = History::parse(&text).map_err(|error| self.broken(error))?;
            let complete =
                history.events.last().is_some_and(|event| event.event_type.is_terminal());
            tries += 1;
            if complete || !ended || tries > LATE_ENDS {
                return Ok(FetchedHistory { pages, history });
            }
            sleep(Duration::from_millis(100) * 2_u32.pow(tries)).await;
        }
    }

    fn broken(&self, what: impl ToString) -> EndpointError {
        self.error(Operation::GetExecutionHistory, EndpointErrorKind::BrokenPages(what.to_string()))
    }

    /// The pages of a history, whose ids go on from page to page.
    pub(super) async fn history_pages(&self, arn: &str) -> Result<Vec<Arc<[u8]>>, EndpointError> {
        let mut pages = Vec::new();
        let mut token: Option<String> = None;
        let mut tokens = Tokens::default();
        let mut last = 0;
        loop {
            let request = self
                .client()
                .get_execution_history()
                .execution_arn(arn)
                .max_results(1_000)
                .include_execution_data(true)
                .set_next_token(token.clone());
            let answer = self
                .call(Operation::GetExecutionHistory, |capture| async move {
                    request.customize().interceptor(capture).send().await
                })
                .await?;
            let end = self.check_page(&answer, last, pages.len())?;
            let operation = Operation::GetExecutionHistory;
            token = tokens.next(self, operation, (&answer, "nextToken"), end == last)?;
            last = end;
            pages.push(answer.bytes);
            if token.is_none() {
                return Ok(pages);
            }
        }
    }

    /// Whether a page follows the one before: its ids go on, one by one, where those ended.
    fn check_page(&self, answer: &Answer, last: i64, page: usize) -> Result<i64, EndpointError> {
        let events = answer.value.get("events").and_then(Value::as_array);
        let Some(events) = events else {
            return Err(self.broken("a page has no `events`"));
        };
        let id = |event: &Value| event.get("id").and_then(Value::as_i64).unwrap_or_default();
        let page = page + 1;
        let mut last = last;
        for (i, event) in events.iter().enumerate() {
            let has = if i == 0 { "starts with" } else { "has" };
            last = match id(event) {
                id if id <= last => {
                    return Err(self.broken(format!(
                        "page {page} {has} event {id}, which came before (up to event {last})"
                    )));
                }
                id if id > last + 1 => {
                    let missing = match (last + 1, id - 1) {
                        (first, last) if first == last => format!("event {first} is missing"),
                        (first, last) => format!("events {first} to {last} are missing"),
                    };
                    return Err(self.broken(format!("page {page} {has} event {id}: {missing}")));
                }
                id => id,
            };
        }
        Ok(last)
    }

    /// All members of a list: `send` gets the token of a page and answers the page.
    pub(super) async fn list<F>(
        &self,
        operation: Operation,
        member: &str,
        most: usize,
        mut page: impl FnMut(Option<String>) -> F,
    ) -> Result<Vec<Value>, EndpointError>
    where
        F: Future<Output = Result<Answer, EndpointError>>,
    {
        let mut items = Vec::new();
        let mut token: Option<String> = None;
        let mut tokens = Tokens::default();
        loop {
            let answer = page(token).await?;
            let before = items.len();
            if let Some(values) = answer.value.get(member).and_then(Value::as_array) {
                items.extend(values.iter().cloned());
            }
            if items.len() >= most {
                return Ok(items);
            }
            let is_empty = items.len() == before;
            token = tokens.next(self, operation, (&answer, "nextToken"), is_empty)?;
            if token.is_none() {
                return Ok(items);
            }
        }
    }
}
