//! What a server is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::auth::Key;
use super::clock::ClockMode;
use super::endpoint::Endpoints;
use super::output::Outputs;
use super::quota::Quotas;
use crate::mock::Counting;
use crate::mock::config_file::MockConfig;
use crate::scenario::Scenario;
use crate::service::{Account, Surroundings};

/// What a server is started with. The default is an empty account of Step Functions Local's, in
/// real time, on a free port of this computer alone.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens. Port 0 takes a free one: [`Server::address`](super::Server::address).
    pub address: SocketAddr,
    /// Region, account id, seed and limits.
    pub account: Account,
    /// What stands around the account: KMS keys that cannot be used, the log groups there are.
    pub surroundings: Surroundings,
    /// How time passes.
    pub clock: ClockMode,
    /// Requests must be signed with one of these keys; `None` takes any signature, or none.
    pub keys: Option<Vec<Key>>,
    /// The origin that browsers may call from; `*` is any. `None` sends no CORS headers.
    pub cors: Option<String>,
    /// Names that a server for this computer alone answers to, beside `localhost`, addresses and
    /// names that nobody on the Internet can have; `*` is any.
    pub allowed_hosts: Vec<String>,
    /// The quotas that are enforced.
    pub quotas: Quotas,
    /// Which ended executions are kept.
    pub retain: Retain,
    /// The folder that the account is kept in, and taken from; it is made where it is missing.
    /// `None` keeps everything in memory alone.
    pub data_dir: Option<PathBuf>,
    /// Mocks: those of the case that `stateMachineArn#Case` names, else of the machine's only case.
    pub scenarios: Vec<Scenario>,
    /// Mocks from Step Functions Local's mock file: those of the case that `stateMachineArn#Case`
    /// names. An execution that is started without a case has none of them.
    pub mock_config: Option<MockConfig>,
    /// What the numbers of that file's answers count.
    pub mock_counting: Counting,
    /// Read the files of `scenarios` and `mock_config` again when they change. One that cannot be
    /// used any more is told, and what it said before stays.
    pub watch: bool,
    /// Where real services are called, for Tasks without a mock.
    pub endpoints: Endpoints,
    /// What is written beside the answers, and where.
    pub outputs: Outputs,
    /// How long a client may take for the head of a request, and for its body. A connection may be
    /// idle as long.
    pub read_timeout: Duration,
    /// How long open requests have to end once the server is told to stop.
    pub drain_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            account: Account::default(),
            surroundings: Surroundings::default(),
            clock: ClockMode::default(),
            keys: None,
            cors: None,
            allowed_hosts: Vec::new(),
            quotas: Quotas::default(),
            retain: Retain::All,
            data_dir: None,
            scenarios: Vec::new(),
            mock_config: None,
            mock_counting: Counting::Invocations,
            watch: false,
            endpoints: Endpoints::default(),
            outputs: Outputs::default(),
            read_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// Which ended executions are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retain {
    /// All.
    #[default]
    All,
    /// The last ones.
    Count(usize),
    /// Those that ended within this time, by the account's clock.
    For(Duration),
}
