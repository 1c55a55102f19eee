# shellcheck shell=bash
# Starts a PostgreSQL for this run, and touches no server of the machine: `need postgres`.

# postgres_bin: prints the folder of initdb, pg_ctl and postgres. Debian keeps them out of PATH.
postgres_bin() {
    local initdb folder
    while read -r initdb; do
        folder=$(dirname "$(readlink -f "$initdb")")
        if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ] && [ -x "$folder/postgres" ]; then
            printf '%s\n' "$folder"
            return 0 # the 0 matters: in a trap, a bare `return` gives the status from before the trap
        fi
    done < <(
        command -v initdb
        printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -Vr
    )
    return 1
}

# as_postgres COMMAND…: as another user, because PostgreSQL refuses to run as root. In RUN_DIR,
# because that user may not enter the caller's folder; with the C locale, because the messages are
# parsed below.
as_postgres() {
    local user=()
    if [ "$(id -u)" -eq 0 ]; then
        user=(setpriv --reuid="$(postgres_user)" --regid="$(id -g "$(postgres_user)")" --clear-groups)
    fi
    (cd "$RUN_DIR" && LC_ALL=C "${user[@]}" "$@")
}

postgres_user() {
    if id postgres >/dev/null 2>&1; then printf 'postgres\n'; else printf 'nobody\n'; fi
}

postgres_tools() {
    postgres_bin >/dev/null || apt_install postgresql
}

postgres_start() {
    postgres_tools
    local bin folder=$RUN_DIR/postgres port attempt
    bin=$(postgres_bin) || die "PostgreSQL is unavailable: no folder has initdb, pg_ctl and postgres"

    mkdir "$folder"
    if [ "$(id -u)" -eq 0 ]; then chown "$(postgres_user):" "$folder"; fi
    as_postgres "$bin/initdb" --pgdata="$folder/data" --username=postgres --auth=trust \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$folder.initdb.log" 2>&1 ||
        { cat "$folder.initdb.log" >&2; die "initdb failed"; }

    # Nothing outlives the run, so durability is off. Parallel tests need many connections.
    as_postgres tee -a "$folder/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
max_connections = 400
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
wal_level = minimal
max_wal_senders = 0
CONF

    # Asking the kernel for a free port on PostgreSQL's behalf would race, so PostgreSQL tries
    # ports. They are below 32768, where the range of outgoing connections begins.
    for attempt in {1..20}; do
        port=$((20000 + RANDOM % 12000))
        : >"$folder.log"
        if as_postgres "$bin/pg_ctl" start --pgdata="$folder/data" --options="-p $port" --wait --timeout=60 \
            </dev/null >"$folder.log" 2>&1; then
            say "PostgreSQL $("$bin/postgres" --version | awk '{ print $3 }') on 127.0.0.1:$port"
            printf 'export TEST_POSTGRES_URL=postgres://postgres@127.0.0.1:%s/postgres\n' "$port" \
                >"$RUN_DIR/postgres.exports"
            return 0
        fi
        grep -q 'Address already in use' "$folder.log" || break
    done
    cat "$folder.log" >&2
    die "PostgreSQL did not start ($attempt attempts)"
}

# postgres_stop: at the end of the run, also after a failure or an incomplete start.
postgres_stop() {
    local bin
    if [ -f "$RUN_DIR/postgres/data/postmaster.pid" ] && bin=$(postgres_bin); then
        # Immediate: the data is removed next.
        as_postgres "$bin/pg_ctl" stop --pgdata="$RUN_DIR/postgres/data" --mode=immediate >/dev/null ||
            say "PostgreSQL did not stop"
    fi
}
