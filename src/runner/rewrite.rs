//! `--update`: new values for the expectations that failed, in the text of the scenario file.
//!
//! Only the bytes of the values themselves change; comments, layout and everything else stay.

use std::ops::Range;

use super::{CaseOutcome, CaseReport};
use crate::document::{Document, Format, Kind, Node};
use crate::scenario::write;
use crate::value::Value;

/// The longest line that a new value may make, in characters.
const WIDTH: usize = 100;

/// The text with the failed expectations of `cases` rewritten, and how many of them were; `None`
/// where nothing can be.
///
/// An expectation that several cases share (a default, a table) is left alone: what one case needs
/// may be wrong for the others.
pub fn rewrite(text: &str, cases: &[CaseReport]) -> Option<(String, usize)> {
    let document = Document::parse_as("scenario", text, Format::Yaml).ok()?;
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut rewritten = 0;
    for case in cases {
        let CaseOutcome::Failed(checks) = &case.outcome else { continue };
        for check in checks {
            let own = case.span.start <= check.span.start && check.span.end <= case.span.end;
            let users = cases.iter().filter(|other| other.span == case.span).count();
            if !own || !check.written || users > 1 || check.update.is_empty() {
                continue;
            }
            let Some(expectation) = find(&document.root, &check.span) else { continue };
            let before = edits.len();
            for update in &check.update {
                let node = inside(expectation, &update.path);
                let new = (spelled(text, node), spell(text, node, &update.value));
                if !edits.contains(&new) {
                    edits.push(new);
                }
            }
            rewritten += usize::from(edits.len() > before);
        }
    }
    if edits.is_empty() {
        return None;
    }
    edits.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (span, new) in edits {
        // A part of something that is new as a whole is new already.
        if span.start < copied {
            continue;
        }
        out.push_str(&text[copied..span.start]);
        if new.starts_with('\n') {
            out.truncate(out.trim_end_matches(' ').len());
        }
        out.push_str(&new);
        copied = span.end;
    }
    out.push_str(&text[copied..]);
    // A file that could not be read again would be worse than an expectation that fails.
    Document::parse_as("scenario", &out, Format::Yaml).ok()?;
    Some((out, rewritten))
}

/// The node with exactly these bytes.
fn find<'n>(node: &'n Node, span: &Range<usize>) -> Option<&'n Node> {
    if node.span == *span {
        return Some(node);
    }
    match &node.kind {
        Kind::Array(items) => items.iter().find_map(|item| find(item, span)),
        Kind::Object(members) => members.iter().find_map(|member| find(&member.value, span)),
        _ => None,
    }
}

/// The node at `path`, matchers that only wrap a value looked through.
fn inside<'n>(expectation: &'n Node, path: &str) -> &'n Node {
    let mut node = expectation;
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    while !rest.is_empty() {
        node = unwrapped(node);
        let (step, after) = crate::scenario::split_step(rest);
        let next = match (&node.kind, step.parse::<usize>()) {
            (Kind::Array(items), Ok(index)) => items.get(index),
            _ => node.get(&step),
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
        rest = after;
    }
    node
}

fn unwrapped(node: &Node) -> &Node {
    match &node.kind {
        Kind::Object(members) if members.len() == 1 => match &*members[0].key {
            "$subset" | "$literal" | "$json" => unwrapped(&members[0].value),
            _ => node,
        },
        _ => node,
    }
}

/// The bytes that spell a node. The reader's span of a block scalar (`|`, `>`) is that of its text:
/// the header before it belongs to it, the line break behind it does not.
fn spelled(text: &str, node: &Node) -> Range<usize> {
    let Range { start, end } = node.span;
    let before = text[..start].trim_end();
    let header = before.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
    let is_block = matches!(node.kind, Kind::String(_))
        && header.ends_with([' ', '|', '>'])
        && header.trim_end_matches(['|', '>']).len() + 1 == header.len()
        && text[before.len()..start].contains('\n');
    match is_block {
        true => header.len() - 1..text[..end].trim_end().len(),
        false => start..end,
    }
}

