//! Runs the command, and looks at what it printed.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

pub const BLOCK_170: &str = "../ledger/tests/data/block-170.raw";
pub const BLOCK_100000: &str = "../ledger/tests/data/block-100000.raw";

pub fn verilane(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verilane"));
    command.args(arguments);
    command
}

/// What a command printed, and how it ended.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(mut command: Command) -> Run {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().expect("no signal ended it");
        let run = Run { code, stdout: text(output.stdout), stderr: text(output.stderr) };
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        run
    }

    /// The one JSON object that was printed, on one line, with the back end that computed it.
    pub fn json(&self) -> Value {
        let value = self.object();
        assert!(value["backend"].is_string(), "{value}");
        value
    }

    /// The one JSON object that was printed, on one line.
    pub fn object(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{}{}", self.stdout, self.stderr);
        let value: Value = serde_json::from_str(&self.stdout).unwrap();
        assert!(value.is_object(), "{value}");
        value
    }

    /// Refused with an error on standard error that contains `reason`.
    pub fn refuses(&self, reason: &str) {
        assert_eq!((self.code, self.stdout.as_str()), (2, ""), "{}", self.stderr);
        assert!(self.stderr.contains(reason), "{reason:?} is not in {:?}", self.stderr);
    }
}

pub fn run(arguments: &[&str]) -> Run {
    Run::of(verilane(arguments))
}

pub fn run_with_input(arguments: &[&str], input: impl Into<Vec<u8>>) -> Run {
    let mut command = verilane(arguments);
    command.write_stdin(input);
    Run::of(command)
}

/// A file in a folder of its own.
pub fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
