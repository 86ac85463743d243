//! Engines as C knows them: numbers in a register of those that live, so that one
//! freed, or never made, is found out.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::memory::{Memory, Output};
use super::status::{Failure, Status, copy_text, guard};
use verilane::cpu::Isa;
use verilane::{BackendKind, Placement};

/// The version of this interface. It grows when a program compiled for an earlier
/// one would no longer work.
pub const VERILANE_ABI_VERSION: u32 = 1;

/// The version of the interface that the library has: it must be equal to the
/// header's `VERILANE_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn verilane_abi_version() -> u32 {
    VERILANE_ABI_VERSION
}

/// An engine, by its number. Zero is never one, and no number is used twice.
///
/// Calls on one engine may come from many threads at once. After `fork` a child
/// cannot use its parent's engines, whose threads it does not have.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineHandle {
    /// The number.
    pub id: u64,
}

/// A kind of back end.
#[repr(C)]
pub enum BackendChoice {
    /// The CPU; and a hardware GPU for calls above the size from which it was
    /// measured to be faster. Software adapters are never chosen.
    Auto = 0,
    /// The field's own crates: the oracle that the others equal.
    Reference = 1,
    /// SIMD lanes on all threads.
    Cpu = 2,
    /// WGSL compute shaders. Calls go to the CPU after a fault, and the report says so.
    Gpu = 3,
}

/// An instruction set; each includes those before it.
#[repr(C)]
pub enum IsaCap {
    /// No cap: what the processor has.
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

/// How an engine is set up. All zero but the size is what most callers want:
/// `verilane_options options = {.size = sizeof options};`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EngineOptions {
    /// The size of this structure in bytes, which tells its version.
    pub size: usize,
    /// Host threads; 0 stands for one for each processor.
    pub threads: usize,
    /// One of `verilane_backend`.
    pub backend: u32,
    /// The highest instruction set to use, one of `verilane_isa`. The environment
    /// variable `VERILANE_ISA` caps it too.
    pub isa: u32,
    /// Part of the name of the GPU adapter to use, in any case, ended by a zero byte;
    /// null for the environment variable `VERILANE_ADAPTER`, or else any hardware
    /// adapter. It is read only by `verilane_engine_new`.
    pub adapter: *const c_char,
}

/// The most bytes that a later version of the options may have.
const MAX_OPTIONS: usize = 4096;

/// Bytes of the text in a report, with the zero byte at its end.
pub const VERILANE_FAULT_SIZE: usize = 244;

/// Where a call ran, and where it should have run but could not. A call that ends
/// well on another back end than it was placed on has a `passed_over` above 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CallReport {
    /// The back end that gave the answer, one of `verilane_backend`.
    pub backend: u32,
    /// 1 if it is a software adapter, a processor that poses as a GPU; else 0.
    pub software: u32,
    /// How many back ends came before it and faulted.
    pub passed_over: u32,
    /// What the first of them said, in UTF-8, ended by a zero byte; cut if it is
    /// long, empty if there is none.
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

/// Writes the report where the caller wants one.
pub(super) fn tell(wanted: Option<Output<'_, CallReport>>, report: &verilane::Report) {
    if let Some(output) = wanted {
        output.fill(&[CallReport::new(report)]);
    }
}

/// Numbers start at one that memory seldom holds by chance: "verilane" in ASCII.
static NEXT: AtomicU64 = AtomicU64::new(u64::from_be_bytes(*b"verilane"));

static ENGINES: RwLock<BTreeMap<u64, Arc<verilane::Engine>>> = RwLock::new(BTreeMap::new());

/// The engine of that number.
pub(super) fn find(handle: EngineHandle) -> Result<Arc<verilane::Engine>, Failure> {
    let engines = ENGINES.read().unwrap_or_else(PoisonError::into_inner);
    engines.get(&handle.id).cloned().ok_or_else(|| no_engine(handle))
}

fn no_engine(handle: EngineHandle) -> Failure {
    Failure::new(Status::Engine, format!("{:#x} is no engine: it was never made, or was freed", handle.id))
}

/// Makes an engine. Its self-tests have run when this returns.
///
/// - `options`: null for an engine that places calls by itself, on all processors.
/// - `engine`: the new engine, to be freed by `verilane_engine_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verilane_engine_new(
    options: *const EngineOptions,
    engine: *mut EngineHandle,
) -> Status {
    // SAFETY: the caller's promise, in the documentation of the module.
    let mut memory = unsafe { Memory::of_caller() };
    guard(|| {
        let output = memory.write("engine", engine.cast::<u64>(), 1)?;
        let options = read_options(&mut memory, options)?;
        let made = Arc::new(verilane::Engine::with_options(&options)?);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        ENGINES.write().unwrap_or_else(PoisonError::into_inner).insert(id, made);
        output.fill(&[id]);
        Ok(())
    })
}

/// Frees an engine. Calls that run on it in other threads end as they would have;
/// later ones fail with `VERILANE_STATUS_ENGINE`, and so does freeing it again.
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
    // SAFETY: as many bytes were just claimed, at an aligned address, and any bytes
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
    if backend == BackendChoice::Auto as u32 {
        return Ok(Placement::Auto);
    }
    let kinds = [BackendKind::Reference, BackendKind::Cpu, BackendKind::Gpu];
    choice("back end", backend, &kinds).map(Placement::On)
}

fn isa(isa: u32) -> Result<Option<Isa>, Failure> {
    if isa == IsaCap::Best as u32 {
        return Ok(None);
    }
    choice("instruction set", isa, &Isa::ALL).map(Some)
}

fn adapter(name: *const c_char) -> Result<Option<String>, Failure> {
    if name.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not null; that a zero byte ends it is the caller's promise.
    let name = unsafe { CStr::from_ptr(name) };
    match name.to_str() {
        Ok(name) => Ok(Some(name.into())),
        Err(error) => Err(Failure::new(Status::Argument, format!("options.adapter is not UTF-8: {error}"))),
    }
}

/// What C numbers from 1.
pub(super) fn choice<T: Copy>(what: &str, number: u32, choices: &[T]) -> Result<T, Failure> {
    let index = (number as usize).checked_sub(1);
    index.and_then(|index| choices.get(index)).copied().ok_or_else(|| {
        Failure::new(
            Status::Argument,
            format!("{number} stands for no {what}: numbers go from 1 to {}", choices.len()),
        )
    })
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
    fn a_report_tells_of_back_ends_that_faulted() {
        let info = |kind, software| BackendInfo { kind, threads: 1, detail: String::new(), software };
        let backend = info(BackendKind::Cpu, false);
        let served = CallReport::new(&Report::new(backend.clone()));
        assert_eq!((served.backend, served.software, served.passed_over), (2, 0, 0));
        assert_eq!(text(&served), "");

        let lost = (info(BackendKind::Gpu, true), Fault::DeviceLost("it was unplugged".repeat(20)));
        let mut report = Report::new(backend);
        report.passed_over.push(lost);
        let told = CallReport::new(&report);
        assert_eq!((told.backend, told.passed_over), (2, 1));
        assert!(text(&told).starts_with("gpu (software): the device was lost: it was unplugged"));
        assert_eq!(text(&told).len(), VERILANE_FAULT_SIZE - 1);

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
