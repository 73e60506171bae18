//! The post-parse stage: flattens paths into steps, attaches predicates, resolves parent
//! operators and marks tail calls.

use std::sync::Arc;

use super::ast::{Group, Kind, Lambda, Node, Operator, SortTerm, Stage, Transform};
use super::error::Fault;
use super::functions;
use super::parser::{Raw, RawKind};

type Processed = Result<Node, Box<Fault>>;

/// The place of a parent operator: the step that it refers to carries the label.
struct Slot {
    label: usize,
    level: i64,
}

/// Gives the finished tree and the label of each parent slot.
pub(super) fn process(raw: Raw) -> Result<(Node, Vec<Arc<str>>), Box<Fault>> {
    let mut processor = Processor { slots: Vec::new() };
    let node = processor.node(raw)?;
    if matches!(node.kind, Kind::Parent(_)) || node.seeking.is_some() {
        return Err(no_parent(&node));
    }
    let labels = processor.slots.iter().map(|slot| format!("!{}", slot.label).into()).collect();
    Ok((node, labels))
}

fn no_parent(node: &Node) -> Box<Fault> {
    let fault = Fault::new("S0217").token(node.type_name());
    match node.kind {
        Kind::Path { .. } | Kind::Parent(_) => fault,
        _ => fault.at(node.position),
    }
}

struct Processor {
    slots: Vec<Slot>,
}

impl Processor {
    /// Processes a node; chains of operators are taken apart in a loop, not by recursion.
    fn node(&mut self, raw: Raw) -> Processed {
        let mut chain = Vec::new();
        let mut current = raw;
        loop {
            let Raw { kind, position, keep_array, .. } = current;
            let (lhs, link) = match kind {
                RawKind::Binary { operator, lhs, rhs } => (lhs, Link::Binary(operator, *rhs)),
                RawKind::Group { lhs, pairs } => (lhs, Link::Group(pairs)),
                RawKind::Sort { lhs, terms } => (lhs, Link::Sort(terms)),
                RawKind::Condition { condition, then, otherwise } => {
                    (condition, Link::Condition(*then, otherwise))
                }
                kind => {
                    let mut node = self.term(kind, position, keep_array)?;
                    node.keep_array |= keep_array;
                    while let Some((link, position, keep_array)) = chain.pop() {
                        node = self.link(node, link, position, keep_array)?;
                        node.keep_array |= keep_array;
                    }
                    return Ok(node);
                }
            };
            chain.push((link, position, keep_array));
            current = *lhs;
        }
    }

    fn nodes(&mut self, raws: Vec<Raw>) -> Result<Vec<Node>, Box<Fault>> {
        raws.into_iter().map(|raw| self.node(raw)).collect()
    }

    fn term(&mut self, kind: RawKind, position: usize, keep_array: bool) -> Processed {
        let simple = match kind {
            RawKind::Name(name) => return Ok(name_path(name, position, keep_array)),
            RawKind::Operator(name @ ("and" | "or" | "in")) => {
                return Ok(name_path(name.into(), position, keep_array));
            }
            RawKind::Operator(_) => Kind::Placeholder,
            RawKind::Variable(name) => {
                let builtin = functions::find(&name);
                Kind::Variable(name, builtin)
            }
            RawKind::String(text) => Kind::String(text),
            RawKind::Number(value) => Kind::Number(value),
            RawKind::Bool(value) => Kind::Bool(value),
            RawKind::Null => Kind::Null,
            RawKind::Regex(regex) => Kind::Regex(regex),
            RawKind::Wildcard => Kind::Wildcard,
            RawKind::Descendant => Kind::Descendant,
            RawKind::Parent => {
                let slot = self.slots.len();
                self.slots.push(Slot { label: slot, level: 1 });
                Kind::Parent(slot)
            }
            RawKind::End => return Err(Fault::new("S0207").at(position).token("(end)")),
            kind => return self.compound(kind, position),
        };
        Ok(Node::new(simple, position))
    }

