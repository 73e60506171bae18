//! `stepproof record` from a live endpoint: one thread asks, the other one writes.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Shown, Tally, about, tell, verify};
use crate::cli::Exit;
use crate::cli::args::{EndpointArgs, LiveRecord, Record, RecordMode};
use crate::cli::output::Terminal;
use crate::duration;
use crate::recording::{About, Origin, Outcome, Provenance, Wanted, Writer};
use crate::target::{
    End, Endpoint, EndpointError, EndpointErrorKind, EndpointOptions, Fetched, Heard, Missed,
    RecorderSettings, Selection, block_on, record as fetch,
};
use crate::time::Timestamp;

/// How many executions wait in memory to be written.
const BEHIND: usize = 16;
/// How many messages about single executions are printed; the rest is counted.
const MESSAGES: usize = 20;
/// How often the progress is told where no terminal shows it.
const EVERY: Duration = Duration::from_secs(30);

pub(super) fn record(
    arguments: &Record,
    writer: Writer,
    shown: &Shown,
    terminal: &Terminal,
) -> Result<Exit, String> {
    let selection = selection(&arguments.live)?;
    let settings = settings(&arguments.live)?;
    let options = endpoint_options(&arguments.live.endpoint)?;
    if !writer.is_open() && arguments.mode == RecordMode::Once {
        return Ok(finished(arguments, &selection, &writer, terminal));
    }
    let wanted = writer.wanted();
    let (sender, receiver) = sync_channel(BEHIND);
    let asking = thread::spawn(move || ask(&options, selection, settings, &wanted, &sender));
    let mut taker = Taker::new(arguments, writer, shown, terminal);
    let written = taker.take_all(&receiver);
    // Without a listener the other thread stops at its next message, which may be long in coming.
    drop(receiver);
    if written.is_err() {
        taker.bar.finish_and_clear();
    }
    written?;
    let asked = asking.join().unwrap_or(Ok(End::Unheard));
    taker.bar.finish_and_clear();
    taker.end(asked)
}

/// What happens in a folder that a recorder has finished: nothing is asked of anybody.
fn finished(
    arguments: &Record,
    selection: &Selection,
    writer: &Writer,
    terminal: &Terminal,
) -> Exit {
    let mut tally = Tally::default();
    for arn in &selection.executions {
        match writer.decide(arn) {
            Outcome::LeftOut => tally.left_out += 1,
            _ => tally.kept += 1,
        }
    }
    if !selection.executions.is_empty() {
        return tell(&tally, arguments, terminal);
    }
    terminal.print(&format!(
        "`{}` holds {} recordings, and its recorder came to its end: `--mode new` adds to them\n",
        arguments.into.display(),
        writer.index().recordings.len()
    ));
    Exit::AsExpected
}

/// What the thread that asks tells the one that writes.
enum Told {
    /// The endpoint: what messages call it, its URL where it is not AWS, and its region.
    Endpoint {
        name: String,
        url: Option<String>,
        region: String,
    },
    Heard(Heard),
}

/// Asks the endpoint until there is nothing left, or nobody listens.
fn ask(
    options: &EndpointOptions,
    selection: Selection,
    settings: RecorderSettings,
    wanted: &Wanted,
    sender: &SyncSender<Told>,
) -> Result<End, EndpointError> {
    block_on(async {
        let endpoint = Endpoint::new(options).await;
        let url = (!endpoint.is_aws()).then(|| endpoint.name().to_owned());
        let (name, region) = (endpoint.name().to_owned(), endpoint.region().to_owned());
        if sender.send(Told::Endpoint { name, url, region }).is_err() {
            return Ok(End::Unheard);
        }
        // AWS itself answers; asking somebody else first spares the patience of many attempts.
        if !endpoint.is_aws()
            && let Err(error) = endpoint.probe().await
            && error.code().is_none()
        {
            return Err(error);
        }
        let wants = |arn: &str| wanted.wants(arn);
        let tell = |heard| sender.send(Told::Heard(heard)).is_ok();
        fetch(&endpoint, selection, settings, wants, tell).await
    })
}

/// Writes what comes, and tells of it.
struct Taker<'a> {
    arguments: &'a Record,
    writer: Writer,
    shown: &'a Shown,
    terminal: &'a Terminal,
    bar: indicatif::ProgressBar,
    tally: Tally,
    name: String,
    url: Option<String>,
    region: String,
    events: usize,
    unlike: usize,
    /// Executions that the endpoint refused, and may not refuse the next time.
    refused: usize,
    messages: usize,
    started: Instant,
    waited: Duration,
    told: Instant,
}

