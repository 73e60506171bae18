//! Rows of Parquet files as items.

use super::failure::ReadError;
use super::objects::Body;
use crate::value::Value;

/// Without the feature `parquet` no such file can be read.
#[cfg(not(feature = "parquet"))]
#[derive(Debug)]
pub(super) struct ParquetItems;

#[cfg(not(feature = "parquet"))]
impl ParquetItems {
    pub(super) fn open(_body: Body) -> Result<Self, ReadError> {
        let message = "stepproof was built without the feature `parquet`: build it with the \
                       feature, or give the items as CSV or JSONL";
        Err(ReadError::Unsupported(message.to_owned()))
    }

    #[expect(clippy::unused_self, reason = "the signature of the real one")]
    pub(super) fn next(&mut self) -> Result<Option<Value>, ReadError> {
        Ok(None)
    }
}

#[cfg(feature = "parquet")]
mod pages;

#[cfg(feature = "parquet")]
pub(super) use rows::ParquetItems;

#[cfg(feature = "parquet")]
mod rows {
    use std::fmt;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use parquet::basic::{ConvertedType, Repetition};
    use parquet::errors::ParquetError;
    use parquet::file::metadata::ParquetMetaData;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::reader::RowIter;
    use parquet::record::{Field, Row};
    use parquet::schema::types::Type;

    use super::super::failure::reader_failed;
    use super::pages::CheckedFile;
    use super::{Body, ReadError, Value};
    use crate::time::Timestamp;
    use crate::value::Number;

    /// The largest footer (developer guide, "ItemReader").
    const FOOTER_BYTES: usize = 5 * 1024 * 1024;
    /// The largest row group (developer guide, "ItemReader").
    const ROW_GROUP_BYTES: i64 = 256 * 1024 * 1024;
    /// The deepest nesting of columns.
    const SCHEMA_DEPTH: usize = 100;

    /// A Parquet file.
    pub(in super::super) struct ParquetItems {
        rows: RowIter<'static>,
    }

