//! Filters: `[?(@.price < 10 && @.name == Receipt)]`.
//!
//! Jayway JsonPath 2.0.0 cuts a filter at `&&` and `||`, then each part at the first operator it
//! knows. Literals stay text, quotes or not, and are turned into what they are compared with.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::evaluate::{Report, definite};
use super::parse::{Complaint, compile};
use super::{PathError, PathErrorKind, Step};
use crate::value::{Number, Value};

/// Alternatives of conditions that must all hold.
#[derive(Debug)]
pub(super) struct Filter {
    alternatives: Vec<Vec<Criterion>>,
}

#[derive(Debug)]
enum Criterion {
    /// `@.a` and `!@.a`
    Exists {
        path: Vec<Step>,
        expected: bool,
    },
    Compare {
        left: Operand,
        operator: Operator,
        right: Operand,
    },
}

#[derive(Debug)]
enum Operand {
    Text(Arc<str>),
    Pattern(Box<Pattern>),
    /// A path from the value under test.
    Item(Vec<Step>),
    /// A path from the root of the document.
    Document(Vec<Step>),
}

struct Pattern {
    regex: regress::Regex,
    source: String,
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Equal,
    GreaterOrEqual,
    LessOrEqual,
    NotEqual,
    Less,
    Greater,
    Matches,
}

/// In the order in which they are looked for; the place in the text does not count.
const OPERATORS: [(&str, Operator); 7] = [
    ("==", Operator::Equal),
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("=~", Operator::Matches),
];

impl Filter {
    /// Compiles a filter with its brackets, `[?(...)]`.
    pub(super) fn parse(text: &str, nesting: usize) -> Result<Self, Complaint> {
        let trim = |text: &str| -> String { text.trim_matches(|c| c <= ' ').to_owned() };
        let text = trim(text);
        let Some(inner) = strip(&text, "[", "]") else {
            return Err(Complaint::invalid(format!(
                "Filter must start with '[' and end with ']'. {text}"
            )));
        };
        let text = trim(inner);
        let Some(inner) = text.strip_prefix('?') else {
            return Err(Complaint::invalid(format!(
                "Filter must start with '[?' and end with ']'. {text}"
            )));
        };
        let text = trim(inner);
        let Some(inner) = strip(&text, "(", ")") else {
            return Err(Complaint::invalid(format!(
                "Filter must start with '[?(' and end with ')]'. {text}"
            )));
        };
        let alternatives = trim(inner)
            .split("||")
            .map(|all| all.split("&&").map(|part| Criterion::parse(part, nesting)).collect())
            .collect::<Result<Vec<Vec<_>>, _>>()?;
        Ok(Self { alternatives })
    }

