//! Which records repeat an earlier one?

use verilane::{Engine, Hash, Records};

fn main() -> Result<(), verilane::Error> {
    let engine = Engine::new()?;
    let records = Records::from_slices(["ada", "bob", "ada", "cleo", "bob", "ada"]);
    let prints = engine.hash(Hash::Blake3, &records)?;
    let firsts = engine.first_occurrences(&prints)?;
    println!("{} of {} are distinct", firsts.unique_count(), records.len());
    for group in firsts.groups() {
        println!("{} at {group:?}", records.get(group[0] as usize).escape_ascii());
    }
    assert_eq!(firsts.groups(), [vec![0, 2, 5], vec![1, 4]]);
    Ok(())
}
