//! The JSON of a history, before it means anything: pages, events, and every details member of
//! the API's service model, borrowed from the text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::event::EventId;
use super::read::HistoryError;
use crate::json;
use crate::time::Timestamp;
use crate::value::Value;

/// An event whose type and details nobody has looked at yet.
pub(super) struct Event<'a> {
    pub id: EventId,
    pub previous_event_id: EventId,
    pub timestamp: Option<Timestamp>,
    pub event_type: Cow<'a, str>,
    /// The `…EventDetails` member and its name.
    pub details: Option<(Cow<'a, str>, Box<Details<'a>>)>,
    pub unknown: Vec<String>,
}

/// A member that holds JSON as a string, as it stands in the text.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(&'a str);

/// `inputDetails`, `outputDetails`, `assignedVariablesDetails`.
#[derive(Clone, Copy)]
pub(super) struct Truncated {
    pub truncated: bool,
}

/// `taskCredentials`.
pub(super) struct Credentials<'a> {
    pub role_arn: Option<Cow<'a, str>>,
}

/// All events of all pages in the text: a page has `events`, events without a page form one.
pub(super) fn read(text: &str) -> Result<Vec<Vec<Event<'_>>>, HistoryError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let mut pages = Pages { done: Vec::new(), loose: Vec::new() };
    while json.end().is_err() {
        pages.document(&mut json).map_err(|error| not_a_history(text, &error))?;
    }
    pages.close_loose();
    Ok(pages.done)
}

fn not_a_history(text: &str, error: &serde_json::Error) -> HistoryError {
    let message = error.to_string();
    // serde_json ends its messages with the position, which has its own place here.
    let message = message.rfind(" at line ").map_or(&*message, |end| &message[..end]);
    let message = if text.trim_start().starts_with(['{', '[']) {
        match error.classify() {
            serde_json::error::Category::Eof => {
                "the file ends in the middle: it was cut off".into()
            }
            _ => message.to_owned(),
        }
    } else {
        "expected JSON: save the answer of `aws stepfunctions get-execution-history --output json`"
            .into()
    };
    HistoryError { message, position: Some((error.line(), error.column())) }
}

struct Pages<'a> {
    done: Vec<Vec<Event<'a>>>,
    /// Events that stand outside of a page, as `jq '.events[]'` prints them.
    loose: Vec<Event<'a>>,
}

impl<'a> Pages<'a> {
    fn document<D: Deserializer<'a>>(&mut self, json: D) -> Result<(), D::Error> {
        Document { pages: self, in_page: false }.deserialize(json)
    }

    fn close_loose(&mut self) {
        let loose = std::mem::take(&mut self.loose);
        self.done.push(loose);
    }
}

/// An array of documents, a page, or an event.
struct Document<'p, 'a> {
    pages: &'p mut Pages<'a>,
    in_page: bool,
}

impl<'a> DeserializeSeed<'a> for Document<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Document<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.in_page { "an event" } else { "a history with `events`" })
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<(), A::Error> {
        let pages = self.pages;
        while items.next_element_seed(Document { pages, in_page: self.in_page })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        let mut event = PartialEvent::default();
        let mut is_page = false;
        while let Some(Str(key)) = members.next_key()? {
            match &*key {
                "events" if !self.in_page => {
                    is_page = true;
                    self.pages.close_loose();
                    members.next_value_seed(Document { pages: self.pages, in_page: true })?;
                    self.pages.close_loose();
                }
                // The CLI's word and the API's.
                "NextToken" | "nextToken" if !self.in_page => {
                    is_page = true;
                    members.next_value::<IgnoredAny>()?;
                }
                _ => event.member(key, &mut members)?,
            }
        }
        if !is_page {
            self.pages.loose.push(event.finish()?);
        }
        Ok(())
    }
}

#[derive(Default)]
struct PartialEvent<'a> {
    id: Option<u64>,
    previous_event_id: Option<u64>,
    timestamp: Option<Option<Timestamp>>,
    event_type: Option<Cow<'a, str>>,
    details: Option<(Cow<'a, str>, Box<Details<'a>>)>,
    unknown: Vec<String>,
}