    fn compound(&mut self, kind: RawKind, position: usize) -> Processed {
        match kind {
            RawKind::Negate(operand) => self.negate(*operand, position),
            RawKind::Array(items) => {
                let items = self.nodes(items)?;
                let seeking = collect(&items);
                Ok(with_seeking(Kind::Array(items), position, seeking))
            }
            RawKind::Object(pairs) => {
                let pairs = self.pairs(pairs)?;
                let seeking = collect(pairs.iter().flat_map(|(key, value)| [key, value]));
                Ok(with_seeking(Kind::Object(Group { pairs, position }), position, seeking))
            }
            RawKind::Block(expressions) => {
                let nodes = self.nodes(expressions)?;
                let seeking = collect(&nodes);
                let cons_array = nodes.iter().any(starts_with_array);
                let mut node = with_seeking(Kind::Block(nodes), position, seeking);
                node.cons_array = cons_array;
                Ok(node)
            }
            RawKind::Function { procedure, arguments, partial } => {
                let arguments = self.nodes(arguments)?;
                let seeking = collect(&arguments);
                let procedure = Box::new(self.node(*procedure)?);
                let kind = if partial {
                    Kind::Partial { procedure, arguments }
                } else {
                    Kind::Function { procedure, arguments }
                };
                Ok(with_seeking(kind, position, seeking))
            }
            RawKind::Lambda { params, signature, body } => {
                let body = tail_call(self.node(*body)?);
                let lambda = Lambda { params, signature, body, thunk: false };
                Ok(Node::new(Kind::Lambda(Box::new(lambda)), position))
            }
            RawKind::Transform { pattern, update, delete } => {
                let pattern = self.node(*pattern)?;
                let update = self.node(*update)?;
                let delete = delete.map(|delete| self.node(*delete)).transpose()?;
                let transform = Transform { pattern, update, delete };
                Ok(Node::new(Kind::Transform(Box::new(transform)), position))
            }
            _ => Err(Fault::new("S0206").at(position)),
        }
    }

    fn negate(&mut self, operand: Raw, position: usize) -> Processed {
        let mut operand = self.node(operand)?;
        if let Kind::Number(value) = &mut operand.kind {
            *value = -*value;
            return Ok(operand);
        }
        let seeking = collect([&operand]);
        Ok(with_seeking(Kind::Negate(Box::new(operand)), position, seeking))
    }

    fn pairs(&mut self, pairs: Vec<(Raw, Raw)>) -> Result<Vec<(Node, Node)>, Box<Fault>> {
        pairs.into_iter().map(|(key, value)| Ok((self.node(key)?, self.node(value)?))).collect()
    }

    /// Applies one operator of a chain to what stands left of it.
    fn link(&mut self, left: Node, link: Link, position: usize, keep_array: bool) -> Processed {
        match link {
            Link::Binary(".", rhs) => self.map(left, rhs),
            Link::Binary("[", rhs) => self.filter(left, rhs, position),
            Link::Binary(":=", rhs) => {
                let name = match left.kind {
                    Kind::Variable(name, _) => name,
                    _ => return Err(Fault::new("S0212").at(left.position)),
                };
                let value = Box::new(self.node(rhs)?);
                let seeking = collect([&*value]);
                Ok(with_seeking(Kind::Bind { name, value }, position, seeking))
            }
            Link::Binary("@", rhs) => focus(left, variable(rhs), position, keep_array),
            Link::Binary("#", rhs) => Ok(index(left, variable(rhs))),
            Link::Binary("~>", rhs) => {
                let rhs = self.node(rhs)?;
                let keep_array = left.keep_array || rhs.keep_array;
                let kind = Kind::Apply { lhs: Box::new(left), rhs: Box::new(rhs) };
                let mut node = Node::new(kind, position);
                node.keep_array = keep_array;
                Ok(node)
            }
            Link::Binary(operator, rhs) => {
                let rhs = self.node(rhs)?;
                let seeking = collect([&left, &rhs]);
                let operator = Operator::of(operator)
                    .ok_or_else(|| Fault::new("S0201").at(position).token(operator))?;
                let (lhs, rhs) = (Box::new(left), Box::new(rhs));
                Ok(with_seeking(Kind::Binary { operator, lhs, rhs }, position, seeking))
            }
            Link::Group(pairs) => {
                if left.group.is_some() {
                    return Err(Fault::new("S0210").at(position));
                }
                let mut left = left;
                left.group = Some(Box::new(Group { pairs: self.pairs(pairs)?, position }));
                Ok(left)
            }
            Link::Sort(terms) => self.sort(left, terms, position),
            Link::Condition(then, otherwise) => {
                let then = self.node(then)?;
                let otherwise = otherwise.map(|node| self.node(*node)).transpose()?;
                let seeking = collect([&left, &then].into_iter().chain(&otherwise));
                let kind = Kind::Condition {
                    condition: Box::new(left),
                    then: Box::new(then),
                    otherwise: otherwise.map(Box::new),
                };
                Ok(with_seeking(kind, position, seeking))
            }
        }
    }

