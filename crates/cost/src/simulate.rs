//! Discrete-event simulations of a consortium under each scheme.
//!
//! **Proof of work.** The nodes find blocks as a Poisson process, with equal
//! probability. A block reaches the other nodes `delay` seconds after it is found. A node
//! works on the highest block that it knows. All blocks at a height but one are stale.
//! With a fixed difficulty and many nodes there are closed forms in
//! x = (1 − 1/nodes) × delay / block time: the [`stale_share`] is x / (1 + x), since a
//! height lasts an exponential time and the delay, and the [`fork_share`] is 1 − e^(−x),
//! the probability that a height has more than one block. With one node both are zero.
//!
//! **Contribution stages.** As in Chen and Cheng, section 4.2: lists of records arrive
//! until they have more than c records but fewer than 2c, and the institution that
//! uploaded the most produces the next block. The paper does not specify the lists. Here
//! they arrive as a Poisson process; they have 1 to c − 1 records with equal probability,
//! which are the largest lists that keep every stage below 2c; and they come from
//! institutions whose sizes follow Zipf's law. In a tie, the institution that reached the
//! number first wins. A stage takes about e lists, and has about e/2 × c records (see
//! [`Stages::mean_records`]). The producer is known in advance, so no block is stale.

use super::quantity::refused;
use super::{Estimate, Random, positive};
use verilane::Error;

/// A consortium under proof of work.
///
/// Exhaustive: a simulation needs each of these parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mining {
    /// The nodes, all with the same hash rate.
    pub nodes: u32,
    /// The seconds between blocks that the difficulty is set for, from the start.
    pub block_time: f64,
    /// The seconds until a block reaches the other nodes.
    pub delay: f64,
    /// The blocks after which the difficulty is adjusted; none keeps it fixed.
    pub retarget_window: Option<u32>,
}

/// The result of a run under proof of work.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MiningRun {
    /// The blocks that were found.
    pub found: u64,
    /// The blocks in the longest chain.
    pub chain: u64,
    /// The heights at which more than one block was found.
    pub forked: u64,
    /// The time in seconds when the longest chain last grew.
    pub last_growth: f64,
}

impl MiningRun {
    /// The share of the found blocks that are not in the longest chain; none if no block
    /// was found.
    pub fn stale_share(&self) -> Option<f64> {
        (self.found > 0).then(|| (self.found - self.chain) as f64 / self.found as f64)
    }
}

impl Mining {
    /// Checks the parameters, and gives them.
    ///
    /// # Errors
    /// [`Error::Parameter`] if there is no node, if the block time is not above
    /// zero, if the delay is negative, or if the window has no block.
    pub fn check(self) -> Result<Self, Error> {
        if self.nodes == 0 {
            return Err(refused("the number of nodes", 0, "it must be at least 1"));
        }
        positive("the block time", self.block_time)?;
        if !(self.delay.is_finite() && self.delay >= 0.0) {
            return Err(refused("the delay", self.delay, "it must be a finite number of at least 0 seconds"));
        }
        if self.retarget_window == Some(0) {
            return Err(refused("the retarget window", 0, "it must be at least 1 block"));
        }
        Ok(self)
    }

    /// Simulates `seconds`.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn run(&self, seconds: f64, random: &mut Random) -> Result<MiningRun, Error> {
        let Mining { nodes, block_time, delay, retarget_window } = self.check()?;
        let mut run = MiningRun::default();
        let mut own = vec![0_u64; nodes as usize];
        // The arrival time and height of each block on its way to the other nodes.
        let mut travelling = std::collections::VecDeque::new();
        let mut arrived = 0;
        let mut blocks_at_height: Vec<u32> = Vec::new();
        let mut mean = block_time;
        let mut window_start = 0.0;
        let mut now = 0.0;
        loop {
            now += random.exponential(mean);
            if now > seconds {
                run.forked = blocks_at_height.iter().filter(|&&blocks| blocks > 1).count() as u64;
                return Ok(run);
            }
            while travelling.front().is_some_and(|&(arrival, _)| arrival <= now) {
                arrived = travelling.pop_front().map_or(arrived, |(_, height)| arrived.max(height));
            }
            let finder = random.below(nodes.into()) as usize;
            let height = arrived.max(own[finder]) + 1;
            own[finder] = height;
            travelling.push_back((now + delay, height));
            run.found += 1;
            if height <= run.chain {
                blocks_at_height[height as usize - 1] += 1;
                continue;
            }
            blocks_at_height.push(1);
            run.chain = height;
            run.last_growth = now;
            if let Some(window) = retarget_window.filter(|&window| height % u64::from(window) == 0) {
                // By a factor of four at most, as in Bitcoin.
                let expected = f64::from(window) * block_time;
                mean *= (expected / (now - window_start)).clamp(0.25, 4.0);
                window_start = now;
            }
        }
    }

    /// Simulates `runs` independent runs of `seconds` each, derived from `seed`.
    ///
    /// # Errors
    /// [`Error::Parameter`] as [`check`](Self::check), or if there are fewer than
    /// [`Estimate::FEWEST_RUNS`] runs.
    pub fn repeat(&self, seconds: f64, runs: u32, seed: u64) -> Result<Vec<MiningRun>, Error> {
        repeat(runs, seed, |random| self.run(seconds, random))
    }
}

