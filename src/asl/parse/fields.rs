//! The fields of one object of a definition, and what is said about those that do not belong.

use crate::asl::state::QueryLanguage;
use crate::diagnostic::closest;
use crate::document::{Member, Members, Node};

/// The members of an object, taken by the language they belong to.
pub(super) struct Fields<'n> {
    pub node: &'n Node,
    pub language: QueryLanguage,
    members: Members<'n>,
    /// What the object is, as messages call it: `a Task state`.
    what: &'static str,
    /// Fields that are there, but of the other query language.
    foreign: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    pub fn new(members: Members<'n>, language: QueryLanguage, what: &'static str) -> Self {
        Self { node: members.node, language, members, what, foreign: Vec::new() }
    }

    /// What the object is, known only after its `Type` was read.
    pub fn rename(&mut self, what: &'static str) {
        self.what = what;
    }

    /// A field of both languages.
    pub fn any(&mut self, key: &'static str) -> Option<&'n Node> {
        self.members.take(key)
    }

    /// A field of both languages, with its key.
    pub fn member(&mut self, key: &'static str) -> Option<&'n Member> {
        self.members.member(key)
    }

    /// A field that only JSONPath states have.
    pub fn jsonpath(&mut self, key: &'static str) -> Option<&'n Node> {
        self.of(QueryLanguage::JsonPath, key)
    }

    /// A field that only JSONata states have.
    pub fn jsonata(&mut self, key: &'static str) -> Option<&'n Node> {
        self.of(QueryLanguage::Jsonata, key)
    }

    fn of(&mut self, language: QueryLanguage, key: &'static str) -> Option<&'n Node> {
        if self.language == language {
            return self.members.take(key);
        }
        if self.members.has(key) {
            self.foreign.push(key);
        }
        None
    }

    pub fn has(&self, key: &str) -> bool {
        self.members.has(key)
    }

    /// The members that nobody has asked for, each with what to do about it.
    pub fn leftovers(&self) -> Vec<(&'n Member, String)> {
        let advice = |member: &'n Member| {
            let key = &*member.key;
            if self.foreign.contains(&key) {
                return self.translation(key);
            }
            if let Some(owners) = owners(key).filter(|_| self.what.ends_with(" state")) {
                return format!("`{key}` is a field of {owners}, not of {}", self.what);
            }
            let unused = self.members.known().iter().copied().filter(|known| !self.has(known));
            if let Some(known) = closest(key, unused) {
                return format!("did you mean `{known}`?");
            }
            let mut known: Vec<&str> = self.members.known().to_vec();
            known.sort_unstable();
            known.dedup();
            match known.len() {
                0..=20 => format!("the fields of {} are {}", self.what, known.join(", ")),
                _ => format!("it is no field of {}", self.what),
            }
        };
        self.members.rest().map(|member| (member, advice(member))).collect()
    }

    /// What takes the place of a field of the other query language.
    fn translation(&self, key: &str) -> String {
        let (own, other) = match self.language {
            QueryLanguage::Jsonata => ("JSONata", "JSONPath"),
            QueryLanguage::JsonPath => ("JSONPath", "JSONata"),
        };
        let instead = match key {
            "Parameters" => "Arguments",
            "Arguments" => "Parameters",
            "ResultSelector" | "ResultPath" | "OutputPath" | "Result" => "Output",
            "Output" => "ResultSelector, ResultPath or OutputPath",
            "InputPath" => "an expression over $states.input",
            "ItemsPath" => "Items",
            "Items" => "ItemsPath",
            "Condition" => "Variable with an operator",
            _ => key.strip_suffix("Path").unwrap_or(""),
        };
        let hint = match instead {
            "" => String::new(),
            instead => format!("; use {instead}"),
        };
        format!("`{key}` belongs to {other}, but the QueryLanguage here is {own}{hint}")
    }
}

/// The types of states that have a field which not all of them have.
fn owners(field: &str) -> Option<&'static str> {
    Some(match field {
        "Resource"
        | "TimeoutSeconds"
        | "TimeoutSecondsPath"
        | "HeartbeatSeconds"
        | "HeartbeatSecondsPath"
        | "Credentials" => "Task states",
        "Result" => "Pass states",
        "Parameters" => "Task, Pass, Parallel and Map states",
        "Arguments" => "Task and Parallel states",
        "ResultPath" => "Task, Pass, Parallel and Map states",
        "ResultSelector" | "Retry" | "Catch" => "Task, Parallel and Map states",
        "Choices" | "Default" => "Choice states",
        "Seconds" | "SecondsPath" | "Timestamp" | "TimestampPath" => "Wait states",
        "Error" | "ErrorPath" | "Cause" | "CausePath" => "Fail states",
        "Branches" => "Parallel states",
        "ItemProcessor" | "Iterator" | "ItemsPath" | "Items" | "ItemSelector"
        | "MaxConcurrency" | "MaxConcurrencyPath" | "ItemReader" | "ItemBatcher"
        | "ResultWriter" | "Label" => "Map states",
        "Next" | "End" => "all states but Choice, Succeed and Fail",
        "InputPath" | "OutputPath" | "Output" => "all states but Fail",
        "Assign" => "all states but Succeed and Fail",
        _ => return None,
    })
}
