//! Where another implementation differs, who is right, and on what evidence: a table beside each
//! report, made from the report and the groups of the target's file.
//!
//! A case that failed must be in one group, and what it did must show the group's words; so nobody
//! can be blamed for something he did not do.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde_json::Value;
use stepproof::matcher::glob;
use stepproof::scenario::Basis;

use super::Generated;
use crate::features::case_files;
use crate::judge::default_place;
use crate::{read, root};

/// How strong the evidence of a group is, from the strongest.
const EVIDENCE: [(&str, &str); 6] = [
    ("recorded", "executions recorded on AWS show it"),
    ("measured", "somebody measured it on AWS and wrote it down"),
    ("model", "the service model of the API says it"),
    ("documented", "AWS's documentation or the States Language's specification says it"),
    ("inferred", "it follows from what is known, and nobody has seen it"),
    ("none", "nothing is known: our own interpreter is as good a guess as theirs"),
];

/// Who is right.
const RIGHT: [(&str, &str); 3] = [
    ("ours", "AWS does as the case says"),
    ("theirs", "AWS does as the target does"),
    ("open", "nobody knows"),
];

/// A group of cases that fail for the same reason.
struct Group {
    name: String,
    reason: String,
    patterns: Vec<String>,
    /// Texts of which what a member did shows one.
    shows: Vec<String>,
    evidence: usize,
    right: usize,
    recordings: Vec<String>,
}

/// The members of a group, counted.
#[derive(Clone, Copy, Default)]
struct Members {
    cases: usize,
    /// Those that contradict an expectation of the case, or did not come to be judged; the others
    /// only differ from our own history of it.
    contradicting: usize,
    observed: usize,
    documented: usize,
    inferred: usize,
}

/// What cases rest on, by their names.
type Bases = BTreeMap<String, Option<Basis>>;

/// The tables of all reports whose targets say who is right.
pub fn files() -> Result<Vec<Generated>, String> {
    let (files_of_cases, _) = case_files()?;
    let cases = files_of_cases.iter().flat_map(|file| {
        file.scenario.cases.iter().map(|case| (file.case_name(case), case.proof.basis))
    });
    let bases: Bases = cases.collect();
    let folder = root().join("conformance/reports");
    let entries = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let report: Value = serde_json::from_str(&read(path)?)
            .map_err(|error| format!("`{}`: {error}", path.display()))?;
        let target = report["target"].as_str().unwrap_or_default();
        let list = root().join(format!("conformance/targets/{target}.toml"));
        if !list.is_file() {
            continue;
        }
        let groups = groups(&read(&list)?).map_err(|e| format!("`{}`: {e}", list.display()))?;
        if groups.is_empty() {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = table(&stem, &report, &groups, &bases)
            .map_err(|e| format!("`{}` and `{}`: {e}", path.display(), list.display()))?;
        files.push(Generated { path: format!("conformance/reports/{stem}.md"), text });
    }
    Ok(files)
}

fn groups(text: &str) -> Result<Vec<Group>, String> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
    let Some(list) = table.get("expected_failures").and_then(toml::Value::as_table) else {
        return Ok(Vec::new());
    };
    let groups = list.iter().filter_map(|(name, group)| Some((name, group.as_table()?)));
    groups.map(|(name, own)| group(name, own).map_err(|e| format!("`{name}`: {e}"))).collect()
}

fn group(name: &str, own: &toml::Table) -> Result<Group, String> {
    let text = |key: &str| own.get(key).and_then(toml::Value::as_str).unwrap_or_default().trim();
    let texts = |key: &str| -> Vec<String> {
        let list = own.get(key).and_then(toml::Value::as_array);
        let list = list.into_iter().flatten().filter_map(toml::Value::as_str);
        list.map(str::to_owned).collect()
    };
    let known = ["reason", "cases", "shows", "evidence", "right", "recordings"];
    if let Some(key) = own.keys().find(|key| !known.contains(&&***key)) {
        return Err(format!("there is no `{key}`; there may be {}", known.join(", ")));
    }
    let word = |key: &str, words: &[(&str, &str)]| {
        let found = words.iter().position(|(word, _)| *word == text(key));
        found.ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            format!("`{key}` must be one of {}", words.join(", "))
        })
    };
    let group = Group {
        name: name.to_owned(),
        reason: text("reason").split_whitespace().collect::<Vec<_>>().join(" "),
        patterns: texts("cases"),
        shows: texts("shows"),
        evidence: word("evidence", &EVIDENCE)?,
        right: word("right", &RIGHT)?,
        recordings: texts("recordings"),
    };
    if group.shows.is_empty() {
        return Err("`shows` must say what each of its cases has in its report".to_owned());
    }
    if (EVIDENCE[group.evidence].0 == "recorded") == group.recordings.is_empty() {
        return Err("`recordings` goes with the evidence `recorded`".to_owned());
    }
    Ok(group)
}

