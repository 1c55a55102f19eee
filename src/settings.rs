//! The settings of the service, read and checked once at start.
//!
//! To add a setting, add an entry to the table below, then run the settings tests with
//! `UPDATE_GENERATED=1` to refresh `.env.example` and `docs/reference/settings.md`. The comment of an
//! entry is its documentation everywhere. Most checks append the range or the choices, so that these
//! are written once.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use groundwork_mail::{Sender, SmtpUrl};
use groundwork_settings::Sources;
use groundwork_settings::check::{
    address, choice, days, file_path, flag, line, list, milliseconds, minutes, number, optional, origin,
    parsed, path_prefix, ratio, seconds, secret_key, trusted_proxies,
};
use groundwork_state::url::key_prefix;
use groundwork_telemetry::{collector_url, log_filter};
use ipnet::IpNet;
use parsers::{claim, database_url, postgres_url, public_url, range_api_url, replica_url};
use rules::{Need, between_settings};
use secrecy::SecretString;

pub use app_env::AppEnv;
pub use groundwork_database::url::{DatabaseUrl, PoolMode, PostgresUrl, Roots, Tls};
pub use groundwork_server::client::ForwardedHeader;
pub use groundwork_settings::SettingsError;
pub use groundwork_state::url::RedisUrl;
pub use groundwork_telemetry::LogFormat;
pub use signing_key::{JwtAlgorithm, SigningKeyError};

use crate::domain::registration::Registration;

mod app_env;
mod configs;
mod parsers;
mod rules;
mod signing_key;