impl<'a> Taker<'a> {
    #[expect(clippy::disallowed_methods, reason = "how long it takes is told")]
    fn new(
        arguments: &'a Record,
        writer: Writer,
        shown: &'a Shown,
        terminal: &'a Terminal,
    ) -> Self {
        let now = Instant::now();
        Self {
            arguments,
            writer,
            shown,
            terminal,
            bar: terminal.growing_progress("executions"),
            tally: Tally::default(),
            name: String::new(),
            url: None,
            region: String::new(),
            events: 0,
            unlike: 0,
            refused: 0,
            messages: 0,
            started: now,
            waited: Duration::ZERO,
            told: now,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "how long it takes is told")]
    fn take_all(&mut self, receiver: &Receiver<Told>) -> Result<(), String> {
        loop {
            let before = Instant::now();
            let told = receiver.recv();
            self.waited += before.elapsed();
            match told {
                Err(_) => return Ok(()),
                Ok(Told::Endpoint { name, url, region }) => {
                    (self.name, self.url, self.region) = (name, url, region);
                }
                Ok(Told::Heard(heard)) => self.take(heard)?,
            }
        }
    }

    fn take(&mut self, heard: Heard) -> Result<(), String> {
        match heard {
            Heard::Fetched(fetched) => self.write(&fetched)?,
            Heard::Unwanted(arn) => match self.writer.decide(&arn) {
                Outcome::LeftOut => self.tally.left_out += 1,
                _ => self.tally.kept += 1,
            },
            Heard::Missed { arn, why } => self.missed(&arn, &why),
            Heard::Note(text) => self.note(&text),
            Heard::Ahead { selected, all, quotas } => self.progress(selected, all, quotas),
        }
        Ok(())
    }

    fn write(&mut self, fetched: &Fetched) -> Result<(), String> {
        let about = self.about(fetched);
        match self.writer.write(&fetched.recorded, &about).map_err(|error| {
            let message = self.shown.text(&error.to_string());
            let recorded = self.tally.recorded;
            format!("{message}; {recorded} recorded before it are complete")
        })? {
            Outcome::Recorded(folder) => {
                self.tally.recorded += 1;
                self.events += fetched.events;
                if !self.arguments.live.executions.is_empty() {
                    self.terminal.print(&format!("recorded {}\n", folder.display()));
                }
                for note in &fetched.notes {
                    self.note(&format!("{}: {note}", folder.display()));
                }
                if let Some(problem) = verify(&folder, &fetched.recorded) {
                    self.unlike += 1;
                    self.note(&problem);
                }
            }
            Outcome::Kept(_) => self.tally.kept += 1,
            Outcome::LeftOut => self.tally.left_out += 1,
        }
        Ok(())
    }

    fn about(&self, fetched: &Fetched) -> About {
        let source = if self.url.is_none() { "aws" } else { "emulator" };
        let about = about(self.arguments, Origin::Api, source);
        About {
            provenance: Provenance {
                endpoint: self.url.clone(),
                region: Some(self.region.clone()),
                execution: Some(fetched.arn.clone()),
                events: u64::try_from(fetched.events).ok(),
                started_by: fetched.started_by.clone(),
                ..about.provenance
            },
            notes: fetched.notes.clone(),
            ..about
        }
    }

    fn missed(&mut self, arn: &str, why: &Missed) {
        let asked_for = !self.arguments.live.executions.is_empty();
        match why {
            Missed::OtherStatus(_) => {}
            Missed::Running if !asked_for => self.tally.running += 1,
            _ => {
                self.tally.missed += 1;
                self.refused += usize::from(matches!(why, Missed::Refused(_)));
                let name = arn.split(':').skip(6).collect::<Vec<_>>().join("/");
                let name = if name.is_empty() { arn } else { &name };
                self.note(&format!("`{name}` is not recorded: {why}{}", advice(why)));
            }
        }
    }

    /// A message about one execution, without what must not be shown.
    fn note(&mut self, text: &str) {
        self.messages += 1;
        if self.messages <= MESSAGES {
            let text = self.shown.text(text);
            self.bar.suspend(|| self.terminal.note(&text));
        }
    }

    #[expect(clippy::disallowed_methods, reason = "how long it takes is told")]
    fn progress(&mut self, selected: usize, all: bool, quotas: Duration) {
        let done = self.tally.recorded + self.tally.missed + self.tally.running;
        self.bar.set_length(selected as u64);
        self.bar.set_position(done as u64);
        let left = self.left(selected.saturating_sub(done), done, quotas);
        let least = if all { "" } else { "more than " };
        self.bar.set_message(format!("{least}{left} left"));
        if self.bar.is_hidden() && self.told.elapsed() >= EVERY && done < selected {
            self.told = Instant::now();
            let text = format!("{done} of {selected} executions, {least}{left} left");
            self.terminal.note(&text);
        }
    }

    /// How long the rest takes: as long as so far, and never less than the quotas allow.
    #[expect(clippy::disallowed_methods, reason = "how long it takes is told")]
    fn left(&self, left: usize, done: usize, quotas: Duration) -> String {
        let each = self.started.elapsed().checked_div(u32::try_from(done).unwrap_or(u32::MAX));
        let own = each.unwrap_or_default().saturating_mul(u32::try_from(left).unwrap_or(u32::MAX));
        duration::text(Duration::from_secs(own.max(quotas).as_secs()))
    }

