//! What came of many replays: counted, grouped, and put together from parts.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Shard;
use super::target::Described;
use crate::cli::Exit;
use crate::replay::Finding;
use crate::value::Value;

/// The format of JSON results; it changes where an older stepproof would misread them.
const FORMAT: i64 = 1;
/// How many unusable executions are named, and of how many the whole report is kept.
const MOST_LISTED: usize = 1_000;

/// What a replay said, where it did not say `same`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Verdict {
    Diverged,
    Undecided,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Self::Diverged => "diverged",
            Self::Undecided => "undecided",
        }
    }
}

/// What all replays of a command came to.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub same: u64,
    pub diverged: u64,
    pub undecided: u64,
    /// Executions that could not be replayed.
    pub unusable: u64,
    /// Executions of machines for which no definition was named.
    pub left_out: u64,
    /// Executions within recordings that cannot be replayed, whatever the definition, by the reason.
    pub unseen: BTreeMap<String, u64>,
    pub groups: BTreeMap<(Verdict, Finding), Group>,
    /// Name and message of the first unusable ones.
    pub problems: Vec<(String, String)>,
    /// How many executions of each machine were replayed, where recordings say the machine.
    pub machines: BTreeMap<String, u64>,
    /// The same of those that were left out.
    pub others: BTreeMap<String, u64>,
    /// How many recordings have a file that is not the recorded one, and the first of them.
    pub edited: u64,
    pub first_edited: Option<String>,
    /// How many recordings were replayed only in part, and the first of them.
    pub partial: u64,
    pub first_partial: Option<String>,
    /// The whole reports of the first executions.
    pub listed: Vec<Value>,
    pub definitions: Vec<Described>,
    /// The parts that these results are of; empty where they are of everything.
    pub shards: Vec<Shard>,
    /// Whether the command was stopped before its end.
    pub interrupted: bool,
}

/// Executions with the same finding.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub count: u64,
    pub example: Example,
}

/// One execution of a group: the first by name.
#[derive(Clone, Debug)]
pub(super) struct Example {
    pub name: String,
    /// The report for people.
    pub text: String,
    /// The report for programs.
    pub value: Value,
}

impl Results {
    /// How many executions there were, left out ones not counted.
    pub fn executions(&self) -> u64 {
        self.same + self.diverged + self.undecided + self.unusable
    }

    /// Counts an execution with a finding. The example must be there where no other has a smaller
    /// name.
    pub fn found(&mut self, verdict: Verdict, finding: Finding, example: Option<Example>) {
        match verdict {
            Verdict::Diverged => self.diverged += 1,
            Verdict::Undecided => self.undecided += 1,
        }
        self.add(verdict, finding, 1, example);
    }

    fn add(&mut self, verdict: Verdict, finding: Finding, count: u64, example: Option<Example>) {
        let none = Example { name: String::new(), text: String::new(), value: Value::Null };
        let group = self
            .groups
            .entry((verdict, finding))
            .or_insert_with(|| Group { count: 0, example: none });
        group.count += count;
        if let Some(example) = example
            && (group.example.name.is_empty() || example.name < group.example.name)
        {
            group.example = example;
        }
    }

    pub fn unusable(&mut self, name: String, message: String) {
        self.unusable += 1;
        if self.problems.len() < MOST_LISTED {
            self.problems.push((name, message));
        }
    }

    /// Keeps a whole report, where there are not too many.
    pub fn list(&mut self, report: Option<Value>) {
        self.listed.extend(report);
        self.listed.truncate(MOST_LISTED);
    }

    /// Whether the whole report of the execution with this number is kept.
    pub fn lists(number: usize) -> bool {
        number < MOST_LISTED
    }

    /// Groups by verdict, the largest first.
    pub fn ordered(&self) -> Vec<(Verdict, &Finding, &Group)> {
        let mut groups: Vec<_> = self
            .groups
            .iter()
            .map(|((verdict, finding), group)| (*verdict, finding, group))
            .collect();
        groups.sort_by_key(|(verdict, _, group)| (*verdict, std::cmp::Reverse(group.count)));
        groups
    }

    /// What was found of the definition counts more than what could not be read.
    pub fn exit(&self, allow_undecided: bool) -> Exit {
        match () {
            () if self.interrupted => Exit::Interrupted,
            () if self.diverged > 0 => Exit::Failed,
            () if self.undecided > 0 && !allow_undecided => Exit::Failed,
            () if self.unusable > 0 => Exit::Unusable,
            () => Exit::AsExpected,
        }
    }