    impl fmt::Debug for ParquetItems {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("ParquetItems").finish_non_exhaustive()
        }
    }

    impl ParquetItems {
        pub(in super::super) fn open(body: Body) -> Result<Self, ReadError> {
            check_footer(&body)?;
            let bytes = Bytes::from_owner(body);
            let reader = SerializedFileReader::new(bytes.clone()).map_err(read_error)?;
            check_row_groups(reader.metadata(), bytes.len())?;
            check_type(reader.metadata().file_metadata().schema(), 0)?;
            let reader = CheckedFile::new(reader, bytes);
            Ok(Self { rows: RowIter::from_file_into(Box::new(reader)) })
        }

        pub(in super::super) fn next(&mut self) -> Result<Option<Value>, ReadError> {
            let row = self.rows.next().transpose().map_err(read_error)?;
            Ok(row.as_ref().map(row_value))
        }
    }

    fn check_footer(body: &[u8]) -> Result<(), ReadError> {
        let tail = body.len().checked_sub(8).map(|at| &body[at..]);
        let Some([a, b, c, d, b'P', b'A', b'R', b'1']) = tail else {
            return Err(reader_failed("The file is not a Parquet file."));
        };
        if u32::from_le_bytes([*a, *b, *c, *d]) as usize > FOOTER_BYTES {
            return Err(reader_failed("The footer of the Parquet file is over 5 MB."));
        }
        Ok(())
    }

    /// Lists and maps have the form that the format gives them, which the crate takes for granted.
    fn check_type(kind: &Type, depth: usize) -> Result<(), ReadError> {
        let Type::GroupType { fields, .. } = kind else { return Ok(()) };
        let repeated = |kind: &Type| kind.get_basic_info().repetition() == Repetition::REPEATED;
        let only = match &fields[..] {
            [only] if repeated(only) => Some(only),
            _ => None,
        };
        let sound = match kind.get_basic_info().converted_type() {
            ConvertedType::LIST => {
                only.is_some_and(|only| only.is_primitive() || !only.get_fields().is_empty())
            }
            ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE => only.is_some_and(|only| {
                !only.is_primitive() && matches!(only.get_fields().len(), 1 | 2)
            }),
            _ => !fields.is_empty() && depth < SCHEMA_DEPTH,
        };
        if !sound {
            let name = kind.name();
            return Err(reader_failed(format!(
                "The column {name} of the Parquet file is not valid."
            )));
        }
        fields.iter().try_for_each(|field| check_type(field, depth + 1))
    }

    /// Columns lie inside the file: the crate that reads them takes it for granted.
    fn check_row_groups(metadata: &ParquetMetaData, length: usize) -> Result<(), ReadError> {
        for group in metadata.row_groups() {
            if group.compressed_size() > ROW_GROUP_BYTES {
                return Err(reader_failed("The Parquet file has a row group over 256 MB."));
            }
            for column in group.columns() {
                let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
                let end = start.checked_add(column.compressed_size());
                let fits = start >= 0
                    && column.data_page_offset() >= 0
                    && column.compressed_size() >= 0
                    && end.is_some_and(|end| usize::try_from(end).is_ok_and(|end| end <= length));
                if !fits {
                    return Err(reader_failed(
                        "The Parquet file could not be read: a column ends behind its end",
                    ));
                }
            }
        }
        Ok(())
    }

    fn read_error(error: ParquetError) -> ReadError {
        match error {
            ParquetError::NYI(what) => ReadError::Unsupported(format!("Parquet: {what}")),
            ParquetError::General(what) if what.starts_with("Disabled feature") => {
                let help = "write the file with SNAPPY, GZIP, ZSTD or no compression";
                ReadError::Unsupported(format!("Parquet: {what}: {help}"))
            }
            error => reader_failed(format!("The Parquet file could not be read: {error}")),
        }
    }

    fn row_value(row: &Row) -> Value {
        let columns = row.get_column_iter();
        Value::object(columns.map(|(name, field)| (name.as_str(), field_value(field))))
    }

    /// What JSON has no type for becomes a string: dates and times in ISO 8601, decimals in
    /// digits, bytes in Base64. How AWS writes these is not documented.
    fn field_value(field: &Field) -> Value {
        let float = |float: f64| Number::from_f64(float).map_or(Value::Null, Value::Number);
        match field {
            Field::Null => Value::Null,
            Field::Bool(value) => Value::from(*value),
            Field::Byte(value) => Value::from(i64::from(*value)),
            Field::Short(value) => Value::from(i64::from(*value)),
            Field::Int(value) => Value::from(*value),
            Field::Long(value) => Value::from(*value),
            Field::UByte(value) => Value::from(i64::from(*value)),
            Field::UShort(value) => Value::from(i64::from(*value)),
            Field::UInt(value) => Value::from(*value),
            Field::ULong(value) => Value::from(usize::try_from(*value).unwrap_or(usize::MAX)),
            Field::Float16(value) => float(value.to_f64()),
            // The shortest text of the single-precision number, not its double's.
            Field::Float(value) => float(value.to_string().parse().unwrap_or(f64::NAN)),
            Field::Double(value) => float(*value),
            Field::Str(text) => Value::from(text.as_str()),
            Field::Bytes(bytes) => Value::from(STANDARD.encode(bytes.data())),
            Field::TimestampMillis(millis) => timestamp(*millis),
            Field::TimestampMicros(micros) => timestamp(micros.div_euclid(1_000)),
            Field::Group(row) => row_value(row),
            Field::ListInternal(list) => Value::array(list.elements().iter().map(field_value)),
            Field::MapInternal(map) => Value::object(map.entries().iter().map(|(key, value)| {
                let key = field_value(key);
                (key.as_str().map_or_else(|| key.to_json(), str::to_owned), field_value(value))
            })),
            // Dates, times of day and decimals print as ISO 8601 and as digits.
            other => Value::from(other.to_string().trim_matches('"')),
        }
    }

    fn timestamp(millis: i64) -> Value {
        Value::from(Timestamp(millis).to_rfc3339_millis())
    }
}
