//! Manifests: files that name the files which hold the items.

use std::fmt;
use std::io::{BufRead as _, Read as _};
use std::sync::Arc;

use super::csv::CsvItems;
use super::failure::{ReadError, reader_failed};
use super::item::{Item, Items, Source, open};
use super::objects::{Body, Objects, split_uri};
use super::reader;
use crate::json;
use crate::value::Value;

/// The longest line of a manifest: the names of buckets and keys have no more than 1,100 bytes.
const LINE_BYTES: u64 = 16 * 1024;

/// An S3 Inventory: `manifest.json` names gzip files of comma-separated rows without a header; the
/// columns are those of its `fileSchema`.
#[derive(Debug)]
pub(super) struct Inventory {
    bucket: Arc<str>,
    headers: Vec<Arc<str>>,
    files: std::vec::IntoIter<Arc<str>>,
    open: Option<CsvItems>,
}

impl Inventory {
    pub(super) fn open(bucket: &Arc<str>, body: &[u8]) -> Result<Self, ReadError> {
        let broken =
            |what: &str| reader_failed(format!("The inventory manifest is not valid: {what}"));
        let text = std::str::from_utf8(body).map_err(|_| broken("it is no UTF-8"))?;
        let manifest = json::parse(text).map_err(|error| broken(&error.message))?;
        let text = |name: &str| manifest.get(name).and_then(Value::as_str);
        if let Some(format) = text("fileFormat").filter(|format| *format != "CSV") {
            return Err(reader_failed(format!(
                "The inventory's fileFormat is {format}; only CSV is supported."
            )));
        }
        let schema = text("fileSchema").ok_or_else(|| broken("it has no fileSchema"))?;
        let headers = schema.split(',').map(|name| Arc::from(name.trim())).collect();
        // `arn:aws:s3:::bucket`
        let destination = text("destinationBucket").and_then(|arn| arn.rsplit(':').next());
        let files = manifest.get("files").and_then(Value::as_array);
        let files = files.ok_or_else(|| broken("it has no files"))?;
        let keys = files.iter().map(|file| file.get("key").and_then(Value::as_str));
        let keys: Option<Vec<Arc<str>>> = keys.map(|key| key.map(Arc::from)).collect();
        let keys = keys.ok_or_else(|| broken("a file has no key"))?;
        let bucket = destination.map_or_else(|| bucket.clone(), Arc::from);
        Ok(Self { bucket, headers, files: keys.into_iter(), open: None })
    }

    pub(super) fn next(&mut self, objects: &Objects) -> Result<Option<Value>, ReadError> {
        loop {
            if let Some(rows) = &mut self.open {
                match rows.next()? {
                    Some(row) => return Ok(Some(row)),
                    None => self.open = None,
                }
            }
            let Some(key) = self.files.next() else { return Ok(None) };
            let object = objects.find(&self.bucket, &key).map_err(reader_failed)?;
            let headers = Some(self.headers.clone());
            self.open = Some(CsvItems::with_headers(object.body.clone(), b',', headers)?);
        }
    }
}

/// An Athena manifest: one `s3://bucket/key` per line; each file is read as `InputType` says.
pub(super) struct AthenaData {
    lines: Source,
    config: Value,
    open: Option<(Arc<str>, Items)>,
}

impl fmt::Debug for AthenaData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AthenaData").field("config", &self.config).finish_non_exhaustive()
    }
}

impl AthenaData {
    pub(super) fn open(body: Body, config: &Value) -> Result<Self, ReadError> {
        Ok(Self { lines: open(body)?, config: config.clone(), open: None })
    }

    pub(super) fn next(&mut self, objects: &Objects) -> Result<Option<Item>, ReadError> {
        loop {
            if let Some((source, items)) = &mut self.open {
                match items.next(objects)? {
                    Some(item) => return Ok(Some(Item { source: Some(source.clone()), ..item })),
                    None => self.open = None,
                }
            }
            let mut line = String::new();
            let read = (&mut self.lines).take(LINE_BYTES).read_line(&mut line);
            let read = read.map_err(|error| {
                reader_failed(format!("The manifest could not be read: {error}"))
            })?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == LINE_BYTES {
                let cause = format!("A line of the manifest is longer than {LINE_BYTES} bytes.");
                return Err(reader_failed(cause));
            }
            let uri = line.trim().trim_matches('"');
            if uri.is_empty() {
                continue;
            }
            let (bucket, key) = split_uri(uri)
                .ok_or_else(|| reader_failed(format!("The manifest names no S3 object: {uri}")))?;
            let object = objects.find(bucket, key).map_err(reader_failed)?;
            let source: Arc<str> = format!("S3://{bucket}/{key}").into();
            self.open = Some((source, reader::open_file(object.body.clone(), &self.config)?));
        }
    }
}
