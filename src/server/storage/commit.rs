//! Writing to the disk: one thread, and everything that waits in one transaction.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use redb::{Database, WriteTransaction};
use tokio::sync::watch;
use tracing::{error, info};

use super::{
    ACTIVITIES, CASES, CLOCK, COUNTERS, Folder, LOG, MACHINES, META, OBJECTS, ObjectRows,
    REVISIONS, RowsOf, StorageError,
};
use crate::server::clock::SavedClock;
use crate::service::ExecutionId;
use crate::service::journal::Change;

/// How long after a failure is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Changes that are kept together or not at all.
#[derive(Debug)]
pub(in crate::server) struct Batch {
    pub(in crate::server) changes: Vec<Change>,
    /// The test cases that executions were started with.
    pub(in crate::server) cases: Vec<(ExecutionId, Arc<str>)>,
    pub(in crate::server) clock: SavedClock,
}

/// Keeps what changes. Dropped, it writes what waits and closes the folder.
#[derive(Debug)]
pub(in crate::server) struct Store {
    common: Arc<Common>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the writing thread shares with the others.
#[derive(Debug)]
struct Common {
    queue: Mutex<Queue>,
    filled: Condvar,
    /// How many batches were taken in.
    taken: AtomicU64,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Default)]
struct Queue {
    batches: Vec<Batch>,
    stopping: bool,
}

#[derive(Clone, Debug, Default)]
struct Progress {
    /// How many batches are on the disk.
    kept: u64,
    /// Why the latest attempt failed.
    trouble: Option<Arc<str>>,
}

impl Store {
    pub(super) fn start(
        folder: Arc<Folder>,
        open: (Database, ObjectRows),
        next: u64,
        rows: Option<RowsOf>,
    ) -> Result<Self, StorageError> {
        let path = folder.path.clone();
        let mut writer = Writer { folder, open: Some(open), next, rows };
        let store = Self::spawn(move |common| writer.run(common));
        store.map_err(|error| StorageError::Io { path, error })
    }

    fn spawn(write: impl FnOnce(&Common) + Send + 'static) -> io::Result<Self> {
        let common = Arc::new(Common {
            queue: Mutex::default(),
            filled: Condvar::new(),
            taken: AtomicU64::new(0),
            progress: watch::channel(Progress::default()).0,
        });
        let shared = common.clone();
        let thread = std::thread::Builder::new().name("stepproof-storage".to_owned());
        let thread = thread.spawn(move || {
            let _last_words = LastWords(&shared);
            write(&shared);
        })?;
        Ok(Self { common, thread: Mutex::new(Some(thread)) })
    }

    /// Takes changes in; the next ones come after them.
    pub(in crate::server) fn push(&self, batch: Batch) {
        self.common.queue().batches.push(batch);
        self.common.taken.fetch_add(1, Ordering::Release);
        self.common.filled.notify_one();
    }

    /// Waits until everything that was taken in is on the disk.
    ///
    /// The error says why it is not. It stays in line, and is written as soon as that goes.
    pub(in crate::server) async fn kept(&self) -> Result<(), Arc<str>> {
        let wanted = self.common.taken.load(Ordering::Acquire);
        if self.common.progress.borrow().kept >= wanted {
            return Ok(());
        }
        let mut progress = self.common.progress.subscribe();
        let there = |progress: &Progress| progress.kept >= wanted || progress.trouble.is_some();
        let Ok(progress) = progress.wait_for(there).await else {
            return Err("the server is shutting down".into());
        };
        match &progress.trouble {
            Some(trouble) if progress.kept < wanted => Err(trouble.clone()),
            _ => Ok(()),
        }
    }

    /// Why nothing can be kept at the time.
    pub(in crate::server) fn trouble(&self) -> Option<Arc<str>> {
        self.common.progress.borrow().trouble.clone()
    }

    /// Writes what waits and closes the folder.
    pub(in crate::server) fn close(&self) {
        self.common.queue().stopping = true;
        self.common.filled.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // Where it broke down it said so.
            let _ = thread.join();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

impl Common {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits, once something does; `None` where the server stops.
    fn next(&self, behind: &mut Vec<Batch>) -> Option<()> {
        let mut queue = self.queue();
        while queue.batches.is_empty() && behind.is_empty() {
            if queue.stopping {
                return None;
            }
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        behind.append(&mut queue.batches);
        Some(())
    }

    /// Waits before the next attempt; false where the server stops.
    fn pause(&self) -> bool {
        let queue = self.queue();
        let wait = self.filled.wait_timeout_while(queue, PAUSE, |queue| !queue.stopping);
        !wait.unwrap_or_else(PoisonError::into_inner).0.stopping
    }
}

/// Says so where the writing thread breaks down: those who wait for it would wait for ever.
struct LastWords<'a>(&'a Common);

impl Drop for LastWords<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let why = "the data folder is not written any more: its thread broke down, which is a \
                       mistake of stepproof; start the server again";
            self.0.progress.send_modify(|progress| progress.trouble = Some(why.into()));
        }
    }
}

