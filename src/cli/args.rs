//! The command line: every command, its options, and the help that teaches them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::exit;
use super::scenario::args::Scenario;

const ABOUT: &str =
    "Run, assert, replay and diff AWS Step Functions state machines in virtual time";

const LONG_ABOUT: &str = "\
Run, assert, replay and diff AWS Step Functions state machines in virtual time.

stepproof interprets the Amazon States Language on a virtual clock: waits, retries and time-outs of
days take milliseconds, services are mocked, and nothing touches a network or an AWS account.";

const EXAMPLES: &str = "\
From a definition to a first scenario:
  stepproof check order.asl.json
  stepproof init order.asl.json --output order.scenario.yaml
  stepproof run order.scenario.yaml

One execution, its tasks answered on the command line:
  stepproof exec order.asl.json --input '{\"orderId\": 17}' --mock 'Charge={\"receipt\": \"r-1\"}'

A production history against the definition that is about to be deployed:
  aws stepfunctions get-execution-history --execution-arn ARN > history.json
  stepproof replay history.json --definition order.asl.json";

fn after_help() -> String {
    format!("{EXAMPLES}\n\n{}", exit::HELP)
}

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "stepproof",
    version,
    about = ABOUT,
    long_about = LONG_ABOUT,
    after_help = after_help(),
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
    /// Colours and progress bars: auto (on a terminal), always, never.
    #[arg(
        long,
        global = true,
        // Otherwise its place among a command's options moves with the number of commands.
        display_order = 900,
        value_enum,
        default_value_t = Colour::Auto,
        value_name = "WHEN",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub color: Colour,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run scenario files and judge their expectations.
    Run(Box<Run>),
    /// Run one execution and print its path and its output.
    Exec(Exec),
    /// Replay recorded histories against a definition.
    Replay(Replay),
    /// Put recordings into one file, for replays at scale.
    Bundle(Bundle),
    /// Record executions that happened, as folders for review and for replays.
    Record(Record),
    /// Compare two histories.
    Diff(Diff),
    /// Run scenario files on several targets, and show where they differ.
    #[cfg(feature = "aws")]
    Compare(Box<super::compare::Compare>),
    /// Take away what runs on a live endpoint have left.
    #[cfg(feature = "aws")]
    Clean(super::clean::Clean),
    /// Check definitions: everything that AWS would refuse or that cannot be meant.
    Check(Check),
    /// Draw a definition, and the way an execution took through it.
    Graph(Graph),
    /// Write a scenario for a definition, with a mock for every Task, to start from.
    Init(Init),
    /// Serve the Step Functions API on a port, for any AWS SDK.
    #[cfg(feature = "server")]
    Serve(Box<super::serve::Serve>),
    /// Scenario files from elsewhere, and for elsewhere.
    #[command(subcommand)]
    Scenario(Scenario),
}

const RUN_HELP: &str = "\
A path is a scenario file or a folder; of a folder, every `*.scenario.yaml` below it runs.
Every case passes, fails (an expectation did not hold) or could not be run (the file, the
definition or a mock is wrong); the report follows the order of the paths, however many run at once.

Examples:
  stepproof run                                      every scenario below this folder
  stepproof run scenarios/order.scenario.yaml        one file
  stepproof run scenarios -k retry                   cases with `retry` in file, name or tags
  stepproof run scenarios --shard 2/4                the second of four parts
  stepproof run scenarios --update                   rewrite failing expectations for review
  stepproof run scenarios --report junit --output junit.xml
  stepproof run scenarios --target aws --role ARN    on AWS itself, with nothing deployed
  stepproof run scenarios --target http://127.0.0.1:8083";

