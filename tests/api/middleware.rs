//! What surrounds every route: request ids, web pages of other origins, paths, clients behind proxies.

use serde_json::json;

use crate::support::client::{Answer, PASSWORD, fresh_email, raw};
use crate::support::{Call, Instance, Service};

const APP: &str = "https://app.example.com";

fn is_fresh_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// One request for each way in which an answer comes to be, with the status it must get.
fn every_kind_of_answer(service: &Service, access: &str) -> Vec<(Call, u16)> {
    let call = |method: &str, path: &str| service.call(method, path);
    let register = || call("POST", "/api/v1/auth/register");
    let new = json!({"email": fresh_email(), "password": PASSWORD});
    let preflight = call("OPTIONS", "/api/v1/users/me").header("origin", APP);
    vec![
        (call("GET", "/"), 200),
        (call("GET", "/docs"), 200),
        (call("GET", "/openapi.json"), 200),
        (call("GET", "/api/v1/health/ready"), 200),
        (call("GET", "/api/v1/users/me").bearer(access), 200),
        (call("HEAD", "/api/v1/health"), 200),
        (register().json(new), 201),
        (preflight.header("access-control-request-method", "GET"), 204),
        (register().body("application/json", "{"), 400),
        (call("GET", "/api/v1/users/me"), 401),
        (call("GET", "/api/v1/users/me").bearer("bad"), 401),
        (call("GET", "/api/v1/users").bearer(access), 403),
        (call("GET", "/nowhere"), 404),
        (call("GET", "/docs/assets/nothing.js"), 404),
        (call("PUT", "/api/v1/users/me"), 405),
        (call("POST", "/docs"), 405),
        (call("TRACE", "/api/v1/users/me"), 405),
        (call("OPTIONS", "/api/v1/users/me"), 405),
        (register().body("application/json", "x".repeat(1024 * 1024 + 1)), 413),
        (register().body("text/plain", "x"), 415),
        (register().json(json!({})), 422),
        (call("POST", "/api/v1/auth/logout").bearer(access), 204),
    ]
}

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
    let _ =
        headers.iter().fold(log_in, |call, (name, value)| call.header(name, value)).send().await.expect(200);
    service.database.sql(&format!("SELECT {column} AS value FROM sessions WHERE user_id = {id}")).await
}

