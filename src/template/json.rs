//! The JSON text of a definition that a template holds as an object.

use super::Text;
use super::resolve::Resolved;
use crate::document::Kind;
use crate::json;
use crate::value::Value;

/// The JSON of `resolved`; its parts lead to where they were written.
pub(super) fn write(resolved: &Resolved) -> Text {
    let mut out = Text::default();
    write_to(resolved, &mut out);
    out
}

fn write_to(resolved: &Resolved, out: &mut Text) {
    match resolved {
        Resolved::Text(text) => write_string(text, out),
        Resolved::Scalar(kind, text) => {
            let value = match kind {
                Kind::Bool(value) => Value::Bool(*value),
                Kind::Number(number) => Value::Number(number.clone()),
                _ => Value::Null,
            };
            let (source, origin) = text.origin(0..text.as_str().len());
            out.push_str(&value.to_json(), &source, origin);
        }
        Resolved::List(items, mark) => {
            mark_with("[", mark, out);
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    mark_with(",", mark, out);
                }
                write_to(item, out);
            }
            mark_with("]", mark, out);
        }
        Resolved::Map(members, mark) => {
            mark_with("{", mark, out);
            for (i, (key, value)) in members.iter().enumerate() {
                if i > 0 {
                    mark_with(",", mark, out);
                }
                write_string(key, out);
                mark_with(":", mark, out);
                write_to(value, out);
            }
            mark_with("}", mark, out);
        }
        Resolved::Nothing => out.push_str("null", &crate::diagnostic::Source::new("", ""), 0..0),
    }
}

/// Punctuation belongs to the node around it.
fn mark_with(text: &str, mark: &Text, out: &mut Text) {
    let (source, origin) = mark.origin(0..0);
    out.push_str(text, &source, origin);
}

fn write_string(text: &Text, out: &mut Text) {
    let spelled = text.as_str();
    let (source, whole) = text.origin(0..spelled.len());
    let begin = whole.start..whole.start;
    out.push_str("\"", &source, begin);
    let mut copied = 0;
    for (at, c) in spelled.char_indices() {
        let mut encoded = String::new();
        json::write_string(&mut encoded, c.encode_utf8(&mut [0; 4]));
        // Without its quotes.
        let encoded = &encoded[1..encoded.len() - 1];
        if encoded.len() != c.len_utf8() {
            out.push_part(text, copied..at);
            let end = at + c.len_utf8();
            let (source, origin) = text.origin(at..end);
            out.push_str(encoded, &source, origin);
            copied = end;
        }
    }
    out.push_part(text, copied..spelled.len());
    out.push_str("\"", &source, whole.end..whole.end);
}
