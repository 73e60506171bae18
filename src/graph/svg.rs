//! The graph as a drawing: an SVG that stands by itself, light and dark.
//!
//! Every state is a group with `data-state`, its name, and a class for its mark, so that a page
//! around the drawing can find it.

use std::fmt::Write;

use dagre::graph::{Graph as Layout, GraphOptions};
use dagre::{EdgeLabel, LayoutOptions, NodeLabel, Point, RankDir, layout};

use super::text::{colours, shortened};
use super::{EdgeKind, Graph, Mark, Node, NodeKind};

/// Characters of a name on one line of its box.
const LINE_MAX: usize = 26;
/// Characters of a label beside an edge; the whole of it is in the edge's title.
const LABEL_MAX: usize = 34;
/// Width of a character, in the drawing's units: a little more than that of most sans-serif fonts.
const CHARACTER: f64 = 7.2;
const LINE: f64 = 17.0;

const STYLE: &str = "\
svg.machine { font: 13px system-ui, sans-serif; --ink: #1b1b1f; --paper: #ffffff; --line: #7a7a85; \
--soft: #5b5b66; }
@media (prefers-color-scheme: dark) { svg.machine { --ink: #ececf1; --paper: #1f1f24; \
--line: #85858f; --soft: #a9a9b4; } }
svg.machine .box { fill: var(--paper); stroke: var(--line); stroke-width: 1.2; }
svg.machine .group { fill: none; stroke: var(--line); stroke-dasharray: 5 4; }
svg.machine .edge { fill: none; stroke: var(--line); stroke-width: 1.2; }
svg.machine .edge.taken { stroke: #1a5fb4; stroke-width: 2.4; }
svg.machine .edge.catch { stroke-dasharray: 4 3; }
svg.machine text { fill: var(--ink); text-anchor: middle; }
svg.machine .note { fill: var(--soft); font-size: 11px; }
svg.machine .label { fill: var(--soft); font-size: 11px; paint-order: stroke; \
stroke: var(--paper); stroke-width: 4px; }
";

impl Graph {
    /// The graph as an SVG document.
    pub fn to_svg(&self) -> String {
        let placed = self.placed();
        let mut out = Svg::default();
        self.draw_groups(&placed, &mut out);
        self.draw_edges(&placed, &mut out);
        for (index, node) in self.nodes.iter().enumerate() {
            if let Some(place) = placed.node(&id(index)) {
                out.node(node, place);
            }
        }
        out.document()
    }

    fn placed(&self) -> Layout<NodeLabel, EdgeLabel> {
        let options = GraphOptions { directed: true, multigraph: true, compound: true };
        let mut graph: Layout<NodeLabel, EdgeLabel> = Layout::with_options(options);
        for (index, node) in self.nodes.iter().enumerate() {
            let (width, height) = size(node);
            graph.set_node(id(index), Some(NodeLabel { width, height, ..NodeLabel::default() }));
        }
        for index in 0..self.nodes.len() {
            if self.join_of(index).is_some() {
                graph.set_node(group(index), Some(NodeLabel::default()));
            }
        }
        for (index, node) in self.nodes.iter().enumerate() {
            let is_group = graph.has_node(&group(index));
            let around = node.within.map(group);
            if is_group {
                graph.set_parent(&group(index), around.as_deref());
                graph.set_parent(&id(index), Some(&group(index)));
            } else {
                graph.set_parent(&id(index), around.as_deref());
            }
        }
        for (index, edge) in self.edges.iter().enumerate() {
            let text = shortened(edge.label(), LABEL_MAX);
            let mut label = EdgeLabel::default();
            if !text.is_empty() {
                label.width = width_of(&text) * 0.86;
                label.height = LINE;
            }
            let name = index.to_string();
            graph.set_edge(id(edge.from), id(edge.to), Some(label), Some(&name));
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
        layout(&mut graph, Some(options));
        graph
    }

    fn draw_groups(&self, placed: &Layout<NodeLabel, EdgeLabel>, out: &mut Svg) {
        for index in 0..self.nodes.len() {
            if let Some(place) = placed.node(&group(index))
                && let (Some(x), Some(y)) = (place.x, place.y)
            {
                out.reach(x + place.width / 2.0, y + place.height / 2.0);
                let _ = writeln!(
                    out.body,
                    "<rect class=\"group\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"10\"/>",
                    x - place.width / 2.0,
                    y - place.height / 2.0,
                    place.width,
                    place.height
                );
            }
        }
    }

    fn draw_edges(&self, placed: &Layout<NodeLabel, EdgeLabel>, out: &mut Svg) {
        for (index, edge) in self.edges.iter().enumerate() {
            let name = index.to_string();
            let Some(place) = placed.edge(&id(edge.from), &id(edge.to), Some(&name)) else {
                continue;
            };
            let mut class = String::from("edge");
            if matches!(edge.kind, EdgeKind::Catch(_)) {
                class.push_str(" catch");
            }
            if edge.taken {
                class.push_str(" taken");
            }
            let tip = if edge.taken { "tip-taken" } else { "tip" };
            let title = match edge.label() {
                "" => String::new(),
                label => format!("<title>{}</title>", escaped(label)),
            };
            let _ = writeln!(
                out.body,
                "<path class=\"{class}\" d=\"{}\" marker-end=\"url(#{tip})\">{title}</path>",
                curve(&place.points)
            );
            place.points.iter().for_each(|point| out.reach(point.x, point.y));
            if let (Some(x), Some(y), label) = (place.x, place.y, edge.label())
                && !label.is_empty()
            {
                let text = escaped(&shortened(label, LABEL_MAX));
                out.labels.push_str(&format!(
                    "<text class=\"label\" x=\"{x:.1}\" y=\"{:.1}\">{text}<title>{}</title></text>\n",
                    y + 4.0,
                    escaped(label)
                ));
                out.reach(x + width_of(&shortened(label, LABEL_MAX)) / 2.0, y);
            }
        }
    }
}

/// The drawing in the making.
#[derive(Default)]
struct Svg {
    body: String,
    labels: String,
    width: f64,
    height: f64,
}

impl Svg {
    fn reach(&mut self, x: f64, y: f64) {
        self.width = self.width.max(x);
        self.height = self.height.max(y);
    }

    fn node(&mut self, node: &Node, place: &NodeLabel) {
        let (Some(x), Some(y)) = (place.x, place.y) else { return };
        self.reach(x + place.width / 2.0, y + place.height / 2.0);
        let style = node.mark.map_or(String::new(), |mark| {
            let (fill, stroke) = colours(mark);
            format!(" style=\"fill:{fill};stroke:{stroke}\"")
        });
        let ink = if node.mark.is_some() { " style=\"fill:#1b1b1f\"" } else { "" };
        let out = &mut self.body;
        let _ = match &node.kind {
            NodeKind::Join => {
                writeln!(out, "<circle class=\"box\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"{style}/>")
            }
            NodeKind::Start | NodeKind::End => {
                let word = if node.kind == NodeKind::Start { "Start" } else { "End" };
                writeln!(
                    out,
                    "<ellipse class=\"box\" cx=\"{x:.1}\" cy=\"{y:.1}\" rx=\"30\" ry=\"16\"{style}/>\
                     <text x=\"{x:.1}\" y=\"{:.1}\"{ink}>{word}</text>",
                    y + 4.5
                )
            }
            NodeKind::State { name, type_name, note, .. } => {
                let mark = node.mark.map_or("unvisited".to_owned(), |m| m.word().replace(' ', "-"));
                let _ = write!(
                    out,
                    "<g class=\"state {mark}\" data-state=\"{}\"><title>{}</title>\
                     <rect class=\"box\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" \
                     rx=\"7\"{style}/>",
                    escaped(name),
                    escaped(&title(node, type_name)),
                    x - place.width / 2.0,
                    y - place.height / 2.0,
                    place.width,
                    place.height
                );
                let lines = wrapped(name);
                let mut baseline = y - LINE * (lines.len() as f64 - 1.0) / 2.0 - 3.0;
                for line in &lines {
                    let line = escaped(line);
                    let _ =
                        write!(out, "<text x=\"{x:.1}\" y=\"{baseline:.1}\"{ink}>{line}</text>");
                    baseline += LINE;
                }
                let under = shortened(&subtitle(type_name, note.as_deref()), LINE_MAX + 6);
                let ink = if node.mark.is_some() { " style=\"fill:#4a4a52\"" } else { "" };
                writeln!(
                    out,
                    "<text class=\"note\" x=\"{x:.1}\" y=\"{:.1}\"{ink}>{}</text></g>",
                    baseline - 1.0,
                    escaped(&under)
                )
            }
        };
    }

    fn document(self) -> String {
        let (width, height) = (self.width.ceil() + 12.0, self.height.ceil() + 12.0);
        let tip = |id: &str, fill: &str| {
            format!(
                "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" \
                 markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">\
                 <path d=\"M0 0 8 4 0 8z\" fill=\"{fill}\"/></marker>"
            )
        };
        format!(
            "<svg class=\"machine\" xmlns=\"http://www.w3.org/2000/svg\" \
             viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
             <style>{STYLE}</style>\n<defs>{}{}</defs>\n{}{}</svg>\n",
            tip("tip", "#7a7a85"),
            tip("tip-taken", "#1a5fb4"),
            self.body,
            self.labels
        )
    }
}

fn id(index: usize) -> String {
    format!("n{index}")
}

fn group(index: usize) -> String {
    format!("g{index}")
}

fn subtitle(type_name: &str, note: Option<&str>) -> String {
    match note {
        Some(note) => format!("{type_name} · {note}"),
        None => type_name.to_owned(),
    }
}

fn title(node: &Node, type_name: &str) -> String {
    let NodeKind::State { name, note, retries, .. } = &node.kind else { return String::new() };
    let mut title = format!("{name}\n{}", subtitle(type_name, note.as_deref()));
    if *retries {
        title.push_str("\nwith Retry");
    }
    if let Some(mark) = node.mark {
        let _ = write!(title, "\n{}", mark.word());
    }
    if node.entered > 1 {
        let _ = write!(title, ", entered {} times", node.entered);
    }
    title
}

fn size(node: &Node) -> (f64, f64) {
    match &node.kind {
        NodeKind::Join => (10.0, 10.0),
        NodeKind::Start | NodeKind::End => (60.0, 32.0),
        NodeKind::State { name, type_name, note, .. } => {
            let lines = wrapped(name);
            let under = shortened(&subtitle(type_name, note.as_deref()), LINE_MAX + 6);
            let widest = lines.iter().map(|line| width_of(line)).fold(0.0, f64::max);
            let width = widest.max(width_of(&under) * 0.86).max(84.0) + 24.0;
            (width, LINE * (lines.len() as f64 + 1.0) + 14.0)
        }
    }
}

/// About how wide a text is: characters beyond Latin are mostly twice as wide.
fn width_of(text: &str) -> f64 {
    text.chars().map(|c| if u32::from(c) < 0x1100 { CHARACTER } else { 2.0 * CHARACTER }).sum()
}

/// A name on lines of at most [`LINE_MAX`] characters, three of them at most.
fn wrapped(name: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in name.split_inclusive([' ', '-', '_', '.', '/']) {
        let mut rest: &str = word;
        loop {
            let last = lines.last_mut().expect("there is always a line");
            let room = LINE_MAX.saturating_sub(last.chars().count());
            if rest.trim_end().chars().count() <= room {
                last.push_str(rest);
                break;
            }
            if !last.is_empty() {
                lines.push(String::new());
                continue;
            }
            let cut = rest.char_indices().nth(LINE_MAX).map_or(rest.len(), |(at, _)| at);
            last.push_str(&rest[..cut]);
            rest = &rest[cut..];
        }
    }
    if lines.len() > 3 {
        let tail: String = lines[2..].concat();
        lines.truncate(2);
        lines.push(shortened(&tail, LINE_MAX));
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// A smooth line through the points.
fn curve(points: &[Point]) -> String {
    let Some(first) = points.first() else { return String::new() };
    let mut path = format!("M{:.1} {:.1}", first.x, first.y);
    for (index, point) in points.iter().enumerate().skip(1) {
        match points.get(index + 1) {
            // Corners are rounded: each inner point pulls the line, which passes the middles.
            Some(next) if index + 1 < points.len() => {
                let (x, y) = ((point.x + next.x) / 2.0, (point.y + next.y) / 2.0);
                let (x, y) = if index + 2 == points.len() { (next.x, next.y) } else { (x, y) };
                let _ = write!(path, " Q{:.1} {:.1} {x:.1} {y:.1}", point.x, point.y);
                if index + 2 == points.len() {
                    break;
                }
            }
            _ => {
                let _ = write!(path, " L{:.1} {:.1}", point.x, point.y);
            }
        }
    }
    path
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push(c),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

impl Mark {
    /// Fill and stroke in drawings, as CSS colours.
    pub fn colours(self) -> (&'static str, &'static str) {
        colours(self)
    }
}
