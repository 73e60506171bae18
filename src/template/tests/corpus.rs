//! The published templates beside the project, where they are there.

use super::super::*;
use crate::query::shared;
use crate::value::Value;

/// Rows that do not load, with the reason; a row here that loads fails the test.
const LEFT_OUT: [(&str, &str); 10] = [
    ("aws-cdk-examples.test-snapshots-app-test-ts.eicendpointproviderwaiterstate.5aeb0c", CUT),
    (
        "aws-sam-cli.lib-models-connector-rule-to-sfn.statemachine.5c17cc",
        "it refers to `StateMachineFunction`, which it does not declare; deploying it fails",
    ),
    (
        "aws-toolkit-vscode.commands-resources-templatejsontester-template.\
         norefnofngetstatemachine16dbbc.5c0fb9",
        CUT,
    ),
    (
        "aws-toolkit-vscode.commands-resources-templatejsontester-template.\
         ref2andfnstatemachine2e01a3a5.a14915",
        CUT,
    ),
    (
        "landing-zone-accelerator-on-.aws-ec2-snapshots-account-warming-test-ts.\
         accountwarmingwarmaccountprovi.2af456",
        CUT,
    ),
    (
        "landing-zone-accelerator-on-.aws-opt-in-regions-snapshots-enable-opt-in-regions-test-ts.\
         optinregionsoptinregionsprovid.6ebf79",
        CUT,
    ),
    (
        "landing-zone-accelerator-on-.aws-organizations-snapshots-create-accounts-test-ts.\
         createorganizationaccountscrea.07dba4",
        CUT,
    ),
    (
        "landing-zone-accelerator-on-.test-snapshots-accounts-stack-test-ts.\
         optinregionsoptinregionsprovid.0f0e1b",
        CUT,
    ),
    (
        "landing-zone-accelerator-on-.test-snapshots-accounts-stack-test-ts.\
         optinregionsoptinregionsprovid.7f3260",
        CUT,
    ),
    (
        "landing-zone-accelerator-on-.test-snapshots-prepare-stack-test-ts.\
         createorganizationaccountscrea.1fe759",
        CUT,
    ),
];

/// Templates of which only the machines were kept.
const CUT: &str = "it refers to resources that were cut out of it, so it could not be deployed";

#[test]
fn published_templates_load_and_resolve() {
    let Some(folder) = shared("corpora/definitions") else { return };
    let text = std::fs::read_to_string(folder.join("index.json")).unwrap();
    let rows = Value::parse(&text).unwrap();
    let read = |path: &Path| std::fs::read(path);
    let (mut count, mut resolved, mut placeholders) = (0, 0, 0);
    let mut wrong = Vec::new();
    for row in rows.as_array().unwrap().iter() {
        let text =
            |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let iac = row.get("iac");
        let (id, kind) = (text(row.get("id")), text(row.get("kind")));
        if !matches!(&*kind, "sam" | "cloudformation" | "cdk-snapshot") {
            continue;
        }
        count += 1;
        let member = |key: &str| text(iac.and_then(|iac| iac.get(key)));
        let path = folder.join("files").join(member("template"));
        let valid = row.get("valid").and_then(Value::as_bool) != Some(false);
        let outcome = Template::load(&path, &Inputs::default(), &read)
            .map_err(|problems| format!("{problems:#?}"))
            .and_then(|template| {
                let machine = template.machine(Some(&member("logical_id")));
                machine.cloned().map_err(|(message, _)| message)
            })
            .and_then(|machine| {
                let (parsed, found) = machine.parse(&Limits::today(), machine.execution_type);
                let errors: Vec<String> =
                    found.iter().filter(|one| one.is_error()).map(|one| one.to_string()).collect();
                match parsed {
                    Some(parsed) => Ok((machine.is_resolved(), parsed.placeholders.is_empty())),
                    None => Err(errors.join("\n")),
                }
            });
        match &outcome {
            Ok((true, _)) => resolved += 1,
            Ok((false, _)) => placeholders += 1,
            Err(_) => {}
        }
        let listed = LEFT_OUT.iter().any(|(listed, _)| *listed == id);
        if (outcome.is_ok() || !valid) == listed {
            wrong.push(format!("{id}: {outcome:?}"));
        }
    }
    eprintln!(
        "{count} templates: {resolved} resolved, {placeholders} with values that a user must give"
    );
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
