//! Bugs planted into definitions whose executions are recorded here: `replay` finds and explains
//! each, and the table in README.md shows how.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::{Temporary, stepproof};

struct Planted {
    kind: &'static str,
    recording: &'static str,
    /// What was changed, for the table.
    change: &'static str,
    edit: fn(&mut Value),
    /// The mocks of a fallback, as YAML.
    fallback: Option<&'static str>,
}

/// Puts a task that sends a message between the Choice and `Pay back`.
pub fn audit(definition: &mut Value, result_path: Option<Value>) {
    let mut task = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": "audit", "MessageBody": "paid"},
        "Next": "Pay back",
    });
    if let Some(path) = result_path {
        task["ResultPath"] = path;
    }
    definition["States"]["Audit"] = task;
    definition["States"]["How much"]["Default"] = "Audit".into();
    definition["States"]["Look closer"]["Next"] = "Audit".into();
}

fn rename(definition: &mut Value, old: &str, new: &str) {
    let text = definition.to_string().replace(&format!("\"{old}\""), &format!("\"{new}\""));
    *definition = serde_json::from_str(&text).unwrap();
}

const PAY_BACK: &str = "/States/Pay back/Parameters/Payload";

const PLANTED: &[Planted] = &[
    Planted {
        kind: "renamed state",
        recording: "refund",
        change: "`Look closer` is called `Check`",
        edit: |definition| rename(definition, "Look closer", "Check"),
        fallback: None,
    },
    Planted {
        kind: "removed state",
        recording: "refund",
        change: "`Look closer` is gone, its rule leads to `Pay back`",
        edit: |definition| {
            let states = definition["States"].as_object_mut().unwrap();
            states.remove("Look closer");
            states["How much"]["Choices"][0]["Next"] = "Pay back".into();
        },
        fallback: None,
    },
    Planted {
        kind: "changed parameter",
        recording: "refund",
        change: "`cents` is sent as a string",
        edit: |definition| {
            let payload = definition.pointer_mut(PAY_BACK).unwrap();
            payload["cents.$"] = "States.Format('{}', $.payment.cents)".into();
        },
        fallback: None,
    },
    Planted {
        kind: "changed parameter",
        recording: "refund",
        change: "`card` is not sent, `currency` is",
        edit: |definition| {
            let payload = definition.pointer_mut(PAY_BACK).unwrap();
            *payload = json!({"currency": "EUR", "cents.$": "$.payment.cents"});
        },
        fallback: None,
    },
    Planted {
        kind: "changed service",
        recording: "refund",
        change: "`Send cheque` publishes to a topic",
        edit: |definition| {
            let state = &mut definition["States"]["Send cheque"];
            state["Resource"] = "arn:aws:states:::sns:publish".into();
            state["Parameters"] = json!({"TopicArn": "cheques", "Message": "a cheque"});
        },
        fallback: None,
    },
    Planted {
        kind: "removed retry",
        recording: "refund",
        change: "`Pay back` has no Retry",
        edit: |definition| {
            definition["States"]["Pay back"].as_object_mut().unwrap().remove("Retry");
        },
        fallback: None,
    },
    Planted {
        kind: "changed catch",
        recording: "refund",
        change: "`Pay back` catches `CardLost`, no longer `CardExpired`",
        edit: |definition| {
            definition["States"]["Pay back"]["Catch"][0]["ErrorEquals"] = json!(["CardLost"]);
        },
        fallback: None,
    },
    Planted {
        kind: "changed choice",
        recording: "refund",
        change: "the limit is 500.00",
        edit: |definition| {
            definition["States"]["How much"]["Choices"][0]["NumericGreaterThan"] = 50_000.into();
        },
        fallback: None,
    },
    Planted {
        kind: "changed result",
        recording: "refund",
        change: "`Look closer` replaces its input by its result",
        edit: |definition| {
            definition["States"]["Look closer"].as_object_mut().unwrap().remove("ResultPath");
        },
        fallback: None,
    },
    Planted {
        kind: "new state before a task",
        recording: "refund",
        change: "`Audit` stands before `Pay back`",
        edit: |definition| audit(definition, Some(Value::Null)),
        fallback: None,
    },
    Planted {
        kind: "new state before a task",
        recording: "refund",
        change: "the same, its result takes the place of the data; with a fallback for `Audit`",
        edit: |definition| audit(definition, None),
        fallback: Some("Audit: { return: { MessageId: m-1 } }"),
    },
    Planted {
        kind: "new state before a task",
        recording: "refund",
        change: "the same, its result is thrown away; with a fallback for `Audit`",
        edit: |definition| audit(definition, Some(Value::Null)),
        fallback: Some("Audit: { return: { MessageId: m-1 } }"),
    },
    Planted {
        kind: "new state before a task",
        recording: "refund",
        change: "the same; with a fallback that lacks `Audit`",
        edit: |definition| audit(definition, Some(Value::Null)),
        fallback: Some("Pay back: { return: {} }"),
    },
    Planted {
        kind: "shortened time-out",
        recording: "loan",
        change: "`Pay out` waits for 10 seconds; the worker took 30",
        edit: |definition| definition["States"]["Pay out"]["TimeoutSeconds"] = 10.into(),
        fallback: None,
    },
    Planted {
        kind: "shortened time-out",
        recording: "loan",
        change: "the machine has a day; the execution took a day and a half",
        edit: |definition| definition["TimeoutSeconds"] = 86_400.into(),
        fallback: None,
    },
    Planted {
        kind: "shortened wait",
        recording: "loan",
        change: "`Cool down` is a Pass state",
        edit: |definition| {
            definition["States"]["Cool down"] = json!({"Type": "Pass", "Next": "Granted"});
        },
        fallback: None,
    },
    Planted {
        kind: "harmless",
        recording: "loan",
        change: "`Pay out` waits for a minute",
        edit: |definition| definition["States"]["Pay out"]["TimeoutSeconds"] = 60.into(),
        fallback: None,
    },
];

