//! The command from outside: what it prints and how it exits, above all where something is wrong.
//!
//! Each file of `failing/` and `invalid/` has its whole output in `snapshots/`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The project's folder, so that all paths in outputs are relative.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn stepproof(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepproof"));
    command.args(arguments).current_dir(root()).env_remove("CLICOLOR_FORCE");
    command
}

fn run(arguments: &[&str]) -> Output {
    stepproof(arguments).output().expect("the command starts")
}

/// Exit code and both streams as one text.
fn text(output: &Output) -> String {
    let code = output.status.code().map_or("none".to_owned(), |code| code.to_string());
    let mut text = format!("exit code {code}\n");
    for (name, stream) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !stream.is_empty() {
            text += &format!("--- {name}\n{}", String::from_utf8_lossy(stream));
        }
    }
    text
}

#[track_caller]
fn snapshot(name: &str, arguments: &[&str]) {
    let output = text(&run(arguments));
    insta::with_settings!({
        snapshot_path => root().join("scenarios/snapshots"),
        prepend_module_to_snapshot => false,
        description => format!("stepproof {}", arguments.join(" ")),
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, output);
    });
}

/// A folder for what a test writes, empty.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // It does not exist before the first run.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the build directory is writable");
    folder
}

fn each_file_of(folder: &str) {
    let entries = root().join("scenarios").join(folder).read_dir().expect("the folder exists");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("its entries too").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    for name in names {
        let stem = name.trim_end_matches(".yaml");
        snapshot(&format!("{folder}-{stem}"), &["run", &format!("scenarios/{folder}/{name}")]);
    }
}

#[test]
fn failing_expectations_say_what_came_instead() {
    each_file_of("failing");
}

#[test]
fn unusable_files_say_where_and_why() {
    each_file_of("invalid");
}