    /// Tells how it went.
    fn end(self, asked: Result<End, EndpointError>) -> Result<Exit, String> {
        let (terminal, shown) = (self.terminal, self.shown);
        if self.messages > MESSAGES {
            terminal.note(&format!("and {} messages more", self.messages - MESSAGES));
        }
        if self.unlike > 0 {
            let (unlike, recorded) = (self.unlike, self.tally.recorded);
            terminal.note(&format!("{unlike} of the {recorded} recorded do not replay the same"));
        }
        if self.tally.running > 0 {
            terminal.note(
                "`--wait 10m` waits for executions that still run; `--mode new` adds them later",
            );
        }
        self.speed();
        let again = "what is recorded is complete; the same command goes on from here";
        match asked {
            Ok(End::Complete) => {
                if self.refused == 0 {
                    self.writer.finish().map_err(|error| error.to_string())?;
                } else {
                    terminal.note("the same command asks for what was refused once more");
                }
                Ok(tell(&self.tally, self.arguments, terminal))
            }
            Ok(End::Interrupted) => {
                tell(&self.tally, self.arguments, terminal);
                terminal.error(&format!("interrupted: {again}"));
                Ok(Exit::Interrupted)
            }
            Ok(End::Unheard) => Err("the recorder stopped in the middle".into()),
            Err(error) => {
                let mut message = shown.text(&error.to_string());
                if self.tally.recorded > 0 {
                    tell(&self.tally, self.arguments, terminal);
                    message = format!("{message}; {again}");
                }
                terminal.error(&message);
                Ok(match &error.kind {
                    EndpointErrorKind::Refused { .. } => Exit::Unusable,
                    // Somebody is there, and answers; what cannot be.
                    EndpointErrorKind::BrokenPages(_) => Exit::Failed,
                    _ => Exit::Unreachable,
                })
            }
        }
    }

    /// Whose time it took: that of the API, or ours.
    #[expect(clippy::disallowed_methods, reason = "how long it takes is told")]
    fn speed(&self) {
        let recorded = self.tally.recorded;
        let all = self.started.elapsed();
        if recorded < 2 {
            return;
        }
        let seconds = all.as_secs_f64().max(0.001);
        let own = all.saturating_sub(self.waited).as_secs_f64();
        self.terminal.note(&format!(
            "{seconds:.1}s for {recorded} executions, {} events: {:.0} executions a second; \
             {:.1}s waiting for {}, {own:.1}s redacting, writing and replaying",
            self.events,
            recorded as f64 / seconds,
            self.waited.as_secs_f64(),
            self.name,
        ));
    }
}

fn advice(why: &Missed) -> &'static str {
    match why {
        Missed::Running => ": `--wait 10m` waits for it",
        _ => "",
    }
}

fn selection(live: &LiveRecord) -> Result<Selection, String> {
    if let Some(arn) = live.executions.iter().find(|arn| !is_execution(arn)) {
        return Err(format!(
            "`{arn}` is no execution's ARN (`arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME`); \
             files are given with `--from`, a state machine with `--state-machine`"
        ));
    }
    Ok(Selection {
        executions: live.executions.clone(),
        state_machine: live.state_machine.clone(),
        statuses: live.status.iter().map(|status| status.to_ascii_uppercase()).collect(),
        since: live.since.as_deref().map(|text| time("--since", text)).transpose()?,
        until: live.until.as_deref().map(|text| time("--until", text)).transpose()?,
        sample: live.sample,
        max: live.max,
        cloud_trail: live.from_cloudtrail,
    })
}

fn is_execution(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    parts.len() >= 8 && parts[0] == "arn" && matches!(parts[5], "execution" | "express")
}

fn settings(live: &LiveRecord) -> Result<RecorderSettings, String> {
    Ok(RecorderSettings {
        concurrency: live.concurrency.max(1),
        wait: live
            .wait
            .as_deref()
            .map(|text| length("--wait", text))
            .transpose()?
            .unwrap_or_default(),
        children: live.children,
    })
}

/// How the endpoint is reached that the options name.
fn endpoint_options(arguments: &EndpointArgs) -> Result<EndpointOptions, String> {
    let timeout = arguments.request_timeout.as_deref();
    Ok(EndpointOptions {
        url: arguments.endpoint_url.clone(),
        region: arguments.reach.region.clone(),
        profile: arguments.reach.profile.clone(),
        assume_role: arguments.reach.assume_role.clone(),
        timeout: timeout.map(|text| length("--request-timeout", text)).transpose()?,
        attempts: None,
    })
}

fn length(option: &str, text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| format!("{option}: `{text}` is not {}", duration::FORM))
}

/// A point in time: RFC 3339, a date (its beginning, in UTC), or how long ago.
#[expect(clippy::disallowed_methods, reason = "what is said to be so long ago is that from now")]
fn time(option: &str, text: &str) -> Result<Timestamp, String> {
    let ago = duration::parse(text).map(|ago| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = now.saturating_sub(ago).as_millis();
        Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
    });
    let date = || Timestamp::parse_lenient(&format!("{text}T00:00:00Z"));
    ago.or_else(|| Timestamp::parse_lenient(text)).or_else(date).ok_or_else(|| {
        format!(
            "{option}: `{text}` is no time: write `2024-05-01T08:00:00Z`, `2024-05-01`, or how \
             long ago, such as `7d`"
        )
    })
}
