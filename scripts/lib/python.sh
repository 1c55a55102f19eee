# shellcheck shell=bash
# Python and its packages: each use has its own virtual environment in the tools folder, so that
# installed packages are not touched and two tools never have to agree on a version.

# ensure_python: Python 3.11 or newer with virtual environments, which Debian has in a separate
# package.
ensure_python() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3 python3-venv
    python3 -c 'import ensurepip, venv' || die "python3 cannot make virtual environments: venv or ensurepip is missing"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "$(python3 --version) is too old: 3.11 or newer is needed"
}

# venv_bin NAME: prints the folder of its commands.
venv_bin() { printf '%s\n' "$TOOLS/venv/$1/bin"; }

# pins FILE: its packages and their hashes, without comments, which name the project.
pins() { sed '/^ *#/d' "$1" 2>/dev/null; }

# ensure_venv NAME REQUIREMENTS_FILE: installs exactly the packages that the file pins, and again
# only if the file changes. The file has to list all packages, including indirect dependencies: a
# missing one is an error.
ensure_venv() {
    local folder=$TOOLS/venv/$1 requirements=$2 installed
    installed=$folder/requirements.txt
    # The interpreter is tried, because an upgrade of the machine's Python breaks the old
    # environment.
    if cmp -s <(pins "$requirements") <(pins "$installed") && "$folder/bin/python" -c '' 2>/dev/null; then
        return 0
    fi

    ensure_python
    say "installing the packages of $requirements"
    python3 -m venv --clear "$folder" || die "the virtual environment $1 cannot be made"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$requirements" ||
        die "the packages of $requirements is unavailable: pip install failed"
    "$folder/bin/pip" check --disable-pip-version-check || die "$requirements does not name all that is needed"
    # Last, because it marks the installation as complete.
    cp "$requirements" "$installed"
}

# bench_driver ARGUMENTS…: the benchmark driver, with the packages of `ensure_venv bench`.
bench_driver() {
    RUN_DIR=$RUN_DIR PATH=$TOOLS/bin:$PATH PYTHONPATH=bench PYTHONDONTWRITEBYTECODE=1 \
        "$(venv_bin bench)/python" -m driver "$@"
}
