//! The few things a recorder does to a disk, so that tests can fill it up.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;

/// What a recorder writes to.
pub trait Storage {
    /// Creates a folder and those around it.
    ///
    /// # Errors
    /// What the system says.
    fn create_folder(&mut self, path: &Path) -> io::Result<()>;
    /// Writes a whole file, down to the disk.
    ///
    /// # Errors
    /// What the system says.
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Writes several whole files, in any order.
    ///
    /// # Errors
    /// A file that could not be written, and what the system says.
    fn write_all(&mut self, files: &[(PathBuf, &[u8])]) -> Result<(), (PathBuf, io::Error)> {
        let mut files = files.iter();
        files.try_for_each(|(path, bytes)| {
            self.write(path, bytes).map_err(|error| (path.clone(), error))
        })
    }
    /// Adds to the end of a file, down to the disk.
    ///
    /// # Errors
    /// What the system says.
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Renames a file or a folder.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a folder with everything in it; one that does not exist is removed already.
    ///
    /// # Errors
    /// What the system says.
    fn remove_folder(&mut self, path: &Path) -> io::Result<()>;
}

/// How many files are written at once.
const AT_ONCE: usize = 8;

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Storage for Disk {
    fn create_folder(&mut self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = fs::File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// Several at once: a disk mostly takes as long for them as for one.
    fn write_all(&mut self, files: &[(PathBuf, &[u8])]) -> Result<(), (PathBuf, io::Error)> {
        for some in files.chunks(AT_ONCE) {
            thread::scope(|scope| {
                let write = |(path, bytes): &(PathBuf, &[u8])| {
                    Self.write(path, bytes).map_err(|error| (path.clone(), error))
                };
                let begun: Vec<_> =
                    some.iter().map(|file| scope.spawn(move || write(file))).collect();
                let ended = begun.into_iter().map(|one| match one.join() {
                    Ok(written) => written,
                    Err(panic) => std::panic::resume_unwind(panic),
                });
                ended.collect::<Result<Vec<()>, _>>()
            })?;
        }
        Ok(())
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_data()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_folder(&mut self, path: &Path) -> io::Result<()> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
