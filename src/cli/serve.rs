//! `stepproof serve`: the Step Functions API on a port, with the options of Step Functions Local.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::output::Terminal;
use super::scenario::args::MockCounting;
use super::{Exit, file};
use crate::api::OPERATIONS;
use crate::diagnostic::closest;
use crate::duration;
use crate::mock::config_file::MockConfig;
use crate::scenario::Scenario;
use crate::server::{
    Bucket, ClockMode, Destination, Endpoints, HttpConnections, Key, Options, Outputs, Quotas,
    Retain, Server,
};
use crate::service::{Account, KmsTrouble, Surroundings};
use crate::sim::START_TIME;
use crate::time::Timestamp;

const HELP: &str = "\
Any AWS SDK, the AWS CLI and Terraform can use it: give them the URL as endpoint, any region and any
credentials. The options of Step Functions Local and its environment variables are understood, also
in its own spelling (`-waitTimeScale 0.1`). A browser at the URL shows machines and executions, and
what went in and out of each state.

StartSyncExecution and TestState: SDKs put `sync-` in front of the host, which `localhost` has not.
Switch that off (AWS CLI and boto3: AWS_DISABLE_HOST_PREFIX_INJECTION=true in the environment; AWS
SDK for JavaScript: `disableHostPrefix: true`), or resolve `sync-localhost` to this computer; the
server takes both names.

Examples:
  stepproof serve
  aws stepfunctions --endpoint-url http://localhost:8083 list-state-machines
  stepproof serve --clock virtual --mocks order.scenario.yaml
  stepproof serve --port 0 --log-format json
  stepproof serve --events-out events.jsonl --log-out - | jq .
  curl -X POST localhost:8083/_stepproof/clock -H 'Content-Type: application/json' \\
    -d '{\"advance\": \"30d\"}'";

