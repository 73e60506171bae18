//! Run, assert, replay and diff AWS Step Functions state machines in virtual time.
pub mod json;
pub mod value;
