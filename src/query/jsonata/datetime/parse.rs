//! Timestamps from text.

use super::super::error::Fault;
use super::super::integer::{Grouping, Picture};
use super::super::number;
use super::super::regex::{Regex, Subject};
use super::format::fragment;
use super::picture::{self, Marker, Part};
use super::{DAY, DAYS, MONTHS, Moment, utc, utc_month};

/// How much work matching a timestamp may be.
const REGEX_FUEL: u64 = 1_000_000;

/// The components of a timestamp; the inner `None` is one that was there but meant nothing.
#[derive(Default)]
struct Components(Vec<(char, Option<f64>)>);

impl Components {
    fn find(&self, component: char) -> Option<f64> {
        self.0.iter().find(|(known, _)| *known == component).and_then(|(_, value)| *value)
    }

    fn set(&mut self, component: char, value: Option<f64>) {
        match self.0.iter_mut().find(|(known, _)| *known == component) {
            Some((_, place)) => *place = value,
            None => self.0.push((component, value)),
        }
    }

    fn number(&self, component: char) -> f64 {
        self.find(component).unwrap_or(f64::NAN)
    }

    /// The components that are there and neither zero nor NaN, as bits from the left.
    fn mask(&self, letters: &str) -> u32 {
        letters.chars().fold(0, |mask, letter| {
            let set = self.find(letter).is_some_and(|value| value != 0.0 && !value.is_nan());
            mask << 1 | u32::from(set)
        })
    }
}

/// Reads a timestamp with a picture; `None` where the text does not match.
pub(in super::super) fn parse(
    timestamp: &str,
    picture: &str,
    now: f64,
) -> Result<Option<f64>, Box<Fault>> {
    let parts = picture::parse(picture)?;
    let mut pattern = String::from("^");
    for part in &parts {
        pattern.push('(');
        match part {
            Part::Literal(literal) => escape(literal, &mut pattern),
            Part::Marker(marker) => pattern.push_str(&marker_pattern(marker)?),
        }
        pattern.push(')');
    }
    pattern.push('$');
    let mut fuel = REGEX_FUEL;
    let found = Regex::new(&pattern, "i")?.find(&Subject::new(timestamp), 0, &mut fuel)?;
    let Some(found) = found else { return Ok(None) };
    let mut components = Components::default();
    for (part, group) in parts.iter().zip(&found.groups) {
        if let (Part::Marker(marker), Some(text)) = (part, group) {
            components.set(marker.component, read(marker, text)?);
        }
    }
    if components.0.is_empty() {
        return Ok(None);
    }
    assemble(components, now).map(Some)
}

fn escape(literal: &str, pattern: &mut String) {
    for char in literal.chars() {
        if ".*+?^${}()|[]\\".contains(char) {
            pattern.push('\\');
        }
        pattern.push(char);
    }
}

/// The separator between hours and minutes of an offset.
fn separator(picture: &Picture) -> Option<char> {
    match picture.grouping {
        Grouping::Regular(_, separator) => Some(separator),
        _ => None,
    }
}

fn marker_pattern(marker: &Marker) -> Result<String, Box<Fault>> {
    if let ('Z' | 'z', Some(integer)) = (marker.component, &marker.integer) {
        let prefix = if marker.component == 'z' { "GMT" } else { "" };
        let rest = separator(integer).map_or(String::new(), |char| format!("{char}[0-9]+"));
        return Ok(format!("{prefix}[-+][0-9]+{rest}"));
    }
    match &marker.integer {
        Some(integer) => integer.pattern(),
        None if matches!(marker.component, 'M' | 'x' | 'F' | 'P') => Ok("[a-zA-Z]+".into()),
        None => Err(Fault::new("D3133").value(Some(String::from(marker.component).into()))),
    }
}

fn read(marker: &Marker, text: &str) -> Result<Option<f64>, Box<Fault>> {
    Ok(match (marker.component, &marker.integer) {
        ('Z' | 'z', Some(integer)) => Some(read_offset(marker.component, integer, text)),
        (_, Some(integer)) => Some(integer.read(text)?),
        ('P', None) => match text {
            "am" | "AM" => Some(0.0),
            "pm" | "PM" => Some(1.0),
            _ => None,
        },
        ('F', None) => name_index(&DAYS, marker, text),
        (_, None) => name_index(&MONTHS, marker, text),
    })
}

