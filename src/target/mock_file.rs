//! Mocks in a file that the endpoint reads: Step Functions Local's MockConfigFile.json.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::batch::CaseOf;
use crate::mock::config_file::MockConfigWriter;
use crate::runner;
use crate::scenario::Case;

/// The file, with the cases of a run in it under the names of their machines there.
#[derive(Debug)]
pub(super) struct MockFile {
    path: PathBuf,
    /// By the number of a case: its name in the file, or why it is not in it.
    cases: BTreeMap<usize, Result<String, String>>,
}

impl MockFile {
    /// Writes the file; `machine` names the machine of a case.
    ///
    /// # Errors
    ///
    /// Where nobody said which file, or it cannot be written.
    pub(super) fn write(
        path: Option<PathBuf>,
        cases: &[CaseOf],
        machine: &dyn Fn(usize) -> String,
    ) -> Result<Self, String> {
        let Some(path) = path else {
            return Err("mocks in a file need its name: `--mock-file FILE`, or `file` in the \
                        target file's `[mocks]`; the endpoint reads it"
                .to_owned());
        };
        let mut writer = MockConfigWriter::default();
        let mut named = BTreeMap::new();
        for (number, (scenario, index)) in cases.iter().enumerate() {
            let case = &scenario.cases[*index];
            if case.expect_invalid.is_none() && case.state_test.is_none() {
                named.insert(number, add(&mut writer, case, &machine(number)));
            }
        }
        let text = format!("{}\n", writer.to_value().to_json_pretty());
        // In place and not by renaming: a container that has the file mounted sees no new one.
        fs::write(&path, &text)
            .map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
        Ok(Self { path, cases: named })
    }

    /// The name of a case in the file.
    ///
    /// # Errors
    ///
    /// Why it is not there.
    pub(super) fn case(&self, number: usize) -> Result<&str, &str> {
        match self.cases.get(&number) {
            Some(named) => named.as_deref().map_err(String::as_str),
            None => Err("it is not in the mock file"),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn add(writer: &mut MockConfigWriter, case: &Case, machine: &str) -> Result<String, String> {
    let mut renamed = case.clone();
    renamed.state_machine_name = machine.into();
    renamed.name = "case".into();
    let mut alone = MockConfigWriter::default();
    let losses = runner::export_mocks(&renamed, &mut alone)?;
    if let Some(loss) = losses.first() {
        return Err(format!("its mocks are not in the mock file: {loss}"));
    }
    // Only what is whole goes into the file.
    runner::export_mocks(&renamed, writer)?;
    Ok("case".to_owned())
}
