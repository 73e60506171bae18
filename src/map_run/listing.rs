//! What listObjectsV2 lists, as items; or the items inside the objects listed.

use std::sync::Arc;

use super::failure::{ReadError, reader_failed};
use super::item::{Item, Items};
use super::objects::Objects;
use super::reader::{self, text_argument};
use crate::value::Value;

/// The objects of a bucket under a prefix, in the order of their keys.
#[derive(Debug)]
pub(super) struct Listing {
    bucket: Arc<str>,
    prefix: Arc<str>,
    last: Option<Arc<str>>,
    /// `ReaderConfig`, where the content of the objects is wanted: `LOAD_AND_FLATTEN`.
    load: Option<Value>,
    open: Option<(Arc<str>, Items)>,
}

impl Listing {
    pub(super) fn open(
        objects: &Objects,
        arguments: &Value,
        config: &Value,
    ) -> Result<Self, ReadError> {
        let bucket = text_argument(arguments, "Bucket")?;
        objects.check_bucket(&bucket).map_err(reader_failed)?;
        let prefix = arguments.get("Prefix").and_then(Value::as_str).unwrap_or_default();
        let transformation = config.get("Transformation").and_then(Value::as_str);
        let load = (transformation == Some("LOAD_AND_FLATTEN")).then(|| config.clone());
        if let Some(config) = &load
            && config.get("InputType").is_none()
        {
            return Err(reader_failed("field InputType is required with LOAD_AND_FLATTEN"));
        }
        Ok(Self { bucket, prefix: prefix.into(), last: None, load, open: None })
    }

    pub(super) fn next(&mut self, objects: &Objects) -> Result<Option<Item>, ReadError> {
        loop {
            if let Some((source, items)) = &mut self.open {
                match items.next(objects)? {
                    Some(item) => return Ok(Some(Item { source: Some(source.clone()), ..item })),
                    None => self.open = None,
                }
            }
            let Some((key, object)) =
                objects.next(&self.bucket, &self.prefix, self.last.as_deref())
            else {
                return Ok(None);
            };
            self.last = Some(key.clone());
            let Some(config) = &self.load else {
                let source = Some(Arc::from(format!("S3://{}", self.bucket)));
                return Ok(Some(Item { value: object.listed(key), key: None, source }));
            };
            if object.body.is_empty() {
                // What consoles put in place of a folder.
                continue;
            }
            let source: Arc<str> = format!("S3://{}/{key}", self.bucket).into();
            self.open = Some((source, reader::open_file(object.body.clone(), config)?));
        }
    }
}