/// Means over repeated runs under proof of work; none if too few runs had a block.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct MiningEstimates {
    /// The blocks that were found.
    pub found: Option<Estimate>,
    /// The blocks in the longest chain.
    pub blocks: Option<Estimate>,
    /// The seconds for each block of the longest chain.
    pub block_time: Option<Estimate>,
    /// The share of the found blocks that are stale.
    pub stale_share: Option<Estimate>,
}

impl MiningEstimates {
    /// The means over `runs` of `seconds` each.
    pub fn of(runs: &[MiningRun], seconds: f64) -> Self {
        let blocks = estimate(runs, |run| Some(run.chain as f64));
        MiningEstimates {
            found: estimate(runs, |run| Some(run.found as f64)),
            blocks,
            block_time: block_time(blocks, seconds),
            stale_share: estimate(runs, MiningRun::stale_share),
        }
    }
}

/// The share of stale blocks, with many nodes and a fixed difficulty.
pub fn stale_share(nodes: u32, block_time: f64, delay: f64) -> f64 {
    let x = rivals(nodes, block_time, delay);
    x / (1.0 + x)
}

/// The share of heights with more than one block, with many nodes and a fixed difficulty.
pub fn fork_share(nodes: u32, block_time: f64, delay: f64) -> f64 {
    -(-rivals(nodes, block_time, delay)).exp_m1()
}

/// The mean number of blocks that the other nodes find before a block reaches them.
fn rivals(nodes: u32, block_time: f64, delay: f64) -> f64 {
    (1.0 - 1.0 / f64::from(nodes)) * delay / block_time
}

/// The long-run mean block time with an adjusted difficulty. The duration of a window
/// estimates the hash rate, and the mean of 1 / duration is too high by a factor of
/// window / (window − 1), so that blocks take longer by that factor. Infinite for a window
/// of one block.
pub fn retargeted_block_time(block_time: f64, window: u32) -> f64 {
    block_time * f64::from(window) / (f64::from(window) - 1.0)
}

/// A consortium under contribution stages.
///
/// Exhaustive: a simulation needs each of these parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stages {
    /// The institutions that upload records and produce blocks.
    pub nodes: u32,
    /// The records that all institutions together upload a second.
    pub records_per_second: f64,
    /// The threshold c: a stage ends when it has more records.
    pub threshold: u32,
    /// The exponent of Zipf's law: institution i, from 1, uploads a share in proportion to
    /// i^−exponent. With 0 all are equal.
    pub size_exponent: f64,
}

/// The result of a run under contribution stages.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StagesRun {
    /// The stages that ended, each with a block.
    pub blocks: u64,
    /// The records in these blocks.
    pub records: u64,
    /// The time in seconds when the last stage ended.
    pub last_end: f64,
    /// The fewest and the most records of a stage; none if no stage ended.
    pub extremes: Option<(u64, u64)>,
    /// The number of stages that each institution won.
    pub won: Vec<u64>,
}

impl Stages {
    /// Checks the parameters, and gives them.
    ///
    /// # Errors
    /// [`Error::Parameter`] if there is no node, if the rate is not above zero,
    /// if c is below 2, or if the exponent does not lie between 0 and 10.
    pub fn check(self) -> Result<Self, Error> {
        if self.nodes == 0 {
            return Err(refused("the number of nodes", 0, "it must be at least 1"));
        }
        positive("the number of records a second", self.records_per_second)?;
        if self.threshold < 2 {
            return Err(refused("the stage's threshold c", self.threshold, "it must be at least 2"));
        }
        if !(0.0..=10.0).contains(&self.size_exponent) {
            return Err(refused("the size exponent", self.size_exponent, "it must lie between 0 and 10"));
        }
        Ok(self)
    }

