//! `stepproof serve` as clients see it that nobody here wrote.
//!
//! The flows are scripts in the languages of the clients, since nothing else uses them as their
//! users do: `clients/flows.py` for boto3 and the AWS CLI, the commands of the guide's chapter on
//! Step Functions Local among them, `clients/flows.mjs` for the AWS SDK for JavaScript, and
//! `clients/main.tf` for Terraform. Clients are installed below `target/clients`. Python is needed;
//! what else is not there is skipped, and said so.

mod terraform;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum;

use crate::judge::build_stepproof;
use crate::{Outcome, root};

/// What is installed from PyPI.
const PYTHON_PACKAGES: &[&str] =
    &["boto3==1.44.5", "botocore==1.44.5", "awscli==1.46.3", "prometheus-client==0.26.0"];

/// What is installed from npm.
const NODE_PACKAGE: &str = "@aws-sdk/client-sfn@3.1164.0";

#[derive(clap::Args)]
pub struct Arguments {
    /// Only flows with this text in their name.
    #[arg(long, default_value = "")]
    filter: String,
    /// Only these clients; may be given many times.
    #[arg(long, value_enum)]
    client: Vec<Client>,
    /// A folder of Terraform providers, for `terraform init -plugin-dir`, where the registry is out
    /// of reach.
    #[arg(long, env = "STEPPROOF_TERRAFORM_PLUGINS")]
    terraform_plugins: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Client {
    /// boto3 and the AWS CLI.
    Python,
    /// The AWS SDK for JavaScript.
    Javascript,
    /// The AWS provider of Terraform.
    Terraform,
}

/// What became of a flow.
struct Told {
    flow: String,
    client: String,
    seconds: f64,
    problem: Option<String>,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let stepproof = build_stepproof()?;
    let place = root().join("target/clients");
    std::fs::create_dir_all(&place).map_err(|e| format!("no place for clients: {e}"))?;
    let mut told = Vec::new();
    let wanted = |client| arguments.client.is_empty() || arguments.client.contains(&client);
    if wanted(Client::Python) {
        let python = virtual_environment(&place)?;
        let mut script = Command::new(python);
        script.arg(root().join("xtask/src/clients/flows.py")).env("PYTHONDONTWRITEBYTECODE", "1");
        flows(&mut script, &stepproof, &arguments.filter, &mut told)?;
    }
    if wanted(Client::Javascript) {
        match node_folder(&place)? {
            Some(folder) => {
                let mut script = Command::new("node");
                script.arg("--no-warnings").arg(root().join("xtask/src/clients/flows.mjs"));
                script.current_dir(folder);
                flows(&mut script, &stepproof, &arguments.filter, &mut told)?;
            }
            None => println!("skipped: the AWS SDK for JavaScript needs node, which is not here"),
        }
    }
    if wanted(Client::Terraform) && terraform::NAME.contains(&arguments.filter) {
        let plugins = arguments.terraform_plugins.as_deref();
        match terraform::run(&place, &stepproof, plugins)? {
            Ok(flow) => told.push(flow),
            Err(reason) => println!("skipped: Terraform: {reason}"),
        }
    }
    if told.is_empty() {
        return Err(format!("no flow matches `{}`", arguments.filter).into());
    }
    Ok(table(&told))
}

/// The Python of the virtual environment, which is made where it is not there yet.
fn virtual_environment(place: &Path) -> Result<PathBuf, String> {
    let folder = place.join("venv");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let packages = PYTHON_PACKAGES.join("\n");
    let marker = folder.join("installed");
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == packages) {
        return Ok(python);
    }
    println!("installing {}", PYTHON_PACKAGES.join(" "));
    let system = if cfg!(windows) { "python" } else { "python3" };
    succeed(Command::new(system).args(["-m", "venv"]).arg(&folder))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    succeed(Command::new(&python).args(install).args(PYTHON_PACKAGES))?;
    std::fs::write(&marker, packages).map_err(|e| format!("cannot write a marker: {e}"))?;
    Ok(python)
}

