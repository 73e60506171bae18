//! Comparing a value with a matcher, place by place.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::{Bound, JsonType, Kind, Matcher, Mismatch};
use crate::value::{Number, Value};

impl Matcher {
    /// Adds a mismatch for every place at which `actual` differs; `path` is restored on return.
    pub(super) fn compare(
        &self,
        path: &mut String,
        actual: Option<&Value>,
        out: &mut Vec<Mismatch>,
    ) {
        let differs = |out: &mut Vec<Mismatch>| {
            out.push(Mismatch {
                path: path.clone(),
                expected: self.to_string(),
                actual: actual.cloned(),
            });
        };
        let value = match (&self.0, actual) {
            (Kind::Absent, None) => return,
            (Kind::Not(matcher), None) if !matches!(matcher.0, Kind::Absent) => return,
            (Kind::OneOf(matchers), None)
                if matchers.iter().any(|one| matches!(one.0, Kind::Absent)) =>
            {
                return;
            }
            (_, None) => return differs(out),
            (_, Some(value)) => value,
        };
        match &self.0 {
            Kind::Equal { value: expected, open } => equal(expected, value, *open, path, out),
            Kind::Array(matchers) => match value.as_array() {
                Some(items) => compare_items(matchers, items, path, out),
                None => differs(out),
            },
            Kind::Object { members, open } => match value.as_object() {
                Some(object) => {
                    for (key, matcher) in members {
                        within(path, key, |path| matcher.compare(path, object.get(key), out));
                    }
                    if !open {
                        let known = |key: &str| members.iter().any(|(name, _)| **name == *key);
                        let extra = object.iter().filter(|(key, _)| !known(key));
                        extra.for_each(|(key, value)| unwanted(path, key, value, out));
                    }
                }
                None => differs(out),
            },
            Kind::Json(matcher) => match value.as_str().map(Value::parse) {
                Some(Ok(inner)) => matcher.compare(path, Some(&inner), out),
                _ => differs(out),
            },
            _ => {
                if !self.holds(value) {
                    differs(out);
                }
            }
        }
    }

    /// The matchers that either hold or do not, without a place inside the value to blame.
    fn holds(&self, value: &Value) -> bool {
        match &self.0 {
            Kind::Type(json_type) => json_type.holds(value),
            Kind::Regex(pattern) => {
                value.as_str().is_some_and(|text| pattern.regex.find(text).is_some())
            }
            Kind::Any => true,
            Kind::Absent => false,
            Kind::Contains(matcher) => match (value, &matcher.0) {
                (Value::Array(items), _) => items.iter().any(|item| matcher.is_match(item)),
                (Value::String(text), Kind::Equal { value: Value::String(part), .. }) => {
                    text.contains(&**part)
                }
                (Value::String(_), _) => matcher.is_match(value),
                _ => false,
            },
            Kind::Length(length) => match value {
                Value::Array(items) => items.len() == *length,
                Value::Object(members) => members.len() == *length,
                Value::String(text) => text.chars().count() == *length,
                _ => false,
            },
            Kind::Unordered(matchers) => match value {
                Value::Array(items) => pairs_up(matchers, items),
                _ => false,
            },
            Kind::Range(bounds) => match value.as_number() {
                Some(number) => bounds.iter().all(|(bound, limit)| bound.holds(number, limit)),
                None => false,
            },
            Kind::OneOf(matchers) => matchers.iter().any(|matcher| matcher.is_match(value)),
            Kind::Not(matcher) => !matcher.is_match(value),
            Kind::Equal { .. } | Kind::Array(_) | Kind::Object { .. } | Kind::Json(_) => {
                self.is_match(value)
            }
        }
    }
}

fn compare_items(
    matchers: &[Matcher],
    items: &[Value],
    path: &mut String,
    out: &mut Vec<Mismatch>,
) {
    for i in 0..matchers.len().max(items.len()) {
        at(path, i, |path| match matchers.get(i) {
            Some(matcher) => matcher.compare(path, items.get(i), out),
            None => superfluous(path, items.get(i), out),
        });
    }
}

/// Adds a mismatch for every place at which two values differ, or, deep down, for the first level
/// at which it no longer looks closer.
fn equal(expected: &Value, actual: &Value, open: bool, path: &mut String, out: &mut Vec<Mismatch>) {
    if expected.same(actual) || expected == actual {
        return;
    }
    match (expected, actual) {
        (Value::Object(wanted), Value::Object(members)) if expected.depth() <= super::DEEPEST => {
            for (key, wanted) in wanted.iter() {
                let member = members.get(key);
                within(path, key, |path| equal_part(Some(wanted), member, open, path, out));
            }
            if !open {
                let extra = members.iter().filter(|(key, _)| !wanted.contains_key(*key));
                extra.for_each(|(key, value)| unwanted(path, key, value, out));
            }
        }
        (Value::Array(wanted), Value::Array(items)) if expected.depth() <= super::DEEPEST => {
            for i in 0..wanted.len().max(items.len()) {
                at(path, i, |path| equal_part(wanted.get(i), items.get(i), open, path, out));
            }
        }
        _ => out.push(Mismatch {
            path: path.clone(),
            expected: super::shorten(&expected.to_json()),
            actual: Some(actual.clone()),
        }),
    }
}

