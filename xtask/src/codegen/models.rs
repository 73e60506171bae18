//! `src/service_model/models.bin`: what AWS's public service models say about results.
//!
//! The source is the Python package botocore (Apache-2.0), which carries the model of every AWS
//! service. It is no part of this repository: `pip install --no-deps --target DIR
//! botocore==1.41.5`, then name `DIR/botocore` in the variable `STEPPROOF_BOTOCORE`. The format is
//! described in `src/service_model/format.rs`.
//!
//! The release is the one whose models Step Functions was recorded to use. TestState refused a
//! `MemorySize` of 10241 on 2025-12-03 (`integer_more_than_maximum_allowed`), although botocore
//! 1.42.0, four days older, allows 32768. A newer release is right when newer recordings say so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::{DeflateDecoder, GzDecoder};
use flate2::write::DeflateEncoder;
use serde_json::Value;

use crate::{read, root};

/// Relative to the repository.
pub const PATH: &str = "src/service_model/models.bin";

/// The folder of the botocore package.
const VARIABLE: &str = "STEPPROOF_BOTOCORE";

/// The first line of the file.
const MAGIC: &str = "stepproof service models 1";

/// The services, as botocore calls them: the optimized integrations of Step Functions, and those
/// that published state machines call through `aws-sdk:` or plausibly may, without the few whose
/// models are large and whose use is rare (Connect, QuickSight, Security Hub and the like).
const SERVICES: &str = "
    accessanalyzer account acm apigateway apigatewayv2 appconfig appconfigdata
    application-autoscaling appflow appsync athena autoscaling backup batch bedrock bedrock-agent
    bedrock-agent-runtime bedrock-runtime budgets ce cloudformation cloudfront cloudtrail
    cloudwatch codebuild codecommit codedeploy codepipeline cognito-idp comprehend
    comprehendmedical config databrew datasync dms docdb ds dynamodb ebs ec2 ecr ecs efs eks
    elasticache elb elbv2 emr emr-containers emr-serverless events firehose forecast
    forecastquery fsx glacier glue health iam identitystore imagebuilder iot-data kendra
    keyspaces kinesis kinesisanalyticsv2 kms lakeformation lambda lex-runtime lexv2-runtime
    logs macie2 mediaconvert neptune opensearch opensearchserverless organizations personalize
    personalize-runtime pi pinpoint pipes polly pricing ram rds rds-data redshift redshift-data
    redshift-serverless rekognition resource-groups resourcegroupstaggingapi route53 s3
    s3control s3tables sagemaker sagemaker-a2i-runtime sagemaker-featurestore-runtime
    sagemaker-runtime scheduler secretsmanager service-quotas servicecatalog servicediscovery
    ses sesv2 sns sqs ssm ssm-incidents sso-admin stepfunctions sts support synthetics textract
    timestream-query timestream-write transcribe transfer translate wafv2 workspaces xray
";

/// What is known about the file after a look at botocore.
pub enum State {
    /// It says what botocore says.
    Fresh,
    /// It should hold these bytes.
    Stale(Vec<u8>),
    /// There is no botocore of the version that it was made from.
    Unknown(String),
}

/// Compares the file with botocore. A botocore of another version proves nothing unless the file
/// is to be written anew.
pub fn state(rewrite: bool) -> Result<State, String> {
    let committed = std::fs::read(root().join(PATH)).unwrap_or_default();
    let Some(folder) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        return Ok(State::Unknown(format!(
            "set {VARIABLE} to the folder of the Python package botocore to check it (`pip install \
             --no-deps --target DIR botocore=={}`, then DIR/botocore)",
            version_of(&committed).unwrap_or_default()
        )));
    };
    let version = version(&folder)?;
    match version_of(&committed) {
        Some(own) if own != version && !rewrite => {
            return Ok(State::Unknown(format!(
                "it was made from botocore {own}, and {} is {version}",
                folder.display()
            )));
        }
        _ => {}
    }
    let sections = sections(&folder)?;
    // What is compared is the text: compressed bytes differ between releases of the compressor.
    let stale = version_of(&committed) != Some(version.clone())
        || unpack(&committed).as_ref() != Some(&sections);
    Ok(if stale { State::Stale(pack(&version, &sections)?) } else { State::Fresh })
}

