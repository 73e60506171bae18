//! The command line of `stepproof scenario`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `stepproof scenario`.
#[derive(Debug, Subcommand)]
pub enum Scenario {
    /// Write the scenario that a recording shows: its input, mocks that answer as the services
    /// did, and what came of it.
    From(ScenarioFrom),
    /// Write scenarios from Step Functions Local's mock file (MockConfigFile.json).
    ImportMocks(ImportMocks),
    /// Write Step Functions Local's mock file (MockConfigFile.json) from scenarios.
    ExportMocks(ExportMocks),
}

const IMPORT_MOCKS_HELP: &str = "\
Every test case becomes a case of a scenario; of several state machines each gets a file. What could
not be carried over is told. With the definition, states are checked, and each case says what comes
out with its input.

Examples:
  stepproof scenario import-mocks MockConfigFile.json --definition order.asl.json
  stepproof scenario import-mocks MockConfigFile.json --output scenarios/ \\
    --definition Order=order.asl.json --definition Refund=refund.asl.json";

/// `stepproof scenario import-mocks`.
#[derive(Debug, Args)]
#[command(after_help = IMPORT_MOCKS_HELP)]
pub struct ImportMocks {
    /// The mock file.
    pub file: PathBuf,
    /// The definition of a state machine; its name may be left out where there is only one.
    #[arg(long = "definition", value_name = "[NAME=]FILE")]
    pub definitions: Vec<String>,
    /// Only this state machine.
    #[arg(long, value_name = "NAME")]
    pub machine: Option<String>,
    /// What the numbers of the answers count: invocations (of the state in the whole execution, as
    /// Step Functions Local does), or attempts (of one entry of the state).
    #[arg(long, value_enum, default_value_t = MockCounting::Invocations, value_name = "RULE",
        hide_possible_values = true)]
    pub counting: MockCounting,
    /// The input of the cases, which the file does not have: JSON, or a file. By default `{}`.
    #[arg(long, value_name = "FILE|JSON")]
    pub input: Option<String>,
    /// Write the scenario here, or into this folder; nothing is overwritten. By default it is
    /// printed.
    #[arg(long, value_name = "PATH")]
    pub output: Option<PathBuf>,
}

/// What the numbers of a mock file's answers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MockCounting {
    /// Every call of the state in the whole execution.
    Invocations,
    /// Retries; another entry of the state begins anew.
    Attempts,
}

impl MockCounting {
    /// The rule.
    pub fn rule(self) -> crate::mock::Counting {
        match self {
            Self::Invocations => crate::mock::Counting::Invocations,
            Self::Attempts => crate::mock::Counting::Attempts,
        }
    }
}

const EXPORT_MOCKS_HELP: &str = "\
The file has numbered answers and nothing else, so each case is run, and the answers that its calls
were given are written in their order. What the file cannot say is told.

Example:
  stepproof scenario export-mocks scenarios/ --output MockConfigFile.json";

/// `stepproof scenario export-mocks`.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_MOCKS_HELP)]
pub struct ExportMocks {
    /// Scenario files and folders.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Only cases with this text in their file's path, their name or their tags, in any case.
    #[arg(short = 'k', long = "filter", value_name = "TEXT")]
    pub filter: Option<String>,
    /// Write the file here. By default it is printed.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `stepproof scenario from`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  stepproof scenario from recordings/refund --output \
    refund.scenario.yaml\n  stepproof scenario from history.json --definition order.asl.json")]
pub struct ScenarioFrom {
    /// A recording's folder, or a history.
    pub recording: PathBuf,
    /// The definition, where the recording has none.
    #[arg(long, value_name = "FILE")]
    pub definition: Option<PathBuf>,
    /// Write the scenario here; an existing file is not overwritten. By default it is printed.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
