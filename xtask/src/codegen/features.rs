//! How many conformance cases there are, and on what grounds they stand: by feature in
//! `conformance/README.md`, by area in `README.md`.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Generated, between_marks};
use crate::features::{CaseFile, Grounds, case_files, registry};
use crate::{read, root};

/// The files with such a table.
pub fn files() -> Result<Vec<Generated>, String> {
    let (files, problems) = case_files()?;
    if let Some(problem) = problems.first() {
        return Err(problem.clone());
    }
    let tables = [
        ("conformance/README.md", "features", by_feature(&files)?),
        ("README.md", "conformance", by_area(&files)),
    ];
    let generated = |(name, marks, table): (&'static str, &str, String)| {
        let path = root().join(name);
        let text = between_marks(&path, &read(&path)?, marks, &table)?;
        Ok(Generated { path: name.to_owned(), text })
    };
    tables.into_iter().map(generated).collect()
}

fn by_area(files: &[CaseFile]) -> String {
    let mut areas: BTreeMap<&str, Grounds> = BTreeMap::new();
    for file in files {
        let area = file.name.split('/').next().unwrap_or_default();
        file.scenario.cases.iter().for_each(|case| areas.entry(area).or_default().add(case));
    }
    let mut table = String::from(
        "| area | cases | observed | documented | inferred |\n|---|--:|--:|--:|--:|\n",
    );
    let mut all = Grounds::default();
    for (area, grounds) in &areas {
        let _ = writeln!(table, "| [{area}](conformance/cases/{area}) | {}", columns(*grounds));
        all.observed += grounds.observed;
        all.documented += grounds.documented;
        all.inferred += grounds.inferred;
    }
    let _ = writeln!(table, "| all | {}", columns(all));
    table
}

fn columns(g: Grounds) -> String {
    format!("{} | {} | {} | {} |", g.cases(), g.observed, g.documented, g.inferred)
}

fn by_feature(files: &[CaseFile]) -> Result<String, String> {
    let mut grounds: BTreeMap<String, Grounds> = BTreeMap::new();
    let mut all = Grounds::default();
    for case in files.iter().flat_map(|file| &file.scenario.cases) {
        all.add(case);
        for id in &case.proof.features {
            grounds.entry(id.to_string()).or_default().add(case);
        }
    }
    let mut table = format!(
        "{} cases: {} observed on AWS, {} documented, {} inferred.\n\n\
         | feature | | cases | observed | documented | inferred |\n|---|---|--:|--:|--:|--:|\n",
        all.cases(),
        all.observed,
        all.documented,
        all.inferred
    );
    for feature in registry()? {
        let g = grounds.get(&feature.id).copied().unwrap_or_default();
        let optional = if feature.core { "" } else { " (optional)" };
        let title = &feature.title;
        let _ = writeln!(table, "| `{}` | {title}{optional} | {}", feature.id, columns(g));
    }
    Ok(table)
}
