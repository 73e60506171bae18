//! Documents of both formats, and what is said about broken ones.

use super::*;

fn read(name: &str, text: &str) -> Document {
    Document::parse(name, text).unwrap_or_else(|problem| panic!("{problem}"))
}

#[track_caller]
fn refused(name: &str, text: &str, expected: &str) {
    let problem = Document::parse(name, text).unwrap_err();
    assert_eq!(problem.to_string(), expected);
}

#[test]
fn both_formats_give_the_same_value() {
    let json = read("a.json", r#"{"a": [1, 2.50, "x", null, true, {}, []], "b": {"c": "no"}}"#);
    let yaml = read("a.yaml", "a:\n- 1\n- 2.50\n- x\n- ~\n- true\n- {}\n- []\nb:\n  c: no\n");
    assert_eq!(json.root.to_value().to_json(), yaml.root.to_value().to_json());
}

#[test]
fn yaml_scalars_keep_what_they_are() {
    let text =
        "a: 017\nb: 1_000\nc: on\nd: 1e3\ne: 0x1F\nf: 12345678901234567890\ng: 1.10\nh: ''\n";
    let value = read("a.yaml", text).root.to_value().to_json();
    assert_eq!(
        value,
        r#"{"a":"017","b":"1_000","c":"on","d":1e3,"e":31,"f":12345678901234567890,"g":1.10,"h":""}"#
    );
}

#[test]
fn spans_and_locations_lead_back() {
    for (name, text) in [
        ("a.json", r#"{"States": {"A": {"Choices": [{"Next": "B"}]}}}"#),
        ("a.yaml", "States:\n  A:\n    Choices:\n    - Next: B\n"),
    ] {
        let document = read(name, text);
        let next = document.root.get("States").and_then(|states| states.get("A")).unwrap();
        let next = &next.get("Choices").unwrap().as_array().unwrap()[0].get("Next").unwrap();
        assert_eq!(document.text_of(next).trim_matches('"'), "B", "{name}");
        let diagnostic = document.error(next.span.clone(), "C", "m");
        assert_eq!(diagnostic.location, "/States/A/Choices[0]/Next");
        assert_eq!(diagnostic.state.as_deref(), Some("A"));
        assert_eq!(diagnostic.field.as_deref(), Some("Choices"));
        assert_eq!(document.location(&document.root.span), "/");
    }
}

#[test]
fn aliases_stand_where_they_are_used() {
    let document = read("a.yaml", "a: &x {k: 1}\nb: *x\n");
    assert_eq!(document.root.to_value().to_json(), r#"{"a":{"k":1},"b":{"k":1}}"#);
    let b = document.root.get("b").unwrap();
    assert_eq!(document.text_of(b), "*x");
}

#[test]
fn aliased_nodes_are_located_where_they_are_used() {
    let document = read("a.yaml", "x: &x {k: [1]}\ny:\n  z: *x\n");
    // What lies inside the alias is told where it was written, which comes first.
    let inner = document.root.get("y").unwrap().get("z").unwrap().get("k").unwrap();
    assert_eq!(document.location(&inner.span), "/x/k");
    let mut spliced = document.clone();
    let Kind::Object(members) = &mut spliced.root.kind else { panic!() };
    members.remove(0);
    assert_eq!(spliced.location(&inner.span), "/y/z/k");
}

#[test]
fn broken_texts_are_refused_with_their_place() {
    refused("a.json", "{\"a\" 1}", "a.json:1:6: expected `:`, found `1`");
    refused("a.json", "{\n  \"a\": nope\n}", "a.json:2:8: expected a value, found `n`");
    let deep = format!("{}1", "[".repeat(10_000));
    refused("a.json", &deep, "a.json:1:501: nesting is deeper than 500 levels");
    assert!(Document::parse("a.yaml", &deep).is_err());
    assert!(Document::parse("a.yaml", &format!("{}1", "- ".repeat(10_000))).is_err());
    let problem = Document::parse("a.yaml", "b: {% $x %}\n").unwrap_err();
    assert_eq!(problem.line_column().0, 1);
    assert!(problem.help.as_deref().unwrap().contains("quotes"));
    let problem = Document::parse("a.yaml", "a: [1, 2\nb: 3\n").unwrap_err();
    assert!(problem.line_column().0 >= 1, "{problem}");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let problem = Document::from_bytes("a", b"{\n\"a\": \"\xff\"}".to_vec()).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "a:1:1: the text is not UTF-8: byte 8 (line 2) does not belong to a character"
    );
    let problem = Document::from_bytes("a", vec![b' '; MAX_BYTES + 1]).unwrap_err();
    assert!(problem.message.contains("at most 16 MiB"), "{problem}");
}

#[test]
fn alias_bombs_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        text += &format!("a{level}: &a{level} [{below}]\n");
    }
    assert!(Document::parse("a.yaml", &text).is_err());
    let mut nested = String::new();
    for level in 0..200 {
        nested += &format!("{:level$}k: &a{level}\n", "");
    }
    nested += &format!("{:200}l: [{}]\n", "", vec!["1"; 10_000].join(", "));
    assert!(Document::parse("a.yaml", &nested).is_err());
}

