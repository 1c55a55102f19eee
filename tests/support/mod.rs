//! A running service for each test, with its own database, port and clock.
#![allow(clippy::needless_pass_by_value, reason = "a call in a test reads better without borrows")]

pub mod begun;
pub mod client;
pub mod contract;
pub mod database;
pub mod held;
pub mod jobs;
pub mod mail;
pub mod observed;
pub mod pooler;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod receiver;
pub mod redis;
pub mod smtp;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use groundwork::app::App;
use groundwork::settings::Settings;
use groundwork_clock::Clock;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use client::Call;
pub use database::{Backend, TestDatabase};
pub use proxy::Proxy;

/// The key that signs the tokens of every test service.
pub const SECRET: &str = "a key for tests that is long enough to be accepted";

/// Runs a test on both databases: `on_both! { async fn name(service: Service) { … } }`.
///
/// A test that needs a server or a program is ignored with the reason: `cargo test` leaves it out,
/// and `./scripts/test` includes it.
#[macro_export]
macro_rules! on_both {
    ($( $(#[$attribute:meta])* async fn $name:ident($service:ident: Service) $body:block )+) => {$(
        mod $name {
            #[allow(unused_imports, reason = "one-line tests need nothing")]
            use super::*;

            async fn run($service: $crate::support::Service) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                run($crate::support::Service::start($crate::support::Backend::Sqlite).await).await;
            }

            #[ignore = "needs PostgreSQL and Redis"]
            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgresql() {
                run($crate::support::Service::start($crate::support::Backend::Postgres).await).await;
            }
        }
    )+};
}

/// One instance of the service.
pub struct Instance {
    pub url: String,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
}

impl Instance {
    pub async fn start(settings: &Settings, clock: Clock) -> Self {
        let app = App::new(settings, clock).await.expect("the service starts");
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let served = tokio::spawn(async move {
            let listening = |bound| tell.send(bound).unwrap();
            let stop = async { drop(stopped.await) };
            app.serve(address, listening, stop).await.expect("the service serves");
        });
        let bound = told.await.expect("the service listens");
        Self { url: format!("http://{bound}"), stop: Some(stop), served: Some(served) }
    }

    /// Asks the instance to stop and waits until it has.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.served.take().unwrap().await.unwrap();
    }
}

/// A service with its database. More instances can be started on the same database.
pub struct Service {
    pub instance: Instance,
    pub clock: Clock,
    pub database: TestDatabase,
    /// The folder of its mails.
    mail: TempDir,
    extra: Vec<(&'static str, String)>,
}

impl Service {
    pub async fn start(backend: Backend) -> Self {
        Self::start_with(backend, &[]).await
    }

    /// With settings beside the usual ones of a test.
    pub async fn start_with(backend: Backend, extra: &[(&'static str, &str)]) -> Self {
        let database = TestDatabase::create(backend).await;
        let clock = Clock::default();
        let mut extra: Vec<_> = extra.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        // The tiers go together, as in production: everything in files and in process, or nothing.
        if backend == Backend::Postgres && !extra.iter().any(|(name, _)| *name == "REDIS_URL") {
            extra.push(("REDIS_URL", redis::server()));
            extra.push(("REDIS_KEY_PREFIX", redis::fresh_prefix()));
        }
        let mail = mail_folder(&mut extra);
        let instance = Instance::start(&settings(&database.url, &extra), clock.clone()).await;
        Self { instance, clock, database, mail, extra }
    }

    /// On a database that is there already; `extra` may name another address of it.
    pub async fn start_on(database: TestDatabase, extra: &[(&'static str, String)]) -> Self {
        let clock = Clock::default();
        let mut extra = extra.to_vec();
        let mail = mail_folder(&mut extra);
        let instance = Instance::start(&settings(&database.url, &extra), clock.clone()).await;
        Self { instance, clock, database, mail, extra }
    }

    /// Another instance of the same service, as a second pod would be.
    pub async fn another_instance(&self) -> Instance {
        Instance::start(&settings(&self.database.url, &self.extra), self.clock.clone()).await
    }

    /// Another instance on the same database with these settings instead of its own, as after a
    /// change of them.
    pub async fn instance_with(&self, extra: &[(&'static str, &str)]) -> Instance {
        let own = extra.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let extra: Vec<_> = own.chain(self.extra.iter().cloned()).collect();
        Instance::start(&settings(&self.database.url, &extra), self.clock.clone()).await
    }

    /// A call to this service: `service.call("GET", "/api/v1/users/me")`.
    pub fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.instance.url, method, path)
    }

    /// The settings this service runs with.
    pub fn settings(&self) -> Settings {
        settings(&self.database.url, &self.extra)
    }
}

/// A folder for the mails of one service, which is added to its settings.
fn mail_folder(extra: &mut Vec<(&'static str, String)>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    extra.push(("MAIL_DIR", folder.path().to_str().unwrap().to_owned()));
    folder
}

/// The settings of a test service: those of production, but for a cheap password hash, a free port,
/// and limits that only a test of limits reaches.
pub fn settings(database_url: &str, extra: &[(&'static str, String)]) -> Settings {
    let usual = [
        ("DATABASE_URL", database_url),
        ("JWT_SECRET_KEY", SECRET),
        ("BCRYPT_ROUNDS", "4"),
        ("PORT", "0"),
        ("DB_POOL_SIZE", "1"),
        ("DB_MAX_OVERFLOW", "9"),
        ("CORS_ORIGINS", "https://app.example.com"),
        ("RATE_LIMIT_PER_MINUTE", "1000000"),
        ("AUTH_RATE_LIMIT_PER_MINUTE", "1000000"),
        ("ACCOUNT_RATE_LIMIT_PER_MINUTE", "1000000"),
        ("MAIL_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/mail")),
        // Both cores may be busy compiling or hashing: what is tested is not how fast they are.
        ("REDIS_TIMEOUT", "2000"),
    ];
    let lookup = |name: &str| {
        let own = extra.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        own.or_else(|| usual.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    };
    Settings::from_lookup(lookup).expect("the settings of the test are right")
}

impl Service {
    /// On PostgreSQL, reached through a proxy. `service.database` still leads to it directly.
    pub async fn start_behind_proxy(extra: &[(&'static str, &str)]) -> (Self, Proxy) {
        let database = TestDatabase::create(Backend::Postgres).await;
        let proxy = Proxy::to(&database.url).await;
        let clock = Clock::default();
        let mut extra: Vec<_> = extra.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let mail = mail_folder(&mut extra);
        let instance = Instance::start(&settings(&proxy.url, &extra), clock.clone()).await;
        (Self { instance, clock, database, mail, extra }, proxy)
    }
}
