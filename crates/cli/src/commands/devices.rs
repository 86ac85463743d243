//! `verilane devices`: what this machine can compute on.

use std::fmt;

use serde::Serialize;
use verilane::cpu::Level;
use verilane::{Candidate, Engine, self_test};

use crate::Status;
use crate::shared::context::Context;
use crate::shared::machine::Machine;
use crate::shared::output;
#[cfg(feature = "gpu")]
use crate::shared::probe::Probe;
use crate::shared::units::Bytes;

/// Show the processor, the instruction sets, every adapter, and each back end's self-test
#[derive(clap::Args)]
pub struct Args {
    /// Measure the GPU's peak rates: integer operations, its memory, and the link to it
    #[cfg(feature = "gpu")]
    #[arg(long)]
    probe: bool,
}

#[derive(Serialize)]
struct Devices {
    processor: String,
    cores: usize,
    threads: usize,
    memory_bytes: u64,
    isa: IsaLevels,
    adapters: Vec<Adapter>,
    backends: Vec<BackEnd>,
    /// The back ends that passed the self-test.
    backend: String,
    #[cfg(feature = "gpu")]
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<Probe>,
}

#[derive(Serialize)]
struct IsaLevels {
    detected: String,
    used: String,
}

#[derive(Serialize)]
struct Adapter {
    name: String,
    kind: String,
    api: String,
    driver: String,
    driver_version: String,
    limits: Limits,
    features: Vec<&'static str>,
}

#[derive(Serialize)]
struct Limits {
    buffer_bytes: u64,
    binding_bytes: u64,
    workgroup: u32,
    workgroups: u32,
    workgroup_memory_bytes: u32,
    subgroup: (u32, u32),
}

#[derive(Serialize)]
struct BackEnd {
    kind: String,
    detail: Option<String>,
    threads: Option<usize>,
    software: bool,
    /// "passed", or why it failed or could not run.
    self_test: String,
}

#[cfg_attr(not(feature = "gpu"), expect(unused_variables))]
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let machine = Machine::new(&context.options)?;
    let backends: Vec<_> = Engine::backends(&context.options).into_iter().map(BackEnd::test).collect();
    let passed: Vec<_> =
        backends.iter().filter(|backend| backend.passed()).map(|backend| backend.kind.as_str()).collect();
    let devices = Devices {
        processor: machine.processor,
        cores: machine.cores,
        threads: machine.threads,
        memory_bytes: machine.memory_bytes,
        isa: IsaLevels { detected: Level::detected().to_string(), used: machine.isa },
        adapters: adapters(),
        backend: passed.join("+"),
        backends,
        #[cfg(feature = "gpu")]
        probe: if args.probe { Some(Probe::run(&context.options)?) } else { None },
    };
    output::print(context, &devices)?;
    let failed = devices.backends.iter().any(|backend| backend.detail.is_some() && !backend.passed());
    Ok(if failed { Status::Failed } else { Status::Passed })
}

impl BackEnd {
    fn test((kind, backend): Candidate) -> Self {
        let kind = kind.to_string();
        match backend {
            Ok(backend) => BackEnd {
                kind,
                detail: Some(backend.info().detail.clone()),
                threads: Some(backend.info().threads),
                software: backend.info().software,
                self_test: self_test(backend.as_ref())
                    .map_or_else(|fault| fault.to_string(), |()| PASSED.into()),
            },
            Err(reason) => {
                BackEnd { kind, detail: None, threads: None, software: false, self_test: reason.to_string() }
            }
        }
    }

    fn passed(&self) -> bool {
        self.self_test == PASSED
    }
}

const PASSED: &str = "passed";

#[cfg(feature = "gpu")]
fn adapters() -> Vec<Adapter> {
    verilane::gpu::adapters().into_iter().map(Adapter::from).collect()
}

#[cfg(not(feature = "gpu"))]
fn adapters() -> Vec<Adapter> {
    Vec::new()
}

#[cfg(feature = "gpu")]
impl From<verilane::gpu::AdapterInfo> for Adapter {
    fn from(info: verilane::gpu::AdapterInfo) -> Self {
        let features = [
            (info.int64, "int64"),
            (info.subgroups, "subgroups"),
            (info.timestamps, "timestamps"),
            (info.pipeline_cache, "pipeline cache"),
        ];
        Adapter {
            name: info.name,
            kind: info.kind.to_string(),
            api: info.api,
            driver: info.driver,
            driver_version: info.driver_version,
            limits: Limits {
                buffer_bytes: info.max_buffer,
                binding_bytes: info.max_binding,
                workgroup: info.max_workgroup,
                workgroups: info.max_workgroups,
                workgroup_memory_bytes: info.workgroup_memory,
                subgroup: info.subgroup,
            },
            features: features.into_iter().filter_map(|(has, name)| has.then_some(name)).collect(),
        }
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = Bytes(self.memory_bytes as f64);
        writeln!(f, "{}, {} cores, {} threads, {memory}", self.processor, self.cores, self.threads)?;
        writeln!(f, "instruction set: {} detected, {} used", self.isa.detected, self.isa.used)?;
        for adapter in &self.adapters {
            writeln!(f, "\n{adapter}")?;
        }
        if self.adapters.is_empty() {
            writeln!(f, "\nno adapter")?;
        }
        for BackEnd { kind, detail, threads, self_test, .. } in &self.backends {
            write!(f, "\n{kind}: ")?;
            if let (Some(detail), Some(threads)) = (detail, threads) {
                write!(f, "{detail}; {threads} threads; self-test ")?;
            }
            f.write_str(self_test)?;
        }
        #[cfg(feature = "gpu")]
        if let Some(probe) = &self.probe {
            write!(f, "\n\n{probe}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits { buffer_bytes, binding_bytes, workgroup, workgroups, workgroup_memory_bytes, subgroup } =
            &self.limits;
        let [buffer, binding] = [buffer_bytes, binding_bytes].map(|&bytes| Bytes(bytes as f64));
        let shared = Bytes(f64::from(*workgroup_memory_bytes));
        writeln!(f, "adapter {}: {}, {}", self.name, self.kind, self.api)?;
        writeln!(f, "  driver {} {}", self.driver, self.driver_version)?;
        writeln!(f, "  {buffer} a buffer, {binding} a binding")?;
        writeln!(
            f,
            "  {workgroup} invocations and {shared} a workgroup, {workgroups} workgroups a dimension"
        )?;
        let (least, most) = subgroup;
        write!(f, "  subgroups of {least} to {most}; {}", self.features.join(", "))
    }
}
