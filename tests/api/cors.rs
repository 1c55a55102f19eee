//! Requests of pages from other origins.

use super::response_kinds::{APP, every_kind_of_answer};
use crate::support::client::Answer;
use crate::support::{Call, Instance};

fn cors_headers(answer: &Answer) -> Vec<&str> {
    let names = answer.headers.keys().map(reqwest::header::HeaderName::as_str);
    names.filter(|name| name.starts_with("access-control-")).collect()
}

#[track_caller]
fn assert_varies_by_origin(what: &str, answer: &Answer) {
    let lines = answer.headers.get_all("vary").iter().map(|line| line.to_str().unwrap());
    let names: Vec<String> =
        lines.flat_map(|line| line.split(',')).map(|name| name.trim().to_lowercase()).collect();
    assert!(names.contains(&"origin".to_owned()), "{what}: {answer:?}");
}

on_both! {
    async fn a_configured_origin_is_allowed_and_named(service: Service) {
        let user = service.user().await;
        for (call, status) in every_kind_of_answer(&service, &user.access) {
            if status == 204 {
                continue;
            }
            let answer = call.header("origin", APP).send().await;
            assert_eq!(answer.status.as_u16(), status, "{answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), APP, "{answer:?}");
            assert!(answer.header("access-control-expose-headers").contains("X-Request-Id"), "{answer:?}");
            assert_eq!(cors_headers(&answer).len(), 2, "{answer:?}");
            assert_varies_by_origin("known", &answer);
        }
    }

    async fn an_unknown_origin_is_not_allowed(service: Service) {
        for origin in [
            "https://evil.example.com",
            "null",
            "NULL",
            "*",
            "http://app.example.com",
            "https://app.example.com:443",
            "https://app.example.com:8443",
            "https://app.example.com/",
            "https://app.example.com.evil.example",
            "https://evilapp.example.com",
            "https://sub.app.example.com",
            "https://app.example.com, https://evil.example.com",
            "https://evil.example.com https://app.example.com",
            "HTTPS://APP.EXAMPLE.COM",
            "https://app.example.com\u{e9}",
            "app.example.com",
            "",
        ] {
            for path in ["/", "/api/v1/health", "/nowhere", "/api/v1/users/me", "/docs"] {
                let answer = service.call("GET", path).header("origin", origin).send().await;
                assert!(cors_headers(&answer).is_empty(), "{origin}: {answer:?}");
                assert_varies_by_origin(origin, &answer);
                let preflight = service.call("OPTIONS", path).header("origin", origin);
                let answer = preflight.header("access-control-request-method", "POST").send().await.expect(204);
                assert!(cors_headers(&answer).is_empty(), "{origin}: {answer:?}");
                assert_varies_by_origin(origin, &answer);
            }
        }
        let answer = service.call("GET", "/api/v1/health").send().await.expect(200);
        assert!(cors_headers(&answer).is_empty(), "{answer:?}");
        assert_varies_by_origin("none", &answer);
    }

    async fn a_preflight_lists_what_a_configured_origin_may_do_and_never_allows_cookies(service: Service) {
        for path in ["/api/v1/users/me", "/api/v1/auth/login", "/nowhere"] {
            let preflight = service.call("OPTIONS", path).header("origin", APP);
            let preflight = preflight.header("access-control-request-method", "PATCH");
            let preflight = preflight.header("access-control-request-headers", "authorization,x-evil");
            let answer = preflight.send().await.expect(204);
            assert_eq!(answer.text, "");
            assert_eq!(answer.header("access-control-allow-origin"), APP);
            for method in ["GET", "POST", "PATCH", "DELETE"] {
                assert!(answer.header("access-control-allow-methods").contains(method), "{answer:?}");
            }
            let allowed = answer.header("access-control-allow-headers").to_lowercase();
            assert!(allowed.contains("authorization") && allowed.contains("content-type"), "{answer:?}");
            assert!(!allowed.contains("x-evil") && !allowed.contains('*'), "{answer:?}");
            assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{answer:?}");
            assert_varies_by_origin(path, &answer);
        }
    }

    async fn pages_may_send_trace_headers_and_read_every_documented_response_header(service: Service) {
        let preflight = service.call("OPTIONS", "/api/v1/users/me").header("origin", APP);
        let preflight = preflight.header("access-control-request-method", "GET");
        let preflight = preflight.header("access-control-request-headers", "authorization,traceparent,tracestate,baggage");
        let allowed = preflight.send().await.expect(204).header("access-control-allow-headers").to_lowercase();
        for name in ["authorization", "content-type", "x-request-id", "traceparent", "tracestate", "baggage"] {
            assert!(allowed.split(", ").any(|allowed| allowed == name), "{name}: {allowed}");
        }
        let answer = service.call("GET", "/").header("origin", APP).send().await.expect(200);
        let readable = answer.header("access-control-expose-headers");
        for name in [
            "X-Request-Id", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Deprecation",
            "Sunset", "Link", "Location", "ETag", "WWW-Authenticate",
        ] {
            assert!(readable.split(", ").any(|readable| readable == name), "{name}: {readable}");
        }
    }

    async fn in_development_without_configured_origins_localhost_is_allowed_without_credentials(service: Service) {
        let allowed = async |instance: &Instance, origin: &str| {
            let call = Call::new(&instance.url, "GET", "/").header("origin", origin);
            let answer = call.send().await.expect(200);
            assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{answer:?}");
            answer.header("access-control-allow-origin").to_owned()
        };
        let local = ["http://localhost:3000", "https://localhost", "http://127.0.0.1:5173", "http://[::1]:8080"];
        let open = service.instance_with(&[("CORS_ORIGINS", "")]).await;
        let staging = service.instance_with(&[("CORS_ORIGINS", ""), ("APP_ENV", "staging"), ("BCRYPT_ROUNDS", "10")]).await;
        for origin in local {
            assert_eq!(allowed(&open, origin).await, origin);
            assert_eq!(allowed(&service.instance, origin).await, "", "there is a list");
            assert_eq!(allowed(&staging, origin).await, "", "in staging");
        }
        for origin in ["https://evil.example", "null", "http://localhost.evil.example:3000", APP] {
            assert_eq!(allowed(&open, origin).await, "", "{origin}");
        }
    }

    async fn only_the_documents_can_be_read_from_any_origin(service: Service) {
        for path in ["/openapi.json", "/openapi.yaml", "/openapi-3.0.json"] {
            let answer = service.call("GET", path).header("origin", "https://elsewhere.example").send().await;
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
            let tag = answer.header("etag").to_owned();
            let again = service.call("GET", path).header("if-none-match", &tag).send().await.expect(304);
            assert_eq!(again.header("access-control-allow-origin"), "*", "{path}");
        }
        for path in ["/", "/docs", "/api/v1/health"] {
            let answer = service.call("GET", path).header("origin", "https://elsewhere.example").send().await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        }
    }
}
