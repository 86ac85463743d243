//! Numbers with their unit, mark and source.

use std::fmt;

use verilane::Error;

/// How reliable a number is, from the strongest mark to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Mark {
    /// Measured on this machine, or computed from measured numbers alone.
    Measured,
    /// Based on an option, a publication or a simulation.
    Assumed,
    /// There is no number.
    Unavailable,
}

/// The mark in lower case.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Mark::Measured => "measured",
            Mark::Assumed => "assumed",
            Mark::Unavailable => "unavailable",
        })
    }
}

/// A number with its unit, mark and source, or the reason why there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    value: Option<f64>,
    unit: &'static str,
    mark: Mark,
    source: String,
}

impl Quantity {
    /// A number measured on this machine.
    pub fn measured(value: f64, unit: &'static str, source: impl Into<String>) -> Self {
        Quantity::marked(value, unit, Mark::Measured, source.into())
    }

    /// A number taken from `source`: an option, a publication, a simulation.
    pub fn assumed(value: f64, unit: &'static str, source: impl Into<String>) -> Self {
        Quantity::marked(value, unit, Mark::Assumed, source.into())
    }

    /// No number, and the reason.
    pub fn unavailable(unit: &'static str, reason: impl Into<String>) -> Self {
        Quantity { value: None, unit, mark: Mark::Unavailable, source: reason.into() }
    }

    fn marked(value: f64, unit: &'static str, mark: Mark, source: String) -> Self {
        if !value.is_finite() {
            return Quantity::unavailable(unit, format!("{source}: the result is not a finite number"));
        }
        Quantity { value: Some(value), unit, mark, source }
    }

    /// `formula` of the values of `inputs`, with the weakest of their marks. Unavailable if
    /// one of them is, with its reason.
    pub fn derived<const N: usize>(
        unit: &'static str,
        inputs: [&Quantity; N],
        formula: impl FnOnce([f64; N]) -> f64,
    ) -> Self {
        let mut values = [0.0; N];
        let mut mark = Mark::Measured;
        let mut sources: Vec<&str> = Vec::new();
        for (value, input) in values.iter_mut().zip(inputs) {
            let Some(known) = input.value else {
                return Quantity::unavailable(unit, &input.source);
            };
            *value = known;
            mark = mark.max(input.mark);
            for source in input.source.split("; ") {
                if !sources.contains(&source) {
                    sources.push(source);
                }
            }
        }
        Quantity::marked(formula(values), unit, mark, sources.join("; "))
    }

    /// The number, if there is one.
    pub fn value(&self) -> Option<f64> {
        self.value
    }

    /// The unit's symbol.
    pub fn unit(&self) -> &'static str {
        self.unit
    }

    /// How reliable the number is.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// The source of the number, or the reason why there is none.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// A modelled number with its formula.
///
/// Exhaustive: callers build figures from formulas of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The number.
    pub quantity: Quantity,
    /// The formula in words.
    pub formula: String,
    /// The publication of the formula.
    pub citation: &'static str,
}

/// `value`, if it is a finite number above zero.
///
/// # Errors
/// [`Error::Parameter`] under `name` if it is not.
pub fn positive(name: &'static str, value: f64) -> Result<f64, Error> {
    if value.is_finite() && value > 0.0 {
        return Ok(value);
    }
    Err(refused(name, value, "it must be a finite number above 0"))
}

/// The error of a parameter that is out of range.
pub(super) fn refused(name: &'static str, found: impl fmt::Display, valid: &'static str) -> Error {
    Error::Parameter { name, found: found.to_string(), valid }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weakest_input_marks_the_result() {
        let rate = Quantity::measured(4.0, "H/s", "cpu");
        let watts = Quantity::assumed(12.0, "W", "--device-watts");
        let none = Quantity::unavailable("W", "no counter answers");
        let joules = Quantity::derived("J/H", [&watts, &rate], |[watts, rate]| watts / rate);
        assert_eq!((joules.value(), joules.mark()), (Some(3.0), Mark::Assumed));
        assert_eq!(joules.source(), "--device-watts; cpu");
        let twice = Quantity::derived("J/H", [&joules, &rate], |[joules, _]| joules);
        assert_eq!(twice.source(), "--device-watts; cpu");
        assert_eq!(Quantity::derived("H", [&rate, &rate], |[a, b]| a + b).mark(), Mark::Measured);
        let unknown = Quantity::derived("J/H", [&none, &rate], |[watts, rate]| watts / rate);
        assert_eq!((unknown.value(), unknown.mark()), (None, Mark::Unavailable));
        assert_eq!(unknown.source(), "no counter answers");
    }

    #[test]
    fn results_that_are_not_finite_are_unavailable() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Quantity::measured(value, "W", "meter").mark(), Mark::Unavailable);
        }
        assert_eq!(Quantity::measured(0.0, "W", "meter").value(), Some(0.0));
    }

    #[test]
    fn refusals_say_what_would_be_valid() {
        assert_eq!(positive("watts", 65.0).unwrap(), 65.0);
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let refusal = positive("watts", value).unwrap_err().to_string();
            assert_eq!(refusal, format!("watts cannot be {value}: it must be a finite number above 0"));
        }
    }
}
