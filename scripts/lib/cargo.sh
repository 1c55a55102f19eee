# shellcheck shell=bash
# Evaluates cargo's tests strictly: a test that was not executed has failed.

# cargo_tests ARGUMENTS…: `cargo test ARGUMENTS…`, counted, with the tests that a plain `cargo test`
# ignores because they need a server or a program. Beyond cargo's own verdict it fails on an ignored
# or filtered test, on an integration test binary without a test, and on a binary that ended before
# giving a result.
#
# Every call of cargo in a group selects the root package or the whole workspace: features of
# dependencies depend on the selection, and with other features cargo compiles them again.
# `same_features` holds these selections together.
cargo_tests() {
    local all=(-- --include-ignored)
    case " $* " in *" -- "*) all=(--include-ignored) ;; esac
    count_cargo_tests "cargo test $*" 0 "$@" "${all[@]}"
}

# integration_tests MODULE…: the tests of these modules of tests/integration.rs, and nothing else of
# it is expected to run. It fails if a module has no test.
integration_tests() {
    local known module names=()
    known=$(list_integration_tests)
    for module in "$@"; do
        mapfile -t -O "${#names[@]}" names < <(grep "^$module::" <<<"$known")
        grep -q "^$module::" <<<"$known" || die "tests/integration.rs has no test in a module $module"
    done
    # By their whole names: a filter matches anywhere in a name, and would find faults::clients with
    # clients.
    count_cargo_tests "cargo test --test integration: $*" "$(($(wc -l <<<"$known") - ${#names[@]}))" \
        --test integration -- --exact "${names[@]}" --include-ignored
}

# integration_modules_except MODULE…: the names of the other modules with tests, from cargo, because
# a list kept by hand would miss one.
integration_modules_except() {
    local module modules
    modules=$(list_integration_tests | sed 's/::.*//' | sort -u)
    for module in "$@"; do
        grep -qxF -- "$module" <<<"$modules" || die "tests/integration.rs has no test in a module $module"
        modules=$(grep -vxF -- "$module" <<<"$modules")
    done
    printf '%s\n' "$modules"
}

list_integration_tests() {
    local log=$RUN_DIR/list.log
    cargo test --locked --quiet --test integration -- --list >"$log" || die "the tests do not build"
    sed -n 's/: test$//p' "$log"
}

# test_binaries_except NAME…: the names of the workspace's other integration test binaries, from
# cargo.
test_binaries_except() {
    local name names
    names=$(cargo metadata --locked --no-deps --format-version 1 |
        grep -o '"kind":\["test"\],"crate_types":\["bin"\],"name":"[^"]*"' | sed 's/.*:"\(.*\)"/\1/' | sort -u)
    for name in "$@"; do
        grep -qxF -- "$name" <<<"$names" || die "there is no test binary $name"
        names=$(grep -vxF -- "$name" <<<"$names")
    done
    printf '%s\n' "$names"
}

# count_cargo_tests NAME OTHERS ARGUMENTS…: `cargo test ARGUMENTS…`, counted; exactly OTHERS tests
# are filtered out.
count_cargo_tests() {
    local name=$1 others=$2 log status passed failed ignored filtered empty started finished
    shift 2
    log=$(mktemp "$RUN_DIR/cargo.XXXXXX")
    say "-- $name"
    set +e
    cargo test --locked --no-fail-fast "$@" 2>&1 | tee "$log"
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
    say "-- $name: $passed passed, $failed failed, $ignored ignored, $filtered filtered out"

    local missed=$((filtered - others))
    local not_executed=$((ignored + (missed < 0 ? -missed : missed) + empty))
    [ "$ignored" -eq 0 ] || say "FAILED: $ignored ignored"
    [ "$missed" -eq 0 ] || say "FAILED: $filtered filtered out instead of $others"
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

# same_features: fails if a dependency has other features in a build of the service than in one of
# its tests, or in one of the workspace.
same_features() {
    dependency_features --edges normal,build >"$RUN_DIR/features-of-the-service"
    dependency_features --edges normal,build,dev >"$RUN_DIR/features-of-its-tests"
    dependency_features --edges normal,build,dev --workspace --all-features >"$RUN_DIR/features-of-the-workspace"
    is_part_of "$RUN_DIR/features-of-the-service" "$RUN_DIR/features-of-its-tests" &&
        is_part_of "$RUN_DIR/features-of-its-tests" "$RUN_DIR/features-of-the-workspace"
}

# dependency_features ARGUMENTS…: one line for each dependency, with its features.
dependency_features() {
    cargo tree --locked --prefix none --format '{p} [{f}]' "$@" | sed -e 's/ (\*)$//' -e 's/ (proc-macro)//' | sort -u
}

# is_part_of FILE WHOLE: each line of the sorted FILE is in the sorted WHOLE. Prints those that are
# not.
is_part_of() {
    local others
    others=$(comm -23 "$1" "$2")
    [ -z "$others" ] || { say "$others" "$(basename "$2") differ. Move the features to [workspace.dependencies]."; return 1; }
}

# build_groundwork: builds the service and exports GROUNDWORK_BIN, its absolute path.
build_groundwork() {
    cargo build --locked --bin groundwork
    GROUNDWORK_BIN=$(target_directory)/debug/groundwork
    [ -x "$GROUNDWORK_BIN" ] || die "cargo built no $GROUNDWORK_BIN"
    export GROUNDWORK_BIN
}

# The release with symbols. Cargo waits while another one builds it.
RELEASE=(cargo build --locked --release --bin groundwork --config 'profile.release.strip="none"')

# build_release: builds it and exports GROUNDWORK_RELEASE_BIN.
build_release() {
    "${RELEASE[@]}"
    GROUNDWORK_RELEASE_BIN=$(target_directory)/release/groundwork
    [ -x "$GROUNDWORK_RELEASE_BIN" ] || die "cargo built no $GROUNDWORK_RELEASE_BIN"
    export GROUNDWORK_RELEASE_BIN
}

target_directory() {
    cargo metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}
