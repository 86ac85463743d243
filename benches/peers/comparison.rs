//! Runs implementations in turn and prints medians and ratios.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use verilane::cpu::{Isa, Level, issue_rate};

/// Rounds that are timed, after one that is not.
const ROUNDS: usize = 9;

/// An implementation: its name, and a function that overwrites the last answer with its own.
pub type Implementation<'a, T> = (&'static str, Box<dyn FnMut(&mut T) + 'a>);

/// A comparison of implementations, restricted to some rows.
pub struct Comparison {
    filters: Vec<String>,
}

/// A row of the table.
pub struct Row {
    pub name: String,
    pub items: usize,
    /// The target: verilane's speed as a multiple of the first peer's.
    pub target_ratio: Option<f64>,
    /// The number of vector operations for an item in one lane.
    pub operations: Option<f64>,
    pub level: Level,
}

impl Comparison {
    pub fn new(filters: Vec<String>) -> Self {
        Comparison { filters }
    }

    pub fn selects(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter.as_str()))
    }

    /// Runs the implementations in turn: verilane on one thread, on two, then its peers. All
    /// must give the answer of the first peer.
    pub fn run<T: PartialEq + Debug + Clone>(
        &self,
        row: &Row,
        blank: &T,
        mut implementations: Vec<Implementation<'_, T>>,
    ) {
        let mut answers = vec![blank.clone(); implementations.len()];
        for ((_, run), answer) in implementations.iter_mut().zip(&mut answers) {
            run(answer);
        }
        for ((label, _), answer) in implementations.iter().zip(&answers) {
            assert!(*answer == answers[2], "{}: {label} gives another answer", row.name);
        }
        let mut times = vec![Times::default(); implementations.len()];
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            for (((_, run), answer), times) in implementations.iter_mut().zip(&mut answers).zip(&mut times) {
                let (start, busy) = (Instant::now(), busy_time());
                run(answer);
                let busy = busy_time().saturating_sub(busy);
                times.busy.push(busy.as_secs_f64() * 1e9 / row.items as f64);
                times.elapsed.push(start.elapsed().as_secs_f64() * 1e9 / row.items as f64);
            }
            rates.push(issue_rate(row.level));
        }
        let labels: Vec<_> = implementations.iter().map(|implementation| implementation.0).collect();
        report(row, &labels, &times, median(rates));
    }
}

/// Nanoseconds for an item, in each round.
#[derive(Clone, Default)]
struct Times {
    /// Processor time, which other processes on the machine affect little.
    busy: Vec<f64>,
    /// Wall-clock time.
    elapsed: Vec<f64>,
}

/// The processor time that this process has used.
#[cfg(unix)]
fn busy_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Wall-clock time, where processor time is not available.
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
        let at_peak_rate = operations / rate;
        print!("  at peak rate {at_peak_rate:6.1} ({:3.0} %)", 100.0 * at_peak_rate / own);
    }
    for (peer, (label, times)) in labels.iter().zip(times).skip(2).enumerate() {
        print!("  {label} {:.1} ×{:.2}", median(times.busy.clone()), ratio(&times.busy, own_busy));
        if let Some(target) = row.target_ratio.filter(|_| peer == 0) {
            print!(" (target ×{target})");
        }
    }
    println!();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The number of vector operations in one lane of the kernels, counted in instructions of an
/// instruction set.
pub struct Operations {
    /// A SHA-256 block with its schedule, and the first block of a message.
    pub sha256: f64,
    pub sha256_first: f64,
    /// A block with a constant schedule, the block of a digest, and the last block of 65 bytes.
    pub sha256_constant: f64,
    pub sha256_of_digest: f64,
    pub sha256_end_of_65: f64,
    /// A BLAKE3 block, and one of at most 32 bytes.
    pub blake3: f64,
    pub blake3_short: f64,
}

impl Operations {
    /// `None` if the kernels use other instructions than lanes.
    pub fn of(level: Level) -> Option<Self> {
        if !level.isa().includes(Isa::Avx512) {
            return None;
        }
        // A round: 6 rotations, 4 three-operand logic, 7 additions. A step of the
        // schedule: 6 shifts and rotations, 2 logic, 3 additions. A quarter round:
        // 6 additions, 4 xors, 4 rotations. Eight additions or xors at the end. Operations on
        // constant state or words are folded: 18 in a first block; another 8 and 59 in the
        // rounds and the schedule of a digest; 15 and 118 in the last block of 65 bytes.
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
