//! The ways to reach Redis.

use std::process::Command;

use crate::state::process::{self, standing};
use crate::state::stores::Store;
use crate::support::redis::{RedisServer, candidate_port, eventually};

async fn works(url: &str) {
    let store = Store::at(url);
    let redis = store.redis.as_ref().unwrap();
    assert!(redis.ping().await.is_ok(), "{url}");
    let written: Result<(), _> =
        redis.call("key", |key| redis::cmd("SET").arg(key).arg("value").take()).await;
    assert!(written.is_ok() && redis.is_available(), "{url}");
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn a_response_slower_than_the_drivers_default_timeout_is_awaited() {
    let store = Store::at(&crate::support::redis::server());
    let redis = store.redis.as_ref().unwrap();
    // Redis answers after a second that there is nothing.
    let waited = redis.call::<redis::Value>("list", |key| redis::cmd("BLPOP").arg(key).arg(1).take()).await;
    assert_eq!(waited, Ok(redis::Value::Nil));
}

async fn does_not_work(url: &str) {
    let store = Store::at(url);
    let redis = store.redis.as_ref().unwrap();
    assert!(redis.ping().await.is_err() && !redis.is_available(), "{url}");
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn redis_is_reached_with_a_password_a_user_and_a_database_number() {
    let redis = RedisServer::start().await;
    let secret = redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("hunter2").take();
    let user = redis::cmd("ACL").arg(&["SETUSER", "app", "on", ">s3cret/", "~*", "&*", "+@all"]).take();
    redis.ask::<()>(&user).await.unwrap();
    redis.ask::<()>(&secret).await.unwrap();
    let port = redis.port;
    works(&format!("redis://:hunter2@127.0.0.1:{port}/3")).await;
    works(&format!("redis://app:s3cret%2F@127.0.0.1:{port}")).await;
    does_not_work(&format!("redis://127.0.0.1:{port}")).await;
    does_not_work(&format!("redis://app:wrong@127.0.0.1:{port}")).await;
    let url = format!("redis://:hunter2@127.0.0.1:{port}/3");
    let keys: u32 = crate::support::redis::ask(&url, &redis::cmd("DBSIZE")).await.unwrap();
    assert_eq!(keys, 1);
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn redis_is_reached_by_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("redis.sock");
    let _redis = RedisServer::start_with(&["--unixsocket", socket.to_str().unwrap()]).await;
    works(&format!("redis+unix://{}?db=2", socket.display())).await;
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn redis_is_reached_by_tls_only_with_a_trusted_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let [ca, key, certificate] = make_certificates(folder.path());
    let (_redis, tls_port) = start_with_tls(&key, &certificate).await;
    // The roots are the system's; a process of its own may have others.
    let url = format!("rediss://localhost:{tls_port}");
    let trusting = process::start(&url, &ca).await;
    eventually("it is ok", async || standing(&trusting).await == "ok").await;
    let another = certificate_of_another(folder.path());
    assert_eq!(standing(&process::start(&url, &another).await).await, "degraded");
}

/// A server that also listens with TLS, on the port that is returned.
pub async fn start_with_tls(key: &str, certificate: &str) -> (RedisServer, u16) {
    let options = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no"];
    let redis = RedisServer::start_with(&options).await;
    let tls_port = crate::support::postgres::eventually("a port is free for TLS", async || {
        let port = candidate_port();
        let open = redis::cmd("CONFIG").arg("SET").arg("tls-port").arg(port).take();
        redis.ask::<()>(&open).await.ok().map(|()| port)
    })
    .await;
    (redis, tls_port)
}

fn openssl(folder: &std::path::Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().expect("openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// An authority, a key and a certificate for `localhost` and its address, as files.
pub fn make_certificates(folder: &std::path::Path) -> [String; 3] {
    authority(folder, "ca");
    openssl(
        folder,
        &[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "key",
            "-out",
            "request",
            "-subj",
            "/CN=localhost",
        ],
    );
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1").unwrap();
    openssl(
        folder,
        &[
            "x509",
            "-req",
            "-in",
            "request",
            "-CA",
            "ca",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "names",
            "-out",
            "certificate",
        ],
    );
    ["ca", "key", "certificate"].map(|name| folder.join(name).to_str().unwrap().to_owned())
}

pub fn certificate_of_another(folder: &std::path::Path) -> String {
    authority(folder, "another");
    folder.join("another").to_str().unwrap().to_owned()
}

fn authority(folder: &std::path::Path, name: &str) {
    let key = format!("{name}.key");
    let subject = format!("/CN={name}");
    openssl(
        folder,
        &[
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", &key, "-out", name,
            "-subj", &subject,
        ],
    );
}
