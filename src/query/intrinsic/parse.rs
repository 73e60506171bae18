//! The parser of intrinsic function calls.

use super::string::Template;
use super::{Argument, Call, FUNCTIONS, Function, IntrinsicSyntaxError};
use crate::query::scope::ScopedPath;
use crate::value::Value;

/// How many calls may be nested in one another (Developer Guide, "Intrinsic functions").
const MAX_NESTING: usize = 10;

pub(super) fn parse(text: &str) -> Result<Call, IntrinsicSyntaxError> {
    let mut parser = Parser { text, at: 0 };
    parser.skip_space();
    let call = parser.call(1).and_then(|call| {
        parser.skip_space();
        match parser.rest().is_empty() {
            true => Ok(call),
            false => Err(parser.fail("nothing may follow the closing parenthesis")),
        }
    });
    call.map_err(|(at, message)| IntrinsicSyntaxError {
        text: text.to_owned(),
        offset: text[..at].chars().count(),
        message,
    })
}

/// A byte offset and what is wrong there.
type Failure = (usize, String);

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn fail(&self, message: impl Into<String>) -> Failure {
        (self.at, message.into())
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, length: usize) -> &'t str {
        let taken = &self.rest()[..length];
        self.at += length;
        taken
    }

    fn call(&mut self, nesting: usize) -> Result<Call, Failure> {
        let start = self.at;
        if nesting > MAX_NESTING {
            return Err(self.fail(format!("calls nest deeper than {MAX_NESTING} levels")));
        }
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_'));
        let name = &rest[..end.unwrap_or(rest.len())];
        let Some((_, function, fewest, most)) = FUNCTIONS.into_iter().find(|f| f.0 == name) else {
            return Err(self.fail(unknown(name)));
        };
        self.take(name.len());
        self.skip_space();
        if self.peek() != Some('(') {
            return Err(self.fail(format!("`(` must follow `{name}`")));
        }
        let arguments = self.arguments(function, nesting)?;
        if !(fewest..=most).contains(&arguments.len()) {
            let count = arguments.len();
            let wanted = match (fewest, most) {
                (fewest, usize::MAX) => format!("at least {fewest}"),
                (fewest, most) if fewest == most => format!("{fewest}"),
                (fewest, most) => format!("{fewest} to {most}"),
            };
            return Err((start, format!("`{name}` takes {wanted} arguments, not {count}")));
        }
        Ok(Call { function, arguments, text: self.text[start..self.at].into() })
    }

    fn arguments(&mut self, function: Function, nesting: usize) -> Result<Vec<Argument>, Failure> {
        self.take(1);
        self.skip_space();
        let mut arguments = Vec::new();
        if self.peek() == Some(')') {
            self.take(1);
            return Ok(arguments);
        }
        loop {
            self.skip_space();
            let template = function == Function::Format && arguments.is_empty();
            arguments.push(self.argument(template, nesting)?);
            self.skip_space();
            match self.peek() {
                Some(',') => self.take(1),
                Some(')') => {
                    self.take(1);
                    return Ok(arguments);
                }
                _ => return Err(self.fail("`,` or `)` must follow an argument")),
            };
        }
    }

    fn argument(&mut self, template: bool, nesting: usize) -> Result<Argument, Failure> {
        match self.peek() {
            Some('\'') => self.string(template),
            Some('$') => self.path(),
            Some('-' | '0'..='9') => self.number(),
            Some(c) if c.is_ascii_alphabetic() => {
                for (word, value) in
                    [("true", true.into()), ("false", false.into()), ("null", Value::Null)]
                {
                    if self.word_is(word) {
                        self.take(word.len());
                        return Ok(Argument::Literal(value));
                    }
                }
                Ok(Argument::Call(self.call(nesting + 1)?))
            }
            Some('"') => Err(self.fail("a string stands in apostrophes, not in double quotes")),
            _ => Err(self.fail(
                "an argument must be a path, a string in apostrophes, a number, true, false, \
                 null or a call",
            )),
        }
    }

    fn word_is(&self, word: &str) -> bool {
        let after = self.rest().strip_prefix(word);
        after.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.'))
    }

    fn string(&mut self, template: bool) -> Result<Argument, Failure> {
        let start = self.at;
        self.take(1);
        let mut escaped = false;
        let end = self.rest().find(|c| {
            let ends = c == '\'' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some(end) = end else {
            return Err((start, "the string has no closing apostrophe".to_owned()));
        };
        let body = self.at;
        let raw = self.take(end);
        self.take(1);
        let literal = |(at, message)| (body + at, message);
        if template {
            return Ok(Argument::Template(Template::parse(raw).map_err(literal)?));
        }
        Ok(Argument::Literal(Value::from(unescape(raw).map_err(literal)?)))
    }

    /// A path ends at the comma or parenthesis that is not inside its own brackets.
    fn path(&mut self) -> Result<Argument, Failure> {
        let start = self.at;
        let (mut depth, mut quoted) = (0_usize, false);
        let end = self.rest().find(|c| {
            match c {
                '\'' if depth > 0 => quoted = !quoted,
                _ if quoted => {}
                '[' | '(' => depth += 1,
                ']' | ')' if depth > 0 => depth -= 1,
                ',' | ')' if depth == 0 => return true,
                _ => {}
            }
            false
        });
        let text = self.take(end.unwrap_or(self.rest().len())).trim_end();
        let path = ScopedPath::parse(text).map_err(|error| (start, error.to_string()))?;
        Ok(Argument::Path(path))
    }

    fn number(&mut self) -> Result<Argument, Failure> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '+' | '-'));
        let text = &rest[..end.unwrap_or(rest.len())];
        let value = crate::json::parse(text).ok().filter(|value| value.as_number().is_some());
        let value = value.ok_or_else(|| self.fail(format!("`{text}` is not a number")))?;
        self.take(text.len());
        Ok(Argument::Literal(value))
    }
}

/// The text of a string literal; the escapes are `\'`, `\{`, `\}` and `\\`.
pub(super) fn unescape(raw: &str) -> Result<String, Failure> {
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.char_indices();
    while let Some((at, c)) = chars.next() {
        text.push(match c {
            '\\' => escaped(at, chars.next())?,
            c => c,
        });
    }
    Ok(text)
}

/// The character that an escape at `at` stands for. Others are refused: AWS fails at run time
/// with them (Developer Guide, "Reserved characters in intrinsic functions").
pub(super) fn escaped(at: usize, next: Option<(usize, char)>) -> Result<char, Failure> {
    match next {
        Some((_, c @ ('\'' | '{' | '}' | '\\'))) => Ok(c),
        Some((_, c)) => {
            Err((at, format!("`\\{c}` is no escape, there are only \\' \\{{ \\}} and \\\\")))
        }
        None => Err((at, "a backslash must precede what it escapes".to_owned())),
    }
}

fn unknown(name: &str) -> String {
    if name.is_empty() {
        return "the name of a function is expected, such as `States.Format`".to_owned();
    }
    let near = FUNCTIONS
        .iter()
        .map(|(known, ..)| {
            (strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase()), known)
        })
        .min()
        .filter(|(distance, _)| *distance <= 4);
    match near {
        Some((_, known)) => format!("there is no function `{name}`, did you mean `{known}`?"),
        None => format!("there is no function `{name}`"),
    }
}
