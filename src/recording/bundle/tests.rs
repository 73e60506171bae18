//! Bundles as they should be, and as they should not.

use super::*;

fn recording(history: &str) -> Files {
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    Files::from([
        file(MANIFEST, "format = 1\n"),
        file("definition.asl.json", "{}"),
        file("history.json", history),
        file("map-runs/l/children/c/history.json", "inner"),
    ])
}

fn pack(packing: Packing, folders: &[&str]) -> Vec<u8> {
    let mut packer = Packer::new(Vec::new(), packing).unwrap();
    for folder in folders {
        packer.add(folder, &recording(folder)).unwrap();
    }
    packer.finish().unwrap()
}

/// A tar file of these members, written without regard to what is allowed.
fn tar_of(members: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, kind, text) in members {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(text.len() as u64);
        header.set_cksum();
        tar.append(&header, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn told(bytes: &[u8]) -> Vec<String> {
    let mut told = Vec::new();
    let flow = read_bundle("b.tar", bytes, &mut |one| {
        told.push(match one {
            Bundled::Recording { name, files, passed_over, .. } => {
                let files: Vec<&str> = files.keys().map(String::as_str).collect();
                let less: String = passed_over.keys().map(|path| format!(" -{path}")).collect();
                format!("{name}: {}{less}", files.join(" "))
            }
            Bundled::History { name, .. } => format!("{name} by itself"),
            Bundled::Broken { name, message } => format!("{name}! {message}"),
        });
        ControlFlow::Continue(())
    });
    assert!(flow.is_continue());
    told
}

const FILES: &str =
    "definition.asl.json history.json map-runs/l/children/c/history.json recording.toml";

#[test]
fn every_packing_gives_the_recordings_back() {
    for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
        let bytes = pack(packing, &["M/a", "M/b"]);
        assert_eq!(bytes, pack(packing, &["M/a", "M/b"]), "the bytes are the same each time");
        assert_eq!(
            told(&bytes),
            [format!("b.tar/M/a: {FILES}"), format!("b.tar/M/b: {FILES}")],
            "{packing:?}"
        );
    }
}

#[test]
fn a_bundle_that_was_cut_off_gives_what_is_whole() {
    for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
        let folders: Vec<String> = (0..40).map(|number| format!("M/{number:02}")).collect();
        let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
        let bytes = pack(packing, &folders);
        let step = (bytes.len() / 97).max(1);
        for end in (1..bytes.len()).step_by(step) {
            let told = told(&bytes[..end]);
            let last = told.last().expect("something is said");
            let padding = packing == Packing::Plain && end + 1_024 > bytes.len();
            let cut = last.contains("cut off") || last.contains("damaged") || padding;
            assert!(cut || last.contains("decompressed"), "{packing:?} {end}: {last}");
            for (number, one) in told[..told.len() - 1].iter().enumerate() {
                assert_eq!(*one, format!("b.tar/M/{number:02}: {FILES}"));
            }
        }
    }
}

#[test]
fn what_stands_behind_the_end_is_told() {
    let joined = [pack(Packing::Plain, &["M/a"]), pack(Packing::Plain, &["M/b"])].concat();
    let more = "b.tar! there is more behind the end of the archive: give joined bundles one by one";
    assert_eq!(told(&joined), [format!("b.tar/M/a: {FILES}"), more.to_owned()]);
    let padded = [pack(Packing::Plain, &["M/a"]), vec![0; 100_000]].concat();
    assert_eq!(told(&padded), [format!("b.tar/M/a: {FILES}")]);
}

#[test]
fn any_order_of_files_within_a_recording() {
    let file = tar::EntryType::Regular;
    let bytes = tar_of(&[
        ("./r/M/a/map-runs/l/children/c/history.json", file, "{}"),
        ("./r/M/a/history.json", file, "{}"),
        ("./r/M/a/recording.toml", file, "format = 1"),
        ("./r/M/a/changed.asl.json", file, "{}"),
        ("./r/M/b/execution.json", file, "{}"),
        ("./r/M/b/recording.toml", file, "format = 1"),
        ("./r/M/b/history.json", file, "{}"),
        ("./r/old.json", file, "{}"),
        ("./r/notes.txt", file, "-"),
        ("./r/children/x/history.json", file, "{}"),
        ("./r/children/x/recording.toml", file, "format = 1"),
    ]);
    assert_eq!(
        told(&bytes),
        [
            "b.tar/r/M/a: changed.asl.json history.json map-runs/l/children/c/history.json \
             recording.toml",
            "b.tar/r/M/b: execution.json history.json recording.toml",
            "b.tar/r/old.json by itself",
            "b.tar/r/children/x: history.json recording.toml",
        ]
    );
}

