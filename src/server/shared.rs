//! The driver behind a lock, and the task that wakes it.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::driver::{Driver, Effect};
use super::endpoint::Job;
use super::report::Report;
use super::storage::Store;
use crate::engine::TaskId;
use crate::service::ExecutionId;
use crate::time::Timestamp;

/// How long who lets things happen leaves the driver to others that want it.
const BREAK: Duration = Duration::from_millis(1);

/// The driver as the server's tasks share it.
///
/// A lock and no task that owns it: a request holds it for a few microseconds, and with a task
/// each would wait for two threads to wake up.
pub(super) struct Shared {
    driver: Mutex<Driver>,
    /// How many wait for the lock.
    waiting: AtomicU32,
    /// Where the account is kept, if it is.
    store: Option<Store>,
    /// Something comes sooner than the sleeping task knows.
    sooner: Notify,
    calls: Mutex<Calls>,
}

/// The calls of real services under way.
type Calls = FxHashMap<(ExecutionId, TaskId), (AbortHandle, Job)>;

impl Shared {
    pub(super) fn new(driver: Driver, store: Option<Store>) -> Arc<Self> {
        let (driver, calls) = (Mutex::new(driver), Mutex::default());
        let waiting = AtomicU32::new(0);
        Arc::new(Self { driver, waiting, store, sooner: Notify::new(), calls })
    }

    /// Asks or tells the driver something, and lets happen what follows. Where other things still
    /// happen that come first, nobody waits for them here.
    pub(super) fn with<R>(self: &Arc<Self>, act: impl FnOnce(&mut Driver, Instant) -> R) -> R {
        self.settle(|driver| !driver.is_unsettled(), act)
    }

    /// Lets happen what is due, for a while.
    pub(super) fn go_on(self: &Arc<Self>) {
        self.settle(|_| true, |_, _| ());
    }

    fn settle<R>(
        self: &Arc<Self>,
        settles: impl FnOnce(&Driver) -> bool,
        act: impl FnOnce(&mut Driver, Instant) -> R,
    ) -> R {
        let real = now();
        let mut driver = self.lock();
        let settles = settles(&driver);
        let result = act(&mut driver, real);
        if settles {
            driver.settle(real);
        }
        let (effects, forgotten) = (driver.take_effects(), driver.take_forgotten());
        if let Some(store) = &self.store
            && let Some(batch) = driver.take_batch(wall(), real)
        {
            store.push(batch);
        }
        let wake = driver.must_wake();
        // Nobody may cancel a call before it is made, so they are made in the driver's order.
        let mut calls = (!effects.is_empty()).then(|| self.calls());
        drop(driver);
        for effect in effects {
            if let Some(calls) = &mut calls {
                self.perform(effect, calls);
            }
        }
        drop(calls);
        drop(forgotten);
        if wake {
            self.sooner.notify_one();
        }
        result
    }

    /// The account's time.
    pub(super) fn time(&self) -> Timestamp {
        self.lock().now(now())
    }

    /// Looks at the driver and changes nothing.
    pub(super) fn look<R>(&self, look: impl FnOnce(&mut Driver, Instant) -> R) -> R {
        let real = now();
        look(&mut self.lock(), real)
    }

    fn lock(&self) -> MutexGuard<'_, Driver> {
        match self.driver.try_lock() {
            Ok(driver) => driver,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.waiting.fetch_add(1, Ordering::Relaxed);
                let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                driver
            }
        }
    }

    /// Waits until everything that has happened is kept, where it is kept at all: nobody may hear
    /// of it before. The error says why it is not.
    pub(super) async fn kept(&self) -> Result<(), Arc<str>> {
        match &self.store {
            Some(store) => store.kept().await,
            None => Ok(()),
        }
    }

    /// Why nothing can be kept at the time.
    pub(super) fn trouble(&self) -> Option<Arc<str>> {
        self.store.as_ref()?.trouble()
    }

    /// Everything that has happened is kept, and the folder is free for others.
    pub(super) fn close(&self) {
        if let Some(store) = &self.store {
            store.close();
        }
    }

    /// Lets go of those who wait for a task of an activity: the server is about to stop.
    pub(super) fn end_polls(self: &Arc<Self>) {
        self.with(|driver, _| driver.end_polls());
    }

    /// Lets go of everybody who waits: the server stops.
    pub(super) fn stop(self: &Arc<Self>) {
        self.with(|driver, _| driver.let_go());
        // Their jobs go on: who starts the server again may wait for them.
        for (_, (call, _)) in self.calls().drain() {
            call.abort();
        }
    }

    /// Lets happen what is due, until nothing more is.
    pub(super) async fn quiesce(self: &Arc<Self>) {
        while self.with(|driver, _| driver.is_unsettled()) {
            tokio::time::sleep(BREAK).await;
        }
    }

    /// Wakes the driver whenever something is due. Never returns.
    pub(super) async fn keep_time(self: Arc<Self>) {
        loop {
            match self.sleep() {
                // The lock is not fair: who has just let it go would have it again before those
                // who wait wake up.
                Some(Duration::ZERO) if self.waiting.load(Ordering::Relaxed) > 0 => {
                    tokio::time::sleep(BREAK).await;
                }
                Some(Duration::ZERO) => tokio::task::yield_now().await,
                Some(sleep) => tokio::select! {
                    () = tokio::time::sleep(sleep) => {}
                    () = self.sooner.notified() => {}
                },
                None => self.sooner.notified().await,
            }
        }
    }

    /// Lets happen what is due; how long until more is.
    fn sleep(self: &Arc<Self>) -> Option<Duration> {
        self.go_on();
        self.lock().next_wakeup(now())
    }

    fn perform(self: &Arc<Self>, effect: Effect, calls: &mut Calls) {
        match effect {
            Effect::Call(execution, task, call) => {
                let report = Report::new(self.clone(), execution, task);
                let job = call.job();
                let shared = self.clone();
                let running = tokio::spawn(async move {
                    // What cannot be kept happens all the same; the clients hear of it.
                    let _ = shared.kept().await;
                    call.run(report).await;
                    shared.calls().remove(&(execution, task));
                    shared.with(|driver, _| driver.call_ended(execution, task));
                });
                calls.insert((execution, task), (running.abort_handle(), job));
            }
            Effect::CancelCall(execution, task) => {
                if let Some((call, job)) = calls.remove(&(execution, task)) {
                    call.abort();
                    tokio::spawn(async move { job.stop().await });
                }
            }
            // A client that has gone away is not told: a task of an activity times out then.
            Effect::Answer(to, answer) => drop(to.send(answer)),
        }
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// The monotonic clock.
#[expect(clippy::disallowed_methods, reason = "the server is where real time comes in")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// The calendar.
#[expect(clippy::disallowed_methods, reason = "the server is where real time comes in")]
pub(super) fn wall() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}
