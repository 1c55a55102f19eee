# shellcheck shell=bash
# The quality gate of the document: three tools that client teams use themselves. None may report
# anything, not even a hint, and none may use the network.

DOCUMENT_LINT=$PWD/tests/document/lint

ensure_document_tools() {
    ensure_node 18.18 # for spectral
    ensure_node_modules "$DOCUMENT_LINT"
    ensure_venv document "$DOCUMENT_LINT/requirements.txt"
}

redocly_lint() {
    REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true "$DOCUMENT_LINT/node_modules/.bin/redocly" lint \
        --config="$DOCUMENT_LINT/redocly.yaml" --format=stylish "$1"
}

spectral_lint() {
    "$DOCUMENT_LINT/node_modules/.bin/spectral" lint --ruleset="$DOCUMENT_LINT/.spectral.yaml" \
        --fail-severity=hint --fail-on-unmatched-globs "$1"
}

validate_openapi() {
    "$(venv_bin document)/openapi-spec-validator" "$1"
}

# finds TEXT TOOL FILE: the tool rejects the file and says why. A broken tool would also reject it,
# with another message.
finds() {
    local text=$1 output
    shift
    if output=$("$@" 2>&1); then die "a fault is accepted: $text"; fi
    grep -qF -- "$text" <<<"$output" || { say "$output"; die "nothing is said of the fault: $text"; }
}

# seed NAME EXPRESSION: copies the document, seeds a fault into the copy with sed, and prints its
# name.
seed() {
    local file=$RUN_DIR/seed-$1.json
    sed "$2" openapi/groundwork.json >"$file"
    ! cmp -s openapi/groundwork.json "$file" || die "there is nothing to change for the seed $1"
    printf '%s\n' "$file"
}

# document_quality: runs the tools on both documents, then on documents with a fault that each tool
# must find.
document_quality() {
    local document unused named nowhere
    for document in openapi/groundwork.json openapi/groundwork-3.0.json; do
        begin_step "redocly: $document" redocly_lint "$document"
        begin_step "spectral: $document" spectral_lint "$document"
        begin_step "openapi-spec-validator: $document" validate_openapi "$document"
    done

    # An unused schema is only a warning by default: this shows that a warning is enough to fail.
    unused=$(seed unused 's|"#/components/schemas/TokenType"|"#/components/schemas/HealthStatus"|')
    named=$(seed named 's/"operationId": "users_list"/"operationId": "usersList"/')
    nowhere=$(seed nowhere 's/"in": "query"/"in": "nowhere"/')
    begin_step "redocly finds an unused schema" finds no-unused-components redocly_lint "$unused"
    begin_step "spectral finds an unused schema" finds oas3-unused-component spectral_lint "$unused"
    begin_step "spectral finds a broken convention" finds operation-id-style spectral_lint "$named"
    begin_step "openapi-spec-validator finds a wrong word" finds "'nowhere' is not one of" validate_openapi "$nowhere"
    end_steps

    node_tests "$DOCUMENT_LINT/conventions.test.js"
}
