#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Samples, generate, languages, programs};
use crate::app;
use crate::clients::Language;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn published() -> Value {
    let path = app::document(&app::name(&root()).unwrap());
    serde_json::from_str(&fs::read_to_string(root().join(path)).unwrap()).unwrap()
}

/// A tree with a client in two languages.
fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("Cargo.toml", "[package]\nname = \"corner-shop\"\n"),
        ("clients/python/pyproject.toml", "[project]\nname = \"corner-shop-client\"\n"),
        ("clients/go/oapi-codegen.yaml", "package: cornershop\noutput: x\n"),
        ("clients/go/go.mod", "module shop.example/client-go\n"),
        ("scripts/lib/clients/go.sh", ""),
        ("scripts/lib/clients/python.sh", ""),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// A body with every type of field.
fn document() -> Value {
    let schema = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let update = json!({
        "operationId": "orders_update",
        "tags": ["orders"],
        "security": [{ "Bearer": [] }],
        "parameters": [
            { "name": "id", "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" } },
            {
                "name": "from", "in": "query", "required": true,
                "schema": { "type": "string", "examples": ["a b"] },
            },
        ],
        "requestBody": { "content": { "application/json": {
            "schema": schema("OrderUpdate"),
            "example": {
                "note": "It's \"here\"", "state": "in_stock", "count": 3, "due": "2026-12-24T18:00:00Z",
                "day": "2026-12-24", "tags": ["a"], "is_gift": true, "meta": { "a": 1 }, "deep": { "a": {} },
                "key": null,
            },
        } } },
        "responses": { "204": {} },
    });
    json!({
        "paths": { "/orders/{id}": { "patch": update } },
        "components": { "schemas": {
            "State": { "type": "string", "enum": ["in_stock"] },
            "OrderUpdate": {
                "required": ["note", "count"],
                "properties": {
                    "note": { "type": "string" },
                    "state": schema("State"),
                    "count": { "type": "integer", "format": "int64" },
                    "due": { "type": ["string", "null"], "format": "date-time" },
                    "day": { "type": "string", "format": "date" },
                    "tags": { "type": "array", "items": { "type": "string" } },
                    "is_gift": { "type": "boolean" },
                    "meta": { "type": "object" },
                    "deep": { "type": "object" },
                    "key": { "type": ["string", "null"] },
                },
            },
        } },
    })
}

#[track_caller]
fn source(samples: &Samples, id: &str, label: &str) -> String {
    let samples = samples.by_operation[id].as_array().unwrap();
    let sample = samples.iter().find(|sample| sample["label"] == label);
    sample.unwrap_or_else(|| panic!("no {label}"))["source"].as_str().unwrap().to_owned()
}

#[test]
fn a_sample_has_the_names_of_the_client_and_the_examples_of_the_document() {
    let samples = generate(tree().path(), &document()).unwrap();
    assert_eq!(samples.missing, [""; 0]);
    let labels: Vec<_> =
        samples.by_operation["orders_update"].as_array().unwrap().iter().map(|it| &it["label"]).collect();
    assert_eq!(labels, ["curl", "Python", "Go"], "only of the clients that are there");
    let curl = source(&samples, "orders_update", "curl");
    assert!(curl.starts_with(
        "curl -X PATCH 'http://localhost:8000/orders/018f6b1e-7a2c-7c31-9a56-0d7c8e6f1b2a?from=a%20b' \\\n"
    ));
    assert!(curl.contains(r#"    "note": "It'\''s \"here\"","#), "{curl}");
    let python = source(&samples, "orders_update", "Python");
    for line in [
        "import datetime\nfrom uuid import UUID\n\nfrom corner_shop_client import CornerShop\n",
        "from corner_shop_client.models import OrderUpdate, OrderUpdateMeta, State\n",
        r#"        note='It\'s "here"',"#,
        "        state=State.IN_STOCK,",
        "        meta=OrderUpdateMeta.from_dict({\"a\": 1}),",
        "        due=datetime.datetime.fromisoformat(\"2026-12-24T18:00:00Z\"),",
        "    session.orders.update(UUID(\"018f6b1e-7a2c-7c31-9a56-0d7c8e6f1b2a\"), body, from_=\"a b\")",
    ] {
        assert!(python.contains(line), "no {line:?} in\n{python}");
    }
    let go = source(&samples, "orders_update", "Go");
    for line in [
        "\t\"github.com/oapi-codegen/nullable\"\n",
        "state := cornershop.StateInStock\n",
        "\tDue:    nullable.NewNullableWithValue(time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC)),\n",
        "\tIsGift: &isGift,\n",
        "\tMeta:   map[string]any{\"a\": 1},\n",
    ] {
        assert!(go.contains(line), "no {line:?} in\n{go}");
    }
    assert!(!go.contains("Deep"), "an optional field that cannot be written is left out");
}

#[test]
fn what_cannot_have_a_sample_is_named_with_the_reason() {
    let required = |pointer: &str, value: Value, reason: &str| {
        let mut document = document();
        *document.pointer_mut(pointer).unwrap() = value;
        let missing = generate(tree().path(), &document).unwrap().missing;
        assert!(missing.iter().any(|line| line.contains(reason)), "{missing:?}");
    };
    required(
        "/components/schemas/OrderUpdate/required",
        json!(["deep"]),
        "orders_update in Go: the type of deep is not supported",
    );
    let body = "/paths/~1orders~1{id}/patch/requestBody/content/application~1json";
    let without_example = json!({ "schema": { "$ref": "#/components/schemas/OrderUpdate" } });
    required(body, without_example, "note of its body has no example");
    required("/paths/~1orders~1{id}/patch/tags", json!([]), "no operationId or no tag");
    let schema = "/paths/~1orders~1{id}/patch/parameters/1/schema";
    required(schema, json!({ "type": "string" }), "its parameter from has no example");
}

#[test]
fn a_body_that_the_document_does_not_show_has_the_examples_of_its_fields() {
    let mut document = document();
    let content = "/paths/~1orders~1{id}/patch/requestBody/content/application~1json";
    document.pointer_mut(content).unwrap().as_object_mut().unwrap().remove("example");
    let schema = &mut document["components"]["schemas"]["OrderUpdate"]["properties"];
    schema["note"]["examples"] = json!(["Please ring twice."]);
    let samples = generate(tree().path(), &document).unwrap();
    let curl = source(&samples, "orders_update", "curl");
    let body = r#"{"note": "Please ring twice.", "state": "in_stock", "count": 1, "is_gift": true}"#;
    assert!(curl.ends_with(&format!("-d '{body}'")), "{curl}");
}

#[test]
fn a_name_that_a_client_does_not_have_is_an_error() {
    let tree = tree();
    fs::write(tree.path().join("clients/go/go.mod"), "").unwrap();
    let error = generate(tree.path(), &document()).unwrap_err();
    assert!(error.to_string().contains("go.mod"), "{error}");
}

#[test]
fn a_program_has_every_sample_of_its_language() {
    let samples = generate(&root(), &published()).unwrap();
    for language in languages(&root()) {
        let programs = programs(&samples.by_operation, language);
        let main = usize::from(matches!(language, Language::Go | Language::Rust));
        assert_eq!(programs.len(), samples.by_operation.len() + main, "{language:?}");
    }
}
