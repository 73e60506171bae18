//! Live endpoints as the commands name them, and scenario files on one of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::file;
use super::output::Terminal;
use crate::duration;
use crate::runner::{self, CaseOutcome, CaseReport, FileReport, Selection};
use crate::scenario::Scenario;
use crate::target::{
    Batch, CaseOf, EndpointError, EndpointErrorKind, Host, LiveReport, MockWay, Target, run_batch,
};

/// How an endpoint is reached.
#[derive(Clone, Debug, Default, Args)]
pub struct ReachArgs {
    /// The region; by default what AWS_REGION or the profile says.
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// The profile of the shared files; by default AWS_PROFILE.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// A role to assume for the calls; a profile may name one, too.
    #[arg(long, value_name = "ARN")]
    pub assume_role: Option<String>,
}

/// How a live endpoint is reached and used.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "On a live endpoint")]
pub struct LiveArgs {
    /// How it is reached.
    #[command(flatten)]
    pub reach: ReachArgs,
    /// The role that executions run as. AWS wants one that it trusts, emulators take any.
    #[arg(long, value_name = "ARN")]
    pub role: Option<String>,
    /// How many cases run at once; by default 4.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: Option<u16>,
    /// How much longer than on the virtual clock an execution may take; by default 30s.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub timeout: Option<Duration>,
    /// Cases that need more real time than this are not run, and counted so; by default 10s.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub max_real_time: Option<Duration>,
    /// What answers mocked Tasks: activity (Tasks become activities that stepproof's workers
    /// serve; works on AWS with nothing deployed), endpoint (stepproof serves the services, for an
    /// endpoint that was told their address), mock-file (the endpoint reads Step Functions
    /// Local's mock file), none (the real services); by default activity.
    #[arg(long, value_name = "WAY", value_parser = way)]
    pub mocks: Option<MockWay>,
    /// Where `--mocks endpoint` serves the services; by default 127.0.0.1:8085.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub mocks_listen: Option<SocketAddr>,
    /// The file that `--mocks mock-file` writes and the endpoint reads.
    #[arg(long, value_name = "FILE")]
    pub mock_file: Option<PathBuf>,
}

/// A duration, or a number of seconds.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<u32>().ok().map(|seconds| Duration::from_secs(seconds.into()));
    seconds.or_else(|| duration::parse(text)).ok_or_else(|| format!("expected {}", duration::FORM))
}

fn way(text: &str) -> Result<MockWay, String> {
    let found = MockWay::ALL.iter().find(|(name, _)| *name == text).map(|(_, way)| *way);
    let names = MockWay::ALL.map(|(name, _)| name).join(", ");
    found.ok_or_else(|| format!("the ways are {names}"))
}

