//! Executions per second of replay, on one core: a history of 100 events, read, replayed and
//! compared. The definition is parsed once.

mod histories;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stepproof::asl::{self, StateMachine};
use stepproof::history::{Diff, DiffOptions, History, TimestampForm};
use stepproof::replay::{Finding, ReplayOptions, replay};

fn definition(tasks: usize) -> Arc<StateMachine> {
    let (machine, problems) = asl::parse_text("chain.json", &histories::definition(tasks));
    Arc::new(machine.unwrap_or_else(|| panic!("{problems:?}")))
}

fn figures(c: &mut Criterion) {
    let (machine, text) = (definition(19), histories::recording(19));
    let (recorded, _) = History::parse(&text).unwrap();
    eprintln!("{} events, {} bytes", recorded.events.len(), text.len());
    let options = ReplayOptions::default();
    let outcome = replay(&machine, &recorded, &options).unwrap();
    assert!(outcome.is_same(), "{outcome:?}");

    let mut group = c.benchmark_group("replay");
    group.throughput(Throughput::Elements(1));
    group.bench_function("same", |b| {
        b.iter(|| {
            let (recorded, _) = History::parse(black_box(&text)).unwrap();
            replay(&machine, &recorded, &options).unwrap().is_same()
        });
    });
    // Every Task asks for something else: the finding, as it is counted for many executions.
    let changed =
        histories::definition(19).replace("\"Payload.$\": \"$\"", "\"Payload.$\": \"$.lines\"");
    let changed = Arc::new(asl::parse_text("changed.json", &changed).0.unwrap());
    group.bench_function("diverged", |b| {
        b.iter(|| {
            let (recorded, _) = History::parse(black_box(&text)).unwrap();
            let replayed = replay(&changed, &recorded, &options).unwrap();
            Finding::of(&replayed, &recorded).unwrap()
        });
    });
    group.bench_function("read", |b| b.iter(|| History::parse(black_box(&text)).unwrap()));
    let (again, _) = History::parse(&text).unwrap();
    let compared = DiffOptions::default();
    group.bench_function("diff", |b| b.iter(|| Diff::new(&recorded, &again, &compared).is_same()));
    group.bench_function("write", |b| b.iter(|| recorded.to_json(TimestampForm::Text)));

    let (machine, text) = (definition(4_999), histories::recording(4_999));
    group.bench_function("of_25000_events", |b| {
        b.iter(|| {
            let (recorded, _) = History::parse(black_box(&text)).unwrap();
            replay(&machine, &recorded, &options).unwrap().is_same()
        });
    });
    group.finish();
}

criterion_group!(benches, figures);
criterion_main!(benches);
