//! Which mock answers which task.

use super::*;

#[track_caller]
fn outputs(mocks: &[(&str, &str)]) -> String {
    let task = |resource: &str| json!({ "Type": "Task", "Resource": resource, "End": true });
    let definition = json!({
        "StartAt": "Both",
        "States": { "Both": { "Type": "Parallel", "End": true, "Branches": [
            { "StartAt": "Items", "States": { "Items": {
                "Type": "Map", "End": true,
                "ItemProcessor": { "StartAt": "a/b", "States": { "a/b": task(LAMBDA) } },
            } } },
            { "StartAt": "Right", "States": {
                "Right": task("arn:aws:states:::sqs:sendMessage"),
            } },
        ] } },
    });
    let mut simulation = simulation(&definition).input(json!([1, 2]));
    for (key, result) in mocks {
        simulation = simulation.mock(key, Mock::returns(*result));
    }
    run(&simulation).output().unwrap().to_json()
}

#[test]
fn the_most_specific_key_answers() {
    let right = ("Right", "r");
    assert_eq!(outputs(&[("a/b", "s"), right]), r#"[["s","s"],"r"]"#);
    assert_eq!(outputs(&[("arn:aws:*", "*")]), r#"[["*","*"],"*"]"#);
    assert_eq!(
        outputs(&[("arn:aws:*", "*"), ("arn:aws:lambda:*:charge", "l")]),
        r#"[["l","l"],"*"]"#
    );
    assert_eq!(
        outputs(&[("arn:aws:states:::sqs:sendMessage", "q"), ("a/b", "s")]),
        r#"[["s","s"],"q"]"#
    );
    assert_eq!(outputs(&[right, ("a/b", "s"), ("arn:aws:*", "*")]), r#"[["s","s"],"r"]"#);
}

#[test]
fn places_are_more_specific_than_names() {
    let run = |mocks: &[(&str, &str)]| {
        let definition = json!({
            "StartAt": "Outer",
            "States": { "Outer": { "Type": "Map", "End": true, "ItemProcessor": {
                "StartAt": "Inner",
                "States": { "Inner": { "Type": "Map", "End": true, "ItemProcessor": {
                    "StartAt": "T",
                    "States": { "T": { "Type": "Task", "Resource": LAMBDA, "End": true } },
                } } },
            } } },
        });
        let mut simulation = simulation(&definition).input(json!([[0, 1], [2, 3]]));
        for (key, result) in mocks {
            simulation = simulation.mock(key, Mock::returns(*result));
        }
        let run = run(&simulation);
        (run.output().unwrap().to_json(), run.calls("Outer[1]/Inner[*]/T").len())
    };
    let t = ("T", "t");
    assert_eq!(run(&[t, ("Inner[1]/T", "1")]).0, r#"[["t","1"],["t","1"]]"#);
    assert_eq!(run(&[t, ("Outer[1]/Inner[0]/T", "x")]).0, r#"[["t","t"],["x","t"]]"#);
    assert_eq!(run(&[t, ("Outer[1]/Inner/T", "x")]).0, r#"[["t","t"],["x","x"]]"#);
    let mocks = [("Outer[*]/Inner[*]/T", "*"), ("Inner[1]/T", "1"), ("Outer[0]/Inner[1]/T", "01")];
    assert_eq!(run(&mocks), (r#"[["*","01"],["*","*"]]"#.to_owned(), 2));
}

#[test]
fn what_was_not_used_is_reported() {
    let simulation = charge(LAMBDA, &json!({}))
        .mock("Charge", Mock::returns(1))
        .mock("Chrge", Mock::returns(1))
        .mock("Child:Charge", Mock::returns(1))
        .mock("arn:aws:states:::sqs:*", Mock::returns(1))
        .worker("approve", Worker::new(Mock::returns(1)));
    let unused: Vec<String> =
        run(&simulation).unused_mocks().iter().map(ToString::to_string).collect();
    assert_eq!(
        unused,
        [
            "mock `Chrge` was not used: no state is called `Chrge`, did you mean `Charge`?",
            "mock `Child:Charge` was not used by `Child`: no state machine is called `Child`",
            "mock `arn:aws:states:::sqs:*` was not used",
            "mock `approve` was not used",
        ]
    );
}

#[rstest]
#[case("Map[x]/T", "`[x]` of `Map[x]` is no index: write a number, or `[*]` for all")]
#[case("/T", "`/T` is no path: a name between two `/` is empty")]
#[case("", "the key of a mock is empty")]
fn mistakes_in_keys(#[case] key: &str, #[case] message: &str) {
    let message = format!("a mock cannot be understood: $['{key}']: {message}");
    assert_eq!(problem(&charge(LAMBDA, &json!({})).mock(key, Mock::never())), message);
}

#[test]
fn unknown_faults_are_guessed() {
    assert_eq!(
        problem(&charge(LAMBDA, &json!({})).mock("Charge", Mock::fault("lambda.throtled"))),
        "a mock cannot be understood: $['Charge']: there is no fault `lambda.throtled`, did \
             you mean `lambda.throttled`?"
    );
    let mock = Mock::from_fn(|_| Answer::fault("xyz"));
    assert_eq!(
        problem(&charge(LAMBDA, &json!({})).mock("Charge", mock)),
        "`Charge` could not be answered: there is no fault `xyz`; `stepproof run \
             --list-faults` prints them all"
    );
}
