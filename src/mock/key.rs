//! Keys: which tasks a mock answers, and which of several keys is the most specific.

use std::fmt;

use crate::engine::Place;
use crate::matcher::glob;

/// Which tasks a mock answers.
///
/// `Charge` names a state, `Child:Charge` one of another machine, `items[2]/Charge` and
/// `Order/items[*]/Charge` one at a place, and `arn:aws:states:::sqs:sendMessage` a resource, in
/// which `*` stands for any text. A path may begin at any level; a segment without an index, or
/// with `[*]`, stands for every branch or iteration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MockKey {
    text: Box<str>,
    /// The state machine before the colon; the one under test where there is none.
    machine: Option<Box<str>>,
    target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    State { place: Vec<Segment>, state: Box<str> },
    Resource(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    state: Box<str>,
    /// `None` is every index.
    index: Option<u32>,
}

/// How specific a key is; greater comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// A state beats a resource.
    state: bool,
    /// More levels of the place beat fewer.
    levels: usize,
    /// More exact indexes beat fewer; of resources, more exact characters.
    exact: usize,
}

impl MockKey {
    /// Reads a key. `is_state` says whether a state has this very name: names may hold any
    /// character, `/`, `:` and brackets included, and a name comes before a path.
    ///
    /// # Errors
    ///
    /// Where a path is malformed: why.
    pub fn parse(text: &str, is_state: impl Fn(&str) -> bool) -> Result<Self, String> {
        let key = |machine: Option<&str>, target| Self {
            text: text.into(),
            machine: machine.map(Into::into),
            target,
        };
        let state = |name: &str| Target::State { place: Vec::new(), state: name.into() };
        if text.is_empty() {
            return Err("the key of a mock is empty".to_owned());
        }
        if is_state(text) {
            return Ok(key(None, state(text)));
        }
        if text.starts_with("arn:") {
            return Ok(key(None, Target::Resource(text.into())));
        }
        let (machine, path) = match text.split_once(':') {
            Some((machine, path)) if !machine.is_empty() && !path.is_empty() => {
                (Some(machine), path)
            }
            _ => (None, text),
        };
        if is_state(path) {
            return Ok(key(machine, state(path)));
        }
        let mut segments: Vec<&str> = path.split('/').collect();
        let name = segments.pop().unwrap_or_default();
        if name.is_empty() || segments.iter().any(|segment| segment.is_empty()) {
            return Err(format!("`{text}` is no path: a name between two `/` is empty"));
        }
        let place = segments.into_iter().map(Segment::parse).collect::<Result<_, _>>()?;
        Ok(key(machine, Target::State { place, state: name.into() }))
    }

    /// The key of all tasks of an activity.
    pub(super) fn activity(name: &str) -> Self {
        let target = Target::Resource(format!("arn:*:activity:{name}").into());
        Self { text: name.into(), machine: None, target }
    }

    /// The machine that the key names.
    pub fn machine(&self) -> Option<&str> {
        self.machine.as_deref()
    }

    /// The state that the key names, if it is not a resource.
    pub fn state(&self) -> Option<&str> {
        match &self.target {
            Target::State { state, .. } => Some(state),
            Target::Resource(_) => None,
        }
    }

    /// Whether the key is for a task of this state that calls this resource, at some place.
    pub(crate) fn concerns(&self, state: &str, resource: &str) -> bool {
        match &self.target {
            Target::State { state: own, .. } => **own == *state,
            Target::Resource(pattern) => glob(pattern, resource),
        }
    }

    /// Whether the key covers this place; always, where it names none.
    pub fn covers(&self, place: &Place) -> bool {
        let Target::State { place: own, .. } = &self.target else { return true };
        if own.is_empty() {
            return true;
        }
        let segments = place.segments();
        segments.len() >= own.len()
            && segments[segments.len() - own.len()..].iter().zip(own).all(
                |((state, index), own)| {
                    **state == *own.state && own.index.is_none_or(|own| own == *index)
                },
            )
    }

    pub(super) fn rank(&self) -> Rank {
        match &self.target {
            Target::State { place, .. } => Rank {
                state: true,
                levels: place.len(),
                exact: place.iter().filter(|segment| segment.index.is_some()).count(),
            },
            Target::Resource(pattern) => Rank {
                state: false,
                levels: usize::from(!pattern.contains('*')),
                exact: pattern.len(),
            },
        }
    }
}

impl fmt::Display for MockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        let Some((state, index)) = text.strip_suffix(']').and_then(|text| text.rsplit_once('['))
        else {
            return Ok(Self { state: text.into(), index: None });
        };
        let index = match index {
            "*" => None,
            digits => Some(digits.parse().map_err(|_| {
                format!("`[{digits}]` of `{text}` is no index: write a number, or `[*]` for all")
            })?),
        };
        Ok(Self { state: state.into(), index })
    }
}