fn version(folder: &Path) -> Result<String, String> {
    let text = read(&folder.join("__init__.py"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "));
    line.map(|version| version.trim_matches(['\'', '"']).to_owned())
        .ok_or_else(|| format!("`{}` names no __version__", folder.display()))
}

/// The services by their `aws-sdk:` names, with their texts.
fn sections(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let mut sections = Vec::new();
    for service in SERVICES.split_whitespace() {
        let model = model(&folder.join("data").join(service))?;
        let id = model["metadata"]["serviceId"].as_str().unwrap_or(service);
        sections.push((sdk_name(id), text(&model)?));
    }
    sections.sort();
    Ok(sections)
}

/// The newest version of a service's model.
fn model(folder: &Path) -> Result<Value, String> {
    let at = |e: &dyn std::fmt::Display| format!("cannot read `{}`: {e}", folder.display());
    let versions = std::fs::read_dir(folder).map_err(|e| at(&e))?;
    let newest = versions.filter_map(Result::ok).map(|entry| entry.path()).max();
    let newest = newest.ok_or_else(|| at(&"it is empty"))?;
    let mut text = String::new();
    match std::fs::File::open(newest.join("service-2.json.gz")) {
        Ok(file) => GzDecoder::new(file).read_to_string(&mut text).map_err(|e| at(&e))?,
        Err(_) => std::fs::File::open(newest.join("service-2.json"))
            .and_then(|mut file| file.read_to_string(&mut text))
            .map_err(|e| at(&e))?,
    };
    serde_json::from_str(&text).map_err(|e| at(&e))
}

/// What Step Functions calls a service in `aws-sdk:`: the package name of the AWS SDK for Java 2,
/// which is the service id in lower case without spaces and without `Service` at its end.
fn sdk_name(id: &str) -> String {
    let id = id.strip_suffix(" Service").unwrap_or(id);
    id.to_lowercase().replace([' ', '-'], "")
}

fn text(model: &Value) -> Result<String, String> {
    let mut shapes = Shapes { model: &model["shapes"], index: BTreeMap::new(), lines: Vec::new() };
    let operations = model["operations"].as_object().ok_or("a model has no operations")?;
    let mut operations: Vec<_> = operations.iter().collect();
    operations.sort_by_key(|(name, _)| *name);
    let mut text = String::new();
    for (name, operation) in operations {
        let output = operation["output"]["shape"].as_str();
        let output = output.map_or_else(|| Ok("a".to_owned()), |shape| shapes.reference(shape))?;
        let (first, rest) = name.split_at(1);
        let _ = writeln!(text, "{}{rest}\t{output}", first.to_lowercase());
    }
    let _ = write!(text, "\n{}\n", shapes.lines.join("\n"));
    Ok(text)
}

struct Shapes<'a> {
    model: &'a Value,
    index: BTreeMap<&'a str, usize>,
    lines: Vec<String>,
}

impl<'a> Shapes<'a> {
    /// A letter where a letter says it all, the number of a line otherwise.
    fn reference(&mut self, name: &'a str) -> Result<String, String> {
        let shape = &self.model[name];
        let kind = shape["type"].as_str().ok_or_else(|| format!("there is no shape `{name}`"))?;
        let flag = |key: &str| shape[key].as_bool() == Some(true);
        let bounded = shape.get("min").is_some() || shape.get("max").is_some();
        let letter = match kind {
            _ if flag("document") || flag("eventstream") => Some("a"),
            "timestamp" => Some("t"),
            "boolean" => Some("b"),
            "string" | "character" | "blob" if !bounded && shape.get("enum").is_none() => Some("s"),
            "integer" | "long" | "float" | "double" | "short" | "bigdecimal" if !bounded => {
                Some("n")
            }
            _ => None,
        };
        if let Some(letter) = letter {
            return Ok(letter.to_owned());
        }
        if let Some(index) = self.index.get(name) {
            return Ok(index.to_string());
        }
        // Entered before its members are looked at, which may refer back to it.
        let index = self.lines.len();
        self.index.insert(name, index);
        self.lines.push(String::new());
        self.lines[index] = self.line(shape, kind)?;
        Ok(index.to_string())
    }

    fn line(&mut self, shape: &'a Value, kind: &str) -> Result<String, String> {
        let bounds = || format!("{}\t{}", bound(&shape["min"]), bound(&shape["max"]));
        let inner = |key: &str| shape[key]["shape"].as_str().unwrap_or_default();
        Ok(match kind {
            "structure" => {
                let required: Vec<&str> = shape["required"]
                    .as_array()
                    .map(|names| names.iter().filter_map(Value::as_str).collect())
                    .unwrap_or_default();
                let mut line = String::from("{");
                for (name, member) in shape["members"].as_object().into_iter().flatten() {
                    let reference = self.reference(member["shape"].as_str().unwrap_or_default())?;
                    let mark = if required.contains(&&**name) { '!' } else { '=' };
                    let tab = if line.len() > 1 { "\t" } else { "" };
                    let _ = write!(line, "{tab}{name}{mark}{reference}");
                }
                line
            }
            "list" => format!("[{}", self.reference(inner("member"))?),
            "map" => format!("<{}", self.reference(inner("value"))?),
            "blob" => format!("x{}", bounds()),
            "string" | "character" => match shape["enum"].as_array() {
                Some(values) => {
                    let values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
                    format!("e{}", values.join("\t"))
                }
                None => format!("s{}", bounds()),
            },
            _ => format!("n{}", bounds()),
        })
    }
}

/// A bound, or nothing.
fn bound(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    }
}

