//! The migrations are read into the binary; cargo does not see a new one by itself.
#![allow(clippy::print_stdout, reason = "how a build script speaks to cargo")]

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
