//! What JSONata costs: one typical expression, and long executions beside the same in JSONPath.

mod machines;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use machines::template_chain;
use serde_json::json;
use stepproof::entropy::Entropy;
use stepproof::query::jsonata::{Bindings, Environment, Expression};
use stepproof::query::scope::Scope;
use stepproof::query::template::PayloadTemplate;
use stepproof::value::Value;

/// An order whose lines get a label and a sum, as published definitions do it.
const TYPICAL: &str = r#"$merge([$states.input.order, {
    "lines": $map($states.input.order.lines, function($line) {
        {"label": $string($line.id) & ": " & $line.name, "sum": $line.price * $line.quantity}
    })
}])"#;

/// As near as a payload template comes: it knows no sums of products and no loops.
const SAME: &str = r#"{
    "id.$": "$.order.id", "customer.$": "$.order.customer", "paid.$": "$.order.paid",
    "lines": [
        {"label.$": "States.Format('{}: {}', $.order.lines[0].id, $.order.lines[0].name)"},
        {"label.$": "States.Format('{}: {}', $.order.lines[1].id, $.order.lines[1].name)"},
        {"label.$": "States.Format('{}: {}', $.order.lines[2].id, $.order.lines[2].name)"}
    ]
}"#;

fn expression(c: &mut Criterion) {
    let line = |n: usize| json!({ "id": n, "name": "a product", "price": 19.99, "quantity": 2 });
    let lines: Vec<_> = (0..3).map(line).collect();
    let order = json!({ "id": "o-17", "customer": "c-1", "paid": true, "lines": lines });
    let mut bindings = Bindings::new();
    bindings.bind("states", Value::from(json!({ "input": { "order": order.clone() } })));
    let expression = Expression::parse(TYPICAL).expect("the expression is well formed");
    let mut environment = Environment::new(0, Entropy::new(0));
    c.bench_function("jsonata/typical_expression", |b| {
        b.iter(|| black_box(expression.evaluate(&bindings, &mut environment)));
    });
    let input = Value::from(json!({ "order": order }));
    let context = Value::from(json!({}));
    let scope = Scope { input: &input, context: &context, variables: &() };
    let template = PayloadTemplate::compile(&Value::parse(SAME).expect("the template is JSON"));
    let template = template.expect("the template is well formed");
    let mut entropy = Entropy::new(0);
    c.bench_function("jsonata/similar_template_in_jsonpath", |b| {
        b.iter(|| black_box(template.render(&scope, &mut entropy)));
    });
    c.bench_function("jsonata/compile", |b| {
        b.iter(|| black_box(Expression::parse(black_box(TYPICAL))));
    });
}

fn executions(c: &mut Criterion) {
    let mut group = c.benchmark_group("jsonata");
    group.sample_size(20);
    for (name, language) in [("ten_thousand_states", "JSONata"), ("same_in_jsonpath", "JSONPath")] {
        let job = template_chain(10_000, 1_000, language);
        group.throughput(Throughput::Elements(job.events()));
        group.bench_function(name, |b| b.iter(|| black_box(job.run())));
    }
    group.finish();
}

criterion_group!(benches, expression, executions);
criterion_main!(benches);
