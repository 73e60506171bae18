//! The syntax of ECMAScript regular expressions without the flags `u` and `v`, with the lenient
//! reading that browsers share (annex B of the specification).

/// What `\s` means, as sorted ranges.
const SPACES: [(u16, u16); 10] = [
    (0x09, 0x0d),
    (0x20, 0x20),
    (0xa0, 0xa0),
    (0x1680, 0x1680),
    (0x2000, 0x200a),
    (0x2028, 0x2029),
    (0x202f, 0x202f),
    (0x205f, 0x205f),
    (0x3000, 0x3000),
    (0xfeff, 0xfeff),
];

/// How deep groups may nest.
const MAX_NESTING: usize = 100;

#[derive(Debug)]
pub(super) enum Node {
    Empty,
    Char(u16),
    /// `.`
    Any,
    Class(Class),
    /// `^` and `$`
    Start,
    End,
    /// `\b`, or `\B` where negated.
    Boundary {
        negated: bool,
    },
    Group {
        index: usize,
        body: Box<Node>,
    },
    BackReference(usize),
    Look {
        behind: bool,
        negated: bool,
        body: Box<Node>,
    },
    Repeat(Repeat),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
}

#[derive(Debug)]
pub(super) struct Repeat {
    pub body: Box<Node>,
    pub min: u32,
    pub max: Option<u32>,
    pub greedy: bool,
    /// The groups inside, which every repetition forgets first.
    pub groups: std::ops::Range<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Class {
    pub ranges: Vec<(u16, u16)>,
    pub negated: bool,
}

pub(super) struct Parsed {
    pub body: Node,
    /// How many capturing groups there are.
    pub groups: usize,
}

type Result<T> = std::result::Result<T, String>;

/// Reads a pattern; the error is what V8 says of it.
pub(super) fn parse(pattern: &str) -> Result<Parsed> {
    let units: Vec<u16> = pattern.encode_utf16().collect();
    let (groups, names) = scan_groups(&units);
    let mut parser =
        Parser { units, at: 0, next_group: 1, groups, names, seen: vec![], nesting: 0 };
    let body = parser.choice()?;
    match parser.peek() {
        None => Ok(Parsed { body, groups }),
        Some(_) => Err("Unmatched ')'".into()),
    }
}

struct Parser {
    units: Vec<u16>,
    at: usize,
    next_group: usize,
    groups: usize,
    /// Names of groups, with their numbers.
    names: Vec<(Vec<u16>, usize)>,
    /// Names whose groups were read.
    seen: Vec<Vec<u16>>,
    nesting: usize,
}

const fn unit(char: char) -> u16 {
    char as u16
}

/// Whether the code unit may be part of the name of a group.
fn is_name_unit(unit: u16) -> bool {
    match char::from_u32(u32::from(unit)) {
        Some(char) => char.is_alphanumeric() || matches!(char, '_' | '$'),
        None => true,
    }
}

/// Counts the capturing groups and finds their names, before references to them are read.
fn scan_groups(units: &[u16]) -> (usize, Vec<(Vec<u16>, usize)>) {
    let (mut count, mut names, mut in_class, mut at) = (0, Vec::new(), false, 0);
    let is = |index: usize, char: char| units.get(index) == Some(&unit(char));
    while at < units.len() {
        if is(at, '\\') {
            at += 1;
        } else if in_class {
            in_class = !is(at, ']');
        } else if is(at, '[') {
            in_class = true;
        } else if is(at, '(') {
            let named = is(at + 1, '?') && is(at + 2, '<') && !is(at + 3, '=') && !is(at + 3, '!');
            if named || !is(at + 1, '?') {
                count += 1;
            }
            if named {
                let name = &units[at + 3..];
                let end = name.iter().take_while(|unit| is_name_unit(**unit)).count();
                if name.get(end) == Some(&unit('>')) {
                    names.push((name[..end].to_vec(), count));
                }
            }
        }
        at += 1;
    }
    (count, names)
}

impl Parser {
    fn peek(&self) -> Option<u16> {
        self.units.get(self.at).copied()
    }

