//! `stepproof replay`: recorded executions against a definition, one or a million.

mod job;
mod report;
mod results;
mod source;
mod target;
mod within;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::args::{Replay as Arguments, Report};
use super::output::Terminal;
use super::{Exit, file, parallel};
use crate::diagnostic::Style;
use crate::recording::{MANIFEST, is_bundle};
use crate::value::Value;

use job::Job;
use results::Results;
use source::Item;

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, String> {
    if !arguments.merge.is_empty() {
        return merge(arguments, terminal);
    }
    let single = is_single(&arguments.histories);
    if arguments.history_out.is_some() && !single {
        return Err("--history-out takes a single history, not a folder or a bundle".into());
    }
    for path in arguments.histories.iter().filter(|path| *path != Path::new("-")) {
        path.metadata().map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    }
    let to_terminal = arguments.output.is_none() && arguments.report == Report::Text;
    let style = if to_terminal { terminal.style } else { Style::Plain };
    let job = Job::new(arguments, single, style)?;
    let mut results = Results {
        definitions: job.targets.described.clone(),
        shards: job.shard.into_iter().collect(),
        ..Results::default()
    };
    let text = replay_all(arguments, &job, &mut results, terminal)?;
    if results.executions() == 0 && job.shard.is_none() && !results.interrupted {
        return Err(nothing(arguments, &results));
    }
    let alone = results.executions() == 1 && results.unseen.is_empty() && results.left_out == 0;
    let text = match text {
        Some(text) if alone => text,
        _ => report::text(&results, style),
    };
    print(arguments, &results, &text, single, terminal)?;
    Ok(results.exit(arguments.allow_undecided))
}

/// Replays everything; answers the text about a single execution.
fn replay_all(
    arguments: &Arguments,
    job: &Job<'_>,
    results: &mut Results,
    terminal: &Terminal,
) -> Result<Option<String>, String> {
    let read = Arc::new(AtomicU64::new(0));
    let stopped = stop_on_interrupt();
    let bar = terminal.byte_progress(|| source::total_bytes(&arguments.histories));
    let mut lines = match &arguments.each {
        Some(path) => Some((
            path,
            BufWriter::new(
                File::create(path)
                    .map_err(|error| format!("cannot write `{}`: {error}", path.display()))?,
            ),
        )),
        None => None,
    };
    let mut write_failed = None;
    let mut text = None;
    // Counted before a part takes its own: a part may be empty, what all parts are of may not.
    let found = AtomicBool::new(false);
    let produce = |emit: &mut dyn FnMut(Item) -> ControlFlow<()>| {
        let _ = source::produce(&arguments.histories, &read, &mut |item| {
            if stopped.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            found.store(true, Ordering::Relaxed);
            if bar.is_some() {
                read.fetch_add(item.bytes(), Ordering::Relaxed);
            }
            emit(item)
        });
    };
    let work = |number: usize, item: Item| job.replay(number, item);
    parallel::streamed(produce, arguments.jobs, work, |replayed| {
        for replayed in replayed {
            if let Some((path, lines)) = &mut lines
                && let Err(error) = writeln!(lines, "{}", replayed.line())
            {
                write_failed.get_or_insert(format!("cannot write `{}`: {error}", path.display()));
            }
            text = replayed.single.clone().or(text.take());
            replayed.count(results);
        }
        if let Some(bar) = &bar {
            bar.set_position(read.load(Ordering::Relaxed));
            bar.set_message(format!(
                "{} replayed, {} diverged",
                results.executions(),
                results.diverged
            ));
        }
    });
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    if let Some((path, mut lines)) = lines {
        lines.flush().map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
    }
    results.interrupted = stopped.load(Ordering::Relaxed);
    if !found.load(Ordering::Relaxed) && !results.interrupted {
        return Err(nothing(arguments, results));
    }
    write_failed.map_or(Ok(text), Err)
}

/// Prints the report where it belongs.
fn print(
    arguments: &Arguments,
    results: &Results,
    text: &str,
    single: bool,
    terminal: &Terminal,
) -> Result<(), String> {
    let form = match arguments.report {
        Report::Text => text.to_owned(),
        Report::Json => format!("{:#}\n", results.to_value()),
        Report::Junit => report::junit(results, arguments.allow_undecided),
    };
    match &arguments.output {
        None => terminal.print(&form),
        Some(path) => {
            file::write(path, &form)?;
            for note in report::notes(results) {
                terminal.note(&note);
            }
            terminal.print(&report::summary(results));
        }
    }
    if results.interrupted && (single || arguments.report != Report::Text) {
        terminal.note("interrupted: the report holds what was done");
    }
    Ok(())
}

/// Why there was nothing to replay.
fn nothing(arguments: &Arguments, results: &Results) -> String {
    if results.left_out > 0 {
        let others: Vec<&str> = results.others.keys().map(String::as_str).collect();
        return format!(
            "nothing was replayed: the recordings are of `{}`, for which no definition was named",
            others.join("`, `")
        );
    }
    let paths: Vec<String> =
        arguments.histories.iter().map(|path| format!("`{}`", path.display())).collect();
    format!("no history, recording or bundle below {}", paths.join(", "))
}

/// Whether the paths name one execution.
fn is_single(paths: &[PathBuf]) -> bool {
    match paths {
        [path] if path.is_dir() => path.join(MANIFEST).is_file(),
        [path] => !is_bundle(path),
        _ => false,
    }
}

/// A flag that Ctrl-C sets; a second Ctrl-C ends the process at once.
fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stopped = Arc::new(AtomicBool::new(false));
    let interrupt = signal_hook::consts::SIGINT;
    // Where the system refuses a handler, Ctrl-C does what it always does.
    let _ = signal_hook::flag::register_conditional_shutdown(
        interrupt,
        Exit::Interrupted as i32,
        stopped.clone(),
    );
    let _ = signal_hook::flag::register(interrupt, stopped.clone());
    stopped
}

/// Puts the results of all parts together.
fn merge(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, String> {
    let mut whole: Option<Results> = None;
    for path in &arguments.merge {
        let name = path.display().to_string();
        let text = file::read(path)?;
        let value = Value::parse(&text).map_err(|error| {
            let (line, column) = crate::json::line_column(&text, error.offset);
            format!("{name}:{line}:{column}: {}", error.message)
        })?;
        let results = Results::from_value(&value).map_err(|error| format!("`{name}`: {error}"))?;
        match &mut whole {
            None => whole = Some(results),
            Some(whole) => whole.merge(&name, results)?,
        }
    }
    let results = whole.unwrap_or_default();
    let missing = results.missing_shards();
    if !missing.is_empty() {
        let parts: Vec<String> =
            missing.iter().map(|shard| format!("{}/{}", shard.part, shard.parts)).collect();
        return Err(format!(
            "the results of part {} are missing: nothing is known of its executions",
            parts.join(", ")
        ));
    }
    if results.executions() == 0 && !results.interrupted {
        return Err("nothing was replayed in any of the parts: no execution is of a machine for \
                    which a definition was named"
            .into());
    }
    let text = report::text(&results, Style::Plain);
    print(arguments, &results, &text, false, terminal)?;
    Ok(results.exit(arguments.allow_undecided))
}
