//! Several hosts in an address: each is verified by its own name.

use crate::servers::tls::{Authority, options, refusal};
use crate::support::postgres::Server;

fn hosts(hosts: &str, options: &str) -> String {
    format!("postgres://postgres@{hosts}/postgres{options}")
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_of_each_host_must_have_its_own_name() {
    let authority = Authority::new("one");
    let (by_name, by_address) = (authority.server("localhost").await, authority.server("127.0.0.1").await);
    let verify = options("verify-full", Some(&authority));
    let at = |host: &str, server: &Server| format!("{host}:{}", server.port);
    // The first one is not who it has to be, the second one is.
    for both in [
        [at("127.0.0.1", &by_name), at("127.0.0.1", &by_address)],
        [at("localhost", &by_address), at("localhost", &by_name)],
    ] {
        assert_eq!(refusal(&hosts(&both.join(","), &verify)).await, None, "{both:?}");
    }
    // The name of the other host in the address does not help.
    let both = [at("localhost", &by_address), at("127.0.0.1", &by_name)];
    let reason = refusal(&hosts(&both.join(","), &verify)).await.expect("none of them is who it has to be");
    for host in &both {
        assert!(reason.contains(host), "{reason}");
    }
    assert_eq!(reason.matches("not valid for name").count(), 2, "{reason}");
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn without_a_primary_among_the_hosts_the_error_has_the_reason_of_each() {
    let mut away = Server::start(&[]).await;
    let primary = Server::start(&[]).await;
    let standby = primary.replica(&["hot_standby=on"]).await;
    away.kill();
    let both = [away.port, standby.port].map(|port| format!("127.0.0.1:{port}"));
    let reason = refusal(&hosts(&both.join(","), "")).await.expect("nobody takes writes");
    assert!(reason.contains(&both[0]) && reason.contains("refused"), "{reason}");
    assert!(reason.contains(&both[1]) && reason.contains("does not allow writes"), "{reason}");
    let all = [away.port, standby.port, primary.port].map(|port| format!("127.0.0.1:{port}"));
    assert_eq!(refusal(&hosts(&all.join(","), "")).await, None);
}
