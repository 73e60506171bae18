//! The grammar: top-down operator precedence, as in the reference.

use std::sync::Arc;

use crate::value::Value;

use super::error::Fault;
use super::lexer::{Lexer, Token, TokenKind};
use super::number;
use super::regex::Regex;
use super::signature::Signature;

/// How deep expressions may be nested in one another.
const MAX_NESTING: usize = 200;

/// How many operators may follow one another in one chain, and how deep a tree may get.
const MAX_DEPTH: u32 = 1_000;

type Parsed = Result<Raw, Box<Fault>>;

/// A node as the grammar gives it, before the post-parse stage.
pub(super) struct Raw {
    pub kind: RawKind,
    pub position: usize,
    pub keep_array: bool,
    depth: u32,
}

pub(super) enum RawKind {
    Name(Arc<str>),
    Variable(Arc<str>),
    String(Arc<str>),
    Number(f64),
    Bool(bool),
    Null,
    Regex(Arc<Regex>),
    /// `and`, `or`, `in` where a name may stand, and `?` among arguments.
    Operator(&'static str),
    End,
    Wildcard,
    Descendant,
    Parent,
    Binary {
        operator: &'static str,
        lhs: Box<Raw>,
        rhs: Box<Raw>,
    },
    Group {
        lhs: Box<Raw>,
        pairs: Vec<(Raw, Raw)>,
    },
    Sort {
        lhs: Box<Raw>,
        terms: Vec<(bool, Raw)>,
    },
    Condition {
        condition: Box<Raw>,
        then: Box<Raw>,
        otherwise: Option<Box<Raw>>,
    },
    Negate(Box<Raw>),
    Array(Vec<Raw>),
    Object(Vec<(Raw, Raw)>),
    Block(Vec<Raw>),
    Function {
        procedure: Box<Raw>,
        arguments: Vec<Raw>,
        partial: bool,
    },
    Lambda {
        params: Vec<Arc<str>>,
        signature: Option<Signature>,
        body: Box<Raw>,
    },
    Transform {
        pattern: Box<Raw>,
        update: Box<Raw>,
        delete: Option<Box<Raw>>,
    },
}

pub(super) fn parse(text: &str) -> Parsed {
    let lexer = Lexer::new(text);
    let node = Token { kind: TokenKind::End, position: 0 };
    let mut parser = Parser { lexer, node, nesting: 0 };
    parser.advance(false)?;
    let expression = parser.expression(0)?;
    if !matches!(parser.node.kind, TokenKind::End) {
        let token = token_value(&parser.node.kind);
        return Err(Fault::new("S0201").at(parser.node.position).token(token));
    }
    Ok(expression)
}

struct Parser {
    lexer: Lexer,
    node: Token,
    nesting: usize,
}

impl Parser {
    /// Goes to the next token and gives the one before.
    fn advance(&mut self, infix: bool) -> Result<Token, Box<Fault>> {
        let next = self.lexer.next(infix)?;
        if let TokenKind::Operator(operator @ ("!" | "~")) = next.kind {
            return Err(Fault::new("S0204").at(next.position).token(operator));
        }
        Ok(std::mem::replace(&mut self.node, next))
    }

    /// Goes past the operator `id`, which must be here.
    fn expect(&mut self, id: &'static str, infix: bool) -> Result<(), Box<Fault>> {
        if !self.is(id) {
            let end = matches!(self.node.kind, TokenKind::End);
            let fault = Fault::new(if end { "S0203" } else { "S0202" });
            let token = token_value(&self.node.kind);
            return Err(fault.at(self.node.position).token(token).value(Some(id.into())));
        }
        self.advance(infix)?;
        Ok(())
    }

    fn is(&self, id: &str) -> bool {
        matches!(self.node.kind, TokenKind::Operator(operator) if operator == id)
    }

