# shellcheck shell=bash
# Evaluates cargo's tests strictly: a test that was not executed has failed.

# cargo_tests ARGUMENTS…: `cargo test ARGUMENTS…`, counted, with the tests that a plain `cargo test`
# ignores because they need a server or a program. Beyond cargo's own verdict it fails on an ignored
# or filtered test, on an integration test binary without a test, and on a binary that ended before
# giving a result.
cargo_tests() {
    local log status passed failed ignored filtered empty started finished all=(-- --include-ignored)
    case " $* " in *" -- "*) all=(--include-ignored) ;; esac
    log=$(mktemp "$RUN_DIR/cargo.XXXXXX")
    say "-- cargo test $*"
    set +e
    cargo test --locked --no-fail-fast "$@" "${all[@]}" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    set -e

    # Remove colours first: CARGO_TERM_COLOR=always is common in CI.
    read -r passed failed ignored filtered empty started finished < <(
        sed 's/\x1b\[[0-9;]*m//g' "$log" | awk '
            /^ +Running (unittests )?[^ ]+ \(/ { started++; integration = ($2 != "unittests") }
            /^ +Doc-tests / { started++; integration = 0 }
            /^test result: / {
                finished++; passed += $4; failed += $6; ignored += $8; filtered += $12
                if (integration && $4 + $6 == 0) empty++
            }
            END { print passed + 0, failed + 0, ignored + 0, filtered + 0, empty + 0, started + 0, finished + 0 }'
    )
    say "-- cargo test $*: $passed passed, $failed failed, $ignored ignored, $filtered filtered out"

    local not_executed=$((ignored + filtered + empty))
    [ "$ignored" -eq 0 ] || say "FAILED: $ignored ignored"
    [ "$filtered" -eq 0 ] || say "FAILED: $filtered filtered out"
    [ "$empty" -eq 0 ] || say "FAILED: $empty integration test binaries have no test"
    if [ "$finished" -lt "$started" ]; then
        say "FAILED: $((started - finished)) test binaries ended without a result"
        not_executed=$((not_executed + started - finished))
    fi
    if [ "$status" -ne 0 ]; then
        say "FAILED: cargo test ended with exit code $status"
        [ "$failed" -gt 0 ] || failed=1
    fi
    count "$passed" "$((failed + not_executed))"
}

# integration_tests: the names of the test binaries, from cargo, because a list kept by hand would
# miss one.
integration_tests() {
    local log=$RUN_DIR/no-run.log
    cargo test --locked --no-run --test '*' >"$log" 2>&1 || { cat "$log" >&2; die "the tests do not build"; }
    sed 's/\x1b\[[0-9;]*m//g' "$log" | sed -n 's|^ *Executable tests/\([^/. ]*\)[/.].*|\1|p'
}

# build_groundwork: builds the service and exports GROUNDWORK_BIN, its absolute path.
build_groundwork() {
    cargo build --locked --bin groundwork
    GROUNDWORK_BIN=$(target_directory)/debug/groundwork
    [ -x "$GROUNDWORK_BIN" ] || die "cargo built no $GROUNDWORK_BIN"
    export GROUNDWORK_BIN
}

# build_release: builds the release with symbols and exports GROUNDWORK_RELEASE_BIN.
build_release() {
    cargo build --locked --release --bin groundwork --config 'profile.release.strip="none"'
    GROUNDWORK_RELEASE_BIN=$(target_directory)/release/groundwork
    [ -x "$GROUNDWORK_RELEASE_BIN" ] || die "cargo built no $GROUNDWORK_RELEASE_BIN"
    export GROUNDWORK_RELEASE_BIN
}

target_directory() {
    cargo metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}
