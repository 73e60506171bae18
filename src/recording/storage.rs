//! The few things a recorder does to a disk, so that tests can fill it up.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

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