/// `stepproof serve`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Serve {
    /// The port; 0 takes a free one, and the first line of standard output names it. Where an output
    /// is `-`, that line is on standard error; with `--log-format json` the log says it.
    #[arg(long, value_name = "PORT", default_value_t = 8083)]
    pub port: u16,
    /// The address to listen on. Anybody who reaches it can do anything here.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// The account in ARNs, twelve digits.
    #[arg(long = "aws-account", value_name = "ID", env = "AWS_ACCOUNT_ID",
        default_value = "123456789012", value_parser = account_id)]
    pub account: String,
    /// The region in ARNs.
    #[arg(
        long = "aws-region",
        value_name = "REGION",
        env = "AWS_DEFAULT_REGION",
        default_value = "us-east-1",
        value_parser = region
    )]
    pub region: String,
    /// How time passes: real, or virtual, where it jumps to the next timer once nothing else can
    /// happen. Open callbacks, tasks of activities and calls of real services hold it.
    #[arg(long, value_enum, default_value_t = Clock::Real, value_name = "CLOCK",
        hide_possible_values = true)]
    pub clock: Clock,
    /// How long waiting takes of what it would take, for Wait states, Retriers, time-outs and
    /// heartbeats: 0.1 makes time pass ten times as fast, 0 is `--clock virtual`.
    #[arg(long, value_name = "FACTOR", env = "WAIT_TIME_SCALE", value_parser = scale)]
    pub wait_time_scale: Option<f64>,
    /// When a virtual clock starts, as RFC 3339; by default 2024-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub start_time: Option<Timestamp>,
    /// A scenario file whose mocks answer Tasks; may be given many times. The machine is the one
    /// that the case names, and `stateMachineArn#Case` picks a case.
    #[arg(long = "mocks", value_name = "FILE")]
    pub mocks: Vec<PathBuf>,
    /// Step Functions Local's mock file: `stateMachineArn#Case` picks a test case. It is read again
    /// when it changes, as the files of `--mocks` are.
    #[arg(long, value_name = "FILE", env = "SFN_MOCK_CONFIG")]
    pub mock_config: Option<PathBuf>,
    /// What the numbers of that file's answers count: invocations (of the state in the whole
    /// execution, as Step Functions Local does), or attempts (of one entry of the state).
    #[arg(long, value_enum, default_value_t = MockCounting::Invocations, value_name = "RULE",
        hide_possible_values = true)]
    pub mock_counting: MockCounting,
    /// Where Lambda functions are called that no mock answers for, such as
    /// `http://127.0.0.1:3001` of `sam local start-lambda`. Requests are signed with
    /// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, where both are set.
    #[arg(long, value_name = "URL", env = "LAMBDA_ENDPOINT")]
    pub lambda_endpoint: Option<String>,
    /// The same for AWS Batch.
    #[arg(long, value_name = "URL", env = "BATCH_ENDPOINT")]
    pub batch_endpoint: Option<String>,
    /// The same for DynamoDB.
    #[arg(long, value_name = "URL", env = "DYNAMODB_ENDPOINT")]
    pub dynamodb_endpoint: Option<String>,
    /// The same for Amazon ECS.
    #[arg(long, value_name = "URL", env = "ECS_ENDPOINT")]
    pub ecs_endpoint: Option<String>,
    /// The same for AWS Glue.
    #[arg(long, value_name = "URL", env = "GLUE_ENDPOINT")]
    pub glue_endpoint: Option<String>,
    /// The same for SageMaker.
    #[arg(long, value_name = "URL", env = "SAGE_MAKER_ENDPOINT")]
    pub sagemaker_endpoint: Option<String>,
    /// The same for Amazon SQS.
    #[arg(long, value_name = "URL", env = "SQS_ENDPOINT")]
    pub sqs_endpoint: Option<String>,
    /// The same for Amazon SNS.
    #[arg(long, value_name = "URL", env = "SNS_ENDPOINT")]
    pub sns_endpoint: Option<String>,
    /// The same for state machines that this server does not have.
    #[arg(long, value_name = "URL", env = "STEP_FUNCTIONS_ENDPOINT")]
    pub step_functions_endpoint: Option<String>,
    /// What the EventBridge connections of HTTP Tasks add to their requests: a JSON object of
    /// connections by name, each as CreateConnection takes it.
    #[arg(long, value_name = "FILE")]
    pub connections: Option<PathBuf>,
    /// A file of NAME=VALUE lines in place of environment variables, such as Step Functions Local's
    /// `aws-stepfunctions-local-credentials.txt`. Options and the environment come before it.
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Let endpoints and HTTP Tasks be called that are not on this computer.
    #[arg(long)]
    pub allow_network: bool,
    /// Keep state machines, executions, histories and open tasks in this folder, and go on from
    /// there after a stop, a kill or a crash. Nothing that was answered is lost. Calls of endpoints
    /// that were under way are made again. One server uses a folder at a time.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Which ended executions are kept: a number, or a duration such as `24h`. By default all.
    #[arg(long, value_name = "N|DURATION", value_parser = retain)]
    pub retain: Option<Retain>,
    /// For so long after UpdateStateMachine executions may still start with what was before, as
    /// AWS warns of. Which do is drawn from the seed.
    #[arg(long, value_name = "DURATION", value_parser = duration_of)]
    pub update_lag: Option<Duration>,
    /// A KMS key that cannot be used, as `kmsKeyId` names it, and why: `access-denied`,
    /// `throttled`, `disabled` or `pending-deletion`; may be given many times.
    #[arg(long, value_name = "KEY=WHY", value_parser = kms_trouble)]
    pub kms_trouble: Vec<(String, KmsTrouble)>,
    /// Enforce the service's quotas: the token buckets of API actions and of state transitions, as
    /// they are in the region.
    #[arg(long)]
    pub quotas: bool,
    /// Enforce one quota, with a bucket of SIZE and RATE tokens more a second; may be given many
    /// times. `StateTransition` is the quota of state transitions.
    #[arg(long = "quota", value_name = "ACTION=SIZE/RATE", value_parser = quota)]
    pub quota: Vec<(String, Bucket)>,
    /// Refuse requests that are not signed with one of these keys; may be given many times. Without
    /// a value, the key is that of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. The web page is
    /// closed then, and what nobody signs answers this computer only: `/metrics`, and `/_stepproof/`
    /// but for `health`.
    #[arg(long, value_name = "KEY_ID:SECRET", num_args = 0..=1, default_missing_value = "",
        require_equals = true)]
    pub auth: Vec<String>,
    /// Let browsers call from pages of this origin; `*` is any.
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    pub cors: Option<String>,
    /// Answer to this name, too; `*` is any; may be given many times. On 127.0.0.1 only names are
    /// answered to that nobody on the Internet can have, so that no web page calls the server by
    /// its own: addresses, names without a dot, and those below `localhost`, `local`, `internal` and
    /// `test`.
    #[arg(long = "allow-host", value_name = "NAME", value_parser = host_name)]
    pub allowed_hosts: Vec<String>,
    /// Append status changes of Standard executions to this file, an event a line, as EventBridge
    /// delivers them; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub events_out: Option<String>,
    /// Append calls of the API to this file, a record a line, as CloudTrail writes them.
    #[arg(long, value_name = "FILE")]
    pub trail_out: Option<String>,
    /// Append `AWS/States` metrics to this file, a datapoint a line, as CloudWatch metric streams
    /// deliver them. `GET /metrics` has their sums for Prometheus.
    #[arg(long, value_name = "FILE")]
    pub metrics_out: Option<String>,
    /// Append the logs of executions to this file, an event a line, as they are in CloudWatch Logs.
    /// Those log whose state machine has a `loggingConfiguration`, each when it ends.
    #[arg(long, value_name = "FILE")]
    pub log_out: Option<String>,
    /// The seed of jitter, UUIDs, task tokens and random numbers.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,
    /// How logs are written to standard error: text, or json, an object a line.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORM",
        hide_possible_values = true)]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug (every request) or trace.
    #[arg(long, default_value_t = LevelFilter::INFO, value_name = "LEVEL")]
    pub log_level: LevelFilter,
}

