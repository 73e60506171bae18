//! JSON values as people write them in YAML: for `--update` and for new scenario files.

use crate::duration;
use crate::value::Value;

/// The longest line that is written in flow style, in characters.
const WIDTH: usize = 90;

/// The value on one line: `{ receipt: r-1, lines: [1, 2] }`.
pub fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) if members.is_empty() => "{}".into(),
        Value::Object(members) => {
            let members =
                members.iter().map(|(key, member)| format!("{}: {}", string(key), flow(member)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_json(),
    }
}

/// What stands behind `key:` in a block mapping whose keys are indented by `indent`: a space and
/// the value where it fits on the line, else a block of lines below.
pub fn member(value: &Value, indent: usize, used: usize) -> String {
    let line = flow(value);
    let empty = match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => true,
    };
    if empty || used + 1 + line.chars().count() <= WIDTH {
        format!(" {line}")
    } else {
        format!("\n{}", block(value, indent + 2).trim_end_matches('\n'))
    }
}

/// The value over several lines, each indented by `indent`; ends with a line break.
pub fn block(value: &Value, indent: usize) -> String {
    let pad = " ".repeat(indent);
    let mut out = String::new();
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members.iter() {
                let key = string(key);
                let used = indent + key.chars().count() + 1;
                out.push_str(&format!("{pad}{key}:{}\n", member(value, indent, used)));
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items.iter() {
                let line = flow(item);
                let nested = matches!(item, Value::Array(_) | Value::Object(_));
                if nested && indent + 2 + line.chars().count() > WIDTH {
                    let lines = block(item, indent + 2);
                    out.push_str(&format!("{pad}- {}", &lines[indent + 2..]));
                } else {
                    out.push_str(&format!("{pad}- {line}\n"));
                }
            }
        }
        other => out.push_str(&format!("{pad}{}\n", flow(other))),
    }
    out
}

/// A string, in quotes where YAML would read it as something else.
pub fn string(text: &str) -> String {
    if is_plain(text) || duration::parse(text).is_some_and(|_| text != "0") {
        return text.to_owned();
    }
    let printable = text
        .chars()
        .all(|c| !c.is_control() && c != '\u{feff}' && c != '\u{2028}' && c != '\u{2029}');
    if printable && !text.contains('\'') {
        return format!("'{text}'");
    }
    Value::from(text).to_json()
}

fn is_plain(text: &str) -> bool {
    let reserved = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "~"];
    let first = text.chars().next();
    let starts_well = first.is_some_and(|c| c.is_alphabetic() || c == '_' || c == '/');
    let safe = |c: char| c.is_alphanumeric() || "_-./:+@% ()$".contains(c);
    starts_well
        && text.chars().all(safe)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains("${")
        && !reserved.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Document, Format};

    const SAMPLES: [&str; 8] = [
        r#"{"a": [1, 2.50, {"b c": null}], "d": "yes", "e": "1", "f": "a: b", "g": "it's"}"#,
        r#"["", " x", "x ", "- x", "{a}", "[a]", "a,b", "a#b", "a #b", "\n", "\t\u0001", "~", "\u2028"]"#,
        r#"{"": {}, "x": [], "true": false, "arn:aws:lambda:us-east-1:1:function:f": "$.a", "*": "&a"}"#,
        r#"{"quoted": "say \"hi\" \\ ", "both": "it's \"x\"", "time": "2024-01-01T00:00:00Z"}"#,
        r#"[[1, [2, [3]]], {"a": {"b": {"c": "d"}}}]"#,
        r#""plain""#,
        r#"{"long": ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", {"ccccccccccccccccccccccccccc": "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", "e": [1]}]}"#,
        r#"1.10"#,
    ];

    #[test]
    fn what_is_written_reads_back() {
        for text in SAMPLES {
            let value = Value::parse(text).unwrap();
            for yaml in [flow(&value), block(&value, 0), block(&value, 4)] {
                let read = Document::parse_as("x.yaml", &yaml, Format::Yaml);
                let read = read.unwrap_or_else(|problem| panic!("{yaml}\n{problem}"));
                assert_eq!(read.root.to_value(), value, "{yaml}");
            }
        }
    }
}
