//! Engine handles: ids in a registry of live engines, which detects a handle that was
//! freed or never issued.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::memory::{Memory, Output};
use super::status::{Failure, Status, copy_text, guard};
use verilane::cpu::Isa;
use verilane::{BackendKind, Placement};

/// The version of this binary interface. It increases when a program compiled for an
/// earlier one would no longer work.
pub const VERILANE_ABI_VERSION: u32 = 1;

/// The library's version of the interface. It must equal the header's
/// `VERILANE_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn verilane_abi_version() -> u32 {
    VERILANE_ABI_VERSION
}

/// A handle to an engine. Its id is never zero, and never used again.
///
/// Any number of threads may call one engine at once. After `fork` the child cannot
/// use its parent's engines: it does not have their threads.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineHandle {
    /// The engine's id.
    pub id: u64,
}

/// A back end.
#[repr(C)]
pub enum BackendChoice {
    /// The CPU, and a hardware GPU for calls above the size from which it measured
    /// faster. Software adapters are never chosen.
    Auto = 0,
    /// The field's own crates, item by item: the oracle that the others equal.
    Reference = 1,
    /// SIMD lanes on all threads.
    Cpu = 2,
    /// WGSL compute shaders. After a fault a call runs on the CPU, and its report says
    /// so.
    Gpu = 3,
}

/// An instruction set; each includes those before it.
#[repr(C)]
pub enum IsaCap {
    /// No cap: the highest that the processor supports.
    Best = 0,
    /// One item at a time.
    Scalar = 1,
    /// AVX2.
    Avx2 = 2,
    /// AVX-512 F, BW, DQ and VL.
    Avx512 = 3,
    /// AVX-512 with IFMA.
    Avx512Ifma = 4,
}

/// The options of an engine. The defaults are zero in every field but `size`:
/// `verilane_options options = {.size = sizeof options};`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EngineOptions {
    /// The size of this structure in bytes, which identifies its version.
    pub size: usize,
    /// Host threads; 0 means one for each processor.
    pub threads: usize,
    /// One of `verilane_backend`.
    pub backend: u32,
    /// The highest instruction set to use, one of `verilane_isa`. The environment
    /// variable `VERILANE_ISA` caps it too.
    pub isa: u32,
    /// Part of the name of the GPU adapter to use: case-insensitive, NUL-terminated
    /// UTF-8. Null means the environment variable `VERILANE_ADAPTER`, or any hardware
    /// adapter if that is unset. Only `verilane_engine_new` reads it.
    pub adapter: *const c_char,
}

/// The largest size that a later version of the options may have, in bytes.
const MAX_OPTIONS: usize = 4096;

/// The size of a report's `fault` in bytes, with the terminating NUL.
pub const VERILANE_FAULT_SIZE: usize = 244;

/// Where a call ran. `passed_over` is above 0 if it was first placed on a back end
/// that faulted.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CallReport {
    /// The back end that served the call, one of `verilane_backend`.
    pub backend: u32,
    /// 1 if it is a software adapter, which runs shaders on the CPU; else 0.
    pub software: u32,
    /// The number of back ends that faulted before it.
    pub passed_over: u32,
    /// The first of those faults: NUL-terminated UTF-8, truncated if it is too long,
    /// empty if there was none.
    pub fault: [c_char; VERILANE_FAULT_SIZE],
}

impl CallReport {
    fn new(report: &verilane::Report) -> Self {
        let backend = match report.backend.kind {
            BackendKind::Reference => BackendChoice::Reference,
            BackendKind::Cpu => BackendChoice::Cpu,
            BackendKind::Gpu => BackendChoice::Gpu,
        };
        let mut fault = [0; VERILANE_FAULT_SIZE];
        if let Some((backend, first)) = report.passed_over.first() {
            copy_text(&format!("{backend}: {first}"), &mut fault);
        }
        CallReport {
            backend: backend as u32,
            software: report.backend.software.into(),
            passed_over: report.passed_over.len() as u32,
            fault,
        }
    }
}

