//! Schemas and parameters, rule by rule, from handwritten JSON.

use serde_json::{Value, json};

use super::{document, keys, newest, older, operation, publish, schema};

fn reference() -> Value {
    json!({ "$ref": "#/components/schemas/Other" })
}

#[test]
fn a_nullable_type_lists_null() {
    let (newest, older) = schema(&json!({ "type": "string", "format": "date-time", "nullable": true }));
    assert_eq!(newest, json!({ "type": ["string", "null"], "format": "date-time" }));
    assert_eq!(keys(&newest), ["type", "format"]);
    assert_eq!(older, json!({ "type": "string", "format": "date-time", "nullable": true }));
}

#[test]
fn a_nullable_enum_admits_null() {
    let (newest, older) = schema(&json!({ "type": "string", "enum": ["a"], "nullable": true }));
    assert_eq!(newest, json!({ "type": ["string", "null"], "enum": ["a", null] }));
    assert_eq!(older, json!({ "type": "string", "enum": ["a", null], "nullable": true }));
}

#[test]
fn a_nullable_reference_is_a_choice() {
    let emitted = json!({ "nullable": true, "allOf": [reference(), { "nullable": true }] });
    let (newest, older) = schema(&emitted);
    assert_eq!(newest, json!({ "anyOf": [reference(), { "type": "null" }] }));
    assert_eq!(older, json!({ "nullable": true, "allOf": [reference()] }));
}

#[test]
fn a_described_reference_is_the_reference() {
    let emitted = json!({ "description": "One.", "allOf": [reference(), { "description": "One." }] });
    assert_eq!(schema(&emitted), (reference(), reference()));
    let both = json!({
        "description": "One.",
        "nullable": true,
        "allOf": [reference(), { "description": "One.", "nullable": true }],
    });
    assert_eq!(schema(&both).0, json!({ "anyOf": [reference(), { "type": "null" }] }));
}

#[test]
fn what_constrains_a_reference_stays() {
    let emitted = json!({ "readOnly": true, "allOf": [reference(), { "readOnly": true }] });
    let expected = json!({ "readOnly": true, "allOf": [reference()] });
    assert_eq!(schema(&emitted), (expected.clone(), expected));
    let composed = json!({ "allOf": [reference(), { "type": "object", "required": ["more"] }] });
    assert_eq!(schema(&composed).0, composed, "a composition of two schemas is no decorated reference");
}

#[test]
fn a_nullable_choice_gets_one_more() {
    let (newest, _) = schema(&json!({ "nullable": true, "oneOf": [reference(), { "type": "string" }] }));
    assert_eq!(newest, json!({ "oneOf": [reference(), { "type": "string" }, { "type": "null" }] }));
}

#[test]
fn rules_reach_inner_schemas() {
    let inner = json!({ "type": "integer", "nullable": true });
    let (newest, _) = schema(&json!({
        "type": "object",
        "properties": { "list": { "type": "array", "items": inner }, "nullable": { "type": "string" } },
        "additionalProperties": inner,
    }));
    let expected = json!({ "type": ["integer", "null"] });
    assert_eq!(newest["properties"]["list"]["items"], expected);
    assert_eq!(newest["additionalProperties"], expected);
    assert_eq!(newest["properties"]["nullable"], json!({ "type": "string" }), "a property, not the keyword");
}

#[test]
fn examples_are_a_list_in_3_1_and_are_never_rewritten() {
    let example = json!({ "nullable": true, "example": 1, "$ref": "#/nowhere" });
    let (newest, older) = schema(&json!({ "type": "object", "example": example, "title": "T" }));
    assert_eq!(newest, json!({ "type": "object", "examples": [example], "title": "T" }));
    assert_eq!(keys(&newest), ["type", "examples", "title"]);
    assert_eq!(older["example"], example);
}

#[test]
fn exclusive_bounds_are_numbers_in_3_1() {
    let (newest, older) = schema(&json!({
        "type": "number",
        "minimum": 0.5, "exclusiveMinimum": true, "maximum": 9.0, "exclusiveMaximum": false,
    }));
    assert_eq!(newest, json!({ "type": "number", "exclusiveMinimum": 0.5, "maximum": 9 }));
    assert_eq!(older, json!({ "type": "number", "minimum": 0.5, "exclusiveMinimum": true, "maximum": 9 }));
}