fn pack(version: &str, sections: &[(String, String)]) -> Result<Vec<u8>, String> {
    let mut head = format!(
        "{MAGIC}\nmade from the service models of botocore {version}, \
         https://github.com/boto/botocore, Copyright Amazon.com, Inc. or its affiliates, \
         Apache License 2.0; names, types, required members and bounds of results, nothing else\n"
    );
    let mut body = Vec::new();
    for (name, text) in sections {
        let start = body.len();
        let mut encoder = DeflateEncoder::new(&mut body, Compression::best());
        encoder
            .write_all(text.as_bytes())
            .and_then(|()| encoder.finish().map(|_| ()))
            .map_err(|e| format!("cannot compress `{name}`: {e}"))?;
        let _ = writeln!(head, "{name}\t{start}\t{}", body.len() - start);
    }
    head.push('\n');
    let mut bytes = head.into_bytes();
    bytes.extend(body);
    Ok(bytes)
}

/// The head, and what follows its empty line.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n")?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]))
}

/// The version of botocore that the committed file names.
fn version_of(bytes: &[u8]) -> Option<String> {
    let (_, rest) = split(bytes)?.0.split_once(" botocore ")?;
    rest.split(',').next().map(str::to_owned)
}

fn unpack(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let (head, body) = split(bytes)?;
    let section = |line: &str| {
        let mut parts = line.split('\t');
        let name = parts.next()?.to_owned();
        let start: usize = parts.next()?.parse().ok()?;
        let length: usize = parts.next()?.parse().ok()?;
        let mut text = String::new();
        DeflateDecoder::new(body.get(start..start + length)?).read_to_string(&mut text).ok()?;
        Some((name, text))
    };
    head.lines().skip(2).map(section).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_model_becomes_lines() {
        let model = json!({
            "operations": {
                "Put": {},
                "GetThing": { "output": { "shape": "Thing" } }
            },
            "shapes": {
                "Thing": {
                    "type": "structure",
                    "required": ["Id"],
                    "members": {
                        "Id": { "shape": "Id" },
                        "Kind": { "shape": "Kind" },
                        "Size": { "shape": "Size" },
                        "Parts": { "shape": "Things" },
                        "Tags": { "shape": "Tags" },
                        "Body": { "shape": "Body" },
                        "When": { "shape": "When" },
                        "Free": { "shape": "Free" }
                    }
                },
                "Id": { "type": "string", "min": 1, "pattern": ".*" },
                "Kind": { "type": "string", "enum": ["small", "very large"] },
                "Size": { "type": "integer", "min": 0, "max": 9 },
                "Things": { "type": "list", "member": { "shape": "Thing" } },
                "Tags": { "type": "map", "key": { "shape": "Id" }, "value": { "shape": "Body" } },
                "Body": { "type": "blob" },
                "When": { "type": "timestamp" },
                "Free": { "type": "structure", "members": {}, "document": true }
            }
        });
        let expected = "getThing\t0\nput\ta\n\n{Id!1\tKind=2\tSize=3\tParts=4\tTags=5\tBody=s\tWhen=t\
                        \tFree=a\ns1\t\nesmall\tvery large\nn0\t9\n[0\n<s\n";
        assert_eq!(text(&model).unwrap(), expected);
    }

    #[test]
    fn names_are_those_of_the_java_sdk() {
        for (id, name) in [
            ("SFN", "sfn"),
            ("EventBridge", "eventbridge"),
            ("CloudWatch Logs", "cloudwatchlogs"),
            ("Redshift Data", "redshiftdata"),
            ("Config Service", "config"),
            ("Database Migration Service", "databasemigration"),
            ("Elastic Load Balancing v2", "elasticloadbalancingv2"),
        ] {
            assert_eq!(sdk_name(id), name);
        }
    }

    #[test]
    fn what_is_packed_can_be_unpacked() {
        let sections = vec![
            ("a".to_owned(), "one\ta\n\n".to_owned()),
            ("b".to_owned(), "two\t0\n\n{}\n".to_owned()),
        ];
        let bytes = pack("1.2.3", &sections).unwrap();
        assert_eq!(version_of(&bytes).as_deref(), Some("1.2.3"));
        assert_eq!(unpack(&bytes), Some(sections));
    }
}
