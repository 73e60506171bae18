//! Calls of real services at their endpoints, outside of the account.

use super::report::Report;

/// A call of a service.
#[derive(Debug)]
pub(super) enum EndpointCall {}

impl EndpointCall {
    /// Makes the call, and reports what becomes of the Task. It is dropped where the Task is given
    /// up before.
    pub(super) async fn run(self, _report: Report) {
        match self {}
    }
}
