//! Finds secrets: by their form, and by the names of the members that hold them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::AhoCorasick;
use base64::Engine as _;

use super::replace::ends_uuid;
use super::{Kind, Rules, Text, TextKind, keys};
use crate::value::Value;

/// The secrets of texts that belong together, each once.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    found: BTreeMap<String, Kind>,
}

impl Secrets {
    pub fn iter(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.found.iter().map(|(value, kind)| (&**value, *kind))
    }

    fn add(&mut self, kind: Kind, value: &str) {
        if let Entry::Vacant(entry) = self.found.entry(value.to_owned()) {
            entry.insert(kind);
        }
    }
}

/// What a secret begins with, or stands behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trigger {
    At,
    AtEscaped,
    AccessKey,
    Jwt,
    Scheme,
    TaskToken,
    /// What tokens of well-known services begin with.
    Service,
    /// A word that names of secrets have; with dashes behind it a private key's first line ends.
    Name,
}

/// Knows the rules.
#[derive(Clone, Debug)]
pub(super) struct Scanner {
    rules: Rules,
    triggers: Vec<Trigger>,
    searcher: Option<AhoCorasick>,
}

/// What tokens of GitHub, GitLab, Slack and Stripe begin with.
const SERVICES: [&str; 12] = [
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "sk_live_",
    "rk_live_",
];

/// Words that no secret is: replacing them would alter what a definition or a history means.
const NO_SECRETS: [&str; 16] = [
    "true",
    "false",
    "null",
    "none",
    "undefined",
    "nil",
    "JSONPath",
    "JSONata",
    "STANDARD",
    "EXPRESS",
    "string",
    "number",
    "bearer",
    "Bearer",
    "SUCCEEDED",
    "FAILED",
];

/// What the `Type` of a state is.
const STATE_TYPES: [&str; 8] =
    ["Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"];

impl Scanner {
    pub fn new(rules: Rules) -> Self {
        use Trigger as T;
        let known = [
            ("@", T::At),
            ("%40", T::AtEscaped),
            ("akia", T::AccessKey),
            ("asia", T::AccessKey),
            ("abia", T::AccessKey),
            ("acca", T::AccessKey),
            ("eyj", T::Jwt),
            ("bearer ", T::Scheme),
            ("basic ", T::Scheme),
            ("aaaakgaaaa", T::TaskToken),
        ];
        let mut words: Vec<String> = known.iter().map(|(word, _)| (*word).to_owned()).collect();
        let mut triggers: Vec<Trigger> = known.iter().map(|(_, trigger)| *trigger).collect();
        for service in SERVICES {
            words.push(service.to_owned());
            triggers.push(T::Service);
        }
        let own = rules.keys.iter().map(|key| key.to_ascii_lowercase());
        for name in keys::words_to_find().map(str::to_owned).chain(own) {
            words.push(name);
            triggers.push(T::Name);
        }
        let searcher = AhoCorasick::builder().ascii_case_insensitive(true).build(&words).ok();
        Self { rules, triggers, searcher }
    }

    /// Adds the secrets of a text.
    pub fn scan(&self, text: Text<'_>, secrets: &mut Secrets) {
        let (text, kind) = (text.text, text.kind);
        let (done, states) = ([0; 6], BTreeSet::new());
        let mut finder = Finder { scanner: self, text, kind, secrets, done, states };
        for found in self.searcher.iter().flat_map(|searcher| searcher.find_iter(text)) {
            let (start, end) = (found.start(), found.end());
            match self.triggers[found.pattern().as_usize()] {
                Trigger::At => finder.at(start, end),
                Trigger::AtEscaped => finder.email(start, end),
                Trigger::AccessKey => finder.access_key(start),
                Trigger::Jwt => finder.jwt(start),
                Trigger::Scheme => finder.scheme(start, end),
                Trigger::TaskToken => finder.task_token(start, end),
                Trigger::Service => finder.service_token(start),
                Trigger::Name if text[end..].starts_with("-----") => {
                    finder.private_key(start, end + 5);
                }
                Trigger::Name => finder.name(start, end),
            }
        }
        finder.accounts();
        finder.secret_access_keys();
        for pattern in &self.rules.patterns {
            for found in pattern.find_iter(text.as_bytes()) {
                finder.add_range(Kind::Rule, found.start(), found.end());
            }
        }
        if !self.rules.paths.is_empty()
            && let Ok(value) = Value::parse(text)
        {
            finder.paths(&value);
        }
    }
}

