//! The pages of a file's columns: those compressed with ZSTD read, and all of them checked.
//!
//! The crate `parquet` reads ZSTD by way of a library in C, so the pages of such columns are found
//! and decompressed by hand; the file's footer, its other columns and the values inside the pages
//! are left to the crate. What it takes for granted of a page, and panics over, is looked at first.

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::Type as SchemaType;

use super::super::zstd;

/// The largest page before compression; a row group may have no more.
const PAGE_BYTES: usize = 256 * 1024 * 1024;
/// The deepest nesting in a page's header, statistics included.
const HEADER_DEPTH: u8 = 8;

/// A file of any columns.
pub(super) struct CheckedFile {
    inner: SerializedFileReader<Bytes>,
    bytes: Bytes,
}

impl CheckedFile {
    pub(super) fn new(inner: SerializedFileReader<Bytes>, bytes: Bytes) -> Self {
        Self { inner, bytes }
    }
}

impl FileReader for CheckedFile {
    fn metadata(&self) -> &ParquetMetaData {
        self.inner.metadata()
    }

    fn num_row_groups(&self) -> usize {
        self.inner.num_row_groups()
    }

    fn get_row_group(&self, i: usize) -> Result<Box<dyn RowGroupReader + '_>> {
        let inner = self.inner.get_row_group(i)?;
        Ok(Box::new(CheckedRowGroup { inner, bytes: self.bytes.clone() }))
    }

    fn get_row_iter(&self, projection: Option<SchemaType>) -> Result<RowIter<'_>> {
        RowIter::from_file(projection, self)
    }
}

struct CheckedRowGroup<'f> {
    inner: Box<dyn RowGroupReader + 'f>,
    bytes: Bytes,
}

impl RowGroupReader for CheckedRowGroup<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.inner.metadata()
    }

    fn num_columns(&self) -> usize {
        self.inner.num_columns()
    }

    fn get_column_page_reader(&self, i: usize) -> Result<Box<dyn PageReader>> {
        let column = self.metadata().column(i);
        let inner: Box<dyn PageReader> = match column.compression() {
            Compression::ZSTD(_) => {
                let (start, length) = column.byte_range();
                let end = start.checked_add(length).and_then(|end| usize::try_from(end).ok());
                let end = end.filter(|end| *end <= self.bytes.len());
                let end = end.ok_or_else(|| broken("a column ends behind the end of the file"))?;
                let chunk = self.bytes.slice(usize::try_from(start)?..end);
                Box::new(ZstdPages { chunk, position: 0 })
            }
            _ => self.inner.get_column_page_reader(i)?,
        };
        let descr = column.column_descr();
        Ok(Box::new(CheckedPages {
            inner,
            most_definition: descr.max_def_level().unsigned_abs().into(),
            most_repetition: descr.max_rep_level().unsigned_abs().into(),
            kind: descr.physical_type(),
            has_dictionary: false,
        }))
    }

    fn get_column_bloom_filter(&self, i: usize) -> Option<&Sbbf> {
        self.inner.get_column_bloom_filter(i)
    }

    fn get_row_iter(&self, projection: Option<SchemaType>) -> Result<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}

/// The pages of one column, of which the crate can make values or an error.
struct CheckedPages {
    inner: Box<dyn PageReader>,
    /// The highest level of definition that the schema allows.
    most_definition: u64,
    /// The highest level of repetition.
    most_repetition: u64,
    /// The type of the values.
    kind: Type,
    has_dictionary: bool,
}

