//! Reading cases from the tree in which defaults and tables are already merged.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::case::{
    Basis, Case, CaseMock, CaseObject, ExpectedDiagnostic, NestedMachine, Proof, World,
};
use super::definition::{Definition, Definitions, Terms};
use super::{INVALID_SCENARIO, expect, locate, names, state_test, versions};
use crate::asl::ExecutionType;
use crate::diagnostic::Severity;
use crate::document::{Decoder, Document, Kind, Member, Members, Node};
use crate::limits::{Limits, PayloadLimit};
use crate::map_run::split_uri;
use crate::mock::{Mock, MockError};
use crate::service_model::FieldValidationMode;
use crate::sim::{Action, START_TIME, Worker};
use crate::time::Timestamp;
use crate::value::Value;

/// Reads the cases of a document; what is wrong with them is in `decoder`.
pub(super) struct CaseReader<'r> {
    pub(super) decoder: Decoder<'r>,
    pub(super) definitions: Definitions<'r>,
    /// The file's name without endings.
    pub(super) file_stem: &'r str,
    pub(super) document: &'r Document,
}

impl CaseReader<'_> {
    /// Reads a case from the node in which defaults and table columns are already merged.
    pub(super) fn read(&mut self, node: &Node, shared: bool) -> Option<Case> {
        let decoder = &mut self.decoder;
        let mut members = decoder.object(node)?;
        let mut text = |key| members.take(key).and_then(|node| decoder.string(node)).cloned();
        let name = text("name").unwrap_or_else(|| self.file_stem.into());
        let description = text("description");
        let execution_name = text("executionName").unwrap_or_else(|| "execution".into());
        let state_machine_name = text("stateMachineName");
        let role_arn = text("roleArn");
        members.take("forEach");
        let tags = strings(decoder, members.take("tags"));
        let proof = read_proof(decoder, &mut members);
        let execution_type = read_type(decoder, &mut members);
        let start_time = members.take("startTime").and_then(|node| read_time(decoder, node));
        let seed = members.take("seed").and_then(|node| decoder.unsigned(node));
        let interleaving =
            members.take("interleaving").and_then(|node| read_interleaving(decoder, node));
        let limits = read_limits(decoder, &mut members);
        let field_validation_mode = members
            .take("fieldValidationMode")
            .and_then(|node| decoder.choice(node, &FieldValidationMode::NAMES));
        let duplicate_delivery = members
            .take("duplicateDelivery")
            .and_then(|node| read_delivery(decoder, node, execution_type.unwrap_or_default()));
        let input = self.read_input(&mut members);
        let mut world = self.read_world(&mut members, limits, &node.span);
        let decoder = &mut self.decoder;
        state_test::refuse_idle(decoder, &mut members);
        let expect_invalid = members.take("expectInvalid").map(|node| read_refusals(decoder, node));
        let state_test = state_test::read(decoder, &mut members, node);
        let expect = expect::read(decoder, self.definitions.folder(), members.take("expect"), node);
        let terms = Terms { substitutions: members.take("substitutions"), limits, execution_type };
        let definition = self.read_definition(&mut members, terms);
        let versions = self.read_versions(&mut members, terms);
        let start_through = members
            .take("startThrough")
            .and_then(|node| versions::read_qualifier(&mut self.decoder, node, &versions));
        members.finish(&mut self.decoder);
        let definition = definition?;
        let deployed = definition.deployed.as_ref();
        for sibling in deployed.map_or(&[][..], |deployed| &deployed.siblings) {
            if !world.machines.iter().any(|machine| machine.name == sibling.name) {
                world.machines.push(sibling.clone());
            }
        }
        let own_type = deployed.map(|deployed| deployed.execution_type);
        let own_name = deployed.map(|deployed| deployed.name.clone());
        let role_arn = role_arn.or_else(|| deployed.and_then(|deployed| deployed.role_arn.clone()));
        let case = Case {
            name,
            description,
            tags,
            versions,
            start_through,
            span: node.span.clone(),
            shared,
            execution_type: execution_type.or(own_type).unwrap_or_default(),
            input: input?,
            execution_name,
            state_machine_name: state_machine_name
                .or(own_name)
                .unwrap_or_else(|| self.file_stem.into()),
            definition,
            role_arn,
            start_time: start_time.unwrap_or(START_TIME),
            seed: seed.unwrap_or(0),
            interleaving,
            limits,
            field_validation_mode,
            duplicate_delivery,
            world,
            expect,
            expect_invalid,
            state_test,
            proof,
        };
        names::check(&mut self.decoder, &case);
        state_test::check(&mut self.decoder, node, &case);
        Some(case)
    }

    fn read_definition(
        &mut self,
        members: &mut Members<'_>,
        terms: Terms<'_>,
    ) -> Option<Arc<Definition>> {
        let Some(node) = members.take("definition") else {
            let help = "add `definition: PATH` at the top of the file, or write it inline";
            let message = "the case has no definition";
            let problem = self.document.error_in(members.node, INVALID_SCENARIO, message);
            self.decoder.push(problem.with_help(help));
            return None;
        };
        self.definitions.load(&mut self.decoder, self.document, node, terms)
    }

    fn read_world(
        &mut self,
        members: &mut Members<'_>,
        limits: Limits,
        case: &Range<usize>,
    ) -> World {
        let mut world = World::default();
        let decoder = &mut self.decoder;
        if let Some(node) = members.take("mocks") {
            read_mocks(decoder, node, None, case, &mut world.mocks);
        }
        if let Some(node) = members.take("activities") {
            for member in decoder.entries(node).unwrap_or_default() {
                let worker = Worker::parse(&member.value.to_value());
                let worker = located(decoder, &member.value, worker);
                world.workers.extend(worker.map(|worker| (member.key.clone(), worker)));
            }
        }
        if let Some(node) = members.take("actions") {
            for item in decoder.array(node).unwrap_or_default() {
                world.actions.extend(located(decoder, item, Action::parse(&item.to_value())));
            }
        }
        if let Some(node) = members.take("objects") {
            self.read_objects(node, &mut world);
        }
        if let Some(node) = members.take("machines") {
            world.machines = self.read_machines(node, limits, case, &mut world.mocks);
        }
        world
    }

    /// Reads `s3://BUCKET/KEY: BODY`, where the body is text, JSON, or `{ file: PATH }`.
    fn read_objects(&mut self, node: &Node, world: &mut World) {
        for member in self.decoder.entries(node).unwrap_or_default() {
            let Some((bucket, key)) = split_uri(&member.key) else {
                let message = format!("`{}` is not of the form s3://BUCKET/KEY", member.key);
                self.decoder.error(member.key_span.clone(), message);
                continue;
            };
            let value = &member.value;
            let file = value.as_object().filter(|members| members.len() == 1);
            let body: Arc<[u8]> = match (&value.kind, file.and_then(|_| value.get("file"))) {
                (Kind::Null, _) if key.is_empty() => {
                    world.missing_buckets.push(bucket.into());
                    continue;
                }
                _ if key.is_empty() => {
                    let help = "a bucket alone takes `null`: it does not exist";
                    let message = "the object has no key";
                    self.decoder.error_with_help(member.key_span.clone(), message, help);
                    continue;
                }
                (_, Some(file)) => {
                    let Some(path) = self.decoder.string(file).cloned() else { continue };
                    let bytes = self.definitions.read_bytes(&mut self.decoder, file, &path);
                    let Some(bytes) = bytes else { continue };
                    bytes.into()
                }
                (Kind::String(text), None) => text.as_bytes().into(),
                (_, None) => value.to_value().to_json().into_bytes().into(),
            };
            world.objects.push(CaseObject { bucket: bucket.into(), key: key.into(), body });
        }
    }

    fn read_machines(
        &mut self,
        node: &Node,
        limits: Limits,
        case: &Range<usize>,
        mocks: &mut Vec<CaseMock>,
    ) -> Vec<NestedMachine> {
        let mut machines = Vec::new();
        for member in self.decoder.entries(node).unwrap_or_default() {
            let Some(mut members) = self.decoder.object(&member.value) else { continue };
            let execution_type = read_type(&mut self.decoder, &mut members);
            let substitutions = members.take("substitutions");
            let terms = Terms { substitutions, limits, execution_type };
            if let Some(node) = members.take("mocks") {
                read_mocks(&mut self.decoder, node, Some(&member.key), case, mocks);
            }
            let definition = members.require(&mut self.decoder, "definition").and_then(|node| {
                self.definitions.load(&mut self.decoder, self.document, node, terms)
            });
            let versions = self.read_versions(&mut members, terms);
            members.finish(&mut self.decoder);
            let name = member.key.clone();
            let inherited = !is_own(&member.key_span, case);
            machines.extend(definition.map(|definition| {
                NestedMachine {
                    inherited,
                    name,
                    execution_type: execution_type
                        .or(definition.deployed.as_ref().map(|deployed| deployed.execution_type))
                        .unwrap_or_default(),
                    definition,
                    versions,
                }
            }));
        }
        machines
    }

    fn read_input(&mut self, members: &mut Members<'_>) -> Option<Value> {
        let inline = members.take("input");
        let file = members.take("inputFile");
        match (inline, file) {
            (Some(_), Some(file)) => {
                let message = "`input` and `inputFile` exclude each other";
                self.decoder.error(file.span.clone(), message);
                None
            }
            (Some(node), None) => Some(node.to_value()),
            (None, Some(file)) => {
                let path = self.decoder.string(file)?.clone();
                let document = self.definitions.read_file(&mut self.decoder, file, &path)?;
                Some(document.root.to_value())
            }
            (None, None) => Some(Value::object::<Arc<str>>([])),
        }
    }
}

