# shellcheck shell=bash
# Evaluates Node's test runner as strictly as cargo's.

# node_tests FILE…: `node --test FILE…`, counted. A skipped, todo or cancelled test has failed.
node_tests() {
    local report status passed failed skipped
    report=$(mktemp "$RUN_DIR/node.XXXXXX")
    say "-- node --test $*"
    set +e
    node --test --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=tap --test-reporter-destination="$report" "$@"
    status=$?
    set -e
    read -r passed failed skipped < <(awk '
        /^# pass / { passed = $3 }
        /^# (fail|cancelled) / { failed += $3 }
        /^# (skipped|todo) / { skipped += $3 }
        END { print passed + 0, failed + 0, skipped + 0 }' "$report")
    say "-- node --test $*: $passed passed, $failed failed, $skipped skipped"

    [ "$skipped" -eq 0 ] || say "FAILED: $skipped skipped"
    if [ "$((passed + failed + skipped))" -eq 0 ]; then
        say "FAILED: no test was executed"
        failed=1
    fi
    if [ "$status" -ne 0 ]; then
        say "FAILED: node ended with exit code $status"
        [ "$failed" -gt 0 ] || failed=1
    fi
    count "$passed" "$((failed + skipped))"
}
