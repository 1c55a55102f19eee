# shellcheck shell=bash
# Libraries of other languages that verify this service's tokens (tests/verifiers), as pinned there.

VERIFIERS=$PWD/tests/verifiers

verifier_tools() {
    ensure_venv verifiers "$VERIFIERS/requirements.txt"
    ensure_node 18
    ensure_node_modules "$VERIFIERS"
    go_tools
    java_tools
}

# export_verifiers: how the tests find Python and the Java library.
export_verifiers() {
    local classpath=$RUN_DIR/verifiers.classpath log=$RUN_DIR/verifiers.log
    mvn --quiet --batch-mode --no-transfer-progress --file "$VERIFIERS/java/pom.xml" \
        dependency:build-classpath -Dmdep.outputFile="$classpath" >"$log" 2>&1 ||
        { cat "$log" >&2; die "mvn failed in $VERIFIERS/java"; }
    VERIFIER_PYTHON=$(venv_bin verifiers)/python
    VERIFIER_CLASSPATH=$(<"$classpath")
    export VERIFIER_PYTHON VERIFIER_CLASSPATH
}