#[test]
fn the_scenarios_hold() {
    let output = run(&["run", "scenarios"]);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn a_folder_without_scenarios_is_unusable() {
    let folder = scratch("empty");
    let output = run(&["run", &folder.display().to_string()]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
}

#[test]
fn reports_for_programs() {
    let file = "scenarios/failing/worlds.yaml";
    snapshot("report-json", &["run", file, "--report", "json"]);
    snapshot("report-junit", &["run", file, "--report", "junit"]);
}

#[test]
fn commands_explain_themselves() {
    for command in ["", "run", "exec", "replay", "diff", "check", "init", "compare", "clean"] {
        let arguments: Vec<&str> =
            [command, "--help"].into_iter().filter(|one| !one.is_empty()).collect();
        snapshot(&format!("help-{command}"), &arguments);
    }
    snapshot("no-command", &[]);
    snapshot("unknown-command", &["rnu"]);
    let faults = text(&run(&["run", "--list-faults"]));
    assert!(faults.contains("lambda.throttled "), "{faults}");
}

#[test]
fn one_execution() {
    let definition = "scenarios/failing/order.asl.json";
    let input = r#"{"orderId": 17, "lines": [{"sku": "a"}]}"#;
    let mocks = [
        "--mock",
        r#"Charge={"$mock": [{"fault": "lambda.throttled"}, {"return": {"receipt": "r-1"}}]}"#,
        "--mock",
        r#"Pack={"weight": 2}"#,
        "--mock",
        r#"Notify={"MessageId": "m-1"}"#,
    ];
    let exec = ["exec", definition, "--input", input];
    snapshot("exec", &[&exec[..], &mocks].concat());
    snapshot("exec-json", &[&exec[..], &mocks, &["--report", "json"]].concat());
    snapshot(
        "exec-fails",
        &[&exec[..], &["--mock", r#"Charge={"$fail": "CardExpired"}"#]].concat(),
    );
    snapshot("exec-unmocked", &exec);
    snapshot("exec-bad-input", &["exec", definition, "--input", "{\"a\":}"]);
    snapshot("exec-bad-mock", &["exec", definition, "--mock", "Charge"]);
    snapshot("exec-bad-time", &["exec", definition, "--start-time", "noon"]);
    snapshot("exec-missing", &["exec", "missing.asl.json"]);
    snapshot("check", &["check", definition, "scenarios/invalid/definition.yaml"]);
}

#[test]
fn what_was_executed_replays_the_same() {
    let folder = scratch("replay");
    let path = |name: &str| folder.join(name).display().to_string();
    let definition = "scenarios/failing/order.asl.json";
    let output = run(&[
        "exec",
        definition,
        "--input",
        r#"{"lines": [{"sku": "a"}, {"sku": "b"}]}"#,
        "--mock",
        r#"Charge={"receipt": "r-1"}"#,
        "--mock",
        "Pack={}",
        "--mock",
        "Notify={}",
        "--history-out",
        &path("history.json"),
    ]);
    assert!(output.status.success(), "{}", text(&output));
    let replay = ["replay", &path("history.json"), "--definition", definition];
    let output = run(&[&replay[..], &["--history-out", &path("again.json")]].concat());
    assert_eq!(text(&output), "exit code 0\n--- stdout\nsame: 34 events as recorded\n");
    let output = run(&["diff", &path("history.json"), &path("again.json")]);
    assert_eq!(text(&output), "exit code 0\n--- stdout\nthe histories say the same\n");

    let changed = fs::read_to_string(root().join(definition)).expect("it was read before");
    let changed = changed.replace("\"$.payment.receipt\"", "\"$.payment\"");
    fs::write(path("changed.asl.json"), changed).expect("the folder is writable");
    let output = run(&["replay", &path("history.json"), "--definition", &path("changed.asl.json")]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("`Notify`"), "{said}");

    let output = run(&["replay", &folder.display().to_string(), "--definition", definition]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.ends_with("2 same (2 executions)\n"), "{said}");
}

#[test]
fn a_new_scenario_passes_as_it_is_written() {
    let folder = scratch("init");
    let definition = root().join("scenarios/failing/order.asl.json");
    let target = folder.join("order.scenario.yaml").display().to_string();
    let definition = definition.display().to_string();
    let output = run(&["init", &definition, "--output", &target]);
    assert!(output.status.success(), "{}", text(&output));
    let output = run(&["run", &target]);
    assert!(output.status.success(), "{}", text(&output));
    let output = run(&["init", &definition, "--output", &target]);
    assert_eq!(output.status.code(), Some(2), "an existing file stays");
    snapshot("init", &["init", "scenarios/failing/order.asl.json"]);
}

#[test]
fn updates_change_values_and_nothing_else() {
    let folder = scratch("update");
    for name in ["order.asl.json", "expectations.yaml", "history.json"] {
        fs::copy(root().join("scenarios/failing").join(name), folder.join(name))
            .expect("the folder is writable");
    }
    let file = folder.join("expectations.yaml");
    let before = fs::read_to_string(&file).expect("it was copied");
    let output = run(&["run", &file.display().to_string(), "--update"]);
    assert_eq!(output.status.code(), Some(1), "some cannot be rewritten: {}", text(&output));
    let after = fs::read_to_string(&file).expect("it is still there");
    let diff = similar::TextDiff::from_lines(&before, &after);
    let diff = diff.unified_diff().context_radius(0).to_string();
    insta::with_settings!({
        snapshot_path => root().join("scenarios/snapshots"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("update", diff);
    });
    let output = run(&["run", &file.display().to_string(), "--update"]);
    let again = fs::read_to_string(&file).expect("it is still there");
    assert_eq!(again, after, "nothing is left to rewrite: {}", text(&output));
}

#[test]
fn mock_files_come_and_go() {
    let file = "scenarios/failing/mock-config.json";
    let definition = "scenarios/failing/order.asl.json";
    let input = r#"{"orderId": 17, "lines": []}"#;
    let import = ["scenario", "import-mocks", file, "--definition", definition, "--input", input];
    snapshot("import-mocks", &import);
    let broken = "scenarios/invalid/mock-config.json";
    snapshot("import-mocks-broken", &["scenario", "import-mocks", broken]);
    snapshot("import-mocks-machine", &["scenario", "import-mocks", file, "--machine", "Oder"]);
    snapshot("export-mocks", &["scenario", "export-mocks", "scenarios", "-k", "retry-timeout"]);
    snapshot("help-scenario-import-mocks", &["scenario", "import-mocks", "--help"]);
    snapshot("help-scenario-export-mocks", &["scenario", "export-mocks", "--help"]);
}

#[test]
fn shards_share_the_cases_out() {
    let list = |shard: &str| {
        let output = run(&["run", "scenarios", "--list", "--shard", shard]);
        let text = String::from_utf8(output.stdout).expect("names are text");
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let whole = list("1/1");
    let mut parts: Vec<String> = ["1/3", "2/3", "3/3"].into_iter().flat_map(list).collect();
    assert!(list("1/3").len() * 5 > whole.len(), "the parts are of similar size");
    parts.sort();
    let mut sorted = whole.clone();
    sorted.sort();
    assert_eq!(parts, sorted);
}

#[test]
fn the_order_of_the_report_is_that_of_the_paths() {
    let one = run(&["run", "scenarios", "--jobs", "1"]);
    let many = run(&["run", "scenarios", "--jobs", "8"]);
    assert_eq!(text(&one), text(&many));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = stepproof(&["run", "scenarios"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(text(&output), "exit code 0\n");
}

#[test]
fn colours_are_for_terminals() {
    let file = "scenarios/failing/expectations.yaml";
    let plain = run(&["run", file]);
    assert!(!plain.stdout.contains(&0x1b), "a pipe has no colours");
    let coloured = run(&["run", file, "--color", "always"]);
    let coloured = String::from_utf8(coloured.stdout).expect("it is text");
    assert!(coloured.contains("\u{1b}[31m- expected SUCCEEDED\u{1b}[0m"), "{coloured}");
    let mut bare = String::new();
    for part in coloured.split('\u{1b}') {
        let style_end = part.find('m').filter(|_| part.starts_with('[')).map_or(0, |at| at + 1);
        bare.push_str(&part[style_end..]);
    }
    assert_eq!(bare.as_bytes(), plain.stdout, "colours change nothing else");
}

#[test]
fn definitions_may_come_from_standard_input() {
    let mut child = stepproof(&["exec", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin
        .write_all(b"{\"StartAt\": \"A\", \"States\": {\"A\": {\"Type\": \"Succeed\"}}}")
        .expect("it is read");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", text(&output));
}
