# shellcheck shell=bash
# Installs missing tools with the machine's package managers, or fails and names them. No check is
# skipped without its tool.

# One folder for all projects with these scripts, whatever their names: tools are pinned by version.
TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/pinned-tools"

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "installing needs root or sudo: $*"
    fi
}

# apt_install PACKAGE…: updates the package lists once per run, and only if something has to be
# installed.
apt_install() {
    command -v apt-get >/dev/null || die "$* cannot be installed here: no apt-get; install it and run again"
    if [ ! -f "$RUN_DIR/apt-updated" ]; then
        # One unreachable source of several may not matter: the installation below decides.
        as_root apt-get update -qq || say "apt-get update failed; trying with the lists there are"
        : >"$RUN_DIR/apt-updated"
    fi
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@" >"$RUN_DIR/apt.log" 2>&1 ||
        { tail -n 20 "$RUN_DIR/apt.log" >&2; die "apt-get could not install: $*"; }
}

# ensure_command COMMAND PACKAGE…
ensure_command() {
    local command=$1
    shift
    command -v "$command" >/dev/null || apt_install "$@"
    command -v "$command" >/dev/null || die "$command is unavailable: installing $* did not provide it"
}

# ensure_rust: cargo, and the C compiler that SQLite and the cryptography library need.
ensure_rust() {
    command -v cargo >/dev/null || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    command -v cargo >/dev/null || die "cargo cannot be found; install Rust from https://rustup.rs"
    ensure_command cc gcc libc6-dev
}

ensure_rust_component() {
    cargo "$1" --version >/dev/null 2>&1 || die "cargo $1 cannot be found; run: rustup component add $2"
}

# ensure_cargo_tool NAME VERSION: pinned, in a separate folder, so that the developer's own tools
# are not touched.
ensure_cargo_tool() {
    local name=$1 version=$2
    case " $("$TOOLS/bin/$name" --version 2>/dev/null || true) " in
        *" $version "* | *" v$version "*) return 0 ;;
    esac
    say "installing $name $version"
    # Without the project's target folder, which the tool's build would fill with files that no
    # other build uses. A debug build: it compiles in a third of the time, and the tools run for
    # seconds.
    env -u CARGO_TARGET_DIR cargo install --debug --quiet --locked --force --root "$TOOLS" "$name@$version" ||
        die "$name $version is unavailable: cargo install failed"
}

# ensure_node MINIMUM: Node and npm. Debian 12 and Ubuntu 24.04 have Node 18, which is enough for
# most tools.
ensure_node() {
    ensure_command node nodejs
    ensure_command npm npm
    local version
    version=$(node --version)
    version=${version#v}
    printf '%s\n' "$1" "$version" | sort -CV || die "node $version is too old: $1 or newer is needed"
}

# ensure_node_modules FOLDER: installs exactly its package-lock.json, and again only if that file
# changes.
ensure_node_modules() {
    [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ] ||
        npm --prefix "$1" ci --no-audit --no-fund || die "npm ci failed in $1"
}

# find_chromium: prints a browser that starts. `--version` proves it: Ubuntu's package is a stub
# that requires snap.
find_chromium() {
    local name path
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
        path=$(command -v "$name" 2>/dev/null) || continue
        "$path" --version >/dev/null 2>&1 || continue
        printf '%s\n' "$path"
        return 0
    done
    return 1
}

# ensure_chromium: exports CHROMIUM.
ensure_chromium() {
    if [ -n "${CHROMIUM:-}" ] && ! "$CHROMIUM" --version >/dev/null 2>&1; then
        die "CHROMIUM=$CHROMIUM does not start"
    fi
    find_chromium >/dev/null || apt_install chromium
    CHROMIUM=$(find_chromium) ||
        die "chromium is unavailable: set CHROMIUM to a Chromium or Chrome (where chromium is a snap: install Chrome)"
    export CHROMIUM
}
