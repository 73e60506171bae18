//! JSON and YAML files as trees that know where everything stands.
//!
//! A [`Document`] is what definitions, scenarios and other files that people write are read from:
//! each node keeps its bytes in the text, duplicate keys are kept for the reader to report, and
//! [`Decoder`] turns nodes into typed data while collecting all problems instead of the first.

mod decode;
mod placeholder;
mod spelling;
mod yaml;

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Source};
use crate::json::{self, SpannedData};
use crate::value::{Map, Number, Value};

pub use decode::{Decoder, Members};
pub use placeholder::Placeholder;
pub(crate) use placeholder::has_placeholder;
use yaml::Dialect;

/// The largest text that is read, in bytes: far above what any service takes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The deepest nesting of a JSON text that is read: enough for as many levels of states as a
/// definition may have. Documents are read, changed and written recursively, so this is what keeps
/// them within the stack of any thread.
pub const MAX_JSON_DEPTH: usize = 500;

/// The deepest nesting of a YAML text that is read.
pub const MAX_YAML_DEPTH: usize = 250;

/// A text and the tree that it spells.
#[derive(Clone, Debug)]
pub struct Document {
    /// The text.
    pub source: Arc<Source>,
    /// What the text is written in.
    pub format: Format,
    /// The whole value.
    pub root: Node,
    /// The `${…}` of templates, in the order of the text.
    pub placeholders: Vec<Placeholder>,
    /// Commas before a closing bracket, which JSON has not, but which tools that read JSON as YAML
    /// let pass (SAM does); [`Decoder`] warns of them.
    pub trailing_commas: Vec<Range<usize>>,
    /// Whether the tree is just what the text spells.
    own_tree: bool,
    /// Whether `${…}` is text like any other.
    literal: bool,
}

/// The two formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON, where `${Placeholder}` may also stand outside quotes.
    Json,
    /// YAML 1.2, where only `true` and `false` are booleans.
    Yaml,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// The bytes of the text that spell this value; for an alias those of the alias.
    pub span: Range<usize>,
    /// The value.
    pub kind: Kind,
}

