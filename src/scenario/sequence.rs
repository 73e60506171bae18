//! Patterns over a row of things: the `path` and the `history` of an expectation.
//!
//! A pattern is run over the row item by item, with the set of all places in the pattern where it
//! may stand; so wildcards and free order cost no backtracking, and a row that does not fit fails
//! at the first item that nothing in the pattern could have accepted.

use std::collections::BTreeSet;
use std::fmt;

/// One step of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<E> {
    /// One item, which this describes.
    One(E),
    /// One item, whatever it is: `*`.
    Any,
    /// Any number of items: `**`.
    Many,
    /// All of these rows, each in its own order, mixed in any way.
    AnyOrder(Rows<E>),
}

/// Rows that may be mixed.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows<E> {
    rows: Vec<Vec<Step<E>>>,
    /// For each row the first one that is equal to it: equal rows are interchangeable.
    same: Vec<usize>,
}

/// How many places in a pattern are followed at once; a pattern that needs more says too little.
const PLACES: usize = 2_000;

impl<E: fmt::Debug> Rows<E> {
    /// These rows.
    pub fn new(rows: Vec<Vec<Step<E>>>) -> Self {
        let texts: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        let first = |text: &String| texts.iter().position(|other| other == text);
        let same = texts.iter().map(|text| first(text).unwrap_or_default()).collect();
        Self { rows, same }
    }
}

impl<E> std::ops::Deref for Rows<E> {
    type Target = [Vec<Step<E>>];

    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

/// Where a row stopped fitting its pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct Misfit<'p, E> {
    /// How many items fitted; the next one did not, or was missing.
    pub fitted: usize,
    /// What the pattern could have gone on with; empty where it was at its end.
    pub wanted: Vec<&'p Step<E>>,
    /// Whether there were too many ways to follow: the pattern has to say more.
    pub ambiguous: bool,
}

/// A place in a pattern: the step, and for [`Step::AnyOrder`] the place in each row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    step: usize,
    rows: Vec<Self>,
}

/// Whether the whole of `items` fits the whole of `pattern`.
///
/// # Errors
///
/// The first item that does not fit.
pub fn fit<'p, E, T>(
    pattern: &'p [Step<E>],
    items: &[T],
    accepts: &impl Fn(&E, &T) -> bool,
) -> Result<(), Misfit<'p, E>> {
    let mut places: BTreeSet<Position> = from(pattern, 0).into_iter().collect();
    if places.len() > PLACES {
        return Err(Misfit { fitted: 0, wanted: Vec::new(), ambiguous: true });
    }
    for (fitted, item) in items.iter().enumerate() {
        let next = after(pattern, &places, item, accepts);
        if next.is_empty() || next.len() > PLACES {
            let ambiguous = !next.is_empty();
            return Err(Misfit { fitted, wanted: wanted(pattern, &places), ambiguous });
        }
        places = next;
    }
    if places.iter().any(|place| place.step == pattern.len()) {
        Ok(())
    } else {
        let wanted = wanted(pattern, &places);
        Err(Misfit { fitted: items.len(), wanted, ambiguous: false })
    }
}

