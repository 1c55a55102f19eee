//! The pages that the links in mails lead to.

use crate::api::security_headers::assert_safe_for_browsers;
use crate::support::{Backend, Service};

#[tokio::test(flavor = "multi_thread")]
async fn each_link_leads_to_a_page_that_loads_only_from_its_origin() {
    let service = Service::start_with(Backend::Sqlite, &[("APP_NAME", "Ada & <Co>")]).await;
    for page in ["verify-email", "reset-password", "confirm-email"] {
        let answer = service.call("GET", &format!("/{page}?token=secret")).send().await.expect(200);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "no-store", "the address has a secret");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; object-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
        let text = &answer.text;
        assert!(text.contains(&format!("data-endpoint=\"api/v1/auth/{page}\"")), "{text}");
        assert!(text.contains("Ada &amp; &lt;Co&gt;") && !text.contains("{{"), "{text}");
        assert!(!text.contains("secret"), "{text}");
        for file in ["links/links.css", "links/links.js"] {
            assert!(text.contains(&format!("\"{file}\"")), "{text}");
        }
        assert_safe_for_browsers(page, &answer);
    }
    for (file, content_type) in [("css", "text/css; charset=utf-8"), ("js", "text/javascript; charset=utf-8")]
    {
        let answer = service.call("GET", &format!("/links/links.{file}")).send().await.expect(200);
        assert_eq!(answer.header("content-type"), content_type);
    }
    service.call("POST", "/verify-email").send().await.expect_error(405, "method_not_allowed");
}
