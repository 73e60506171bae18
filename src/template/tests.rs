//! Templates of all kinds, and bad ones.

use super::*;

mod corpus;

/// Files in memory; what is not among them does not exist.
fn load_files(
    files: &[(&str, &str)],
    path: &str,
    inputs: &Inputs,
) -> Result<Template, Vec<Diagnostic>> {
    let read = |path: &Path| {
        let name = path.to_string_lossy().replace("./", "");
        if files.iter().any(|(known, _)| known.starts_with(&format!("{name}/"))) {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        let found = files.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or(io::ErrorKind::NotFound.into())
    };
    Template::load(Path::new(path), inputs, &read)
}

#[track_caller]
fn load(files: &[(&str, &str)]) -> Template {
    load_files(files, files[0].0, &Inputs::default())
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// The definition of the only machine, which must be without problems.
#[track_caller]
fn definition(files: &[(&str, &str)]) -> String {
    let template = load(files);
    let machine = template.machine(None).unwrap();
    let problems: Vec<String> = machine.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, [""; 0]);
    machine.definition.as_ref().unwrap().as_str().to_owned()
}

fn problems(files: &[(&str, &str)]) -> Vec<String> {
    match load_files(files, files[0].0, &Inputs::default()) {
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
        Ok(template) => {
            let machines = template.machines.iter().flat_map(|machine| &machine.problems);
            template.problems.iter().chain(machines).map(ToString::to_string).collect()
        }
    }
}

/// A template whose machine's only text is `value`.
fn machine_of(value: &str) -> String {
    format!(
        "Parameters:\n  Stage: {{Type: String, Default: test}}\n  Names: {{Type: CommaDelimitedList, Default: 'a, b'}}\n\
         Mappings:\n  M: {{us-east-1: {{Size: 3}}}}\n\
         Conditions:\n  IsProd: !Equals [!Ref Stage, prod]\n  Not: !Not [!Condition IsProd]\n\
         Resources:\n  Charge: {{Type: AWS::Serverless::Function}}\n  \
         Queue: {{Type: AWS::SQS::Queue, Properties: {{QueueName: !Sub '${{Stage}}-q'}}}}\n  \
         Machine:\n    Type: AWS::StepFunctions::StateMachine\n    Properties:\n      \
         DefinitionString: {value}\n"
    )
}

#[track_caller]
fn check(value: &str, expected: &str) {
    assert_eq!(definition(&[("t.yaml", &machine_of(value))]), expected);
}

#[test]
fn functions_answer_as_cloudformation_does() {
    check("!Sub 'a ${Stage} ${!Stage} ${AWS::Region}'", "a test ${Stage} us-east-1");
    check(
        "!Sub ['${X}/${Charge.Arn}', {X: !Ref Queue}]",
        "https://sqs.us-east-1.amazonaws.com/123456789012/test-q/arn:aws:lambda:us-east-1:123456789012:function:Charge",
    );
    check("!Join ['-', [a, !Ref Charge, !GetAtt Queue.QueueName]]", "a-Charge-test-q");
    check("!Join ['+', !Ref Names]", "a+b");
    check("!Select [1, !Split ['/', 'x/y/z']]", "y");
    check("!Select ['0', !Ref Names]", "a");
    check("!Sub ['${N}', {N: !FindInMap [M, !Ref 'AWS::Region', Size]}]", "3");
    check("!If [IsProd, yes, !If [Not, 'n', 'm']]", "n");
    check("!Base64 abc", "YWJj");
    check("!Join ['', [a, !If [IsProd, b, !Ref AWS::NoValue], c]]", "ac");
    check("!ToJsonString {a: [1, !Ref Stage, true]}", r#"{"a":[1,"test",true]}"#);
    check("!GetAtt Machine.Name", "Machine");
}

#[test]
fn bad_templates_say_what_is_wrong() {
    let said = |value: &str| problems(&[("t.yaml", &machine_of(value))]).join("; ");
    assert!(said("!Ref Chrage").contains("did you mean `Charge`?"));
    assert!(said("!Foo x").is_empty());
    assert!(said("!Select [9, !Ref Names]").contains("no element 9"));
    assert!(said("!FindInMap [M, us-west-1, Size]").contains("us-east-1"));
    assert!(said("!If [Nope, a, b]").contains("no condition `Nope`"));
    assert!(said("!ImportValue shared").contains("`shared: VALUE`"));
    assert!(said("!Join [x]").contains("takes a delimiter"));
    assert!(said("{a: 1}").contains("expected a text"));
    let circle = "Resources:\n  A: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref B}}\n  \
                  B: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref A}}\n  \
                  M: {Type: AWS::StepFunctions::StateMachine, Properties: {DefinitionString: !Ref A}}\n";
    assert!(problems(&[("t.yaml", circle)]).join(";").contains("A → B → A"));
    let conditions = "Conditions: {A: !Not [!Condition B], B: !Not [!Condition A]}\nResources:\n  \
                  M: {Type: AWS::StepFunctions::StateMachine, Properties: {DefinitionString: !If [A, x, y]}}\n";
    assert!(problems(&[("t.yaml", conditions)]).join(";").contains("refers to itself"));
    assert!(problems(&[("t.yaml", "Resources: 7\n")])[0].contains("neither a template"));
    assert!(
        problems(&[(
            "t.yaml",
            "Resources: {M: {Type: AWS::Serverless::StateMachine, Properties: 3}}\n"
        )])[0]
            .contains("must be an object")
    );
    let missing = load_files(&[("out/x.json", "{}")], "out", &Inputs::default()).unwrap_err();
    assert!(missing[0].to_string().contains("cdk synth"), "{missing:?}");
    let uri = "Resources: {M: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: x.json}}}\n";
    assert!(problems(&[("t.yaml", uri)])[0].contains("cannot read `x.json`"));
}

#[test]
fn deep_large_and_exploding_templates_are_refused_or_read() {
    let mut deep = "a".to_owned();
    for _ in 0..400 {
        deep = format!("{{\"Fn::Join\":[\"\",[{deep}]]}}").replace("[a]", "[\"a\"]");
    }
    let text = format!(
        "{{\"Resources\":{{\"M\":{{\"Type\":\"AWS::StepFunctions::StateMachine\",\"Properties\":{{\"DefinitionString\":{deep}}}}}}}}}"
    );
    assert!(!problems(&[("t.json", &text)]).is_empty());
    let mut exploding =
        "Resources:\n  R0: {Type: AWS::SQS::Queue, Properties: {QueueName: xxxxxxxxxx}}\n"
            .to_owned();
    for i in 1..40 {
        let below = format!("${{R{0}.QueueName}}${{R{0}.QueueName}}", i - 1);
        exploding += &format!(
            "  R{i}: {{Type: AWS::SQS::Queue, Properties: {{QueueName: !Sub '{below}'}}}}\n"
        );
    }
    exploding += "  M: {Type: AWS::StepFunctions::StateMachine, Properties: {DefinitionString: !GetAtt R39.QueueName}}\n";
    assert!(problems(&[("t.yaml", &exploding)]).join(";").contains("bytes"));
    let mut large = machine_of("x");
    for i in 0..60_000 {
        large += &format!(
            "  Topic{i}: {{Type: AWS::SNS::Topic, Properties: {{TopicName: some-name-{i}, DisplayName: '{:80}'}}}}\n",
            ""
        );
    }
    assert!(large.len() > 8_000_000);
    assert_eq!(definition(&[("t.yaml", &large)]), "x");
}

#[test]
fn problems_of_a_definition_point_into_its_file() {
    let text = "Resources:\n  M:\n    Type: AWS::StepFunctions::StateMachine\n    Properties:\n      DefinitionString: !Sub |\n        {\n          \"StartAt\": \"A\",\n          \"States\": {\"A\": {\"Type\": \"Pass\",\n            \"Nxet\": \"${AWS::Region}\"}}\n        }\n";
    let template = load(&[("t.yaml", text)]);
    let (_, found) = template.machines[0].parse(&Limits::today(), ExecutionType::Standard);
    let places: Vec<_> =
        found.iter().map(|one| (one.source.name.to_string(), one.line_column())).collect();
    assert!(places.contains(&("t.yaml".into(), (9, 13))), "{found:#?}");
    let inline = "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      Definition:\n        StartAt: A\n        States:\n          A: {Type: Pass, Nxet: !Ref AWS::Region}\n";
    let template = load(&[("t.yaml", inline)]);
    let (_, found) = template.machines[0].parse(&Limits::today(), ExecutionType::Standard);
    assert!(found.iter().any(|one| one.line_column() == (8, 27)), "{found:#?}");
    let uri = "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      DefinitionUri: d.asl.json\n      DefinitionSubstitutions: {Arn: !GetAtt F.Arn, Wait: 5}\n  F: {Type: AWS::Serverless::Function}\n";
    let asl = "{\"StartAt\": \"A\", \"States\": {\"A\": {\"Type\": \"Task\", \"Resource\": \"${Arn}\", \"TimeoutSeconds\": ${Wait},\n \"Nxet\": 1}}}";
    let template = load(&[("t.yaml", uri), ("d.asl.json", asl)]);
    let machine = &template.machines[0];
    assert!(
        machine
            .definition
            .as_ref()
            .unwrap()
            .as_str()
            .contains("function:F\", \"TimeoutSeconds\": 5,")
    );
    let (_, found) = machine.parse(&Limits::today(), ExecutionType::Standard);
    assert!(
        found.iter().any(|one| &*one.source.name == "d.asl.json" && one.line_column() == (2, 2)),
        "{found:#?}"
    );
}

#[test]
fn cdk_and_terraform_are_read() {
    let manifest = r#"{"artifacts": {"S": {"type": "aws:cloudformation:stack", "properties": {"templateFile": "S.template.json"}}, "S.assets": {"type": "cdk:asset-manifest", "properties": {"file": "S.assets.json"}}}}"#;
    let assets = r#"{"files": {"h": {"source": {"path": "asset.h.json"}, "destinations": {"x": {"objectKey": "h.json"}}}}}"#;
    let template = r#"{"Resources": {"M1": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"DefinitionS3Location": {"Bucket": "b", "Key": "h.json"}}, "Metadata": {"aws:cdk:path": "S/M/Resource"}}, "P2": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"DefinitionString": {"Fn::Join": ["", ["{\"StartAt\":\"", {"Ref": "M1"}, "\"}"]]}}}}}"#;
    let files = [
        ("out/manifest.json", manifest),
        ("out/S.assets.json", assets),
        ("out/S.template.json", template),
        ("out/asset.h.json", "{\"StartAt\": 1}"),
    ];
    let template = load_files(&files, "out", &Inputs::default()).unwrap();
    let text =
        |id| template.machine(Some(id)).unwrap().definition.as_ref().unwrap().as_str().to_owned();
    assert_eq!(text("S/M"), "{\"StartAt\": 1}");
    assert_eq!(
        text("P2"),
        "{\"StartAt\":\"arn:aws:states:us-east-1:123456789012:stateMachine:M1\"}"
    );
    let plan = r#"{"terraform_version": "1.9", "planned_values": {"root_module": {"child_modules": [{"resources": [{"address": "module.a.aws_sfn_state_machine.m[0]", "type": "aws_sfn_state_machine", "name": "m", "values": {"name": "orders", "type": "EXPRESS", "definition": "{\"StartAt\": \"A\"}"}}, {"address": "module.a.aws_sfn_state_machine.u", "type": "aws_sfn_state_machine", "name": "u", "values": {"name": "u"}}]}]}}, "configuration": {"root_module": {"module_calls": {"a": {"module": {"resources": [{"address": "aws_sfn_state_machine.u", "expressions": {"definition": {"references": ["aws_lambda_function.f.arn"]}}}]}}}}}}"#;
    let template = load(&[("plan.json", plan)]);
    let machine = template.machine(Some("orders")).unwrap();
    assert_eq!(
        (machine.execution_type, machine.definition.as_ref().unwrap().as_str()),
        (ExecutionType::Express, "{\"StartAt\": \"A\"}")
    );
    assert!(problems(&[("plan.json", plan)])[0].contains("it reads aws_lambda_function.f.arn"));
    assert!(template.machine(Some("ordres")).is_err());
}

#[test]
fn nested_stacks_have_parameters_and_outputs() {
    let outer = "Resources:\n  In:\n    Type: AWS::CloudFormation::Stack\n    Properties: {TemplateURL: in.yaml, Parameters: {Stage: !Sub 'x-${AWS::Region}'}}\n  M: {Type: AWS::StepFunctions::StateMachine, Properties: {DefinitionString: !GetAtt In.Outputs.Q}}\n";
    let inner = "Parameters: {Stage: {Type: String}}\nResources:\n  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref Stage}}\n  N: {Type: AWS::StepFunctions::StateMachine, Properties: {DefinitionString: !Ref Stage}}\nOutputs: {Q: {Value: !GetAtt Queue.QueueName}}\n";
    let template = load(&[("t.yaml", outer), ("in.yaml", inner)]);
    for id in ["M", "In/N", "N"] {
        let machine = template.machine(Some(id)).unwrap();
        assert_eq!(machine.definition.as_ref().unwrap().as_str(), "x-us-east-1");
    }
}

#[test]
fn what_the_user_says_comes_first() {
    let text = machine_of("!Sub '${Stage} ${Charge.Arn} ${AWS::Region}'");
    let own = |key: &str, value: &str| (Arc::<str>::from(key), Arc::<str>::from(value));
    let inputs = Inputs {
        parameters: [own("Stage", "prod")].into(),
        substitutions: [own("Charge.Arn", "mine"), own("AWS::Region", "eu-west-1")].into(),
    };
    let template = load_files(&[("t.yaml", &text)], "t.yaml", &inputs).unwrap();
    assert_eq!(template.machines[0].definition.as_ref().unwrap().as_str(), "prod mine eu-west-1");
}
