//! Writes bundles: the same recordings give the same bytes.

use std::io::{self, Write};
use std::path::Path;

use super::super::{Files, MANIFEST};

/// How a bundle is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// With gzip.
    Gzip,
    /// With zstd.
    Zstd,
}

impl Packing {
    /// What a bundle's name asks for; `None` where it names none of ours.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        match () {
            () if ends(&[".tar"]) => Some(Self::Plain),
            () if ends(&[".tar.gz", ".tgz"]) => Some(Self::Gzip),
            () if ends(&[".tar.zst", ".tzst"]) => Some(Self::Zstd),
            () => None,
        }
    }
}

/// Writes recordings into a bundle.
pub struct Packer<W: Write> {
    tar: tar::Builder<Sink<W>>,
}

enum Sink<W: Write> {
    Plain(W),
    Gzip(flate2::write::GzEncoder<W>),
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

impl<W: Write> Packer<W> {
    /// Begins a bundle.
    ///
    /// # Errors
    ///
    /// When the compressor cannot be set up.
    pub fn new(output: W, packing: Packing) -> io::Result<Self> {
        let sink = match packing {
            Packing::Plain => Sink::Plain(output),
            Packing::Gzip => {
                Sink::Gzip(flate2::write::GzEncoder::new(output, flate2::Compression::default()))
            }
            Packing::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(output, 3)?;
                encoder.include_checksum(true)?;
                Sink::Zstd(encoder)
            }
        };
        Ok(Self { tar: tar::Builder::new(sink) })
    }

    /// Adds a recording: its manifest, then its other files by their paths.
    ///
    /// # Errors
    ///
    /// When the output cannot be written.
    pub fn add(&mut self, folder: &str, files: &Files) -> io::Result<()> {
        let manifest = files.iter().filter(|(path, _)| *path == MANIFEST);
        let others = files.iter().filter(|(path, _)| *path != MANIFEST);
        for (path, bytes) in manifest.chain(others) {
            let path = if folder.is_empty() { path.clone() } else { format!("{folder}/{path}") };
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Regular);
            header.set_mode(0o644);
            header.set_mtime(0);
            header.set_size(bytes.len() as u64);
            self.tar.append_data(&mut header, &path, bytes.as_slice())?;
        }
        Ok(())
    }

    /// Ends the bundle, and gives its output back.
    ///
    /// # Errors
    ///
    /// When the output cannot be written.
    pub fn finish(self) -> io::Result<W> {
        let mut output = match self.tar.into_inner()? {
            Sink::Plain(output) => output,
            Sink::Gzip(encoder) => encoder.finish()?,
            Sink::Zstd(encoder) => encoder.finish()?,
        };
        output.flush()?;
        Ok(output)
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(output) => output.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(output) => output.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}