/// Writes the report if the caller asked for it.
pub(super) fn write_report(wanted: Option<Output<'_, CallReport>>, report: &verilane::Report) {
    if let Some(output) = wanted {
        output.fill(&[CallReport::new(report)]);
    }
}

/// Ids start at a value that memory seldom holds by chance: "verilane" in ASCII.
static NEXT_ID: AtomicU64 = AtomicU64::new(u64::from_be_bytes(*b"verilane"));

static ENGINES: RwLock<BTreeMap<u64, Arc<verilane::Engine>>> = RwLock::new(BTreeMap::new());

/// The engine with that id.
pub(super) fn find(handle: EngineHandle) -> Result<Arc<verilane::Engine>, Failure> {
    let engines = ENGINES.read().unwrap_or_else(PoisonError::into_inner);
    engines.get(&handle.id).cloned().ok_or_else(|| no_engine(handle))
}

fn no_engine(handle: EngineHandle) -> Failure {
    Failure::new(Status::Engine, format!("{:#x} is no engine: it was never created, or was freed", handle.id))
}

/// Creates an engine and runs its self-tests.
///
/// - `options`: null for the defaults: automatic placement, on all processors.
/// - `engine`: the new engine, which `verilane_engine_free` frees.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verilane_engine_new(
    options: *const EngineOptions,
    engine: *mut EngineHandle,
) -> Status {
    // SAFETY: the caller's promise, in the crate's documentation.
    let mut memory = unsafe { Memory::of_caller() };
    guard(|| {
        let output = memory.write("engine", engine.cast::<u64>(), 1)?;
        let options = read_options(&mut memory, options)?;
        let created = Arc::new(verilane::Engine::with_options(&options)?);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        ENGINES.write().unwrap_or_else(PoisonError::into_inner).insert(id, created);
        output.fill(&[id]);
        Ok(())
    })
}

/// Frees an engine. Calls that other threads have in progress on it complete; later
/// ones fail with `VERILANE_STATUS_ENGINE`, as does freeing it again.
#[unsafe(no_mangle)]
pub extern "C" fn verilane_engine_free(engine: EngineHandle) -> Status {
    guard(|| {
        let freed = ENGINES.write().unwrap_or_else(PoisonError::into_inner).remove(&engine.id);
        freed.map(drop).ok_or_else(|| no_engine(engine))
    })
}

fn read_options(
    memory: &mut Memory<'_>,
    options: *const EngineOptions,
) -> Result<verilane::Options, Failure> {
    if options.is_null() {
        return Ok(verilane::Options::default());
    }
    let known = size_of::<EngineOptions>();
    let size = memory.read("options", options.cast::<usize>(), 1)?[0];
    if !(known..=MAX_OPTIONS).contains(&size) {
        return Err(Failure::new(
            Status::Argument,
            format!("options.size cannot be {size}: it is sizeof(verilane_options), {known} in this version"),
        ));
    }
    let bytes = memory.read("options", options.cast::<u8>(), size)?;
    if bytes[known..].iter().any(|&byte| byte != 0) {
        return Err(Failure::new(
            Status::Argument,
            format!("the options have {size} bytes, of which this version knows {known}: the rest must be 0"),
        ));
    }
    // SAFETY: that many bytes were just claimed, at an aligned address, and any bytes
    // are valid options.
    let options = unsafe { *options };
    Ok(verilane::Options {
        placement: placement(options.backend)?,
        threads: options.threads,
        isa: isa(options.isa)?,
        adapter: adapter(options.adapter)?,
        ..verilane::Options::default()
    })
}

fn placement(backend: u32) -> Result<Placement, Failure> {
    let choices = [
        (BackendChoice::Auto as u32, Placement::Auto),
        (BackendChoice::Reference as u32, Placement::On(BackendKind::Reference)),
        (BackendChoice::Cpu as u32, Placement::On(BackendKind::Cpu)),
        (BackendChoice::Gpu as u32, Placement::On(BackendKind::Gpu)),
    ];
    choice("back end", backend, &choices)
}