    fn is(&self, text: &str) -> bool {
        text.encode_utf16().eq(self.units[self.at..].iter().copied().take(text.len()))
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.is(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn choice(&mut self) -> Result<Node> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err("Regular expression too large".into());
        }
        let mut choices = vec![self.sequence()?];
        while self.eat("|") {
            choices.push(self.sequence()?);
        }
        self.nesting -= 1;
        Ok(match choices.len() {
            1 => choices.remove(0),
            _ => Node::Choice(choices),
        })
    }

    fn sequence(&mut self) -> Result<Node> {
        let mut terms = Vec::new();
        while !matches!(self.peek(), None | Some(0x7c | 0x29)) {
            terms.push(self.term()?);
        }
        Ok(match terms.len() {
            0 => Node::Empty,
            1 => terms.remove(0),
            _ => Node::Sequence(terms),
        })
    }

    fn term(&mut self) -> Result<Node> {
        let first_group = self.next_group;
        if self.eat("^") {
            return Ok(Node::Start);
        }
        if self.eat("$") {
            return Ok(Node::End);
        }
        let atom = match self.peek() {
            Some(0x28) => self.group()?,
            Some(0x5b) => self.class()?,
            Some(0x5c) => match self.escape()? {
                boundary @ Node::Boundary { .. } => return Ok(boundary),
                atom => atom,
            },
            Some(0x2a | 0x2b | 0x3f) => return Err("Nothing to repeat".into()),
            Some(0x7b) if self.braces()?.is_some() => return Err("Nothing to repeat".into()),
            Some(0x2e) => {
                self.at += 1;
                Node::Any
            }
            Some(char) => {
                self.at += 1;
                Node::Char(char)
            }
            None => Node::Empty,
        };
        if matches!(atom, Node::Look { behind: true, .. }) {
            let quantified = match self.peek() {
                Some(0x7b) => self.braces()?.is_some(),
                next => matches!(next, Some(0x2a | 0x2b | 0x3f)),
            };
            return if quantified { Err("Invalid quantifier".into()) } else { Ok(atom) };
        }
        self.quantified(atom, first_group)
    }

    fn quantified(&mut self, atom: Node, first_group: usize) -> Result<Node> {
        let (min, max) = match self.peek() {
            Some(0x2a) => (0, None),
            Some(0x2b) => (1, None),
            Some(0x3f) => (0, Some(1)),
            Some(0x7b) => match self.braces()? {
                Some(bounds) => bounds,
                None => return Ok(atom),
            },
            _ => return Ok(atom),
        };
        let rest = &self.units[self.at..];
        self.at += match rest.first() {
            Some(0x7b) => {
                rest.iter().position(|u| *u == unit('}')).map_or(rest.len(), |end| end + 1)
            }
            _ => 1,
        };
        let greedy = !self.eat("?");
        let groups = first_group..self.next_group;
        Ok(Node::Repeat(Repeat { body: Box::new(atom), min, max, greedy, groups }))
    }

