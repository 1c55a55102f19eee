//! The page for reading, from the real document and from a hostile one.

use std::collections::HashSet;

use serde_json::json;

use super::*;

fn page(document: &Value) -> String {
    render(&document.to_string(), "/own", "/vendored").unwrap()
}

fn published() -> Value {
    serde_json::from_str(&crate::api::documents("/api/v1").unwrap().json).unwrap()
}

/// The values of an attribute, in the order of the page.
fn attribute<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    page.split(&start).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)).collect()
}

#[test]
fn every_operation_and_schema_has_an_anchor() {
    let document = published();
    let page = page(&document);
    let ids = attribute(&page, "id");
    let operations: Vec<_> = members(&document, "paths")
        .flat_map(|(_, item)| item.as_object().unwrap().values())
        .map(|operation| text(operation, "operationId"))
        .collect();
    let schemas: Vec<_> = component(&document, "schemas").map(|(name, _)| name).collect();
    assert!(operations.len() >= 19 && schemas.len() >= 19, "{operations:?} {schemas:?}");
    for name in operations.iter().chain(&schemas) {
        assert!(ids.contains(name), "{name}");
    }
    let unique: HashSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "an id stands twice: {ids:?}");
}

#[test]
fn every_link_within_the_page_leads_somewhere() {
    let page = page(&published());
    let ids = attribute(&page, "id");
    let targets: Vec<_> =
        attribute(&page, "href").into_iter().filter_map(|address| address.strip_prefix('#')).collect();
    assert!(targets.len() > 100, "{targets:?}");
    for target in targets {
        assert!(ids.contains(&target), "{target}");
    }
}

#[test]
fn the_page_says_what_the_document_says() {
    let page = page(&published());
    for part in [
        concat!("<h1>Groundwork <small>", env!("CARGO_PKG_VERSION"), "</small></h1>"),
        "<p class=\"call\"><span class=\"method get\">GET</span> <code>/api/v1/users</code></p>",
        "<li><a href=\"#security-BearerAuth\">Bearer token</a></li>",
        "<li>Public</li>",
        "<a href=\"docs#/users/users_list\"",
        "<tr><th scope=\"row\"><code>limit</code></th><td>query</td><td>integer <small>int32</small></td>\
         <td>optional</td><td><span class=\"rule\">1–100</span> <span class=\"rule\">default <code>20</code></span> \
         </td><td>The maximum number of users per page.</td></tr>",
        "<td>array of <a href=\"#User\"><code>User</code></a></td>",
        "<td>string or null</td>",
        "<li><code>malformed_request</code> (400): The request is malformed.</li>",
        "<details><summary>2 examples</summary><p><code>unauthorized</code></p>",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn nothing_from_the_document_becomes_markup() {
    let bad = "\"><script>alert(1)</script>&`<i>`";
    let schema = json!({
        "$ref": format!("#/components/schemas/{bad}"), "description": bad, "format": bad, "pattern": bad,
    });
    let object = json!({
        "description": bad, "type": [bad], "enum": [bad], "examples": [{ bad: bad }], "required": [bad],
        "properties": { bad: schema, "other": { "type": bad, "format": bad, "default": bad, "examples": [bad] } },
    });
    let operation = json!({
        "operationId": bad, "tags": [bad], "summary": bad, "description": format!("{bad}\n\n- {bad}\n- {bad}"),
        "security": [{ bad: [] }],
        "parameters": [{ "name": bad, "in": bad, "description": bad, "schema": object }],
        "requestBody": { "description": bad, "content": { bad: { "schema": object, "example": bad } } },
        "responses": { bad: {
            "description": bad,
            "headers": { bad: { "$ref": format!("#/components/headers/{bad}") }, "other": {} },
            "content": { bad: { "schema": schema, "examples": { bad: { "value": bad } } } },
        } },
    });
    let document = json!({
        "info": { "title": bad, "version": bad, "description": bad },
        "tags": [{ "name": bad, "description": bad }],
        "paths": { bad: { bad: operation } },
        "components": {
            "schemas": { bad: object },
            "headers": { bad: { "description": bad, "schema": schema } },
            "securitySchemes": { bad: { "description": bad, "scheme": "bearer" } },
        },
    });
    let page = page(&document);
    for markup in ["<script", "</script", "<i>", "\"\""] {
        assert!(!page.contains(markup), "{markup}");
    }
    assert!(page.contains("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;<code>&lt;i&gt;</code>"));
    // Outside of tags and attributes no character of the text is left to open one.
    assert_eq!(
        page.matches("alert(1)").count(),
        page.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count()
    );
}

#[test]
fn an_empty_document_is_an_empty_page() {
    assert!(page(&json!({})).contains("<main"));
    assert!(render("{", "", "").is_err());
}

#[test]
fn descriptions_use_a_little_markdown() {
    for (text, html) in [
        ("", ""),
        ("One.\nStill one.\n\n\n\nTwo.", "<p>One.\nStill one.</p><p>Two.</p>"),
        ("- a `b`\n  c\n- d", "<ul><li>a <code>b</code>\n  c</li><li>d</li></ul>"),
        ("`a` and `b`", "<p><code>a</code> and <code>b</code></p>"),
        ("a ` alone", "<p>a ` alone</p>"),
        ("**a** [b](c) <d>", "<p>**a** [b](c) &lt;d&gt;</p>"),
    ] {
        assert_eq!(prose(text), html);
    }
}

#[test]
fn rules_and_types_are_said_in_words() {
    for (schema, words) in [
        (json!({}), ""),
        (json!({ "minimum": 1 }), "at least 1"),
        (json!({ "maxLength": 5 }), "at most 5 characters"),
        (json!({ "minItems": 0, "maxItems": 9 }), "0–9 items"),
        (
            json!({ "exclusiveMinimum": 0, "multipleOf": 2 }),
            "more than <code>0</code>;a multiple of <code>2</code>",
        ),
        (json!({ "enum": ["a", 1, null] }), "one of <code>a</code>, <code>1</code>, <code>null</code>"),
        (json!({ "default": false, "deprecated": true }), "deprecated;default <code>false</code>"),
        (json!({ "additionalProperties": true }), "further fields may follow"),
        (json!({ "additionalProperties": false }), ""),
    ] {
        let said = rules(&schema).replace("</span> <span class=\"rule\">", ";");
        assert_eq!(said.replace("<span class=\"rule\">", "").replace("</span> ", ""), words, "{schema}");
    }
    let user = json!({ "$ref": "#/components/schemas/User" });
    for (schema, words) in [
        (json!({}), "any"),
        (json!({ "type": "array", "items": { "type": "string" } }), "array of string"),
        (json!({ "anyOf": [user, { "type": "null" }] }), "<a href=\"#User\"><code>User</code></a> or null"),
    ] {
        assert_eq!(kind(&schema), words);
    }
}

#[test]
fn the_documents_own_security_holds_where_an_operation_has_none() {
    let bearer = json!({ "b": { "scheme": "bearer" }, "k": {} });
    let document = json!({ "security": [{ "b": [] }], "components": { "securitySchemes": bearer } });
    for (operation, words) in [
        (json!({}), "Bearer token"),
        (json!({ "security": [] }), "Public"),
        (json!({ "security": [{}, { "b": [], "k": [] }] }), "Public or Bearer token and k"),
    ] {
        let html = access(&document, &operation);
        let plain: String = html.split('<').map(|part| part.rsplit('>').next().unwrap()).collect();
        assert_eq!(plain, words);
    }
}
