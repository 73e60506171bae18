//! Made-up results that a service could have answered.

use super::format::{self, Shape};
use super::integration::{self, Expected, Lookup};
use super::{FieldValidationMode, Verdict};
use crate::asl::Resource;
use crate::value::{Map, Value};

/// A made-up result with the members that its service's API speaks against replaced by ones that
/// it would allow. What is right stays, and so does everything that no model describes.
pub fn fit(resource: &Resource, result: &Value) -> Value {
    let Lookup::Found(service, expected) = integration::of(resource) else { return result.clone() };
    let fitted = Fitter { service, expected: &expected }.value(&expected.shape, result, true);
    match super::check(resource, &fitted, FieldValidationMode::Present) {
        Verdict::Checked(errors) if errors.is_empty() => fitted,
        // A bound that no made-up value here keeps: what was given is as good.
        _ => result.clone(),
    }
}

struct Fitter<'a> {
    service: &'static format::Service,
    expected: &'a Expected,
}

impl Fitter<'_> {
    fn value(&self, reference: &str, value: &Value, top: bool) -> Value {
        let as_is = || value.clone();
        match self.service.shape(reference) {
            Shape::Any => as_is(),
            Shape::Boolean if value.as_bool().is_some() => as_is(),
            Shape::Boolean => true.into(),
            Shape::Timestamp if value.as_str().is_some() || value.as_number().is_some() => as_is(),
            Shape::Timestamp => "2024-01-01T00:00:00Z".into(),
            Shape::Number(_) if value.as_number().is_some() => as_is(),
            Shape::Number(bounds) => Value::from(bounds.min.map_or(1, |min| (min as i64).max(1))),
            Shape::String(_) | Shape::Blob(_) if value.as_str().is_some() => as_is(),
            Shape::String(_) | Shape::Blob(_) => "text".into(),
            Shape::Enum(values) => match value.as_str() {
                Some(text) if values.split('\t').any(|known| known == text) => as_is(),
                _ => pleasant(values).into(),
            },
            Shape::List(inner) => match value.as_array() {
                Some(items) => {
                    Value::array(items.iter().map(|item| self.value(inner, item, false)))
                }
                None => Value::array([self.value(inner, &Value::object::<&str>([]), false)]),
            },
            Shape::Map(inner) => match value.as_object() {
                Some(members) => self.each(members.iter(), |_| Some(inner)),
                None => Value::object::<&str>([]),
            },
            Shape::Structure(text) => match value.as_object() {
                Some(members) => self.each(members.iter(), |name| {
                    if top && self.expected.is_free(name) {
                        return None;
                    }
                    let spelling = self.expected.spelling;
                    let mut known = format::members(text);
                    known.find(|member| spelling.of(member.name) == name).map(|m| m.shape)
                }),
                None => Value::object::<&str>([]),
            },
        }
    }

    /// The members, each fitted to the shape that its name has.
    fn each<'v>(
        &self,
        members: impl Iterator<Item = (&'v std::sync::Arc<str>, &'v Value)>,
        shape: impl Fn(&str) -> Option<&'static str>,
    ) -> Value {
        let mut fitted = Map::default();
        for (name, member) in members {
            let member = match shape(name) {
                Some(shape) if !member.is_null() => self.value(shape, member, false),
                _ => member.clone(),
            };
            fitted.insert(name.clone(), member);
        }
        Value::from(fitted)
    }
}

/// The value that a job which went well has, where there is one such; otherwise the first.
fn pleasant(values: &'static str) -> &'static str {
    let well = ["SUCCEEDED", "COMPLETED", "COMPLETE", "SUCCESS", "AVAILABLE", "ACTIVE"];
    let find = |wanted: &&str| {
        values.split('\t').find(|value| value.replace('_', "").eq_ignore_ascii_case(wanted))
    };
    well.iter().find_map(find).or(values.split('\t').next()).unwrap_or_default()
}
