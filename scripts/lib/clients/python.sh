# shellcheck shell=bash
# The client in Python: openapi-python-client, from the 3.1 document.

# shellcheck source=scripts/lib/python.sh
. scripts/lib/python.sh

PYTHON_CLIENT=$PWD/clients/python

python_tools() { ensure_venv client-python "$PYTHON_CLIENT/requirements.txt"; }

# python_tool COMMAND ARGUMENTS…: nothing it does may leave a file in the repository.
python_tool() {
    local bin
    bin=$(venv_bin client-python)
    PATH=$bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PYTHON_CLIENT/src "$@"
}

# The generator writes a package anew, so it gets a folder of its own, and the hand-written files stay where they are.
# A schema that it cannot read is left out with a warning only: a warning fails.
python_generate() {
    local package=$1/src/groundwork_client fresh name
    fresh=$(mktemp -d "$RUN_DIR/python.XXXXXX")/groundwork_client
    python_tool openapi-python-client generate --path "$OPENAPI_3_1" --config "$PYTHON_CLIENT/generator.yaml" --meta none \
        --custom-template-path "$PYTHON_CLIENT/templates" --output-path "$fresh" --fail-on-warning >"$RUN_DIR/python.log" 2>&1 ||
        { cat "$RUN_DIR/python.log" >&2; die "openapi-python-client failed"; }
    for name in __init__.py api client.py errors.py models types.py; do
        rm -rf "${package:?}/$name"
        cp -r "$fresh/$name" "$package/$name"
    done
    sed -i "s/^version = \".*\"\$/version = \"$(client_version)\"/" "$1/pyproject.toml"
}

# What the checks remember stays out of the repository.
python_check() {
    (
        cd "$PYTHON_CLIENT" || die "no folder $PYTHON_CLIENT"
        python_tool mypy --cache-dir "$TOOLS/mypy"
        python_tool ruff check --no-cache
        python_tool ruff format --no-cache --check
        python_tool pytest -q -p no:cacheprovider
    )
}

python_scenario() { python_tool python "$PYTHON_CLIENT/tests/scenario.py"; }

python_snippet() { python_tool python "$1"; }
