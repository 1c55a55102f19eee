//! The documentation's two pages and the document's files, served from the binary: no outside request, ever.

mod asset;
mod negotiation;
mod reading;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use poem::{
    Endpoint, Request, Response, RouteMethod,
    error::InternalServerError,
    http::{HeaderName, header},
};
use tokio::{sync::OnceCell, task::spawn_blocking};

pub use self::asset::{Asset, Caching};
use self::{
    asset::{Served, hex},
    reading::markup::escape,
};
use super::document::Documents;

/// The first line names the vendored package's version; checksums follow.
const SWAGGER_UI: &str = include_str!("../../../assets/swagger-ui/VERSION");

const PAGE: &str = include_str!("../../../assets/docs/index.html");
const SCRIPT: &str = include_str!("../../../assets/docs/docs.js");
const STYLE: &str = include_str!("../../../assets/docs/docs.css");
const READING_STYLE: &str = include_str!("../../../assets/docs/reading.css");

/// Scripts and styles come from files of this origin only. React sets styles through the object model, which needs no
/// `unsafe-inline`; the icons of Swagger UI are `data:` images.
const POLICY: &str = "default-src 'none'; object-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page for reading has no script, so nothing may run there.
const READING_POLICY: &str = "default-src 'none'; object-src 'none'; style-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

const CSS: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const JSON: &str = "application/json";
const PLAIN: &str = "text/plain; charset=utf-8";
const PNG: &str = "image/png";
const YAML: &str = "application/yaml";

/// Paths and endpoints of `/docs`, of `/redoc` and of the document's three forms.
///
/// `api_prefix` is where `/docs` finds the login operation, for example `/api/v1`. The pages refer to everything relative to
/// themselves, so that they work behind a proxy that serves them below a path of its own.
pub fn docs_routes(documents: &Arc<Documents>, api_prefix: &str) -> Vec<(String, RouteMethod)> {
    let vendored = format!("docs/assets/{}", swagger_ui_version());
    let own = format!("docs/assets/{}", own_version());
    let page = PAGE
        .replace("{{vendored}}", &vendored)
        .replace("{{own}}", &own)
        .replace("{{api_prefix}}", &escape(api_prefix.trim_matches('/')));
    let mut routes = vec![
        ("/docs".to_owned(), served(html_page(page, POLICY))),
        ("/redoc".to_owned(), with_head(ReadingPage::new(documents, &own, &vendored))),
        ("/openapi.json".to_owned(), form(documents, JSON, |documents| &documents.json)),
        ("/openapi.yaml".to_owned(), form(documents, YAML, |documents| &documents.yaml)),
        ("/openapi-3.0.json".to_owned(), form(documents, JSON, |documents| &documents.json_3_0)),
    ];
    for (name, content_type, body) in own_files() {
        routes.push((format!("/{own}/{name}"), versioned(content_type, body)));
    }
    for (name, content_type, body) in vendored_files() {
        routes.push((format!("/{vendored}/{name}"), versioned(content_type, body)));
    }
    routes
}

/// A file's name, content type and body.
type File = (&'static str, &'static str, &'static [u8]);

fn own_files() -> [File; 3] {
    [
        ("docs.js", JAVASCRIPT, SCRIPT.as_bytes()),
        ("docs.css", CSS, STYLE.as_bytes()),
        ("reading.css", CSS, READING_STYLE.as_bytes()),
    ]
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
    hex(&digest(&SHA256, [SCRIPT, STYLE, READING_STYLE].concat().as_bytes()).as_ref()[..8])
}

fn html_page(page: String, policy: &'static str) -> Asset {
    Asset::new(HTML, Caching::Revalidate, page)
        .with_header(header::CONTENT_SECURITY_POLICY, policy)
        // A page that opened this one, or was opened by it, has no handle to it.
        .with_header(CROSS_ORIGIN_OPENER_POLICY, "same-origin")
}

fn versioned(content_type: &'static str, body: &'static [u8]) -> RouteMethod {
    served(Asset::new(content_type, Caching::Immutable, Bytes::from_static(body)))
}

fn form(documents: &Arc<Documents>, content_type: &'static str, text: fn(&Documents) -> &str) -> RouteMethod {
    let shared = Bytes::from_owner(Form { documents: Arc::clone(documents), text });
    // The document is public: tools in a browser read it from any origin.
    served(
        Asset::new(content_type, Caching::Revalidate, shared)
            .with_header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    )
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

/// The page at `/redoc`. The first request renders it: a process nobody reads documentation from need not.
#[derive(Clone)]
struct ReadingPage {
    documents: Arc<Documents>,
    own: Arc<str>,
    vendored: Arc<str>,
    rendered: Arc<OnceCell<Served>>,
}

impl ReadingPage {
    fn new(documents: &Arc<Documents>, own: &str, vendored: &str) -> Self {
        let documents = Arc::clone(documents);
        Self { documents, own: own.into(), vendored: vendored.into(), rendered: Arc::default() }
    }

    fn render(&self) -> Result<Served, serde_json::Error> {
        let page = reading::render(&self.documents.json, &self.own, &self.vendored)?;
        Ok(Served(Arc::new(html_page(page, READING_POLICY))))
    }
}

impl Endpoint for ReadingPage {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let rendered = self.rendered.get_or_try_init(|| async {
            // It takes long enough to hold up every other request of this thread.
            let page = self.clone();
            let rendered = spawn_blocking(move || page.render()).await;
            rendered.map_err(InternalServerError)?.map_err(InternalServerError)
        });
        rendered.await?.call(request).await
    }
}

fn served(asset: Asset) -> RouteMethod {
    with_head(Served(Arc::new(asset)))
}

/// Without its own endpoint, HEAD would cost the whole body.
fn with_head(endpoint: impl Endpoint<Output = Response> + Clone + 'static) -> RouteMethod {
    RouteMethod::new().get(endpoint.clone()).head(endpoint)
}