impl CheckedPages {
    fn check(&mut self, page: &Page) -> Result<()> {
        let encoded = [Encoding::PLAIN_DICTIONARY, Encoding::RLE_DICTIONARY];
        if page.is_dictionary_page() {
            self.has_dictionary = true;
        } else if encoded.contains(&page.encoding()) && !self.has_dictionary {
            return Err(broken("a page refers to a dictionary that is not there"));
        }
        let values = page.num_values();
        let (values, set) = match page {
            Page::DictionaryPage { buf, .. } => (&buf[..], values.into()),
            Page::DataPage { buf, def_level_encoding, rep_level_encoding, .. } => {
                // Of levels that a column has not, writers say what they like: fastparquet BIT_PACKED.
                let other = |most: u64, encoding| most > 0 && encoding != Encoding::RLE;
                if other(self.most_definition, *def_level_encoding)
                    || other(self.most_repetition, *rep_level_encoding)
                {
                    return Err(broken("the levels of a page have another encoding than RLE"));
                }
                let (repetition, rest) = split_levels(buf, self.most_repetition)?;
                check_levels(repetition, values, self.most_repetition)?;
                let (definition, rest) = split_levels(rest, self.most_definition)?;
                (rest, check_levels(definition, values, self.most_definition)?)
            }
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
                let split = |bytes, at: &u32| <[u8]>::split_at_checked(bytes, *at as usize);
                let (repetition, rest) = split(buf, rep_levels_byte_len).ok_or_else(no_levels)?;
                let (definition, rest) = split(rest, def_levels_byte_len).ok_or_else(no_levels)?;
                check_levels(repetition, values, self.most_repetition)?;
                (rest, check_levels(definition, values, self.most_definition)?)
            }
        };
        match (self.kind, page.encoding()) {
            (Type::BYTE_ARRAY, Encoding::PLAIN) => check_texts(values, set),
            (Type::BYTE_ARRAY, Encoding::PLAIN_DICTIONARY) if page.is_dictionary_page() => {
                check_texts(values, set)
            }
            _ => Ok(()),
        }
    }
}

/// Levels as pages of the first version have them, their length in front, and what comes behind.
fn split_levels(bytes: &[u8], most: u64) -> Result<(&[u8], &[u8])> {
    if most == 0 {
        return Ok((&[], bytes));
    }
    let (length, rest) = bytes.split_at_checked(4).ok_or_else(no_levels)?;
    rest.split_at_checked(little_endian(length)).ok_or_else(no_levels)
}

fn little_endian(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Whether there are so many texts, each with its length in front.
fn check_texts(bytes: &[u8], count: u64) -> Result<()> {
    let mut rest = bytes;
    for _ in 0..count {
        let text = rest.split_at_checked(4).and_then(|(length, rest)| {
            let (_, behind) = rest.split_at_checked(little_endian(length))?;
            Some(behind)
        });
        rest = text.ok_or_else(|| broken("a page ends within its values"))?;
    }
    Ok(())
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.inner.get_next_page()?;
        if let Some(page) = &page {
            self.check(page)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.inner.at_record_boundary()
    }
}

fn no_levels() -> ParquetError {
    broken("the levels of a page are longer than the page")
}

/// How many levels are the highest; an error where one is above it. The levels are runs of one
/// level and runs of packed bits, as the format describes its encoding RLE. Without levels all
/// values are there.
fn check_levels(bytes: &[u8], values: u32, most: u64) -> Result<u64> {
    let values = u64::from(values);
    if most == 0 {
        return Ok(values);
    }
    let width = u64::BITS - most.leading_zeros();
    let mut compact = Compact { bytes, position: 0 };
    let (mut left, mut highest) = (values, 0);
    let mut count = |level: u64, times: u64| {
        if level > most && times > 0 {
            return Err(broken("a level is above the highest"));
        }
        highest += if level == most { times } else { 0 };
        Ok(())
    };
    while left > 0 && compact.position < bytes.len() {
        let header = compact.varint()?;
        let run = header >> 1;
        if header & 1 == 0 {
            let mut level = 0;
            for i in 0..width.div_ceil(8) {
                level |= u64::from(compact.byte()?) << (8 * i);
            }
            count(level, run.min(left))?;
            left -= run.min(left);
            continue;
        }
        let packed = bytes.get(compact.position..).unwrap_or_default();
        let length = usize::try_from(run.saturating_mul(width.into())).unwrap_or(usize::MAX);
        compact.position = compact.position.saturating_add(length);
        let (mut bits, mut available, mut packed) = (0_u64, 0, packed.iter());
        let times = run.saturating_mul(8).min(left);
        for _ in 0..times {
            while available < width {
                let byte = packed.next().ok_or_else(no_levels)?;
                bits |= u64::from(*byte) << available;
                available += 8;
            }
            count(bits & ((1 << width) - 1), 1)?;
            bits >>= width;
            available -= width;
        }
        left -= times;
    }
    Ok(highest)
}

/// The pages of one column of one row group.
struct ZstdPages {
    chunk: Bytes,
    position: usize,
}

impl ZstdPages {
    /// The header of the next page that has values or a dictionary, and where its bytes begin.
    fn header(&mut self) -> Result<Option<(Header, usize)>> {
        while self.position < self.chunk.len() {
            let mut compact = Compact { bytes: &self.chunk, position: self.position };
            let header = Header::read(&mut compact)?;
            let start = compact.position;
            let end = start.checked_add(header.compressed).filter(|end| *end <= self.chunk.len());
            let end = end.ok_or_else(|| broken("a page ends behind the end of its column"))?;
            if !matches!(header.kind, Kind::Other) {
                return Ok(Some((header, start)));
            }
            self.position = end;
        }
        Ok(None)
    }
}

impl Iterator for ZstdPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for ZstdPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some((header, start)) = self.header()? else { return Ok(None) };
        let end = start + header.compressed;
        let page = header.page(self.chunk.slice(start..end))?;
        self.position = end;
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        let Some((header, _)) = self.header()? else { return Ok(None) };
        Ok(Some(match header.kind {
            Kind::V1 { values, .. } => {
                PageMetadata { num_rows: None, num_levels: Some(values as usize), is_dict: false }
            }
            Kind::V2 { values, rows, .. } => PageMetadata {
                num_rows: Some(rows as usize),
                num_levels: Some(values as usize),
                is_dict: false,
            },
            Kind::Dictionary { .. } | Kind::Other => {
                PageMetadata { num_rows: None, num_levels: None, is_dict: true }
            }
        }))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        if let Some((header, start)) = self.header()? {
            self.position = start + header.compressed;
        }
        Ok(())
    }
}