fn read_type(decoder: &mut Decoder<'_>, members: &mut Members<'_>) -> Option<ExecutionType> {
    let types = [("STANDARD", ExecutionType::Standard), ("EXPRESS", ExecutionType::Express)];
    members.take("type").and_then(|node| decoder.choice(node, &types))
}

/// Reads `duplicateDelivery`, which Express executions alone may have.
fn read_delivery(
    decoder: &mut Decoder<'_>,
    node: &Node,
    execution_type: ExecutionType,
) -> Option<Duration> {
    if execution_type == ExecutionType::Standard {
        let help = "say `type: EXPRESS`: asynchronous Express executions run at least once";
        let message = "the start of a Standard execution is delivered exactly once";
        decoder.error_with_help(node.span.clone(), message, help);
        return None;
    }
    let millis = expect::span_of_time(decoder, node)?;
    u64::try_from(millis).ok().map(Duration::from_millis)
}

fn read_time(decoder: &mut Decoder<'_>, node: &Node) -> Option<Timestamp> {
    let time = node.as_str().and_then(|text| Timestamp::parse_lenient(text));
    if time.is_none() {
        let help = "write it like 2024-01-01T00:00:00Z";
        decoder.error_with_help(node.span.clone(), "expected an RFC 3339 time", help);
    }
    time
}