    pub fn to_value(&self) -> Value {
        let counts = |counts: &BTreeMap<String, u64>| {
            Value::object(counts.iter().map(|(name, count)| (name.as_str(), number(*count))))
        };
        let summary = Value::object([
            ("executions", number(self.executions())),
            ("same", number(self.same)),
            ("diverged", number(self.diverged)),
            ("undecided", number(self.undecided)),
            ("unusable", number(self.unusable)),
            ("leftOut", number(self.left_out)),
        ]);
        let groups = self.ordered().into_iter().map(|(verdict, finding, group)| {
            let mut members =
                vec![("verdict", Value::from(verdict.name())), ("count", number(group.count))];
            let finding = finding.to_value();
            for key in ["kind", "state", "place", "message", "subject", "changes"] {
                members.push((key, finding.get(key).cloned().unwrap_or_default()));
            }
            let example = &group.example;
            members.push(("example", example.value.clone()));
            members.push(("exampleText", example.text.as_str().into()));
            Value::object(members)
        });
        let problems = self.problems.iter().map(|(file, message)| {
            Value::object([("file", Value::from(&**file)), ("message", (&**message).into())])
        });
        let definitions = self.definitions.iter().map(|one| {
            let machine = one.machine.as_deref().map_or(Value::Null, Value::from);
            let (file, sha256) = (Value::from(&*one.file), Value::from(&*one.sha256));
            Value::object([("machine", machine), ("file", file), ("sha256", sha256)])
        });
        let shards = self
            .shards
            .iter()
            .map(|shard| Value::from(format!("hash:{}/{}", shard.part, shard.parts)));
        Value::object([
            ("format", Value::from(FORMAT)),
            ("summary", summary),
            ("shards", Value::array(shards)),
            ("interrupted", self.interrupted.into()),
            ("definitions", Value::array(definitions)),
            ("machines", counts(&self.machines)),
            ("leftOut", counts(&self.others)),
            ("notReplayed", counts(&self.unseen)),
            ("edited", number(self.edited)),
            ("firstEdited", self.first_edited.as_deref().map_or(Value::Null, Value::from)),
            ("partial", number(self.partial)),
            ("firstPartial", self.first_partial.as_deref().map_or(Value::Null, Value::from)),
            ("groups", Value::array(groups)),
            ("unusable", Value::array(problems)),
            ("histories", Value::array(self.listed.iter().cloned())),
        ])
    }

    /// Reads what [`to_value`](Self::to_value) wrote.
    ///
    /// # Errors
    ///
    /// What it is instead.
    pub fn from_value(value: &Value) -> Result<Self, String> {
        let found = value.get("format").and_then(Value::as_i64);
        match (found, value.get("summary")) {
            (Some(found), _) if found > FORMAT => {
                return Err(format!(
                    "the results have format {found}, this stepproof reads formats up to {FORMAT}: \
                     update stepproof"
                ));
            }
            (Some(_), Some(_)) => {}
            _ => {
                return Err("these are no results: they come from `stepproof replay … --report \
                            json --output FILE`"
                    .into());
            }
        }
        Self::read(value).ok_or_else(|| {
            "the results are not whole: run the replay that wrote them again".to_owned()
        })
    }

