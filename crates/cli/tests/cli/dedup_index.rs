//! `verilane dedup --index`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{run_with_input, text};

/// The command with an index in this folder; its answer as JSON.
fn with(index: &Path, arguments: &[&str], input: &str) -> Value {
    let run = run_with_input(&[&["dedup", "--json", "--index", text(index)], arguments].concat(), input);
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.json()
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("index");
    (folder, index)
}

#[test]
fn lines_of_earlier_runs_are_told() {
    let (_folder, index) = folder();
    let first = with(&index, &["-"], "one\ntwo\none\n");
    let expected = serde_json::json!(
        { "path": text(&index), "run": 1, "seen": [], "added": 2, "records": 2 }
    );
    assert_eq!((&first["index"], &first["groups"]), (&expected, &serde_json::json!([[1, 3]])));
    let second = with(&index, &["-"], "three\nthree\ntwo\n");
    assert_eq!(second["index"]["seen"], serde_json::json!([{ "record": 3, "run": 1 }]));
    assert_eq!((&second["index"]["run"], &second["index"]["added"]), (&2.into(), &1.into()));
    let third = run_with_input(&["dedup", "--index", text(&index), "-"], "three\nfour\nthree\none\n");
    let expected = format!(
        "line 1 = line 3\nline 1 was seen in run 2\nline 3 was seen in run 2\nline 4 was seen in run 1\n\
         3 seen in earlier runs, 1 added as run 3: {} holds 4\n",
        text(&index)
    );
    assert!(third.stdout.starts_with(&expected), "{}", third.stdout);
    let plain = run_with_input(&["dedup", "-", "--json"], "one\n").json();
    assert_eq!(plain.get("index"), None);
}

#[test]
fn files_and_forms_are_compared_too() {
    let (folder, index) = folder();
    let path = |name: &str| folder.path().join(name);
    for (name, content) in [("a", r#"{"id":1}"#), ("b", r#"{ "id": 1.0 }"#), ("c", r#"{"id":2}"#)] {
        fs::write(path(name), content).unwrap();
    }
    assert_eq!(with(&index, &[text(&path("a")), text(&path("c"))], "")["index"]["added"], 2);
    // Alone in its size, but seen before; and b is a by its form only.
    let seen = with(&index, &[text(&path("b")), text(&path("c"))], "")["index"]["seen"].clone();
    assert_eq!(seen, serde_json::json!([{ "record": text(&path("c")), "run": 1 }]));
    let both = [path("a"), path("b")];
    let formal = ["--canonical", "json", text(&both[0]), text(&both[1])];
    let seen = with(&index, &formal, "")["index"]["seen"].clone();
    let expected = both.each_ref().map(|path| serde_json::json!({ "record": text(path), "run": 1 }));
    assert_eq!(seen, serde_json::json!(expected));
}

#[test]
fn what_is_no_index_of_ours_is_refused() {
    let (folder, index) = folder();
    let with = |index: &Path, arguments: &[&str]| {
        run_with_input(&[&["dedup", "-", "--index", text(index)], arguments].concat(), "one\n")
    };
    let key = ["--key", &"5".repeat(64)];
    assert_eq!(with(&index, &key).code, 0);
    with(&index, &[]).refuses("the index's key is needed");
    with(&index, &["--key", &"6".repeat(64)]).refuses("under another key");
    assert!(with(&index, &key).stdout.contains("line 1 was seen in run 1\n"));
    with(folder.path(), &[]).refuses("is no index: it holds index, but no index.redb");
    with(&index, &["--hash", "sha256"]).refuses("cannot be used with");
    with(&index, &["--chunks"]).refuses("cannot be used with");
}
