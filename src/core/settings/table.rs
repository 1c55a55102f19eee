//! The one home of every setting.
//!
//! To add a setting, add an entry here, then run the settings tests with `UPDATE_GENERATED=1` to refresh
//! `.env.example` and the README. The comment of an entry is its documentation everywhere; the range or the
//! choices are appended by its check, so that they are written once.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

use super::check::{Address, Check, Choice, File, Flag, LogFilter, Name, Number, Time};
use super::database_url::{Database, Postgres, Replicas};
use super::optional::{Collector, Optional, Ratio};
use super::redis_url::{KeyPrefix, Redis};
use super::rules::{SecretKey, SecretKeys};
use super::source::Reader;
use super::web::{Origins, Prefix, Proxies};
use super::{AppEnv, DatabaseUrl, ForwardedHeader, JwtAlgorithm, LogFormat, PoolMode, PostgresUrl, RedisUrl};

/// A setting as documents show it.
pub(super) struct Entry {
    /// The environment variable.
    pub name: &'static str,
    /// The default as the variable would spell it; empty for a setting that is unset by default.
    pub default: &'static str,
    /// A value that is accepted, and refused in production when it is a secret.
    pub example: &'static str,
    /// What the setting does, from its documentation comment.
    pub doc: &'static str,
    /// The range, the choices or the form that is accepted, as a sentence.
    pub accepts: String,
    /// Whether the value is a secret, which may be in a file.
    pub is_secret: bool,
}

/// Whether values of this kind are secrets.
fn is_secret<C: Check>(_: &C) -> bool {
    C::SECRET
}

macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $field:ident: $type:ty = $name:literal, default $default:literal, example $example:literal, $check:expr;
    )+) => {
        /// Every setting, typed and checked. `Debug` shows no secret.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $(
                $(#[doc = $doc])+
                #[doc = concat!("\n\n`", $name, "=", $default, "`, read by `", stringify!($check), "`.")]
                pub $field: $type,
            )+
        }

        impl Settings {
            /// Every setting from its source, with the problems left in `reader`. A wrong value is replaced by
            /// its default, so that the rules between settings can still be checked.
            pub(super) fn collect(reader: &mut Reader<'_>) -> Option<Self> {
                // All are read before the first `?`: one wrong setting must not hide another.
                $( let $field = reader.read($name, $default, $example, &$check); )+
                Some(Self { $( $field: $field? ),+ })
            }

            /// The settings in force, in the order of their declaration. A secret shows as `********`; an
            /// address keeps everything but its password.
            pub fn effective(&self) -> Vec<(&'static str, String)> {
                vec![$( ($name, $check.show(&self.$field)) ),+]
            }
        }

        /// Every setting for documents, in the order of declaration.
        pub(super) fn entries() -> Vec<Entry> {
            vec![$(
                Entry {
                    name: $name,
                    default: $default,
                    example: $example,
                    doc: concat!($($doc),+).trim_ascii(),
                    accepts: $check.accepts(),
                    is_secret: is_secret(&$check),
                }
            ),+]
        }
    };
}

