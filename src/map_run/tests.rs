//! Map Runs without a service around them: children give their input back, or fail.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value as Json, json};

use super::*;
use crate::asl::{ExecutionType, StateIndex, States};
use crate::engine::{ItemSource, Place, ResultWriterRequest};

const ARN: &str = "arn:aws:states:us-east-1:123456789012:mapRun:M/Map:run-1";
const NOW: Timestamp = Timestamp(1_704_067_200_000);

fn request(items: ItemSource) -> MapRunRequest {
    MapRunRequest {
        task: 4,
        place: Place::default(),
        state: "Map".into(),
        map_run_arn: ARN.into(),
        processor: Arc::new(States::new(StateIndex(0), None, Vec::new())),
        execution_type: ExecutionType::Standard,
        items,
        batching: None,
        result_writer: None,
        max_concurrency: None,
        tolerated_failure_count: None,
        tolerated_failure_percentage: None,
    }
}

fn items(items: Json) -> ItemSource {
    match Value::from(items) {
        Value::Array(items) => ItemSource::Items(items),
        Value::Object(members) => ItemSource::Members(members),
        other => panic!("no items: {other}"),
    }
}

fn reader(action: &str, arguments: Json, config: Json, max_items: Option<i64>) -> ItemSource {
    ItemSource::Reader {
        resource: format!("arn:aws:states:::s3:{action}").into(),
        arguments: arguments.into(),
        config: config.into(),
        max_items,
    }
}

fn object(body: impl Into<Vec<u8>>) -> Objects {
    let mut objects = Objects::default();
    objects.put("b", "k", body.into(), NOW).unwrap();
    objects
}

/// The engine's answer where there is no ItemSelector.
fn select(item: Value) -> Result<Value, Failure> {
    let value = item.get("Value").cloned().unwrap_or_default();
    Ok(match item.get("Key") {
        Some(key) => Value::object([("Key", key.clone()), ("Value", value)]),
        None => value,
    })
}

/// What became of a run, and the most children that ran at once.
struct Ran {
    outcome: Result<Value, Failure>,
    run: MapRun,
    most: u64,
}

fn start(request: MapRunRequest, objects: &Objects) -> MapRun {
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:M/Map".into();
    MapRun::start(NOW, request, machine, objects, &Limits::today()).unwrap()
}

/// Children end last first; those whose input is `"fail"` fail.
fn drive(mut run: MapRun, objects: &mut Objects) -> Ran {
    let mut open: Vec<(u32, Value)> = Vec::new();
    let mut most = 0;
    loop {
        match run.poll(NOW, objects, &mut select).unwrap() {
            Output::Start { index, input } => {
                let arn =
                    format!("arn:aws:states:us-east-1:123456789012:execution:M/Map:c-{index}");
                let name = format!("c-{index}").into();
                run.child_started(index, ChildStart { arn: arn.into(), name, at: NOW });
                open.push((index, input));
                most = most.max(open.len() as u64);
            }
            Output::Redrive { index } => open.push((index, Value::from("mended"))),
            Output::Stop(stopped) => open.retain(|(index, _)| !stopped.contains(index)),
            Output::Ended(outcome) => return Ran { outcome, run, most },
            Output::Idle => {
                let (index, input) = open.pop().expect("something runs while the run is idle");
                let failed = input.as_str() == Some("fail");
                let end = ChildEnd {
                    status: match failed {
                        true => ExecutionStatus::Failed,
                        false => ExecutionStatus::Succeeded,
                    },
                    output: if failed { Value::Null } else { input },
                    failure: failed.then(|| failure("Broken", "it broke")),
                };
                run.child_ended(NOW, index, end);
            }
        }
    }
}

fn run(request: MapRunRequest, objects: &mut Objects) -> Ran {
    drive(start(request, objects), objects)
}

fn read(source: ItemSource, objects: &mut Objects) -> Result<Json, String> {
    match run(request(source), objects).outcome {
        Ok(output) => Ok(Json::from(&output)),
        Err(failure) => Err(format!("{}: {}", failure.error.unwrap(), failure.cause.unwrap())),
    }
}

#[track_caller]
fn check(config: Json, body: impl Into<Vec<u8>>, expected: Result<Json, &str>) {
    let source = reader("getObject", json!({"Bucket": "b", "Key": "k"}), config, None);
    let found = read(source, &mut object(body));
    assert_eq!(found, expected.map_err(str::to_owned));
}

