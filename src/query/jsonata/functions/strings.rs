//! Functions on strings without patterns.

use std::sync::Arc;

use super::super::error::Fault;
use super::super::evaluate::Evaluator;
use super::super::item::{Evaluated, Item};
use super::super::text as json_text;
use super::{coerced_text, float, list, text};

pub(super) fn string<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let pretty = matches!(args.get(1), Some(Item::Bool(true)));
    let Some(item) = args.first() else { return Ok(Item::Undefined) };
    let result = json_text::string(item, pretty, evaluator.limits.value_bytes)?;
    if let Item::String(text) = &result
        && !matches!(item, Item::String(_))
    {
        // Numbers take longer to write than text does.
        evaluator.spend(text.len() / 8)?;
    }
    Ok(result)
}

pub(super) fn substring<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(str) = text(args, 0)? else { return Ok(Item::Undefined) };
    evaluator.rewrite(str.len())?;
    // A missing start counts as zero, but makes the length useless.
    let start = float(args, 1)?.unwrap_or(f64::NAN);
    let chars: Vec<char> = str.chars().collect();
    let length = chars.len() as f64;
    let start = if length + start < 0.0 { 0.0 } else { start };
    let end = match float(args, 2)? {
        Some(count) if count <= 0.0 => return Ok(Item::string("")),
        Some(count) if start >= 0.0 => start + count,
        Some(count) => length + start + count,
        None => length,
    };
    Ok(Item::string(slice(&chars, start, end)))
}

/// `Array.prototype.slice`: whole numbers towards zero, negative ones from the end.
fn slice(chars: &[char], start: f64, end: f64) -> String {
    let index = |value: f64| {
        let value = if value.is_nan() { 0.0 } else { value.trunc() };
        let from_end = if value < 0.0 { chars.len() as f64 + value } else { value };
        from_end.clamp(0.0, chars.len() as f64) as usize
    };
    let (start, end) = (index(start), index(end));
    chars[start..end.max(start)].iter().collect()
}

pub(super) fn substring_before<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(str) = text(args, 0)? else { return Ok(Item::Undefined) };
    let chars = coerced_text(args, 1).unwrap_or_else(|| "undefined".into());
    Ok(match str.find(&*chars) {
        Some(at) => Item::string(&str[..at]),
        None => Item::String(str),
    })
}

pub(super) fn substring_after<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(str) = text(args, 0)? else { return Ok(Item::Undefined) };
    let chars = coerced_text(args, 1).unwrap_or_else(|| "undefined".into());
    Ok(match str.find(&*chars) {
        Some(at) => Item::string(&str[at + chars.len()..]),
        None => Item::String(str),
    })
}

pub(super) fn lowercase<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(str) = text(args, 0)? else { return Ok(Item::Undefined) };
    evaluator.rewrite(str.len())?;
    Ok(Item::string(str.to_lowercase()))
}

pub(super) fn uppercase<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(str) = text(args, 0)? else { return Ok(Item::Undefined) };
    evaluator.rewrite(str.len())?;
    Ok(Item::string(str.to_uppercase()))
}

pub(super) fn length<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    Ok(text(args, 0)?.map_or(Item::Undefined, |str| Item::int(str.chars().count())))
}

pub(super) fn trim<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(str) = text(args, 0)? else { return Ok(Item::Undefined) };
    evaluator.rewrite(str.len())?;
    let blank = [' ', '\t', '\n', '\r'];
    let words: Vec<&str> = str.split(blank).filter(|word| !word.is_empty()).collect();
    Ok(Item::string(words.join(" ")))
}

pub(super) fn pad<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(str) = text(args, 0)? else { return Ok(Item::Undefined) };
    let width = float(args, 1)?.unwrap_or(f64::NAN);
    let filler: Arc<str> = match text(args, 2)? {
        Some(char) if !char.is_empty() => char,
        _ => " ".into(),
    };
    let missing = width.abs() - str.chars().count() as f64;
    if missing.is_nan() || missing <= 0.0 {
        return Ok(Item::String(str));
    }
    if missing.trunc() != missing || missing + 1.0 > f64::from(u32::MAX) {
        return Err(Fault::host("Invalid array length"));
    }
    evaluator.allocate(missing as usize * filler.len())?;
    let padding: String = if filler.encode_utf16().count() > 1 {
        filler.chars().cycle().take(missing as usize).collect()
    } else {
        filler.repeat(missing as usize)
    };
    Ok(Item::string(if width > 0.0 {
        format!("{str}{padding}")
    } else {
        format!("{padding}{str}")
    }))
}

pub(super) fn join<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(strs) = list(args, 0)? else { return Ok(Item::Undefined) };
    let separator = text(args, 1)?.unwrap_or_default();
    let mut joined = String::new();
    for (index, item) in strs.iter().enumerate() {
        if index > 0 {
            joined.push_str(&separator);
        }
        if !matches!(item, Item::Undefined | Item::Null) {
            joined.push_str(&super::patterns::ecma_text(&item));
        }
        if joined.len() > evaluator.limits.value_bytes {
            break;
        }
    }
    evaluator.allocate(joined.len())?;
    Ok(Item::String(joined.into()))
}
