//! Parameters, in the document and in requests.

use poem::Endpoint;
use poem::http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::{broken_rules, documents, get, unlimited};

/// The status and the body of the response to these headers.
async fn answer(uri: &str, headers: &[(&str, &[u8])]) -> (StatusCode, String) {
    let mut request = get(uri);
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
    }
    let response = unlimited().get_response(request).await;
    (response.status(), response.into_body().into_string().await.unwrap())
}

/// The fields and rules that the validation error names.
async fn problems(uri: &str, headers: &[(&str, &[u8])]) -> Vec<(String, String)> {
    let (status, body) = answer(uri, headers).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    broken_rules(&serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn a_header_reaches_its_handler_in_any_case_and_an_optional_one_may_be_missing() {
    assert_eq!(answer("/things", &[("x-batch-size", b"3")]).await, (StatusCode::OK, "3 ".to_owned()));
    let both: [(&str, &[u8]); 3] = [("X-BATCH-SIZE", b"9"), ("X-Note", b"hello"), ("X-Unknown", b"\xff")];
    assert_eq!(answer("/things", &both).await, (StatusCode::OK, "9 hello".to_owned()));
}

#[tokio::test]
async fn a_header_is_validated_like_any_parameter_and_every_error_is_listed() {
    let wrong: [(&str, &[u8]); 2] = [("x-batch-size", b"10"), ("x-note", b"too long")];
    let expected = [("X-Batch-Size", "maximum"), ("X-Note", "max_length"), ("quietly", "type")];
    let expected = expected.map(|(field, rule)| (field.to_owned(), rule.to_owned()));
    assert_eq!(problems("/things?quietly=perhaps", &wrong).await, expected);
    for (value, rule) in [("0", "minimum"), ("many", "type"), ("", "type"), ("1, 2", "type"), ("1.5", "type")]
    {
        let found = problems("/things", &[("x-batch-size", value.as_bytes())]).await;
        assert_eq!(found, [("X-Batch-Size".to_owned(), rule.to_owned())], "{value:?}");
    }
}

#[tokio::test]
async fn a_missing_a_repeated_and_an_unreadable_header_are_named() {
    let named = |name: &str, rule: &str| vec![(name.to_owned(), rule.to_owned())];
    assert_eq!(problems("/things", &[]).await, named("X-Batch-Size", "required"));
    let twice: [(&str, &[u8]); 2] = [("x-batch-size", b"1"), ("x-batch-size", b"1")];
    assert_eq!(problems("/things", &twice).await, named("X-Batch-Size", "repeated"));
    for odd in [&b"\xff"[..], b"\xc3\xa9", b"1\xff"] {
        assert_eq!(problems("/things", &[("x-batch-size", odd)]).await, named("X-Batch-Size", "characters"));
        let note: [(&str, &[u8]); 2] = [("x-batch-size", b"1"), ("x-note", odd)];
        assert_eq!(problems("/things", &note).await, named("X-Note", "characters"));
    }
}

#[test]
fn the_document_describes_a_header_with_its_rules() {
    let document: Value = serde_json::from_str(&documents().json).unwrap();
    let parameters = document["paths"]["/things"]["get"]["parameters"].as_array().unwrap();
    let header = |name: &str| parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
    assert_eq!(
        *header("X-Batch-Size"),
        json!({
            "name": "X-Batch-Size", "in": "header", "description": "The number of things in a batch.", "required": true,
            "schema": { "type": "integer", "format": "int64", "minimum": 1, "maximum": 9 },
        })
    );
    assert_eq!(header("X-Note")["in"], "header");
    assert_ne!(header("X-Note").get("required"), Some(&json!(true)));
    assert_eq!(header("X-Note")["schema"]["maxLength"], 5);
    let older: Value = serde_json::from_str(&documents().json_3_0).unwrap();
    assert_eq!(older["paths"]["/things"]["get"]["parameters"][0]["in"], "header");
}
