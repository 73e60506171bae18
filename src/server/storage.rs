//! What the server keeps in a folder: rows of the account in an embedded database, from which the
//! account is built again.
//!
//! The folder holds `format`, a line of text, and `stepproof.redb`. An account changes in memory;
//! the rows of its changes go to [`Store`], which writes all that wait in one transaction, and an
//! answer goes out once the rows before it are on the disk.

mod commit;
mod objects;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Builder, Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::clock::SavedClock;
use super::{FastMap, Options, Retain};
use crate::service::{Account, ExecutionId, RestoreError, Restored, Restoring};

pub(super) use commit::{Batch, Store};

use objects::ObjectRows;

/// The format of the folder that this version writes, and the latest that it reads.
const FORMAT: u32 = 1;
const FORMAT_FILE: &str = "format";
const FORMAT_NAME: &str = "stepproof data folder, format ";
const DATABASE_FILE: &str = "stepproof.redb";
/// The two while they are created: what a kill leaves of them is in nobody's way.
const NEW_FORMAT_FILE: &str = "format.new";
const NEW_DATABASE_FILE: &str = "stepproof.redb.new";

/// Bytes of the database that are kept in memory. All rows are read once, when the server starts.
const CACHE_BYTES: usize = 32 << 20;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const REVISIONS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("revisions");
const MACHINES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("machines");
const ACTIVITIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("activities");
/// What happened to executions: by a number that counts up, the id of the execution (four bytes,
/// the lowest first) and the row.
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// In the place of an execution: what happened to the virtual S3.
const OBJECTS: u32 = u32::MAX;
/// The test cases that executions were started with.
const CASES: TableDefinition<'_, u32, &str> = TableDefinition::new("cases");

/// Keys of [`META`].
const ACCOUNT: &str = "account";
const PROGRAM: &str = "program";
const COUNTERS: &str = "counters";
const CLOCK: &str = "clock";

/// Why a data folder cannot be used. Nothing in it has changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The system refuses the folder or a file in it.
    #[error("the data folder cannot be used: `{path}`: {error}", path = .path.display())]
    Io {
        /// The folder or the file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another server has it.
    #[error(
        "another server uses the data folder `{folder}`: stop that one, or give this one a folder \
         of its own", folder = .0.display()
    )]
    InUse(PathBuf),
    /// A later version of the program wrote it.
    #[error(
        "the data folder `{folder}` has the format {found}, and this version reads formats up to \
         {FORMAT}: use the version that wrote it, or another folder", folder = .folder.display()
    )]
    Newer {
        /// The folder.
        folder: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It is something else.
    #[error("`{folder}` is no data folder: {why}; give another one", folder = .folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// What says so.
        why: String,
    },
    /// The account in it is not the one that the server is started with.
    #[error(
        "the data folder `{folder}` is of the account {found}, and the server is started for \
         {wanted}: start it for that one, or give another folder", folder = .folder.display()
    )]
    OtherAccount {
        /// The folder.
        folder: PathBuf,
        /// Account id and region in the folder.
        found: String,
        /// Those of the server.
        wanted: String,
    },
    /// The database is cut off, or was changed by somebody else.
    #[error(
        "`{file}` is damaged: {why}; it stays as it is: put a copy of it in its place, or give \
         another folder", file = .file.display()
    )]
    Damaged {
        /// The database.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The rows do not make an account.
    #[error(
        "the data folder `{folder}` cannot be read: {error}; stepproof {program} wrote it, this is \
         {own}: use that version, or another folder",
        folder = .folder.display(), own = env!("CARGO_PKG_VERSION")
    )]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        error: RestoreError,
        /// The version of the program that wrote it.
        program: String,
    },
}

/// A folder that was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) restored: Restored,
    pub(super) clock: Option<SavedClock>,
    pub(super) cases: Vec<(ExecutionId, Arc<str>)>,
    pub(super) store: Store,
}

/// Opens a folder, or begins one, and builds the account in it. `keep_answered` also gives tasks
/// that are answered.
pub(super) fn open(
    folder: &Path,
    options: &Options,
    keep_answered: bool,
) -> Result<Opened, StorageError> {
    let database = Arc::new(Folder::new(folder));
    let db = database.open(&options.account)?;
    let read = read(&db, &database, &options.account, keep_answered);
    let Rows { mut restored, clock, cases, next, log, objects } = read?;
    let unused = std::mem::take(&mut restored.unused_revisions);
    database.begin(&db, &unused)?;
    let log = (options.retain != Retain::All).then_some(log);
    let store = Store::start(database, (db, objects), next, log)?;
    Ok(Opened { restored, clock, cases, store })
}

