//! ItemReader: from its evaluated fields to items (developer guide, "ItemReader").

use std::sync::Arc;

use super::csv::CsvItems;
use super::failure::{ReadError, not_positive, reader_failed};
use super::item::{Item, Items};
use super::json::{JsonItems, JsonLines};
use super::listing::Listing;
use super::manifest::{AthenaData, Inventory};
use super::objects::{Body, Objects};
use super::parquet::ParquetItems;
use crate::engine::ItemSource;
use crate::value::Value;

/// A dataset: its items up to `MaxItems`.
#[derive(Debug)]
pub(super) struct Dataset {
    items: Items,
    /// Where all items come from; some readers know better.
    source: Option<Arc<str>>,
    left: Option<u64>,
}

impl Dataset {
    pub(super) fn open(source: &ItemSource, objects: &Objects) -> Result<Self, ReadError> {
        let state_data = Some(Arc::from("STATE_DATA"));
        match source {
            ItemSource::Items(items) => {
                let items = Items::Array(items.clone(), 0);
                Ok(Self { items, source: state_data, left: None })
            }
            ItemSource::Members(members) => {
                let items = Items::Members(members.clone(), 0);
                Ok(Self { items, source: state_data, left: None })
            }
            ItemSource::Reader { resource, arguments, config, max_items } => {
                let left = match max_items {
                    // base_scenarios.map_item_reader_csv_max_items_paths.0
                    None | Some(0) => None,
                    Some(most) => {
                        let most = u64::try_from(*most);
                        Some(most.map_err(|_| reader_failed(not_positive("MaxItems")))?)
                    }
                };
                let (items, source) = read(resource, arguments, config, objects)?;
                Ok(Self { items, source, left })
            }
        }
    }

    pub(super) fn next(&mut self, objects: &Objects) -> Result<Option<Item>, ReadError> {
        match &mut self.left {
            Some(0) => return Ok(None),
            Some(left) => *left -= 1,
            None => {}
        }
        let item = self.items.next(objects)?;
        Ok(item.map(|item| Item { source: item.source.or_else(|| self.source.clone()), ..item }))
    }

    /// How many items there are, where that is known without reading them.
    pub(super) fn len(&self) -> Option<u64> {
        self.items.len()
    }
}

fn read(
    resource: &str,
    arguments: &Value,
    config: &Value,
    objects: &Objects,
) -> Result<(Items, Option<Arc<str>>), ReadError> {
    match resource.rsplit(":::").next() {
        Some("s3:listObjectsV2") => {
            let listing = Listing::open(objects, arguments, config)?;
            Ok((Items::Listing(Box::new(listing)), None))
        }
        Some("s3:getObject") => {
            let bucket = text_argument(arguments, "Bucket")?;
            let key = text_argument(arguments, "Key")?;
            let body = objects.find(&bucket, &key).map_err(reader_failed)?.body.clone();
            let source = Some(Arc::from(format!("S3://{bucket}/{key}")));
            let manifest = config.get("ManifestType").and_then(Value::as_str);
            let input_type = config.get("InputType").and_then(Value::as_str);
            let items = match (manifest, input_type) {
                (Some("ATHENA_DATA"), _) => {
                    Items::Athena(Box::new(AthenaData::open(body, config)?))
                }
                (Some("S3_INVENTORY"), _) | (None, Some("MANIFEST")) => {
                    Items::Inventory(Box::new(Inventory::open(&bucket, &body)?))
                }
                _ => open_file(body, config)?,
            };
            Ok((items, source))
        }
        _ => Err(reader_failed(format!("The ItemReader resource {resource} is not supported."))),
    }
}

/// Opens a file as `InputType` says.
pub(super) fn open_file(body: Body, config: &Value) -> Result<Items, ReadError> {
    match config.get("InputType").and_then(Value::as_str) {
        Some("CSV") => Ok(Items::Csv(Box::new(CsvItems::open(body, config)?))),
        Some("JSON") => Ok(Items::Json(Box::new(JsonItems::open(body, config)?))),
        Some("JSONL") => Ok(Items::JsonLines(Box::new(JsonLines::open(body)?))),
        Some("PARQUET") => Ok(Items::Parquet(Box::new(ParquetItems::open(body)?))),
        Some(other) => Err(reader_failed(format!("InputType {other} cannot be read here."))),
        None => Err(reader_failed("field InputType is required")),
    }
}

/// A required text of `Parameters` or `Arguments`.
pub(super) fn text_argument(arguments: &Value, name: &str) -> Result<Arc<str>, ReadError> {
    match arguments.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        _ => Err(reader_failed(format!("field {name} is required and must be a string"))),
    }
}
