//! `States.Format` and `States.StringSplit`.

use super::Arguments;
use super::parse::escaped;
use crate::value::Value;

/// The first argument of `States.Format`, cut at each `{}`.
#[derive(Debug)]
pub(super) struct Template {
    /// The texts around the holes; there is one more of them than of holes.
    texts: Vec<String>,
}

impl Template {
    /// Reads a template with its escapes: `\{` and `\}` are braces that open no hole.
    pub(super) fn parse(raw: &str) -> Result<Self, (usize, String)> {
        let mut texts = vec![String::new()];
        let mut text = String::new();
        let mut chars = raw.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.push(escaped(at, chars.next())?),
                '{' if chars.next_if(|(_, c)| *c == '}').is_some() => {
                    *texts.last_mut().unwrap_or(&mut String::new()) = std::mem::take(&mut text);
                    texts.push(String::new());
                }
                c => text.push(c),
            }
        }
        if let Some(last) = texts.last_mut() {
            *last = text;
        }
        Ok(Self { texts })
    }

    /// The template with its holes filled: strings as they are, other scalars as JSON. That arrays
    /// and objects are refused is inferred: the documentation shows scalars only.
    pub(super) fn fill(&self, values: &[Value]) -> Result<Value, String> {
        let holes = self.texts.len() - 1;
        if values.len() != holes {
            let given = values.len();
            return Err(format!("the template has {holes} of {{}}, but {given} values are given"));
        }
        let mut out = self.texts[0].clone();
        for (value, text) in values.iter().zip(&self.texts[1..]) {
            match value {
                Value::String(text) => out.push_str(text),
                Value::Array(_) | Value::Object(_) => {
                    let kind = value.kind();
                    return Err(format!(
                        "an {kind} cannot stand for {{}}, make it a string with \
                         States.JsonToString"
                    ));
                }
                value => crate::json::write(&mut out, value),
            }
            out.push_str(text);
        }
        Ok(Value::from(out))
    }
}

/// `States.Format` with a template that was computed.
pub(super) fn format(arguments: &Arguments<'_>) -> Result<Value, String> {
    let template = Template::parse(arguments.string(0)?).map_err(|(_, message)| message)?;
    template.fill(&arguments.0[1..])
}

/// `States.StringSplit`: every character of the second argument separates, and empty parts are
/// dropped (`string_operations.string_split`).
pub(super) fn split(arguments: &Arguments<'_>) -> Result<Value, String> {
    let (text, separators) = (arguments.string(0)?, arguments.string(1)?);
    let parts = text.split(|c| separators.contains(c)).filter(|part| !part.is_empty());
    Ok(Value::array(parts.map(Value::from)))
}
