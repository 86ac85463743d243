//! The `verilane` command, driven from outside: real and bad input, exit codes, JSON.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::Value;
use tempfile::TempDir;
use verilane::{Hash, Tree, TreeHash};

const BLOCK_170: &str = "../ledger/tests/data/block-170.raw";
const BLOCK_100000: &str = "../ledger/tests/data/block-100000.raw";

fn verilane(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verilane"));
    command.args(arguments);
    command
}

/// What a command printed, and how it ended.
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Run {
    fn of(mut command: Command) -> Run {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().expect("no signal ended it");
        Run { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The one JSON object that was printed.
    fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{}{}", self.stdout, self.stderr);
        let value: Value = serde_json::from_str(&self.stdout).unwrap();
        assert!(value["backend"].is_string() && value.is_object(), "{value}");
        value
    }

    /// Refused with one line on standard error, in which `reason` stands.
    fn refuses(&self, reason: &str) {
        assert_eq!((self.code, self.stdout.as_str()), (2, ""), "{}", self.stderr);
        assert!(self.stderr.contains(reason), "{reason:?} is not in {:?}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

fn run(arguments: &[&str]) -> Run {
    Run::of(verilane(arguments))
}

fn run_with_input(arguments: &[&str], input: impl Into<Vec<u8>>) -> Run {
    let mut command = verilane(arguments);
    command.write_stdin(input);
    Run::of(command)
}

/// A file in a folder of its own.
fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

mod usage {
    use super::*;

    #[test]
    fn help_and_version() {
        let help = run(&["--help"]);
        assert_eq!(help.code, 0);
        for command in ["audit", "bench", "cid", "dedup", "devices", "merkle", "mine", "verify", "Exit codes"]
        {
            assert!(help.stdout.contains(command), "{command}");
        }
        assert!(run(&["--version"]).stdout.starts_with("verilane "));
    }

    #[test]
    fn wrong_usage_is_exit_code_2() {
        run(&["forge"]).refuses("unrecognized subcommand");
        run(&["devices", "--backend", "quantum"]).refuses("reference, cpu, gpu, auto");
        run(&["devices", "--isa", "mmx"]).refuses("scalar, avx2, avx512");
        run(&["devices", "--threads", "0"]).refuses("--threads");
        run(&["audit"]).refuses("FILE");
    }

    #[test]
    fn a_missing_gpu_is_said_in_one_line() {
        let mut command = verilane(&["audit", BLOCK_170, "--backend", "gpu"]);
        command.env("VERILANE_ADAPTER", "nosuch");
        let run = Run::of(command);
        run.refuses("the gpu back end is not available");
        // Drivers may say things of their own there.
        let ours = run.stderr.lines().filter(|line| line.starts_with("error: cannot start: "));
        assert_eq!(ours.count(), 1, "{}", run.stderr);
        super::run(&["audit", BLOCK_170, "--backend", "gpu", "--adapter", "nosuch"]).refuses("not available");
    }

    #[test]
    fn automatic_placement_needs_no_gpu() {
        let mut command = verilane(&["audit", BLOCK_170, "--json"]);
        command.env("VERILANE_ADAPTER", "nosuch");
        let run = Run::of(command);
        assert_eq!((run.code, run.json()["backend"].as_str()), (0, Some("cpu")));
    }

    #[test]
    fn the_processor_is_capped_as_asked() {
        for arguments in [&["--isa", "scalar"][..], &["--threads", "1"], &["--backend", "reference"]] {
            let run = run(&[&["audit", BLOCK_100000, "--json"], arguments].concat());
            assert_eq!((run.code, &run.json()["transactions"]), (0, &Value::from(4)), "{arguments:?}");
        }
        let detail = |arguments: &[&str]| {
            let run = run(&[&["audit", BLOCK_100000, "--json", "--backend", "cpu"], arguments].concat());
            run.json()["backend_detail"].as_str().unwrap().to_owned()
        };
        assert!(detail(&["--isa", "scalar"]).contains("scalar"));
        let mut command = verilane(&["devices"]);
        command.env("VERILANE_ISA", "mmx");
        Run::of(command).refuses("scalar, avx2, avx512");
    }
}

mod audit {
    use super::*;

    #[test]
    fn real_blocks_pass() {
        let run = run(&["audit", BLOCK_170, BLOCK_100000, "--json"]);
        let json = run.json();
        assert_eq!(run.code, 0);
        assert_eq!((&json["blocks"], &json["transactions"]), (&2.into(), &6.into()));
        assert_eq!((&json["failures"], &json["unreadable"]), (&Value::Array(vec![]), &Value::Array(vec![])));
        assert!(json["mb_per_second"].as_f64().unwrap() > 0.0);
        assert!(super::run(&["audit", BLOCK_170]).stdout.contains("1 block, 2 transactions, 0 failures"));
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
        let mut blocks =
            [&[0xf9, 0xbe, 0xb4, 0xd9][..], &(block.len() as u32).to_le_bytes(), &block].concat();
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
}

mod merkle {
    use super::*;

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
        assert!(super::run(&["merkle", "--tree", "bitcoin", text(&path)]).stdout.starts_with(ROOT));
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
}

mod verify {
    use super::*;

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
        let run = super::run(&["verify", "--rule", "strict", text(&path)]);
        assert!(run.stdout.contains("line 3: invalid\n"), "{}", run.stdout);
        assert!(
            run.stdout.contains("line 8: malformed: signature: 128 hexadecimal digits"),
            "{}",
            run.stdout
        );
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
        let line =
            format!(r#"{{"public_key":"{one}","signature":"{one}{}","message":"ff"}}"#, "00".repeat(32));
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
}

mod dedup {
    use super::*;

    #[test]
    fn lines() {
        let input = "one\ntwo\none\n\ntwo\none\n";
        for arguments in [&[][..], &["--hash", "sha256"], &["--key", &"5".repeat(64)]] {
            let run = run_with_input(&[&["dedup", "-", "--json"], arguments].concat(), input);
            let json = run.json();
            assert_eq!(run.code, 0, "{}", run.stderr);
            assert_eq!((&json["records"], &json["unique"]), (&6.into(), &3.into()));
            assert_eq!((&json["duplicate"], &json["saved_bytes"]), (&3.into(), &9.into()));
            assert_eq!(json["groups"], serde_json::json!([[0, 2, 5], [1, 4]]));
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
        assert_eq!(
            (&json["records"], &json["unique"], &json["saved_bytes"]),
            (&6.into(), &4.into(), &4.into())
        );
        let expected =
            [["a", "deep/d"], ["e", "f"]].map(|group| group.map(|name| text(&path(name)).to_owned()));
        assert_eq!(json["groups"], serde_json::json!(expected));
        let two = super::run(&["dedup", text(&path("deep/d")), text(&a), "--json"]);
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
        let run = super::run(&["dedup", text(folder.path())]);
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
        super::run(&["dedup", "no-such-file"]).refuses("cannot read no-such-file");
        super::run(&["dedup", "-", "--key", "55"]).refuses("64 hexadecimal digits");
        super::run(&["dedup", "-", "--hash", "sha256", "--key", &"5".repeat(64)]).refuses("keyed");
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
}

mod dedup_index {
    use super::*;

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
            { "path": text(&index), "run": 0, "seen": [], "added": 2, "records": 2 }
        );
        assert_eq!((&first["index"], &first["groups"]), (&expected, &serde_json::json!([[0, 2]])));
        let second = with(&index, &["-"], "three\nthree\ntwo\n");
        assert_eq!(second["index"]["seen"], serde_json::json!([{ "record": 2, "run": 0 }]));
        assert_eq!((&second["index"]["run"], &second["index"]["added"]), (&1.into(), &1.into()));
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
        assert_eq!(seen, serde_json::json!([{ "record": text(&path("c")), "run": 0 }]));
        let both = [path("a"), path("b")];
        let formal = ["--canonical", "json", text(&both[0]), text(&both[1])];
        let seen = with(&index, &formal, "")["index"]["seen"].clone();
        let expected = both.each_ref().map(|path| serde_json::json!({ "record": text(path), "run": 0 }));
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
}

mod dedup_canonical {
    use super::*;

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
        assert_eq!(json["groups"], serde_json::json!([[0, 1, 6]]));
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
        assert!(
            run.stderr.contains("line 5: not JSON: the name \"id\" comes twice in an object at column 1")
        );
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
        for (name, content) in [
            ("b.json", "[1,2.0]\n"),
            ("c.json", "[1,2"),
            ("d.json", &long),
            ("e.json", &long.replace(", ", ",")),
        ] {
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
}

mod dedup_chunks {
    use super::*;

    fn noise(length: usize, seed: u64) -> Vec<u8> {
        let next = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed | 1));
        std::iter::successors(Some(seed), next).map(|state| (state >> 56) as u8).take(length).collect()
    }

    #[test]
    fn what_repeats_inside_files_is_found_wherever_it_stands() {
        let folder = TempDir::new().unwrap();
        let common = noise(9 << 20, 1);
        let moved = [&b"a few bytes before"[..], &common].concat();
        for (name, content) in
            [("a", &common[..]), ("b", &moved), ("c", &noise(100_000, 2)), ("d", &[]), ("e", b"short")]
        {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let bytes = common.len() + moved.len() + 100_000 + 5;
        let run = run(&["dedup", "--chunks", text(folder.path()), "--json"]);
        let json = run.json();
        assert_eq!(
            (run.code, &json["files"], &json["bytes"]),
            (0, &5.into(), &bytes.into()),
            "{}",
            run.stderr
        );
        let count = |name: &str| json[name].as_u64().unwrap();
        assert_eq!(count("chunks"), count("unique") + count("duplicate"));
        // All but the first few chunks of the second file.
        let missed = common.len() as u64 - count("saved_bytes");
        assert!(missed < 4 * 65536, "{missed} bytes were missed");
        // The cuts are fastcdc's.
        let peer = |content| fastcdc::v2020::FastCDC::new(content, 4096, 16384, 65536).count() as u64;
        assert_eq!(count("chunks"), peer(&common[..]) + peer(&moved) + peer(&noise(100_000, 2)) + 1);
        let small =
            super::run(&["dedup", "--chunks=64:256:1024", text(folder.path()), "no-such-file", "--json"]);
        assert_eq!((small.code, &small.json()["files"]), (2, &5.into()));
        assert!(small.json()["chunks"].as_u64().unwrap() > 20 * count("chunks"));
        assert!(
            super::run(&["dedup", "--chunks", text(folder.path())]).stdout.contains("5 files of 18.1 MiB\n")
        );
    }

    #[test]
    fn sizes_are_checked() {
        for (sizes, reason) in [
            ("4096", "MIN:AVERAGE:MAX"),
            ("1:2:x", "MIN:AVERAGE:MAX"),
            ("1:2:3", "the least chunk size cannot be 1: an even number from 64"),
            ("64:256:255", "the greatest chunk size cannot be 255"),
        ] {
            run(&["dedup", &format!("--chunks={sizes}"), "tests"]).refuses(reason);
        }
        run(&["dedup", "--chunks", "--canonical", "json", "tests"]).refuses("cannot be used with");
        run_with_input(&["dedup", "--chunks", "-"], "a").refuses("standard input");
    }
}

mod cid {
    use super::*;

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
}

mod mine {
    use super::*;

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
        let run = super::run(&[&["mine", "--header", &other, "--target", target], &window[..]].concat());
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
        assert!(super::run(&none).stdout.starts_with("none\n100 nonces tried"));
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
}

#[test]
fn devices_test_themselves() {
    let run = run(&["devices", "--json"]);
    let json = run.json();
    assert_eq!(run.code, 0, "{}", run.stderr);
    let backends = json["backends"].as_array().unwrap();
    let of = |kind: &str| backends.iter().find(|backend| backend["kind"] == kind).unwrap();
    assert_eq!(
        (&of("reference")["self_test"], &of("cpu")["self_test"]),
        (&"passed".into(), &"passed".into())
    );
    assert!(json["isa"]["detected"].is_string() && json["adapters"].is_array());
    let capped = self::run(&["devices", "--isa", "scalar"]);
    assert!(capped.stdout.contains("scalar used"), "{}", capped.stdout);
}

/// A reader that goes away is not the command's failure.
#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_panic() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_verilane"))
        .args(["audit", BLOCK_170])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
