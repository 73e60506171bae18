//! The graph as a drawing: an SVG that stands by itself, light and dark.
//!
//! Every state is a group with `data-state`, its name, and a class for its mark, so that a page
//! around the drawing can find it.

use std::fmt::Write;

use super::layout::{self, Area, Placed, Point};
use super::text::shortened;
use super::{Edge, EdgeKind, Graph, Mark, Node, NodeKind};
use crate::markup::escaped;

/// Characters of a name on one line of its box.
const LINE_MAX: usize = 26;
/// Characters of a label beside an edge; the whole of it is in the edge's title.
const LABEL_MAX: usize = 34;
/// Width of a character, in the drawing's units: a little more than that of most sans-serif fonts.
const CHARACTER: f64 = 7.2;
const LINE: f64 = 17.0;

/// The style of drawings. [`Graph::to_svg`] has it inside; a page with a
/// [`Graph::to_linked_svg`] brings it along.
pub const STYLE: &str = "\
svg.machine { font: 13px system-ui, sans-serif; --ink: #1b1b1f; --paper: #ffffff; --line: #7a7a85; \
--soft: #5b5b66; --taken: #1a5fb4; }
svg.machine .succeeded { --paper: #d5f0dc; --line: #1f7a3d; --soft: #3f4a44; }
svg.machine .caught { --paper: #fde8c8; --line: #b8690b; --soft: #574a38; }
svg.machine .aborted { --paper: #e4e4e7; --line: #5b5b66; --soft: #4a4a52; }
svg.machine .failed { --paper: #fbd7d5; --line: #b3261e; --soft: #5a4241; }
svg.machine .in-progress { --paper: #d6e6fb; --line: #1a5fb4; --soft: #3d4a5c; }
@media (prefers-color-scheme: dark) {
svg.machine { --ink: #ececf1; --paper: #1f2026; --line: #85858f; --soft: #a9a9b4; \
--taken: #7ab0f5; }
svg.machine .succeeded { --paper: #16331f; --line: #56b877; --soft: #a6c4b0; }
svg.machine .caught { --paper: #3d2a0d; --line: #e0a04a; --soft: #d0bb9a; }
svg.machine .aborted { --paper: #34343a; --line: #a0a0aa; --soft: #b8b8c0; }
svg.machine .failed { --paper: #43201d; --line: #f08a80; --soft: #d6b0ac; }
svg.machine .in-progress { --paper: #152c4a; --line: #7ab0f5; --soft: #a9bdd6; }
}
svg.machine .box { fill: var(--paper); stroke: var(--line); stroke-width: 1.3; }
svg.machine .group { fill: none; stroke: var(--line); stroke-dasharray: 5 4; }
svg.machine .edge { fill: none; stroke: var(--line); stroke-width: 1.2; }
svg.machine .edge.taken { stroke: var(--taken); stroke-width: 2.4; }
svg.machine .edge.catch { stroke-dasharray: 4 3; }
svg.machine .tip { fill: var(--line); }
svg.machine .tip.taken { fill: var(--taken); }
svg.machine text { fill: var(--ink); text-anchor: middle; }
svg.machine text.note { fill: var(--soft); font-size: 11px; }
svg.machine text.label { fill: var(--soft); font-size: 11px; paint-order: stroke; \
stroke: var(--paper); stroke-width: 4px; }
svg.machine .sign { fill: none; stroke: var(--line); stroke-width: 1.8; stroke-linecap: round; \
stroke-linejoin: round; }
svg.machine text.times { fill: var(--soft); font-size: 11px; font-weight: 600; text-anchor: start; }
";

/// What leads from a state to somewhere else, where something does.
type Link<'a> = &'a dyn Fn(&str) -> String;

impl Graph {
    /// The graph as an SVG document.
    pub fn to_svg(&self) -> String {
        self.drawn(None, None).document(&format!("<style>{STYLE}</style>\n"), "img")
    }

    /// The graph as an SVG element for a page that has [`STYLE`].
    pub fn to_svg_element(&self) -> String {
        self.drawn(None, None).document("", "img")
    }

    /// [`Graph::to_svg_element`] whose states lead to where `link` says; the one that is `selected`
    /// says so.
    pub fn to_linked_svg(&self, selected: Option<&str>, link: impl Fn(&str) -> String) -> String {
        // Links are to be found inside; a picture has no inside.
        self.drawn(selected, Some(&link)).document("", "group")
    }

    fn drawn(&self, selected: Option<&str>, link: Option<Link<'_>>) -> Svg {
        let sizes: Vec<(f64, f64)> = self.nodes.iter().map(size).collect();
        let labels: Vec<(f64, f64)> = self.edges.iter().map(label_size).collect();
        let placed = layout::place(self, &sizes, &labels);
        let mut out = Svg { width: placed.width, height: placed.height, ..Svg::default() };
        placed.groups.iter().flatten().for_each(|area| out.group(*area));
        self.draw_edges(&placed, &mut out);
        for (node, area) in self.nodes.iter().zip(&placed.nodes) {
            out.node(node, *area, selected, link);
        }
        out
    }

    fn draw_edges(&self, placed: &Placed, out: &mut Svg) {
        for (edge, course) in self.edges.iter().zip(&placed.edges) {
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
                curve(&course.points)
            );
            if let Some(Point { x, y }) = course.label {
                let _ = writeln!(
                    out.labels,
                    "<text class=\"label\" x=\"{x:.1}\" y=\"{:.1}\">{}<title>{}</title></text>",
                    y + 4.0,
                    escaped(&shortened(edge.label(), LABEL_MAX)),
                    escaped(edge.label())
                );
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
    fn group(&mut self, area: Area) {
        let rect = rect("group", area, 10);
        let _ = writeln!(self.body, "{rect}");
    }

    fn node(&mut self, node: &Node, area: Area, selected: Option<&str>, link: Option<Link<'_>>) {
        let Area { x, y, .. } = area;
        let class = node.mark.map_or("unvisited", Mark::class);
        let out = &mut self.body;
        match &node.kind {
            NodeKind::Join => {
                let circle = format!("<circle class=\"box\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>");
                let _ = writeln!(out, "<g class=\"{class}\">{circle}</g>");
            }
            NodeKind::Start | NodeKind::End => {
                let word = if node.kind == NodeKind::Start { "Start" } else { "End" };
                let _ = writeln!(
                    out,
                    "<g class=\"{class}\">\
                     <ellipse class=\"box\" cx=\"{x:.1}\" cy=\"{y:.1}\" rx=\"30\" ry=\"16\"/>\
                     <text x=\"{x:.1}\" y=\"{:.1}\">{word}</text></g>",
                    y + 4.5
                );
            }
            NodeKind::State { name, type_name, note, .. } => {
                let title = title(node, type_name);
                let is_selected = selected == Some(&**name);
                if let Some(link) = link {
                    let current = if is_selected { " aria-current=\"true\"" } else { "" };
                    let label = escaped(&title.replace('\n', ", "));
                    let href = escaped(&link(name));
                    let _ = write!(
                        out,
                        "<a href=\"{href}\" data-swap=\"\" aria-label=\"{label}\"{current}>"
                    );
                }
                let _ = write!(
                    out,
                    "<g class=\"state {class}{}\" data-state=\"{}\"><title>{}</title>{}",
                    if is_selected { " selected" } else { "" },
                    escaped(name),
                    escaped(&title),
                    rect("box", area, 7)
                );
                words(out, name, &subtitle(type_name, note.as_deref()), area);
                signs(out, node, area);
                out.push_str(if link.is_some() { "</g></a>\n" } else { "</g>\n" });
            }
        };
    }

    fn document(self, style: &str, role: &str) -> String {
        let (width, height) = (self.width.ceil(), self.height.ceil());
        let tip = |id: &str, class: &str| {
            format!(
                "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" \
                 markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">\
                 <path class=\"{class}\" d=\"M0 0 8 4 0 8z\"/></marker>"
            )
        };
        format!(
            "<svg class=\"machine\" xmlns=\"http://www.w3.org/2000/svg\" \
             viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"{role}\" aria-label=\"state machine\">\n\
             {style}<defs>{}{}</defs>\n{}{}</svg>\n",
            tip("tip", "tip"),
            tip("tip-taken", "tip taken"),
            self.body,
            self.labels
        )
    }
}

fn rect(class: &str, area: Area, radius: u32) -> String {
    format!(
        "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" \
         rx=\"{radius}\"/>",
        area.x - area.width / 2.0,
        area.y - area.height / 2.0,
        area.width,
        area.height
    )
}

/// Name and type of a state in its box.
fn words(out: &mut String, name: &str, under: &str, area: Area) {
    let Area { x, y, .. } = area;
    let lines = wrapped(name);
    let mut baseline = y - LINE * (lines.len() as f64 - 1.0) / 2.0 - 3.0;
    for line in &lines {
        let line = escaped(line);
        let _ = write!(out, "<text x=\"{x:.1}\" y=\"{baseline:.1}\">{line}</text>");
        baseline += LINE;
    }
    let under = escaped(&shortened(under, LINE_MAX + 6));
    let y = baseline - 1.0;
    let _ = write!(out, "<text class=\"note\" x=\"{x:.1}\" y=\"{y:.1}\">{under}</text>");
}

/// What became of a state, for those who cannot tell by colours, and how often it was entered.
fn signs(out: &mut String, node: &Node, area: Area) {
    let (right, top) = (area.x + area.width / 2.0 - 9.0, area.y - area.height / 2.0 + 9.0);
    if let Some(mark) = node.mark {
        let path = mark.sign();
        let _ = write!(
            out,
            "<path class=\"sign\" transform=\"translate({right:.1} {top:.1})\" d=\"{path}\"/>"
        );
    }
    if node.entered > 1 {
        let (left, times) = (area.x - area.width / 2.0 + 2.0, node.entered);
        let y = area.y - area.height / 2.0 - 5.0;
        let _ = write!(out, "<text class=\"times\" x=\"{left:.1}\" y=\"{y:.1}\">×{times}</text>");
    }
}

impl Mark {
    /// The class of what has this mark, in [`STYLE`].
    pub fn class(self) -> &'static str {
        match self {
            Self::InProgress => "in-progress",
            mark => mark.word(),
        }
    }

    /// Lines around the origin: a tick, an exclamation mark, a dash, a cross, an arrow.
    fn sign(self) -> &'static str {
        match self {
            Self::Succeeded => "M-4 0l3 3 5-6",
            Self::Caught => "M0-4v4M0 3.5v.1",
            Self::Aborted => "M-4 0h8",
            Self::Failed => "M-3-3l6 6M3-3l-6 6",
            Self::InProgress => "M-2.5-4l5 4-5 4z",
        }
    }
}

fn label_size(edge: &Edge) -> (f64, f64) {
    match shortened(edge.label(), LABEL_MAX) {
        text if text.is_empty() => (0.0, 0.0),
        text => (width_of(&text) * 0.86, LINE),
    }
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
            let width = widest.max(width_of(&under) * 0.86).max(84.0) + 40.0;
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