    /// The mean number of records in a list, of 1 to c − 1.
    fn mean_list(&self) -> f64 {
        f64::from(self.threshold) / 2.0
    }

    /// Simulates `seconds`.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn run(&self, seconds: f64, random: &mut Random) -> Result<StagesRun, Error> {
        let Stages { nodes, records_per_second, threshold, .. } = self.check()?;
        let sizes = self.cumulative_shares();
        let between_lists = self.mean_list() / records_per_second;
        let mut run =
            StagesRun { blocks: 0, records: 0, last_end: 0.0, extremes: None, won: vec![0; nodes as usize] };
        let mut uploaded = vec![0_u64; nodes as usize];
        let mut total = 0;
        // The institution with the most records, and their number.
        let mut leader = (0, 0);
        let mut now = 0.0;
        loop {
            now += random.exponential(between_lists);
            if now > seconds {
                return Ok(run);
            }
            let draw = random.unit();
            let sender = sizes.partition_point(|&share| share <= draw).min(sizes.len() - 1);
            let list = 1 + random.below(u64::from(threshold) - 1);
            total += list;
            uploaded[sender] += list;
            if uploaded[sender] > leader.1 {
                leader = (sender, uploaded[sender]);
            }
            if total <= threshold.into() {
                continue;
            }
            run.blocks += 1;
            run.records += total;
            run.last_end = now;
            run.won[leader.0] += 1;
            let (fewest, most) = run.extremes.unwrap_or((total, total));
            run.extremes = Some((fewest.min(total), most.max(total)));
            uploaded.fill(0);
            (total, leader) = (0, (0, 0));
        }
    }

    /// Each institution's share of the records, the largest first.
    pub fn shares(&self) -> Vec<f64> {
        let sizes: Vec<f64> = (1..=self.nodes).map(|i| f64::from(i).powf(-self.size_exponent)).collect();
        let total: f64 = sizes.iter().sum();
        sizes.iter().map(|size| size / total).collect()
    }

    fn cumulative_shares(&self) -> Vec<f64> {
        let mut sum = 0.0;
        self.shares()
            .iter()
            .map(|share| {
                sum += share;
                sum
            })
            .collect()
    }

    /// The mean number of records in a stage, by Wald's identity: the mean length of a
    /// list, c / 2, times the mean number of lists until their sum exceeds c, which is
    /// (1 + 1/m)^c − 1/m with m = c − 1. It tends to e, as for uniform numbers until
    /// their sum exceeds 1.
    pub fn mean_records(&self) -> f64 {
        let c = f64::from(self.threshold);
        let m = c - 1.0;
        self.mean_list() * ((1.0 + 1.0 / m).powf(c) - 1.0 / m)
    }

    /// The threshold c for which a stage has about `records` records on average.
    pub fn threshold_for(records: u32) -> u32 {
        ((2.0 * f64::from(records) / std::f64::consts::E).round() as u32).max(2)
    }

    /// Simulates `runs` independent runs of `seconds` each, derived from `seed`.
    ///
    /// # Errors
    /// [`Error::Parameter`] as [`check`](Self::check), or if there are fewer than
    /// [`Estimate::FEWEST_RUNS`] runs.
    pub fn repeat(&self, seconds: f64, runs: u32, seed: u64) -> Result<Vec<StagesRun>, Error> {
        repeat(runs, seed, |random| self.run(seconds, random))
    }
}

/// Means over repeated runs under contribution stages; none if too few runs had a block.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct StagesEstimates {
    /// The blocks.
    pub blocks: Option<Estimate>,
    /// The records in the blocks.
    pub records: Option<Estimate>,
    /// The seconds for each block.
    pub block_time: Option<Estimate>,
    /// The records in a block.
    pub records_per_block: Option<Estimate>,
    /// The share of blocks that the largest institution produces.
    pub largest_wins: Option<Estimate>,
}

impl StagesEstimates {
    /// The means over `runs` of `seconds` each.
    pub fn of(runs: &[StagesRun], seconds: f64) -> Self {
        let with_blocks =
            |value: fn(&StagesRun) -> f64| estimate(runs, |run| (run.blocks > 0).then(|| value(run)));
        let blocks = estimate(runs, |run| Some(run.blocks as f64));
        StagesEstimates {
            blocks,
            records: estimate(runs, |run| Some(run.records as f64)),
            block_time: block_time(blocks, seconds),
            records_per_block: with_blocks(|run| run.records as f64 / run.blocks as f64),
            largest_wins: with_blocks(|run| {
                run.won.first().map_or(0.0, |&won| won as f64 / run.blocks as f64)
            }),
        }
    }
}

