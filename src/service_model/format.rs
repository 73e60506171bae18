//! The file of the models, and the texts in it.
//!
//! A head of text, an empty line, then one DEFLATE stream for each service. The head: a line with
//! the name of the format, a line about the origin, then the services with the place and length of
//! their streams, separated by tabs. A stream holds two groups of lines with an empty line
//! between: operations with the reference to their output, and shapes. A reference is the number
//! of a shape's line, or a letter: `s` string, `n` number, `b` boolean, `t` timestamp, `a`
//! anything. The first character of a shape's line is its kind:
//!
//! - `{` structure: `name=reference`, or `name!reference` where the member is required
//! - `[` list and `<` map, with the reference to the items or values
//! - `e` enum, with its values
//! - `s` string, `x` blob, `n` number, with least and greatest length or value, either may be empty
//!
//! A service is unpacked when somebody first asks for it.

use std::io::Read as _;
use std::sync::{LazyLock, OnceLock};

use flate2::read::DeflateDecoder;

static MODELS: &[u8] = include_bytes!("models.bin");

/// The head of [`MODELS`] read, the services in the order of their names.
static SERVICES: LazyLock<Vec<Section>> = LazyLock::new(sections);

struct Section {
    name: &'static str,
    packed: &'static [u8],
    /// A memo of constant data.
    service: OnceLock<Service>,
}

/// The operations and result shapes of one service.
#[derive(Debug)]
pub(super) struct Service {
    /// Actions with the references to their outputs, sorted.
    operations: Vec<(&'static str, &'static str)>,
    shapes: Vec<&'static str>,
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Any,
    Boolean,
    Timestamp,
    Number(Bounds),
    String(Bounds),
    Blob(Bounds),
    /// Values, separated by tabs.
    Enum(&'static str),
    /// The reference to the items.
    List(&'static str),
    /// The reference to the values.
    Map(&'static str),
    /// To be read with [`members`].
    Structure(&'static str),
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Bounds {
    pub min: Option<f64>,
    pub max: Option<f64>,
}

pub(super) struct Member {
    pub name: &'static str,
    pub required: bool,
    pub shape: &'static str,
}

/// The service that is called `name` in `aws-sdk:` resources.
pub(super) fn service(name: &str) -> Option<&'static Service> {
    let at = SERVICES.binary_search_by(|section| section.name.cmp(name)).ok()?;
    let section = &SERVICES[at];
    Some(section.service.get_or_init(|| {
        let mut text = String::new();
        // The file is part of the program; a test unpacks all of it.
        let _ = DeflateDecoder::new(section.packed).read_to_string(&mut text);
        Service::read(text.leak())
    }))
}

/// The names of all services.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().map(|section| section.name)
}

fn sections() -> Vec<Section> {
    let end = MODELS.windows(2).position(|pair| pair == b"\n\n").unwrap_or(MODELS.len());
    let head = std::str::from_utf8(&MODELS[..end]).unwrap_or_default();
    let body = MODELS.get(end + 2..).unwrap_or_default();
    let read = |line: &'static str| {
        let mut parts = line.split('\t');
        let name = parts.next()?;
        let start: usize = parts.next()?.parse().ok()?;
        let length: usize = parts.next()?.parse().ok()?;
        let packed = body.get(start..start + length)?;
        Some(Section { name, packed, service: OnceLock::new() })
    };
    head.lines().skip(2).filter_map(read).collect()
}

/// The members of a structure.
pub(super) fn members(text: &'static str) -> impl Iterator<Item = Member> {
    text.split('\t').filter_map(|member| {
        let at = member.find(['=', '!'])?;
        let required = member.as_bytes()[at] == b'!';
        Some(Member { name: &member[..at], required, shape: &member[at + 1..] })
    })
}

impl Service {
    pub(super) fn read(text: &'static str) -> Self {
        let (operations, shapes) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut operations: Vec<_> =
            operations.lines().filter_map(|line| line.split_once('\t')).collect();
        operations.sort_unstable();
        Self { operations, shapes: shapes.lines().collect() }
    }

    /// The reference to the output of an action.
    pub(super) fn output(&self, action: &str) -> Option<&'static str> {
        let at = self.operations.binary_search_by(|(name, _)| (*name).cmp(action)).ok()?;
        Some(self.operations[at].1)
    }

    /// The reference to a member of a structure.
    pub(super) fn member(&self, structure: &str, name: &str) -> Option<&'static str> {
        let Shape::Structure(text) = self.shape(structure) else { return None };
        members(text).find(|member| member.name.eq_ignore_ascii_case(name)).map(|m| m.shape)
    }

    /// How many operations there are, all references being good; otherwise one that is not.
    #[cfg(test)]
    pub(super) fn verify(&self) -> Result<usize, &'static str> {
        let good = |reference: &'static str| match reference.parse::<usize>() {
            Ok(index) => index < self.shapes.len(),
            Err(_) => matches!(reference, "s" | "n" | "b" | "t" | "a"),
        };
        for index in 0..self.shapes.len() {
            let bad = match self.shape(&index.to_string()) {
                Shape::Any => return Err(self.shapes[index]),
                Shape::List(inner) | Shape::Map(inner) => (!good(inner)).then_some(inner),
                Shape::Structure(text) => members(text).map(|m| m.shape).find(|r| !good(r)),
                _ => None,
            };
            bad.map_or(Ok(()), Err)?;
        }
        match self.operations.iter().find(|(_, reference)| !good(reference)) {
            Some((_, bad)) => Err(bad),
            None => Ok(self.operations.len()),
        }
    }

    pub(super) fn shape(&self, reference: &str) -> Shape {
        match reference {
            "s" => return Shape::String(Bounds::default()),
            "n" => return Shape::Number(Bounds::default()),
            "b" => return Shape::Boolean,
            "t" => return Shape::Timestamp,
            _ => {}
        }
        let line = reference.parse().ok().and_then(|index: usize| self.shapes.get(index));
        let Some((kind, rest)) = line.and_then(|line| line.split_at_checked(1)) else {
            return Shape::Any;
        };
        match kind {
            "{" => Shape::Structure(rest),
            "[" => Shape::List(rest),
            "<" => Shape::Map(rest),
            "e" => Shape::Enum(rest),
            "s" => Shape::String(Bounds::read(rest)),
            "x" => Shape::Blob(Bounds::read(rest)),
            "n" => Shape::Number(Bounds::read(rest)),
            _ => Shape::Any,
        }
    }
}

impl Bounds {
    fn read(text: &str) -> Self {
        let (min, max) = text.split_once('\t').unwrap_or((text, ""));
        Self { min: min.parse().ok(), max: max.parse().ok() }
    }
}
