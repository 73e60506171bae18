//! The graph as Mermaid and as DOT: texts that other programs draw.

use std::fmt::Write;

use super::{EdgeKind, Graph, Mark, Node, NodeKind};

/// How many characters of a condition stand beside an edge.
const LABEL_MAX: usize = 40;

impl Graph {
    /// The graph as a Mermaid flowchart, which GitHub and others draw in Markdown.
    pub fn to_mermaid(&self) -> String {
        let mut out = String::from("flowchart TD\n");
        self.mermaid_level(&mut out, None, 1);
        for edge in &self.edges {
            let line = if matches!(edge.kind, EdgeKind::Catch(_)) { "-.->" } else { "-->" };
            let label = match edge.label() {
                "" => String::new(),
                label => format!("|\"{}\"|", mermaid_text(&shortened(label, LABEL_MAX))),
            };
            let _ = writeln!(out, "  n{} {line}{label} n{}", edge.from, edge.to);
        }
        let taken = self.edges.iter().enumerate().filter(|(_, edge)| edge.taken);
        let taken: Vec<String> = taken.map(|(index, _)| index.to_string()).collect();
        if !taken.is_empty() {
            let _ = writeln!(out, "  linkStyle {} stroke-width:3px", taken.join(","));
        }
        for mark in [Mark::Succeeded, Mark::Caught, Mark::Aborted, Mark::Failed, Mark::InProgress] {
            let marked = |node: &(usize, &Node)| node.1.mark == Some(mark);
            let ids: Vec<String> = self
                .nodes
                .iter()
                .enumerate()
                .filter(marked)
                .map(|(id, _)| format!("n{id}"))
                .collect();
            if ids.is_empty() {
                continue;
            }
            let class = mark.word().replace(' ', "");
            let (fill, stroke) = colours(mark);
            let _ = writeln!(out, "  classDef {class} fill:{fill},stroke:{stroke},color:#111");
            let _ = writeln!(out, "  class {} {class}", ids.join(","));
        }
        out
    }

    fn mermaid_level(&self, out: &mut String, within: Option<usize>, depth: usize) {
        let indent = "  ".repeat(depth);
        for (id, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.within == within) {
            let is_group = node.join.is_some();
            if is_group {
                let _ = writeln!(out, "{indent}subgraph s{id}[\" \"]");
            }
            let _ = match &node.kind {
                NodeKind::Start => writeln!(out, "{indent}n{id}((\"Start\"))"),
                NodeKind::End => writeln!(out, "{indent}n{id}((\"End\"))"),
                NodeKind::Join => writeln!(out, "{indent}n{id}((\" \"))"),
                NodeKind::State { name, type_name, .. } => {
                    let text = mermaid_text(name);
                    match *type_name {
                        "Choice" => writeln!(out, "{indent}n{id}{{\"{text}\"}}"),
                        _ => writeln!(out, "{indent}n{id}[\"{text}\"]"),
                    }
                }
            };
            if is_group {
                self.mermaid_level(out, Some(id), depth + 1);
                let _ = writeln!(out, "{indent}end");
            }
        }
    }

    /// The graph in DOT, the language of Graphviz.
    pub fn to_dot(&self) -> String {
        let mut out = String::from(
            "digraph {\n  node [shape=box, style=\"rounded,filled\", fillcolor=white]\n",
        );
        self.dot_level(&mut out, None, 1);
        for edge in &self.edges {
            let label = dot_text(&shortened(edge.label(), LABEL_MAX));
            let style = match (&edge.kind, edge.taken) {
                (EdgeKind::Catch(_), true) => ", style=\"dashed,bold\"",
                (EdgeKind::Catch(_), false) => ", style=dashed",
                (_, true) => ", style=bold",
                (_, false) => "",
            };
            let _ = writeln!(out, "  n{} -> n{} [label=\"{label}\"{style}]", edge.from, edge.to);
        }
        out.push_str("}\n");
        out
    }

    fn dot_level(&self, out: &mut String, within: Option<usize>, depth: usize) {
        let indent = "  ".repeat(depth);
        for (id, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.within == within) {
            let colour = node.mark.map_or(String::new(), |mark| {
                let (fill, stroke) = colours(mark);
                format!(", fillcolor=\"{fill}\", color=\"{stroke}\"")
            });
            let is_group = node.join.is_some();
            if is_group {
                let _ = writeln!(out, "{indent}subgraph cluster_{id} {{\n{indent}  style=dashed");
            }
            let _ = match &node.kind {
                NodeKind::Start => {
                    writeln!(out, "{indent}n{id} [label=\"Start\", shape=circle{colour}]")
                }
                NodeKind::End => {
                    writeln!(out, "{indent}n{id} [label=\"End\", shape=circle{colour}]")
                }
                NodeKind::Join => writeln!(out, "{indent}n{id} [label=\"\", shape=point{colour}]"),
                NodeKind::State { name, type_name, .. } => {
                    let shape = if *type_name == "Choice" { ", shape=diamond" } else { "" };
                    writeln!(out, "{indent}n{id} [label=\"{}\"{shape}{colour}]", dot_text(name))
                }
            };
            if is_group {
                self.dot_level(out, Some(id), depth + 1);
                let _ = writeln!(out, "{indent}}}");
            }
        }
    }
}

/// Fill and stroke of a mark, readable on light and on dark grounds.
fn colours(mark: Mark) -> (&'static str, &'static str) {
    match mark {
        Mark::Succeeded => ("#d5f0dc", "#1f7a3d"),
        Mark::Caught => ("#fde8c8", "#b8690b"),
        Mark::Aborted => ("#e4e4e7", "#5b5b66"),
        Mark::Failed => ("#fbd7d5", "#b3261e"),
        Mark::InProgress => ("#d6e6fb", "#1a5fb4"),
    }
}

/// A text of at most `max` characters.
pub(super) fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(max - 1).collect();
            format!("{}…", kept.trim_end())
        }
    }
}

fn mermaid_text(text: &str) -> String {
    let escape = |c: char| match c {
        '"' => "#quot;".to_owned(),
        '#' => "#35;".to_owned(),
        '<' => "#lt;".to_owned(),
        '>' => "#gt;".to_owned(),
        c if c.is_control() => " ".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

fn dot_text(text: &str) -> String {
    let escape = |c: char| match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        c if c.is_control() => " ".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}