/// The new value in the style of the place: on the line where it fits, else as a block.
fn spell(text: &str, node: &Node, value: &Value) -> String {
    let start = spelled(text, node).start;
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line_start..start];
    let column = before.chars().count();
    let line = write::flow(value);
    let in_flow = before.contains(['{', '[']);
    let is_block = matches!(node.kind, Kind::Array(_) | Kind::Object(_))
        && !text[node.span.clone()].starts_with(['{', '[']);
    let fits = column + line.chars().count() <= WIDTH;
    let nested = value.depth() > 0 && value.size() > 2;
    if in_flow || !nested || (fits && !is_block) {
        return line;
    }
    if is_block {
        let block = write::block(value, column);
        return block.trim_start().trim_end_matches('\n').to_owned();
    }
    // A value behind its key that has become too long for the line moves below it.
    let key_column = before.chars().take_while(|c| matches!(c, ' ' | '-')).count();
    let block = write::block(value, key_column + 2);
    format!("\n{}", block.trim_end_matches('\n'))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::runner::{CaseReport, rewrite, run_case};
    use crate::scenario::Scenario;

    const HEAD: &str = "definition: { StartAt: A, States: { A: { Type: Pass, End: true } } }\n";

    #[track_caller]
    fn check(before: &str, after: &str) {
        let text = format!("{HEAD}{before}");
        let scenario = Scenario::parse(Path::new("a.scenario.yaml"), &text).unwrap();
        let reports: Vec<CaseReport> =
            scenario.cases.iter().map(|case| run_case(&scenario, case, None)).collect();
        let (text, _) = rewrite(&text, &reports).unwrap_or((text, 0));
        assert_eq!(text.strip_prefix(HEAD), Some(after));
        let again = Scenario::parse(Path::new("a.scenario.yaml"), &text);
        assert!(again.is_ok(), "{again:?}");
    }

    #[test]
    fn comments_and_layout_stay() {
        check(
            "# first\ninput: {a: 1}   # in\nexpect:\n  # why\n  output:   {a: 2} # out\n  \
             path: [ B ]   # one\n# last\n",
            "# first\ninput: {a: 1}   # in\nexpect:\n  # why\n  output:   {a: 1} # out\n  \
             path: [A]   # one\n# last\n",
        );
    }

    #[test]
    fn blocks_are_rewritten_in_place() {
        check(
            "input: { list: [1, 2], deep: { x: u } }\nexpect:\n  output:\n    list:\n      - 1\n\
             \x20   # deeper\n    deep:\n      x: z  # was z\n  transitions: 1\n",
            "input: { list: [1, 2], deep: { x: u } }\nexpect:\n  output:\n    list:\n      - 1\n\
             \x20     - 2\n    # deeper\n    deep:\n      x: u  # was z\n  transitions: 1\n",
        );
    }

    #[test]
    fn every_kind_of_scalar_is_replaced() {
        check(
            "input: { a: true, b: null, c: one, d: 1, e: f }\nexpect:\n  output:\n    a: 'x y'\n    \
             b: \"\\n\" # b\n    c: |-\n      long\n      text\n    d: 2.50\n    e: {}\n",
            "input: { a: true, b: null, c: one, d: 1, e: f }\nexpect:\n  output:\n    a: true\n    \
             b: null # b\n    c: one\n    d: 1\n    e: f\n",
        );
    }

    #[test]
    fn shared_expectations_are_left_alone() {
        let text = "defaults: { expect: { output: 1 } }\ncases: [{ name: a }, { name: b }]\n";
        check(text, text);
        let text = "cases:\n  - name: ${n}\n    forEach: [{ n: 1 }, { n: 2 }]\n    \
                    expect: { output: 0 }\n";
        check(text, text);
    }
}
