//! Usage: help, wrong options, back ends.

use serde_json::Value;

use crate::support::{BLOCK_170, BLOCK_100000, Run, run, verilane};

#[test]
fn help_and_version() {
    let help = run(&["--help"]);
    assert_eq!(help.code, 0);
    for command in ["audit", "bench", "cid", "dedup", "devices", "merkle", "mine", "verify", "Exit codes"] {
        assert!(help.stdout.contains(command), "{command}");
    }
    assert!(run(&["--version"]).stdout.starts_with("verilane "));
}

#[test]
fn wrong_usage_is_exit_code_2() {
    run(&["forge"]).refuses("unrecognized subcommand");
    run(&["devices", "--backend", "quantum"]).refuses("reference, cpu, gpu, auto");
    run(&["devices", "--isa", "mmx"]).refuses("scalar, avx2, avx512");
    run(&["devices", "--threads", "0"]).refuses("--threads");
    run(&["audit"]).refuses("FILE");
}

#[test]
fn a_missing_gpu_is_said_in_one_line() {
    let mut command = verilane(&["audit", BLOCK_170, "--backend", "gpu"]);
    command.env("VERILANE_ADAPTER", "nosuch");
    let run = Run::of(command);
    run.refuses("the gpu back end is not available");
    // Drivers may say things of their own there.
    let ours = run.stderr.lines().filter(|line| line.starts_with("error: cannot start: "));
    assert_eq!(ours.count(), 1, "{}", run.stderr);
    crate::support::run(&["audit", BLOCK_170, "--backend", "gpu", "--adapter", "nosuch"])
        .refuses("not available");
}

#[test]
fn automatic_placement_needs_no_gpu() {
    let mut command = verilane(&["audit", BLOCK_170, "--json"]);
    command.env("VERILANE_ADAPTER", "nosuch");
    let run = Run::of(command);
    assert_eq!((run.code, run.json()["backend"].as_str()), (0, Some("cpu")));
}

#[test]
fn the_processor_is_capped_as_asked() {
    for arguments in [&["--isa", "scalar"][..], &["--threads", "1"], &["--backend", "reference"]] {
        let run = run(&[&["audit", BLOCK_100000, "--json"], arguments].concat());
        assert_eq!((run.code, &run.json()["transactions"]), (0, &Value::from(4)), "{arguments:?}");
    }
    let detail = |arguments: &[&str]| {
        let run = run(&[&["audit", BLOCK_100000, "--json", "--backend", "cpu"], arguments].concat());
        run.json()["backend_detail"].as_str().unwrap().to_owned()
    };
    assert!(detail(&["--isa", "scalar"]).contains("scalar"));
    let mut command = verilane(&["devices"]);
    command.env("VERILANE_ISA", "mmx");
    Run::of(command).refuses("scalar, avx2, avx512");
}
