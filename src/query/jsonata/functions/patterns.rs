//! Functions that take a string or a regular expression, or a function that matches like one.

use std::rc::Rc;
use std::sync::Arc;

use super::super::error::Fault;
use super::super::evaluate::{Evaluator, object};
use super::super::function::{Function, FunctionKind, Matcher};
use super::super::item::{Evaluated, Item, Members};
use super::super::number;
use super::super::regex::{Match, Subject};
use super::{arg, float, text};

/// One match after the other, of a regular expression or of a function that acts like one.
enum Matches<'e> {
    Regex { function: Rc<Function<'e>>, first: bool },
    Function { next: Item<'e>, first: bool, str: Arc<str> },
}

/// The members of a match object.
struct Found<'e> {
    text: Item<'e>,
    start: Item<'e>,
    end: Item<'e>,
    groups: Item<'e>,
    /// The object itself, where a function made it.
    whole: Option<Item<'e>>,
}

impl<'e> Matches<'e> {
    fn new(pattern: &Item<'e>, str: &Arc<str>) -> Self {
        match pattern.as_function().and_then(Function::regex) {
            Some(regex) => Self::Regex { function: regex.clone(), first: true },
            None => Self::Function { next: pattern.clone(), first: true, str: str.clone() },
        }
    }

    fn next(
        &mut self,
        evaluator: &mut Evaluator<'e>,
        subject: &Subject<'_>,
    ) -> Result<Option<Found<'e>>, Box<Fault>> {
        match self {
            Self::Regex { function, first } => {
                let FunctionKind::Regex(matcher) = &function.kind else { return Ok(None) };
                let found = if std::mem::take(first) {
                    search(evaluator, matcher, subject, 0)?
                } else {
                    search_next(evaluator, matcher, subject)?
                };
                found.map(Found::of_regex).transpose()
            }
            Self::Function { next, first, str } => {
                let argument = match std::mem::take(first) {
                    true => Item::String(str.clone()),
                    false => Item::Undefined,
                };
                let result = evaluate_matcher(evaluator, next, argument)?;
                match result {
                    Item::Undefined => return Ok(None),
                    Item::Null => {
                        let message = "Cannot read properties of null (reading 'match')";
                        return Err(Fault::host(message));
                    }
                    _ => {}
                }
                *next = result.member("next");
                Ok(Some(Found {
                    text: result.member("match"),
                    start: result.member("start"),
                    end: result.member("end"),
                    groups: result.member("groups"),
                    whole: Some(result),
                }))
            }
        }
    }
}

impl<'e> Found<'e> {
    fn of_regex(found: Match) -> Result<Self, Box<Fault>> {
        let groups =
            found.groups.into_iter().map(|group| group.map_or(Item::Undefined, Item::string));
        Ok(Self {
            text: Item::String(found.text.into()),
            start: Item::int(found.start),
            end: Item::int(found.end),
            groups: Item::array(groups.collect())?,
            whole: None,
        })
    }

    /// The object that a function gets to see.
    fn object(&self, next: Item<'e>) -> Evaluated<'e> {
        if let Some(whole) = &self.whole {
            return Ok(whole.clone());
        }
        object(Members::from_iter([
            ("match".into(), self.text.clone()),
            ("start".into(), self.start.clone()),
            ("end".into(), self.end.clone()),
            ("groups".into(), self.groups.clone()),
            ("next".into(), next),
        ]))
    }
}

fn search<'e>(
    evaluator: &mut Evaluator<'e>,
    matcher: &Matcher<'e>,
    subject: &Subject<'_>,
    from: usize,
) -> Result<Option<Match>, Box<Fault>> {
    let found = evaluator.search(matcher.regex, subject, from)?;
    matcher.last_index.set(found.as_ref().map_or(0, |found| found.end));
    Ok(found)
}

