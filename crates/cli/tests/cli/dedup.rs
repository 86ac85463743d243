//! `verilane dedup` on lines and files.

use std::fs;

use tempfile::TempDir;

use crate::support::{file, run, run_with_input, text};

#[test]
fn lines() {
    let input = "one\ntwo\none\n\ntwo\none\n";
    for arguments in [&[][..], &["--hash", "sha256"], &["--key", &"5".repeat(64)]] {
        let run = run_with_input(&[&["dedup", "-", "--json"], arguments].concat(), input);
        let json = run.json();
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_eq!((&json["records"], &json["unique"]), (&6.into(), &3.into()));
        assert_eq!((&json["duplicate"], &json["saved_bytes"]), (&3.into(), &9.into()));
        assert_eq!(json["groups"], serde_json::json!([[1, 3, 6], [2, 5]]));
    }
    let run = run_with_input(&["dedup", "-"], input);
    assert!(run.stdout.starts_with("line 1 = line 3 = line 6\nline 2 = line 5\n"), "{}", run.stdout);
    assert_eq!(run_with_input(&["dedup", "-", "--json"], "").json()["records"], 0);
}

#[test]
fn files_of_a_folder() {
    let (folder, a) = file("a", "same");
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("deep")).unwrap();
    for (name, content) in [("b", "other"), ("c", "sane"), ("deep/d", "same"), ("e", ""), ("f", "")] {
        fs::write(path(name), content).unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(&a, path("link")).unwrap();
    let run = run(&["dedup", text(folder.path()), "--json"]);
    let json = run.json();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!((&json["records"], &json["unique"], &json["saved_bytes"]), (&6.into(), &4.into(), &4.into()));
    let expected = [["a", "deep/d"], ["e", "f"]].map(|group| group.map(|name| text(&path(name)).to_owned()));
    assert_eq!(json["groups"], serde_json::json!(expected));
    let two = crate::support::run(&["dedup", text(&path("deep/d")), text(&a), "--json"]);
    assert_eq!(two.json()["groups"], serde_json::json!([[text(&path("deep/d")), text(&a)]]));
}

#[cfg(unix)]
#[test]
fn hard_links_are_one_file() {
    let (folder, a) = file("a", "same");
    let path = |name: &str| folder.path().join(name);
    fs::hard_link(&a, path("b")).unwrap();
    fs::write(path("c"), "same").unwrap();
    fs::hard_link(path("c"), path("d")).unwrap();
    let run = run(&["dedup", text(folder.path()), text(&a), "--json"]);
    let json = run.json();
    assert_eq!((run.code, &json["records"], &json["hard_links"]), (0, &2.into(), &3.into()));
    assert_eq!((&json["unique"], &json["saved_bytes"]), (&1.into(), &4.into()));
    assert_eq!(json["groups"], serde_json::json!([[text(&a), text(&path("c"))]]));
    let run = crate::support::run(&["dedup", text(folder.path())]);
    assert!(run.stdout.contains("\n2 further names of these files not counted\n"), "{}", run.stdout);
}

/// Files that are hashed as they are read stand beside files that are read in batches.
#[test]
fn files_of_any_length() {
    let folder = TempDir::new().unwrap();
    let long: Vec<u8> = (0..=250).cycle().take((8 << 20) + 1).collect();
    let mut other = long.clone();
    other[8 << 20] ^= 1;
    for (name, content) in [("a", &long), ("b", &other), ("c", &long)] {
        fs::write(folder.path().join(name), content).unwrap();
        fs::write(folder.path().join(format!("{name}-short")), &content[1..]).unwrap();
    }
    let run = run(&["dedup", text(folder.path()), "--json"]);
    let json = run.json();
    assert_eq!((run.code, &json["records"], &json["unique"]), (0, &6.into(), &4.into()));
    assert_eq!(json["saved_bytes"], 2 * (8 << 20) + 1);
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    let expected = [["a", "c"], ["a-short", "c-short"]].map(|group| group.map(path));
    assert_eq!(json["groups"], serde_json::json!(expected));
}

#[test]
fn what_cannot_be_read_is_reported_and_the_rest_is_done() {
    let (folder, a) = file("a", "same");
    let b = folder.path().join("b");
    fs::write(&b, "same").unwrap();
    let run = run(&["dedup", "no-such-folder", text(&a), text(&b), "--json"]);
    let json = run.json();
    assert_eq!((run.code, &json["duplicate"]), (2, &1.into()));
    assert_eq!(json["unreadable"].as_array().unwrap().len(), 1);
    assert!(run.stderr.contains("cannot read no-such-folder"), "{}", run.stderr);
    crate::support::run(&["dedup", "no-such-file"]).refuses("cannot read no-such-file");
    crate::support::run(&["dedup", "-", "--key", "55"]).refuses("64 hexadecimal digits");
    crate::support::run(&["dedup", "-", "--hash", "sha256", "--key", &"5".repeat(64)]).refuses("keyed");
}

/// The super-user reads everything; then there is nothing to test.
#[cfg(unix)]
#[test]
fn an_unreadable_folder_is_reported() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, _) = file("a", "same");
    fs::write(folder.path().join("b"), "same").unwrap();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&closed).is_ok() {
        eprintln!("SKIPPED: the super-user can read every folder");
        return;
    }
    let run = run(&["dedup", text(folder.path()), "--json"]);
    assert_eq!((run.code, &run.json()["duplicate"]), (2, &1.into()));
    assert!(run.stderr.contains("closed"), "{}", run.stderr);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
}
