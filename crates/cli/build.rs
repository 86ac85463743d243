//! Tells the binary which compiler and which commit it was built from.

use std::path::Path;
use std::process::Command;

const UNKNOWN: &str = "unknown";

fn main() {
    let rustc = std::env::var("RUSTC").ok().and_then(|rustc| output(&rustc, &["--version"]));
    println!("cargo::rustc-env=VERILANE_RUSTC={}", rustc.as_deref().unwrap_or(UNKNOWN));
    println!("cargo::rustc-env=VERILANE_COMMIT={}", commit().as_deref().unwrap_or(UNKNOWN));
    for path in ["build.rs", "src", "../ledger/src", "../cost/src", "../../src", "../../shaders"] {
        if Path::new(path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

/// The commit of a release build, marked where the sources differ from it.
/// Other builds have none, since each commit would rebuild them.
fn commit() -> Option<String> {
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return None;
    }
    packaged_commit().or_else(checked_out_commit)
}

/// The commit that `cargo package` stored.
fn packaged_commit() -> Option<String> {
    let info = std::fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let hash = info.split_once("\"sha1\": \"")?.1.split('"').next()?;
    Some(hash.into())
}

fn checked_out_commit() -> Option<String> {
    // Not of another repository that this package was unpacked in.
    if output("git", &["rev-parse", "--show-prefix"])? != "crates/cli/" {
        return None;
    }
    let log = output("git", &["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo::rerun-if-changed={log}");
    output("git", &["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])
}

fn output(command: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(command).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().into())
}