#[test]
fn of_the_executions_within_so_much_is_held_as_fits() {
    let file = tar::EntryType::Regular;
    let large = "x".repeat(7 * 1024 * 1024);
    let child = |number: usize| format!("M/a/children/{number}/history.json");
    let children: Vec<String> = (0..3).map(child).collect();
    let mut members: Vec<_> = children.iter().map(|path| (&**path, file, &*large)).collect();
    let own = [("M/a/recording.toml", file, "format = 1"), ("M/a/history.json", file, "{}")];
    let held = "children/0/history.json children/1/history.json history.json recording.toml \
                -children/2/history.json";
    let expected = format!("b.tar/M/a: {held}");
    members.extend(own);
    assert_eq!(told(&tar_of(&members)), [&*expected]);
    members.rotate_right(2);
    assert_eq!(told(&tar_of(&members)), [&*expected]);
}

#[test]
fn histories_that_are_held_for_no_manifest_are_told() {
    let file = tar::EntryType::Regular;
    let large = "x".repeat(7 * 1024 * 1024);
    let child = |number: usize| format!("M/a/children/{number}/history.json");
    let children: Vec<String> = (0..3).map(child).collect();
    let mut members: Vec<_> = children.iter().map(|path| (&**path, file, &*large)).collect();
    let handed_over = [
        "b.tar/M/a/children/0/history.json by itself",
        "b.tar/M/a/children/1/history.json by itself",
    ];
    let lost = "b.tar/M/a! 1 more of the histories are too large to be held together, and no \
                `recording.toml` says whose they are: unpack the bundle, and replay the folder";
    assert_eq!(told(&tar_of(&members)), [lost, handed_over[0], handed_over[1]]);
    // Of another folder's manifest they are none.
    members.push(("M/b/recording.toml", file, "format = 1"));
    let other = "b.tar/M/b: recording.toml";
    assert_eq!(told(&tar_of(&members)), [lost, handed_over[0], handed_over[1], other]);
}

#[test]
fn a_manifest_may_come_behind_a_history_that_is_not_held() {
    let file = tar::EntryType::Regular;
    let large = "x".repeat(17 * 1024 * 1024);
    let bytes = tar_of(&[
        ("M/a/children/0/history.json", file, &large),
        ("M/a/history.json", file, "{}"),
        ("M/a/recording.toml", file, "format = 1"),
    ]);
    let expected = "b.tar/M/a: history.json recording.toml -children/0/history.json";
    assert_eq!(told(&bytes), [expected]);
}

#[test]
fn hostile_members_are_refused_by_name_and_the_others_read() {
    use tar::EntryType as T;
    let bytes = tar_of(&[
        ("../../etc/passwd", T::Regular, "x"),
        ("/etc/passwd", T::Regular, "x"),
        ("C:\\windows\\x.json", T::Regular, "x"),
        ("a/\u{1b}[2J/../x", T::Regular, "x"),
        ("a/history.json", T::Symlink, ""),
        ("a/hard.json", T::Link, ""),
        ("a/pipe", T::Fifo, ""),
        ("M/b/recording.toml", T::Regular, "format = 1"),
        ("M/b/history.json", T::Regular, "{}"),
    ]);
    assert_eq!(
        told(&bytes),
        [
            "b.tar/../../etc/passwd! its path leads out of the bundle by `..`",
            "b.tar//etc/passwd! its path is absolute: bundles hold relative paths",
            "b.tar/C:\\\\windows\\\\x.json! its path is absolute: bundles hold relative paths",
            "b.tar/a/\\u{1b}[2J/../x! its path leads out of the bundle by `..`",
            "b.tar/a/history.json! it is a link, and links are not followed: pack the file itself",
            "b.tar/a/hard.json! it is a link, and links are not followed: pack the file itself",
            "b.tar/a/pipe! it is no regular file",
            "b.tar/M/b: history.json recording.toml",
        ]
    );
}

#[test]
fn what_is_no_bundle_says_so() {
    assert_eq!(told(b""), ["b.tar! the bundle is empty"]);
    let told = told("no tar file at all, but text that goes on. ".repeat(40).as_bytes());
    assert!(told[0].starts_with("b.tar! the bundle is damaged at its beginning"), "{told:?}");
}
