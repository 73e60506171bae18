//! Paths: steps, filters, and the streams of bindings behind `@`, `#` and `%`.

use std::sync::Arc;

use super::super::ast::{Kind, Node, Stage};
use super::super::error::Fault;
use super::super::item::{Env, Evaluated, Frame, Item, List, Marks, Members, Record};
use super::{ELEMENT_BYTES, Evaluator, numeric};

/// What flows from one step of a path to the next.
enum Stream<'e> {
    Empty,
    /// A single value; as a list it would be a sequence of one.
    One(Item<'e>),
    List(List<'e>),
}

impl<'e> Stream<'e> {
    /// What a whole evaluation gave, as input of the next step: JavaScript goes through a
    /// string character by character.
    fn of_result(item: Item<'e>) -> Result<Self, Box<Fault>> {
        Ok(match item {
            Item::Array(list) => Self::List(list),
            Item::String(text) => {
                let chars = text.chars().map(|char| Item::string(char.to_string())).collect();
                Self::List(List::new(chars, Marks::default())?)
            }
            _ => Self::Empty,
        })
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::One(_) => false,
            Self::List(list) => list.len() == 0,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(_) => 1,
            Self::List(list) => list.len(),
        }
    }

    fn item(&self, index: usize) -> Item<'e> {
        match self {
            Self::Empty => Item::Undefined,
            Self::One(item) => item.clone(),
            Self::List(list) => list.item(index),
        }
    }

    fn to_item(&self) -> Evaluated<'e> {
        match self {
            Self::Empty => Item::sequence(Vec::new()),
            Self::One(item) => Item::sequence(vec![item.clone()]),
            Self::List(list) => Ok(Item::Array(list.clone())),
        }
    }
}

impl<'e> Evaluator<'e> {
    pub(super) fn path(
        &mut self,
        node: &'e Node,
        steps: &'e [Node],
        keep_singleton: bool,
        input: &Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        let absolute = matches!(steps.first(), Some(Node { kind: Kind::Variable(..), .. }));
        let mut stream = match input {
            Item::Array(list) if !absolute => Stream::List(list.clone()),
            other => Stream::One(other.clone()),
        };
        // The result of a step that is not a list: only a first array constructor can give it.
        let mut odd = None;
        let (mut tuples, mut in_tuples) = (None, false);
        let last = steps.len() - 1;
        for (index, step) in steps.iter().enumerate() {
            in_tuples |= step.tuple;
            if index == 0 && step.cons_array {
                let item = self.evaluate(step, &stream.to_item()?, env)?;
                odd = (!matches!(item, Item::Array(_))).then(|| item.clone());
                if matches!(item, Item::Null) && !in_tuples {
                    let message = "Cannot read properties of null (reading 'length')";
                    return Err(Fault::host(message));
                }
                if item.is_undefined() && !in_tuples {
                    stream = Stream::Empty;
                    break;
                }
                let ends = index == last;
                stream = Stream::of_result(item)?;
                if stream.is_empty() && odd.is_some() && !ends {
                    odd = None;
                }
            } else if in_tuples {
                tuples = Some(self.tuple_step(step, &stream, tuples, env)?);
            } else {
                odd = None;
                stream = self.step(step, stream, env, index == last)?;
            }
            if !in_tuples && stream.is_empty() && odd.is_none() {
                // An inner step gives a sequence, a first array constructor an array.
                if index < last && !(index == 0 && step.cons_array) {
                    stream = Stream::Empty;
                }
                break;
            }
        }
        self.path_result(node, keep_singleton, stream, odd, in_tuples.then_some(tuples), env)
    }