/// Replays the recording against the definition with the bug; the row of the table.
fn row(planted: &Planted) -> String {
    let folder = Temporary::new("planted");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings").join(planted.recording);
    let text = fs::read_to_string(own.join("definition.asl.json")).unwrap();
    let mut definition: Value = serde_json::from_str(&text).unwrap();
    let before = definition.clone();
    (planted.edit)(&mut definition);
    assert_ne!(before, definition, "{}: nothing was planted", planted.change);
    fs::write(folder.0.join("new.asl.json"), definition.to_string()).unwrap();
    let own = own.display().to_string();
    let mut arguments = vec!["replay", &*own, "--definition", "new.asl.json", "--report", "json"];
    if let Some(mocks) = planted.fallback {
        let scenario = format!("definition: new.asl.json\nmocks:\n  {mocks}\n");
        fs::write(folder.0.join("fallback.scenario.yaml"), scenario).unwrap();
        arguments.extend(["--fallback", "fallback.scenario.yaml"]);
    }
    let (code, printed) = stepproof(&folder.0, &arguments);
    let report: Value = serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{printed}"));
    let history = &report["histories"][0];
    let verdict = history["outcome"].as_str().unwrap();
    let message = match report["groups"].as_array().unwrap().first() {
        Some(group) => group["message"].as_str().unwrap().to_owned(),
        None => history["notes"]
            .as_array()
            .unwrap()
            .iter()
            .fold(String::new(), |notes, note| notes + note.as_str().unwrap()),
    };
    assert_eq!(code, i32::from(verdict != "same"), "{printed}");
    format!("| {} | {} | {verdict} | {message} |", planted.kind, planted.change)
}

const BEGIN: &str = "<!-- planted bugs: written by recordings/planted.rs -->\n";
const END: &str = "<!-- end of planted bugs -->\n";

#[test]
fn the_table_of_planted_bugs_is_what_replay_says() {
    let mut table =
        String::from("| bug | change | verdict | what `replay` says |\n|---|---|---|---|\n");
    for planted in PLANTED {
        let _ = writeln!(table, "{}", row(planted));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/README.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the table's beginning is marked");
    let (kept, behind) = rest.split_once(END).expect("the table's end is marked");
    if std::env::var_os("STEPPROOF_UPDATE").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{behind}")).unwrap();
        return;
    }
    assert!(
        kept == table,
        "the table in recordings/README.md is not what replay says; look at the difference after\n\
         STEPPROOF_UPDATE=1 cargo test --test recordings planted\n\n{table}"
    );
}