#[test]
fn whole_bounds_are_integers() {
    let (newest, _) =
        schema(&json!({ "type": "integer", "minimum": 1.0, "maximum": 100.0, "multipleOf": 2.0 }));
    assert_eq!(newest.to_string(), r#"{"type":"integer","minimum":1,"maximum":100,"multipleOf":2}"#);
}

#[test]
fn integers_are_signed() {
    let format = |format: &str| schema(&json!({ "type": "integer", "format": format })).0;
    for (emitted, published) in [("uint8", "int32"), ("uint32", "int32"), ("uint64", "int64")] {
        assert_eq!(format(emitted), json!({ "type": "integer", "format": published, "minimum": 0 }));
    }
    assert_eq!(format("int16"), json!({ "type": "integer", "format": "int32" }));
    assert_eq!(format("int64"), json!({ "type": "integer", "format": "int64" }));
}

#[test]
fn defaults_are_not_repeated() {
    let (newest, _) =
        schema(&json!({ "type": "object", "required": [], "deprecated": false, "uniqueItems": false }));
    assert_eq!(newest, json!({ "type": "object" }));
    let mut operation = operation("thing_get");
    operation["deprecated"] = false.into();
    operation["parameters"] = json!([{
        "name": "page", "schema": { "type": "string" }, "in": "query",
        "required": false, "deprecated": false, "explode": true,
    }]);
    let document = newest_of(&operation);
    let published = &document["paths"]["/things"]["get"];
    assert!(published.get("deprecated").is_none());
    assert_eq!(keys(&published["parameters"][0]), ["name", "in", "required", "schema"]);
    operation["parameters"][0]["explode"] = false.into();
    let document = newest_of(&operation);
    assert_eq!(document["paths"]["/things"]["get"]["parameters"][0]["explode"], false);
}

fn newest_of(operation: &Value) -> Value {
    newest(&publish(&document(operation, &json!({}))))
}

#[test]
fn header_names_read_as_in_the_standards() {
    let mut operation = operation("thing_get");
    let header = json!({ "deprecated": false, "schema": { "type": "string" } });
    operation["responses"]["204"]["headers"] =
        json!({ "ETAG": header, "RATELIMIT-LIMIT": header, "X-REQUEST-ID": header, "Mixed-case": header });
    let document = newest_of(&operation);
    let headers = &document["paths"]["/things"]["get"]["responses"]["204"]["headers"];
    assert_eq!(keys(headers), ["X-Request-Id", "ETag", "RateLimit-Limit", "Mixed-case"]);
    assert_eq!(headers["Mixed-case"], json!({ "schema": { "type": "string" } }));
    assert_eq!(headers["ETag"], json!({ "$ref": "#/components/headers/ETag" }));
    assert_eq!(headers["X-Request-Id"], json!({ "$ref": "#/components/headers/X-Request-Id" }));
}

#[test]
fn a_success_says_something() {
    let document = newest_of(&operation("thing_get"));
    assert_eq!(document["paths"]["/things"]["get"]["responses"]["204"]["description"], "No Content");
}

#[test]
fn the_example_of_a_patch_changes_one_field_and_no_credential() {
    let mut changing = operation("thing_update");
    let body = json!({ "$ref": "#/components/schemas/ThingUpdate" });
    changing["requestBody"] = json!({ "content": { "application/json": { "schema": body } } });
    let schemas = json!({ "ThingUpdate": {
        "type": "object",
        "properties": {
            "email": { "type": "string", "format": "email", "example": "ada@example.com" },
            "name": { "type": "string", "example": "A thing" },
            "color": { "type": "string", "example": "red" },
        },
    } });
    let mut document = document(&changing, &schemas);
    let item = document["paths"]["/things"].as_object_mut().unwrap();
    let declared = item.remove("get").unwrap();
    item.insert("patch".to_owned(), declared);
    let published = newest(&publish(&document));
    let content = &published["paths"]["/things"]["patch"]["requestBody"]["content"];
    assert_eq!(content["application/json"]["example"], json!({ "name": "A thing" }));
}

#[test]
fn an_example_is_put_together_from_its_parts() {
    let mut operation = operation("thing_get");
    operation["responses"]["200"] = json!({
        "description": "A page.",
        "content": { "application/json; charset=utf-8": { "schema": { "$ref": "#/components/schemas/Page" } } },
    });
    let schemas = json!({
        "Page": {
            "type": "object",
            "required": ["items"],
            "properties": {
                "items": { "type": "array", "items": { "$ref": "#/components/schemas/Thing" } },
                "next_page": { "type": "string" },
            },
        },
        "Thing": { "type": "object", "properties": {}, "example": { "id": 1 } },
        "Loop": {
            "type": "object",
            "properties": { "next": { "$ref": "#/components/schemas/Loop" } },
        },
    });
    let content = |schema: &str| {
        let mut operation = operation.clone();
        operation["responses"]["200"]["content"]["application/json; charset=utf-8"]["schema"]["$ref"] =
            format!("#/components/schemas/{schema}").into();
        newest(&publish(&document(&operation, &schemas)))["paths"]["/things"]["get"]["responses"]["200"]["content"]
            .clone()
    };
    assert_eq!(keys(&content("Page")), ["application/json"]);
    assert_eq!(content("Page")["application/json"]["example"], json!({ "items": [{ "id": 1 }] }));
    assert!(content("Loop")["application/json"].get("example").is_none());
}

#[test]
fn webhooks_keep_their_own_responses() {
    let mut document = document(&operation("thing_get"), &json!({}));
    document["webhooks"] = json!({ "thing_made": { "post": operation("thing_notify") } });
    let documents = publish(&document);
    let published = newest(&documents);
    let notify = &published["webhooks"]["thing_made"]["post"];
    assert_eq!(keys(&notify["responses"]), ["204"]);
    assert_eq!(notify["x-internal"], true, "generators of clients write no function for it");
    assert!(published["paths"]["/things"]["get"].get("x-internal").is_none());
    let older = older(&documents);
    assert!(older.get("webhooks").is_none());
}

#[test]
fn text_that_looks_like_something_else_stays_text_in_yaml() {
    let odd = json!([
        "200",
        "2024-01-31",
        "yes",
        "null",
        "1e3",
        "0x10",
        "",
        " x",
        "a: b",
        "line\nline",
        "#",
        "~",
        "on"
    ]);
    let mut document = document(&operation("thing_get"), &json!({}));
    document["info"]["description"] = "first\n\n  indented: yes\n- item\n".into();
    document["components"]["schemas"]["Thing"] = json!({ "type": "array", "example": odd });
    let documents = publish(&document);
    let yaml: Value = serde_saphyr::from_str(&documents.yaml).unwrap();
    assert_eq!(yaml, newest(&documents));
    assert_eq!(yaml["components"]["schemas"]["Thing"]["examples"][0], odd);
}
