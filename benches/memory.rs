//! Peak memory of one process that runs a history of 25,000 events, and of a tenth of it.

mod machines;

use std::fs;

fn main() {
    let before = peak_kib();
    let tenth = machines::choice_loop(625).run();
    let after_tenth = peak_kib();
    let whole = machines::choice_loop(6_248).run();
    let after_whole = peak_kib();
    println!("memory: {} events and {} events", tenth.len(), whole.len());
    match (before, after_tenth, after_whole) {
        (Some(before), Some(tenth), Some(whole)) => {
            println!("memory/at_start        {before:>8} KiB");
            println!("memory/2500_events     {tenth:>8} KiB");
            println!("memory/25000_events    {whole:>8} KiB");
        }
        _ => println!("memory: this system does not tell a process its peak memory"),
    }
}

/// The most memory this process ever held.
fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