settings! {
    /// The name of the service on its card at `/` and among PostgreSQL's sessions.
    app_name: String = "APP_NAME", default "Groundwork", example "Groundwork", Name(100);

    /// Where the service runs: `staging` and `production` refuse to start with unsafe settings.
    app_env: AppEnv = "APP_ENV", default "development", example "production", Choice(&AppEnv::ALL);

    /// The address to listen on; `0.0.0.0` listens on every IPv4 interface, `::` on every interface.
    host: IpAddr = "HOST", default "127.0.0.1", example "0.0.0.0", Address;

    /// The port to listen on; 0 takes any free port, which the log names.
    port: u16 = "PORT", default "8000", example "8000", Number(0_u16, 65_535);

    /// A unix socket to listen on beside the port; the proxy in front needs write access to it.
    unix_socket: Option<PathBuf> = "UNIX_SOCKET", default "", example "/run/groundwork/http.sock", File;

    /// The certificate chain to speak TLS with, as a PEM file; it may be renewed while the service runs.
    tls_certificate_file: Option<PathBuf> = "TLS_CERTIFICATE_FILE", default "",
        example "/etc/groundwork/tls.crt", File;

    /// The certificate's key, as a PEM file.
    tls_key_file: Option<PathBuf> = "TLS_KEY_FILE", default "", example "/etc/groundwork/tls.key", File;

    /// The path every operation of version 1 is under.
    api_v1_prefix: String = "API_V1_PREFIX", default "/api/v1", example "/api/v1", Prefix;

    /// The web origins whose pages may call the API from a browser; in `development`, none listed means all of this machine.
    cors_origins: Vec<String> = "CORS_ORIGINS", default "",
        example "https://app.example.com,http://localhost:3000", Origins;

    /// The database, and with it the tier: a SQLite file or a PostgreSQL server.
    database_url: DatabaseUrl = "DATABASE_URL", default "sqlite://groundwork.db",
        example "postgres://groundwork:password@localhost:5432/groundwork", Database;

    /// Streaming replicas of `DATABASE_URL` for reads that may be a moment old; each gets a pool of its own.
    database_replica_urls: Vec<PostgresUrl> = "DATABASE_REPLICA_URLS", default "",
        example "postgres://groundwork:password@replica-1:5432/groundwork", Replicas;

    /// What migrations connect to instead of `DATABASE_URL`: a server without the pooler in front of it, or as another role.
    migration_database_url: Option<PostgresUrl> = "MIGRATION_DATABASE_URL", default "",
        example "postgres://owner:password@localhost:5432/groundwork", Optional(Postgres);

    /// What connections to PostgreSQL lead to: `session` for the server itself, `transaction` for a pooler that shares its sessions
    /// between transactions.
    db_pool_mode: PoolMode = "DB_POOL_MODE", default "session", example "transaction", Choice(&PoolMode::ALL);

    /// Whether the service migrates the database when it starts; with `false` it refuses to start on an older schema, and `groundwork migrate` is run apart.
    migrate_on_start: bool = "MIGRATE_ON_START", default "true", example "false", Flag;

    /// Connections to PostgreSQL that the pool keeps open; SQLite has one writer and four readers.
    db_pool_size: u32 = "DB_POOL_SIZE", default "5", example "5", Number(1_u32, 1_000);

    /// Connections to PostgreSQL beyond `DB_POOL_SIZE` under load; they close again when idle.
    db_max_overflow: u32 = "DB_MAX_OVERFLOW", default "10", example "10", Number(0_u32, 1_000);

    /// How long a request may wait for a connection before it is answered with 503, unless `REQUEST_TIMEOUT` ends first.
    db_pool_timeout: Duration = "DB_POOL_TIMEOUT", default "30", example "30", Time::seconds(1, 300);

    /// How long one statement may run before PostgreSQL cancels it.
    db_statement_timeout: Duration = "DB_STATEMENT_TIMEOUT", default "10", example "10", Time::seconds(1, 3_600);

    /// Redis for the cache and the rate limits; without it both are kept in this process.
    redis_url: Option<RedisUrl> = "REDIS_URL", default "", example "redis://:password@localhost:6379/0", Redis;

    /// What the name of every key in Redis begins with, so that several services can share one.
    redis_key_prefix: String = "REDIS_KEY_PREFIX", default "groundwork:", example "groundwork:", KeyPrefix;

    /// How long Redis may take to answer, in milliseconds; then this process goes on without it.
    redis_timeout: Duration = "REDIS_TIMEOUT", default "100", example "100", Time::milliseconds(10, 2_000);

    /// How long a cached value may be served.
    cache_ttl: Duration = "CACHE_TTL", default "300", example "300", Time::seconds(1, 86_400);

    /// The secret that signs tokens; `staging` and `production` need it, `development` keeps a random one in a file.
    jwt_secret_key: Option<SecretString> = "JWT_SECRET_KEY", default "",
        example "change-me-to-the-output-of-openssl-rand-base64-48", SecretKey;

    /// Former values of `JWT_SECRET_KEY`: tokens they signed stay valid, new ones are not signed with them.
    jwt_previous_secret_keys: Vec<SecretString> = "JWT_PREVIOUS_SECRET_KEYS", default "",
        example "change-me-to-the-value-jwt-secret-key-had-before", SecretKeys;

    /// How tokens are signed; pinned, so that a token cannot choose a weaker algorithm.
    jwt_algorithm: JwtAlgorithm = "JWT_ALGORITHM", default "HS256", example "HS256", Choice(&JwtAlgorithm::ALL);

    /// How long an access token is valid.
    access_token_expire: Duration = "ACCESS_TOKEN_EXPIRE_MINUTES", default "30", example "30",
        Time::minutes(1, 1_440);

    /// How long a refresh token is valid.
    refresh_token_expire: Duration = "REFRESH_TOKEN_EXPIRE_DAYS", default "7", example "7", Time::days(1, 365);

    /// Whether requests are limited at all.
    rate_limit_enabled: bool = "RATE_LIMIT_ENABLED", default "true", example "true", Flag;

    /// Requests a client may make to one route in any 60 seconds.
    rate_limit_per_minute: u32 = "RATE_LIMIT_PER_MINUTE", default "60", example "60", Number(1_u32, 1_000_000);

    /// The same for the routes that take a password or a refresh token.
    auth_rate_limit_per_minute: u32 = "AUTH_RATE_LIMIT_PER_MINUTE", default "10", example "10",
        Number(1_u32, 1_000_000);

    /// Log-ins to one account in any 60 seconds, of all clients together that it has no session with.
    account_rate_limit_per_minute: u32 = "ACCOUNT_RATE_LIMIT_PER_MINUTE", default "20", example "20",
        Number(1_u32, 1_000_000);

    /// The cost of hashing a password, where each step doubles it; `staging` and `production` need at least 10.
    bcrypt_rounds: u32 = "BCRYPT_ROUNDS", default "12", example "12", Number(4_u32, 31);

    /// Requests that may wait for a password to be hashed before further ones are answered with 503.
    bcrypt_queue_size: usize = "BCRYPT_QUEUE_SIZE", default "64", example "64", Number(1_usize, 10_000);

    /// How long a request may take from its headers to its response.
    request_timeout: Duration = "REQUEST_TIMEOUT", default "15", example "15", Time::seconds(1, 3_600);

    /// How long a client may take to send the body of a request.
    body_timeout: Duration = "BODY_TIMEOUT", default "10", example "10", Time::seconds(1, 3_600);

    /// How long a client may take from connecting to the end of its first request's headers, TLS included, and from the first byte of a later request to the end of its headers.
    header_timeout: Duration = "HEADER_TIMEOUT", default "10", example "10", Time::seconds(1, 3_600);

    /// How long a connection may be silent between an answer and the next request.
    keep_alive_timeout: Duration = "KEEP_ALIVE_TIMEOUT", default "75", example "75", Time::seconds(1, 3_600);

    /// Connections that are open at once; for one more, an idle one of the client with the most is closed.
    max_connections: usize = "MAX_CONNECTIONS", default "10000", example "10000", Number(1_usize, 1_000_000);

    /// Connections that are open at once from one IPv4 address or IPv6 /64, unless it is a trusted proxy's; more are closed.
    max_connections_per_ip: usize = "MAX_CONNECTIONS_PER_IP", default "2000", example "2000",
        Number(1_usize, 1_000_000);

    /// Requests that are under way at once; more are answered with 503. The bodies of as many more may be waited for. Health answers always.
    max_requests: usize = "MAX_REQUESTS", default "1000", example "1000", Number(1_usize, 1_000_000);

    /// How long readiness answers 503 after the service was told to stop, while it still serves: as long as a load balancer takes to notice.
    drain_timeout: Duration = "DRAIN_TIMEOUT", default "0", example "10", Time::seconds(0, 3_600);

    /// How long requests under way may go on after that.
    shutdown_timeout: Duration = "SHUTDOWN_TIMEOUT", default "30", example "30", Time::seconds(1, 3_600);

    /// The proxies that are believed when they say whom they forward for; without any, the peer is the client.
    trusted_proxies: Vec<IpNet> = "TRUSTED_PROXIES", default "", example "10.0.0.0/8,192.168.1.10", Proxies;

    /// The header they say it in. `either` is `X-Forwarded-For` and, where that is missing, `Forwarded` (RFC 7239): choose one when they pass the other one on as it came.
    forwarded_header: ForwardedHeader = "FORWARDED_HEADER", default "either", example "x-forwarded-for",
        Choice(&ForwardedHeader::ALL);

    /// What is logged: a level, or levels per target. Below `info`, only the service's own lines are written: those of dependencies can hold secrets.
    log_level: String = "LOG_LEVEL", default "info", example "info,groundwork=debug", LogFilter;

    /// How a log line is written: `text` for people, `json` for collectors.
    log_format: LogFormat = "LOG_FORMAT", default "text", example "json", Choice(&LogFormat::ALL);

    /// The port of the listener for Prometheus, which answers `GET /metrics` and nothing else; without it nothing is measured. 0 takes any free port, which the log names.
    metrics_port: Option<u16> = "METRICS_PORT", default "", example "9090", Optional(Number(0_u16, 65_535));

    /// The address of that listener, which asks for no password: not `0.0.0.0` where clients reach it.
    metrics_host: IpAddr = "METRICS_HOST", default "127.0.0.1", example "10.0.0.5", Address;

    /// The OpenTelemetry collector that traces are sent to, by OTLP over HTTP; without it there are none.
    otel_exporter_otlp_endpoint: Option<String> = "OTEL_EXPORTER_OTLP_ENDPOINT", default "",
        example "http://localhost:4318", Optional(Collector);

    /// What traces call this service; unset, it is `APP_NAME`.
    otel_service_name: Option<String> = "OTEL_SERVICE_NAME", default "", example "groundwork", Optional(Name(100));

    /// The part of traces that is recorded, of those that begin here; one that a caller began is recorded if the caller says so.
    otel_traces_sampler_arg: f64 = "OTEL_TRACES_SAMPLER_ARG", default "1", example "0.1", Ratio;
}
