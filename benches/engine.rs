//! Events per second of the interpreter, on one core.

mod machines;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use machines::Job;

fn figures(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine");
    let jobs = [
        ("pass_chain", machines::pass_chain(100, 1_000)),
        ("choice_loop", machines::choice_loop(2_000)),
        ("inline_map", machines::inline_map(1_000)),
        ("small_payload", machines::pass_chain(10_000, 10)),
        ("shared_payload", machines::pass_chain(10_000, 10_000)),
    ];
    for (name, job) in jobs {
        group.throughput(Throughput::Elements(job.events()));
        group.bench_function(name, |b| b.iter(|| black_box(job.run())));
    }
    group.finish();
}

/// The Map with a mock for its Task, through the virtual clock.
fn simulation(c: &mut Criterion) {
    let job = machines::inline_map(1_000);
    let simulation = job.simulation();
    let mut group = c.benchmark_group("simulation");
    group.throughput(Throughput::Elements(job.events()));
    group.bench_function("inline_map", |b| b.iter(|| black_box(simulation.run())));
    group.finish();
}

/// Ten times the events: the time per event should stay where it is.
fn growth(c: &mut Criterion) {
    let mut group = c.benchmark_group("growth");
    type Sized = fn(usize) -> Job;
    let kinds: [(&str, Sized, usize); 3] = [
        ("choice_loop", machines::choice_loop, 500),
        ("pass_chain", |states| machines::pass_chain(states, 1_000), 1_000),
        ("inline_map", machines::inline_map, 300),
    ];
    for (name, make, size) in kinds {
        for times in [1, 10] {
            let job = make(size * times);
            group.throughput(Throughput::Elements(job.events()));
            group
                .bench_function(BenchmarkId::new(name, times), |b| b.iter(|| black_box(job.run())));
        }
    }
    group.finish();
}

criterion_group!(benches, figures, simulation, growth);
criterion_main!(benches);