#[track_caller]
fn check_failure(config: Json, body: impl Into<Vec<u8>>, part: &str) {
    let source = reader("getObject", json!({"Bucket": "b", "Key": "k"}), config, None);
    let found = read(source, &mut object(body)).unwrap_err();
    assert!(found.starts_with("States.ItemReaderFailed: "), "{found}");
    assert!(found.contains(part), "{found}");
}

fn csv(more: Json) -> Json {
    let mut config = json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"});
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn results_come_in_the_order_of_the_items() {
    let ran = run(request(items(json!([3, 1, 2]))), &mut Objects::default());
    assert_eq!(ran.outcome.unwrap().to_json(), "[3,1,2]");
    assert_eq!(ran.run.status(), MapRunStatus::Succeeded);
    assert_eq!(
        ran.run.item_counts().to_value().to_json(),
        r#"{"aborted":0,"failed":0,"pending":0,"resultsWritten":3,"running":0,"succeeded":3,"timedOut":0,"total":3}"#
    );
    let none = run(request(items(json!([]))), &mut Objects::default());
    assert_eq!(none.outcome.unwrap().to_json(), "[]");
}

#[test]
fn members_of_an_object_are_items() {
    let ran = run(request(items(json!({"a": 1, "b": [2]}))), &mut Objects::default());
    let expected = r#"[{"Key":"a","Value":1},{"Key":"b","Value":[2]}]"#;
    assert_eq!(ran.outcome.unwrap().to_json(), expected);
}

#[test]
fn rows_of_csv() {
    let text = "a,b\n1,\"x,\"\"y\"\"\nz\"\n2\n3,4,5\n   \n\n";
    let rows = json!([
        {"a": "1", "b": "x,\"y\"\nz"},
        {"a": "2", "b": ""},
        {"a": "3", "b": "4"},
        {"a": "   ", "b": ""}
    ]);
    check(csv(json!({})), text, Ok(rows.clone()));
    check(csv(json!({})), gzip(text), Ok(rows));
    check(csv(json!({})), "\u{feff}a\r\n1\r\n", Ok(json!([{"a": "1"}])));
    check(csv(json!({})), "", Ok(json!([])));
    let given = json!({"CSVHeaderLocation": "GIVEN", "CSVHeaders": ["p", "q"]});
    check(csv(given), "1,2", Ok(json!([{"p": "1", "q": "2"}])));
    for (name, delimiter) in [("PIPE", "|"), ("SEMICOLON", ";"), ("SPACE", " "), ("TAB", "\t")] {
        let text = format!("a{delimiter}b\n1{delimiter}2");
        check(csv(json!({"CSVDelimiter": name})), text, Ok(json!([{"a": "1", "b": "2"}])));
    }
}

#[test]
fn csv_that_cannot_be_read() {
    let duplicates = "CSV headers cannot contain duplicates.";
    check_failure(csv(json!({})), "a,a\n1,2", duplicates);
    check_failure(csv(json!({})), "x".repeat(20_000), "10240");
    check_failure(csv(json!({})), vec![b'a', b'\n', 0xff], "UTF-8");
    check_failure(json!({"InputType": "CSV"}), "a\n1", "CSVHeaderLocation");
    check_failure(csv(json!({"CSVHeaderLocation": "GIVEN"})), "a\n1", "CSVHeaders");
    check_failure(csv(json!({})), &gzip("a\n1\n")[..20], "");
    let endless = [b"a,b\n1,2\n".as_slice(), &vec![b','; 9 * 1024 * 1024]].concat();
    check_failure(csv(json!({})), gzip(&endless), "a row is longer than 8388608 bytes");
}

/// As the command `zstd` writes it, with a frame to skip and another file behind it.
#[test]
fn files_compressed_with_zstd() {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    let frame = |text: &str| compress_to_vec(text.as_bytes(), CompressionLevel::Fastest);
    let row = "one row among very many, ".repeat(3);
    let rows = format!("{row}\n").repeat(2_000);
    let mut body = frame("a,b,c\n");
    body.extend([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, b'x', b'y', b'z']);
    body.extend(frame(&rows));
    let source = reader("getObject", json!({"Bucket": "b", "Key": "k"}), csv(json!({})), None);
    let found = read(source, &mut object(body.clone())).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 2_000);
    assert_eq!(found[1_999]["a"], "one row among very many");
    let lines = frame("{\"a\":1}\n2\n");
    check(json!({"InputType": "JSONL"}), lines, Ok(json!([{"a": 1}, 2])));
    check(json!({"InputType": "JSON"}), frame("[1, 2]"), Ok(json!([1, 2])));
    body.truncate(body.len() - 9);
    check_failure(csv(json!({})), body, "The CSV file could not be read");
    check_failure(csv(json!({})), vec![0x28, 0xb5, 0x2f, 0xfd], "");
}

