# shellcheck shell=bash
# The property tests: schemathesis generates valid and invalid requests from the document and checks
# the responses.

# Makes a run repeatable.
PROPERTIES_SEED=20261124

# properties_start: starts the built service in a folder of the run, with its own database. Use it
# with `need properties`.
properties_start() {
    local folder=$RUN_DIR/properties url=""
    mkdir -p "$folder"
    : >"$folder/log" # read below, possibly before the service has started
    (
        cd "$folder" || exit
        PORT=0 BCRYPT_ROUNDS=4 RATE_LIMIT_PER_MINUTE=1000000 AUTH_RATE_LIMIT_PER_MINUTE=1000000 \
        ACCOUNT_RATE_LIMIT_PER_MINUTE=1000000 \
            exec "$GROUNDWORK_BIN" >>log 2>&1
    ) &
    printf '%s\n' "$!" >"$folder/pid"
    for _ in {1..300}; do
        url=$(sed -n 's|.*listening on \(http://[0-9.:]*\).*|\1|p' "$folder/log")
        [ -z "$url" ] || break
        sleep 0.1
    done
    [ -n "$url" ] || { cat "$folder/log" >&2; die "the service of the property tests does not start"; }
    # hooks.py creates its superusers in the same database.
    printf 'export GROUNDWORK_URL=%q DATABASE_URL=%q\n' "$url" "sqlite://$folder/groundwork.db" >"$RUN_DIR/properties.exports"
}

properties_stop() {
    [ ! -f "$RUN_DIR/properties/pid" ] || kill "$(<"$RUN_DIR/properties/pid")" 2>/dev/null || true
}

# schemathesis CALLER DOCUMENT: all checks, as this caller. `valid_data_is_accepted` in hooks.py
# replaces the check that is excluded: it calls that check, but for rules that no schema can state.
# No text in the API may contain NUL, even in unknown fields, which no schema can express.
schemathesis() {
    cd "$RUN_DIR/properties" || die "no folder for what it keeps"
    GROUNDWORK_CALLER=$1 SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$PROPERTIES PYTHONDONTWRITEBYTECODE=1 \
        timeout 600 "$(venv_bin properties)/st" run "$2" --url "$GROUNDWORK_URL" --checks all \
        --exclude-checks positive_data_acceptance --seed "$PROPERTIES_SEED" --max-examples 40 --continue-on-failure \
        --generation-allow-x00 false --generation-database none --no-color
}

# properties_can_fail: the same checks against a document that contradicts the service.
properties_can_fail() {
    local wrong=$RUN_DIR/properties/wrong
    sed 's/"format": "date-time"/"format": "uuid"/' "$OPENAPI" >"$wrong.json"
    if schemathesis superuser "$wrong.json" >"$wrong.log"; then die "a wrong document passes"; fi
    grep -q 'Response violates schema' "$wrong.log" || { tail -n 40 "$wrong.log"; die "it failed for another reason"; }
}
