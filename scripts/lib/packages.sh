# shellcheck shell=bash
# The crates as they are published: packaged, and used by apps that were written for earlier
# releases.

# package_crates FOLDER: packages the crates as `cargo publish` would, and extracts the packages.
# Changes that are not committed are packaged too; `earlier_apps_compile` compiles the packages.
package_crates() {
    local archive
    cargo package --locked --quiet --allow-dirty --no-verify --workspace --exclude groundwork --exclude xtask
    mkdir -p "$1"
    for archive in "$(target_directory)"/package/groundwork-*.crate; do
        tar -xzf "$archive" -C "$1"
    done
}

# earlier_apps_compile FOLDER: compiles each app in tests/upgrade against the packages in FOLDER.
earlier_apps_compile() {
    local app copy package name patches=()
    for package in "$1"/groundwork-*; do
        name=$(basename "$package")
        name=${name%-*}
        patches+=(--config "patch.crates-io.$name.path='$package'")
    done
    for app in tests/upgrade/*/; do
        copy=$RUN_DIR/upgrade/$(basename "$app")
        mkdir -p "$copy"
        cp -r "$app." "$copy/"
        # The versions of dependencies that the workspace is tested with.
        cp Cargo.lock "$copy/"
        CARGO_TARGET_DIR=$(target_directory) cargo check --manifest-path "$copy/Cargo.toml" "${patches[@]}" || return 1
    done
}

# Shows that the check can fail: one package lacks its source.
incomplete_package_is_refused() {
    rm "$1"/groundwork-clock-*/src/lib.rs
    if earlier_apps_compile "$1"; then die "a package without its source is accepted"; fi
}
