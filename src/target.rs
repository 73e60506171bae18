//! Live endpoints of the Step Functions API: running scenarios on them, recording from them.
//!
//! Everything here waits, reads the clock and uses the network; nothing below it does.

mod activity;
mod batch;
mod clean;
mod compare;
mod endpoint;
mod error;
mod express;
mod file;
mod live;
mod map_runs;
mod mock_file;
mod observed;
mod obstacle;
#[cfg(feature = "server")]
mod own;
mod pages;
mod recorder;
mod refused;
mod services;
mod session;
mod settings;
mod state_test;
mod throttle;
mod worker;

pub use batch::{Batch, CaseOf, block_on, run_batch};
pub use clean::Leftover;
pub use compare::{Comparison, compare, run_local};
pub use endpoint::{Answer, Endpoint, EndpointOptions};
pub use error::{EndpointError, EndpointErrorKind};
pub use file::{Host, KnownCase, KnownCases, Target};
pub use live::LiveReport;
pub use pages::FetchedHistory;
pub use recorder::{End, Fetched, Heard, Missed, RecorderSettings, Selection, record};
pub use session::{Leftovers, NAME_PREFIX, Session, TAG_RUN, TAG_TIME};
pub use settings::{Compare, MockWay, Settings, Strictness};
pub use throttle::Operation;

#[cfg(test)]
mod tests;
