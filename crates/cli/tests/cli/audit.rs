//! `verilane audit` on Bitcoin blocks.

use std::fs;

use serde_json::Value;

use crate::support::{BLOCK_170, BLOCK_100000, file, run, run_with_input, text};

#[test]
fn real_blocks_pass() {
    let run = run(&["audit", BLOCK_170, BLOCK_100000, "--json"]);
    let json = run.json();
    assert_eq!(run.code, 0);
    assert_eq!((&json["blocks"], &json["transactions"]), (&2.into(), &6.into()));
    assert_eq!((&json["failures"], &json["unreadable"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    assert!(json["mb_per_second"].as_f64().unwrap() > 0.0);
    assert!(
        crate::support::run(&["audit", BLOCK_170]).stdout.contains("1 block, 2 transactions, 0 failures")
    );
}

#[test]
fn a_flipped_bit_is_exit_code_1() {
    let mut block = fs::read(BLOCK_170).unwrap();
    block[200] ^= 4;
    let run = run_with_input(&["audit", "-", "--json"], block);
    assert_eq!(run.code, 1);
    let json = run.json();
    let failure = &json["failures"][0];
    assert_eq!(failure["block"], "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee");
    assert_eq!(failure["kind"], "merkle-root");
    let stated = "7dac2c5666815c17a3b36427de37bb9d2e2c5ccec3f8633eb91a4205cb4c10ff";
    assert!(failure["detail"].as_str().unwrap().starts_with(&format!("the header states {stated}")));
}

#[test]
fn a_truncated_block_is_told_by_its_byte() {
    let block = fs::read(BLOCK_100000).unwrap();
    let run = run_with_input(&["audit", "-"], &block[..500]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("FAILED parse: block 000000000003ba27aa200b1c"), "{}", run.stdout);
    assert!(run.stdout.contains("at byte 500: the data ends inside"), "{}", run.stdout);
}

#[test]
fn what_cannot_be_read_is_exit_code_2_and_hides_nothing() {
    let run = run(&["audit", "no-such-file", BLOCK_170, "tests", "--json"]);
    assert_eq!(run.code, 2);
    let json = run.json();
    assert_eq!((&json["blocks"], json["unreadable"].as_array().unwrap().len()), (&1.into(), 2));
    assert!(run.stderr.contains("cannot read no-such-file"), "{}", run.stderr);
    assert!(run.stderr.contains("tests"), "{}", run.stderr);
    let empty = run_with_input(&["audit", "-"], "");
    assert_eq!(empty.code, 2);
    assert!(empty.stderr.contains("there is no block in it"));
}

#[test]
fn obfuscated_files_need_their_key() {
    let key = [0x1f, 2, 3, 4, 5, 6, 7, 8];
    let block = fs::read(BLOCK_170).unwrap();
    let mut blocks = [&[0xf9, 0xbe, 0xb4, 0xd9][..], &(block.len() as u32).to_le_bytes(), &block].concat();
    blocks.resize(5_000_000, 0);
    blocks.iter_mut().enumerate().for_each(|(at, byte)| *byte ^= key[at % 8]);
    let (folder, path) = file("blk00000.dat", &blocks);
    let without = run(&["audit", text(&path)]);
    assert_eq!(without.code, 2);
    assert!(without.stderr.contains("obfuscated"), "{}", without.stderr);
    let with = run(&["audit", text(&path), "--xor-key", "1f02030405060708", "--json"]);
    assert_eq!((with.code, &with.json()["blocks"]), (0, &1.into()));
    // A node keeps the key beside its files.
    fs::write(folder.path().join("xor.dat"), key).unwrap();
    assert_eq!(run(&["audit", text(&path)]).code, 0);
    run(&["audit", text(&path), "--xor-key", "1f02"]).refuses("16 hexadecimal digits");
}
