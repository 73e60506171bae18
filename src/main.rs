//! The `stepproof` command.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// What runs executions allocates many small things, on one thread and frees them on another.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    stepproof::cli::main()
}
