//! The interactive documentation and the document's files, served from the binary: no outside request, ever.

mod asset;
mod negotiation;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use poem::{RouteMethod, http::header};

pub use self::asset::{Asset, Caching};
use self::asset::{Served, hex};
use super::document::Documents;

/// The first line names the vendored package's version; checksums follow.
const SWAGGER_UI: &str = include_str!("../../../assets/swagger-ui/VERSION");

const PAGE: &str = include_str!("../../../assets/docs/index.html");
const SCRIPT: &str = include_str!("../../../assets/docs/docs.js");
const STYLE: &str = include_str!("../../../assets/docs/docs.css");

/// Scripts and styles come from files of this origin only. React sets styles through the object model, which needs no
/// `unsafe-inline`; the icons of Swagger UI are `data:` images.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const CSS: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const JSON: &str = "application/json";
const PLAIN: &str = "text/plain; charset=utf-8";
const PNG: &str = "image/png";
const YAML: &str = "application/yaml";

/// Paths and endpoints of `/docs` and of the document's three forms.
///
/// `api_prefix` is where the page finds the login operation, for example `/api/v1`.
pub fn docs_routes(documents: &Arc<Documents>, api_prefix: &str) -> Vec<(String, RouteMethod)> {
    let vendored = format!("/docs/assets/{}", swagger_ui_version());
    let own = format!("/docs/assets/{}", own_version());
    let page = PAGE
        .replace("{{vendored}}", &vendored)
        .replace("{{own}}", &own)
        .replace("{{api_prefix}}", &escape(api_prefix.trim_end_matches('/')));
    let mut routes = vec![
        ("/docs".to_owned(), served(html_page(page))),
        ("/openapi.json".to_owned(), form(documents, JSON, |documents| &documents.json)),
        ("/openapi.yaml".to_owned(), form(documents, YAML, |documents| &documents.yaml)),
        ("/openapi-3.0.json".to_owned(), form(documents, JSON, |documents| &documents.json_3_0)),
    ];
    for (name, content_type, body) in own_files() {
        routes.push((format!("{own}/{name}"), versioned(content_type, body)));
    }
    for (name, content_type, body) in vendored_files() {
        routes.push((format!("{vendored}/{name}"), versioned(content_type, body)));
    }
    routes
}

/// A file's name, content type and body.
type File = (&'static str, &'static str, &'static [u8]);

fn own_files() -> [File; 2] {
    [("docs.js", JAVASCRIPT, SCRIPT.as_bytes()), ("docs.css", CSS, STYLE.as_bytes())]
}

fn vendored_files() -> [File; 5] {
    macro_rules! file {
        ($name:literal, $content_type:expr) => {
            ($name, $content_type, include_bytes!(concat!("../../../assets/swagger-ui/", $name)))
        };
    }
    [
        file!("swagger-ui.css", CSS),
        file!("swagger-ui-bundle.js", JAVASCRIPT),
        file!("swagger-ui-bundle.js.LICENSE.txt", PLAIN),
        file!("favicon-16x16.png", PNG),
        file!("favicon-32x32.png", PNG),
    ]
}

/// The vendored package's version, which its addresses carry.
fn swagger_ui_version() -> &'static str {
    SWAGGER_UI.split_whitespace().nth(1).unwrap_or_default()
}

/// The project's own files change without a version of their own: a hash stands in.
fn own_version() -> String {
    hex(&digest(&SHA256, [SCRIPT, STYLE].concat().as_bytes()).as_ref()[..8])
}

fn html_page(page: String) -> Asset {
    Asset::new(HTML, Caching::Revalidate, page)
        .with_header(header::CONTENT_SECURITY_POLICY, POLICY)
        .with_header(header::REFERRER_POLICY, "no-referrer")
        .with_header(header::X_FRAME_OPTIONS, "DENY")
}

fn versioned(content_type: &'static str, body: &'static [u8]) -> RouteMethod {
    served(Asset::new(content_type, Caching::Immutable, Bytes::from_static(body)))
}

fn form(documents: &Arc<Documents>, content_type: &'static str, text: fn(&Documents) -> &str) -> RouteMethod {
    let shared = Bytes::from_owner(Form { documents: Arc::clone(documents), text });
    served(Asset::new(content_type, Caching::Revalidate, shared))
}

/// One form of the document as bytes, without a copy.
struct Form {
    documents: Arc<Documents>,
    text: fn(&Documents) -> &str,
}

impl AsRef<[u8]> for Form {
    fn as_ref(&self) -> &[u8] {
        (self.text)(&self.documents).as_bytes()
    }
}

fn served(asset: Asset) -> RouteMethod {
    let endpoint = Served(Arc::new(asset));
    // Without its own endpoint, HEAD would cost the whole body.
    RouteMethod::new().get(endpoint.clone()).head(endpoint)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