    fn path_result(
        &mut self,
        node: &'e Node,
        keep_singleton: bool,
        stream: Stream<'e>,
        odd: Option<Item<'e>>,
        tuples: Option<Option<List<'e>>>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        let grouped = node.group.as_deref();
        let bindings = tuples.flatten();
        let mut result = match &bindings {
            Some(tuples) if node.tuple => Item::Array(tuples.clone()),
            Some(tuples) => Item::sequence(tuples.iter().map(|t| t.member("@")).collect())?,
            None => match (odd, stream) {
                (Some(item), _) => item,
                (None, Stream::One(item)) if !keep_singleton && grouped.is_none() => {
                    return if node.keep_array { keep(vec![item]) } else { Ok(item) };
                }
                (None, stream) => stream.to_item()?,
            },
        };
        if keep_singleton {
            result = keep_singleton_array(result)?;
        }
        let Some(group) = grouped else { return Ok(result) };
        let input = bindings.map_or(result, Item::Array);
        self.group(group, input, env)
    }

    fn step(
        &mut self,
        node: &'e Node,
        input: Stream<'e>,
        env: &Env<'e>,
        last: bool,
    ) -> Result<Stream<'e>, Box<Fault>> {
        if let Kind::Sort(terms) = &node.kind {
            // What a step gives is a sequence, of which a single element stands for itself.
            let input = match input {
                Stream::List(list) if list.len() == 1 => Stream::One(list.item(0)),
                other => other,
            };
            let mut result = self.sort_terms(terms, node.position, input.to_item()?, env)?;
            if !node.stages.is_empty() {
                result = self.stages(&node.stages, result, env)?;
            }
            return Stream::of_result(result);
        }
        if let Stream::One(item) = &input {
            let result = self.step_item(node, item, env)?;
            return match result {
                Item::Undefined => Ok(Stream::Empty),
                Item::Array(list) if list.marks().cons => self.flatten_one(list, last),
                Item::Array(list) if list.marks().sequence || !last => {
                    Ok(Stream::List(list.with_marks_of_sequence(last)))
                }
                Item::Array(list) => Ok(Stream::List(list)),
                other => Ok(Stream::One(other)),
            };
        }
        let mut results = Vec::new();
        let mut elements = 0;
        for index in 0..input.len() {
            let result = self.step_item(node, &input.item(index), env)?;
            if !result.is_undefined() {
                elements += match &result {
                    Item::Array(list) if !list.marks().cons => list.len(),
                    _ => 1,
                };
                self.fit(elements * ELEMENT_BYTES)?;
                results.push(result);
            }
        }
        if last
            && let [Item::Array(list)] = &*results
            && !list.marks().sequence
        {
            return Ok(Stream::List(list.clone()));
        }
        if results.iter().any(|item| matches!(item, Item::Array(list) if !list.marks().cons)) {
            let mut flat = Vec::with_capacity(results.len());
            for result in results {
                match result {
                    Item::Array(list) if !list.marks().cons => {
                        self.spend(list.len() / 8)?;
                        flat.extend(list.iter());
                    }
                    other => flat.push(other),
                }
            }
            results = flat;
        }
        Ok(Stream::List(List::new(results, Marks::SEQUENCE)?))
    }

    /// The result of a constructor step for a single input: the last step keeps it as it is.
    fn flatten_one(&mut self, list: List<'e>, last: bool) -> Result<Stream<'e>, Box<Fault>> {
        if last && !list.marks().sequence {
            return Ok(Stream::List(list));
        }
        Ok(Stream::One(Item::Array(list)))
    }

    fn step_item(&mut self, node: &'e Node, item: &Item<'e>, env: &Env<'e>) -> Evaluated<'e> {
        let mut result = self.evaluate(node, item, env)?;
        for stage in &node.stages {
            if let Stage::Filter(predicate) = stage {
                result = self.filter(predicate, result, env)?;
            }
        }
        Ok(result)
    }

    fn stages(&mut self, stages: &'e [Stage], input: Item<'e>, env: &Env<'e>) -> Evaluated<'e> {
        let mut result = input;
        for stage in stages {
            match stage {
                Stage::Filter(predicate) => result = self.filter(predicate, result, env)?,
                Stage::Index(name) => {
                    if let Item::Array(list) = &result {
                        for (index, tuple) in list.iter().enumerate() {
                            if let Item::Object(record) = tuple {
                                record.insert(name.clone(), Item::int(index))?;
                            }
                        }
                    }
                }
            }
        }
        Ok(result)
    }

    /// One step of a path that carries bindings along: every result is an object of them.
    fn tuple_step(
        &mut self,
        node: &'e Node,
        input: &Stream<'e>,
        tuples: Option<List<'e>>,
        env: &Env<'e>,
    ) -> Result<List<'e>, Box<Fault>> {
        let mut result = match &node.kind {
            Kind::Sort(terms) => self.tuple_sort(node, terms, input, tuples, env)?,
            _ => {
                let tuples = match tuples {
                    Some(tuples) => tuples.to_vec(),
                    None => (0..input.len())
                        .map(|index| tuple([(Arc::from("@"), input.item(index))]))
                        .collect::<Result<_, _>>()?,
                };
                let mut results = Vec::new();
                for bindings in &tuples {
                    self.bind_step(node, bindings, &mut results, env)?;
                }
                Item::Array(List::new(results, Marks::TUPLES)?)
            }
        };
        if !node.stages.is_empty() {
            result = self.stages(&node.stages, result, env)?;
        }
        match result {
            Item::Array(list) => Ok(list),
            other => List::new(vec![other], Marks::default()),
        }
    }

    fn tuple_sort(
        &mut self,
        node: &'e Node,
        terms: &'e [super::super::ast::SortTerm],
        input: &Stream<'e>,
        tuples: Option<List<'e>>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        if let Some(tuples) = tuples {
            return self.sort_terms(terms, node.position, Item::Array(tuples), env);
        }
        let sorted = self.sort_terms(terms, node.position, input.to_item()?, env)?;
        let Item::Array(sorted) = sorted else { return Ok(sorted) };
        let mut results = Vec::with_capacity(sorted.len());
        for (position, item) in sorted.iter().enumerate() {
            let mut members = vec![(Arc::from("@"), item)];
            if let Some(index) = &node.index {
                members.push((index.clone(), Item::int(position)));
            }
            results.push(tuple(members)?);
        }
        Ok(Item::Array(List::new(results, Marks::TUPLES)?))
    }

    /// Evaluates a step for one set of bindings and adds what comes out to `results`.
    fn bind_step(
        &mut self,
        node: &'e Node,
        bindings: &Item<'e>,
        results: &mut Vec<Item<'e>>,
        env: &Env<'e>,
    ) -> Result<(), Box<Fault>> {
        let Item::Object(known) = bindings else { return Ok(()) };
        let scope = Frame::of_tuple(env, bindings);
        let parent = known.lookup("@");
        let found = match self.evaluate(node, &parent, &scope)? {
            Item::Undefined => return Ok(()),
            Item::Array(list) => list,
            single => List::new(vec![single], Marks::default())?,
        };
        let carried = found.marks().tuples;
        for (position, item) in found.iter().enumerate() {
            self.spend(1)?;
            let tuple = known.copy()?;
            if carried {
                if let Item::Object(inner) = &item {
                    for (name, value) in inner.entries() {
                        tuple.insert(name, value)?;
                    }
                }
            } else {
                match &node.focus {
                    Some(focus) => tuple.insert(focus.clone(), item)?,
                    None => tuple.insert(Arc::from("@"), item)?,
                }
                if let Some(index) = &node.index {
                    tuple.insert(index.clone(), Item::int(position))?;
                }
                if let Some(slot) = node.ancestor {
                    tuple.insert(self.labels[slot].clone(), parent.clone())?;
                }
            }
            results.push(Item::Object(tuple));
        }
        Ok(())
    }

    /// Keeps the elements that a predicate selects: by truth, or by their position.
    pub(super) fn filter(
        &mut self,
        predicate: &'e Node,
        input: Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        let stream = match input {
            Item::Array(list) => Stream::List(list),
            other => Stream::One(other),
        };
        let tuples = matches!(&stream, Stream::List(list) if list.marks().tuples);
        let marks = if tuples { Marks::TUPLES } else { Marks::SEQUENCE };
        let mut results = Vec::new();
        if let Kind::Number(value) = predicate.kind {
            if let Some(index) = position(value, stream.len()) {
                match stream.item(index) {
                    Item::Undefined => {}
                    item @ Item::Array(_) => return Ok(item),
                    item => results.push(item),
                }
            }
            return Ok(Item::Array(List::new(results, marks)?));
        }
        for index in 0..stream.len() {
            let item = stream.item(index);
            let selected = if tuples {
                let scope = Frame::of_tuple(env, &item);
                self.evaluate(predicate, &item.member("@"), &scope)?
            } else {
                self.evaluate(predicate, &item, env)?
            };
            for _ in 0..self.times_selected(&selected, index, stream.len())? {
                results.push(item.clone());
            }
        }
        Ok(Item::Array(List::new(results, marks)?))
    }

    /// How often the result of a predicate selects the element at `index`.
    fn times_selected(
        &mut self,
        selected: &Item<'_>,
        index: usize,
        len: usize,
    ) -> Result<usize, Box<Fault>> {
        if let Some(value) = numeric(selected)? {
            return Ok(usize::from(position(value, len) == Some(index)));
        }
        if let Item::Array(list) = selected {
            self.spend(list.len() / 16)?;
            let (mut numbers, mut times) = (true, 0);
            for item in list.iter() {
                match numeric(&item)? {
                    Some(value) => times += usize::from(position(value, len) == Some(index)),
                    None => numbers = false,
                }
            }
            if numbers {
                return Ok(times);
            }
        }
        self.holds(selected).map(usize::from)
    }
}

