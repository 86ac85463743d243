//! Gives the shared library the name by which programs find it at run time.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let [os, major, minor, patch] = [
        "CARGO_CFG_TARGET_OS",
        "CARGO_PKG_VERSION_MAJOR",
        "CARGO_PKG_VERSION_MINOR",
        "CARGO_PKG_VERSION_PATCH",
    ]
    .map(|name| std::env::var(name).expect("cargo sets it"));
    let compatible = compatible_version(&major, &minor, &patch);
    match os.as_str() {
        // The name here is a path, which only the installation knows: it sets the name,
        // and needs room for it.
        "macos" => println!(
            "cargo::rustc-cdylib-link-arg=-Wl,-current_version,{major}.{minor}.{patch},\
             -compatibility_version,{compatible},-headerpad_max_install_names"
        ),
        "windows" => {}
        _ => println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libverilane.so.{compatible}"),
    }
}

/// The part of the version that stays while programs need not be compiled anew.
fn compatible_version(major: &str, minor: &str, patch: &str) -> String {
    match (major, minor) {
        ("0", "0") => format!("0.0.{patch}"),
        ("0", _) => format!("0.{minor}"),
        _ => major.into(),
    }
}
