//! A verdict for each signature, under the acceptance rule that the call names.

use ed25519_dalek::{Signer, SigningKey};
use verilane::Engine;
use verilane::ed25519::Rule;
use verilane::signature::Batch;

fn main() -> Result<(), verilane::Error> {
    let engine = Engine::new()?;
    let mut batch = Batch::with_capacity(1000);
    for n in 0..1000_u32 {
        let key = SigningKey::from_bytes(&[n as u8; 32]);
        let vote = format!("vote {n}");
        let signature = key.sign(vote.as_bytes());
        // Signature 500 is over another message.
        let message = if n == 500 { "another vote".into() } else { vote };
        batch.push(key.verifying_key().as_bytes(), &signature.to_bytes(), message.as_bytes());
    }
    let verdicts = engine.verify(Rule::Zip215, &batch)?;
    println!("{} valid on {}", verdicts.valid_count(), verdicts.report().backend);
    for index in verdicts.invalid() {
        println!("signature {index} is not valid");
    }
    assert_eq!(verdicts.invalid().collect::<Vec<_>>(), [500]);
    Ok(())
}
