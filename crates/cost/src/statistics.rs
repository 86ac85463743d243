//! Means over repeated runs and their confidence intervals.

/// A mean over repeated runs with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The lower bound of the interval.
    pub low: f64,
    /// The upper bound of the interval.
    pub high: f64,
    /// The number of runs.
    pub runs: usize,
}

impl Estimate {
    /// The fewest runs for an interval.
    pub const FEWEST_RUNS: usize = 10;

    /// Mean ± t · s / √n of one value from each run; none for fewer values than
    /// [`FEWEST_RUNS`](Self::FEWEST_RUNS).
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.len() < Self::FEWEST_RUNS {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let half = student_t_95(n - 1.0) * (variance / n).sqrt();
        Some(Estimate { mean, low: mean - half, high: mean + half, runs: values.len() })
    }

    /// The estimate of `f` of the mean, for a monotonic `f`.
    #[must_use]
    pub fn map(self, f: impl Fn(f64) -> f64) -> Self {
        let (a, b) = (f(self.low), f(self.high));
        Estimate { mean: f(self.mean), low: a.min(b), high: a.max(b), runs: self.runs }
    }
}

/// The 97.5 % quantile of Student's t distribution, by the expansion 26.7.5 of Abramowitz
/// and Stegun. Its error is below 0.001 from 9 degrees of freedom on.
fn student_t_95(freedom: f64) -> f64 {
    let z = 1.959_963_984_540_054_f64;
    let g1 = (z.powi(3) + z) / 4.0;
    let g2 = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let g3 = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + g1 / freedom + g2 / freedom.powi(2) + g3 / freedom.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabulated_t() {
        for (freedom, tabulated) in [(9.0, 2.262), (20.0, 2.086), (60.0, 2.000), (1e9, 1.960)] {
            assert!((student_t_95(freedom) - tabulated).abs() < 0.001, "{freedom}");
        }
    }

    #[test]
    fn worked_example() {
        // 1..=10: mean 5.5, s = 3.02765, half width 2.262 × 3.02765 / √10 = 2.1658.
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        let estimate = Estimate::of(&values).unwrap();
        assert_eq!((estimate.mean, estimate.runs), (5.5, 10));
        assert!((estimate.high - 7.6658).abs() < 1e-3 && (estimate.low - 3.3342).abs() < 1e-3);
        let inverse = estimate.map(|value| 1.0 / value);
        assert!(inverse.low < inverse.mean && inverse.mean < inverse.high);
        assert_eq!(Estimate::of(&values[..9]), None);
    }
}
