//! Run, assert, replay and diff AWS Step Functions state machines in virtual time.
//!
//! For a test, begin with [`sim::Simulation`]: a state machine, an input, mocks for its tasks, and
//! what came of it. For YAML scenarios in `cargo test`, [`assert_scenarios`]. To ask whether a
//! recorded execution would go the same way with another definition, [`replay::replay`]. For one
//! state by itself, [`test_state::test_state`].
//!
//! ```
//! use serde_json::json;
//! use stepproof::mock::Mock;
//! use stepproof::sim::Simulation;
//!
//! let run = Simulation::parse(
//!     r#"{
//!       "StartAt": "Wait a month",
//!       "States": {
//!         "Wait a month": { "Type": "Wait", "Seconds": 2592000, "Next": "Remind" },
//!         "Remind": { "Type": "Task", "Resource": "arn:aws:states:::sns:publish", "End": true }
//!       }
//!     }"#,
//! )?
//! .mock("Remind", Mock::returns(json!({ "MessageId": "m-1" })))
//! .run()?;
//! assert_eq!(run.path(), ["Wait a month", "Remind"]);
//! assert_eq!(run.duration().as_secs(), 2_592_000);
//! # Ok::<(), stepproof::sim::SimulationError>(())
//! ```
//!
//! # The map
//!
//! Lower layers come first; each uses only what stands above it here, and `cargo xtask tidy` sees
//! to that.
//!
//! | modules | what they are |
//! |---|---|
//! | [`value`], [`json`] | shared JSON values; reading with places, writing |
//! | [`time`], [`entropy`], [`duration`] | points in time, seeded randomness, spans of time: no clock among them |
//! | `markup` | text inside of XML and HTML |
//! | [`diagnostic`], [`document`] | what is wrong with a file and where; JSON and YAML trees with places |
//! | [`history`] | the API's events: reading, writing, lines of control, comparison |
//! | [`query`] | JSONPath, payload templates, intrinsic functions, JSONata |
//! | [`asl`], [`limits`] | the States Language as typed data, its validation; the service's quotas |
//! | [`template`] | state machines in SAM and CloudFormation templates, cdk.out, Terraform plans |
//! | [`engine`] | one execution, sans-IO |
//! | [`graph`] | the picture of a machine and of the way an execution took |
//! | [`map_run`], [`test_state`] | the run of a distributed Map; one state alone |
//! | [`service`] | the account, sans-IO: machines, executions, activities, task tokens |
//! | [`api`] | the account's operations as JSON in, JSON out |
//! | [`matcher`], [`mock`] | what a value must look like; what answers a task |
//! | [`replay`] | a recording against a definition |
//! | [`sim`] | the virtual clock over the account, and answers from mocks |
//! | [`scenario`], [`runner`], [`report`] | YAML files, judging them, telling people |
//! | `sdk` | what the AWS SDK needs on endpoints that are not AWS's (feature `aws`) |
//! | `server` | the API over HTTP (feature `server`): sockets, the real clock, calls of real services |
//! | `redaction`, `recording` | what must not be kept is replaced; executions that happened, as folders (feature `recordings`) |
//! | `target` | live endpoints: cases on them, what they leave behind (feature `aws`) |
//! | `cli` | the command (feature `cli`): arguments, files, threads, terminals |
//!
//! # Invariants
//!
//! - Nothing at or above [`report`] in this map performs I/O, waits, spawns, or asks the time, but
//!   that [`scenario`] reads the files it names. Sockets, clocks and threads belong
//!   to `server`, `recording`, `target` and `cli`.
//! - A failing *state* is data ([`history::Failure`]), never a Rust `Err`. An `Err` means that the
//!   caller misused the interface, or that a file is unusable.
//! - Equal definition, input, seed and answers give equal histories, byte for byte; no order comes
//!   from a hash map.
//! - Only [`history`] knows the shapes of events; only [`report`] and `cli` format for people.
//! - Features add, they never alter: the library does the same with and without `cli`.
//!
//! # Words
//!
//! Names are those of the States Language and of the API: StateMachine, Execution, Retrier,
//! Catcher, TaskToken, MapRun, HistoryEvent. Ours are only: *scenario* (a file of cases), *mock* (an
//! answer in the place of a service), *place* (the branches and iterations around a state,
//! `Order[2]/Charge`), *divergence* (the first thing a replay did otherwise), *recording* (a
//! history with the definition it came from).
pub mod api;
pub mod asl;
#[cfg(feature = "cli")]
pub mod cli;
pub mod diagnostic;
pub mod document;
pub mod duration;
pub mod engine;
pub mod entropy;
pub mod graph;
pub mod history;
pub mod json;
pub mod limits;
pub mod map_run;
mod markup;
pub mod matcher;
pub mod mock;
pub mod query;
#[cfg(feature = "recordings")]
pub mod recording;
#[cfg(feature = "recordings")]
pub mod redaction;
pub mod replay;
pub mod report;
pub mod runner;
pub mod scenario;
#[cfg(feature = "aws")]
mod sdk;
#[cfg(feature = "server")]
pub mod server;
pub mod service;
pub mod service_model;
pub mod sim;
#[cfg(feature = "aws")]
pub mod target;
pub mod template;
pub mod test_state;
pub mod time;
pub mod value;

pub use report::assert_scenarios;

/// The Rust examples of the README are documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