/// The folder with the packages for Node.js; `None` where that is not installed.
fn node_folder(place: &Path) -> Result<Option<PathBuf>, String> {
    let is_there = |program: &str| {
        Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success())
    };
    if !is_there("node") || !is_there("npm") {
        return Ok(None);
    }
    let folder = place.join("node");
    let marker = folder.join("installed");
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == NODE_PACKAGE) {
        return Ok(Some(folder));
    }
    println!("installing {NODE_PACKAGE}");
    std::fs::create_dir_all(&folder).map_err(|e| format!("no place for packages: {e}"))?;
    std::fs::write(folder.join("package.json"), "{\"private\": true}\n")
        .map_err(|e| format!("cannot write `package.json`: {e}"))?;
    let install = ["install", "--silent", "--no-audit", "--no-fund", NODE_PACKAGE];
    succeed(Command::new("npm").args(install).current_dir(&folder))?;
    std::fs::write(&marker, NODE_PACKAGE).map_err(|e| format!("cannot write a marker: {e}"))?;
    Ok(Some(folder))
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|e| format!("cannot run `{program}`: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{program}` fails: {status}")) }
}

/// Runs a script that tells of its flows, a line of JSON each.
fn flows(
    script: &mut Command,
    stepproof: &Path,
    filter: &str,
    told: &mut Vec<Told>,
) -> Result<(), String> {
    let program = script.get_program().to_string_lossy().into_owned();
    let fail = |e: std::io::Error| format!("cannot run `{program}`: {e}");
    let script = script.env("STEPPROOF", stepproof).env("FILTER", filter).stdout(Stdio::piped());
    let mut child = script.spawn().map_err(fail)?;
    let lines = child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines());
    let before = told.len();
    for line in lines {
        let line = line.map_err(fail)?;
        let flow = read(&line).ok_or_else(|| format!("`{program}` says: {line}"))?;
        say(&flow);
        told.push(flow);
    }
    let status = child.wait().map_err(fail)?;
    let known = told[before..].iter().any(|flow| flow.problem.is_some());
    if status.success() || known { Ok(()) } else { Err(format!("`{program}` fails: {status}")) }
}

fn read(line: &str) -> Option<Told> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(Told {
        flow: value.get("flow")?.as_str()?.replace('_', " "),
        client: value.get("client")?.as_str()?.to_owned(),
        seconds: value.get("seconds")?.as_f64()?,
        problem: value.get("problem")?.as_str().map(str::to_owned),
    })
}

fn say(told: &Told) {
    let Told { flow, client, seconds, problem } = told;
    let outcome = if problem.is_some() { "DIFFERS" } else { "ok" };
    println!("{outcome}: {flow}, {client} ({seconds:.1} s)");
    if let Some(problem) = problem {
        problem.lines().for_each(|line| println!("    {line}"));
    }
}

/// Prints flows by clients; whether all of them went well.
fn table(told: &[Told]) -> bool {
    let mut clients: Vec<&str> = Vec::new();
    let mut flows: Vec<&str> = Vec::new();
    let mut cells: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for one in told {
        for (list, name) in [(&mut clients, &*one.client), (&mut flows, &*one.flow)] {
            if !list.contains(&name) {
                list.push(name);
            }
        }
        let outcome = if one.problem.is_some() { "DIFFERS" } else { "ok" };
        cells.insert((&one.flow, &one.client), outcome);
    }
    let widest = flows.iter().map(|flow| flow.len()).max().unwrap_or_default();
    print!("\n{:widest$}", "");
    clients.iter().for_each(|client| print!("  {client:>14}"));
    println!();
    for flow in flows {
        print!("{flow:widest$}");
        for client in &clients {
            print!("  {:>14}", cells.get(&(flow, *client)).copied().unwrap_or("-"));
        }
        println!();
    }
    let failed = told.iter().filter(|one| one.problem.is_some()).count();
    println!("\n{} flows as AWS does them, {failed} not", told.len() - failed);
    failed == 0
}
