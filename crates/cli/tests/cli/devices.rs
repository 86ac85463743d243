//! `verilane devices`, and closed pipes.

use crate::support::{BLOCK_170, run};

#[test]
fn devices_test_themselves() {
    let run = run(&["devices", "--json"]);
    let json = run.json();
    assert_eq!(run.code, 0, "{}", run.stderr);
    let backends = json["backends"].as_array().unwrap();
    let of = |kind: &str| backends.iter().find(|backend| backend["kind"] == kind).unwrap();
    assert_eq!(
        (&of("reference")["self_test"], &of("cpu")["self_test"]),
        (&"passed".into(), &"passed".into())
    );
    assert!(json["isa"]["detected"].is_string() && json["adapters"].is_array());
    let capped = crate::support::run(&["devices", "--isa", "scalar"]);
    assert!(capped.stdout.contains("scalar used"), "{}", capped.stdout);
}

/// A reader that goes away is not the command's failure.
#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_panic() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_verilane"))
        .args(["audit", BLOCK_170])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
