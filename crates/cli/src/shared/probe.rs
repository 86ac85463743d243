//! The peak rates of a GPU.

use std::fmt;

use anyhow::Context as _;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use verilane::gpu::{Gpu, PeakRates};
use verilane::{Backend, Options};

use super::units::{Bytes, Rate};

/// The peak rates that were measured, a second.
#[derive(Clone, Debug)]
pub struct Probe {
    adapter: String,
    software: bool,
    pub peak_rates: PeakRates,
}

/// A rate's name in JSON, its description, and its field.
type Entry = (&'static str, &'static str, fn(&PeakRates) -> Option<f64>);

const OPERATIONS: [Entry; 7] = [
    ("additions", "32-bit additions", |c| Some(c.add)),
    ("three_word_additions", "sums of three words", |c| Some(c.add_three)),
    ("choices", "choices of bits, a three-operand operation", |c| Some(c.choose)),
    ("rotations", "rotations, each with an exclusive or", |c| Some(c.rotate)),
    ("three_rotations", "exclusive ors of three rotated words", |c| Some(c.sigma)),
    ("multiplications", "32-bit multiplications, each with an addition", |c| Some(c.multiply)),
    ("wide_multiplications", "64-bit products of 32-bit factors, each with an addition", |c| c.wide_multiply),
];

const BYTES: [Entry; 3] = [
    ("copied_bytes", "copied in its memory: read, and as many written", |c| Some(c.copy)),
    ("uploaded_bytes", "from the host", |c| Some(c.upload)),
    ("downloaded_bytes", "to the host", |c| Some(c.download)),
];

impl Probe {
    /// # Errors
    /// If there is no GPU, or it cannot be probed.
    pub fn run(options: &Options) -> anyhow::Result<Self> {
        Probe::of(&Gpu::start(options.adapter.as_deref()).context("there is no GPU to probe")?)
    }

    /// # Errors
    /// If the GPU fails, or computes something wrong.
    pub fn of(gpu: &Gpu) -> anyhow::Result<Self> {
        let peak_rates = gpu.peak_rates().context("the GPU cannot be probed")?;
        let info = gpu.info();
        Ok(Probe { adapter: info.detail.clone(), software: info.software, peak_rates })
    }
}

impl Serialize for Probe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("adapter", &self.adapter)?;
        map.serialize_entry("software", &self.software)?;
        for (key, _, rate) in OPERATIONS.iter().chain(&BYTES) {
            map.serialize_entry(key, &rate(&self.peak_rates))?;
        }
        map.end()
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "at most, {}{}", self.adapter, if self.software { " (software, no GPU)" } else { "" })?;
        for (_, name, rate) in OPERATIONS {
            match rate(&self.peak_rates) {
                Some(rate) => writeln!(f, "  {:>8}/s  {name}", Rate(rate))?,
                None => writeln!(f, "  unavailable  {name}")?,
            }
        }
        for (_, name, rate) in BYTES {
            writeln!(f, "  {:>8}/s  {name}", Bytes(rate(&self.peak_rates).unwrap_or_default()))?;
        }
        Ok(())
    }
}
