//! Reading YAML into nodes.
//!
//! The tree is built from the parser's events with a stack of its own, so that nesting costs no
//! stack of the thread, duplicate keys survive to be reported, and aliases are expanded within a
//! budget.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, Tag};

use super::{INVALID_YAML, Kind, MAX_YAML_DEPTH, Member, Node};
use crate::diagnostic::{Diagnostic, Source};
use crate::value::{Number, Value};

/// How many nodes the anchors and aliases of one text may stand for together.
const MAX_ALIASED_NODES: usize = 250_000;

/// What plain scalars and tags mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The core schema of YAML 1.2; of tags only `!Ref` and `!GetAtt` are known.
    Core,
    /// As CloudFormation reads templates: the booleans of YAML 1.1, and the short forms of
    /// functions become their long ones.
    CloudFormation,
}

/// Reads a text of one YAML document; an empty one is `null`.
pub(super) fn read(source: &Arc<Source>, dialect: Dialect) -> Result<Node, Box<Diagnostic>> {
    let mut options = Options::default();
    options.flow_nesting_limit = MAX_YAML_DEPTH;
    options.block_nesting_limit = MAX_YAML_DEPTH;
    // A line of minified JSON may be a key's neighbour; 1,024 is the standard's limit for keys.
    options.set_emit_comments(false);
    let mut builder = Builder {
        source,
        dialect,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        aliased: 0,
        root: None,
    };
    let mut documents = 0;
    for event in Parser::new_from_str_with_options(&source.text, options) {
        let (event, span) = event.map_err(|error| {
            let at = error.marker().byte_offset().unwrap_or(source.text.len());
            let message = error.info();
            builder.refuse(at..at, &message)
        })?;
        let span = builder.bytes(&span);
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return Err(builder.refuse(span, "a second document begins here"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let function = builder.function(tag.as_deref());
                let spelled = source.text.get(span.clone());
                let tag = tag.as_deref().filter(|_| dialect == Dialect::Core || function.is_none());
                let kind = match scalar(&text, style, tag, spelled) {
                    Kind::String(text) if dialect == Dialect::CloudFormation => {
                        boolean_of_1_1(&text, style, tag).unwrap_or(Kind::String(text))
                    }
                    kind => kind,
                };
                builder.place_tagged(Node { span, kind }, anchor, 1, 0, function)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                let function = builder.function(tag.as_deref());
                builder.open(span, anchor, Kind::Array(Vec::new()), function)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                let function = builder.function(tag.as_deref());
                builder.open(span, anchor, Kind::Object(Vec::new()), function)?;
            }
            Event::SequenceEnd | Event::MappingEnd => builder.close(span)?,
            Event::Alias(anchor) => builder.alias(anchor, span)?,
            _ => {}
        }
    }
    Ok(builder.root.unwrap_or(Node { span: 0..0, kind: Kind::Null }))
}

/// A collection whose end has not come yet.
struct Open {
    node: Node,
    /// The key whose value comes next, in a mapping.
    key: Option<(Arc<str>, Range<usize>)>,
    anchor: usize,
    nodes: usize,
    depth: usize,
    /// The long form of the function that its tag names.
    function: Option<String>,
}

struct Anchored {
    node: Node,
    nodes: usize,
    depth: usize,
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    dialect: Dialect,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    aliased: usize,
    root: Option<Node>,
}

