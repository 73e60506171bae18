//! The project's own tasks: conformance, the judge of recorded histories, the web page in a
//! browser, tidiness, generated files.

mod clients;
mod codegen;
mod conformance;
mod expected;
mod features;
mod judge;
mod live;
mod pages;
mod refresh;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of the stepproof project")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run the conformance cases on a target.
    Conformance(conformance::Arguments),
    /// Compare with the histories recorded on AWS, through ../shared/aws-recorded/judge.py.
    Judge(judge::Arguments),
    /// Play one recorded case; the judge calls this once per case.
    #[command(hide = true)]
    JudgeCase(judge::case::Arguments),
    /// Answer one recorded API call; the judge calls this once per call.
    #[command(hide = true)]
    JudgeAnswer(judge::answer::Arguments),
    /// Use the server with boto3, the AWS CLI, the AWS SDK for JavaScript and Terraform.
    Clients(clients::Arguments),
    /// Write the files that are made from others.
    Codegen(codegen::Arguments),
    /// Make the history of one recording of our own again, for review.
    Refresh(refresh::Arguments),
    /// Look at the server's web page in Chromium.
    Pages(pages::Arguments),
    /// Check layers, file headers, fixtures and words.
    Tidy,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Conformance(arguments) => conformance::run(&arguments),
        Task::Judge(arguments) => judge::run(&arguments),
        Task::JudgeCase(arguments) => judge::case::run(&arguments),
        Task::JudgeAnswer(arguments) => judge::answer::run(&arguments),
        Task::Clients(arguments) => clients::run(&arguments),
        Task::Codegen(arguments) => codegen::run(&arguments),
        Task::Refresh(arguments) => refresh::run(&arguments),
        Task::Pages(arguments) => pages::run(&arguments),
        Task::Tidy => tidy::run(),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Failure::Unusable(error)) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
        Err(Failure::Unreachable(error)) => {
            eprintln!("error: {error}");
            ExitCode::from(3)
        }
    }
}

/// What a task answers: whether all was as it should be, or why it could not tell.
type Outcome = Result<bool, Failure>;

/// Why a task could not tell.
enum Failure {
    /// An input cannot be used; exit code 2.
    Unusable(String),
    /// A target cannot be reached; exit code 3.
    Unreachable(String),
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Unusable(message)
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").into()
}

/// Reads a file of the repository, with an error that names it.
fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("cannot read `{}`: {e}", path.display()))
}
