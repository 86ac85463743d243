//! RAPL: the energy counters of the processor, from Linux's powercap interface.
//!
//! Reads the zones of packages and their memory. The `psys` zone and the
//! `intel-rapl-mmio` zones include the same energy. Since Linux 5.10 only root may read
//! the counters; virtual machines have none.

use std::fs;
use std::path::{Path, PathBuf};

use super::energy::Counter;

/// The directory of the powercap interface.
pub const SYSFS: &str = "/sys/class/powercap";

/// The counters under `root`, or the reason why there are none.
pub fn counters(root: &Path) -> Result<Vec<Counter>, String> {
    let Ok(entries) = fs::read_dir(root) else {
        return Err(format!("no RAPL: {} is not there (virtual machines have none)", root.display()));
    };
    let mut zones: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    zones.sort();
    let mut counters = Vec::new();
    for zone in zones.into_iter().filter(|zone| is_rapl(zone)) {
        let Ok(name) = fs::read_to_string(zone.join("name")) else { continue };
        let name = name.trim();
        if name.starts_with("package") || name == "dram" {
            counters.push(counter(&zone, name)?);
        }
    }
    if counters.is_empty() {
        return Err(format!("no RAPL: {} names no processor package", root.display()));
    }
    Ok(counters)
}

fn is_rapl(zone: &Path) -> bool {
    zone.file_name().is_some_and(|name| name.to_string_lossy().starts_with("intel-rapl:"))
}

fn counter(zone: &Path, name: &str) -> Result<Counter, String> {
    let path = zone.join("energy_uj");
    fs::read_to_string(&path).map_err(|error| {
        format!("RAPL: {} cannot be read: {error} (since Linux 5.10 only root may)", path.display())
    })?;
    let range = read_number(&zone.join("max_energy_range_uj"));
    Ok(Counter::new(format!("RAPL {name}"), range, move || read_number(&path)))
}

fn read_number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_and_memory_are_counted_once() {
        let root = std::env::temp_dir().join(format!("verilane-rapl-{}", std::process::id()));
        let zone = |directory: &str, name: &str, energy: u64| {
            let zone = root.join(directory);
            fs::create_dir_all(&zone).unwrap();
            fs::write(zone.join("name"), format!("{name}\n")).unwrap();
            fs::write(zone.join("energy_uj"), format!("{energy}\n")).unwrap();
            fs::write(zone.join("max_energy_range_uj"), "262143328850\n").unwrap();
        };
        zone("intel-rapl:0", "package-0", 5_000_000);
        zone("intel-rapl:0:0", "core", 3_000_000);
        zone("intel-rapl:0:1", "dram", 1_000_000);
        zone("intel-rapl:1", "psys", 9_000_000);
        zone("intel-rapl-mmio:0", "package-0", 5_000_000);
        let found = counters(&root).unwrap();
        let names: Vec<_> = found.iter().map(Counter::name).collect();
        assert_eq!(names, ["RAPL package-0", "RAPL dram"]);
        let before = found[0].read().unwrap();
        zone("intel-rapl:0", "package-0", 7_500_000);
        assert_eq!(found[0].joules_since(before), Some(2.5));
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found[0].joules_since(before), None);
        assert!(counters(&root).err().unwrap().contains("is not there"));
    }
}
