//! Audits Bitcoin blocks: `cargo run -p verilane-ledger --example audit -- FILE…`

use std::fs::File;

use verilane::Engine;
use verilane_ledger::bitcoin::BitcoinAuditor;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::new()?;
    let mut auditor = BitcoinAuditor::new(&engine);
    for path in std::env::args().skip(1) {
        auditor.read(File::open(path)?, |_bytes| ())?;
    }
    let audit = auditor.finish();
    println!("{} blocks, {} transactions", audit.blocks, audit.transactions);
    for failure in &audit.failures {
        println!("{}: {}", failure.kind, failure.detail);
    }
    Ok(())
}
