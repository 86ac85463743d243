//! The C interface: its header, and C programs on both libraries.

mod overhead;

use std::path::{Path, PathBuf};
use std::process::Command;

use verilane::{Engine, Hash, Records, Tree};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Set where a tool that is missing is a failure, not a skip.
const REQUIRE_TOOLS: &str = "VERILANE_REQUIRE_TOOLS";

/// The command, unless the machine does not have it.
fn tool(name: &str) -> Option<Command> {
    if Command::new(name).arg("--version").output().is_ok() {
        return Some(Command::new(name));
    }
    assert!(std::env::var_os(REQUIRE_TOOLS).is_none(), "{REQUIRE_TOOLS} is set, but there is no {name}");
    eprintln!("SKIPPED: there is no {name}");
    None
}

/// What the command prints; it must end well.
fn output(command: &mut Command) -> String {
    let output = command.current_dir(ROOT).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}\n{stdout}{stderr}", output.status);
    stdout
}

/// The repository's root.
fn root() -> &'static Path {
    Path::new(ROOT).ancestors().nth(2).unwrap()
}

/// The folder with both libraries, which are built with the tests.
fn libraries() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("debug").leak()
}

/// The C program compiled against one of the libraries.
fn compile(source: &str, library: &str) -> PathBuf {
    let name = Path::new(source).file_stem().unwrap().to_str().unwrap();
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{library}"));
    let folder = libraries();
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g", "-Iinclude", source]);
    cc.arg(folder.join(library)).args(["-pthread", "-ldl", "-lm", "-o"]).arg(&program);
    output(cc.arg(format!("-Wl,-rpath,{}", folder.display())));
    program
}

/// What the program prints, the same on both libraries and under valgrind.
fn run(source: &str) -> String {
    let programs = ["libverilane_c.so", "libverilane_c.a"].map(|library| compile(source, library));
    let [shared, linked] = programs.each_ref().map(|program| output(&mut Command::new(program)));
    assert_eq!(shared, linked);
    if let Some(mut valgrind) = tool("valgrind") {
        valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
        // It knows no AVX-512. Threads that still end are no leak.
        valgrind.arg("--errors-for-leak-kinds=definite").env("VERILANE_ISA", "avx2");
        assert_eq!(output(valgrind.arg(&programs[0])), shared);
    }
    shared
}

#[test]
fn the_header_is_what_cbindgen_makes() {
    let config = cbindgen::Config::from_file(Path::new(ROOT).join("cbindgen.toml")).unwrap();
    let sources = ["engine", "memory", "operations", "status"];
    let builder = sources.iter().fold(cbindgen::Builder::new().with_config(config), |builder, name| {
        builder.with_src(Path::new(ROOT).join(format!("src/{name}.rs")))
    });
    let mut made = Vec::new();
    builder.generate().unwrap().write(&mut made);
    let path = Path::new(ROOT).join("include/verilane.h");
    if std::env::var_os("VERILANE_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    assert_eq!(written, String::from_utf8(made).unwrap(), "VERILANE_BLESS=1 writes the header anew");
}

#[test]
fn the_header_is_cpp_too() {
    let Some(mut cpp) = tool("c++") else { return };
    let flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-x", "c++"];
    output(cpp.args(flags).arg("include/verilane.h"));
}

#[test]
fn a_c_program_gets_the_answers_of_the_library() {
    let engine = Engine::new().unwrap();
    let records = Records::from_slices(["alpha", "beta", "alpha"]);
    let tree = Tree::Rfc6962(Hash::Sha256);
    let leaves = engine.merkle_leaves(tree, &records).unwrap();
    let root = engine.merkle_root(tree, &leaves).unwrap().digest;
    let expected = format!(
        "verdicts 1 0\n\
         served by back end 2, after 0 that faulted\n\
         alpha {}\n\
         firsts 0 1 0\n\
         root {root}\n\
         proof of 2 digests, valid 1\n\
         nonce 2083236893\n\
         header 6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000\n\
         status 6: offset 2 of the column is not valid: it is lower than the one before it\n",
        Hash::Blake3.digest(b"alpha"),
    );
    assert_eq!(run("../../examples/c/operations.c"), expected);
}

#[test]
fn what_c_can_do_wrong_is_refused() {
    assert_eq!(run("tests/boundary.c"), "45 calls were refused\n");
}

#[test]
fn a_go_program_names_the_invalid() {
    let Some(mut go) = tool("go") else { return };
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = target.join("verify-go");
    go.args(["build", "-o"]).arg(&program).arg(root().join("examples/go/verify.go"));
    go.env("CGO_LDFLAGS", format!("{}/libverilane_c.a -lm", libraries().display()));
    output(go.env("GOCACHE", target.join("go")).env("CGO_ENABLED", "1"));
    assert_eq!(
        output(&mut Command::new(program)),
        "served by back end 2, after 0 that faulted\n\
         signature 500 is not valid\n\
         refused: offset 7 of the column is not valid: it is lower than the one before it\n"
    );
}
