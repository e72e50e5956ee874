//! One measured value beside what it is measured against.

use std::fmt::Write as _;

/// A value of one run.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// The reference of the same run, or the stated limit.
    reference: Option<(f64, &'static str)>,
}

impl Figure {
    /// A value that nothing is promised about.
    pub(crate) fn alone(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            reference: None,
        }
    }

    /// A value beside a reference in the same unit; `what` says what the reference is.
    pub(crate) fn against(
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        reference: f64,
        what: &'static str,
    ) -> Self {
        Self {
            reference: Some((reference, what)),
            ..Self::alone(name, value, unit)
        }
    }

    /// One line: name, value, unit, reference, ratio.
    pub(crate) fn shown(&self, json: bool) -> String {
        if json {
            return self.json();
        }
        let mut line = format!("{:<34} {:>12.2} {:<6}", self.name, self.value, self.unit);
        if let Some((reference, what)) = self.reference {
            write!(line, " reference {reference:>10.2} ({what})")
                .expect("a string takes everything");
            if reference != 0.0 {
                write!(line, "  ratio {:.3}", self.value / reference)
                    .expect("a string takes everything");
            }
        }
        line
    }

    fn json(&self) -> String {
        let mut object =
            serde_json::json!({"name": self.name, "value": self.value, "unit": self.unit});
        if let Some((reference, what)) = self.reference {
            object["reference"] = reference.into();
            object["reference_is"] = what.into();
            object["ratio"] = (self.value / reference).into();
        }
        object.to_string()
    }
}

/// The value below which `share` (0 to 1) of `values` are, by the nearest rank; 0 for none.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "some thousand values at most, and a share of 0 to 1"
    )]
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::{Figure, quantile};

    #[test]
    fn quantiles_are_values_that_occurred() {
        let mut values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(quantile(&mut values, 0.5).to_bits(), 3.0_f64.to_bits());
        assert_eq!(quantile(&mut values, 0.99).to_bits(), 5.0_f64.to_bits());
        assert_eq!(quantile(&mut [], 0.5).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn a_figure_in_json_has_its_ratio() {
        let figure = Figure::against("a", 3.0, "ms", 4.0, "limit").shown(true);
        let value: serde_json::Value = serde_json::from_str(&figure).unwrap();
        assert_eq!(value["ratio"], 0.75);
        assert_eq!(value["reference_is"], "limit");
    }
}
