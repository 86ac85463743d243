//! NVML: the energy counters of NVIDIA cards, from the driver's library, which is loaded
//! at run time.

use std::sync::Arc;

use nvml_wrapper::Nvml;

use super::energy::Counter;

/// The counter of the card with this name, or the reason why there is none. The name must
/// be that of one card alone.
pub fn counter(adapter: &str) -> Result<Counter, String> {
    let nvml = Arc::new(Nvml::init().map_err(|error| format!("no NVML: {error}"))?);
    let cards = nvml.device_count().map_err(|error| format!("NVML: {error}"))?;
    let named: Vec<u32> = (0..cards)
        .filter(|&index| {
            let name = nvml.device_by_index(index).and_then(|card| card.name());
            name.is_ok_and(|name| adapter.contains(&name))
        })
        .collect();
    let [index] = named[..] else {
        return Err(format!("NVML knows {} cards called {adapter}, not one", named.len()));
    };
    // The counter is in millijoules since the driver was loaded.
    let read = move || {
        let millijoules = nvml.device_by_index(index).ok()?.total_energy_consumption().ok()?;
        millijoules.checked_mul(1000)
    };
    if read().is_none() {
        return Err(format!("NVML: {adapter} has no energy counter (cards have one since Volta)"));
    }
    Ok(Counter::new(format!("NVML {adapter}"), None, read))
}