/// `stepproof run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_HELP)]
pub struct Run {
    /// Scenario files and folders.
    #[arg(default_value = ".", hide_default_value = true)]
    pub paths: Vec<PathBuf>,
    /// Only cases with this text in their file's path, their name or their tags, in any case.
    #[arg(short = 'k', long = "filter", value_name = "TEXT")]
    pub filter: Option<String>,
    /// Only part K of N: every case is in exactly one part, and stays there as others are added.
    #[arg(long, value_name = "K/N", value_parser = shard)]
    pub shard: Option<(u64, u64)>,
    /// Rewrite expectations that do not hold, in place; comments and layout of the rest stay.
    #[arg(long)]
    pub update: bool,
    /// The form of the report: text, json or junit (XML, for CI systems).
    #[arg(long, value_enum, default_value_t = Report::Text, value_name = "FORM",
        hide_possible_values = true)]
    pub report: Report,
    /// Write the report to this file; the text report is printed all the same.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// List the cases in place of running them.
    #[arg(long, conflicts_with_all = ["update", "output"])]
    pub list: bool,
    /// List the named faults that mocks can use.
    #[arg(long, conflicts_with_all = ["update", "list"])]
    pub list_faults: bool,
    /// The seed of jitter, UUIDs and random numbers, in place of each case's own.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// How many files run at once; by default one for each core.
    #[arg(long, value_name = "NUMBER")]
    pub jobs: Option<usize>,
    /// Where the cases run: local (the interpreter, on its virtual clock), serve (stepproof's own
    /// server), aws (or what AWS_ENDPOINT_URL_SFN names), the URL of an endpoint, or a target file,
    /// as in conformance/targets.
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "TARGET", default_value = "local",
        conflicts_with_all = ["update", "seed", "jobs"])]
    pub target: String,
    /// How a live endpoint is used.
    #[cfg(feature = "aws")]
    #[command(flatten)]
    pub live: super::live::LiveArgs,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Report {
    /// For people.
    Text,
    /// For other programs.
    Json,
    /// JUnit XML, for CI systems.
    Junit,
}

const EXEC_HELP: &str = "\
Prints the states entered and the output. A Task without a mock stops the execution and shows what
to add. The exit code is 0 where the execution succeeds and 1 where it does not.

A mock is `KEY=JSON`: KEY is a state, a place such as `Map[2]/Charge`, a state of a nested machine
such as `Child:Charge`, or a resource; JSON is the task's result. `KEY={\"$fail\": \"Error\"}` fails it and `KEY={\"$mock\": …}` takes any answer of a
scenario file, such as `{\"$mock\": [{\"fault\": \"lambda.throttled\"}, {\"return\": {}}]}`.

Examples:
  stepproof exec order.asl.json --input '{\"orderId\": 17}' --mock 'Charge={\"receipt\": \"r-1\"}'
  stepproof exec order.asl.json --input input.json --history-out history.json
  stepproof exec order.asl.json --machine Payment=payment.asl.json --mock 'Payment:Charge={}'
  stepproof exec order.asl.json --type EXPRESS --start-time 2024-12-31T23:59:00Z
  stepproof exec order.asl.json --type EXPRESS --log-out log.jsonl --log-level ERROR";

/// A state machine in a template.
#[derive(Clone, Debug, Default, Args)]
pub struct TemplateArgs {
    /// A SAM or CloudFormation template, the folder `cdk.out`, or `terraform show -json` of a plan.
    #[arg(long, value_name = "FILE")]
    pub template: Option<PathBuf>,
    /// The logical id, name or address of the state machine, where the template holds several.
    #[arg(long, value_name = "ID", requires = "template")]
    pub resource: Option<String>,
    /// The value of a parameter of the template; may be given many times.
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
}

/// What the placeholders of a definition stand for.
#[derive(Clone, Debug, Default, Args)]
pub struct SubstitutionArgs {
    /// Fill in a `${Placeholder}` of the definition; may be given many times.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

/// The type of a state machine.
#[derive(Clone, Copy, Debug, Args)]
pub struct TypeArg {
    /// STANDARD or EXPRESS; by default what the template says, else STANDARD.
    #[arg(
        long = "type",
        value_enum,
        ignore_case = true,
        value_name = "TYPE",
        hide_possible_values = true
    )]
    pub given: Option<MachineType>,
}

