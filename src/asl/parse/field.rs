//! Single fields: numbers, texts, paths, and the pairs of a field and its `…Path` form.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::expression::Scope;
use super::{Fields, Parser};
use crate::asl::state::{Field, PathField, QueryLanguage, ResultPath};
use crate::document::{Kind, Node};
use crate::query::intrinsic::Intrinsic;
use crate::query::jsonpath::ReferencePath;
use crate::query::scope::ScopedPath;

impl Parser<'_> {
    /// A whole number within `range`; a placeholder counts as the smallest.
    pub(super) fn integer(&mut self, node: &Node, range: RangeInclusive<i64>) -> Option<i64> {
        if self.open(node) {
            return Some(*range.start());
        }
        let value = self.decoder.integer(node)?;
        if range.contains(&value) {
            return Some(value);
        }
        let (low, high) = range.into_inner();
        let message = format!("Expected a number from {low} to {high}, but was {value}");
        self.error(&node.span, message);
        None
    }

    /// A number within `range`; a placeholder counts as the smallest.
    pub(super) fn number(&mut self, node: &Node, range: RangeInclusive<f64>) -> Option<f64> {
        if self.open(node) {
            return Some(*range.start());
        }
        let value = self.decoder.number(node)?;
        if range.contains(&value) {
            return Some(value);
        }
        let (low, high) = range.into_inner();
        let bounds = match high.is_finite() {
            true => format!("from {low} to {high}"),
            false => format!("of at least {low}"),
        };
        self.error(&node.span, format!("Expected a number {bounds}, but was {value}"));
        None
    }

    /// A string that is not a path or expression.
    pub(super) fn text(&mut self, node: &Node) -> Option<Arc<str>> {
        self.decoder.string(node).cloned()
    }

    /// A path as ItemsPath, Variable and the `…Path` fields take it: from the input, the Context
    /// Object or a variable.
    pub(super) fn path(&mut self, node: &Node) -> Option<ScopedPath> {
        let text = match self.open(node) {
            true => Arc::from("$"),
            false => self.text(node)?,
        };
        match ScopedPath::parse(&text) {
            Ok(path) => {
                self.uses_path(&path, &node.span);
                Some(path)
            }
            Err(problem) => {
                let message = format!("Value is not a valid JSONPath: {}", problem.message);
                self.error(&node.span, message);
                None
            }
        }
    }

    /// A path that must name one value, since a list of matches can never be a number or a text.
    fn single_path(&mut self, node: &Node) -> Option<ScopedPath> {
        let path = self.path(node)?;
        if path.path().is_definite() {
            return Some(path);
        }
        let help = "wildcards, slices and filters give a list of matches; name a single place";
        self.error_help(&node.span, "Value is not a Reference Path", help);
        None
    }

    /// `InputPath` or `OutputPath`.
    pub(super) fn path_field(&mut self, node: Option<&Node>) -> PathField {
        match node {
            None => PathField::Whole,
            Some(Node { kind: Kind::Null, .. }) => PathField::Discard,
            Some(node) => match self.path(node) {
                Some(_) if node.as_str().is_some_and(|text| &**text == "$") => PathField::Whole,
                Some(path) => PathField::Path(path),
                None => PathField::Whole,
            },
        }
    }

    /// `ResultPath`: a Reference Path, which names a single place.
    pub(super) fn result_path(&mut self, node: Option<&Node>) -> ResultPath {
        let Some(node) = node else { return ResultPath::Replace };
        if matches!(node.kind, Kind::Null) {
            return ResultPath::Discard;
        }
        if self.open(node) {
            return ResultPath::Replace;
        }
        let Some(text) = self.text(node) else { return ResultPath::Replace };
        if &*text == "$" {
            return ResultPath::Replace;
        }
        match ReferencePath::parse(&text) {
            Ok(path) => ResultPath::Write(path),
            Err(problem) => {
                let help = "a Reference Path names a single place, such as $.a.b[0]";
                self.error_help(
                    &node.span,
                    format!("Value is not a Reference Path: {}", problem.message),
                    help,
                );
                ResultPath::Replace
            }
        }
    }

    /// A number of the definition, of a path, or of an expression.
    pub(super) fn number_field(
        &mut self,
        fields: &mut Fields<'_>,
        key: &'static str,
        path_key: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<Field<i64>> {
        self.field(fields, key, path_key, |parser, node| parser.integer(node, range))
    }

    /// A text of the definition, of a path or intrinsic function, or of an expression.
    pub(super) fn text_field(
        &mut self,
        fields: &mut Fields<'_>,
        key: &'static str,
        path_key: &'static str,
    ) -> Option<Field<Arc<str>>> {
        self.field(fields, key, path_key, |parser, node| parser.text(node))
    }

    /// A field that has a `…Path` form in JSONPath and takes expressions in JSONata.
    pub(super) fn field<T>(
        &mut self,
        fields: &mut Fields<'_>,
        key: &'static str,
        path_key: &'static str,
        literal: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<Field<T>> {
        let node = fields.any(key);
        let path = fields.jsonpath(path_key);
        if let (Some(_), Some(path)) = (node, path) {
            let message = format!("Only one of \"{key}\" and \"{path_key}\" is allowed");
            self.conflict(fields.node, &path.span, message, "remove one of them");
            return None;
        }
        if let Some(path) = path {
            // Fail's paths may be intrinsic functions; those of other fields are paths only.
            let text = path.as_str().filter(|text| !self.open(path) && text.starts_with("States."));
            return match text {
                Some(text) if matches!(path_key, "ErrorPath" | "CausePath") => self
                    .intrinsic(path, text)
                    .map(|intrinsic| Field::Intrinsic(Box::new(intrinsic))),
                _ => self.single_path(path).map(Field::Path),
            };
        }
        let node = node?;
        if fields.language == QueryLanguage::Jsonata
            && let Some(expression) = self.expression_of(node, Scope::FIELD)
        {
            return expression.map(|expression| Field::Jsonata(Arc::new(expression)));
        }
        literal(self, node).map(Field::Literal)
    }

    /// An intrinsic function.
    fn intrinsic(&mut self, node: &Node, text: &str) -> Option<Intrinsic> {
        match Intrinsic::parse(text) {
            Ok(intrinsic) => {
                for path in intrinsic.paths() {
                    self.uses_path(path, &node.span);
                }
                Some(intrinsic)
            }
            Err(problem) => {
                let message =
                    format!("Value is not a valid intrinsic function: {}", problem.message);
                self.error(&node.span, message);
                None
            }
        }
    }
}