groundwork_settings::settings! {
    /// Every setting, typed and checked. `Debug` shows no secret.
    pub struct Settings {
        /// The name of the service on its card at `/` and in PostgreSQL's list of sessions.
        app_name: String = "APP_NAME", default "Groundwork", example "Groundwork", line(100);

        /// The environment of the service: `staging` and `production` refuse unsafe settings.
        app_env: AppEnv = "APP_ENV", default "development", example "production", choice(AppEnv::NAMES);

        /// The address to listen on: `0.0.0.0` is every IPv4 interface, `::` every interface.
        host: IpAddr = "HOST", default "127.0.0.1", example "0.0.0.0", address();

        /// The port to listen on; 0 takes any free port, which is logged.
        port: u16 = "PORT", default "8000", example "8000", number(0_u16, 65_535);

        /// A Unix socket to listen on in addition to the port. The proxy in front of the service
        /// needs write access to it.
        unix_socket: Option<PathBuf> = "UNIX_SOCKET", default "", example "/run/groundwork/http.sock",
            optional(file_path());

        /// The certificate chain for TLS, as a PEM file. It may be renewed while the service runs.
        tls_certificate_file: Option<PathBuf> = "TLS_CERTIFICATE_FILE", default "",
            example "/etc/groundwork/tls.crt", optional(file_path());

        /// The private key of the certificate, as a PEM file.
        tls_key_file: Option<PathBuf> = "TLS_KEY_FILE", default "", example "/etc/groundwork/tls.key",
            optional(file_path());

        /// The path prefix of all operations of version 1.
        api_v1_prefix: String = "API_V1_PREFIX", default "/api/v1", example "/api/v1",
            path_prefix(&[
                "docs", "redoc", "openapi.json", "openapi.yaml", "verify-email", "reset-password", "confirm-email",
                "links", ".well-known",
            ]);

        /// The web origins whose pages may call the API from a browser. In `development`, an empty
        /// list allows every origin on this machine.
        cors_origins: Vec<String> = "CORS_ORIGINS", default "",
            example "https://app.example.com,http://localhost:3000", list(origin());

        /// The database: a SQLite file or a PostgreSQL server. `sqlite://path`, where a third slash
        /// starts an absolute path, or `postgres://user:password@host:port/database`, where several
        /// hosts are `host1:port,host2:port`, of which the one is used that accepts writes
        /// (`target_session_attrs=read-write`, the default); `?sslmode=` is `disable` (the
        /// default), `prefer`, `require`, `verify-ca` or `verify-full`, and `&sslrootcert=` a file
        /// of certificates.
        database_url: DatabaseUrl = "DATABASE_URL", default "sqlite://groundwork.db",
            example "postgres://groundwork:password@localhost:5432/groundwork",
            parsed(database_url).secret();

        /// Streaming replicas of `DATABASE_URL` for reads that may be slightly stale. Each has its
        /// own connection pool. Comma-separated `postgres://` addresses of one host each, with
        /// `sslmode` and `sslrootcert` as in `DATABASE_URL`.
        database_replica_urls: Vec<PostgresUrl> = "DATABASE_REPLICA_URLS", default "",
            example "postgres://groundwork:password@replica-1:5432/groundwork",
            list(parsed(replica_url).secret());

        /// The address that migrations connect to instead of `DATABASE_URL`: to bypass a pooler, or
        /// to log in as another role. A `postgres://` address as in `DATABASE_URL`.
        migration_database_url: Option<PostgresUrl> = "MIGRATION_DATABASE_URL", default "",
            example "postgres://owner:password@localhost:5432/groundwork",
            optional(parsed(postgres_url).secret());

        /// What connections to PostgreSQL lead to: `session` for the server itself, `transaction`
        /// for a pooler that shares its sessions between transactions.
        db_pool_mode: PoolMode = "DB_POOL_MODE", default "session", example "transaction",
            choice(&[("session", PoolMode::Session), ("transaction", PoolMode::Transaction)]);

        /// Whether the service migrates the database when it starts. With `false` it refuses to
        /// start on an older schema, and `groundwork migrate` has to be run separately.
        migrate_on_start: bool = "MIGRATE_ON_START", default "true", example "false", flag();

        /// Connections to PostgreSQL that the pool keeps open. SQLite has one writer and four
        /// readers.
        db_pool_size: u32 = "DB_POOL_SIZE", default "5", example "5", number(1_u32, 1_000);

        /// Connections to PostgreSQL beyond `DB_POOL_SIZE` under load. They are closed when idle.
        db_max_overflow: u32 = "DB_MAX_OVERFLOW", default "10", example "10", number(0_u32, 1_000);

        /// How long a request may wait for a connection before it is answered with 503, unless
        /// `REQUEST_TIMEOUT` ends first.
        db_pool_timeout: Duration = "DB_POOL_TIMEOUT", default "30", example "30", seconds(1, 300);

        /// How long one statement may run before PostgreSQL cancels it.
        db_statement_timeout: Duration = "DB_STATEMENT_TIMEOUT", default "10", example "10",
            seconds(1, 3_600);

        /// Redis for the cache and the rate limits. Without it, each process keeps its own.
        /// `redis://[user]:password@host:port/number`, `rediss://` for TLS, `redis+unix:///path`,
        /// `redis+sentinel://[user]:password@host:port,host:port/master-name/number` and
        /// `rediss+sentinel://`, or `redis+cluster://[user]:password@host:port,host:port` and
        /// `rediss+cluster://`.
        redis_url: Option<RedisUrl> = "REDIS_URL", default "",
            example "redis://:password@localhost:6379/0", optional(parsed(RedisUrl::from_str).secret());

        /// The prefix of every key in Redis, so that several services can share one. At most 64
        /// letters, digits and `: - _ .`.
        redis_key_prefix: String = "REDIS_KEY_PREFIX", default "groundwork:", example "groundwork:",
            parsed(key_prefix);

        /// How long a Redis command may take. After that, the process continues without Redis.
        redis_timeout: Duration = "REDIS_TIMEOUT", default "100", example "100",
            milliseconds(10, 2_000);

        /// How long a cached value may be served.
        cache_ttl: Duration = "CACHE_TTL", default "300", example "300", seconds(1, 86_400);

        /// The secret that signs tokens, and page tokens with every `JWT_ALGORITHM`. `staging` and
        /// `production` require it; `development` keeps a random one in a file.
        jwt_secret_key: Option<SecretString> = "JWT_SECRET_KEY", default "",
            example "change-me-to-the-output-of-openssl-rand-base64-48",
            optional(secret_key("JWT_PREVIOUS_SECRET_KEYS"));

        /// Former values of `JWT_SECRET_KEY`: tokens signed with them stay valid, but none is
        /// signed with them any more.
        jwt_previous_secret_keys: Vec<SecretString> = "JWT_PREVIOUS_SECRET_KEYS", default "",
            example "change-me-to-the-value-jwt-secret-key-had-before",
            list(secret_key("JWT_PREVIOUS_SECRET_KEYS"));

        /// The algorithm that signs tokens: `HS256` with `JWT_SECRET_KEY`, the others with
        /// `JWT_PRIVATE_KEY_FILE`, so that other services can verify tokens.
        jwt_algorithm: JwtAlgorithm = "JWT_ALGORITHM", default "HS256", example "ES256",
            choice(JwtAlgorithm::NAMES);

        /// The private key that signs tokens with `ES256` (P-256) or `EdDSA` (Ed25519), in PKCS #8 as
        /// a PEM file. It may be renewed while the service runs.
        jwt_private_key_file: Option<PathBuf> = "JWT_PRIVATE_KEY_FILE", default "",
            example "/etc/groundwork/tokens.pem", optional(file_path());

        /// Private keys of the same form that only verify: former ones, and the next one. Each file
        /// has any number of them, and may be renewed while the service runs.
        jwt_previous_private_key_files: Vec<PathBuf> = "JWT_PREVIOUS_PRIVATE_KEY_FILES", default "",
            example "/etc/groundwork/tokens-previous.pem", list(file_path());

        /// The `iss` of tokens, of at most 255 printable ASCII characters. If it is set, tokens without
        /// it are refused.
        jwt_issuer: Option<String> = "JWT_ISSUER", default "", example "https://api.example.com",
            optional(parsed(claim));

        /// The `aud` of tokens, of at most 255 printable ASCII characters. If it is set, tokens without
        /// it are refused.
        jwt_audience: Option<String> = "JWT_AUDIENCE", default "", example "https://api.example.com",
            optional(parsed(claim));

        /// How long an access token is valid.
        access_token_expire: Duration = "ACCESS_TOKEN_EXPIRE_MINUTES", default "30", example "30",
            minutes(1, 1_440);

        /// How long a refresh token is valid.
        refresh_token_expire: Duration = "REFRESH_TOKEN_EXPIRE_DAYS", default "7", example "7",
            days(1, 365);

        /// How long a session lasts at most, however often its tokens are refreshed.
        session_max: Duration = "SESSION_MAX_DAYS", default "90", example "90", days(1, 3_650);

        /// Whether requests are rate limited.
        rate_limit_enabled: bool = "RATE_LIMIT_ENABLED", default "true", example "true", flag();

        /// Requests per client and route per 60 seconds.
        rate_limit_per_minute: u32 = "RATE_LIMIT_PER_MINUTE", default "60", example "60",
            number(1_u32, 1_000_000);

        /// Requests per client and route per 60 seconds, for routes that take a password or a
        /// refresh token.
        auth_rate_limit_per_minute: u32 = "AUTH_RATE_LIMIT_PER_MINUTE", default "10", example "10",
            number(1_u32, 1_000_000);

        /// Login attempts per user per 60 seconds, across all clients without a session of that user.
        account_rate_limit_per_minute: u32 = "ACCOUNT_RATE_LIMIT_PER_MINUTE", default "20", example "20",
            number(1_u32, 1_000_000);

        /// The cost of hashing a password; each step doubles it. `staging` and `production` require
        /// at least 10.
        bcrypt_rounds: u32 = "BCRYPT_ROUNDS", default "12", example "12", number(4_u32, 31);

        /// Requests that may wait for a password hash. Further ones are answered with 503.
        bcrypt_queue_size: usize = "BCRYPT_QUEUE_SIZE", default "64", example "64",
            number(1_usize, 10_000);

        /// The range API that new passwords are looked up in, so that leaked ones are refused: the
        /// first five digits of a SHA-1 hash are appended, such as in
        /// `https://api.pwnedpasswords.com/range`. Without it, or while it is unavailable,
        /// passwords are compared with the most common ones only.
        password_leak_check_url: Option<String> = "PASSWORD_LEAK_CHECK_URL", default "",
            example "https://api.pwnedpasswords.com/range", optional(parsed(range_api_url).hidden());

        /// How long a request may take from its headers to its response.
        request_timeout: Duration = "REQUEST_TIMEOUT", default "15", example "15",
            seconds(1, 3_600);

        /// How long a client may take to send the body of a request.
        body_timeout: Duration = "BODY_TIMEOUT", default "10", example "10", seconds(1, 3_600);

        /// How long a client may take from connecting to the end of its first request's headers,
        /// including TLS, and from the first byte of a later request to the end of its headers.
        header_timeout: Duration = "HEADER_TIMEOUT", default "10", example "10", seconds(1, 3_600);

        /// How long a connection may be idle between a response and the next request.
        keep_alive_timeout: Duration = "KEEP_ALIVE_TIMEOUT", default "75", example "75",
            seconds(1, 3_600);

        /// Open connections. For a further one, an idle connection is closed, first one of a network
        /// with more than its share.
        max_connections: usize = "MAX_CONNECTIONS", default "10000", example "10000",
            number(1_usize, 1_000_000);

        /// Open connections per IPv4 address or IPv6 /64. Further ones are closed. Trusted proxies
        /// are exempt.
        max_connections_per_ip: usize = "MAX_CONNECTIONS_PER_IP", default "2000", example "2000",
            number(1_usize, 1_000_000);

        /// Requests in progress. Further ones are answered with 503. As many more may still be
        /// sending their bodies. Health checks are always answered.
        max_requests: usize = "MAX_REQUESTS", default "1000", example "1000", number(1_usize, 1_000_000);

        /// How long readiness answers 503 after a signal to stop while the service still accepts
        /// requests: as long as a load balancer takes to notice.
        drain_timeout: Duration = "DRAIN_TIMEOUT", default "0", example "10", seconds(0, 3_600);

        /// How long requests in progress may continue after that.
        shutdown_timeout: Duration = "SHUTDOWN_TIMEOUT", default "30", example "30",
            seconds(1, 3_600);

        /// Jobs that run at once in `serve` and in `worker`. With 0, `serve` runs none and leaves them
        /// to other instances.
        job_workers: usize = "JOB_WORKERS", default "2", example "8", number(0_usize, 1_000);

        /// How long an attempt at a job may take.
        job_timeout: Duration = "JOB_TIMEOUT", default "60", example "60", seconds(1, 86_400);

        /// How long audit events are kept. Without it, or with 0, they are kept for ever.
        audit_retention_days: Option<Duration> = "AUDIT_RETENTION_DAYS", default "", example "365",
            optional(days(0, 36_500));
        /// Whether webhooks may lead to private networks and this machine, and use http. Without a
        /// value, they may in `development` only.
        webhook_allow_private_networks: Option<bool> = "WEBHOOK_ALLOW_PRIVATE_NETWORKS", default "",
            example "false", optional(flag());

        /// The server that sends mail. Without one, each mail becomes a file in `MAIL_DIR` in
        /// `development`, and there is no mail in `staging` and `production`.
        /// `smtps://user:password@host:port` for TLS from the first byte, `smtp://` for STARTTLS;
        /// `?tls=off` and `?ca_file=` as in the guide on mail.
        smtp_url: Option<SmtpUrl> = "SMTP_URL", default "",
            example "smtps://user:password@mail.example.com:465", optional(parsed(SmtpUrl::from_str).secret());

        /// The folder of mails in `development` without `SMTP_URL`.
        mail_dir: PathBuf = "MAIL_DIR", default "mail", example "/tmp/mail", file_path();

        /// Who mails are from: an address, or a name and an address. `SMTP_URL` requires it.
        mail_from: Option<Sender> = "MAIL_FROM", default "", example "Groundwork <no-reply@example.com>",
            optional(parsed(Sender::from_str));

        /// What the links in mails begin with: the address of the service, or of a front end that has
        /// the pages `/verify-email`, `/reset-password` and `/confirm-email`.
        public_url: String = "PUBLIC_URL", default "http://localhost:8000", example "https://app.example.com",
            parsed(public_url);

        /// How strangers create users of their own: `open` by both operations, `hidden` only by the
        /// one that does not tell whether an email has a user, `closed` not at all.
        registration: Registration = "REGISTRATION", default "open", example "closed",
            choice(Registration::NAMES);

        /// Whether users have to verify their email before they can log in.
        require_verified_email: bool = "REQUIRE_VERIFIED_EMAIL", default "false", example "true", flag();

        /// The proxies that are trusted to name the client they forward for. Without any, the
        /// client is the peer of the connection.
        trusted_proxies: Vec<IpNet> = "TRUSTED_PROXIES", default "", example "10.0.0.0/8,192.168.1.10",
            trusted_proxies();

        /// The header in which trusted proxies name the client. `either` is `X-Forwarded-For`, or
        /// `Forwarded` (RFC 7239) where that is missing: choose one of them if the proxies pass the
        /// other on unchanged.
        forwarded_header: ForwardedHeader = "FORWARDED_HEADER", default "either",
            example "x-forwarded-for",
            choice(&[
                ("either", ForwardedHeader::Either),
                ("x-forwarded-for", ForwardedHeader::XForwardedFor),
                ("forwarded", ForwardedHeader::Forwarded),
            ]);

        /// What is logged: a level, or levels per target. Below `info`, only the service's own
        /// lines are written, because those of dependencies can hold secrets. `off`, `error`,
        /// `warn`, `info`, `debug` or `trace`, or a comma-separated list of `target=level`.
        log_level: String = "LOG_LEVEL", default "info", example "info,groundwork=debug",
            parsed(log_filter);

        /// The format of log lines: `text` for people, `json` for collectors.
        log_format: LogFormat = "LOG_FORMAT", default "text", example "json",
            choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]);

        /// The port of the listener for Prometheus, which answers `GET /metrics` and nothing else.
        /// Without it, no metrics are recorded. 0 takes any free port, which is logged.
        metrics_port: Option<u16> = "METRICS_PORT", default "", example "9090",
            optional(number(0_u16, 65_535));

        /// The address of that listener. It requires no password, so `0.0.0.0` is unsafe where
        /// clients reach it.
        metrics_host: IpAddr = "METRICS_HOST", default "127.0.0.1", example "10.0.0.5", address();

        /// The OpenTelemetry collector that receives traces by OTLP over HTTP. Without it, no
        /// traces are recorded. `http://host[:port]` or `https://host[:port]`; `/v1/traces` is
        /// appended.
        otel_exporter_otlp_endpoint: Option<String> = "OTEL_EXPORTER_OTLP_ENDPOINT", default "",
            example "http://localhost:4318", optional(parsed(collector_url).hidden());

        /// The name of this service in traces. Defaults to `APP_NAME`.
        otel_service_name: Option<String> = "OTEL_SERVICE_NAME", default "", example "groundwork",
            optional(line(100));

        /// The fraction of traces to record, of those that start in this service. A trace that a
        /// caller started is recorded if the caller records it.
        otel_traces_sampler_arg: f64 = "OTEL_TRACES_SAMPLER_ARG", default "1", example "0.1", ratio();
    }
}

impl Settings {
    /// The settings for a command that serves.
    pub fn load(sources: &Sources<'_>) -> Result<Self, SettingsError> {
        Self::read_from(sources, Need::Secret)
    }

    /// The settings of this process for a command that signs no token, such as `openapi`, `migrate`
    /// or `config`: a missing `JWT_SECRET_KEY` is no error in any environment. Every other rule
    /// holds.
    pub fn load_without_secret() -> Result<Self, SettingsError> {
        Self::read_from(&Sources::of_process()?, Need::NoSecret)
    }

    /// The settings that a function returns, with defaults for what it does not have. The rules are
    /// those of [`Settings::load`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        Self::load(&Sources::from_lookup(lookup))
    }

    fn read_from(sources: &Sources<'_>, need: Need) -> Result<Self, SettingsError> {
        let settings: Self = sources.read(|settings, problems| between_settings(settings, need, problems))?;
        match sources.exposed_secrets() {
            Some(mode) if settings.app_env.is_deployed() => Err(SettingsError::EnvFileExposed(mode)),
            _ => Ok(settings),
        }
    }
}

#[cfg(test)]
mod tests;