impl Builder<'_> {
    fn refuse(&self, span: Range<usize>, message: &str) -> Box<Diagnostic> {
        let text = &self.source.text;
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let next = text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
        let end = span.end.max(next).min(text.len());
        let diagnostic = Diagnostic::error(self.source, start..end, INVALID_YAML, message);
        Box::new(match quoting_help(text, start) {
            Some(help) => diagnostic.with_help(help),
            None => diagnostic,
        })
    }

    fn bytes(&self, span: &Span) -> Range<usize> {
        let end = self.source.text.len();
        span.byte_range().unwrap_or(end..end)
    }

    fn open(
        &mut self,
        span: Range<usize>,
        anchor: usize,
        kind: Kind,
        function: Option<String>,
    ) -> Result<(), Box<Diagnostic>> {
        if self.open.len() >= MAX_YAML_DEPTH {
            return Err(self.too_deep(span));
        }
        let node = Node { span, kind };
        self.open.push(Open { node, key: None, anchor, nodes: 1, depth: 1, function });
        Ok(())
    }

    fn too_deep(&self, span: Range<usize>) -> Box<Diagnostic> {
        self.refuse(span, &format!("nesting is deeper than {MAX_YAML_DEPTH} levels"))
    }

    fn close(&mut self, end: Range<usize>) -> Result<(), Box<Diagnostic>> {
        let Some(mut done) = self.open.pop() else { return Ok(()) };
        if let Kind::Object(members) = &mut done.node.kind {
            merge(members)
                .map_err(|span| self.refuse(span, "`<<` takes a mapping or a list of mappings"))?;
        }
        // A flow collection ends at its bracket, a block collection with its last child.
        let bracket =
            self.source.text.get(end.clone()).is_some_and(|text| text == "]" || text == "}");
        if bracket {
            done.node.span.end = end.end;
        }
        self.place_tagged(done.node, done.anchor, done.nodes, done.depth, done.function)
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> Result<(), Box<Diagnostic>> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(self.refuse(span, "the alias stands inside what it refers to"));
        };
        let (nodes, depth) = (anchored.nodes, anchored.depth);
        self.spend(nodes, &span)?;
        let mut node = self.anchors[&anchor].node.clone();
        node.span = span;
        self.place(node, 0, nodes, depth)
    }

    fn spend(&mut self, nodes: usize, span: &Range<usize>) -> Result<(), Box<Diagnostic>> {
        self.aliased += nodes;
        if self.aliased <= MAX_ALIASED_NODES {
            return Ok(());
        }
        let message = format!("anchors and aliases stand for more than {MAX_ALIASED_NODES} values");
        Err(self.refuse(span.clone(), &message))
    }

    /// The long form of the function that a tag is short for.
    fn function(&self, tag: Option<&Tag>) -> Option<String> {
        let tag = tag.filter(|tag| self.dialect == Dialect::CloudFormation && tag.parts().0 == "!");
        match tag?.parts().1 {
            name @ ("Ref" | "Condition") => Some(name.to_owned()),
            name if FUNCTIONS.contains(&name) => Some(format!("Fn::{name}")),
            _ => None,
        }
    }

    /// Puts a node where it belongs, inside the function that its tag names.
    fn place_tagged(
        &mut self,
        node: Node,
        anchor: usize,
        nodes: usize,
        depth: usize,
        function: Option<String>,
    ) -> Result<(), Box<Diagnostic>> {
        let parent = self.open.last();
        let is_key = parent.is_some_and(|parent| {
            matches!(parent.node.kind, Kind::Object(_)) && parent.key.is_none()
        });
        match function.filter(|_| !is_key) {
            Some(function) => self.place(called(node, function), anchor, nodes + 1, depth + 1),
            None => self.place(node, anchor, nodes, depth),
        }
    }

    /// Puts a finished node where it belongs: a key, a value, an element, or the root.
    fn place(
        &mut self,
        node: Node,
        anchor: usize,
        nodes: usize,
        depth: usize,
    ) -> Result<(), Box<Diagnostic>> {
        if self.open.len() + depth > MAX_YAML_DEPTH {
            return Err(self.too_deep(node.span));
        }
        if anchor != 0 {
            // Anchors inside anchors are kept again by each one around them.
            self.spend(nodes, &node.span)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, depth });
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        parent.nodes += nodes;
        parent.depth = parent.depth.max(depth + 1);
        parent.node.span.end = parent.node.span.end.max(node.span.end);
        match (&mut parent.node.kind, parent.key.take()) {
            (Kind::Object(members), Some((key, key_span))) => {
                members.push(Member { key, key_span, value: node });
            }
            (Kind::Object(_), None) => {
                let text = self.source.text.get(node.span.clone()).unwrap_or_default();
                let key = match &node.kind {
                    Kind::String(text) => text.clone(),
                    Kind::Null | Kind::Bool(_) | Kind::Number(_) => Arc::from(text),
                    Kind::Array(_) | Kind::Object(_) => {
                        return Err(self.refuse(node.span, "a key must be a string"));
                    }
                };
                parent.key = Some((key, node.span));
            }
            (Kind::Array(items), _) => items.push(node),
            _ => {}
        }
        Ok(())
    }
}

/// The functions of CloudFormation that have a short form.
const FUNCTIONS: [&str; 19] = [
    "And",
    "Base64",
    "Cidr",
    "Contains",
    "Equals",
    "FindInMap",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
    "Transform",
];

