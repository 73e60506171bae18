//! Run, assert, replay and diff AWS Step Functions state machines in virtual time.
pub mod asl;
#[cfg(feature = "cli")]
pub mod cli;
pub mod diagnostic;
pub mod document;
pub mod duration;
pub mod engine;
pub mod entropy;
pub mod history;
pub mod json;
pub mod limits;
pub mod map_run;
pub mod matcher;
pub mod mock;
pub mod query;
pub mod replay;
pub mod report;
pub mod runner;
pub mod scenario;
pub mod service;
pub mod service_model;
pub mod sim;
pub mod test_state;
pub mod time;
pub mod value;

pub use report::assert_scenarios;

/// The Rust examples of the README are documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
