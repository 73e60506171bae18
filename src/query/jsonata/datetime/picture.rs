//! Date pictures: `[Y0001]-[M01]-[D01]` and the like.

use super::super::error::Fault;
use super::super::integer::{Case, Picture};
use super::super::number;

#[derive(Debug)]
pub(super) enum Part {
    Literal(String),
    Marker(Marker),
}

#[derive(Debug)]
pub(super) struct Marker {
    /// The letter of the component.
    pub component: char,
    /// Least and most characters.
    pub width: Option<(Option<f64>, Option<f64>)>,
    /// `t` in the second place: zero offset is written `Z`.
    pub traditional: bool,
    /// The name of the component is wanted, in this case.
    pub names: Option<Case>,
    pub integer: Option<Picture>,
    /// How many digits of a year, month or day are written.
    pub digits: Option<f64>,
}

impl Marker {
    /// The most characters, where the picture says so.
    pub fn most(&self) -> Option<f64> {
        self.width.and_then(|(_, most)| most)
    }
}

pub(super) fn parse(picture: &str) -> Result<Vec<Part>, Box<Fault>> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = picture;
    while let Some(at) = rest.find('[') {
        literal.push_str(&rest[..at]);
        add_literal(&mut parts, &mut literal);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('[') {
            parts.push(Part::Literal("[".into()));
            rest = after;
            continue;
        }
        let Some(end) = rest.find(']') else { return Err(Fault::new("D3135")) };
        let text: String = rest[..end].chars().filter(|c| !number::is_space(*c)).collect();
        parts.push(Part::Marker(marker(&text)?));
        rest = &rest[end + 1..];
    }
    literal.push_str(rest);
    add_literal(&mut parts, &mut literal);
    Ok(parts)
}

fn add_literal(parts: &mut Vec<Part>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(Part::Literal(std::mem::take(literal).replace("]]", "]")));
    }
}

/// How a component is written where the marker does not say.
fn default_presentation(component: char) -> Option<&'static str> {
    Some(match component {
        'Y' | 'M' | 'D' | 'd' | 'W' | 'w' | 'X' | 'x' | 'H' | 'h' | 'f' => "1",
        'F' | 'P' | 'C' | 'E' => "n",
        'm' | 's' => "01",
        'Z' | 'z' => "01:01",
        _ => return None,
    })
}

fn marker(text: &str) -> Result<Marker, Box<Fault>> {
    let mut chars = text.chars();
    let component = chars.next();
    let after = chars.as_str();
    let (modifiers, width) = match after.rsplit_once(',') {
        Some((modifiers, width)) => (modifiers, Some(parse_width(width))),
        None => (after, None),
    };
    let (presentation, second) = match modifiers.chars().last() {
        Some(last @ ('a' | 't' | 'c' | 'o')) if modifiers.chars().count() > 1 => {
            (&modifiers[..modifiers.len() - 1], Some(last))
        }
        Some(_) => (modifiers, None),
        None => match component.and_then(default_presentation) {
            Some(default) => (default, None),
            None => {
                let value = component.map(String::from).unwrap_or_default();
                return Err(Fault::new("D3132").value(Some(value.into())));
            }
        },
    };
    let component = component.unwrap_or('\0');
    let names = match presentation.as_bytes() {
        [b'n', ..] => Some(Case::Lower),
        [b'N', b'n', ..] => Some(Case::Title),
        [b'N', ..] => Some(Case::Upper),
        _ => None,
    };
    let mut marker = Marker {
        component,
        width,
        traditional: second == Some('t'),
        names,
        integer: None,
        digits: None,
    };
    if names.is_none() && "YMDdFWwXxHhmsf".contains(component) {
        let picture = match second {
            Some(second) => Picture::parse(&format!("{presentation};{second}"))?,
            None => Picture::parse(presentation)?,
        };
        marker.set_integer(picture);
    }
    if matches!(component, 'Z' | 'z') {
        marker.integer = Some(Picture::parse(presentation)?);
    }
    Ok(marker)
}

impl Marker {
    fn set_integer(&mut self, mut picture: Picture) {
        if let Some((Some(least), _)) = self.width
            && picture.mandatory < least
        {
            picture.mandatory = least;
        }
        if matches!(self.component, 'Y' | 'M' | 'D') {
            if let Some(most) = self.most() {
                self.digits = Some(most);
                picture.mandatory = most;
            } else {
                let digits = picture.mandatory + picture.optional;
                self.digits = (digits >= 2.0).then_some(digits);
            }
            picture.width = self.digits;
        }
        self.integer = Some(picture);
    }
}

fn parse_width(text: &str) -> (Option<f64>, Option<f64>) {
    let bound = |text: &str| (text != "*").then(|| number::parse_int(text));
    match text.split_once('-') {
        Some((least, most)) => (bound(least), bound(most)),
        None => (bound(text), None),
    }
}
