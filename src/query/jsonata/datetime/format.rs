//! Timestamps as text.

use super::super::error::Fault;
use super::super::integer::{Case, Picture};
use super::super::number;
use super::picture::{self, Marker, Part};
use super::{DAY, DAYS, MONTHS, Moment, utc_month};

const ISO: &str = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]";

/// The text of a moment, in ISO 8601 where no picture is given, shifted to an offset `+hhmm`.
pub(in super::super) fn format(
    millis: f64,
    picture: Option<&str>,
    timezone: Option<&str>,
) -> Result<String, Box<Fault>> {
    let (hours, minutes) = match timezone {
        Some(timezone) => {
            let offset = number::parse_int(timezone);
            ((offset / 100.0).floor(), offset % 100.0)
        }
        None => (0.0, 0.0),
    };
    let parts = picture::parse(picture.unwrap_or(ISO))?;
    let moment = Moment::new(millis + (60.0 * hours + minutes) * 60_000.0);
    let mut text = String::new();
    for part in &parts {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Marker(marker) => text.push_str(&component(&moment, marker, hours, minutes)?),
        }
    }
    Ok(text)
}

fn component(
    moment: &Moment,
    marker: &Marker,
    hours: f64,
    minutes: f64,
) -> Result<String, Box<Fault>> {
    match marker.component {
        'Z' | 'z' => zone(marker, hours, minutes),
        'P' => {
            let half = if moment.hour >= 12.0 { "pm" } else { "am" };
            Ok(if marker.names == Some(Case::Upper) { half.to_uppercase() } else { half.into() })
        }
        'C' | 'E' => Ok("ISO".into()),
        letter => {
            let Some(mut value) = fragment(moment, letter) else { return Ok("undefined".into()) };
            if letter == 'Y'
                && let Some(digits) = marker.digits
            {
                value %= 10_f64.powf(digits);
            }
            match (&marker.integer, marker.names) {
                (_, Some(case)) if letter != 'f' => name(marker, case, value),
                (Some(integer), _) => integer.format(value),
                (None, _) => {
                    let message = "Cannot read properties of undefined (reading 'primary')";
                    Err(Fault::host(message))
                }
            }
        }
    }
}

fn name(marker: &Marker, case: Case, value: f64) -> Result<String, Box<Fault>> {
    let index = value as usize;
    let name = match marker.component {
        'M' | 'x' => MONTHS.get(index.wrapping_sub(1)),
        'F' => DAYS.get(index.wrapping_sub(1)),
        other => return Err(Fault::new("D3133").value(Some(String::from(other).into()))),
    };
    let Some(name) = name else {
        let member = match case {
            Case::Upper => "toUpperCase",
            Case::Lower => "toLowerCase",
            Case::Title if marker.width.is_some() => "length",
            Case::Title => return Ok("undefined".into()),
        };
        let message = format!("Cannot read properties of undefined (reading '{member}')");
        return Err(Fault::host(message));
    };
    let name = match case {
        Case::Upper => name.to_uppercase(),
        Case::Lower => name.to_lowercase(),
        Case::Title => (*name).to_owned(),
    };
    Ok(match marker.most() {
        Some(most) if name.len() as f64 > most => name[..most.max(0.0) as usize].to_owned(),
        _ => name,
    })
}

/// The offset from UTC.
fn zone(marker: &Marker, hours: f64, minutes: f64) -> Result<String, Box<Fault>> {
    let offset = hours * 100.0 + minutes;
    let Some(integer) = &marker.integer else { return Ok("undefined".into()) };
    let digits = integer.mandatory;
    let text = if integer.is_regular() || digits == 3.0 || digits == 4.0 {
        integer.format(offset)?
    } else if digits == 1.0 || digits == 2.0 {
        let mut text = integer.format(hours)?;
        if minutes != 0.0 {
            text.push(':');
            text.push_str(&Picture::parse("00")?.format(minutes.floor())?);
        }
        text
    } else {
        let value = (!digits.is_nan()).then(|| number::to_value(digits));
        return Err(Fault::new("D3134").value(value));
    };
    if offset == 0.0 && marker.traditional {
        return Ok("Z".into());
    }
    let sign = if offset >= 0.0 { "+" } else { "" };
    let prefix = if marker.component == 'z' { "GMT" } else { "" };
    Ok(format!("{prefix}{sign}{text}"))
}

/// The value of a component of a moment; `None` for a letter that means none.
pub(super) fn fragment(moment: &Moment, component: char) -> Option<f64> {
    let (year, month) = (moment.year, moment.month);
    Some(match component {
        'Y' => year,
        'M' => month + 1.0,
        'D' => moment.day,
        'd' => (moment.midnight() - utc_month(year, 0.0)) / DAY + 1.0,
        'F' if moment.weekday == 0.0 => 7.0,
        'F' => moment.weekday,
        'W' => week(moment, (year, 0.0), (year + 1.0, 0.0), (year - 1.0, 0.0), 52.0),
        'w' => week(moment, (year, month), next_month(year, month), last_month(year, month), 4.0),
        'X' if moment.time < first_week(year, 0.0) => year - 1.0,
        'X' if moment.time >= first_week(year + 1.0, 0.0) => year + 1.0,
        'X' => year,
        'x' => {
            let (next_year, next) = next_month(year, month);
            if moment.time < first_week(year, month) {
                last_month(year, month).1 + 1.0
            } else if moment.time >= first_week(next_year, next) {
                next + 1.0
            } else {
                month + 1.0
            }
        }
        'H' => moment.hour,
        'h' if moment.hour % 12.0 == 0.0 => 12.0,
        'h' => moment.hour % 12.0,
        'm' => moment.minute,
        's' => moment.second,
        'f' => moment.milli,
        _ => return None,
    })
}

fn next_month(year: f64, month: f64) -> (f64, f64) {
    if month == 11.0 { (year + 1.0, 0.0) } else { (year, month + 1.0) }
}

fn last_month(year: f64, month: f64) -> (f64, f64) {
    if month == 0.0 { (year - 1.0, 11.0) } else { (year, month - 1.0) }
}

/// The week within a period, which may belong to the next or the one before.
fn week(moment: &Moment, this: (f64, f64), next: (f64, f64), before: (f64, f64), full: f64) -> f64 {
    let today = moment.midnight();
    let since = |start: f64| (today - start) / (DAY * 7.0) + 1.0;
    let mut week = since(first_week(this.0, this.1));
    if week > full {
        if today >= first_week(next.0, next.1) {
            week = 1.0;
        }
    } else if week < 1.0 {
        week = since(first_week(before.0, before.1));
    }
    week.floor()
}

/// The Monday of the week in which the first Thursday of a year or month lies.
fn first_week(year: f64, month: f64) -> f64 {
    let first = utc_month(year, month);
    let weekday = match Moment::new(first).weekday {
        0.0 => 7.0,
        weekday => weekday,
    };
    if weekday > 4.0 { first + (8.0 - weekday) * DAY } else { first - (weekday - 1.0) * DAY }
}
