//! Where the nodes and edges of a graph stand in its drawing.

use dagre::graph::{Graph as Layout, GraphOptions};
use dagre::{EdgeLabel, LayoutOptions, NodeLabel, RankDir, layout};

use super::Graph;

/// A point of the drawing; y grows downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A rectangle: its middle and its size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where everything stands, by the indices of the graph.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) nodes: Vec<Option<Area>>,
    /// What is drawn around a Parallel or Map state and its inside.
    pub(super) groups: Vec<Option<Area>>,
    pub(super) edges: Vec<Course>,
}

/// The way of an edge, and the middle of its label.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    pub(super) points: Vec<Point>,
    pub(super) label: Option<Point>,
}

/// Places a graph whose nodes and edge labels have these widths and heights; an edge without a
/// label has zeros.
pub(super) fn place(graph: &Graph, nodes: &[(f64, f64)], labels: &[(f64, f64)]) -> Placed {
    let options = GraphOptions { directed: true, multigraph: true, compound: true };
    let mut laid: Layout<NodeLabel, EdgeLabel> = Layout::with_options(options);
    for (index, (width, height)) in nodes.iter().copied().enumerate() {
        laid.set_node(id(index), Some(NodeLabel { width, height, ..NodeLabel::default() }));
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        if node.join.is_some() {
            laid.set_node(group(index), Some(NodeLabel::default()));
        }
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        let around = node.within.map(group);
        if node.join.is_some() {
            laid.set_parent(&group(index), around.as_deref());
            laid.set_parent(&id(index), Some(&group(index)));
        } else {
            laid.set_parent(&id(index), around.as_deref());
        }
    }
    for (index, edge) in graph.edges.iter().enumerate() {
        let (width, height) = labels[index];
        let label = EdgeLabel { width, height, ..EdgeLabel::default() };
        let name = index.to_string();
        laid.set_edge(id(edge.from), id(edge.to), Some(label), Some(&name));
    }
    let options = LayoutOptions {
        rankdir: RankDir::TB,
        nodesep: 36.0,
        ranksep: 38.0,
        edgesep: 16.0,
        marginx: 12.0,
        marginy: 12.0,
        ..LayoutOptions::default()
    };
    layout(&mut laid, Some(options));
    let area = |place: &NodeLabel| {
        let (x, y) = (place.x?, place.y?);
        Some(Area { x, y, width: place.width, height: place.height })
    };
    let indices = || 0..graph.nodes.len();
    let course = |(index, edge): (usize, &super::Edge)| {
        let name = index.to_string();
        let Some(place) = laid.edge(&id(edge.from), &id(edge.to), Some(&name)) else {
            return Course::default();
        };
        let points = place.points.iter().map(|point| Point { x: point.x, y: point.y });
        let label = place.x.zip(place.y).filter(|_| place.width > 0.0);
        Course { points: points.collect(), label: label.map(|(x, y)| Point { x, y }) }
    };
    Placed {
        nodes: indices().map(|index| laid.node(&id(index)).and_then(area)).collect(),
        groups: indices().map(|index| laid.node(&group(index)).and_then(area)).collect(),
        edges: graph.edges.iter().enumerate().map(course).collect(),
    }
}

fn id(index: usize) -> String {
    format!("n{index}")
}

fn group(index: usize) -> String {
    format!("g{index}")
}
