//! What rules look at, and what they compare it with.

use super::super::expression::{self, Base};
use super::super::node::{Fields, Node, wrong};
use super::super::rule::{CollectionOperation, Kind, Measurement, Reference, Rule};
use super::super::{Names, RuleSetError};

/// The measurements: a list, or the only one, as some pages of the documentation write it.
pub(super) fn measurements(
    fields: &Fields<'_>,
    names: &Names,
) -> Result<Vec<Measurement>, RuleSetError> {
    let (items, listed) = match fields.required("measurements")? {
        Node::List(items) => (items.as_slice(), true),
        single => (std::slice::from_ref(single), false),
    };
    if items.is_empty() {
        return Err(wrong(fields.at("measurements"), "at least one is needed"));
    }
    let read = |(i, item): (usize, &Node)| {
        let mut at = fields.at("measurements");
        if listed {
            at.push_str(&format!("/{i}"));
        }
        let text = item
            .as_text()
            .ok_or_else(|| wrong(at.clone(), "must be a property expression as text"))?;
        measurement(text, names).map_err(|what| wrong(at, what))
    };
    items.iter().enumerate().map(read).collect()
}

fn measurement(text: &str, names: &Names) -> Result<Measurement, String> {
    let (expression, kind) = expression::parse(text, names)?;
    Ok(Measurement {
        expression,
        kind,
        text: text.trim().into(),
    })
}

/// What `measurements` must be, or an error that names the first one that is not.
pub(super) fn must_be(
    fields: &Fields<'_>,
    measurements: &[Measurement],
    what: &str,
    good: impl Fn(&Measurement) -> bool,
) -> Result<(), RuleSetError> {
    match measurements.iter().find(|measurement| !good(measurement)) {
        None => Ok(()),
        Some(bad) => Err(wrong(
            fields.at("measurements"),
            format!("{} is {}, must be {what}", bad.text, bad.kind.words()),
        )),
    }
}

/// A reference that is one value of the type `base`.
pub(super) fn scalar(node: &Node, names: &Names, base: Base) -> Result<Reference, String> {
    if let Some(text) = node
        .as_text()
        .filter(|text| expression::is_expression(text))
    {
        let measured = measurement(text, names)?;
        if measured.kind.depth != 0 || measured.kind.base != base {
            let wanted = if base == Base::Number {
                "one number, as avg(), min(), max() make it"
            } else {
                "one text"
            };
            return Err(format!(
                "{text} is {}, must be {wanted}",
                measured.kind.words()
            ));
        }
        return Ok(Reference::Measured(measured));
    }
    match (base, node) {
        (Base::Number, node) => node
            .as_number()
            .map(Reference::Number)
            .ok_or_else(|| "must be a number, or an expression that makes one".into()),
        (_, Node::Text(text)) => Ok(Reference::Text(text.clone())),
        _ => Err("must be text, as what it is compared with".into()),
    }
}

/// A reference that is one text or a list of texts, as `operation` wants it.
pub(super) fn collected(
    node: &Node,
    names: &Names,
    operation: CollectionOperation,
) -> Result<Reference, String> {
    if operation == CollectionOperation::Contains {
        return match node {
            Node::Text(text) if !expression::is_expression(text) => {
                Ok(Reference::Text(text.clone()))
            }
            _ => Err("contains looks for one text".into()),
        };
    }
    match node {
        Node::Text(text) if expression::is_expression(text) => {
            let measured = measurement(text, names)?;
            if measured.kind.base != Base::Text || measured.kind.depth != 1 {
                return Err(format!(
                    "{text} is {}, must be one list of texts, as flatten() or set_intersection() make it",
                    measured.kind.words()
                ));
            }
            Ok(Reference::Measured(measured))
        }
        // One text is a list of one.
        Node::Text(text) => Ok(Reference::Texts(vec![text.clone()])),
        node => node
            .as_texts()
            .map(Reference::Texts)
            .ok_or_else(|| "must be a list of texts, or an expression that makes one".into()),
    }
}

impl Rule {
    /// Reads a `referenceValue` that takes the place of the rule's own after some waiting.
    pub(super) fn read_reference(
        &self,
        node: &Node,
        names: &Names,
    ) -> Option<Result<Reference, String>> {
        match &self.kind {
            Kind::Comparison {
                measurements,
                reference: Some(_),
                ..
            } => Some(scalar(node, names, measurements[0].kind.base)),
            Kind::Distance { .. } => Some(scalar(node, names, Base::Number)),
            Kind::Collection {
                operation,
                reference: Some(_),
                ..
            } => Some(collected(node, names, *operation)),
            _ => None,
        }
    }
}