/// The long form of a function: an object with one member. `!GetAtt A.B` becomes a list of two.
fn called(mut node: Node, function: String) -> Node {
    let span = node.span.clone();
    if function == "Fn::GetAtt"
        && let Kind::String(text) = &node.kind
        && let Some((resource, attribute)) = text.split_once('.')
    {
        let part = |text: &str| Node { span: span.clone(), kind: Kind::String(text.into()) };
        node.kind = Kind::Array(vec![part(resource), part(attribute)]);
    }
    let member = Member { key: function.into(), key_span: span.clone(), value: node };
    Node { span, kind: Kind::Object(vec![member]) }
}

/// The booleans that YAML 1.1 has besides those of 1.2.
fn boolean_of_1_1(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Option<Kind> {
    if style != ScalarStyle::Plain || tag.is_some() {
        return None;
    }
    match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(Kind::Bool(true)),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(Kind::Bool(false)),
        _ => None,
    }
}

/// Replaces each `<<` by the members of its mappings that are not there already.
fn merge(members: &mut Vec<Member>) -> Result<(), Range<usize>> {
    if !members.iter().any(|member| &*member.key == "<<") {
        return Ok(());
    }
    let mut seen: std::collections::BTreeSet<Arc<str>> =
        members.iter().map(|member| member.key.clone()).collect();
    for member in std::mem::take(members) {
        if &*member.key != "<<" {
            members.push(member);
            continue;
        }
        let sources = match member.value.kind {
            Kind::Array(items) => items,
            _ => vec![member.value],
        };
        for source in sources {
            let Kind::Object(merged) = source.kind else { return Err(source.span) };
            for mut inner in merged {
                if seen.insert(inner.key.clone()) {
                    // The place in this mapping is that of the merge.
                    inner.key_span = member.key_span.clone();
                    members.push(inner);
                }
            }
        }
    }
    Ok(())
}

/// The value of a scalar by the core schema of YAML 1.2, without octal numbers that begin with a
/// bare zero (`017` is a string, as an account number would be).
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, spelled: Option<&str>) -> Kind {
    let string = || Kind::String(Arc::from(text));
    if let Some(tag) = tag {
        if tag.parts().0 == "!" {
            // CloudFormation's short forms become the placeholders that they stand for.
            return match tag.parts().1 {
                "Ref" | "GetAtt" => Kind::String(format!("${{{text}}}").into()),
                _ => string(),
            };
        }
        return match tag.core_suffix() {
            Some("null") => Kind::Null,
            Some("int" | "float" | "bool") => plain(text, text),
            _ => string(),
        };
    }
    match style {
        ScalarStyle::Plain => plain(text, spelled.unwrap_or(text)),
        _ => string(),
    }
}

fn plain(text: &str, spelled: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    match number(text, spelled) {
        Some(number) => Kind::Number(number),
        None => Kind::String(Arc::from(text)),
    }
}

fn number(text: &str, spelled: &str) -> Option<Number> {
    let begins = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.');
    if !text.starts_with(begins) {
        return None;
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return i64::from_str_radix(digits, radix).ok().map(Number::Int);
        }
    }
    if let Ok(Value::Number(number)) = crate::json::parse(spelled) {
        return number.as_f64().is_finite().then_some(number);
    }
    // What JSON has no spelling for: a plus sign, no digit before or behind the point.
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |c: char| c.is_ascii_digit();
    let leading_zero =
        unsigned.len() > 1 && unsigned.starts_with('0') && unsigned[1..].starts_with(digits);
    let spelled_as_float =
        unsigned.chars().all(|c| digits(c) || matches!(c, '.' | 'e' | 'E' | '-' | '+'))
            && unsigned.starts_with(|c: char| digits(c) || c == '.')
            && unsigned.contains(digits);
    if leading_zero || !spelled_as_float {
        return None;
    }
    Number::from_f64(text.parse().ok()?)
}

/// The mistakes that most often make a text no YAML.
fn quoting_help(text: &str, at: usize) -> Option<&'static str> {
    let line_start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    if line.contains("{%") {
        Some("put an expression in quotes: \"{% … %}\"")
    } else if line.starts_with(['\t', ' ']) && line.trim_start_matches(' ').starts_with('\t') {
        Some("YAML is indented with spaces, not tabs")
    } else {
        None
    }
}
