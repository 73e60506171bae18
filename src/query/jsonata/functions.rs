//! The built-in functions: their names, signatures and what runs them.
//!
//! The table has the functions of the reference, version 2.0.6, without `$eval`, which Step
//! Functions does not have, and with those that Step Functions adds: `$partition`, `$range`,
//! `$hash`, `$uuid`, `$parse`, and the optional seed of `$random`.

mod aggregate;
mod arrays;
mod encoding;
mod format_number;
mod higher_order;
mod numeric;
mod objects;
mod patterns;
mod step_functions;
mod strings;
mod time;

use std::fmt;
use std::sync::{Arc, LazyLock};

use super::error::Fault;
use super::evaluate::Evaluator;
use super::item::{Evaluated, Item, List, Marks};
use super::number;
use super::signature::Signature;

type Run = for<'a, 'e> fn(&'a mut Evaluator<'e>, &'a [Item<'e>]) -> Evaluated<'e>;

pub(super) struct Builtin {
    pub id: usize,
    pub name: &'static str,
    pub signature: Signature,
    /// The number of arguments that higher-order functions see.
    pub arity: usize,
    /// The parameters as the source of the reference has them; a partial application reads them.
    pub params: &'static str,
    pub run: Run,
}

impl fmt::Debug for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}{}", self.name, self.signature.text)
    }
}

pub(super) fn find(name: &str) -> Option<&'static Builtin> {
    TABLE.iter().find(|builtin| builtin.name == name)
}

pub(super) fn count() -> usize {
    TABLE.len()
}

static TABLE: LazyLock<Vec<Builtin>> = LazyLock::new(|| {
    ENTRIES
        .iter()
        .enumerate()
        .filter_map(|(id, (name, signature, params, run))| {
            let signature = Signature::parse(signature).ok()?;
            // A parameter with a default value does not count.
            let counted = params.split(", ").take_while(|p| !p.is_empty() && !p.contains('='));
            Some(Builtin { id, name, signature, arity: counted.count(), params, run: *run })
        })
        .collect()
});

const ENTRIES: &[(&str, &str, &str, Run)] = &[
    ("sum", "<a<n>:n>", "args", aggregate::sum),
    ("count", "<a:n>", "args", aggregate::count),
    ("max", "<a<n>:n>", "args", aggregate::max),
    ("min", "<a<n>:n>", "args", aggregate::min),
    ("average", "<a<n>:n>", "args", aggregate::average),
    ("string", "<x-b?:s>", "arg, prettify = false", strings::string),
    ("substring", "<s-nn?:s>", "str, start, length", strings::substring),
    ("substringBefore", "<s-s:s>", "str, chars", strings::substring_before),
    ("substringAfter", "<s-s:s>", "str, chars", strings::substring_after),
    ("lowercase", "<s-:s>", "str", strings::lowercase),
    ("uppercase", "<s-:s>", "str", strings::uppercase),
    ("length", "<s-:n>", "str", strings::length),
    ("trim", "<s-:s>", "str", strings::trim),
    ("pad", "<s-ns?:s>", "str, width, char", strings::pad),
    ("match", "<s-f<s:o>n?:a<o>>", "str, regex, limit", patterns::find_all),
    ("contains", "<s-(sf):b>", "str, token", patterns::contains),
    ("replace", "<s-(sf)(sf)n?:s>", "str, pattern, replacement, limit", patterns::replace),
    ("split", "<s-(sf)n?:a<s>>", "str, separator, limit", patterns::split),
    ("join", "<a<s>s?:s>", "strs, separator", strings::join),
    ("formatNumber", "<n-so?:s>", "value, picture, options", format_number::format_number),
    ("formatBase", "<n-n?:s>", "value, radix", numeric::format_base),
    ("formatInteger", "<n-s:s>", "value, picture", time::format_integer),
    ("parseInteger", "<s-s:n>", "value, picture", time::parse_integer),
    ("number", "<(nsb)-:n>", "arg", numeric::number),
    ("floor", "<n-:n>", "arg", numeric::floor),
    ("ceil", "<n-:n>", "arg", numeric::ceil),
    ("round", "<n-n?:n>", "arg, precision", numeric::round),
    ("abs", "<n-:n>", "arg", numeric::abs),
    ("sqrt", "<n-:n>", "arg", numeric::sqrt),
    ("power", "<n-n:n>", "arg, exp", numeric::power),
    ("random", "<n?:n>", "", step_functions::random),
    ("boolean", "<x-:b>", "arg", objects::boolean),
    ("not", "<x-:b>", "arg", objects::not),
    ("map", "<af>", "arr, func", higher_order::map),
    ("zip", "<a+>", "", arrays::zip),
    ("filter", "<af>", "arr, func", higher_order::filter),
    ("single", "<af?>", "arr, func", higher_order::single),
    ("reduce", "<afj?:j>", "sequence, func, init", higher_order::reduce),
    ("sift", "<o-f?:o>", "arg, func", higher_order::sift),
    ("keys", "<x-:a<s>>", "arg", objects::keys),
    ("lookup", "<x-s:x>", "input, key", objects::lookup),
    ("append", "<xx:a>", "arg1, arg2", arrays::append),
    ("exists", "<x:b>", "arg", objects::exists),
    ("spread", "<x-:a<o>>", "arg", objects::spread),
    ("merge", "<a<o>:o>", "arg", objects::merge),
    ("reverse", "<a:a>", "arr", arrays::reverse),
    ("each", "<o-f:a>", "obj, func", higher_order::each),
    ("error", "<s?:x>", "message", objects::error),
    ("assert", "<bs?:x>", "condition, message", objects::assert),
    ("type", "<x:s>", "value", objects::type_of),
    ("sort", "<af?:a>", "arr, comparator", higher_order::sort),
    ("shuffle", "<a:a>", "arr", arrays::shuffle),
    ("distinct", "<x:x>", "arr", arrays::distinct),
    ("base64encode", "<s-:s>", "str", encoding::base64_encode),
    ("base64decode", "<s-:s>", "str", encoding::base64_decode),
    ("encodeUrlComponent", "<s-:s>", "str", encoding::encode_url_component),
    ("encodeUrl", "<s-:s>", "str", encoding::encode_url),
    ("decodeUrlComponent", "<s-:s>", "str", encoding::decode_url_component),
    ("decodeUrl", "<s-:s>", "str", encoding::decode_url),
    ("toMillis", "<s-s?:n>", "timestamp, picture", time::to_millis),
    ("fromMillis", "<n-s?s?:s>", "millis, picture, timezone", time::from_millis),
    ("now", "<s?s?:s>", "picture, timezone", time::now),
    ("millis", "<:n>", "", time::millis),
    ("clone", "<(oa)-:o>", "arg", objects::clone),
    ("partition", "<an:a<a>>", "array, size", step_functions::partition),
    ("range", "<nnn:a<n>>", "first, last, step", step_functions::range),
    ("hash", "<s-s:s>", "str, algorithm", step_functions::hash),
    ("uuid", "<:s>", "", step_functions::uuid),
    ("parse", "<s-:x>", "str", step_functions::parse),
];