/// The kinds of [`Node`].
#[derive(Clone, Debug)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, or a `${Placeholder}` outside quotes.
    String(Arc<str>),
    /// The elements in order.
    Array(Vec<Node>),
    /// The members in order, duplicate keys included.
    Object(Vec<Member>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Member {
    /// The key.
    pub key: Arc<str>,
    /// The bytes of the text that spell the key.
    pub key_span: Range<usize>,
    /// The value.
    pub value: Node,
}

/// The code of a text that is not JSON: AWS's own.
pub const INVALID_JSON: &str = "INVALID_JSON_DESCRIPTION";
/// The code of a text that is not YAML, which AWS does not read.
pub const INVALID_YAML: &str = "INVALID_YAML";
/// The code of a text that nests too deep: AWS's own.
pub const TOO_DEEPLY_NESTED: &str = "TOO_DEEPLY_NESTED";
/// The code of a text that is too large, too deep, or not text at all.
pub const UNREADABLE: &str = "UNREADABLE_TEXT";

impl Document {
    /// Reads bytes, which must be UTF-8; see [`Document::parse`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, Box<Diagnostic>> {
        let refuse = |message: String| {
            let source = Source::new(name, "");
            Err(Box::new(Diagnostic::error(&source, 0..0, UNREADABLE, message)))
        };
        if bytes.len() > MAX_BYTES {
            return refuse(too_large(bytes.len()));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(name, &text),
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                let line = error.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count() + 1;
                refuse(format!(
                    "the text is not UTF-8: byte {offset} (line {line}) does not belong to a \
                     character"
                ))
            }
        }
    }

    /// Reads a text: as JSON where the name ends in `.json` or the text begins with `{` or `[`, as
    /// YAML otherwise.
    pub fn parse(name: &str, text: &str) -> Result<Self, Box<Diagnostic>> {
        Self::parse_as(name, text, Format::of(name, text))
    }

    /// Reads a text as `format`.
    pub fn parse_as(name: &str, text: &str, format: Format) -> Result<Self, Box<Diagnostic>> {
        let source = readable(name, text)?;
        let (root, bare, trailing_commas) = match format {
            Format::Json => read_json(&source)?,
            Format::Yaml => (yaml::read(&source, Dialect::Core)?, Vec::new(), Vec::new()),
        };
        let placeholders = placeholder::list(&root, &bare);
        Ok(Self {
            source,
            format,
            root,
            placeholders,
            trailing_commas,
            own_tree: true,
            literal: false,
        })
    }

    /// Reads a template of CloudFormation: as [`Document::parse`] does, but in YAML `yes`, `no`,
    /// `on` and `off` are booleans (CloudFormation reads YAML 1.1), and the short forms of functions
    /// become their long ones: `!Sub x` is `{"Fn::Sub": "x"}`.
    pub fn parse_template(name: &str, text: &str) -> Result<Self, Box<Diagnostic>> {
        let begins = text.trim_start_matches('\u{feff}').trim_start();
        if Format::of(name, text) == Format::Json || begins.starts_with('{') {
            return Self::parse_as(name, text, Format::Json);
        }
        let source = readable(name, text)?;
        let root = yaml::read(&source, Dialect::CloudFormation)?;
        let (placeholders, trailing_commas) = (Vec::new(), Vec::new());
        let format = Format::Yaml;
        Ok(Self {
            source,
            format,
            root,
            placeholders,
            trailing_commas,
            own_tree: true,
            literal: false,
        })
    }

    /// The same document as AWS reads it, which knows no placeholders: `${…}` is text like any other.
    pub fn literal(self) -> Self {
        Self { placeholders: Vec::new(), literal: true, ..self }
    }

    /// Whether something must still be filled in to know what `text`, a string of the document, is.
    pub(crate) fn has_placeholder(&self, text: &str) -> bool {
        !self.literal && placeholder::has_placeholder(text)
    }

    /// The same text with another tree, whose spans are those of this text: a part of this one, or
    /// one in which placeholders are filled in.
    pub fn with_root(&self, root: Node) -> Self {
        let bare = self.placeholders.iter().filter(|placeholder| !placeholder.quoted);
        let bare: Vec<Range<usize>> = bare.map(|placeholder| placeholder.span.clone()).collect();
        let placeholders = placeholder::list(&root, &bare);
        Self { root, placeholders, own_tree: false, ..self.clone() }
    }

    /// The JSON text of what is in the tree: the document's own, where it is JSON and has no other
    /// tree than its own.
    pub fn json(&self) -> Arc<str> {
        match self.format {
            Format::Json if self.own_tree => self.source.text.clone(),
            Format::Json | Format::Yaml => self.root.to_value().to_json().into(),
        }
    }

    /// The bytes of the text that `node` covers.
    pub fn text_of(&self, node: &Node) -> &str {
        self.source.text.get(node.span.clone()).unwrap_or("")
    }

    /// The bytes of the text that spell the UTF-16 units of the string `node`, and behind them the
    /// place of its end, through escapes, folds and indentation; blanks have the place behind what is
    /// in front of them. They stop early where the text goes on to spell another string, because
    /// something in it was filled in.
    pub(crate) fn places_of(&self, node: &Node) -> Vec<usize> {
        let Some(text) = node.as_str() else { return Vec::new() };
        let mut places = spelling::places(self.text_of(node), text);
        places.iter_mut().for_each(|place| *place += node.span.start);
        places
    }

    /// The place of a span as AWS writes it (`/States/X/Next`): the keys and indexes that lead to
    /// the innermost node around the span. The root is `/`.
    pub fn location(&self, span: &Range<usize>) -> String {
        let mut out = String::new();
        for step in self.steps(span) {
            out.push('/');
            match step {
                Step::Key(key) => out.push_str(key),
                Step::Index(index) => {
                    // AWS writes an index in brackets behind the key: `/States/X/Choices[0]`.
                    out.pop();
                    out.push_str(&format!("[{index}]"));
                }
            }
        }
        if out.is_empty() { "/".to_owned() } else { out }
    }

    /// An error at `span`, its location, state and field filled in from there.
    pub fn error(
        &self,
        span: Range<usize>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(&self.source, span.clone(), code, message);
        diagnostic.location = self.location(&span);
        let mut after_states = false;
        for step in self.steps(&span) {
            let Step::Key(key) = step else { continue };
            if after_states {
                (diagnostic.state, diagnostic.field) = (Some(key.clone()), None);
            } else if diagnostic.field.is_none() || key.as_ref() == "States" {
                diagnostic.field = Some(key.clone());
            }
            after_states = !after_states && key.as_ref() == "States";
        }
        diagnostic
    }

    /// An error about `node` as a whole, such as something that is missing in it: located there, but
    /// only its first byte is marked.
    pub fn error_in(
        &self,
        node: &Node,
        code: &'static str,
        message: impl Into<String>,
    ) -> Diagnostic {
        let mut diagnostic = self.error(node.span.clone(), code, message);
        let rest = self.source.text.get(node.span.start..).unwrap_or_default();
        let first = rest.chars().next().map_or(0, char::len_utf8);
        diagnostic.span.end = diagnostic.span.end.min(node.span.start + first);
        diagnostic
    }

    /// The way from the root to the innermost node or key around `span`.
    fn steps(&self, span: &Range<usize>) -> Vec<Step<'_>> {
        let (steps, found) = self.descend(span);
        if found {
            return steps;
        }
        // A node that came from elsewhere (an alias, a table of cases) lies outside its parents.
        let mut search = Search { span, way: Vec::new(), best: Vec::new(), best_len: usize::MAX };
        search.node(&self.root);
        if search.best_len == usize::MAX { steps } else { search.best }
    }

    /// The way down along the nodes that hold `span`, and whether it ends where `span` is.
    fn descend(&self, span: &Range<usize>) -> (Vec<Step<'_>>, bool) {
        let mut steps = Vec::new();
        let mut node = &self.root;
        'descend: loop {
            if node.span == *span {
                return (steps, true);
            }
            // The children stand in the order of the text, but for those that came from elsewhere.
            match &node.kind {
                Kind::Array(items) => {
                    let after = items.partition_point(|item| item.span.start <= span.start);
                    let index = after.checked_sub(1).filter(|at| holds(&items[*at].span, span));
                    if let Some(index) = index {
                        steps.push(Step::Index(index));
                        node = &items[index];
                        continue 'descend;
                    }
                }
                Kind::Object(members) => {
                    let after = members.partition_point(|m| m.key_span.start <= span.start);
                    if let Some(member) = after.checked_sub(1).map(|at| &members[at]) {
                        if holds(&member.key_span, span) {
                            steps.push(Step::Key(&member.key));
                            return (steps, true);
                        }
                        if holds(&member.value.span, span) {
                            steps.push(Step::Key(&member.key));
                            node = &member.value;
                            continue 'descend;
                        }
                    }
                }
                _ => return (steps, holds(&node.span, span)),
            }
            return (steps, false);
        }
    }
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// A search of the whole tree for the smallest node or key around a span.
struct Search<'a, 's> {
    span: &'s Range<usize>,
    way: Vec<Step<'a>>,
    best: Vec<Step<'a>>,
    best_len: usize,
}

