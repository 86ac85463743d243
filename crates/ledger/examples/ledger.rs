//! Seals signed records into a ledger, audits it, and proves a record.

use verilane::{Engine, ed25519::Rule};
use verilane_ledger::{
    Ed25519SecretKey, Genesis, Keyring, Ledger, List, RecordProof, SealRule, Sealer, SignedRecord, Store,
    audit, list_message, record_digest,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("verilane-ledger-{}", std::process::id()));
    let clinic = Ed25519SecretKey::from_bytes(&[7; 32]);
    let key = clinic.public_key();
    let (rule, seal) = (Rule::Strict, SealRule::Stake);
    let genesis = Genesis {
        name: "demo".into(),
        founder: key,
        rule,
        seal,
        stage: 500,
        anchor_blocks: 1,
        endorsement: None,
    };
    drop(Store::create(&folder, &genesis)?);

    let bytes = br#"{"resourceType":"Patient","id":"1"}"#.to_vec();
    let digest = record_digest(&bytes);
    let record = SignedRecord { bytes, digest, signature: clinic.sign(&digest.0) };
    let signature = clinic.sign(&list_message(&key, false, [digest].into_iter()));
    let list = List { institution: key, emergency: false, records: vec![record], signature };

    let engine = Engine::new()?;
    let mut keyring = Keyring::default();
    keyring.add(clinic);
    let mut sealer = Sealer::open(&engine, &folder, keyring)?;
    println!("{:?}", sealer.submit(vec![list], |_nonces| ())?.reviews);
    sealer.close(|_nonces| ())?;

    println!("{} failures", audit(&engine, &folder, |_bytes| ())?.failures.len());
    let proof = RecordProof::in_block(&engine, &Ledger::open(&folder)?, 0, digest)?.expect("it was sealed");
    println!("proved: {:?}", proof.check(rule));
    Ok(std::fs::remove_dir_all(folder)?)
}