/// Whether some unbroken part of `items` fits `pattern`.
///
/// # Errors
///
/// The misfit of the start that came furthest, and where that start was.
pub fn fit_part<'p, E, T>(
    pattern: &'p [Step<E>],
    items: &[T],
    accepts: &impl Fn(&E, &T) -> bool,
) -> Result<(), (usize, Misfit<'p, E>)> {
    let mut best: Option<(usize, Misfit<'p, E>)> = None;
    for start in 0..=items.len() {
        let mut places: BTreeSet<Position> = from(pattern, 0).into_iter().collect();
        let mut fitted = 0;
        let ambiguous = loop {
            if places.iter().any(|place| place.step == pattern.len()) {
                return Ok(());
            }
            let next = match items.get(start + fitted) {
                Some(item) => after(pattern, &places, item, accepts),
                None => BTreeSet::new(),
            };
            if next.is_empty() || next.len() > PLACES {
                break !next.is_empty();
            }
            places = next;
            fitted += 1;
        };
        if best.as_ref().is_none_or(|(_, misfit)| fitted > misfit.fitted) {
            best = Some((start, Misfit { fitted, wanted: wanted(pattern, &places), ambiguous }));
        }
    }
    let nothing = Misfit { fitted: 0, wanted: pattern.iter().take(1).collect(), ambiguous: false };
    Err(best.unwrap_or((0, nothing)))
}

fn after<E, T>(
    pattern: &[Step<E>],
    places: &BTreeSet<Position>,
    item: &T,
    accepts: &impl Fn(&E, &T) -> bool,
) -> BTreeSet<Position> {
    places.iter().flat_map(|place| advance(pattern, place, item, accepts)).collect()
}

/// The places that are reached from the beginning of `step` without an item.
fn from<E>(pattern: &[Step<E>], step: usize) -> Vec<Position> {
    let here = Position { step, rows: Vec::new() };
    match pattern.get(step) {
        None | Some(Step::One(_) | Step::Any) => vec![here],
        Some(Step::Many) => {
            let mut places = from(pattern, step + 1);
            places.push(here);
            places
        }
        Some(Step::AnyOrder(rows)) => {
            let mut mixes: Vec<Vec<Position>> = vec![Vec::new()];
            for row in rows.iter() {
                let starts = from(row, 0);
                mixes = mixes
                    .iter()
                    .take(PLACES)
                    .flat_map(|mix| {
                        starts.iter().map(|start| {
                            let mut mix = mix.clone();
                            mix.push(start.clone());
                            mix
                        })
                    })
                    .collect();
            }
            mixes.into_iter().flat_map(|mix| mixed(pattern, step, rows, mix)).collect()
        }
    }
}

/// The places that are reached from `place` with one item.
fn advance<E, T>(
    pattern: &[Step<E>],
    place: &Position,
    item: &T,
    accepts: &impl Fn(&E, &T) -> bool,
) -> Vec<Position> {
    match pattern.get(place.step) {
        None => Vec::new(),
        Some(Step::One(element)) if !accepts(element, item) => Vec::new(),
        Some(Step::One(_) | Step::Any) => from(pattern, place.step + 1),
        Some(Step::Many) => from(pattern, place.step),
        Some(Step::AnyOrder(rows)) => {
            let mut places = Vec::new();
            for (i, row) in rows.iter().enumerate() {
                for next in advance(row, &place.rows[i], item, accepts) {
                    let mut mix = place.rows.clone();
                    mix[i] = next;
                    places.extend(mixed(pattern, place.step, rows, mix));
                }
            }
            places
        }
    }
}

/// A mix of rows as a place; where every row is at its end, the pattern goes on behind it.
fn mixed<E>(
    pattern: &[Step<E>],
    step: usize,
    rows: &Rows<E>,
    mut mix: Vec<Position>,
) -> Vec<Position> {
    // Which of several equal rows has come how far makes no difference.
    for i in 0..mix.len() {
        for j in i + 1..mix.len() {
            if rows.same[i] == rows.same[j] && mix[j] < mix[i] {
                mix.swap(i, j);
            }
        }
    }
    if mix.iter().zip(rows.iter()).all(|(place, row)| place.step == row.len()) {
        from(pattern, step + 1)
    } else {
        vec![Position { step, rows: mix }]
    }
}

fn wanted<'p, E>(pattern: &'p [Step<E>], places: &BTreeSet<Position>) -> Vec<&'p Step<E>> {
    let mut wanted = Vec::new();
    for place in places {
        match pattern.get(place.step) {
            None => {}
            Some(Step::AnyOrder(rows)) => {
                for (row, place) in rows.iter().zip(&place.rows) {
                    wanted.extend(row.get(place.step));
                }
            }
            Some(step) => wanted.push(step),
        }
    }
    let mut once: Vec<&Step<E>> = Vec::new();
    for step in wanted {
        if !once.iter().any(|known| std::ptr::eq(*known, step)) {
            once.push(step);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Vec<Step<char>> {
        text.chars()
            .map(|c| match c {
                '*' => Step::Any,
                '~' => Step::Many,
                c => Step::One(c),
            })
            .collect()
    }

    fn items(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[track_caller]
    fn check(pattern: &[Step<char>], text: &str, fitted: Option<(usize, &str)>) {
        let result = fit(pattern, &items(text), &|a, b| a == b);
        let found = result.err().map(|misfit| {
            let wanted = misfit.wanted.iter().map(|step| match step {
                Step::One(c) => *c,
                Step::Any => '*',
                Step::Many => '~',
                Step::AnyOrder(_) => '%',
            });
            (misfit.fitted, wanted.collect::<String>())
        });
        assert_eq!(found, fitted.map(|(n, wanted)| (n, wanted.to_owned())), "{text}");
    }

    #[test]
    fn rows_with_wildcards() {
        check(&steps("abc"), "abc", None);
        check(&steps("abc"), "abd", Some((2, "c")));
        check(&steps("abc"), "ab", Some((2, "c")));
        check(&steps("abc"), "abcd", Some((3, "")));
        check(&steps("a*c"), "axc", None);
        check(&steps("a~c"), "ac", None);
        check(&steps("a~c"), "axxcxc", None);
        check(&steps("a~c"), "axx", Some((3, "~c")));
        check(&steps("~"), "", None);
        check(&steps(""), "a", Some((0, "")));
    }

    #[test]
    fn free_order() {
        let mut pattern = steps("a");
        pattern.push(Step::AnyOrder(Rows::new(vec![steps("12"), steps("xy"), steps("")])));
        pattern.extend(steps("b"));
        for text in ["a12xyb", "a1x2yb", "ax1y2b", "axy12b"] {
            check(&pattern, text, None);
        }
        check(&pattern, "a21xyb", Some((1, "1x")));
        check(&pattern, "a1xb", Some((3, "2y")));
    }

    #[test]
    fn parts() {
        let accepts = |a: &char, b: &char| a == b;
        assert!(fit_part(&steps("bc"), &items("abcd"), &accepts).is_ok());
        assert!(fit_part(&steps("b~d"), &items("abcde"), &accepts).is_ok());
        assert!(fit_part(&steps(""), &items("a"), &accepts).is_ok());
        let pattern = steps("bd");
        let (start, misfit) = fit_part(&pattern, &items("abcbx"), &accepts).unwrap_err();
        assert_eq!((start, misfit.fitted, misfit.wanted), (1, 1, vec![&Step::One('d')]));
    }

    #[test]
    fn many_equal_rows_are_cheap() {
        let rows = Rows::new(vec![steps("abcdefg"); 20]);
        let row: String = (0..20).map(|i| "abcdefg"[..i % 8].to_owned()).collect();
        let rest: String = (0..20).map(|i| "abcdefg"[i % 8..].to_owned()).rev().collect();
        let pattern = [Step::AnyOrder(rows)];
        let result = fit(&pattern, &items(&(row + &rest)), &|a, b| a == b);
        assert!(result.is_ok() || result.is_err_and(|misfit| misfit.ambiguous));
    }

    #[test]
    fn patterns_that_say_too_little_are_given_up() {
        let rows = (0..30).map(|i| format!("~{}~", char::from(b'A' + i)));
        let pattern = [Step::AnyOrder(Rows::new(rows.map(|row| steps(&row)).collect()))];
        let misfit = fit(&pattern, &items(&"ABCDEF".repeat(10)), &|a, b| a == b).unwrap_err();
        assert!(misfit.ambiguous);
    }

    #[test]
    fn long_rows_are_cheap() {
        let row = items(&"a".repeat(25_000));
        assert!(fit(&steps("~a~a~"), &row, &|a, b| a == b).is_ok());
    }
}
