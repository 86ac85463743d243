//! The cap on the instruction set from the environment: each case in a process of its own.

use std::ffi::OsStr;
use std::process::Command;

use verilane::cpu::{Isa, Level};

/// Set in the process of a case.
const IN_CASE: &str = "VERILANE_TEST_CASE";

/// Runs the test `name` again, with `VERILANE_ISA` set to `value`.
fn run_case(name: &str, value: &OsStr) {
    let this = std::env::current_exe().unwrap();
    let mut case = Command::new(this);
    case.args(["--exact", name]).env(IN_CASE, "1").env("VERILANE_ISA", value);
    let output = case.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn in_case() -> bool {
    std::env::var_os(IN_CASE).is_some()
}

#[test]
fn the_variable_caps_the_level() {
    if !in_case() {
        return run_case("the_variable_caps_the_level", "scalar".as_ref());
    }
    assert_eq!(Level::best(None).unwrap().isa(), Isa::Scalar);
    assert_eq!(Level::best(Some(Isa::Avx512Ifma)).unwrap().isa(), Isa::Scalar);
}

#[test]
fn the_variable_must_name_a_level() {
    if !in_case() {
        return run_case("the_variable_must_name_a_level", "mmx".as_ref());
    }
    let error = Level::best(None).unwrap_err().to_string();
    assert!(error.contains("\"mmx\"") && error.contains("scalar, avx2, avx512, avx512ifma"), "{error}");
}

#[cfg(unix)]
#[test]
fn the_variable_must_be_unicode() {
    use std::os::unix::ffi::OsStrExt;

    if !in_case() {
        return run_case("the_variable_must_be_unicode", OsStr::from_bytes(b"avx\xff"));
    }
    let error = Level::best(Some(Isa::Scalar)).unwrap_err().to_string();
    assert_eq!(error, "VERILANE_ISA cannot be avx\u{fffd}: it is one of scalar, avx2, avx512, avx512ifma");
}
