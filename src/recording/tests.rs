//! Recordings written, read, resumed, damaged.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const HISTORY: &str = r#"{"events": [
{"timestamp":1700000000.123,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"n\":1.50}","roleArn":"arn:aws:iam::210987654321:role/R"}},
{"timestamp":1700000000.2,"type":"PassStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{\"n\":1.50}"}},
{"timestamp":1700000000.2,"type":"PassStateExited","id":3,"previousEventId":2,"stateExitedEventDetails":{"name":"A","output":"{\"n\":1.50}"}},
{"timestamp":1700000000.3,"type":"ExecutionSucceeded","id":4,"previousEventId":3,"executionSucceededEventDetails":{"output":"{\"n\":1.50}"}}
]}
"#;
const DEFINITION: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}"#;

/// A folder of the system's own for temporary files, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("stepproof-recording-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn recorded(name: &str) -> Recorded {
    let execution = format!(
        r#"{{"executionArn":"arn:aws:states:eu-west-1:210987654321:execution:Orders:{name}","stateMachineArn":"arn:aws:states:eu-west-1:210987654321:stateMachine:Orders","name":"{name}","status":"SUCCEEDED","startDate":1700000000.123,"later":{{"member":1.0}}}}"#
    );
    Recorded {
        name: name.into(),
        definition: Some(DEFINITION.into()),
        execution: Some(execution),
        history: HISTORY.into(),
        ..Recorded::default()
    }
}

fn about() -> About {
    About {
        source: "aws".into(),
        description: "An order".into(),
        machine_type: "STANDARD".into(),
        provenance: Provenance::new(Origin::Api, Timestamp(1_700_000_100_000)),
        notes: vec!["\"quoted\"\nand \u{7f}".into()],
    }
}

#[track_caller]
fn written(outcome: Outcome) -> PathBuf {
    match outcome {
        Outcome::Recorded(folder) => folder,
        other => panic!("{other:?}"),
    }
}

fn read(folder: &Path) -> Recording {
    Recording::load(folder, &ReadOptions::default()).unwrap()
}

