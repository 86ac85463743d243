//! `verilane dedup --canonical`.

use std::fs;

use crate::support::{file, run, run_with_input, text};

#[test]
fn lines_are_compared_by_their_form() {
    let lines = [
        r#"{"id":1,"name":"Ö"}"#,
        r#"{ "name" : "\u00d6", "id" : 1.0 }"#,
        r#"{"id":2,"name":"Ö"}"#,
        "{\"id\":1,",
        r#"{"id":1,"id":1,"name":"Ö"}"#,
        "",
        r#"{"id":1e0,"name":"Ö"}"#,
        r#"{"id":1,"#,
    ];
    let run = run_with_input(&["dedup", "--canonical", "json", "-", "--json"], lines.join("\n"));
    let json = run.json();
    assert_eq!(run.code, 2);
    assert_eq!((&json["records"], &json["unique"]), (&4.into(), &2.into()));
    assert_eq!(json["groups"], serde_json::json!([[1, 2, 7]]));
    assert_eq!(json["saved_bytes"], lines[1].len() + lines[6].len());
    let unreadable = json["unreadable"].as_array().unwrap();
    let starts = [
        "-, line 4: not JSON: EOF",
        "-, line 5: not JSON: the name \"id\" comes twice",
        "-, line 6: ",
        "-, line 8: ",
    ];
    assert_eq!(unreadable.len(), starts.len());
    for (reason, start) in unreadable.iter().zip(starts) {
        assert!(reason.as_str().unwrap().starts_with(start), "{reason}");
        assert!(!reason.as_str().unwrap().contains("line 1"), "{reason}");
    }
    assert!(run.stderr.contains("line 5: not JSON: the name \"id\" comes twice in an object at column 1"));
    let good = run_with_input(&["dedup", "--canonical", "json", "-"], "1\n1.00\n");
    assert_eq!(good.code, 0);
    assert!(good.stdout.starts_with("line 1 = line 2\n2 records, 1 unique"), "{}", good.stdout);
    let none = run_with_input(&["dedup", "--canonical", "json", "-", "--json"], "");
    assert_eq!((none.code, &none.json()["records"]), (0, &0.into()));
}

#[test]
fn files_are_compared_by_their_form() {
    let (folder, a) = file("a.json", "[1, 2]");
    let path = |name: &str| folder.path().join(name);
    let long = format!("[{}1]", "0, ".repeat(4 << 20));
    for (name, content) in
        [("b.json", "[1,2.0]\n"), ("c.json", "[1,2"), ("d.json", &long), ("e.json", &long.replace(", ", ","))]
    {
        fs::write(path(name), content).unwrap();
    }
    let run = run(&["dedup", "--canonical", "json", text(folder.path()), "--json"]);
    let json = run.json();
    assert_eq!(run.code, 2);
    assert_eq!((&json["records"], &json["unique"]), (&4.into(), &2.into()));
    let groups = [[&a, &path("b.json")], [&path("d.json"), &path("e.json")]];
    assert_eq!(
        json["groups"],
        serde_json::json!(groups.map(|group| group.map(|path| text(path).to_owned())))
    );
    let reason = json["unreadable"][0].as_str().unwrap();
    assert!(reason.contains("c.json: not JSON: EOF while parsing a list at line 1 column 4"), "{reason}");
}