/// The clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Clock {
    /// That of the wall.
    Real,
    /// One that jumps.
    Virtual,
}

/// The forms of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For other programs.
    Json,
}

impl Serve {
    /// Whether standard output is for lines of an output.
    fn prints_lines(&self) -> bool {
        let outputs = [&self.events_out, &self.trail_out, &self.metrics_out, &self.log_out];
        outputs.into_iter().any(|output| output.as_deref() == Some("-"))
    }
}

pub(super) fn run(arguments: &Serve, terminal: &Terminal) -> Result<Exit, String> {
    start_logging(arguments);
    let options = options(arguments)?;
    let prints = arguments.prints_lines();
    let json = arguments.log_format == LogFormat::Json;
    let (open, signed) = (!options.address.ip().is_loopback(), options.keys.is_some());
    let (account, region) = (options.account.account_id.clone(), options.account.region.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| format!("the server cannot start: {error}"))?;
    runtime.block_on(async {
        // Before anybody can be told that it listens: a signal must not be missed.
        let signals =
            Signals::new().map_err(|error| format!("signals cannot be heard: {error}"))?;
        let server =
            Server::start(options).map_err(|error| format!("the server cannot start: {error}"))?;
        if open {
            let danger = openness(server.address(), signed);
            if json { warn!("{danger}") } else { terminal.warning(&danger) }
        }
        let listening = format!("listening on {}", server.url());
        match (prints, json) {
            (false, _) => terminal.print(&format!("{listening}\n")),
            (true, false) => terminal.note(&listening),
            // The log has it.
            (true, true) => {}
        }
        info!(url = server.url(), %account, %region, "listening");
        let signal = signals.next().await;
        info!(signal, "shutting down");
        server.shutdown();
        Ok(Exit::AsExpected)
    })
}

/// The arguments with the options of Step Functions Local in the spelling of ours
/// (guide, "Step Functions Local Configuration Options").
pub(super) fn local_spelling(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut serves = false;
    let respell = |argument: OsString| {
        let Some(text) = argument.to_str() else { return argument };
        if text == "serve" {
            serves = true;
        }
        if !serves {
            return argument;
        }
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        match LOCAL_SPELLING.iter().find(|(local, _)| *local == name) {
            Some((_, own)) => match value {
                Some(value) => format!("{own}={value}").into(),
                None => (*own).into(),
            },
            None => argument,
        }
    };
    let mut line: Vec<OsString> = arguments.map(respell).collect();
    if serves
        && let Some(path) = env_file(&line)
        && let Ok(text) = file::read(&path)
    {
        let options = from_env_file(&line, &env_lines(&text));
        line.extend(options);
    }
    line
}

