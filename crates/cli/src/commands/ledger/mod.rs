//! `verilane ledger`: ledgers of signed records, made, continued and exported.

mod export;
mod generate;
mod keys;
mod seal;

use clap::Subcommand;
use verilane_ledger::SealRule;

use crate::Status;
use crate::shared::context::Context;

/// Seal signed records into a ledger, generate a synthetic one, or export one
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Export(export::Args),
    Generate(generate::Args),
    Seal(seal::Args),
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    match &args.command {
        Command::Export(args) => export::run(args, context),
        Command::Generate(args) => generate::run(args, context),
        Command::Seal(args) => seal::run(args, context),
    }
}

/// How blocks of a new ledger are sealed.
#[derive(clap::Args)]
struct SealArgs {
    /// Seal blocks by the signature of the institution that stored the most in the last one
    #[arg(long, conflicts_with = "pow")]
    stake: bool,
    /// Seal blocks by work: the hash must begin with this many zero bits
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u32).range(1..=64))]
    pow: Option<u32>,
}

impl SealArgs {
    /// The seal asked for, if one is.
    fn rule(&self) -> Option<SealRule> {
        let work = self.pow.map(|zeros| SealRule::Work { bits: compact(zeros) });
        work.or(self.stake.then_some(SealRule::Stake))
    }
}

/// The compact form of the highest target whose digests begin with `zeros` zero bits:
/// 2^(256 − zeros) − 1, truncated to the digits of the form.
fn compact(zeros: u32) -> u32 {
    let bits = 256 - zeros;
    let (exponent, mantissa) = (bits / 8 + 1, (1 << (16 + bits % 8)) - 1);
    exponent << 24 | mantissa
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_bits_make_a_target() {
        // Regtest's, and that of difficulty one.
        assert_eq!([1, 32].map(compact), [0x207f_ffff, 0x1d00_ffff]);
        for zeros in 1..=64 {
            let target = verilane::pow::Target::from_bits(compact(zeros)).unwrap();
            let ratio = target.expected_hashes() / 2f64.powi(zeros as i32);
            assert!((1.0..1.0001).contains(&ratio), "{zeros}: {ratio}");
        }
    }
}
