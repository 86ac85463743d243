//! The devices that calls can run on.

use pyo3::prelude::*;
use pyo3::types::PyList;
use verilane::cpu::Level;

use crate::error::exception;
use crate::output;

/// The devices of this machine: the processor with its instruction set, and every adapter
/// with its driver.
///
/// Returns
/// -------
/// A list of `Device`, the processor first. `Engine(adapter=...)` takes an adapter's name, or
/// a part of it. No adapter is started.
#[pyfunction]
pub fn devices(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let level = Level::best(None).map_err(exception)?;
    let devices = PyList::new(py, [output::result(py, "Device", ("cpu", level.to_string(), "", false))?])?;
    for (name, detail, software) in py.detach(adapters) {
        devices.append(output::result(py, "Device", ("gpu", name, detail, software))?)?;
    }
    Ok(devices)
}

/// Name, detail, and whether it is software.
#[cfg(feature = "gpu")]
fn adapters() -> Vec<(String, String, bool)> {
    use verilane::gpu::{AdapterKind, adapters};
    let each = adapters().into_iter().map(|adapter| {
        let detail =
            format!("{}, {}, {} {}", adapter.kind, adapter.api, adapter.driver, adapter.driver_version);
        (adapter.name, detail, adapter.kind == AdapterKind::Software)
    });
    each.collect()
}

#[cfg(not(feature = "gpu"))]
fn adapters() -> Vec<(String, String, bool)> {
    Vec::new()
}
