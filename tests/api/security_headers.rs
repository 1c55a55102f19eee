//! Headers that tell browsers how to treat a response.

use super::response_kinds::{APP, every_kind_of_answer};
use crate::support::client::Answer;
use crate::support::{Call, Instance};

/// What a browser must be told by every answer. `public` is one that any origin may read; a page
/// has a policy of its own.
#[track_caller]
pub fn assert_safe_for_browsers(what: &str, answer: &Answer) {
    let public = answer.header("access-control-allow-origin") == "*";
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", if public { "cross-origin" } else { "same-origin" }),
    ] {
        let found: Vec<_> = answer.headers.get_all(name).iter().collect();
        assert_eq!(found, [value], "{what}: {name}: {answer:?}");
    }
    let policies: Vec<_> = answer.headers.get_all("content-security-policy").iter().collect();
    let [policy] = policies[..] else { panic!("{what}: {answer:?}") };
    let policy = policy.to_str().unwrap();
    for directive in [
        "default-src 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.split("; ").any(|part| part == directive), "{what}: {directive}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{what}: {policy}");
    // A 304 has no content that would say what it is.
    if answer.status != 304 {
        let is_page = answer.header("content-type").starts_with("text/html");
        assert_eq!(policy.ends_with("; sandbox"), !is_page, "{what}: {policy}");
    }
}

on_both! {
    async fn every_response_has_the_security_headers(service: Service) {
        let user = service.user().await;
        for (call, status) in every_kind_of_answer(&service, &user.access) {
            let answer = call.send().await;
            assert_eq!(answer.status.as_u16(), status, "{answer:?}");
            assert_safe_for_browsers("one of each kind", &answer);
        }
        for path in ["/docs", "/redoc", "/openapi.json", "/openapi.yaml", "/openapi-3.0.json"] {
            let answer = service.call("GET", path).send().await.expect(200);
            assert_safe_for_browsers(path, &answer);
            assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
            let tag = answer.header("etag").to_owned();
            let unchanged = service.call("GET", path).header("if-none-match", &tag).send().await.expect(304);
            assert_safe_for_browsers(path, &unchanged);
        }
        // A known origin reads the answer by its permission, which the resource policy does not
        // take back.
        let answer = service.call("GET", "/").header("origin", APP).send().await.expect(200);
        assert_safe_for_browsers("known origin", &answer);
        assert_eq!(answer.header("access-control-allow-origin"), APP);
    }

    async fn only_responses_over_tls_have_hsts(service: Service) {
        let behind = service.instance_with(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
        let told = async |instance: &Instance, path: &str, headers: &[(&str, &str)]| {
            let call = Call::new(&instance.url, "GET", path);
            let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
            call.send().await.header("strict-transport-security").to_owned()
        };
        let year = "max-age=31536000; includeSubDomains";
        for path in ["/", "/docs", "/nowhere", "/api/v1/users/me"] {
            for https in [("x-forwarded-proto", "https"), ("forwarded", "for=203.0.113.9;proto=https")] {
                assert_eq!(told(&behind, path, &[https]).await, year, "{path}");
                assert_eq!(told(&service.instance, path, &[https]).await, "", "{path}: an untrusted peer");
                let local = [https, ("host", "localhost:8000")];
                assert_eq!(told(&behind, path, &local).await, "", "{path}: a developer's machine");
            }
            assert_eq!(told(&behind, path, &[("x-forwarded-proto", "http")]).await, "", "{path}");
            assert_eq!(told(&behind, path, &[]).await, "", "{path}");
        }
    }
}