/// The numbers of the rows of each execution.
type RowsOf = FastMap<ExecutionId, Vec<u64>>;

/// What is in a database.
struct Rows {
    restored: Restored,
    clock: Option<SavedClock>,
    cases: Vec<(ExecutionId, Arc<str>)>,
    /// The number of the next row of the log.
    next: u64,
    log: RowsOf,
    objects: ObjectRows,
}

fn read(
    db: &Database,
    folder: &Folder,
    account: &Account,
    keep_answered: bool,
) -> Result<Rows, StorageError> {
    let mut program = String::from("of an unknown version");
    read_rows(db, account, keep_answered, &mut program).map_err(|error| match error {
        ReadError::Database(error) => folder.damaged(&error),
        ReadError::Restore(error) => {
            StorageError::Unusable { folder: folder.path.clone(), error, program }
        }
        ReadError::OtherAccount(found) => StorageError::OtherAccount {
            folder: folder.path.clone(),
            found,
            wanted: account_name(account),
        },
    })
}

enum ReadError {
    Database(redb::Error),
    Restore(RestoreError),
    OtherAccount(String),
}

impl<E: Into<redb::Error>> From<E> for ReadError {
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

fn account_name(account: &Account) -> String {
    format!("{} in {}", account.account_id, account.region)
}

fn read_rows(
    db: &Database,
    account: &Account,
    keep_answered: bool,
    program: &mut String,
) -> Result<Rows, ReadError> {
    let read = db.begin_read()?;
    let meta = read.open_table(META)?;
    let text = |key: &str| -> Result<Option<String>, redb::Error> {
        let row = meta.get(key)?;
        Ok(row.map(|row| String::from_utf8_lossy(row.value()).into_owned()))
    };
    if let Some(found) = text(PROGRAM)? {
        *program = found;
    }
    if let Some(found) = text(ACCOUNT)?
        && found != account_name(account)
    {
        return Err(ReadError::OtherAccount(found));
    }
    let mut restoring = Restoring::new(account.clone());
    if keep_answered {
        restoring.keep_answered();
    }
    if let Some(row) = meta.get(COUNTERS)? {
        restoring.counters(row.value()).map_err(ReadError::Restore)?;
    }
    let clock = meta.get(CLOCK)?.and_then(|row| SavedClock::from_bytes(row.value()));
    for row in read.open_table(REVISIONS)?.iter()? {
        let (number, row) = row?;
        restoring.revision(number.value(), row.value()).map_err(ReadError::Restore)?;
    }
    for row in read.open_table(MACHINES)?.iter()? {
        let (arn, row) = row?;
        restoring.machine(arn.value(), row.value()).map_err(ReadError::Restore)?;
    }
    for row in read.open_table(ACTIVITIES)?.iter()? {
        let (arn, row) = row?;
        restoring.activity(arn.value(), row.value()).map_err(ReadError::Restore)?;
    }
    let (mut next, mut log, mut objects) = (0, RowsOf::default(), ObjectRows::default());
    for row in read.open_table(LOG)?.iter()? {
        let (number, row) = row?;
        let number = number.value();
        next = number + 1;
        let (id, row) = log_row(row.value());
        let heard = match id {
            None => restoring.objects(row),
            Some(id) => {
                log.entry(id).or_default().push(number);
                restoring.execution(id, row)
            }
        };
        heard.map_err(ReadError::Restore)?;
        objects.add(number, id, row);
    }
    let mut cases = Vec::new();
    for row in read.open_table(CASES)?.iter()? {
        let (id, case) = row?;
        cases.push((ExecutionId(id.value()), Arc::from(case.value())));
    }
    Ok(Rows { restored: restoring.finish(), clock, cases, next, log, objects })
}

/// The execution that a value of [`LOG`] is about, `None` for the virtual S3, and the row.
fn log_row(value: &[u8]) -> (Option<ExecutionId>, &[u8]) {
    let (id, row) = value.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
    let id = u32::from_le_bytes(*id);
    ((id != OBJECTS).then_some(ExecutionId(id)), row)
}

/// The folder and the files in it.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    file: PathBuf,
}

