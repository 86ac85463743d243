//! `verilane mine`.

use std::fs;

use serde_json::Value;

use crate::support::{BLOCK_170, BLOCK_100000, hex, run};

fn header(path: &str) -> String {
    hex(&fs::read(path).unwrap()[..80])
}

#[test]
fn a_real_block_gives_back_its_nonce() {
    let header = header(BLOCK_100000);
    let base = ["mine", "--header", &header, "--bits", "1b04864c", "--json"];
    let run = run(&[&base[..], &["--from", "274000000", "--to", "275000000"]].concat());
    let json = run.json();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(json["nonce"], 274_148_111);
    assert_eq!(json["hash"], "000000000003ba27aa200b1cecaad478d2b00432346c3f1f3986da1afd33e506");
    assert_eq!(json["tried"], 148_112);
    // The nonce in the header is ignored.
    let other = format!("{}ffffffff", &header[..152]);
    let target = "000000000004864c000000000000000000000000000000000000000000000000";
    let window = ["--from", "274148111", "--to", "274148111", "--json"];
    let run = crate::support::run(&[&["mine", "--header", &other, "--target", target], &window[..]].concat());
    assert_eq!(run.json()["nonce"], 274_148_111);
}

#[test]
fn none_is_an_answer() {
    let header = header(BLOCK_170);
    let none = ["mine", "--header", &header, "--bits", "1d00ffff", "--to", "99"];
    let run = run(&[&none[..], &["--json"]].concat());
    let json = run.json();
    assert_eq!((run.code, &json["nonce"], &json["hash"]), (0, &Value::Null, &Value::Null));
    assert_eq!(json["tried"], 100);
    assert!(crate::support::run(&none).stdout.starts_with("none\n100 nonces tried"));
}

#[test]
fn bad_input_is_refused() {
    let header = header(BLOCK_170);
    let with = |arguments: &[&str]| run(&[&["mine", "--header", &header], arguments].concat());
    with(&[]).refuses("--bits");
    with(&["--bits", "1d00ffff", "--target", &"f".repeat(64)]).refuses("cannot be used with");
    with(&["--bits", "1d00ff"]).refuses("8 hexadecimal digits are expected, 6 were found");
    with(&["--bits", "00000000"]).refuses("zero");
    with(&["--bits", "1d00ffff", "--from", "9", "--to", "8"]).refuses("from 9 to 8 is empty");
    with(&["--bits", "1d00ffff", "--to", "4294967296"]).refuses("4294967296");
    run(&["mine", "--header", "00", "--bits", "1d00ffff"]).refuses("160 hexadecimal digits");
}
