//! `stepproof clean`: takes away what runs on a live endpoint have left.

use std::time::Duration;

use clap::Args;

use super::Exit;
use super::live::{LiveArgs, ReachArgs, time};
use super::output::Terminal;
use crate::duration;
use crate::target::{Endpoint, EndpointError, Host, Leftover, block_on};

const HELP: &str = "\
Runs take away what they make, also after Ctrl-C and after a failure; what is left is from a process
that was killed, or from an endpoint that went away. It is found by name (`stepproof-…`) and taken only
where it has the tag `stepproof:run`.

Examples:
  stepproof clean --target aws --dry-run
  stepproof clean --target http://127.0.0.1:5000 --older-than 0s";

/// `stepproof clean`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Clean {
    /// Where: aws, the URL of an endpoint, or a target file.
    #[arg(long, value_name = "TARGET", required = true)]
    pub target: String,
    /// Only what is at least this old: others may be running.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time)]
    pub older_than: Duration,
    /// Show what would be taken away.
    #[arg(long)]
    pub dry_run: bool,
    /// How the endpoint is reached.
    #[command(flatten)]
    pub reach: ReachArgs,
}

pub(super) fn run(arguments: &Clean, terminal: &Terminal) -> Result<Exit, String> {
    let live = LiveArgs { reach: arguments.reach.clone(), ..LiveArgs::default() };
    let target = live.target(&arguments.target)?;
    if target.host != Host::Endpoint {
        return Err(format!("nothing is ever left on `{}`", arguments.target));
    }
    block_on(async {
        let endpoint = Endpoint::new(&target.options).await;
        match clean(arguments, &endpoint, terminal).await {
            Ok(exit) => Ok(exit),
            Err(error) => {
                terminal.error(&error.to_string());
                Ok(if error.is_unreachable() { Exit::Unreachable } else { Exit::Failed })
            }
        }
    })
}

async fn clean(
    arguments: &Clean,
    endpoint: &Endpoint,
    terminal: &Terminal,
) -> Result<Exit, EndpointError> {
    let all = endpoint.leftovers(0).await?;
    let least = arguments.older_than.as_secs();
    let (old, young): (Vec<Leftover>, Vec<Leftover>) =
        all.into_iter().partition(|leftover| leftover.age_seconds >= least);
    let mut exit = Exit::AsExpected;
    let mut taken = 0;
    for leftover in &old {
        let age = duration::text(Duration::from_secs(leftover.age_seconds));
        let Leftover { arn, run, .. } = leftover;
        if arguments.dry_run {
            terminal.print(&format!("{arn}  ({age} old, of run {run})\n"));
            continue;
        }
        match endpoint.sweep(leftover).await {
            Ok(()) => {
                taken += 1;
                terminal.print(&format!("took away {arn}  ({age} old, of run {run})\n"));
            }
            Err(error) if error.is_unreachable() => return Err(error),
            Err(error) => {
                exit = Exit::Failed;
                terminal.error(&format!("{arn} stays: {error}"));
            }
        }
    }
    let name = endpoint.name();
    terminal.print(&match (old.len(), arguments.dry_run) {
        (0, _) => format!("nothing of stepproof's is left on {name}\n"),
        (n, true) => format!("{n} would be taken away from {name}\n"),
        (n, false) => format!("{taken} of {n} taken away from {name}\n"),
    });
    if !young.is_empty() {
        let age = duration::text(arguments.older_than);
        let count = young.len();
        terminal.print(&format!(
            "{count} younger than {age} may belong to a run; `--older-than 0s` takes them, too\n"
        ));
    }
    Ok(exit)
}
