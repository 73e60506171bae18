//! Mock files that change while the server runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::{info, warn};

use super::Options;
use super::shared::Shared;
use crate::diagnostic::Diagnostic;
use crate::mock::config_file::MockConfig;
use crate::scenario::Scenario;

/// How often is looked.
const EVERY: Duration = Duration::from_millis(250);

/// A file, and how it was when it was read.
struct Watched {
    path: PathBuf,
    is_config: bool,
    seen: Option<(SystemTime, u64)>,
}

/// Reads files again when they change. Never ends. Executions keep the mocks that they began with.
pub(super) fn watch(
    shared: Arc<Shared>,
    options: &Options,
) -> impl Future<Output = ()> + Send + 'static {
    let scenarios = options.scenarios.iter().map(|scenario| (scenario.path.clone(), false));
    let config = options.mock_config.iter();
    let config = config.map(|config| (PathBuf::from(&*config.source.name), true));
    let mut files: Vec<Watched> = scenarios
        .chain(config)
        .map(|(path, is_config)| Watched { seen: state(&path), path, is_config })
        .collect();
    async move {
        loop {
            tokio::time::sleep(EVERY).await;
            for file in &mut files {
                let now = state(&file.path);
                if now != file.seen {
                    file.seen = now;
                    read_again(&shared, file);
                }
            }
        }
    }
}

/// When a file was changed, and its length; `None` where it is not there.
fn state(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read_again(shared: &Arc<Shared>, file: &Watched) {
    let name = file.path.display().to_string();
    let told = |problems: &[Diagnostic]| {
        let first = problems.iter().find(|problem| problem.is_error());
        let why = first.map(ToString::to_string).unwrap_or_default();
        warn!(file = name, why, "the mock file cannot be used; what it said before stays");
    };
    if file.is_config {
        let text = match std::fs::read_to_string(&file.path) {
            Ok(text) => text,
            Err(error) => {
                warn!(file = name, %error, "the mock file cannot be read; what it said before stays");
                return;
            }
        };
        match MockConfig::parse(&name, &text) {
            Ok(config) => shared.with(|driver, _| driver.integrations_mut().replace_config(config)),
            Err(problems) => return told(&problems),
        }
    } else {
        match Scenario::load(&file.path) {
            Ok(scenario) => {
                shared.with(|driver, _| driver.integrations_mut().replace_scenario(scenario));
            }
            Err(problems) => return told(&problems),
        }
    }
    info!(file = name, "the mock file was read again");
}