/// The file behind `--env-file`. One that cannot be read is told when the options are read.
fn env_file(line: &[OsString]) -> Option<PathBuf> {
    let mut arguments = line.iter().filter_map(|argument| argument.to_str());
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--env-file") {
            Some("") => return arguments.next().map(PathBuf::from),
            Some(rest) if rest.starts_with('=') => return Some(rest[1..].into()),
            _ => {}
        }
    }
    None
}

const LOCAL_SPELLING: &[(&str, &str)] = &[
    ("-account", "--aws-account"),
    ("-region", "--aws-region"),
    ("-waitTimeScale", "--wait-time-scale"),
    ("-lambdaEndpoint", "--lambda-endpoint"),
    ("-batchEndpoint", "--batch-endpoint"),
    ("-dynamoDBEndpoint", "--dynamodb-endpoint"),
    ("-ecsEndpoint", "--ecs-endpoint"),
    ("-glueEndpoint", "--glue-endpoint"),
    ("-sageMakerEndpoint", "--sagemaker-endpoint"),
    ("-sqsEndpoint", "--sqs-endpoint"),
    ("-snsEndpoint", "--sns-endpoint"),
    ("-stepFunctionsEndpoint", "--step-functions-endpoint"),
];

/// The options that a file of NAME=VALUE lines stands for, where neither the command line nor the
/// environment has them (guide, "Credentials and Configuration for Docker").
fn from_env_file(given: &[OsString], file: &[(String, String)]) -> Vec<OsString> {
    let is_given = |option: &str| {
        given.iter().filter_map(|argument| argument.to_str()).any(|argument| {
            argument == option || argument.strip_prefix(option).is_some_and(|r| r.starts_with('='))
        })
    };
    let mut options = Vec::new();
    for (name, value) in file {
        let found = VARIABLES.iter().find(|(variable, _)| variable == name);
        let Some((variable, option)) = found else { continue };
        let in_environment = std::env::var_os(variable).is_some_and(|value| !value.is_empty());
        if !is_given(option) && !in_environment && !value.is_empty() {
            options.push(format!("{option}={value}").into());
        }
    }
    options
}

/// The variables that stand for options.
const VARIABLES: &[(&str, &str)] = &[
    ("AWS_ACCOUNT_ID", "--aws-account"),
    ("AWS_DEFAULT_REGION", "--aws-region"),
    ("WAIT_TIME_SCALE", "--wait-time-scale"),
    ("SFN_MOCK_CONFIG", "--mock-config"),
    ("LAMBDA_ENDPOINT", "--lambda-endpoint"),
    ("BATCH_ENDPOINT", "--batch-endpoint"),
    ("DYNAMODB_ENDPOINT", "--dynamodb-endpoint"),
    ("ECS_ENDPOINT", "--ecs-endpoint"),
    ("GLUE_ENDPOINT", "--glue-endpoint"),
    ("SAGE_MAKER_ENDPOINT", "--sagemaker-endpoint"),
    ("SQS_ENDPOINT", "--sqs-endpoint"),
    ("SNS_ENDPOINT", "--sns-endpoint"),
    ("STEP_FUNCTIONS_ENDPOINT", "--step-functions-endpoint"),
];