    fn read(value: &Value) -> Option<Self> {
        let count = |value: &Value, key: &str| u64::try_from(value.get(key)?.as_i64()?).ok();
        let text = |value: &Value, key: &str| Some(value.get(key)?.as_str()?.to_owned());
        let counts = |key: &str| -> Option<BTreeMap<String, u64>> {
            let Value::Object(members) = value.get(key)? else { return None };
            let one = |(name, count): (&std::sync::Arc<str>, &Value)| {
                Some((name.to_string(), u64::try_from(count.as_i64()?).ok()?))
            };
            members.iter().map(one).collect()
        };
        let list = |key: &str| value.get(key).and_then(Value::as_array);
        let summary = value.get("summary")?;
        let mut results = Self {
            same: count(summary, "same")?,
            diverged: count(summary, "diverged")?,
            undecided: count(summary, "undecided")?,
            unusable: count(summary, "unusable")?,
            left_out: count(summary, "leftOut")?,
            machines: counts("machines")?,
            others: counts("leftOut")?,
            // Older results lack it.
            unseen: counts("notReplayed").unwrap_or_default(),
            edited: count(value, "edited")?,
            first_edited: text(value, "firstEdited"),
            // Results of an older stepproof do not say.
            partial: count(value, "partial").unwrap_or_default(),
            first_partial: text(value, "firstPartial"),
            listed: list("histories")?.iter().cloned().collect(),
            interrupted: value.get("interrupted")? == &Value::Bool(true),
            ..Self::default()
        };
        for group in list("groups")?.iter() {
            let verdict = match group.get("verdict")?.as_str()? {
                "diverged" => Verdict::Diverged,
                "undecided" => Verdict::Undecided,
                _ => return None,
            };
            let value = group.get("example")?.clone();
            let name = text(&value, "file")?;
            let example = Example { name, text: text(group, "exampleText")?, value };
            let finding = Finding::from_value(group)?;
            results.add(verdict, finding, count(group, "count")?, Some(example));
        }
        for problem in list("unusable")?.iter() {
            results.problems.push((text(problem, "file")?, text(problem, "message")?));
        }
        for one in list("definitions")?.iter() {
            results.definitions.push(Described {
                machine: text(one, "machine"),
                file: text(one, "file")?,
                sha256: text(one, "sha256")?,
            });
        }
        for shard in list("shards")?.iter() {
            let (part, parts) = shard.as_str()?.strip_prefix("hash:")?.split_once('/')?;
            results.shards.push(Shard { part: part.parse().ok()?, parts: parts.parse().ok()? });
        }
        Some(results)
    }

    /// Takes in the results of another part; `name` is their file.
    ///
    /// # Errors
    ///
    /// When they are of the same part, or of a replay that was asked something else.
    pub fn merge(&mut self, name: &str, other: Self) -> Result<(), String> {
        let hashes = |results: &Self| -> Vec<(Option<String>, String)> {
            let all = results.definitions.iter();
            all.map(|one| (one.machine.clone(), one.sha256.clone())).collect()
        };
        if hashes(self) != hashes(&other) {
            return Err(format!(
                "`{name}` is of a replay against other definitions: replay all parts against the \
                 same ones"
            ));
        }
        for shard in &other.shards {
            if let Some(own) = self.shards.first().filter(|own| own.parts != shard.parts) {
                return Err(format!(
                    "`{name}` is a part of {}, others are parts of {}: they do not make a whole",
                    shard.parts, own.parts
                ));
            }
            if self.shards.contains(shard) {
                return Err(format!(
                    "`{name}` is part {}/{}, which was given already: its executions would count \
                     twice",
                    shard.part, shard.parts
                ));
            }
            self.shards.push(*shard);
        }
        self.shards.sort_unstable();
        self.same += other.same;
        self.diverged += other.diverged;
        self.undecided += other.undecided;
        // What every part reports is one thing: a bundle that cannot be read on.
        let known = self.problems.iter().collect::<BTreeSet<_>>();
        let new: Vec<_> =
            other.problems.iter().filter(|problem| !known.contains(problem)).cloned().collect();
        self.unusable += other.unusable - (other.problems.len() - new.len()) as u64;
        self.left_out += other.left_out;
        self.edited += other.edited;
        self.partial += other.partial;
        self.interrupted |= other.interrupted;
        let first = |own: Option<String>, other: Option<String>| match (own, other) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        };
        self.first_edited = first(self.first_edited.take(), other.first_edited);
        self.first_partial = first(self.first_partial.take(), other.first_partial);
        for ((verdict, finding), group) in other.groups {
            self.add(verdict, finding, group.count, Some(group.example));
        }
        for (counts, others) in [
            (&mut self.machines, other.machines),
            (&mut self.others, other.others),
            (&mut self.unseen, other.unseen),
        ] {
            for (machine, count) in others {
                *counts.entry(machine).or_default() += count;
            }
        }
        self.problems.extend(new);
        self.problems.truncate(MOST_LISTED);
        self.listed.extend(other.listed);
        self.listed.truncate(MOST_LISTED);
        Ok(())
    }

    /// The parts that are missing for a whole.
    pub fn missing_shards(&self) -> Vec<Shard> {
        let parts = self.shards.first().map_or(0, |shard| shard.parts);
        let all = (1..=parts).map(|part| Shard { part, parts });
        all.filter(|shard| !self.shards.contains(shard)).collect()
    }
}

fn number(count: u64) -> Value {
    Value::from(i64::try_from(count).unwrap_or(i64::MAX))
}
