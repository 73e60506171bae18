//! What is said about definitions, rendered as people see it.
//!
//! Each test reads some definitions of one area and compares all reports with one snapshot.

use super::*;
use crate::asl::{
    Field, JitterStrategy, PathField, Pattern, Resource, ResultPath, State, StateKind, Transition,
};
use crate::diagnostic::Style;

/// Compares a report with its snapshot, without the source of the cases, which stands here.
macro_rules! assert_report {
    ($report:expr) => {
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!($report);
        })
    };
}

/// The reports of several definitions, one after the other.
fn reports(cases: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (what, text) in cases {
        let (machine, problems) = parse_text("definition", text);
        let refused = problems.iter().any(Diagnostic::is_error);
        assert_eq!(machine.is_some(), !refused, "{what}");
        out += &format!("### {what}\n");
        for problem in &problems {
            out += &problem.render(Style::Plain);
        }
        if problems.is_empty() {
            out += "accepted\n";
        }
        out.push('\n');
    }
    out
}

/// A machine with this one state, whose braces are left out.
fn one(state: &str) -> String {
    format!("{{\"StartAt\": \"A\", \"States\": {{\"A\": {{\n  {state}\n}}}}}}")
}

/// The reports of several single states.
fn states(cases: &[(&str, &str)]) -> String {
    let texts: Vec<(&str, String)> =
        cases.iter().map(|(what, state)| (*what, one(state))).collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(what, text)| (*what, &**text)).collect();
    reports(&texts)
}

#[test]
fn levels() {
    assert_report!(reports(&[
        ("not an object", "[1]"),
        ("nothing in it", "{}"),
        ("broken JSON", "{\"StartAt\": \"A\",\n \"States\": {]}"),
        (
            "a misspelled target, start and field",
            r#"{"StartAt": "Frist", "Coment": "x", "States": {
  "First": {"Type": "Pass", "Next": "Secnod"},
  "Second": {"Type": "Pass", "Nxet": "First"}
}}"#,
        ),
        (
            "no end, and a state that nothing leads to",
            r#"{"StartAt": "A", "States": {
  "A": {"Type": "Pass", "Next": "B"},
  "B": {"Type": "Pass", "Next": "A"},
  "C": {"Type": "Pass", "Next": "A"}
}}"#,
        ),
        (
            "the same name twice, in one level and across levels",
            r#"{"StartAt": "A", "States": {
  "A": {"Type": "Parallel", "End": true, "Branches": [
    {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
  ]},
  "A": {"Type": "Succeed"}
}}"#,
        ),
        (
            "a target on another level",
            r#"{"StartAt": "A", "States": {
  "A": {"Type": "Map", "Next": "B", "ItemProcessor":
    {"StartAt": "C", "States": {"C": {"Type": "Pass", "Next": "A"}}}},
  "B": {"Type": "Succeed"}
}}"#,
        ),
        (
            "both and neither of Next and End",
            r#"{"StartAt": "A", "States": {
  "A": {"Type": "Pass", "Next": "B", "End": true},
  "B": {"Type": "Pass", "End": false},
  "C": {"Type": "Wait", "Seconds": 1}
}}"#,
        ),
        (
            "a name that is too long",
            &format!(
                r#"{{"StartAt": "{0}", "States": {{"{0}": {{"Type": "Succeed"}}}}}}"#,
                "x".repeat(81)
            )
        ),
        ("no states", r#"{"StartAt": "A", "States": {}}"#),
        ("wrong types", r#"{"StartAt": 1, "States": {"A": "Pass"}, "TimeoutSeconds": "soon"}"#),
    ]));
}

