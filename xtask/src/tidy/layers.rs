//! Who may import whom: the library's layers as data, checked against its `crate::` paths.

use super::{Complaint, File, Tree};

/// Modules of `src/` that stand beside each other, and the lower ones that they may use.
///
/// Lower layers come first.
const LAYERS: &[(&[&str], &[&str])] = &[
    (&["value", "json"], &[]),
    (&["entropy"], &[]),
    (&["time"], &[]),
    (&["markup"], &[]),
    (&["diagnostic"], &["json"]),
    (&["document"], &["json", "value", "diagnostic"]),
    (&["matcher"], &["json", "value", "time"]),
    (&["history"], &["json", "value", "time"]),
    (&["query"], &["json", "value", "time", "entropy"]),
    (&["asl", "limits"], &["json", "value", "time", "diagnostic", "document", "query"]),
    (&["template"], &["json", "value", "diagnostic", "document", "asl", "limits"]),
    (&["duration"], &[]),
    (&["engine"], &["json", "value", "time", "entropy", "history", "query", "asl", "limits"]),
    (&["graph"], &["markup", "history", "asl"]),
    (&["map_run"], &["json", "value", "time", "history", "engine"]),
    (
        &["service"],
        &["json", "value", "time", "entropy", "history", "asl", "limits", "engine", "map_run"],
    ),
    (&["service_model"], &["value", "asl"]),
    (
        &["test_state"],
        &[
            "value",
            "time",
            "entropy",
            "document",
            "history",
            "asl",
            "limits",
            "engine",
            "map_run",
            "service_model",
        ],
    ),
    (
        &["api"],
        &[
            "json",
            "value",
            "time",
            "entropy",
            "history",
            "asl",
            "limits",
            "diagnostic",
            "engine",
            "map_run",
            "service",
            "test_state",
        ],
    ),
    (
        &["mock"],
        &[
            "json",
            "value",
            "duration",
            "diagnostic",
            "document",
            "history",
            "query",
            "asl",
            "engine",
            "matcher",
        ],
    ),
    (&["replay"], &["value", "time", "history", "asl", "limits", "engine", "map_run", "mock"]),
    (
        &["sim"],
        &[
            "value",
            "time",
            "duration",
            "diagnostic",
            "entropy",
            "matcher",
            "history",
            "asl",
            "limits",
            "engine",
            "map_run",
            "service",
            "service_model",
            "mock",
        ],
    ),
    (
        &["scenario"],
        &[
            "json",
            "value",
            "time",
            "duration",
            "diagnostic",
            "template",
            "document",
            "matcher",
            "history",
            "asl",
            "limits",
            "test_state",
            "map_run",
            "service_model",
            "mock",
            "service",
            "sim",
        ],
    ),
    (
        &["runner"],
        &[
            "value",
            "duration",
            "diagnostic",
            "document",
            "matcher",
            "history",
            "asl",
            "engine",
            "test_state",
            "map_run",
            "mock",
            "sim",
            "scenario",
        ],
    ),
    (&["sdk"], &[]),
    (&["redaction"], &["json", "value", "query"]),
    (
        &["recording"],
        &["json", "value", "time", "duration", "history", "asl", "scenario", "redaction"],
    ),
    (&["report"], &["value", "markup", "duration", "diagnostic", "scenario", "runner"]),
    (
        &["server"],
        &[
            "json",
            "value",
            "time",
            "markup",
            "diagnostic",
            "duration",
            "history",
            "asl",
            "limits",
            "engine",
            "graph",
            "map_run",
            "service",
            "service_model",
            "api",
            "mock",
            "scenario",
            "sdk",
        ],
    ),
    (
        &["target"],
        &[
            "value",
            "time",
            "duration",
            "matcher",
            "history",
            "asl",
            "limits",
            "engine",
            "test_state",
            "map_run",
            "service",
            "service_model",
            "mock",
            "sim",
            "scenario",
            "runner",
            "sdk",
            "server",
            "recording",
        ],
    ),
];

/// The modules that hold no logic of their own and see everything.
const EVERYTHING: &[&str] = &["lib", "main", "cli"];

pub fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in tree.rust().filter(|f| f.path.starts_with("src/")) {
        let Some(module) = module(file) else { continue };
        if EVERYTHING.contains(&module) {
            continue;
        }
        let Some((beside, allowed)) = LAYERS.iter().find(|(names, _)| names.contains(&module))
        else {
            complaints.push(file.complain(None, format!("no layer for `{module}`: add a row")));
            continue;
        };
        if file.is_test() {
            continue;
        }
        for (line, used) in imports(file) {
            if !beside.contains(&used) && !allowed.contains(&used) {
                let text = format!("`{module}` may not use `{used}`: {}", rule(allowed));
                complaints.push(file.complain(line, text));
            }
        }
    }
    complaints
}

fn rule(allowed: &[&str]) -> String {
    match allowed {
        [] => "it uses no other module".to_owned(),
        _ => format!("only {}", allowed.join(", ")),
    }
}

/// The top-level module that a file belongs to.
fn module(file: &File) -> Option<&str> {
    let path = file.path.strip_prefix("src/")?.strip_suffix(".rs")?;
    path.split('/').next()
}

/// Each `crate::module` named before the tests of a file.
fn imports(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let code = file.production().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.flat_map(|(number, line)| {
        let paths = line.split("crate::").skip(1);
        paths.map(move |rest| (number, name_at(rest))).filter(|(_, name)| !name.is_empty())
    })
}

fn name_at(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_lowercase() && c != '_' && !c.is_ascii_digit());
    let name = &text[..end.unwrap_or(text.len())];
    // `crate::Item` of the root has no module; a macro's `$crate` names one all the same.
    if text[name.len()..].starts_with("::") || text[name.len()..].starts_with(';') {
        name
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> File {
        File { path: "src/json.rs".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn paths_are_found_outside_comments_and_tests() {
        let file = file(
            "use crate::value::Value;\n// crate::cli::no\nfn f() { crate::time::now() }\n\
             #[cfg(test)]\nmod tests { use crate::cli; }\n",
        );
        assert_eq!(imports(&file).collect::<Vec<_>>(), [(1, "value"), (3, "time")]);
    }

    #[test]
    fn a_row_names_only_rows_above_it() {
        for (n, (modules, allowed)) in LAYERS.iter().enumerate() {
            for used in *allowed {
                assert!(
                    LAYERS[..n].iter().any(|(names, _)| names.contains(used)),
                    "{modules:?} use `{used}`, which is not above it"
                );
            }
        }
    }
}
