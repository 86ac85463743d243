//! Which records repeat an earlier one?

use verilane::{Engine, Hash, Records};

fn main() -> Result<(), verilane::Error> {
    let engine = Engine::new()?;
    let records = Records::from_slices(["ada", "bob", "ada", "cleo", "bob", "ada"]);
    let fingerprints = engine.hash(Hash::Blake3, &records)?;
    let first_occurrences = engine.first_occurrences(&fingerprints)?;
    println!("{} of {} are distinct", first_occurrences.unique_count(), records.len());
    for group in first_occurrences.groups() {
        println!("{} at {group:?}", records.get(group[0] as usize).escape_ascii());
    }
    assert_eq!(first_occurrences.groups(), [vec![0, 2, 5], vec![1, 4]]);
    Ok(())
}
