//! `verilane cost`: its report, its exports, and what it refuses.

use assert_cmd::Command;
use serde_json::Value;

use crate::support::verilane;

/// One thread and short runs keep the measurement short on any machine.
fn cost(arguments: &[&str]) -> Command {
    let mut command =
        verilane(&["cost", "--backend", "cpu", "--threads", "1", "--seconds", "0.05", "--runs", "20"]);
    command.args(arguments);
    command
}

fn study(arguments: &[&str]) -> Value {
    let output = cost(arguments).arg("--json").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn numbers(study: &Value) -> Vec<&Value> {
    let mut numbers = Vec::new();
    for section in study["sections"].as_array().unwrap() {
        numbers.extend(section["entries"].as_array().unwrap());
        let rows = section["grid"]["rows"].as_array().map_or(&[][..], Vec::as_slice);
        numbers.extend(rows.iter().flat_map(|row| row["cells"].as_array().unwrap()));
    }
    numbers
}

fn number<'a>(study: &'a Value, id: &str) -> &'a Value {
    let found = numbers(study).into_iter().find(|number| number["id"] == id);
    found.unwrap_or_else(|| panic!("{id} is there"))
}

fn value(study: &Value, id: &str) -> f64 {
    number(study, id)["value"].as_f64().unwrap_or_else(|| panic!("{id} has a value"))
}

fn near(value: f64, expected: f64) {
    assert!((value / expected - 1.0).abs() < 1e-9, "{value} is not {expected}");
}

#[test]
fn figures_follow_their_formulas() {
    let arguments = "--difficulty 1000 --validators 10 --nodes 4 --records-per-block 90 --block-time 30 \
                     --node-watts 20 --asic-joules-per-th 20 --pue 1.5";
    let study = study(&arguments.split_whitespace().collect::<Vec<_>>());
    assert_eq!((&study["checked"], &study["backend"]), (&Value::from(true), &Value::from("cpu")));
    let hashes = 1000.0 * 281_474_976_710_656.0 / 65_535.0;
    near(value(&study, "hashes_per_block"), hashes);
    near(value(&study, "pow_block_asic"), hashes * 20e-12 * 1.5);
    near(value(&study, "pow_power_asic"), hashes * 20e-12 * 1.5 / 30.0);
    near(value(&study, "pow_block_time"), hashes / value(&study, "hash_rate"));
    near(value(&study, "pos_block_whole"), 4.0 * 20.0 * 30.0 * 1.5);
    near(value(&study, "pos_node_power"), 30.0);
    let stake = 4.0 * (100.0 / value(&study, "verification_rate") + 89.0 / value(&study, "merkle_rate"));
    near(value(&study, "pos_block_time"), stake);
    near(value(&study, "break_even") * 281_474_976_710_656.0 / 65_535.0, stake * value(&study, "hash_rate"));
    near(value(&study, "review_central_500"), 10.0);
    near(value(&study, "review_distributed_500"), 13.0 / 3.0);
    near(value(&study, "review_engine_500"), 500.0 / value(&study, "verification_rate") / 86_400.0);
}

#[test]
fn every_number_is_marked_and_nothing_unavailable_has_a_value() {
    let study = study(&[]);
    for number in numbers(&study) {
        let mark = number["mark"].as_str().unwrap();
        assert_eq!(number["value"].is_null(), mark == "unavailable", "{number}");
        assert!(["measured", "assumed", "unavailable"].contains(&mark), "{number}");
        assert!(!number["source"].as_str().unwrap().is_empty(), "{number}");
    }
    assert_eq!(number(&study, "hash_rate")["mark"], "measured");
    assert_eq!(number(&study, "difficulty")["mark"], "measured");
    assert_eq!(number(&study, "pos_blocks")["mark"], "assumed");
    if std::path::Path::new("/sys/class/powercap/intel-rapl:0").exists() {
        return; // This machine may have an energy counter.
    }
    for id in ["joules_per_hash", "pow_block", "pos_block", "pos_block_whole", "pow_energy", "idle_power"] {
        assert_eq!(number(&study, id)["mark"], "unavailable", "{id}");
    }
}

#[test]
fn stated_watts_make_assumed_joules() {
    let study = study(&["--device-watts", "50"]);
    let joules = number(&study, "joules_per_hash");
    if joules["mark"] == "measured" {
        return; // This machine has an energy counter.
    }
    assert_eq!(
        (&joules["mark"], &joules["source"]),
        (&Value::from("assumed"), &Value::from("--device-watts"))
    );
    assert_eq!(number(&study, "idle_power")["mark"], "unavailable");
    near(value(&study, "pos_node_power"), 50.0);
    near(value(&study, "pow_node_power"), 50.0);
    near(value(&study, "pow_energy"), 50.0 * 21.0 * 3600.0);
}

