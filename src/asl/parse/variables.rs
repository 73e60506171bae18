//! Which states use which variables, and whether anything assigns them.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::Parser;
use crate::diagnostic::closest;
use crate::query::scope::{ScopedPath, Source};

/// What is known of the variables of a definition while it is read.
#[derive(Default)]
pub(super) struct Variables {
    /// The names that some `Assign` gives a value.
    assigned: BTreeSet<Arc<str>>,
    /// Every use, and where it stands.
    uses: Vec<(Arc<str>, Range<usize>)>,
    /// The names that the state now being read uses.
    current: BTreeSet<Arc<str>>,
    /// Each state that uses variables, with their names in order.
    pub references: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// Whether a name is a placeholder, so that any variable may be assigned.
    open: bool,
}

impl Parser<'_> {
    pub(super) fn assigns(&mut self, name: &str) {
        self.variables.open |= crate::document::has_placeholder(name);
        self.variables.assigned.insert(name.into());
    }

    pub(super) fn uses(&mut self, name: &Arc<str>, span: &Range<usize>) {
        self.variables.current.insert(name.clone());
        self.variables.uses.push((name.clone(), span.clone()));
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

    /// Warns of variables that nothing assigns: AWS accepts them, but evaluating them fails.
    pub(super) fn check_variables(&mut self) {
        if self.variables.open {
            return;
        }
        let uses = std::mem::take(&mut self.variables.uses);
        for (name, span) in uses {
            if self.variables.assigned.contains(&name) {
                continue;
            }
            let known = self.variables.assigned.iter().map(|name| &**name);
            let help = match closest(&name, known) {
                Some(known) => format!("did you mean `${known}`?"),
                None => "assign it in a state that runs before".to_owned(),
            };
            let message = format!("No state assigns the variable ${name}");
            self.warn(&span, "UNASSIGNED_VARIABLE", message, help);
        }
    }
}