/// What a page's header says (`PageHeader` of the format's Thrift definition).
#[derive(Debug)]
struct Header {
    compressed: usize,
    uncompressed: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Dictionary {
        values: u32,
        encoding: Encoding,
        sorted: bool,
    },
    V1 {
        values: u32,
        encoding: Encoding,
        definition: Encoding,
        repetition: Encoding,
    },
    V2 {
        values: u32,
        nulls: u32,
        rows: u32,
        encoding: Encoding,
        definition_bytes: u32,
        repetition_bytes: u32,
        compressed: bool,
    },
    /// An index page, which holds nothing that is needed.
    Other,
}

impl Header {
    fn read(compact: &mut Compact<'_>) -> Result<Self> {
        let (mut own, mut inner) = ([None; FIELDS], [None; FIELDS]);
        let mut last = 0;
        while let Some((id, kind)) = compact.field(&mut last)? {
            match (id, kind) {
                (5 | 7 | 8, Compact::STRUCT) => inner = compact.numbers()?,
                (id, kind) => compact.number(id, kind, &mut own)?,
            }
        }
        let size = |id: usize| {
            let size = own[id].and_then(|size| usize::try_from(size).ok());
            size.filter(|size| *size <= PAGE_BYTES)
                .ok_or_else(|| broken("a page's size is missing or out of range"))
        };
        let count = |id: usize| {
            let count = inner[id].and_then(|count| u32::try_from(count).ok());
            count.ok_or_else(|| broken("a page's header is incomplete"))
        };
        let kind = match own[1] {
            Some(0) => Kind::V1 {
                values: count(1)?,
                encoding: encoding(count(2)?)?,
                definition: encoding(count(3)?)?,
                repetition: encoding(count(4)?)?,
            },
            Some(2) => Kind::Dictionary {
                values: count(1)?,
                encoding: encoding(count(2)?)?,
                sorted: inner[3] == Some(1),
            },
            Some(3) => Kind::V2 {
                values: count(1)?,
                nulls: count(2)?,
                rows: count(3)?,
                encoding: encoding(count(4)?)?,
                definition_bytes: count(5)?,
                repetition_bytes: count(6)?,
                compressed: inner[7] != Some(0),
            },
            _ => Kind::Other,
        };
        Ok(Self { compressed: size(3)?, uncompressed: size(2)?, kind })
    }

    /// The page, of its compressed bytes.
    fn page(&self, bytes: Bytes) -> Result<Page> {
        let whole = || self.decompress(&bytes, 0);
        Ok(match self.kind {
            Kind::Dictionary { values, encoding, sorted } => Page::DictionaryPage {
                buf: whole()?,
                num_values: values,
                encoding,
                is_sorted: sorted,
            },
            Kind::V1 { values, encoding, definition, repetition } => Page::DataPage {
                buf: whole()?,
                num_values: values,
                encoding,
                def_level_encoding: definition,
                rep_level_encoding: repetition,
                statistics: None,
            },
            Kind::V2 {
                values,
                nulls,
                rows,
                encoding,
                definition_bytes,
                repetition_bytes,
                compressed,
            } => {
                // The levels stand before the values, and are never compressed.
                let levels = (definition_bytes as usize).saturating_add(repetition_bytes as usize);
                if levels > bytes.len() || levels > self.uncompressed {
                    return Err(broken("the levels of a page are longer than the page"));
                }
                Page::DataPageV2 {
                    buf: if compressed { self.decompress(&bytes, levels)? } else { bytes },
                    num_values: values,
                    encoding,
                    num_nulls: nulls,
                    num_rows: rows,
                    def_levels_byte_len: definition_bytes,
                    rep_levels_byte_len: repetition_bytes,
                    is_compressed: false,
                    statistics: None,
                }
            }
            Kind::Other => return Err(broken("an index page stands among the pages of a column")),
        })
    }

