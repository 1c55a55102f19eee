//! The clock of the machine is moved: far forward, far back, and right again.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::faults::ledger::password;
use crate::faults::load::Load;
use crate::faults::scene::{CLIENTS, LivenessProbe, WRITES};
use crate::support::client::Answer;
use crate::support::process::Process;
use crate::support::{Backend, Call, TestDatabase};

/// The library that tells a process another time. The monotonic clock goes on, as it does when a
/// real clock is moved.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|folder| folder.unwrap().path());
    let places = folders.chain(["/usr/lib", "/usr/lib64"].map(PathBuf::from));
    let mut libraries = places.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    libraries.find(|library| library.exists()).expect("libfaketime; ./scripts/test installs it")
}

/// A service whose clock a test moves.
struct Moved {
    service: Process,
    database: TestDatabase,
    folder: tempfile::TempDir,
}

impl Moved {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (file, database) = (folder.path().join("clock"), TestDatabase::create(Backend::Sqlite).await);
        set(folder.path(), "+0");
        let library = library();
        let settings = [
            ("DATABASE_URL", database.url.as_str()),
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("ACCOUNT_RATE_LIMIT_PER_MINUTE", "5"),
        ];
        Self { service: Process::start(&settings).await, database, folder }
    }

    fn set(&self, offset: &str) {
        set(self.folder.path(), offset);
    }

    async fn register(&self, name: &str) -> Answer {
        let user = json!({"email": format!("{name}@example.com"), "password": password(0)});
        self.service.call("POST", "/api/v1/auth/register").json(user).send().await
    }

    async fn login(&self, name: &str) -> Answer {
        let user = json!({"email": format!("{name}@example.com"), "password": password(0)});
        self.service.call("POST", "/api/v1/auth/login").json(user).send().await
    }

    async fn refresh(&self, tokens: &Value) -> Answer {
        let token = json!({"refresh_token": tokens["refresh_token"]});
        self.service.call("POST", "/api/v1/auth/refresh").json(token).send().await
    }

    async fn me(&self, tokens: &Value) -> Answer {
        let access = tokens["access_token"].as_str().unwrap();
        Call::new(&self.service.url, "GET", "/api/v1/users/me").bearer(access).send().await
    }
}

/// In one step: the service may be reading.
fn set(folder: &Path, offset: &str) {
    std::fs::write(folder.join("next"), format!("{offset}\n")).unwrap();
    std::fs::rename(folder.join("next"), folder.join("clock")).unwrap();
}

#[ignore = "needs libfaketime"]
#[tokio::test(flavor = "multi_thread")]
async fn tokens_expire_by_a_clock_that_is_moved_and_users_can_still_log_in() {
    let moved = Moved::start().await;
    let user = moved.register("ada").await.expect(201).json();
    let now = moved.login("ada").await.expect(200).json();
    moved.me(&now).await.expect(200);

    // An hour on: access tokens have ended, refresh tokens have not.
    moved.set("+1h");
    moved.me(&now).await.expect_error(401, "invalid_token");
    let later = moved.refresh(&now).await.expect(200).json();
    let answer = moved.me(&later).await.expect(200).json();
    assert_eq!(answer["created_at"], user["created_at"]);

    // And back: what was issued an hour ahead is not good until then. Who logs in again goes on at
    // once.
    moved.set("+0");
    moved.me(&later).await.expect_error(401, "invalid_token");
    moved.refresh(&later).await.expect_error(401, "invalid_token");
    let again = moved.login("ada").await.expect(200).json();
    moved.me(&again).await.expect(200);
    moved.refresh(&again).await.expect(200);

    // To long before the user was made.
    moved.set("-3650d");
    moved.me(&again).await.expect_error(401, "invalid_token");
    let past = moved.login("ada").await.expect(200).json();
    moved.me(&past).await.expect(200);
    let past = moved.refresh(&past).await.expect(200).json();

    // Right again: ten years are longer than any token lives.
    moved.set("+0");
    moved.me(&past).await.expect_error(401, "invalid_token");
    moved.refresh(&past).await.expect_error(401, "invalid_token");
    let right = moved.login("ada").await.expect(200).json();
    moved.me(&right).await.expect(200);
}

#[ignore = "needs libfaketime"]
#[tokio::test(flavor = "multi_thread")]
async fn a_client_limited_before_the_clock_went_back_is_not_limited_for_longer() {
    let moved = Moved::start().await;
    moved.register("ada").await.expect(201);
    moved.set("+10d");
    let wrong = || {
        let attempt = json!({"email": "ada@example.com", "password": "a wrong password"});
        moved.service.call("POST", "/api/v1/auth/login").json(attempt).send()
    };
    for _ in 0..5 {
        wrong().await.expect_error(401, "invalid_credentials");
    }
    wrong().await.expect_error(429, "rate_limited");
    moved.set("+0");
    moved.login("ada").await.expect(200);
}

#[ignore = "needs libfaketime"]
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_ahead_under_load_fails_no_request() {
    let moved = Moved::start().await;
    let url = &moved.service.url;
    let admin = crate::faults::scene::superuser(url, &moved.database).await;
    let (liveness, load) = (LivenessProbe::start(url), Load::on(url, CLIENTS, &admin));
    load.writes(WRITES).await;
    // More than any timeout and less than the lifetime of an access token, so no client must log in
    // again.
    for offset in ["+10m", "+20m"] {
        moved.set(offset);
        load.writes(WRITES).await;
    }
    liveness.expect_alive().await;
    let (ledger, tally) = load.end().await;
    assert_eq!(tally.refused + tally.unanswered, 0);
    ledger.check(&moved.database).await;
}