/// The match after the last one; an empty one would never get any further.
fn search_next<'e>(
    evaluator: &mut Evaluator<'e>,
    matcher: &Matcher<'e>,
    subject: &Subject<'_>,
) -> Result<Option<Match>, Box<Fault>> {
    let from = matcher.last_index.get();
    if from >= subject.len() {
        return Ok(None);
    }
    let found = search(evaluator, matcher, subject, from)?;
    if found.as_ref().is_some_and(|found| found.text.is_empty()) {
        let source = matcher.regex.source.as_str();
        return Err(Fault::new("D1004").at(matcher.position).value(Some(source.into())));
    }
    Ok(found)
}

impl<'e> Evaluator<'e> {
    /// Calls a regular expression like a function, with a string and where to start.
    pub fn regex_match(&mut self, function: &Rc<Function<'e>>, args: &[Item<'e>]) -> Evaluated<'e> {
        let FunctionKind::Regex(matcher) = &function.kind else { return Ok(Item::Undefined) };
        let text = ecma_text(&arg(args, 0));
        let from = match args.get(1) {
            Some(Item::Number(value)) if *value > 0.0 => *value as usize,
            _ => 0,
        };
        self.rewrite(text.len())?;
        let subject = Subject::new(&text);
        match search(self, matcher, &subject, from)? {
            Some(found) => match_object(function, &text, found),
            None => Ok(Item::Undefined),
        }
    }

    /// Calls the `next` of a match object.
    pub fn regex_next(&mut self, function: &Rc<Function<'e>>, text: &Arc<str>) -> Evaluated<'e> {
        let FunctionKind::Regex(matcher) = &function.kind else { return Ok(Item::Undefined) };
        self.rewrite(text.len())?;
        match search_next(self, matcher, &Subject::new(text))? {
            Some(found) => match_object(function, text, found),
            None => Ok(Item::Undefined),
        }
    }
}

fn match_object<'e>(function: &Rc<Function<'e>>, text: &Arc<str>, found: Match) -> Evaluated<'e> {
    let next = FunctionKind::NextMatch { matcher: function.clone(), text: text.clone() };
    Found::of_regex(found)?.object(Function::item(next)?)
}

/// An item as JavaScript turns it into a string.
pub(super) fn ecma_text(item: &Item<'_>) -> Arc<str> {
    match item {
        Item::String(text) => text.clone(),
        Item::Undefined => "undefined".into(),
        Item::Null => "null".into(),
        Item::Bool(value) => value.to_string().into(),
        Item::Number(value) => number::to_text(*value).into(),
        Item::Array(list) => {
            let parts: Vec<Arc<str>> = list
                .iter()
                .map(|item| match item {
                    Item::Undefined | Item::Null => "".into(),
                    item => ecma_text(&item),
                })
                .collect();
            parts.join(",").into()
        }
        Item::Object(_) | Item::Function(_) => "[object Object]".into(),
    }
}

fn evaluate_matcher<'e>(
    evaluator: &mut Evaluator<'e>,
    func: &Item<'e>,
    argument: Item<'e>,
) -> Evaluated<'e> {
    let result = evaluator.call(func, vec![argument], "matcher")?;
    let falsy = match &result {
        Item::Undefined | Item::Null => true,
        Item::Bool(value) => !value,
        Item::Number(value) => *value == 0.0 || value.is_nan(),
        Item::String(text) => text.is_empty(),
        _ => false,
    };
    let fits = matches!(result.member("start"), Item::Number(_))
        || matches!(result.member("groups"), Item::Array(_))
        || matches!(result.member("next"), Item::Function(_));
    if falsy || fits { Ok(result) } else { Err(Fault::new("T1010")) }
}

