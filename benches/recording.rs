//! How fast recordings are redacted: generated histories with JSON in strings, bytes a second.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stepproof::redaction::{Redactor, Rules, Text};

/// A history of so many events, with a secret in every tenth.
fn history(events: usize) -> String {
    let mut text = String::from("{\"events\": [\n");
    for id in 1..=events {
        let secret = match id % 10 {
            0 => format!(r#",\"mail\":\"person{}@acme.com\""#, id % 70),
            5 => format!(r#",\"apiKey\":\"k3y-{}\""#, id % 90),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            r#"{{"timestamp":"2024-05-02T08:15:00.040Z","type":"TaskSucceeded","id":{id},"previousEventId":{},"taskSucceededEventDetails":{{"resourceType":"lambda","resource":"invoke","output":"{{\"orderId\":{id},\"lines\":[{{\"sku\":\"A-{id}\",\"quantity\":2,\"price\":12.50}}],\"function\":\"arn:aws:lambda:eu-west-1:210987654321:function:Charge\",\"note\":\"the parcel goes to the neighbour, who knows about it\"{secret}}}","outputDetails":{{"truncated":false}}}}}},"#,
            id - 1
        );
    }
    text.push_str("]}\n");
    text
}

fn redaction(criterion: &mut Criterion) {
    let redactor = Redactor::new(Rules::default(), b"a key that is kept elsewhere");
    let mut group = criterion.benchmark_group("redaction");
    for events in [100, 10_000] {
        let text = history(events);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("{events} events"), |bencher| {
            bencher.iter(|| {
                let mut replacer = redactor.replacer([Text::data(&text)]);
                black_box(replacer.replace(&text))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, redaction);
criterion_main!(benches);