#[test]
fn what_is_written_is_read_again() {
    let root = Folder::new();
    let mut writer = Writer::open(&root.0, Mode::Once, None).unwrap();
    let mut order = recorded("order-1");
    order.children = vec![recorded("child")];
    order.map_runs = vec![RecordedMapRun {
        name: "Each:0b6f".into(),
        map_run: Some(r#"{"status":"SUCCEEDED"}"#.into()),
        children: vec![recorded("item-0"), Recorded { definition: None, ..recorded("item-1") }],
    }];
    let folder = written(writer.write(&order, &about()).unwrap());
    assert_eq!(folder, root.0.join("Orders/order-1"));
    writer.finish().unwrap();

    let recording = read(&folder);
    assert!(recording.notes.is_empty(), "{:?}", recording.notes);
    order.map_runs[0].name = "Each_0b6f".into();
    assert_eq!(recording.recorded, order);
    let manifest = &recording.manifest;
    assert_eq!((manifest.format, &*manifest.source), (1, "aws"));
    assert_eq!(manifest.notes, about().notes);
    assert!(manifest.unredacted);
    assert_eq!(manifest.files.len(), 3 * 3 + 1 + 2);
    let provenance = &manifest.provenance;
    assert_eq!(provenance.region.as_deref(), Some("eu-west-1"));
    assert_eq!(provenance.started.as_deref(), Some("2023-11-14T22:13:20.123Z"));
    assert_eq!(provenance.status.as_deref(), Some("SUCCEEDED"));
    let (history, notes) = recording.history().unwrap();
    assert_eq!((history.events.len(), notes.len()), (4, 0));
    assert_eq!(find(&root.0).unwrap(), [&*folder]);

    let options = ReadOptions { hold: false, ..ReadOptions::default() };
    let lean = Recording::load(&folder, &options).unwrap();
    assert!(lean.notes.is_empty(), "{:?}", lean.notes);
    for child in order.map_runs[0].children.iter_mut().chain(&mut order.children) {
        child.history.clear();
    }
    assert_eq!(lean.recorded, order);
    let within = ["children/child", "map-runs/Each_0b6f/children/item-0"];
    let within = within.into_iter().chain(["map-runs/Each_0b6f/children/item-1"]);
    assert!(lean.unheld.into_iter().eq(within.map(|path| format!("{path}/history.json"))));
    fs::write(folder.join("children/child/history.json"), "{}").unwrap();
    let notes = Recording::load(&folder, &options).unwrap().notes;
    assert!(notes.len() == 1 && notes[0].contains("children/child/history.json: edited"));
}

#[test]
fn modes_are_those_of_vcr() {
    let root = Folder::new();
    let open = |mode| Writer::open(&root.0, mode, None).unwrap();
    let kind = |outcome| match outcome {
        Outcome::Recorded(_) => "recorded",
        Outcome::Kept(_) => "kept",
        Outcome::LeftOut => "left out",
    };
    let run = |mode, names: &[&str], finish| {
        let mut writer = open(mode);
        let outcomes: Vec<_> =
            names.iter().map(|n| kind(writer.write(&recorded(n), &about()).unwrap())).collect();
        if finish {
            writer.finish().unwrap();
        }
        outcomes.join(", ")
    };
    assert_eq!(run(Mode::None, &["a"], true), "left out");
    // A recorder that found nothing closes nothing.
    assert_eq!(run(Mode::Once, &[], true), "");
    // Stopped after one, and gone on with.
    assert_eq!(run(Mode::Once, &["a"], false), "recorded");
    assert_eq!(run(Mode::Once, &["a", "b"], true), "kept, recorded");
    assert_eq!(run(Mode::Once, &["a", "b", "c"], true), "kept, kept, left out");
    assert_eq!(run(Mode::None, &["a", "c"], true), "kept, left out");
    assert_eq!(run(Mode::New, &["a", "c"], true), "kept, recorded");
    // Each once, also where it is named twice.
    assert_eq!(run(Mode::All, &["a", "b", "b"], true), "recorded, recorded, kept");
    // Without its journal the folder is still known, and a deleted recording is missed.
    fs::remove_dir_all(root.0.join(".stepproof")).unwrap();
    fs::remove_dir_all(root.0.join("Orders/b")).unwrap();
    assert_eq!(run(Mode::Once, &["a", "b"], true), "kept, left out");
    assert_eq!(run(Mode::New, &["a", "b"], true), "kept, recorded");
}

#[test]
fn a_journal_that_broke_off_is_made_again() {
    let root = Folder::new();
    let mut writer = Writer::open(&root.0, Mode::Once, None).unwrap();
    for name in ["a", "b"] {
        writer.write(&recorded(name), &about()).unwrap();
    }
    drop(writer);
    let journal = root.0.join(".stepproof/journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    for end in 0..text.len() {
        fs::write(&journal, &text[..end]).unwrap();
        fs::create_dir_all(root.0.join(".stepproof/partial/new")).unwrap();
        let writer = Writer::open(&root.0, Mode::Once, None).unwrap();
        assert_eq!(writer.index().recordings.len(), 2, "cut off at {end}");
        assert!(writer.is_open(), "cut off at {end}");
        assert!(!root.0.join(".stepproof/partial").exists());
    }
}

#[test]
fn two_recorders_do_not_share_a_folder() {
    let root = Folder::new();
    let first = Writer::open(&root.0, Mode::Once, None).unwrap();
    let Err(error) = Writer::open(&root.0, Mode::New, None) else { panic!("opened twice") };
    let expected = format!(
        "another recorder works on `{}` (process {}): wait for it, or record into another folder",
        root.0.display(),
        std::process::id()
    );
    assert_eq!(error.to_string(), expected);
    drop(first);
    Writer::open(&root.0, Mode::New, None).unwrap();
}

/// A disk with room for so many writes.
struct Full(usize, Disk);

impl Full {
    fn room(&mut self) -> io::Result<()> {
        self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        Ok(())
    }
}

impl Storage for Full {
    fn create_folder(&mut self, path: &Path) -> io::Result<()> {
        self.room()?;
        self.1.create_folder(path)
    }
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // What did not fit stays behind as half a file.
        let room = self.room();
        self.1.write(path, &bytes[..if room.is_ok() { bytes.len() } else { bytes.len() / 2 }])?;
        room
    }
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let room = self.room();
        self.1.append(path, &bytes[..if room.is_ok() { bytes.len() } else { bytes.len() / 2 }])?;
        room
    }
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.room()?;
        self.1.rename(from, to)
    }
    fn remove_folder(&mut self, path: &Path) -> io::Result<()> {
        self.1.remove_folder(path)
    }
}