impl<'a> Search<'a, '_> {
    fn candidate(&mut self, span: &Range<usize>) {
        if holds(span, self.span) && span.len() < self.best_len {
            self.best_len = span.len();
            self.best.clone_from(&self.way);
        }
    }

    fn node(&mut self, node: &'a Node) {
        self.candidate(&node.span);
        match &node.kind {
            Kind::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.way.push(Step::Index(index));
                    self.node(item);
                    self.way.pop();
                }
            }
            Kind::Object(members) => {
                for member in members {
                    self.way.push(Step::Key(&member.key));
                    self.candidate(&member.key_span);
                    self.node(&member.value);
                    self.way.pop();
                }
            }
            _ => {}
        }
    }
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a Arc<str>),
    Index(usize),
}

impl Format {
    /// The format of a text, by the ending of its name, else by how it begins.
    pub fn of(name: &str, text: &str) -> Self {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        match ending.as_deref() {
            Some("json") => Self::Json,
            Some("yaml" | "yml") => Self::Yaml,
            _ => match text.trim_start_matches('\u{feff}').trim_start().chars().next() {
                Some('{' | '[') => Self::Json,
                _ => Self::Yaml,
            },
        }
    }
}

impl Node {
    /// The value without its places; of duplicate keys the last one wins.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::String(text) => Value::String(text.clone()),
            Kind::Array(items) => Value::array(items.iter().map(Self::to_value)),
            Kind::Object(members) => {
                let mut map = Map::default();
                for member in members {
                    map.insert(member.key.clone(), member.value.to_value());
                }
                Value::from(map)
            }
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&Arc<str>> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match &self.kind {
            Kind::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members of an object.
    pub fn as_object(&self) -> Option<&[Member]> {
        match &self.kind {
            Kind::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The first member called `key`.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.iter().find(|member| &*member.key == key).map(|member| &member.value)
    }

    /// What JSON calls this kind of value.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "boolean",
            Kind::Number(_) => "number",
            Kind::String(_) => "string",
            Kind::Array(_) => "array",
            Kind::Object(_) => "object",
        }
    }
}

