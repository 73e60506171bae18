//! Calls of the API as CloudTrail records them.
//!
//! The form is that of the guide's "Logging Step Functions Using AWS CloudTrail", with the members
//! that records have gained since (CloudTrail record contents): `readOnly`, `managementEvent` and
//! `eventCategory`. Requests that no trail would show, since nobody could be found who made them
//! or no operation of Step Functions was called, are not among them.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};

use crate::api::{self, ApiError};
use crate::server::wire;
use crate::service::Account;
use crate::time::Timestamp;
use crate::value::{Map, Number, Value};

/// A request that an HTTP Task made.
///
/// CloudTrail has it as the data event `InvokeHTTPEndpoint` of the state machine, an event of the
/// service itself: nobody called the API (guide of today, "Recording API calls with AWS CloudTrail"
/// and CloudTrail's own "AWS service events").
#[derive(Debug)]
pub(super) struct HttpInvocation {
    pub(super) time: Timestamp,
    pub(super) method: String,
    pub(super) endpoint: String,
    pub(super) state_machine_arn: Arc<str>,
    /// How many came before it.
    pub(super) count: u64,
}

/// Who acts, where nobody called.
const SERVICE: &str = "states.amazonaws.com";

impl HttpInvocation {
    /// The record.
    pub(super) fn to_value(&self, account: &Account) -> Value {
        let account_id = || Value::String(account.account_id.clone());
        // An id that is no other call's.
        let seed = account.seed.cast_unsigned().rotate_left(32) ^ 0x4854_5450;
        let event_id = wire::request_id(seed, self.count);
        let details = Value::object([
            ("httpMethod", Value::string(&self.method)),
            ("httpEndpoint", Value::string(&self.endpoint)),
        ]);
        let identity =
            Value::object([("accountId", account_id()), ("invokedBy", Value::string(SERVICE))]);
        let resource = Value::String(self.state_machine_arn.clone());
        Value::object([
            ("eventVersion", Value::string(VERSION)),
            ("userIdentity", identity),
            ("eventTime", event_time(self.time)),
            ("eventSource", Value::string(SERVICE)),
            ("eventName", Value::string("InvokeHTTPEndpoint")),
            ("awsRegion", Value::String(account.region.clone())),
            ("sourceIPAddress", Value::string(SERVICE)),
            ("userAgent", Value::string(SERVICE)),
            ("requestParameters", Value::Null),
            ("responseElements", Value::Null),
            ("eventID", Value::string(event_id.to_str().unwrap_or_default())),
            ("readOnly", Value::Bool(false)),
            ("resources", Value::array([data_resource(account, STATE_MACHINE, resource)])),
            ("eventType", Value::string("AwsServiceEvent")),
            ("managementEvent", Value::Bool(false)),
            ("recipientAccountId", account_id()),
            ("serviceEventDetails", details),
            ("eventCategory", Value::string("Data")),
        ])
    }
}

/// The version of records.
const VERSION: &str = "1.08";

/// The type of a data event's resource.
const STATE_MACHINE: &str = "AWS::StepFunctions::StateMachine";

fn data_resource(account: &Account, kind: &str, arn: Value) -> Value {
    Value::object([
        ("accountId", Value::String(account.account_id.clone())),
        ("type", Value::string(kind)),
        ("ARN", arn),
    ])
}

/// To the second.
fn event_time(time: Timestamp) -> Value {
    let seconds = Timestamp(time.millis().div_euclid(1_000) * 1_000);
    Value::from(seconds.to_context_text())
}

/// A call of the API.
#[derive(Debug)]
pub(in crate::server) struct Call {
    operation: &'static str,
    time: Timestamp,
    source: IpAddr,
    user_agent: Option<String>,
    access_key_id: Option<String>,
    request_id: String,
    event_id: String,
    /// The request, without secrets.
    parameters: Value,
    /// The body of the answer, or error code and message.
    answer: Result<String, (&'static str, String)>,
}

impl Call {
    /// A call that has just come in, and is not read yet.
    pub(in crate::server) fn new(
        operation: &'static str,
        time: Timestamp,
        source: IpAddr,
        headers: &HeaderMap,
    ) -> Self {
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        Self {
            operation,
            time,
            source,
            user_agent: headers.get(USER_AGENT).and_then(text),
            access_key_id: headers.get(AUTHORIZATION).and_then(|value| {
                // `… Credential=KEY_ID/20240101/us-east-1/states/aws4_request, …`
                let (_, credential) = value.to_str().ok()?.split_once("Credential=")?;
                let key_id = credential.split(['/', ',', ' ']).next()?;
                (!key_id.is_empty()).then(|| key_id.to_owned())
            }),
            request_id: String::new(),
            event_id: String::new(),
            parameters: Value::Null,
            answer: Ok(String::new()),
        }
    }

