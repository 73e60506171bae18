//! The matcher: backtracking with a stack of its own and a bounded amount of work.

use super::Subject;
use super::compile::{Op, Program, Test};
use super::parse::Class;

/// How many alternatives may be open at once.
const MAX_STACK: usize = 1_000_000;

/// The search took more work than allowed.
#[derive(Debug)]
pub(super) struct Exhausted;

type Captures = Vec<Option<usize>>;

pub(super) struct Machine<'m> {
    program: &'m Program,
    subject: &'m Subject<'m>,
    ignore_case: bool,
    multiline: bool,
    /// Start and end of each group, the whole match first.
    captures: Captures,
    /// The count of repetitions of each loop, and where its last one began.
    counts: Vec<u32>,
    begins: Vec<usize>,
    stack: Vec<Undo>,
    pub fuel: u64,
}

/// What failing goes back to, and what it restores on the way.
enum Undo {
    Branch {
        op: usize,
        at: usize,
    },
    /// A run of characters that may give back down to `low`.
    Shrink {
        op: usize,
        low: usize,
        at: usize,
    },
    /// A run that may take more, up to `left` characters.
    Grow {
        op: usize,
        at: usize,
        left: u32,
    },
    Capture(usize, Option<usize>),
    Loop(usize, u32, usize),
}

impl<'m> Machine<'m> {
    pub fn new(
        program: &'m Program,
        subject: &'m Subject<'m>,
        ignore_case: bool,
        multiline: bool,
        fuel: u64,
    ) -> Self {
        Self {
            program,
            subject,
            ignore_case,
            multiline,
            captures: Vec::new(),
            counts: vec![0; program.registers],
            begins: vec![0; program.registers],
            stack: Vec::new(),
            fuel,
        }
    }

    /// The captures of the first match that starts at `from` or later.
    pub fn search(&mut self, from: usize) -> Result<Option<Captures>, Exhausted> {
        for start in from..=self.subject.len() {
            self.captures.clear();
            self.captures.resize(2 + self.program.groups * 2, None);
            self.stack.clear();
            if let Some(end) = self.run(0, start)? {
                self.captures[0] = Some(start);
                self.captures[1] = Some(end);
                return Ok(Some(std::mem::take(&mut self.captures)));
            }
        }
        Ok(None)
    }

    /// Runs from an operation to its `Accept`; gives where the match ended.
    fn run(&mut self, op: usize, at: usize) -> Result<Option<usize>, Exhausted> {
        let base = self.stack.len();
        let (mut op, mut at) = (op, at);
        loop {
            self.burn(1)?;
            let program = self.program;
            let next = match &program.ops[op] {
                Op::Accept => return Ok(Some(at)),
                Op::Jump(target) => {
                    op = *target;
                    continue;
                }
                Op::Split { other } => {
                    self.push(Undo::Branch { op: *other, at })?;
                    Some((op + 1, at))
                }
                Op::Step { test, backward: false } => {
                    let fits = at < self.subject.len() && self.fits(test, self.subject.unit(at));
                    fits.then_some((op + 1, at + 1))
                }
                Op::Step { test, backward: true } => {
                    let fits = at > 0 && self.fits(test, self.subject.unit(at - 1));
                    fits.then(|| (op + 1, at - 1))
                }
                Op::Run { test, min, max, greedy } => {
                    self.run_of(op, test, at, *min, *max, *greedy)?.map(|at| (op + 1, at))
                }
                Op::Save(slot) => {
                    self.push(Undo::Capture(*slot, self.captures[*slot]))?;
                    self.captures[*slot] = Some(at);
                    Some((op + 1, at))
                }
                Op::Look { negated, end } => self.look(op + 1, at, *negated)?.then_some((*end, at)),
                other => self.other(other, op, at)?,
            };
            match next {
                Some(state) => (op, at) = state,
                None => match self.back(base)? {
                    Some(state) => (op, at) = state,
                    None => return Ok(None),
                },
            }
        }
    }

