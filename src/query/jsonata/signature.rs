//! Function signatures: `<s-n?:s>` checks and completes the arguments of a call.
//!
//! The reference turns a signature into a regular expression over one letter per argument. The
//! same language is matched here by a table, so that no signature can take exponential time.

use super::error::Fault;
use super::item::{Item, List};

#[derive(Debug)]
pub(super) struct Signature {
    /// The text, as errors and `$string` show it.
    pub text: String,
    params: Vec<Param>,
}

#[derive(Debug, Default)]
struct Param {
    kind: Kind,
    /// Which letters match, as a set of bits.
    letters: u8,
    /// The modifiers, as in a regular expression.
    repeat: Repeat,
    /// A missing argument is taken from the context.
    context: bool,
    subtype: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Other,
    Array,
    Function,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Repeat {
    #[default]
    Once,
    Optional,
    OptionalLazy,
    Many,
    ManyLazy,
}

const LETTERS: &[u8] = b"asnblfom";

impl Signature {
    /// Reads a signature from its opening `<`; an error comes with the offset of the trouble.
    pub fn parse(text: &str) -> Result<Self, (Box<Fault>, usize)> {
        let chars: Vec<char> = text.chars().collect();
        let mut params: Vec<Param> = Vec::new();
        let mut position = 1;
        while let Some(symbol) = chars.get(position).copied() {
            match symbol {
                ':' => break,
                's' | 'n' | 'b' | 'l' | 'o' => {
                    params.push(Param::new(Kind::Other, bit(symbol) | bit('m')));
                }
                'a' => params.push(Param::new(Kind::Array, u8::MAX)),
                'f' => params.push(Param::new(Kind::Function, bit('f'))),
                'j' => params.push(Param::new(Kind::Other, !bit('f'))),
                'x' => params.push(Param::new(Kind::Other, u8::MAX)),
                '-' => modify(&mut params, position, |param| {
                    param.context = true;
                    param.repeat.optional()
                })?,
                '?' => modify(&mut params, position, |param| param.repeat.optional())?,
                '+' => modify(&mut params, position, |param| param.repeat.many())?,
                '(' => {
                    let end = closing(&chars, position, '(', ')');
                    let choice: String = chars[position + 1..end].iter().collect();
                    if choice.contains('<') {
                        let fault = Fault::new("S0402").value(Some((&*choice).into()));
                        return Err((fault, position));
                    }
                    params.push(Param::new(Kind::Other, choice_letters(&choice)));
                    position = end;
                }
                '<' => {
                    let end = closing(&chars, position, '<', '>');
                    match params.last_mut() {
                        Some(param) if param.kind != Kind::Other => {
                            param.subtype = Some(chars[position + 1..end].iter().collect());
                        }
                        other => {
                            let value = other.map(|_| type_text(&chars, position).into());
                            return Err((Fault::new("S0401").value(value), position));
                        }
                    }
                    position = end;
                }
                _ => {}
            }
            position += 1;
        }
        Ok(Self { text: text.to_owned(), params })
    }

