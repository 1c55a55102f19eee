# shellcheck shell=bash
# Starts a Redis and a Redis Cluster for this run, on loopback and without persistence: `need
# redis`, `need redis_cluster`.

# redis_server NAME PORT OPTION…: starts a server in the folder RUN_DIR/NAME. If the port is taken,
# it fails and leaves nothing running.
redis_server() {
    local folder=$RUN_DIR/$1 port=$2 pid deadline=$((SECONDS + 30))
    shift 2
    # New for each attempt: an earlier log would be misleading, and a cluster's nodes.conf may still
    # be locked.
    rm -rf "$folder"
    mkdir -p "$folder"
    # Not as a daemon, so that its process id is known.
    redis-server --bind 127.0.0.1 --port "$port" --dir "$folder" --save '' --appendonly no \
        --logfile "$folder/log" "$@" </dev/null >"$folder/start" 2>&1 &
    pid=$!
    disown "$pid" || true # it may have ended already
    printf '%s\n' "$pid" >"$folder/pid"
    # Its own log shows that it has the port; another server could answer on a taken port, where
    # this one exits.
    while kill -0 "$pid" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ]; do
        if grep -qs 'Ready to accept connections' "$folder/log"; then return 0; fi
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    rm "$folder/pid"
    say "Redis did not start on port $port"
    return 1
}

# redis_port: a port that may be free. The cluster bus port, 10000 above, must be a valid port too.
redis_port() { printf '%s\n' $((12000 + RANDOM % 8000)); }

redis_tools() {
    ensure_command redis-server redis-server
    ensure_command redis-cli redis-tools
}

redis_start() {
    redis_tools
    local port attempt
    for attempt in {1..20}; do
        port=$(redis_port)
        if redis_server redis "$port"; then
            say "Redis $(redis-server --version | sed 's/.* v=\([^ ]*\).*/\1/') on 127.0.0.1:$port"
            printf 'export TEST_REDIS_URL=redis://127.0.0.1:%s\n' "$port" >"$RUN_DIR/redis.exports"
            return 0
        fi
    done
    cat "$RUN_DIR"/redis/start "$RUN_DIR"/redis/log >&2
    die "Redis did not start ($attempt attempts)"
}

redis_stop() { redis_kill redis; }

# Three primaries with a replica each.
redis_cluster_start() {
    redis_tools
    local port node nodes=() attempt
    for node in {1..6}; do
        for attempt in {1..20}; do
            port=$(redis_port)
            # No test needs a failover here, and a node delayed by a busy machine must not be
            # considered dead.
            if redis_server "redis_cluster.$node" "$port" --cluster-enabled yes --cluster-node-timeout 15000; then break; fi
            [ "$attempt" -lt 20 ] || {
                cat "$RUN_DIR/redis_cluster.$node/start" "$RUN_DIR/redis_cluster.$node/log" >&2
                die "node $node of the Redis Cluster did not start"
            }
        done
        nodes+=("127.0.0.1:$port")
    done
    redis-cli --cluster create "${nodes[@]}" --cluster-replicas 1 --cluster-yes >"$RUN_DIR/redis_cluster.log" 2>&1 ||
        { cat "$RUN_DIR/redis_cluster.log" >&2; die "the Redis Cluster could not be made"; }
    for attempt in {1..300}; do
        # Every node must know all slots, not only the last one.
        for node in "${nodes[@]}"; do
            redis-cli -p "${node##*:}" cluster info | grep -q '^cluster_state:ok' || { sleep 0.2 && continue 2; }
        done
        say "Redis Cluster of ${#nodes[@]} nodes"
        printf 'export TEST_REDIS_CLUSTER_URL=redis+cluster://%s\n' "$(IFS=, && printf '%s' "${nodes[*]}")" \
            >"$RUN_DIR/redis_cluster.exports"
        return 0
    done
    die "the Redis Cluster did not become ready"
}

redis_cluster_stop() {
    local node
    for node in {1..6}; do redis_kill "redis_cluster.$node"; done
}

# Killed, because nothing has to be saved: the folder is removed next.
redis_kill() {
    local pid
    if pid=$(cat "$RUN_DIR/$1/pid" 2>/dev/null); then kill -KILL "$pid" 2>/dev/null || true; fi
}
