//! Bodies with a wrong form, type, size or pace.

use serde_json::{Value, json};

use crate::support::client::{Answer, PASSWORD, fresh_email, raw};
use crate::support::{Call, Service};

const REGISTER: &str = "/api/v1/auth/register";
const LOGIN: &str = "/api/v1/auth/login";
const REFRESH: &str = "/api/v1/auth/refresh";

/// A text that no answer may repeat.
const MARKER: &str = "hunter2-and-more";

const MEBIBYTE: usize = 1024 * 1024;

/// The error of a body that is not well-formed, and nothing of the body with it.
#[track_caller]
fn assert_malformed(what: &str, answer: Answer) {
    assert_eq!(answer.status.as_u16(), 400, "{what}: {answer:?}");
    assert_silent(what, &answer);
    answer.expect_error(400, "malformed_request");
}

#[track_caller]
fn assert_silent(what: &str, answer: &Answer) {
    let whole = format!("{} {:?}", answer.text, answer.headers);
    assert!(!whole.contains(MARKER), "{what}: the answer repeats what was sent: {whole}");
}

impl Service {
    async fn post(&self, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.call("POST", path).body(content_type, body).send().await
    }
}

/// A registration of this many bytes.
fn registration_of(length: usize) -> String {
    let body = json!({"email": fresh_email(), "password": PASSWORD, "padding": ""}).to_string();
    let padding = "x".repeat(length - body.len());
    body.replace("\"padding\":\"\"", &format!("\"padding\":\"{padding}\""))
}

fn head(method: &str, path: &str, headers: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: test\r\n{headers}\r\n").into_bytes()
}

