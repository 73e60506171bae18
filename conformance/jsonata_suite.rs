//! The official JSONata test suite, against the answers of version 2.0.6.
//!
//! The suite is not part of this repository: it is looked for in `STEPPROOF_SHARED`, then beside
//! the repository, and the test says so where it is missing. Cases that this version answers
//! differently, or that cannot be represented, are listed with the reason; a listed case that
//! passes fails the test, so the list cannot go stale.

#[path = "jsonata_suite/exceptions.rs"]
mod exceptions;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use exceptions::EXCEPTIONS;
use stepproof::entropy::Entropy;
use stepproof::query::jsonata::{Bindings, Environment, Expression, Limits, Outcome};
use stepproof::value::Value;

fn suite() -> Option<PathBuf> {
    let shared = std::env::var_os("STEPPROOF_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let suite = shared.join("corpora/jsonata/test-suite");
    suite.is_dir().then_some(suite)
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    match Value::parse(&text) {
        Ok(value) => value,
        // Some files repeat keys, which only the lenient reader takes.
        Err(_) => Value::from(
            serde_json::from_str::<serde_json::Value>(&text)
                .unwrap_or_else(|error| panic!("{path:?}: {error}")),
        ),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

struct Suite {
    datasets: BTreeMap<String, Value>,
    passed: usize,
    listed: usize,
    failures: Vec<String>,
}

#[test]
fn every_case_is_answered_like_version_2_0_6() {
    let Some(folder) = suite() else {
        eprintln!("skipped: the JSONata test suite is not here; see the comment of this file");
        return;
    };
    let datasets = files(&folder.join("datasets")).into_iter().map(|path| {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
        (name.unwrap_or_default(), read(&path))
    });
    let mut suite =
        Suite { datasets: datasets.collect(), passed: 0, listed: 0, failures: Vec::new() };
    for group in files(&folder.join("groups")) {
        for path in
            files(&group).iter().filter(|path| path.extension().is_some_and(|e| e == "json"))
        {
            suite.file(&group, path);
        }
    }
    eprintln!("{} cases passed, {} differ as listed", suite.passed, suite.listed);
    assert_eq!(suite.listed, EXCEPTIONS.len(), "some listed cases do not exist");
    assert!(suite.failures.is_empty(), "{} cases: {:#?}", suite.failures.len(), suite.failures);
}

impl Suite {
    fn file(&mut self, group: &Path, path: &Path) {
        let name = path.strip_prefix(group.parent().unwrap_or(group)).unwrap_or(path);
        let name = name.to_string_lossy();
        match read(path) {
            Value::Array(cases) => {
                for (index, case) in cases.iter().enumerate() {
                    self.case(&format!("{name}#{index}"), group, case);
                }
            }
            case => self.case(&name, group, &case),
        }
    }

    fn case(&mut self, name: &str, group: &Path, case: &Value) {
        let problem = self.problem(group, case);
        let listed = EXCEPTIONS.iter().any(|(listed, _)| *listed == name);
        self.listed += usize::from(listed);
        match (problem, listed) {
            (None, false) => self.passed += 1,
            (Some(_), true) => {}
            (None, true) => self.failures.push(format!("{name} is listed, but passes")),
            (Some(problem), false) => self.failures.push(format!("{name}: {problem}")),
        }
    }

    fn problem(&self, group: &Path, case: &Value) -> Option<String> {
        let text = match case.get("expr").and_then(Value::as_str) {
            Some(text) => text.to_owned(),
            None => {
                let file = case.get("expr-file").and_then(Value::as_str).unwrap_or_default();
                fs::read_to_string(group.join(file)).unwrap_or_else(|error| panic!("{error}"))
            }
        };
        let input = match (case.get("data"), case.get("dataset").and_then(Value::as_str)) {
            (Some(data), _) => Some(data),
            (None, Some(name)) => Some(&self.datasets[name]),
            (None, None) => None,
        };
        let bindings: Bindings = match case.get("bindings").and_then(Value::as_object) {
            Some(bindings) => bindings.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            None => Bindings::new(),
        };
        let mut environment = Environment::new(1_700_000_000_000, Entropy::new(1));
        let depth = case.get("depth").and_then(Value::as_i64).map_or(1_500, |depth| depth as usize);
        environment.limits = Limits { depth, calls: usize::MAX, ..Limits::default() };
        environment.limits.value_bytes = 100_000_000;
        let answer = Expression::parse(&text).and_then(|expression| match input {
            Some(input) => expression.evaluate_with_input(input, &bindings, &mut environment),
            None => expression.evaluate(&bindings, &mut environment),
        });
        let expected_code = case
            .get("code")
            .or_else(|| case.get("error").and_then(|error| error.get("code")))
            .and_then(Value::as_str);
        match (answer, expected_code) {
            (Err(error), Some(code)) if error.code == code => match case.get("token") {
                Some(token) if error.token.as_ref() != Some(token) => {
                    Some(format!("token {:?}, not {token}", error.token))
                }
                _ => None,
            },
            (Err(error), _) => Some(format!("`{text}` fails with {error}")),
            (Ok(outcome), Some(code)) => Some(format!("`{text}` gives {outcome:?}, not {code}")),
            (Ok(outcome), None) => compare(case, &outcome).map(|p| format!("`{text}` {p}")),
        }
    }
}

fn compare(case: &Value, outcome: &Outcome) -> Option<String> {
    let unordered = case.get("unordered").and_then(Value::as_bool).unwrap_or(false);
    match (outcome, case.get("result")) {
        (Outcome::Value(value), Some(expected)) if value == expected => None,
        (Outcome::Value(value), Some(expected)) if unordered && same_elements(value, expected) => {
            None
        }
        (Outcome::Undefined, None) => None,
        // A case may leave open what comes out.
        (_, None) if case.get("undefinedResult").is_none() => None,
        (outcome, expected) => Some(format!("gives {outcome:?}, not {expected:?}")),
    }
}

fn same_elements(value: &Value, expected: &Value) -> bool {
    let (Some(value), Some(expected)) = (value.as_array(), expected.as_array()) else {
        return false;
    };
    let mut rest: Vec<&Value> = expected.iter().collect();
    value.len() == expected.len()
        && value.iter().all(|item| {
            let found = rest.iter().position(|other| *other == item);
            found.map(|at| rest.swap_remove(at)).is_some()
        })
}