fn name_index(names: &[&str], marker: &Marker, text: &str) -> Option<f64> {
    let most = marker.most().filter(|most| *most > 0.0).map_or(usize::MAX, |most| most as usize);
    let index = names.iter().rposition(|name| name[..most.min(name.len())] == *text)?;
    Some(index as f64 + 1.0)
}

/// An offset from UTC in minutes.
fn read_offset(component: char, picture: &Picture, text: &str) -> f64 {
    let text = if component == 'z' { text.get(3..).unwrap_or("") } else { text };
    let (hours, minutes) = match separator(picture) {
        Some(separator) => text.split_once(separator).unwrap_or(("", text)),
        None if text.len() <= 3 => (text, "0"),
        None => text.split_at(3),
    };
    number::parse_int(hours) * 60.0 + number::parse_int(minutes)
}

/// Completes the components and gives the milliseconds. What is more significant than all that
/// was given comes from now, what is less is zero; gaps in between are an error.
fn assemble(mut components: Components, now: f64) -> Result<f64, Box<Fault>> {
    let fits = |mask: u32, kind: u32| mask & !kind == 0 && mask & kind != 0;
    let date = components.mask("YXMxWwdD");
    let by_day = !fits(date, 0b1010_0001) && fits(date, 0b1000_0010);
    let by_week_of_month = fits(date, 0b0101_0100);
    let by_week = !by_week_of_month && fits(date, 0b0100_1000);
    let time = components.mask("PHhmsf");
    let half_days = !fits(time, 0b01_0111) && fits(time, 0b10_1111);
    let wanted = match (by_day, by_week_of_month, by_week) {
        (true, ..) => "YD",
        (_, true, _) => "XxwF",
        (_, _, true) => "XWF",
        _ => "YMD",
    };
    let (mut started, mut ended) = (false, false);
    let now = Moment::new(now);
    for part in wanted.chars().chain(if half_days { "Phmsf" } else { "Hmsf" }.chars()) {
        if components.find(part).is_some() {
            started = true;
            if ended {
                return Err(Fault::new("D3136"));
            }
        } else if started {
            components.set(part, Some(if matches!(part, 'M' | 'D') { 1.0 } else { 0.0 }));
            ended = true;
        } else {
            components.set(part, fragment(&now, part).or(Some(f64::NAN)));
        }
    }
    let month = components.find('M').filter(|month| *month > 0.0).map_or(0.0, |month| month - 1.0);
    let (mut month, mut day) = (month, components.number('D'));
    if by_day {
        let days = (components.number('d') - 1.0) * DAY;
        let moment = Moment::new(utc_month(components.number('Y'), 0.0) + days);
        (month, day) = (moment.month, moment.day);
    }
    if by_week_of_month || by_week {
        return Err(Fault::new("D3136"));
    }
    let mut hour = components.number('H');
    if half_days {
        let half = f64::from(components.find('P') == Some(1.0));
        hour = if components.number('h') == 12.0 { 0.0 } else { components.number('h') };
        hour += 12.0 * half;
    }
    let (minute, second) = (components.number('m'), components.number('s'));
    let year = components.number('Y');
    let millis = utc([year, month, day, hour, minute, second, components.number('f')]);
    let truthy = |component| components.find(component).filter(|v| *v != 0.0 && !v.is_nan());
    let offset = truthy('Z').or(truthy('z')).or(components.find('z'));
    Ok(offset.filter(|v| *v != 0.0 && !v.is_nan()).map_or(millis, |o| millis - o * 60_000.0))
}

/// Reads ISO 8601 as far as the reference takes it; a text it takes but that is no date is NaN.
pub(in super::super) fn parse_iso(timestamp: &str) -> Result<f64, Box<Fault>> {
    let Some(fields) = iso_fields(timestamp) else {
        return Err(Fault::new("D3110").value(Some(timestamp.into())));
    };
    Ok(fields.millis())
}

/// The parts of an ISO 8601 timestamp, repeated ones as often as they are there.
#[derive(Default)]
struct IsoFields {
    year: f64,
    /// Two-digit groups after the year.
    date: Vec<f64>,
    times: Vec<[f64; 3]>,
    milli: Option<f64>,
    /// Minutes east of UTC.
    offset: Option<f64>,
    /// The offset is written in digits, not as `Z`; only a time can have one.
    numeric_offset: bool,
}

