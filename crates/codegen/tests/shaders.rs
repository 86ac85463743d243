//! The generated shaders are what their generators give.

use std::path::Path;

#[test]
fn files_are_what_the_generators_give() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shaders/lib");
    for file in verilane_codegen::files() {
        let written = std::fs::read_to_string(folder.join(file.name)).unwrap_or_default();
        assert!(
            written == file.text,
            "{} differs from its generator: cargo run -p verilane-codegen",
            file.name
        );
    }
}
