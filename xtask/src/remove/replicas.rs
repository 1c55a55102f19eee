//! Replicas of PostgreSQL: their setting and what names it. The database crate can still use them,
//! which costs nothing without an address.

use super::edit::{Edit, cut, cut_to, delete, replace};

pub fn edits() -> Vec<Edit> {
    [settings(), health(), tests(), deployments(), documentation()].concat()
}

fn settings() -> Vec<Edit> {
    let settings = "src/settings.rs";
    let parsers = "src/settings/parsers.rs";
    let rules = "src/settings/rules.rs";
    let tests = "src/settings/tests.rs";
    vec![
        replace(settings, "range_api_url, replica_url}", "range_api_url}"),
        cut_to(
            settings,
            "/// Streaming replicas of `DATABASE_URL`",
            "            list(parsed(replica_url).secret());",
        ),
        cut_to(parsers, "pub(super) fn replica_url(", "}"),
        cut(parsers, "assert_eq!(replica_url(&url)"),
        cut_to(rules, "if is_sqlite && !settings.database_replica_urls", "    }"),
        replace("src/settings/configs.rs", "settings.database_replica_urls.clone()", "Vec::new()"),
        cut("src/app/services.rs", "replicas = settings.database_replica_urls.len(),"),
        cut(tests, "(\"DATABASE_REPLICA_URLS\", \"postgres://u:hunter2@h/d\"),"),
        cut(tests, "(\"DATABASE_REPLICA_URLS\", \"postgres://u:hunter2@r/d\"),"),
        cut(tests, "assert_eq!(effective[\"DATABASE_REPLICA_URLS\"]"),
        replace(tests, "#[test]\nfn replicas_need_postgres() {", "fn replicas_need_postgres() {"),
        cut_to(tests, "fn replicas_need_postgres() {", "}"),
    ]
}

fn health() -> Vec<Edit> {
    let service = "src/services/health.rs";
    vec![
        replace(
            service,
            "use groundwork_database::{Database, ReplicaState};",
            "use groundwork_database::Database;",
        ),
        replace(
            service,
            "let probes: Arc<[_]> = [database, state, jobs].into_iter().chain(service.replicas()).collect();",
            "let probes: Arc<[_]> = Arc::new([database, state, jobs]);",
        ),
        cut_to(service, "/// Replicas, from their continuous checks.", "    }"),
        replace(
            "src/schemas/health.rs",
            "`jobs` (work after the\n    /// response), `replica_1`, `replica_2` and so on.",
            "`jobs` (work after the\n    /// response).",
        ),
        replace("src/api/v1/health.rs", " without a replica, the primary serves all\n    /// reads;", ""),
    ]
}

fn tests() -> Vec<Edit> {
    let whole = "tests/deploy/whole.rs";
    let postgres = "tests/support/postgres.rs";
    vec![
        delete("tests/servers/copied.rs"),
        delete("tests/servers/replicas.rs"),
        cut("tests/servers/mod.rs", "mod copied;"),
        cut("tests/servers/mod.rs", "mod replicas;"),
        replace("tests/servers/mod.rs", "with TLS, replicas and failovers:", "with TLS and failovers:"),
        replace(
            whole,
            "a primary of PostgreSQL with a replica that follows\n//! it, and a Redis Cluster.",
            "PostgreSQL, and a Redis Cluster.",
        ),
        cut(whole, "_replica: Server,"),
        cut(whole, "let replica = primary.replica("),
        cut(whole, "(\"DATABASE_REPLICA_URLS\", "),
        replace(whole, "_replica: replica, ", ""),
        replace(whole, "\"the replica is in use\"", "\"all is in use\""),
        replace(
            whole,
            "[\"postgresql\", \"redis_cluster\", \"postgresql\", \"postgresql\"]",
            "[\"postgresql\", \"redis_cluster\", \"postgresql\"]",
        ),
        cut_to(
            postgres,
            "/// Whether SIGUSR1, by which PostgreSQL tells its processes of conflicts, waits for a stopped",
            "}",
        ),
        cut_to(postgres, "/// Has a standby follow this primary", "    }"),
    ]
}