fn isa(isa: u32) -> Result<Option<Isa>, Failure> {
    let choices = [
        (IsaCap::Best as u32, None),
        (IsaCap::Scalar as u32, Some(Isa::Scalar)),
        (IsaCap::Avx2 as u32, Some(Isa::Avx2)),
        (IsaCap::Avx512 as u32, Some(Isa::Avx512)),
        (IsaCap::Avx512Ifma as u32, Some(Isa::Avx512Ifma)),
    ];
    choice("instruction set", isa, &choices)
}

fn adapter(name: *const c_char) -> Result<Option<String>, Failure> {
    if name.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not null; that it is NUL-terminated is the caller's promise.
    let name = unsafe { CStr::from_ptr(name) };
    match name.to_str() {
        Ok(name) => Ok(Some(name.into())),
        Err(error) => Err(Failure::new(Status::Argument, format!("options.adapter is not UTF-8: {error}"))),
    }
}

/// The choice that has the number in the header. Choices are in the order of their
/// numbers.
pub(super) fn choice<T: Copy>(what: &str, number: u32, choices: &[(u32, T)]) -> Result<T, Failure> {
    if let Some(&(_, chosen)) = choices.iter().find(|(known, _)| *known == number) {
        return Ok(chosen);
    }
    let (first, last) = (choices[0].0, choices[choices.len() - 1].0);
    Err(Failure::new(
        Status::Argument,
        format!("{number} stands for no {what}: numbers go from {first} to {last}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use verilane::{BackendInfo, Fault, Report};

    fn text(report: &CallReport) -> String {
        let bytes = report.fault.map(|byte| byte as u8);
        CStr::from_bytes_until_nul(&bytes).unwrap().to_str().unwrap().into()
    }

    #[test]
    fn a_report_names_the_back_ends_that_faulted() {
        let info = |kind, software| BackendInfo { kind, threads: 1, detail: String::new(), software };
        let backend = info(BackendKind::Cpu, false);
        let served = CallReport::new(&Report::new(backend.clone()));
        assert_eq!((served.backend, served.software, served.passed_over), (2, 0, 0));
        assert_eq!(text(&served), "");

        let lost = (info(BackendKind::Gpu, true), Fault::DeviceLost("it was unplugged".repeat(20)));
        let mut report = Report::new(backend);
        report.passed_over.push(lost);
        let report = CallReport::new(&report);
        assert_eq!((report.backend, report.passed_over), (2, 1));
        assert!(text(&report).starts_with("gpu (software): the device was lost: it was unplugged"));
        assert_eq!(text(&report).len(), VERILANE_FAULT_SIZE - 1);

        let software = Report::new(info(BackendKind::Gpu, true));
        assert_eq!((CallReport::new(&software).backend, CallReport::new(&software).software), (3, 1));
    }

    #[test]
    fn numbers_are_those_of_the_header() {
        for (backend, kind) in [
            (BackendChoice::Reference, BackendKind::Reference),
            (BackendChoice::Cpu, BackendKind::Cpu),
            (BackendChoice::Gpu, BackendKind::Gpu),
        ] {
            assert_eq!(placement(backend as u32).unwrap(), Placement::On(kind));
        }
        assert_eq!(placement(BackendChoice::Auto as u32).unwrap(), Placement::Auto);
        for (cap, level) in [
            (IsaCap::Best, None),
            (IsaCap::Scalar, Some(Isa::Scalar)),
            (IsaCap::Avx2, Some(Isa::Avx2)),
            (IsaCap::Avx512, Some(Isa::Avx512)),
            (IsaCap::Avx512Ifma, Some(Isa::Avx512Ifma)),
        ] {
            assert_eq!(isa(cap as u32).unwrap(), level);
        }
        assert_eq!(isa(5).unwrap_err().status, Status::Argument);
    }
}
