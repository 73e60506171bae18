//! Every conformance case against this interpreter: one trial per case, named `area/file/case`.
//!
//! `targets/local.toml` says which cases are known to fail, and why. They are run all the same, and
//! one that passes is an error. Beside the cases stand checks of the registry: features that nobody
//! knows, features that nothing proves, entries of the lists that match nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use stepproof::diagnostic::Style;
use stepproof::report;
use stepproof::runner::{self, CaseOutcome};
use stepproof::scenario::{self, Case, Scenario};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let suite = match Suite::read(&folder) {
        Ok(suite) => suite,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    libtest_mimic::run(&arguments, suite.trials()).exit_code()
}

/// The cases, the features they may name, and what is known not to hold here.
struct Suite {
    cases: Vec<Member>,
    unreadable: Vec<(String, String)>,
    features: BTreeSet<String>,
    target: Target,
}

/// A case with its name in the suite.
struct Member {
    name: String,
    scenario: Arc<Scenario>,
    index: usize,
}

/// The three lists of `targets/local.toml`: patterns with reasons.
struct Target {
    expected_failures: List,
    wrong_cases: List,
    not_attempted: List,
}

type List = Vec<(String, String)>;

impl Suite {
    fn read(folder: &Path) -> Result<Self, String> {
        let mut suite = Self {
            cases: Vec::new(),
            unreadable: Vec::new(),
            features: features(&table(&folder.join("features.toml"))?)?,
            target: Target::read(&table(&folder.join("targets/local.toml"))?)?,
        };
        let cases = folder.join("cases");
        let files = scenario::find(&cases)
            .map_err(|error| format!("cannot read `{}`: {error}", cases.display()))?;
        for file in files {
            let prefix = suite_name(&cases, &file);
            match Scenario::load(&file) {
                Ok(scenario) => {
                    let scenario = Arc::new(scenario);
                    suite.cases.extend(scenario.cases.iter().enumerate().map(|(index, case)| {
                        let name = format!("{prefix}/{}", case.name);
                        Member { name, scenario: scenario.clone(), index }
                    }));
                }
                Err(problems) => {
                    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                    suite.unreadable.push((prefix, lines.join("\n")));
                }
            }
        }
        Ok(suite)
    }

    fn trials(self) -> Vec<Trial> {
        let mut trials = vec![self.registry_trial()];
        for (prefix, problems) in self.unreadable {
            trials.push(Trial::test(prefix, move || Err(problems.into())));
        }
        for member in self.cases {
            let find = |list: &List| {
                list.iter()
                    .find(|(pattern, _)| glob(pattern, &member.name))
                    .map(|(_, why)| why.clone())
            };
            let attempted = find(&self.target.not_attempted).is_none();
            let wrong = find(&self.target.wrong_cases).is_some();
            let expected = find(&self.target.expected_failures);
            let name = member.name.clone();
            let trial = Trial::test(name, move || judge(&member, wrong, expected.as_deref()));
            trials.push(trial.with_ignored_flag(!attempted));
        }
        trials
    }

    /// What is wrong with the suite itself, whatever its cases do.
    fn registry_trial(&self) -> Trial {
        let mut problems = Vec::new();
        let mut proved = BTreeSet::new();
        for member in &self.cases {
            let case = member.case();
            let proof = &case.proof;
            if proof.features.is_empty() || proof.proves.is_empty() || proof.basis.is_none() {
                let name = &member.name;
                problems.push(format!("`{name}` lacks `features`, `proves` or `basis`"));
            }
            for feature in &proof.features {
                proved.insert(feature.to_string());
                if !self.features.contains(&**feature) {
                    problems
                        .push(format!("`{}` names the unknown feature `{feature}`", member.name));
                }
            }
        }
        for feature in self.features.difference(&proved) {
            problems.push(format!("no case proves the feature `{feature}`"));
        }
        let target = &self.target;
        for list in [&target.expected_failures, &target.wrong_cases, &target.not_attempted] {
            for (pattern, _) in list {
                if !self.cases.iter().any(|member| glob(pattern, &member.name)) {
                    problems.push(format!("`{pattern}` of targets/local.toml matches no case"));
                }
            }
        }
        Trial::test("registry", move || match problems.is_empty() {
            true => Ok(()),
            false => Err(problems.join("\n").into()),
        })
    }
}

impl Member {
    fn case(&self) -> &Case {
        &self.scenario.cases[self.index]
    }
}

/// Runs a case and holds the result against the lists.
fn judge(member: &Member, wrong: bool, expected: Option<&str>) -> Result<(), Failed> {
    let report = runner::run_case(&member.scenario, member.case(), None);
    let passed = matches!(report.outcome, CaseOutcome::Passed);
    match (passed, expected) {
        (true, None) | (false, Some(_)) => Ok(()),
        (false, None) if wrong => Ok(()),
        (true, Some(reason)) => {
            let hint = "it passes: strike it off `expected_failures` in targets/local.toml";
            Err(format!("expected to fail ({reason}), but {hint}").into())
        }
        (false, None) => Err(report::case(&report, Style::Plain).into()),
    }
}

impl Target {
    fn read(table: &toml::Table) -> Result<Self, String> {
        let list = |key: &str| -> Result<List, String> {
            let Some(list) = table.get(key) else { return Ok(Vec::new()) };
            let list = list.as_table().ok_or_else(|| format!("`{key}` must be a table"))?;
            let entries = list.iter().map(|(pattern, reason)| {
                let reason = reason.as_str().unwrap_or_default().trim();
                match reason.is_empty() {
                    true => Err(format!("`{pattern}` in `{key}` has no reason")),
                    false => Ok((pattern.clone(), reason.to_owned())),
                }
            });
            entries.collect()
        };
        Ok(Self {
            expected_failures: list("expected_failures")?,
            wrong_cases: list("wrong_cases")?,
            not_attempted: list("not_attempted")?,
        })
    }
}

/// The ids of the registry.
fn features(table: &toml::Table) -> Result<BTreeSet<String>, String> {
    let list = table.get("feature").and_then(toml::Value::as_array);
    let list = list.ok_or("features.toml holds no [[feature]]")?;
    let mut ids = BTreeSet::new();
    for feature in list {
        let id = feature.get("id").and_then(toml::Value::as_str);
        let id = id.ok_or("a feature of features.toml has no id")?;
        let level = feature.get("level").and_then(toml::Value::as_str);
        if !matches!(level, Some("core" | "optional")) {
            return Err(format!("the level of feature `{id}` must be `core` or `optional`"));
        }
        if ["guide", "spec", "documentation"].iter().all(|key| feature.get(key).is_none()) {
            return Err(format!("feature `{id}` has no source: guide, spec or documentation"));
        }
        if !ids.insert(id.to_owned()) {
            return Err(format!("feature `{id}` stands twice in features.toml"));
        }
    }
    Ok(ids)
}

fn table(path: &Path) -> Result<toml::Table, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    text.parse().map_err(|error| format!("`{}`: {error}", path.display()))
}

/// `errors/retry` of `…/cases/errors/retry.scenario.yaml`.
fn suite_name(cases: &Path, file: &Path) -> String {
    let inside = file.strip_prefix(cases).unwrap_or(file);
    let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
    let name = parts.join("/");
    name.strip_suffix(".scenario.yaml").unwrap_or(&name).to_owned()
}

/// Whether a pattern, in which `*` stands for anything, describes the name.
fn glob(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
