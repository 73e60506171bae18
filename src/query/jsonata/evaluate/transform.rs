//! The transform operator `| pattern | update, delete |`.

use super::super::ast::Transform;
use super::super::error::Fault;
use super::super::item::{Env, Evaluated, Item, List, Marks, Members, Record};
use super::Evaluator;

impl<'e> Evaluator<'e> {
    /// A copy of `item` in which what the pattern finds is changed in place.
    pub fn transform(
        &mut self,
        transform: &'e Transform,
        position: usize,
        env: &Env<'e>,
        item: &Item<'e>,
    ) -> Evaluated<'e> {
        if item.is_undefined() {
            return Ok(Item::Undefined);
        }
        let clone = self.find("clone", super::super::functions::find("clone"), env)?;
        if clone.as_function().is_none() {
            return Err(Fault::new("T2013").at(position));
        }
        let result = self.apply(&clone, vec![item.clone()], &Item::Null)?;
        let matches = match self.evaluate(&transform.pattern, &result, env)? {
            Item::Undefined => return Ok(result),
            Item::Array(list) => list.to_vec(),
            single => vec![single],
        };
        for found in matches {
            self.change(transform, &found, env)?;
        }
        self.walk(&result)?;
        Ok(result)
    }

    /// Counts the nodes of a value that was changed in place, where nobody else counted them.
    fn walk(&mut self, item: &Item<'e>) -> Result<(), Box<Fault>> {
        self.spend(1)?;
        match item {
            Item::Array(List::Own(own)) => own.items.iter().try_for_each(|item| self.walk(item)),
            Item::Object(record @ Record::Own(_)) => {
                record.entries().try_for_each(|(_, member)| self.walk(&member))
            }
            _ => Ok(()),
        }
    }

    fn change(
        &mut self,
        transform: &'e Transform,
        found: &Item<'e>,
        env: &Env<'e>,
    ) -> Result<(), Box<Fault>> {
        let update = self.evaluate(&transform.update, found, env)?;
        match &update {
            Item::Undefined => {}
            Item::Object(changes) => {
                for (key, member) in changes.entries() {
                    match found {
                        Item::Object(record) => record.insert(key, member)?,
                        Item::Array(_) | Item::Function(_) => {}
                        Item::Undefined | Item::Null => {
                            let kind = if found.is_undefined() { "undefined" } else { "null" };
                            let message =
                                format!("Cannot set properties of {kind} (setting '{key}')");
                            return Err(Fault::host(message));
                        }
                        scalar => return Err(super::apply::cannot_create(scalar, &key)),
                    }
                }
            }
            other => {
                let fault = Fault::new("T2011").value(other.shown());
                return Err(super::apply::place(fault, &transform.update));
            }
        }
        let Some(delete) = &transform.delete else { return Ok(()) };
        let deletions = self.evaluate(delete, found, env)?;
        let keys = match &deletions {
            Item::Undefined => return Ok(()),
            Item::Array(list) => list.to_vec(),
            single => vec![single.clone()],
        };
        if keys.iter().any(|key| !matches!(key, Item::String(_))) {
            let fault = Fault::new("T2012").value(deletions.shown());
            return Err(super::apply::place(fault, delete));
        }
        for key in keys {
            if let (Item::Object(record), Item::String(key)) = (found, key) {
                record.remove(&key);
            }
        }
        Ok(())
    }

    /// What `$clone` gives: the value as if written as JSON and read again, built of parts that
    /// belong to nobody else.
    pub fn clone_deep(&mut self, item: &Item<'e>) -> Evaluated<'e> {
        self.spend(1)?;
        Ok(match item {
            Item::Array(list) => {
                let mut items = Vec::with_capacity(list.len());
                for item in list.iter() {
                    items.push(self.clone_deep(&item)?);
                }
                Item::Array(List::new(items, Marks::default())?)
            }
            Item::Object(record) => {
                let mut members = Members::default();
                for (key, member) in record.entries() {
                    if !member.is_undefined() {
                        let member = self.clone_deep(&member)?;
                        members.insert(key, member);
                    }
                }
                Item::Object(Record::new(members)?)
            }
            Item::Number(value) if value.is_infinite() => {
                return Err(Fault::new("D1001").value(item.shown()));
            }
            Item::Number(value) if value.is_nan() => Item::Null,
            Item::Number(value) => Item::Number(super::super::number::to_15_digits(*value)),
            Item::Undefined => Item::Null,
            Item::Function(_) => Item::string(""),
            other => other.clone(),
        })
    }
}
