//! Writes the generated shaders.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shaders/lib");
    for file in verilane_codegen::files() {
        std::fs::write(folder.join(file.name), file.text)?;
        println!("shaders/lib/{}", file.name);
    }
    Ok(())
}
