//! `verilane bench`, as a user runs it.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

use crate::support::verilane;

fn bench(arguments: &[&str]) -> Command {
    verilane(&[&["bench"], arguments].concat())
}

fn fails(arguments: &[&str], reason: &str) {
    let output = bench(arguments).output().expect("the command runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert!(stderr.contains(reason), "{arguments:?} said: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?} measured before it refused");
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file was written")
}

fn number(row: &Value, field: &str) -> f64 {
    row[field].as_f64().unwrap_or_else(|| panic!("{field} is no number in {row}"))
}

fn assert_row(row: &Value) {
    assert_eq!(row["checked"], true, "{row}");
    assert_eq!(row["mismatch"], Value::Null, "{row}");
    let mut samples: Vec<_> =
        row["samples_s"].as_array().expect("samples").iter().map(|sample| sample.as_f64().unwrap()).collect();
    samples.sort_by(f64::total_cmp);
    let (low, high) = (samples[(samples.len() - 1) / 2], samples[samples.len() / 2]);
    let median = number(row, "median_s");
    assert!((low..=high).contains(&median), "{median} lies between {low} and {high}");
    let rate = number(row, "items") / median;
    assert!((number(row, "per_second") / rate - 1.0).abs() < 1e-9, "{row}");
    let shortest = row["item_bytes"][0].as_f64().expect("lengths");
    assert!(number(row, "threads") >= 1.0 && number(row, "bytes") >= shortest.max(1.0), "{row}");
    assert!(number(row, "first_call_s") > 0.0 && number(row, "vs_reference") > 0.0, "{row}");
    assert!(row["software"].is_boolean() && row["unit"].is_string(), "{row}");
}

fn assert_latency(latency: &Value) {
    assert_eq!(latency["checked"], true, "{latency}");
    let rates = ["arrivals", "arrivals_per_second", "threads", "dalek_per_second", "dalek_threads"];
    assert!(rates.iter().all(|field| number(latency, field) > 0.0), "{latency}");
    let keeps_up = number(latency, "arrivals_per_second") <= 0.95 * number(latency, "dalek_per_second");
    assert_eq!(latency["dalek"].is_object(), keeps_up, "{latency}");
    let measured =
        [&latency["queue"], &latency["dalek"]].into_iter().filter(|quantiles| !quantiles.is_null());
    for quantiles in measured {
        let of = |field| number(quantiles, field);
        assert!(of("p50_s") > 0.0 && of("p50_s") <= of("p90_s"), "{quantiles}");
        assert!(of("p90_s") <= of("p99_s") && of("p99_s") <= of("p999_s"), "{quantiles}");
    }
}