/// The NAME=VALUE lines of a file; empty ones and those that begin with `#` say nothing.
fn env_lines(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

fn options(arguments: &Serve) -> Result<Options, String> {
    let mut quotas =
        if arguments.quotas { Quotas::of_region(&arguments.region) } else { Quotas::default() };
    for (what, bucket) in &arguments.quota {
        quotas.set(what, *bucket);
    }
    let virtual_clock = arguments.clock == Clock::Virtual || arguments.wait_time_scale == Some(0.0);
    let clock = match arguments.wait_time_scale {
        Some(scale) if arguments.clock == Clock::Virtual && ![0.0, 1.0].contains(&scale) => {
            return Err("`--clock virtual` jumps over waiting and has no scale for it: leave out \
                        `--wait-time-scale` (WAIT_TIME_SCALE), or `--clock virtual`"
                .to_owned());
        }
        _ if virtual_clock => {
            ClockMode::Virtual { start: arguments.start_time.unwrap_or(START_TIME) }
        }
        _ if arguments.start_time.is_some() => {
            return Err("`--start-time` is for `--clock virtual`".to_owned());
        }
        scale => ClockMode::Real { wait_time_scale: scale.unwrap_or(1.0) },
    };
    Ok(Options {
        address: SocketAddr::new(arguments.host, arguments.port),
        account: Account {
            region: arguments.region.as_str().into(),
            account_id: arguments.account.as_str().into(),
            seed: arguments.seed.cast_signed(),
            update_lag_millis: arguments
                .update_lag
                .map_or(0, |lag| i64::try_from(lag.as_millis()).unwrap_or(i64::MAX)),
            ..Account::default()
        },
        surroundings: Surroundings {
            kms_keys: arguments
                .kms_trouble
                .iter()
                .map(|(key, trouble)| (key.as_str().into(), *trouble))
                .collect(),
            ..Surroundings::default()
        },
        clock,
        keys: keys(&arguments.auth)?,
        cors: arguments.cors.clone(),
        allowed_hosts: arguments.allowed_hosts.clone(),
        quotas,
        retain: arguments.retain.unwrap_or_default(),
        data_dir: arguments.data_dir.clone(),
        scenarios: scenarios(&arguments.mocks)?,
        mock_config: mock_config(arguments)?,
        mock_counting: arguments.mock_counting.rule(),
        watch: true,
        endpoints: endpoints(arguments)?,
        outputs: Outputs {
            events: arguments.events_out.as_deref().map(Destination::parse),
            trail: arguments.trail_out.as_deref().map(Destination::parse),
            metrics: arguments.metrics_out.as_deref().map(Destination::parse),
            log: arguments.log_out.as_deref().map(Destination::parse),
        },
        ..Options::default()
    })
}

fn scenarios(paths: &[PathBuf]) -> Result<Vec<Scenario>, String> {
    let load = |path: &PathBuf| {
        Scenario::load(path).map_err(|problems| {
            let style = crate::diagnostic::Style::Plain;
            let texts = problems.iter().map(|problem| format!("{}\n", problem.render(style)));
            format!("the mocks cannot be used\n\n{}", texts.collect::<String>().trim_end())
        })
    };
    paths.iter().map(load).collect()
}

fn mock_config(arguments: &Serve) -> Result<Option<MockConfig>, String> {
    let given = arguments.mock_config.as_ref().filter(|path| !path.as_os_str().is_empty());
    let Some(path) = given else { return Ok(None) };
    let config = MockConfig::parse(&path.display().to_string(), &file::read(path)?);
    let config = config.map_err(|problems| {
        let style = crate::diagnostic::Style::Plain;
        let errors = problems.iter().filter(|problem| problem.is_error());
        let texts = errors.map(|problem| format!("{}\n", problem.render(style)));
        format!("the mock file cannot be used\n\n{}", texts.collect::<String>().trim_end())
    })?;
    for warning in &config.warnings {
        warn!("{warning}");
    }
    Ok(Some(config))
}

fn endpoints(arguments: &Serve) -> Result<Endpoints, String> {
    let lines = match &arguments.env_file {
        Some(path) => env_lines(&file::read(path)?),
        None => Vec::new(),
    };
    let in_file = |name: &str| lines.iter().find(|(own, _)| own == name).map(|(_, v)| v.clone());
    let variable = |names: [&str; 2]| {
        names.iter().find_map(|name| std::env::var(name).ok().or_else(|| in_file(name)))
    };
    let key = variable(["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"]);
    let secret = variable(["AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"]);
    let credentials = key
        .zip(secret)
        .map(|(access_key_id, secret_access_key)| Key { access_key_id, secret_access_key });
    let mut endpoints = Endpoints::new(credentials, arguments.allow_network);
    if let Some(path) = &arguments.connections {
        let connections = HttpConnections::parse(&file::read(path)?);
        let fail = |why| format!("the connections of `{}` cannot be used: {why}", path.display());
        endpoints.set_connections(connections.map_err(fail)?);
    }
    let given = [
        ("lambda", &arguments.lambda_endpoint),
        ("batch", &arguments.batch_endpoint),
        ("dynamodb", &arguments.dynamodb_endpoint),
        ("ecs", &arguments.ecs_endpoint),
        ("glue", &arguments.glue_endpoint),
        ("sagemaker", &arguments.sagemaker_endpoint),
        ("sqs", &arguments.sqs_endpoint),
        ("sns", &arguments.sns_endpoint),
        ("step-functions", &arguments.step_functions_endpoint),
    ];
    for (service, url) in given {
        if let Some(url) = url.as_deref().filter(|url| !url.is_empty()) {
            endpoints.set(service, url)?;
        }
    }
    Ok(endpoints)
}

fn keys(arguments: &[String]) -> Result<Option<Vec<Key>>, String> {
    let key = |argument: &String| {
        if argument.is_empty() {
            let variable = |name: &str| {
                let value = std::env::var(name).ok().filter(|value| !value.is_empty());
                value.ok_or_else(|| format!("`--auth` without a key needs {name}"))
            };
            return Ok(Key {
                access_key_id: variable("AWS_ACCESS_KEY_ID")?,
                secret_access_key: variable("AWS_SECRET_ACCESS_KEY")?,
            });
        }
        let (id, secret) = argument
            .split_once(':')
            .filter(|(id, secret)| !id.is_empty() && !secret.is_empty())
            .ok_or_else(|| "`--auth` takes KEY_ID:SECRET, as in `--auth=me:secret`".to_owned())?;
        Ok(Key { access_key_id: id.to_owned(), secret_access_key: secret.to_owned() })
    };
    let keys = arguments.iter().map(key).collect::<Result<Vec<Key>, String>>()?;
    Ok((!keys.is_empty()).then_some(keys))
}

/// The danger of an address that is not of this computer alone.
fn openness(address: SocketAddr, signed: bool) -> String {
    let signed = if signed {
        "requests must be signed, but nothing is encrypted"
    } else {
        "requests need no credentials: add `--auth`, or listen on 127.0.0.1"
    };
    format!("listening on {address}, which other computers may reach; {signed}")
}

fn start_logging(arguments: &Serve) {
    let filter =
        EnvFilter::builder().with_default_directive(arguments.log_level.into()).from_env_lossy();
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let styled = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // Where a test has set a subscriber up already, that one stays.
    let _ = match arguments.log_format {
        LogFormat::Text => logs.with_ansi(styled).with_target(false).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).with_target(false).try_init(),
    };
}