    fn expression(&mut self, power: u8) -> Parsed {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(Fault::too_deep().at(self.node.position));
        }
        let token = self.advance(true)?;
        let mut left = self.prefix(token)?;
        while power < binding_power(&self.node.kind) {
            let token = self.advance(false)?;
            left = self.infix(token, left)?;
            if left.depth > MAX_DEPTH {
                return Err(Fault::too_deep().at(left.position));
            }
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn boxed(&mut self, power: u8) -> Result<Box<Raw>, Box<Fault>> {
        self.expression(power).map(Box::new)
    }

    fn prefix(&mut self, token: Token) -> Parsed {
        let kind = match token.kind {
            TokenKind::Name(name) => RawKind::Name(name),
            TokenKind::Variable(name) => RawKind::Variable(name),
            TokenKind::String(text) => RawKind::String(text),
            TokenKind::Number(value) => RawKind::Number(value),
            TokenKind::Bool(value) => RawKind::Bool(value),
            TokenKind::Null => RawKind::Null,
            TokenKind::Regex(regex) => RawKind::Regex(regex),
            TokenKind::End => RawKind::End,
            TokenKind::Operator(operator) => match operator {
                "and" | "or" | "in" => RawKind::Operator(operator),
                "*" => RawKind::Wildcard,
                "**" => RawKind::Descendant,
                "%" => RawKind::Parent,
                "-" => RawKind::Negate(self.boxed(70)?),
                "(" => self.block()?,
                "[" => self.array()?,
                "{" => RawKind::Object(self.pairs()?),
                "|" => self.transform()?,
                _ => return Err(Fault::new("S0211").at(token.position).token(operator)),
            },
        };
        Ok(Raw::new(kind, token.position))
    }

    fn block(&mut self) -> Result<RawKind, Box<Fault>> {
        let mut expressions = Vec::new();
        while !self.is(")") {
            expressions.push(self.expression(0)?);
            if !self.is(";") {
                break;
            }
            self.expect(";", false)?;
        }
        self.expect(")", true)?;
        Ok(RawKind::Block(expressions))
    }

    fn array(&mut self) -> Result<RawKind, Box<Fault>> {
        let mut items = Vec::new();
        while !self.is("]") || !items.is_empty() {
            let mut item = self.expression(0)?;
            if self.is("..") {
                let position = self.node.position;
                self.expect("..", false)?;
                let (lhs, rhs) = (Box::new(item), self.boxed(0)?);
                item = Raw::new(RawKind::Binary { operator: "..", lhs, rhs }, position);
            }
            items.push(item);
            if !self.is(",") {
                break;
            }
            self.expect(",", false)?;
        }
        self.expect("]", true)?;
        Ok(RawKind::Array(items))
    }

    fn pairs(&mut self) -> Result<Vec<(Raw, Raw)>, Box<Fault>> {
        let mut pairs = Vec::new();
        while !self.is("}") || !pairs.is_empty() {
            let name = self.expression(0)?;
            self.expect(":", false)?;
            pairs.push((name, self.expression(0)?));
            if !self.is(",") {
                break;
            }
            self.expect(",", false)?;
        }
        self.expect("}", true)?;
        Ok(pairs)
    }

    fn transform(&mut self) -> Result<RawKind, Box<Fault>> {
        let pattern = self.boxed(0)?;
        self.expect("|", false)?;
        let update = self.boxed(0)?;
        let mut delete = None;
        if self.is(",") {
            self.expect(",", false)?;
            delete = Some(self.boxed(0)?);
        }
        self.expect("|", false)?;
        Ok(RawKind::Transform { pattern, update, delete })
    }

    fn infix(&mut self, token: Token, left: Raw) -> Parsed {
        let TokenKind::Operator(operator) = token.kind else { return Ok(left) };
        let power = binding_power(&token.kind);
        let kind = match operator {
            "(" => self.call(left)?,
            "[" => {
                if self.is("]") {
                    let mut left = left;
                    keep_array(&mut left);
                    self.expect("]", false)?;
                    return Ok(left);
                }
                let rhs = self.boxed(0)?;
                self.expect("]", true)?;
                RawKind::Binary { operator, lhs: Box::new(left), rhs }
            }
            "{" => {
                let pairs = self.pairs()?;
                RawKind::Group { lhs: Box::new(left), pairs }
            }
            "^" => self.sort(left)?,
            "?" => self.condition(left)?,
            ":=" => {
                if !matches!(left.kind, RawKind::Variable(_)) {
                    let fault = Fault::new("S0212").at(left.position);
                    return Err(fault.token(left.token()));
                }
                RawKind::Binary { operator, lhs: Box::new(left), rhs: self.boxed(power - 1)? }
            }
            "@" | "#" => {
                let rhs = self.boxed(power)?;
                if !matches!(rhs.kind, RawKind::Variable(_)) {
                    return Err(Fault::new("S0214").at(rhs.position).token(operator));
                }
                RawKind::Binary { operator, lhs: Box::new(left), rhs }
            }
            _ => RawKind::Binary { operator, lhs: Box::new(left), rhs: self.boxed(power)? },
        };
        Ok(Raw::new(kind, token.position))
    }

    fn condition(&mut self, left: Raw) -> Result<RawKind, Box<Fault>> {
        let then = self.boxed(0)?;
        let mut otherwise = None;
        if self.is(":") {
            self.expect(":", false)?;
            otherwise = Some(self.boxed(0)?);
        }
        Ok(RawKind::Condition { condition: Box::new(left), then, otherwise })
    }

    fn sort(&mut self, left: Raw) -> Result<RawKind, Box<Fault>> {
        self.expect("(", false)?;
        let mut terms = Vec::new();
        loop {
            let descending = self.is(">");
            if descending || self.is("<") {
                self.advance(false)?;
            }
            terms.push((descending, self.expression(0)?));
            if !self.is(",") {
                break;
            }
            self.expect(",", false)?;
        }
        self.expect(")", false)?;
        Ok(RawKind::Sort { lhs: Box::new(left), terms })
    }

    /// Arguments after `(`, and the body where the function is called `function` or `λ`.
    fn call(&mut self, left: Raw) -> Result<RawKind, Box<Fault>> {
        let (mut arguments, mut partial) = (Vec::new(), false);
        while !self.is(")") || !arguments.is_empty() {
            if self.is("?") {
                partial = true;
                arguments.push(Raw::new(RawKind::Operator("?"), self.node.position));
                self.expect("?", false)?;
            } else {
                arguments.push(self.expression(0)?);
            }
            if !self.is(",") {
                break;
            }
            self.expect(",", false)?;
        }
        self.expect(")", true)?;
        match &left.kind {
            RawKind::Name(name) if matches!(&**name, "function" | "λ") => self.lambda(arguments),
            _ => Ok(RawKind::Function { procedure: Box::new(left), arguments, partial }),
        }
    }

    fn lambda(&mut self, arguments: Vec<Raw>) -> Result<RawKind, Box<Fault>> {
        let mut params = Vec::with_capacity(arguments.len());
        for (index, argument) in arguments.into_iter().enumerate() {
            match argument.kind {
                RawKind::Variable(name) => params.push(name),
                _ => {
                    let fault = Fault::new("S0208").at(argument.position).token(argument.token());
                    return Err(fault.value(Some((index + 1).into())));
                }
            }
        }
        let signature = if self.is("<") { Some(self.signature()?) } else { None };
        self.expect("{", false)?;
        let body = self.boxed(0)?;
        self.expect("}", false)?;
        Ok(RawKind::Lambda { params, signature, body })
    }

    fn signature(&mut self) -> Result<Signature, Box<Fault>> {
        let start = self.node.position;
        let mut text = String::from("<");
        let mut depth = 1;
        while depth > 0 && !self.is("{") && !matches!(self.node.kind, TokenKind::End) {
            self.advance(false)?;
            match self.node.kind {
                TokenKind::Operator(">") => depth -= 1,
                TokenKind::Operator("<") => depth += 1,
                _ => {}
            }
            text.push_str(&token_text(&self.node.kind));
        }
        self.expect(">", false)?;
        Signature::parse(&text).map_err(|(fault, offset)| fault.at(start + offset))
    }
}

/// Marks the step that `[]` follows, behind the predicates in between.
fn keep_array(left: &mut Raw) {
    let mut step = left;
    while let RawKind::Binary { operator: "[", .. } = step.kind {
        let RawKind::Binary { lhs, .. } = &mut step.kind else { return };
        step = lhs;
    }
    step.keep_array = true;
}

fn binding_power(kind: &TokenKind) -> u8 {
    let TokenKind::Operator(operator) = kind else { return 0 };
    match *operator {
        "[" | "(" | "@" | "#" => 80,
        "." => 75,
        "{" => 70,
        "*" | "/" | "%" => 60,
        "+" | "-" | "&" => 50,
        "=" | "<" | ">" | "^" | "!=" | "<=" | ">=" | "~>" | "in" => 40,
        "and" => 30,
        "or" => 25,
        "?" => 20,
        ":=" => 10,
        _ => 0,
    }
}

/// The token as an error shows it.
fn token_value(kind: &TokenKind) -> Value {
    match kind {
        TokenKind::Operator(operator) => Value::from(*operator),
        TokenKind::Name(text) | TokenKind::Variable(text) | TokenKind::String(text) => {
            Value::String(text.clone())
        }
        TokenKind::Number(value) => number::to_value(*value),
        TokenKind::Bool(value) => Value::Bool(*value),
        TokenKind::Null => Value::Null,
        TokenKind::Regex(_) => Value::object::<&str>([]),
        TokenKind::End => "(end)".into(),
    }
}

/// The token as JavaScript appends it to a string.
fn token_text(kind: &TokenKind) -> String {
    match kind {
        TokenKind::Regex(regex) => regex.literal(),
        kind => match token_value(kind) {
            Value::String(text) => text.to_string(),
            other => other.to_json(),
        },
    }
}

impl Raw {
    fn new(kind: RawKind, position: usize) -> Self {
        let depth = 1 + kind.depth();
        Self { kind, position, keep_array: false, depth }
    }