    fn other(
        &mut self,
        operation: &Op,
        op: usize,
        at: usize,
    ) -> Result<Option<(usize, usize)>, Exhausted> {
        let holds = match operation {
            Op::Start => at == 0 || (self.multiline && is_line_end(self.subject.unit(at - 1))),
            Op::End => {
                at == self.subject.len() || (self.multiline && is_line_end(self.subject.unit(at)))
            }
            Op::Boundary { negated } => {
                let before = at > 0 && is_word(self.subject.unit(at - 1));
                let after = at < self.subject.len() && is_word(self.subject.unit(at));
                (before != after) != *negated
            }
            Op::BackReference { group, backward } => {
                return Ok(self.repeat_group(*group, *backward, at)?.map(|at| (op + 1, at)));
            }
            Op::LoopInit { register } => {
                self.save_loop(*register)?;
                self.counts[*register] = 0;
                true
            }
            Op::LoopCheck { register, min, max, greedy, exit } => {
                let count = self.counts[*register];
                if count < *min {
                    true
                } else if count >= *max {
                    return Ok(Some((*exit, at)));
                } else if *greedy {
                    self.push(Undo::Branch { op: *exit, at })?;
                    true
                } else {
                    self.push(Undo::Branch { op: op + 1, at })?;
                    return Ok(Some((*exit, at)));
                }
            }
            Op::LoopEnter { register, groups } => {
                self.save_loop(*register)?;
                self.counts[*register] = self.counts[*register].saturating_add(1);
                self.begins[*register] = at;
                for slot in groups.start * 2..groups.end * 2 {
                    if self.captures[slot].is_some() {
                        self.push(Undo::Capture(slot, self.captures[slot]))?;
                        self.captures[slot] = None;
                    }
                }
                true
            }
            Op::LoopEnd { register, min, check } => {
                let empty = self.begins[*register] == at && self.counts[*register] > *min;
                return Ok((!empty).then_some((*check, at)));
            }
            _ => false,
        };
        Ok(holds.then_some((op + 1, at)))
    }

    /// Takes a run of characters and leaves behind how it may be made longer or shorter.
    fn run_of(
        &mut self,
        op: usize,
        test: &Test,
        start: usize,
        min: u32,
        max: u32,
        greedy: bool,
    ) -> Result<Option<usize>, Exhausted> {
        let wanted = if greedy { max } else { min };
        let rest = self.subject.len() - start;
        let most = usize::try_from(wanted).map_or(rest, |wanted| wanted.min(rest));
        let mut at = start;
        while at - start < most && self.fits(test, self.subject.unit(at)) {
            at += 1;
        }
        let count = at - start;
        self.burn(count as u64 / 4)?;
        if count < min as usize {
            return Ok(None);
        }
        if greedy && count > min as usize {
            self.push(Undo::Shrink { op: op + 1, low: start + min as usize, at })?;
        } else if !greedy && max > min {
            self.push(Undo::Grow { op, at, left: max - min })?;
        }
        Ok(Some(at))
    }

    fn look(&mut self, op: usize, at: usize, negated: bool) -> Result<bool, Exhausted> {
        let base = self.stack.len();
        let found = self.run(op, at)?.is_some();
        if found && !negated {
            // No way leads back inside, but what was captured there is undone with the rest.
            let kept: Vec<Undo> = self.stack.drain(base..).collect();
            self.stack.extend(
                kept.into_iter().filter(|undo| matches!(undo, Undo::Capture(..) | Undo::Loop(..))),
            );
        } else {
            while self.stack.len() > base {
                if let Some(undo) = self.stack.pop() {
                    self.restore(&undo);
                }
            }
        }
        Ok(found != negated)
    }

    /// What a group captured, once more.
    fn repeat_group(
        &mut self,
        group: usize,
        backward: bool,
        at: usize,
    ) -> Result<Option<usize>, Exhausted> {
        let bounds = (self.captures[group * 2], self.captures[group * 2 + 1]);
        let (Some(start), Some(end)) = bounds else { return Ok(Some(at)) };
        let length = end.saturating_sub(start);
        self.burn(length as u64 / 4)?;
        let from = if backward { at.checked_sub(length) } else { Some(at) };
        let Some(from) = from.filter(|from| from + length <= self.subject.len()) else {
            return Ok(None);
        };
        let same = (0..length).all(|offset| {
            let (a, b) = (self.subject.unit(start + offset), self.subject.unit(from + offset));
            a == b || (self.ignore_case && canonical(a) == canonical(b))
        });
        Ok(same.then_some(if backward { from } else { from + length }))
    }