/// What ends the server.
struct Signals {
    #[cfg(unix)]
    terminate: std::cell::RefCell<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    interrupt: std::cell::RefCell<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?.into(),
            interrupt: signal(SignalKind::interrupt())?.into(),
        })
    }

    async fn next(self) -> &'static str {
        let (mut terminate, mut interrupt) =
            (self.terminate.into_inner(), self.interrupt.into_inner());
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    async fn next(self) -> &'static str {
        // Where it cannot be heard, the server runs until the process ends.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl+C"
    }
}

fn account_id(text: &str) -> Result<String, String> {
    if text.is_empty() {
        // A variable without a value is one that is not set.
        return Ok("123456789012".to_owned());
    }
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account id has twelve digits".to_owned())
    }
}

/// A region as it stands in an ARN. A variable without a value is one that is not set.
fn region(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok("us-east-1".to_owned());
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("a region has letters, digits and `-`, such as us-east-1".to_owned())
    }
}

fn origin(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("expected an origin such as http://localhost:3000, or `*`".to_owned())
    }
}

fn host_name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if text == "*" || !text.is_empty() && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("expected a name without scheme and port, such as sfn.example.com, or `*`".to_owned())
    }
}

fn scale(text: &str) -> Result<f64, String> {
    if text.is_empty() {
        return Ok(1.0);
    }
    match text.parse::<f64>() {
        Ok(scale) if scale.is_finite() && scale >= 0.0 => Ok(scale),
        _ => Err("a number of at least 0 is needed, such as 0.1".to_owned()),
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "expected RFC 3339, such as 2024-01-01T00:00:00Z".into())
}

