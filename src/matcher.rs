//! Matchers: what a JSON value must look like, as `expect` and `when` of a scenario say it.
//!
//! A plain value must be equal; an object with a single key that starts with `$` is a matcher.
//! The table of all of them is in `scenarios/README.md`.

mod compare;

use std::fmt;
use std::sync::Arc;

use crate::value::{Number, Value};

/// What a JSON value must look like.
///
/// ```
/// use stepproof::matcher::Matcher;
/// use stepproof::value::Value;
///
/// let text = r#"{"$subset": {"receipt": {"$regex": "^r-[0-9]+$"}}}"#;
/// let matcher = Matcher::parse(&Value::parse(text)?)?;
/// assert!(matcher.is_match(&Value::parse(r#"{"receipt": "r-17", "total": 3}"#)?));
///
/// let mismatches = matcher.matches(&Value::parse(r#"{"receipt": 17}"#)?).unwrap_err();
/// assert_eq!(
///     mismatches[0].to_string(),
///     "$.receipt: expected a string that matches `^r-[0-9]+$`, got 17",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Matcher(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// A value without matchers in it; objects may have more members where `open`.
    Equal {
        value: Value,
        open: bool,
    },
    Array(Vec<Matcher>),
    Object {
        members: Vec<(Arc<str>, Matcher)>,
        open: bool,
    },
    Type(JsonType),
    Regex(Box<Pattern>),
    Any,
    Absent,
    Json(Box<Matcher>),
    Contains(Box<Matcher>),
    Length(usize),
    Unordered(Vec<Matcher>),
    Range(Vec<(Bound, Number)>),
    OneOf(Vec<Matcher>),
    Not(Box<Matcher>),
}

/// The names that `$type` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JsonType {
    Null,
    Boolean,
    Number,
    Integer,
    String,
    Array,
    Object,
    Timestamp,
    Uuid,
    Arn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Gt,
    Gte,
    Lt,
    Lte,
}

#[derive(Clone)]
struct Pattern {
    text: Arc<str>,
    regex: regress::Regex,
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// One place at which a value is not what a [`Matcher`] asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// Where in the value: `$.items[2].name`.
    pub path: String,
    /// What was asked for: JSON text, or words.
    pub expected: String,
    /// What is there; `None` where nothing is.
    pub actual: Option<Value>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, got ", self.path, self.expected)?;
        match &self.actual {
            Some(value) => f.write_str(&shorten(&value.to_json())),
            None => f.write_str("nothing"),
        }
    }
}

/// A matcher that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct MatcherError {
    /// Where in the matcher: `$.items[2].$regex`.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

const NAMES: [&str; 15] = [
    "$subset",
    "$type",
    "$regex",
    "$any",
    "$absent",
    "$json",
    "$contains",
    "$length",
    "$unordered",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$oneOf",
    "$not",
];

impl Matcher {
    /// Reads a matcher; anything without `$` keys means equality.
    ///
    /// # Errors
    ///
    /// Where a `$` key is unknown, or its value does not fit it.
    pub fn parse(value: &Value) -> Result<Self, MatcherError> {
        Self::parse_at(value, false, "$")
    }

    /// A matcher for a value equal to this one, whatever it looks like.
    pub fn equal(value: Value) -> Self {
        Self(Kind::Equal { value, open: false })
    }

    /// Reads `value` as `$subset` does: objects may have further members.
    ///
    /// # Errors
    ///
    /// As of [`Matcher::parse`].
    pub fn parse_subset(value: &Value) -> Result<Self, MatcherError> {
        Self::parse_at(value, true, "$")
    }

    /// Whether the value is as asked for.
    pub fn is_match(&self, value: &Value) -> bool {
        self.matches(value).is_ok()
    }

    /// Compares.
    ///
    /// # Errors
    ///
    /// Every place that differs.
    pub fn matches(&self, value: &Value) -> Result<(), Vec<Mismatch>> {
        self.matches_at("$", Some(value))
    }

    /// Compares what may not be there at all; `path` is what mismatches call its place.
    ///
    /// # Errors
    ///
    /// Every place that differs.
    pub fn matches_at(&self, path: &str, value: Option<&Value>) -> Result<(), Vec<Mismatch>> {
        let mut mismatches = Vec::new();
        self.compare(&mut path.to_owned(), value, &mut mismatches);
        if mismatches.is_empty() { Ok(()) } else { Err(mismatches) }
    }

