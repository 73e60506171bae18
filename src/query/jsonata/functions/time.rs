//! Functions on timestamps, and on integers with pictures.

use super::super::datetime;
use super::super::error::Fault;
use super::super::evaluate::Evaluator;
use super::super::integer::Picture;
use super::super::item::{Evaluated, Item};
use super::{float, text};

pub(super) fn format_integer<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(value) = float(args, 0)? else { return Ok(Item::Undefined) };
    Ok(Item::string(picture(args)?.format(value.floor())?))
}

pub(super) fn parse_integer<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(value) = text(args, 0)? else { return Ok(Item::Undefined) };
    let picture = picture(args)?;
    picture.supported()?;
    Ok(Item::Number(picture.read(&value)?))
}

fn picture(args: &[Item<'_>]) -> Result<Picture, Box<Fault>> {
    match text(args, 1)? {
        Some(picture) => Picture::parse(&picture),
        None => Err(super::missing("lastIndexOf")),
    }
}

pub(super) fn now<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let (picture, timezone) = (text(args, 0)?, text(args, 1)?);
    let now = evaluator.now_millis as f64;
    Ok(Item::string(datetime::format(now, picture.as_deref(), timezone.as_deref())?))
}

pub(super) fn millis<'e>(evaluator: &mut Evaluator<'e>, _: &[Item<'e>]) -> Evaluated<'e> {
    Ok(Item::Number(evaluator.now_millis as f64))
}

pub(super) fn from_millis<'e>(_: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(millis) = float(args, 0)? else { return Ok(Item::Undefined) };
    let (picture, timezone) = (text(args, 1)?, text(args, 2)?);
    Ok(Item::string(datetime::format(millis, picture.as_deref(), timezone.as_deref())?))
}

pub(super) fn to_millis<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(timestamp) = text(args, 0)? else { return Ok(Item::Undefined) };
    let millis = match text(args, 1)? {
        Some(picture) => datetime::parse(&timestamp, &picture, evaluator.now_millis as f64)?,
        None => Some(datetime::parse_iso(&timestamp)?),
    };
    Ok(millis.map_or(Item::Undefined, Item::Number))
}