impl<'a> PartialEvent<'a> {
    fn member<A: MapAccess<'a>>(
        &mut self,
        key: Cow<'a, str>,
        members: &mut A,
    ) -> Result<(), A::Error> {
        match &*key {
            "id" => set(&mut self.id, "id", members.next_value::<Int>()?.unsigned()?),
            "previousEventId" => {
                let id = members.next_value::<Int>()?.unsigned()?;
                set(&mut self.previous_event_id, "previousEventId", id)
            }
            "timestamp" => set(&mut self.timestamp, "timestamp", members.next_value::<Time>()?.0),
            "type" => set(&mut self.event_type, "type", members.next_value::<Str<'a>>()?.0),
            _ if key.ends_with("EventDetails") => {
                let Some(details) = members.next_value::<Option<Box<Details<'a>>>>()? else {
                    return Ok(());
                };
                if let Some((other, _)) = &self.details {
                    return Err(A::Error::custom(format!("an event with `{other}` and `{key}`")));
                }
                self.details = Some((key, details));
                Ok(())
            }
            _ => {
                self.unknown.push(key.into_owned());
                members.next_value::<IgnoredAny>().map(drop)
            }
        }
    }

    fn finish<E: Error>(self) -> Result<Event<'a>, E> {
        let Some(event_type) = self.event_type else {
            let id = self.id.map_or("an event".into(), |id| format!("event {id}"));
            let message = "expected a history with `events`, or an event";
            return Err(E::custom(format!("{message}: {id} has no `type`")));
        };
        let Some(id) = self.id else {
            return Err(E::custom(format!("an event of type `{event_type}` has no `id`")));
        };
        Ok(Event {
            id,
            previous_event_id: self.previous_event_id.unwrap_or(0),
            timestamp: self.timestamp.flatten(),
            event_type,
            details: self.details,
            unknown: self.unknown,
        })
    }
}

fn set<T, E: Error>(place: &mut Option<T>, name: &'static str, value: T) -> Result<(), E> {
    match place.replace(value) {
        Some(_) => Err(E::duplicate_field(name)),
        None => Ok(()),
    }
}

macro_rules! details {
    ($($field:ident $type:ty, $wire:ty => $convert:expr, $member:literal;)*) => {
        /// Every member that some `…EventDetails` structure has.
        #[derive(Default)]
        pub(super) struct Details<'a> {
            $(pub $field: Option<$type>,)*
            pub unknown: Vec<String>,
        }

        impl<'a> Details<'a> {
            fn member<A: MapAccess<'a>>(
                &mut self,
                key: Cow<'a, str>,
                members: &mut A,
            ) -> Result<(), A::Error> {
                match &*key {
                    $($member => {
                        let Some(value) = members.next_value::<Option<$wire>>()? else {
                            return Ok(());
                        };
                        set(&mut self.$field, $member, $convert(value)?)
                    })*
                    _ => {
                        self.unknown.push(key.into_owned());
                        members.next_value::<IgnoredAny>().map(drop)
                    }
                }
            }

            /// The names of the members that nobody has taken.
            pub fn left_over(&self) -> Vec<String> {
                let mut names = Vec::new();
                $(if self.$field.is_some() {
                    names.push($member.to_owned());
                })*
                names
            }
        }
    };
}

details! {
    name Cow<'a, str>, Str<'a> => Str::text, "name";
    input Text<'a>, &'a RawValue => Text::new, "input";
    input_details Truncated, Truncated => Ok, "inputDetails";
    output Text<'a>, &'a RawValue => Text::new, "output";
    output_details Truncated, Truncated => Ok, "outputDetails";
    assigned_variables Vec<(Cow<'a, str>, Text<'a>)>, Variables<'a> => Variables::list,
        "assignedVariables";
    assigned_variables_details Truncated, Truncated => Ok, "assignedVariablesDetails";
    role_arn Cow<'a, str>, Str<'a> => Str::text, "roleArn";
    state_machine_alias_arn Cow<'a, str>, Str<'a> => Str::text, "stateMachineAliasArn";
    state_machine_version_arn Cow<'a, str>, Str<'a> => Str::text, "stateMachineVersionArn";
    resource Cow<'a, str>, Str<'a> => Str::text, "resource";
    resource_type Cow<'a, str>, Str<'a> => Str::text, "resourceType";
    region Cow<'a, str>, Str<'a> => Str::text, "region";
    parameters Text<'a>, &'a RawValue => Text::new, "parameters";
    timeout_in_seconds i64, Int => Int::signed, "timeoutInSeconds";
    heartbeat_in_seconds i64, Int => Int::signed, "heartbeatInSeconds";
    task_credentials Credentials<'a>, Credentials<'a> => Ok, "taskCredentials";
    worker_name Cow<'a, str>, Str<'a> => Str::text, "workerName";
    error Cow<'a, str>, Str<'a> => Str::text, "error";
    cause Cow<'a, str>, Str<'a> => Str::text, "cause";
    length u64, Int => Int::unsigned, "length";
    index u64, Int => Int::unsigned, "index";
    map_run_arn Cow<'a, str>, Str<'a> => Str::text, "mapRunArn";
    redrive_count u64, Int => Int::unsigned, "redriveCount";
    location Cow<'a, str>, Str<'a> => Str::text, "location";
    state Cow<'a, str>, Str<'a> => Str::text, "state";
}

impl<'a> Text<'a> {
    fn new<E>(raw: &'a RawValue) -> Result<Self, E> {
        Ok(Self(raw.get()))
    }

