//! Ledgers by the command: generated, sealed through interruptions, audited, proved.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Run, text};

fn run(arguments: &[&str]) -> Run {
    crate::support::run(&[arguments, &["--backend", "cpu"]].concat())
}

/// A folder with what `ledger generate` writes.
struct Generated(TempDir);

impl Generated {
    fn new(seed: u64, options: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let generated = Generated(folder);
        let seed = seed.to_string();
        let out = generated.0.path().to_str().unwrap();
        let run = run(&[&["ledger", "generate", out, "--seed", &seed, "--json"], options].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        generated
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().into()
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Seals the lists into another ledger.
    fn seal(&self, options: &[&str]) -> Run {
        let [lists, ledger, keys] = ["lists.jsonl", "sealed", "keys.jsonl"].map(|name| self.path(name));
        let all = ["ledger", "seal", &lists, "--ledger", &ledger, "--keys", &keys, "--json"];
        run(&[&all, options].concat())
    }

    fn audit(&self, ledger: &str) -> Value {
        let run = run(&["audit", &self.path(ledger), "--json"]);
        let json = run.object();
        assert_eq!(run.code, i32::from(json["failures"] != json!([])), "{}", run.stderr);
        json
    }
}

const SMALL: [&str; 8] =
    ["--records", "1200", "--duplicates", "0.25", "--stage", "20", "--anchor-blocks", "3"];
const ENDORSED: [&str; 4] = ["--endorsers", "3", "--threshold", "2"];

#[test]
fn an_audit_finds_exactly_the_planted_faults() {
    for (seed, seal) in [(1, &["--stake"][..]), (2, &["--pow", "6"]), (3, &["--stake"]), (4, &["--pow", "1"])]
    {
        let generated = Generated::new(seed, &[&SMALL[..], &ENDORSED, seal, &["--faults", "30"]].concat());
        let planted = generated.lines("faults.jsonl");
        let audit = generated.audit("ledger");
        let mut found = audit["failures"].as_array().unwrap().clone();
        found.iter_mut().for_each(|failure| drop(failure.as_object_mut().unwrap().remove("detail")));
        assert_eq!((found.len(), &found), (30, &planted), "seed {seed}");
    }
    let sound = Generated::new(5, &[&SMALL[..], &["--pow", "3"]].concat());
    let audit = sound.audit("ledger");
    assert_eq!((&audit["failures"], &audit["records"]), (&json!([]), &json!(900)));
    assert!(audit["anchors"].as_u64().unwrap() > 5);
}

#[test]
fn the_same_options_give_the_same_ledger() {
    let [first, second] = [7, 7].map(|seed| Generated::new(seed, &SMALL));
    let bytes = |generated: &Generated, name: &str| fs::read(generated.path(name)).unwrap();
    for name in ["lists.jsonl", "keys.jsonl", "ledger/genesis", "ledger/blocks", "ledger/anchors"] {
        assert!(bytes(&first, name) == bytes(&second, name), "{name}");
    }
    assert_ne!(bytes(&first, "lists.jsonl"), bytes(&Generated::new(8, &SMALL), "lists.jsonl"));
    let keys = first.lines("keys.jsonl");
    assert!(keys.iter().all(|key| key["note"].as_str().unwrap().starts_with("SYNTHETIC")));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(first.path("keys.jsonl")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let out = first.path("");
    let again = run(&["ledger", "generate", &out]);
    assert_eq!(again.code, 2, "{}", again.stderr);
    assert!(again.stderr.contains("lists.jsonl"), "{}", again.stderr);
}

#[test]
fn lists_are_sealed_once() {
    for seal in [&["--stake"][..], &["--pow", "5", "--threshold", "2"]] {
        let generated = Generated::new(11, &[&SMALL[..], &ENDORSED].concat());
        let options = [seal, &["--stage", "20", "--anchor-blocks", "4"]].concat();
        let first = generated.seal(&options);
        let json = first.object();
        assert_eq!(first.code, 0, "{}", first.stderr);
        let counts =
            |json: &Value| ["records", "stored", "duplicates"].map(|name| json[name].as_u64().unwrap());
        assert_eq!(counts(&json), [1200, 900, 300]);
        let audit = generated.audit("sealed");
        assert_eq!((&audit["failures"], &audit["records"]), (&json!([]), &json!(900)));
        let again = generated.seal(&options);
        assert_eq!((again.code, counts(&again.object())), (0, [1200, 0, 1200]), "{}", again.stderr);
    }
}

/// Whatever the moment of the end: nothing is lost, and nothing is there twice.
#[test]
fn sealing_goes_on_after_it_was_killed() {
    for (seed, seal) in [(21, "--stake"), (22, "--pow=9")] {
        let generated = Generated::new(seed, &SMALL);
        let [lists, ledger, keys] = ["lists.jsonl", "sealed", "keys.jsonl"].map(|name| generated.path(name));
        let options = ["--stage", "20", "--anchor-blocks", "2", seal];
        let mut killed = 0;
        for attempt in 0_u64.. {
            let arguments = ["ledger", "seal", &lists, "--ledger", &ledger, "--keys", &keys];
            let mut child = Command::new(env!("CARGO_BIN_EXE_verilane"))
                .args(arguments)
                .args(options)
                .args(["--backend", "cpu"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // Longer and longer, and never twice at the same place.
            std::thread::sleep(Duration::from_micros(attempt * 7919 + attempt * attempt * 613 % 9973));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
        }
        assert!(killed > 3, "it ended too soon to be killed: {killed}");
        let audit = generated.audit("sealed");
        assert_eq!(
            (&audit["failures"], &audit["records"]),
            (&json!([]), &json!(900)),
            "{killed} times killed"
        );
        let again = generated.seal(&options);
        assert_eq!((again.code, &again.object()["stored"]), (0, &json!(0)), "{}", again.stderr);
    }
}

#[test]
fn bad_lists_are_named_and_hide_no_other() {
    let generated = Generated::new(31, &SMALL);
    let text = fs::read_to_string(generated.path("lists.jsonl")).unwrap();
    let mut lines: Vec<_> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
    let edit = |line: &[u8], change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(line).unwrap();
        change(&mut value);
        serde_json::to_vec(&value).unwrap()
    };
    let flip = |text: &mut Value| {
        let hex = text.as_str().unwrap();
        let last = if hex.ends_with('0') { "1" } else { "0" };
        *text = json!(format!("{}{last}", &hex[..hex.len() - 1]));
    };
    lines[1] = edit(&lines[1], &|list| flip(&mut list["signature"]));
    lines[3] = text.lines().nth(3).unwrap().replacen("\"signature\":\"", "\"signature\":\"0", 1).into();
    let half = lines[5].len() / 2;
    lines[5].truncate(half);
    lines[7][20] = 0xff;
    let signature = serde_json::from_slice::<Value>(&lines[9]).unwrap()["records"][0]["signature"].clone();
    let mut other = signature.clone();
    flip(&mut other);
    let [from, to] = [&signature, &other].map(|value| value.as_str().unwrap());
    lines[9] = String::from_utf8(lines[9].clone()).unwrap().replace(from, to).into();
    lines[11] = text.lines().nth(11).unwrap().replacen("\"record\":{", "\"record\":{ ", 1).into();
    fs::write(generated.path("lists.jsonl"), lines.join(&b"\n"[..])).unwrap();
    let run = generated.seal(&["--stake", "--stage", "20"]);
    let json = run.object();
    let places = |name: &str| {
        let entries = json[name].as_array().unwrap().iter();
        entries.map(|entry| (entry["line"].as_u64().unwrap(), entry["record"].as_u64())).collect::<Vec<_>>()
    };
    assert_eq!(run.code, 2);
    assert_eq!(places("malformed"), [(4, None), (6, None), (8, None)]);
    assert!(json["malformed"][2]["reason"].as_str().unwrap().contains("byte 20 of the line is not UTF-8"));
    assert_eq!(places("refused"), [(2, None), (10, Some(0)), (12, Some(0))]);
    assert_eq!(json["refused"][2]["reason"], "the record does not have its hash");
    assert_eq!(generated.audit("sealed")["failures"], json!([]));
    let [ledger, lists] = ["nothing", "lists.jsonl"].map(|name| generated.path(name));
    for (options, reason) in [
        (&[][..], "--stake or --pow"),
        (&["--stake"], "its founder"),
        (&["--stake", "--pow", "3"], "cannot be used with"),
        (&["--pow", "0"], "1..=64"),
    ] {
        let refused = seal_without_keys(&ledger, &lists, options);
        assert_eq!(refused.code, 2, "{options:?}");
        assert!(refused.stderr.contains(reason), "{}", refused.stderr);
    }
    assert!(generated.seal(&["--pow", "3"]).stderr.contains("sealed otherwise"));
}

fn seal_without_keys(ledger: &str, lists: &str, options: &[&str]) -> Run {
    run(&[&["ledger", "seal", lists, "--ledger", ledger], options].concat())
}

#[test]
fn bad_keys_are_named_by_their_line() {
    let generated = Generated::new(32, &[&SMALL[..], &ENDORSED].concat());
    let good = generated.lines("keys.jsonl");
    let seal_with = |at: usize, field: &str, value: Value| {
        let mut keys = good.clone();
        keys[at][field] = value;
        let lines: Vec<_> = keys.iter().map(Value::to_string).collect();
        fs::write(generated.path("keys.jsonl"), lines.join("\n")).unwrap();
        generated.seal(&["--stake", "--threshold", "3"])
    };
    for (at, field, value, reason) in [
        (1, "secret_key", good[2]["secret_key"].clone(), "line 2: secret_key is not that of public_key"),
        (0, "public_key", json!("00"), "line 1: public_key: 64 hexadecimal digits are expected"),
        (11, "scheme", json!("ed25519"), "line 12: public_key: 64 hexadecimal digits are expected, 66"),
        (11, "role", json!("institution"), "line 12: institutions sign with ed25519"),
        (11, "secret_key", json!("0".repeat(64)), "line 12: secret_key is none of p256"),
        (3, "colour", json!("red"), "unknown field `colour`"),
        (12, "public_key", good[10]["public_key"].clone(), "line 13: secret_key is not that"),
    ] {
        let run = seal_with(at, field, value);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{reason}");
        assert!(run.stderr.contains(reason), "{}", run.stderr);
    }
    // Without the secret key of a peer too few can endorse.
    let run = seal_with(12, "secret_key", Value::Null);
    assert!(run.stderr.contains("asks for 3 endorsements; the secret keys of 2"), "{}", run.stderr);
    let run = seal_with(12, "note", json!("mine"));
    assert_eq!((run.code, &run.object()["stored"]), (0, &json!(900)), "{}", run.stderr);
}

mod proofs {
    use super::*;

    fn proof(generated: &Generated, record: &str, ledger: &str) -> Run {
        run(&["prove", record, "--ledger", &generated.path(ledger)])
    }

    fn check(proof: &Value, options: &[&str]) -> Run {
        let folder = TempDir::new().unwrap();
        let path: PathBuf = folder.path().join("proof.json");
        fs::write(&path, proof.to_string()).unwrap();
        run(&[&["check", text(&path), "--json"], options].concat())
    }

    /// Every value in it that is no object and no list, by its path.
    fn leaves(value: &Value, path: String, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                map.iter().for_each(|(key, value)| leaves(value, format!("{path}/{key}"), found))
            }
            Value::Array(list) => {
                list.iter().enumerate().for_each(|(i, value)| leaves(value, format!("{path}/{i}"), found));
            }
            _ => found.push(path),
        }
    }

    #[test]
    fn every_record_can_be_proved_and_no_value_of_a_proof_be_changed() {
        let generated = Generated::new(41, &[&SMALL[..], &ENDORSED].concat());
        let lists = generated.lines("lists.jsonl");
        for list in lists.iter().step_by(lists.len() / 5) {
            let hash = list["records"][0]["hash"].as_str().unwrap();
            let proved = proof(&generated, hash, "ledger");
            assert_eq!(proved.code, 0, "{}", proved.stderr);
            let good: Value = serde_json::from_str(&proved.stdout).unwrap();
            let checked = check(&good, &["--record", hash]);
            assert_eq!((checked.code, &checked.object()["valid"]), (0, &json!(true)), "{}", checked.stderr);
            assert_eq!(checked.object()["record"], hash);
            let other = lists[1]["records"][0]["hash"].as_str().unwrap();
            if other != hash {
                assert_eq!(check(&good, &["--record", other]).code, 1);
            }
            assert_eq!(check(&good, &["--anchor", hash]).code, 1);
            let anchor = checked.object()["anchor"].clone();
            if let Some(anchor) = anchor.as_str() {
                assert_eq!(check(&good, &["--anchor", anchor]).code, 0);
            }
        }
        let hash = lists[0]["records"][0]["hash"].as_str().unwrap();
        let good: Value = serde_json::from_str(&proof(&generated, hash, "ledger").stdout).unwrap();
        let anchor = check(&good, &[]).object()["anchor"].as_str().unwrap().to_owned();
        let mut paths = Vec::new();
        leaves(&good, String::new(), &mut paths);
        assert!(paths.len() > 8, "{good}");
        for path in paths {
            let mut bad = good.clone();
            let value = bad.pointer_mut(&path).unwrap();
            *value = match &*value {
                Value::String(text) => {
                    // The last digit that is one, so that it stays what it was in shape.
                    let last = if text.ends_with('0') { '1' } else { '0' };
                    json!(format!("{}{last}", &text[..text.len() - 1]))
                }
                Value::Number(number) => json!(number.as_u64().unwrap() + 1),
                Value::Bool(value) => json!(!value),
                _ => continue,
            };
            let run = check(&bad, &["--anchor", &anchor, "--record", hash]);
            assert!(matches!(run.code, 1 | 2), "{path}: {}", run.stdout);
        }
    }

    #[test]
    fn what_is_not_there_cannot_be_proved() {
        let generated = Generated::new(42, &SMALL);
        let run = proof(&generated, &"0".repeat(64), "ledger");
        assert_eq!((run.code, run.stdout.as_str()), (1, ""));
        assert_eq!(proof(&generated, "no such record", "ledger").code, 2);
        assert_eq!(proof(&generated, &"0".repeat(64), "nowhere").code, 2);
        assert_eq!(check(&json!({"record": 1}), &[]).code, 2);
    }
}
