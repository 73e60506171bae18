//! The `stepproof` command: arguments in, texts and an exit code out.
//!
//! This is the only layer that reads the terminal, writes files and starts threads.

mod args;
mod bundle;
mod check;
#[cfg(feature = "aws")]
mod clean;
#[cfg(feature = "aws")]
mod compare;
mod definition;
mod diff;
mod exec;
mod exit;
mod file;
mod graph;
mod help;
mod init;
#[cfg(feature = "aws")]
mod live;
mod output;
mod parallel;
mod record;
mod replay;
mod run;
mod scenario;
#[cfg(feature = "server")]
mod serve;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use args::{Cli, Command};
pub use exit::Exit;
use output::Terminal;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        use std::io::Write;
        // Nothing is left to do about a message that cannot be written.
        let _ = writeln!(
            std::io::stderr(),
            "stepproof failed: {panic}\nThis is a bug; please report it with the command and its files."
        );
        std::process::exit(Exit::Internal as i32);
    }));
    let arguments = std::env::args_os();
    #[cfg(feature = "server")]
    let arguments = serve::local_spelling(arguments).into_iter();
    let mut command = help::flowing(Cli::command());
    let cli = match command.try_get_matches_from_mut(arguments) {
        Ok(matches) => Cli::from_arg_matches(&matches),
        Err(error) => Err(error),
    };
    let cli = match cli.map_err(|error| error.format(&mut command)) {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Unusable } else { Exit::AsExpected };
            // Help that nobody reads to its end is no failure.
            let _ = error.print();
            return exit.into();
        }
    };
    let terminal = Terminal::new(cli.color);
    let exit = match cli.command {
        Command::Run(arguments) => run::run(&arguments, &terminal),
        #[cfg(feature = "aws")]
        Command::Compare(arguments) => compare::run(&arguments, &terminal),
        #[cfg(feature = "aws")]
        Command::Clean(arguments) => clean::run(&arguments, &terminal),
        Command::Check(arguments) => check::run(&arguments, &terminal),
        Command::Init(arguments) => init::run(&arguments, &terminal),
        Command::Diff(arguments) => diff::run(&arguments, &terminal),
        Command::Graph(arguments) => graph::run(&arguments, &terminal),
        Command::Exec(arguments) => exec::run(&arguments, &terminal),
        Command::Record(arguments) => record::run(&arguments, &terminal),
        Command::Replay(arguments) => replay::run(&arguments, &terminal),
        Command::Bundle(arguments) => bundle::run(&arguments, &terminal),
        #[cfg(feature = "server")]
        Command::Serve(arguments) => serve::run(&arguments, &terminal),
        Command::Scenario(arguments) => scenario::run(&arguments, &terminal),
    };
    match exit {
        Ok(exit) => exit.into(),
        Err(message) => {
            terminal.error(&message);
            Exit::Unusable.into()
        }
    }
}