/// The source of a text that is not too large to read.
fn readable(name: &str, text: &str) -> Result<Arc<Source>, Box<Diagnostic>> {
    if text.len() > MAX_BYTES {
        let source = Source::new(name, "");
        let message = too_large(text.len());
        return Err(Box::new(Diagnostic::error(&source, 0..0, UNREADABLE, message)));
    }
    // A byte order mark is not part of the value; spans are those of the text without it.
    Ok(Source::new(name, text.strip_prefix('\u{feff}').unwrap_or(text)))
}

fn too_large(bytes: usize) -> String {
    let limit = MAX_BYTES / 1024 / 1024;
    format!("the text has {bytes} bytes; at most {limit} MiB are read")
}

/// How many commas too many are let pass; each costs another reading.
const TRAILING_COMMAS_MAX: usize = 32;

type ReadJson = (Node, Vec<Range<usize>>, Vec<Range<usize>>);

fn read_json(source: &Arc<Source>) -> Result<ReadJson, Box<Diagnostic>> {
    let text = &source.text;
    let (mut masked, bare) = placeholder::mask(text);
    if let Some(at) = json::deeper_than(MAX_JSON_DEPTH, masked.as_deref().unwrap_or(text)) {
        let message = format!("nesting is deeper than {MAX_JSON_DEPTH} levels");
        let refusal = Diagnostic::error(source, at..at + 1, TOO_DEEPLY_NESTED, message);
        return Err(Box::new(refusal));
    }
    let mut commas = Vec::new();
    let spanned = loop {
        match json::parse_spanned(masked.as_deref().unwrap_or(text)) {
            Ok(spanned) => break spanned,
            Err(error) => match trailing_comma(text, error.offset) {
                Some(at) if commas.len() < TRAILING_COMMAS_MAX => {
                    commas.push(at..at + 1);
                    masked.get_or_insert_with(|| text.to_string()).replace_range(at..at + 1, " ");
                }
                _ => return Err(not_json(source, error)),
            },
        }
    };
    Ok((from_spanned(spanned, text, &bare), bare, commas))
}

/// The comma before the closing bracket at `offset`.
fn trailing_comma(text: &str, offset: usize) -> Option<usize> {
    let closes = matches!(text.as_bytes().get(offset), Some(b'}' | b']'));
    let before = text.get(..offset).filter(|_| closes)?.trim_end();
    before.ends_with(',').then(|| before.len() - 1)
}

fn not_json(source: &Arc<Source>, error: json::JsonError) -> Box<Diagnostic> {
    // What stands at the place is shown from the text itself, not from the masked copy.
    let at = error.offset.min(source.text.len());
    let end = source.text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
    Box::new(Diagnostic::error(source, at..end, INVALID_JSON, error.message))
}

fn from_spanned(spanned: json::Spanned, text: &str, bare: &[Range<usize>]) -> Node {
    let unmasked = |span: &Range<usize>| -> Option<Arc<str>> {
        let found = bare.binary_search_by_key(&span.start, |bare| bare.start);
        found.is_ok().then(|| Arc::from(&text[span.clone()]))
    };
    let span = spanned.span;
    let kind = match spanned.data {
        SpannedData::Scalar(value) => match value {
            Value::Bool(value) => Kind::Bool(value),
            Value::Number(number) => Kind::Number(number),
            Value::String(text) => Kind::String(unmasked(&span).unwrap_or(text)),
            _ => Kind::Null,
        },
        SpannedData::Array(items) => {
            Kind::Array(items.into_iter().map(|item| from_spanned(item, text, bare)).collect())
        }
        SpannedData::Object(members) => {
            let members = members.into_iter().map(|(key, key_span, value)| Member {
                key: unmasked(&key_span).unwrap_or(key),
                key_span,
                value: from_spanned(value, text, bare),
            });
            Kind::Object(members.collect())
        }
    };
    Node { span, kind }
}

#[cfg(test)]
mod tests;