/// Everything that the report says of a case.
fn words(case: &Value) -> String {
    let mut words = case["end"].as_str().unwrap_or_default().to_owned();
    for check in case["detail"].as_array().into_iter().flatten() {
        let part = |key: &str| check[key].as_str().unwrap_or_default();
        let _ = write!(words, "\n{}: {} => {}", part("what"), part("expected"), part("actual"));
    }
    words
}

/// Whether an expectation of the case does not hold, and not only our own history of it. None holds
/// of what could not be run.
fn contradicts(case: &Value) -> bool {
    let own = |check: &Value| {
        check["expected"].as_str().is_some_and(|text| text.starts_with("as stepproof's own"))
    };
    case["detail"].as_array().into_iter().flatten().any(|check| !own(check))
}

fn count(report: &Value, groups: &[Group], bases: &Bases) -> Result<Vec<Members>, String> {
    let mut counts = vec![Members::default(); groups.len()];
    let mut problems = Vec::new();
    for case in report["cases"].as_array().into_iter().flatten() {
        let name = case["case"].as_str().unwrap_or_default();
        if case["outcome"] != "failed" {
            continue;
        }
        let of = |group: &Group| group.patterns.iter().any(|pattern| glob(pattern, name));
        let found: Vec<usize> = (0..groups.len()).filter(|i| of(&groups[*i])).collect();
        let [group] = found[..] else {
            let names: Vec<&str> = found.iter().map(|i| &*groups[*i].name).collect();
            problems.push(format!("{name} is in {} groups: {}", found.len(), names.join(", ")));
            continue;
        };
        let words = words(case);
        let shown = |text: &String| glob(&format!("*{text}*"), &words);
        if !groups[group].shows.iter().any(shown) {
            let own = &groups[group].name;
            problems.push(format!("{name} does not show what `{own}` is about: {words}"));
        }
        let own = &mut counts[group];
        own.cases += 1;
        own.contradicting += usize::from(contradicts(case));
        match bases.get(name) {
            Some(Some(Basis::Observed)) => own.observed += 1,
            Some(Some(Basis::Documented)) => own.documented += 1,
            Some(Some(Basis::Inferred) | None) => own.inferred += 1,
            None => {
                problems.push(format!("there is no case {name} any more: make the report anew"))
            }
        }
    }
    for (group, members) in groups.iter().zip(&counts) {
        if members.cases == 0 {
            problems.push(format!("no case of `{}` failed", group.name));
        }
        problems.extend(missing(&default_place(), &group.recordings));
    }
    match problems.is_empty() {
        true => Ok(counts),
        false => Err(problems.join("\n")),
    }
}

/// The recordings that do not exist, where recordings are at hand.
fn missing(folder: &Path, recordings: &[String]) -> Vec<String> {
    let is_missing = |name: &&String| folder.is_dir() && !folder.join(name).exists();
    let missing = recordings.iter().filter(is_missing);
    missing.map(|name| format!("there is no recording `{name}`")).collect()
}