    /// Whether the filter holds for `item`.
    pub(super) fn accepts(&self, item: &Value, root: &Value) -> Result<bool, PathError> {
        // The original tests from right to left, which shows where a test fails with an error.
        for all in self.alternatives.iter().rev() {
            let mut holds = true;
            for criterion in all.iter().rev() {
                if !criterion.holds(item, root)? {
                    holds = false;
                    break;
                }
            }
            if holds {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn strip<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    text.strip_prefix(open)?.strip_suffix(close)
}

impl Criterion {
    fn parse(text: &str, nesting: usize) -> Result<Self, Complaint> {
        let text = text
            .trim_start_matches(|c| matches!(c, '[' | '?' | '(') || c <= ' ')
            .trim_end_matches(|c| c == ')' || c <= ' ');
        if text.is_empty() {
            return Err(Complaint::out_of_range(0));
        }
        let found = OPERATORS.iter().find_map(|(sign, operator)| {
            let (left, right) = text.split_once(sign)?;
            Some((left.trim(), *operator, right.trim()))
        });
        let Some((left, operator, right)) = found else {
            let (path, expected) = match text.strip_prefix('!') {
                Some(path) if path.starts_with('@') => (path, false),
                _ => (text, true),
            };
            if !path.starts_with(['@', '$']) {
                let class = "java.lang.UnsupportedOperationException";
                return Err(Complaint::Java(class, "CriteriaType  can not be parsed".into()));
            }
            return Ok(Self::Exists { path: definite_path(path, nesting)?, expected });
        };
        if right.starts_with("!@") {
            return Err(Complaint::invalid(
                "Invalid negation! Can only be used for existence check e.g [?(!@.foo)]",
            ));
        }
        let left = left.strip_prefix('!').filter(|path| path.starts_with('@')).unwrap_or(left);
        let left = Operand::parse(left, nesting)?;
        let right = Operand::parse(right, nesting)?;
        if matches!(operator, Operator::Matches)
            && !matches!((&left, &right), (Operand::Pattern(_), _) | (_, Operand::Pattern(_)))
        {
            return Err(Complaint::invalid("=~ needs a pattern, as in =~ /.*x/i"));
        }
        Ok(Self::Compare { left, operator, right })
    }

    fn holds(&self, item: &Value, root: &Value) -> Result<bool, PathError> {
        match self {
            Self::Exists { path, expected } => match definite(path, item, Report::KindOnly) {
                Ok(_) => Ok(*expected),
                Err(error) if error.kind == PathErrorKind::NotFound => Ok(!expected),
                Err(error) => Err(error),
            },
            Self::Compare { left, operator, right } => {
                let (Some(model), Some(expected)) =
                    (left.evaluate(item, root)?, right.evaluate(item, root)?)
                else {
                    return Ok(false);
                };
                Ok(operator.holds(&expected, &model))
            }
        }
    }
}

fn definite_path(text: &str, nesting: usize) -> Result<Vec<Step>, Complaint> {
    let steps = compile(text, nesting + 1)?;
    if steps.iter().all(Step::is_definite) {
        return Ok(steps);
    }
    Err(Complaint::invalid(format!("the predicate path: {text} is not definite")))
}

impl Operand {
    fn parse(text: &str, nesting: usize) -> Result<Self, Complaint> {
        Ok(match text.as_bytes() {
            [b'@', ..] => Self::Item(definite_path(text, nesting)?),
            [b'$', ..] => Self::Document(definite_path(text, nesting)?),
            [b'\'', .., b'\''] => Self::Text(text[1..text.len() - 1].into()),
            [b'/', .., b'/'] => {
                Self::Pattern(Pattern::compile(&text[1..text.len() - 1], "")?.into())
            }
            [b'/', .., b'/', b'i'] => {
                Self::Pattern(Pattern::compile(&text[1..text.len() - 2], "i")?.into())
            }
            _ => Self::Text(text.into()),
        })
    }

    /// The operand's value; `None` where its path leads nowhere.
    fn evaluate<'v>(
        &'v self,
        item: &'v Value,
        root: &'v Value,
    ) -> Result<Option<Operated<'v>>, PathError> {
        let (steps, root) = match self {
            Self::Text(text) => return Ok(Some(Operated::Text(text))),
            Self::Pattern(pattern) => return Ok(Some(Operated::Pattern(pattern))),
            Self::Item(steps) => (steps, item),
            Self::Document(steps) => (steps, root),
        };
        match definite(steps, root, Report::KindOnly) {
            Ok(value) => Ok(Some(Operated::Value(value))),
            Err(error) if error.kind == PathErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Pattern {
    /// The pattern must match the whole text, as `java.util.regex.Matcher.matches` does.
    fn compile(source: &str, flags: &str) -> Result<Self, Complaint> {
        let regex = regress::Regex::with_flags(&format!("^(?:{source})$"), flags).map_err(|e| {
            let class = "java.util.regex.PatternSyntaxException";
            Complaint::Java(class, format!("{e} in {source}"))
        })?;
        Ok(Self { regex, source: source.to_owned() })
    }

    fn matches(&self, text: &str) -> bool {
        self.regex.find(text).is_some()
    }
}

enum Operated<'v> {
    Text(&'v str),
    Pattern(&'v Pattern),
    Value(Cow<'v, Value>),
}

impl Operated<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Value(value) => value.as_str(),
            Self::Pattern(_) => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::Value(value) if value.is_null())
    }

    /// The text `null` counts as null.
    fn is_nullish(&self) -> bool {
        self.is_null() || self.text() == Some("null")
    }

    /// How this, the expected value, stands to the value under test; `None` where they are of
    /// kinds that do not compare.
    fn compare(&self, model: &Self) -> Option<Ordering> {
        match (self.is_nullish(), model.is_nullish()) {
            (true, true) => return Some(Ordering::Equal),
            (true, false) => return Some(Ordering::Less),
            (false, true) => return Some(Ordering::Greater),
            (false, false) => {}
        }
        if let (Some(expected), Some(model)) = (self.text(), model.text()) {
            let expected = match expected.contains("\\'") {
                true => Cow::Owned(expected.replace("\\'", "'")),
                false => Cow::Borrowed(expected),
            };
            return Some((*expected).cmp(model));
        }
        let Self::Value(model) = model else { return None };
        match (self, &**model) {
            (_, Value::Number(model)) => {
                let expected = match self {
                    Self::Value(value) if value.as_number().is_some() => value.as_number().cloned(),
                    _ => self.text().and_then(number),
                };
                compare_numbers(&expected?, model)
            }
            (Self::Value(expected), Value::Bool(model)) if expected.as_bool().is_some() => {
                Some(expected.as_bool()?.cmp(model))
            }
            (_, Value::Bool(model)) => Some(self.text()?.eq_ignore_ascii_case("true").cmp(model)),
            _ => None,
        }
    }
}

/// The number that a text spells, as `java.math.BigDecimal` reads it.
fn number(text: &str) -> Option<Number> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if !plain {
        return None;
    }
    text.parse().map(Number::Int).ok().or_else(|| Number::from_f64(text.parse().ok()?))
}

fn compare_numbers(a: &Number, b: &Number) -> Option<Ordering> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(b)),
        _ if a == b => Some(Ordering::Equal),
        _ => a.as_f64().partial_cmp(&b.as_f64()),
    }
}

impl Operator {
    fn holds(self, expected: &Operated<'_>, model: &Operated<'_>) -> bool {
        let compared = || expected.compare(model);
        // One null alone is in no order with anything.
        let ordered = || match expected.is_null() == model.is_null() {
            true => compared(),
            false => None,
        };
        match self {
            Self::Equal => compared() == Some(Ordering::Equal),
            Self::NotEqual => compared().is_some_and(Ordering::is_ne),
            Self::Greater => ordered().is_some_and(Ordering::is_lt),
            Self::GreaterOrEqual => ordered().is_some_and(Ordering::is_le),
            Self::Less => ordered().is_some_and(Ordering::is_gt),
            Self::LessOrEqual => ordered().is_some_and(Ordering::is_ge),
            Self::Matches => match (expected, model) {
                (Operated::Pattern(pattern), other) | (other, Operated::Pattern(pattern)) => {
                    match other {
                        Operated::Text(text) => pattern.matches(text),
                        Operated::Value(value) if value.is_null() => false,
                        Operated::Value(value) => match value.as_str() {
                            Some(text) => pattern.matches(text),
                            None => pattern.matches(&value.to_json()),
                        },
                        Operated::Pattern(_) => false,
                    }
                }
                _ => false,
            },
        }
    }
}
