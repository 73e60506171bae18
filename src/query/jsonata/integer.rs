//! Integer pictures, as `$formatInteger`, `$parseInteger` and the date pictures use them:
//! decimal digits, letters, roman numerals and English words.

use super::error::Fault;
use super::number;

#[derive(Clone, Debug)]
pub(super) struct Picture {
    primary: Primary,
    case: Case,
    ordinal: bool,
    zero: u32,
    /// How many digits there are at least; NaN where the picture has none to count.
    pub mandatory: f64,
    pub optional: f64,
    pub grouping: Grouping,
    /// The number of digits a date picture allows, for reading.
    pub width: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
enum Primary {
    Decimal,
    Letters,
    Roman,
    Words,
    /// Nothing that is supported.
    Sequence(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Lower,
    Title,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Grouping {
    None,
    /// The same separator every so many digits.
    Regular(usize, char),
    /// Separators with the number of digits behind them, from the right.
    Irregular(Vec<(usize, char)>),
}

const FEW: [&str; 20] = [
    "Zero",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
    "Thirteen",
    "Fourteen",
    "Fifteen",
    "Sixteen",
    "Seventeen",
    "Eighteen",
    "Nineteen",
];

const ORDINALS: [&str; 20] = [
    "Zeroth",
    "First",
    "Second",
    "Third",
    "Fourth",
    "Fifth",
    "Sixth",
    "Seventh",
    "Eighth",
    "Ninth",
    "Tenth",
    "Eleventh",
    "Twelfth",
    "Thirteenth",
    "Fourteenth",
    "Fifteenth",
    "Sixteenth",
    "Seventeenth",
    "Eighteenth",
    "Nineteenth",
];

const DECADES: [&str; 9] =
    ["Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety", "Hundred"];

const MAGNITUDES: [&str; 4] = ["Thousand", "Million", "Billion", "Trillion"];

const ROMAN: [(f64, &str); 13] = [
    (1000.0, "m"),
    (900.0, "cm"),
    (500.0, "d"),
    (400.0, "cd"),
    (100.0, "c"),
    (90.0, "xc"),
    (50.0, "l"),
    (40.0, "xl"),
    (10.0, "x"),
    (9.0, "ix"),
    (5.0, "v"),
    (4.0, "iv"),
    (1.0, "i"),
];

/// The zeros of the decimal digits of Unicode.
const ZEROS: [u32; 37] = [
    0x30, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10,
];

/// How long a picture may be, and how many zeros one may ask for.
const MAX_DIGITS: usize = 10_000;

/// Beyond this, roman numerals would only grow longer; the reference runs out of stack.
const MAX_ROMAN: f64 = 8e6;

impl Picture {
    pub fn parse(picture: &str) -> Result<Self, Box<Fault>> {
        if picture.len() > MAX_DIGITS {
            return Err(Fault::too_long());
        }
        let (format, modifier) = picture.rsplit_once(';').unwrap_or((picture, ""));
        let mut parsed = Self {
            primary: Primary::Decimal,
            case: Case::Lower,
            ordinal: modifier.starts_with('o'),
            zero: 0x30,
            mandatory: f64::NAN,
            optional: f64::NAN,
            grouping: Grouping::None,
            width: None,
        };
        (parsed.primary, parsed.case) = match format {
            "A" => (Primary::Letters, Case::Upper),
            "a" => (Primary::Letters, Case::Lower),
            "I" => (Primary::Roman, Case::Upper),
            "i" => (Primary::Roman, Case::Lower),
            "W" => (Primary::Words, Case::Upper),
            "Ww" => (Primary::Words, Case::Title),
            "w" => (Primary::Words, Case::Lower),
            _ => {
                parsed.digits(format)?;
                return Ok(parsed);
            }
        };
        Ok(parsed)
    }

    /// Reads a picture of digits, signs for optional digits, and separators.
    fn digits(&mut self, format: &str) -> Result<(), Box<Fault>> {
        let (mut zero, mut mandatory, mut optional) = (None, 0_u32, 0_u32);
        let mut separators = Vec::new();
        for char in format.chars().rev() {
            let code = char as u32;
            match ZEROS.into_iter().find(|zero| (*zero..zero + 10).contains(&code)) {
                Some(group) => {
                    mandatory += 1;
                    if *zero.get_or_insert(group) != group {
                        return Err(Fault::new("D3131"));
                    }
                }
                None if char == '#' => optional += 1,
                None => separators.push(((mandatory + optional) as usize, char)),
            }
        }
        let Some(zero) = zero else {
            self.primary = Primary::Sequence(format.to_owned());
            return Ok(());
        };
        self.zero = zero;
        self.mandatory = f64::from(mandatory);
        self.optional = f64::from(optional);
        self.grouping = grouping(separators);
        Ok(())
    }

    /// Refuses a picture that can be neither written nor read.
    pub fn supported(&self) -> Result<(), Box<Fault>> {
        match &self.primary {
            Primary::Sequence(token) => Err(Fault::new("D3130").value(Some((&**token).into()))),
            _ => Ok(()),
        }
    }

    /// Whether the grouping separators come at regular intervals.
    pub fn is_regular(&self) -> bool {
        matches!(self.grouping, Grouping::Regular(..))
    }

    /// The text of an integral number.
    pub fn format(&self, value: f64) -> Result<String, Box<Fault>> {
        self.supported()?;
        let size = value.abs();
        let upper = self.case == Case::Upper;
        let text = match self.primary {
            Primary::Letters if size.is_infinite() => return Err(Fault::too_long()),
            Primary::Letters => letters(size, if upper { b'A' } else { b'a' }),
            Primary::Roman if size > MAX_ROMAN => return Err(stack_exceeded()),
            Primary::Roman => self.in_case(roman(size)),
            Primary::Words if !size.is_finite() => return Err(stack_exceeded()),
            Primary::Words => self.in_case(words(size, false, self.ordinal)),
            _ => self.decimal(size)?,
        };
        Ok(if value < 0.0 { format!("-{text}") } else { text })
    }

    fn in_case(&self, text: String) -> String {
        match self.case {
            Case::Upper => text.to_uppercase(),
            Case::Lower => text.to_lowercase(),
            Case::Title => text,
        }
    }

    fn decimal(&self, value: f64) -> Result<String, Box<Fault>> {
        let mut digits: Vec<char> = number::to_text(value).chars().collect();
        let missing = self.mandatory - digits.len() as f64;
        if missing > MAX_DIGITS as f64 {
            return Err(Fault::too_long());
        }
        if missing > 0.0 {
            digits.splice(0..0, std::iter::repeat_n('0', missing as usize));
        }
        if self.zero != 0x30 {
            for digit in &mut digits {
                *digit = char::from_u32(*digit as u32 + self.zero - 0x30).unwrap_or(*digit);
            }
        }
        match &self.grouping {
            Grouping::None => {}
            Grouping::Regular(interval, separator) => {
                for group in (1..=(digits.len() - 1) / interval).rev() {
                    digits.insert(digits.len() - group * interval, *separator);
                }
            }
            Grouping::Irregular(separators) => {
                for (position, separator) in separators.iter().rev() {
                    match digits.len().checked_sub(*position) {
                        Some(at) => digits.insert(at, *separator),
                        None => {
                            // A place before the text: `substr` keeps as much from its end.
                            let kept = (position - digits.len()).min(digits.len());
                            digits.drain(..digits.len() - kept);
                            digits.insert(0, *separator);
                        }
                    }
                }
            }
        }
        if self.ordinal {
            let teen = digits.len() > 1 && digits[digits.len() - 2] == '1';
            let suffix = match digits.last() {
                Some('1') if !teen => "st",
                Some('2') if !teen => "nd",
                Some('3') if !teen => "rd",
                _ => "th",
            };
            digits.extend(suffix.chars());
        }
        Ok(digits.into_iter().collect())
    }

    /// The regular expression that a number in this picture matches.
    pub fn pattern(&self) -> Result<String, Box<Fault>> {
        self.supported()?;
        let upper = self.case == Case::Upper;
        Ok(match self.primary {
            Primary::Letters => if upper { "[A-Z]+" } else { "[a-z]+" }.into(),
            Primary::Roman => if upper { "[MDCLXVI]+" } else { "[mdclxvi]+" }.into(),
            Primary::Words => {
                let mut alternatives: Vec<String> =
                    word_values().into_iter().map(|(word, _)| word).collect();
                alternatives.push("and".into());
                alternatives.push("[\\-, ]".into());
                format!("(?:{})+", alternatives.join("|"))
            }
            _ => {
                let count = match self.width {
                    Some(width) if width > 0.0 && self.optional == 0.0 => format!("{{{width}}}"),
                    Some(width) if width > 0.0 => format!("{{{},{width}}}", width - self.optional),
                    _ => "+".into(),
                };
                let suffix = if self.ordinal { "(?:th|st|nd|rd)" } else { "" };
                format!("[0-9]{count}{suffix}")
            }
        })
    }

    /// The number that a text in this picture means; NaN where it means none.
    pub fn read(&self, text: &str) -> Result<f64, Box<Fault>> {
        Ok(match self.primary {
            Primary::Letters => {
                let first = if self.case == Case::Upper { 'A' } else { 'a' };
                let units: Vec<u16> = text.encode_utf16().collect();
                units.iter().rev().enumerate().fold(0.0, |sum, (power, unit)| {
                    let value = f64::from(*unit) - f64::from(first as u32) + 1.0;
                    sum + value * 26_f64.powf(power as f64)
                })
            }
            Primary::Roman if self.case == Case::Upper => roman_value(text),
            Primary::Roman => roman_value(&text.to_uppercase()),
            Primary::Words => words_value(&text.to_lowercase()),
            _ => self.read_digits(text)?,
        })
    }

    fn read_digits(&self, text: &str) -> Result<f64, Box<Fault>> {
        let mut digits: Vec<char> = text.chars().collect();
        if self.ordinal {
            digits.truncate(digits.len().saturating_sub(2));
        }
        match &self.grouping {
            Grouping::None => {}
            Grouping::Regular(..) => digits.retain(|char| *char != ','),
            Grouping::Irregular(separators) => {
                digits.retain(|char| !separators.iter().any(|(_, separator)| separator == char));
            }
        }
        let shift = i64::from(self.zero) - 0x30;
        let digits: String = digits
            .into_iter()
            .map(|digit| {
                let code = i64::from(digit as u32) - shift;
                let char = u32::try_from(code).ok().and_then(char::from_u32);
                char.ok_or_else(|| Fault::host(format!("Invalid code point {code}")))
            })
            .collect::<Result<_, _>>()?;
        Ok(number::parse_int(&digits))
    }
}

/// What the reference fails with where it calls itself without end.
fn stack_exceeded() -> Box<Fault> {
    Fault::host("Maximum call stack size exceeded")
}

fn grouping(separators: Vec<(usize, char)>) -> Grouping {
    let Some((_, first)) = separators.first().copied() else { return Grouping::None };
    let same = separators.iter().all(|(_, char)| *char == first);
    let positions: Vec<usize> = separators.iter().map(|(position, _)| *position).collect();
    let factor = positions.iter().copied().reduce(common_divisor).unwrap_or(0);
    let regular = (1..=positions.len()).all(|index| positions.contains(&(index * factor)));
    if same && regular && factor > 0 {
        Grouping::Regular(factor, first)
    } else {
        Grouping::Irregular(separators)
    }
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

fn letters(mut value: f64, first: u8) -> String {
    let mut letters = Vec::new();
    while value > 0.0 {
        letters.push(char::from(first + ((value - 1.0) % 26.0) as u8));
        value = ((value - 1.0) / 26.0).floor();
    }
    letters.into_iter().rev().collect()
}

fn roman(mut value: f64) -> String {
    let mut text = String::new();
    for (size, numeral) in ROMAN {
        while value >= size {
            text.push_str(numeral);
            value -= size;
        }
    }
    text
}

fn roman_value(text: &str) -> f64 {
    let (mut sum, mut most) = (0.0, 1.0);
    for digit in text.chars().rev() {
        let value = match digit {
            'M' => 1000.0,
            'D' => 500.0,
            'C' => 100.0,
            'L' => 50.0,
            'X' => 10.0,
            'V' => 5.0,
            'I' => 1.0,
            _ => return f64::NAN,
        };
        if value < most {
            sum -= value;
        } else {
            most = value;
            sum += value;
        }
    }
    sum
}

/// A number in words; `inside` where it continues a larger one.
fn words(value: f64, inside: bool, ordinal: bool) -> String {
    let and = if inside { " and " } else { "" };
    if value <= 19.0 {
        let table = if ordinal { ORDINALS } else { FEW };
        let word = table.get(value as usize).filter(|_| value >= 0.0).unwrap_or(&"undefined");
        return format!("{and}{word}");
    }
    if value < 100.0 {
        let decade = DECADES[(value / 10.0) as usize - 2];
        return match value % 10.0 {
            rest if rest > 0.0 => format!("{and}{decade}-{}", words(rest, false, ordinal)),
            _ if ordinal => format!("{and}{}ieth", &decade[..decade.len() - 1]),
            _ => format!("{and}{decade}"),
        };
    }
    let comma = if inside { ", " } else { "" };
    let (head, rest) = if value < 1000.0 {
        (format!("{} Hundred", FEW[(value / 100.0) as usize]), value % 100.0)
    } else {
        let magnitude = ((value.log10() / 3.0).floor() as usize).min(MAGNITUDES.len());
        let factor = 10_f64.powi(magnitude as i32 * 3);
        let count = (value / factor).floor();
        let head = format!("{} {}", words(count, false, false), MAGNITUDES[magnitude - 1]);
        (head, value - count * factor)
    };
    if rest > 0.0 {
        format!("{comma}{head}{}", words(rest, true, ordinal))
    } else {
        format!("{comma}{head}{}", if ordinal { "th" } else { "" })
    }
}

/// The words of numbers and their values, in the order in which the reference lists them.
fn word_values() -> Vec<(String, f64)> {
    let mut values: Vec<(String, f64)> = Vec::new();
    for words in [FEW, ORDINALS] {
        values.extend(words.iter().enumerate().map(|(i, word)| (word.to_lowercase(), i as f64)));
    }
    for (index, word) in DECADES.iter().enumerate() {
        let (word, value) = (word.to_lowercase(), (index as f64 + 2.0) * 10.0);
        let ordinal = format!("{}ieth", &word[..word.len() - 1]);
        values.extend([(word, value), (ordinal, value)]);
    }
    values.push(("hundredth".into(), 100.0));
    for (index, word) in MAGNITUDES.iter().enumerate() {
        let (word, value) = (word.to_lowercase(), 10_f64.powi((index as i32 + 1) * 3));
        let ordinal = format!("{word}th");
        values.extend([(word, value), (ordinal, value)]);
    }
    values
}

fn words_value(text: &str) -> f64 {
    let values = word_values();
    let mut sums = vec![0.0];
    for part in split_words(text) {
        let value = values.iter().find(|(word, _)| *word == part).map_or(f64::NAN, |(_, v)| *v);
        let top = sums.pop().unwrap_or(0.0);
        if value < 100.0 {
            if top >= 1000.0 {
                sums.push(top);
                sums.push(value);
            } else {
                sums.push(top + value);
            }
        } else {
            sums.push(top * value);
        }
    }
    sums.into_iter().sum()
}

/// `text.split(/,\s|\sand\s|[\s\\-]/)`
fn split_words(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let space = |index: usize| chars.get(index).copied().is_some_and(number::is_space);
    let (mut parts, mut part, mut at) = (Vec::new(), String::new(), 0);
    while at < chars.len() {
        let skipped = if chars[at] == ',' && space(at + 1) {
            2
        } else if space(at) && chars[at + 1..].starts_with(&['a', 'n', 'd']) && space(at + 4) {
            5
        } else {
            usize::from(space(at) || matches!(chars[at], '\\' | '-'))
        };
        if skipped == 0 {
            part.push(chars[at]);
            at += 1;
        } else {
            parts.push(std::mem::take(&mut part));
            at += skipped;
        }
    }
    parts.push(part);
    parts
}