    /// Whether the matcher is a plain value: no `$` key anywhere in it.
    pub fn plain(&self) -> Option<&Value> {
        match &self.0 {
            Kind::Equal { value, open: false } => Some(value),
            _ => None,
        }
    }

    fn parse_at(value: &Value, open: bool, path: &str) -> Result<Self, MatcherError> {
        if !has_operator(value) {
            return Ok(Self(Kind::Equal { value: value.clone(), open }));
        }
        if value.depth() > DEEPEST {
            let message = format!("matchers may be nested {DEEPEST} levels deep, not more");
            return Err(MatcherError { path: path.to_owned(), message });
        }
        match value {
            Value::Array(items) => {
                let matchers = parse_items(items, open, path)?;
                let mut parts = matchers.iter().zip(items.iter());
                Ok(Self(if parts.all(|(one, item)| one.is_equal_to(item, open)) {
                    Kind::Equal { value: value.clone(), open }
                } else {
                    Kind::Array(matchers)
                }))
            }
            Value::Object(members) => {
                if let Some(matcher) = parse_operator(members, open, path)? {
                    return Ok(matcher);
                }
                let mut matchers = Vec::with_capacity(members.len());
                for (key, member) in members.iter() {
                    let path = compare::member_path(path, key);
                    matchers.push((key.clone(), Self::parse_at(member, open, &path)?));
                }
                let mut parts = matchers.iter().zip(members.values());
                let plain = parts.all(|((_, one), member)| one.is_equal_to(member, open));
                Ok(Self(if plain {
                    Kind::Equal { value: value.clone(), open }
                } else {
                    Kind::Object { members: matchers, open }
                }))
            }
            scalar => Ok(Self(Kind::Equal { value: scalar.clone(), open })),
        }
    }

    /// Whether this is nothing but equality to `part`, so that it folds into that of the whole.
    fn is_equal_to(&self, part: &Value, within: bool) -> bool {
        matches!(&self.0, Kind::Equal { value, open } if *open == within && value.same(part))
    }
}

/// How deep a value with matchers in it may be nested; one without them may be as deep as JSON.
const DEEPEST: usize = 100;

/// Whether some object in the value has a key that starts with `$`.
fn has_operator(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_operator),
        Value::Object(members) => {
            members.iter().any(|(key, member)| key.starts_with('$') || has_operator(member))
        }
        _ => false,
    }
}

fn parse_items(items: &[Value], open: bool, path: &str) -> Result<Vec<Matcher>, MatcherError> {
    let items = items.iter().enumerate();
    items.map(|(i, item)| Matcher::parse_at(item, open, &format!("{path}[{i}]"))).collect()
}

/// The matcher that an object with `$` keys stands for; `None` where it is plain data.
fn parse_operator(
    members: &crate::value::Map,
    open: bool,
    path: &str,
) -> Result<Option<Matcher>, MatcherError> {
    let bound = |key: &str| match key {
        "$gt" => Some(Bound::Gt),
        "$gte" => Some(Bound::Gte),
        "$lt" => Some(Bound::Lt),
        "$lte" => Some(Bound::Lte),
        _ => None,
    };
    if !members.is_empty() && members.keys().all(|key| bound(key).is_some()) {
        let mut bounds = Vec::new();
        for (key, limit) in members {
            let number = limit.as_number().ok_or_else(|| wrong(path, key, "a number"))?;
            bounds.extend(bound(key).map(|bound| (bound, number.clone())));
        }
        return Ok(Some(Matcher(Kind::Range(bounds))));
    }
    let mut entries = members.iter();
    let (Some((key, operand)), None) = (entries.next(), entries.next()) else { return Ok(None) };
    if !key.starts_with('$') {
        return Ok(None);
    }
    let inner = format!("{path}.{key}");
    let boxed = |open| Matcher::parse_at(operand, open, &inner).map(Box::new);
    let list = || match operand {
        Value::Array(items) => parse_items(items, open, &inner),
        _ => Err(wrong(path, key, "an array")),
    };
    let truth = || match operand {
        Value::Bool(true) => Ok(()),
        _ => Err(wrong(path, key, "`true`")),
    };
    let kind = match &**key {
        "$literal" => Kind::Equal { value: operand.clone(), open: false },
        "$subset" => return Matcher::parse_at(operand, true, &inner).map(Some),
        "$type" => Kind::Type(
            operand.as_str().and_then(JsonType::parse).ok_or_else(|| wrong(path, key, TYPES))?,
        ),
        "$regex" => Kind::Regex(Box::new(parse_regex(operand, path)?)),
        "$any" => truth().map(|()| Kind::Any)?,
        "$absent" => truth().map(|()| Kind::Absent)?,
        "$json" => Kind::Json(boxed(open)?),
        "$contains" => Kind::Contains(boxed(open)?),
        "$length" => Kind::Length(
            operand
                .as_i64()
                .and_then(|length| usize::try_from(length).ok())
                .ok_or_else(|| wrong(path, key, "a length"))?,
        ),
        "$unordered" => Kind::Unordered(list()?),
        "$oneOf" => Kind::OneOf(list()?),
        "$not" => Kind::Not(boxed(open)?),
        unknown => return Err(unknown_operator(path, unknown)),
    };
    Ok(Some(Matcher(kind)))
}

