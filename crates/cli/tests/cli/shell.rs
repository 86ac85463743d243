//! What users of a shell expect: completions, manual pages, colours, and help that says
//! which command does what.

use std::fs;

use assert_cmd::Command;

use crate::support::{Run, run, text, verilane};

const COMMANDS: [&str; 14] = [
    "audit",
    "bench",
    "check",
    "cid",
    "completions",
    "cost",
    "dedup",
    "devices",
    "ledger",
    "man",
    "merkle",
    "mine",
    "prove",
    "verify",
];

#[test]
fn completions_know_every_command_in_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = run(&["completions", shell]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{shell}");
        for word in COMMANDS.iter().chain(&["--color", "--canonical", "export"]) {
            // Fish has the names of options without the dashes.
            let word = word.trim_start_matches('-');
            assert!(run.stdout.contains(word), "{word} in {shell}");
        }
    }
    run(&["completions", "tcsh"]).refuses("bash, elvish, fish, powershell, zsh");
    run(&["completions"]).refuses("SHELL");
}

#[cfg(unix)]
#[test]
fn bash_takes_its_completions() {
    let script = run(&["completions", "bash"]).stdout;
    let words =
        "COMP_WORDS=(verilane mer); COMP_CWORD=1; _verilane verilane mer verilane; echo ${COMPREPLY[*]}";
    let output = match Command::new("bash").args(["-c", &format!("{script}\n{words}")]).output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("SKIPPED: bash: {error}");
            return;
        }
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "merkle");
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man");
    let written = run(&["man", "--out", text(&out)]);
    assert_eq!((written.code, written.stdout.as_str(), written.stderr.as_str()), (0, "", ""));
    let mut names: Vec<_> =
        fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let mut expected: Vec<_> = COMMANDS.iter().map(|command| format!("verilane-{command}.1")).collect();
    expected.extend(["export", "generate", "seal"].map(|command| format!("verilane-ledger-{command}.1")));
    expected.push("verilane.1".into());
    expected.sort();
    assert_eq!(names, expected);
    let page = fs::read_to_string(out.join("verilane-dedup.1")).unwrap();
    let page = page.replace("\\-", "-");
    for needed in [".TH", "verilane-dedup - Find identical records", "--canonical", "--backend"] {
        assert!(page.contains(needed), "{needed} in {page}");
    }
    let main = run(&["man"]);
    assert_eq!(main.stdout.trim_end(), fs::read_to_string(out.join("verilane.1")).unwrap().trim_end());
    let (_folder, file) = crate::support::file("file", "");
    run(&["man", "--out", text(&file)]).refuses("cannot make");
}

/// The command with an environment that does not say anything of colours.
fn plain(arguments: &[&str]) -> Command {
    let mut command = verilane(arguments);
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM"] {
        command.env_remove(variable);
    }
    command
}

fn is_coloured(text: &str) -> bool {
    text.contains('\u{1b}')
}

#[test]
fn colours_are_as_asked() {
    // Help, a usage error, an error of a command, and its warning.
    let warning = ["verify", "--rule", "strict", "/dev/null"];
    for arguments in [&["--help"][..], &["cid", "--help"], &["forge"], &["cid", "no-such-file"], &warning] {
        for (when, expected) in [("always", true), ("never", false), ("auto", false)] {
            for no_color in [false, true] {
                let mut command = plain(arguments);
                command.args(["--color", when]);
                if no_color {
                    command.env("NO_COLOR", "1");
                }
                let run = Run::of(command);
                let text = format!("{}{}", run.stdout, run.stderr);
                assert_eq!(is_coloured(&text), expected, "{arguments:?} --color {when}: {text}");
            }
        }
        let default = Run::of(plain(arguments));
        assert!(!is_coloured(&format!("{}{}", default.stdout, default.stderr)), "{arguments:?}");
    }
    run(&["cid", "x", "--color", "pink"]).refuses("auto, always, never");
}

/// The engine warns of stored crossovers that it cannot read.
#[cfg(all(feature = "gpu", target_os = "linux"))]
#[test]
fn the_log_is_coloured_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("verilane")).unwrap();
    fs::write(folder.path().join("verilane/crossover.json"), "no JSON").unwrap();
    for (when, expected) in [("always", true), ("never", false), ("auto", false)] {
        let mut command = plain(&["cid", "/dev/null", "--color", when]);
        command.env("XDG_CACHE_HOME", folder.path());
        let run = Run::of(command);
        assert!(run.stderr.contains("the stored crossover cannot be read"), "{}", run.stderr);
        assert_eq!(is_coloured(&run.stderr), expected, "--color {when}: {}", run.stderr);
    }
}

/// On a terminal the default is coloured, but for `NO_COLOR`.
#[cfg(target_os = "linux")]
#[test]
fn terminals_are_coloured_unless_no_color_is_set() {
    let on_terminal = |no_color: Option<&str>| {
        let line = format!("'{}' forge", env!("CARGO_BIN_EXE_verilane"));
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm");
        for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(variable);
        }
        command.envs(no_color.map(|value| ("NO_COLOR", value)));
        let output = command.output().ok()?;
        Some(String::from_utf8(output.stdout).unwrap())
    };
    let Some(default) = on_terminal(None) else {
        eprintln!("SKIPPED: there is no script(1)");
        return;
    };
    assert!(default.contains("unrecognized subcommand") && is_coloured(&default), "{default:?}");
    assert!(!is_coloured(&on_terminal(Some("1")).unwrap()));
}

#[test]
fn help_says_first_which_command_does_what() {
    for arguments in [&["--help"][..], &["-h"], &["help"]] {
        let help = run(arguments).stdout;
        let jobs = help.split("Usage:").next().unwrap();
        assert!(jobs.lines().count() <= 12, "{jobs}");
        // A line has a job, and behind two spaces or more its commands.
        let lines = jobs.lines().filter_map(|line| line.strip_prefix("  ")?.rsplit_once("  "));
        let mut named: Vec<_> = lines.flat_map(|(_, commands)| commands.split(", ")).collect();
        named.sort_unstable();
        assert_eq!(named, COMMANDS, "{jobs}");
        assert!(jobs.contains("Parquet") && jobs.contains("--features parquet"), "{jobs}");
    }
}

#[test]
fn help_says_what_is_counted_from_where() {
    for (arguments, sentence) in [
        (&["verify"][..], "Lines count from 1, rows from 0"),
        (&["dedup"], "Lines and runs count from 1"),
        (&["audit"], "count from 0"),
        (&["merkle"], "Leaves count from 0, the lines of files from 1"),
        (&["prove"], "count from 0"),
        (&["check"], "Blocks count from 0"),
        (&["ledger", "export"], "Rows, blocks, lists and records count from 0"),
        (&["ledger", "generate"], "Blocks, lists and records count from 0"),
        (&["ledger", "seal"], "Lines count from 1, the records of a list from 0"),
    ] {
        let help = run(&[arguments, &["--help"]].concat()).stdout;
        let words: Vec<_> = help.split_whitespace().collect();
        assert!(words.join(" ").contains(sentence), "{sentence:?} in {help}");
    }
}
