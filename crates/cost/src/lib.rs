//! The cost of proof of work and of proof of stake: measured, modelled and simulated.
//!
//! Every number is a [`Quantity`]: a value or none, with its unit, its source, and a
//! mark that tells whether it was measured or assumed. A quantity computed from others
//! has the weakest of their marks, and is unavailable if one of them is.
//!
//! ```
//! use verilane_cost::{Quantity, Work, model};
//!
//! // A published estimate: 26 EH/s on machines of 98 J/TH (de Vries, Joule 2(5), 2018).
//! let hash_rate = Quantity::assumed(26e18, "H/s", "de Vries 2018");
//! let efficiency = Quantity::assumed(98e-12, "J/H", "Antminer S9");
//! let power = model::hash_rate_power(&hash_rate, &efficiency, None);
//! assert_eq!(power.quantity.value().map(|watts| (watts / 1e7).round()), Some(255.0));
//!
//! // Without an energy figure there is no number; it is not 0.
//! let unknown = Quantity::unavailable("J/H", "no energy counter answers");
//! let block = model::pow_block(Work::from_difficulty(1.0)?, &unknown, None);
//! assert_eq!(block.quantity.value(), None);
//! # Ok::<(), verilane::Error>(())
//! ```
//!
//! [`measure`] times the real operations on an [`Engine`](verilane::Engine), [`model`]
//! has the formulas, [`simulate`] simulates a consortium under each scheme, and
//! [`review`] models the time that people take to review records.
//!
//! Figures for Ed25519 do not apply to ledgers that vote with other signatures:
//! Ethereum's validators sign with BLS12-381, whose verification is a pairing and whose
//! signatures are aggregated.

pub mod energy;
pub mod measure;
pub mod model;
#[cfg(feature = "nvml")]
mod nvml;
mod quantity;
mod random;
mod rapl;
pub mod review;
pub mod simulate;
mod statistics;
mod work;

pub use quantity::{Figure, Mark, Quantity, positive};
pub use random::Random;
pub use statistics::Estimate;
pub use work::Work;
