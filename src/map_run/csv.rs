//! Rows of delimited text as items.

use std::fmt;
use std::io::{self, BufRead as _, Read};
use std::sync::Arc;

use csv::{ReaderBuilder, StringRecord};

use super::failure::{ReadError, reader_failed};
use super::item::{Source, open};
use super::objects::Body;
use crate::value::{Map, Value};

/// The longest header (developer guide, "ItemReader").
const HEADER_BYTES: usize = 10 * 1024;
/// The longest row, and by far longer than any input of an execution may be. Of a file that is one
/// endless row no more than this is ever held.
const ROW_BYTES: usize = 8 * 1024 * 1024;

/// A file of delimited text.
///
/// A row that is too short is filled up with empty strings, what a row has too much is left out
/// (`base_scenarios.map_item_reader_base_csv_headers_decl`).
pub(super) struct CsvItems {
    reader: csv::Reader<Limited>,
    headers: Vec<Arc<str>>,
    record: StringRecord,
}

impl fmt::Debug for CsvItems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsvItems").field("headers", &self.headers).finish_non_exhaustive()
    }
}

impl CsvItems {
    /// Opens a file as `ReaderConfig` says.
    pub(super) fn open(body: Body, config: &Value) -> Result<Self, ReadError> {
        let delimiter = match config.get("CSVDelimiter").and_then(Value::as_str) {
            None | Some("COMMA") => b',',
            Some("PIPE") => b'|',
            Some("SEMICOLON") => b';',
            Some("SPACE") => b' ',
            Some("TAB") => b'\t',
            Some(other) => return Err(reader_failed(format!("Invalid CSVDelimiter: {other}"))),
        };
        let given = match config.get("CSVHeaderLocation").and_then(Value::as_str) {
            Some("FIRST_ROW") => None,
            Some("GIVEN") => Some(given_headers(config)?),
            Some(other) => {
                return Err(reader_failed(format!("Invalid CSVHeaderLocation: {other}")));
            }
            None => return Err(reader_failed("field CSVHeaderLocation is required")),
        };
        Self::with_headers(body, delimiter, given)
    }

    /// Opens a file; without headers the first row has them.
    pub(super) fn with_headers(
        body: Body,
        delimiter: u8,
        headers: Option<Vec<Arc<str>>>,
    ) -> Result<Self, ReadError> {
        let mut builder = ReaderBuilder::new();
        let builder = builder.has_headers(false).flexible(true).delimiter(delimiter);
        let mut items = Self {
            reader: builder.from_reader(Limited { source: open(body)?, left: ROW_BYTES }),
            headers: Vec::new(),
            record: StringRecord::new(),
        };
        items.headers = match headers {
            Some(headers) => headers,
            None if items.read()? => items.record.iter().map(Arc::from).collect(),
            None => Vec::new(),
        };
        check_headers(&items.headers)?;
        Ok(items)
    }

    pub(super) fn next(&mut self) -> Result<Option<Value>, ReadError> {
        if !self.read()? {
            return Ok(None);
        }
        let mut members = Map::with_capacity_and_hasher(self.headers.len(), Default::default());
        for (i, header) in self.headers.iter().enumerate() {
            members.insert(header.clone(), Value::from(self.record.get(i).unwrap_or("")));
        }
        Ok(Some(Value::from(members)))
    }

    fn read(&mut self) -> Result<bool, ReadError> {
        self.reader.get_mut().left = ROW_BYTES;
        let read = self.reader.read_record(&mut self.record);
        read.map_err(|error| reader_failed(format!("The CSV file could not be read: {error}")))
    }
}

/// A file of which only so much may be read until somebody allows more.
struct Limited {
    source: Source,
    left: usize,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.source.fill_buf()?.is_empty() {
            return Err(io::Error::other(format!("a row is longer than {ROW_BYTES} bytes")));
        }
        let most = buffer.len().min(self.left);
        let read = self.source.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

fn given_headers(config: &Value) -> Result<Vec<Arc<str>>, ReadError> {
    let headers = config.get("CSVHeaders").and_then(Value::as_array);
    let headers = headers.into_iter().flat_map(|headers| headers.iter());
    let headers: Vec<Arc<str>> = headers.filter_map(Value::as_str).map(Arc::from).collect();
    if headers.is_empty() {
        return Err(reader_failed("field CSVHeaders is required when CSVHeaderLocation is GIVEN"));
    }
    Ok(headers)
}

fn check_headers(headers: &[Arc<str>]) -> Result<(), ReadError> {
    let mut sorted: Vec<&str> = headers.iter().map(|header| &**header).collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        // base_scenarios.map_item_reader_csv_headers_decl_duplicate_headers
        return Err(reader_failed("CSV headers cannot contain duplicates."));
    }
    if sorted.iter().map(|header| header.len() + 1).sum::<usize>() > HEADER_BYTES {
        return Err(reader_failed(format!("CSV headers cannot exceed {HEADER_BYTES} bytes.")));
    }
    Ok(())
}