impl IsoFields {
    fn millis(&self) -> f64 {
        let month = self.date.first().copied().unwrap_or(1.0);
        let day = self.date.get(1).copied().unwrap_or(1.0);
        let [hour, minute, second] = self.times.first().copied().unwrap_or_default();
        let full_day = hour == 24.0 && minute == 0.0 && second == 0.0;
        let valid = self.date.len() <= 2
            && self.times.len() <= 1
            && (1.0..=12.0).contains(&month)
            && (1.0..=31.0).contains(&day)
            && (hour < 24.0 || full_day)
            && self.offset.is_none_or(|offset| offset.abs() < 24.0 * 60.0)
            && (self.times.len() == 1 || (self.milli.is_none() && !self.numeric_offset));
        if !valid {
            return f64::NAN;
        }
        let days = super::days(self.year, month - 1.0, day);
        let time = hour * 3_600_000.0 + minute * 60_000.0 + second * 1_000.0;
        let millis = days * DAY + time + self.milli.unwrap_or(0.0);
        super::clip(millis - self.offset.unwrap_or(0.0) * 60_000.0)
    }
}

/// `/^\d{4}(-[01]\d)*(-[0-3]\d)*(T[0-2]\d:[0-5]\d:[0-5]\d)*(\.\d+)?([+-][0-2]\d:?[0-5]\d|Z)?$/`
fn iso_fields(text: &str) -> Option<IsoFields> {
    let mut rest = text.as_bytes();
    let mut fields = IsoFields { year: digits(&mut rest, 4)?, ..IsoFields::default() };
    let mut most = b'1';
    loop {
        match rest {
            // A group that could be a month or a day is one; what follows the same shape an
            // offset has is told apart by its length.
            [b'-', tens @ b'0'..=b'3', b'0'..=b'9', after @ ..] if !is_offset(after, *tens) => {
                if *tens > most {
                    most = b'3';
                }
                rest = &rest[1..];
                fields.date.push(digits(&mut rest, 2)?);
            }
            _ => break,
        }
    }
    while let [b'T', tail @ ..] = rest {
        let mut tail = tail;
        let hour = digits(&mut tail, 2).filter(|hour| *hour < 30.0)?;
        let minute = expect(&mut tail, b':').and_then(|()| digits(&mut tail, 2))?;
        let second = expect(&mut tail, b':').and_then(|()| digits(&mut tail, 2))?;
        if minute >= 60.0 || second >= 60.0 {
            return None;
        }
        fields.times.push([hour, minute, second]);
        rest = tail;
    }
    if let [b'.', tail @ ..] = rest {
        let count = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let thousandths = tail[..count].iter().chain(b"000").take(3);
        fields.milli = Some(thousandths.fold(0.0, |n, digit| n * 10.0 + f64::from(digit - b'0')));
        rest = if count > 0 { &tail[count..] } else { return None };
    }
    match rest {
        [] => {}
        b"Z" => fields.offset = Some(0.0),
        [sign @ (b'+' | b'-'), tail @ ..] => {
            let mut tail = tail;
            let hours = digits(&mut tail, 2).filter(|hours| *hours < 30.0)?;
            if let [b':', after @ ..] = tail {
                tail = after;
            }
            let minutes = digits(&mut tail, 2).filter(|minutes| *minutes < 60.0)?;
            if !tail.is_empty() {
                return None;
            }
            let east = hours * 60.0 + minutes;
            fields.offset = Some(if *sign == b'-' { -east } else { east });
            fields.numeric_offset = true;
        }
        _ => return None,
    }
    Some(fields)
}

/// Whether what follows a sign and two digits makes them the hours of an offset that ends the
/// text.
fn is_offset(after: &[u8], tens: u8) -> bool {
    let minutes = after.strip_prefix(b":").unwrap_or(after);
    tens <= b'2' && matches!(minutes, [b'0'..=b'5', b'0'..=b'9'])
}

fn expect(rest: &mut &[u8], byte: u8) -> Option<()> {
    *rest = rest.strip_prefix(&[byte])?;
    Some(())
}

fn digits(rest: &mut &[u8], count: usize) -> Option<f64> {
    let found = rest.get(..count).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    *rest = &rest[count..];
    Some(found.iter().fold(0.0, |n, digit| n * 10.0 + f64::from(digit - b'0')))
}
