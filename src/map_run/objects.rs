//! The virtual S3: objects in memory, with what a listing says about each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Bound;
use std::sync::Arc;

use md5::{Digest, Md5};

use crate::time::Timestamp;
use crate::value::Value;

/// Objects by bucket and key.
///
/// Every bucket exists unless [`Objects::without_bucket`] says that it does not.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    buckets: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Object>>,
    missing: BTreeSet<Arc<str>>,
}

/// The content of an object; cloning costs a reference count.
#[derive(Clone)]
pub struct Body(Arc<Vec<u8>>);

/// An object of the virtual S3.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its content.
    pub body: Body,
    /// When it was written.
    pub last_modified: Timestamp,
}

impl Objects {
    /// Puts an object, in place of one with the same bucket and key.
    ///
    /// # Errors
    ///
    /// Where the bucket does not exist: S3's words.
    pub fn put(
        &mut self,
        bucket: &str,
        key: &str,
        body: impl Into<Body>,
        last_modified: Timestamp,
    ) -> Result<(), String> {
        self.check_bucket(bucket)?;
        let object = Object { body: body.into(), last_modified };
        self.buckets.entry(bucket.into()).or_default().insert(key.into(), object);
        Ok(())
    }

    /// Says when all objects that are there were written.
    pub fn written_at(&mut self, time: Timestamp) {
        for object in self.buckets.values_mut().flat_map(BTreeMap::values_mut) {
            object.last_modified = time;
        }
    }

    /// Declares that a bucket exists.
    pub fn create_bucket(&mut self, bucket: &str) {
        self.missing.remove(bucket);
    }

    /// Declares that a bucket does not exist.
    pub fn without_bucket(&mut self, bucket: &str) {
        self.buckets.remove(bucket);
        self.missing.insert(bucket.into());
    }

    /// The object with this bucket and key.
    ///
    /// # Errors
    ///
    /// Where there is none: S3's words.
    pub fn find(&self, bucket: &str, key: &str) -> Result<&Object, String> {
        self.check_bucket(bucket)?;
        let object = self.buckets.get(bucket).and_then(|objects| objects.get(key));
        object.ok_or_else(|| "The specified key does not exist.".to_owned())
    }

    /// The first object of a bucket whose key begins with `prefix` and comes after `after`.
    pub fn next(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
    ) -> Option<(&Arc<str>, &Object)> {
        let objects = self.buckets.get(bucket)?;
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut rest = objects.range::<str, _>((start, Bound::Unbounded));
        rest.next().filter(|(key, _)| key.starts_with(prefix))
    }

    /// Every object with its bucket and key, in the order of both.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>, &Object)> {
        self.buckets.iter().flat_map(|(bucket, objects)| {
            objects.iter().map(move |(key, object)| (bucket, key, object))
        })
    }

    /// Whether the bucket exists.
    ///
    /// # Errors
    ///
    /// Where it does not: S3's words.
    pub fn check_bucket(&self, bucket: &str) -> Result<(), String> {
        if bucket.is_empty() || self.missing.contains(bucket) {
            return Err("The specified bucket does not exist".to_owned());
        }
        Ok(())
    }
}

impl std::ops::Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        Self::from(bytes.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Body {
    fn from(bytes: [u8; N]) -> Self {
        Self::from(bytes.to_vec())
    }
}

impl From<Arc<[u8]>> for Body {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self::from(bytes.to_vec())
    }
}

impl Object {
    /// The object's MD5 in quotes, as S3 tags objects that were put in one part.
    pub fn etag(&self) -> String {
        let mut etag = String::from("\"");
        for byte in Md5::digest(&self.body) {
            // Writing into a string cannot fail.
            let _ = write!(etag, "{byte:02x}");
        }
        etag.push('"');
        etag
    }

    /// The item that a listing makes of it (developer guide, "ItemReader", the example of
    /// listObjectsV2).
    pub fn listed(&self, key: &Arc<str>) -> Value {
        Value::object([
            ("Etag", Value::from(self.etag())),
            ("Key", Value::String(key.clone())),
            ("LastModified", Value::from(self.last_modified.millis().div_euclid(1_000))),
            ("Size", Value::from(self.body.len())),
            ("StorageClass", Value::from("STANDARD")),
        ])
    }
}

/// Bucket and key of `s3://bucket/key`; the key may be empty.
pub fn split_uri(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("s3://").or_else(|| uri.strip_prefix("S3://"))?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then_some((bucket, key))
}