/// `stepproof exec`.
#[derive(Debug, Args)]
#[command(after_help = EXEC_HELP)]
pub struct Exec {
    /// The definition, as JSON or YAML; `-` reads standard input.
    #[arg(required_unless_present = "template", conflicts_with = "template")]
    pub definition: Option<PathBuf>,
    /// The template that holds it, in place of a definition.
    #[command(flatten)]
    pub template: TemplateArgs,
    /// The input: JSON, or a file that holds it. By default `{}`.
    #[arg(long, value_name = "FILE|JSON")]
    pub input: Option<String>,
    /// The answer to a state's tasks; may be given many times.
    #[arg(long = "mock", value_name = "KEY=JSON")]
    pub mocks: Vec<String>,
    /// What its placeholders stand for.
    #[command(flatten)]
    pub substitutions: SubstitutionArgs,
    /// An object that a distributed Map reads; may be given many times.
    #[arg(long = "object", value_name = "S3URI=FILE")]
    pub objects: Vec<String>,
    /// Standard or Express.
    #[command(flatten)]
    pub machine_type: TypeArg,
    /// A state machine that nested executions really run, by its name; `NAME:EXPRESS=FILE` makes it
    /// an Express one; may be given many times.
    #[arg(long = "machine", value_name = "NAME=FILE")]
    pub machines: Vec<String>,
    /// When it starts, as RFC 3339; by default 2024-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub start_time: Option<String>,
    /// The execution's name.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The seed of jitter, UUIDs and random numbers.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,
    /// Write the history here, in the shape of GetExecutionHistory; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub history_out: Option<PathBuf>,
    /// Write the log here, a JSON object a line, as Express executions write it to CloudWatch Logs;
    /// `-` is standard output.
    #[arg(long, value_name = "FILE", conflicts_with = "history_out")]
    pub log_out: Option<PathBuf>,
    /// What is logged: ALL, ERROR or FATAL.
    #[arg(long, value_enum, ignore_case = true, default_value_t = LogDetail::All,
        value_name = "LEVEL", hide_possible_values = true, requires = "log_out")]
    pub log_level: LogDetail,
    /// Log no inputs and outputs, as with `includeExecutionData: false`.
    #[arg(long, requires = "log_out")]
    pub log_without_data: bool,
    /// The form of the report.
    #[command(flatten)]
    pub report: FormArg,
}

/// The levels of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LogDetail {
    /// Every event.
    All,
    /// What fails.
    Error,
    /// How executions end badly.
    Fatal,
}

/// The types of a state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MachineType {
    /// Standard workflows.
    Standard,
    /// Express workflows.
    Express,
}

const REPLAY_HELP: &str = "\
A history is what `aws stepfunctions get-execution-history` prints; pages may be joined and
timestamps may be missing. Recordings are what `stepproof record` writes; a bundle holds many in one
.tar, .tar.gz or .tar.zst file, made by `stepproof bundle` or by tar. What tasks, children, callbacks
and timers answered then is answered again. An execution is `same`, `diverged` at the first state
that does something else now, `undecided` where the recording lacks what the definition now depends
on, or `unusable`. Equal findings of many executions are one group with one example.

Exit codes, for a deployment gate; the first that fits:
  130  interrupted: the report holds what was done
  1    an execution diverged, or is undecided (without --allow-undecided); others may be unusable
  2    an execution could not be read or is of another machine, or an option is wrong
  0    every execution does as recorded

