//! The `stepproof` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    stepproof::cli::main()
}
