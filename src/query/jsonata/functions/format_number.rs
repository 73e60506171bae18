//! `$formatNumber`: the decimal format pictures of XPath, with the reference's reading of them.

use super::super::error::Fault;
use super::super::evaluate::Evaluator;
use super::super::item::{Evaluated, Item};
use super::super::number;
use super::{arg, float, text};

type Chars = Vec<char>;

/// How long a picture may be.
const MAX_PICTURE: usize = 10_000;

/// The characters with a meaning in a picture.
struct Symbols {
    decimal: Chars,
    grouping: Chars,
    exponent: Chars,
    minus: Chars,
    percent: Chars,
    per_mille: Chars,
    zero: Chars,
    digit: Chars,
    separator: Chars,
    /// The ten digits from the zero digit on.
    family: Chars,
}

/// A sub-picture, taken apart.
struct Parts {
    prefix: Chars,
    suffix: Chars,
    active: Chars,
    mantissa: Chars,
    exponent: Option<Chars>,
    integer: Chars,
    fraction: Chars,
    picture: Chars,
}

/// What a sub-picture says about the text of a number.
#[derive(Clone)]
struct Layout {
    integer_grouping: Vec<usize>,
    regular_grouping: usize,
    min_integer: usize,
    scaling: usize,
    prefix: Chars,
    fraction_grouping: Vec<usize>,
    min_fraction: usize,
    max_fraction: usize,
    min_exponent: usize,
    suffix: Chars,
    picture: Chars,
}

pub(super) fn format_number<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(value) = float(args, 0)? else { return Ok(Item::Undefined) };
    let picture = text(args, 1)?.ok_or_else(|| super::missing("split"))?;
    let picture: Chars = picture.chars().collect();
    if picture.len() > MAX_PICTURE {
        return Err(Fault::too_long());
    }
    let symbols = Symbols::new(&arg(args, 2));
    let pictures = split(&picture, &symbols.separator);
    if pictures.len() > 2 {
        return Err(Fault::new("D3080"));
    }
    let parts: Vec<Parts> =
        pictures.into_iter().map(|picture| symbols.parts(picture)).collect::<Result<_, _>>()?;
    for part in &parts {
        if let Some(code) = symbols.invalid(part) {
            return Err(Fault::new(code));
        }
    }
    let mut layouts = parts.iter().map(|part| symbols.layout(part));
    let Some(positive) = layouts.next() else { return Ok(Item::Undefined) };
    let negative = layouts.next().unwrap_or_else(|| {
        let mut negative = positive.clone();
        negative.prefix = [&symbols.minus[..], &positive.prefix].concat();
        negative
    });
    let layout = if value >= 0.0 { positive } else { negative };
    let formatted: String = symbols.format(value, &layout)?.into_iter().collect();
    Ok(Item::String(formatted.into()))
}

impl Symbols {
    fn new(options: &Item<'_>) -> Self {
        let symbol = |name: &str, default: &str| -> Chars {
            match options.member(name) {
                Item::String(text) => text.chars().collect(),
                _ => default.chars().collect(),
            }
        };
        let zero = symbol("zero-digit", "0");
        let first = zero.first().map_or(0x30, |char| *char as u32);
        Self {
            decimal: symbol("decimal-separator", "."),
            grouping: symbol("grouping-separator", ","),
            exponent: symbol("exponent-separator", "e"),
            minus: symbol("minus-sign", "-"),
            percent: symbol("percent", "%"),
            per_mille: symbol("per-mille", "\u{2030}"),
            digit: symbol("digit", "#"),
            separator: symbol("pattern-separator", ";"),
            family: (first..first + 10).filter_map(char::from_u32).collect(),
            zero,
        }
    }

    fn is_digit(&self, char: char) -> bool {
        self.family.contains(&char)
    }

    fn is_optional(&self, char: char) -> bool {
        self.digit == [char]
    }

