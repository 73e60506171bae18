//! `stepproof scenario`: scenario files from elsewhere, and for elsewhere.

pub(super) mod args;
mod export_mocks;
mod from;
mod import_mocks;

use super::Exit;
use super::output::Terminal;
use args::Scenario;

pub(super) fn run(arguments: &Scenario, terminal: &Terminal) -> Result<Exit, String> {
    match arguments {
        Scenario::From(arguments) => from::run(arguments, terminal),
        Scenario::ImportMocks(arguments) => import_mocks::run(arguments, terminal),
        Scenario::ExportMocks(arguments) => export_mocks::run(arguments, terminal),
    }
}
