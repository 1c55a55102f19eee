# shellcheck shell=bash
# The runner: runs groups one after another, counts what was executed, and always cleans up.
#
# A group is a function `group_NAME` with a line in TABLE. It runs in its own strict subshell, so a
# failing command ends only that group. A group that counted no executed check has failed.

say() { printf '%s\n' "$@"; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# count PASSED FAILED: adds to the checks that the current group executed.
count() { printf '%s %s\n' "$1" "$2" >>"$RUN_DIR/$GROUP.counts"; }

# note TEXT: something that matters although nothing failed; repeated at the end of the run.
note() {
    say "note: $*"
    printf '%s: %s\n' "$GROUP" "$*" >>"$RUN_DIR/notes"
}

# step NAME COMMAND…: one check of a group. A failure is counted and the group continues, so that
# one run shows all failures.
STEPS=()
step() {
    local name=$1 status
    shift
    say "-- $name"
    # Not `if "$@"`: bash disables `set -e` inside a condition, and a failure in the middle of a
    # function would pass.
    set +e
    (
        set -e
        "$@"
    )
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        count 1 0
    else
        say "-- $name: FAILED (exit code $status)"
        count 0 1
    fi
}

# begin_step NAME COMMAND…: a step that runs beside others, as many at once as there are processors.
# `end_steps` waits for all of them and prints what they printed.
begin_step() {
    while [ "$(jobs -rp | wc -l)" -ge "$(getconf _NPROCESSORS_ONLN)" ]; do sleep 0.1; done
    local log=$RUN_DIR/step-${#STEPS[@]}.log
    # A step that is killed at once would leave no file.
    : >"$log"
    step "$@" >"$log" 2>&1 &
    STEPS+=("$!")
}

end_steps() {
    local index
    for index in "${!STEPS[@]}"; do
        # A step whose process was killed has counted nothing.
        wait "${STEPS[index]}" || count 0 1
        cat "$RUN_DIR/step-$index.log"
    done
    STEPS=()
}

# ahead NAME COMMAND…: starts a command once per run, at the lowest priority, so that it takes the time
# that the groups leave over. It is for what a later group does anyway, and waits for: a build. What
# is unfinished at the end of the run is stopped.
ahead() {
    local mark=$RUN_DIR/$1.ahead
    shift
    [ ! -e "$mark" ] || return 0
    : >"$mark"
    (
        trap - INT TERM
        printf '%s\n' "$BASHPID" >"$mark"
        nice -n 19 "$@" >"$mark.log" 2>&1 || true
        : >"$mark" # its number may belong to another process from now on
    ) &
}

# need SERVICE: starts SERVICE once per run, with SERVICE_start, and exports the variables that it
# wrote to SERVICE.exports. The mark is written before the start, so that an incompletely started
# service is stopped too.
need() {
    if [ ! -f "$RUN_DIR/$1.exports" ]; then
        : >"$RUN_DIR/$1.started"
        "${1}_start"
    fi
    # shellcheck source=/dev/null
    . "$RUN_DIR/$1.exports"
}

# kill_tree PID: terminates a process and its descendants. A signal to the runner alone does not
# reach them.
kill_tree() {
    local child children
    children=$(cat "/proc/$1/task/$1/children" 2>/dev/null) || true
    kill -TERM "$1" 2>/dev/null || true
    for child in $children; do kill_tree "$child"; done
}

cleanup() {
    local mark service
    set +e
    trap '' INT TERM # a second Ctrl-C must not leave a service behind
    if [ -n "${CHILD:-}" ]; then
        kill_tree "$CHILD"
        wait "$CHILD" 2>/dev/null
    fi
    for mark in "$RUN_DIR"/*.ahead; do
        if [ -s "$mark" ]; then kill_tree "$(<"$mark")"; fi
    done
    for mark in "$RUN_DIR"/*.started; do
        [ -e "$mark" ] || continue
        service=$(basename "$mark" .started)
        "${service}_stop"
    done
    rm -rf "$RUN_DIR"
}

# install_tools GROUP: what the group needs; some groups need nothing.
install_tools() {
    if declare -F "tools_$1" >/dev/null; then "tools_$1"; fi
}

group_names() { awk 'NF { print $1 }' <<<"$TABLE"; }

usage() {
    say "usage: $0 [--fail-fast] [--install-only] [--list] [GROUP…]" "" "Without a GROUP all of them run:" "$TABLE"
}

# run_group NAME: sets STATE (passed or failed), and adds to PASSED and FAILED.
run_group() {
    GROUP=$1
    local status=0 passed failed started=$SECONDS
    say "" "=== $GROUP"
    : >"$RUN_DIR/$GROUP.counts"
    # In the background with `wait`: bash runs a trap at once during `wait`, but only after a
    # foreground command. `trap - INT` because background commands ignore Ctrl-C otherwise.
    (
        trap - INT TERM
        set -euo pipefail
        install_tools "$GROUP"
        "group_$GROUP"
    ) &
    CHILD=$!
    wait "$CHILD" || status=$?
    CHILD=

    read -r passed failed < <(awk '{ p += $1; f += $2 } END { print p + 0, f + 0 }' "$RUN_DIR/$GROUP.counts")
    if [ "$((passed + failed))" -eq 0 ]; then
        say "$GROUP: nothing was executed"
        status=1
    fi
    # A group that failed outside of any check (a missing tool, a build error) is one failure too.
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
    STATE=passed
    [ "$failed" -eq 0 ] || STATE=failed
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed))
    TOOK=$((SECONDS - started))
    say "=== $GROUP: $STATE in $TOOK s ($passed passed, $failed failed)"
}

# The groups of this run.
CHOSEN=()

# main ARGUMENTS…: the command line of scripts/test.
main() {
    local fail_fast=false install_only=false name known summary=""
    known=$(group_names)
    while [ $# -gt 0 ]; do
        case $1 in
            --fail-fast) fail_fast=true ;;
            --install-only) install_only=true ;;
            --list) say "$TABLE" && exit 0 ;;
            -h | --help) usage && exit 0 ;;
            *)
                if ! grep -qxF -- "$1" <<<"$known"; then
                    usage >&2
                    say "unknown group: $1" >&2
                    exit 2
                fi
                CHOSEN+=("$1")
                ;;
        esac
        shift
    done
    [ "${#CHOSEN[@]}" -gt 0 ] || mapfile -t CHOSEN <<<"$known"

    # Always in /tmp: the path of a unix socket has at most 107 bytes, and other users may not enter
    # TMPDIR.
    RUN_DIR=$(mktemp -d /tmp/groundwork-test.XXXXXX)
    trap cleanup EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # Services run as another user if the tests run as root: that user may enter the folder, and not
    # list it.
    chmod 711 "$RUN_DIR"

    if $install_only; then
        for name in "${CHOSEN[@]}"; do
            GROUP=$name
            say "-- installing what $name needs"
            install_tools "$name"
        done
        exit 0
    fi

    PASSED=0 FAILED=0
    for name in "${CHOSEN[@]}"; do
        if $fail_fast && [ "$FAILED" -gt 0 ]; then
            summary+="$name not-run -"$'\n'
            continue
        fi
        run_group "$name"
        summary+="$name $STATE $TOOK"$'\n'
    done

    say "" "$(printf '%-12s %-8s %8s' group result seconds)"
    awk 'NF { printf "%-12s %-8s %8s\n", $1, $2, $3 }' <<<"$summary"
    if [ -f "$RUN_DIR/notes" ]; then sed 's/^/note: /' "$RUN_DIR/notes"; fi
    say "$PASSED passed, $FAILED failed"
    [ "$FAILED" -eq 0 ] || exit 1
}
