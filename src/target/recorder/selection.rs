//! Which executions there are, page by page, the newest first.

use std::collections::{BTreeSet, VecDeque};

use tokio::sync::mpsc::Sender;

use super::{Candidate, Selection, trail};
use crate::recording::{Identity, api_time};
use crate::target::endpoint::{Answer, Endpoint};
use crate::target::error::{EndpointError, EndpointErrorKind};
use crate::target::pages::{Of, Tokens, executions};
use crate::target::throttle::Operation;
use crate::time::Timestamp;
use crate::value::Value;

/// Lists what is selected into `sender`, and what should be said about it.
pub(super) async fn list(
    endpoint: Endpoint,
    selection: Selection,
    sender: Sender<Result<Candidate, String>>,
) -> Result<(), EndpointError> {
    let mut lister = Lister { endpoint, selection, sender, seen: BTreeSet::new(), offered: 0 };
    let named = std::mem::take(&mut lister.selection.executions);
    if !named.is_empty() {
        for arn in named {
            if lister.send(Candidate { arn, started_by: None }).await == Flow::Stop {
                break;
            }
        }
        return Ok(());
    }
    let machine = lister.machine().await?;
    match lister.selection.cloud_trail {
        true => trail::list(&mut lister, machine.as_deref()).await,
        false => lister.executions(machine.as_deref().unwrap_or_default()).await,
    }
}

/// Whether there is a use in listing on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Go,
    Stop,
}

/// Lists executions, and leaves out those that are not selected.
pub(super) struct Lister {
    pub endpoint: Endpoint,
    pub selection: Selection,
    sender: Sender<Result<Candidate, String>>,
    /// What was offered: pages that are shifted by new executions repeat some.
    seen: BTreeSet<u128>,
    offered: usize,
}

impl Lister {
    /// Offers an execution, if it is selected.
    pub(super) async fn offer(&mut self, candidate: Candidate, start: Option<Timestamp>) -> Flow {
        let Selection { since, until, sample, max, .. } = &self.selection;
        let early = since.is_some_and(|since| start.is_some_and(|start| start < since));
        let late = until.is_some_and(|until| start.is_some_and(|start| start >= until));
        let number = number(&candidate.arn);
        if early || late || !sample.is_none_or(|part| is_sampled(number, part)) {
            return Flow::Go;
        }
        if max.is_some_and(|max| self.offered >= max) {
            return Flow::Stop;
        }
        if !self.seen.insert(number) {
            return Flow::Go;
        }
        self.offered += 1;
        self.send(candidate).await
    }

    async fn send(&self, candidate: Candidate) -> Flow {
        match self.sender.send(Ok(candidate)).await {
            Ok(()) => Flow::Go,
            Err(_) => Flow::Stop,
        }
    }

    /// Says something about the list.
    pub(super) async fn note(&self, text: String) {
        // Where nobody listens any more, it matters no more.
        let _ = self.sender.send(Err(text)).await;
    }

    /// The ARN of the machine that was named.
    async fn machine(&self) -> Result<Option<String>, EndpointError> {
        let Some(named) = &self.selection.state_machine else { return Ok(None) };
        if named.starts_with("arn:") {
            return Ok(Some(named.clone()));
        }
        let operation = Operation::ListStateMachines;
        let machines = self
            .endpoint
            .list(operation, "stateMachines", usize::MAX, |token| {
                let request = self.endpoint.client().list_state_machines().max_results(1_000);
                let request = request.set_next_token(token);
                self.endpoint.call(operation, |capture| async move {
                    request.customize().interceptor(capture).send().await
                })
            })
            .await?;
        let text =
            |machine: &Value, key| machine.get(key).and_then(Value::as_str).map(str::to_owned);
        let names = || machines.iter().filter_map(|machine| text(machine, "name"));
        let found = machines.iter().find(|machine| text(machine, "name").as_ref() == Some(named));
        match found.and_then(|machine| text(machine, "stateMachineArn")) {
            Some(arn) => Ok(Some(arn)),
            None => {
                let near = names().min_by_key(|name| strsim::levenshtein(name, named));
                let near = near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
                let kind = EndpointErrorKind::Refused {
                    code: "StateMachineDoesNotExist".into(),
                    message: format!(
                        "no state machine of {} ({}) is called `{named}`{near}",
                        self.endpoint.name(),
                        self.endpoint.region()
                    ),
                };
                Err(self.endpoint.error(operation, kind))
            }
        }
    }