/// The optional limit of a function; a negative one is the error `code`.
fn limit(args: &[Item<'_>], index: usize, code: &'static str) -> Result<Option<f64>, Box<Fault>> {
    let limit = float(args, index)?;
    match limit {
        Some(value) if value < 0.0 => {
            Err(Fault::new(code).value(arg(args, index).shown()).index(index + 1))
        }
        _ => Ok(limit),
    }
}

fn goes_on(limit: Option<f64>, count: usize) -> bool {
    limit.is_none_or(|limit| (count as f64) < limit)
}

pub(super) fn contains<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(str) = text(args, 0)? else { return Ok(Item::Undefined) };
    let token = arg(args, 1);
    if let Item::String(token) = &token {
        return Ok(Item::Bool(str.contains(&**token)));
    }
    let found = match &token {
        Item::Function(function) if Function::regex(function).is_some() => {
            evaluator.rewrite(str.len())?;
            Matches::new(&token, &str).next(evaluator, &Subject::new(&str))?.is_some()
        }
        _ => !evaluate_matcher(evaluator, &token, Item::String(str))?.is_undefined(),
    };
    Ok(Item::Bool(found))
}

pub(super) fn find_all<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(str) = text(args, 0)? else { return Ok(Item::Undefined) };
    let limit = limit(args, 2, "D3040")?;
    let mut results = Vec::new();
    if goes_on(limit, 0) {
        evaluator.rewrite(str.len())?;
        let subject = Subject::new(&str);
        let mut matches = Matches::new(&arg(args, 1), &str);
        // One more match is looked for than is used, and it can fail.
        while let Some(found) = matches.next(evaluator, &subject)?
            && goes_on(limit, results.len())
        {
            results.push(object(Members::from_iter([
                ("match".into(), found.text),
                ("index".into(), found.start),
                ("groups".into(), found.groups),
            ]))?);
        }
    }
    Item::sequence(results)
}

pub(super) fn split<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(str) = text(args, 0)? else { return Ok(Item::Undefined) };
    let limit = limit(args, 2, "D3020")?;
    let mut parts = Vec::new();
    if !goes_on(limit, 0) {
        return Item::array(parts);
    }
    if let Item::String(separator) = arg(args, 1) {
        // ECMAScript takes the limit modulo 2^32.
        let most =
            limit.map_or(usize::MAX, |limit| limit.trunc().rem_euclid(4_294_967_296.0) as usize);
        evaluator.spend(str.len() / 4)?;
        if separator.is_empty() {
            parts.extend(str.chars().take(most).map(|char| Item::string(char.to_string())));
        } else {
            parts.extend(str.split(&*separator).take(most).map(Item::string));
        }
        return Item::array(parts);
    }
    evaluator.rewrite(str.len())?;
    let subject = Subject::new(&str);
    let mut matches = Matches::new(&arg(args, 1), &str);
    let mut start = 0.0;
    let mut count = 0;
    while let Some(found) = matches.next(evaluator, &subject)?
        && goes_on(limit, count)
    {
        parts.push(Item::string(substring(&subject, start, &found.start)));
        start = offset(&found.end);
        count += 1;
    }
    if count == 0 {
        parts.push(Item::String(str.clone()));
    } else if goes_on(limit, count) {
        parts.push(Item::string(substring(&subject, start, &Item::Undefined)));
    }
    Item::array(parts)
}

/// A number as an offset; anything else is not one.
fn offset(item: &Item<'_>) -> f64 {
    match item {
        Item::Number(value) => *value,
        _ => f64::NAN,
    }
}

/// `String.prototype.substring`.
fn substring(subject: &Subject<'_>, start: f64, end: &Item<'_>) -> String {
    let length = subject.len() as f64;
    let clamp = |value: f64| if value.is_nan() { 0.0 } else { value.trunc().clamp(0.0, length) };
    let start = clamp(start);
    let end = if end.is_undefined() { length } else { clamp(offset(end)) };
    subject.slice(start.min(end) as usize, start.max(end) as usize)
}

