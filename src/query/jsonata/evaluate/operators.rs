//! Operators between values.

use std::cmp::Ordering;
use std::sync::Arc;

use super::super::ast::{Kind, Node, Operator};
use super::super::error::Fault;
use super::super::item::{Env, Evaluated, Item, List, Marks};
use super::super::text;
use super::sort::compare_strings;
use super::{ELEMENT_BYTES, Evaluator, numeric};

/// The most elements that `..` makes.
const MAX_RANGE: f64 = 1e7;

impl<'e> Evaluator<'e> {
    /// Evaluates a chain of operators from its innermost left operand outwards, in a loop.
    pub(super) fn binary(
        &mut self,
        node: &'e Node,
        input: &Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        let Kind::Binary { operator, lhs, rhs } = &node.kind else { return Ok(Item::Undefined) };
        if !is_plain_binary(lhs) {
            let left = self.evaluate(lhs, input, env)?;
            return self.operate(node, *operator, left, rhs, input, env);
        }
        let mut chain = vec![node];
        let mut innermost: &'e Node = lhs;
        while is_plain_binary(innermost)
            && let Kind::Binary { lhs, .. } = &innermost.kind
        {
            self.spend(1)?;
            chain.push(innermost);
            innermost = lhs;
        }
        let mut left = self.evaluate(innermost, input, env)?;
        while let Some(node) = chain.pop() {
            if let Kind::Binary { operator, rhs, .. } = &node.kind {
                left = self.operate(node, *operator, left, rhs, input, env)?;
            }
        }
        Ok(left)
    }

    fn operate(
        &mut self,
        node: &'e Node,
        operator: Operator,
        lhs: Item<'e>,
        rhs: &'e Node,
        input: &Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        let place = |fault: Box<Fault>| fault.at(node.position).token(operator.text());
        if let Operator::And | Operator::Or = operator {
            // Errors of the right side, too, get the place of this operator.
            return self.logical(operator, &lhs, rhs, input, env).map_err(place);
        }
        let rhs = self.evaluate(rhs, input, env)?;
        self.combine(operator, lhs, rhs).map_err(place)
    }

    fn logical(
        &mut self,
        operator: Operator,
        lhs: &Item<'e>,
        rhs: &'e Node,
        input: &Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        let left = self.holds(lhs)?;
        if left == (operator == Operator::Or) {
            return Ok(Item::Bool(left));
        }
        let right = self.evaluate(rhs, input, env)?;
        self.holds(&right).map(Item::Bool)
    }

