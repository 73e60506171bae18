//! Definitions that nest as deep as they may, and deeper: they use the most stack.

use crate::document::MAX_JSON_DEPTH;

/// Name, definition, and whether it is one that CreateStateMachine takes.
pub(crate) fn definitions() -> Vec<(String, String, bool)> {
    let mut all = Vec::new();
    // Around what is repeated stand five levels at most; a level of states has four in a Parallel,
    // three in a Map.
    let most = MAX_JSON_DEPTH - 6;
    for (levels, taken) in [(50, true), (most, true), (MAX_JSON_DEPTH, false), (990, false)] {
        let not = repeated(r#"{"Not":"#, r#"{"Variable":"$.a","IsPresent":true}"#, "}", levels);
        let rule = format!(r#"{},"Next":"E"}}"#, not.strip_suffix('}').unwrap_or_default());
        let and =
            repeated(r#"{"And":["#, r#"{"Variable":"$.a","IsPresent":true}"#, "]}", levels / 2);
        let and = format!(r#"{},"Next":"E"}}"#, and.strip_suffix('}').unwrap_or_default());
        for (name, rule) in [("not", rule), ("and", and)] {
            let choice = format!(r#"{{"Type":"Choice","Choices":[{rule}],"Default":"E"}}"#);
            all.push((format!("{name}-{levels}"), machine(&choice, ""), taken));
        }
        let value = repeated(r#"{"a":"#, "1", "}", levels);
        let dynamic = repeated(r#"{"a":"#, r#"{"b.$":"$"}"#, "}", levels - 1);
        let computed = repeated(r#"{"a":"#, r#""{% 1 %}""#, "}", levels);
        let list = repeated("[", "", "]", levels);
        for (name, field, value) in [
            ("result", "Result", &value),
            ("list", "Result", &list),
            ("parameters", "Parameters", &value),
            ("dynamic", "Parameters", &dynamic),
        ] {
            let pass = format!(r#"{{"Type":"Pass","{field}":{value},"Next":"E"}}"#);
            all.push((format!("{name}-{levels}"), machine(&pass, ""), taken));
        }
        let pass = format!(r#"{{"Type":"Pass","Output":{computed},"Next":"E"}}"#);
        let language = r#""QueryLanguage":"JSONata","#;
        all.push((format!("output-{levels}"), machine(&pass, language), taken));
    }
    for (levels, taken) in [(50, true), (99, true), (110, false), (240, false)] {
        let numbers: Vec<usize> = (0..levels).collect();
        for (kind, open, close) in
            [("Parallel", r#""Branches":["#, "]"), ("Map", r#""ItemProcessor":"#, "")]
        {
            let pass = r#"{"StartAt":"E","States":{"E":{"Type":"Pass","End":true}}}"#;
            let rule = repeated(r#"{"Not":"#, r#"{"Variable":"$.a","IsPresent":true}"#, "}", 94);
            let rule = format!(r#"{},"Next":"E"}}"#, rule.strip_suffix('}').unwrap_or_default());
            let choice = format!(r#"{{"Type":"Choice","Choices":[{rule}],"Default":"E"}}"#);
            let inner = if levels == 99 { machine(&choice, "") } else { pass.to_owned() };
            let definition = numbers.iter().fold(inner, |inner, n| {
                format!(
                    r#"{{"StartAt":"S{n}","States":{{"S{n}":{{"Type":"{kind}",{open}{inner}{close},"End":true}}}}}}"#
                )
            });
            all.push((format!("{kind}-{levels}"), definition, taken));
        }
    }
    all
}

fn repeated(open: &str, inner: &str, close: &str, levels: usize) -> String {
    [open.repeat(levels).as_str(), inner, &close.repeat(levels)].concat()
}

fn machine(state: &str, members: &str) -> String {
    format!(r#"{{{members}"StartAt":"S","States":{{"S":{state},"E":{{"Type":"Succeed"}}}}}}"#)
}