    fn is_active(&self, char: char) -> bool {
        self.is_digit(char)
            || [&self.decimal, &self.exponent, &self.grouping, &self.digit, &self.separator]
                .into_iter()
                .any(|symbol| *symbol == [char])
    }

    fn parts(&self, picture: Chars) -> Result<Parts, Box<Fault>> {
        let bounds = |char: &char| self.is_active(*char) && self.exponent != [*char];
        let (Some(first), Some(last)) =
            (picture.iter().position(bounds), picture.iter().rposition(bounds))
        else {
            let message = "Cannot read properties of undefined (reading 'length')";
            return Err(Fault::host(message));
        };
        let (prefix, suffix) = (picture[..first].to_vec(), picture[last + 1..].to_vec());
        let active = picture[first..=last].to_vec();
        // The reference takes the place in the whole picture for one in the active part.
        let (mantissa, exponent) = match find(&picture, &self.exponent, first) {
            Some(at) if at <= last + 1 => {
                let cut = at.min(active.len());
                let rest = (at + 1).min(active.len());
                (active[..cut].to_vec(), Some(active[rest..].to_vec()))
            }
            _ => (active.clone(), None),
        };
        let (integer, fraction) = match find(&mantissa, &self.decimal, 0) {
            Some(at) => (mantissa[..at].to_vec(), mantissa[at + 1..].to_vec()),
            None => (mantissa.clone(), suffix.clone()),
        };
        Ok(Parts { prefix, suffix, active, mantissa, exponent, integer, fraction, picture })
    }