fn read_interleaving(decoder: &mut Decoder<'_>, node: &Node) -> Option<u64> {
    match node.as_str() {
        Some(text) if &**text == "fixed" => None,
        Some(_) => {
            decoder.error(node.span.clone(), "expected `fixed` or a seed");
            None
        }
        None => decoder.unsigned(node),
    }
}

/// Whether what stands at `span` is the case's own, not its defaults'.
pub(super) fn is_own(span: &Range<usize>, case: &Range<usize>) -> bool {
    case.start <= span.start && span.end <= case.end
}

fn read_mocks(
    decoder: &mut Decoder<'_>,
    node: &Node,
    machine: Option<&Arc<str>>,
    case: &Range<usize>,
    mocks: &mut Vec<CaseMock>,
) {
    for member in decoder.entries(node).unwrap_or_default() {
        let mock = Mock::parse(&member.value.to_value());
        if let Some(mock) = located(decoder, &member.value, mock) {
            let inherited = !is_own(&member.key_span, case);
            let (machine, key) = (machine.cloned(), member.key.clone());
            mocks.push(CaseMock { machine, key, mock, inherited });
        }
    }
}

/// What was read from the value of `node`; a mistake is reported at its own place.
fn located<T>(decoder: &mut Decoder<'_>, node: &Node, result: Result<T, MockError>) -> Option<T> {
    result
        .map_err(|error| {
            decoder.error(locate(node, &error.path).span.clone(), error.message);
        })
        .ok()
}