fn deployments() -> Vec<Edit> {
    let dashboard = "deploy/grafana/dashboard.json";
    vec![
        cut_to(
            "deploy/prometheus/alerts.yaml",
            "- alert: ReplicaLeftOut",
            "          runbook: docs/operations.md#alert-replica-left-out",
        ),
        // Its line with a title tells the panel from the others, and is not its first.
        replace(
            dashboard,
            "    {\n      \"id\": 11,\n      \"type\": \"timeseries\",\n      \"title\": \"Replicas\",\n",
            "    Replicas\n",
        ),
        cut_to(dashboard, "Replicas", "    },"),
    ]
}

fn documentation() -> Vec<Edit> {
    let operations = "docs/operations.md";
    let threats = "docs/threat-model.md";
    let operating = vec![
        cut(operations, "| Large | PostgreSQL with replicas |"),
        replace(
            operations,
            "Redis and replicas may be added and removed at any time, because they contain no data of their own.\n\
             While only some instances are configured with the replicas, a session may miss its own last write in\n\
             a list for a few seconds ([decision 0014](decisions/0014-replicas.md)).\n",
            "Redis may be added and removed at any time, because it contains no data of its own.\n",
        ),
        cut(operations, "- **Replicas** in `DATABASE_REPLICA_URLS` are used in the same mode."),
        replace(
            operations,
            " on the primary and\n  on each replica, one on the primary and on each replica for the replica checks, \
             and one on the\n  primary if `DATABASE_URL` names several hosts.",
            ", and one more if\n  `DATABASE_URL` names several hosts.",
        ),
        cut_to(
            operations,
            "- **Replicas** in `DATABASE_REPLICA_URLS` keep one host each.",
            "  promoted one is ejected as \"follows no primary\".",
        ),
        cut_to(operations, "### Alert: replica left out", "the load of the primary meanwhile."),
        cut(operations, "| `DATABASE_REPLICA_URLS` |"),
        cut("docs/faults.md", "| a replica of PostgreSQL killed, frozen, behind |"),
        cut("docs/faults.md", "| a new primary that a replica does not follow yet |"),
        replace(threats, "PostgreSQL, replicas", "PostgreSQL"),
        replace(threats, "## 3: PostgreSQL and replicas", "## 3: PostgreSQL"),
        cut(threats, "| E | an ended session, read from a stale replica |"),
        replace(
            "docs/guides/deploy.md",
            "the replica checks and the failover probe need it.",
            "the failover probe needs it.",
        ),
    ];
    [operating, scaling()].concat()
}

fn scaling() -> Vec<Edit> {
    let scaling = "docs/scaling.md";
    vec![
        replace(
            scaling,
            "| 3 | PostgreSQL with replicas | Redis Cluster | many | requests for lists keep the primary busy, or one Redis",
            "| 3 | PostgreSQL | Redis Cluster | many | one Redis",
        ),
        replace(scaling, "| 4 | one primary, replicas in every region |", "| 4 | one primary |"),
        replace(scaling, "## Step 3: replicas and Redis Cluster", "## Step 3: Redis Cluster"),
        replace(
            scaling,
            "- **You need** `DATABASE_REPLICA_URLS` (streaming replicas) and `REDIS_URL=redis+cluster://…`.\n\
             - **You get** lists of users from the replicas in turn, and limits and cache spread over the nodes\n  \
             of the cluster. Session checks, writes and everything in a transaction stay on the primary.\n",
            "- **You need** `REDIS_URL=redis+cluster://…`.\n\
             - **You get** limits and cache spread over the nodes of the cluster.\n",
        ),
        cut_to(
            scaling,
            "- **It costs** one more `UPDATE` for each session that writes",
            "  instance opens one pool per replica.",
        ),
        cut_to(
            scaling,
            "- **When a replica fails** or is more than",
            "  its reads. Size the primary for them.",
        ),
        replace(
            scaling,
            "has instances, a replica and a Redis of its own.",
            "has instances and a Redis of its own.",
        ),
        replace(
            scaling,
            "(operations.md#failover)), the region's replica in `DATABASE_REPLICA_URLS`,\n  and the region's Redis",
            "(operations.md#failover)) and the region's Redis",
        ),
        replace(
            scaling,
            "rate limits and reads from replicas near the client, and a copy of the\n  data in each region.",
            "and rate limits near the client.",
        ),
        replace(scaling, "promote a replica with your tool", "promote a standby with your tool"),
    ]
}
