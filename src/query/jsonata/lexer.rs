//! The tokens of an expression.

use std::sync::Arc;

use super::error::Fault;
use super::regex::Regex;

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub kind: TokenKind,
    /// Where the token ends, in UTF-16 code units; the reference places its nodes there.
    pub position: usize,
}

#[derive(Clone, Debug)]
pub(super) enum TokenKind {
    Operator(&'static str),
    Name(Arc<str>),
    Variable(Arc<str>),
    String(Arc<str>),
    Number(f64),
    Bool(bool),
    Null,
    Regex(Arc<Regex>),
    End,
}

/// Operators of two characters, before those of one.
const DOUBLE: [&str; 7] = ["..", ":=", "!=", ">=", "<=", "**", "~>"];

const SINGLE: &str = ".[]{}(),@#;:?+-*/%|=<>^&!~";

pub(super) struct Lexer {
    chars: Vec<char>,
    at: usize,
    /// Where each character stands in UTF-16; empty where that is its index.
    offsets: Vec<usize>,
}

impl Lexer {
    pub fn new(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut offsets = Vec::new();
        if chars.iter().any(|c| c.len_utf16() == 2) {
            let mut offset = 0;
            for char in &chars {
                offsets.push(offset);
                offset += char.len_utf16();
            }
            offsets.push(offset);
        }
        Self { chars, at: 0, offsets }
    }

    /// The length of the expression in UTF-16 code units.
    pub fn length(&self) -> usize {
        self.position(self.chars.len())
    }

    fn position(&self, index: usize) -> usize {
        self.offsets.get(index).copied().unwrap_or(index)
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn text(&self, start: usize, end: usize) -> String {
        self.chars[start..end].iter().collect()
    }

    /// The next token; `infix` where a term has just ended, so that `/` divides.
    pub fn next(&mut self, infix: bool) -> Result<Token, Box<Fault>> {
        loop {
            while self.peek(0).is_some_and(is_blank) {
                self.at += 1;
            }
            if self.peek(0) == Some('/') && self.peek(1) == Some('*') {
                self.comment()?;
            } else {
                break;
            }
        }
        let Some(first) = self.peek(0) else {
            return Ok(Token { kind: TokenKind::End, position: self.length() });
        };
        let kind = if first == '/' && !infix {
            self.at += 1;
            self.regex()?
        } else if let Some(operator) = self.operator(first) {
            TokenKind::Operator(operator)
        } else {
            match first {
                '"' | '\'' => self.string(first)?,
                '0'..='9' => self.number()?,
                '`' => self.quoted_name()?,
                _ => self.name(),
            }
        };
        Ok(Token { kind, position: self.position(self.at) })
    }

    fn comment(&mut self) -> Result<(), Box<Fault>> {
        let start = self.at;
        self.at += 2;
        while !(self.peek(0) == Some('*') && self.peek(1) == Some('/')) {
            self.at += 1;
            if self.at >= self.chars.len() {
                return Err(Fault::new("S0106").at(self.position(start)));
            }
        }
        self.at += 2;
        Ok(())
    }

    fn operator(&mut self, first: char) -> Option<&'static str> {
        if let Some(second) = self.peek(1) {
            let found = DOUBLE.into_iter().find(|operator| operator.chars().eq([first, second]));
            if found.is_some() {
                self.at += 2;
                return found;
            }
        }
        let at = SINGLE.find(first)?;
        self.at += 1;
        Some(&SINGLE[at..at + 1])
    }

    fn string(&mut self, quote: char) -> Result<TokenKind, Box<Fault>> {
        self.at += 1;
        let mut units: Vec<u16> = Vec::new();
        while let Some(char) = self.peek(0) {
            match char {
                '\\' => {
                    self.at += 1;
                    units.push(self.escape()?);
                }
                _ if char == quote => {
                    self.at += 1;
                    return Ok(TokenKind::String(String::from_utf16_lossy(&units).into()));
                }
                _ => units.extend_from_slice(char.encode_utf16(&mut [0; 2])),
            }
            self.at += 1;
        }
        Err(Fault::new("S0101").at(self.position(self.at)))
    }

