//! A driver whose account was kept: what was under way goes on.

use std::time::Instant;

use super::{Driver, Tokens};
use crate::asl::{Pattern, Resource};
use crate::engine::TaskRequest;
use crate::server::clock::Clock;
use crate::server::integration::TaskAnswer;
use crate::server::output::Sinks;
use crate::server::storage::{Opened, Store};
use crate::server::{Options, Retain};
use crate::service::{OpenTask, Wanted};
use crate::time::Timestamp;

impl Driver {
    /// The driver of an account that was kept, and what keeps it further.
    pub(in crate::server) fn restored(
        options: &Options,
        opened: Opened,
        sinks: &Sinks,
        wall: Timestamp,
        real: Instant,
    ) -> (Self, Store) {
        let Opened { restored, clock, cases, store } = opened;
        let mut driver = Self::new(options, wall, real);
        driver.service = restored.service;
        driver.report_to(sinks.clone());
        driver.service.leave_polls_open();
        *driver.service.surroundings_mut() = options.surroundings.clone();
        driver.service.keep_journal();
        if let Some(saved) = clock {
            driver.clock = Clock::restored(options.clock, saved, wall, real);
        }
        let now = driver.clock.now(real);
        driver.transitions = options.quotas.transitions.map(|bucket| Tokens::new(bucket, now));
        for (execution, case) in cases {
            driver.integrations.select_case(execution, &case);
        }
        driver.keep_ended();
        driver.keep_second_runs();
        for open in restored.tasks {
            driver.go_on(open, real);
        }
        driver.unsettled = true;
        (driver, store)
    }

    /// Executions that `--retain` may let go.
    fn keep_ended(&mut self) {
        if self.retain == Retain::All {
            return;
        }
        let ended = self.service.executions().iter().filter(|record| record.map_run.is_none());
        let ended = ended.filter_map(|record| Some((record.execution.ended_at()?, record.id)));
        let mut ended: Vec<_> = ended.collect();
        ended.sort_unstable();
        self.kept = ended.into();
    }

    /// Executions whose start was delivered once more have the ARN of the first run.
    fn keep_second_runs(&mut self) {
        for record in self.service.executions().iter() {
            match self.service.find_execution(&record.arn) {
                Some(first) if first != record.id => {
                    self.integrations.redelivered(first, record.id);
                }
                _ => {}
            }
        }
    }

    /// Goes on with what an execution asked for. Mocks are asked again, those of answered tasks as
    /// well, so that they have given as many answers as before; calls of real services are made
    /// again, and jobs that they have begun are waited for.
    fn go_on(&mut self, open: OpenTask, real: Instant) {
        let (execution, task) = (open.execution, open.task());
        if self.service.executions().find(execution).is_none() {
            return;
        }
        let answer = match &open.wanted {
            Wanted::Task(request) => self.integrations.mocked(&self.service, execution, request),
            Wanted::MapRun(request) => {
                self.integrations.mocked(&self.service, execution, &request.as_task())
            }
        };
        if !self.is_open(execution, task) {
            return;
        }
        match (&open.wanted, answer) {
            (Wanted::Task(request), Some(TaskAnswer::Mock(plan))) => {
                // What comes at once was told when the Task was asked for.
                let course = plan.course(request);
                self.plan_course(execution, request, course, open.at);
            }
            (Wanted::Task(request), Some(answer)) => {
                self.answer(open.execution, request, answer, real)
            }
            (Wanted::Task(request), None) => self.wait_again(&open, request, real),
            (Wanted::MapRun(request), answer) => {
                let now = self.clock.now(real);
                if !self.service.resume(now, &open) {
                    self.run_map(execution, request.clone(), answer, open.at, real);
                }
            }
        }
    }

    /// Goes on with a Task that no mock answers.
    fn wait_again(&mut self, open: &OpenTask, request: &TaskRequest, real: Instant) {
        let now = self.clock.now(real);
        if self.service.resume(now, open) {
            if matches!(request.resource, Resource::Activity { .. }) {
                self.wait_for(open.execution, request.task, &request.state);
            }
            return;
        }
        let answer = match (&open.submitted, request.resource.pattern()) {
            (Some(_), Pattern::WaitForTaskToken) => {
                return self.wait_for(open.execution, request.task, &request.state);
            }
            (Some(begun), _) => {
                self.integrations.awaited(&self.service, open.execution, request, begun)
            }
            (None, _) => self.integrations.called(&self.service, open.execution, request),
        };
        self.answer(open.execution, request, answer, real);
    }
}
