//! Errors: their body and their headers.

use poem::Endpoint;
use poem::http::Method;
use serde_json::json;

use super::{get, read, send, unlimited};

#[tokio::test]
async fn an_error_has_one_body_whose_request_id_is_in_the_header_too() {
    let mut request = get("/broken");
    request.headers_mut().insert("x-request-id", "my-id".parse().unwrap());
    let response = unlimited().get_response(request).await;
    assert_eq!(response.header("x-request-id"), Some("my-id"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let expected = json!({
        "success": false,
        "error": "internal_error",
        "message": "An internal error occurred.",
        "request_id": "my-id",
    });
    assert_eq!(read(response).await, (500, expected));
}

#[tokio::test]
async fn an_unknown_path_and_a_method_that_a_resource_lacks_have_the_error_body() {
    let (status, body) = send(get("/nowhere")).await;
    assert_eq!((status, &body["error"]), (404, &json!("not_found")));
    let mut request = get("/things");
    request.set_method(Method::DELETE);
    let response = unlimited().get_response(request).await;
    assert_eq!(response.header("allow"), Some("GET, POST, HEAD"));
    let (status, body) = read(response).await;
    assert_eq!((status, &body["error"]), (405, &json!("method_not_allowed")));
}

#[tokio::test]
async fn a_malformed_request_is_refused_and_its_connection_closed() {
    let mut request = get("/live");
    request.headers_mut().remove("host");
    let response = unlimited().get_response(request).await;
    assert_eq!(response.header("connection"), Some("close"));
    let (status, body) = read(response).await;
    assert_eq!((status, &body["message"]), (400, &json!("The request has no Host header.")));

    let mut request = get("/live");
    request.headers_mut().insert("transfer-encoding", "gzip, chunked".parse().unwrap());
    let (status, body) = send(request).await;
    assert_eq!((status, &body["error"]), (501, &json!("not_implemented")));
}
