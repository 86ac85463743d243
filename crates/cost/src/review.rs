//! The time that people take to review records: a central office compared with the
//! members of a consortium (Chen and Cheng, "Analysis and application of blockchain
//! technology in medical and health field", section 6 and figure 3).
//!
//! The paper gives 500 citizens a sub-unit, 50 reviews a day, k₁ = 50 and three
//! members, and says that "when the number of health information exceeds k₁, a
//! new health information reviewer needs to be added". It has no formula, and does not
//! say when a reviewer is added. [`ReviewModel::distributed`] adds one at the start of
//! each day on which more than k₁ records wait. Only with this reading is the paper's
//! statement about its figure true: "when the amount of information is less than 100,
//! the time cost of the two schemes is basically the same".
//! [`ReviewModel::distributed_at_once`] has one reviewer for each k₁ records from the
//! start; the two schemes then differ from 50 records on.

use super::quantity::refused;
use verilane::Error;

/// A model of review by people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReviewModel {
    per_day: u32,
    threshold: u32,
    members: u32,
}

impl ReviewModel {
    /// The paper's parameters: 50 reviews a day, k₁ = 50, three members.
    pub const PAPER: ReviewModel = ReviewModel { per_day: 50, threshold: 50, members: 3 };

    /// The number of citizens of a sub-unit in the paper, with one record each.
    pub const PAPER_RECORDS: u32 = 500;

    /// Reviewers who each review `per_day` records a day. One more joins while more than
    /// `threshold` records wait, up to `members`.
    ///
    /// # Errors
    /// [`Error::Parameter`] if one of them is zero.
    pub fn new(per_day: u32, threshold: u32, members: u32) -> Result<Self, Error> {
        let named = [
            ("the number of reviews a day", per_day),
            ("the threshold k1", threshold),
            ("the number of members", members),
        ];
        match named.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(refused(name, 0, "it must be at least 1")),
            None => Ok(ReviewModel { per_day, threshold, members }),
        }
    }

    /// The days that one reviewer takes for `records`.
    pub fn centralised(&self, records: u32) -> f64 {
        f64::from(records) / f64::from(self.per_day)
    }

    /// The days for `records` if the block producer starts alone and one member joins at the
    /// start of each later day on which more than k₁ records wait.
    pub fn distributed(&self, records: u32) -> f64 {
        let mut waiting = u64::from(records);
        let mut reviewers = 1;
        let mut full_days = 0;
        loop {
            let capacity = u64::from(reviewers) * u64::from(self.per_day);
            if waiting <= capacity {
                return f64::from(full_days) + waiting as f64 / capacity as f64;
            }
            waiting -= capacity;
            full_days += 1;
            if waiting > self.threshold.into() && reviewers < self.members {
                reviewers += 1;
            }
        }
    }

    /// The days for `records` with one reviewer for each k₁ records, rounded up, from the
    /// start.
    pub fn distributed_at_once(&self, records: u32) -> f64 {
        let reviewers = records.div_ceil(self.threshold).clamp(1, self.members);
        f64::from(records) / (f64::from(self.per_day) * f64::from(reviewers))
    }

    /// The days that a machine takes which verifies `per_second` signatures a second. A
    /// signature shows who signed a record and that it was not changed; it does not replace
    /// a person's judgement of the content.
    pub fn engine(records: u32, per_second: f64) -> f64 {
        f64::from(records) / per_second / 86_400.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_example_by_hand() {
        let review = ReviewModel::PAPER;
        assert_eq!(review.centralised(500), 10.0);
        // 50, 100 and 150 in three days, and four thirds of a day for the last 200.
        assert!((review.distributed(500) - 13.0 / 3.0).abs() < 1e-12);
        assert!((review.distributed_at_once(500) - 10.0 / 3.0).abs() < 1e-12);
        // One reviewer for 50, then two for 60.
        assert!((review.distributed(110) - 1.6).abs() < 1e-12);
    }

    #[test]
    fn equal_up_to_100_as_the_paper_says() {
        for records in 0..=100 {
            let difference =
                ReviewModel::PAPER.distributed(records) - ReviewModel::PAPER.centralised(records);
            assert!(difference.abs() < 1e-12, "{records}");
        }
        for records in 101..=ReviewModel::PAPER_RECORDS {
            assert!(ReviewModel::PAPER.distributed(records) < ReviewModel::PAPER.centralised(records));
        }
        assert!(ReviewModel::PAPER.distributed_at_once(60) < ReviewModel::PAPER.centralised(60));
    }

    #[test]
    fn a_machine_takes_records_over_rate_seconds() {
        assert_eq!(ReviewModel::engine(86_400, 1.0), 1.0);
        assert!((ReviewModel::engine(500, 50_000.0) * 86_400.0 - 0.01).abs() < 1e-15);
    }

    #[test]
    fn zero_parameters_are_refused() {
        assert_eq!(ReviewModel::new(50, 50, 3).unwrap(), ReviewModel::PAPER);
        for (per_day, threshold, members) in [(0, 50, 3), (50, 0, 3), (50, 50, 0)] {
            let refusal = ReviewModel::new(per_day, threshold, members).unwrap_err().to_string();
            assert!(refusal.ends_with("it must be at least 1"), "{refusal}");
        }
    }
}
