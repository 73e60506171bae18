//! Many recordings at once: folders, bundles, parts, groups, and what is wrong with them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Temporary, stepproof};

fn own(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings").join(path)
}

/// Copies of the refund as a recorder writes them, each of its own execution with its own data.
fn refunds(folder: &Path, machine: &str, count: usize) {
    for number in 0..count {
        let target = folder.join(format!("rec/{machine}/r-{number:03}"));
        fs::create_dir_all(&target).unwrap();
        let history = fs::read_to_string(own("refund/history.json")).unwrap();
        let history = history.replace("p-4711", &format!("p-{number}"));
        let history = history.replace("25990", &format!("{}", 25_990 + number));
        fs::write(target.join("history.json"), &history).unwrap();
        let definition = own("refund/definition.asl.json");
        fs::copy(definition, target.join("definition.asl.json")).unwrap();
        let arn =
            format!("arn:aws:states:eu-west-1:123456789012:execution:{machine}:r-{number:03}");
        let manifest = format!(
            "format = 1\nsource = \"aws\"\ndescription = \"\"\ntype = \"STANDARD\"\n\
             [provenance]\norigin = \"api\"\nexecution = \"{arn}\"\n"
        );
        fs::write(target.join("recording.toml"), manifest).unwrap();
    }
}

/// The refund's definition with `cents` as a string.
fn changed(folder: &Path) {
    let text = fs::read_to_string(own("refund/definition.asl.json")).unwrap();
    let changed = text.replace(
        "\"cents.$\": \"$.payment.cents\"",
        "\"cents.$\": \"States.Format('{}', $.payment.cents)\"",
    );
    assert_ne!(text, changed);
    fs::write(folder.join("changed.asl.json"), changed).unwrap();
}

#[track_caller]
fn check(folder: &Path, arguments: &[&str], code: i32, says: &[&str]) -> String {
    let (came, printed) = stepproof(folder, arguments);
    assert_eq!(came, code, "{arguments:?}\n{printed}");
    for text in says {
        assert!(printed.contains(text), "{arguments:?} does not say `{text}`:\n{printed}");
    }
    printed
}

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn recordings_replay_against_what_they_ran() {
    let folder = own("");
    let printed = check(&folder, &["replay", "."], 0, &[]);
    assert_eq!(printed, "5 same (5 executions)\n");
    let bundles = Temporary::new("own");
    let root = folder.display().to_string();
    for name in ["b.tar", "b.tar.gz", "b.tar.zst"] {
        check(&bundles.0, &["bundle", &root, "--output", name], 0, &["5 recordings in"]);
        check(&bundles.0, &["replay", name], 0, &["5 same (5 executions)\n"]);
    }
    check(&bundles.0, &["replay", "."], 0, &["15 same (15 executions)\n"]);
    let refused = ["bundle", &*root, "--output", "b.zip"];
    check(&bundles.0, &refused, 2, &["ends in .tar, .tar.gz or .tar.zst"]);
    let tar = std::process::Command::new("tar")
        .args(["-cf", "plain.tar", "-C", &root, "."])
        .current_dir(&bundles.0)
        .status();
    match tar {
        Ok(status) if status.success() => {
            check(&bundles.0, &["replay", "plain.tar"], 0, &["5 same (5 executions)\n"]);
        }
        _ => eprintln!("skipped: there is no `tar` here"),
    }
}

