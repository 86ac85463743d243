//! Digests of many records in one call.

use verilane::{Engine, Hash, Key, Records};

fn main() -> Result<(), verilane::Error> {
    let engine = Engine::new()?;
    let records = Records::from_slices(["alpha", "beta", "gamma"]);
    // A keyed fingerprint cannot be guessed by who lacks the key.
    for hash in [Hash::Sha256, Hash::Sha256d, Hash::Blake3, Hash::KeyedBlake3(Key([7; 32]))] {
        let digests = engine.hash(hash, &records)?;
        println!("{hash} on {}", digests.report().backend);
        for (record, digest) in records.iter().zip(digests.iter()) {
            println!("  {digest}  {}", record.escape_ascii());
        }
    }
    Ok(())
}