#[test]
fn the_simulation_repeats_with_its_seed_and_has_intervals() {
    let blocks = |seed| {
        let study = study(&["--seed", seed]);
        let number = number(&study, "pow_blocks").clone();
        let interval = |index: usize| number["interval"][index].as_f64().unwrap();
        let mean = number["value"].as_f64().unwrap();
        assert!(interval(0) < mean && mean < interval(1) && mean > 50.0 && mean < 65.0, "{number}");
        number
    };
    assert_eq!(blocks("7"), blocks("7"));
    assert_ne!(blocks("7"), blocks("8"));
}

#[test]
fn an_hour_without_blocks_has_no_block_time() {
    let study = study(&["--block-time", "1e9"]);
    assert_eq!(value(&study, "pow_blocks"), 0.0);
    for id in ["pow_mean_block_time", "pow_stale_share", "pos_records_per_block"] {
        assert_eq!(number(&study, id)["mark"], "unavailable", "{id}");
    }
}

#[test]
fn exports_hold_every_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (html, json, csv) = (path("r.html"), path("r.json"), path("r.csv"));
    cost(&["--report", &html, "--export-json", &json, "--export-csv", &csv]).assert().success();

    let study: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(study["schema_version"], 1);
    let plots = study["sections"].as_array().unwrap().iter().flat_map(|s| s["plots"].as_array().unwrap());
    let curves = plots.flat_map(|plot| plot["curves"].as_array().unwrap());
    let points: usize = curves.map(|curve| curve["points"].as_array().unwrap().len().max(1)).sum();

    let mut reader = csv::Reader::from_path(csv).unwrap();
    let mark = reader.headers().unwrap().iter().position(|name| name == "mark").unwrap();
    let lines: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(lines.len(), numbers(&study).len() + points);
    assert!(lines.iter().all(|line| ["measured", "assumed", "unavailable"].contains(&&line[mark])));

    let page = std::fs::read_to_string(html).unwrap();
    assert_eq!(page.matches("<svg").count(), 6);
    for needed in ["prefers-color-scheme: dark", "@media print", "BLS12-381", "arXiv:2109.03667"] {
        assert!(page.contains(needed), "{needed}");
    }
    for outside in ["http://", "https://", "<script", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn text_tells_marks_and_formulas() {
    let output = cost(&[]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for needed in [
        "measured",
        "= nodes × W/node × block time",
        "do not transfer to Ethereum's BLS votes",
        "results checked",
    ] {
        assert!(text.contains(needed), "{needed}: {text}");
    }
}

#[test]
fn bad_input_is_refused_with_what_would_be_valid() {
    let zero = "0".repeat(64);
    for (arguments, reason) in [
        (["--validators", "0"], "must be at least 1"),
        (["--validators", "-3"], "whole number from"),
        (["--nodes", "22"], "at most the number of validators"),
        (["--records-per-block", "0"], "must be at least 1"),
        (["--target", &zero], "between 1 and 2^256 - 1"),
        (["--difficulty", "1e78"], "2.69e67 (2^256 hashes a block)"),
        (["--difficulty", "0"], "between 2.33e-10"),
        (["--difficulty", "NaN"], "between 2.33e-10"),
        (["--difficulty", "hard"], "must be a number"),
        (["--bits", "00000000"], "it is zero"),
        (["--device-watts", "-5"], "finite number above 0"),
        (["--device-watts", "nan"], "finite number above 0"),
        (["--node-watts", "inf"], "finite number above 0"),
        (["--asic-joules-per-th", "0"], "finite number above 0"),
        (["--pue", "0.9"], "at least 1"),
        (["--pue", "NaN"], "at least 1"),
        (["--block-time", "0"], "finite number above 0"),
        (["--block-time", "0.01"], "at least 0.1 seconds"),
        (["--delay", "-1"], "at least 0 seconds"),
        (["--retarget-window", "0"], "at least 1 block"),
        (["--size-exponent", "-1"], "between 0 and 10"),
        (["--seconds", "0"], "above 0"),
        (["--runs", "9"], "between 10 and 10000"),
        (["--report", "/nonexistent/r.html"], "cannot write to /nonexistent/r.html"),
    ] {
        let output = verilane(&["cost", "--backend", "cpu"]).args(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(reason), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
    }
}