/// What a browser must be told by every answer. `public` is one that any origin may read; a page has a policy of its own.
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
    async fn every_answer_has_an_id_and_keeps_a_sound_one(service: Service) {
        let user = service.user().await;
        for (call, status) in every_kind_of_answer(&service, &user.access) {
            let answer = call.header("x-request-id", "018f6b1e-7a2c:test_1.b").send().await;
            assert_eq!(answer.status.as_u16(), status, "{answer:?}");
            assert_eq!(answer.headers.get_all("x-request-id").iter().count(), 1, "{answer:?}");
            assert_eq!(answer.header("x-request-id"), "018f6b1e-7a2c:test_1.b", "{answer:?}");
        }
        let user = service.user().await;
        let mut ids = Vec::new();
        for (call, status) in every_kind_of_answer(&service, &user.access) {
            let answer = call.send().await;
            assert_eq!(answer.status.as_u16(), status, "{answer:?}");
            let id = answer.header("x-request-id").to_owned();
            assert!(is_fresh_id(&id) && !ids.contains(&id), "{answer:?}");
            if status >= 400 {
                assert_eq!(answer.json()["request_id"], id.as_str());
            }
            ids.push(id);
        }
    }

    async fn every_answer_tells_browsers_to_keep_it_to_itself(service: Service) {
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
        // A known origin reads the answer by its permission, which the resource policy does not take back.
        let answer = service.call("GET", "/").header("origin", APP).send().await.expect(200);
        assert_safe_for_browsers("known origin", &answer);
        assert_eq!(answer.header("access-control-allow-origin"), APP);
    }

    async fn only_who_comes_with_tls_is_told_to_stay_with_it(service: Service) {
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

    async fn an_id_that_could_forge_a_log_line_is_replaced(service: Service) {
        let long = "x".repeat(65);
        let longer = "x".repeat(10 * 1024);
        for id in [
            "", "a b", "a\tb", "a,b", "a\"b", "{\"a\":1}", "a'b", "a\\nb", "%0d%0a", "<b>", "é", "\u{9b}31m", "a;b", "a/b",
            &long, &longer,
        ] {
            let answer = service.call("GET", "/nowhere").header("x-request-id", id).send().await;
            assert!(is_fresh_id(answer.header("x-request-id")), "{id:?}: {answer:?}");
            answer.expect_error(404, "not_found");
        }
        let longest = "x".repeat(64);
        let answer = service.call("GET", "/nowhere").header("x-request-id", &longest).send().await;
        assert_eq!(answer.header("x-request-id"), longest);
    }

    async fn control_characters_in_a_header_are_not_even_parsed(service: Service) {
        for byte in [0x00_u8, 0x07, 0x0b, 0x1b, 0x7f] {
            for name in ["X-Request-Id", "User-Agent", "Authorization"] {
                let mut request = format!("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{name}: a").into_bytes();
                request.push(byte);
                request.extend(b"[31m\r\n\r\n");
                let exchange = raw(&service.instance.url, [request]).await;
                let text = String::from_utf8_lossy(&exchange.bytes).into_owned();
                assert!(text.starts_with("HTTP/1.1 400 "), "{byte}: {text:?}");
                assert!(!text.contains("[31m"), "{byte}: {text:?}");
            }
        }
    }

    async fn a_known_origin_is_let_in_and_named(service: Service) {
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

    async fn an_unknown_origin_gets_no_permission(service: Service) {
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

    async fn a_preflight_says_what_a_known_origin_may_do_and_never_with_cookies(service: Service) {
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

    async fn pages_may_send_what_carries_traces_and_read_what_answers_promise(service: Service) {
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

    async fn in_development_without_a_list_the_pages_of_this_machine_are_let_in_without_credentials(service: Service) {
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

    async fn an_audit_event_says_who_chose_the_id_of_its_request(service: Service) {
        let user = service.superuser().await;
        for (index, id) in ["command-line", "local:command-line", "5b0c5f2c1f1a4e0d8d2f7a9b3c6e1d40"].into_iter().enumerate() {
            let new = json!({"email": format!("made{index}@example.com"), "password": PASSWORD});
            let call = service.by(&user, "POST", "/api/v1/users").header("x-request-id", id).json(new);
            assert_eq!(call.send().await.expect(201).header("x-request-id"), id, "it is echoed");
        }
        let new = json!({"email": fresh_email(), "password": PASSWORD});
        let made = service.by(&user, "POST", "/api/v1/users").json(new).send().await.expect(201);
        let rows = service.database.rows("SELECT request_id AS value FROM audit_events ORDER BY id").await;
        let rows: Vec<_> = rows.into_iter().flatten().collect();
        let expected = [
            "client/command-line",
            "client/local:command-line",
            "client/5b0c5f2c1f1a4e0d8d2f7a9b3c6e1d40",
            made.header("x-request-id"),
        ];
        assert_eq!(rows, expected);
        // What marks a command cannot be sent.
        let answer = service.call("GET", "/").header("x-request-id", "local/command-line").send().await;
        assert!(is_fresh_id(answer.header("x-request-id")), "{answer:?}");
    }

    async fn a_path_has_one_spelling(service: Service) {
        let user = service.superuser().await;
        let id = user.id;
        for path in [
            "/api/v1/users/me/",
            "/api/v1/users/",
            "/api/v1/health/",
            "//api/v1/health",
            "/api//v1/health",
            "/api/v1//health",
            "/api/v1/health//",
            "/API/v1/health",
            "/api/v1/Health",
            "/api/v1/users/ME",
            "/%61pi/v1/health",
            "/api/v1/he%61lth",
            "/api/v1%2fhealth",
            "/api/v1/users%2fme",
            "/api/v1/health%00",
            "/api/v1/health%20",
            "/api/v1/health;x=1",
            "/api/v1/%2e/health",
            "/api/v1/users/%2e%2e/health",
            "/docs/",
            "/docs/assets/../../etc/passwd",
            "/docs/assets/%2e%2e/%2e%2e/etc/passwd",
            &format!("/api/v1/users/{id}/"),
            &format!("/api/v1/users/{id}/../me"),
        ] {
            // A client resolves the dots of a path, so it is sent as it is.
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
                user.access
            );
            let answer = raw(&service.instance.url, [request.into_bytes()]).await.answer();
            // Below /users/ everything that is no number is a wrong number.
            if path.starts_with("/api/v1/users/") && answer.status == 422 {
                assert_eq!(answer.invalid_fields(), ["id"], "{path}");
            } else {
                assert_eq!(answer.status.as_u16(), 404, "{path}: {answer:?}");
                answer.expect_error(404, "not_found");
            }
        }
        let path = format!("/api/v1/users/{id}");
        assert_eq!(service.call("GET", &path).bearer(&user.access).send().await.expect(200).json()["id"], id);
    }

    async fn head_is_get_without_the_content(service: Service) {
        let user = service.user().await;
        for (path, status) in [
            ("/", 200),
            ("/docs", 200),
            ("/openapi.json", 200),
            ("/api/v1/health", 200),
            ("/api/v1/users/me", 200),
            ("/api/v1/users", 403),
            ("/api/v1/auth/login", 405),
            ("/nowhere", 404),
        ] {
            let exchange = |method: &str| {
                let request = format!(
                    "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nX-Request-Id: same\r\nAuthorization: Bearer {}\r\n\r\n",
                    user.access
                );
                raw(&service.instance.url, [request.into_bytes()])
            };
            let (head, get) = (exchange("HEAD").await.answer(), exchange("GET").await.answer());
            assert_eq!((head.status.as_u16(), head.text.as_str()), (status, ""), "{path}");
            assert_eq!(get.status.as_u16(), status, "{path}");
            for name in ["content-type", "content-length", "cache-control", "etag", "allow"] {
                assert_eq!(head.header(name), get.header(name), "{path}: {name}");
            }
        }
    }

    async fn a_client_is_believed_about_its_address_only_behind_a_trusted_proxy(service: Service) {
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

    async fn a_user_agent_is_stored_cut_and_printable(service: Service) {
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

    async fn the_card_leads_to_the_descriptions_of_the_service(service: Service) {
        let card = service.call("GET", "/").send().await.expect(200);
        let links: Vec<&str> = card.header("link").split(", ").collect();
        assert_eq!(links[0], "<openapi.json>; rel=\"service-desc\"; type=\"application/json\"");
        assert_eq!(links.len(), 3);
        for link in links {
            let path = link.trim_start_matches('<').split('>').next().unwrap();
            let _ = service.call("GET", &format!("/{path}")).send().await.expect(200);
        }
        let card = card.json();
        for name in ["docs", "openapi"] {
            let path = card[name].as_str().unwrap();
            assert!(!path.starts_with('/'), "{path}: a proxy may serve the card below a path");
            let _ = service.call("GET", &format!("/{path}")).send().await.expect(200);
        }
    }

    async fn the_document_may_be_read_from_any_origin_and_nothing_else_may(service: Service) {
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
