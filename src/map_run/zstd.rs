//! Data compressed with ZSTD (RFC 8878).

use std::io::{self, Cursor, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::objects::Body;

/// A compressed file, read without its compression: frames one after the other.
pub(super) struct ZstdReader {
    source: Cursor<Body>,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl ZstdReader {
    pub(super) fn new(source: Cursor<Body>) -> Self {
        Self { source, decoder: FrameDecoder::new(), in_frame: false }
    }

    /// Goes to the next frame that holds data; `false` at the end of the file.
    fn next_frame(&mut self) -> io::Result<bool> {
        let length = self.source.get_ref().len() as u64;
        while self.source.position() < length {
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => self.source.set_position(self.source.position() + u64::from(length)),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    fn check_sum(&self) -> io::Result<()> {
        let written = self.decoder.get_checksum_from_data();
        if written.is_some() && written != self.decoder.get_calculated_checksum() {
            return Err(io::Error::other("the checksum of the compressed file is wrong"));
        }
        Ok(())
    }
}

impl Read for ZstdReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame {
                self.in_frame = self.next_frame()?;
                if !self.in_frame {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.source, one).map_err(io::Error::other)?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            self.check_sum()?;
            self.in_frame = false;
        }
    }
}

/// The `size` bytes that were compressed to these.
#[cfg(feature = "parquet")]
pub(super) fn decompress(compressed: &[u8], size: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; size];
    match FrameDecoder::new().decode_all(compressed, &mut bytes) {
        Ok(read) if read == size => Ok(bytes),
        Ok(read) => Err(format!("{size} bytes were promised, {read} came")),
        Err(error) => Err(error.to_string()),
    }
}