Examples:
  stepproof replay history.json --definition order.asl.json
  stepproof replay recordings/ --definition order.asl.json --report json --output replay.json
  stepproof replay recordings/                     each against the definition that it ran
  stepproof replay week.tar.zst --definition Orders=order.asl.json --definition Refunds=r.asl.json
  stepproof replay week.tar.zst --definition order.asl.json --fallback new-states.scenario.yaml
  stepproof replay week.tar.zst --definition order.asl.json --shard hash:3/16 \\
    --report json --output part-3.json
  stepproof replay --merge part-*.json";

/// `stepproof replay`.
#[derive(Debug, Args)]
#[command(after_help = REPLAY_HELP)]
pub struct Replay {
    /// Histories, recordings, bundles, or folders of them.
    #[arg(required_unless_present = "merge")]
    pub histories: Vec<PathBuf>,
    /// The definition to replay against, as JSON or YAML; with MACHINE= only recordings of that
    /// state machine; may be given many times. By default each recording's own.
    #[arg(long = "definition", value_name = "[MACHINE=]FILE", conflicts_with = "template")]
    pub definitions: Vec<String>,
    /// The template that holds it, in place of a definition.
    #[command(flatten)]
    pub template: TemplateArgs,
    /// Write the history that the interpreter produced here (of a single history).
    #[arg(long, value_name = "FILE")]
    pub history_out: Option<PathBuf>,
    /// When the execution started, where the history does not say so.
    #[arg(long, value_name = "TIME")]
    pub start_time: Option<String>,
    /// The input (JSON, or a file), where the history was recorded without data.
    #[arg(long, value_name = "FILE|JSON")]
    pub input: Option<String>,
    /// The execution's ARN, where the definition reads it from the Context Object: no history
    /// shows it.
    #[arg(long, value_name = "ARN")]
    pub execution_arn: Option<String>,
    /// An object that a distributed Map reads; may be given many times. Without it, the result of
    /// such a Map is taken from the recorded output of its state.
    #[arg(long = "object", value_name = "S3URI=FILE")]
    pub objects: Vec<String>,
    /// Let the wording of causes differ; error names always count.
    #[arg(long)]
    pub ignore_causes: bool,
    /// What its placeholders stand for.
    #[command(flatten)]
    pub substitutions: SubstitutionArgs,
    /// Standard or Express.
    #[command(flatten)]
    pub machine_type: TypeArg,
    /// A scenario whose mocks answer what the recording does not: states that it has not seen,
    /// attempts that were not made. FILE#CASE names one of several cases.
    #[arg(long, value_name = "FILE[#CASE]")]
    pub fallback: Option<String>,
    /// Let undecided executions pass.
    #[arg(long)]
    pub allow_undecided: bool,
    /// Only part K of N, by a hash of the execution's ARN, or of its path where none is recorded.
    #[arg(long, value_name = "hash:K/N", value_parser = hash_shard)]
    pub shard: Option<(u64, u64)>,
    /// Put the JSON results of all parts together, in place of replaying anything.
    #[arg(long, value_name = "RESULTS", num_args = 1.., conflicts_with_all = [
        "histories", "definitions", "template", "shard", "fallback", "history_out", "each"])]
    pub merge: Vec<PathBuf>,
    /// The form of the report: text, json or junit (XML, for CI systems).
    #[arg(long, value_enum, default_value_t = Report::Text, value_name = "FORM",
        hide_possible_values = true)]
    pub report: Report,
    /// Write the report to this file; a summary is printed all the same.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write a line of JSON for each execution to this file: its name, its outcome, and what was
    /// found. Executions within a recording that cannot be replayed are one line by reason, with
    /// their number.
    #[arg(long, value_name = "FILE")]
    pub each: Option<PathBuf>,
    /// How many executions are replayed at once; by default one for each core.
    #[arg(long, value_name = "NUMBER")]
    pub jobs: Option<usize>,
}

/// `stepproof bundle`.
#[derive(Debug, Args)]
#[command(after_help = "The bundle's name says how it is compressed: .tar, .tar.gz or .tar.zst. \
    The same recordings give the same bytes.\n\nExamples:\n  stepproof bundle recordings --output \
    week.tar.zst\n  stepproof replay week.tar.zst --definition order.asl.json")]