    /// The executions of a machine, the newest first, whichever of the statuses they have.
    async fn executions(&mut self, machine: &str) -> Result<(), EndpointError> {
        let mut lists: Vec<OfStatus> = match self.selection.statuses.clone() {
            statuses if statuses.is_empty() => vec![OfStatus::default()],
            statuses => statuses
                .into_iter()
                .map(|status| OfStatus { status: Some(status), ..OfStatus::default() })
                .collect(),
        };
        loop {
            for list in &mut lists {
                list.look_ahead(&self.endpoint, machine, self.selection.since).await?;
            }
            let ahead = lists.iter_mut().filter_map(|list| {
                let (_, start) = list.ahead.front()?;
                Some((*start, list))
            });
            let Some((_, next)) = ahead.max_by_key(|(start, _)| *start) else { return Ok(()) };
            let Some((arn, start)) = next.ahead.pop_front() else { return Ok(()) };
            if self.offer(Candidate { arn, started_by: None }, start).await == Flow::Stop {
                return Ok(());
            }
        }
    }
}

/// The executions of a machine with one status, page by page.
#[derive(Default)]
struct OfStatus {
    /// `None` for every status.
    status: Option<String>,
    /// What was listed and not offered yet: ARNs, and when they started.
    ahead: VecDeque<(String, Option<Timestamp>)>,
    token: Option<String>,
    tokens: Tokens,
    /// The start of the last execution of the page before.
    last: Option<Timestamp>,
    out_of_order: bool,
    done: bool,
}

impl OfStatus {
    /// Asks for pages until there is something to offer, or nothing left.
    async fn look_ahead(
        &mut self,
        endpoint: &Endpoint,
        machine: &str,
        since: Option<Timestamp>,
    ) -> Result<(), EndpointError> {
        while self.ahead.is_empty() && !self.done {
            let (status, token) = (self.status.as_deref(), self.token.take());
            let page = executions(endpoint, Of::Machine(machine), status, token).await?;
            let (mut past_since, mut is_empty) = (false, true);
            for item in items(&page, "executions") {
                let Some(arn) = item.get("executionArn").and_then(Value::as_str) else { continue };
                let start = item.get("startDate").and_then(api_time);
                self.out_of_order |= self.last.zip(start).is_some_and(|(last, own)| own > last);
                self.last = start.or(self.last);
                let older = since.zip(start).is_some_and(|(since, start)| start < since);
                past_since = (is_empty || past_since) && older;
                is_empty = false;
                self.ahead.push_back((arn.to_owned(), start));
            }
            let next = (&page, "nextToken");
            self.token = self.tokens.next(endpoint, Operation::ListExecutions, next, is_empty)?;
            // Not every emulator lists the newest first, as the service does.
            self.done = self.token.is_none() || past_since && !self.out_of_order;
        }
        Ok(())
    }
}

/// The members of a list in an answer.
pub(super) fn items<'a>(answer: &'a Answer, member: &str) -> impl Iterator<Item = &'a Value> {
    answer.value.get(member).and_then(Value::as_array).into_iter().flat_map(|list| list.iter())
}

/// The number of an execution, as good as drawn by lot.
fn number(arn: &str) -> u128 {
    u128::from_str_radix(Identity::of_arn(arn).as_str(), 16).unwrap_or_default()
}

fn is_sampled(number: u128, part: f64) -> bool {
    // The upper 32 bits are fine enough, and exact as a float.
    ((number >> 96) as f64) < part * 2_f64.powi(32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_the_part_that_was_asked_for_and_always_the_same() {
        let arn = |n: i32| format!("arn:aws:states:eu-west-1:123456789012:execution:m:order-{n}");
        let drawn = |part| (0..10_000).filter(|n| is_sampled(number(&arn(*n)), part)).count();
        assert_eq!((drawn(0.0), drawn(1.0)), (0, 10_000));
        let tenth = drawn(0.1);
        assert!((900..1_100).contains(&tenth), "{tenth}");
        // Who belongs to a small sample belongs to a larger one, in any account.
        let small = (0..1_000).filter(|n| is_sampled(number(&arn(*n)), 0.1));
        let other = |n: i32| number(&arn(n).replace("123456789012", "210987654321"));
        assert!(small.into_iter().all(|n| is_sampled(other(n), 0.2)));
    }
}
