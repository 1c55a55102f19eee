//! Bodies: their media type, size and form, and the rules of their fields.

use poem::Body as Content;
use serde_json::json;

use super::{broken_rules, get, post, send};

const JSON: &str = "application/json";

#[tokio::test]
async fn a_valid_body_reaches_its_handler() {
    let (status, body) = send(post(JSON, r#"{"name": "a", "count": 2, "unknown": 1}"#.into())).await;
    assert_eq!((status, body), (201, json!({"name": "a", "count": 2})));
}

#[tokio::test]
async fn every_broken_rule_is_listed_once_per_field() {
    let sent = json!({"name": "much too long", "count": 3, "id": 7});
    let (status, body) = send(post(JSON, sent.to_string().into())).await;
    assert_eq!((status, &body["error"]), (422, &json!("validation_error")));
    let expected = [("name", "max_length"), ("id", "refused"), ("count", "even")];
    assert_eq!(broken_rules(&body), expected.map(|(field, rule)| (field.to_owned(), rule.to_owned())));

    let (_, body) = send(post(JSON, r#"{"count": "x"}"#.into())).await;
    let mut found = broken_rules(&body);
    found.sort();
    let expected = [("count", "type"), ("name", "required")];
    assert_eq!(found, expected.map(|(field, rule)| (field.to_owned(), rule.to_owned())));

    let (_, body) = send(post(JSON, r#"{"name": "a\u0000"}"#.into())).await;
    assert_eq!(broken_rules(&body), [("name".to_owned(), "characters".to_owned())]);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_with_its_place() {
    for (text, place) in [("{", "line 1, column 1"), (r#"{"name": "a", "name": "b"}"#, "line 1, column 26")] {
        let (status, body) = send(post(JSON, text.into())).await;
        assert_eq!((status, &body["error"]), (400, &json!("malformed_request")));
        assert_eq!(body["message"], format!("The body is not valid JSON at {place}."));
    }
}

#[tokio::test]
async fn another_media_type_is_refused() {
    for media_type in ["text/plain", "application/vnd.api+json", "application/json; charset=latin1"] {
        let (status, body) = send(post(media_type, r#"{"name": "a"}"#.into())).await;
        assert_eq!((status, &body["error"]), (415, &json!("unsupported_media_type")), "{media_type}");
    }
    let (status, _) = send(post("Application/JSON; charset=\"UTF-8\"", r#"{"name": "a"}"#.into())).await;
    assert_eq!(status, 201);
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_whether_its_length_is_declared_or_not() {
    let large = vec![b' '; groundwork_web::extract::MAX_BODY_BYTES + 1];
    let mut declared = post(JSON, Content::empty());
    declared.headers_mut().insert("content-length", large.len().into());
    for request in [declared, post(JSON, large.into())] {
        let (status, body) = send(request).await;
        assert_eq!((status, &body["error"]), (413, &json!("payload_too_large")));
    }
}

#[tokio::test]
async fn a_request_without_a_body_needs_no_media_type() {
    assert_eq!(send(get("/live")).await.0, 204);
}