impl LiveArgs {
    /// The first of the options that somebody gave.
    fn given(&self) -> Option<&'static str> {
        let given = [
            (self.reach.region.is_some(), "--region"),
            (self.reach.profile.is_some(), "--profile"),
            (self.reach.assume_role.is_some(), "--assume-role"),
            (self.role.is_some(), "--role"),
            (self.concurrency.is_some(), "--concurrency"),
            (self.timeout.is_some(), "--timeout"),
            (self.max_real_time.is_some(), "--max-real-time"),
            (self.mocks.is_some(), "--mocks"),
            (self.mocks_listen.is_some(), "--mocks-listen"),
            (self.mock_file.is_some(), "--mock-file"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, name)| name)
    }

    /// The target of this name: `local`, `serve`, `aws`, a URL, or a target file.
    pub(super) fn target(&self, name: &str) -> Result<Target, String> {
        let mut target = match name {
            "local" => Target::local(),
            "serve" => Target::serve(),
            "aws" => Target::endpoint("aws", None),
            url if url.contains("://") => Target::endpoint(url, Some(url)),
            path if path.ends_with(".toml") || Path::new(path).is_file() => {
                let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy();
                Target::parse(&stem, &file::read(Path::new(path))?)
                    .map_err(|problem| format!("the target file `{path}`: {problem}"))?
            }
            other => {
                return Err(format!(
                    "`{other}` is no target: give `local`, `serve`, `aws`, the URL of an endpoint, \
                     or a target file such as conformance/targets/moto.toml"
                ));
            }
        };
        if let (Host::Local, Some(option)) = (target.host, self.given()) {
            return Err(format!("`{option}` is for live endpoints: name one with `--target`"));
        }
        let (options, settings) = (&mut target.options, &mut target.settings);
        let set = |own: &mut Option<String>, given: &Option<String>| {
            *own = given.clone().or(own.take());
        };
        set(&mut options.region, &self.reach.region);
        set(&mut options.profile, &self.reach.profile);
        set(&mut options.assume_role, &self.reach.assume_role);
        set(&mut settings.role_arn, &self.role);
        settings.concurrency = self.concurrency.map_or(settings.concurrency, usize::from);
        settings.timeout = self.timeout.unwrap_or(settings.timeout);
        settings.max_real_time = self.max_real_time.unwrap_or(settings.max_real_time);
        settings.mocks = self.mocks.unwrap_or(settings.mocks);
        settings.listen = self.mocks_listen.unwrap_or(settings.listen);
        settings.mock_file = self.mock_file.clone().or(settings.mock_file.take());
        match (target.host, target.settings.mocks) {
            (Host::Serve, MockWay::Server) | (Host::Local, _) => {}
            (Host::Endpoint, way) if way != MockWay::Server => {}
            _ => {
                return Err("`server` is the mock way of the target `serve`, and the only one of \
                            it; `stepproof serve` and its URL have the others"
                    .to_owned());
            }
        }
        Ok(target)
    }
}

/// A scenario file, and the cases of it that are selected.
pub(super) struct Selected {
    pub(super) path: PathBuf,
    pub(super) scenario: Result<Arc<Scenario>, FileReport>,
    pub(super) cases: Vec<usize>,
}

/// Reads the files; one without a selected case is left out.
pub(super) fn select(files: &[PathBuf], selection: &Selection) -> Vec<Selected> {
    let read = files.iter().map(|path| match Scenario::load(path) {
        Ok(scenario) => {
            let cases = scenario.cases.iter().enumerate();
            let cases = cases.filter(|(_, case)| selection.takes(path, case)).map(|(i, _)| i);
            let cases = cases.collect();
            Selected { path: path.clone(), scenario: Ok(Arc::new(scenario)), cases }
        }
        Err(problems) => {
            let report = FileReport::unusable(path.clone(), problems);
            Selected { path: path.clone(), scenario: Err(report), cases: Vec::new() }
        }
    });
    read.filter(|file| file.scenario.is_err() || !file.cases.is_empty()).collect()
}

/// What came of the cases of a target.
pub(super) struct Outcome {
    /// By the place of the file, then of the case among its selected ones.
    pub(super) cases: Vec<Vec<LiveReport>>,
    pub(super) batch: Batch,
    /// The target could not even be begun with.
    pub(super) unreachable: Option<String>,
}

/// Runs the selected cases, with `all` also those that are known to fail; `done` hears how many are
/// done.
pub(super) fn run_on(
    target: &Target,
    files: &[Selected],
    all: bool,
    mut done: impl FnMut(usize),
) -> Result<Outcome, String> {
    // The cases that are run, and where they stand.
    let (mut cases, mut places): (Vec<CaseOf>, Vec<(usize, usize)>) = Default::default();
    let mut found: BTreeMap<(usize, usize), LiveReport> = BTreeMap::new();
    for (f, file) in files.iter().enumerate() {
        let Ok(scenario) = &file.scenario else { continue };
        for (c, index) in file.cases.iter().enumerate() {
            let name = name_of(&file.path, &scenario.cases[*index].name);
            let fails = target.known.failure(&name).filter(|_| !all);
            let fails = fails.map(|reason| format!("it is known to fail there: {reason}"));
            match target.known.obstacle(&name).map(str::to_owned).or(fails) {
                Some(reason) => {
                    found.insert((f, c), skipped(scenario, *index, reason));
                }
                None => {
                    cases.push((scenario.clone(), *index));
                    places.push((f, c));
                }
            }
        }
    }
    done(found.len());
    let batch = match target.host {
        Host::Local => {
            for ((scenario, index), place) in cases.iter().zip(&places) {
                let live = crate::target::run_local(scenario, &scenario.cases[*index]);
                found.insert(*place, live);
                done(1);
            }
            Ok(Batch::default())
        }
        _ => run_batch(&target.options, &target.settings, cases, |number, live| {
            found.insert(places[number], live);
            done(1);
        }),
    };
    let (batch, unreachable) = match batch {
        Ok(batch) => (batch, None),
        Err(error) if answers_nothing(&error) => (Batch::default(), Some(error.to_string())),
        Err(error) => return Err(error.to_string()),
    };
    let why = match (&unreachable, &batch.stopped_by) {
        (None, None) => "interrupted before it ran",
        _ => "the target could not be reached",
    };
    let cases = files.iter().enumerate().map(|(f, file)| {
        let Ok(scenario) = &file.scenario else { return Vec::new() };
        let cases = file.cases.iter().enumerate().map(|(c, index)| {
            let live = found.remove(&(f, c));
            live.unwrap_or_else(|| skipped(scenario, *index, why.to_owned()))
        });
        cases.collect()
    });
    Ok(Outcome { cases: cases.collect(), batch, unreachable })
}