fn assert_machine(machine: &Value) {
    for field in ["processor", "isa", "os", "rustc", "commit", "version"] {
        assert!(machine[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {machine}");
    }
    for field in ["cores", "threads", "memory_bytes"] {
        assert!(number(machine, field) >= 1.0, "{field} in {machine}");
    }
    assert!(machine["rustc"].as_str().unwrap().starts_with("rustc "), "{machine}");
    assert!(machine["adapters"].is_array());
}

const WORKLOADS: [&str; 15] = [
    "hash.sha256",
    "hash.sha256d",
    "hash.blake3",
    "merkle.bitcoin",
    "merkle.rfc6962",
    "merkle.plain",
    "verify.rfc8032",
    "verify.strict",
    "verify.zip215",
    "ingest",
    "dedup",
    "index",
    "pow.sha256d",
    "check",
    "queue",
];

#[test]
fn every_workload_is_measured_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let [json, csv, markdown] = [path("bench.json"), path("bench.csv"), path("bench.md")];
    let assert = bench(&["--quick", "--sizes", "1,300"])
        .args(["--export-json".as_ref(), json.as_os_str()])
        .args(["--export-csv".as_ref(), csv.as_os_str()])
        .args(["--export-markdown".as_ref(), markdown.as_os_str()])
        .assert()
        .success();
    let table = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();

    let report: Value = serde_json::from_str(&read(&json)).unwrap();
    assert_eq!(report["schema_version"], 1);
    assert_machine(&report["machine"]);
    assert!((0.0..=100.1).contains(&number(&report, "busy_percent")), "{}", report["busy_percent"]);
    let rows = report["rows"].as_array().unwrap();
    rows.iter().for_each(assert_row);
    let excused = report["not_measured"].as_array().unwrap();
    for name in WORKLOADS {
        let of = |row: &&Value, backend: &str| row["workload"] == name && row["backend"] == backend;
        let sizes = |backend: &str| {
            let mut sizes: Vec<_> =
                rows.iter().filter(|row| of(row, backend)).map(|row| number(row, "items")).collect();
            sizes.dedup();
            sizes
        };
        // Record lengths alternate with sizes in the hash workloads.
        assert_eq!(sizes("reference")[..2], [1.0, 300.0], "{name}");
        for backend in ["cpu", "gpu"] {
            let concerns = |note: &&Value| {
                let operation = note["workload"].as_str().unwrap_or("");
                note["backend"] == backend && name.starts_with(operation)
            };
            let reason = excused.iter().find(concerns).map(|note| note["reason"].as_str().unwrap());
            let measured = sizes(backend).starts_with(&[1.0, 300.0]);
            assert!(measured != reason.is_some(), "{name} on {backend}: rows, or a reason for none");
            assert!(reason.is_none_or(|reason| table.contains(reason)), "{reason:?} is not in {table}");
        }
        assert!(table.contains(name) && read(&markdown).contains(&format!("| {name} |")), "{name}");
    }
    let latencies = report["latencies"].as_array().unwrap();
    let on_cpu: Vec<_> = latencies.iter().filter(|latency| latency["backend"] == "cpu").collect();
    let loads: Vec<_> = on_cpu.iter().map(|latency| number(latency, "load")).collect();
    assert_eq!(loads, [0.1, 0.5, 0.9, 0.1, 0.5, 0.9], "three loads at each size");
    latencies.iter().for_each(assert_latency);
    assert_eq!(read(&csv).lines().count(), rows.len() + 1, "a header and a line for each row");
}

#[test]
fn options_narrow_what_is_measured() {
    let narrowed = ["--workload", "verify.strict,dedup", "--sizes", "5", "--threads", "1"];
    let output = bench(&narrowed).args(["--quick", "--backend", "reference", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = report["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| &row["workload"]).collect();
    assert_eq!(names, ["verify.strict", "dedup"]);
    for row in rows {
        assert_eq!(
            (&row["backend"], &row["threads"], &row["items"]),
            (&"reference".into(), &1.into(), &5.into())
        );
        assert_eq!(row["vs_reference"], 1.0);
        assert_row(row);
    }
}

#[test]
fn bad_options_are_refused_before_anything_is_measured() {
    fails(&["--sizes", "0"], "at least one item");
    fails(&["--sizes", "abc"], "a whole number of items");
    fails(&["--sizes", "8,-1"], "a whole number of items");
    fails(&["--workload", "hsah"], "hash.sha256, hash.sha256d, hash.blake3, merkle.bitcoin");
    fails(&["--workload", "dedup", "--sizes", "1099511627776"], "one call takes");
    fails(&["--workload", "verify", "--sizes", "1099511627776"], "items would fit");
    fails(&["--workload", "hash.sha256", "--sizes", "18446744073709551615"], "items would fit");
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("no such folder").join("bench.json");
    fails(&["--export-json", nowhere.to_str().unwrap()], "no such folder");
    fails(&["--calibrate", "--backend", "cpu"], "leave --backend out");
}

#[test]
fn a_software_adapter_is_not_calibrated() {
    let folder = tempfile::tempdir().unwrap();
    let output = bench(&["--calibrate", "--adapter", "llvmpipe"])
        .env("XDG_CACHE_HOME", folder.path())
        .output()
        .expect("the command runs");
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("nothing to calibrate: "));
    assert!(!folder.path().join("verilane/crossover.json").exists());
}

/// What a full run prints, and its report.
fn full(arguments: &[&str]) -> (String, Value) {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("bench.json");
    let assert = bench(&["--full"])
        .args(arguments)
        .args(["--export-json".as_ref(), json.as_os_str()])
        .env("XDG_CACHE_HOME", folder.path())
        .assert()
        .success();
    let table = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    (table, serde_json::from_str(&read(&json)).unwrap())
}

/// Each share of a ceiling follows from the line's own rate, its count and what was probed.
fn assert_bounds(line: &Value, ceilings: &Value, counts: &[(&str, &str, f64)]) {
    let bounds = line["bounds"].as_array().unwrap();
    let found =
        |of: &str| bounds.iter().find(|bound| bound["of"] == of).unwrap_or_else(|| panic!("{of}: {line}"));
    for (of, rate) in [("resident", "resident_per_second"), ("end_to_end", "per_second")] {
        let bound = found(of);
        let share = number(line, rate) * number(bound, "count") / number(bound, "per_second");
        assert!((number(bound, "fraction") / share - 1.0).abs() < 1e-9, "{line}");
    }
    for &(of, ceiling, count) in counts {
        let share = number(found(of), "per_second") / number(ceilings, ceiling);
        assert!((share - 1.0).abs() < 1e-9, "{of} of {line}");
        assert_eq!(number(found(of), "count").round(), count, "{of} of {line}");
    }
}

#[test]
fn a_full_run_holds_each_rate_against_its_ceiling() {
    let names = "verify.rfc8032,merkle.plain,dedup";
    let (table, report) = full(&["--adapter", "llvmpipe", "--workload", names, "--sizes", "1,300"]);
    let full = &report["full"];
    if full["ceilings"].is_null() {
        assert!(std::env::var_os("VERILANE_REQUIRE_GPU").is_none(), "{}", report["not_measured"]);
        return;
    }
    let ceilings = &full["ceilings"];
    assert_eq!(ceilings["software"], true);
    for rate in ["additions", "three_rotations", "multiplications", "copied_bytes", "uploaded_bytes"] {
        assert!(number(ceilings, rate) > 1e6, "{rate} of {ceilings}");
    }
    let [cold, warm] = &full["start_ups"].as_array().unwrap()[..] else { panic!("two starts") };
    assert!(cold["cold"] == true && warm["cold"] == false);
    for start in [cold, warm] {
        let kernels = start["kernels"].as_array().unwrap();
        let times: Vec<_> = kernels.iter().map(|kernel| number(kernel, "compile_s")).collect();
        let longest = times.iter().copied().fold(0.0, f64::max);
        let all = number(start, "compile_s");
        assert!(longest > 0.0 && longest <= all && kernels.len() > 20, "{start}");
        // Between two kernels a thread has next to nothing to do.
        assert!(all < times.iter().sum::<f64>() + 0.1, "{start}");
        assert!(number(start, "open_s") > 0.0 && number(start, "first_call_s") > 0.0, "{start}");
    }

    let lines = full["summary"].as_array().unwrap();
    let labels: Vec<_> = lines.iter().map(|line| (&line["workload"], &line["label"])).collect();
    let of = |name: &str, label: &str| {
        let line = lines.iter().find(|line| line["workload"] == name && line["label"] == label);
        line.unwrap_or_else(|| panic!("{name} on {label} is not in {labels:?}"))
    };
    let [wide, narrow] = ["gpu (software)", "gpu u32 (software)"].map(|label| of("verify.rfc8032", label));
    assert_bounds(wide, ceilings, &[("resident", "wide_multiplications", 145_085.0)]);
    assert_bounds(narrow, ceilings, &[("resident", "multiplications", 570_477.0)]);
    let fingerprints = of("dedup", "gpu (software)");
    assert_bounds(fingerprints, ceilings, &[("end_to_end", "uploaded_bytes", 32.0)]);
    let copied = &fingerprints["bounds"][0];
    assert_eq!(number(copied, "count"), 56.0);
    let share = number(copied, "per_second") / number(ceilings, "copied_bytes");
    assert!((share / 2.0 - 1.0).abs() < 1e-9, "{fingerprints}");
    let nodes = of("merkle.plain", "gpu (software)");
    assert_bounds(nodes, ceilings, &[("end_to_end", "uploaded_bytes", 32.0)]);
    assert_eq!(number(&nodes["bounds"][0], "count"), 1232.0);

    let rows = report["rows"].as_array().unwrap();
    for line in lines {
        assert_eq!(line["software"], true, "{line}");
        assert_eq!(line["faster_than_cpu_from"], Value::Null, "software is no GPU: {line}");
        for latency in line["latencies"].as_array().unwrap() {
            let row = rows.iter().find(|row| {
                ["workload", "detail"].iter().all(|field| row[field] == line[field])
                    && row["items"] == latency["items"]
            });
            let row = row.expect("a latency is of a row");
            assert_eq!((&latency["median_s"], &latency["p99_s"]), (&row["median_s"], &row["p99_s"]));
            assert!(number(row, "p99_s") >= number(row, "median_s"));
        }
        assert!(table.contains(line["label"].as_str().unwrap()));
    }
    let both = full["side_by_side"].as_array().unwrap();
    assert_eq!(both.len(), 3);
    for both in both {
        assert_eq!(number(both, "cpu_items") + number(both, "gpu_items"), 300.0, "{both}");
        assert!((number(both, "per_second") * number(both, "median_s") / 300.0 - 1.0).abs() < 1e-9, "{both}");
        assert!(both["checked"] == true && both["software"] == true, "{both}");
    }
    for text in ["start without compiled kernels", "of its ceiling", "of 145,085 products of 32 × 32 bits"] {
        assert!(table.contains(text), "{text:?} is not in {table}");
    }
}

#[test]
fn a_full_run_without_a_gpu_is_one_of_the_cpu_and_says_why() {
    let (table, report) = full(&["--quick", "--adapter", "no such adapter", "--workload", "dedup"]);
    assert!(table.contains("not measured: gpu: no "), "{table}");
    let full = &report["full"];
    assert_eq!((&full["ceilings"], &full["start_ups"]), (&Value::Null, &Value::Array(Vec::new())));
    let [line] = &full["summary"].as_array().unwrap()[..] else { panic!("one line") };
    assert_eq!((&line["label"], &line["bounds"]), (&"cpu".into(), &Value::Array(Vec::new())));
    let row = report["rows"].as_array().unwrap().iter().find(|row| row["backend"] == "cpu").unwrap();
    assert_eq!((&line["items"], &line["per_second"]), (&65_536.into(), &row["per_second"]));
}
