//! `verilane mine`: the lowest nonce that meets a target.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::ArgGroup;
use serde::Serialize;
use verilane::pow::{Nonce, Puzzle, Target, window_size};
use verilane::{Engine, parse_hex};

use crate::Status;
use crate::shared::backends_used::BackendsUsed;
use crate::shared::context::Context;
use crate::shared::names::target_of_bits;
use crate::shared::output::print;
use crate::shared::progress;
use crate::shared::units::{Count, Rate};

/// Find the lowest nonce whose double SHA-256 meets the target, or none
#[derive(clap::Args)]
#[command(group = ArgGroup::new("goal").required(true).args(["bits", "target"]))]
pub struct Args {
    /// The 80 bytes of the header; the nonce's four at its end are ignored
    #[arg(long, value_name = "HEX", value_parser = parse_hex::<80>)]
    header: [u8; 80],
    /// The target in the compact form of a header, such as 1d00ffff
    #[arg(long, value_name = "HEX", value_parser = target_of_bits)]
    bits: Option<Target>,
    /// The target as 64 digits, most significant first
    #[arg(long, value_name = "HEX")]
    target: Option<Target>,
    /// The first nonce to try
    #[arg(long, value_name = "N", default_value_t = 0)]
    from: u32,
    /// The last nonce to try
    #[arg(long, value_name = "N", default_value_t = u32::MAX)]
    to: u32,
}

#[derive(Serialize)]
struct Search {
    nonce: Option<u32>,
    hash: Option<String>,
    tried: u64,
    per_second: f64,
    #[serde(flatten)]
    backends: BackendsUsed,
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let target = args.bits.or(args.target).context("--bits or --target is needed")?;
    let puzzle = Puzzle::bitcoin(&args.header, target);
    print(context, &search(&context.engine()?, &puzzle, args.from..=args.to)?)?;
    Ok(Status::Passed)
}

/// Nonces in the first call. Calls grow until one takes [`CALL`]: short enough to show
/// progress and to stop soon after an interrupt, on any back end.
const FIRST_CALL: u64 = 1 << 22;
const CALL: Duration = Duration::from_millis(500);

fn search(engine: &Engine, puzzle: &Puzzle, window: RangeInclusive<u32>) -> anyhow::Result<Search> {
    let (from, to) = (*window.start(), *window.end());
    let bar = progress::steps(window_size(&window), "nonces");
    let start = Instant::now();
    let mut backends = BackendsUsed::default();
    let mut first = from;
    let mut length = FIRST_CALL;
    let found: Option<Nonce> = loop {
        let call = Instant::now();
        let last = (u64::from(first) + length - 1).min(to.into()) as u32;
        let found = backends.record(engine.search(puzzle, first..=last)?);
        bar.inc(window_size(&(first..=last)));
        if found.is_some() || last >= to {
            break found;
        }
        first = last + 1;
        if call.elapsed() < CALL {
            length *= 2;
        }
    };
    bar.finish_and_clear();
    let tried = window_size(&(from..=found.map_or(to, |found| found.nonce)));
    Ok(Search {
        nonce: found.map(|found| found.nonce),
        hash: found.map(|found| found.digest.reversed().to_string()),
        tried,
        per_second: tried as f64 / start.elapsed().as_secs_f64(),
        backends,
    })
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.nonce, &self.hash) {
            (Some(nonce), Some(hash)) => writeln!(f, "nonce {nonce}\nhash  {hash}")?,
            _ => writeln!(f, "none")?,
        }
        write!(f, "{} nonces tried, {}/s on {}", Count(self.tried), Rate(self.per_second), self.backends)
    }
}