#[test]
fn a_full_disk_leaves_whole_recordings_only() {
    let mut finished = 0;
    for room in 0..40 {
        let root = Folder::new();
        let outcome =
            Writer::open_on(Full(room, Disk), &root.0, Mode::Once, None).and_then(|mut writer| {
                writer.write(&recorded("a"), &about())?;
                writer.write(&recorded("b"), &about())?;
                writer.finish()
            });
        match &outcome {
            Ok(()) => finished += 1,
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("the recordings written before are complete"), "{text}");
            }
        }
        for folder in find(&root.0).unwrap() {
            assert!(read(&folder).notes.is_empty(), "room {room}: {}", folder.display());
        }
        // With room again it goes on.
        let mut writer = Writer::open(&root.0, Mode::Once, None).unwrap();
        for name in ["a", "b"] {
            writer.write(&recorded(name), &about()).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(find(&root.0).unwrap().len(), 2, "room {room}");
    }
    assert!((1..39).contains(&finished), "{finished}");
}

#[test]
fn a_recording_is_replaced_whole_or_not_at_all() {
    let root = Folder::new();
    let mut writer = Writer::open(&root.0, Mode::Once, None).unwrap();
    writer.write(&recorded("a"), &about()).unwrap();
    writer.finish().unwrap();
    let mut other = recorded("a");
    other.history = HISTORY.replace("1.50", "2.50");
    let mut replaced = 0;
    for room in 0..20 {
        let open = Writer::open_on(Full(room, Disk), &root.0, Mode::All, None);
        let outcome = open.and_then(|mut writer| writer.write(&other, &about()));
        drop(Writer::open(&root.0, Mode::None, None).unwrap());
        let recording = read(&root.0.join("Orders/a"));
        assert!(recording.notes.is_empty(), "room {room}: {:?}", recording.notes);
        replaced += usize::from(outcome.is_ok());
        if outcome.is_ok() {
            assert_eq!(recording.recorded.history, other.history);
        }
    }
    assert!((1..20).contains(&replaced), "{replaced}");
}

#[test]
fn names_are_made_fit_for_file_systems() {
    let root = Folder::new();
    let mut writer = Writer::open(&root.0, Mode::Once, None).unwrap();
    let mut order = recorded("a");
    order.children = vec![recorded("../../x:y"), recorded("..")];
    let folder = written(writer.write(&order, &about()).unwrap());
    let recording = read(&folder);
    let names: Vec<_> = recording.recorded.children.iter().map(|child| &*child.name).collect();
    assert_eq!(names, ["_", "_.._x_y"]);
    // Executions of two machines may share a name: each has its own folder.
    let mut twins = recorded("twins");
    let of = |machine: &str| Recorded {
        execution: recorded("x").execution.map(|text| text.replace("Orders", machine)),
        ..recorded("x")
    };
    twins.children = vec![of("A"), of("B"), recorded("X")];
    let folder = written(writer.write(&twins, &about()).unwrap());
    let children = read(&folder).recorded.children;
    let names: Vec<_> = children.iter().map(|child| &*child.name).collect();
    assert_eq!(names, ["X-3", "x", "x-2"]);
    assert!(children[1].execution.as_deref().unwrap_or_default().contains(":A:x"));
    assert!(children[2].execution.as_deref().unwrap_or_default().contains(":B:x"));
    // The same name in another region is another execution.
    let mut other = recorded("a");
    other.execution = other.execution.map(|text| text.replace("eu-west-1", "us-east-1"));
    let outcome = writer.write(&other, &about()).unwrap();
    assert_eq!(outcome, Outcome::Recorded(root.0.join("Orders/a-2")));
}

