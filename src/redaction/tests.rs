//! Secrets that must be gone, and what must stay.

use super::*;

fn redact(rules: Rules, texts: &[Text<'_>]) -> Vec<String> {
    let redactor = Redactor::new(rules, b"key");
    let mut replacer = redactor.replacer(texts.iter().copied());
    texts.iter().map(|text| replacer.replace(text.text)).collect()
}

#[track_caller]
fn gone(text: &str, secrets: &[&str]) -> String {
    let redacted = redact(Rules::default(), &[Text::data(text)]).remove(0);
    for secret in secrets {
        assert!(text.contains(secret), "`{secret}` is not in {text}");
        assert!(!redacted.contains(secret), "`{secret}` is still in {redacted}");
    }
    serde_json::from_str::<serde_json::Value>(&redacted).expect("still JSON");
    redacted
}

#[track_caller]
fn stays(text: &str) {
    assert_eq!(redact(Rules::default(), &[Text::definition(text)]), [text]);
}

#[test]
fn secrets_are_gone() {
    let token = format!("AAAAKgAAAAIAAAAA{}", "AbC123+/".repeat(20));
    let texts = [
        (r#"{"a":"arn:aws:iam::210987654321:role/R","n":"x"}"#, &["210987654321"][..]),
        (r#"{"url":"https://sqs.eu-west-1.amazonaws.com/210987654321/q"}"#, &["210987654321"]),
        (r#"{"bucket":"logs-210987654321-eu"}"#, &["210987654321"]),
        (r#"{"accountId":210987654321}"#, &["210987654321"]),
        (r#"{"ownerAccount":"202405020815"}"#, &["202405020815"]),
        (r#"{"i":"{\"accountId\": \"202405020815\"}"}"#, &["202405020815"]),
        (r#"{"role":"arn:aws:iam::202405020815:role/R","n":1}"#, &["202405020815"]),
        (r#"{"input":"{\"accountId\": 210987654321}"}"#, &["210987654321"]),
        (r#"{"m":"write to anna.meier+x@mail.acme.co.uk."}"#, &["anna.meier", "acme"]),
        (r#"{"m":"line\nanna@acme.com","u":"x?to=bob%40acme.com&y"}"#, &["anna", "bob%40"]),
        (r#"{"i":"{\"m\":\"line\\nanna@acme.com\"}"}"#, &["anna"]),
        (r#"{"k":"AKIAIOSFODNN7EXAMPLF","s":"ASIAQWERTYUIOPASDFGH"}"#, &["AKIAIOS", "ASIAQ"][..]),
        (r#"{"plain":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY"}"#, &["wJalrX"]),
        (r#"{"h":"Bearer abc.def-123","b":"Basic YWxhZGRpbjpvcGVu"}"#, &["abc.def", "YWxh"]),
        (r#"{"j":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP"}"#, &["eyJhbG", "dBjft"]),
        (r#"{"password":"hunter2","note":"say hunter2xy"}"#, &["hunter2"]),
        (r#"{"i":"{\"dbPassword\":\"p\\\"w/d\",\"o\":\"p\\\"w/d\"}"}"#, &["w/d"]),
        (r#"{"i":"{\"j\":\"{\\\"apiKey\\\":\\\"sk-1234x\\\"}\"}"}"#, &["sk-1234x"]),
        (r#"{"secrets":["alphabetic", "beta-2"],"x":"alphabetic"}"#, &["alphabetic", "beta-2"]),
        (r#"{"SecretString":"{\"user\":\"u-ser\",\"pin\":\"p-1n\"}"}"#, &["u-ser", "p-1n"]),
        (r#"{"assigned":{"token":"\"tok-en9\""},"o":"tok-en9"}"#, &["tok-en9"]),
        (
            r#"{"u":"postgres://app:pa55w@db:5432/x","v":"?sig=1&token=ab12cd"}"#,
            &["pa55w", "ab12cd"],
        ),
        (r#"{"cause":"login failed, password: hunt3r2"}"#, &["hunt3r2"]),
        (r#"{"password":12345678,"s":"12345678"}"#, &["12345678"]),
        (r#"{"i":"{\"otp\": 0.12345678}","pin":{"secret":-9.87654e3}}"#, &["12345678", "87654"]),
        (r#"{"credentials":{"user":"ann-1","key":["k-99x",{"n":"q-55z"}]}}"#, &["ann-1", "k-99x"]),
        (
            r#"{"i":"{\n \"secret\": {\n  \"a\": [\n\t\"q-55z\", \"r-66y\" ] } }"}"#,
            &["q-55z", "r-66y"],
        ),
        (
            r#"{"accountId":"210987654321","k":"AWSLogs/210987654321.20240502.gz"}"#,
            &["210987654321"],
        ),
        (
            r#"{"pw":1,"pass word":2,"pem":"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75\n-----END"}"#,
            &["MIIEpAIBAAKCAQEA75"],
        ),
        (
            r#"{"l":"\u001b[32mghp_16C7e42F292c6912E7710c838347Ae178B4a","q":"t=3Dghp_26C7e42F292c6912E7710"}"#,
            &["16C7e42F", "26C7e42F"],
        ),
        (
            r#"{"a":"ghp_16C7e42F292c6912E7710c838347Ae178B4a","b":"xoxb-17653672481-198vY0M7yx"}"#,
            &["16C7e42F292c6912E7710c838347Ae178B4a", "198vY0M7yx"],
        ),
        (
            r#"{"a":"line\nglpat-n0tAReally-g00dOne","b":"\u201esk_live_4eC39HqLyjWDarjtT1zd\u201c"}"#,
            &["n0tAReally", "4eC39HqLyj"],
        ),
        (r#"{"u":"x?next=%3Fk%3DASIAQWERTYUIOPASDFGH"}"#, &["ASIAQWERTY"]),
    ];
    for (text, secrets) in texts {
        gone(text, secrets);
    }
    gone(&format!(r#"{{"p":"{{\"T\":\"{token}\"}}"}}"#), &[&token]);
    gone(&format!(r#"{{"p":"{}"}}"#, token.replace('/', "\\/")), &["AAAAKgAAAA"]);
}

#[test]
fn a_private_key_ends_where_it_ends() {
    for pem in [
        r"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----\n",
        r"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEvQIBADANBgkqhkiG9w0B\n",
        r"-----END PRIVATE KEY-----",
    ] {
        let text = format!(r#"{{"pem":"{pem}","type":"ParallelStateSucceeded"}}"#);
        let redacted = redact(Rules::default(), &[Text::data(&text)]).remove(0);
        assert!(!redacted.contains("MIIEvQIBADANBgkqhkiG9w0B"), "{redacted}");
        assert!(redacted.ends_with(r#","type":"ParallelStateSucceeded"}"#), "{redacted}");
    }
}

#[test]
fn what_is_no_secret_stays() {
    stays(
        r#"{"arn":"arn:aws:states:::lambda:invoke","id":"0b6f6c2a-41d4-a716-4466-554400001234"}"#,
    );
    stays(r#"{"id":"550e8400-e29b-41d4-a716-446655440000","t":1700000000.123,"n":123456789012}"#);
    stays(
        r#"{"at":"202405020815","file":"orders-202405020815.csv","i":"{\"t\":\"202405020815\"}"}"#,
    );
    stays(r#"{"ms":1700000000123,"list":[123456789012, 123456789013],"x":0.123456789012}"#);
    stays(r#"{"Parameters":{"Password.$":"$.password","Token":"{% $token %}","Key":{"S":"a"}}}"#);
    stays(r#"{"TaskToken.$":"$$.Task.Token","SecretId":"prod/db","nextToken":"abc"}"#);
    stays(r#"{"Next":"Check token: then go","Credentials":{"RoleArn":"arn:aws:iam::aws:role/x"}}"#);
    stays(r#"{"x":"@","y":"a@b","z":"@scope/package","token":"","password":"${Password}"}"#);
    stays(r#"{"States":{"Get token":{"Type":"Pass","Next":"Charge"},"Charge":{"Type":"Pass"}}}"#);
    stays(
        r#"{"States":{"network_live_traffic_check":{"Type":"Pass","Next":"task_live_in_the_end"}}}"#,
    );
    stays(r#"{"StartAt":"highs_and_lows_of_the_day"}"#);
    stays("");
    stays("\\");
    stays(r#"{"password":"#);
    stays(r#"{"password":"\"#);
    stays(r#"\\\u00@acme.com"#);
}

#[test]
fn equal_values_stay_equal_and_keep_their_form() {
    let texts = [
        r#"{"Parameters": {"password": "hunter2", "FunctionName": "arn:aws:lambda:eu-west-1:210987654321:function:F:1"}}"#,
        r#"{"parameters": "{\"password\":\"hunter2\",\"FunctionName\":\"arn:aws:lambda:eu-west-1:210987654321:function:F:1\"}"}"#,
    ];
    let redacted = redact(Rules::default(), &[Text::definition(texts[0]), Text::data(texts[1])]);
    let definition: serde_json::Value = serde_json::from_str(&redacted[0]).unwrap();
    let event: serde_json::Value = serde_json::from_str(&redacted[1]).unwrap();
    let parameters: serde_json::Value =
        serde_json::from_str(event["parameters"].as_str().unwrap()).unwrap();
    assert_eq!(definition["Parameters"], parameters);
    let arn = parameters["FunctionName"].as_str().unwrap();
    let account = arn.split(':').nth(4).unwrap();
    assert!(account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()), "{arn}");
    assert!(arn.starts_with("arn:aws:lambda:eu-west-1:") && arn.ends_with(":function:F:1"));
    let again = redact(Rules::default(), &[Text::data(texts[1])]);
    assert_eq!(again[0], redacted[1], "the same in another recording with the same key");
    let other = Redactor::new(Rules::default(), b"other");
    assert_ne!(other.replacer([Text::data(texts[1])]).replace(texts[1]), redacted[1]);
    let mail = gone(r#"{"m":"a@acme.com","n":"<a@acme.com>"}"#, &["acme"]);
    assert_eq!(mail.matches("@example.com").count(), 2);
}

#[test]
fn rules_of_the_user() {
    let rules = || {
        Rules::parse(
            "[redaction]\nkeys = [\"iban\"]\npaths = [\"$.customer.name\", \"$.lines[*].sku\"]\n\
             patterns = [\"ORD-[0-9]+\"]\nkeep = [\"noreply@acme.com\"]\n[other]\nx = 1\n",
        )
        .unwrap()
    };
    let text = r#"{"input":"{\"IBAN\":\"DE02 1203\",\"customer\":{\"name\":\"Zoe Fink\"},\"lines\":[{\"sku\":\"S-1\"},{\"sku\":\"S-2\"}],\"o\":\"ORD-77\",\"from\":\"noreply@acme.com\"}","cause":"Zoe Fink has ORD-77"}"#;
    let redacted = redact(rules(), &[Text::data(text)]).remove(0);
    for secret in ["DE02", "Zoe", "Fink", "S-1", "S-2", "77"] {
        assert!(!redacted.contains(secret), "{secret}: {redacted}");
    }
    assert!(redacted.contains("noreply@acme.com"));
    let rules = Rules::parse("[redaction]\nkeys = [\"Customer\", \"salary\"]\n").unwrap();
    let text = r#"{"customer":{"iban":"DE02","at":{"city":"Ulm an"}},"salary":123456.78,"minus":{"salary":-654321.5},"i":"{\"customer\": [{\"name\":\"Zoe Fink\"}, 7654321], \"ok\":1}","few":{"salary":5000},"n":5000}"#;
    let redacted = redact(rules, &[Text::data(text)]).remove(0);
    for secret in ["DE02", "Ulm", "123456", "654321", "Zoe", "7654321"] {
        assert!(!redacted.contains(secret), "{secret}: {redacted}");
    }
    let value: serde_json::Value = serde_json::from_str(&redacted).unwrap();
    assert!(value["salary"].is_number(), "{redacted}");
    assert!(value["minus"]["salary"].as_f64().is_some_and(|minus| minus < 0.0), "{redacted}");
    assert_eq!((&value["n"], value["i"].as_str().is_some()), (&5000.into(), true));
    // In a definition a state may have the name of a secret.
    for text in [
        r#"{"States":{"customer":{"Type":"Task","Parameters":{"customer":{"name":"Zoe Fink","id.$":"$.customer"}},"Next":"Charge card"}}}"#,
        r#"{"States":{"customer":{"Next":"Charge card","Parameters":{"customer":{"id.$":"$.customer","name":"Zoe Fink"}},"Type":"Task"}}}"#,
        r#"{"States":{"customer":{"Branches":[{"States":{"customer":{"Next":"Charge card","Result":{"customer":["Zoe Fink"]},"Type":"Pass"}}}],"Output":"{% $.customer %}","Type":"Parallel"}}}"#,
        r#"{"a":"{\"customer\":{\"Next\":\"Charge card\",\"Result\":{\"customer\":{\"name\":\"Zoe Fink\",\"id\":\"$.customer\"}},\"Type\":\"Pass\"}}"}"#,
        r#"{"customer":{"Type":"person","name":"Zoe Fink","id.$":"$.customer"},"Next":"Charge card"}"#,
    ] {
        let rules = Rules::parse("[redaction]\nkeys = [\"customer\"]\n").unwrap();
        let redacted = redact(rules, &[Text::definition(text)]).remove(0);
        assert!(!redacted.contains("Zoe") && redacted.contains("Charge card"), "{redacted}");
        assert!(redacted.contains("$.customer"), "{redacted}");
    }
    for (bad, message) in [
        ("[redaction]\nkeis = []", "unknown field `keis`"),
        ("[redaction]\npatterns = [\"(\"]", "unclosed group"),
        ("[redaction]\npaths = [\"$.[\"]", "[redaction] paths: `$.[`"),
        ("redaction = ", "TOML parse error"),
    ] {
        let error = Rules::parse(bad).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn a_number_stays_though_its_digits_are_an_account() {
    let role = r#"{"role":"arn:aws:iam::210987654321:role/R"#;
    for number in [
        r#"","total":210987654321.55}"#,
        r#"","total" :-210987654321.5}"#,
        r#"","totals":[-210987654321.5, -210987654321.25]}"#,
        r#"","i":"{\"total\":210987654321.55}"}"#,
    ] {
        let text = format!("{role}{number}");
        let redacted = redact(Rules::default(), &[Text::data(&text)]).remove(0);
        assert!(redacted.ends_with(number), "{redacted}");
        assert!(!redacted.starts_with(role), "{redacted}");
    }
    gone(r#"{"a":"arn:aws:iam::210987654321:role/R","k":"x:210987654321.20240502.gz"}"#, &["2109"]);
}

#[test]
fn any_text_is_read_to_its_end() {
    let pieces = [
        "\"",
        "\\",
        "password",
        "\":\"",
        "@",
        "a.b",
        "{",
        "[",
        "eyJ",
        "é",
        "210987654321",
        "u",
        "AKIA",
        "=",
        ": ",
        "Basic ",
        "AAAAKgAAAA",
        "://",
        "%40",
        "token",
        "ghp_",
        "-----BEGIN KEY-----",
    ];
    let mut state = 1_u32;
    let redactor = Redactor::new(Rules::default(), b"key");
    for _ in 0..3_000 {
        let mut text = String::new();
        for _ in 0..12 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push_str(pieces[(state >> 16) as usize % pieces.len()]);
        }
        redactor.replacer([Text::data(&text)]).replace(&text);
    }
}

#[test]
fn the_time_grows_with_the_text() {
    let redactor = Redactor::new(Rules::default(), b"key");
    for piece in [
        "ghp_",
        "-----BEGIN KEY-----",
        "token",
        "%40",
        "a@",
        "eyJ",
        "AKIA",
        "AAAAKgAAAA",
        "://a:b@",
        "key-----",
        "A1b2",
        "Bearer ",
        r#"\"token\":{"#,
        r#"\"token\":[\""#,
        r#"\"token\":{\"a\":\""#,
    ] {
        let text = format!("{{\"a\":\"{}\"}}", piece.repeat(200_000 / piece.len()));
        // Quadratic work would take minutes.
        redactor.replacer([Text::data(&text)]).replace(&text);
    }
    // States within states, all with the names of secrets.
    let (begin, end) = (r#"{"token":"#.repeat(20_000), r#","Type":"Map"}"#.repeat(20_000));
    let text = format!("{begin}1{end}");
    redactor.replacer([Text::definition(&text)]).replace(&text);
}
