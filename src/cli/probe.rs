//! `verilane devices --probe`: what a GPU can do at most.

use std::fmt;

use anyhow::Context as _;
use serde::Serialize;
use verilane::gpu::Gpu;
use verilane::{Backend, Options};

use super::units::{Bytes, Rate};

/// The highest rates that were measured, a second.
#[derive(Serialize)]
pub struct Probe {
    adapter: String,
    software: bool,
    additions: f64,
    choices: f64,
    rotations: f64,
    multiplications: f64,
    wide_multiplications: Option<f64>,
    copied_bytes: f64,
    uploaded_bytes: f64,
    downloaded_bytes: f64,
}

impl Probe {
    pub fn run(options: &Options) -> anyhow::Result<Self> {
        let gpu = Gpu::start(options.adapter.as_deref()).context("there is no GPU to probe")?;
        let ceilings = gpu.ceilings().context("the GPU cannot be probed")?;
        Ok(Probe {
            adapter: gpu.info().detail.clone(),
            software: gpu.info().software,
            additions: ceilings.add,
            choices: ceilings.choose,
            rotations: ceilings.rotate,
            multiplications: ceilings.multiply,
            wide_multiplications: ceilings.wide_multiply,
            copied_bytes: ceilings.copy,
            uploaded_bytes: ceilings.upload,
            downloaded_bytes: ceilings.download,
        })
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "at most, {}{}", self.adapter, if self.software { " (software, no GPU)" } else { "" })?;
        let operations = [
            ("32-bit additions", Some(self.additions)),
            ("choices of bits, a three-operand operation", Some(self.choices)),
            ("rotations, each with an exclusive or", Some(self.rotations)),
            ("32-bit multiplications, each with an addition", Some(self.multiplications)),
            ("64-bit products of 32-bit factors, each with an addition", self.wide_multiplications),
        ];
        for (name, rate) in operations {
            match rate {
                Some(rate) => writeln!(f, "  {:>8}/s  {name}", Rate(rate))?,
                None => writeln!(f, "  unavailable  {name}")?,
            }
        }
        let bytes = [
            ("copied in its memory: read, and as many written", self.copied_bytes),
            ("from the host", self.uploaded_bytes),
            ("to the host", self.downloaded_bytes),
        ];
        for (name, rate) in bytes {
            writeln!(f, "  {:>8}/s  {name}", Bytes(rate))?;
        }
        Ok(())
    }
}
