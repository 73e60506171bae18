//! `Retry` and `Catch`.

use super::expression::Scope;
use super::level::Level;
use super::{Fields, Parser};
use crate::asl::retry::{Catcher, ErrorName, JitterStrategy, Retrier};
use crate::asl::state::ResultPath;
use crate::asl::state_machine::StateIndex;
use crate::diagnostic::closest;
use crate::document::Node;

/// The reserved names (developer guide, "Error names"); `States.Http.StatusCode.N` besides.
const RESERVED: [&str; 17] = [
    "States.ALL",
    "States.BranchFailed",
    "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold",
    "States.HeartbeatTimeout",
    "States.Http.Socket",
    "States.IntrinsicFailure",
    "States.ItemReaderFailed",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.QueryEvaluationError",
    "States.ResultPathMatchFailure",
    "States.ResultWriterFailed",
    "States.Runtime",
    "States.TaskFailed",
    "States.Timeout",
];

impl Parser<'_> {
    /// `Retry`: an array of retriers.
    pub(super) fn retry(&mut self, fields: &mut Fields<'_>) -> Vec<Retrier> {
        let language = fields.language;
        let Some(items) = self.handlers(fields, "Retry") else { return Vec::new() };
        let mut retriers = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let Some(members) = self.decoder.object(item) else { continue };
            let mut fields = Fields::new(members, language, "a retrier");
            self.comment(&mut fields);
            let last = index + 1 == items.len();
            retriers.extend(self.retrier(&mut fields, last));
            self.finish(fields);
        }
        retriers
    }

    fn retrier(&mut self, fields: &mut Fields<'_>, last: bool) -> Option<Retrier> {
        let error_equals = self.error_equals(fields, last);
        let seconds = self.limits.seconds;
        let mut integer = |parser: &mut Self, key, range| {
            let node = fields.any(key)?;
            parser.integer(node, range).and_then(|value| u64::try_from(value).ok())
        };
        let interval_seconds = integer(self, "IntervalSeconds", 1..=seconds).unwrap_or(1);
        let max_attempts = integer(self, "MaxAttempts", 0..=seconds).unwrap_or(3);
        let most = self.limits.max_delay_seconds;
        let max_delay_seconds = integer(self, "MaxDelaySeconds", 1..=most);
        let backoff_rate = fields.any("BackoffRate");
        let backoff_rate =
            backoff_rate.and_then(|node| self.number(node, 1.0..=f64::INFINITY)).unwrap_or(2.0);
        let words = [("NONE", JitterStrategy::None), ("FULL", JitterStrategy::Full)];
        let jitter = fields.any("JitterStrategy").filter(|node| !self.open(node));
        let jitter = jitter.and_then(|node| self.decoder.choice(node, &words));
        Some(Retrier {
            error_equals: error_equals?,
            interval_seconds,
            max_attempts,
            backoff_rate,
            max_delay_seconds,
            jitter_strategy: jitter.unwrap_or_default(),
        })
    }

    /// `Catch`: an array of catchers.
    pub(super) fn catch(
        &mut self,
        level: &Level<'_>,
        fields: &mut Fields<'_>,
        from: StateIndex,
    ) -> Vec<Catcher> {
        let language = fields.language;
        let Some(items) = self.handlers(fields, "Catch") else { return Vec::new() };
        let mut catchers = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let Some(members) = self.decoder.object(item) else { continue };
            let mut fields = Fields::new(members, language, "a catcher");
            self.comment(&mut fields);
            let last = index + 1 == items.len();
            catchers.extend(self.catcher(level, &mut fields, from, last));
            self.finish(fields);
        }
        catchers
    }

    fn catcher(
        &mut self,
        level: &Level<'_>,
        fields: &mut Fields<'_>,
        from: StateIndex,
        last: bool,
    ) -> Option<Catcher> {
        let error_equals = self.error_equals(fields, last);
        let next = match fields.any("Next") {
            Some(node) => self.target(level, node, "Next", Some(from)),
            None => {
                self.error_in(fields.node, "These fields are required: [Next]", None);
                None
            }
        };
        let result_path = match fields.jsonpath("ResultPath") {
            Some(node) => self.result_path(Some(node)),
            None => ResultPath::Replace,
        };
        let output = fields.jsonata("Output");
        let output = output.and_then(|node| self.jsonata_template(node, Scope::CATCH));
        let assign = self.assign(fields, Scope::CATCH);
        Some(Catcher { error_equals: error_equals?, next: next?, result_path, output, assign })
    }

    fn handlers<'n>(&mut self, fields: &mut Fields<'n>, key: &'static str) -> Option<&'n [Node]> {
        let node = fields.any(key)?;
        if self.open(node) {
            return None;
        }
        self.decoder.array(node)
    }

    /// `ErrorEquals`: names of errors, `States.ALL` alone and in the last element only.
    fn error_equals(&mut self, fields: &mut Fields<'_>, last: bool) -> Option<Vec<ErrorName>> {
        let Some(node) = fields.any("ErrorEquals") else {
            self.error_in(fields.node, "These fields are required: [ErrorEquals]", None);
            return None;
        };
        if self.open(node) {
            return Some(Vec::new());
        }
        let items = self.decoder.array(node)?;
        if items.is_empty() {
            self.error_in(node, "ErrorEquals must name at least one error", None);
            return None;
        }
        let mut names = Vec::with_capacity(items.len());
        for item in items {
            let Some(name) = self.text(item) else { continue };
            if &*name == "States.ALL" && items.len() > 1 {
                let help = "States.ALL matches every error; list it in an element of its own";
                self.error_help(&item.span, "States.ALL must appear alone in ErrorEquals", help);
            } else if &*name == "States.ALL" && !last {
                let help = "move it to the end; what follows could never match";
                self.error_help(&item.span, "States.ALL must appear in the last element", help);
            }
            self.check_error_name(&name, item);
            names.push(ErrorName(name));
        }
        Some(names)
    }

    /// Names that begin with `States.` are reserved; one that does not exist never matches.
    fn check_error_name(&mut self, name: &str, node: &Node) {
        let reserved = name.starts_with("States.") && !self.is_open(node);
        if !reserved || RESERVED.contains(&name) || name.starts_with("States.Http.StatusCode.") {
            return;
        }
        let help = match closest(name, RESERVED) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "names that begin with `States.` are the service's own".to_owned(),
        };
        let message = format!("There is no reserved error named {name}");
        self.warn(&node.span, "UNKNOWN_ERROR_NAME", message, help);
    }
}