    /// The bounds of a `{n,m}` that is here, which stays unread; `None` where it is none.
    fn braces(&self) -> Result<Option<(u32, Option<u32>)>> {
        let rest = &self.units[self.at + 1..];
        let bound = |unit: &&u16| matches!(**unit, 0x2c | 0x30..=0x39);
        let end = rest.iter().take_while(bound).count();
        if rest.get(end) != Some(&unit('}')) {
            return Ok(None);
        }
        let text = String::from_utf16_lossy(&rest[..end]);
        let (low, high) = match text.split_once(',') {
            Some((low, high)) => (low, Some(high)),
            None => (&*text, None),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if low.is_empty() || !digits(low) || !digits(high.unwrap_or("")) {
            return Ok(None);
        }
        let number = |text: &str| text.parse().unwrap_or(u32::MAX);
        let min = number(low);
        let max = match high {
            None => Some(min),
            Some("") => None,
            Some(high) => Some(number(high)),
        };
        if max.is_some_and(|max| max < min) {
            return Err("numbers out of order in {} quantifier".into());
        }
        Ok(Some((min, max.filter(|max| *max != u32::MAX))))
    }

    fn group(&mut self) -> Result<Node> {
        self.at += 1;
        let look = if self.eat("?=") {
            Some((false, false))
        } else if self.eat("?!") {
            Some((false, true))
        } else if self.eat("?<=") {
            Some((true, false))
        } else if self.eat("?<!") {
            Some((true, true))
        } else {
            None
        };
        let mut index = None;
        if look.is_none() && !self.eat("?:") {
            if self.eat("?<") {
                self.group_name()?;
            } else if self.is("?") {
                return Err("Invalid group".into());
            }
            index = Some(self.next_group);
            self.next_group += 1;
        }
        let body = self.choice()?;
        if !self.eat(")") {
            return Err("Unterminated group".into());
        }
        let body = Box::new(body);
        Ok(match (look, index) {
            (Some((behind, negated)), _) => Node::Look { behind, negated, body },
            (None, Some(index)) => Node::Group { index, body },
            // A look-behind in a group of its own may be repeated.
            (None, None) if matches!(*body, Node::Look { .. }) => Node::Sequence(vec![*body]),
            (None, None) => *body,
        })
    }

    fn group_name(&mut self) -> Result<()> {
        let rest = &self.units[self.at..];
        let end = rest.iter().take_while(|unit| is_name_unit(**unit)).count();
        let closed = rest.get(end) == Some(&unit('>'));
        let name = if closed { rest[..end].to_vec() } else { Vec::new() };
        let starts_like_digit = name.first().is_some_and(|u| (0x30..0x3a).contains(u));
        if name.is_empty() || starts_like_digit {
            return Err("Invalid capture group name".into());
        }
        if self.seen.contains(&name) {
            return Err("Duplicate capture group name".into());
        }
        self.at += name.len() + 1;
        self.seen.push(name);
        Ok(())
    }

    /// An escape outside of a class.
    fn escape(&mut self) -> Result<Node> {
        self.at += 1;
        let Some(char) = self.peek() else { return Err("\\ at end of pattern".into()) };
        if self.eat("b") || self.eat("B") {
            return Ok(Node::Boundary { negated: char == unit('B') });
        }
        if let Some(class) = self.class_escape() {
            return Ok(Node::Class(class));
        }
        if char == unit('k') && !self.names.is_empty() {
            self.at += 1;
            let rest = &self.units[self.at..];
            let end = rest.iter().position(|u| *u == unit('>'));
            let (true, Some(end)) = (self.is("<"), end) else {
                return Err("Invalid named reference".into());
            };
            let name = &rest[1..end];
            let found = self.names.iter().find(|(known, _)| known == name);
            let Some((_, index)) = found else {
                return Err("Invalid named capture referenced".into());
            };
            let index = *index;
            self.at += end + 1;
            return Ok(Node::BackReference(index));
        }
        if (0x31..0x3a).contains(&char) {
            let digits = self.units[self.at..].iter().take_while(|u| (0x30..0x3a).contains(*u));
            let (count, index) = digits.fold((0, 0_usize), |(count, index), digit| {
                (count + 1, index.saturating_mul(10).saturating_add(usize::from(digit - 0x30)))
            });
            if index <= self.groups {
                self.at += count;
                return Ok(Node::BackReference(index));
            }
        }
        Ok(Node::Char(self.character_escape()?))
    }

    /// `\d` and the like.
    fn class_escape(&mut self) -> Option<Class> {
        let letter = char::from_u32(u32::from(self.peek()?))?;
        let ranges = match letter.to_ascii_lowercase() {
            'd' => vec![(0x30, 0x39)],
            'w' => vec![(0x30, 0x39), (0x41, 0x5a), (0x5f, 0x5f), (0x61, 0x7a)],
            's' => SPACES.to_vec(),
            _ => return None,
        };
        self.at += 1;
        Some(Class { ranges, negated: letter.is_ascii_uppercase() })
    }

    /// The character of an escape whose backslash was read.
    fn character_escape(&mut self) -> Result<u16> {
        let Some(char) = self.peek() else { return Err("\\ at end of pattern".into()) };
        self.at += 1;
        let control = self.units.get(self.at).copied();
        Ok(match char::from_u32(u32::from(char)) {
            Some('t') => 0x09,
            Some('n') => 0x0a,
            Some('v') => 0x0b,
            Some('f') => 0x0c,
            Some('r') => 0x0d,
            Some('x') => self.hex(2).unwrap_or(char),
            Some('u') => self.hex(4).unwrap_or(char),
            Some('c') => {
                match control.filter(|u| u8::try_from(*u).is_ok_and(|b| b.is_ascii_alphabetic())) {
                    Some(letter) => {
                        self.at += 1;
                        letter % 32
                    }
                    None => {
                        self.at -= 1;
                        unit('\\')
                    }
                }
            }
            Some('0'..='7') => {
                let mut value = char - 0x30;
                for _ in 0..2 {
                    match self.peek() {
                        Some(digit @ 0x30..=0x37) if value * 8 + (digit - 0x30) <= 0o377 => {
                            value = value * 8 + (digit - 0x30);
                            self.at += 1;
                        }
                        _ => break,
                    }
                }
                value
            }
            _ => char,
        })
    }

    fn hex(&mut self, count: usize) -> Option<u16> {
        let digits = self.units.get(self.at..self.at + count)?;
        let text = String::from_utf16(digits).ok()?;
        let valid = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = u16::from_str_radix(&text, 16).ok().filter(|_| valid)?;
        self.at += count;
        Some(value)
    }

    fn class(&mut self) -> Result<Node> {
        self.at += 1;
        let mut class = Class { ranges: Vec::new(), negated: self.eat("^") };
        loop {
            if self.eat("]") {
                return Ok(Node::Class(class));
            }
            let low = self.class_atom(&mut class.ranges)?;
            if !self.is("-") || self.units.get(self.at + 1) == Some(&unit(']')) {
                class.ranges.extend(low.map(|low| (low, low)));
                continue;
            }
            self.at += 1;
            let high = self.class_atom(&mut class.ranges)?;
            match (low, high) {
                (Some(low), Some(high)) if low > high => {
                    return Err("Range out of order in character class".into());
                }
                (Some(low), Some(high)) => class.ranges.push((low, high)),
                (low, high) => {
                    let single = low.into_iter().chain(high).chain([unit('-')]);
                    class.ranges.extend(single.map(|char| (char, char)));
                }
            }
        }
    }

    /// A character of a class; the characters of `\d` and the like go to `ranges` at once.
    fn class_atom(&mut self, ranges: &mut Vec<(u16, u16)>) -> Result<Option<u16>> {
        let Some(char) = self.peek() else { return Err("Unterminated character class".into()) };
        self.at += 1;
        if char != unit('\\') {
            return Ok(Some(char));
        }
        if self.eat("b") {
            return Ok(Some(0x08));
        }
        if let Some(class) = self.class_escape() {
            if class.negated {
                ranges.extend(complement(&class.ranges));
            } else {
                ranges.extend(class.ranges);
            }
            return Ok(None);
        }
        if self.is("c") {
            let digit = |u: &u16| (0x30..0x3a).contains(u) || *u == unit('_');
            if let Some(control) = self.units.get(self.at + 1).copied().filter(digit) {
                self.at += 2;
                return Ok(Some(control % 32));
            }
        }
        self.character_escape().map(Some)
    }
}

/// What sorted ranges leave out.
fn complement(ranges: &[(u16, u16)]) -> Vec<(u16, u16)> {
    let mut left = Vec::new();
    let mut next = 0_u32;
    for (low, high) in ranges {
        if next < u32::from(*low) {
            left.push((next as u16, low - 1));
        }
        next = u32::from(*high) + 1;
    }
    if next <= 0xffff {
        left.push((next as u16, u16::MAX));
    }
    left
}
