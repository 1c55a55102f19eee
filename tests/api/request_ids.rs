//! The id of a request, in responses and in audit events.

use serde_json::json;

use super::response_kinds::every_kind_of_answer;
use crate::support::client::{NOT_ROUTINE, PASSWORD, fresh_email, raw};

fn is_fresh_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

on_both! {
    async fn every_response_has_a_request_id_and_keeps_a_valid_one(service: Service) {
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

    async fn control_characters_in_a_header_are_malformed(service: Service) {
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

    async fn an_audit_event_shows_whether_the_client_chose_the_request_id(service: Service) {
        let user = service.superuser().await;
        for (index, id) in ["command-line", "local:command-line", "5b0c5f2c1f1a4e0d8d2f7a9b3c6e1d40"].into_iter().enumerate() {
            let new = json!({"email": format!("made{index}@example.com"), "password": PASSWORD});
            let call = service.by(&user, "POST", "/api/v1/users").header("x-request-id", id).json(new);
            assert_eq!(call.send().await.expect(201).header("x-request-id"), id, "it is echoed");
        }
        let new = json!({"email": fresh_email(), "password": PASSWORD});
        let made = service.by(&user, "POST", "/api/v1/users").json(new).send().await.expect(201);
        let rows = service.database.rows(&format!("SELECT request_id AS value FROM audit_events WHERE {NOT_ROUTINE} ORDER BY id")).await;
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
}