#[test]
fn equal_divergences_are_one_group() {
    let folder = Temporary::new("groups");
    refunds(&folder.0, "Refunds", 40);
    changed(&folder.0);
    let sentence = "`Pay back` asks lambda:invoke something else: `$.Payload.cents` is now a string, was a number";
    let replay = ["replay", "rec", "--definition", "changed.asl.json"];
    let group = format!("40 executions: {sentence}\n  such as rec/Refunds/r-000:");
    let notes = "note: `changed.asl.json` was held against recordings of `Refunds`\n";
    let printed = check(&folder.0, &replay, 1, &[&group, notes]);
    assert!(printed.ends_with("40 diverged (40 executions)\n"), "{printed}");
    let junit = [&replay[..], &["--report", "junit"]].concat();
    let junit = check(&folder.0, &junit, 1, &["tests=\"1\" failures=\"1\" errors=\"0\""]);
    assert!(junit.contains("message=\"40 executions: `Pay back`"), "{junit}");
    let each = [&replay[..], &["--each", "each.jsonl", "--output", "report.txt"]].concat();
    check(&folder.0, &each, 1, &["40 diverged (40 executions)\n"]);
    let lines = fs::read_to_string(folder.0.join("each.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 40);
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["file"], "rec/Refunds/r-000");
    assert_eq!((&first["outcome"], &first["kind"]), (&"diverged".into(), &"other-request".into()));
}

#[test]
fn parts_make_the_whole() {
    let folder = Temporary::new("parts");
    refunds(&folder.0, "Refunds", 30);
    changed(&folder.0);
    check(&folder.0, &["bundle", "rec", "--output", "all.tar.zst"], 0, &[]);
    let replay = ["replay", "all.tar.zst", "--definition", "changed.asl.json", "--report", "json"];
    let whole = [&replay[..], &["--output", "whole.json"]].concat();
    check(&folder.0, &whole, 1, &[]);
    let mut names = Vec::new();
    let mut sizes = Vec::new();
    for part in 1..=4 {
        let (shard, name) = (format!("hash:{part}/4"), format!("part-{part}.json"));
        let one = [&replay[..], &["--shard", &shard, "--output", &name]].concat();
        check(&folder.0, &one, 1, &[&format!("part {part} of 4)")]);
        sizes.push(json(&folder.0, &name)["summary"]["executions"].as_u64().unwrap());
        names.push(name);
    }
    assert_eq!((sizes.iter().sum::<u64>(), sizes.contains(&0)), (30, false), "{sizes:?}");
    // Where an execution lies has no say in which part it is of.
    let one = ["replay", "rec", "--definition", "changed.asl.json", "--shard", "1/4"];
    check(&folder.0, &one, 1, &[&format!("({} executions, part 1 of 4)", sizes[0])]);

    let names: Vec<&str> = names.iter().rev().map(String::as_str).collect();
    let merge = [&["replay", "--report", "json", "--output", "merged.json", "--merge"], &*names];
    check(&folder.0, &merge.concat(), 1, &["30 diverged (30 executions)\n"]);
    let (whole, merged) = (json(&folder.0, "whole.json"), json(&folder.0, "merged.json"));
    for member in ["summary", "groups", "machines", "definitions", "unusable"] {
        assert_eq!(whole[member], merged[member], "{member}");
    }
    let merge = |names: &[&str], says: &str| {
        check(&folder.0, &[&["replay", "--merge"], names].concat(), 2, &[says]);
    };
    merge(&names[1..], "the results of part 4/4 are missing");
    merge(&[names[0], names[0]], "which was given already");
    merge(&["changed.asl.json"], "these are no results");
    fs::write(folder.0.join("newer.json"), r#"{"format": 2, "summary": {}}"#).unwrap();
    merge(&["newer.json"], "results have format 2");
    let other = ["replay", "rec", "--report", "json", "--shard", "1/4", "--output", "other.json"];
    check(&folder.0, &other, 0, &[]);
    merge(&[names[0], "other.json"], "against other definitions");
}

#[test]
fn every_part_tells_what_it_cannot_read() {
    let folder = Temporary::new("broken-parts");
    refunds(&folder.0, "Refunds", 12);
    check(&folder.0, &["bundle", "rec", "--output", "all.tar"], 0, &[]);
    let bytes = fs::read(folder.0.join("all.tar")).unwrap();
    fs::write(folder.0.join("cut.tar"), &bytes[..bytes.len() / 2]).unwrap();
    let definition = own("refund/definition.asl.json").display().to_string();
    let mut names = Vec::new();
    for part in 1..=3 {
        let (shard, name) = (format!("hash:{part}/3"), format!("part-{part}.json"));
        let one = ["replay", "cut.tar", "--definition", &definition, "--report", "json"];
        let one = [&one[..], &["--shard", &shard, "--output", &name]].concat();
        check(&folder.0, &one, 2, &["1 unusable"]);
        names.push(name);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let merge = [&["replay", "--merge"], &*names].concat();
    check(&folder.0, &merge, 2, &["unusable: cut.tar/", "cut off", "1 unusable, "]);
}

#[test]
fn parts_of_nothing_are_no_success() {
    let folder = Temporary::new("nothing");
    fs::create_dir_all(folder.0.join("rec")).unwrap();
    let nothing = "no history, recording or bundle below `rec`";
    check(&folder.0, &["replay", "rec"], 2, &[nothing]);
    check(&folder.0, &["replay", "rec", "--shard", "1/2"], 2, &[nothing]);
    // A part may be empty; the whole may not.
    refunds(&folder.0, "Refunds", 1);
    changed(&folder.0);
    let other = ["replay", "rec", "--definition", "Orders=changed.asl.json", "--report", "json"];
    for part in ["1", "2"] {
        let (shard, name) = (format!("{part}/2"), format!("{part}.json"));
        let one = [&other[..], &["--shard", &shard, "--output", &name]].concat();
        check(&folder.0, &one, 0, &["none (0 executions"]);
    }
    let says = "nothing was replayed in any of the parts";
    check(&folder.0, &["replay", "--merge", "1.json", "2.json"], 2, &[says]);
}

#[test]
fn what_was_replayed_in_part_is_counted() {
    let folder = Temporary::new("in-part");
    refunds(&folder.0, "Refunds", 3);
    for (number, most) in [(1, 1), (2, 4)] {
        let path = folder.0.join(format!("rec/Refunds/r-{number:03}/history.json"));
        let mut history: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        history["events"].as_array_mut().unwrap().truncate(most);
        fs::write(path, history.to_string()).unwrap();
    }
    let says = "note: 2 were replayed only in part, up to a redrive or where they end, such as \
                rec/Refunds/r-001\n";
    check(&folder.0, &["replay", "rec"], 0, &[says, "3 same (3 executions)"]);
    let mut names = Vec::new();
    for part in ["1", "2"] {
        let (shard, name) = (format!("{part}/2"), format!("{part}.json"));
        let one = ["replay", "rec", "--report", "json", "--shard", &shard, "--output", &name];
        check(&folder.0, &one, 0, &[]);
        names.push(name);
    }
    let merged = ["replay", "--merge", &names[0], &names[1], "--report", "json"];
    let merged: Value = serde_json::from_str(&check(&folder.0, &merged, 0, &[])).unwrap();
    let first = Value::from("rec/Refunds/r-001");
    assert_eq!((&merged["partial"], &merged["firstPartial"]), (&2.into(), &first));
    check(&folder.0, &["replay", "rec", "--each", "each.jsonl"], 0, &[]);
    let lines = fs::read_to_string(folder.0.join("each.jsonl")).unwrap();
    assert_eq!(lines.matches("\"partial\":true").count(), 2, "{lines}");
}

#[test]
fn machines_have_their_own_definitions() {
    let folder = Temporary::new("machines");
    refunds(&folder.0, "Refunds", 3);
    refunds(&folder.0, "Returns", 2);
    changed(&folder.0);
    let one = ["replay", "rec", "--definition", "Returns=changed.asl.json"];
    let left = "note: left out, since no definition was named: `Refunds` (3)\n";
    let chosen = "note: `changed.asl.json` was held against recordings of `Returns`\n";
    check(&folder.0, &one, 1, &[left, chosen, "2 diverged (2 executions)\n"]);
    let same = own("refund/definition.asl.json").display().to_string();
    let rest = [&one[..], &["--definition", &same]].concat();
    check(&folder.0, &rest, 1, &["2 diverged, 3 same (5 executions)\n"]);
    let all = ["replay", "rec", "--definition", "changed.asl.json"];
    check(&folder.0, &all, 1, &["recordings of 2 state machines (`Refunds`, `Returns`)"]);
    let none = ["replay", "rec", "--definition", "Orders=changed.asl.json"];
    check(&folder.0, &none, 2, &["the recordings are of `Refunds`, `Returns`"]);
    let loan = own("loan").display().to_string();
    let foreign = ["replay", &loan, "--definition", "changed.asl.json"];
    check(&folder.0, &foreign, 2, &["the history is of another machine"]);
}

#[test]
fn what_is_wrong_is_named_and_the_others_are_replayed() {
    let folder = Temporary::new("wrong");
    refunds(&folder.0, "Refunds", 6);
    let file = |path: &str| folder.0.join("rec/Refunds").join(path);
    let edit = |path: &str, from: &str, to: &str| {
        let text = fs::read_to_string(file(path)).unwrap();
        assert!(text.contains(from), "{path}");
        fs::write(file(path), text.replacen(from, to, 1)).unwrap();
    };
    edit("r-000/recording.toml", "format = 1", "format = 99");
    let history = fs::read_to_string(file("r-001/history.json")).unwrap();
    fs::write(file("r-001/history.json"), &history[..history.len() / 2]).unwrap();
    fs::copy(own("loan/definition.asl.json"), file("r-002/definition.asl.json")).unwrap();
    fs::remove_file(file("r-003/definition.asl.json")).unwrap();
    let manifest = fs::read_to_string(file("r-004/recording.toml")).unwrap();
    let hash = "\n[files]\n\"history.json\" = \"sha256:00\"\n";
    fs::write(file("r-004/recording.toml"), manifest + hash).unwrap();
    let says = [
        "unusable: rec/Refunds/r-000/recording.toml: the recording has format 99",
        "unusable: rec/Refunds/r-001/history.json:",
        "unusable: rec/Refunds/r-002/definition.asl.json has no state",
        "unusable: rec/Refunds/r-003: there is no definition beside it",
        "note: 1 recording was edited since it was made, or is not whole: rec/Refunds/r-004\n",
        "4 unusable, 2 same (6 executions)\n",
    ];
    check(&folder.0, &["replay", "rec"], 2, &says);
    // A divergence is not hidden by recordings that cannot be used, and the other way round.
    changed(&folder.0);
    let both = ["replay", "rec", "--definition", "changed.asl.json"];
    let says = [
        "4 executions: `Pay back` asks lambda:invoke something else",
        "unusable: rec/Refunds/r-000/recording.toml: the recording has format 99",
        "4 diverged, 2 unusable (6 executions)\n",
    ];
    check(&folder.0, &both, 1, &says);
    let part = [&both[..], &["--report", "json", "--output", "part.json"]].concat();
    check(&folder.0, &part, 1, &["4 diverged, 2 unusable (6 executions)\n"]);
    check(&folder.0, &["replay", "--merge", "part.json"], 1, &["4 diverged, 2 unusable"]);

    check(&folder.0, &["bundle", "rec/Refunds/r-005", "--output", "one.tar"], 0, &[]);
    let refused = ["bundle", "rec", "--output", "all.tar"];
    check(&folder.0, &refused, 2, &["the recording has format 99"]);
    assert!(!folder.0.join("all.tar").exists());
    fs::remove_dir_all(file("r-000")).unwrap();
    check(&folder.0, &["bundle", "rec", "--output", "all.tar.zst"], 0, &[]);
    let bytes = fs::read(folder.0.join("all.tar.zst")).unwrap();
    fs::write(folder.0.join("cut.tar.zst"), &bytes[..bytes.len() - 9]).unwrap();
    let cut = ["replay", "cut.tar.zst", "one.tar", "--definition"];
    let definition = own("refund/definition.asl.json").display().to_string();
    let printed = check(&folder.0, &[&cut[..], &[&definition]].concat(), 2, &["unusable: cut.tar"]);
    assert!(printed.contains("cut off") || printed.contains("damaged"), "{printed}");
    fs::write(folder.0.join("no.tar"), "no tar file").unwrap();
    check(&folder.0, &["replay", "no.tar"], 2, &["unusable: no.tar:"]);
    check(&folder.0, &["replay", "missing.tar"], 2, &["cannot read `missing.tar`"]);
}

#[test]
fn undecided_executions_pass_where_they_may() {
    let folder = Temporary::new("undecided");
    refunds(&folder.0, "Refunds", 3);
    let text = fs::read_to_string(own("refund/definition.asl.json")).unwrap();
    let mut definition = serde_json::from_str(&text).unwrap();
    crate::planted::audit(&mut definition, Some(Value::Null));
    fs::write(folder.0.join("new.asl.json"), definition.to_string()).unwrap();
    let scenario = "definition: new.asl.json\ncases:\n  - name: none\n    mocks: {}\n  \
                    - name: sent\n    mocks: { Audit: { return: { MessageId: m } } }\n";
    fs::write(folder.0.join("f.scenario.yaml"), scenario).unwrap();
    let replay = ["replay", "rec", "--definition", "new.asl.json"];
    let with = |fallback: &'static str| [&replay[..], &["--fallback", fallback]].concat();
    check(&folder.0, &replay, 1, &["3 executions: `Audit` is entered in place of `Pay back`"]);
    check(&folder.0, &with("f.scenario.yaml#sent"), 0, &["3 same (3 executions)"]);
    let none = with("f.scenario.yaml#none");
    let says = "3 executions undecided: `Audit` calls sqs:sendMessage";
    check(&folder.0, &none, 1, &[says, "3 undecided (3 executions)"]);
    check(&folder.0, &[&none[..], &["--allow-undecided"]].concat(), 0, &[says]);
    check(&folder.0, &with("f.scenario.yaml"), 2, &["several cases", "`none`, `sent`"]);
    check(&folder.0, &with("f.scenario.yaml#other"), 2, &["no case `other`"]);
}

/// A bundle that comes slowly, and Ctrl-C before its end.
#[cfg(unix)]
#[test]
#[expect(clippy::disallowed_methods, reason = "a process takes real time")]
fn an_interrupted_replay_says_what_was_done() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let folder = Temporary::new("interrupted");
    refunds(&folder.0, "Refunds", 8);
    check(&folder.0, &["bundle", "rec", "--output", "all.tar"], 0, &[]);
    let bytes = fs::read(folder.0.join("all.tar")).unwrap();
    let pipe = folder.0.join("slow.tar");
    let made = Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no `mkfifo` here");
        return;
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_stepproof"))
        .args(["replay", "slow.tar", "--each", "each.jsonl"])
        .current_dir(&folder.0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    writer.write_all(&bytes[..bytes.len() / 2]).unwrap();
    // The file of `--each` is created once the handler is in place.
    let begun = Instant::now();
    while !folder.0.join("each.jsonl").exists() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(300));
    // The process may be gone already.
    let _ = writer.write_all(&bytes[bytes.len() / 2..]);
    drop(writer);
    let status = child.wait().unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(status.code(), Some(130), "{printed}");
    assert!(printed.contains("note: interrupted: these are the results so far\n"), "{printed}");
    assert!(!printed.contains("(8 executions)"), "{printed}");
}