fn equal_part(
    expected: Option<&Value>,
    actual: Option<&Value>,
    open: bool,
    path: &mut String,
    out: &mut Vec<Mismatch>,
) {
    match (expected, actual) {
        (Some(expected), Some(actual)) => equal(expected, actual, open, path, out),
        (Some(expected), None) => out.push(Mismatch {
            path: path.clone(),
            expected: super::shorten(&expected.to_json()),
            actual: None,
        }),
        (None, actual) => superfluous(path, actual, out),
    }
}

fn unwanted(path: &mut String, key: &str, value: &Value, out: &mut Vec<Mismatch>) {
    within(path, key, |path| superfluous(path, Some(value), out));
}

fn superfluous(path: &str, value: Option<&Value>, out: &mut Vec<Mismatch>) {
    out.push(Mismatch {
        path: path.to_owned(),
        expected: "nothing".to_owned(),
        actual: value.cloned(),
    });
}

/// The path of member `key` below `path`.
pub(super) fn member_path(path: &str, key: &str) -> String {
    let mut path = path.to_owned();
    push_member(&mut path, key);
    path
}

fn push_member(path: &mut String, key: &str) {
    let bare = key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
    if bare && !key.is_empty() {
        path.push('.');
        path.push_str(key);
    } else {
        let _ = write!(path, "['{}']", key.replace('\'', "\\'"));
    }
}

fn within(path: &mut String, key: &str, work: impl FnOnce(&mut String)) {
    let length = path.len();
    push_member(path, key);
    work(path);
    path.truncate(length);
}

fn at(path: &mut String, index: usize, work: impl FnOnce(&mut String)) {
    let length = path.len();
    let _ = write!(path, "[{index}]");
    work(path);
    path.truncate(length);
}

/// Whether each matcher can be given an item of its own: a bipartite matching by augmenting paths.
fn pairs_up(matchers: &[Matcher], items: &[Value]) -> bool {
    fn place(
        matcher: usize,
        fits: &[Vec<usize>],
        taken: &mut [Option<usize>],
        seen: &mut [bool],
    ) -> bool {
        for &item in &fits[matcher] {
            if std::mem::replace(&mut seen[item], true) {
                continue;
            }
            if taken[item].is_none_or(|other| place(other, fits, taken, seen)) {
                taken[item] = Some(matcher);
                return true;
            }
        }
        false
    }
    if matchers.len() != items.len() {
        return false;
    }
    let fits: Vec<Vec<usize>> = matchers
        .iter()
        .map(|matcher| (0..items.len()).filter(|i| matcher.is_match(&items[*i])).collect())
        .collect();
    let mut taken = vec![None; items.len()];
    (0..matchers.len())
        .all(|matcher| place(matcher, &fits, &mut taken, &mut vec![false; items.len()]))
}

impl JsonType {
    fn holds(self, value: &Value) -> bool {
        let text = || value.as_str().unwrap_or_default();
        match self {
            Self::Null => value.is_null(),
            Self::Boolean => value.as_bool().is_some(),
            Self::Number => value.as_number().is_some(),
            Self::Integer => value
                .as_number()
                .is_some_and(|number| number.as_i64().is_some() || number.is_integer_text()),
            Self::String => value.as_str().is_some(),
            Self::Array => value.as_array().is_some(),
            Self::Object => value.as_object().is_some(),
            Self::Timestamp => chrono::DateTime::parse_from_rfc3339(text()).is_ok(),
            Self::Uuid => is_uuid(text()),
            Self::Arn => {
                text().starts_with("arn:")
                    && text().bytes().filter(|byte| *byte == b':').count() >= 5
            }
        }
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

impl Bound {
    fn holds(self, number: &Number, limit: &Number) -> bool {
        // Floats only where one of the two is no integer, so that large integers stay exact.
        let ordering = match (number.as_i64(), limit.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => number.as_f64().partial_cmp(&limit.as_f64()),
        };
        matches!(
            (self, ordering),
            (Self::Gt | Self::Gte, Some(Ordering::Greater))
                | (Self::Lt | Self::Lte, Some(Ordering::Less))
                | (Self::Gte | Self::Lte, Some(Ordering::Equal))
        )
    }
}
