//! From process start to exit: what somebody waits for who runs the command.

mod machines;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A case whose machine waits this many seconds before its mocked task.
fn scenario(name: &str, seconds: u64) -> String {
    format!(
        r#"description: a mocked task behind a wait
definition:
  StartAt: Wait
  States:
    Wait: {{ Type: Wait, Seconds: {seconds}, Next: Charge }}
    Charge:
      Type: Task
      Resource: arn:aws:lambda:us-east-1:123456789012:function:charge
      Retry: [{{ ErrorEquals: [States.ALL], IntervalSeconds: 1, MaxAttempts: 2 }}]
      Next: Notify
    Notify: {{ Type: Pass, End: true }}
cases:
  - name: {name}
    input: {{ orderId: 17 }}
    mocks:
      Charge:
        - fail: {{ error: Busy }}
        - return: {{ receipt: r-1 }}
    expect:
      output: {{ receipt: r-1 }}
      path: [Wait, Charge, Notify]
"#
    )
}

/// A folder of scenario files under the build directory.
fn folder(name: &str, files: usize, seconds: u64) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("the build directory is writable");
    for n in 0..files {
        let file = folder.join(format!("case-{n}.scenario.yaml"));
        fs::write(file, scenario(&format!("case {n}"), seconds)).expect("a file can be written");
    }
    folder
}

fn run(arguments: &[&Path]) {
    let output = Command::new(env!("CARGO_BIN_EXE_stepproof"))
        .args(arguments)
        .output()
        .expect("the command starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn command(c: &mut Criterion) {
    let hello = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/passing/hello-world");
    let fifty = folder("fifty", 50, 0);
    let waiting = folder("fifty-waiting", 50, 31_535_000);
    let mut group = c.benchmark_group("command");
    group.sample_size(30);
    for (name, folder) in [
        ("hello_world", &hello),
        ("fifty_scenarios", &fifty),
        ("fifty_waiting_scenarios", &waiting),
    ] {
        group.bench_function(name, |b| b.iter(|| run(&[Path::new("run"), folder])));
    }
    group.finish();
}

/// A thousand recorded executions of 97 events and 47 KB, by one job and by two.
fn replay(c: &mut Criterion) {
    let (definition, job) = machines::task_chain(19, 350);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("histories");
    fs::create_dir_all(&folder).expect("the build directory is writable");
    let history = job.recorded();
    for n in 0..1_000 {
        fs::write(folder.join(format!("{n}.json")), &history).expect("a file can be written");
    }
    let machine = folder.with_extension("asl.json");
    fs::write(&machine, definition).expect("a file can be written");

    let mut group = c.benchmark_group("command/replay_thousand_files");
    group.sample_size(10);
    group.throughput(Throughput::Elements(1_000));
    for jobs in ["1", "2"] {
        let arguments = ["replay".as_ref(), &*folder, "--definition".as_ref(), &*machine];
        let arguments = arguments.into_iter().chain(["--jobs".as_ref(), Path::new(jobs)]);
        let arguments: Vec<&Path> = arguments.collect();
        group.bench_function(format!("{jobs}_jobs"), |b| b.iter(|| run(&arguments)));
    }
    group.finish();
}

criterion_group!(benches, command, replay);
criterion_main!(benches);