    /// The `value` field of the reference's node.
    pub fn token(&self) -> Value {
        match &self.kind {
            RawKind::Name(text) | RawKind::Variable(text) | RawKind::String(text) => {
                Value::String(text.clone())
            }
            RawKind::Number(value) => number::to_value(*value),
            RawKind::Bool(value) => Value::Bool(*value),
            RawKind::Null => Value::Null,
            RawKind::Regex(_) => Value::object::<&str>([]),
            RawKind::Operator(operator) | RawKind::Binary { operator, .. } => {
                Value::from(*operator)
            }
            RawKind::End => "(end)".into(),
            RawKind::Wildcard => "*".into(),
            RawKind::Descendant => "**".into(),
            RawKind::Parent => "%".into(),
            RawKind::Group { .. } | RawKind::Object(_) => "{".into(),
            RawKind::Sort { .. } => "^".into(),
            RawKind::Condition { .. } => "?".into(),
            RawKind::Negate(_) => "-".into(),
            RawKind::Array(_) => "[".into(),
            RawKind::Block(_) | RawKind::Function { .. } | RawKind::Lambda { .. } => "(".into(),
            RawKind::Transform { .. } => "|".into(),
        }
    }
}

impl RawKind {
    fn depth(&self) -> u32 {
        let deepest = |nodes: &[Raw]| nodes.iter().map(|node| node.depth).max().unwrap_or(0);
        let pair = |pairs: &[(Raw, Raw)]| {
            pairs.iter().map(|(key, value)| key.depth.max(value.depth)).max().unwrap_or(0)
        };
        let option = |node: &Option<Box<Raw>>| node.as_ref().map_or(0, |node| node.depth);
        match self {
            Self::Binary { lhs, rhs, .. } => lhs.depth.max(rhs.depth),
            Self::Group { lhs, pairs } => lhs.depth.max(pair(pairs)),
            Self::Sort { lhs, terms } => {
                terms.iter().map(|(_, term)| term.depth).fold(lhs.depth, u32::max)
            }
            Self::Condition { condition, then, otherwise } => {
                condition.depth.max(then.depth).max(option(otherwise))
            }
            Self::Negate(node) => node.depth,
            Self::Array(nodes) | Self::Block(nodes) => deepest(nodes),
            Self::Object(pairs) => pair(pairs),
            Self::Function { procedure, arguments, .. } => procedure.depth.max(deepest(arguments)),
            Self::Lambda { body, .. } => body.depth,
            Self::Transform { pattern, update, delete } => {
                pattern.depth.max(update.depth).max(option(delete))
            }
            _ => 0,
        }
    }
}