pub struct Bundle {
    /// Folders with recordings.
    #[arg(required = true)]
    pub recordings: Vec<PathBuf>,
    /// The bundle; an existing one is replaced once the new one is whole.
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
}

const RECORD_HELP: &str = "\
A recording is a folder: definition, execution, history as the service answered it, and
recording.toml with where it comes from, hashes, and how much was redacted. Account ids, task
tokens, credentials and e-mail addresses are replaced by pseudonyms, the same for the same value,
so that the recording still replays; `[redaction]` in stepproof.toml adds `keys`, `paths`, `patterns`
and what to `keep`. Pseudonyms are the same in other runs only with the same key.

Executions that the execution started, and Map Runs with their children, are recorded with it. The
account's request quotas are kept; a recorder that was stopped goes on where it was when the command
is run again. Express executions come from their log, which files hold.

Of a folder every `*.json` in it belongs to one execution; files named by themselves belong together,
and a log may hold any number of executions.

Examples:
  stepproof record ARN                                        one execution
  stepproof record --state-machine Orders --since 7d --max 500
  stepproof record --state-machine Orders --status FAILED,TIMED_OUT --mode new
  stepproof record --from-cloudtrail --since 1d --sample 5%   of every machine
  stepproof record --state-machine Orders --endpoint-url http://127.0.0.1:8083

  aws stepfunctions get-execution-history --execution-arn ARN > history.json
  aws stepfunctions describe-execution --execution-arn ARN > execution.json
  aws stepfunctions describe-state-machine-for-execution --execution-arn ARN > machine.json
  stepproof record --from history.json execution.json machine.json

  aws logs filter-log-events --log-group-name GROUP > log.json
  stepproof record --from log.json --definition order.asl.json --mode new";

/// `stepproof record`.
#[derive(Debug, Args)]
#[command(after_help = RECORD_HELP)]
pub struct Record {
    /// What is recorded from a live endpoint.
    #[cfg(feature = "aws")]
    #[command(flatten)]
    pub live: LiveRecord,
    /// Files: what the AWS CLI printed, the console exported, or CloudWatch Logs; or folders.
    #[arg(long, num_args = 1.., value_name = "FILES")]
    #[cfg_attr(feature = "aws", arg(required_unless_present_any = FROM_LIVE,
        conflicts_with_all = FROM_LIVE))]
    #[cfg_attr(not(feature = "aws"), arg(required = true))]
    pub from: Vec<PathBuf>,
    /// The folder that the recordings go into.
    #[arg(long, visible_alias = "output", value_name = "FOLDER", default_value = "recordings")]
    pub into: PathBuf,
    /// The definition that was run, where the files do not hold it.
    #[arg(long, value_name = "FILE", requires = "from")]
    pub definition: Option<PathBuf>,
    /// What is recorded: once (into a folder without recordings, or on where a recorder was
    /// stopped), none, new (what the folder does not hold), all (again).
    #[arg(long, value_enum, default_value_t = RecordMode::Once, value_name = "MODE",
        hide_possible_values = true)]
    pub mode: RecordMode,
    /// The state machine and the execution, where the files do not say it.
    #[arg(long, value_name = "MACHINE/NAME", requires = "from")]
    pub name: Option<String>,
    /// Who made the histories: aws, or the name of another service. By default aws, and emulator
    /// where the endpoint is another one.
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// What the recording shows.
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Write everything as it is, secrets too.
    #[arg(long)]
    pub no_redact: bool,
    /// A file with the key of the pseudonyms, 16 bytes or more, to be kept outside of the
    /// recordings; STEPPROOF_REDACTION_KEY holds one, too. By default every run has its own.
    #[arg(long, value_name = "FILE", conflicts_with = "no_redact")]
    pub redaction_key: Option<PathBuf>,
    /// The file with the rules of redaction; by default stepproof.toml of this folder.
    #[arg(long, value_name = "FILE", conflicts_with = "no_redact")]
    pub config: Option<PathBuf>,
}

