//! The address and the user agent of a client, as a session stores them.

use serde_json::json;

use crate::support::client::{PASSWORD, fresh_email};
use crate::support::{Call, Instance, Service};

/// Logs in with these headers and gives a column of the session, as it is stored.
async fn stored(
    service: &Service,
    instance: &Instance,
    column: &str,
    headers: &[(&str, &str)],
) -> Option<String> {
    let email = fresh_email();
    let id = service.register(&email, PASSWORD).await.expect(201).json()["id"].clone();
    let log_in = Call::new(&instance.url, "POST", "/api/v1/auth/login");
    let log_in = log_in.json(json!({"email": email, "password": PASSWORD}));
    headers.iter().fold(log_in, |call, (name, value)| call.header(name, value)).send().await.expect(200);
    service.database.sql(&format!("SELECT {column} AS value FROM sessions WHERE user_id = {id}")).await
}

on_both! {
    async fn forwarding_headers_are_used_only_from_a_trusted_proxy(service: Service) {
        let open = &service.instance;
        let behind = service.instance_with(&[("TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8")]).await;
        let forwarded = [("x-forwarded-for", "203.0.113.9")];
        assert_eq!(stored(&service, open, "ip", &forwarded).await.unwrap(), "127.0.0.1");
        let doubled = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(stored(&service, open, "ip", &doubled).await.unwrap(), "127.0.0.1");
        let others = [("x-real-ip", "203.0.113.9"), ("cf-connecting-ip", "203.0.113.9")];
        let standard = [("forwarded", "for=203.0.113.9;proto=https")];
        assert_eq!(stored(&service, open, "ip", &standard).await.unwrap(), "127.0.0.1");
        assert_eq!(stored(&service, &behind, "ip", &standard).await.unwrap(), "203.0.113.9");
        for instance in [open, &behind] {
            assert_eq!(stored(&service, instance, "ip", &others).await.unwrap(), "127.0.0.1");
        }
        for (headers, expected) in [
            (&forwarded[..], "203.0.113.9"),
            (&doubled[..], "198.51.100.1"),
            (&[("x-forwarded-for", "1.2.3.4, 203.0.113.9")], "203.0.113.9"),
            (&[("x-forwarded-for", "1.2.3.4, 203.0.113.9, 10.1.2.3")], "203.0.113.9"),
            (&[("x-forwarded-for", "2001:db8::1")], "2001:db8::1"),
            (&[("x-forwarded-for", "::ffff:203.0.113.9")], "203.0.113.9"),
            (&[("x-forwarded-for", "203.0.113.9, unknown")], "127.0.0.1"),
            (&[("x-forwarded-for", "'; DROP TABLE users; --")], "127.0.0.1"),
            (&[("x-forwarded-for", "")], "127.0.0.1"),
            (&[], "127.0.0.1"),
        ] {
            assert_eq!(stored(&service, &behind, "ip", headers).await.unwrap(), expected, "{headers:?}");
        }
    }

    async fn a_user_agent_is_stored_truncated_and_printable(service: Service) {
        let instance = &service.instance;
        let long = "curl/8 ".to_owned() + &"x".repeat(10 * 1024);
        let kept = stored(&service, instance, "user_agent", &[("user-agent", &long)]).await.unwrap();
        assert_eq!(kept, long[..255]);
        let tabs = stored(&service, instance, "user_agent", &[("user-agent", "curl\t/8\t")]).await.unwrap();
        assert_eq!(tabs, "curl/8");
        // Bytes above ASCII could be control characters of another encoding.
        for hostile in ["\u{9b}31mred", "line\u{2028}break", "é"] {
            let kept = stored(&service, instance, "user_agent", &[("user-agent", hostile)]).await;
            assert_eq!(kept, None, "{hostile:?}");
        }
        assert_eq!(stored(&service, instance, "user_agent", &[]).await, None);
    }
}