fn parse_regex(operand: &Value, path: &str) -> Result<Pattern, MatcherError> {
    let Value::String(text) = operand else {
        return Err(wrong(path, "$regex", "a regular expression as a string"));
    };
    let regex = regress::Regex::new(text).map_err(|error| MatcherError {
        path: format!("{path}.$regex"),
        message: format!("`{text}` is not a regular expression: {error}"),
    })?;
    Ok(Pattern { text: text.clone(), regex })
}

fn wrong(path: &str, key: &str, wants: &str) -> MatcherError {
    MatcherError { path: format!("{path}.{key}"), message: format!("`{key}` takes {wants}") }
}

fn unknown_operator(path: &str, key: &str) -> MatcherError {
    let close = NAMES
        .iter()
        .chain(&["$literal"])
        .map(|name| (strsim::damerau_levenshtein(name, key), *name))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    let hint = close.map_or(String::new(), |(_, name)| format!(", did you mean `{name}`?"));
    MatcherError {
        path: path.to_owned(),
        message: format!(
            "unknown matcher `{key}`{hint}; data that looks like a matcher goes into `$literal`"
        ),
    }
}

const TYPES: &str =
    "one of null, boolean, number, integer, string, array, object, timestamp, uuid, arn";

impl JsonType {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "number" => Self::Number,
            "integer" => Self::Integer,
            "string" => Self::String,
            "array" => Self::Array,
            "object" => Self::Object,
            "timestamp" => Self::Timestamp,
            "uuid" => Self::Uuid,
            "arn" => Self::Arn,
            _ => return None,
        })
    }

    fn words(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Integer => "an integer",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
            Self::Timestamp => "a timestamp",
            Self::Uuid => "a UUID",
            Self::Arn => "an ARN",
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, matchers: &[Self]| {
            for (i, matcher) in matchers.iter().enumerate() {
                write!(f, "{}{matcher}", if i == 0 { "" } else { ", " })?;
            }
            Ok(())
        };
        match &self.0 {
            Kind::Equal { value, .. } => f.write_str(&shorten(&value.to_json())),
            Kind::Array(matchers) => {
                f.write_str("[")?;
                list(f, matchers)?;
                f.write_str("]")
            }
            Kind::Object { members, .. } => {
                f.write_str("{")?;
                for (i, (key, matcher)) in members.iter().enumerate() {
                    write!(f, "{}{key}: {matcher}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
            Kind::Type(json_type) => f.write_str(json_type.words()),
            Kind::Regex(pattern) => write!(f, "a string that matches `{}`", pattern.text),
            Kind::Any => f.write_str("anything"),
            Kind::Absent => f.write_str("nothing"),
            Kind::Json(matcher) => write!(f, "JSON text of {matcher}"),
            Kind::Contains(matcher) => write!(f, "something that contains {matcher}"),
            Kind::Length(length) => write!(f, "length {length}"),
            Kind::Unordered(matchers) => {
                f.write_str("in any order [")?;
                list(f, matchers)?;
                f.write_str("]")
            }
            Kind::Range(bounds) => {
                f.write_str("a number")?;
                for (i, (bound, number)) in bounds.iter().enumerate() {
                    write!(f, "{} {} {number}", if i == 0 { "" } else { " and" }, bound.sign())?;
                }
                Ok(())
            }
            Kind::OneOf(matchers) => {
                f.write_str("one of ")?;
                list(f, matchers)
            }
            Kind::Not(matcher) => write!(f, "anything but {matcher}"),
        }
    }
}

impl Bound {
    fn sign(self) -> &'static str {
        match self {
            Self::Gt => ">",
            Self::Gte => ">=",
            Self::Lt => "<",
            Self::Lte => "<=",
        }
    }
}

/// Whether `text` is `pattern`, in which `*` stands for any text.
pub fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// At most 200 characters of a text, for messages.
fn shorten(text: &str) -> String {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