fn retain(text: &str) -> Result<Retain, String> {
    if let Ok(count) = text.parse::<usize>() {
        return Ok(Retain::Count(count));
    }
    match duration::parse(text) {
        Some(kept) if kept > Duration::ZERO => Ok(Retain::For(kept)),
        _ => Err(format!("expected a number of executions or {}", duration::FORM)),
    }
}

fn duration_of(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| format!("expected {}", duration::FORM))
}

fn kms_trouble(text: &str) -> Result<(String, KmsTrouble), String> {
    let (key, why) = text.rsplit_once('=').unwrap_or((text, ""));
    let trouble = match why {
        "access-denied" => KmsTrouble::AccessDenied,
        "throttled" => KmsTrouble::Throttled,
        "disabled" => KmsTrouble::Disabled,
        "pending-deletion" => KmsTrouble::PendingDeletion,
        _ => {
            return Err("expected KEY=WHY, where WHY is `access-denied`, `throttled`, `disabled` \
                        or `pending-deletion`"
                .to_owned());
        }
    };
    Ok((key.to_owned(), trouble))
}

fn quota(text: &str) -> Result<(String, Bucket), String> {
    let parsed =
        text.split_once('=').and_then(|(what, bucket)| Some((what, Bucket::parse(bucket)?)));
    let Some((what, bucket)) = parsed else {
        return Err("expected ACTION=SIZE/RATE, such as StartExecution=1300/300".to_owned());
    };
    let known = || OPERATIONS.into_iter().chain(["StateTransition"]);
    if known().any(|action| action == what) {
        return Ok((what.to_owned(), bucket));
    }
    Err(match closest(what, known()) {
        Some(meant) => format!("there is no action `{what}`, did you mean `{meant}`?"),
        None => format!("there is no action `{what}`, nor is it `StateTransition`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_step_functions_local_are_respelled() {
        let line = "stepproof serve -account 111122223333 -waitTimeScale=0.5 --port 1 -region x";
        let respelled = local_spelling(line.split(' ').map(OsString::from));
        let expected = "stepproof serve --aws-account 111122223333 --wait-time-scale=0.5 --port 1 \
                        --aws-region x";
        assert_eq!(respelled, expected.split(' ').map(OsString::from).collect::<Vec<_>>());
        let other = ["stepproof", "run", "-account"].map(OsString::from);
        assert_eq!(local_spelling(other.clone().into_iter()), other);
    }

    #[test]
    fn a_file_stands_for_the_environment() {
        let file = "# ours\nLAMBDA_ENDPOINT=http://127.0.0.1:3001\n\nSQS_ENDPOINT=\n\
                    GLUE_ENDPOINT = http://localhost:4566\nAWS_ACCESS_KEY_ID=x";
        let given = ["stepproof", "serve", "--glue-endpoint", "u"].map(OsString::from);
        let options = from_env_file(&given, &env_lines(file));
        assert_eq!(options, [OsString::from("--lambda-endpoint=http://127.0.0.1:3001")]);
        assert_eq!(env_file(&["a", "--env-file", "f"].map(OsString::from)), Some("f".into()));
        assert_eq!(env_file(&["a", "--env-file=f"].map(OsString::from)), Some("f".into()));
    }

    #[test]
    fn a_host_is_a_bare_name() {
        for name in ["*", "sfn.example.com", "sync-sfn"] {
            assert_eq!(host_name(name), Ok(name.to_owned()));
        }
        for text in ["", "http://sfn.example.com", "sfn.example.com:8083", "*.example.com"] {
            assert!(host_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn retention_is_a_number_or_a_duration() {
        assert_eq!(retain("1000"), Ok(Retain::Count(1000)));
        assert_eq!(retain("24h"), Ok(Retain::For(Duration::from_secs(86_400))));
        assert!(retain("soon").is_err());
    }
}
