//! The path parser, fragment by fragment as Jayway JsonPath 2.0.0 reads them.
//!
//! It cuts the text into fragments (`.name`, `[...]`, `..`, `*`) and then looks in each for the
//! first character that says what it is, which is why `$["a1"]` selects index 1.

use std::fmt;
use std::sync::Arc;

use super::Step;
use super::filter::Filter;

/// How deep filters may hold paths that hold filters.
const MAX_NESTING: usize = 16;

/// The longest path, in steps. AWS states no limit; evaluation nests as deep as this.
const MAX_STEPS: usize = 256;

/// A complaint of the parser. It prints as AWS would show it: with the Java class of each
/// exception that wrapped another.
#[derive(Debug)]
pub(super) enum Complaint {
    InvalidPath(String),
    Wrapped(Box<Complaint>),
    Java(&'static str, String),
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidPath(message) => f.write_str(message),
            Self::Wrapped(inner) => inner.describe(f),
            Self::Java(..) => self.describe(f),
        }
    }
}

impl Complaint {
    /// What Java's `toString` says of the exception.
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidPath(message) => {
                write!(f, "com.jayway.jsonpath.InvalidPathException: {message}")
            }
            Self::Wrapped(inner) => {
                f.write_str("com.jayway.jsonpath.InvalidPathException: ")?;
                inner.describe(f)
            }
            Self::Java(class, message) if message.is_empty() => f.write_str(class),
            Self::Java(class, message) => write!(f, "{class}: {message}"),
        }
    }

    pub(super) fn out_of_range(at: usize) -> Self {
        let class = "java.lang.StringIndexOutOfBoundsException";
        Self::Java(class, format!("String index out of range: {at}"))
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidPath(message.into())
    }
}

/// Compiles a text; `nesting` counts the filters around it. Every complaint comes out wrapped,
/// as the original wraps each exception into another.
pub(super) fn compile(text: &str, nesting: usize) -> Result<Vec<Step>, Complaint> {
    compile_unwrapped(text, nesting).map_err(|inner| Complaint::Wrapped(Box::new(inner)))
}

fn compile_unwrapped(text: &str, nesting: usize) -> Result<Vec<Step>, Complaint> {
    if nesting > MAX_NESTING {
        return Err(Complaint::invalid(format!("filters nest deeper than {MAX_NESTING} levels")));
    }
    let trimmed = text.trim_matches(|c| c <= ' ');
    if trimmed.ends_with("..") {
        return Err(Complaint::invalid("A path can not end with a scan."));
    }
    let mut path: Vec<char> = trimmed.chars().collect();
    match path.first() {
        Some('$') => {}
        Some('@') => path[0] = '$',
        Some(_) => {
            path.splice(0..0, ['$', '.']);
        }
        None => return Err(Complaint::out_of_range(0)),
    }
    if path.get(1).is_some_and(|c| !matches!(c, '.' | '[')) {
        let text: String = path.iter().collect();
        return Err(Complaint::invalid(format!("Invalid path {text}")));
    }

    let mut steps = Vec::new();
    let mut at = 1;
    while at < path.len() {
        let step = match path[at] {
            ' ' => return Err(Complaint::invalid("Space not allowed in path")),
            // A root in mid-path changes nothing.
            '$' => {
                at += 1;
                continue;
            }
            '[' => {
                let end = closing_bracket(&path, at);
                let fragment = Fragment { text: &path[at..end], at: 0 };
                at = end;
                fragment.analyze(nesting)?
            }
            '.' => {
                at += 1;
                if *path.get(at).ok_or_else(|| Complaint::out_of_range(path.len()))? == '.' {
                    at += 1;
                    Step::Scan
                } else {
                    let end = end_of_name(&path, at);
                    let name = at..end;
                    at = end;
                    match &path[name] {
                        [] => continue,
                        ['*'] => Step::Wildcard,
                        name => member(name)?,
                    }
                }
            }
            '*' => {
                at += 1;
                Step::Wildcard
            }
            _ => {
                let end = end_of_name(&path, at);
                let step = member(&path[at..end])?;
                at = end;
                step
            }
        };
        if steps.len() == MAX_STEPS {
            return Err(Complaint::invalid(format!("the path has more than {MAX_STEPS} steps")));
        }
        steps.push(step);
    }
    Ok(steps)
}

/// A name after a dot is read like one in brackets and quotes, quotes inside it included.
fn member(name: &[char]) -> Result<Step, Complaint> {
    let mut text = Vec::with_capacity(name.len() + 4);
    text.extend(['[', '\'']);
    text.extend(name);
    text.extend(['\'', ']']);
    Fragment { text: &text, at: 1 }.members()
}

fn end_of_name(path: &[char], from: usize) -> usize {
    let length = path[from..].iter().position(|c| matches!(c, '.' | '[' | ' '));
    length.map_or(path.len(), |length| from + length)
}

/// One past the bracket that closes the one at `open`, or the end of the path. Quotes do not
/// protect brackets.
fn closing_bracket(path: &[char], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in path.iter().enumerate().skip(open + 1) {
        match c {
            ']' if depth == 0 => return at + 1,
            ']' => depth -= 1,
            '[' => depth += 1,
            _ => {}
        }
    }
    path.len()
}

struct Fragment<'a> {
    text: &'a [char],
    at: usize,
}