/// The thread that writes.
struct Writer {
    folder: Arc<Folder>,
    /// The database, and what is in it of the virtual S3. `None` after a failure: the database
    /// refuses everything until it is opened anew.
    open: Option<(Database, ObjectRows)>,
    /// The number of the next row of the log.
    next: u64,
    /// Where the rows of executions are, where some may be forgotten.
    rows: Option<RowsOf>,
}

impl Writer {
    fn run(&mut self, common: &Common) {
        let mut batches = Vec::new();
        while common.next(&mut batches).is_some() {
            match self.attempt(&batches) {
                Ok(()) => {
                    let count = batches.len() as u64;
                    batches.clear();
                    common.progress.send_modify(|progress| {
                        progress.kept += count;
                        if progress.trouble.take().is_some() {
                            info!("the data folder is written again");
                        }
                    });
                }
                Err(why) => {
                    let folder = self.folder.path.display();
                    let why = format!("the data folder `{folder}` cannot be written: {why}");
                    common.progress.send_modify(|progress| {
                        if progress.trouble.is_none() {
                            error!("{why}");
                        }
                        progress.trouble = Some(why.into());
                    });
                    if !common.pause() {
                        error!("changes that could not be written are lost");
                        return;
                    }
                }
            }
        }
    }

    fn attempt(&mut self, batches: &[Batch]) -> Result<(), String> {
        let (db, mut objects, failed) = match self.open.take() {
            Some((db, objects)) => (db, objects, false),
            None => {
                let db = self.folder.open_file().map_err(|error| error.to_string())?;
                let objects =
                    ObjectRows::read(&db, self.next).map_err(|error| error.to_string())?;
                (db, objects, true)
            }
        };
        let written = self.write(&db, &mut objects, batches, failed);
        self.next = written.map_err(|error| error.to_string())?;
        self.open = Some((db, objects));
        Ok(())
    }

    /// Writes all in one transaction. Gives the number of the next row of the log.
    ///
    /// What an attempt that `failed` wrote may be there all the same: its rows go, since not all of
    /// them are written a second time where an execution was forgotten meanwhile.
    fn write(
        &mut self,
        db: &Database,
        objects: &mut ObjectRows,
        batches: &[Batch],
        failed: bool,
    ) -> Result<u64, redb::Error> {
        let changes: Vec<&Change> = batches.iter().flat_map(|batch| &batch.changes).collect();
        let forgotten: BTreeSet<ExecutionId> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Forgotten(id) => Some(*id),
                _ => None,
            })
            .collect();
        let transaction = db.begin_write()?;
        if failed {
            transaction.open_table(LOG)?.retain_in(self.next.., |_, _| false)?;
        }
        let added = self.write_log(&transaction, objects, &changes, &forgotten)?;
        write_state(&transaction, &changes)?;
        {
            let mut cases = transaction.open_table(CASES)?;
            for (id, case) in batches.iter().flat_map(|batch| &batch.cases) {
                cases.insert(id.0, &**case)?;
            }
            for id in &forgotten {
                cases.remove(id.0)?;
            }
            if let Some(batch) = batches.last() {
                transaction.open_table(META)?.insert(CLOCK, &batch.clock.to_bytes()[..])?;
            }
        }
        transaction.commit()?;
        let next = self.next + added.len() as u64;
        if let Some(rows) = &mut self.rows {
            for (id, number) in added.into_iter().zip(self.next..) {
                if let Some(id) = id {
                    rows.entry(id).or_default().push(number);
                }
            }
            for id in &forgotten {
                rows.remove(id);
            }
        }
        Ok(next)
    }

    /// Adds rows to the log, and takes those of forgotten executions out and those of the virtual
    /// S3 that nothing needs. Gives the execution of each row that was added.
    fn write_log(
        &self,
        transaction: &WriteTransaction,
        objects: &mut ObjectRows,
        changes: &[&Change],
        forgotten: &BTreeSet<ExecutionId>,
    ) -> Result<Vec<Option<ExecutionId>>, redb::Error> {
        let mut log = transaction.open_table(LOG)?;
        let mut added = Vec::new();
        let mut row = Vec::new();
        for change in changes {
            let (execution, bytes) = match change {
                Change::Execution(id, op) if !forgotten.contains(id) => (Some(*id), op.to_bytes()),
                Change::Objects(op) => (None, op.to_bytes()),
                _ => continue,
            };
            row.clear();
            row.extend_from_slice(&execution.map_or(OBJECTS, |id| id.0).to_le_bytes());
            row.extend_from_slice(&bytes);
            let number = self.next + added.len() as u64;
            log.insert(number, &*row)?;
            objects.add(number, execution, &bytes);
            added.push(execution);
        }
        for id in forgotten {
            objects.forget(*id);
            let rows = self.rows.as_ref().and_then(|rows| rows.get(id));
            for number in rows.into_iter().flatten() {
                log.remove(number)?;
            }
        }
        for number in objects.take_gone() {
            log.remove(number)?;
        }
        Ok(added)
    }
}

