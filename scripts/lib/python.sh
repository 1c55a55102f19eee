# shellcheck shell=bash
# Python and its packages: each use has a virtual environment of its own in the tools' folder, so that nobody's own
# packages are touched and two tools never have to agree on a version.

# ensure_python: Python 3.11 or newer that can make virtual environments. Debian keeps that ability in a package apart.
ensure_python() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3 python3-venv
    python3 -c 'import ensurepip, venv' || die "python3 cannot make virtual environments: venv or ensurepip is missing"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "$(python3 --version) is too old: 3.11 or newer is needed"
}

# venv_bin NAME: prints the folder of its commands.
venv_bin() { printf '%s\n' "$TOOLS/venv/$1/bin"; }

# ensure_venv NAME REQUIREMENTS_FILE: exactly the packages that the file pins; again only when the file has changed.
# The file has to name all of them, those that others bring along too: what it lacks is not installed, it is an error.
ensure_venv() {
    local folder=$TOOLS/venv/$1 requirements=$2 installed
    installed=$folder/requirements.txt
    # The interpreter is tried because a newer Python of the machine leaves the old environment without one.
    if cmp -s "$requirements" "$installed" && "$folder/bin/python" -c '' 2>/dev/null; then return 0; fi

    ensure_python
    say "installing the packages of $requirements"
    python3 -m venv --clear "$folder" || die "the virtual environment $1 cannot be made"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$requirements" ||
        die "the packages of $requirements cannot be had: pip install failed"
    "$folder/bin/pip" check --disable-pip-version-check || die "$requirements does not name all that is needed"
    # Last, because it is the mark of a whole installation.
    cp "$requirements" "$installed"
}

# bench_driver ARGUMENTS…: what measures the service, with the packages of `ensure_venv bench`.
bench_driver() {
    RUN_DIR=$RUN_DIR PATH=$TOOLS/bin:$PATH PYTHONPATH=bench PYTHONDONTWRITEBYTECODE=1 \
        "$(venv_bin bench)/python" -m driver "$@"
}
