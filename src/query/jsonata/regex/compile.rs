//! Regular expressions as a program for the matcher.

use super::parse::{Class, Node, Parsed, Repeat};

#[derive(Debug)]
pub(super) enum Op {
    /// One character, in the direction of the match.
    Step {
        test: Test,
        backward: bool,
    },
    /// As many characters as fit, then fewer; or the other way round.
    Run {
        test: Test,
        min: u32,
        max: u32,
        greedy: bool,
    },
    Start,
    End,
    Boundary {
        negated: bool,
    },
    Save(usize),
    /// Goes on behind this, and if that fails at `other`.
    Split {
        other: usize,
    },
    Jump(usize),
    BackReference {
        group: usize,
        backward: bool,
    },
    /// Matches the operations up to `end` without moving.
    Look {
        negated: bool,
        end: usize,
    },
    /// The end of the whole, or of what a look-around looks for.
    Accept,
    /// Before a loop: no repetition yet.
    LoopInit {
        register: usize,
    },
    /// Whether to repeat: the body is behind this.
    LoopCheck {
        register: usize,
        min: u32,
        max: u32,
        greedy: bool,
        exit: usize,
    },
    /// A repetition begins.
    LoopEnter {
        register: usize,
        groups: std::ops::Range<usize>,
    },
    /// A repetition ends; one of nothing beyond the least number fails.
    LoopEnd {
        register: usize,
        min: u32,
        check: usize,
    },
}

/// Which characters fit.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Char(u16),
    Any,
    Class(Class),
}

pub(super) struct Program {
    pub ops: Vec<Op>,
    pub groups: usize,
    pub registers: usize,
}

pub(super) fn compile(parsed: &Parsed) -> Program {
    let mut compiler = Compiler { ops: Vec::new(), registers: 0 };
    compiler.node(&parsed.body, false);
    compiler.ops.push(Op::Accept);
    Program { ops: compiler.ops, groups: parsed.groups, registers: compiler.registers }
}

struct Compiler {
    ops: Vec<Op>,
    registers: usize,
}

fn test(node: &Node) -> Option<Test> {
    Some(match node {
        Node::Char(char) => Test::Char(*char),
        Node::Any => Test::Any,
        Node::Class(class) => Test::Class(class.clone()),
        _ => return None,
    })
}

impl Compiler {
    /// Adds the operations of a node; inside a look-behind they go backwards.
    fn node(&mut self, node: &Node, backward: bool) {
        if let Some(test) = test(node) {
            self.ops.push(Op::Step { test, backward });
            return;
        }
        match node {
            Node::Start => self.ops.push(Op::Start),
            Node::End => self.ops.push(Op::End),
            Node::Boundary { negated } => self.ops.push(Op::Boundary { negated: *negated }),
            Node::Group { index, body } => {
                let ends = usize::from(backward);
                self.ops.push(Op::Save(index * 2 + ends));
                self.node(body, backward);
                self.ops.push(Op::Save(index * 2 + 1 - ends));
            }
            Node::BackReference(group) => {
                self.ops.push(Op::BackReference { group: *group, backward });
            }
            Node::Look { behind, negated, body } => {
                let look = self.ops.len();
                self.ops.push(Op::Look { negated: *negated, end: 0 });
                self.node(body, *behind);
                self.ops.push(Op::Accept);
                self.ops[look] = Op::Look { negated: *negated, end: self.ops.len() };
            }
            Node::Repeat(repeat) => self.repeat(repeat, backward),
            Node::Sequence(nodes) if backward => {
                nodes.iter().rev().for_each(|node| self.node(node, backward));
            }
            Node::Sequence(nodes) => nodes.iter().for_each(|node| self.node(node, backward)),
            Node::Choice(nodes) => self.choice(nodes, backward),
            Node::Empty | Node::Char(_) | Node::Any | Node::Class(_) => {}
        }
    }

    fn choice(&mut self, nodes: &[Node], backward: bool) {
        let mut jumps = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            if index + 1 == nodes.len() {
                self.node(node, backward);
                break;
            }
            let split = self.ops.len();
            self.ops.push(Op::Split { other: 0 });
            self.node(node, backward);
            jumps.push(self.ops.len());
            self.ops.push(Op::Jump(0));
            self.ops[split] = Op::Split { other: self.ops.len() };
        }
        let end = self.ops.len();
        for jump in jumps {
            self.ops[jump] = Op::Jump(end);
        }
    }

    fn repeat(&mut self, repeat: &Repeat, backward: bool) {
        let (min, max, greedy) = (repeat.min, repeat.max.unwrap_or(u32::MAX), repeat.greedy);
        if let Some(test) = test(&repeat.body)
            && !backward
        {
            self.ops.push(Op::Run { test, min, max, greedy });
            return;
        }
        let register = self.registers;
        self.registers += 1;
        self.ops.push(Op::LoopInit { register });
        let check = self.ops.len();
        self.ops.push(Op::Accept);
        self.ops.push(Op::LoopEnter { register, groups: repeat.groups.clone() });
        self.node(&repeat.body, backward);
        self.ops.push(Op::LoopEnd { register, min, check });
        let exit = self.ops.len();
        self.ops[check] = Op::LoopCheck { register, min, max, greedy, exit };
    }
}
