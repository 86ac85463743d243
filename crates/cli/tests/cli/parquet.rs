//! Parquet by the command: ledgers exported, archives verified, bad files refused.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, DictionaryArray, FixedSizeBinaryArray, Int64Array,
    LargeBinaryArray, RecordBatch, StringArray,
};
use arrow_schema::{Field, Schema};
use ed25519_dalek::{Signer, SigningKey};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::json;
use tempfile::TempDir;
use verilane::Hash;

use crate::support::{Run, run_with_input};

fn run(arguments: &[&str], input: &[u8]) -> Run {
    run_with_input(&[arguments, &["--backend", "cpu", "--json"]].concat(), input)
}

fn verify(file: &Path) -> Run {
    run(&["verify", "--rule", "strict", file.to_str().unwrap()], &[])
}

/// Signatures by ten keys over messages of all lengths from 0.
struct Signatures {
    keys: Vec<Option<Vec<u8>>>,
    signatures: Vec<Option<Vec<u8>>>,
    messages: Vec<Option<Vec<u8>>>,
}

impl Signatures {
    fn new(count: usize) -> Self {
        let keys = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(|seed| SigningKey::from_bytes(&[seed; 32]));
        let mut all = Signatures { keys: vec![], signatures: vec![], messages: vec![] };
        for index in 0..count {
            let (key, message) = (&keys[index % 10], "m".repeat(index).into_bytes());
            all.keys.push(Some(key.verifying_key().to_bytes().to_vec()));
            all.signatures.push(Some(key.sign(&message).to_bytes().to_vec()));
            all.messages.push(Some(message));
        }
        all
    }

    fn columns(&self) -> [(&'static str, ArrayRef); 3] {
        let binary = |values: &[Option<Vec<u8>>]| -> ArrayRef {
            Arc::new(BinaryArray::from_iter(values.iter().map(Option::as_deref)))
        };
        [
            ("public_key", binary(&self.keys)),
            ("signature", binary(&self.signatures)),
            ("message", binary(&self.messages)),
        ]
    }
}

/// Writes row groups of 30 rows.
fn write<'a>(path: &Path, columns: impl IntoIterator<Item = (&'a str, ArrayRef)>, compression: Compression) {
    let columns: Vec<_> = columns.into_iter().collect();
    let fields: Vec<_> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let properties =
        WriterProperties::builder().set_max_row_group_row_count(Some(30)).set_compression(compression);
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn fixed(array: &ArrayRef, width: i32) -> ArrayRef {
    let values = array.as_binary::<i32>().iter();
    Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, width).unwrap())
}

#[test]
fn an_exported_ledger_verifies_until_a_bit_is_flipped() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [out, ledger, file] = ["", "ledger", "records.parquet"].map(path);
    let options = ["--records", "1200", "--duplicates", "0.25", "--stage", "100"];
    let generate = run(&[&["ledger", "generate", &out][..], &options].concat(), &[]);
    assert_eq!(generate.code, 0, "{}", generate.stderr);
    let export = || run(&["ledger", "export", &ledger, "--parquet", &file], &[]);
    let exported = export();
    assert_eq!(exported.code, 0, "{}", exported.stderr);
    let stored = generate.object()["stored"].clone();
    assert_eq!((&exported.object()["rows"], &exported.object()["stored"]), (&json!(1200), &stored));
    export().refuses("cannot make");
    let verified = verify(file.as_ref());
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    assert_eq!((&verified.object()["items"], &verified.object()["valid"]), (&json!(1200), &json!(1200)));

    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&file).unwrap()).unwrap();
    let batch = reader.with_batch_size(1200).build().unwrap().next().unwrap().unwrap();
    let column = |name: &str| batch.column_by_name(name).unwrap().clone();
    let positions: Vec<_> = (0..1200).collect();
    assert_eq!(*column("position").as_primitive::<Int64Type>().values(), positions);
    let (bytes, digests, fates) = (column("bytes"), column("message"), column("fate"));
    let mut with_bytes = 0;
    for row in 0..1200 {
        let is_stored = fates.as_string::<i32>().value(row) == "stored";
        assert_eq!(bytes.as_binary::<i32>().is_valid(row), is_stored, "row {row}");
        if is_stored {
            let digest = Hash::Sha256.digest(bytes.as_binary::<i32>().value(row));
            assert_eq!(digests.as_fixed_size_binary().value(row), digest.0, "row {row}");
            with_bytes += 1;
        }
    }
    assert_eq!(json!(with_bytes), stored);

    let signatures = column("signature");
    let mut signatures: Vec<_> =
        signatures.as_fixed_size_binary().iter().map(|value| value.unwrap().to_vec()).collect();
    signatures[777][40] ^= 0x10;
    let signatures: ArrayRef = Arc::new(BinaryArray::from_iter_values(&signatures));
    let columns =
        [("public_key", column("public_key")), ("signature", signatures), ("message", column("message"))];
    let flipped = folder.path().join("flipped.parquet");
    write(&flipped, columns, Compression::SNAPPY);
    let verified = verify(&flipped);
    assert_eq!((verified.code, &verified.object()["invalid"]), (1, &json!([777])));
    assert_eq!(verified.object()["unit"], "row");
}