/// The seconds for each of `blocks`; none if their interval includes 0.
fn block_time(blocks: Option<Estimate>, seconds: f64) -> Option<Estimate> {
    blocks.filter(|blocks| blocks.low > 0.0).map(|blocks| blocks.map(|blocks| seconds / blocks))
}

fn repeat<R>(runs: u32, seed: u64, run: impl Fn(&mut Random) -> Result<R, Error>) -> Result<Vec<R>, Error> {
    if (runs as usize) < Estimate::FEWEST_RUNS {
        return Err(refused("the number of runs", runs, "it must be at least 10, for a confidence interval"));
    }
    (0..runs).map(|index| run(&mut Random::for_run(seed, index.into()))).collect()
}

fn estimate<R>(runs: &[R], value: impl Fn(&R) -> Option<f64>) -> Option<Estimate> {
    Estimate::of(&runs.iter().filter_map(value).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXED: Mining = Mining { nodes: 10_000, block_time: 60.0, delay: 0.0, retarget_window: None };

    fn near(value: f64, expected: f64, tolerance: f64) {
        assert!((value / expected - 1.0).abs() < tolerance, "{value} is not near {expected}");
    }

    fn long_run(work: Mining) -> MiningRun {
        // 200,000 block times: the standard error of the mean is 0.22 %.
        work.run(200_000.0 * work.block_time, &mut Random::new(1)).unwrap()
    }

    #[test]
    fn mean_block_time() {
        let run = long_run(FIXED);
        near(run.last_growth / run.chain as f64, 60.0, 0.01);
        assert_eq!((run.found, run.forked, run.stale_share()), (run.chain, 0, Some(0.0)));
    }

    #[test]
    fn stale_and_forked_shares_match_their_closed_forms() {
        for delay in [3.0, 15.0, 60.0] {
            let run = long_run(Mining { delay, ..FIXED });
            near(run.stale_share().unwrap(), stale_share(10_000, 60.0, delay), 0.02);
            near(run.forked as f64 / run.chain as f64, fork_share(10_000, 60.0, delay), 0.02);
            // A height lasts an exponential time and the delay.
            near(run.last_growth / run.chain as f64, 60.0 + delay, 0.01);
        }
        assert!((stale_share(10_000, 60.0, 60.0) - 0.5).abs() < 1e-4);
        assert!((fork_share(10_000, 60.0, 60.0) - 0.632).abs() < 1e-3);
    }

    #[test]
    fn a_single_node_has_no_stale_blocks() {
        let run = long_run(Mining { nodes: 1, delay: 60.0, ..FIXED });
        assert_eq!((run.found, stale_share(1, 60.0, 60.0)), (run.chain, 0.0));
        // Two nodes compete for half of the blocks.
        let two = long_run(Mining { nodes: 2, delay: 3.0, ..FIXED });
        near(two.stale_share().unwrap(), stale_share(2, 60.0, 3.0), 0.05);
    }

    #[test]
    fn retargeted_blocks_take_longer_by_the_closed_form() {
        let run = long_run(Mining { retarget_window: Some(5), ..FIXED });
        near(run.last_growth / run.chain as f64, retargeted_block_time(60.0, 5), 0.02);
        assert_eq!(retargeted_block_time(60.0, 5), 75.0);
        // A delay lowers the difficulty until the chain has its block time again.
        let delayed = long_run(Mining { retarget_window: Some(50), delay: 30.0, ..FIXED });
        near(delayed.last_growth / delayed.chain as f64, 60.0, 0.02);
        near(delayed.stale_share().unwrap(), 0.5, 0.04);
    }

    const EQUAL: Stages = Stages { nodes: 8, records_per_second: 10.0, threshold: 300, size_exponent: 0.0 };

    #[test]
    fn stages_lie_between_c_and_2c() {
        for threshold in [2, 3, 10, 300] {
            let run = Stages { threshold, ..EQUAL }.run(2e5, &mut Random::new(2)).unwrap();
            let (fewest, most) = run.extremes.unwrap();
            let c = u64::from(threshold);
            assert!(fewest > c && most < 2 * c, "{threshold}: {fewest} {most}");
            assert_eq!(run.won.iter().sum::<u64>(), run.blocks);
        }
    }

    #[test]
    fn mean_stage() {
        let run = EQUAL.run(2e6, &mut Random::new(3)).unwrap();
        near(EQUAL.mean_records(), std::f64::consts::E / 2.0 * 300.0, 0.002);
        near(run.records as f64 / run.blocks as f64, EQUAL.mean_records(), 0.01);
        near(run.last_end / run.blocks as f64, EQUAL.mean_records() / 10.0, 0.02);
        for won in &run.won {
            near(*won as f64 / run.blocks as f64, 1.0 / 8.0, 0.06);
        }
    }

    #[test]
    fn small_stages_by_hand() {
        let mean = |threshold| Stages { threshold, ..EQUAL }.mean_records();
        // c = 2: three lists of one. c = 3, lists of one or two: by cases 23 / 8 lists of 1.5.
        assert_eq!(mean(2), 3.0);
        assert!((mean(3) - 1.5 * 23.0 / 8.0).abs() < 1e-12);
        for records in [3, 10, 500, 100_000] {
            let threshold = Stages::threshold_for(records);
            assert!((mean(threshold) - f64::from(records)).abs() <= 1.0, "{records}");
        }
        assert_eq!(Stages::threshold_for(1), 2);
    }

    #[test]
    fn the_largest_wins_more_than_its_share() {
        let zipf = Stages { size_exponent: 1.0, threshold: 30, ..EQUAL };
        near(zipf.shares()[0], 0.367_936, 1e-5);
        let run = zipf.run(2e5, &mut Random::new(4)).unwrap();
        let largest = run.won[0] as f64 / run.blocks as f64;
        assert!(largest > zipf.shares()[0] + 0.01, "{largest}");
    }

    #[test]
    fn runs_repeat_with_their_seed() {
        let work = Mining { nodes: 21, delay: 1.0, retarget_window: Some(20), ..FIXED };
        let runs = work.repeat(3600.0, 50, 7).unwrap();
        assert_eq!(runs, work.repeat(3600.0, 50, 7).unwrap());
        assert_ne!(runs, work.repeat(3600.0, 50, 8).unwrap());
        let estimates = MiningEstimates::of(&runs, 3600.0);
        let blocks = estimates.blocks.unwrap();
        assert!((estimates.block_time.unwrap().mean * blocks.mean - 3600.0).abs() < 1e-6);
        // 60 blocks an hour, and a twentieth fewer with retargeting.
        assert!(blocks.low < 60.0 && blocks.high > 55.0 && blocks.high - blocks.low < 6.0, "{blocks:?}");
        assert_eq!(EQUAL.repeat(3600.0, 20, 7).unwrap(), EQUAL.repeat(3600.0, 20, 7).unwrap());
    }

    #[test]
    fn an_hour_without_a_block_has_no_block_time() {
        let slow = Mining { block_time: 1e12, ..FIXED };
        let estimates = MiningEstimates::of(&slow.repeat(3600.0, 20, 1).unwrap(), 3600.0);
        assert_eq!(estimates.blocks.unwrap().mean, 0.0);
        assert_eq!((estimates.block_time, estimates.stale_share), (None, None));
    }

    #[test]
    fn impossible_consortia_are_refused() {
        let random = &mut Random::new(1);
        for work in [
            Mining { nodes: 0, ..FIXED },
            Mining { block_time: 0.0, ..FIXED },
            Mining { block_time: f64::NAN, ..FIXED },
            Mining { delay: -1.0, ..FIXED },
            Mining { delay: f64::INFINITY, ..FIXED },
            Mining { retarget_window: Some(0), ..FIXED },
        ] {
            assert!(matches!(work.run(1.0, random), Err(Error::Parameter { .. })), "{work:?}");
        }
        for stages in [
            Stages { nodes: 0, ..EQUAL },
            Stages { records_per_second: 0.0, ..EQUAL },
            Stages { threshold: 1, ..EQUAL },
            Stages { size_exponent: -1.0, ..EQUAL },
            Stages { size_exponent: f64::NAN, ..EQUAL },
        ] {
            assert!(matches!(stages.run(1.0, random), Err(Error::Parameter { .. })), "{stages:?}");
        }
        assert!(FIXED.repeat(3600.0, 9, 1).unwrap_err().to_string().contains("at least 10"));
    }
}
