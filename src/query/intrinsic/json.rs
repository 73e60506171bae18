//! `States.JsonMerge`, `States.JsonToString` and `States.StringToJson`.

use super::Arguments;
use crate::json::{self, Spanned, SpannedData};
use crate::query::java::hash_map_order;
use crate::value::{Map, Number, Value};

/// `States.JsonMerge`: the members of both objects; of equal keys the second object's wins. Only
/// this shallow mode exists, so the third argument must be `false`. The order of the members is
/// that of a Java hash map (`json_manipulation.json_merge_escaped_argument`).
pub(super) fn merge(arguments: &Arguments<'_>) -> Result<Value, String> {
    let object =
        |at: usize| arguments.value(at).as_object().ok_or_else(|| arguments.wrong(at, "an object"));
    let (first, second) = (object(0)?, object(1)?);
    match arguments.value(2) {
        Value::Bool(false) => {}
        Value::Bool(true) => {
            return Err("deep merging is not supported, argument 3 must be false".to_owned());
        }
        _ => return Err(arguments.wrong(2, "a boolean")),
    }
    let mut members: Map = (**first).clone();
    members.extend(second.iter().map(|(key, value)| (key.clone(), value.clone())));
    let mut members: Vec<_> = members.into_iter().collect();
    hash_map_order(&mut members, |(key, _)| key);
    Ok(Value::object(members))
}

/// `States.JsonToString`: the compact text.
pub(super) fn to_string(arguments: &Arguments<'_>) -> Result<Value, String> {
    Ok(arguments.value(0).to_json().into())
}

/// `States.StringToJson`. A blank text is null (`json_manipulation.string_to_json.*_0` and `_1`),
/// `-0` is `0` (`*_3`), and of equal keys the last one wins.
pub(super) fn from_string(arguments: &Arguments<'_>) -> Result<Value, String> {
    let text = arguments.string(0)?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let parsed = json::parse(text).or_else(|_| json::parse_spanned(text).map(last_wins));
    let value = parsed.map_err(|error| {
        let (line, column) = json::line_column(text, error.offset);
        format!("argument 1 is no JSON: {}, at line {line}, column {column}", error.message)
    })?;
    Ok(match &value {
        Value::Number(number) if number.to_string() == "-0" => Value::Number(Number::Int(0)),
        _ => value,
    })
}

fn last_wins(node: Spanned) -> Value {
    match node.data {
        SpannedData::Scalar(value) => value,
        SpannedData::Array(items) => Value::array(items.into_iter().map(last_wins)),
        SpannedData::Object(members) => {
            Value::object(members.into_iter().map(|(key, _, member)| (key, last_wins(member))))
        }
    }
}