#[test]
fn max_items_as_recorded() {
    for (most, expected) in [
        (Some(-1), Err("States.ItemReaderFailed: field MaxItems must be positive".to_owned())),
        (Some(0), Ok(3)),
        (Some(2), Ok(2)),
        (Some(100_000_001), Ok(3)),
        (None, Ok(3)),
    ] {
        let location = json!({"Bucket": "b", "Key": "k"});
        let source = reader("getObject", location, csv(json!({})), most);
        let found = read(source, &mut object("a\n1\n2\n3\n"));
        assert_eq!(found.map(|rows| rows.as_array().unwrap().len()), expected, "{most:?}");
    }
}

#[test]
fn elements_of_json() {
    let config = json!({"InputType": "JSON"});
    let text = "\u{feff} [ {\"a\": \"]\\\"\"} , [1, [2]],3 ,\"x\", null ] ";
    check(config.clone(), text, Ok(json!([{"a": "]\""}, [1, [2]], 3, "x", null])));
    check(config.clone(), gzip("[1]"), Ok(json!([1])));
    check(config.clone(), "[]", Ok(json!([])));
    let members = json!([{"Key": "a b", "Value": {"c": 1}}, {"Key": "d", "Value": 2}]);
    check(config.clone(), r#"{"a b": {"c": 1}, "d": 2}"#, Ok(members));
    for (text, part) in [
        ("[1, 2", "ends too early"),
        ("[1,]", "at byte 3"),
        ("[1 2]", "at byte"),
        ("{\"a\" 1}", "expected `:`"),
        ("{a: 1}", "key in double quotes"),
        ("[\"a", "string without an end"),
        ("[1, 2] 3", "something follows the value at byte 7"),
        ("7", "non-iterable"),
        ("", "empty"),
    ] {
        check_failure(config.clone(), text, part);
    }
}

#[test]
fn items_pointer() {
    let text = r#"{"x": {"y/z": [0, {"list": [1, 2]}]}, "n": 5}"#;
    let at = |pointer: &str| json!({"InputType": "JSON", "ItemsPointer": pointer});
    check(at("/x/y~1z/1/list"), text, Ok(json!([1, 2])));
    check(at("/x/y~1z/1"), text, Ok(json!([{"Key": "list", "Value": [1, 2]}])));
    check_failure(at("/x/none"), text, "/x/none");
    check_failure(at("/n"), text, "non-iterable");
    check_failure(at("x"), text, "does not lead to a value");
    check_failure(at(&"/x".repeat(1_000)), text, "2000 characters");
}

#[test]
fn lines_of_json() {
    let config = json!({"InputType": "JSONL"});
    check(config.clone(), "{\"a\":1}\n\n [2] \r\n3", Ok(json!([{"a": 1}, [2], 3])));
    check_failure(config, "1\n{\n", "Line 2 is not valid JSON");
}

#[test]
fn what_is_not_there() {
    let config = json!({"InputType": "JSON"});
    for (location, part) in [
        (json!({"Bucket": "b", "Key": "none"}), "The specified key does not exist."),
        (json!({"Bucket": "gone", "Key": "k"}), "The specified bucket does not exist"),
        (json!({"Bucket": "b"}), "field Key is required"),
        (json!({"Bucket": 1, "Key": "k"}), "field Bucket is required"),
    ] {
        let mut objects = object("[1]");
        objects.without_bucket("gone");
        let source = reader("getObject", location, config.clone(), None);
        let found = read(source, &mut objects).unwrap_err();
        assert_eq!(found.split_once(": ").unwrap().0, "States.ItemReaderFailed");
        assert!(found.contains(part), "{found}");
    }
    check_failure(json!({"InputType": "PARQUET"}), "PAR1 not", "not a Parquet file");
    check_failure(json!({"InputType": "MANIFEST"}), "x", "manifest is not valid");
}

#[test]
fn listings() {
    let mut objects = Objects::default();
    for (key, body) in [("in/a.csv", "n\n1\n2\n"), ("in/", ""), ("in/b.csv", "n\n3\n"), ("x", "")] {
        objects.put("b", key, body.as_bytes(), NOW).unwrap();
    }
    let location = json!({"Bucket": "b", "Prefix": "in/"});
    let listed = read(reader("listObjectsV2", location.clone(), json!({}), None), &mut objects);
    let listed = listed.unwrap();
    assert_eq!(
        listed[1],
        json!({"Etag": "\"9f7722b93e8564d0257c257055fcf638\"", "Key": "in/a.csv",
               "LastModified": 1_704_067_200, "Size": 6, "StorageClass": "STANDARD"})
    );
    let keys: Vec<&Json> = listed.as_array().unwrap().iter().map(|item| &item["Key"]).collect();
    assert_eq!(keys, ["in/", "in/a.csv", "in/b.csv"]);
    let load = csv(json!({"Transformation": "LOAD_AND_FLATTEN"}));
    let loaded = read(reader("listObjectsV2", location, load, Some(3)), &mut objects);
    assert_eq!(loaded, Ok(json!([{"n": "1"}, {"n": "2"}, {"n": "3"}])));
}

#[test]
fn manifests() {
    let inventory = json!({
        "sourceBucket": "src", "destinationBucket": "arn:aws:s3:::b", "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size", "files": [{"key": "data/1.csv.gz"}]
    });
    let mut objects = object(inventory.to_string());
    let rows = gzip("\"src\",\"a\",\"1\"\n\"src\",\"b\",\"2\"\n");
    objects.put("b", "data/1.csv.gz", rows, NOW).unwrap();
    let location = json!({"Bucket": "b", "Key": "k"});
    let source = |config| reader("getObject", location.clone(), config, None);
    let expected = json!([
        {"Bucket": "src", "Key": "a", "Size": "1"}, {"Bucket": "src", "Key": "b", "Size": "2"}
    ]);
    assert_eq!(read(source(json!({"InputType": "MANIFEST"})), &mut objects), Ok(expected));

    let athena = json!({"InputType": "JSONL", "ManifestType": "ATHENA_DATA"});
    let mut objects = object("s3://b/one\n\ns3://b/two\n");
    objects.put("b", "one", *b"1\n2\n", NOW).unwrap();
    objects.put("b", "two", gzip("3\n"), NOW).unwrap();
    assert_eq!(read(source(athena.clone()), &mut objects), Ok(json!([1, 2, 3])));
    let mut objects = object("s3://b/none\n");
    let lost = read(source(athena.clone()), &mut objects).unwrap_err();
    assert_eq!(lost, "States.ItemReaderFailed: The specified key does not exist.");
    let mut objects = object("nonsense\n");
    assert!(read(source(athena), &mut objects).unwrap_err().contains("names no S3 object"));
}

#[test]
fn batches_by_number_and_by_bytes() {
    let batched = |batching: Batching, list: Json| {
        let request = MapRunRequest { batching: Some(batching), ..request(items(list)) };
        let ran = run(request, &mut Objects::default());
        (ran.outcome.map(|output| output.to_json()), ran.run.execution_counts().total)
    };
    let by_number = Batching {
        batch_input: Some(json!({"x": 1}).into()),
        max_items_per_batch: Some(2),
        max_input_bytes_per_batch: None,
    };
    let expected = r#"[{"BatchInput":{"x":1},"Items":[1,2]},{"BatchInput":{"x":1},"Items":[3]}]"#;
    assert_eq!(batched(by_number, json!([1, 2, 3])), (Ok(expected.to_owned()), 2));
    // {"Items":["aaaa","bbbb"]} has 25 bytes.
    let by_bytes =
        |bytes| Batching { max_input_bytes_per_batch: Some(bytes), ..Batching::default() };
    let list = json!(["aaaa", "bbbb", "cccc"]);
    assert_eq!(batched(by_bytes(25), list.clone()).1, 2);
    assert_eq!(batched(by_bytes(24), list.clone()).1, 3);
    let too_small = batched(by_bytes(5), list.clone()).0.unwrap_err();
    assert_eq!(too_small.error.as_deref(), Some("States.DataLimitExceeded"));
    let zero = batched(by_bytes(0), list).0.unwrap_err();
    assert_eq!(zero.cause.as_deref(), Some("field MaxInputBytesPerBatch must be positive"));
}

#[test]
fn tolerated_failures() {
    let failing = |count: Option<f64>, percentage: Option<f64>| {
        let list = items(json!(["fail", "a", "fail", "b"]));
        let request = MapRunRequest {
            tolerated_failure_count: count,
            tolerated_failure_percentage: percentage,
            ..request(list)
        };
        run(request, &mut Objects::default()).outcome
    };
    for (count, percentage, fails) in [
        (None, None, true),
        (Some(1.0), None, true),
        (Some(2.0), None, false),
        (None, Some(49.9), true),
        (None, Some(50.0), false),
        (Some(2.0), Some(10.0), true),
        (Some(0.0), Some(100.0), true),
    ] {
        let outcome = failing(count, percentage);
        let error = outcome.as_ref().err().and_then(|failure| failure.error.as_deref());
        let expected = fails.then_some("States.ExceedToleratedFailureThreshold");
        assert_eq!(error, expected, "{count:?} {percentage:?}");
    }
    // The children that failed show themselves whole.
    let output = Json::from(&failing(Some(2.0), None).unwrap());
    assert_eq!(output[1], "a");
    assert_eq!(output[0]["Error"], "Broken");
    assert_eq!(output[0]["Input"], "\"fail\"");
    assert_eq!(output[0]["Status"], "FAILED");
}

#[test]
fn a_percentage_of_rows_counts_once_all_were_read() {
    let source = reader(
        "getObject",
        json!({"Bucket": "b", "Key": "k"}),
        json!({"InputType": "JSONL"}),
        None,
    );
    let request = MapRunRequest {
        tolerated_failure_percentage: Some(40.0),
        max_concurrency: Some(1),
        ..request(source)
    };
    let kept = run(request.clone(), &mut object("\"fail\"\n1\n2\n"));
    assert!(kept.outcome.is_ok());
    assert_eq!((kept.run.item_counts().succeeded, kept.run.item_counts().failed), (2, 1));
    let broken = run(request, &mut object("\"fail\"\n\"fail\"\n2\n"));
    assert_eq!(broken.run.item_counts().succeeded, 1);
    assert_eq!(broken.run.status(), MapRunStatus::Failed);
}

#[test]
fn concurrency_and_what_a_failure_leaves_behind() {
    let list: Vec<Json> = (0..10).map(|i| if i == 1 { json!("fail") } else { json!(i) }).collect();
    let request = MapRunRequest { max_concurrency: Some(2), ..request(items(Json::from(list))) };
    let ran = run(request, &mut Objects::default());
    assert_eq!(ran.most, 2);
    let counts = ran.run.item_counts();
    assert_eq!((counts.failed, counts.aborted, counts.pending, counts.total), (1, 1, 8, 10));
}

fn writer(config: Json) -> ResultWriterRequest {
    ResultWriterRequest {
        resource: Some("arn:aws:states:::s3:putObject".into()),
        arguments: json!({"Bucket": "out", "Prefix": "jobs"}).into(),
        config: config.into(),
    }
}

fn written(objects: &Objects, key: &str) -> String {
    let body = &objects.find("out", &format!("jobs/run-1/{key}")).unwrap().body;
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn results_are_exported() {
    let request =
        MapRunRequest { result_writer: Some(writer(json!({}))), ..request(items(json!(["a"]))) };
    let mut objects = Objects::default();
    let ran = run(request, &mut objects);
    assert_eq!(
        Json::from(&ran.outcome.unwrap()),
        json!({"MapRunArn": ARN, "ResultWriterDetails":
               {"Bucket": "out", "Key": "jobs/run-1/manifest.json"}})
    );
    let results: Json = serde_json::from_str(&written(&objects, "SUCCEEDED_0.json")).unwrap();
    assert_eq!(
        results,
        json!([{
            "ExecutionArn": "arn:aws:states:us-east-1:123456789012:execution:M/Map:c-0",
            "Input": "\"a\"", "InputDetails": {"Included": true}, "Name": "c-0",
            "Output": "\"a\"", "OutputDetails": {"Included": true}, "RedriveCount": 0,
            "RedriveStatus": "NOT_REDRIVABLE",
            "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
            "StartDate": "2024-01-01T00:00:00.000Z",
            "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:M/Map",
            "Status": "SUCCEEDED", "StopDate": "2024-01-01T00:00:00.000Z"
        }])
    );
    let manifest: Json = serde_json::from_str(&written(&objects, "manifest.json")).unwrap();
    let size = written(&objects, "SUCCEEDED_0.json").len();
    assert_eq!(
        manifest,
        json!({"DestinationBucket": "out", "MapRunArn": ARN, "ResultFiles": {
            "FAILED": [], "PENDING": [],
            "SUCCEEDED": [{"Key": "jobs/run-1/SUCCEEDED_0.json", "Size": size}]
        }})
    );
}

#[test]
fn transformations_of_results() {
    let list = items(json!([[1, 2], "x", []]));
    for (config, file, expected) in [
        (json!({"Transformation": "COMPACT"}), "SUCCEEDED_0.json", r#"[[1,2],"x",[]]"#),
        (json!({"Transformation": "FLATTEN"}), "SUCCEEDED_0.json", r#"[1,2,"x"]"#),
        (
            json!({"Transformation": "FLATTEN", "OutputType": "JSONL"}),
            "SUCCEEDED_0.jsonl",
            "1\n2\n\"x\"\n",
        ),
    ] {
        let request =
            MapRunRequest { result_writer: Some(writer(config)), ..request(list.clone()) };
        let mut objects = Objects::default();
        run(request, &mut objects).outcome.unwrap();
        assert_eq!(written(&objects, file), expected);
    }
    let preview = ResultWriterRequest {
        resource: None,
        arguments: Value::Null,
        config: json!({"Transformation": "FLATTEN"}).into(),
    };
    let request = MapRunRequest { result_writer: Some(preview), ..request(list) };
    let ran = run(request, &mut Objects::default());
    assert_eq!(ran.outcome.unwrap().to_json(), r#"[1,2,"x"]"#);
}

#[test]
fn a_failed_run_exports_what_it_has() {
    let request = MapRunRequest {
        result_writer: Some(writer(json!({"Transformation": "COMPACT"}))),
        max_concurrency: Some(1),
        ..request(items(json!(["a", "fail", "b", "c"])))
    };
    let mut objects = Objects::default();
    let ran = run(request.clone(), &mut objects);
    assert!(ran.outcome.is_err());
    assert_eq!(written(&objects, "SUCCEEDED_0.json"), r#"["a"]"#);
    assert!(written(&objects, "FAILED_0.json").contains(r#""Cause":"it broke""#));
    let pending: Json = serde_json::from_str(&written(&objects, "PENDING_0.json")).unwrap();
    assert_eq!(pending[1]["Input"], "\"c\"");
    assert_eq!(pending[1]["Status"], "PENDING");

    let mut objects = Objects::default();
    objects.without_bucket("out");
    let request = MapRunRequest { items: items(json!([1])), ..request };
    let refused = run(request, &mut objects).outcome.unwrap_err();
    assert_eq!(refused.error.as_deref(), Some("States.ResultWriterFailed"));
    assert_eq!(refused.cause.as_deref(), Some("The specified bucket does not exist"));
}

#[test]
fn a_redrive_runs_what_did_not_succeed() {
    let request =
        MapRunRequest { max_concurrency: Some(1), ..request(items(json!(["a", "fail", "b"]))) };
    let mut objects = Objects::default();
    let mut run = run(request, &mut objects).run;
    assert_eq!(run.status(), MapRunStatus::Failed);
    run.redrive(Timestamp(5), &objects).unwrap();
    let ran = drive(run, &mut objects);
    assert_eq!(ran.outcome.unwrap().to_json(), r#"["a","mended","b"]"#);
    assert_eq!((ran.run.redrive_count(), ran.run.item_counts().succeeded), (1, 3));
}

#[test]
fn settings_change_while_it_runs() {
    let request =
        MapRunRequest { max_concurrency: Some(1), ..request(items(json!(["fail", "fail", 1]))) };
    let mut objects = Objects::default();
    let mut run = start(request, &objects);
    run.update(MapRunUpdate {
        max_concurrency: Some(3),
        tolerated_failure_count: Some(2.0),
        tolerated_failure_percentage: None,
    });
    let ran = drive(run, &mut objects);
    assert_eq!(ran.most, 3);
    assert!(ran.outcome.is_ok());
    assert_eq!((ran.run.item_counts().succeeded, ran.run.item_counts().failed), (1, 2));
}

#[test]
fn an_aborted_run_stops_its_children() {
    let mut objects = Objects::default();
    let mut run = start(request(items(json!([1, 2]))), &objects);
    for _ in 0..2 {
        assert!(matches!(run.poll(NOW, &mut objects, &mut select), Ok(Output::Start { .. })));
    }
    assert_eq!(run.abort(NOW), [0, 1]);
    assert_eq!(run.status(), MapRunStatus::Aborted);
    assert!(matches!(run.poll(NOW, &mut objects, &mut select), Ok(Output::Idle)));
}

#[cfg(feature = "parquet")]
#[test]
fn rows_of_parquet() {
    use ::parquet::basic::{Compression, GzipLevel};
    use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
    use ::parquet::file::properties::WriterProperties;
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::parser::parse_message_type;

    let schema = "message rows { required int64 id; optional binary name (UTF8); \
                  required double price; required int64 at (TIMESTAMP_MILLIS); }";
    for compression in
        [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::GZIP(GzipLevel::default())]
    {
        let properties = WriterProperties::builder().set_compression(compression).build();
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut body = Vec::new();
        let mut file = SerializedFileWriter::new(&mut body, schema, Arc::new(properties)).unwrap();
        let mut group = file.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[1, 2], None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let name = [ByteArray::from("é")];
        column.typed::<ByteArrayType>().write_batch(&name, Some(&[1, 0]), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&[1.5, 2.0], None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[0, NOW.millis()], None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        file.close().unwrap();
        let rows = json!([
            {"id": 1, "name": "é", "price": 1.5, "at": "1970-01-01T00:00:00.000Z"},
            {"id": 2, "name": null, "price": 2, "at": "2024-01-01T00:00:00.000Z"}
        ]);
        check(json!({"InputType": "PARQUET"}), body.clone(), Ok(rows));
        body.truncate(body.len() - 30);
        body.extend(b"PAR1");
        check_failure(json!({"InputType": "PARQUET"}), body, "");
    }
}

/// Whatever became of the bytes of a file, there are rows or an error, and no panic.
#[cfg(feature = "parquet")]
#[test]
fn damaged_parquet() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/cases/distributed-map/files");
    let source = || {
        let location = json!({"Bucket": "b", "Key": "k"});
        request(reader("getObject", location, json!({"InputType": "PARQUET"}), Some(1_000)))
    };
    let mut chance = crate::entropy::Entropy::new(7);
    for name in ["orders-v1.zstd.parquet", "orders-v2.zstd.parquet"] {
        let whole = std::fs::read(format!("{folder}/{name}")).unwrap();
        let length = i32::try_from(whole.len()).unwrap();
        for at in (0..whole.len()).step_by(7) {
            let mut body = whole.clone();
            body[at] ^= [0xff, 0x01, 0x80, 0x10][chance.next_int(4) as usize];
            for _ in 0..chance.next_int(3) {
                body[chance.next_int(length) as usize] = chance.next_int(256) as u8;
            }
            let mut objects = object(body);
            let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:M/Map".into();
            let run = MapRun::start(NOW, source(), machine, &objects, &Limits::today());
            let Ok(mut run) = run else { continue };
            while let Ok(output) = run.poll(NOW, &mut objects, &mut select) {
                match output {
                    Output::Start { index, input } => {
                        let status = ExecutionStatus::Succeeded;
                        let end = ChildEnd { status, output: input, failure: None };
                        run.child_ended(NOW, index, end);
                    }
                    Output::Ended(_) => break,
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[test]
fn a_child_too_many_is_refused_before_it_counts() {
    let mut objects = Objects::default();
    let mut run = start(request(items(json!([1, 2]))), &objects);
    for _ in 1..MapRun::MOST_CHILDREN {
        run.add_child(Value::Null, 1);
    }
    let last = MapRun::MOST_CHILDREN - 1;
    let first = run.poll(NOW, &mut objects, &mut select).unwrap();
    assert!(matches!(first, Output::Start { index, .. } if index == last));
    let refusal = run.poll(NOW, &mut objects, &mut select).unwrap_err();
    assert!(refusal.starts_with("the Map Run has more than 1000000 child executions"), "{refusal}");
    assert_eq!(run.abort(NOW), [last]);
}