    /// The code of the last rule that the sub-picture breaks.
    fn invalid(&self, parts: &Parts) -> Option<&'static str> {
        let picture = &parts.picture;
        let twice = |symbol: &Chars| find(picture, symbol, 0) != rfind(picture, symbol);
        let has = |symbol: &Chars| find(picture, symbol, 0).is_some();
        let decimal = find(picture, &self.decimal, 0);
        let grouping = |char: Option<&char>| char.is_some_and(|char| self.grouping == [*char]);
        let mut error = None;
        let mut rule = |broken: bool, code| {
            if broken {
                error = Some(code);
            }
        };
        rule(twice(&self.decimal), "D3081");
        rule(twice(&self.percent), "D3082");
        rule(twice(&self.per_mille), "D3083");
        rule(has(&self.percent) && has(&self.per_mille), "D3084");
        let digits = |char: &char| self.is_digit(*char) || self.is_optional(*char);
        rule(!parts.mantissa.iter().any(digits), "D3085");
        rule(!parts.active.iter().all(|char| self.is_active(*char)), "D3086");
        match decimal {
            Some(at) => {
                let before = at.checked_sub(1).and_then(|before| picture.get(before));
                rule(grouping(before) || grouping(picture.get(at + 1)), "D3087");
            }
            None => rule(grouping(parts.integer.last()), "D3088"),
        }
        let doubled = [&self.grouping[..], &self.grouping].concat();
        rule(has(&doubled), "D3089");
        let optional = parts.integer.iter().position(|char| self.is_optional(*char));
        let mandatory = |chars: &[char]| chars.iter().any(|char| self.is_digit(*char));
        rule(optional.is_some_and(|at| mandatory(&parts.integer[..at])), "D3090");
        let optional = parts.fraction.iter().rposition(|char| self.is_optional(*char));
        rule(optional.is_some_and(|at| mandatory(&parts.fraction[at..])), "D3091");
        if let Some(exponent) = &parts.exponent {
            let scaled = has(&self.percent) || has(&self.per_mille);
            rule(!exponent.is_empty() && scaled, "D3092");
            let digits = exponent.iter().all(|char| self.is_digit(*char));
            rule(exponent.is_empty() || !digits, "D3093");
        }
        error
    }

    fn layout(&self, parts: &Parts) -> Layout {
        let mandatory = |chars: &[char]| chars.iter().filter(|char| self.is_digit(**char)).count();
        let integer_grouping = self.grouping_positions(parts, &parts.integer, false);
        let fraction_grouping = self.grouping_positions(parts, &parts.fraction, true);
        let mut min_integer = mandatory(&parts.integer);
        let scaling = min_integer;
        let mut min_fraction = mandatory(&parts.fraction);
        let mut max_fraction = self.count_digits(&parts.fraction);
        let has_exponent = parts.exponent.is_some();
        if min_integer == 0 && max_fraction == 0 {
            if has_exponent {
                (min_fraction, max_fraction) = (1, 1);
            } else {
                min_integer = 1;
            }
        }
        let optional = parts.integer.iter().any(|char| self.is_optional(*char));
        if has_exponent && min_integer == 0 && optional {
            min_integer = 1;
        }
        if min_integer == 0 && min_fraction == 0 {
            min_fraction = 1;
        }
        Layout {
            regular_grouping: regular(&integer_grouping),
            integer_grouping,
            min_integer,
            scaling,
            prefix: parts.prefix.clone(),
            fraction_grouping,
            min_fraction,
            max_fraction,
            min_exponent: parts.exponent.as_deref().map_or(0, mandatory),
            suffix: parts.suffix.clone(),
            picture: parts.picture.clone(),
        }
    }

    fn count_digits(&self, chars: &[char]) -> usize {
        chars.iter().filter(|char| self.is_digit(**char) || self.is_optional(**char)).count()
    }

    /// How many digits stand beside each grouping separator. From the second on, the reference
    /// looks for them in the integer part, whichever part is asked for.
    fn grouping_positions(&self, parts: &Parts, part: &[char], left: bool) -> Vec<usize> {
        let mut positions = Vec::new();
        let mut next = find(part, &self.grouping, 0);
        while let Some(at) = next {
            let cut = at.min(part.len());
            let beside = if left { &part[..cut] } else { &part[cut..] };
            positions.push(self.count_digits(beside));
            next = find(&parts.integer, &self.grouping, at + 1);
        }
        positions
    }

    fn format(&self, value: f64, layout: &Layout) -> Result<Chars, Box<Fault>> {
        let scaled = if find(&layout.picture, &self.percent, 0).is_some() {
            value * 100.0
        } else if find(&layout.picture, &self.per_mille, 0).is_some() {
            value * 1000.0
        } else {
            value
        };
        let (mantissa, exponent) = scale(scaled, layout)?;
        let rounded = number::round_half_even(mantissa, Some(layout.max_fraction as f64));
        let mut text = self.digits(rounded, layout.max_fraction)?;
        match text.iter().position(|char| *char == '.') {
            Some(at) => {
                text.splice(at..=at, self.decimal.iter().copied());
            }
            None => text.extend(&self.decimal),
        }
        let is_zero = |char: Option<&char>| char.is_some_and(|char| self.zero == [*char]);
        let leading = text.iter().take_while(|char| is_zero(Some(char))).count();
        text.drain(..leading);
        while is_zero(text.last()) {
            text.pop();
        }
        self.pad(&mut text, layout);
        self.group(&mut text, layout);
        let point = find(&text, &self.decimal, 0);
        let no_point = find(&layout.picture, &self.decimal, 0).is_none();
        if no_point || point.is_some_and(|at| at + 1 == text.len()) {
            text.pop();
        }
        if let Some(exponent) = exponent {
            let digits = self.digits(f64::from(exponent), 0)?;
            text.extend(&self.exponent);
            if exponent < 0 {
                text.extend(&self.minus);
            }
            for _ in digits.len()..layout.min_exponent {
                text.extend(&self.zero);
            }
            text.extend(digits);
        }
        Ok([&layout.prefix[..], &text, &layout.suffix].concat())
    }

    /// The digits of the absolute value, from the family of the zero digit.
    fn digits(&self, value: f64, decimals: usize) -> Result<Chars, Box<Fault>> {
        if decimals > 100 {
            return Err(Fault::host("toFixed() digits argument must be between 0 and 100"));
        }
        let digit = |char: char| {
            let index = char.to_digit(10).filter(|_| self.zero != ['0'])?;
            self.family.get(index as usize).copied()
        };
        let text = number::to_fixed(value.abs(), decimals);
        Ok(text.chars().map(|char| digit(char).unwrap_or(char)).collect())
    }

    fn pad(&self, text: &mut Chars, layout: &Layout) {
        let point = find(text, &self.decimal, 0).unwrap_or(0);
        let decimals = text.len() - (point + 1).min(text.len());
        for _ in point..layout.min_integer {
            text.splice(0..0, self.zero.iter().copied());
        }
        for _ in decimals..layout.min_fraction {
            text.extend(&self.zero);
        }
    }

    fn group(&self, text: &mut Chars, layout: &Layout) {
        let insert = |text: &mut Chars, at: usize| {
            let at = at.min(text.len());
            text.splice(at..at, self.grouping.iter().copied());
        };
        let mut point = find(text, &self.decimal, 0).unwrap_or(0);
        if let Some(count) = point.saturating_sub(1).checked_div(layout.regular_grouping) {
            for group in 1..=count {
                insert(text, point - group * layout.regular_grouping);
            }
        } else {
            for position in &layout.integer_grouping {
                // A place before the text is one counted from its end, as `slice` has it.
                let at = match point.checked_sub(*position) {
                    Some(at) => at,
                    None => (text.len() + point).saturating_sub(*position),
                };
                insert(text, at);
                point += 1;
            }
        }
        let point = find(text, &self.decimal, 0).unwrap_or(0);
        for position in &layout.fraction_grouping {
            insert(text, point + 1 + position);
        }
    }
}

