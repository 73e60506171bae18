//! The table as a page by itself: no script, no style sheet and no picture from elsewhere.

use std::fmt::Write;

use super::{Cell, Row, Table, WORDS};
use crate::target::Comparison;

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;\
color:#1b1f24;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #d8dee4}
td.case{font-family:ui-monospace,monospace;font-size:.85rem;overflow-wrap:anywhere}
td.number{text-align:right;font-variant-numeric:tabular-nums}
.same,.reference{color:#116329}.differs{color:#a40e26;font-weight:600}.cannot{color:#7d4e00}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.8rem;background:#f6f8fa;padding:.6rem;\
margin:.4rem 0}
code{background:#f6f8fa;padding:.1rem .3rem}summary{cursor:pointer}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}
th,td{border-color:#30363d}pre,code{background:#161b22}.same,.reference{color:#7ee787}
.differs{color:#ff7b72}.cannot{color:#e3b341}}";

/// The page.
pub(super) fn page(table: &Table) -> String {
    let mut out = String::from("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width\">\n");
    let names = escaped(&table.targets.join(", "));
    let _ = writeln!(out, "<title>stepproof compare: {names}</title>\n<style>{STYLE}</style>");
    let _ = writeln!(out, "<h1>{} cases on {names}</h1>", table.rows.len());
    let _ = writeln!(out, "<p>Made by <code>{}</code></p>", escaped(&table.command));
    summary(&mut out, table);
    let of = |word: &str| -> Vec<&Row> {
        let has = |row: &&Row, word: &str| row.cells.iter().any(|cell| cell.word() == word);
        let rows = table.rows.iter();
        match word {
            "cannot" => rows.filter(|row| has(row, "cannot") && !has(row, "differs")).collect(),
            "same" => rows.filter(|row| !has(row, "cannot") && !has(row, "differs")).collect(),
            word => rows.filter(|row| has(row, word)).collect(),
        }
    };
    for (word, title) in [("differs", "Differs"), ("cannot", "Cannot"), ("same", "Same")] {
        let rows = of(word);
        let open = if word == "differs" { " open" } else { "" };
        let _ = writeln!(out, "<h2>{title}: {}</h2>\n<details{open}><summary>", rows.len());
        let _ = writeln!(out, "{} cases</summary>\n<table>", rows.len());
        heads(&mut out, "case", &table.targets);
        for row in rows {
            let _ = write!(out, "<tr><td class=\"case\">{}</td>", escaped(&row.case));
            row.cells.iter().for_each(|one| cell(&mut out, one));
            out.push_str("</tr>\n");
        }
        out.push_str("</table></details>\n");
    }
    out.push_str("</html>\n");
    out
}

fn heads(out: &mut String, first: &str, names: &[String]) {
    let _ = write!(out, "<tr><th>{first}</th>");
    for name in names {
        let _ = write!(out, "<th>{}</th>", escaped(name));
    }
    out.push_str("</tr>\n");
}

fn summary(out: &mut String, table: &Table) {
    out.push_str("<table>\n");
    heads(out, "", &table.targets);
    for word in WORDS {
        let _ = write!(out, "<tr><th class=\"{word}\">{word}</th>");
        for target in 0..table.targets.len() {
            let _ = write!(out, "<td class=\"number\">{}</td>", table.counts(target)[word]);
        }
        out.push_str("</tr>\n");
    }
    out.push_str("<tr><th>as the cases expect</th>");
    for target in 0..table.targets.len() {
        let passed = table.rows.iter().filter(|row| row.cells[target].outcome == "passed").count();
        let _ = write!(out, "<td class=\"number\">{passed}</td>");
    }
    out.push_str("</tr>\n</table>\n");
}

fn cell(out: &mut String, cell: &Cell) {
    let word = cell.word();
    let _ = write!(out, "<td><span class=\"{word}\">{word}</span>");
    match &cell.comparison {
        Some(Comparison::Differs { sentence, lines }) if lines.is_empty() => {
            let _ = write!(out, "<br>{}", escaped(sentence));
        }
        Some(Comparison::Differs { sentence, lines }) => {
            let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
            let (sentence, lines) = (escaped(sentence), escaped(&lines.join("\n")));
            let _ =
                write!(out, "<details><summary>{sentence}</summary><pre>{lines}</pre></details>");
        }
        Some(Comparison::Cannot(reason)) => {
            let _ = write!(out, "<br>{}", escaped(reason));
        }
        _ => {}
    }
    out.push_str("</td>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
