//! One execution, sans-IO: it never waits, spawns, or asks what time it is.
//!
//! [`Execution`] is told things ([`Input`]) and the time; it answers with what it wants
//! ([`Output`]) and keeps its history. Drivers stand above: the virtual clock of [`crate::sim`],
//! the recorded answers of [`crate::replay`].

mod branch;
mod causes;
mod children;
mod choice;
mod context;
mod dataflow;
mod events;
mod execution;
mod failure;
mod guided;
mod inspection;
mod io;
mod jsonata;
mod map_run;
mod redrive;
mod states;
mod task;
mod timer;
mod variables;

#[cfg(test)]
mod tests;

pub(crate) use causes::too_large;
pub use execution::{Execution, ExecutionResult, ExecutionStatus, Start};
pub(crate) use guided::{Line, Move, MoveKind};
pub use inspection::{Inspection, Left, StateTest};
pub use io::{
    Batching, FailureStage, Input, ItemSource, MapRunRequest, Output, Place, Rejected,
    ResultWriterRequest, TaskId, TaskRequest,
};
pub use redrive::NotRedrivable;
#[cfg(feature = "aws")]
pub(crate) use task::{Asked, failed_event, scheduled_event, service_names};
