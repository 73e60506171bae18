//! Which states use which variables, and whether anything assigns them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::Parser;
use crate::diagnostic::closest;
use crate::query::scope::{ScopedPath, Source};

/// What is known of the variables of a definition while it is read.
#[derive(Default)]
pub(super) struct Variables {
    /// The names that some `Assign` gives a value, each with its scope and place.
    assigned: Vec<(Arc<str>, usize, Range<usize>)>,
    /// Every use, with its scope and place.
    uses: Vec<(Arc<str>, usize, Range<usize>)>,
    /// For each scope the one around it; none for the top level and for the child executions of a
    /// distributed Map, which see no variables from outside.
    scopes: Vec<Option<usize>>,
    /// The scope of the state now being read.
    scope: usize,
    /// The names that the state now being read uses.
    current: BTreeSet<Arc<str>>,
    /// Each state that uses variables, with their names in order.
    pub references: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// Whether a name is a placeholder, so that any variable may be assigned.
    open: bool,
}

impl Parser<'_> {
    pub(super) fn assigns(&mut self, name: &str, span: &Range<usize>) {
        self.variables.open |= self.document.has_placeholder(name);
        self.variables.assigned.push((name.into(), self.variables.scope, span.clone()));
    }

    pub(super) fn uses(&mut self, name: &Arc<str>, span: &Range<usize>) {
        self.variables.current.insert(name.clone());
        self.variables.uses.push((name.clone(), self.variables.scope, span.clone()));
    }

    /// Begins the scope of an inner level of states, and answers the one around it.
    pub(super) fn begin_scope(&mut self, sees_outer: bool) -> usize {
        let outer = self.variables.scope;
        if self.variables.scopes.is_empty() {
            // The machine's own.
            self.variables.scopes.push(None);
        }
        self.variables.scopes.push(sees_outer.then_some(outer));
        self.variables.scope = self.variables.scopes.len() - 1;
        outer
    }

    pub(super) fn end_scope(&mut self, outer: usize) {
        self.variables.scope = outer;
    }

    pub(super) fn uses_path(&mut self, path: &ScopedPath, span: &Range<usize>) {
        if let Source::Variable(name) = path.source() {
            self.uses(name, span);
        }
    }

    /// Begins a state; what [`Parser::end_variables`] needs to go on with the one around it.
    pub(super) fn begin_variables(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.variables.current)
    }

    pub(super) fn end_variables(&mut self, state: &Arc<str>, outer: BTreeSet<Arc<str>>) {
        let used = std::mem::replace(&mut self.variables.current, outer);
        if !used.is_empty() {
            self.variables.references.push((state.clone(), used.into_iter().collect()));
        }
    }

    /// Warns of variables that hide one of a scope around theirs, and of those that nothing in sight
    /// assigns: AWS accepts these, but evaluating them fails.
    pub(super) fn check_variables(&mut self) {
        self.check_hidden_variables();
        if self.variables.open {
            return;
        }
        let uses = std::mem::take(&mut self.variables.uses);
        // One variable may be used very often.
        let mut known: BTreeMap<(Arc<str>, usize), Option<String>> = BTreeMap::new();
        for (name, scope, span) in uses {
            let missing = known
                .entry((name.clone(), scope))
                .or_insert_with(|| self.variables.missing(&name, scope));
            if let Some(help) = missing {
                let message = format!("No state assigns the variable ${name}");
                self.warn(&span, "UNASSIGNED_VARIABLE", message, help.clone());
            }
        }
    }

    /// Warns of a variable that a state around assigns as well. The documentation forbids it, yet
    /// AWS accepts a branch that assigns what its Parallel state's Catcher assigns too
    /// (`parallel_catch_error.PARALLEL_CATCH_ERROR_VARIABLE_SAMPLING`).
    fn check_hidden_variables(&mut self) {
        let assigned = std::mem::take(&mut self.variables.assigned);
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (name, scope, _) in &assigned {
            by_name.entry(name).or_default().push(*scope);
        }
        for (name, scope, span) in &assigned {
            let hides = by_name[&**name]
                .iter()
                .any(|other| other != scope && self.variables.sees(*scope, *other));
            if hides {
                let message =
                    format!("The variable \"{name}\" is assigned in an outer scope already");
                let help = "give it another name: inner scopes read outer variables, they cannot \
                            assign them";
                self.warn(span, "HIDDEN_VARIABLE", message, help.to_owned());
            }
        }
        self.variables.assigned = assigned;
    }
}

impl Variables {
    /// What to do where nothing that states of `scope` see assigns the variable.
    fn missing(&self, name: &str, scope: usize) -> Option<String> {
        let mut assigned = self.assigned.iter().filter(|(other, ..)| **other == *name);
        if assigned.clone().any(|(_, at, _)| self.sees(scope, *at)) {
            return None;
        }
        let known = self.assigned.iter().map(|(name, ..)| &**name);
        Some(match (assigned.next(), closest(name, known)) {
            // Documented: inner assignments stay inside, and the children of a distributed Map see
            // none from outside.
            (Some(_), _) => {
                "it is assigned in another scope, which this state does not see".to_owned()
            }
            (None, Some(known)) => format!("did you mean `${known}`?"),
            (None, None) => "assign it in a state that runs before".to_owned(),
        })
    }

    /// Whether states of `scope` see what is assigned in `other`.
    fn sees(&self, scope: usize, other: usize) -> bool {
        let mut scope = Some(scope);
        while let Some(at) = scope {
            if at == other {
                return true;
            }
            scope = self.scopes.get(at).copied().flatten();
        }
        false
    }
}
