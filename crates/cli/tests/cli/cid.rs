//! `verilane cid`.

use std::fs;

use crate::support::{file, run, run_with_input, text};

#[test]
fn identifiers_are_those_of_kubo() {
    let (folder, path) = file("hello", "hello world");
    let long = folder.path().join("long");
    fs::write(&long, vec![0; (256 << 10) + 1]).unwrap();
    let v0 = run(&["cid", "--profile", "unixfs-v0-2015", text(&path)]);
    let expected = format!("Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD  {}\n", text(&path));
    assert_eq!((v0.code, v0.stdout), (0, expected));
    let v1 = run(&["cid", text(&path), "no-such-file", text(folder.path()), text(&long), "--json"]);
    let json = v1.json();
    assert_eq!((v1.code, &json["profile"]), (2, &"unixfs-v1-2025".into()));
    assert_eq!(json["files"].as_array().unwrap().len(), 2);
    assert_eq!(json["files"][0]["cid"], "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
    assert_eq!(json["files"][1]["path"], text(&long));
    assert_eq!(json["unreadable"].as_array().unwrap().len(), 2);
    assert!(v1.stderr.contains("cannot read no-such-file"), "{}", v1.stderr);
    let empty = run_with_input(&["cid", "--profile", "unixfs-v0-2015", "-"], "");
    assert_eq!(empty.stdout, "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH  -\n");
    run(&["cid", "--profile", "kubo", "x"]).refuses("unixfs-v0-2015, unixfs-v1-2025");
    run(&["cid"]).refuses("FILE");
}