#[test]
fn fields_of_states() {
    assert_report!(states(&[
        ("no type", r#""End": true"#),
        ("a misspelled type", r#""Type": "Tsak", "End": true"#),
        (
            "a field of another type",
            r#""Type": "Wait", "Seconds": 1, "ResultPath": "$.a", "End": true"#
        ),
        (
            "two ways to wait",
            r#""Type": "Wait", "Seconds": 1, "Timestamp": "2016-03-14T01:59:00Z", "End": true"#
        ),
        (
            "a field and its path",
            r#""Type": "Wait", "Seconds": 1, "SecondsPath": "$.s", "End": true"#
        ),
        ("no time to wait", r#""Type": "Wait", "End": true"#),
        ("no timestamp", r#""Type": "Wait", "Timestamp": "2016-03-14", "End": true"#),
        ("a negative number", r#""Type": "Wait", "Seconds": -1, "End": true"#),
        (
            "paths that are none",
            r#""Type": "Pass", "InputPath": "a.b", "ResultPath": "$.a[*]", "OutputPath": 1, "End": true"#
        ),
        (
            "a path to many values",
            r#""Type": "Wait", "SecondsPath": "$.a[*].seconds", "End": true"#
        ),
        ("an error twice", r#""Type": "Fail", "Error": "E", "ErrorPath": "$.e""#),
        (
            "fail with intrinsics",
            r#""Type": "Fail", "ErrorPath": "States.Format('{}', $.e)", "CausePath": "States.Nope()""#
        ),
        ("a literal that looks like a path", r#""Type": "Fail", "Cause": "$.cause""#),
        ("paths in a result", r#""Type": "Pass", "Result": {"a.$": "$.b"}, "End": true"#),
        ("a duplicate key", r#""Type": "Pass", "Type": "Task", "End": true"#),
        ("a field of the other language", r#""Type": "Pass", "Output": {"a": 1}, "End": true"#),
        (
            "a path in a JSONata state",
            r#""Type": "Pass", "QueryLanguage": "JSONata", "InputPath": "$.a", "End": true"#
        ),
        ("a language that is none", r#""Type": "Pass", "QueryLanguage": "JSONPATH", "End": true"#),
    ]));
}

#[test]
fn tasks() {
    assert_report!(states(&[
        ("no resource", r#""Type": "Task", "End": true"#),
        ("a resource that is no ARN", r#""Type": "Task", "Resource": "my-function", "End": true"#),
        (
            "a heartbeat beyond the timeout",
            r#""Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "TimeoutSeconds": 5, "HeartbeatSeconds": 5, "End": true"#
        ),
        (
            "credentials without a role",
            r#""Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Credentials": {}, "End": true"#
        ),
        (
            "no timeout",
            r#""Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 0, "End": true"#
        ),
        (
            "templates",
            r#""Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true, "Parameters": {
    "a.$": "b", "c.$": 1, "d.$": "States.Format('{}'", "e.$": "$.x[", "f": "$.looks.dynamic",
    "g": [{"h.$": "States.UUID()"}]
  }"#,
        ),
        (
            "variables",
            r#""Type": "Pass", "Assign": {"ok.$": "$.a", "not-ok": 1, "states": 2}, "End": true"#
        ),
    ]));
}

#[test]
fn retriers_and_catchers() {
    let task = r#""Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true, "#;
    let cases = [
        (
            "values out of range",
            r#""Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 0, "MaxAttempts": -1, "BackoffRate": 0.5, "MaxDelaySeconds": 31622401, "JitterStrategy": "HALF"}]"#,
        ),
        ("no errors", r#""Retry": [{"ErrorEquals": []}, {"MaxAttempts": 1}]"#),
        (
            "States.ALL not alone, and not last",
            r#""Retry": [{"ErrorEquals": ["States.ALL", "E"]}, {"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}]"#,
        ),
        (
            "a reserved name that is none",
            r#""Catch": [{"ErrorEquals": ["States.Timeuot"], "Next": "A"}]"#,
        ),
        ("no next", r#""Catch": [{"ErrorEquals": ["E"], "ResultPth": "$.e"}]"#),
        ("a comment", r#""Retry": [{"ErrorEquals": ["E"], "Comment": "why"}]"#),
    ];
    let cases: Vec<(&str, String)> =
        cases.iter().map(|(what, fields)| (*what, format!("{task}\n  {fields}"))).collect();
    let cases: Vec<(&str, &str)> = cases.iter().map(|(what, text)| (*what, &**text)).collect();
    assert_report!(states(&cases));
}

#[test]
fn choices() {
    let rule = |rule: &str| {
        format!(
            r#"{{"StartAt": "A", "States": {{
  "A": {{"Type": "Choice", "Choices": [
    {rule}
  ], "Default": "B"}},
  "B": {{"Type": "Succeed"}}
}}}}"#
        )
    };
    let cases = [
        ("no operator", r#"{"Variable": "$.a", "Next": "B"}"#),
        ("a misspelled operator", r#"{"Variable": "$.a", "StringEqual": "x", "Next": "B"}"#),
        (
            "two operators",
            r#"{"Variable": "$.a", "StringEquals": "x", "IsNull": true, "Next": "B"}"#,
        ),
        (
            "wrong operands",
            r#"{"And": [{"Variable": "$.a", "StringEquals": 1}, {"Variable": "$.a", "NumericEquals": "1"}, {"Variable": "$.a", "TimestampEquals": "today"}, {"Variable": "$.a", "IsPresent": 1}, {"Variable": "a", "BooleanEquals": true}], "Next": "B"}"#,
        ),
        (
            "a nested next",
            r#"{"Not": {"Variable": "$.a", "IsNull": true, "Next": "B"}, "Next": "B"}"#,
        ),
        ("nothing to compare", r#"{"Next": "B"}"#),
        ("no next", r#"{"Variable": "$.a", "IsNull": true}"#),
        ("a condition of JSONata", r#"{"Condition": "{% true %}", "Next": "B"}"#),
        (
            "every kind",
            r#"{"Or": [{"Not": {"Variable": "$.a", "StringMatches": "x*"}}, {"Variable": "$$.Execution.Name", "StringEqualsPath": "$.n"}], "Comment": "why", "Assign": {"x": 1}, "Next": "B"}"#,
        ),
    ];
    let cases: Vec<(&str, String)> = cases.iter().map(|(what, text)| (*what, rule(text))).collect();
    let cases: Vec<(&str, &str)> = cases.iter().map(|(what, text)| (*what, &**text)).collect();
    assert_report!(reports(&cases));
}

#[test]
fn maps() {
    let map = |fields: &str, config: &str| {
        one(&format!(
            r#""Type": "Map", "End": true, {fields}
  "ItemProcessor": {{{config}"StartAt": "B", "States": {{"B": {{"Type": "Succeed"}}}}}}"#
        ))
    };
    let distributed = r#""ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "#;
    let cases = [
        ("an older and a newer field", map(r#""Parameters": {}, "ItemSelector": {},"#, "")),
        ("an older and a newer processor", map(r#""Iterator": {},"#, "")),
        ("a mode that is none", map("", r#""ProcessorConfig": {"Mode": "DISTRIBUTE"}, "#)),
        ("no type of children", map("", r#""ProcessorConfig": {"Mode": "DISTRIBUTED"}, "#)),
        ("fields without effect", map(r#""ItemBatcher": {"MaxItemsPerBatch": 1},"#, "")),
        (
            "values out of range",
            map(
                r#""ToleratedFailurePercentage": 101, "MaxConcurrency": -1, "Label": "a b",
  "ItemBatcher": {"MaxItemsPerBatch": 0, "MaxItemsPerBatchPath": "$.n"},
  "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "XML", "MaxItem": 1}},
  "ResultWriter": {"WriterConfig": {"OutputType": "CSV"}},"#,
                distributed,
            ),
        ),
        (
            "without effect in an inline Map",
            map(
                r#""ToleratedFailureCount": 1, "ToleratedFailurePercentagePath": "$.p", "Label": "ab","#,
                "",
            ),
        ),
        (
            "without effect in a reader",
            map(
                r#""ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"},
    "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "CSVHeaders": ["a"],
      "ItemsPointer": "/a", "Transformation": "LOAD_AND_FLATTEN"}},"#,
                distributed,
            ),
        ),
        (
            "everything",
            map(
                r#""ToleratedFailureCountPath": "$.n", "MaxConcurrencyPath": "$.m", "Label": "ab",
  "ItemsPath": "$.items", "ItemSelector": {"i.$": "$$.Map.Item.Value"},
  "ItemBatcher": {"MaxInputBytesPerBatch": 1000, "BatchInput": {"a.$": "$.b"}},
  "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key.$": "$.k"},
    "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"], "MaxItemsPath": "$.n"}},
  "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"},
    "WriterConfig": {"OutputType": "JSONL", "Transformation": "FLATTEN"}},"#,
                distributed,
            ),
        ),
        (
            "a callback among Express children",
            one(&format!(
                r#""Type": "Map", "End": true, "ItemProcessor": {{{distributed}"StartAt": "B", "States": {{"B":
    {{"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true}}}}}}"#
            )),
        ),
        ("no processor", one(r#""Type": "Map", "End": true"#)),
        ("no branches", one(r#""Type": "Parallel", "End": true, "Branches": []"#)),
    ];
    let cases: Vec<(&str, &str)> = cases.iter().map(|(what, text)| (*what, &**text)).collect();
    assert_report!(reports(&cases));
}

#[test]
fn expressions() {
    let pass = r#""Type": "Pass", "QueryLanguage": "JSONata", "End": true, "#;
    let task = r#""Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "QueryLanguage": "JSONata", "End": true, "#;
    let cases = [
        ("a syntax error", pass, r#""Output": {"a": ["{% $states.input. %}"]}"#),
        ("an escaped syntax error", pass, r#""Output": "{% \"a\" ) %}""#),
        ("names without a dollar", pass, r#""Output": "{% order.total + $states.input.tax %}""#),
        ("the root", pass, r#""Assign": {"a": "{% $$.b %}"}"#),
        ("eval", pass, r#""Output": "{% $eval('1') %}""#),
        ("a result before there is one", task, r#""Arguments": {"a": "{% $states.result %}"}"#),
        ("an error without one", pass, r#""Output": "{% $states.errorOutput.Error %}""#),
        ("a misspelled member", pass, r#""Output": "{% $states.inptu %}""#),
        ("an unclosed expression", pass, r#""Output": "{% 1""#),
        (
            "what exists where it stands",
            task,
            r#""Output": "{% $states.result.Payload %}", "TimeoutSeconds": "{% $t %}", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "A", "Output": "{% $states.errorOutput %}", "Assign": {"e": "{% $states.errorOutput.Cause %}"}}]"#,
        ),
        ("a number that is text", task, r#""TimeoutSeconds": "soon""#),
        ("no literal condition", pass, r#""Condition": "{% true %}""#),
    ];
    let cases: Vec<(&str, String)> =
        cases.iter().map(|(what, state, fields)| (*what, format!("{state}\n  {fields}"))).collect();
    let cases: Vec<(&str, &str)> = cases.iter().map(|(what, text)| (*what, &**text)).collect();
    assert_report!(states(&cases));
}

#[test]
fn expressions_of_several_lines_are_placed_where_the_file_spells_them() {
    let yaml = "QueryLanguage: JSONata
StartAt: A
States:
  A:
    Type: Pass
    Output:
      a: >-
        {% (
          $x := 1;
          $y := 2 +* 3;
        ) %}
      b: |-
        {%

          'é' & order
        %}
      c: \"{% \\\"\\u00e9\\\" &
        tax %}\"
    End: true
";
    let json = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "QueryLanguage": "JSONata", "End": true,
  "Output": "{% \"\u00e9\u65e5\" &\n  $string(1 +* 2) %}"}}}"#;
    let places = |name, text| {
        let problems = parse_text(name, text).1;
        problems
            .iter()
            .map(|problem| {
                let (line, column) = problem.line_column();
                (line, column, problem.source.text[problem.span.clone()].to_owned())
            })
            .collect::<Vec<_>>()
    };
    let at = |line, column, text: &str| (line, column, text.to_owned());
    assert_eq!(places("a.yaml", yaml), [at(10, 22, "3"), at(15, 17, "order"), at(18, 9, "tax")]);
    assert_eq!(places("a.json", json), [at(2, 52, "2")]);
}

/// The time that each takes does not grow with their number.
#[test]
fn an_expression_may_refer_to_very_many_variables() {
    for (item, problem) in
        [("$a", None), ("$b := $a", None), ("$c", Some("No state assigns the variable $c"))]
    {
        let items = vec![item; 30_000].join(",");
        let others: String = (0..5_000).map(|n| format!(r#""other{n}": 1, "#)).collect();
        let text = one(&format!(
            r#""Type": "Pass", "QueryLanguage": "JSONata", "Assign": {{{others}"a": 1}},
            "End": true, "Output": "{{% [{items}] %}}""#
        ));
        let (_, problems) = parse_text("definition.json", &text);
        assert_eq!(problems.first().map(|problem| &*problem.message), problem, "{item}");
    }
}

#[test]
fn variables_are_listed_and_missing_ones_told() {
    let text = r#"{"StartAt": "A", "States": {
  "A": {"Type": "Pass", "Assign": {"seen": 1, "total.$": "States.MathAdd($totl, $.x)"}, "Next": "B"},
  "B": {"Type": "Map", "ItemsPath": "$items.list", "Next": "D", "ItemProcessor": {"StartAt": "C", "States": {
    "C": {"Type": "Pass", "QueryLanguage": "JSONata", "End": true,
      "Output": "{% ($own := $seen; $own + $total + $sum([$own])) %}"}}}},
  "D": {"Type": "Succeed"}
}}"#;
    let (machine, problems) = parse_text("definition.json", text);
    let references: Vec<String> = machine
        .unwrap()
        .variable_references
        .iter()
        .map(|(state, names)| format!("{state}: {}", names.join(", ")))
        .collect();
    assert_eq!(references, ["A: totl", "C: seen, total", "B: items"]);
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "definition.json:2:58: No state assigns the variable $totl at \
             /States/A/Assign/total.$ (did you mean `$total`?)",
            "definition.json:3:37: No state assigns the variable $items at /States/B/ItemsPath \
             (assign it in a state that runs before)",
        ]
    );
}

#[test]
fn yaml_is_read_like_json() {
    let text = "\
StartAt: Greet
States:
  Greet:
    Type: Task
    Resource: arn:aws:states:::lambda:invoke
    TimeoutSeconds: soon
    Paramters:
      FunctionName: f
    Next: Don
  Done:
    Type: Succeed
";
    assert_report!(reports(&[("definition", text)]));
}

#[test]
fn placeholders_satisfy_any_field() {
    let text = r#"{"StartAt": "A", "TimeoutSeconds": ${Timeout}, "States": {
  "A": {"Type": "Task", "Resource": "${FunctionArn}", "Retry": ${Retry}, "HeartbeatSeconds": ${Beat},
    "Parameters": {"a.$": "${Path}", "b": ${Object}}, "ResultPath": "${Where}", "Next": "${Next}"},
  "B": {"Type": "Choice", "Choices": [{"Variable": "${Var}", "NumericEquals": ${Number}, "Next": "A"}]},
  "C": {"Type": "Wait", "Timestamp": "${When}", "End": ${End}}
}}"#;
    let (machine, problems) = parse_text("definition.json", text);
    assert_eq!(problems, []);
    let machine = machine.unwrap();
    let names: Vec<&str> = machine.placeholders.iter().map(|p| &*p.name).collect();
    assert_eq!(
        names,
        [
            "Timeout",
            "FunctionArn",
            "Retry",
            "Beat",
            "Path",
            "Object",
            "Where",
            "Next",
            "Var",
            "Number",
            "When",
            "End"
        ]
    );
    assert_eq!(machine.placeholders.iter().filter(|p| !p.quoted).count(), 6);
    let harmless: Vec<&str> =
        machine.placeholders.iter().filter(|p| !p.needed).map(|p| &*p.name).collect();
    assert_eq!(harmless, ["FunctionArn"]);
    let first = machine.states.find("A").unwrap();
    let StateKind::Task(task) = &first.kind else { panic!("{first:?}") };
    assert!(matches!(&task.resource, Resource::Placeholder(text) if &**text == "${FunctionArn}"));
    assert!(matches!(first.result_path, ResultPath::Replace));
}

#[test]
fn deep_nesting_is_refused_without_overflow() {
    let levels = 300;
    let open = r#"{"StartAt": "S", "States": {"S": {"Type": "Map", "End": true, "Iterator": "#;
    let text = format!("{}{{}}{}", open.repeat(levels), "}}}".repeat(levels));
    let (machine, problems) = parse_text("definition.json", &text);
    assert!(machine.is_none());
    assert!(problems.iter().any(|p| p.code == "TOO_DEEPLY_NESTED" || p.message.contains("nest")));
}

#[test]
fn a_definition_beyond_the_limit_is_refused_at_once() {
    let text = format!("{{\"Comment\": \"{}\"}}", "x".repeat(1_100_000));
    let (_, problems) = parse_text("definition.json", &text);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("at most 1048576"), "{}", problems[0]);
}

#[test]
fn a_flood_of_problems_is_cut() {
    let states: Vec<String> =
        (0..5_000).map(|n| format!(r#""S{n}": {{"Type": "Pass", "Nxet": "S", "X": 1}}"#)).collect();
    let text = format!(r#"{{"StartAt": "S0", "States": {{{}}}}}"#, states.join(",\n"));
    let (_, problems) = parse_text("definition.json", &text);
    assert!(problems.len() <= 2_000, "{}", problems.len());
}

#[test]
fn a_state_is_read_without_its_machine() {
    let text = r#"{"Type": "Choice", "Choices": [{"Variable": "$x", "IsNull": true, "Next": "A"},
        {"Variable": "$.b", "IsNull": true, "Next": "B"}], "Default": "A"}"#;
    let document = Document::parse("state.json", text).unwrap();
    let (machine, problems) = parse_state(&document, "S", &Limits::today());
    assert_eq!(problems, []);
    let machine = machine.unwrap();
    let names: Vec<&str> = machine.states.iter().map(|state| &*state.name).collect();
    assert_eq!(names, ["S", "A", "B"]);
    let StateKind::Choice(rules) = &machine.states.find("S").unwrap().kind else { panic!() };
    assert_eq!(&*machine.states[rules[1].next].name, "B");
    let document = Document::parse("state.json", r#"{"Type": "Pass"}"#).unwrap();
    let (machine, problems) = parse_state(&document, "S", &Limits::today());
    assert!(machine.is_none() && problems.len() == 1, "{problems:?}");
}

#[test]
fn models_hold_what_was_written() {
    let text = one(r#""Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
  "InputPath": "$.a", "OutputPath": null, "ResultPath": null, "TimeoutSecondsPath": "$.t",
  "Retry": [{"ErrorEquals": ["E", "F"], "IntervalSeconds": 2, "JitterStrategy": "FULL"}, {"ErrorEquals": ["States.ALL"]}],
  "Comment": "why", "End": true"#);
    let (machine, problems) = parse_text("definition.json", &text);
    assert_eq!(problems, []);
    let machine = machine.unwrap();
    let state: &State = machine.states.find("A").unwrap();
    let StateKind::Task(task) = &state.kind else { panic!("{state:?}") };
    assert_eq!(task.resource.pattern(), Pattern::Sync2);
    let Some(Field::Path(timeout)) = &task.timeout_seconds else { panic!("{task:?}") };
    assert_eq!(timeout.text(), "$.t");
    let PathField::Path(input) = &state.input_path else { panic!("{state:?}") };
    assert_eq!(input.text(), "$.a");
    assert!(matches!(state.output_path, PathField::Discard));
    assert!(matches!(state.result_path, ResultPath::Discard));
    assert_eq!(state.transition, Some(Transition::End));
    assert_eq!(state.comment.as_deref(), Some("why"));
    let [first, second] = &state.retry[..] else { panic!("{state:?}") };
    assert_eq!((first.error_equals.len(), first.interval_seconds), (2, 2));
    assert_eq!(first.jitter_strategy, JitterStrategy::Full);
    assert_eq!((second.interval_seconds, second.max_attempts), (1, 3));
    assert_eq!((second.backoff_rate, second.max_delay_seconds), (2.0, None));
}

const SAMPLE: &str = r#"{"Comment": "é", "StartAt": "A", "TimeoutSeconds": ${T}, "States": {
  "A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"a.$": "$.b[0]['c']",
    "f.$": "States.Format('{}', $$.Execution.Id)"}, "ResultPath": "$.r", "Retry": [{"ErrorEquals": ["E"], "BackoffRate": 1.5}],
    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "D"}], "Next": "B"},
  "B": {"Type": "Choice", "Choices": [{"Not": {"Variable": "$x", "NumericEquals": 1}, "Next": "C"}], "Default": "D"},
  "C": {"Type": "Map", "QueryLanguage": "JSONata", "Items": "{% [1..3] %}", "ItemProcessor": {"StartAt": "I",
    "States": {"I": {"Type": "Succeed"}}}, "Assign": {"x": "{% $states.result[0].y & 'z' %}"}, "End": true},
  "D": {"Type": "Wait", "Timestamp": "2024-01-01T00:00:00Z", "End": true}
}}"#;

#[test]
fn the_sample_is_accepted() {
    assert_eq!(parse_text("sample.json", SAMPLE).1, []);
}

/// What an edit may put in: the characters and words that mean something to some reader.
const PIECES: [&str; 24] = [
    "", "\"", "{", "}", "[", "]", ",", ":", "\\", "$", "${", "{%", "%}", "é", "\u{0}", "\n", "- ",
    "\t", "&a ", "*a", "<<", "1e999", "null", "States.",
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Whatever is broken, there is an answer, and it is a machine exactly where there is no error.
    #[test]
    fn edited_definitions_always_get_an_answer(
        edits in proptest::collection::vec((0..SAMPLE.len(), 0..12_usize, 0..PIECES.len()), 1..5),
        yaml: bool,
    ) {
        let mut text = SAMPLE.to_owned();
        for (at, len, piece) in edits {
            let floor = |mut at: usize| {
                at = at.min(text.len());
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                at
            };
            let range = floor(at)..floor(at + len);
            text.replace_range(range, PIECES[piece]);
        }
        let (machine, problems) = parse_text(if yaml { "d.yaml" } else { "d.json" }, &text);
        proptest::prop_assert_eq!(machine.is_none(), problems.iter().any(Diagnostic::is_error));
        for problem in &problems {
            problem.render(Style::Plain);
        }
        let request = crate::asl::ValidationRequest::new(&text);
        crate::asl::validate_definition(&request);
    }
}

#[test]
fn variables_of_outer_scopes_are_read_and_not_hidden() {
    let definition = |mode: &str, inner: &str| {
        format!(
            r#"{{"StartAt": "A", "States": {{
                "A": {{"Type": "Pass", "Assign": {{"x": 1}}, "Next": "M"}},
                "M": {{"Type": "Map", "End": true, "ItemProcessor": {{
                    "ProcessorConfig": {mode}, "StartAt": "B", "States": {{"B": {{
                        "Type": "Pass", "Assign": {{{inner}}}, "End": true}}}}}}}}
            }}}}"#
        )
    };
    let problems = |mode, inner| {
        let (_, problems) = crate::asl::parse_text("test.json", &definition(mode, inner));
        problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
    };
    let inline = r#"{"Mode": "INLINE"}"#;
    let distributed = r#"{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}"#;
    let hidden = "The variable \"x\" is assigned in an outer scope already";
    assert_eq!(problems(inline, r#""x": 2"#), [hidden]);
    assert!(problems(inline, r#""y.$": "$x""#).is_empty());
    assert!(problems(distributed, r#""x": 2"#).is_empty());
    assert_eq!(problems(distributed, r#""y.$": "$x""#), ["No state assigns the variable $x"]);
}
