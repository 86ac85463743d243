//! The C interface: its header, its installation, and programs on both libraries.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use verilane::{Engine, Hash, Records, Tree, TreeHash};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The library's name for the loader: it changes when programs must be compiled anew.
const SONAME: &str = "libverilane.so.0.1";

/// The environment variable that makes a missing tool a failure, not a skip.
const REQUIRE_TOOLS: &str = "VERILANE_REQUIRE_TOOLS";

/// The command, or `None` if the machine lacks it.
fn tool(name: &str) -> Option<Command> {
    if Command::new(name).arg("--version").output().is_ok() {
        return Some(Command::new(name));
    }
    assert!(std::env::var_os(REQUIRE_TOOLS).is_none(), "{REQUIRE_TOOLS} is set, but there is no {name}");
    eprintln!("SKIPPED: there is no {name}");
    None
}

/// What the command prints. It must succeed.
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

/// A folder for what the tests write.
fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The script that installs the libraries, told to take those built with the tests.
fn install() -> Command {
    let mut install = Command::new("./install");
    install.arg("--built").arg(std::env::current_exe().unwrap().parent().unwrap());
    install.env_remove("DESTDIR");
    install
}

/// The prefix under which the script has installed the libraries.
fn installed() -> &'static Path {
    static PREFIX: LazyLock<PathBuf> = LazyLock::new(|| {
        let prefix = empty(scratch().join("installed"));
        output(install().arg("--prefix").arg(&prefix));
        prefix
    });
    &PREFIX
}

/// The folder without what earlier tests have left there.
fn empty(folder: PathBuf) -> PathBuf {
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    folder
}

/// A command that finds the installed libraries through pkg-config, unless the machine
/// lacks either.
fn with_pkg_config(name: &str) -> Option<Command> {
    tool("pkg-config")?;
    let mut command = tool(name)?;
    command.env("PKG_CONFIG_PATH", installed().join("lib/pkgconfig"));
    Some(command)
}

/// What pkg-config says of the installed libraries.
fn pkg_config(arguments: &[&str]) -> Option<String> {
    let mut pkg_config = with_pkg_config("pkg-config")?;
    Some(output(pkg_config.args(arguments).arg("verilane")).trim().into())
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Library {
    Shared,
    Static,
}

/// The C program, compiled against one of the installed libraries.
fn compile(source: &str, library: Library) -> Option<PathBuf> {
    let flags = match library {
        Library::Shared => pkg_config(&["--cflags", "--libs"])?,
        // With both installed, linkers take the shared one.
        Library::Static => {
            pkg_config(&["--cflags", "--libs", "--static"])?.replace("-lverilane", "-l:libverilane.a")
        }
    };
    let name = Path::new(source).file_stem().unwrap().to_str().unwrap();
    let program = scratch().join(format!("{name}-{library:?}"));
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g", "-pthread", source]);
    cc.args(flags.split_whitespace()).arg("-o").arg(&program);
    output(cc.arg(format!("-Wl,-rpath,{}", installed().join("lib").display())));
    Some(program)
}

/// The libraries that the loader looks for when it starts the program.
fn needed(program: &Path) -> Option<Vec<String>> {
    let dynamic = output(tool("readelf")?.arg("--dynamic").arg(program));
    let names = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    Some(names.map(|line| line.split(['[', ']']).nth(1).unwrap().into()).collect())
}

/// What the program prints, the same with both libraries and under valgrind.
fn run(source: &str) -> Option<String> {
    let [shared, linked] = [compile(source, Library::Shared)?, compile(source, Library::Static)?];
    for (program, names) in [(&shared, vec![SONAME]), (&linked, vec![])] {
        if let Some(mut needed) = needed(program) {
            needed.retain(|name| name.contains("verilane"));
            assert_eq!(needed, names);
        }
    }
    let printed = output(&mut Command::new(&shared));
    assert_eq!(output(&mut Command::new(linked)), printed);
    if let Some(mut valgrind) = tool("valgrind") {
        valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
        valgrind.arg("--suppressions=tests/loader.supp");
        // Valgrind has no AVX-512. Threads that are still ending are no leak.
        valgrind.arg("--errors-for-leak-kinds=definite").env("VERILANE_ISA", "avx2");
        assert_eq!(output(valgrind.arg(shared)), printed);
    }
    Some(printed)
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
        fs::write(&path, &made).unwrap();
    }
    let written = fs::read_to_string(path).unwrap();
    assert_eq!(written, String::from_utf8(made).unwrap(), "VERILANE_BLESS=1 writes the header");
}

#[test]
fn the_header_compiles_as_cpp() {
    let Some(mut cpp) = tool("c++") else { return };
    let flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-x", "c++"];
    output(cpp.args(flags).arg("include/verilane.h"));
}