    /// The bytes of a page, of which the first `plain` are not compressed.
    fn decompress(&self, bytes: &[u8], plain: usize) -> Result<Bytes> {
        let size = self.uncompressed - plain;
        let mut page = bytes[..plain].to_vec();
        // A page of nothing but nulls has no values to compress.
        if size > 0 {
            let values = zstd::decompress(&bytes[plain..], size)
                .map_err(|what| broken(&format!("a page cannot be decompressed: {what}")))?;
            if plain == 0 {
                return Ok(values.into());
            }
            page.extend(values);
        }
        Ok(page.into())
    }
}

fn broken(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

fn encoding(number: u32) -> Result<Encoding> {
    Ok(match number {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        other => return Err(broken(&format!("there is no encoding {other}"))),
    })
}

/// One more than the highest field of a page's header that is of interest.
const FIELDS: usize = 9;

/// Data in Thrift's compact protocol.
struct Compact<'b> {
    bytes: &'b [u8],
    position: usize,
}

impl Compact<'_> {
    const STRUCT: u8 = 12;

    fn byte(&mut self) -> Result<u8> {
        let byte = self.bytes.get(self.position).copied();
        self.position += 1;
        byte.ok_or_else(|| ParquetError::EOF("a page's header has no end".into()))
    }

    fn varint(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(broken("a number in a page's header is too long"))
    }

    fn integer(&mut self) -> Result<i64> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    /// Number and type of the next field of a struct; `None` at its end.
    fn field(&mut self, last: &mut i64) -> Result<Option<(usize, u8)>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Ok(None);
        }
        *last = match byte >> 4 {
            0 => self.integer()?,
            more => last.saturating_add(i64::from(more)),
        };
        Ok(Some((usize::try_from(*last).unwrap_or(usize::MAX), byte & 0x0f)))
    }

    /// The numbers and booleans of a struct, by their fields.
    fn numbers(&mut self) -> Result<[Option<i64>; FIELDS]> {
        let mut numbers = [None; FIELDS];
        let mut last = 0;
        while let Some((id, kind)) = self.field(&mut last)? {
            self.number(id, kind, &mut numbers)?;
        }
        Ok(numbers)
    }

    /// Keeps a field that is a number or a boolean, and steps over any other.
    fn number(&mut self, id: usize, kind: u8, numbers: &mut [Option<i64>; FIELDS]) -> Result<()> {
        let number = match kind {
            1 => 1,
            2 => 0,
            4..=6 => self.integer()?,
            _ => return self.skip(kind, HEADER_DEPTH),
        };
        if let Some(place) = numbers.get_mut(id) {
            *place = Some(number);
        }
        Ok(())
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Result<()> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(broken("a page's header is too deeply nested"));
        };
        match kind {
            1 | 2 => {}
            3 => self.position += 1,
            4..=6 => {
                self.varint()?;
            }
            7 => self.position += 8,
            8 => {
                let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                self.position = self.position.saturating_add(length);
            }
            9 | 10 => {
                let byte = self.byte()?;
                let length = match byte >> 4 {
                    15 => self.varint()?,
                    length => u64::from(length),
                };
                for _ in 0..length {
                    self.skip_element(byte & 0x0f, depth)?;
                }
            }
            Self::STRUCT => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip(kind, depth)?;
                }
            }
            _ => return Err(broken("a page's header has a field of an unknown type")),
        }
        if self.position > self.bytes.len() {
            return Err(ParquetError::EOF("a page's header has no end".into()));
        }
        Ok(())
    }

    /// Booleans take a byte in a list, none as a field.
    fn skip_element(&mut self, kind: u8, depth: u8) -> Result<()> {
        match kind {
            1 | 2 => self.byte().map(|_| ()),
            kind => self.skip(kind, depth),
        }
    }
}