/// Reads `profile`, and `limits` on top of it.
fn read_limits(decoder: &mut Decoder<'_>, members: &mut Members<'_>) -> Limits {
    let profiles = [Limits::today(), Limits::guide_2019()];
    let words = profiles.map(|limits| (limits.profile, limits));
    let profile = members.take("profile").and_then(|node| decoder.choice(node, &words));
    let mut limits = profile.unwrap_or_default();
    let Some(mut single) = members.take("limits").and_then(|node| decoder.object(node)) else {
        return limits;
    };
    let mut number = |key| single.take(key).and_then(|node| decoder.unsigned(node));
    let size = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok());
    if let Some(bytes) = size(number("payloadBytes")) {
        limits.payload = PayloadLimit::Bytes(bytes);
    }
    if let Some(characters) = size(number("payloadCharacters")) {
        limits.payload = PayloadLimit::Characters(characters);
    }
    let mut set = |limit: &mut u64, key| *limit = number(key).unwrap_or(*limit);
    set(&mut limits.history_events, "historyEvents");
    set(&mut limits.standard_seconds, "standardSeconds");
    set(&mut limits.express_seconds, "expressSeconds");
    set(&mut limits.http_task_seconds, "httpTaskSeconds");
    set(&mut limits.result_file_bytes, "resultFileBytes");
    let mut set = |limit: &mut usize, key| *limit = size(number(key)).unwrap_or(*limit);
    set(&mut limits.definition_bytes, "definitionBytes");
    set(&mut limits.name_chars, "nameChars");
    set(&mut limits.inline_map_concurrency, "inlineMapConcurrency");
    set(&mut limits.distributed_map_concurrency, "distributedMapConcurrency");
    set(&mut limits.assign_bytes, "assignBytes");
    set(&mut limits.variables_bytes, "variablesBytes");
    single.finish(decoder);
    limits
}

/// The words of a list; a single word may stand without one.
fn strings(decoder: &mut Decoder<'_>, node: Option<&Node>) -> Vec<Arc<str>> {
    let Some(node) = node else { return Vec::new() };
    match &node.kind {
        Kind::String(text) => vec![text.clone()],
        _ => {
            let items = decoder.array(node).unwrap_or_default();
            items.iter().filter_map(|item| decoder.string(item).cloned()).collect()
        }
    }
}

fn read_proof(decoder: &mut Decoder<'_>, members: &mut Members<'_>) -> Proof {
    let features = strings(decoder, members.take("features"));
    let mut proves = Vec::new();
    if let Some(node) = members.take("proves") {
        for item in decoder.array(node).unwrap_or_default() {
            let Some(mut section) = decoder.object(item) else { continue };
            for kind in ["guide", "spec", "documentation"] {
                let text = section.take(kind).and_then(|node| decoder.string(node));
                proves.extend(text.map(|text| (kind, text.clone())));
            }
            section.finish(decoder);
        }
    }
    let words = [
        ("observed", Basis::Observed),
        ("documented", Basis::Documented),
        ("inferred", Basis::Inferred),
    ];
    let basis_node = members.take("basis");
    let basis = basis_node.and_then(|node| decoder.choice(node, &words));
    let recording = members.take("recording").and_then(|node| decoder.string(node)).cloned();
    if let (Some(node), Some(Basis::Observed), None) = (basis_node, basis, &recording) {
        let help = "add `recording: NAME`, or say `documented` or `inferred`";
        let message = "what was observed on AWS names the recording that shows it";
        decoder.error_with_help(node.span.clone(), message, help);
    }
    Proof { features, proves, basis, recording }
}

fn read_refusals(decoder: &mut Decoder<'_>, node: &Node) -> Vec<ExpectedDiagnostic> {
    let items = decoder.array(node).unwrap_or_default();
    let mut refusals = Vec::with_capacity(items.len());
    for item in items {
        let Some(mut members) = decoder.object(item) else { continue };
        let mut text = |key| members.take(key).and_then(|node| decoder.string(node)).cloned();
        let (code, location, message) = (text("code"), text("location"), text("message"));
        let words = [("ERROR", Severity::Error), ("WARNING", Severity::Warning)];
        let severity = members.take("severity").and_then(|node| decoder.choice(node, &words));
        let severity = severity.unwrap_or(Severity::Error);
        members.finish(decoder);
        let span = item.span.clone();
        refusals.push(ExpectedDiagnostic { severity, code, location, message, span });
    }
    refusals
}

/// The members of `node`, where it is an object.
pub(super) fn members_of(node: &Node) -> &[Member] {
    node.as_object().unwrap_or_default()
}
