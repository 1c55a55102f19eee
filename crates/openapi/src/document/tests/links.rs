//! Which responses link to which operations.

use serde_json::{Value, json};

use super::{keys, newest, operation, publish};

fn with_body(mut operation: Value, status: &str, schema: &str) -> Value {
    let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
    operation["responses"] =
        json!({ status: { "description": "", "content": { "application/json": { "schema": schema } } } });
    operation
}

fn taking(mut operation: Value, schema: &str) -> Value {
    let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
    operation["requestBody"] = json!({ "content": { "application/json": { "schema": schema } } });
    operation
}

fn parameter(place: &str, name: &str) -> Value {
    json!({ "name": name, "in": place, "required": place == "path", "schema": { "type": "string" } })
}

fn published() -> Value {
    let mut list = with_body(operation("things_list"), "200", "ThingPage");
    list["parameters"] = json!([parameter("query", "page_token"), parameter("query", "colour")]);
    let mut get = with_body(operation("things_get"), "200", "Thing");
    get["parameters"] = json!([parameter("path", "id")]);
    let create = with_body(operation("things_create"), "201", "Thing");
    let open = with_body(operation("door_open"), "200", "Keys");
    let turn = taking(with_body(operation("door_turn"), "200", "Keys"), "Turn");
    let register = taking(with_body(operation("visitors_register"), "201", "Visitor"), "Secret");
    let rename = taking(with_body(operation("visitors_rename"), "200", "Visitor"), "Renaming");
    let enter = taking(operation("visitors_enter"), "Secret");
    let text = json!({ "type": "string" });
    let document = json!({
        "openapi": "3.0.0",
        "info": { "title": "Things", "version": "1.0.0" },
        "paths": {
            "/things": { "get": list, "post": create },
            "/things/{id}": { "get": get },
            "/door": { "get": open, "post": turn },
            "/visitors": { "post": register, "patch": rename },
            "/visitors/enter": { "post": enter },
        },
        "components": { "schemas": {
            "Thing": { "type": "object", "properties": { "id": text } },
            "ThingPage": { "type": "object", "properties": { "items": { "type": "array", "items": text }, "next_page": text } },
            "Visitor": { "type": "object", "properties": { "name": text } },
            "Secret": { "type": "object", "required": ["name", "secret"], "properties": { "name": text, "secret": text } },
            "Renaming": { "type": "object", "properties": { "name": text, "secret": text } },
            "Keys": { "type": "object", "required": ["key"], "properties": { "key": text, "spare": text } },
            "Turn": { "type": "object", "required": ["key"], "properties": { "key": text, "left": text } },
        } },
    });
    newest(&publish(&document))
}

#[test]
fn what_makes_a_thing_leads_to_the_operations_on_it() {
    let links = &published()["paths"]["/things"]["post"]["responses"]["201"]["links"];
    assert_eq!(keys(links), ["things_get"]);
    assert_eq!(links["things_get"]["operationId"], "things_get");
    assert_eq!(links["things_get"]["parameters"], json!({ "id": "$response.body#/id" }));
}

#[test]
fn a_page_leads_to_the_next_one_with_the_same_filters() {
    let links = &published()["paths"]["/things"]["get"]["responses"]["200"]["links"];
    assert_eq!(
        links["things_list"]["parameters"],
        json!({ "page_token": "$response.body#/next_page", "colour": "$request.query.colour" })
    );
}

#[test]
fn an_answer_with_all_that_a_body_requires_leads_to_it() {
    let door = &published()["paths"]["/door"];
    for method in ["get", "post"] {
        let links = &door[method]["responses"]["200"]["links"];
        assert_eq!(links["door_turn"]["requestBody"], "$response.body", "{method}");
    }
}

#[test]
fn what_the_answer_lacks_may_have_been_sent() {
    let links = &published()["paths"]["/visitors"]["post"]["responses"]["201"]["links"];
    assert_eq!(keys(links), ["visitors_enter"]);
    assert_eq!(links["visitors_enter"]["requestBody"], "$request.body");
}

#[test]
fn a_field_that_may_be_absent_leads_nowhere() {
    let links = &published()["paths"]["/visitors"]["patch"]["responses"]["200"];
    assert!(links.get("links").is_none(), "{links}");
}

#[test]
fn an_answer_that_leads_nowhere_has_no_links() {
    assert!(published()["paths"]["/things/{id}"]["get"]["responses"]["200"].get("links").is_none());
}