pub(super) fn replace<'e>(evaluator: &mut Evaluator<'e>, args: &[Item<'e>]) -> Evaluated<'e> {
    let Some(str) = text(args, 0)? else { return Ok(Item::Undefined) };
    let (pattern, replacement) = (arg(args, 1), arg(args, 2));
    if matches!(&pattern, Item::String(pattern) if pattern.is_empty()) {
        return Err(Fault::new("D3010").value(pattern.shown()).index(2));
    }
    let limit = limit(args, 3, "D3011")?;
    if !goes_on(limit, 0) {
        return Ok(Item::String(str));
    }
    let result = match &pattern {
        Item::String(pattern) => {
            let replacement = ecma_text(&replacement);
            let most = limit.map_or(usize::MAX, |limit| limit.ceil() as usize);
            let found = str.matches(&**pattern).count().min(most);
            evaluator.allocate(str.len() + found * replacement.len())?;
            str.replacen(&**pattern, &replacement, most)
        }
        _ => return replace_matches(evaluator, &str, &pattern, &replacement, limit),
    };
    Ok(Item::String(result.into()))
}

fn replace_matches<'e>(
    evaluator: &mut Evaluator<'e>,
    str: &Arc<str>,
    pattern: &Item<'e>,
    replacement: &Item<'e>,
    limit: Option<f64>,
) -> Evaluated<'e> {
    evaluator.rewrite(str.len())?;
    let subject = Subject::new(str);
    let mut matches = Matches::new(pattern, str);
    let mut result = String::new();
    let mut position = 0.0;
    let mut count = 0;
    while let Some(found) = matches.next(evaluator, &subject)?
        && goes_on(limit, count)
    {
        let before = result.len();
        result.push_str(&substring(&subject, position, &found.start));
        match replacement {
            Item::String(template) => result.push_str(&fill(template, &found)?),
            function => {
                let next = match &matches {
                    Matches::Regex { function, .. } => {
                        let (matcher, text) = (function.clone(), str.clone());
                        Function::item(FunctionKind::NextMatch { matcher, text })?
                    }
                    Matches::Function { next, .. } => next.clone(),
                };
                let args = vec![found.object(next)?];
                match evaluator.call(function, args, "replacer")? {
                    Item::String(text) => result.push_str(&text),
                    other => return Err(Fault::new("D3012").value(other.shown())),
                }
            }
        }
        evaluator.fit(result.len())?;
        evaluator.spend((result.len() - before) / 64)?;
        position = match &found.text {
            Item::String(text) => offset(&found.start) + text.encode_utf16().count() as f64,
            Item::Undefined => {
                let message = "Cannot read properties of undefined (reading 'length')";
                return Err(Fault::host(message));
            }
            _ => f64::NAN,
        };
        count += 1;
    }
    if count == 0 {
        return Ok(Item::String(str.clone()));
    }
    result.push_str(&substring(&subject, position, &Item::Undefined));
    Ok(Item::String(result.into()))
}

/// A replacement text with `$0` for the match, `$1` and so on for its groups, `$$` for `$`.
fn fill(template: &str, found: &Found<'_>) -> Result<String, Box<Fault>> {
    let Item::Array(groups) = &found.groups else {
        return Err(Fault::host("Cannot read properties of undefined (reading 'length')"));
    };
    let count = groups.len();
    let most_digits = match count {
        0 => 1,
        count => ((count as f64).ln() * std::f64::consts::LOG10_E).floor() as usize + 1,
    };
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix('0') {
            out.push_str(&ecma_text(&found.text));
            rest = after;
            continue;
        }
        let digits = |most: usize| {
            let end = rest.char_indices().nth(most).map_or(rest.len(), |(at, _)| at);
            number::parse_int(&rest[..end])
        };
        let mut index = digits(most_digits);
        if most_digits > 1 && index > count as f64 {
            index = digits(most_digits - 1);
        }
        if index.is_nan() {
            out.push('$');
            continue;
        }
        if index >= 1.0
            && let Item::String(group) = groups.item(index as usize - 1)
        {
            out.push_str(&group);
        }
        // The reference skips the digits of the number, not those that were written.
        let skipped = number::to_text(index).chars().count();
        let end = rest.char_indices().nth(skipped).map_or(rest.len(), |(at, _)| at);
        rest = &rest[end..];
    }
    out.push_str(rest);
    Ok(out)
}
