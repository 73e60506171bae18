//! Drawings of graphs that chance has made.

use std::sync::Arc;

use super::*;
use crate::graph::{Edge, EdgeKind, Node};

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as usize % end
    }
}

struct Maker {
    graph: Graph,
    dice: Dice,
}

impl Maker {
    fn node(&mut self, kind: NodeKind, within: Option<usize>) -> usize {
        self.graph.nodes.push(Node { kind, within, join: None, mark: None, entered: 0 });
        self.graph.nodes.len() - 1
    }

    fn edge(&mut self, from: usize, to: usize) {
        let kind = match self.dice.below(3) {
            0 => EdgeKind::Catch("States.ALL".to_owned()),
            1 => EdgeKind::Rule("$.n".repeat(1 + self.dice.below(9))),
            _ => EdgeKind::Next,
        };
        self.graph.edges.push(Edge { from, to, kind, taken: false });
    }

    /// A level of a few states, with transitions anywhere; answers its first and its last node.
    fn level(&mut self, within: Option<usize>, depth: usize, states: usize) -> (usize, usize) {
        let mut ends = Vec::new();
        for number in 0..states {
            let name: Arc<str> = format!("{within:?} {number}").into();
            let kind = NodeKind::State { name, type_name: "Map", note: None, retries: false };
            let entry = self.node(kind, within);
            let mut exit = entry;
            if depth > 0 && self.dice.below(4) == 0 {
                let branches = 1 + self.dice.below(3);
                let states = 1 + self.dice.below(4);
                let inner: Vec<_> =
                    (0..branches).map(|_| self.level(Some(entry), depth - 1, states)).collect();
                exit = self.node(NodeKind::Join, Some(entry));
                self.graph.nodes[entry].join = Some(exit);
                for (first, last) in inner {
                    self.edge(entry, first);
                    self.edge(last, exit);
                }
            }
            ends.push((entry, exit));
        }
        for (entry, exit) in ends.clone() {
            for _ in 0..1 + self.dice.below(2) {
                let to = ends[self.dice.below(ends.len())].0;
                let from = if self.dice.below(4) == 0 { entry } else { exit };
                self.edge(from, to);
            }
        }
        (ends[0].0, ends[ends.len() - 1].1)
    }
}

fn made(seed: u64, depth: usize, states: usize) -> Graph {
    let graph = Graph { nodes: Vec::new(), edges: Vec::new() };
    let mut maker = Maker { graph, dice: Dice(seed) };
    let start = maker.node(NodeKind::Start, None);
    let (first, last) = maker.level(None, depth, states);
    let end = maker.node(NodeKind::End, None);
    maker.edge(start, first);
    maker.edge(last, end);
    maker.graph
}

fn placed(graph: &Graph) -> Placed {
    let size = |node: &Node| match node.kind {
        NodeKind::State { .. } => (120.0, 48.0),
        _ => (20.0, 20.0),
    };
    let sizes: Vec<(f64, f64)> = graph.nodes.iter().map(size).collect();
    let label = |edge: &Edge| match edge.label().len() {
        0 => (0.0, 0.0),
        length => (length as f64 * 7.0, 17.0),
    };
    let labels: Vec<(f64, f64)> = graph.edges.iter().map(label).collect();
    place(graph, &sizes, &labels)
}

fn overlap(a: &Area, b: &Area) -> bool {
    let within = |a: f64, b: f64, room: f64| (a - b).abs() < room - 0.01;
    within(a.x, b.x, (a.width + b.width) / 2.0) && within(a.y, b.y, (a.height + b.height) / 2.0)
}

#[test]
fn nothing_overlaps_and_everything_is_inside() {
    for seed in 0..150 {
        let graph = made(seed, 3, 2 + seed as usize % 9);
        let placed = placed(&graph);
        let outer = |node: usize| placed.groups[node].unwrap_or(placed.nodes[node]);
        for (a, node) in graph.nodes.iter().enumerate() {
            let area = outer(a);
            let within = node.within.and_then(|around| placed.groups[around]);
            let around = within.unwrap_or(Area {
                x: placed.width / 2.0,
                y: placed.height / 2.0,
                width: placed.width,
                height: placed.height,
            });
            let room = |at: f64, size: f64, middle: f64, all: f64| {
                (at - middle).abs() + size / 2.0 <= all / 2.0 + 0.01
            };
            assert!(room(area.x, area.width, around.x, around.width), "{seed} {a}");
            assert!(room(area.y, area.height, around.y, around.height), "{seed} {a}");
            for (b, other) in graph.nodes.iter().enumerate().skip(a + 1) {
                if other.within == node.within {
                    assert!(!overlap(&area, &outer(b)), "{seed} {a} {b}");
                }
            }
        }
        for (edge, course) in graph.edges.iter().zip(&placed.edges) {
            let inside = |p: &Point| {
                (0.0..=placed.width).contains(&p.x) && (0.0..=placed.height).contains(&p.y)
            };
            assert!(course.points.len() > 1 && course.points.iter().all(inside), "{seed} {edge:?}");
            assert_eq!(course.label.is_some(), !edge.label().is_empty(), "{seed} {edge:?}");
        }
    }
}

#[test]
fn equal_graphs_have_equal_drawings() {
    let (a, b) = (placed(&made(7, 3, 9)), placed(&made(7, 3, 9)));
    assert_eq!((a.nodes, a.groups, a.edges), (b.nodes, b.groups, b.edges));
}

/// As large as a drawing may be, with every state leading back and forth.
#[test]
fn the_largest_drawing_is_made_in_a_moment() {
    let mut graph = made(1, 0, 298);
    let mut dice = Dice(2);
    while graph.edges.len() < 900 {
        let (from, to) = (1 + dice.below(297), 1 + dice.below(297));
        graph.edges.push(Edge { from, to, kind: EdgeKind::Next, taken: false });
    }
    assert!(graph.is_drawable());
    let placed = placed(&graph);
    assert!(placed.width.is_finite() && placed.height > 48.0 * 10.0);
}
