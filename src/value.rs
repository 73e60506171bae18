//! JSON values that are shared instead of copied.
//!
//! A payload flows through every state of an execution and is kept by every history event.
//! [`Value`] makes both free: arrays and objects sit behind reference counts, a write copies only
//! the nodes on the path to it, and the size of the JSON text is remembered per node.

use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use indexmap::IndexMap;
use rustc_hash::FxHasher;

use crate::json;

/// The map inside an [`Object`]: keys in the order in which they were first written.
pub type Map = IndexMap<Arc<str>, Value, BuildHasherDefault<FxHasher>>;

/// A JSON value. Cloning costs a reference count.
#[derive(Clone, Default, PartialEq)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, with its text where the text says more than the number.
    Number(Number),
    /// A string.
    String(Arc<str>),
    /// An array.
    Array(Array),
    /// An object; key order is kept, and does not count for equality.
    Object(Object),
}

/// A JSON number.
///
/// Equality is by value: `1`, `1.0` and `1e0` are equal.
#[derive(Clone)]
pub enum Number {
    /// An integer whose text is the plain decimal one.
    Int(i64),
    /// A finite float; its text is the shortest that reads back the same.
    Float(f64),
    /// A number that was read from a text which neither of the others would print again,
    /// such as `1.10`, `1e3` or an integer of thirty digits. The text is a valid JSON number.
    Text(Arc<str>),
}

/// A shared JSON array.
#[derive(Clone, Default)]
pub struct Array(Arc<Node<Vec<Value>>>);

/// A shared JSON object.
#[derive(Clone, Default)]
pub struct Object(Arc<Node<Map>>);

#[derive(Default)]
struct Node<T: Children> {
    data: T,
    /// Bytes of the JSON text, plus one; zero while unknown.
    size: AtomicU32,
    depth: u32,
}

impl Value {
    /// Reads a JSON text. Refuses duplicate keys and nesting deeper than [`json::MAX_DEPTH`].
    pub fn parse(text: &str) -> Result<Self, json::JsonError> {
        json::parse(text)
    }

    /// A string value.
    pub fn string(text: impl AsRef<str>) -> Self {
        Self::String(Arc::from(text.as_ref()))
    }

    /// An array value.
    pub fn array(items: impl IntoIterator<Item = Self>) -> Self {
        Self::Array(Array::new(items.into_iter().collect()))
    }

    /// An object value; of equal keys the last one wins, in the place of the first.
    pub fn object<K: Into<Arc<str>>>(members: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Object(Object::new(members.into_iter().map(|(k, v)| (k.into(), v)).collect()))
    }

    /// The member `key` of an object.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    /// The element `index` of an array.
    pub fn at(&self, index: usize) -> Option<&Self> {
        self.as_array()?.get(index)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The number as an integer, where it is one: `3` and `3.0`, not `3.5`.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    /// The number as the nearest float.
    pub fn as_f64(&self) -> Option<f64> {
        Some(self.as_number()?.as_f64())
    }

    /// The elements of an array.
    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The members of an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// How many bytes the compact JSON text has, without making it.
    pub fn size(&self) -> usize {
        match self {
            Self::Null => 4,
            Self::Bool(value) => 5 - usize::from(*value),
            Self::Number(number) => number.text_len(),
            Self::String(text) => json::escaped_len(text),
            Self::Array(array) => array.size(),
            Self::Object(object) => object.size(),
        }
    }

    /// How many arrays and objects are nested in one another: zero for a scalar.
    pub fn depth(&self) -> usize {
        match self {
            Self::Array(array) => array.0.depth as usize,
            Self::Object(object) => object.0.depth as usize,
            _ => 0,
        }
    }

    /// The compact JSON text.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(self.size());
        json::write(&mut out, self);
        out
    }

    /// The JSON text over several lines, indented by two spaces.
    pub fn to_json_pretty(&self) -> String {
        let mut out = String::new();
        json::write_pretty(&mut out, self, 0);
        out
    }

    /// Whether both are the same node in memory, or equal scalars: cheap, and never wrong when true.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Array(a), Self::Array(b)) => Arc::ptr_eq(&a.0, &b.0),
            (Self::Object(a), Self::Object(b)) => Arc::ptr_eq(&a.0, &b.0),
            (Self::String(a), Self::String(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Array(_) | Self::Object(_), _) | (_, Self::Array(_) | Self::Object(_)) => false,
            _ => self == other,
        }
    }

    /// What JSON calls this kind of value: `null`, `boolean`, `number`, `string`, `array`, `object`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }
}

