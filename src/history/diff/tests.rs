//! Diffs of small histories, as people see them.

use proptest::prelude::*;

use super::*;
use crate::history::tests::{history, recorded_histories};

const LINE: &str = r#"1 0 ExecutionStarted = {"n":1}
2 0 TaskStateEntered Charge = {"n":1}
3 2 TaskScheduled = {"FunctionName":"charge","Payload":{"amount":5,"currency":"EUR"}}
4 3 TaskStarted
5 4 TaskSucceeded = {"ok":true}
6 5 TaskStateExited Charge = {"ok":true}
7 6 ChoiceStateEntered Paid = {"ok":true}
8 7 ChoiceStateExited Paid = {"ok":true}
9 8 SucceedStateEntered Ship = {"ok":true}
10 9 SucceedStateExited Ship = {"ok":true}
11 10 ExecutionSucceeded = {"ok":true}"#;

fn rendered(expected: &str, actual: &str) -> String {
    let (expected, actual) = (history(expected), history(actual));
    let diff = Diff::new(&expected, &actual, &DiffOptions::default());
    diff.render(&expected, &actual, &Labels::default(), Style::Plain)
}

#[test]
fn other_data() {
    let actual = LINE.replace("\"amount\":5", "\"amount\":7");
    insta::assert_snapshot!(rendered(LINE, &actual), @r#"
    - expected
    + actual

    1. `Charge` asked lambda:invoke something else at $.Payload.amount: expected 5, actual 7
          1  ExecutionStarted {"n":1}
          2  TaskStateEntered Charge {"n":1}
    -     3  TaskScheduled lambda:invoke {"FunctionName":"charge","Payload":{"amount":5,"currency":"EUR"}}
    +     3  TaskScheduled lambda:invoke {"FunctionName":"charge","Payload":{"amount":7,"currency":"EUR"}}
          4  TaskStarted lambda:invoke
          5  TaskSucceeded lambda:invoke {"ok":true}
          6  TaskStateExited Charge {"ok":true}
      parameters:
        {
          "FunctionName": "charge",
          "Payload": {
    -       "amount": 5,
    +       "amount": 7,
            "currency": "EUR"
          }
        }
    "#);
}

#[test]
fn another_state() {
    let actual = LINE.replace("SucceedStateEntered Ship", "PassStateEntered Refund");
    let actual = actual.replace("SucceedStateExited Ship", "PassStateExited Refund");
    insta::assert_snapshot!(rendered(LINE, &actual), @r#"
    - expected
    + actual

    1. another state was entered: expected `Ship`, actual `Refund`
          6  TaskStateExited Charge {"ok":true}
          7  ChoiceStateEntered Paid {"ok":true}
          8  ChoiceStateExited Paid {"ok":true}
    -     9  SucceedStateEntered Ship {"ok":true}
    -    10  SucceedStateExited Ship {"ok":true}
    +     9  PassStateEntered Refund {"ok":true}
    +    10  PassStateExited Refund {"ok":true}
         11  ExecutionSucceeded {"ok":true}
    "#);
}

#[test]
fn events_that_stop() {
    let actual: Vec<_> = LINE.lines().take(5).collect();
    insta::assert_snapshot!(rendered(LINE, &actual.join("\n")), @r#"
    - expected
    + actual

    1. expected TaskStateExited `Charge`, actual nothing (and 5 events behind it)
          3  TaskScheduled lambda:invoke {"FunctionName":"charge","Payload":{"amount":5,"currency":"EUR"}}
          4  TaskStarted lambda:invoke
          5  TaskSucceeded lambda:invoke {"ok":true}
    -     6  TaskStateExited Charge {"ok":true}
    -     7  ChoiceStateEntered Paid {"ok":true}
    -     8  ChoiceStateExited Paid {"ok":true}
         … and 3 more events
    "#);
}

#[test]
fn a_failure_instead() {
    let head: Vec<_> = LINE.lines().take(4).collect();
    let actual = format!(
        "{}\n5 4 TaskFailed Declined no-funds\n6 5 ExecutionFailed Declined",
        head.join("\n")
    );
    insta::assert_snapshot!(rendered(LINE, &actual), @r#"
    - expected
    + actual

    1. in `Charge`: expected TaskSucceeded, actual TaskFailed (Declined: no-funds)
          2  TaskStateEntered Charge {"n":1}
          3  TaskScheduled lambda:invoke {"FunctionName":"charge","Payload":{"amount":5,"currency":"EUR"}}
          4  TaskStarted lambda:invoke
    -     5  TaskSucceeded lambda:invoke {"ok":true}
    -     6  TaskStateExited Charge {"ok":true}
    -     7  ChoiceStateEntered Paid {"ok":true}
         … and 4 more events
    +     5  TaskFailed lambda:invoke Declined: no-funds
    +     6  ExecutionFailed Declined
    "#);
}

#[test]
fn another_link() {
    let actual = LINE.replace("11 10 Exec", "11 9 Exec");
    insta::assert_snapshot!(rendered(LINE, &actual), @r#"
    - expected
    + actual

    1. ExecutionSucceeded links to another event: expected 10, actual 9
          8  ChoiceStateExited Paid {"ok":true}
          9  SucceedStateEntered Ship {"ok":true}
         10  SucceedStateExited Ship {"ok":true}
    -    11  ExecutionSucceeded {"ok":true}
    +    11  ExecutionSucceeded {"ok":true}
    "#);
}

const MAP: &str = r#"1 0 ExecutionStarted
2 0 MapStateEntered M
3 2 MapStateStarted 3
4 3 MapIterationStarted M 0
5 4 PassStateEntered A = 10
6 3 MapIterationStarted M 1
7 6 PassStateEntered A = 11
8 7 PassStateExited A = 21
9 8 MapIterationSucceeded M 1
10 5 PassStateExited A = 20
11 10 MapIterationSucceeded M 0
12 8 MapIterationStarted M 2
13 12 PassStateEntered A = 12
14 13 PassStateExited A = 22
15 14 MapIterationSucceeded M 2
16 14 MapStateSucceeded
17 14 MapStateExited M = [20,21,22]
18 17 ExecutionSucceeded = [20,21,22]"#;

#[test]
fn an_iteration_with_other_data() {
    let actual = MAP.replace("= 21", "= 31").replace("[20,21,22]", "[20,31,22]");
    insta::assert_snapshot!(rendered(MAP, &actual), @r#"
    - expected
    + actual

    1. in M[1]: `A` has another output: expected 21, actual 31
          6  MapIterationStarted M[1]
          7  PassStateEntered A 11
    -     8  PassStateExited A 21
    +     8  PassStateExited A 31
          9  MapIterationSucceeded M[1]
      output:
    -   21
    +   31

    2. `M` has another output at $[1]: expected 21, actual 31
          2  MapStateEntered M {}
          3  MapStateStarted length=3
         16  MapStateSucceeded
    -    17  MapStateExited M [20,21,22]
    +    17  MapStateExited M [20,31,22]
         18  ExecutionSucceeded [20,21,22]
      output:
        [
          20,
    -     21,
    +     31,
          22
        ]

    3. the execution's output differs at $[1]: expected 21, actual 31
          3  MapStateStarted length=3
         16  MapStateSucceeded
         17  MapStateExited M [20,21,22]
    -    18  ExecutionSucceeded [20,21,22]
    +    18  ExecutionSucceeded [20,31,22]
      output:
        [
          20,
    -     21,
    +     31,
          22
        ]
    "#);
}

#[test]
fn an_iteration_too_few() {
    let lines: Vec<_> = MAP.lines().collect();
    let mut actual = [&lines[..11], &lines[15..]].concat().join("\n");
    for (from, to) in
        [("16 14", "12 10"), ("17 14", "13 10"), ("18 17", "14 13"), ("Started 3", "Started 2")]
    {
        actual = actual.replace(from, to);
    }
    insta::assert_snapshot!(rendered(MAP, &actual), @r#"
    - expected
    + actual

    1. MapStateStarted of `M` has another length: expected 3, actual 2
          1  ExecutionStarted {}
          2  MapStateEntered M {}
    -     3  MapStateStarted length=3
    +     3  MapStateStarted length=2
         16  MapStateSucceeded
         17  MapStateExited M [20,21,22]
         18  ExecutionSucceeded [20,21,22]
      length:
    -   3
    +   2

    2. in M[2]: expected MapIterationStarted M[2], actual nothing (and 3 events behind it)
    -    12  MapIterationStarted M[2]
    -    13  PassStateEntered A 12
    -    14  PassStateExited A 22
         … and 1 more events
    "#);
}

#[test]
fn as_json() {
    let expected = history("1 0 ExecutionStarted\n2 1 ExecutionSucceeded = {\"a\":[1,2]}");
    let actual = history("1 0 ExecutionStarted\n2 1 ExecutionSucceeded = {\"a\":[1]}");
    let diff = Diff::new(&expected, &actual, &DiffOptions::default());
    insta::assert_snapshot!(diff.to_value(&expected, &actual).to_json_pretty(), @r#"
    {
      "same": false,
      "differences": [
        {
          "place": "",
          "state": null,
          "kind": "details",
          "message": "the execution's output differs at $.a[1]: expected 2, actual nothing",
          "expected": {
            "type": "ExecutionSucceeded",
            "id": 2,
            "previousEventId": 1,
            "executionSucceededEventDetails": {
              "output": "{\"a\":[1,2]}",
              "outputDetails": {
                "truncated": false
              }
            }
          },
          "actual": {
            "type": "ExecutionSucceeded",
            "id": 2,
            "previousEventId": 1,
            "executionSucceededEventDetails": {
              "output": "{\"a\":[1]}",
              "outputDetails": {
                "truncated": false
              }
            }
          },
          "members": [
            {
              "member": "output",
              "path": "$.a[1]",
              "expected": 2
            }
          ]
        }
      ]
    }
    "#);
}

#[test]
fn colours_are_a_switch() {
    let (expected, actual) =
        (history(LINE), history(&LINE.replace("\"amount\":5", "\"amount\":7")));
    let diff = Diff::new(&expected, &actual, &DiffOptions::default());
    let plain = diff.render(&expected, &actual, &Labels::default(), Style::Plain);
    let colour = diff.render(&expected, &actual, &Labels::default(), Style::Colour);
    assert!(colour.contains("\u{1b}[31m-"), "{colour}");
    let mut stripped = String::new();
    for (number, part) in colour.split('\u{1b}').enumerate() {
        let rest = part.split_once('m').map_or(part, |(_, rest)| rest);
        stripped += if number == 0 { part } else { rest };
    }
    assert_eq!(stripped, plain);
}

#[test]
fn causes_may_be_left_out() {
    let expected =
        history("1 0 ExecutionStarted\n2 0 FailStateEntered F\n3 2 ExecutionFailed E one");
    let actual = history("1 0 ExecutionStarted\n2 0 FailStateEntered F\n3 2 ExecutionFailed E two");
    let options = DiffOptions { causes: false, ..DiffOptions::default() };
    assert!(Diff::new(&expected, &actual, &options).is_same());
    assert!(!Diff::new(&expected, &actual, &DiffOptions::default()).is_same());
}

#[test]
fn recordings_equal_themselves() {
    for file in recorded_histories() {
        let (history, _) = History::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let diff = Diff::new(&history, &history, &DiffOptions::default());
        assert_eq!(diff.differences, [], "{}", file.display());
    }
}

/// A Map over items, each with `steps` states, whose iterations take turns as `turns` says.
fn interleaved(items: usize, steps: usize, turns: &[usize]) -> History {
    let mut lines = vec!["1 0 ExecutionStarted".to_owned(), "2 0 MapStateEntered M".into()];
    lines.push(format!("3 2 MapStateStarted {items}"));
    let mut last = vec![3; items];
    let mut done = vec![0; items];
    let total = 2 + 2 * steps;
    let mut turns = turns.iter().copied().cycle();
    while done.iter().any(|done| *done < total) {
        let mut item = turns.next().unwrap() % items;
        while done[item] == total {
            item = (item + 1) % items;
        }
        let id = lines.len() + 1;
        let previous = last[item];
        let step = done[item];
        let what = match step {
            0 => format!("MapIterationStarted M {item}"),
            _ if step == total - 1 => format!("MapIterationSucceeded M {item}"),
            _ if step % 2 == 1 => format!("PassStateEntered S{} = {item}", step / 2),
            _ => format!("PassStateExited S{} = {item}", (step - 1) / 2),
        };
        lines.push(format!("{id} {previous} {what}"));
        if step + 1 < total {
            last[item] = id;
        }
        done[item] += 1;
    }
    let id = lines.len() + 1;
    let end = last.into_iter().max().unwrap();
    lines.push(format!("{id} {end} MapStateSucceeded"));
    lines.push(format!("{} {end} MapStateExited M", id + 1));
    lines.push(format!("{} {} ExecutionSucceeded", id + 2, id + 1));
    history(&lines.join("\n"))
}

proptest! {
    #[test]
    fn an_interleaving_is_no_difference(
        items in 1..6_usize,
        steps in 0..4_usize,
        one in prop::collection::vec(0..6_usize, 1..20),
        other in prop::collection::vec(0..6_usize, 1..20),
    ) {
        let (one, other) = (interleaved(items, steps, &one), interleaved(items, steps, &other));
        let diff = Diff::new(&one, &other, &DiffOptions::default());
        prop_assert_eq!(diff.differences, []);
    }

    #[test]
    fn a_changed_datum_is_found(
        items in 1..6_usize,
        one in prop::collection::vec(0..6_usize, 1..20),
        other in prop::collection::vec(0..6_usize, 1..20),
        change in 0..1000_usize,
    ) {
        let (one, mut other) = (interleaved(items, 2, &one), interleaved(items, 2, &other));
        let entered = |event: &&mut HistoryEvent| matches!(event.event_type, EventType::PassStateEntered);
        let mut events: Vec<_> = other.events.iter_mut().filter(entered).collect();
        let change = change % events.len();
        let event = &mut events[change];
        event.details = crate::history::EventDetails::StateEntered {
            name: event.state_name().unwrap().clone(),
            input: Value::from("changed").into(),
        };
        let id = event.id;
        let diff = Diff::new(&one, &other, &DiffOptions::default());
        prop_assert_eq!(diff.differences.len(), 1);
        let found = &diff.differences[0];
        prop_assert_eq!(other.events[found.actual.unwrap()].id, id);
        prop_assert!(matches!(found.kind, DifferenceKind::Details(_)));
    }
}