fn table(stem: &str, report: &Value, groups: &[Group], bases: &Bases) -> Result<String, String> {
    let counts = count(report, groups, bases)?;
    let summary = |key: &str| report["summary"][key].as_u64().unwrap_or_default();
    let mut text = format!(
        "# {stem}: where it differs, and who is right\n\n\
         {} cases passed, {} failed, {} were skipped: `{}`. Each that failed is in one of these \
         groups, and its report shows what the group is about. *Against the case* are those that \
         contradict an expectation of it, or could not be run or read to the end; the others end as \
         the case says, and differ from our interpreter's history. Then: on what the cases \
         themselves rest.\n\n\
         | group | cases | against the case | observed | documented | inferred | evidence | right |\n\
         |---|--:|--:|--:|--:|--:|---|---|\n",
        summary("passed"),
        summary("failed"),
        summary("skipped"),
        report["reproduce"].as_str().unwrap_or_default(),
    );
    let mut rows: Vec<(&Group, Members)> = groups.iter().zip(counts).collect();
    rows.sort_by_key(|(group, members)| (std::cmp::Reverse(members.cases), group.name.clone()));
    let mut verdicts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (group, m) in &rows {
        *verdicts.entry((group.right, group.evidence)).or_default() += m.cases;
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} | {} | {} |",
            group.name,
            m.cases,
            m.contradicting,
            m.observed,
            m.documented,
            m.inferred,
            EVIDENCE[group.evidence].0,
            RIGHT[group.right].0
        );
    }
    text.push_str("\n| who is right | evidence | cases |\n|---|---|--:|\n");
    for ((right, evidence), cases) in verdicts {
        let (right, evidence) = (RIGHT[right], EVIDENCE[evidence]);
        let row = format!("{} ({}) | {} ({})", right.0, right.1, evidence.0, evidence.1);
        let _ = writeln!(text, "| {row} | {cases} |");
    }
    text.push_str("\n## The groups\n");
    for (group, members) in rows {
        let _ = writeln!(text, "\n**`{}`** ({}): {}", group.name, members.cases, group.reason);
        if !group.recordings.is_empty() {
            let _ = writeln!(text, "Recorded: {}.", group.recordings.join(", "));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"target":"t","reproduce":"c","summary":{"passed":1,"failed":2},"cases":[
        {"case":"a/b/one","outcome":"failed","end":"FAILED E: no map",
         "detail":[{"what":"status","expected":"SUCCEEDED","actual":"FAILED"}]},
        {"case":"a/b/two","outcome":"failed","end":"FAILED E: no map",
         "detail":[{"what":"history","expected":"as stepproof's own","actual":"x"}]},
        {"case":"a/b/three","outcome":"passed"}]}"#;

    fn made(groups_text: &str) -> Result<String, String> {
        let report: Value = serde_json::from_str(REPORT).unwrap();
        let bases = [("a/b/one", Basis::Observed), ("a/b/two", Basis::Inferred)];
        let bases = bases.map(|(name, basis)| (name.to_owned(), Some(basis)));
        table("t", &report, &groups(groups_text)?, &bases.into_iter().collect())
    }

    fn in_group(rest: &str) -> String {
        format!("[expected_failures.g]\nreason = \"why\"\nevidence = \"documented\"\n{rest}")
    }

    #[test]
    fn members_are_counted_by_what_they_rest_on() {
        let text = in_group("right = \"ours\"\nshows = [\"no map\"]\ncases = [\"a/b/*o*\"]\n");
        let text = made(&text).unwrap();
        assert!(text.contains("| `g` | 2 | 1 | 1 | 0 | 1 | documented | ours |"), "{text}");
    }

    #[test]
    fn a_recording_that_does_not_exist_is_told() {
        let folder = root().join("recordings");
        let told = missing(&folder, &["main.rs".to_owned(), "no-such".to_owned()]);
        assert_eq!(told, ["there is no recording `no-such`"]);
        // Without any recordings nothing can be said.
        assert!(missing(&folder.join("nowhere"), &["no-such".to_owned()]).is_empty());
    }

    #[test]
    fn every_failure_has_one_group_and_shows_it() {
        for (rest, wanted) in [
            ("right = \"ours\"\nshows = [\"no map\"]\ncases = [\"a/b/one\"]\n", "a/b/two is in 0"),
            (
                "right = \"ours\"\nshows = [\"maps\"]\ncases = [\"a/b/*\"]\n",
                "does not show what `g`",
            ),
            (
                "right = \"me\"\nshows = [\"no map\"]\ncases = [\"a/b/*\"]\n",
                "`right` must be one of",
            ),
            ("right = \"ours\"\ncases = [\"a/b/*\"]\n", "`shows` must say"),
            ("rigth = \"ours\"\n", "there is no `rigth`"),
        ] {
            let error = made(&in_group(rest)).unwrap_err();
            assert!(error.contains(wanted), "{rest}: {error}");
        }
        let unused = in_group("right = \"open\"\nshows = [\"*\"]\ncases = [\"*\"]\n")
            + "[expected_failures.h]\nreason = \"r\"\nevidence = \"none\"\nright = \"open\"\n\
               shows = [\"x\"]\ncases = [\"z\"]\n";
        assert!(made(&unused).unwrap_err().contains("no case of `h` failed"));
    }
}
