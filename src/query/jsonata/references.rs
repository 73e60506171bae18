//! What an expression refers to, found without evaluating it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ast::{Group, Kind, Node, Stage};

/// What an expression refers to. Step Functions refuses some of it when a state machine is
/// created, and lists variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Names, `*` and `**` that would be looked up in the input document, which does not exist.
    pub names: Vec<Reference>,
    /// Uses of `$$`, the input document.
    pub roots: Vec<Reference>,
    /// Uses of `$eval`, which does not exist.
    pub evals: Vec<Reference>,
    /// Members of `$states` that are used, such as `input`; an empty name is `$states` itself.
    pub states: Vec<Reference>,
    /// Other variables that the expression does not bind itself, built-in functions left out.
    pub variables: Vec<Reference>,
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The name, without `$`.
    pub name: Arc<str>,
    /// Where it ends in the expression, in UTF-16 code units, as the reference places nodes.
    pub position: usize,
}

pub(super) fn find(root: &Node) -> References {
    let mut finder = Finder { found: References::default(), scopes: vec![BTreeSet::new()] };
    finder.node(root, true);
    finder.found
}

struct Finder {
    found: References,
    /// The variables that the expression binds, innermost scope last.
    scopes: Vec<BTreeSet<Arc<str>>>,
}

impl Finder {
    /// Looks through a node; `top` where names are looked up in the input document.
    fn node(&mut self, node: &Node, top: bool) {
        match &node.kind {
            Kind::Path { steps, .. } => self.path(steps, top),
            Kind::Name(name) if top => self.name(name, node.position),
            Kind::Wildcard if top => self.name(&"*".into(), node.position),
            Kind::Descendant if top => self.name(&"**".into(), node.position),
            Kind::Variable(name, builtin) => {
                self.variable(name, builtin.is_some(), node.position, None)
            }
            Kind::Binary { .. } => self.binary(node, top),
            Kind::Negate(operand) => self.node(operand, top),
            Kind::Array(nodes) => nodes.iter().for_each(|node| self.node(node, top)),
            Kind::Object(group) => self.group(group, top),
            Kind::Condition { condition, then, otherwise } => {
                self.node(condition, top);
                self.node(then, top);
                if let Some(otherwise) = otherwise {
                    self.node(otherwise, top);
                }
            }
            Kind::Block(nodes) => {
                self.scopes.push(BTreeSet::new());
                nodes.iter().for_each(|node| self.node(node, top));
                self.scopes.pop();
            }
            Kind::Bind { name, value } => {
                // A function may call itself by the name it is bound to.
                self.declare(name);
                self.node(value, top);
            }
            Kind::Function { procedure, arguments } | Kind::Partial { procedure, arguments } => {
                self.node(procedure, top);
                arguments.iter().for_each(|node| self.node(node, top));
            }
            Kind::Lambda(lambda) => {
                self.scopes.push(lambda.params.iter().cloned().collect());
                self.node(&lambda.body, top);
                self.scopes.pop();
            }
            Kind::Apply { lhs, rhs } => {
                self.node(lhs, top);
                self.node(rhs, top);
            }
            Kind::Transform(transform) => {
                self.node(&transform.pattern, false);
                self.node(&transform.update, false);
                if let Some(delete) = &transform.delete {
                    self.node(delete, false);
                }
            }
            _ => {}
        }
        self.attachments(node);
    }

    fn binary(&mut self, node: &Node, top: bool) {
        let mut rights = Vec::new();
        let mut left = node;
        while let Kind::Binary { lhs, rhs, .. } = &left.kind {
            if !std::ptr::eq(left, node) {
                self.attachments(left);
            }
            rights.push(&**rhs);
            left = lhs;
        }
        self.node(left, top);
        rights.into_iter().rev().for_each(|right| self.node(right, top));
    }

    fn attachments(&mut self, node: &Node) {
        for name in [&node.focus, &node.index].into_iter().flatten() {
            self.declare(name);
        }
        for stage in node.predicates.iter().chain(&node.stages) {
            match stage {
                Stage::Filter(predicate) => self.node(predicate, false),
                Stage::Index(name) => self.declare(name),
            }
        }
        if let Some(group) = &node.group {
            self.group(group, false);
        }
        if let Kind::Sort(terms) = &node.kind {
            terms.iter().for_each(|term| self.node(&term.expression, false));
        }
    }

    fn path(&mut self, steps: &[Node], top: bool) {
        let mut rest = steps;
        if let [first, second, ..] = steps
            && let (Kind::Variable(name, builtin), Kind::Name(member)) = (&first.kind, &second.kind)
            && &**name == "states"
            && first.predicates.is_empty()
        {
            self.variable(name, builtin.is_some(), second.position, Some(member));
            self.attachments(first);
            self.attachments(second);
            rest = &steps[2..];
        } else if let Some(first) = steps.first() {
            self.node(first, top);
            rest = &steps[1..];
        }
        rest.iter().for_each(|step| self.node(step, false));
    }

    fn group(&mut self, group: &Group, top: bool) {
        for (key, value) in &group.pairs {
            self.node(key, top);
            self.node(value, top);
        }
    }

    fn declare(&mut self, name: &Arc<str>) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.clone());
        }
    }

    fn name(&mut self, name: &Arc<str>, position: usize) {
        self.found.names.push(Reference { name: name.clone(), position });
    }

    fn variable(
        &mut self,
        name: &Arc<str>,
        builtin: bool,
        position: usize,
        member: Option<&Arc<str>>,
    ) {
        if name.is_empty() || self.scopes.iter().any(|scope| scope.contains(name)) {
            return;
        }
        let list = match &**name {
            "$" => &mut self.found.roots,
            "eval" => &mut self.found.evals,
            "states" => &mut self.found.states,
            _ if builtin => return,
            _ => &mut self.found.variables,
        };
        let name = match (&**name, member) {
            ("states", Some(member)) => member.clone(),
            ("states", None) => "".into(),
            _ => name.clone(),
        };
        list.push(Reference { name, position });
    }
}