/// What selects executions of a live endpoint.
#[cfg(feature = "aws")]
const FROM_LIVE: [&str; 3] = ["executions", "state_machine", "from_cloudtrail"];

/// The part of `stepproof record` that asks a live endpoint.
#[cfg(feature = "aws")]
#[derive(Debug, Args)]
pub struct LiveRecord {
    /// The ARNs of executions.
    #[arg(value_name = "ARN")]
    pub executions: Vec<String>,
    /// The executions of this state machine: its name or ARN.
    #[arg(long, value_name = "NAME|ARN", conflicts_with = "executions")]
    pub state_machine: Option<String>,
    /// Which executions there are is asked of CloudTrail, which also knows who started them; with
    /// or without a state machine.
    #[arg(long, conflicts_with = "executions")]
    pub from_cloudtrail: bool,
    /// Only executions that ended so: SUCCEEDED, FAILED, TIMED_OUT, ABORTED; several with commas.
    #[arg(long, value_name = "STATUS", value_delimiter = ',', ignore_case = true,
        value_parser = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"],
        hide_possible_values = true, conflicts_with = "executions")]
    pub status: Vec<String>,
    /// Only executions that started at this time or later: RFC 3339, a date, or how long ago (7d).
    #[arg(long, value_name = "TIME", conflicts_with = "executions")]
    pub since: Option<String>,
    /// Only executions that started before this time.
    #[arg(long, value_name = "TIME", conflicts_with = "executions")]
    pub until: Option<String>,
    /// Only this part of them, such as 5%: by a hash of the ARN, so always the same.
    #[arg(long, value_name = "PERCENT", value_parser = percent, conflicts_with = "executions")]
    pub sample: Option<f64>,
    /// At most so many, the newest first.
    #[arg(long, value_name = "NUMBER", conflicts_with = "executions")]
    pub max: Option<usize>,
    /// How long to wait for executions that still run, such as 10m; by default they are left out.
    #[arg(long, value_name = "TIME", conflicts_with = "from")]
    pub wait: Option<String>,
    /// How many executions that one started, and how many children of each of its Map Runs, are
    /// recorded with it.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, conflicts_with = "from")]
    pub children: usize,
    /// How many requests are under way at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 8, conflicts_with = "from")]
    pub concurrency: usize,
    /// The endpoint.
    #[command(flatten)]
    pub endpoint: EndpointArgs,
}

/// How a live endpoint is reached.
#[cfg(feature = "aws")]
#[derive(Clone, Debug, Default, Args)]
pub struct EndpointArgs {
    /// The endpoint's URL; by default AWS_ENDPOINT_URL_SFN, or AWS itself.
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// As whom, and in which region.
    #[command(flatten)]
    pub reach: super::live::ReachArgs,
    /// The longest that one request may take, such as 30s.
    #[arg(long, value_name = "TIME")]
    pub request_timeout: Option<String>,
}

/// A part of a whole: `5%`, or `0.05`.
#[cfg(feature = "aws")]
fn percent(text: &str) -> Result<f64, String> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let part = number.trim().parse::<f64>().ok().map(|number| number / whole);
    part.filter(|part| (0.0..=1.0).contains(part))
        .ok_or_else(|| "write a percentage, such as `5%`, or a number from 0 to 1".to_owned())
}

/// What is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecordMode {
    /// Into a folder without recordings, or what a stopped recorder left.
    Once,
    /// Nothing.
    None,
    /// What the folder does not hold.
    New,
    /// Everything.
    All,
}

/// The form of a report that has no JUnit form.
#[derive(Clone, Copy, Debug, Args)]
pub struct FormArg {
    /// The form of the report: text or json.
    #[arg(long = "report", value_enum, default_value_t = Form::Text, value_name = "FORM",
        hide_possible_values = true)]
    pub form: Form,
}

