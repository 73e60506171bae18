//! The server's own pages: whether it is ready, and its clock.

use hyper::StatusCode;
use hyper::http::request::Parts;

use super::clock::ClockMode;
use super::driver::ClockState;
use super::http::{Site, is_json};
use super::wire::{self, Answer};
use crate::api::ApiError;
use crate::duration;
use crate::time::Timestamp;
use crate::value::Value;

/// The last time that RFC 3339 can write: the end of the year 9999.
const LATEST: Timestamp = Timestamp(253_402_300_799_999);

/// `GET /_stepproof/health`: there is an answer as soon as the server takes requests. While the data
/// folder cannot be written it is a 503 that says why, as requests that change something get.
pub(super) fn health(site: &Site) -> Answer {
    let trouble = site.shared.trouble();
    let (code, status) = match &trouble {
        None => (StatusCode::OK, "ready"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let members = [("status", status), ("version", env!("CARGO_PKG_VERSION"))];
    let message = trouble.iter().map(|cause| ("message", &**cause));
    let body = members.into_iter().chain(message).map(|(name, text)| (name, Value::from(text)));
    wire::plain(code, Value::object(body).to_json())
}

/// `GET /_stepproof/clock`
pub(super) fn clock(site: &Site) -> Answer {
    let mode = site.options.clock;
    let state = site.shared.with(|driver, real| driver.clock_state(real));
    wire::plain(StatusCode::OK, describe(mode, &state).to_json())
}

/// `POST /_stepproof/clock` with `freeze` (true or false) and `advance` (seconds, or a duration such
/// as `1h30m`). What the account does in that time is done when the answer comes. With `before`,
/// a frozen clock stops just before what is due at the end of it, which happens only when the clock
/// is told to go on: requests that come meanwhile are made at that time and are heard first.
pub(super) async fn set_clock(site: &Site, parts: &Parts, body: &[u8]) -> Answer {
    if !is_json(parts) {
        return refused("the Content-Type must be `application/json`");
    }
    let change = match read(body) {
        Ok(change) => change,
        Err(message) => return refused(&message),
    };
    let set = site.shared.with(|driver, real| {
        if change.advance.is_some_and(|advance| driver.clock().after(advance, real) > LATEST) {
            return false;
        }
        let clock = driver.clock_mut();
        if let Some(frozen) = change.freeze {
            clock.freeze(frozen, real);
        }
        if let Some(advance) = change.advance {
            // On a clock that goes on by itself nothing would ever let go on what is held.
            clock.advance(advance, change.before && clock.is_frozen(), real);
        }
        true
    });
    if !set {
        return refused("`advance` leads beyond the year 9999, where no time can be written");
    }
    site.shared.quiesce().await;
    if let Err(cause) = site.shared.kept().await {
        return wire::plain(StatusCode::SERVICE_UNAVAILABLE, message(&cause));
    }
    clock(site)
}

/// `POST /_stepproof/redeliver` with `executionArn`: the start of an asynchronous Express execution
/// arrives once more, as it may on AWS, where they run at least once.
pub(super) async fn redeliver(site: &Site, parts: &Parts, body: &[u8]) -> Answer {
    if !is_json(parts) {
        return refused("the Content-Type must be `application/json`");
    }
    let body = Value::parse(&String::from_utf8_lossy(body)).unwrap_or_default();
    let Some(arn) = body.get("executionArn").and_then(Value::as_str) else {
        return refused(
            "the body must be an object with the `executionArn` of an Express execution",
        );
    };
    match site.shared.with(|driver, real| driver.redeliver(arn, real)) {
        Ok(()) => match site.shared.kept().await {
            Ok(()) => wire::plain(StatusCode::OK, String::from("{}")),
            Err(cause) => wire::plain(StatusCode::SERVICE_UNAVAILABLE, message(&cause)),
        },
        Err(error) => refused(&format!("{}: {}", error.code, error.message)),
    }
}

/// A request that the server's own pages do not understand.
pub(super) fn refused(text: &str) -> Answer {
    wire::plain(StatusCode::BAD_REQUEST, message(text))
}

/// A request for the server's own pages that could not be read.
pub(super) fn unread(error: &ApiError) -> Answer {
    let status = StatusCode::from_u16(wire::status(error)).unwrap_or(StatusCode::BAD_REQUEST);
    wire::closing(wire::plain(status, message(&error.message)))
}

/// `{"message": …}`
pub(super) fn message(text: &str) -> String {
    Value::object([("message", Value::from(text))]).to_json()
}

struct Change {
    freeze: Option<bool>,
    advance: Option<std::time::Duration>,
    before: bool,
}

fn read(body: &[u8]) -> Result<Change, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let value = Value::parse(text).map_err(|error| format!("the body is no JSON: {error}"))?;
    let Some(members) = value.as_object() else {
        return Err("the body must be an object with `freeze` or `advance`".to_owned());
    };
    let mut change = Change { freeze: None, advance: None, before: false };
    for (key, value) in members.iter() {
        match (&**key, value) {
            ("freeze", Value::Bool(freeze)) => change.freeze = Some(*freeze),
            ("before", Value::Bool(before)) => change.before = *before,
            ("before", _) => return Err("`before` must be true or false".to_owned()),
            ("freeze", _) => return Err("`freeze` must be true or false".to_owned()),
            ("advance", value) => {
                let parsed = match value {
                    Value::String(text) => duration::parse(text),
                    value => value
                        .as_f64()
                        .filter(|seconds| (0.0..=1e12).contains(seconds))
                        .map(std::time::Duration::from_secs_f64),
                };
                let form = duration::FORM;
                change.advance = Some(parsed.ok_or_else(|| {
                    format!("`advance` must be a number of seconds or {form}, not {value}")
                })?);
            }
            (key, _) => {
                return Err(format!(
                    "`{key}` is unknown; there are `freeze`, `advance` and `before`"
                ));
            }
        }
    }
    Ok(change)
}

fn describe(mode: ClockMode, state: &ClockState) -> Value {
    let mode = match mode {
        ClockMode::Real { .. } => "real",
        ClockMode::Virtual { .. } => "virtual",
    };
    let waiting = state.waiting_for.iter().map(|(state, arn)| {
        Value::object([
            ("state", Value::from(state.as_str())),
            ("executionArn", Value::from(arn.as_str())),
        ])
    });
    let time = |time: Timestamp| Value::from(time.to_rfc3339_millis());
    Value::object([
        ("mode", Value::from(mode)),
        ("time", time(state.now)),
        ("frozen", Value::Bool(state.frozen)),
        ("nextTimer", state.next_timer.map(time).unwrap_or_default()),
        ("waitingFor", Value::array(waiting)),
    ])
}