#[test]
fn placeholders_outside_quotes_are_strings() {
    let text = "{\"T\": ${Timeout}, \"l\": [${a}, -${b}.5],\n \"q\": \"arn:${AWS::Region}:x\"}";
    let document = read("a.json", text);
    assert_eq!(
        document.root.to_value().to_json(),
        r#"{"T":"${Timeout}","l":["${a}","-${b}.5"],"q":"arn:${AWS::Region}:x"}"#
    );
    let found: Vec<(&str, bool)> =
        document.placeholders.iter().map(|p| (&*p.name, p.quoted)).collect();
    assert_eq!(found, [("Timeout", false), ("a", false), ("b", false), ("AWS::Region", true)]);
    assert_eq!(&text[document.placeholders[0].span.clone()], "${Timeout}");
    let q = document.root.get("q").unwrap();
    assert_eq!(document.source.line_column(q.span.start), (2, 7));
}

#[test]
fn commas_too_many_are_let_pass_with_a_warning() {
    let document = read("a.json", "{\"a\": [1, 2, ],\n}");
    assert_eq!(document.root.to_value().to_json(), r#"{"a":[1,2]}"#);
    let found: Vec<String> =
        Decoder::new(&document, "C").diagnostics().iter().map(ToString::to_string).collect();
    let help = "(remove it; the service's own API refuses the text)";
    assert_eq!(
        found,
        [
            format!("a.json:1:12: JSON has no comma before a closing bracket at /a {help}"),
            format!("a.json:1:15: JSON has no comma before a closing bracket at / {help}"),
        ]
    );
    refused("a.json", "{,}", "a.json:1:2: expected a key in double quotes, found `,`");
}

#[test]
fn jsonata_groupings_are_no_placeholders() {
    let document = read("a.json", r#"{"a": "{% $x${type: $sum(n)} & '${Name}' %}"}"#);
    let names: Vec<&str> = document.placeholders.iter().map(|p| &*p.name).collect();
    assert_eq!(names, ["Name"]);
}

#[test]
fn decoding_collects_every_problem() {
    let text = "nme: x\ncount: many\nmode: FAST\nmode: SLOW\nextra: 1\n";
    let document = read("s.yaml", text);
    let mut decoder = Decoder::new(&document, "SCENARIO");
    let mut members = decoder.object(&document.root).unwrap();
    assert!(members.require(&mut decoder, "name").is_none());
    let count = members.take("count").unwrap();
    assert_eq!(decoder.integer(count), None);
    let mode = members.take("mode").unwrap();
    assert_eq!(decoder.choice(mode, &[("FASTER", 1), ("SLOW", 2)]), None);
    members.finish(&mut decoder);
    let found: Vec<String> = decoder.diagnostics().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(found.join("\n"), @"
    s.yaml:4:1: key `mode` occurs twice at /mode (the first one is on line 3; remove one of them)
    s.yaml:1:1: key `name` is missing at /
    s.yaml:2:8: expected a whole number, found a string at /count
    s.yaml:3:7: `FAST` is not one of `FASTER`, `SLOW` at /mode (did you mean `FASTER`?)
    s.yaml:1:1: unknown key `nme` at /nme (did you mean `name`?)
    s.yaml:5:1: unknown key `extra` at /extra (known keys: count, mode, name)
    ");
}

#[test]
fn templates_have_functions_for_tags() {
    let text = "a: !Sub '${X}-${AWS::Region}'\nb: !GetAtt A.B.C\nc: !Join ['', [!Ref X, y]]\n\
                d: !If\n  - C\n  - !Ref AWS::NoValue\n  - {x: yes}\ne: !other z\nf: !Condition C\n\
                g: 'no'\nh: !GetAtt [A, B]\n";
    let document = Document::parse_template("t.yaml", text).unwrap();
    assert_eq!(
        document.root.to_value().to_json(),
        r#"{"a":{"Fn::Sub":"${X}-${AWS::Region}"},"b":{"Fn::GetAtt":["A","B.C"]},"c":{"Fn::Join":["",[{"Ref":"X"},"y"]]},"d":{"Fn::If":["C",{"Ref":"AWS::NoValue"},{"x":true}]},"e":"z","f":{"Condition":"C"},"g":"no","h":{"Fn::GetAtt":["A","B"]}}"#
    );
    for (key, spelled) in [("a", "'${X}-${AWS::Region}'"), ("b", "A.B.C")] {
        assert_eq!(document.text_of(document.root.get(key).unwrap()), spelled);
    }
}