#[test]
fn the_library_exports_what_the_header_declares() {
    let Some(mut nm) = tool("nm") else { return };
    let library = installed().join("lib/libverilane.so");
    let symbols = output(nm.args(["--dynamic", "--defined-only"]).arg(library));
    let exported: BTreeSet<&str> = symbols.lines().filter_map(|line| line.split(' ').next_back()).collect();
    let header = fs::read_to_string(Path::new(ROOT).join("include/verilane.h")).unwrap();
    let code = header.lines().filter(|line| !line.trim_start().starts_with(['/', '*']));
    let declared: BTreeSet<&str> = code
        .filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next())
        .filter(|name| name.starts_with("verilane_"))
        .collect();
    assert_eq!(exported, declared);
}

#[test]
fn the_installation_is_that_of_a_c_library() {
    let library = format!("libverilane.so.{VERSION}");
    for link in ["libverilane.so", SONAME] {
        assert_eq!(fs::read_link(installed().join("lib").join(link)).unwrap(), Path::new(&library));
    }
    let Some(version) = pkg_config(&["--modversion"]) else { return };
    assert_eq!(version, VERSION);
    let moved = pkg_config(&["--define-variable=prefix=/elsewhere", "--cflags", "--libs"]).unwrap();
    assert_eq!(moved, "-I/elsewhere/include -L/elsewhere/lib -lverilane");
}

#[test]
fn a_package_is_staged_in_destdir() {
    let stage = empty(scratch().join("staged"));
    let mut install = install();
    install.args(["--prefix", "/opt/verilane", "--libdir", "lib64"]);
    output(install.env("DESTDIR", &stage));
    let [include, lib] = ["include", "lib64"].map(|folder| stage.join("opt/verilane").join(folder));
    assert_eq!(names(&include), ["verilane.h"]);
    let library = format!("libverilane.so.{VERSION}");
    assert_eq!(names(&lib), ["libverilane.a", "libverilane.so", SONAME, &library, "pkgconfig"]);
    let file = fs::read_to_string(lib.join("pkgconfig/verilane.pc")).unwrap();
    let start = "prefix=/opt/verilane\nlibdir=${prefix}/lib64\nincludedir=${prefix}/include\n";
    assert!(file.starts_with(start), "{file}");
}

#[test]
fn an_installation_that_cannot_be_made_says_why() {
    for (arguments, reason) in [
        (["--prefixes", "/usr"], "--prefixes is no option; see --help"),
        (["--prefix", ""], "--prefix needs a value; see --help"),
        (["--prefix", "install/under/a/file"], "install/under/a/file/lib: choose another --prefix"),
    ] {
        let refused = install().args(arguments).current_dir(ROOT).output().unwrap();
        let stderr = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && stderr.contains(reason), "{arguments:?}: {stderr}");
    }
}

/// What is in the folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_c_program_gets_the_answers_of_the_engine() {
    let engine = Engine::new().unwrap();
    let records = Records::from_slices(["alpha", "beta", "alpha"]);
    let tree = Tree::Rfc6962(TreeHash::Sha256);
    let leaves = engine.merkle_leaves(tree, &records).unwrap();
    let root = engine.merkle_root(tree, &leaves).unwrap().digest;
    let expected = format!(
        "verdicts 1 0\n\
         served by back end 2, after 0 that faulted\n\
         alpha {}\n\
         first occurrences 0 1 0\n\
         root {root}\n\
         proof of 2 digests, valid 1\n\
         nonce 2083236893\n\
         header 6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000\n\
         status 6: offset 2 of the column is not valid: it is lower than the one before it\n",
        Hash::Blake3.digest(b"alpha"),
    );
    let Some(printed) = run("../../examples/c/operations.c") else { return };
    assert_eq!(printed, expected);
}

#[test]
fn invalid_calls_are_refused() {
    let Some(printed) = run("tests/boundary.c") else { return };
    assert_eq!(printed, "45 calls were refused\n");
}

#[test]
fn a_go_program_finds_the_invalid_signature() {
    let Some(mut go) = with_pkg_config("go") else { return };
    let program = scratch().join("verify-go");
    go.args(["build", "-o"]).arg(&program).arg(root().join("examples/go/verify.go"));
    output(go.env("GOCACHE", scratch().join("go")).env("CGO_ENABLED", "1"));
    assert_eq!(
        output(Command::new(program).env("LD_LIBRARY_PATH", installed().join("lib"))),
        "served by back end 2, after 0 that faulted\n\
         signature 500 is not valid\n\
         refused: offset 7 of the column is not valid: it is lower than the one before it\n"
    );
}
