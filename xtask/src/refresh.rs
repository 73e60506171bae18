//! Runs the world of one recording again and rewrites its history.

use stepproof::history::TimestampForm;
use stepproof::runner;
use stepproof::scenario::Scenario;

use crate::{Outcome, root};

#[derive(clap::Args)]
pub struct Arguments {
    /// A folder of `recordings/` with a `world.scenario.yaml`.
    name: String,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let folder = root().join("recordings").join(&arguments.name);
    let world = folder.join("world.scenario.yaml");
    let scenario = Scenario::load(&world).map_err(|problems| {
        problems.iter().map(|p| format!("{}\n", p.message)).collect::<String>()
    })?;
    let [case] = scenario.cases.as_slice() else {
        return Err(format!("`{}` must be a single case", world.display()).into());
    };
    let simulation =
        runner::simulation(case, None).map_err(|_| "the definition has errors".to_owned())?;
    let run = simulation.run().map_err(|e| e.to_string())?;
    let mut text = run.history().to_json(TimestampForm::Text);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let path = folder.join("history.json");
    std::fs::write(&path, text).map_err(|e| format!("cannot write `{}`: {e}", path.display()))?;
    println!("wrote {} events; look at them with `git diff`", run.history().events.len());
    Ok(true)
}
