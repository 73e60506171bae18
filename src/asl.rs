//! The Amazon States Language as typed data: every field parsed and compiled once.
//!
//! [`parse`] turns a definition's text into a [`StateMachine`] and diagnostics. Nothing here runs.

pub mod choice;
pub mod map;
#[cfg(test)]
pub(crate) mod nested;
mod parse;
pub mod retry;
pub mod state;
pub mod state_machine;
pub mod task;
pub mod validate;

pub use choice::{ChoiceRule, Comparison, Condition, Operand, Operator};
pub use map::{
    ExecutionType, ItemBatcher, ItemReader, MapState, ProcessorMode, ResultWriter, Threshold,
};
pub use parse::{parse, parse_state, parse_text};
pub use retry::{Catcher, ErrorName, JitterStrategy, Retrier};
pub use state::{
    FailState, Field, PathField, QueryLanguage, ResultPath, State, StateKind, Template, Transition,
    WaitState,
};
pub use state_machine::{StateIndex, StateMachine, States};
pub use task::{Pattern, Resource, TaskState};
pub use validate::{Validation, ValidationRequest, accept_definition, validate_definition};
