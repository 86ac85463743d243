//! `verilane verify` on JSON lines and CSV.

use ed25519_dalek::{Signer, SigningKey};

use crate::support::{file, hex, run, run_with_input, text};

fn signed(index: u8) -> (String, String, String) {
    let key = SigningKey::from_bytes(&[index; 32]);
    let message = vec![index; usize::from(index)];
    let signature = key.sign(&message);
    (hex(key.verifying_key().as_bytes()), hex(&signature.to_bytes()), hex(&message))
}

fn json_line(index: u8) -> String {
    let (key, signature, message) = signed(index);
    format!(r#"{{"public_key":"{key}","signature":"{signature}","message":"{message}"}}"#)
}

#[test]
fn every_rule_accepts_what_was_signed() {
    let lines: Vec<_> = (0..40).map(json_line).collect();
    for rule in ["rfc8032", "strict", "zip215"] {
        let run = run_with_input(&["verify", "--rule", rule, "-", "--json"], lines.join("\n"));
        let json = run.json();
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_eq!((&json["items"], &json["valid"]), (&40.into(), &40.into()));
        assert!(json["per_second"].as_f64().unwrap() > 0.0);
    }
    run_with_input(&["verify", "-"], "").refuses("--rule");
}

#[test]
fn bad_lines_are_named_and_the_rest_is_verified() {
    let mut lines: Vec<_> = (0..10).map(json_line).collect();
    lines[2] = json_line(3).replace("\"message\":\"03", "\"message\":\"04");
    lines[5] = "{\"public_key\": 5}".into();
    lines[7] = lines[7].replace("\"signature\":\"", "\"signature\":\"0");
    lines.insert(9, String::new());
    let (_folder, path) = file("signatures.jsonl", lines.join("\n"));
    let run = run(&["verify", "--rule", "strict", text(&path), "--json"]);
    let json = run.json();
    assert_eq!(run.code, 1);
    assert_eq!((&json["items"], &json["valid"]), (&10.into(), &7.into()));
    assert_eq!(json["invalid"], serde_json::json!([3]));
    assert_eq!(json["malformed"], serde_json::json!([6, 8]));
    let run = crate::support::run(&["verify", "--rule", "strict", text(&path)]);
    assert!(run.stdout.contains("line 3: invalid\n"), "{}", run.stdout);
    assert!(run.stdout.contains("line 8: malformed: signature: 128 hexadecimal digits"), "{}", run.stdout);
    assert!(run.stdout.contains("7 of 10 signatures valid under strict"), "{}", run.stdout);
}

#[test]
fn csv_is_recognised() {
    let mut csv = "message,signature,public_key\n".to_owned();
    for index in 0..20 {
        let (key, signature, message) = signed(index);
        let signature = if index == 11 { signature.replace(['0', '1'], "2") } else { signature };
        csv += &format!("{message},{signature},{key}\n");
    }
    let run = run_with_input(&["verify", "--rule", "rfc8032", "-", "--json"], csv + "a,b\n");
    let json = run.json();
    assert_eq!((run.code, &json["valid"]), (1, &19.into()));
    assert_eq!((&json["invalid"], &json["malformed"]), (&vec![13].into(), &vec![22].into()));
    run_with_input(&["verify", "--rule", "strict", "-"], "a,b\n1,2\n")
        .refuses("no column is called public_key");
}

#[test]
fn the_rule_decides() {
    // The identity as key and as R, with S = 0: of small order.
    let one = format!("01{}", "00".repeat(31));
    let line = format!(r#"{{"public_key":"{one}","signature":"{one}{}","message":"ff"}}"#, "00".repeat(32));
    for (rule, code) in [("rfc8032", 0), ("strict", 1), ("zip215", 0)] {
        assert_eq!(run_with_input(&["verify", "--rule", rule, "-"], line.clone()).code, code, "{rule}");
    }
}

#[test]
fn a_file_without_signatures_passes_with_a_warning() {
    for input in ["", "\n\n", "public_key,signature,message\n"] {
        let run = run_with_input(&["verify", "--rule", "zip215", "-", "--json"], input);
        assert_eq!((run.code, &run.json()["items"]), (0, &0.into()), "{input:?}");
        assert!(run.stderr.contains("holds no signatures"), "{}", run.stderr);
    }
    run(&["verify", "--rule", "zip215", "no-such-file"]).refuses("cannot read no-such-file");
}
