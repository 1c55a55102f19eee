//! Large answers are compressed for clients that accept it, and never those with a secret.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::support::Service;
use crate::support::client::{PASSWORD, TestUser, raw};

struct Coded {
    head: String,
    body: Vec<u8>,
}

impl Coded {
    fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    fn is_gzip(&self) -> bool {
        self.header("content-encoding") == ["gzip"]
    }

    fn varies_by_coding(&self) -> bool {
        self.header("vary").iter().any(|line| line.to_lowercase().contains("accept-encoding"))
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if self.is_gzip() {
            GzDecoder::new(&*self.body).read_to_string(&mut text).unwrap();
        } else {
            text = String::from_utf8(self.body.clone()).unwrap();
        }
        text
    }
}

/// The answer to a request with these lines beside the usual ones, byte by byte.
async fn exchange(
    service: &Service,
    user: &TestUser,
    method: &str,
    path: &str,
    lines: &str,
    body: &str,
) -> Coded {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{lines}\r\n{body}",
        user.access,
        body.len()
    );
    let bytes = raw(&service.instance.url, [request.into_bytes()]).await.bytes;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let body = bytes[end + 4..].to_vec();
    let coded = Coded { head, body };
    let length = coded.header("content-length").first().map(|length| length.parse::<usize>().unwrap());
    assert!(length.is_none_or(|length| length == coded.body.len()), "{}", coded.head);
    coded
}

const ACCEPT: &str = "Accept-Encoding: gzip, br\r\n";

fn long_webhook() -> String {
    let url = format!("http://127.0.0.1:9431/{}", "x".repeat(1_500));
    json!({"url": url, "events": ["*"], "is_active": false}).to_string()
}

on_both! {
    async fn a_large_answer_is_compressed_if_the_client_accepts_it(service: Service) {
        let root = service.superuser().await;
        for _ in 0..8 {
            service.user().await;
        }
        let plain = exchange(&service, &root, "GET", "/api/v1/users", "", "").await;
        assert!(!plain.is_gzip() && plain.varies_by_coding() && plain.body.len() > 1024, "{}", plain.head);
        let gzip = exchange(&service, &root, "GET", "/api/v1/users", ACCEPT, "").await;
        assert!(gzip.is_gzip() && gzip.varies_by_coding(), "{}", gzip.head);
        assert!(gzip.body.len() < plain.body.len() / 2, "{} of {}", gzip.body.len(), plain.body.len());
        assert_eq!(gzip.text(), plain.text());
        for refusal in ["Accept-Encoding: br\r\n", "Accept-Encoding: gzip;q=0\r\n", "Accept-Encoding: identity\r\n"] {
            let answer = exchange(&service, &root, "GET", "/api/v1/users", refusal, "").await;
            assert!(!answer.is_gzip() && answer.text() == plain.text(), "{refusal}");
        }
        let small = exchange(&service, &root, "GET", "/api/v1/users/me", ACCEPT, "").await;
        assert!(!small.is_gzip() && !small.varies_by_coding(), "{}", small.head);
    }

    async fn the_forms_of_a_resource_have_tags_of_their_own_and_one_state(service: Service) {
        let root = service.superuser().await;
        let made = exchange(&service, &root, "POST", "/api/v1/webhooks", "", &long_webhook()).await;
        let id = serde_json::from_str::<Value>(&made.text()).unwrap()["id"].clone();
        let path = format!("/api/v1/webhooks/{id}");
        let plain = exchange(&service, &root, "GET", &path, "", "").await;
        let gzip = exchange(&service, &root, "GET", &path, ACCEPT, "").await;
        assert!(gzip.is_gzip() && !plain.is_gzip());
        let (plain, gzip) = (plain.header("etag")[0].to_owned(), gzip.header("etag")[0].to_owned());
        assert_eq!(gzip, format!("{}-gzip\"", plain.trim_end_matches('"')));
        for (held, lines, status) in [(&plain, "", 304), (&gzip, ACCEPT, 304), (&plain, ACCEPT, 200), (&gzip, "", 200)] {
            let lines = format!("{lines}If-None-Match: {held}\r\n");
            let answer = exchange(&service, &root, "GET", &path, &lines, "").await;
            assert!(answer.head.starts_with(&format!("HTTP/1.1 {status} ")), "{lines}{}", answer.head);
            assert!(answer.varies_by_coding(), "{}", answer.head);
            assert_eq!(answer.body.is_empty(), status == 304);
            assert_eq!(answer.is_gzip(), status == 200 && lines.starts_with(ACCEPT));
        }
        // A condition is on the state, in whichever form the client has read it.
        let change = json!({"description": "x"});
        service.by(&root, "PATCH", &path).header("if-match", &gzip).json(change).send().await.expect(200);
    }

    async fn an_answer_with_a_secret_is_never_compressed(service: Service) {
        let root = service.superuser().await;
        let made = exchange(&service, &root, "POST", "/api/v1/webhooks", ACCEPT, &long_webhook()).await;
        assert!(made.body.len() > 1024 && made.text().contains("whsec_"));
        let id = serde_json::from_str::<Value>(&made.text()).unwrap()["id"].clone();
        let path = format!("/api/v1/webhooks/{id}/rotate-secret");
        let rotated = exchange(&service, &root, "POST", &path, ACCEPT, "").await;
        assert!(rotated.body.len() > 1024 && rotated.text().contains("whsec_"));
        let credentials = json!({"email": root.email, "password": PASSWORD}).to_string();
        let login = exchange(&service, &root, "POST", "/api/v1/auth/login", ACCEPT, &credentials).await;
        for answer in [made, rotated, login] {
            assert!(!answer.is_gzip() && !answer.varies_by_coding(), "{}", answer.head);
        }
    }
}
