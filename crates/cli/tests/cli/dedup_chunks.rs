//! `verilane dedup --chunks`.

use std::fs;

use tempfile::TempDir;

use crate::support::{run, run_with_input, text};

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
    assert_eq!((run.code, &json["files"], &json["bytes"]), (0, &5.into(), &bytes.into()), "{}", run.stderr);
    let count = |name: &str| json[name].as_u64().unwrap();
    assert_eq!(count("chunks"), count("unique") + count("duplicate"));
    // All but the first few chunks of the second file.
    let missed = common.len() as u64 - count("saved_bytes");
    assert!(missed < 4 * 65536, "{missed} bytes were missed");
    // The cuts are fastcdc's.
    let peer = |content| fastcdc::v2020::FastCDC::new(content, 4096, 16384, 65536).count() as u64;
    assert_eq!(count("chunks"), peer(&common[..]) + peer(&moved) + peer(&noise(100_000, 2)) + 1);
    let small = crate::support::run(&[
        "dedup",
        "--chunks=64:256:1024",
        text(folder.path()),
        "no-such-file",
        "--json",
    ]);
    assert_eq!((small.code, &small.json()["files"]), (2, &5.into()));
    assert!(small.json()["chunks"].as_u64().unwrap() > 20 * count("chunks"));
    assert!(
        crate::support::run(&["dedup", "--chunks", text(folder.path())])
            .stdout
            .contains("5 files of 18.1 MiB\n")
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
