//! The table of features in `conformance/README.md`: how many cases prove each, and on what grounds.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Generated, between_marks};
use crate::features::{Grounds, case_files, registry};
use crate::{read, root};

const README: &str = "conformance/README.md";

/// The files with a table of features.
pub fn files() -> Result<Vec<Generated>, String> {
    let path = root().join(README);
    let text = between_marks(&path, &read(&path)?, "features", &table()?)?;
    Ok(vec![Generated { path: README, text }])
}

fn table() -> Result<String, String> {
    let mut grounds: BTreeMap<String, Grounds> = BTreeMap::new();
    let mut all = Grounds::default();
    let (files, problems) = case_files()?;
    if let Some(problem) = problems.first() {
        return Err(problem.clone());
    }
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
        let _ = writeln!(
            table,
            "| `{}` | {}{optional} | {} | {} | {} | {} |",
            feature.id,
            feature.title,
            g.cases(),
            g.observed,
            g.documented,
            g.inferred
        );
    }
    Ok(table)
}
