//! Many cases on one endpoint, several at a time; what they made is taken away at the end, also
//! after Ctrl-C and after a failure.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::endpoint::{Endpoint, EndpointOptions};
use super::error::EndpointError;
use super::live::LiveReport;
use super::session::{Leftovers, Session};
use super::settings::{MockWay, Settings};
use crate::scenario::Scenario;

/// A case to run: its file, and its place in it.
pub type CaseOf = (Arc<Scenario>, usize);

/// How a batch ended.
#[derive(Debug, Default)]
pub struct Batch {
    /// Whether somebody pressed Ctrl-C: cases without a report were not run.
    pub interrupted: bool,
    /// Whether somebody pressed it once more, while things were taken away: some may be left.
    pub gave_up: bool,
    /// What could not be taken away.
    pub leftovers: Leftovers,
    /// Why it ended early.
    pub stopped_by: Option<EndpointError>,
}

/// Runs the cases; `report` hears of each as it is done, by its place in the list.
///
/// # Errors
///
/// Where the endpoint cannot be reached, or refuses what every case needs.
pub fn run_batch(
    options: &EndpointOptions,
    settings: &Settings,
    cases: Vec<CaseOf>,
    mut report: impl FnMut(usize, LiveReport),
) -> Result<Batch, EndpointError> {
    if settings.mocks == MockWay::Server {
        #[cfg(feature = "server")]
        return super::own::run_batch(settings, cases, report);
        #[cfg(not(feature = "server"))]
        return Err(EndpointError {
            endpoint: "our own server".to_owned(),
            operation: super::Operation::CreateStateMachine,
            kind: super::EndpointErrorKind::Unsupported(
                "this build is without it: the feature `server`".to_owned(),
            ),
        });
    }
    block_on(async {
        // Heard from here on: what is made first must be taken away, too.
        let mut interrupts = Interrupts::new();
        let endpoint = Endpoint::new(options).await;
        let mut session = Session::new(endpoint, settings.clone());
        let mut batch = Batch::default();
        let opened = tokio::select! {
            biased;
            () = interrupts.next() => {
                batch.interrupted = true;
                Ok(())
            }
            opened = session.open(&cases) => opened,
        };
        let session = Arc::new(session);
        if opened.is_ok() && !batch.interrupted {
            run_cases(&session, cases, &mut interrupts, &mut batch, &mut report).await;
        }
        tokio::select! {
            leftovers = session.close() => batch.leftovers = leftovers,
            () = interrupts.next() => (batch.interrupted, batch.gave_up) = (true, true),
        }
        opened.map(|()| batch)
    })
}

async fn run_cases(
    session: &Arc<Session>,
    cases: Vec<CaseOf>,
    interrupts: &mut Interrupts,
    batch: &mut Batch,
    report: &mut dyn FnMut(usize, LiveReport),
) {
    let mut running = JoinSet::new();
    let mut waiting = cases.into_iter().enumerate();
    loop {
        while running.len() < session.concurrency()
            && let Some((number, (scenario, index))) = waiting.next()
        {
            let session = session.clone();
            running.spawn(async move {
                let case = &scenario.cases[index];
                (number, session.run_case(number, &scenario, case).await)
            });
        }
        let done = tokio::select! {
            biased;
            () = interrupts.next() => {
                batch.interrupted = true;
                break;
            }
            done = running.join_next() => done,
        };
        match done {
            None => break,
            Some(Ok((number, Ok(live)))) => report(number, live),
            Some(Ok((_, Err(error)))) => {
                batch.stopped_by = Some(error);
                break;
            }
            // A panic is reported by its hook.
            Some(Err(_)) => {}
        }
    }
    running.shutdown().await;
}

/// Ctrl-C, and what CI systems send when a job is cancelled.
struct Interrupts {
    #[cfg(unix)]
    signals: Option<(tokio::signal::unix::Signal, tokio::signal::unix::Signal)>,
}

#[cfg(unix)]
impl Interrupts {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt()).ok();
        Self { signals: interrupt.zip(signal(SignalKind::terminate()).ok()) }
    }

    async fn next(&mut self) {
        match &mut self.signals {
            Some((interrupt, terminate)) => tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            },
            // Where they cannot be heard, they end the process.
            None => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
impl Interrupts {
    fn new() -> Self {
        Self {}
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Runs a future to its end on a runtime of its own.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("no runtime for network calls: {error}"),
    }
}