/// The string at `index`; `String(x)` of anything else, which only partial applications let
/// through.
fn coerced_text(args: &[Item<'_>], index: usize) -> Option<Arc<str>> {
    args.get(index).filter(|item| !item.is_undefined()).map(patterns::ecma_text)
}

/// JavaScript's error for a member of a missing argument.
fn missing(member: &str) -> Box<Fault> {
    Fault::host(format!("Cannot read properties of undefined (reading '{member}')"))
}

/// The argument at `index`, `undefined` where there is none.
fn arg<'e>(args: &[Item<'e>], index: usize) -> Item<'e> {
    args.get(index).cloned().unwrap_or_default()
}

/// The string at `index`. Signatures have checked the type, except in partial applications.
fn text<'e>(args: &[Item<'e>], index: usize) -> Result<Option<Arc<str>>, Box<Fault>> {
    match args.get(index) {
        None | Some(Item::Undefined) => Ok(None),
        Some(Item::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Fault::host(format!("argument {} is not a string", index + 1))),
    }
}

/// The number at `index`; `Number(x)` of anything else, which only partial applications let
/// through.
fn float(args: &[Item<'_>], index: usize) -> Result<Option<f64>, Box<Fault>> {
    Ok(match args.get(index) {
        None | Some(Item::Undefined) => None,
        Some(item) => Some(ecma_number(item)),
    })
}

/// `Number(x)`.
fn ecma_number(item: &Item<'_>) -> f64 {
    match item {
        Item::Number(value) => *value,
        Item::Null => 0.0,
        Item::Bool(value) => f64::from(*value),
        Item::String(text) => number::from_text(text),
        Item::Array(_) => number::from_text(&patterns::ecma_text(item)),
        Item::Undefined | Item::Object(_) | Item::Function(_) => f64::NAN,
    }
}

/// The array at `index`.
fn list<'e>(args: &[Item<'e>], index: usize) -> Result<Option<List<'e>>, Box<Fault>> {
    match args.get(index) {
        None | Some(Item::Undefined) => Ok(None),
        Some(Item::Array(list)) => Ok(Some(list.clone())),
        Some(_) => Err(Fault::host(format!("argument {} is not an array", index + 1))),
    }
}

/// What a loop from zero to `length` visits of the argument at `index`: the elements of an array,
/// the characters of a string, nothing of all else. Signatures make arrays of single values;
/// partial applications do not, and `$filter(?, $f)` of an object finds nothing.
fn elements<'e>(args: &[Item<'e>], index: usize) -> Result<Option<List<'e>>, Box<Fault>> {
    let characters = match args.get(index) {
        Some(Item::Undefined | Item::Array(_)) | None => return list(args, index),
        Some(Item::String(text)) => text.chars().map(|c| Item::string(c.to_string())).collect(),
        Some(_) => Vec::new(),
    };
    Ok(Some(List::new(characters, Marks::default())?))
}