    /// The member as it stands in the file.
    pub fn source(&self) -> &'a str {
        self.0
    }

    /// The string; where the member is not a string but JSON in place, as some tools write it,
    /// that JSON.
    pub fn unescape(&self) -> Cow<'a, str> {
        match self.0.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            None => Cow::Borrowed(self.0),
            Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
            Some(_) => match json::parse(self.0) {
                Ok(Value::String(text)) => Cow::Owned(String::from(&*text)),
                _ => Cow::Borrowed(self.0),
            },
        }
    }
}

/// A string that borrows from the text where it has no escapes.
struct Str<'a>(Cow<'a, str>);

impl<'a> Str<'a> {
    fn text<E>(self) -> Result<Cow<'a, str>, E> {
        Ok(self.0)
    }
}

/// An integer; some tools write it as a string or with a fraction of zero.
struct Int(i64);

impl Int {
    fn signed<E>(self) -> Result<i64, E> {
        Ok(self.0)
    }

    fn unsigned<E: Error>(self) -> Result<u64, E> {
        u64::try_from(self.0).map_err(|_| E::custom(format!("`{}` is negative", self.0)))
    }
}

/// A timestamp in any of the forms that tools print.
struct Time(Option<Timestamp>);

/// Variables and their values.
struct Variables<'a>(Vec<(Cow<'a, str>, Text<'a>)>);

impl<'a> Variables<'a> {
    fn list<E>(self) -> Result<Vec<(Cow<'a, str>, Text<'a>)>, E> {
        Ok(self.0)
    }
}

/// Implements `Deserialize` for a type with a visitor of its own.
macro_rules! deserialize {
    ($type:ty, $how:ident, $expecting:literal, { $($visit:tt)* }) => {
        impl<'a> serde::Deserialize<'a> for $type {
            fn deserialize<D: Deserializer<'a>>(json: D) -> Result<Self, D::Error> {
                struct Reading;
                impl<'a> Visitor<'a> for Reading {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    $($visit)*
                }
                json.$how(Reading)
            }
        }
    };
}

deserialize!(Str<'a>, deserialize_str, "a string", {
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Str<'a>, E> {
        Ok(Str(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Str<'a>, E> {
        Ok(Str(Cow::Owned(text.to_owned())))
    }
});

deserialize!(Int, deserialize_any, "an integer", {
    fn visit_i64<E>(self, int: i64) -> Result<Int, E> {
        Ok(Int(int))
    }

    fn visit_u64<E: Error>(self, int: u64) -> Result<Int, E> {
        i64::try_from(int).map(Int).map_err(|_| E::custom(format!("`{int}` is too large")))
    }

    fn visit_f64<E: Error>(self, float: f64) -> Result<Int, E> {
        let int = float as i64;
        let exact = int as f64 == float;
        exact.then_some(Int(int)).ok_or_else(|| E::custom(format!("`{float}` is no integer")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Int, E> {
        text.parse().map(Int).map_err(|_| E::custom(format!("`{text}` is not an integer")))
    }
});

deserialize!(Time, deserialize_any, "a timestamp", {
    fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
        let millis = || text.parse().ok().map(Timestamp);
        let time = Timestamp::parse_lenient(text).or_else(millis);
        time.map(|time| Time(Some(time)))
            .ok_or_else(|| E::custom(format!("`{text}` is not a timestamp")))
    }

    /// Epoch seconds, as the API sends them; a number that would lie beyond the year 5000 counts
    /// milliseconds, as other tools print them.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Time, E> {
        let millis = if number.abs() < 1e11 { number * 1_000.0 } else { number };
        Ok(Time(Some(Timestamp(millis.round() as i64))))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Time, E> {
        self.visit_f64(number as f64)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Time, E> {
        self.visit_f64(number as f64)
    }

    fn visit_unit<E>(self) -> Result<Time, E> {
        Ok(Time(None))
    }
});

deserialize!(Truncated, deserialize_map, "an object with `truncated`", {
    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<Truncated, A::Error> {
        let mut truncated = false;
        while let Some(Str(key)) = members.next_key()? {
            match &*key {
                "truncated" => truncated = members.next_value()?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Truncated { truncated })
    }
});

deserialize!(Credentials<'a>, deserialize_map, "an object with `roleArn`", {
    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<Credentials<'a>, A::Error> {
        let mut role_arn = None;
        while let Some(Str(key)) = members.next_key()? {
            match &*key {
                "roleArn" => role_arn = Some(members.next_value::<Str<'a>>()?.0),
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Credentials { role_arn })
    }
});

deserialize!(Variables<'a>, deserialize_map, "an object of variables", {
    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<Variables<'a>, A::Error> {
        let mut variables = Vec::new();
        while let Some(Str(key)) = members.next_key()? {
            variables.push((key, Text(members.next_value::<&'a RawValue>()?.get())));
        }
        Ok(Variables(variables))
    }
});

deserialize!(Details<'a>, deserialize_map, "an object of event details", {
    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<Details<'a>, A::Error> {
        let mut details = Details::default();
        while let Some(Str(key)) = members.next_key()? {
            details.member(key, &mut members)?;
        }
        Ok(details)
    }
});