/// The element that a number means: rounded down, and from the end where negative.
fn position(value: f64, len: usize) -> Option<usize> {
    let floor = value.floor();
    let index = if floor < 0.0 { len as f64 + floor } else { floor };
    (index >= 0.0 && index < len as f64).then_some(index as usize)
}

fn tuple<'e>(members: impl IntoIterator<Item = (Arc<str>, Item<'e>)>) -> Evaluated<'e> {
    let members: Members<'e> = members.into_iter().collect();
    Ok(Item::Object(Record::new(members)?))
}

fn keep(items: Vec<Item<'_>>) -> Evaluated<'_> {
    let marks = Marks { keep_singleton: true, ..Marks::SEQUENCE };
    Ok(Item::Array(List::new(items, marks)?))
}

/// What `[]` makes of the result of a path.
fn keep_singleton_array(result: Item<'_>) -> Evaluated<'_> {
    match result {
        Item::Array(list) if list.marks().cons && !list.marks().sequence => {
            keep(vec![Item::Array(list)])
        }
        Item::Array(list) => {
            // Only on sequences does the mark mean anything.
            let marks = Marks { keep_singleton: true, ..list.marks() };
            let list = if list.marks().sequence { list.with_marks(marks) } else { list };
            Ok(Item::Array(list))
        }
        Item::Object(_) | Item::Function(_) => Ok(result),
        Item::Undefined => {
            Err(Fault::host("Cannot set properties of undefined (setting 'keepSingleton')"))
        }
        Item::Null => Err(Fault::host("Cannot set properties of null (setting 'keepSingleton')")),
        other => Err(super::apply::cannot_create(&other, "keepSingleton")),
    }
}

impl<'e> List<'e> {
    /// The list as input of the next step, or, from the last one, as a fresh sequence.
    fn with_marks_of_sequence(self, last: bool) -> Self {
        if last { self.with_marks(Marks::SEQUENCE) } else { self }
    }
}
