//! Items one after the other, wherever they come from.

use std::io::{BufRead, BufReader, Cursor, Read};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use super::csv::CsvItems;
use super::failure::{ReadError, reader_failed};
use super::json::{JsonItems, JsonLines};
use super::listing::Listing;
use super::manifest::{AthenaData, Inventory};
use super::objects::{Body, Objects};
use super::parquet::ParquetItems;
use super::zstd::ZstdReader;
use crate::value::{Array, Object, Value};

/// One item of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// `$$.Map.Item.Value`
    pub value: Value,
    /// `$$.Map.Item.Key`: of a member of an object.
    pub key: Option<Arc<str>>,
    /// `$$.Map.Item.Source`: where the item was read.
    pub source: Option<Arc<str>>,
}

impl Item {
    pub(super) fn of(value: Value) -> Self {
        Self { value, key: None, source: None }
    }

    /// What `$$.Map.Item` shows.
    pub fn context(&self, index: u64) -> Value {
        let mut members = Vec::with_capacity(4);
        members.push(("Index", Value::from(i64::try_from(index).unwrap_or(i64::MAX))));
        members.extend(self.key.clone().map(|key| ("Key", Value::String(key))));
        members.push(("Value", self.value.clone()));
        members.extend(self.source.clone().map(|source| ("Source", Value::String(source))));
        Value::object(members)
    }
}

/// The items of a dataset, read as they are asked for.
#[derive(Debug)]
pub(super) enum Items {
    /// Elements of an array in the state's input.
    Array(Array, usize),
    /// Members of an object in the state's input.
    Members(Object, usize),
    Csv(Box<CsvItems>),
    Json(Box<JsonItems>),
    JsonLines(Box<JsonLines>),
    Parquet(Box<ParquetItems>),
    Listing(Box<Listing>),
    Inventory(Box<Inventory>),
    Athena(Box<AthenaData>),
}

impl Items {
    pub(super) fn next(&mut self, objects: &Objects) -> Result<Option<Item>, ReadError> {
        match self {
            Self::Array(items, next) => {
                let value = items.get(*next).cloned();
                *next += 1;
                Ok(value.map(Item::of))
            }
            Self::Members(members, next) => {
                let member = members.get_index(*next);
                *next += 1;
                let source = || Some(Arc::from("STATE_DATA"));
                Ok(member.map(|(key, value)| Item {
                    value: value.clone(),
                    key: Some(key.clone()),
                    source: source(),
                }))
            }
            Self::Csv(items) => items.next().map(|value| value.map(Item::of)),
            Self::Json(items) => items.next(),
            Self::JsonLines(items) => items.next().map(|value| value.map(Item::of)),
            Self::Parquet(items) => items.next().map(|value| value.map(Item::of)),
            Self::Listing(items) => items.next(objects),
            Self::Inventory(items) => items.next(objects).map(|value| value.map(Item::of)),
            Self::Athena(items) => items.next(objects),
        }
    }

    /// How many items there are, where that is known without reading them.
    pub(super) fn len(&self) -> Option<u64> {
        match self {
            Self::Array(items, _) => Some(items.len() as u64),
            Self::Members(members, _) => Some(members.len() as u64),
            _ => None,
        }
    }
}

/// A file being read from the start, decompressed where it is compressed.
pub(super) type Source = BufReader<Box<dyn Read + Send>>;

/// How a file is compressed. Its first bytes tell, as AWS tells by the name's ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    pub(super) fn of(body: &[u8]) -> Self {
        match body {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Opens a file, to be read without its compression.
pub(super) fn open(body: Body) -> Result<Source, ReadError> {
    let compression = Compression::of(&body);
    let cursor = Cursor::new(body);
    let reader: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(cursor),
        Compression::Gzip => Box::new(MultiGzDecoder::new(cursor)),
        Compression::Zstd => Box::new(ZstdReader::new(cursor)),
    };
    let mut source = BufReader::with_capacity(64 * 1024, reader);
    skip_byte_order_mark(&mut source)?;
    Ok(source)
}

fn skip_byte_order_mark(source: &mut Source) -> Result<(), ReadError> {
    let start = source.fill_buf().map_err(|error| reader_failed(error.to_string()))?;
    if start.starts_with("\u{feff}".as_bytes()) {
        source.consume(3);
    }
    Ok(())
}
