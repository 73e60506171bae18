//! The `${…}` of templates: CloudFormation's substitutions, SAM's, Terraform's.
//!
//! Inside quotes they are part of a string. Outside (`"TimeoutSeconds": ${Timeout}`) the text is
//! not JSON until something fills them in, so they are masked as strings of the same length: the
//! reader goes on, and every span stays right.

use std::ops::Range;
use std::sync::Arc;

use super::{Kind, Node};

/// A `${…}` that nothing has filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// What stands between the braces.
    pub name: Arc<str>,
    /// The bytes of the text: of the placeholder itself outside quotes, else of the whole string
    /// that holds it.
    pub span: Range<usize>,
    /// Whether it stands in a string.
    pub quoted: bool,
    /// Whether the document means nothing definite until it is filled in: it stands where no text
    /// can stay, as in `"Seconds": "${Delay}"`. Set by the reader of the document.
    pub needed: bool,
}

/// The text with every placeholder outside quotes replaced by a string of the same length, and
/// the places of those; `None` where there are none.
pub(super) fn mask(text: &str) -> (Option<String>, Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = string_end(bytes, at),
            b'$' if bytes.get(at + 1) == Some(&b'{') => {
                let Some(end) = brace_end(bytes, at + 1) else { break };
                // What touches the placeholder belongs to the same token: `${Stage}0`.
                let floor = found.last().map_or(0, |last| last.end);
                let start = (floor..at).rev().take_while(|i| is_bare(bytes[*i])).last();
                let mut end = end;
                while bytes.get(end).is_some_and(|byte| is_bare(*byte)) {
                    end += 1;
                }
                match found.last_mut() {
                    Some(last) if last.end == start.unwrap_or(at) => last.end = end,
                    _ => found.push(start.unwrap_or(at)..end),
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if found.is_empty() {
        return (None, found);
    }
    let mut masked = String::with_capacity(text.len());
    let mut copied = 0;
    for span in &found {
        masked.push_str(&text[copied..span.start]);
        masked.push('"');
        masked.extend(std::iter::repeat_n('x', span.len() - 2));
        masked.push('"');
        copied = span.end;
    }
    masked.push_str(&text[copied..]);
    (Some(masked), found)
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+')
}

/// The position after the string that begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The position after the brace that closes the one at `at`; strings inside may hold braces.
fn brace_end(bytes: &[u8], at: usize) -> Option<usize> {
    let (mut at, mut depth) = (at, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The names of the placeholders in a string.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    // `${` also begins a grouping in JSONata (`$items${type: $sum(x)}`), whose colon tells it from
    // a placeholder; `${AWS::Region}` has two.
    let jsonata = text.trim_start().starts_with("{%");
    text.split("${").skip(1).filter_map(move |rest| {
        let name = rest.split_once('}')?.0;
        let grouping = jsonata && name.replace("::", "").contains([':', '{', '$', '"', '\'']);
        (!name.trim().is_empty() && !name.contains('\n') && !grouping).then_some(name)
    })
}

/// Whether something must still be filled in to know what `text` is.
pub(crate) fn has_placeholder(text: &str) -> bool {
    names(text).next().is_some()
}

/// All placeholders below `root`, in the order of the text.
pub(super) fn list(root: &Node, bare: &[Range<usize>]) -> Vec<Placeholder> {
    let mut out = Vec::new();
    collect(root, bare, &mut out);
    out.sort_by_key(|placeholder| placeholder.span.start);
    out
}

fn collect(node: &Node, bare: &[Range<usize>], out: &mut Vec<Placeholder>) {
    let mut text = |text: &str, span: &Range<usize>| {
        let quoted = bare.binary_search_by_key(&span.start, |bare| bare.start).is_err();
        out.extend(names(text).map(|name| Placeholder {
            name: Arc::from(name),
            span: span.clone(),
            quoted,
            needed: false,
        }));
    };
    match &node.kind {
        Kind::String(string) => text(string, &node.span),
        Kind::Array(items) => items.iter().for_each(|item| collect(item, bare, out)),
        Kind::Object(members) => {
            for member in members {
                let key =
                    Node { span: member.key_span.clone(), kind: Kind::String(member.key.clone()) };
                collect(&key, bare, out);
                collect(&member.value, bare, out);
            }
        }
        _ => {}
    }
}