    /// The call was read.
    pub(in crate::server) fn read(&mut self, request: &api::Request) {
        self.parameters = request.recorded();
    }

    /// The call was answered.
    pub(in crate::server) fn answered(
        &mut self,
        result: &Result<String, ApiError>,
        request_id: &HeaderValue,
        event_id: &HeaderValue,
    ) {
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        (self.request_id, self.event_id) = (text(request_id), text(event_id));
        self.answer = match result {
            Ok(_) if api::only_reads(self.operation) => Ok(String::new()),
            Ok(body) => Ok(body.clone()),
            Err(error) => Err((error.code, error.message.clone())),
        };
    }

    /// The record.
    pub(super) fn to_value(&self, account: &Account) -> Value {
        let mut record = Map::default();
        let mut add = |key: &str, value: Value| record.insert(key.into(), value);
        let account_id = || Value::String(account.account_id.clone());
        add("eventVersion", Value::string(VERSION));
        add("userIdentity", self.identity(account));
        add("eventTime", event_time(self.time));
        add("eventSource", Value::string(SERVICE));
        add("eventName", Value::string(self.operation));
        add("awsRegion", Value::String(account.region.clone()));
        add("sourceIPAddress", Value::from(self.source.to_string()));
        add("userAgent", self.user_agent.as_deref().map_or(Value::Null, Value::from));
        let mut elements = Value::Null;
        match &self.answer {
            Ok(body) => elements = dated(api::recorded_answer(self.operation, body)),
            Err((code, message)) => {
                add("errorCode", Value::string(code));
                add("errorMessage", Value::string(message));
            }
        }
        add("requestParameters", self.parameters.clone());
        add("responseElements", elements);
        add("requestID", Value::string(&self.request_id));
        add("eventID", Value::string(&self.event_id));
        add("readOnly", Value::Bool(api::only_reads(self.operation)));
        let data = self.data_resource(account);
        let is_data = data.is_some();
        if let Some(resource) = data {
            add("resources", Value::array([resource]));
        }
        add("eventType", Value::string("AwsApiCall"));
        add("managementEvent", Value::Bool(!is_data));
        add("recipientAccountId", account_id());
        add("eventCategory", Value::string(if is_data { "Data" } else { "Management" }));
        Value::from(record)
    }

    /// Who made the request. Nothing but the access key is known of them: the user is called as it.
    fn identity(&self, account: &Account) -> Value {
        let Some(key_id) = &self.access_key_id else {
            return Value::object([("type", Value::string("Unknown"))]);
        };
        let arn = format!("arn:aws:iam::{}:user/{key_id}", account.account_id);
        Value::object([
            ("type", Value::string("IAMUser")),
            ("principalId", Value::string(key_id)),
            ("arn", Value::from(arn)),
            ("accountId", Value::String(account.account_id.clone())),
            ("accessKeyId", Value::string(key_id)),
            ("userName", Value::string(key_id)),
        ])
    }

    /// The resource of a data event; those of all other operations are management events (guide of
    /// today, "Recording API calls with AWS CloudTrail").
    fn data_resource(&self, account: &Account) -> Option<Value> {
        let (kind, member) = match self.operation {
            "StartSyncExecution" => (STATE_MACHINE, "stateMachineArn"),
            "GetActivityTask" => ("AWS::StepFunctions::Activity", "activityArn"),
            _ => return None,
        };
        let arn = self.parameters.get(member).cloned().unwrap_or_default();
        Some(data_resource(account, kind, arn))
    }
}

/// The answer with its dates as CloudTrail writes them.
fn dated(elements: Value) -> Value {
    let Value::Object(members) = &elements else { return elements };
    Value::object(members.iter().map(|(key, value)| match value {
        Value::Number(seconds) if key.ends_with("Date") => (key.clone(), date(seconds)),
        _ => (key.clone(), value.clone()),
    }))
}

fn date(seconds: &Number) -> Value {
    let millis = (seconds.as_f64() * 1_000.0).round() as i64;
    Value::from(Timestamp(millis).to_trail_text())
}