/// The forms of a report that has no JUnit form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people.
    Text,
    /// For other programs.
    Json,
}

/// `stepproof diff`.
#[derive(Debug, Args)]
#[command(after_help = "Branches and iterations may be interleaved in any way: that is no \
    difference.\n\nExamples:\n  stepproof diff before.json after.json\n  \
    stepproof diff before.json after.json --ignore arns,uuids")]
pub struct Diff {
    /// The history that is expected.
    pub expected: PathBuf,
    /// The history that came.
    pub actual: PathBuf,
    /// Texts that may differ as long as they do so in the same way throughout.
    #[arg(long, value_name = "RULE", value_delimiter = ',',
        value_parser = ["arns", "uuids", "task-tokens", "timestamps", "all"])]
    pub ignore: Vec<String>,
    /// Let the times of events count, too.
    #[arg(long)]
    pub timestamps: bool,
    /// The form of the report.
    #[command(flatten)]
    pub report: FormArg,
}

/// `stepproof check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  stepproof check *.asl.json\n  \
    stepproof check template.yaml cdk.out plan.json\n  \
    stepproof check --template template.yaml --resource Orders --parameter Stage=test")]
pub struct Check {
    /// Definitions, as JSON or YAML, and templates, of which every state machine is checked.
    #[arg(required_unless_present = "template")]
    pub definitions: Vec<PathBuf>,
    /// A template beside them.
    #[command(flatten)]
    pub template: TemplateArgs,
    /// What its placeholders stand for.
    #[command(flatten)]
    pub substitutions: SubstitutionArgs,
    /// The form of the report.
    #[command(flatten)]
    pub report: FormArg,
}

const GRAPH_HELP: &str = "\
Examples:
  stepproof graph order.asl.json --output order.svg
  stepproof graph order.asl.json --history history.json --output failed.svg
  stepproof graph order.asl.json --format mermaid      for Markdown, as GitHub draws it";

/// `stepproof graph`.
#[derive(Debug, Args)]
#[command(after_help = GRAPH_HELP)]
pub struct Graph {
    /// The definition, as JSON or YAML.
    pub definition: PathBuf,
    /// Colour the states and transitions of this history, as GetExecutionHistory shows it.
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// The form: svg, mermaid or dot. By default that of the output's name, else mermaid.
    #[arg(long, value_enum, value_name = "FORM", hide_possible_values = true)]
    pub format: Option<GraphForm>,
    /// Write the graph here; by default it is printed.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The form of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphForm {
    /// A drawing.
    Svg,
    /// A Mermaid flowchart.
    Mermaid,
    /// DOT, for Graphviz.
    Dot,
}

/// `stepproof init`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  stepproof init order.asl.json --output order.scenario.yaml")]
pub struct Init {
    /// The definition, as JSON or YAML.
    #[arg(required_unless_present = "template", conflicts_with = "template")]
    pub definition: Option<PathBuf>,
    /// The template that holds it, in place of a definition.
    #[command(flatten)]
    pub template: TemplateArgs,
    /// Write the scenario here; an existing file is not overwritten. By default it is printed.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

fn hash_shard(text: &str) -> Result<(u64, u64), String> {
    let part = text.strip_prefix("hash:").unwrap_or(text);
    shard(part).map_err(|error| format!("{error}, or hash:2/4"))
}

fn shard(text: &str) -> Result<(u64, u64), String> {
    let parts = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((k, n)) if 1 <= k && k <= n => Ok((k, n)),
        _ => Err("expected K/N with K between 1 and N, such as 2/4".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn shards() {
        assert_eq!(shard("2/4"), Ok((2, 4)));
        for bad in ["0/4", "5/4", "1", "1/0", "a/b", "-1/2"] {
            assert!(shard(bad).is_err(), "{bad}");
        }
    }
}
