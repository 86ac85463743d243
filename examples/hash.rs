//! Digests of many records in one call.

use verilane::{Engine, Hash, Key, Records};

fn main() -> Result<(), verilane::Error> {
    let engine = Engine::new()?;
    let records = Records::from_slices(["alpha", "beta", "gamma"]);
    // Without the key, nobody can find a record by hashing all candidates.
    for hash in [Hash::Sha256, Hash::Sha256d, Hash::Blake3, Hash::KeyedBlake3(Key([7; 32]))] {
        let digests = engine.hash(hash, &records)?;
        println!("{hash} on {}", digests.report().backend);
        for (record, digest) in records.iter().zip(digests.iter()) {
            println!("  {digest}  {}", record.escape_ascii());
        }
    }
    Ok(())
}