    fn save_loop(&mut self, register: usize) -> Result<(), Exhausted> {
        self.push(Undo::Loop(register, self.counts[register], self.begins[register]))
    }

    fn push(&mut self, undo: Undo) -> Result<(), Exhausted> {
        if self.stack.len() >= MAX_STACK {
            return Err(Exhausted);
        }
        self.stack.push(undo);
        Ok(())
    }

    fn burn(&mut self, amount: u64) -> Result<(), Exhausted> {
        self.fuel = self.fuel.checked_sub(amount).ok_or(Exhausted)?;
        Ok(())
    }

    fn restore(&mut self, undo: &Undo) {
        match *undo {
            Undo::Capture(slot, old) => self.captures[slot] = old,
            Undo::Loop(register, count, begin) => {
                self.counts[register] = count;
                self.begins[register] = begin;
            }
            _ => {}
        }
    }

    /// Goes back to the last open alternative above `base`.
    fn back(&mut self, base: usize) -> Result<Option<(usize, usize)>, Exhausted> {
        while self.stack.len() > base {
            let Some(undo) = self.stack.pop() else { break };
            self.burn(1)?;
            match undo {
                Undo::Branch { op, at } => return Ok(Some((op, at))),
                Undo::Shrink { op, low, at } => {
                    let at = at - 1;
                    if at > low {
                        self.stack.push(Undo::Shrink { op, low, at });
                    }
                    return Ok(Some((op, at)));
                }
                Undo::Grow { op, at, left } => {
                    let Op::Run { test, .. } = &self.program.ops[op] else { continue };
                    if at < self.subject.len() && self.fits(test, self.subject.unit(at)) {
                        if left > 1 {
                            self.stack.push(Undo::Grow { op, at: at + 1, left: left - 1 });
                        }
                        return Ok(Some((op + 1, at + 1)));
                    }
                }
                other => self.restore(&other),
            }
        }
        Ok(None)
    }

    fn fits(&self, test: &Test, unit: u16) -> bool {
        match test {
            Test::Char(char) if self.ignore_case => canonical(*char) == canonical(unit),
            Test::Char(char) => *char == unit,
            Test::Any => !is_line_end(unit),
            Test::Class(class) => {
                let found = contains(class, unit)
                    || (self.ignore_case
                        && cases(unit).into_iter().any(|variant| contains(class, variant)));
                found != class.negated
            }
        }
    }
}

fn contains(class: &Class, unit: u16) -> bool {
    class.ranges.iter().any(|(low, high)| (*low..=*high).contains(&unit))
}

fn is_line_end(unit: u16) -> bool {
    matches!(unit, 0x0a | 0x0d | 0x2028 | 0x2029)
}

fn is_word(unit: u16) -> bool {
    u8::try_from(unit).is_ok_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What the flag `i` compares: the upper case, where it is one code unit and does not cross
/// into ASCII.
fn canonical(unit: u16) -> u16 {
    if unit < 0x80 {
        return u16::from((unit as u8).to_ascii_uppercase());
    }
    single(unit, |char| char.to_uppercase().collect())
        .filter(|upper| *upper >= 0x80)
        .unwrap_or(unit)
}

/// The characters that a class may hold for this one under the flag `i`.
fn cases(unit: u16) -> [u16; 3] {
    let upper = canonical(unit);
    let lower = |unit: u16| {
        let lower = single(unit, |char| char.to_lowercase().collect());
        lower.filter(|lower| canonical(*lower) == upper).unwrap_or(unit)
    };
    [upper, lower(unit), lower(upper)]
}

fn single(unit: u16, change: impl Fn(char) -> Vec<char>) -> Option<u16> {
    match *change(char::from_u32(u32::from(unit))?) {
        [single] => u16::try_from(single as u32).ok(),
        _ => None,
    }
}
