//! `stepproof record --from`: what the AWS CLI printed, what the console or CloudWatch Logs exported.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Tally, about, verify};
use crate::cli::args::Record;
use crate::cli::file;
use crate::cli::output::Terminal;
use crate::recording::{About, Found, Outcome, Provenance, Writer, from_files};

pub(super) fn record(
    arguments: &Record,
    writer: &mut Writer,
    terminal: &Terminal,
) -> Result<Tally, String> {
    let mut found = Vec::new();
    for files in sets(&arguments.from)? {
        found.extend(from_files(&files).map_err(|error| error.to_string())?);
    }
    let definition = arguments.definition.as_deref().map(file::read).transpose()?;
    let mut tally = Tally::default();
    for mut found in found {
        if let Some(definition) = &definition {
            found.recorded.definition = Some(definition.clone());
            found.notes.retain(|note| !note.starts_with("no definition"));
        }
        match writer.write(&found.recorded, &about_found(arguments, &found)) {
            Ok(Outcome::Recorded(folder)) => {
                tally.recorded += 1;
                terminal.print(&format!("recorded {}\n", folder.display()));
                found.notes.iter().for_each(|note| terminal.note(note));
                if let Some(problem) = verify(&folder, &found.recorded) {
                    terminal.note(&problem);
                }
            }
            Ok(Outcome::Kept(_)) => tally.kept += 1,
            Ok(Outcome::LeftOut) => tally.left_out += 1,
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(tally)
}

fn about_found(arguments: &Record, found: &Found) -> About {
    let arn = found.arn.clone().or_else(|| {
        let (machine, name) = (arguments.name.as_deref()?.split_once('/')).unzip();
        Some(format!("arn:aws:states:::execution:{}:{}", machine?, name?))
    });
    let region = arn.as_deref().and_then(|arn| arn.split(':').nth(3));
    let region = region.filter(|region| !region.is_empty()).map(str::to_owned);
    let events = u64::try_from(found.events).ok();
    let about = about(arguments, found.origin, "aws");
    About {
        machine_type: found.machine_type.to_owned(),
        provenance: Provenance { execution: arn, region, events, ..about.provenance },
        notes: found.notes.clone(),
        ..about
    }
}

/// The files of each execution: those of every folder that was named, and the rest together.
fn sets(paths: &[PathBuf]) -> Result<Vec<Vec<(String, String)>>, String> {
    let read = |path: &Path| Ok::<_, String>((path.display().to_string(), file::read(path)?));
    let mut sets = Vec::new();
    let mut loose = Vec::new();
    for path in paths {
        if !path.is_dir() {
            loose.push(read(path)?);
            continue;
        }
        let failed = |error| format!("cannot read `{}`: {error}", path.display());
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            if path.is_file() && matches!(ending, Some("json" | "jsonl" | "log")) {
                files.push(path);
            }
        }
        files.sort();
        sets.push(files.iter().map(|path| read(path)).collect::<Result<_, _>>()?);
    }
    if !loose.is_empty() {
        sets.push(loose);
    }
    Ok(sets)
}