fn files() -> Files {
    let root = Folder::new();
    let mut writer = Writer::open(&root.0, Mode::Once, None).unwrap();
    let folder = written(writer.write(&recorded("a"), &about()).unwrap());
    ["recording.toml", "definition.asl.json", "execution.json", "history.json"]
        .map(|name| (name.to_owned(), fs::read(folder.join(name)).unwrap()))
        .into()
}

#[track_caller]
fn check(file: &str, change: impl FnOnce(&mut Files, String), expected: &str) {
    let mut files = files();
    let text = String::from_utf8(files[file].clone()).unwrap();
    change(&mut files, text);
    let read = Recording::read("r", files, &ReadOptions::default()).and_then(|recording| {
        let mut notes = recording.notes.clone();
        let (history, more) = recording.history()?;
        recording.description()?;
        notes.extend(more.iter().map(ToString::to_string));
        let definition = recording.recorded.definition.clone().unwrap_or_default();
        if let (Some(machine), _) = crate::asl::parse_text("definition.asl.json", &definition) {
            notes.extend(recording.other_machine(&machine, &history));
        }
        Ok(notes.join("\n"))
    });
    assert_eq!(read.unwrap_or_else(|error| error.to_string()), expected);
}

#[test]
fn damaged_recordings_say_what_is_wrong() {
    let set = |file: &'static str, text: String| {
        move |files: &mut Files| files.insert(file.into(), text.into_bytes())
    };
    check("recording.toml", |_, _| (), "");
    check(
        "recording.toml",
        |files, text| drop(set("recording.toml", text.replace("format = 1", "format = 7"))(files)),
        "r/recording.toml: the recording has format 7, this stepproof reads formats up to 1: \
         update stepproof",
    );
    check(
        "recording.toml",
        |files, text| drop(set("recording.toml", format!("later = [1]\n{text}"))(files)),
        "",
    );
    check(
        "recording.toml",
        |files, text| drop(set("recording.toml", text.replace("format = 1\n", ""))(files)),
        "r/recording.toml: no `format`: write `format = 1` at its top, if it is a recording's",
    );
    check(
        "recording.toml",
        |files, text| drop(set("recording.toml", text.replacen('"', "", 1))(files)),
        "r/recording.toml:2:10: missing opening quote, expected `\"`",
    );
    check(
        "recording.toml",
        |files, _| drop(files.remove(MANIFEST)),
        "r: there is no `recording.toml`",
    );
    check(
        "history.json",
        |files, _| drop(files.remove("history.json")),
        "r: there is no `history.json`",
    );
    check(
        "history.json",
        |files, text| drop(set("history.json", text[..text.len() / 2].into())(files)),
        "r/history.json:3:117: the file ends in the middle: it was cut off",
    );
    check(
        "history.json",
        |files, text| drop(set("history.json", text.replace("1.50", "1.51"))(files)),
        "r/history.json: edited since it was recorded: its hash is not the one in `recording.toml`",
    );
    check(
        "execution.json",
        |files, _| drop(files.remove("execution.json")),
        "r/execution.json: the file is missing",
    );
    check(
        "execution.json",
        |files, _| drop(files.insert("execution.json".into(), vec![b'"', 0xff])),
        "r/execution.json: the file is not UTF-8 (byte 1)",
    );
    check(
        "definition.asl.json",
        |files, text| drop(set("definition.asl.json", text.replace("\"A\"", "\"B\""))(files)),
        "r/definition.asl.json: edited since it was recorded: its hash is not the one in \
         `recording.toml`\nr/definition.asl.json has no state `A`, which the history enters: it is \
         the definition of another machine, or was edited",
    );
}