    fn map(&mut self, left: Node, rhs: Raw) -> Processed {
        let mut path = match left.kind {
            Kind::Path { .. } => left,
            Kind::Parent(slot) => {
                let mut path = Node::path(vec![left], 0);
                path.seeking = Some(vec![slot]);
                path
            }
            _ => Node::path(vec![left], 0),
        };
        let mut rest = self.node(rhs)?;
        let Kind::Path { steps, keep_singleton } = &mut path.kind else { return Ok(path) };
        match rest.kind {
            Kind::Path { steps: more, .. } => steps.extend(more),
            _ => {
                if !rest.predicates.is_empty() {
                    rest.stages = std::mem::take(&mut rest.predicates);
                }
                steps.push(rest);
            }
        }
        for step in steps.iter_mut() {
            let value = step.token();
            match &step.kind {
                Kind::Number(_) | Kind::Bool(_) | Kind::Null => {
                    return Err(Fault::new("S0213").at(step.position).value(value));
                }
                Kind::String(text) => step.kind = Kind::Name(text.clone()),
                _ => {}
            }
            *keep_singleton |= step.keep_array;
        }
        let last = steps.len() - 1;
        for end in [0, last] {
            if matches!(steps[end].kind, Kind::Array(_)) {
                steps[end].cons_array = true;
            }
        }
        self.resolve_ancestry(&mut path)?;
        Ok(path)
    }

    fn filter(&mut self, left: Node, rhs: Raw, position: usize) -> Processed {
        let mut node = left;
        let in_path = matches!(node.kind, Kind::Path { .. });
        let grouped = last_step(&mut node).group.is_some();
        if grouped {
            return Err(Fault::new("S0209").at(position));
        }
        let predicate = self.node(rhs)?;
        let step = last_step(&mut node);
        if let Some(slots) = &predicate.seeking {
            for slot in slots {
                if self.slots[*slot].level == 1 {
                    self.seek_parent(step, *slot)?;
                } else {
                    self.slots[*slot].level -= 1;
                }
            }
            push_ancestry(step, &predicate);
        }
        let stages = if in_path { &mut step.stages } else { &mut step.predicates };
        stages.push(Stage::Filter(predicate));
        Ok(node)
    }

    fn sort(&mut self, left: Node, terms: Vec<(bool, Raw)>, position: usize) -> Processed {
        let mut path = match left.kind {
            Kind::Path { .. } => left,
            _ => Node::path(vec![left], 0),
        };
        let mut sorted = Vec::with_capacity(terms.len());
        for (descending, term) in terms {
            sorted.push(SortTerm { descending, expression: self.node(term)? });
        }
        let seeking = collect(sorted.iter().map(|term| &term.expression));
        let step = with_seeking(Kind::Sort(sorted), position, seeking);
        if let Kind::Path { steps, .. } = &mut path.kind {
            steps.push(step);
        }
        self.resolve_ancestry(&mut path)?;
        Ok(path)
    }

    /// Finds the step that a parent operator in the last step of `path` refers to.
    fn resolve_ancestry(&mut self, path: &mut Node) -> Result<(), Box<Fault>> {
        let Kind::Path { steps, .. } = &mut path.kind else { return Ok(()) };
        let Some(last) = steps.last() else { return Ok(()) };
        let mut slots = last.seeking.clone().unwrap_or_default();
        if let Kind::Parent(slot) = last.kind {
            slots.push(slot);
        }
        for slot in slots {
            let mut left = steps.len() - 1;
            while self.slots[slot].level > 0 {
                if left == 0 {
                    path.seeking.get_or_insert_default().push(slot);
                    break;
                }
                left -= 1;
                // Of several steps in a row that bind the focus, the first is the parent.
                while left > 0 && steps[left].focus.is_some() && steps[left - 1].focus.is_some() {
                    left -= 1;
                }
                self.seek_parent(&mut steps[left], slot)?;
            }
        }
        Ok(())
    }

    fn seek_parent(&mut self, node: &mut Node, slot: usize) -> Result<(), Box<Fault>> {
        match &mut node.kind {
            Kind::Name(_) | Kind::Wildcard => {
                self.slots[slot].level -= 1;
                if self.slots[slot].level == 0 {
                    if let Some(known) = node.ancestor {
                        self.slots[slot].label = self.slots[known].label;
                    }
                    node.ancestor = Some(slot);
                    node.tuple = true;
                }
            }
            Kind::Parent(_) => self.slots[slot].level += 1,
            Kind::Block(expressions) => {
                if let Some(last) = expressions.last_mut() {
                    node.tuple = true;
                    self.seek_parent(last, slot)?;
                }
            }
            Kind::Path { steps, .. } => {
                node.tuple = true;
                let mut steps = steps.iter_mut().rev();
                if let Some(last) = steps.next() {
                    self.seek_parent(last, slot)?;
                }
                for step in steps {
                    if self.slots[slot].level <= 0 {
                        break;
                    }
                    self.seek_parent(step, slot)?;
                }
            }
            _ => return Err(no_parent(node)),
        }
        Ok(())
    }
}