/// Writes what is kept as it is at the time.
fn write_state(transaction: &WriteTransaction, changes: &[&Change]) -> Result<(), redb::Error> {
    let mut counters = None;
    for change in changes {
        match change {
            Change::Revision(revision) => {
                let mut revisions = transaction.open_table(REVISIONS)?;
                revisions.insert(revision.number, &*revision.to_bytes())?;
            }
            Change::Machine(arn, image) => {
                let mut machines = transaction.open_table(MACHINES)?;
                match image {
                    Some(image) => machines.insert(&**arn, &*image.to_bytes())?,
                    None => machines.remove(&**arn)?,
                };
            }
            Change::Activity(arn, image) => {
                let mut activities = transaction.open_table(ACTIVITIES)?;
                match image {
                    Some(image) => activities.insert(&**arn, &*image.to_bytes())?,
                    None => activities.remove(&**arn)?,
                };
            }
            Change::Counters(latest) => counters = Some(latest),
            Change::Execution(..) | Change::Forgotten(_) | Change::Objects(_) => {}
        }
    }
    if let Some(counters) = counters {
        transaction.open_table(META)?.insert(COUNTERS, &*counters.to_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{FORMAT_FILE, open};
    use super::*;
    use crate::asl::ExecutionType;
    use crate::server::{FastMap, Options, Retain};
    use crate::service::{Account, NewExecution, Operation, Output, Service};
    use crate::time::Timestamp;
    use crate::value::Value;

    #[test]
    fn nobody_waits_for_a_thread_that_broke_down() {
        let store = Store::spawn(|common| {
            let mut batches = Vec::new();
            common.next(&mut batches);
            panic!("the test wants it so");
        });
        let store = store.expect("a thread");
        store.push(batch(Vec::new()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let error = runtime.block_on(store.kept()).expect_err("nothing is written");
        assert!(error.contains("its thread broke down"), "{error}");
        assert!(store.trouble().is_some());
    }

    fn batch(changes: Vec<Change>) -> Batch {
        let clock = SavedClock::from_bytes(&[0; 18]).expect("a clock");
        Batch { changes, cases: Vec::new(), clock }
    }

    const NOW: Timestamp = Timestamp(1_704_067_200_000);

    /// Runs an execution, which ends at once.
    fn run(service: &mut Service) -> ExecutionId {
        let arn = "arn:aws:states:us-east-1:123456789012:stateMachine:m".into();
        let new = NewExecution::new(arn, Value::Null);
        let started = service.start_execution(NOW, new).expect("it starts");
        while !matches!(service.poll(), Output::Idle(_)) {}
        started
    }

    /// A commit may fail although it is there when the file is opened again.
    #[test]
    fn what_a_failed_attempt_wrote_is_written_anew() {
        let folder = std::env::temp_dir().join(format!("stepproof-commit-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let mut service = Service::new(Account::default());
        service.keep_journal();
        let definition =
            json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } });
        let (machine, _) = crate::asl::parse_text("m", &definition.to_string());
        let create = Operation::CreateStateMachine {
            name: "m".into(),
            machine: Arc::new(machine.expect("a definition")),
            execution_type: ExecutionType::Standard,
            role_arn: "arn:aws:iam::123456789012:role/r".into(),
        };
        service.handle(NOW, create).expect("it is created");
        let started = [(); 3].map(|()| run(&mut service));
        let mut batches = vec![batch(service.take_changes())];
        let of_folder = Arc::new(Folder::new(&folder));
        let db = of_folder.open(&Account::default()).expect("a folder");
        let (open_db, rows) = (Some((db, ObjectRows::default())), Some(FastMap::default()));
        let mut writer = Writer { folder: of_folder, open: open_db, next: 0, rows };
        writer.attempt(&batches).expect("it is written");

        // As if the last step of that attempt had failed.
        (writer.open, writer.next, writer.rows) = (None, 0, Some(FastMap::default()));
        assert!(!service.forget(started[0]).is_empty());
        batches.push(batch(service.take_changes()));
        writer.attempt(&batches).expect("it is written");
        drop(writer);

        assert!(folder.join(FORMAT_FILE).exists());
        let options = Options { retain: Retain::Count(10), ..Options::default() };
        let opened = open(&folder, &options, false).unwrap_or_else(|error| panic!("{error}"));
        let found: Vec<ExecutionId> =
            opened.restored.service.executions().iter().map(|record| record.id).collect();
        assert_eq!(found, started[1..]);
        drop(opened);
        let _ = std::fs::remove_dir_all(&folder);
    }
}
