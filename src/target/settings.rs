//! How cases run on a target, and how strictly what comes of them is judged.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How cases run on a live endpoint.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What answers mocked Tasks.
    pub mocks: MockWay,
    /// How strictly the result is compared.
    pub compare: Compare,
    /// The role that executions run as; an emulator takes any.
    pub role_arn: Option<String>,
    /// How many cases run at once.
    pub concurrency: usize,
    /// How much longer than on the virtual clock an execution may take.
    pub timeout: Duration,
    /// Cases that need more real time than this are not run.
    pub max_real_time: Duration,
    /// Where [`MockWay::Endpoint`] serves the services.
    pub listen: SocketAddr,
    /// The file that [`MockWay::MockFile`] writes.
    pub mock_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mocks: MockWay::Activity,
            compare: Compare::default(),
            role_arn: None,
            concurrency: 4,
            timeout: Duration::from_secs(30),
            max_real_time: Duration::from_secs(10),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8085)),
            mock_file: None,
        }
    }
}

/// What answers mocked Tasks on a live endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MockWay {
    /// Every Task becomes an activity that our own workers serve.
    Activity,
    /// A server of our own, started for each case: there is no endpoint, and nothing is rewritten.
    Server,
    /// Tasks call services that we serve, where the endpoint was told their address.
    Endpoint,
    /// The endpoint answers, from Step Functions Local's mock file that we write.
    MockFile,
    /// Nothing: Tasks call what they call.
    None,
}

impl MockWay {
    /// The ways by their names.
    pub const ALL: [(&'static str, Self); 5] = [
        ("activity", Self::Activity),
        ("endpoint", Self::Endpoint),
        ("mock-file", Self::MockFile),
        ("server", Self::Server),
        ("none", Self::None),
    ];

    /// Its name in target files and on the command line.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, way)| *way == self).map_or("", |(name, _)| name)
    }
}

/// How strictly what comes of a case is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compare {
    /// What is looked at.
    pub history: Strictness,
    /// Whether the wording of causes counts; error names always do.
    pub causes: bool,
}

impl Default for Compare {
    fn default() -> Self {
        Self { history: Strictness::Causal, causes: true }
    }
}

/// What of an execution is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strictness {
    /// Its status, output, error and cause.
    Outcome,
    /// Also its path, states, calls and history, in which the order between branches and
    /// iterations that overlap does not count.
    Causal,
    /// Also the order of all events.
    Exact,
}

impl Strictness {
    /// The strictnesses by their names.
    pub const ALL: [(&'static str, Self); 3] =
        [("outcome", Self::Outcome), ("causal", Self::Causal), ("exact", Self::Exact)];

    /// Its name in target files.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, own)| *own == self).map_or("", |(name, _)| name)
    }
}
