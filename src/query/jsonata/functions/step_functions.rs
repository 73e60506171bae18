//! The functions that Step Functions adds to JSONata. No recording shows how `$partition`,
//! `$range`, `$hash` and `$parse` fail: that they do is inferred, and the texts are our own.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::entropy::Entropy;
use crate::json;

use super::super::error::Fault;
use super::super::evaluate::{ELEMENT_BYTES, Evaluator};
use super::super::item::{Evaluated, Item};
use super::{float, list, text};

/// The longest `$range` that was measured on AWS.
const MAX_RANGE: f64 = 360_145.0;

fn invalid(function: &str, problem: &str) -> Box<Fault> {
    Fault::host(format!("${function}: {problem}"))
}

/// `$random([seed])`: from the evaluation's generator, or from one of its own with a seed.
pub(super) fn random<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    Ok(Item::Number(match float(args, 0)? {
        Some(seed) => Entropy::new(seed as i64).next_f64(),
        None => evaluator.entropy.next_f64(),
    }))
}

pub(super) fn uuid<'e>(evaluator: &mut Evaluator<'e>, _: &[Item<'e>]) -> Evaluated<'e> {
    Ok(Item::String(evaluator.entropy.next_uuid().into()))
}

/// `$partition(array, size)`: chunks of at most `size` elements.
pub(super) fn partition<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(list) = list(args, 0)? else { return Ok(Item::Undefined) };
    let Some(size) = float(args, 1)? else { return Ok(Item::Undefined) };
    let size = size.trunc();
    if size.is_nan() || size < 1.0 {
        return Err(invalid("partition", "the chunk size must be a positive integer"));
    }
    evaluator.spend(list.len() / 8)?;
    let items = list.to_vec();
    let chunks = items.chunks(size.min(items.len().max(1) as f64) as usize);
    let chunks: Vec<Item<'e>> =
        chunks.map(|chunk| Item::array(chunk.to_vec())).collect::<Result<_, _>>()?;
    Item::sequence(chunks)
}

/// `$range(first, last, step)`: a single element stands for itself, as recorded.
pub(super) fn range<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let (Some(first), Some(last), Some(step)) = (float(args, 0)?, float(args, 1)?, float(args, 2)?)
    else {
        return Ok(Item::Undefined);
    };
    if step == 0.0 || !first.is_finite() || !last.is_finite() || !step.is_finite() {
        return Err(invalid("range", "the step must be a number other than zero"));
    }
    let count = ((last - first) / step).floor() + 1.0;
    let count = if count > 0.0 { count } else { 0.0 };
    let limit = evaluator.limits.value_bytes;
    if count > MAX_RANGE {
        return Err(Fault::too_large((count / MAX_RANGE * limit as f64) as usize, limit));
    }
    evaluator.allocate(count as usize * ELEMENT_BYTES)?;
    let items = (0..count as usize).map(|index| Item::Number(first + index as f64 * step));
    Item::sequence(items.collect())
}

/// `$hash(text, algorithm)`: the digest in lowercase hexadecimal digits.
pub(super) fn hash<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let (Some(str), Some(algorithm)) = (text(args, 0)?, text(args, 1)?) else {
        return Ok(Item::Undefined);
    };
    evaluator.rewrite(str.len())?;
    let digest = match &*algorithm {
        "MD5" => Md5::digest(str.as_bytes()).to_vec(),
        "SHA-1" => Sha1::digest(str.as_bytes()).to_vec(),
        "SHA-256" => Sha256::digest(str.as_bytes()).to_vec(),
        "SHA-384" => Sha384::digest(str.as_bytes()).to_vec(),
        "SHA-512" => Sha512::digest(str.as_bytes()).to_vec(),
        other => {
            let problem =
                format!("unknown algorithm `{other}`; use MD5, SHA-1, SHA-256, SHA-384 or SHA-512");
            return Err(invalid("hash", &problem));
        }
    };
    let mut hex = String::with_capacity(digest.len() * 2);
    for byte in digest {
        hex.push_str(&format!("{byte:02x}"));
    }
    Ok(Item::String(hex.into()))
}

/// `$parse(text)`: the JSON value that the text spells.
pub(super) fn parse<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(str) = text(args, 0)? else { return Ok(Item::Undefined) };
    evaluator.spend(str.len() / 8)?;
    // Of a key that occurs twice the last one counts, as of JSON.parse.
    match json::parse_spanned(&str) {
        Ok(spanned) => Ok(Item::from(&spanned.to_value())),
        Err(error) => Err(invalid("parse", &error.locate(&str))),
    }
}