#[track_caller]
fn check_pages(pages: &[&str], expected: Result<(&str, &[&str]), &str>) {
    let joined = join_pages(pages.iter().map(|page| ("page", *page)));
    match (joined, expected) {
        (Ok(joined), Ok((text, notes))) => {
            assert_eq!(joined.text.replace('\n', ""), text);
            assert_eq!(joined.notes, notes);
        }
        (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
        (joined, expected) => panic!("{joined:?}, expected {expected:?}"),
    }
}

#[test]
fn pages_are_joined_as_they_are() {
    let [a, b, c] = [
        r#"{"id":1,"type":"ExecutionStarted","n": 1.50e+02, "odd":[1.0]}"#,
        r#"{"id":2,"type":"FutureEvent","futureEventDetails":{"x":12345678901234567890.10}}"#,
        r#"{"type":"ExecutionSucceeded","id":3}"#,
    ];
    let page =
        |events: &[&str]| format!("{{\"events\":[{}],\"nextToken\":\"t\"}}", events.join(","));
    let whole = format!("{{\"events\": [{a},{b},{c}]}}");
    let ok: Result<(&str, &[&str]), &str> = Ok((&whole, &[]));
    check_pages(&[&page(&[a, b]), &page(&[c])], ok);
    check_pages(&[&format!("[{},{}]", page(&[a]), page(&[b, c]))], ok);
    check_pages(&[&format!("{}\n{}", page(&[a]), page(&[b, c]))], ok);
    check_pages(&[&format!("[{a},{b},{c}]")], ok);
    check_pages(&[&page(&[c, b]), &page(&[a])], ok);
    let twice = ["1 events came twice, as of a page that was repeated"];
    check_pages(&[&page(&[a, b]), &page(&[b, c])], Ok((&whole, &twice)));
    let empty = ["page: the page has no events"];
    check_pages(&[&page(&[]), &page(&[a, b, c])], Ok((&whole, &empty)));
    check_pages(
        &[&page(&[a]), &page(&[c])],
        Err("the history: event 2 is missing: a page was left out; fetch the history again"),
    );
    check_pages(
        &[&page(&[a, b]), &page(&[&b.replace("10", "11")])],
        Err("the history: there are two different events 2: the pages are of several executions"),
    );
    check_pages(&[], Err("the history: there are no events in it"));
    check_pages(
        &[&page(&[a])[..40]],
        Err("page:1:40: the JSON ends too early: the file is cut off"),
    );
    check_pages(
        &["<html>"],
        Err(
            "page:1:1: not JSON as GetExecutionHistory answers it: expected value at line 1 column 1",
        ),
    );
    check_pages(
        &[r#"{"executions":[]}"#],
        Err(
            "page: no answer of GetExecutionHistory, which has `events`: missing field `events` at line 1 column 17",
        ),
    );
}

#[test]
fn manifests_are_written_as_they_are_read() {
    let manifest = Manifest {
        format: 1,
        source: "aws".into(),
        redactions: BTreeMap::from([("account id".into(), 3)]),
        ..Manifest::default()
    };
    assert_eq!(Manifest::parse("m", &manifest.to_toml()).unwrap(), manifest);
}

/// Every file below a folder, and the names of all.
fn everything(folder: &Path) -> String {
    let mut text = String::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            text.push_str(&path.to_string_lossy());
            if path.is_dir() {
                folders.push(path);
            } else {
                text.push_str(&String::from_utf8_lossy(&fs::read(&path).unwrap()));
            }
        }
    }
    text
}