    fn combine(&mut self, operator: Operator, lhs: Item<'e>, rhs: Item<'e>) -> Evaluated<'e> {
        match operator {
            Operator::Equal | Operator::NotEqual => {
                if lhs.is_undefined() || rhs.is_undefined() {
                    return Ok(Item::Bool(false));
                }
                // Nested parts were counted when they were evaluated.
                self.spend((lhs.scan() + lhs.nodes() / 8).min(rhs.scan() + rhs.nodes() / 8))?;
                Ok(Item::Bool(self.equal(&lhs, &rhs)? == (operator == Operator::Equal)))
            }
            Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => {
                self.spend(lhs.scan().min(rhs.scan()))?;
                compare(operator, &lhs, &rhs)
            }
            Operator::Concat => self.concat(&lhs, &rhs),
            Operator::Range => self.range(&lhs, &rhs),
            Operator::In => {
                self.spend(4 * rhs.scan())?;
                Ok(Item::Bool(includes(&lhs, &rhs)))
            }
            _ => arithmetic(operator, &lhs, &rhs),
        }
    }

    fn concat(&mut self, lhs: &Item<'e>, rhs: &Item<'e>) -> Evaluated<'e> {
        let limit = self.limits.value_bytes;
        let text = |item: &Item<'e>| match text::string(item, false, limit)? {
            Item::String(text) => Ok(text),
            _ => Ok::<Arc<str>, Box<Fault>>("".into()),
        };
        let (left, right) = (text(lhs)?, text(rhs)?);
        let mut joined = String::with_capacity(left.len() + right.len());
        self.allocate(left.len() + right.len())?;
        joined.push_str(&left);
        joined.push_str(&right);
        Ok(Item::String(joined.into()))
    }

    fn range(&mut self, lhs: &Item<'e>, rhs: &Item<'e>) -> Evaluated<'e> {
        let integer = |item: &Item<'e>, code| match item {
            Item::Undefined => Ok(None),
            Item::Number(value) if value.is_finite() && value.trunc() == *value => Ok(Some(*value)),
            other => Err(Fault::new(code).value(other.shown())),
        };
        let (first, last) = (integer(lhs, "T2003")?, integer(rhs, "T2004")?);
        let (Some(first), Some(last)) = (first, last) else { return Ok(Item::Undefined) };
        if first > last {
            return Ok(Item::Undefined);
        }
        let size = last - first + 1.0;
        if size > MAX_RANGE {
            let value = super::super::number::to_value(size);
            return Err(Fault::new("D2014").value(Some(value)));
        }
        let count = size as usize;
        self.allocate(count * ELEMENT_BYTES)?;
        let numbers = (0..count).map(|offset| Item::Number(first + offset as f64)).collect();
        Ok(Item::Array(List::new(numbers, Marks::SEQUENCE)?))
    }

    pub(super) fn negate(
        &mut self,
        node: &'e Node,
        operand: &'e Node,
        input: &Item<'e>,
        env: &Env<'e>,
    ) -> Evaluated<'e> {
        let item = self.evaluate(operand, input, env)?;
        if item.is_undefined() {
            return Ok(item);
        }
        match numeric(&item)? {
            Some(value) => Ok(Item::Number(-value)),
            None => Err(Fault::new("D1002").at(node.position).token("-").value(item.shown())),
        }
    }
}

/// Whether the node is an operator and nothing else hangs on it.
fn is_plain_binary(node: &Node) -> bool {
    matches!(node.kind, Kind::Binary { .. })
        && node.predicates.is_empty()
        && node.group.is_none()
        && !node.keep_array
}

fn arithmetic<'e>(operator: Operator, lhs: &Item<'e>, rhs: &Item<'e>) -> Evaluated<'e> {
    let number = |item: &Item<'e>, code| {
        if item.is_undefined() {
            return Ok(None);
        }
        match numeric(item)? {
            Some(value) => Ok(Some(value)),
            None => Err(Fault::new(code).value(item.shown())),
        }
    };
    let (left, right) = (number(lhs, "T2001")?, number(rhs, "T2002")?);
    let (Some(left), Some(right)) = (left, right) else { return Ok(Item::Undefined) };
    Ok(Item::Number(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        _ => left % right,
    }))
}

fn compare<'e>(operator: Operator, lhs: &Item<'e>, rhs: &Item<'e>) -> Evaluated<'e> {
    let comparable =
        |item: &Item<'e>| matches!(item, Item::Undefined | Item::String(_) | Item::Number(_));
    if !comparable(lhs) || !comparable(rhs) {
        // The reference shows the left side also where it is merely missing.
        let shown = match lhs {
            Item::String(_) | Item::Number(_) => rhs,
            _ => lhs,
        };
        return Err(Fault::new("T2010").value(shown.shown()));
    }
    let order = match (lhs, rhs) {
        (Item::Undefined, _) | (_, Item::Undefined) => return Ok(Item::Undefined),
        (Item::String(a), Item::String(b)) => Some(compare_strings(a, b)),
        (Item::Number(a), Item::Number(b)) => a.partial_cmp(b),
        _ => return Err(Fault::new("T2009").value(lhs.shown()).with("value2", rhs.shown())),
    };
    let holds = match operator {
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    };
    Ok(Item::Bool(holds))
}

fn includes<'e>(lhs: &Item<'e>, rhs: &Item<'e>) -> bool {
    if lhs.is_undefined() || rhs.is_undefined() {
        return false;
    }
    match rhs {
        Item::Array(list) => list.iter().any(|item| item.same(lhs)),
        single => single.same(lhs),
    }
}
