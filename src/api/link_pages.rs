//! The pages that the links in mails lead to, until a front end has its own.

use groundwork_openapi::pages::{CSS, JAVASCRIPT, escape, page_file, unstored_page};
use poem::RouteMethod;

/// The pages load two files of this origin and call the API there. The empty icon is `data:`.
const POLICY: &str = "default-src 'none'; object-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Where the files of the pages are, relative to a page.
const FILES: &str = "links";

/// Paths and endpoints of the pages and their files. `prefix` is that of the API, without slashes
/// around it.
///
/// All addresses are relative, so that the pages work behind a proxy that adds a path.
pub(super) fn routes(service: &str, prefix: &str) -> Vec<(String, RouteMethod)> {
    let page = |template: &str| {
        let page = template.replace("{{pages}}", FILES).replace("{{api}}", &escape(prefix));
        unstored_page(page.replace("{{service}}", &escape(service)), POLICY)
    };
    vec![
        ("/verify-email".to_owned(), page(include_str!("../../assets/pages/verify-email.html"))),
        ("/reset-password".to_owned(), page(include_str!("../../assets/pages/reset-password.html"))),
        ("/confirm-email".to_owned(), page(include_str!("../../assets/pages/confirm-email.html"))),
        (format!("/{FILES}/links.css"), page_file(CSS, include_str!("../../assets/pages/links.css"))),
        (format!("/{FILES}/links.js"), page_file(JAVASCRIPT, include_str!("../../assets/pages/links.js"))),
    ]
}
