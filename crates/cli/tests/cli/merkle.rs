//! `verilane merkle`: roots and proofs.

use std::fs;

use serde_json::Value;
use verilane::{Hash, Tree, TreeHash};

use crate::support::{file, run, run_with_input, text};

/// The transactions of block 100,000, and the root in its header.
const IDS: [&str; 4] = [
    "8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87",
    "fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4",
    "6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4",
    "e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d",
];
const ROOT: &str = "f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766";

#[test]
fn the_root_of_a_real_block() {
    let ids = IDS.join("\n");
    let run = run_with_input(&["merkle", "--tree", "bitcoin", "--json"], ids.as_str());
    let json = run.json();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!((&json["root"], &json["leaves"]), (&ROOT.into(), &4.into()));
    assert_eq!(json["mutated"], false);
    let (_folder, path) = file("ids", format!("{ids}\r\n"));
    assert!(crate::support::run(&["merkle", "--tree", "bitcoin", text(&path)]).stdout.starts_with(ROOT));
    let twice = [&IDS[..3], &IDS[2..3]].concat().join("\n");
    let mutated = run_with_input(&["merkle", "--tree", "bitcoin", "--json"], twice);
    assert_eq!(mutated.json()["mutated"], true);
}

#[test]
fn proofs_are_printed_and_checked() {
    for tree in ["bitcoin", "rfc6962", "plain"] {
        for index in ["0", "3", "4"] {
            let leaves = [&IDS[..], &[ROOT]].concat().join("\n");
            let proof = run_with_input(&["merkle", "--tree", tree, "--proof", index], leaves.clone());
            assert_eq!(proof.code, 0, "{}", proof.stderr);
            let check = run_with_input(&["merkle", "--check", "-", "--json"], proof.stdout.clone());
            assert_eq!((check.code, &check.json()["valid"]), (0, &true.into()), "{}", check.stderr);
            let root: Value = serde_json::from_str(&proof.stdout).unwrap();
            let root = root["root"].as_str().unwrap();
            let (_folder, path) = file("proof.json", &proof.stdout);
            assert_eq!(run(&["merkle", "--check", text(&path), "--root", root]).code, 0);
            let other = run(&["merkle", "--check", text(&path), "--root", IDS[0], "--json"]);
            assert_eq!((other.code, &other.json()["valid"]), (1, &false.into()));
            let forged = proof.stdout.replacen(IDS[index.parse::<usize>().unwrap() % 4], IDS[1], 1);
            if forged != proof.stdout {
                assert_eq!(run_with_input(&["merkle", "--check", "-"], forged).code, 1);
            }
            // The whole object that --json prints is as good.
            let whole = run_with_input(&["merkle", "--tree", tree, "--proof", index, "--json"], leaves);
            assert_eq!(run_with_input(&["merkle", "--check", "-"], whole.stdout).code, 0);
        }
    }
}

#[test]
fn lines_and_files_are_hashed_by_the_rule() {
    let leaf = |data: &[u8]| Hash::Blake3.digest(&[&[0], data].concat());
    let tree = Tree::Rfc6962(TreeHash::Blake3);
    let root = tree.node(&leaf(b"alpha"), &leaf(b"")).to_string();
    let base = ["merkle", "--json", "--tree", "rfc6962", "--hash", "blake3", "--leaves"];
    let lines = run_with_input(&[&base[..], &["lines"]].concat(), "alpha\n\n");
    assert_eq!(lines.json()["root"], root.as_str());
    let (folder, alpha) = file("alpha", "alpha");
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    let files = run(&[&base[..], &["files", text(&alpha), text(&empty)]].concat());
    assert_eq!(files.json()["root"], root.as_str());
    // RFC 6962, section 2.1: the root of the empty tree.
    let none = run_with_input(&["merkle", "--json", "--tree", "rfc6962"], "");
    assert_eq!(none.json()["root"], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#[test]
fn bad_input_is_told_by_its_line() {
    let at = |input: &str| run_with_input(&["merkle", "--tree", "bitcoin"], input);
    at(&format!("{}\n{}\n{}x\n", IDS[0], IDS[1], &IDS[2][..63])).refuses("line 3: character 63 is not");
    at(&format!("{}\n\n", IDS[0])).refuses("line 2: 64 hexadecimal digits are expected, 0 were found");
    at("").refuses("at least one leaf");
    let beyond = ["merkle", "--tree", "plain", "--proof", "4"];
    run_with_input(&beyond, IDS.join("\n")).refuses("leaf 4 does not exist: the tree has 4 leaves");
    run(&["merkle", "--tree", "bitcoin", "--hash", "blake3"]).refuses("SHA-256 applied twice");
    run(&["merkle"]).refuses("--tree");
    run(&["merkle", "--tree", "plain", "no-such-file"]).refuses("no-such-file");
    run(&["merkle", "--tree", "plain", "--leaves", "files", "tests"]).refuses("cannot read tests");
    run_with_input(&["merkle", "--check", "-"], "{}").refuses("is no proof");
    let cut = format!(r#"{{"tree":"plain","index":0,"leaves":1,"leaf":"00","path":[],"root":"{ROOT}"}}"#);
    run_with_input(&["merkle", "--check", "-"], cut).refuses("the proof's leaf: 64 hexadecimal digits");
}
