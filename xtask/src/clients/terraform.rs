//! Terraform's AWS provider: what it makes it finds again, changes, and takes away.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::{Told, say};
use crate::root;

pub const NAME: &str = "machines as code";

/// What came of it, or why it could not be tried.
pub fn run(
    place: &Path,
    stepproof: &Path,
    plugins: Option<&Path>,
) -> Result<Result<Told, String>, String> {
    if Command::new("terraform").arg("-version").output().is_err() {
        return Ok(Err("it is not installed".to_owned()));
    }
    let folder = place.join("terraform");
    let _ = std::fs::remove_dir_all(&folder);
    let made = std::fs::create_dir_all(&folder).and_then(|()| {
        std::fs::copy(root().join("xtask/src/clients/main.tf"), folder.join("main.tf"))
    });
    made.map_err(|e| format!("no place for Terraform: {e}"))?;
    let mut init = vec!["init".to_owned()];
    init.extend(plugins.map(|folder| format!("-plugin-dir={}", folder.display())));
    if let Err(said) = terraform(&folder, &init, 0) {
        return Ok(Err(format!(
            "the AWS provider cannot be had; `--terraform-plugins DIR` names a folder that has \
             it\n{said}"
        )));
    }
    let began = now();
    let server = Server::start(stepproof)?;
    let problem = flow(&folder, &server.url).err();
    drop(server);
    let seconds = (now() - began).as_secs_f64();
    let told = Told { flow: NAME.to_owned(), client: "Terraform".to_owned(), seconds, problem };
    say(&told);
    Ok(Ok(told))
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is told")]
fn now() -> Instant {
    Instant::now()
}

fn flow(folder: &Path, url: &str) -> Result<(), String> {
    let step = |arguments: &[&str], question: &str, code: i32| {
        let mut line: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        line.push(format!("-var=endpoint={url}"));
        line.push(format!("-var=question={question}"));
        terraform(folder, &line, code)
    };
    let apply = ["apply", "-auto-approve"];
    // The exit code is 2 where something is to be changed.
    let plan = ["plan", "-detailed-exitcode"];
    let first = step(&apply, "first", 0)?;
    expect(&first, "versions = 1")?;
    step(&plan, "first", 0)?;
    let second = step(&apply, "second", 0)?;
    expect(&second, "0 added, 2 changed, 0 destroyed")?;
    expect(&second, "versions = 2")?;
    step(&plan, "second", 0)?;
    expect(&step(&["destroy", "-auto-approve"], "second", 0)?, "4 destroyed")
}

fn expect(output: &str, text: &str) -> Result<(), String> {
    if output.contains(text) { Ok(()) } else { Err(format!("no `{text}` in\n{output}")) }
}

/// What a command prints, unless it ends otherwise.
fn terraform(folder: &Path, arguments: &[String], code: i32) -> Result<String, String> {
    let mut command = Command::new("terraform");
    command.args(arguments).args(["-no-color", "-input=false"]).current_dir(folder);
    // No file of the user's, and no question whether there is a newer version.
    command.env("TF_CLI_CONFIG_FILE", folder.join("none")).env("CHECKPOINT_DISABLE", "1");
    let done = command.output().map_err(|e| format!("cannot run terraform: {e}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&done.stdout) + &text(&done.stderr);
    match done.status.code() {
        Some(own) if own == code => Ok(said),
        _ => Err(format!("`terraform {}` ends with {}\n{said}", arguments.join(" "), done.status)),
    }
}

/// A server that ends with its owner.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(stepproof: &Path) -> Result<Self, String> {
        let mut command = Command::new(stepproof);
        command.args(["serve", "--port", "0", "--log-level", "warn"]).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("cannot run the server: {e}"))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            let _ = BufReader::new(out).read_line(&mut line);
        }
        let url = line.trim().strip_prefix("listening on ").map(str::to_owned);
        let mut server = Self { child, url: String::new() };
        server.url = url.ok_or_else(|| format!("the server does not start: {line}"))?;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