/// Secrets that are words of the manifest, or rules that count its quotes to the secret.
#[test]
fn no_secret_undoes_the_redaction_of_a_manifest() {
    for (secret, rules) in [
        ("format", ""),
        ("provenance", ""),
        ("history", ""),
        ("hunter2", "[redaction]\npatterns = ['\"[^\"]*anna[^\"]*\"']\n"),
        ("hunter2", "[redaction]\npatterns = ['= \"An']\n"),
    ] {
        let root = Folder::new();
        let rules = crate::redaction::Rules::parse(rules).unwrap();
        let redactor = crate::redaction::Redactor::new(rules, b"key");
        let mut writer = Writer::open(&root.0, Mode::Once, Some(redactor)).unwrap();
        let input = format!(r#"{{\"password\":\"{secret}\"}}"#);
        let mut order = recorded("a");
        order.history = order.history.replace(r#"{\"n\":1.50}"#, &input);
        order.children = vec![recorded("mail-anna@acme.com")];
        let mut about = about();
        about.description = "Anna's order (anna@acme.com)".into();
        let folder = written(writer.write(&order, &about).unwrap());
        let all = everything(&root.0);
        for secret in ["anna@acme.com", "210987654321"] {
            assert!(!all.contains(secret), "`{secret}` survives: {all}");
        }
        let recording = read(&folder);
        assert!(recording.notes.is_empty(), "{:?}", recording.notes);
        assert!(!recording.recorded.history.contains(secret), "{secret}");
    }
}

#[test]
fn no_planted_secret_survives_in_any_file() {
    let secrets =
        ["210987654321", "anna@acme.com", "hunter2", "AKIAIOSFODNN7EXAMPLF", "AAAAKgAAAAI"];
    let input = format!(
        r#"{{\"password\":\"hunter2\",\"to\":\"anna@acme.com\",\"k\":\"AKIAIOSFODNN7EXAMPLF\",\"t\":\"AAAAKgAAAAI{}\"}}"#,
        "Zm9v".repeat(30)
    );
    let plant = |recorded: Recorded| Recorded {
        history: recorded.history.replace(r#"{\"n\":1.50}"#, &input),
        definition: Some(DEFINITION.replace("\"Pass\"", "\"Pass\", \"Comment\": \"hunter2\"")),
        execution: recorded
            .execution
            .map(|text| text.replace("\"later\"", &format!("\"input\":\"{input}\",\"later\""))),
        ..recorded
    };
    let mut order = plant(recorded("mail-anna@acme.com"));
    order.children = vec![plant(recorded("child-anna@acme.com"))];
    order.map_runs = vec![RecordedMapRun {
        name: "Each:0b6f".into(),
        map_run: Some(r#"{"mapRunArn":"arn:aws:states:eu-west-1:210987654321:mapRun:x"}"#.into()),
        children: vec![plant(recorded("item-0"))],
    }];
    let root = Folder::new();
    let redactor = crate::redaction::Redactor::new(Default::default(), b"key");
    let mut writer = Writer::open(&root.0, Mode::Once, Some(redactor)).unwrap();
    let mut about = about();
    about.description = "Anna's order (anna@acme.com)".into();
    about.notes = vec!["asked by hunter2".into()];
    let outcome = writer.write(&order, &about).unwrap();
    assert_eq!(writer.write(&order, &about).unwrap(), Outcome::Kept(written(outcome.clone())));
    writer.finish().unwrap();
    let all = everything(&root.0);
    for secret in secrets {
        assert!(!all.contains(secret), "`{secret}` survives");
    }
    let recording = read(&written(outcome));
    assert!(recording.notes.is_empty(), "{:?}", recording.notes);
    assert!(!recording.manifest.unredacted);
    let kinds: Vec<_> = recording.manifest.redactions.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["access keys", "account ids", "e-mail addresses", "secrets", "tokens"]);
    let (history, _) = recording.history().unwrap();
    let arn = recording.manifest.provenance.execution.unwrap();
    assert_eq!(arn.split(':').nth(4).unwrap().len(), 12, "{arn}");
    assert_eq!(history.events.len(), 4);
}