    /// The code unit of the escape whose letter is next; its last character stays unread.
    fn escape(&mut self) -> Result<u16, Box<Fault>> {
        let char = self.peek(0);
        Ok(match char {
            Some('"' | '\\' | '/') => char.map_or(0, |char| char as u16),
            Some('b') => 8,
            Some('f') => 12,
            Some('n') => 10,
            Some('r') => 13,
            Some('t') => 9,
            Some('u') => {
                let end = (self.at + 5).min(self.chars.len());
                let digits = self.text(self.at + 1, end);
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(Fault::new("S0104").at(self.position(self.at)));
                }
                self.at += 4;
                u16::from_str_radix(&digits, 16).unwrap_or(0)
            }
            _ => {
                let token = char.map(String::from).unwrap_or_default();
                return Err(Fault::new("S0103").at(self.position(self.at)).token(token));
            }
        })
    }

    fn number(&mut self) -> Result<TokenKind, Box<Fault>> {
        let start = self.at;
        let digits = |lexer: &mut Self, from: usize| {
            let count = lexer.chars[from.min(lexer.chars.len())..]
                .iter()
                .take_while(|char| char.is_ascii_digit())
                .count();
            if count > 0 {
                lexer.at = from + count;
            }
            count > 0
        };
        if self.peek(0) == Some('0') {
            self.at += 1;
        } else {
            digits(self, self.at);
        }
        if self.peek(0) == Some('.') {
            digits(self, self.at + 1);
        }
        if let Some('e' | 'E') = self.peek(0) {
            let sign = usize::from(matches!(self.peek(1), Some('+' | '-')));
            digits(self, self.at + 1 + sign);
        }
        let text = self.text(start, self.at);
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(TokenKind::Number(value)),
            _ => Err(Fault::new("S0102").at(self.position(start)).token(text)),
        }
    }

    fn quoted_name(&mut self) -> Result<TokenKind, Box<Fault>> {
        let start = self.at + 1;
        match self.chars[start..].iter().position(|char| *char == '`') {
            Some(length) => {
                self.at = start + length + 1;
                Ok(TokenKind::Name(self.text(start, start + length).into()))
            }
            None => Err(Fault::new("S0105").at(self.length())),
        }
    }

    fn name(&mut self) -> TokenKind {
        let start = self.at;
        while self.peek(0).is_some_and(|char| !is_blank(char) && !SINGLE.contains(char)) {
            self.at += 1;
        }
        let text = self.text(start, self.at);
        if let Some(name) = text.strip_prefix('$') {
            return TokenKind::Variable(name.into());
        }
        match &*text {
            "or" => TokenKind::Operator("or"),
            "in" => TokenKind::Operator("in"),
            "and" => TokenKind::Operator("and"),
            "true" => TokenKind::Bool(true),
            "false" => TokenKind::Bool(false),
            "null" => TokenKind::Null,
            _ => TokenKind::Name(text.into()),
        }
    }

    /// The regular expression after its opening slash, up to the closing one outside of brackets.
    fn regex(&mut self) -> Result<TokenKind, Box<Fault>> {
        let start = self.at;
        let mut depth = 0;
        while let Some(char) = self.peek(0) {
            let escaped = self.at > 0 && self.chars[self.at - 1] == '\\';
            if char == '/' && depth == 0 && self.backslashes_before().is_multiple_of(2) {
                let pattern = self.text(start, self.at);
                if pattern.is_empty() {
                    return Err(Fault::new("S0301").at(self.position(self.at)));
                }
                self.at += 1;
                let flags_start = self.at;
                while let Some('i' | 'm') = self.peek(0) {
                    self.at += 1;
                }
                let flags = self.text(flags_start, self.at);
                return Ok(TokenKind::Regex(Arc::new(Regex::new(&pattern, &flags)?)));
            }
            if !escaped {
                match char {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth -= 1,
                    _ => {}
                }
            }
            self.at += 1;
        }
        Err(Fault::new("S0302").at(self.length()))
    }

    fn backslashes_before(&self) -> usize {
        self.chars[..self.at].iter().rev().take_while(|char| **char == '\\').count()
    }
}

fn is_blank(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\n' | '\r' | '\u{b}')
}