    /// The arguments a function gets: checked, completed from the context, wrapped into arrays.
    pub fn validate<'e>(
        &self,
        args: Vec<Item<'e>>,
        context: &Item<'e>,
    ) -> Result<Vec<Item<'e>>, Box<Fault>> {
        if self.fits_in_place(&args) {
            return Ok(args);
        }
        let supplied: Vec<u8> = args.iter().map(letter).collect();
        let Some(counts) = match_counts(&self.params, &supplied, true) else {
            return Err(self.mismatch(&args, &supplied));
        };
        let mut validated = Vec::with_capacity(args.len());
        let (mut at, mut index) = (0, 0);
        for (param, count) in self.params.iter().zip(counts) {
            let first = args.get(index).cloned().unwrap_or_default();
            let matched = &supplied[at..at + count];
            at += count;
            if count == 0 {
                if !param.context {
                    validated.push(first);
                    index += 1;
                } else if param.letters & bit_of(letter(context)) != 0 {
                    validated.push(context.clone());
                } else {
                    return Err(Fault::new("T0411").value(context.shown()).index(index + 1));
                }
                continue;
            }
            for single in matched {
                let item = if param.kind == Kind::Array {
                    let item = args.get(index).cloned().unwrap_or_default();
                    param.array(item, *single, matched, index)?
                } else {
                    // Repetitions of anything but arrays repeat the first argument.
                    first.clone()
                };
                validated.push(item);
                index += 1;
            }
        }
        Ok(validated)
    }

    /// Whether every argument is what its parameter asks for and nothing is to be added: then
    /// the arguments are passed as they are.
    fn fits_in_place(&self, args: &[Item<'_>]) -> bool {
        args.len() == self.params.len()
            && self.params.iter().zip(args).all(|(param, arg)| {
                let letter = letter(arg);
                let plain = match (param.kind, arg, &param.subtype) {
                    (Kind::Array, Item::Array(list), Some(subtype)) => all_of(list, subtype),
                    (Kind::Array, item, _) => matches!(item, Item::Array(_) | Item::Undefined),
                    _ => true,
                };
                let (_, many, _) = param.repeat.counts();
                plain && !many && param.letters & bit_of(letter) != 0
            })
    }

    fn mismatch(&self, args: &[Item<'_>], supplied: &[u8]) -> Box<Fault> {
        let mut good = 0;
        for count in 1..=self.params.len() {
            match match_counts(&self.params[..count], supplied, false) {
                Some(counts) => good = counts.iter().sum(),
                None => break,
            }
        }
        let value = args.get(good).and_then(Item::shown);
        Fault::new("T0410").value(value).index(good + 1)
    }
}

impl Param {
    fn new(kind: Kind, letters: u8) -> Self {
        Self { kind, letters, ..Self::default() }
    }

    /// An argument for an array parameter.
    fn array<'e>(
        &self,
        item: Item<'e>,
        single: u8,
        matched: &[u8],
        index: usize,
    ) -> Result<Item<'e>, Box<Fault>> {
        if single == b'm' {
            return Ok(Item::Undefined);
        }
        if let Some(subtype) = &self.subtype {
            let fits = match &item {
                Item::Array(list) if single == b'a' => all_of(list, subtype),
                _ => matched == subtype.as_bytes(),
            };
            if !fits {
                let plural = match &**subtype {
                    "a" => Some("arrays"),
                    "b" => Some("booleans"),
                    "f" => Some("functions"),
                    "n" => Some("numbers"),
                    "o" => Some("objects"),
                    "s" => Some("strings"),
                    _ => None,
                };
                let fault = Fault::new("T0412").value(item.shown()).index(index + 1);
                return Err(fault.with("type", plural.map(Into::into)));
            }
        }
        if single == b'a' { Ok(item) } else { Item::array(vec![item]) }
    }
}

/// Whether all elements are of the type that `subtype` starts with.
fn all_of(list: &List<'_>, subtype: &str) -> bool {
    let wanted = subtype.as_bytes().first();
    list.iter().all(|item| Some(&letter(&item)) == wanted)
}

impl Repeat {
    fn optional(self) -> Option<Self> {
        match self {
            Self::Once => Some(Self::Optional),
            Self::Optional => Some(Self::OptionalLazy),
            Self::Many => Some(Self::ManyLazy),
            _ => None,
        }
    }

    fn many(self) -> Option<Self> {
        (self == Self::Once).then_some(Self::Many)
    }

    fn counts(self) -> (bool, bool, bool) {
        let zero = matches!(self, Self::Optional | Self::OptionalLazy);
        let many = matches!(self, Self::Many | Self::ManyLazy);
        let lazy = matches!(self, Self::OptionalLazy | Self::ManyLazy);
        (zero, many, lazy)
    }
}

fn modify(
    params: &mut [Param],
    position: usize,
    change: impl FnOnce(&mut Param) -> Option<Repeat>,
) -> Result<(), (Box<Fault>, usize)> {
    let Some(param) = params.last_mut() else { return Ok(()) };
    match change(param) {
        Some(repeat) => {
            param.repeat = repeat;
            Ok(())
        }
        None => Err((Fault::host("Invalid regular expression: Nothing to repeat"), position)),
    }
}

fn bit_of(letter: u8) -> u8 {
    LETTERS.iter().position(|known| *known == letter).map_or(0, |at| 1 << at)
}

fn bit(letter: char) -> u8 {
    u8::try_from(letter).map_or(0, bit_of)
}

/// The letters of a choice, read like the character class that the reference makes of it.
fn choice_letters(choice: &str) -> u8 {
    let (negated, class) = match choice.strip_prefix('^') {
        Some(rest) => (true, format!("{rest}m")),
        None => (false, format!("{choice}m")),
    };
    let chars: Vec<char> = class.chars().collect();
    let mut letters = 0;
    let mut at = 0;
    while at < chars.len() {
        let low = chars[at];
        let range = chars.get(at + 1) == Some(&'-') && at + 2 < chars.len();
        let high = if range { chars[at + 2] } else { low };
        for known in LETTERS {
            if (low..=high).contains(&char::from(*known)) {
                letters |= bit_of(*known);
            }
        }
        at += if range { 3 } else { 1 };
    }
    if negated { !letters } else { letters }
}