/// The compact JSON text.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            f.write_str(&self.to_json_pretty())
        } else {
            f.write_str(&self.to_json())
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Number {
    /// The number that a float is; `None` for NaN and the infinities, which JSON cannot write.
    /// A float without fraction that an `i64` holds exactly becomes an integer.
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        let exact = value.trunc() == value && value.abs() < 9_007_199_254_740_992.0;
        Some(if exact { Self::Int(value as i64) } else { Self::Float(value) })
    }

    /// Reads the text of a JSON number; the caller has checked its grammar.
    pub(crate) fn from_text(text: &str) -> Self {
        if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            if text != "-0"
                && let Ok(int) = text.parse::<i64>()
            {
                return Self::Int(int);
            }
        } else if let Ok(float) = text.parse::<f64>()
            && float.is_finite()
            && float_text(float) == text
        {
            return Self::Float(float);
        }
        Self::Text(Arc::from(text))
    }

    /// The value as the nearest float.
    pub fn as_f64(&self) -> f64 {
        match self {
            Self::Int(int) => *int as f64,
            Self::Float(float) => *float,
            Self::Text(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// The value where it is an integer that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            Self::Float(_) | Self::Text(_) => {
                let float = self.as_f64();
                let fits = float.trunc() == float && float.abs() <= 9_007_199_254_740_992.0;
                fits.then_some(float as i64)
            }
        }
    }

    /// Whether the text has neither fraction nor exponent, as Java's integer types need.
    pub fn is_integer_text(&self) -> bool {
        match self {
            Self::Int(_) => true,
            Self::Float(_) => false,
            Self::Text(text) => text.bytes().all(|b| b.is_ascii_digit() || b == b'-'),
        }
    }

    fn text_len(&self) -> usize {
        match self {
            Self::Int(int) => {
                let digits = int.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
                digits + usize::from(*int < 0)
            }
            Self::Float(float) => float_text(*float).len(),
            Self::Text(text) => text.len(),
        }
    }
}

/// The text of the number, as JSON writes it.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(int) => write!(f, "{int}"),
            Self::Float(float) => f.write_str(&float_text(*float)),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Text(a), Self::Text(b)) if a == b => true,
            _ => self.as_f64() == other.as_f64(),
        }
    }
}

/// What holds values.
trait Children: Default {
    /// Moves the values out.
    fn take_into(&mut self, values: &mut Vec<Value>);
}

impl Children for Vec<Value> {
    fn take_into(&mut self, values: &mut Vec<Value>) {
        values.append(self);
    }
}

impl Children for Map {
    fn take_into(&mut self, values: &mut Vec<Value>) {
        values.extend(std::mem::take(self).into_values());
    }
}

/// Nesting up to here is dropped by plain recursion.
const SHALLOW: u32 = 50;

/// Deep values are taken apart in a loop: a drop must not exhaust the stack.
impl<T: Children> Drop for Node<T> {
    fn drop(&mut self) {
        if self.depth <= SHALLOW {
            return;
        }
        let mut values = Vec::new();
        self.data.take_into(&mut values);
        while let Some(mut value) = values.pop() {
            match &mut value {
                Value::Array(array) => take_apart(&mut array.0, &mut values),
                Value::Object(object) => take_apart(&mut object.0, &mut values),
                _ => {}
            }
        }
    }
}

/// Takes the values out of a node that nobody else holds.
fn take_apart<T: Children>(node: &mut Arc<Node<T>>, values: &mut Vec<Value>) {
    if let Some(node) = Arc::get_mut(node) {
        node.data.take_into(values);
        node.depth = 0;
    }
}

impl Array {
    /// An array of these elements.
    pub fn new(items: Vec<Value>) -> Self {
        let depth = 1 + items.iter().map(Value::depth).max().unwrap_or(0) as u32;
        Self(Arc::new(Node { data: items, size: AtomicU32::new(0), depth }))
    }

    pub(crate) fn size(&self) -> usize {
        self.0.size(|items| {
            let commas = items.len().saturating_sub(1);
            2 + commas + items.iter().map(Value::size).sum::<usize>()
        })
    }

    /// The elements, taken out without a copy where nobody else holds the array.
    pub fn into_vec(self) -> Vec<Value> {
        match Arc::try_unwrap(self.0) {
            Ok(mut node) => std::mem::take(&mut node.data),
            Err(shared) => shared.data.clone(),
        }
    }
}

impl std::ops::Deref for Array {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0.data
    }
}

impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.data == other.0.data
    }
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Object {
    /// An object of these members.
    pub fn new(members: Map) -> Self {
        let depth = 1 + members.values().map(Value::depth).max().unwrap_or(0) as u32;
        Self(Arc::new(Node { data: members, size: AtomicU32::new(0), depth }))
    }

    /// This object with `key` set: an existing key keeps its place, a new one comes last.
    pub fn with(&self, key: &str, value: Value) -> Self {
        let mut members = self.0.data.clone();
        match members.get_mut(key) {
            Some(place) => *place = value,
            None => {
                members.insert(Arc::from(key), value);
            }
        }
        Self::new(members)
    }

    /// The members, taken out without a copy where nobody else holds the object.
    pub fn into_map(self) -> Map {
        match Arc::try_unwrap(self.0) {
            Ok(mut node) => std::mem::take(&mut node.data),
            Err(shared) => shared.data.clone(),
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.0.size(|members| {
            let punctuation = 2 + members.len().saturating_sub(1) + members.len();
            let content = members.iter().map(|(k, v)| json::escaped_len(k) + v.size());
            punctuation + content.sum::<usize>()
        })
    }
}

impl std::ops::Deref for Object {
    type Target = Map;

    fn deref(&self) -> &Map {
        &self.0.data
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.data == other.0.data
    }
}

impl<T: Children> Node<T> {
    fn size(&self, measure: impl FnOnce(&T) -> usize) -> usize {
        match self.size.load(Ordering::Relaxed) {
            0 => {
                let size = measure(&self.data);
                self.size.store(u32::try_from(size + 1).unwrap_or(0), Ordering::Relaxed);
                size
            }
            known => known as usize - 1,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(Number::Int(value))
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::from(i64::from(value))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::from(i64::from(value))
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        match i64::try_from(value) {
            Ok(int) => Self::from(int),
            Err(_) => Self::Number(Number::Text(value.to_string().into())),
        }
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::string(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(value: Arc<str>) -> Self {
        Self::String(value)
    }
}

impl From<Vec<Self>> for Value {
    fn from(value: Vec<Self>) -> Self {
        Self::Array(Array::new(value))
    }
}

impl From<Map> for Value {
    fn from(value: Map) -> Self {
        Self::Object(Object::new(value))
    }
}

/// So that `serde_json::json!` can write values in tests.
impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => {
                Self::Number(Number::from_text(&number.to_string()))
            }
            serde_json::Value::String(text) => Self::from(text),
            serde_json::Value::Array(items) => Self::array(items.into_iter().map(Self::from)),
            serde_json::Value::Object(members) => {
                Self::object(members.into_iter().map(|(k, v)| (k, Self::from(v))))
            }
        }
    }
}

impl From<&Value> for serde_json::Value {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(Number::Int(int)) => Self::from(*int),
            Value::Number(number) => {
                serde_json::from_str(&number.to_string()).unwrap_or(Self::Null)
            }
            Value::String(text) => Self::String(text.to_string()),
            Value::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            Value::Object(members) => {
                Self::Object(members.iter().map(|(k, v)| (k.to_string(), Self::from(v))).collect())
            }
        }
    }
}

impl serde::Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(Number::Int(int)) => serializer.serialize_i64(*int),
            Self::Number(number) => serializer.serialize_f64(number.as_f64()),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items.iter()),
            Self::Object(members) => serializer.collect_map(members.iter().map(|(k, v)| (&**k, v))),
        }
    }
}

/// The shortest text that reads back as the same float, with a fraction or an exponent.
fn float_text(value: f64) -> String {
    // serde_json prints floats with the same algorithm, so the two spellings agree.
    serde_json::Number::from_f64(value).map_or_else(|| "null".to_owned(), |n| n.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn round_trip(text: &str) {
        let value = Value::parse(text).unwrap();
        assert_eq!(value.to_json(), text);
        assert_eq!(value.size(), text.len(), "{text}");
    }

    #[test]
    fn texts_survive() {
        round_trip(r#"{"a":[1,2.5,1.10,1e3,-0,0.1,123456789012345678901234567890,1E+2]}"#);
        round_trip(r#""é \" \\ \n \u0001 😀""#);
        round_trip("[[],{},null,true,false,-9223372036854775808,9223372036854775807]");
        round_trip("245.79000000000002");
    }

    #[test]
    fn numbers_compare_by_value() {
        assert_eq!(Value::parse("1").unwrap(), Value::parse("1.0").unwrap());
        assert_eq!(Value::parse("1e3").unwrap(), Value::from(1000));
        assert_ne!(Value::parse("1").unwrap(), Value::from(true));
        assert_ne!(
            Value::parse("9007199254740993").unwrap(),
            Value::parse("9007199254740992").unwrap()
        );
    }

    #[test]
    fn objects_compare_without_order_and_write_in_place() {
        let a = Value::parse(r#"{"x":1,"y":2}"#).unwrap();
        assert_eq!(a, Value::parse(r#"{"y":2,"x":1}"#).unwrap());
        let b = a.as_object().unwrap().with("x", Value::from(3));
        assert_eq!(Value::Object(b).to_json(), r#"{"x":3,"y":2}"#);
        assert_eq!(a.to_json(), r#"{"x":1,"y":2}"#);
    }

    #[test]
    fn deep_values_are_dropped_without_deep_recursion() {
        let mut value = Value::Null;
        for _ in 0..200_000 {
            value = Value::object([("a", Value::array([value]))]);
        }
        let shared = value.at(0).cloned();
        drop(value);
        drop(shared);
    }

    #[test]
    fn depth_counts_containers() {
        assert_eq!(Value::parse("1").unwrap().depth(), 0);
        assert_eq!(Value::parse(r#"{"a":[[],1]}"#).unwrap().depth(), 3);
    }
}
