# shellcheck shell=bash
# The client in Rust, made by progenitor from the 3.0 document: clients/rust/generate says how.

RUST_CLIENT=$PWD/clients/rust

# What is built is kept beside the project's own, and not in it: the tests run while cargo builds here.
RUST_BUILT=${CARGO_TARGET_DIR:-$PWD/target}/client-rust

rust_tools() {
    ensure_rust
    ensure_rust_component fmt rustfmt
    ensure_rust_component clippy clippy
}

# rust_cargo DIR ARGUMENTS…
rust_cargo() {
    local dir=$1
    shift
    (cd "$dir" && CARGO_TARGET_DIR=$RUST_BUILT cargo "$@")
}

rust_generate() {
    sed -i "0,/^version = /s/^version = .*/version = \"$(client_version)\"/" "$1/Cargo.toml"
    rust_cargo "$1" run --quiet --package groundwork-client-generate -- "$OPENAPI_3_0" >"$RUN_DIR/generated.rs"
    mv "$RUN_DIR/generated.rs" "$1/src/generated.rs"
}

rust_check() {
    rust_cargo "$RUST_CLIENT" fmt --all --check
    rust_cargo "$RUST_CLIENT" clippy --quiet --locked --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS='-D warnings' rust_cargo "$RUST_CLIENT" doc --quiet --locked --no-deps --package groundwork-client
    rust_cargo "$RUST_CLIENT" test --quiet --locked --lib --tests
}

rust_scenario() { rust_cargo "$RUST_CLIENT" run --quiet --locked --example scenario; }

# A package with the client as its only dependency beside tokio, which any program has.
rust_snippet() {
    local package
    package=$(mktemp -d "$RUN_DIR/snippet.XXXXXX")
    mkdir "$package/src"
    cp "$1" "$package/src/main.rs"
    cp "$RUST_CLIENT/Cargo.lock" "$package"
    cat >"$package/Cargo.toml" <<EOF
[package]
name = "snippet"
version = "0.0.0"
edition = "2024"

[dependencies]
groundwork-client = { path = "$RUST_CLIENT" }
tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
EOF
    rust_cargo "$package" run --quiet
}
