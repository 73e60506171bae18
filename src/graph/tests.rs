//! Graphs of small machines, marked by their own executions.

use serde_json::json;

use super::{EdgeKind, Graph, Mark};
use crate::asl;
use crate::mock::Mock;
use crate::sim::Simulation;

const ORDER: &str = r#"{
  "StartAt": "Charge",
  "States": {
    "Charge": {
      "Type": "Task",
      "Resource": "arn:aws:states:::lambda:invoke",
      "Parameters": { "FunctionName": "charge" },
      "Catch": [{ "ErrorEquals": ["Declined", "States.Timeout"], "Next": "Give up" }],
      "Next": "Large?"
    },
    "Large?": {
      "Type": "Choice",
      "Choices": [
        { "And": [
            { "Variable": "$.total", "NumericGreaterThanEquals": 100 },
            { "Not": { "Variable": "$.vip", "IsPresent": true } }
          ], "Next": "Both" }
      ],
      "Default": "Done"
    },
    "Both": {
      "Type": "Parallel",
      "Branches": [
        { "StartAt": "Call", "States": { "Call": { "Type": "Pass", "End": true } } },
        { "StartAt": "Write", "States": { "Write": { "Type": "Wait", "Seconds": 3, "End": true } } }
      ],
      "Next": "Done"
    },
    "Done": { "Type": "Succeed" },
    "Give up": { "Type": "Fail", "Error": "Declined" }
  }
}"#;

fn graph() -> Graph {
    let (machine, problems) = asl::parse_text("order.asl.json", ORDER);
    Graph::of(&machine.unwrap_or_else(|| panic!("{problems:?}")))
}

fn marked(mock: Mock) -> Graph {
    let run = Simulation::parse(ORDER).unwrap().mock("Charge", mock).run().unwrap();
    let mut graph = graph();
    graph.mark(run.history());
    graph
}

#[track_caller]
fn check_marks(graph: &Graph, expected: &[(&str, Option<Mark>)]) {
    for (name, mark) in expected {
        let node = graph.state(name).unwrap_or_else(|| panic!("no state `{name}`"));
        assert_eq!(graph.nodes[node].mark, *mark, "{name}");
    }
}

fn taken(graph: &Graph) -> Vec<String> {
    let name = |node: usize| match graph.nodes[node].name() {
        Some(name) => name.to_owned(),
        None => format!("{:?}", graph.nodes[node].kind),
    };
    let edges = graph.edges.iter().filter(|edge| edge.taken);
    edges.map(|edge| format!("{} -> {}", name(edge.from), name(edge.to))).collect()
}

#[test]
fn conditions_stand_beside_their_edges() {
    let rules: Vec<String> = graph()
        .edges
        .iter()
        .filter(|edge| matches!(edge.kind, EdgeKind::Rule(_) | EdgeKind::Catch(_)))
        .map(|edge| edge.label().to_owned())
        .collect();
    assert_eq!(
        rules,
        ["Declined, States.Timeout", "$.total >= 100 and (not $.vip IsPresent true)"]
    );
}

#[test]
fn the_way_through_both_branches_is_marked() {
    let graph = marked(Mock::returns(json!({ "total": 120 })));
    let succeeded = Some(Mark::Succeeded);
    check_marks(
        &graph,
        &[
            ("Charge", succeeded),
            ("Large?", succeeded),
            ("Both", succeeded),
            ("Call", succeeded),
            ("Write", succeeded),
            ("Done", succeeded),
            ("Give up", None),
        ],
    );
    assert_eq!(
        taken(&graph),
        [
            "Both -> Call",
            "Both -> Write",
            "Call -> Join",
            "Write -> Join",
            "Charge -> Large?",
            "Large? -> Both",
            "Join -> Done",
            "Start -> Charge",
            "Done -> End",
        ]
    );
}

#[test]
fn a_caught_failure_and_a_fail_state_are_told_apart() {
    let graph = marked(Mock::fails("Declined", "no money"));
    check_marks(
        &graph,
        &[("Charge", Some(Mark::Caught)), ("Give up", Some(Mark::Failed)), ("Done", None)],
    );
    assert_eq!(taken(&graph), ["Charge -> Give up", "Start -> Charge"]);
}

#[test]
fn an_error_that_nothing_catches_marks_the_state() {
    let graph = marked(Mock::fails("Broken", "no idea"));
    check_marks(&graph, &[("Charge", Some(Mark::Failed)), ("Give up", None)]);
}

#[test]
fn mermaid() {
    insta::assert_snapshot!(marked(Mock::fails("Declined", "no money")).to_mermaid());
}

#[test]
fn dot() {
    insta::assert_snapshot!(graph().to_dot());
}

#[test]
fn svg_draws_every_state_once_and_escapes_names() {
    let text = ORDER.replace("Give up", "Give <up> & \\\"go\\\"");
    let (machine, problems) = asl::parse_text("order.asl.json", &text);
    let graph = Graph::of(&machine.unwrap_or_else(|| panic!("{problems:?}")));
    let svg = graph.to_svg();
    assert_eq!(svg.matches("data-state=").count(), 7);
    assert!(svg.contains("data-state=\"Give &lt;up&gt; &amp; &quot;go&quot;\""), "{svg}");
    assert_eq!(graph.to_svg(), svg);
}

/// Levels nested as deeply as definitions may be.
#[test]
fn deep_nesting_costs_no_stack() {
    let mut states = json!({ "Last": { "Type": "Pass", "End": true } });
    let mut first = "Last".to_owned();
    for level in 0..99 {
        let name = format!("Level {level}");
        states = json!({ &name: {
            "Type": "Map",
            "ItemProcessor": { "StartAt": first, "States": states },
            "End": true
        } });
        first = name;
    }
    let text = json!({ "StartAt": first, "States": states }).to_string();
    let (machine, problems) = asl::parse_text("deep.asl.json", &text);
    let graph = Graph::of(&machine.unwrap_or_else(|| panic!("{problems:?}")));
    assert_eq!(graph.nodes.len(), 2 + 100 + 99);
    assert!(graph.to_dot().contains("Level 98"));
    assert!(graph.to_mermaid().contains("Level 98"));
    assert_eq!(graph.to_svg().matches("data-state=").count(), 100);
}

#[test]
fn long_chains_and_their_long_histories_are_marked_in_a_moment() {
    let state = |index: usize| {
        let next = match index {
            4_999 => json!({ "Type": "Succeed" }),
            index => json!({ "Type": "Pass", "Next": format!("S{}", index + 1) }),
        };
        (format!("S{index}"), next)
    };
    let states: serde_json::Map<String, serde_json::Value> = (0..5_000).map(state).collect();
    let text = json!({ "StartAt": "S0", "States": states }).to_string();
    let run = Simulation::parse(&text).unwrap().run().unwrap();
    let (machine, problems) = asl::parse_text("long.asl.json", &text);
    let mut graph = Graph::of(&machine.unwrap_or_else(|| panic!("{problems:?}")));
    graph.mark(run.history());
    assert!(graph.edges.iter().all(|edge| edge.taken));
    assert!(!graph.is_drawable());
    assert!(graph.to_dot().len() > 100_000);
}
