//! Where the nodes and edges of a graph stand in its drawing.
//!
//! The inside of each Parallel or Map is a drawing of its own, made first, and one box in the
//! drawing around it: transitions never lead across levels.

mod layers;
mod rows;

use layers::{Item, Level, Link};

use super::{Graph, NodeKind};

/// Room between the inside of a Parallel or Map and what is drawn around it.
const PADDING: f64 = 14.0;
const MARGIN: f64 = 12.0;

/// A point of the drawing; y grows downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A rectangle: its middle and its size.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where everything stands, by the indices of the graph.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) nodes: Vec<Area>,
    /// What is drawn around a Parallel or Map state and its inside.
    pub(super) groups: Vec<Option<Area>>,
    pub(super) edges: Vec<Course>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The way of an edge, and the middle of its label.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Course {
    pub(super) points: Vec<Point>,
    pub(super) label: Option<Point>,
}

/// What an item of a level is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Node(usize),
    /// A Parallel or Map with its inside.
    Group(usize),
}

/// The graph in levels: the top one first, then one for each node, empty where it has no inside.
struct Levels {
    levels: Vec<Level>,
    whats: Vec<Vec<What>>,
    /// Level and item of each node, and of the group around each node that has one.
    nodes: Vec<(usize, usize)>,
    groups: Vec<(usize, usize)>,
}

/// Places a graph whose nodes and edge labels have these widths and heights; an edge without a
/// label has zeros.
pub(super) fn place(graph: &Graph, sizes: &[(f64, f64)], labels: &[(f64, f64)]) -> Placed {
    let mut levels = Levels::of(graph, sizes);
    levels.link(graph, labels);
    // What is inside of a state comes behind it.
    for node in (0..graph.nodes.len()).rev().filter(|node| graph.nodes[*node].join.is_some()) {
        levels.levels[node + 1].lay_out();
        levels.close(node);
    }
    levels.levels[0].lay_out();
    levels.placed(graph)
}

impl Levels {
    fn of(graph: &Graph, sizes: &[(f64, f64)]) -> Self {
        let count = graph.nodes.len();
        let mut all = Self {
            levels: (0..=count).map(|_| Level::default()).collect(),
            whats: vec![Vec::new(); count + 1],
            nodes: Vec::with_capacity(count),
            groups: vec![(0, 0); count],
        };
        for (index, node) in graph.nodes.iter().enumerate() {
            let outside = node.within.map_or(0, |around| around + 1);
            let inside = if node.join.is_some() {
                all.groups[index] = all.add(outside, What::Group(index), Item::default());
                index + 1
            } else {
                outside
            };
            let (width, height) = sizes[index];
            // Round nodes are left and reached in their middle.
            let wide = matches!(node.kind, NodeKind::State { .. });
            let item = Item { width, height, wide, ..Item::default() };
            let place = all.add(inside, What::Node(index), item);
            all.nodes.push(place);
        }
        all
    }

    fn add(&mut self, level: usize, what: What, item: Item) -> (usize, usize) {
        self.levels[level].items.push(item);
        self.whats[level].push(what);
        (level, self.levels[level].items.len() - 1)
    }

    /// Puts each edge into the level that both of its ends are in, by themselves or in groups.
    fn link(&mut self, graph: &Graph, labels: &[(f64, f64)]) {
        let mut depths = vec![0_usize; self.levels.len()];
        for (index, node) in graph.nodes.iter().enumerate() {
            depths[index + 1] = 1 + node.within.map_or(0, |around| depths[around + 1]);
        }
        for (number, edge) in graph.edges.iter().enumerate() {
            let (mut from, mut to) = (self.nodes[edge.from], self.nodes[edge.to]);
            // A Parallel or Map that goes on with itself does so around its inside.
            if graph.nodes[edge.to].join == Some(edge.from) {
                (from, to) = (self.groups[edge.to], self.groups[edge.to]);
            }
            while from.0 != to.0 {
                if depths[from.0] >= depths[to.0] {
                    from = self.groups[from.0 - 1];
                } else {
                    to = self.groups[to.0 - 1];
                }
            }
            // A Catcher of a Parallel or Map leads out of its head and not out of its end.
            let aside = self.whats[from.0][from.1] == What::Group(edge.from);
            let (level, label) = (from.0, labels[number]);
            let link = Link { from: from.1, to: to.1, edge: number, label, aside };
            self.levels[level].links.push(link);
        }
    }

    /// Makes the finished inside of a state a box in the level around it.
    fn close(&mut self, node: usize) {
        let inside = &self.levels[node + 1];
        let (width, height) = (inside.width + 2.0 * PADDING, inside.height + 2.0 * PADDING);
        // The state itself comes first in it, the node where it comes together last.
        let (Some(head), Some(foot)) = (inside.items.first(), inside.items.last()) else { return };
        let group = Item {
            width,
            height,
            head: head.y - head.height / 2.0 + PADDING,
            head_height: head.height,
            head_width: head.width,
            foot: inside.height - (foot.y + foot.height / 2.0) + PADDING,
            top: head.x - inside.width / 2.0,
            bottom: foot.x - inside.width / 2.0,
            is_group: true,
            ..Item::default()
        };
        let (level, item) = self.groups[node];
        self.levels[level].items[item] = group;
    }

    fn placed(&self, graph: &Graph) -> Placed {
        let count = graph.nodes.len();
        let mut placed = Placed {
            nodes: vec![Area::default(); count],
            groups: vec![None; count],
            edges: vec![Course::default(); graph.edges.len()],
            width: self.levels[0].width + 2.0 * MARGIN,
            height: self.levels[0].height + 2.0 * MARGIN,
        };
        self.put(0, MARGIN, MARGIN, &mut placed);
        // A group is placed before what is inside of it.
        for node in 0..count {
            if let Some(area) = placed.groups[node] {
                let left = area.x - area.width / 2.0 + PADDING;
                let top = area.y - area.height / 2.0 + PADDING;
                self.put(node + 1, left, top, &mut placed);
            }
        }
        placed
    }

    /// Puts a level where its upper left corner stands.
    fn put(&self, level: usize, left: f64, top: f64, placed: &mut Placed) {
        let moved = |point: Point| Point { x: point.x + left, y: point.y + top };
        for (item, what) in self.levels[level].items.iter().zip(&self.whats[level]) {
            let Point { x, y } = moved(Point { x: item.x, y: item.y });
            let area = Area { x, y, width: item.width, height: item.height };
            match what {
                What::Node(node) => placed.nodes[*node] = area,
                What::Group(node) => placed.groups[*node] = Some(area),
            }
        }
        for (link, course) in self.levels[level].links.iter().zip(&self.levels[level].courses) {
            placed.edges[link.edge] = Course {
                points: course.points.iter().copied().map(moved).collect(),
                label: course.label.map(moved),
            };
        }
    }
}

#[cfg(test)]
mod tests;