/// Mantissa and exponent of the number, where the picture has an exponent.
fn scale(value: f64, layout: &Layout) -> Result<(f64, Option<i32>), Box<Fault>> {
    if layout.min_exponent == 0 {
        return Ok((value, None));
    }
    let most = 10_f64.powi(layout.scaling as i32);
    let least = 10_f64.powi(layout.scaling as i32 - 1);
    // The reference never comes to an end with zero and negative numbers.
    if value <= 0.0 || !value.is_finite() {
        return Err(Fault::too_long());
    }
    let (mut mantissa, mut exponent) = (value, 0);
    while mantissa < least {
        mantissa *= 10.0;
        exponent -= 1;
    }
    while mantissa > most {
        mantissa /= 10.0;
        exponent += 1;
    }
    Ok((mantissa, Some(exponent)))
}

/// The interval of grouping separators that repeat regularly, zero for others.
fn regular(positions: &[usize]) -> usize {
    let factor = positions.iter().copied().reduce(greatest_common_divisor).unwrap_or(0);
    let all = (1..=positions.len()).all(|index| positions.contains(&(index * factor)));
    if all { factor } else { 0 }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

fn find(chars: &[char], symbol: &[char], from: usize) -> Option<usize> {
    if symbol.is_empty() {
        return (from <= chars.len()).then_some(from);
    }
    let found = chars.get(from..)?.windows(symbol.len()).position(|window| window == symbol)?;
    Some(from + found)
}

fn rfind(chars: &[char], symbol: &[char]) -> Option<usize> {
    if symbol.is_empty() {
        return Some(chars.len());
    }
    chars.windows(symbol.len()).rposition(|window| window == symbol)
}

fn split(chars: &[char], separator: &[char]) -> Vec<Chars> {
    let mut parts = Vec::new();
    let mut rest = chars;
    while !separator.is_empty()
        && let Some(at) = find(rest, separator, 0)
    {
        parts.push(rest[..at].to_vec());
        rest = &rest[at + separator.len()..];
    }
    parts.push(rest.to_vec());
    parts
}