/// What follows the left operand of an operator.
enum Link {
    Binary(&'static str, Raw),
    Group(Vec<(Raw, Raw)>),
    Sort(Vec<(bool, Raw)>),
    Condition(Raw, Option<Box<Raw>>),
}

fn name_path(name: Arc<str>, position: usize, keep_array: bool) -> Node {
    let mut step = Node::new(Kind::Name(name), position);
    step.keep_array = keep_array;
    Node::new(Kind::Path { steps: vec![step], keep_singleton: keep_array }, position)
}

fn with_seeking(kind: Kind, position: usize, seeking: Option<Vec<usize>>) -> Node {
    let mut node = Node::new(kind, position);
    node.seeking = seeking;
    node
}

/// The parent slots that these parts leave open.
fn collect<'n>(parts: impl IntoIterator<Item = &'n Node>) -> Option<Vec<usize>> {
    let mut all = None;
    for part in parts {
        if let Some(slots) = &part.seeking {
            all.get_or_insert_with(Vec::new).extend(slots);
        }
        if let Kind::Parent(slot) = part.kind {
            all.get_or_insert_with(Vec::new).push(slot);
        }
    }
    all
}

fn push_ancestry(node: &mut Node, part: &Node) {
    if let Some(slots) = collect([part]) {
        node.seeking.get_or_insert_default().extend(slots);
    }
}

fn starts_with_array(node: &Node) -> bool {
    match &node.kind {
        Kind::Path { steps, .. } => node.cons_array || steps.first().is_some_and(|s| s.cons_array),
        _ => node.cons_array,
    }
}

fn last_step(node: &mut Node) -> &mut Node {
    if !matches!(&node.kind, Kind::Path { steps, .. } if !steps.is_empty()) {
        return node;
    }
    match &mut node.kind {
        Kind::Path { steps, .. } => {
            let last = steps.len() - 1;
            &mut steps[last]
        }
        _ => unreachable!("a path was just seen here"),
    }
}

fn variable(raw: Raw) -> Arc<str> {
    match raw.kind {
        RawKind::Variable(name) => name,
        _ => "".into(),
    }
}

fn focus(left: Node, name: Arc<str>, position: usize, keep_array: bool) -> Processed {
    let mut node = left;
    let step = last_step(&mut node);
    if !step.stages.is_empty() || !step.predicates.is_empty() {
        return Err(Fault::new("S0215").at(position));
    }
    if matches!(step.kind, Kind::Sort(_)) {
        return Err(Fault::new("S0216").at(position));
    }
    step.keep_array |= keep_array;
    step.focus = Some(name);
    step.tuple = true;
    Ok(node)
}

fn index(left: Node, name: Arc<str>) -> Node {
    let mut node = left;
    if !matches!(node.kind, Kind::Path { .. }) {
        if !node.predicates.is_empty() {
            node.stages = std::mem::take(&mut node.predicates);
        }
        node = Node::path(vec![node], 0);
    }
    let step = last_step(&mut node);
    if step.stages.is_empty() {
        step.index = Some(name);
    } else {
        step.stages.push(Stage::Index(name));
    }
    step.tuple = true;
    node
}

/// Turns a call in tail position into a thunk, so that tail recursion runs in a loop.
fn tail_call(node: Node) -> Node {
    let Node { kind, position, .. } = &node;
    let position = *position;
    if matches!(kind, Kind::Function { .. }) && node.predicates.is_empty() {
        let lambda = Lambda { params: Vec::new(), signature: None, body: node, thunk: true };
        return Node::new(Kind::Lambda(Box::new(lambda)), position);
    }
    let mut node = node;
    match &mut node.kind {
        Kind::Condition { then, otherwise, .. } => {
            replace_with_tail_call(then);
            if let Some(otherwise) = otherwise {
                replace_with_tail_call(otherwise);
            }
        }
        Kind::Block(expressions) => {
            if let Some(last) = expressions.last_mut() {
                replace_with_tail_call(last);
            }
        }
        _ => {}
    }
    node
}

fn replace_with_tail_call(node: &mut Node) {
    let taken = std::mem::replace(node, Node::new(Kind::Null, 0));
    *node = tail_call(taken);
}