impl Fragment<'_> {
    fn analyze(mut self, nesting: usize) -> Result<Step, Complaint> {
        if self.text == ['[', '*', ']'] {
            return Ok(Step::Wildcard);
        }
        if self.is_placeholder() {
            return Err(Complaint::invalid("a filter without a condition selects nothing"));
        }
        while let Some(c) = self.text.get(self.at) {
            match c {
                '?' => return self.filter(nesting),
                '\'' => return self.members(),
                '@' => return self.offset_from_length(),
                c if c.is_ascii_digit() || matches!(c, ':' | '-') => return self.indexes(),
                _ => self.at += 1,
            }
        }
        let text: String = self.text.iter().collect();
        Err(Complaint::invalid(format!("Could not analyze path component: {text}")))
    }

    /// Whether this is `[?]` or `[?, ?]`, which stand for filters that a Java program passes.
    fn is_placeholder(&self) -> bool {
        let mut inner = self.text.iter().skip(1).filter(|c| !c.is_whitespace());
        inner.next() == Some(&'?')
            && self.text.last() == Some(&']')
            && inner.all(|c| matches!(c, '?' | ',' | '*' | ']'))
    }

    fn current(&self) -> Result<char, Complaint> {
        self.text.get(self.at).copied().ok_or_else(|| Complaint::out_of_range(self.text.len()))
    }

    fn next(&mut self) -> Result<char, Complaint> {
        self.at += 1;
        self.current()
    }

    fn members(mut self) -> Result<Step, Complaint> {
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut name = String::new();
        let mut open = false;
        let mut current = self.current()?;
        while current != ']' {
            if current == '\'' {
                if open {
                    names.push(std::mem::take(&mut name).into());
                }
                open = !open;
            } else if open {
                name.push(current);
            }
            current = self.next()?;
        }
        Ok(match names.len() {
            1 => Step::Member(names.remove(0)),
            _ => Step::Members(names),
        })
    }

    /// `[(@.length - 1)]` and `[(@.size()-1)]`.
    fn offset_from_length(mut self) -> Result<Step, Complaint> {
        self.next()?;
        let mut function = String::new();
        let mut current = self.next()?;
        while current != '-' {
            if !matches!(current, ' ' | '(' | ')') {
                function.push(current);
            }
            current = self.next()?;
        }
        if !matches!(function.as_str(), "size" | "length") {
            return Err(Complaint::invalid(format!(
                "Invalid function: @.{function}. Supported functions are: \
                 [(@.length - n)] and [(@.size() - n)]"
            )));
        }
        let mut offset = String::new();
        while current != ')' {
            if current != ' ' {
                offset.push(current);
            }
            current = self.next()?;
        }
        Ok(Step::FromLength(integer(&offset)?))
    }

    /// Indexes and slices. What follows the first two numbers of a slice is read and forgotten.
    fn indexes(mut self) -> Result<Step, Complaint> {
        let mut numbers = Vec::new();
        let mut digits = String::new();
        let (mut sequence, mut from, mut to) = (false, false, false);
        let mut current = self.current()?;
        while current.is_ascii_digit() || matches!(current, ',' | ' ' | ':' | '-') {
            match current {
                ' ' => {}
                ':' if digits.is_empty() => {
                    to = true;
                    current = self.number(&mut digits)?;
                    numbers.push(take_integer(&mut digits)?);
                }
                ':' => {
                    numbers.push(take_integer(&mut digits)?);
                    current = self.number(&mut digits)?;
                    if digits.is_empty() {
                        from = true;
                    } else {
                        numbers.push(take_integer(&mut digits)?);
                    }
                }
                ',' => {
                    numbers.push(take_integer(&mut digits)?);
                    sequence = true;
                }
                digit => digits.push(digit),
            }
            if current == ']' {
                break;
            }
            current = self.next()?;
        }
        if !digits.is_empty() {
            numbers.push(take_integer(&mut digits)?);
        }
        Ok(match numbers[..] {
            [index] if !from && !to => Step::Index(index),
            _ if sequence => Step::Indexes(numbers),
            [first, ..] if from => Step::SliceFrom(first),
            [first, ..] if to => Step::SliceTo(first),
            [first, second, ..] => Step::Slice(first, second),
            _ => return Err(Complaint::invalid("an array step without a number")),
        })
    }

    /// Reads the number after a colon; the character after it.
    fn number(&mut self, digits: &mut String) -> Result<char, Complaint> {
        loop {
            match self.next()? {
                ' ' => {}
                c if c.is_ascii_digit() || c == '-' => digits.push(c),
                c => return Ok(c),
            }
        }
    }

    fn filter(self, nesting: usize) -> Result<Step, Complaint> {
        let (mut round, mut square) = (0_i32, 0_i32);
        let mut quoted = false;
        let mut before = ' ';
        for (at, c) in self.text.iter().copied().enumerate() {
            match c {
                '\'' if before != '\\' => quoted = !quoted,
                '(' if !quoted => round += 1,
                ')' if !quoted => round -= 1,
                '[' if !quoted => square += 1,
                ']' if !quoted => {
                    square -= 1;
                    if round == 0 {
                        if square != 0 {
                            break;
                        }
                        let text: String = self.text[..=at].iter().collect();
                        return Ok(Step::Filter(Filter::parse(&text, nesting)?));
                    }
                }
                _ => {}
            }
            before = c;
        }
        if round == 0 && square != 0 {
            return Err(Complaint::invalid("Filter brackets are not balanced"));
        }
        Err(Complaint::out_of_range(self.text.len()))
    }
}

fn take_integer(digits: &mut String) -> Result<i32, Complaint> {
    integer(&std::mem::take(digits))
}

fn integer(digits: &str) -> Result<i32, Complaint> {
    digits.parse().map_err(|_| {
        let message = format!("For input string: \"{digits}\"");
        Complaint::Java("java.lang.NumberFormatException", message)
    })
}