/// The forms in which writers have byte strings, over several row groups, with a
/// flipped bit in one row and a longer message in another.
#[test]
fn signatures_are_judged_row_by_row_in_every_form() {
    let folder = TempDir::new().unwrap();
    let mut all = Signatures::new(100);
    all.signatures[31].as_mut().unwrap()[5] ^= 1;
    all.messages[99].as_mut().unwrap().push(b'x');
    let [keys, signatures, messages] = all.columns();
    let binary = |array: &ArrayRef| array.as_binary::<i32>().clone();
    let large: ArrayRef = Arc::new(LargeBinaryArray::from_iter(binary(&messages.1).iter()));
    let view: ArrayRef = Arc::new(BinaryViewArray::from_iter(binary(&messages.1).iter()));
    let text = (0..100).map(|length| "m".repeat(length) + if length == 99 { "x" } else { "" });
    let text: ArrayRef = Arc::new(StringArray::from_iter_values(text));
    let codes = (0..100).map(|row| row % 10).collect::<Vec<i32>>().into();
    let dictionary = DictionaryArray::<Int32Type>::new(codes, keys.1.slice(0, 10));
    let dictionary: ArrayRef = Arc::new(dictionary);
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let [wide_keys, wide_signatures] = [fixed(&keys.1, 32), fixed(&signatures.1, 64)];
    let forms = [
        ([&keys.1, &signatures.1, &messages.1], Compression::SNAPPY),
        ([&wide_keys, &wide_signatures, &large], zstd),
        ([&dictionary, &wide_signatures, &view], Compression::UNCOMPRESSED),
        ([&wide_keys, &signatures.1, &text], Compression::LZ4_RAW),
        ([&dictionary, &signatures.1, &text], Compression::GZIP(Default::default())),
    ];
    for (index, ([keys, signatures, messages], compression)) in forms.into_iter().enumerate() {
        let file = folder.path().join(format!("{index}.parquet"));
        let other: ArrayRef = Arc::new(Int64Array::from_value(7, 100));
        // Columns are found by name, whatever stands between them.
        let columns =
            [("message", messages), ("other", &other), ("signature", signatures), ("public_key", keys)];
        write(&file, columns.map(|(name, column)| (name, column.clone())), compression);
        let verified = verify(&file);
        assert_eq!(verified.code, 1, "form {index}: {}", verified.stderr);
        assert_eq!(verified.object()["invalid"], json!([31, 99]), "form {index}");
        assert_eq!(verified.object()["valid"], 98, "form {index}");
    }
}

#[test]
fn rows_without_a_signature_are_named() {
    let folder = TempDir::new().unwrap();
    let mut all = Signatures::new(70);
    all.keys[3] = None;
    all.signatures[30] = None;
    all.messages[31] = None;
    all.keys[64] = Some(vec![0; 31]);
    all.signatures[69] = Some(vec![0; 65]);
    let file = folder.path().join("malformed.parquet");
    write(&file, all.columns(), Compression::SNAPPY);
    let verified = verify(&file);
    let json = verified.object();
    assert_eq!((verified.code, &json["malformed"]), (1, &json!([3, 30, 31, 64, 69])));
    let reasons = [
        "public_key: it is null",
        "signature: it is null",
        "message: it is null",
        "public_key: 32 bytes are expected, 31 were found",
        "signature: 64 bytes are expected, 65 were found",
    ];
    assert_eq!(json["reasons"], json!(reasons));
    assert_eq!((&json["items"], &json["valid"]), (&json!(70), &json!(65)));
}

#[test]
fn columns_that_cannot_be_are_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("columns.parquet");
    let refused = |columns: &[(&str, &ArrayRef)], reason: &str| {
        write(&file, columns.iter().map(|&(name, column)| (name, column.clone())), Compression::SNAPPY);
        verify(&file).refuses(reason);
    };
    let [keys, signatures, messages] = Signatures::new(5).columns();
    let numbers: ArrayRef = Arc::new(Int64Array::from_value(7, 5));
    let [key, signature, message] =
        [("public_key", &keys.1), ("signature", &signatures.1), ("message", &messages.1)];
    refused(
        &[key, message, ("other", &numbers)],
        "no column is called signature (public_key, message, other)",
    );
    refused(&[key, signature, ("message", &numbers)], "the column message is of type Int64");
    refused(&[key, key, signature, message], "more than one column is called public_key");
    let narrow = fixed(&messages.1.slice(0, 0), 31);
    let empty = |column: &ArrayRef| column.slice(0, 0);
    let columns =
        [("public_key", &narrow), ("signature", &empty(&signatures.1)), ("message", &empty(&messages.1))];
    refused(&columns, "the column public_key has byte strings of 31 bytes: 32 are needed");

    write(&file, Signatures::new(0).columns(), Compression::SNAPPY);
    let none = verify(&file);
    assert_eq!((none.code, &none.object()["items"]), (0, &json!(0)));
    assert!(none.stderr.contains("holds no signatures"), "{}", none.stderr);
    run(&["verify", "--rule", "strict", "-"], &fs::read(&file).unwrap()).refuses("read from files alone");
}

/// Whatever is cut off or changed: an error or a verdict for every row, and never
/// one more valid signature.
#[test]
fn a_damaged_file_gives_an_error_or_all_rows() {
    let folder = TempDir::new().unwrap();
    let mut all = Signatures::new(64);
    all.signatures[40].as_mut().unwrap()[0] ^= 1;
    let file = folder.path().join("whole.parquet");
    write(&file, all.columns(), Compression::UNCOMPRESSED);
    let whole = fs::read(&file).unwrap();
    for length in (4..whole.len()).step_by(whole.len() / 16) {
        fs::write(&file, &whole[..length]).unwrap();
        verify(&file).refuses("was the file cut short?");
    }
    let mut refused = 0;
    for at in (4..whole.len()).step_by(whole.len() / 150) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        fs::write(&file, &damaged).unwrap();
        let verified = verify(&file);
        if verified.code == 2 {
            refused += 1;
            continue;
        }
        let json = verified.object();
        assert_eq!((verified.code, &json["items"]), (1, &json!(64)), "byte {at}");
        assert!(json["valid"].as_u64() <= Some(63), "byte {at}");
    }
    assert!(refused > 10, "{refused}");
}
