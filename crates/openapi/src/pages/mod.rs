//! The documentation pages and the document's files, served from the binary: no request leaves the
//! origin.

mod asset;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use poem::http::{HeaderName, HeaderValue, header};
use poem::{RouteMethod, get};

use self::asset::{Asset, IMMUTABLE, REVALIDATE, fingerprint};
use crate::Documents;

/// Scripts and styles come from files of this origin only. React sets styles through the object
/// model, which needs no `unsafe-inline`; the icons of Swagger UI are `data:` images.
const DOCS_POLICY: &str = "default-src 'none'; object-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Redoc needs more, but neither `unsafe-inline` nor `unsafe-eval`. The hashes are those of an
/// empty style element, which styled-components fills through the object model, and of
/// perfect-scrollbar's styles. The worker searches; its script is a blob that the bundle makes.
const REDOC_POLICY: &str = "default-src 'none'; object-src 'none'; script-src 'self'; style-src 'self' \
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='; \
    img-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// The `Link` header that leads to the document and the pages (RFC 8631). Relative to the root of
/// the service, so that it works behind a proxy that adds a path (RFC 8288, 3.2).
pub const LINKS: HeaderValue = HeaderValue::from_static(
    "<openapi.json>; rel=\"service-desc\"; type=\"application/json\", \
     <docs>; rel=\"service-doc\"; type=\"text/html\", <redoc>; rel=\"service-doc\"; type=\"text/html\"",
);

const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// The content type of a style sheet.
pub const CSS: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
/// The content type of a script.
pub const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const JSON: &str = "application/json";
const PLAIN: &str = "text/plain; charset=utf-8";
const PNG: &str = "image/png";
const YAML: &str = "application/yaml";

/// How `/docs` logs its user in.
#[derive(Clone, Debug)]
pub struct LoginConfig<'a> {
    /// Path of the operation that takes `{"email", "password"}` and returns `{"access_token"}`,
    /// relative to the page, such as `api/v1/auth/login`.
    pub login: &'a str,
    /// Path of the operation that ends the session of the bearer token, relative to the page.
    pub logout: &'a str,
    /// Name of the security scheme in the document that takes the access token.
    pub scheme: &'a str,
    /// Key in `sessionStorage` under which a browser tab keeps the access token.
    pub storage_key: &'a str,
}

/// Paths and endpoints of `/docs` (Swagger UI), of `/redoc` (Redoc), of the document's three forms
/// and of the files that the pages load.
///
/// The pages refer to everything by relative addresses, so that they work behind a proxy that
/// serves them below a path of its own.
pub fn routes(documents: &Arc<Documents>, login: &LoginConfig<'_>) -> Vec<(String, RouteMethod)> {
    let packages = packages();
    let page = |template: &str| {
        packages.iter().fold(template.to_owned(), |page, package| {
            page.replace(&format!("{{{{{}}}}}", package.name), &package.address())
        })
    };
    let docs = page(include_str!("../../assets/pages/index.html"))
        .replace("{{login}}", &escape(login.login))
        .replace("{{logout}}", &escape(login.logout))
        .replace("{{scheme}}", &escape(login.scheme))
        .replace("{{storage_key}}", &escape(login.storage_key));
    let redoc = page(include_str!("../../assets/pages/redoc.html"));
    let mut routes = vec![
        ("/docs".to_owned(), get(html(docs, DOCS_POLICY))),
        ("/redoc".to_owned(), get(html(redoc, REDOC_POLICY))),
        ("/openapi.json".to_owned(), form(documents, JSON, |documents| &documents.json)),
        ("/openapi.yaml".to_owned(), form(documents, YAML, |documents| &documents.yaml)),
        ("/openapi-3.0.json".to_owned(), form(documents, JSON, |documents| &documents.json_3_0)),
    ];
    for package in &packages {
        for (name, content_type, body) in &package.files {
            let asset = Asset::new(content_type, IMMUTABLE, Bytes::from_static(body));
            routes.push((format!("/{}/{name}", package.address()), get(asset)));
        }
    }
    routes
}

/// A file's name, content type and body.
type File = (&'static str, &'static str, &'static [u8]);

/// Files of one version.
struct Package {
    name: &'static str,
    version: String,
    files: Vec<File>,
}

impl Package {
    /// Relative to a page; it carries the version, so that a client may keep the files.
    fn address(&self) -> String {
        format!("docs/assets/{}-{}", self.name, self.version)
    }
}

fn packages() -> [Package; 3] {
    macro_rules! files {
        ($folder:literal: $($name:literal $content_type:expr),+ $(,)?) => {
            vec![$(($name, $content_type, include_bytes!(concat!("../../assets/", $folder, "/", $name)).as_slice())),+]
        };
    }
    let pages = files!("pages": "docs.js" JAVASCRIPT, "docs.css" CSS, "redoc.js" JAVASCRIPT, "redoc.css" CSS);
    let own: Vec<_> = pages.iter().map(|(_, _, body)| *body).collect();
    // A `VERSION` begins with the npm package's name and version; checksums follow.
    let npm_version = |record: &str| record.split_whitespace().nth(1).unwrap_or_default().to_owned();
    [
        // This crate's own files change without a version of their own: a hash stands in.
        Package { name: "pages", version: fingerprint(&own.concat()), files: pages },
        Package {
            name: "swagger_ui",
            version: npm_version(include_str!("../../assets/swagger-ui/VERSION")),
            files: files!(
                "swagger-ui": "swagger-ui.css" CSS, "swagger-ui-bundle.js" JAVASCRIPT,
                "swagger-ui-bundle.js.LICENSE.txt" PLAIN, "favicon-16x16.png" PNG, "favicon-32x32.png" PNG,
            ),
        },
        Package {
            name: "redoc",
            version: npm_version(include_str!("../../assets/redoc/VERSION")),
            files: files!("redoc": "redoc.standalone.js" JAVASCRIPT, "redoc.standalone.js.LICENSE.txt" PLAIN),
        },
    ]
}

/// An HTML page of the app, under its own content security policy. Clients do not store it: its
/// address may have a secret.
pub fn unstored_page(page: String, policy: &'static str) -> RouteMethod {
    get(html_page(page, "no-store", policy))
}

/// A file that pages of the app load, of this content type. Clients ask for it each time.
pub fn page_file(content_type: &'static str, body: &'static str) -> RouteMethod {
    get(Asset::new(content_type, REVALIDATE, body))
}

fn html(page: String, policy: &'static str) -> Asset {
    html_page(page, REVALIDATE, policy)
}

fn html_page(page: String, cache_control: &'static str, policy: &'static str) -> Asset {
    Asset::new(HTML, cache_control, page)
        .with_header(header::CONTENT_SECURITY_POLICY, policy)
        // A page that opened this one, or was opened by it, has no handle to it.
        .with_header(CROSS_ORIGIN_OPENER_POLICY, "same-origin")
}

fn form(documents: &Arc<Documents>, content_type: &'static str, text: fn(&Documents) -> &str) -> RouteMethod {
    let body = Bytes::from_owner(Form { documents: Arc::clone(documents), text });
    // The document is public: tools in a browser read it from any origin.
    get(Asset::new(content_type, REVALIDATE, body).with_header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
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

/// Text as text in HTML, or as the value of an attribute in double quotes.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}