on_both! {
    async fn a_malformed_body_is_refused_and_not_repeated_in_the_error(service: Service) {
        let whole = format!(r#"{{"email": "a@example.com", "password": "{MARKER}"}}"#);
        let mut bodies: Vec<(String, Vec<u8>)> = [
            ("an empty body", ""),
            ("spaces", "  \n "),
            ("a word", MARKER),
            ("single quotes", &format!("{{'password': '{MARKER}'}}")),
            ("a comment", &format!("/* {MARKER} */ {whole}")),
            ("a trailing comma", &format!(r#"{{"password": "{MARKER}",}}"#)),
            ("two bodies", &format!("{whole}{whole}")),
            ("trailing garbage", &format!("{whole}; {MARKER}")),
            ("a trailing NUL", &format!("{whole}\0")),
            ("NaN", &format!(r#"{{"password": "{MARKER}", "x": NaN}}"#)),
            ("a number out of range", &format!(r#"{{"password": "{MARKER}", "x": 1e999}}"#)),
            ("a raw line break in a text", &format!("{{\"password\": \"{MARKER}\n\"}}")),
            ("half a surrogate pair", &format!(r#"{{"password": "{MARKER}\ud800"}}"#)),
            ("100,000 brackets", &"[".repeat(100_000)),
            ("100,000 braces", &r#"{"a":"#.repeat(100_000)),
            ("closed brackets", &("[".repeat(100_000) + &"]".repeat(100_000))),
            ("deep in a field", &format!(r#"{{"password": "{MARKER}", "x": {}}}"#, "[".repeat(5_000))),
            ("a name twice", &format!(r#"{{"email": "a@b.example", "email": "{MARKER}"}}"#)),
            ("an escaped name twice", &format!(r#"{{"email": "a@b.example", "\u0065mail": "{MARKER}"}}"#)),
            ("a name twice, deeper", &format!(r#"{{"x": [{{"{MARKER}": 1, "{MARKER}": 2}}], "email": 1}}"#)),
        ]
        .map(|(what, body)| (what.to_owned(), body.as_bytes().to_vec()))
        .into();
        bodies.push(("a byte order mark".into(), [b"\xef\xbb\xbf", whole.as_bytes()].concat()));
        bodies.push(("invalid UTF-8 in a text".into(), whole.replace("a@", "\u{1}@").bytes().map(|b| if b == 1 { 0xff } else { b }).collect()));
        bodies.push(("an overlong NUL".into(), [b"{\"password\": \"", MARKER.as_bytes(), b"\xc0\x80\"}"].concat()));
        bodies.push(("UTF-16".into(), whole.encode_utf16().flat_map(u16::to_le_bytes).collect()));
        bodies.push(("gzip".into(), b"\x1f\x8b\x08\x00\x00\x00\x00\x00".to_vec()));
        for cut in [1, 10, whole.len() / 2, whole.len() - 1] {
            bodies.push((format!("cut after {cut} bytes"), whole.as_bytes()[..cut].to_vec()));
        }
        for path in [REGISTER, LOGIN, REFRESH] {
            for (what, body) in &bodies {
                assert_malformed(what, service.post(path, "application/json", body.clone()).await);
            }
        }
        service.post(REGISTER, "application/json", whole).await.expect(201);
    }

    async fn only_json_in_utf_8_is_accepted(service: Service) {
        let body = || json!({"email": fresh_email(), "password": PASSWORD}).to_string();
        for content_type in [
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
            "application/jsonp",
            "application/json-patch",
            "application/json, text/plain",
            "application/json; charset=utf-16",
            "application/json; charset=iso-8859-1",
            "application/json; charset=\"utf-7\"",
            "+json",
            "json",
            "*/*",
            "",
            "application/problem+json",
            "application/vnd.api+json",
            "application/json-patch+json",
            // It says what a PATCH means, and nothing of a POST (RFC 7396).
            "application/merge-patch+json",
        ] {
            let answer = service.post(REGISTER, content_type, body()).await;
            assert_eq!(answer.status.as_u16(), 415, "{content_type}: {answer:?}");
            assert_eq!(answer.header("accept"), "application/json", "{content_type}");
            assert_eq!(answer.header("accept-patch"), "", "{content_type}");
            answer.expect_error(415, "unsupported_media_type");
        }
        for content_type in [
            "application/json",
            "APPLICATION/JSON",
            "application/json;charset=utf-8",
            "application/json; charset=\"UTF-8\"",
            "application/json; profile=x",
        ] {
            let answer = service.post(REGISTER, content_type, body()).await;
            assert_eq!(answer.status.as_u16(), 201, "{content_type}: {answer:?}");
        }
        let body = body();
        let head = head("POST", REGISTER, &format!("Connection: close\r\nContent-Length: {}\r\n", body.len()));
        let answer = raw(&service.instance.url, [head, body.into_bytes()]).await.answer();
        answer.expect_error(415, "unsupported_media_type");
    }

    async fn a_patch_in_another_format_is_refused_and_the_accepted_format_is_named(service: Service) {
        let user = service.superuser().await;
        let paths = ["/api/v1/users/me".to_owned(), format!("/api/v1/users/{}", user.id)];
        for path in &paths {
            for content_type in [
                "application/vnd.api+json",
                "application/json-patch+json",
                "application/problem+json",
                "application/merge-patch",
                "application/merge-patch+json, application/json",
                "application/merge-patch+json; charset=utf-16",
                "text/plain",
                "",
            ] {
                let body = json!({"full_name": "Changed", "data": {"attributes": {"full_name": "Changed"}}}).to_string();
                let answer = service.by(&user, "PATCH", path).body(content_type, body).send().await;
                assert_eq!(answer.status.as_u16(), 415, "{content_type}: {answer:?}");
                let taken = "application/json, application/merge-patch+json";
                assert_eq!((answer.header("accept-patch"), answer.header("accept")), (taken, taken));
                answer.expect_error(415, "unsupported_media_type");
            }
            assert_eq!(service.me(&user.access).await.json()["full_name"], Value::Null);
            for (name, content_type) in [
                ("Ada", "application/json"),
                ("Grace", "application/merge-patch+json"),
                ("Edith", "Application/Merge-Patch+JSON; charset=UTF-8"),
            ] {
                let body = json!({"full_name": name}).to_string();
                let answer = service.by(&user, "PATCH", path).body(content_type, body).send().await.expect(200);
                assert_eq!(answer.json()["full_name"], name, "{content_type}");
            }
            let cleared = service.by(&user, "PATCH", path).body("application/merge-patch+json", "{\"full_name\": null}");
            assert_eq!(cleared.send().await.expect(200).json()["full_name"], Value::Null);
        }
        let me = service.by(&user, "PATCH", "/api/v1/users/me").header("content-type", "application/json");
        me.body("application/merge-patch+json", "{}").send().await.expect_error(415, "unsupported_media_type");
    }

    async fn a_body_must_be_an_object(service: Service) {
        for body in ["[]", "null", "7", "-0.5", "true", "\"text\"", "[{}]"] {
            for path in [REGISTER, LOGIN, REFRESH] {
                let answer = service.post(path, "application/json", body).await;
                let problem = answer.expect_error(422, "validation_error")["details"]["fields"].clone();
                let expected = json!([{"field": "body", "rule": "type", "message": "must be an object"}]);
                assert_eq!(problem, expected, "{path}: {body}");
            }
        }
    }

    async fn every_invalid_field_is_listed_at_once_with_its_path(service: Service) {
        let user = service.user().await;
        for (method, path, body, expected) in [
            ("POST", REGISTER, json!({}), &["email", "password"][..]),
            ("POST", REGISTER, json!({"email": 5, "password": null}), &["email", "password"]),
            ("POST", REGISTER, json!({"email": ["a@b.example"], "password": {"x": MARKER}}), &["email", "password"]),
            ("POST", REGISTER, json!({"email": MARKER, "password": "short", "full_name": "  "}), &["email", "full_name", "password"]),
            ("POST", REGISTER, json!({"password": MARKER, "full_name": 1, "is_superuser": true}), &["email", "full_name", "is_superuser"]),
            ("POST", LOGIN, json!({"email": "", "password": 12_345_678}), &["email", "password"]),
            ("POST", LOGIN, json!({"user": MARKER}), &["email", "password"]),
            ("POST", REFRESH, json!({"refresh_token": 1}), &["refresh_token"]),
            ("POST", REFRESH, json!({"refresh_token": ""}), &["refresh_token"]),
            ("PATCH", "/api/v1/users/me", json!({"full_name": 1, "password": MARKER}), &["current_password", "full_name"]),
            ("PATCH", "/api/v1/users/me", json!({"password": null, "current_password": 7}), &["current_password", "password"]),
        ] {
            let answer = service.call(method, path).bearer(&user.access).json(body.clone()).send().await;
            assert_silent(path, &answer);
            let mut fields = answer.invalid_fields();
            fields.sort();
            fields.dedup();
            assert_eq!(fields, expected, "{path}: {body}");
        }
    }

    async fn nul_is_refused_in_every_field(service: Service) {
        let user = service.user().await;
        for (method, path, body, expected) in [
            ("POST", REGISTER, json!({"email": "a\0@example.com", "password": PASSWORD}), "email"),
            ("POST", REGISTER, json!({"email": fresh_email(), "password": PASSWORD, "full_name": "A\0da"}), "full_name"),
            ("POST", REGISTER, json!({"email": fresh_email(), "password": PASSWORD, "x": [{"y": "\0"}]}), "x.0.y"),
            ("POST", REGISTER, json!({"email": fresh_email(), "password": PASSWORD, "unknown\0": 1}), "unknown"),
            ("POST", REGISTER, json!({"email": fresh_email(), "password": PASSWORD, "x": [{"\0y": 1}]}), "x.0.y"),
            ("POST", LOGIN, json!({"email": user.email, "password": format!("{PASSWORD}\0")}), "password"),
            ("POST", REFRESH, json!({"refresh_token": "\0"}), "refresh_token"),
            ("PATCH", "/api/v1/users/me", json!({"full_name": "\0"}), "full_name"),
        ] {
            let answer = service.call(method, path).bearer(&user.access).json(body).send().await;
            let mut fields = answer.invalid_fields();
            fields.dedup();
            assert_eq!(fields, [expected], "{path}");
        }
    }

    async fn a_small_request_does_not_cause_a_huge_error(service: Service) {
        let many = |name: &str, count| -> Value {
            let fields: serde_json::Map<_, _> = (0..count).map(|n| (n.to_string(), json!("\0"))).collect();
            json!({"email": "a", "password": "b", name: fields})
        };
        for (what, body) in [
            ("many NULs", many("x", 60_000)),
            ("many NULs below a long name", many(&"x".repeat(400_000), 30_000)),
            ("a name with escape sequences", json!({"\u{1b}[31m\r\n\u{9b}": {"\u{202e}": "\0"}})),
            ("a list", json!({"x": vec!["\0"; 100_000]})),
            // A path that is copied for each value below a long name would be gigabytes.
            ("many values below a long name", json!({("x".repeat(500_000)): vec![1; 250_000]})),
        ] {
            let answer = service.call("POST", REGISTER).json(body).send().await;
            assert!(answer.text.len() < 64 * 1024, "{what}: {} bytes", answer.text.len());
            assert!(answer.invalid_fields().iter().all(|field| !field.contains(char::is_control)), "{what}");
        }
    }

    async fn a_user_cannot_register_with_privileges(service: Service) {
        let user = service.user().await;
        let before = service.me(&user.access).await.expect(200).json();
        let privileged = [("id", json!(1)), ("role", json!("admin")), ("is_superuser", json!(true)),
            ("is_superuser", json!(false)), ("is_active", json!(false)), ("is_verified", json!(true)),
            ("is_verified", json!(null))];
        for (field, value) in privileged {
            let email = fresh_email();
            let body = json!({"email": email, "password": PASSWORD, field: value});
            assert_eq!(service.call("POST", REGISTER).json(body).send().await.invalid_fields(), [field]);
            service.login(&email, PASSWORD).await.expect_error(401, "invalid_credentials");

            let body = json!({"full_name": "Eve", field: value});
            let call = service.call("PATCH", "/api/v1/users/me").bearer(&user.access).json(body);
            assert_eq!(call.send().await.invalid_fields(), [field]);
        }
        assert_eq!(service.me(&user.access).await.expect(200).json(), before);
        // What would not mislead is ignored.
        let change = service.call("PATCH", "/api/v1/users/me").bearer(&user.access).json(json!({"nickname": "x"}));
        assert_eq!(change.send().await.expect(200).json()["email"], before["email"]);
    }

    async fn a_body_of_one_mebibyte_is_accepted_and_one_byte_more_is_not(service: Service) {
        service.post(REGISTER, "application/json", registration_of(MEBIBYTE)).await.expect(201);
        let answer = service.post(REGISTER, "application/json", registration_of(MEBIBYTE + 1)).await;
        answer.expect_error(413, "payload_too_large");
    }

    async fn a_huge_content_length_is_refused_before_the_body_is_sent(service: Service) {
        for length in ["1048577", "1073741824", "9223372036854775807"] {
            for (path, status, code) in [
                (REGISTER, 413, "payload_too_large"),
                // No body is read here, so its size is not what is wrong.
                ("/api/v1/users/me", 405, "method_not_allowed"),
                ("/nowhere", 404, "not_found"),
            ] {
                let headers = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
                let answer = raw(&service.instance.url, [head("POST", path, &headers)]).await.answer();
                answer.expect_error(status, code);
            }
        }
    }

    async fn a_chunked_body_is_refused_once_it_is_too_large(service: Service) {
        let head = head("POST", REGISTER, "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n");
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000)).into_bytes();
        // 1 GiB, unless the server stops it.
        let pieces = std::iter::once(head).chain(std::iter::repeat_n(chunk, 16 * 1024));
        let exchange = raw(&service.instance.url, pieces).await;
        exchange.answer().expect_error(413, "payload_too_large");
        // What it has read and what lay in buffers on the way.
        assert!(exchange.sent < 512, "{} chunks of 64 KiB were taken", exchange.sent);
    }

    async fn a_body_that_does_not_arrive_times_out(service: Service) {
        let impatient = service.instance_with(&[("BODY_TIMEOUT", "1")]).await;
        let body = json!({"email": fresh_email(), "password": PASSWORD}).to_string();
        let sized = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        let chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
        for (what, headers, sent) in [
            ("half of it", sized.as_str(), &body[..20]),
            ("nothing of it", &sized, ""),
            ("half a chunk", chunked, "100\r\n{\"email\""),
        ] {
            let pieces = [head("POST", REGISTER, headers), sent.as_bytes().to_vec()];
            let answer = raw(&impatient.url, pieces).await.answer();
            assert_eq!(answer.status.as_u16(), 408, "{what}: {answer:?}");
            answer.expect_error(408, "request_timeout");
            Call::new(&impatient.url, "GET", "/api/v1/health/live").send().await.expect(200);
        }
    }

    async fn a_truncated_body_creates_no_user(service: Service) {
        let email = fresh_email();
        let body = json!({"email": email, "password": PASSWORD}).to_string();
        let headers = "Content-Type: application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n";
        let wrong_chunk = format!("{:x}\r\n{body}\r\nno size\r\n", body.len());
        let pieces = [head("POST", REGISTER, headers), wrong_chunk.into_bytes()];
        let answer = raw(&service.instance.url, pieces).await.answer();
        assert_eq!(answer.status.as_u16(), 400, "{answer:?}");
        service.login(&email, PASSWORD).await.expect_error(401, "invalid_credentials");
    }

    async fn no_header_overrides_the_method(service: Service) {
        let user = service.user().await;
        for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
            let get = service.call("GET", "/api/v1/users/me").bearer(&user.access).header(name, "DELETE");
            assert_eq!(get.send().await.expect(200).json()["id"], user.id);
            let post = service.call("POST", "/api/v1/users/me?_method=DELETE").bearer(&user.access);
            post.header(name, "DELETE").send().await.expect_error(405, "method_not_allowed");
        }
        for method in ["TRACE", "CONNECTION", "PROPFIND", "get", "OPTIONS"] {
            let answer = service.call(method, "/api/v1/users/me").bearer(&user.access).send().await;
            assert_eq!(answer.header("allow"), "DELETE, GET, PATCH, HEAD", "{method}");
            answer.expect_error(405, "method_not_allowed");
        }
        service.me(&user.access).await.expect(200);
    }
}
