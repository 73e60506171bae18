//! Replay at scale: bundles of generated recordings, 100 events each, through the command. Prints
//! executions a second, for each core too, the peak memory of the process, and how both grow from
//! a tenth of the recordings to all of them.
//!
//! `STEPPROOF_RECORDINGS` says how many; by default 100,000.

mod histories;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use stepproof::recording::{Files, Packer, Packing, join_pages};

/// What one run of the command took.
struct Figures {
    seconds: f64,
    cpu_seconds: f64,
    peak_mib: f64,
}

fn main() {
    let count = std::env::var("STEPPROOF_RECORDINGS").ok().and_then(|text| text.parse().ok());
    let count: usize = count.unwrap_or(100_000);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bundle");
    fs::create_dir_all(&folder).expect("the folder can be made");
    let definition = folder.join("chain.asl.json");
    fs::write(&definition, histories::definition(19)).expect("the folder is writable");
    let changed = folder.join("changed.asl.json");
    let text =
        histories::definition(19).replacen("\"Payload.$\": \"$\"", "\"Payload.$\": \"$.lines\"", 1);
    fs::write(&changed, text).expect("the folder is writable");
    let bundles = [count / 10, count].map(|count| (count, bundle(&folder, count)));
    for (name, definition) in [("same", &definition), ("diverged", &changed)] {
        let mut rates = Vec::new();
        for (count, bundle) in &bundles {
            let figures = replay(bundle, definition);
            let rate = *count as f64 / figures.seconds;
            let per_core = *count as f64 / figures.cpu_seconds;
            println!(
                "bundle/{name}/{count:<7} {:>7.2} s  {rate:>8.0} executions/s  {per_core:>8.0} \
                 executions/s a core  {:>6.1} MiB",
                figures.seconds, figures.peak_mib
            );
            rates.push(figures.cpu_seconds / *count as f64);
        }
        println!(
            "bundle/{name}/ten_times_as_many {:>6.2} times the time",
            10.0 * rates[1] / rates[0]
        );
    }
    drop(fs::remove_dir_all(&folder));
}

/// A bundle of so many recordings, each with data of its own.
fn bundle(folder: &Path, count: usize) -> PathBuf {
    let path = folder.join(format!("{count}.tar.zst"));
    let text = histories::recording(19);
    let joined = join_pages([("history.json", text.as_str())]).expect("it is a history");
    let output = BufWriter::new(File::create(&path).expect("the folder is writable"));
    let mut packer = Packer::new(output, Packing::Zstd).expect("zstd is there");
    for number in 0..count {
        let history = joined.text.replace("Ada", &format!("Ada {number}"));
        let files = Files::from([
            ("recording.toml".to_owned(), manifest(number, &history).into_bytes()),
            ("history.json".to_owned(), history.into_bytes()),
        ]);
        packer.add(&format!("Chain/c-{number:07}"), &files).expect("there is room");
    }
    packer.finish().expect("there is room");
    eprintln!(
        "{count} recordings of {} events, {} bytes each; {} MiB in {}",
        joined.events,
        joined.text.len(),
        fs::metadata(&path).map_or(0, |metadata| metadata.len()) >> 20,
        path.display()
    );
    path
}

fn manifest(number: usize, history: &str) -> String {
    let mut hash = String::new();
    for byte in Sha256::digest(history) {
        let _ = write!(hash, "{byte:02x}");
    }
    format!(
        "format = 1\nsource = \"aws\"\ndescription = \"\"\ntype = \"STANDARD\"\n\n[provenance]\n\
         origin = \"api\"\nexecution = \
         \"arn:aws:states:eu-west-1:123456789012:execution:Chain:c-{number:07}\"\n\n[files]\n\
         \"history.json\" = \"sha256:{hash}\"\n"
    )
}

#[expect(clippy::disallowed_methods, reason = "a bench asks the real clock")]
fn replay(bundle: &Path, definition: &Path) -> Figures {
    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_stepproof"))
        .arg("replay")
        .arg(bundle)
        .arg("--definition")
        .arg(definition)
        .stdout(Stdio::null())
        .spawn()
        .expect("the command starts");
    let (mut cpu_seconds, mut peak_mib) = (0.0, 0.0);
    let status = loop {
        if let Some(status) = child.try_wait().expect("it is a child") {
            break status;
        }
        cpu_seconds = cpu_of(child.id()).unwrap_or(cpu_seconds);
        peak_mib = peak_of(child.id()).unwrap_or(peak_mib);
        thread::sleep(Duration::from_millis(10));
    };
    assert!(matches!(status.code(), Some(0 | 1)), "{status}");
    Figures { seconds: begun.elapsed().as_secs_f64(), cpu_seconds, peak_mib }
}

/// Seconds of all cores together; the system counts in hundredths.
fn cpu_of(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let ticks: f64 = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

fn peak_of(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}
