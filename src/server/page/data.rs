//! JSON for people: indented, cut where it is long, with ARNs that lead somewhere.

use maud::{Markup, PreEscaped, html};

use super::link::of_arn;
use crate::markup::escaped;
use crate::value::Value;

/// Bytes of indented JSON; more, or what is nested this deeply, stays on one line, where
/// indentation would only make it larger.
const INDENTED_MOST: usize = 512 * 1024;
const DEPTH_MOST: usize = 40;

/// The JSON text of a value, indented unless that makes no sense.
pub(super) fn indented(value: &Value) -> String {
    if value.depth() <= DEPTH_MOST && value.size() <= INDENTED_MOST {
        value.to_json_pretty()
    } else {
        value.to_json()
    }
}

/// A text that may be JSON, indented where it is.
pub(super) fn indented_text(text: &str) -> String {
    match Value::parse(text) {
        Ok(value) if !matches!(value, Value::Number(_) | Value::String(_)) => indented(&value),
        _ => text.to_owned(),
    }
}

/// A block of text with at most so many characters; `whole` leads to all of it.
pub(super) fn block(label: &str, text: &str, most: usize, whole: &str) -> Markup {
    let (shown, rest) = cut(text, most);
    html! {
        pre.data tabindex="0" role="region" aria-label=(label) { (linked(shown)) }
        @if rest > 0 {
            p.cut {
                "The first " (super::frame::count(most)) " of "
                (super::frame::count(shown.len() + rest)) " bytes. " a href=(whole) { "All of it" }
            }
        }
    }
}

/// The beginning of a text, and how many bytes it has more.
fn cut(text: &str, most: usize) -> (&str, usize) {
    if text.len() <= most {
        return (text, 0);
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    (&text[..end], text.len() - end)
}

/// One line of a text, for where there is little room.
pub(super) fn preview(text: &str, most: usize) -> String {
    let mut line: String = text.chars().take(most).collect();
    if line.len() < text.len() {
        line.push('…');
    }
    line
}

/// A text whose ARNs are links.
fn linked(text: &str) -> Markup {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut rest = text;
    while let Some(at) = rest.find("arn:aws") {
        let (before, from) = rest.split_at(at);
        out.push_str(&escaped(before));
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\\' | '\'' | '<' | '>' | ',');
        let arn = &from[..from.find(ends).unwrap_or(from.len())];
        match of_arn(arn) {
            Some(page) => out.push_str(&html! { a href=(page) { (arn) } }.0),
            None => out.push_str(&escaped(arn)),
        }
        rest = &from[arn.len()..];
    }
    out.push_str(&escaped(rest));
    PreEscaped(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_links_and_everything_else_is_text() {
        let arn = "arn:aws:states:us-east-1:123456789012:execution:order:a&b";
        let text = format!("{{\"<b>\": \"{arn}\", \"f\": \"arn:aws:lambda:r:1:function:<f>\"}}");
        let html = linked(&text).0;
        assert!(html.contains("<a href=\"/execution?arn=arn:aws:states:"), "{html}");
        assert!(html.contains(":order:a%26b\">"), "{html}");
        assert!(html.contains("function:&lt;f&gt;") && !html.contains("<b>"), "{html}");
    }

    #[test]
    fn long_data_is_cut_between_characters() {
        let html = block("Input", &"ü".repeat(50), 11, "/event?id=1").0;
        assert!(html.contains(&format!(">{}<", "ü".repeat(5))), "{html}");
        assert!(html.contains("of 100 bytes"), "{html}");
        assert_eq!(preview("abc", 3), "abc");
        assert_eq!(preview("abcd", 3), "abc…");
    }

    #[test]
    fn deep_data_is_not_blown_up_by_its_indentation() {
        let deep = format!("{}{}", "[".repeat(900), "]".repeat(900));
        assert_eq!(indented_text(&deep), deep);
        assert_eq!(indented_text("{\"a\":1}"), "{\n  \"a\": 1\n}");
        assert_eq!(indented_text("no JSON"), "no JSON");
    }
}