struct Finder<'a> {
    scanner: &'a Scanner,
    text: &'a str,
    kind: TextKind,
    secrets: &'a mut Secrets,
    /// Up to where names, JWTs, task tokens, the arrays and objects of secrets, and tokens of
    /// services were looked at, those within a word at last: a word may stand in one of them a
    /// thousand times, and it is read once.
    done: [usize; 6],
    /// Where states begin, of those within an object that was looked through.
    states: BTreeSet<usize>,
}

/// The longest name before the `@` of an address: the standard allows 64 bytes.
const NAME_MAX: usize = 128;

/// Whether twelve digits read as a minute: year, month, day, hour and minute.
fn is_minute(digits: &str) -> bool {
    let part = |from: usize, to: usize| digits[from..to].parse::<u32>().unwrap_or(u32::MAX);
    (1970..2100).contains(&part(0, 4))
        && (1..=12).contains(&part(4, 6))
        && (1..=31).contains(&part(6, 8))
        && part(8, 10) < 24
        && part(10, 12) < 60
}

fn is_number(byte: u8) -> bool {
    byte.is_ascii_digit() || b"+-.eE".contains(&byte)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte)
}

impl Finder<'_> {
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn add(&mut self, kind: Kind, value: &str) {
        let word = NO_SECRETS.contains(&value) || STATE_TYPES.contains(&value);
        let word = word || value.starts_with("arn:");
        if value.chars().count() >= 3
            && !word
            && !self.scanner.rules.keep.iter().any(|k| k == value)
        {
            self.secrets.add(kind, value);
        }
    }

    fn add_range(&mut self, kind: Kind, start: usize, end: usize) {
        if let Some(value) = self.text.get(start..end) {
            self.add(kind, value);
        }
    }

    /// Where the run of such bytes begins that ends here; never within an escape such as `\n`.
    fn back(&self, end: usize, is_part: impl Fn(u8) -> bool) -> usize {
        self.back_at_most(end, end, is_part)
    }

    fn back_at_most(&self, end: usize, most: usize, is_part: impl Fn(u8) -> bool) -> usize {
        let bytes = self.bytes();
        let least = end - most.min(end);
        let mut start = end;
        while start > least && is_part(bytes[start - 1]) {
            start -= 1;
        }
        if start > 0 && bytes[start - 1] == b'\\' && start < end {
            start += if bytes[start] == b'u' { 5 } else { 1 };
        }
        start.min(end)
    }

    fn forth(&self, start: usize, is_part: impl Fn(u8) -> bool) -> usize {
        let rest = &self.bytes()[start..];
        start + rest.iter().position(|byte| !is_part(*byte)).unwrap_or(rest.len())
    }

    /// `@`: an address, or the end of the user and password of a URL.
    fn at(&mut self, start: usize, end: usize) {
        let user = self.back(start, |b| !b.is_ascii_whitespace() && !b"\"\\/<>@".contains(&b));
        let credentials = self.text.get(..user).is_some_and(|head| head.ends_with("://"));
        if credentials && let Some(colon) = self.text[user..start].find(':') {
            self.add_range(Kind::Secret, user + colon + 1, start);
        } else {
            self.email(start, end);
        }
    }

    fn email(&mut self, at: usize, end: usize) {
        let name = |b: u8| b.is_ascii_alphanumeric() || b"._+-%".contains(&b) || b >= 0x80;
        let start = self.back_at_most(at, NAME_MAX, name);
        let host = |b: u8| b.is_ascii_alphanumeric() || b".-".contains(&b);
        let stop = self.forth(end, host);
        let domain = self.text[end..stop].trim_end_matches(['.', '-']);
        let top = domain.rsplit('.').next().unwrap_or_default();
        let named = domain.contains('.') && !domain.starts_with('.') && top.len() >= 2;
        if start < at && named && top.bytes().all(|b| b.is_ascii_alphabetic()) {
            self.add_range(Kind::Email, start, end + domain.len());
        }
    }

    /// Whether a word begins here: behind no letter or digit, but for the last one of an escape
    /// (`\n`, `\u201c`, `%3D`).
    fn begins(&self, start: usize) -> bool {
        let head = &self.bytes()[..start];
        let escaped = |length: usize, by: &[u8]| {
            start.checked_sub(length).is_some_and(|from| head[from..].starts_with(by))
        };
        !head.last().is_some_and(u8::is_ascii_alphanumeric)
            || escaped(2, b"\\")
            || escaped(6, b"\\u")
            || escaped(3, b"%")
    }

    fn access_key(&mut self, start: usize) {
        if !self.begins(start) {
            return;
        }
        let end = self.forth(start, |b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if (16..=32).contains(&(end - start)) {
            self.add_range(Kind::AccessKey, start, end);
        }
    }

    fn jwt(&mut self, start: usize) {
        if start < self.done[1] {
            return;
        }
        let end = self.forth(start, |b| is_base64(b) || b == b'.');
        let text = &self.text[start..end];
        if text.starts_with("eyJ") {
            self.done[1] = end;
        }
        if text.starts_with("eyJ") && text.len() >= 20 && text.contains('.') {
            self.add_range(Kind::Token, start, end);
        }
    }

    /// `Bearer …` and `Basic …`.
    fn scheme(&mut self, start: usize, end: usize) {
        let stop = self.forth(end, |b| is_base64(b) || b".~".contains(&b));
        let value = &self.text[end..stop];
        let basic = self.text[start..end].eq_ignore_ascii_case("basic ");
        let decoded = || base64::engine::general_purpose::STANDARD.decode(value).ok();
        let secret = match basic {
            true => decoded().is_some_and(|bytes| bytes.contains(&b':')),
            false => value.len() >= 6,
        };
        if secret {
            self.add_range(Kind::Token, end, stop);
        }
    }

    /// Within a word (`[32mghp_…`, `token=3Dghp_…`) it is one that looks random: names such as
    /// `network_live_check` hold prefixes, too.
    fn service_token(&mut self, start: usize) {
        let within = !self.begins(start);
        if start < self.done[4] || within && start < self.done[5] {
            return;
        }
        let end = self.forth(start, |b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        let has = |kind: fn(&u8) -> bool| self.bytes()[start..end].iter().any(kind);
        let looks_random =
            has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
        if within && !looks_random {
            self.done[5] = end;
            return;
        }
        self.done[4] = end;
        if end - start >= 20 {
            self.add_range(Kind::Token, start, end);
        }
    }

    /// What AWS's task tokens have near their beginning.
    fn task_token(&mut self, start: usize, end: usize) {
        if start < self.done[2] {
            return;
        }
        let start = self.back(start, is_base64);
        let mut end = self.forth(end, is_base64);
        // Some writers escape `/`.
        loop {
            let slash = self.forth(end, |b| b == b'\\');
            if slash == end || self.bytes().get(slash) != Some(&b'/') {
                break;
            }
            end = self.forth(slash, is_base64);
        }
        self.done[2] = end;
        if end - start >= 40 {
            let value = self.text[start..end].replace('\\', "");
            self.add(Kind::Token, &value);
        }
    }

    /// The lines of a PEM file behind its first one, in which the word at `word` stands; a file that
    /// was cut off ends with its string.
    fn private_key(&mut self, word: usize, start: usize) {
        let head = &self.text[..word];
        let begins = head.rfind("-----").is_some_and(|at| head[at..].starts_with("-----BEGIN "));
        if !begins {
            return;
        }
        let body = &self.text[start..];
        let body = &body[..body.find("-----").unwrap_or(body.len())];
        let part = |b: u8| is_base64(b) || b"\\ :,\r\n\t".contains(&b);
        let body = &body[..body.bytes().position(|b| !part(b)).unwrap_or(body.len())];
        let lines = body.split(|c: char| !is_base64(c as u8));
        for line in lines.map(|line| line.trim_start_matches('n')).filter(|line| line.len() >= 16) {
            self.add(Kind::Secret, line);
        }
    }

    /// Twelve digits on their own. Every twelfth byte tells whether they can be there.
    fn accounts(&mut self) {
        let mut at = 11;
        while at < self.text.len() {
            if !self.bytes()[at].is_ascii_digit() {
                at += 12;
                continue;
            }
            let mut start = at;
            while start > 0 && self.bytes()[start - 1].is_ascii_digit() {
                start -= 1;
            }
            let end = self.forth(at, |b| b.is_ascii_digit());
            if end - start == 12 && self.is_account(start, end) {
                self.add_range(Kind::Account, start, end);
            }
            at = end + 12;
        }
    }

    /// Whether twelve digits on their own are an account's: by their place in an ARN, by the name of
    /// their member, or, within a string, by themselves. There a few order numbers are taken for
    /// accounts, which a stable pseudonym does not harm; and only what reads as a minute
    /// (`202405020815`) stays, since definitions compare times.
    fn is_account(&self, start: usize, end: usize) -> bool {
        let bytes = self.bytes();
        if ends_uuid(bytes, start, end) {
            return false;
        }
        let head = &self.text[..start];
        if head.ends_with(':') && bytes.get(end) == Some(&b':') {
            return true;
        }
        let inside = bytes.get(end).is_none_or(|b| !b",}] \r\n\t".contains(b) && *b != b'.');
        let before = head.trim_end();
        let number = before.strip_suffix(':').filter(|_| !inside);
        let string = head.trim_end_matches(['"', '\\']).trim_end().strip_suffix(':');
        match number {
            // A number, not a string: only where its name says what it is.
            Some(name) if name.trim_end().ends_with('"') => self.is_of_account(name),
            Some(_) => true,
            None if is_minute(&self.text[start..end]) => {
                string.is_some_and(|name| self.is_of_account(name))
            }
            None => {
                let listed = !inside && before.ends_with(['[', ',']);
                let fraction =
                    before.ends_with('.') && start > 1 && bytes[start - 2].is_ascii_digit();
                !listed && !fraction
            }
        }
    }

    /// Whether this text ends with the name of a member that holds an account.
    fn is_of_account(&self, head: &str) -> bool {
        let end = head.trim_end().trim_end_matches(['"', '\\']).len();
        let name = self.text[self.back(end, |b| b != b'"')..end].to_ascii_lowercase();
        name.contains("account") || name.contains("owner")
    }

    /// Forty characters of all sorts: the secret half of an access key, wherever it stands.
    fn secret_access_keys(&mut self) {
        const LENGTH: usize = 40;
        let part = |b: u8| b.is_ascii_alphanumeric() || b == b'/' || b == b'+';
        let mut at = LENGTH - 1;
        while at < self.text.len() {
            if !part(self.bytes()[at]) {
                at += LENGTH;
                continue;
            }
            let (start, end) = (self.back(at, part), self.forth(at, part));
            let run = &self.bytes()[start..end];
            let count = |is: fn(&u8) -> bool| run.iter().filter(|b| is(b)).count();
            if run.len() == LENGTH
                && count(u8::is_ascii_uppercase) >= 4
                && count(u8::is_ascii_lowercase) >= 4
                && count(u8::is_ascii_digit) >= 1
            {
                self.add_range(Kind::Secret, start, end);
            }
            at = end.max(at) + LENGTH;
        }
    }

    /// A word that names of secrets have: the name of a member, or of a parameter (`name=value`).
    fn name(&mut self, start: usize, end: usize) {
        if start < self.done[0] {
            return;
        }
        let part = |b: u8| b.is_ascii_alphanumeric() || b"_-.$".contains(&b);
        let start = self.back(start, part);
        let end = self.forth(end, part);
        self.done[0] = end;
        let name = &self.text[start..end];
        let own = self.scanner.rules.keys.iter().any(|key| key.eq_ignore_ascii_case(name));
        if !own && !keys::is_secret(name) || name.ends_with(".$") {
            return;
        }
        let kind = if own { Kind::Rule } else { Kind::Secret };
        let bytes = self.bytes();
        let backslashes = self.forth(end, |b| b == b'\\') - end;
        let quote = end + backslashes;
        match bytes.get(quote) {
            Some(b'"') => {
                let colon = self.forth(quote + 1, |b| b.is_ascii_whitespace());
                if bytes.get(colon) == Some(&b':') {
                    let value = self.forth(colon + 1, |b| b.is_ascii_whitespace());
                    self.value(kind, value, backslashes.trailing_ones());
                }
            }
            Some(b'=') if backslashes == 0 => self.parameter(kind, end + 1, 4),
            // Prose: what follows must look like a secret by itself.
            Some(b':') if backslashes == 0 => {
                self.parameter(kind, self.forth(end + 1, |b| b == b' '), 6);
            }
            _ => {}
        }
    }

    fn parameter(&mut self, kind: Kind, start: usize, least: usize) {
        let end =
            self.forth(start, |b| !b.is_ascii_whitespace() && !b"&\"';,\\<>}{)(".contains(&b));
        let value = &self.text[start..end];
        let mixed = value.bytes().any(|b| b.is_ascii_digit())
            && value.bytes().any(|b| b.is_ascii_alphabetic());
        let is_path = value.starts_with('$') || value.contains("${");
        if value.len() >= least && (mixed || least == 4) && !is_path && !value.contains("://") {
            self.add_range(kind, start, end);
        }
    }

    /// The value of a member that holds a secret: a string or a number, or all that an array or an
    /// object holds. `level` says in how many strings the member is nested.
    fn value(&mut self, kind: Kind, start: usize, level: u32) {
        match self.bytes().get(start) {
            Some(b'"' | b'\\') => {
                if let Some((inner, end, _)) = self.string(start, level) {
                    self.text_of(kind, inner, end, level);
                }
            }
            Some(b'-' | b'0'..=b'9') => {
                let end = self.forth(start, is_number);
                self.number(kind, &self.text[start..end]);
            }
            Some(b'[' | b'{') if start >= self.done[3] && !self.states.contains(&start) => {
                self.all_within(kind, start, level);
            }
            _ => {}
        }
    }

    /// The strings and numbers of the array or object that begins here, but not names of members;
    /// none of a state, which may have the name of a secret.
    fn all_within(&mut self, kind: Kind, start: usize, level: u32) {
        let mut at = start;
        let mut open = Vec::new();
        let mut found = Vec::new();
        while let Some(byte) = self.bytes().get(at) {
            match byte {
                b'[' | b'{' => {
                    open.push(at);
                    at += 1;
                }
                b']' | b'}' => {
                    open.pop();
                    at += 1;
                }
                b'-' | b'0'..=b'9' => {
                    let end = self.forth(at, is_number);
                    found.push((at, end, true));
                    at = end;
                }
                b'"' | b'\\' => {
                    let letter = self.forth(at, |b| b == b'\\');
                    if matches!(self.bytes().get(letter), Some(b'n' | b'r' | b't')) {
                        // White space between members, as it stands within a string.
                        at = letter + 1;
                        continue;
                    }
                    let Some((inner, end, after)) = self.string(at, level) else { break };
                    at = self.forth(after, |b| b.is_ascii_whitespace());
                    if self.bytes().get(at) != Some(&b':') {
                        found.push((inner, end, false));
                    } else if &self.text[inner..end] == "Type" && self.is_state_type(at + 1, level)
                    {
                        self.states.extend(open.last());
                        if open == [start] {
                            // What lies within has names of its own.
                            return;
                        }
                    }
                }
                _ => at += 1,
            }
            if open.is_empty() {
                break;
            }
        }
        self.done[3] = at;
        for (start, end, is_number) in found {
            match is_number {
                true => self.number(kind, &self.text[start..end]),
                false => self.text_of(kind, start, end, level),
            }
        }
    }

    /// Whether a state's type stands here as the value of a member, in a definition.
    fn is_state_type(&self, start: usize, level: u32) -> bool {
        let start = self.forth(start, |b| b.is_ascii_whitespace());
        self.kind == TextKind::Definition
            && self
                .string(start, level)
                .is_some_and(|(inner, end, _)| STATE_TYPES.contains(&&self.text[inner..end]))
    }

    /// The string that opens here at this level: where its text begins and ends, and what follows.
    ///
    /// `\"` opens a string within a string, `\\\"` one within that; and a run of backslashes before
    /// a quote says by the ones at its end in which of them the quote stands.
    fn string(&self, start: usize, level: u32) -> Option<(usize, usize, usize)> {
        let bytes = self.bytes();
        let quote = self.forth(start, |b| b == b'\\');
        let opens = bytes.get(quote) == Some(&b'"') && (quote - start).trailing_ones() == level;
        let inner = opens.then_some(quote + 1)?;
        let mut at = inner;
        loop {
            at += bytes[at..].iter().position(|b| *b == b'"')?;
            let mut run = 0;
            while at - run > inner && bytes[at - run - 1] == b'\\' {
                run += 1;
            }
            if run.trailing_ones() <= level {
                let own = (1usize << level.min(20)) - 1;
                return Some((inner, at - own.min(run), at + 1));
            }
            at += 1;
        }
    }

    /// A secret text: as it is, or the strings of the JSON that it is.
    fn text_of(&mut self, kind: Kind, start: usize, end: usize, level: u32) {
        let Some(raw) = self.text.get(start..end) else { return };
        let mut text = raw.to_owned();
        if raw.contains('\\') {
            for _ in 0..=level {
                match serde_json::from_str::<String>(&format!("\"{text}\"")) {
                    Ok(decoded) => text = decoded,
                    Err(_) => break,
                }
            }
        }
        if text.starts_with(['{', '[', '"'])
            && !text.starts_with("{%")
            && let Ok(value) = Value::parse(&text)
        {
            self.leaves(kind, &value);
            return;
        }
        let code = text.starts_with("{%") || text.contains("${");
        let path = text.starts_with("$.") || text.starts_with("$$") || text.starts_with("$[");
        let path = path || text == "$" || text.starts_with("States.");
        if self.kind != TextKind::Definition || !(code || path) {
            self.add(kind, &text);
        }
    }

    fn leaves(&mut self, kind: Kind, value: &Value) {
        match value {
            Value::String(text) => self.add(kind, text),
            Value::Array(items) => items.iter().for_each(|item| self.leaves(kind, item)),
            Value::Object(members) => members.values().for_each(|m| self.leaves(kind, m)),
            Value::Number(number) => self.number(kind, &number.to_string()),
            _ => {}
        }
    }

    /// A number that is secret; one of fewer than six digits is found everywhere, as a count or an
    /// id, and stays.
    fn number(&mut self, kind: Kind, text: &str) {
        let text = text.trim_start_matches('-').split(['e', 'E']).next().unwrap_or_default();
        if text.bytes().filter(u8::is_ascii_digit).count() >= 6 {
            self.add(kind, text);
        }
    }

    /// The values at the user's paths, in every piece of JSON that a string holds.
    fn paths(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.starts_with(['{', '[']) => {
                if let Ok(inner) = Value::parse(text) {
                    let scanner = self.scanner;
                    for path in &scanner.rules.paths {
                        if let Ok(found) = path.read(&inner) {
                            self.leaves(Kind::Rule, &found);
                        }
                    }
                    self.paths(&inner);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.paths(item)),
            Value::Object(members) => members.values().for_each(|member| self.paths(member)),
            _ => {}
        }
    }
}
