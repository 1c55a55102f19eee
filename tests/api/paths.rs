//! How paths are matched, HEAD, and the links of the root.

use crate::support::client::raw;

on_both! {
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

    async fn the_root_links_to_the_documents(service: Service) {
        let card = service.call("GET", "/").send().await.expect(200);
        let links: Vec<&str> = card.header("link").split(", ").collect();
        assert_eq!(links[0], "<openapi.json>; rel=\"service-desc\"; type=\"application/json\"");
        assert_eq!(links.len(), 3);
        for link in links {
            let path = link.trim_start_matches('<').split('>').next().unwrap();
            service.call("GET", &format!("/{path}")).send().await.expect(200);
        }
        let card = card.json();
        for name in ["docs", "openapi"] {
            let path = card[name].as_str().unwrap();
            assert!(!path.starts_with('/'), "{path}: a proxy may serve the card below a path");
            service.call("GET", &format!("/{path}")).send().await.expect(200);
        }
    }
}
