//! Values as the text that `JSON.stringify` gives.

use std::sync::Arc;

use crate::json;
use crate::value::{Number, Value};

use super::error::Fault;
use super::item::{Evaluated, Item, List, Record};
use super::number;

/// The compact text of a value, its numbers printed in full.
pub(super) fn stringify_value(value: &Value) -> String {
    let mut writer =
        Writer { out: String::new(), pretty: false, rounded: false, limit: usize::MAX };
    writer.value(value, 0);
    writer.out
}

/// What `$string` gives: numbers are rounded to 15 digits, functions are empty strings.
pub(super) fn string<'e>(item: &Item<'e>, pretty: bool, limit: usize) -> Evaluated<'e> {
    Ok(match item {
        Item::Undefined => Item::Undefined,
        Item::String(_) => item.clone(),
        Item::Function(_) => Item::string(""),
        Item::Number(value) if !value.is_finite() => {
            return Err(Fault::new("D3001").value(item.shown()));
        }
        Item::Number(value) => Item::String(number::to_text(number::to_15_digits(*value)).into()),
        Item::Array(list) if list.marks().outer_wrapper => {
            Item::String(stringify(&list.item(0), pretty, limit)?)
        }
        item => Item::String(stringify(item, pretty, limit)?),
    })
}

/// The text of an item with numbers rounded to 15 digits.
fn stringify(item: &Item<'_>, pretty: bool, limit: usize) -> Result<Arc<str>, Box<Fault>> {
    let mut writer = Writer { out: String::new(), pretty, rounded: true, limit };
    writer.item(item, 0)?;
    writer.check()?;
    Ok(writer.out.into())
}

struct Writer {
    out: String,
    pretty: bool,
    rounded: bool,
    /// How long the text may get.
    limit: usize,
}

impl Writer {
    fn item(&mut self, item: &Item<'_>, indent: usize) -> Result<(), Box<Fault>> {
        match item {
            Item::Undefined | Item::Null => self.out.push_str("null"),
            Item::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Item::Number(value) if value.is_infinite() => {
                return Err(Fault::new("D1001").value(item.shown()));
            }
            Item::Number(value) => self.number(*value),
            Item::String(text) => json::write_string(&mut self.out, text),
            Item::Function(_) => self.out.push_str("\"\""),
            Item::Array(List::Json(array)) => self.array(array, indent),
            Item::Array(List::Own(own)) => {
                self.out.push('[');
                for (index, item) in own.items.iter().enumerate() {
                    self.check()?;
                    self.separate(index, indent + 1);
                    self.item(item, indent + 1)?;
                }
                self.close(own.items.len(), indent, ']');
            }
            Item::Object(Record::Json(object)) => self.object(object, indent),
            Item::Object(record) => {
                self.out.push('{');
                let mut count = 0;
                for (key, member) in record.entries() {
                    if member.is_undefined() {
                        continue;
                    }
                    self.check()?;
                    self.separate(count, indent + 1);
                    self.key(&key);
                    self.item(&member, indent + 1)?;
                    count += 1;
                }
                self.close(count, indent, '}');
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Box<Fault>> {
        match self.out.len() {
            length if length > self.limit => Err(Fault::too_large(length, self.limit)),
            _ => Ok(()),
        }
    }

    fn value(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Number(Number::Int(int)) if int.unsigned_abs() < 1_000_000_000_000_000 => {
                self.out.push_str(&int.to_string());
            }
            Value::Number(number) => self.number(number.as_f64()),
            Value::String(text) => json::write_string(&mut self.out, text),
            Value::Array(array) => self.array(array, indent),
            Value::Object(object) => self.object(object, indent),
        }
    }

    fn array(&mut self, items: &[Value], indent: usize) {
        self.out.push('[');
        for (index, item) in items.iter().enumerate() {
            self.separate(index, indent + 1);
            self.value(item, indent + 1);
        }
        self.close(items.len(), indent, ']');
    }

    fn object(&mut self, object: &crate::value::Object, indent: usize) {
        self.out.push('{');
        let index_like = object.keys().any(|key| key.starts_with(|c: char| c.is_ascii_digit()));
        if index_like {
            let keys = Record::Json(object.clone()).keys();
            for (index, key) in keys.iter().enumerate() {
                if let Some(member) = object.get(key) {
                    self.member(index, key, member, indent);
                }
            }
        } else {
            for (index, (key, member)) in object.iter().enumerate() {
                self.member(index, key, member, indent);
            }
        }
        self.close(object.len(), indent, '}');
    }

    fn member(&mut self, index: usize, key: &str, member: &Value, indent: usize) {
        self.separate(index, indent + 1);
        self.key(key);
        self.value(member, indent + 1);
    }

    fn number(&mut self, value: f64) {
        if !value.is_finite() {
            self.out.push_str("null");
        } else if self.rounded {
            self.out.push_str(&number::to_text(number::to_15_digits(value)));
        } else {
            self.out.push_str(&number::to_text(value));
        }
    }

    fn key(&mut self, key: &str) {
        json::write_string(&mut self.out, key);
        self.out.push_str(if self.pretty { ": " } else { ":" });
    }

    fn separate(&mut self, index: usize, indent: usize) {
        if index > 0 {
            self.out.push(',');
        }
        self.line(indent);
    }

    fn close(&mut self, count: usize, indent: usize, bracket: char) {
        if count > 0 {
            self.line(indent);
        }
        self.out.push(bracket);
    }

    fn line(&mut self, indent: usize) {
        if self.pretty {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", indent));
        }
    }
}