impl Folder {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: path.join(DATABASE_FILE) }
    }

    fn damaged(&self, error: &redb::Error) -> StorageError {
        StorageError::Damaged { file: self.file.clone(), why: error.to_string() }
    }

    /// Opens the database; one that is not there is created.
    fn open(&self, account: &Account) -> Result<Database, StorageError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| StorageError::Io { path, error }
        };
        fs::create_dir_all(&self.path).map_err(io(&self.path))?;
        let format = self.path.join(FORMAT_FILE);
        match fs::read_to_string(&format) {
            Ok(text) => self.check_format(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.file.exists() {
                    let why = format!("`{FORMAT_FILE}` is missing in it");
                    return Err(StorageError::Foreign { folder: self.path.clone(), why });
                }
                self.write_format(&format).map_err(io(&format))?;
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => self.check_format("")?,
            Err(error) => return Err(io(&format)(error)),
        }
        if !self.file.try_exists().map_err(io(&self.file))? {
            self.create(account)?;
        }
        self.open_file()
    }

    /// Nobody ever finds a half of it, and it is on the disk before there is a database.
    fn write_format(&self, format: &Path) -> io::Result<()> {
        let new = self.path.join(NEW_FORMAT_FILE);
        let mut file = fs::File::create(&new)?;
        writeln!(file, "{FORMAT_NAME}{FORMAT}")?;
        file.sync_all()?;
        fs::rename(&new, format)?;
        self.sync()
    }

    /// The names of its files have to be as safe as what is in them.
    fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.path)?.sync_all()
    }

    fn check_format(&self, text: &str) -> Result<(), StorageError> {
        let found = text.trim().strip_prefix(FORMAT_NAME).and_then(|number| number.parse().ok());
        match found {
            Some(1..=FORMAT) => Ok(()),
            Some(found) => Err(StorageError::Newer { folder: self.path.clone(), found }),
            None => {
                let why = format!("`{FORMAT_FILE}` does not say `{FORMAT_NAME}{FORMAT}`");
                Err(StorageError::Foreign { folder: self.path.clone(), why })
            }
        }
    }

    fn create(&self, account: &Account) -> Result<(), StorageError> {
        let new = self.path.join(NEW_DATABASE_FILE);
        let create = || -> Result<(), redb::Error> {
            let db = Builder::new().set_cache_size(CACHE_BYTES).create(&new)?;
            let write = db.begin_write()?;
            for table in [META, MACHINES, ACTIVITIES] {
                write.open_table(table)?;
            }
            for table in [REVISIONS, LOG] {
                write.open_table(table)?;
            }
            write.open_table(CASES)?;
            write.open_table(META)?.insert(ACCOUNT, account_name(account).as_bytes())?;
            write.commit()?;
            db.close()?;
            Ok(())
        };
        let io = |error| StorageError::Io { path: new.clone(), error };
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        create().map_err(|error| self.refused(error))?;
        fs::rename(&new, &self.file).map_err(io)?;
        self.sync().map_err(|error| StorageError::Io { path: self.path.clone(), error })
    }

    /// Opens the database, which is there, and sees to it that no page of it is damaged.
    fn open_file(&self) -> Result<Database, StorageError> {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
        builder.open(&self.file).map_err(|error| self.refused(error.into()))
    }

    fn refused(&self, error: redb::Error) -> StorageError {
        match error {
            redb::Error::DatabaseAlreadyOpen => StorageError::InUse(self.path.clone()),
            redb::Error::Io(error)
                if !matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                StorageError::Io { path: self.file.clone(), error }
            }
            error => self.damaged(&error),
        }
    }

    /// The account is built: from here on the folder is this version's.
    fn begin(&self, db: &Database, unused_revisions: &[u64]) -> Result<(), StorageError> {
        let begin = || -> Result<(), redb::Error> {
            let write = db.begin_write()?;
            {
                let mut revisions = write.open_table(REVISIONS)?;
                for number in unused_revisions {
                    revisions.remove(number)?;
                }
                let program = env!("CARGO_PKG_VERSION").as_bytes();
                write.open_table(META)?.insert(PROGRAM, program)?;
            }
            write.commit()?;
            Ok(())
        };
        begin().map_err(|error| self.refused(error))
    }
}
