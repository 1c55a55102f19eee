//! The pages as a client gets them.

use std::{collections::HashMap, io::Read};

use flate2::read::GzDecoder;
use poem::{
    Body, Endpoint, Error, Request, Response, Route,
    error::{MethodNotAllowedError, NotFoundError},
    http::{Method, StatusCode},
};

use aws_lc_rs::digest::{SHA256, digest};

use super::*;

/// Values that would leave their attributes if they were not escaped.
const LOGIN: LoginConfig<'static> = LoginConfig {
    login: "api/v1/auth/login",
    logout: "\"><script>",
    scheme: "BearerAuth",
    storage_key: "access_token",
};

fn documents() -> Arc<Documents> {
    let json = format!("{{\"openapi\": \"3.1.0\", \"x-filling\": \"{}\"}}\n", "a".repeat(2_000));
    Arc::new(Documents { json: json.into(), yaml: "openapi: '3.1.0'\n".into(), json_3_0: "{}\n".into() })
}

fn app() -> Route {
    let routes = routes(&documents(), &LOGIN);
    routes.into_iter().fold(Route::new(), |route, (path, endpoint)| route.at(path, endpoint))
}

async fn call(method: Method, path: &str, headers: &[(&str, &str)]) -> Result<Response, Error> {
    let request = Request::builder().method(method).uri_str(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    app().call(request.body(Body::empty())).await
}

async fn get(path: &str, headers: &[(&str, &str)]) -> Response {
    call(Method::GET, path, headers).await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn text(response: Response) -> String {
    response.into_body().into_string().await.unwrap()
}

async fn unpacked(response: Response) -> String {
    let bytes = response.into_body().into_vec().await.unwrap();
    let mut text = String::new();
    GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn the_document_is_served_in_each_form() {
    for (path, content_type, body) in [
        ("/openapi.json", "application/json", documents().json.clone()),
        ("/openapi.yaml", "application/yaml", documents().yaml.clone()),
        ("/openapi-3.0.json", "application/json", documents().json_3_0.clone()),
    ] {
        let response = get(path, &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "content-type"), content_type);
        assert_eq!(header(&response, "cache-control"), "no-cache");
        assert_eq!(header(&response, "content-length"), body.len().to_string());
        assert_eq!(text(response).await, body);
    }
}

#[tokio::test]
async fn each_encoding_has_its_own_tag() {
    let plain = get("/openapi.json", &[]).await;
    let packed = get("/openapi.json", &[("accept-encoding", "gzip, br")]).await;
    let (plain_tag, packed_tag) = (header(&plain, "etag").to_owned(), header(&packed, "etag").to_owned());
    assert_ne!(plain_tag, packed_tag);
    assert!(plain_tag.starts_with('"') && plain_tag.ends_with('"'), "{plain_tag} is strong");
    assert_eq!(header(&plain, "vary"), "Accept-Encoding");
    assert_eq!(header(&packed, "vary"), "Accept-Encoding");
    assert_eq!(header(&plain, "content-encoding"), "");
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    let length: usize = header(&packed, "content-length").parse().unwrap();
    assert!(length < documents().json.len() / 4, "{length}");
    assert_eq!(unpacked(packed).await, documents().json);

    let again = get("/openapi.json", &[("if-none-match", &plain_tag)]).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(header(&again, "etag"), plain_tag);
    assert_eq!(header(&again, "cache-control"), "no-cache");
    assert_eq!(header(&again, "content-length"), "");
    assert_eq!(text(again).await, "");
    let crossed = get("/openapi.json", &[("if-none-match", &packed_tag)]).await;
    assert_eq!(crossed.status(), StatusCode::OK);
    let held = [("if-none-match", packed_tag.as_str()), ("accept-encoding", "gzip")];
    assert_eq!(get("/openapi.json", &held).await.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn what_gains_nothing_is_not_compressed() {
    let small = get("/openapi.yaml", &[("accept-encoding", "gzip")]).await;
    assert_eq!((header(&small, "content-encoding"), header(&small, "vary")), ("", ""));
    let noise: Vec<u8> = (0..40_u8).flat_map(|seed| digest(&SHA256, &[seed]).as_ref().to_vec()).collect();
    let asset = Asset::new("application/octet-stream", IMMUTABLE, noise);
    let response = asset.get_response(Request::builder().header("accept-encoding", "gzip").finish()).await;
    assert_eq!(header(&response, "content-encoding"), "");
    assert_eq!(header(&response, "vary"), "Accept-Encoding");
}

#[tokio::test]
async fn head_has_the_headers_of_get() {
    for path in ["/docs", "/redoc", "/openapi.json"] {
        for encoding in ["identity", "gzip"] {
            let headers = [("accept-encoding", encoding)];
            let (get, head) = (get(path, &headers).await, call(Method::HEAD, path, &headers).await.unwrap());
            assert_eq!(get.headers(), head.headers());
            assert_ne!(header(&head, "content-length"), "");
            assert_eq!(text(head).await, "");
        }
    }
}

#[tokio::test]
async fn the_page_allows_nothing_from_elsewhere() {
    let response = get("/docs", &[]).await;
    assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&response, "cache-control"), "no-cache");
    let policy = header(&response, "content-security-policy").to_owned();
    for directive in
        ["default-src 'none'", "script-src 'self'", "form-action 'none'", "frame-ancestors 'none'"]
    {
        assert!(policy.split("; ").any(|part| part == directive), "{directive}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = text(response).await;
    for outside in ["http:", "https:", "src=\"//", "href=\"//", "<script>", "style=\"", "{{"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("data-login=\"api/v1/auth/login\""));
}

#[tokio::test]
async fn the_reference_allows_no_inline_script_or_style_and_no_eval() {
    let response = get("/redoc", &[]).await;
    assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&response, "cache-control"), "no-cache");
    let policy = header(&response, "content-security-policy").to_owned();
    for directive in
        ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.split("; ").any(|part| part == directive), "{directive}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = text(response).await;
    for outside in ["http:", "https:", "src=\"//", "href=\"//", "<script>", "style=\"", "{{"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn no_vendored_file_loads_the_logo_of_its_maker() {
    let packages = packages();
    let (_, _, bundle) = packages[2].files[0];
    assert!(!std::str::from_utf8(bundle).unwrap().contains("cdn."));
}

#[tokio::test]
async fn the_pages_lead_to_each_other() {
    assert!(text(get("/docs", &[]).await).await.contains("href=\"redoc\""));
    let page = text(get("/redoc", &[]).await).await;
    for address in ["docs", "openapi.json", "openapi.yaml"] {
        assert!(page.contains(&format!("href=\"{address}\"")), "{address}");
    }
}

/// A proxy may serve them below a path of its own, which they do not know.
#[tokio::test]
async fn no_address_of_a_page_begins_at_the_root() {
    for path in ["/docs", "/redoc"] {
        let page = text(get(path, &[]).await).await;
        for absolute in ["href=\"/", "src=\"/", "data-document=\"/", "data-login=\"/"] {
            assert!(!page.contains(absolute), "{path}: {absolute}");
        }
    }
}

#[tokio::test]
async fn no_other_page_has_a_handle_to_the_pages() {
    for path in ["/docs", "/redoc"] {
        assert_eq!(header(&get(path, &[]).await, "cross-origin-opener-policy"), "same-origin", "{path}");
    }
}

#[tokio::test]
async fn every_address_of_a_page_is_immutable() {
    for (path, count) in [("/docs", 6), ("/redoc", 5)] {
        let page = text(get(path, &[]).await).await;
        let addresses: Vec<_> = page
            .split('"')
            .filter(|part| part.starts_with("docs/assets/"))
            .map(|part| format!("/{part}"))
            .collect();
        assert_eq!(addresses.len(), count, "{addresses:?}");
        for address in addresses {
            let response = get(&address, &[]).await;
            assert_eq!(response.status(), StatusCode::OK, "{address}");
            assert_eq!(header(&response, "cache-control"), "public, max-age=31536000, immutable");
            assert_ne!(header(&response, "content-length"), "0");
        }
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_the_routers_to_refuse() {
    let missing = format!("/{}/swagger-ui.js", packages()[1].address());
    for path in [missing.as_str(), "/docs/assets/0/swagger-ui.css", "/docs/index.html"] {
        assert!(call(Method::GET, path, &[]).await.unwrap_err().is::<NotFoundError>(), "{path}");
    }
    for path in ["/docs", "/redoc", "/openapi.json"] {
        assert!(call(Method::POST, path, &[]).await.unwrap_err().is::<MethodNotAllowedError>(), "{path}");
    }
}

#[tokio::test]
async fn a_configured_value_cannot_leave_its_attribute() {
    let page = text(get("/docs", &[]).await).await;
    assert!(page.contains("data-logout=\"&quot;&gt;&lt;script&gt;\""), "{page}");
}

#[test]
fn the_vendored_files_are_the_recorded_ones() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    for (package, name, served) in [(1, "swagger-ui", 5), (2, "redoc", 2)] {
        let record = std::fs::read_to_string(folder.join(name).join("VERSION")).unwrap();
        let recorded: HashMap<_, _> = record
            .lines()
            .skip(1)
            .map(|line| line.split_once("  ").unwrap())
            .map(|(sum, name)| (name, sum))
            .collect();
        for (file, sum) in &recorded {
            let body = std::fs::read(folder.join(name).join(file)).unwrap();
            let digest = digest(&SHA256, &body);
            let byte = |at: usize| u8::from_str_radix(&sum[2 * at..2 * at + 2], 16).unwrap();
            let recorded: Vec<_> = (0..sum.len() / 2).map(byte).collect();
            assert_eq!(digest.as_ref(), recorded, "{name}/{file}");
        }
        assert!(recorded.contains_key("LICENSE"), "{name}");
        let package = &packages()[package];
        assert!(record.contains(&format!(" {}\n", package.version)), "{name}");
        assert_eq!(package.files.len(), served);
        assert!(package.files.iter().all(|(file, _, _)| recorded.contains_key(file)), "{name}");
    }
}

/// What only a connection shows: a HEAD answer keeps its length and has no body.
#[tokio::test]
async fn over_a_socket() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let acceptor = poem::listener::TcpAcceptor::from_std(listener).unwrap();
    let address = poem::listener::Acceptor::local_addr(&acceptor)[0].as_socket_addr().copied().unwrap();
    let server = tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(app()));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{address}/openapi.json");
    let head = client.head(&url).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], documents().json.len().to_string().as_str());
    assert_eq!(head.text().await.unwrap(), "");
    let get = client.get(&url).send().await.unwrap();
    let tag = get.headers()["etag"].clone();
    assert_eq!(get.text().await.unwrap(), documents().json);
    let again = client.get(&url).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    server.abort();
}
