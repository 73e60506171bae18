//! What AWS's services answer: the shapes of results, and whether a mocked result has them.
//!
//! The facts are those of AWS's public service models, as botocore carries them (Apache-2.0),
//! generated into `service_model/models.bin` by `cargo xtask codegen`: names, types, required
//! members, enum values, bounds. TestState holds
//! mocked results against the same models, and its words are the words here.

mod fit;
mod format;
mod integration;
#[cfg(any(feature = "server", feature = "aws"))]
pub(crate) mod spelling;

use std::fmt;

pub use fit::fit;

use crate::asl::Resource;
use crate::value::{Object, Value};
use format::{Bounds, Service, Shape};
use integration::Expected;

/// How strictly a mocked result must match the service's API (`MockInput` of the TestState API).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidationMode {
    /// Required members must be there, and all members must be right.
    #[default]
    Strict,
    /// The members that are there must be right.
    Present,
    /// Anything goes.
    None,
}

/// A member of a result that is not as its service's API says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldError {
    /// Where it is: `$.Entries[1].EventId`.
    pub path: String,
    /// What TestState says of it, in AWS's words where they are recorded.
    pub message: String,
}

/// What came of holding a result against its service's model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that is wrong; empty where nothing is.
    Checked(Vec<FieldError>),
    /// No API says what this result looks like: that of a function, of an activity, of a callback.
    Free,
    /// The service, or the action, is in none of the models.
    Unknown,
}

impl FieldValidationMode {
    /// The modes by their names.
    pub const NAMES: [(&'static str, Self); 3] =
        [("STRICT", Self::Strict), ("PRESENT", Self::Present), ("NONE", Self::None)];

    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode)
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Holds the result of a task against the model of what it calls.
///
/// As recorded in `field_validation_mode.*` and `field_validation_mode_present.*`: members that
/// the API does not have pass in every mode, also those that are merely spelled otherwise
/// (`executionArn` for `ExecutionArn`); a message names the innermost member alone. Not recorded
/// is what AWS says of a required member that is missing and of types other than string, number
/// and array; those messages follow the pattern of the recorded ones. Patterns of strings and
/// sizes of lists and maps are not checked, for want of evidence that AWS checks them, and `null`
/// passes for any member.
pub fn check(resource: &Resource, result: &Value, mode: FieldValidationMode) -> Verdict {
    let Some((service, expected)) = (match integration::of(resource) {
        integration::Lookup::Free => return Verdict::Free,
        integration::Lookup::Unknown => None,
        integration::Lookup::Found(service, expected) => Some((service, expected)),
    }) else {
        return Verdict::Unknown;
    };
    if mode == FieldValidationMode::None {
        return Verdict::Checked(Vec::new());
    }
    let mut checker = Checker {
        service,
        expected: &expected,
        required: mode == FieldValidationMode::Strict,
        errors: Vec::new(),
    };
    let place = Place::Root;
    checker.value(&expected.shape, result, &place);
    Verdict::Checked(checker.errors)
}

struct Checker<'a> {
    service: &'static Service,
    expected: &'a Expected,
    required: bool,
    errors: Vec<FieldError>,
}

/// The way to a value, from the inside out.
enum Place<'a> {
    Root,
    Member(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    /// The name of the innermost member, which is what AWS's messages give.
    fn field(&self) -> Option<&str> {
        match self {
            Self::Root => None,
            Self::Member(_, name) => Some(name),
            Self::Item(outer, _) => outer.field(),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("$"),
            Self::Member(outer, name) => write!(f, "{outer}.{name}"),
            Self::Item(outer, index) => write!(f, "{outer}[{index}]"),
        }
    }
}

impl Checker<'_> {
    fn value(&mut self, reference: &str, value: &Value, place: &Place<'_>) {
        if value.is_null() {
            return;
        }
        match self.service.shape(reference) {
            Shape::Any => {}
            Shape::Boolean => self.must(value.as_bool().is_some(), "must be a boolean", place),
            // A date is text in `aws-sdk:` results and may be a number of seconds in others.
            Shape::Timestamp => {
                let fits = value.as_str().is_some() || value.as_number().is_some();
                self.must(fits, "must be a string", place);
            }
            Shape::Number(bounds) => self.number(bounds, value, place),
            Shape::String(bounds) => self.string(bounds, value, place, |text| {
                let length = text.chars().count();
                (length, length)
            }),
            // The bounds are those of the bytes; their text in Base64 is longer by a third.
            Shape::Blob(bounds) => {
                self.string(bounds, value, place, |text| (text.len(), text.len() / 4 * 3));
            }
            Shape::Enum(values) => match value.as_str() {
                Some(text) => {
                    let known = values.split('\t').any(|known| known == text);
                    self.must(known, "is not an expected value", place);
                }
                None => self.fail("must be a string", place),
            },
            Shape::List(inner) => match value.as_array() {
                Some(items) => {
                    for (index, item) in items.iter().enumerate() {
                        self.value(inner, item, &Place::Item(place, index));
                    }
                }
                None => self.fail("must be an array", place),
            },
            Shape::Map(inner) => match value.as_object() {
                Some(members) => {
                    for (name, member) in members.iter() {
                        self.value(inner, member, &Place::Member(place, name));
                    }
                }
                None => self.fail("must be an object", place),
            },
            Shape::Structure(members) => match value.as_object() {
                Some(object) => self.structure(members, object, place),
                None => self.fail("must be an object", place),
            },
        }
    }

    fn structure(&mut self, members: &'static str, object: &Object, place: &Place<'_>) {
        for member in format::members(members) {
            let name = self.expected.spelling.of(member.name);
            match object.get(&*name) {
                None if self.required && member.required => {
                    self.fail("is required", &Place::Member(place, &name));
                }
                None => {}
                // An optimized integration reads the JSON of a text.
                Some(_) if matches!(place, Place::Root) && self.expected.is_free(&name) => {}
                Some(value) => self.value(member.shape, value, &Place::Member(place, &name)),
            }
        }
    }

    fn number(&mut self, bounds: Bounds, value: &Value, place: &Place<'_>) {
        match value.as_f64() {
            None => self.fail("must be a number", place),
            Some(number) if bounds.min.is_some_and(|min| number < min) => {
                self.fail("is less than the minimum value", place);
            }
            Some(number) if bounds.max.is_some_and(|max| number > max) => {
                self.fail("exceeds the maximum value", place);
            }
            Some(_) => {}
        }
    }

    /// `length` gives the most and the least that a text may count as.
    fn string(
        &mut self,
        bounds: Bounds,
        value: &Value,
        place: &Place<'_>,
        length: impl Fn(&str) -> (usize, usize),
    ) {
        let Some(text) = value.as_str() else { return self.fail("must be a string", place) };
        let (most, least) = length(text);
        if bounds.min.is_some_and(|min| (most as f64) < min) {
            self.fail("is smaller than the minimum length", place);
        } else if bounds.max.is_some_and(|max| least as f64 > max) {
            self.fail("exceeds the maximum length", place);
        }
    }

    fn must(&mut self, fits: bool, otherwise: &str, place: &Place<'_>) {
        if !fits {
            self.fail(otherwise, place);
        }
    }

    fn fail(&mut self, what: &str, place: &Place<'_>) {
        let message = match place.field() {
            Some(field) => format!("Field '{field}' {what}"),
            None => format!("The result {what}"),
        };
        self.errors.push(FieldError { path: place.to_string(), message });
    }
}

#[cfg(test)]
mod tests;