/// What the reference calls the type of the parameter that ends before `position`.
fn type_text(chars: &[char], position: usize) -> String {
    let before: String = chars[..position].iter().collect();
    let before = before.trim_end_matches(['-', '?', '+']);
    match before.rfind('(') {
        Some(open) if before.ends_with(')') => before[open..].to_owned(),
        _ => before.chars().last().map(String::from).unwrap_or_default(),
    }
}

/// The place of the bracket that closes the one at `start`.
fn closing(chars: &[char], start: usize, open: char, close: char) -> usize {
    let mut depth = 1;
    let mut position = start;
    while position < chars.len() {
        position += 1;
        match chars.get(position) {
            Some(char) if *char == close => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            Some(char) if *char == open => depth += 1,
            _ => {}
        }
    }
    position.min(chars.len())
}

/// The letter of an argument: array, string, number, boolean, null, function, object or missing.
fn letter(item: &Item<'_>) -> u8 {
    match item {
        Item::Undefined => b'm',
        Item::Null => b'l',
        Item::Bool(_) => b'b',
        Item::Number(_) => b'n',
        Item::String(_) => b's',
        Item::Array(_) => b'a',
        Item::Object(_) => b'o',
        Item::Function(_) => b'f',
    }
}

/// How many arguments each parameter takes in the first match that a backtracking regular
/// expression finds, from the start and, if `whole`, up to the end.
fn match_counts(params: &[Param], supplied: &[u8], whole: bool) -> Option<Vec<usize>> {
    let width = supplied.len() + 1;
    // reachable[i * width + p]: the parameters from `i` on match what is supplied from `p` on.
    let mut reachable = vec![false; (params.len() + 1) * width];
    for p in 0..width {
        reachable[params.len() * width + p] = !whole || p + 1 == width;
    }
    for (i, param) in params.iter().enumerate().rev() {
        let (zero, many, _) = param.repeat.counts();
        for p in (0..width).rev() {
            let next = (i + 1) * width;
            let fits = p + 1 < width && param.letters & bit_of(supplied[p]) != 0;
            reachable[i * width + p] = (zero && reachable[next + p])
                || (fits && (reachable[next + p + 1] || (many && reachable[i * width + p + 1])));
        }
    }
    if !reachable[0] {
        return None;
    }
    let mut counts = Vec::with_capacity(params.len());
    let mut p = 0;
    for (i, param) in params.iter().enumerate() {
        let (zero, many, lazy) = param.repeat.counts();
        let fitting = supplied[p..].iter().take_while(|l| param.letters & bit_of(**l) != 0).count();
        let most = if many { fitting } else { fitting.min(1) };
        let mut takes = usize::from(!zero)..=most;
        let goes_on = |count: &usize| reachable[(i + 1) * width + p + count];
        let count = if lazy { takes.find(goes_on) } else { takes.rev().find(goes_on) }?;
        counts.push(count);
        p += count;
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(signature: &str, supplied: &str, expected: Option<&[usize]>) {
        let signature = Signature::parse(signature).map_err(|(fault, _)| fault).unwrap();
        let counts = match_counts(&signature.params, supplied.as_bytes(), true);
        assert_eq!(counts.as_deref(), expected);
    }

    #[test]
    fn arguments_are_matched_like_a_regular_expression() {
        check("<s-nn?:s>", "snn", Some(&[1, 1, 1]));
        check("<s-nn?:s>", "nn", Some(&[0, 1, 1]));
        check("<s-nn?:s>", "s", None);
        check("<a+>", "aas", Some(&[3]));
        check("<(sn)b>", "nb", Some(&[1, 1]));
        check("<(^s)>", "n", Some(&[1]));
        check("<x?x+x>", "nnn", Some(&[1, 1, 1]));
        check("<af<s:o>n?:x>", "mf", Some(&[1, 1, 0]));
    }

    #[test]
    fn bad_signatures_name_the_place() {
        let refused = |text| Signature::parse(text).map_err(|(f, at)| (f.code, at)).unwrap_err();
        assert_eq!(refused("<s<n>>"), ("S0401", 2));
        assert_eq!(refused("<(sa<n>)>"), ("S0402", 1));
        assert_eq!(refused("<n?+>"), ("", 3));
    }
}