/// Whether nobody is there who speaks the API.
fn answers_nothing(error: &EndpointError) -> bool {
    error.is_unreachable() || matches!(error.kind, EndpointErrorKind::NotTheApi { .. })
}

/// The name of a case as lists of known cases have it: `area/file/case`.
pub(super) fn name_of(path: &Path, case: &str) -> String {
    let path = path.to_string_lossy().replace('\\', "/");
    let path = path.strip_suffix(".scenario.yaml").unwrap_or(&path);
    format!("{}/{case}", path.trim_start_matches("./"))
}

fn skipped(scenario: &Scenario, index: usize, reason: String) -> LiveReport {
    let outcome = CaseOutcome::Skipped(reason);
    let report = runner::report_of(scenario, &scenario.cases[index], outcome);
    LiveReport { report, unjudged: Vec::new(), run: None }
}

/// The files' reports, as those of a run on our own interpreter.
pub(super) fn file_reports(
    files: Vec<Selected>,
    cases: Vec<Vec<LiveReport>>,
    target: &Target,
) -> Vec<FileReport> {
    let reports = files.into_iter().zip(cases).map(|(file, cases)| match file.scenario {
        Err(report) => report,
        Ok(_) => {
            let warnings = unjudged(&cases, &target.name).into_iter().collect();
            let cases: Vec<CaseReport> = cases.into_iter().map(|live| live.report).collect();
            let endpoint = (target.host == Host::Endpoint).then(|| target.name.clone());
            FileReport { path: file.path, cases: Ok(cases), warnings, endpoint }
        }
    });
    reports.collect()
}

/// What could not be judged from outside, in a line.
fn unjudged(cases: &[LiveReport], target: &str) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for what in cases.iter().flat_map(|live| &live.unjudged) {
        *counts.entry(what).or_default() += 1;
    }
    let counts: Vec<String> = counts.into_iter().map(|(what, n)| format!("{what} ({n})")).collect();
    (!counts.is_empty()).then(|| format!("not judged on {target}: {}", counts.join(", ")))
}

/// Tells how a batch ended where it did not end well.
pub(super) fn tell(outcome: &Outcome, target: &Target, terminal: &Terminal) {
    let batch = &outcome.batch;
    if let Some(error) = &outcome.unreachable {
        terminal.error(error);
    }
    if let Some(error) = &batch.stopped_by {
        terminal.error(&error.to_string());
    }
    for (arn, error) in &batch.leftovers {
        terminal.error(&format!("left behind: {arn}: {error}"));
    }
    if batch.gave_up || !batch.leftovers.is_empty() {
        let name = match (&target.options.url, &*target.name) {
            (Some(url), _) => url,
            (None, name) => name,
        };
        terminal.note(&format!(
            "`stepproof clean --target {name} --older-than 0s` takes away what is left"
        ));
    } else if batch.interrupted {
        terminal.note("interrupted; what the run had made is taken away");
    }
}
