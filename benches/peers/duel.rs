//! Contestants take turns; medians and ratios come out.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use verilane::cpu::{Isa, issue_rate};

/// Rounds, after one that is only checked.
const ROUNDS: usize = 9;

/// A contestant writes its answer over the last one.
pub type Contestant<'a, T> = (&'static str, Box<dyn FnMut(&mut T) + 'a>);

/// The rows to run.
pub struct Duel {
    words: Vec<String>,
}

/// A row of the table.
pub struct Row {
    pub name: String,
    pub items: usize,
    /// How many times as fast as the first peer it should be.
    pub reach: Option<f64>,
    /// Vector operations an item, in one lane.
    pub operations: Option<f64>,
    pub isa: Isa,
}

impl Duel {
    pub fn new(words: Vec<String>) -> Self {
        Duel { words }
    }

    pub fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }

    /// Runs the contestants in turn: verilane on one thread, on two, then its
    /// peers. All must give the first peer's answer.
    pub fn run<T: PartialEq + Debug + Clone>(
        &self,
        row: &Row,
        blank: &T,
        mut contestants: Vec<Contestant<'_, T>>,
    ) {
        let mut answers = vec![blank.clone(); contestants.len()];
        for ((_, run), answer) in contestants.iter_mut().zip(&mut answers) {
            run(answer);
        }
        for ((label, _), answer) in contestants.iter().zip(&answers) {
            assert!(*answer == answers[2], "{}: {label} gives another answer", row.name);
        }
        let mut times = vec![Times::default(); contestants.len()];
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            for (((_, run), answer), times) in contestants.iter_mut().zip(&mut answers).zip(&mut times) {
                let (start, busy) = (Instant::now(), busy_time());
                run(answer);
                let busy = busy_time().saturating_sub(busy);
                times.busy.push(busy.as_secs_f64() * 1e9 / row.items as f64);
                times.elapsed.push(start.elapsed().as_secs_f64() * 1e9 / row.items as f64);
            }
            rates.push(issue_rate(row.isa));
        }
        let labels: Vec<_> = contestants.iter().map(|contestant| contestant.0).collect();
        report(row, &labels, &times, median(rates));
    }
}

/// Nanoseconds an item, round by round.
#[derive(Clone, Default)]
struct Times {
    /// By the processor's time: on a shared machine others take some between.
    busy: Vec<f64>,
    /// By the clock.
    elapsed: Vec<f64>,
}

/// The processor time that this process has used.
#[cfg(unix)]
fn busy_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// The clock stands in where processor time cannot be had.
#[cfg(not(unix))]
fn busy_time() -> Duration {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed()
}

fn report(row: &Row, labels: &[&str], times: &[Times], rate: f64) {
    let own_busy = &times[0].busy;
    let own = median(own_busy.clone());
    let ratio = |a: &[f64], b: &[f64]| median(a.iter().zip(b).map(|(a, b)| a / b).collect());
    print!("{:22} {own:8.1}", row.name);
    print!("  2 threads ×{:.2}", ratio(&times[0].elapsed, &times[1].elapsed));
    if let Some(operations) = row.operations {
        let limit = operations / rate;
        print!("  limit {limit:6.1} ({:3.0} %)", 100.0 * limit / own);
    }
    for (peer, (label, times)) in labels.iter().zip(times).skip(2).enumerate() {
        print!("  {label} {:.1} ×{:.2}", median(times.busy.clone()), ratio(&times.busy, own_busy));
        if let Some(reach) = row.reach.filter(|_| peer == 0) {
            print!(" (to reach ×{reach})");
        }
    }
    println!();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Vector operations of one lane in the kernels, as this level's instructions
/// count them.
pub struct Operations {
    /// A SHA-256 block with its schedule, and a message's first.
    pub sha256: f64,
    pub sha256_first: f64,
    /// A block whose schedule is constant, that of a digest, and the last of 65 bytes.
    pub sha256_constant: f64,
    pub sha256_of_digest: f64,
    pub sha256_end_of_65: f64,
    /// A BLAKE3 block, and one of 32 bytes at most.
    pub blake3: f64,
    pub blake3_short: f64,
}

impl Operations {
    /// None where kernels do not run in lanes only.
    pub fn of(isa: Isa) -> Option<Self> {
        if isa < Isa::Avx512 {
            return None;
        }
        // A round: 6 rotations, 4 three-operand logic, 7 additions. A step of the
        // schedule: 6 shifts and rotations, 2 logic, 3 additions. A quarter round:
        // 6 additions, 4 xors, 4 rotations. Eight additions or xors at the end. Where the
        // state or words are constants, what they decide falls away: 18 of a first block,
        // 8 and 59 more of a digest's rounds and schedule, 15 and 118 of 65 bytes' end.
        let sha256 = 64.0 * 17.0 + 48.0 * 11.0 + 8.0;
        let blake3 = 7.0 * 8.0 * 14.0 + 8.0;
        Some(Operations {
            sha256,
            sha256_first: sha256 - 18.0,
            sha256_constant: 64.0 * 17.0 + 8.0 - 64.0,
            sha256_of_digest: sha256 - 18.0 - 8.0 - 59.0,
            sha256_end_of_65: sha256 - 15.0 - 118.0,
            blake3,
            blake3_short: blake3 - 7.0 * 8.0,
        })
    }
}
