//! Every check, with the faults that it is there for. On both documents it finds nothing; each
//! fault it finds.

use serde_json::{Map, Value, json};

use super::{examples, http_semantics, names, references, shape};
use crate::document::reading::{newest, older};

struct Check {
    /// Gives a sentence for everything that is wrong.
    run: fn(&Value) -> Vec<String>,
    faults: &'static [Fault],
}

/// A change of the document, and how the check names what the change broke.
type Fault = (fn(&mut Value), &'static str);

const CHECKS: [Check; 15] = [
    Check {
        run: http_semantics::created_has_location,
        faults: &[(
            |d| drop(headers(&mut users(d)["post"]["responses"]["201"]).remove("Location")),
            "users_create: a 201 without Location",
        )],
    },
    Check {
        run: http_semantics::resource_has_tag,
        faults: &[
            (
                |d| drop(headers(&mut user_item(d)["get"]["responses"]["200"]).remove("ETag")),
                "users_get: a resource without ETag",
            ),
            (|d| user_item(d)["get"]["responses"]["304"] = Value::Null, "users_get: a resource without ETag"),
            (|d| user_item(d)["delete"]["parameters"] = json!([]), "users_delete: a change without If-Match"),
            (
                |d| d["paths"]["/api/v1/users/{id}/activate"]["patch"]["parameters"] = json!([]),
                "users_activate: a change without If-Match",
            ),
        ],
    },
    Check {
        run: http_semantics::post_has_key,
        faults: &[
            (|d| users(d)["post"]["parameters"] = json!([]), "users_create: no Idempotency-Key"),
            (
                |d| user(d)["properties"]["secret"] = json!({}),
                "users_create: an Idempotency-Key that it must not have",
            ),
            (
                |d| d["paths"]["/api/v1/webhooks/{id}/test"]["post"]["responses"]["409"] = Value::Null,
                "webhooks_test: an Idempotency-Key without 409",
            ),
        ],
    },
    Check {
        run: http_semantics::list_has_sort,
        faults: &[(
            |d| users(d)["get"]["parameters"].as_array_mut().unwrap().retain(|it| it["name"] != "sort"),
            "users_list: a list without sort",
        )],
    },
    Check {
        run: names::operation_ids,
        faults: &[
            (|d| users(d)["get"]["operationId"] = json!("usersList"), "usersList is not snake_case"),
            (|d| users(d)["get"]["operationId"] = json!("users_me"), "users_me and users_me become"),
            (|d| users(d)["get"]["operationId"] = json!("users_m_e"), "users_me and users_m_e become"),
        ],
    },
    Check {
        run: names::schema_names,
        faults: &[
            (|d| add_schema(d, "user_role"), "user_role is not PascalCase"),
            (|d| add_schema(d, "APIKey"), "APIKey is not PascalCase"),
            (|d| add_schema(d, "USer"), "User and USer become"),
            (|d| add_schema(d, "Response"), "Response is reserved"),
            (|d| add_schema(d, "UsersMe"), "UsersMe is a schema, and users_me an operation"),
        ],
    },
    Check {
        run: names::inner_names,
        faults: &[
            (|d| user(d)["properties"]["fullName"] = json!({}), "full_name and fullName become"),
            (
                |d| users(d)["get"]["parameters"][3]["name"] = json!("pageToken"),
                "page_token and pageToken become",
            ),
            (|d| schema(d, "HealthStatus")["enum"] = json!(["not_ok", "notok"]), "not_ok and notok become"),
        ],
    },
    Check {
        run: references::siblings,
        faults: &[
            (
                |d| success(d)["schema"]["description"] = json!("A page."),
                "/content/application~1json/schema: `$ref`",
            ),
            (
                |d| user(d)["properties"]["example"] = json!({"$ref": "#/info", "title": ""}),
                "/properties/example: `$ref`",
            ),
        ],
    },
    Check {
        run: references::dangling,
        faults: &[
            (
                |d| success(d)["schema"]["$ref"] = json!("#/components/schemas/None"),
                "/content/application~1json/schema: leads",
            ),
            (
                |d| success(d)["schema"]["$ref"] = json!("other.json#/User"),
                "/content/application~1json/schema: leads",
            ),
            (
                |d| d["paths"]["/api/v1/users/{id}"]["get"]["operationId"] = json!("users_show"),
                "/links/users_get: leads nowhere",
            ),
        ],
    },
    Check {
        run: references::unused,
        faults: &[
            (|d| add_schema(d, "Role"), "#/components/schemas/Role is not used"),
            (|d| d["components"]["headers"]["Link"] = json!({}), "#/components/headers/Link is not used"),
            (
                |d| d["components"]["securitySchemes"]["Key"] = json!({}),
                "#/components/securitySchemes/Key is not used",
            ),
        ],
    },
    Check {
        run: shape::signed_integers,
        faults: &[
            (
                |d| user(d)["properties"]["id"]["format"] = json!("uint64"),
                "User/properties/id: an integer of the format `uint64`",
            ),
            (
                |d| user(d)["properties"]["age"] = json!({"type": ["integer", "null"]}),
                "User/properties/age: an integer of the format `none`",
            ),
        ],
    },
    Check {
        run: shape::one_error_schema,
        faults: &[
            (|d| response(d, "403")["content"]["application/json"]["schema"] = json!({}), "users_list 403"),
            (|d| response(d, "403")["content"]["text/plain"] = json!({}), "users_list 403"),
            (|d| response(d, "403")["content"] = json!({}), "users_list 403"),
        ],
    },
    Check {
        run: shape::one_success_body,
        faults: &[
            (|d| users(d)["get"]["responses"]["202"] = json!({}), "users_list: 2 successes with 1 bodies"),
            (
                |d| response(d, "200")["content"]["text/csv"] = json!({}),
                "users_list: 1 successes with 2 bodies",
            ),
        ],
    },
    Check {
        run: shape::one_server,
        faults: &[
            (|d| d["servers"] = json!([]), "the servers are []"),
            (|d| d["servers"] = json!([{"url": "/"}, {"url": "/v2"}]), "the servers are [\"/\", \"/v2\"]"),
            (
                |d| users(d)["get"]["servers"] = json!([{"url": "/"}]),
                "/paths/~1api~1v1~1users/get: own servers",
            ),
        ],
    },
    Check {
        run: shape::header_spelling,
        faults: &[
            (|d| response(d, "200")["headers"]["ETAG"] = json!({}), "ETAG is spelled ETag"),
            (
                |d| users(d)["get"]["parameters"][3] = json!({"name": "if-match", "in": "header"}),
                "if-match is spelled If-Match",
            ),
        ],
    },
];

/// On 3.1 alone, whose schemas are JSON Schema. The examples of 3.0.3 are the same ones (see
/// `parity`).
const EXAMPLES: Check = Check {
    run: examples::examples,
    faults: &[
        (|d| success(d)["example"]["items"][0]["id"] = json!("1"), "example/items/0/id"),
        (|d| user(d)["properties"]["created_at"]["examples"] = json!(["yesterday"]), "created_at/examples/0"),
        (|d| forbidden(d)["value"]["success"] = json!(1), "examples/forbidden/success"),
        (|d| users(d)["get"]["parameters"][0]["schema"]["default"] = json!(0), "parameters/0/schema/default"),
        (
            |d| d["components"]["headers"]["Retry-After"]["schema"]["examples"] = json!(["soon"]),
            "Retry-After/schema/examples/0",
        ),
        (|d| request(d)["example"]["email"] = json!("ada"), "example/email"),
    ],
};

fn schema<'a>(document: &'a mut Value, name: &str) -> &'a mut Value {
    &mut document["components"]["schemas"][name]
}

fn user(document: &mut Value) -> &mut Value {
    schema(document, "User")
}

fn add_schema(document: &mut Value, name: &str) {
    *schema(document, name) = json!({ "type": "string" });
}

fn users(document: &mut Value) -> &mut Value {
    &mut document["paths"]["/api/v1/users"]
}

fn user_item(document: &mut Value) -> &mut Value {
    &mut document["paths"]["/api/v1/users/{id}"]
}

fn headers(response: &mut Value) -> &mut Map<String, Value> {
    response["headers"].as_object_mut().unwrap()
}

fn response<'a>(document: &'a mut Value, status: &str) -> &'a mut Value {
    &mut users(document)["get"]["responses"][status]
}

fn success(document: &mut Value) -> &mut Value {
    &mut response(document, "200")["content"]["application/json"]
}

fn forbidden(document: &mut Value) -> &mut Value {
    &mut response(document, "403")["content"]["application/json"]["examples"]["forbidden"]
}

fn request(document: &mut Value) -> &mut Value {
    &mut users(document)["post"]["requestBody"]["content"]["application/json"]
}

#[test]
fn both_documents_pass_every_check() {
    let found = |check: &Check| [newest(), older()].map(|document| (check.run)(&document)).concat();
    assert_eq!(CHECKS.iter().flat_map(found).collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!((EXAMPLES.run)(&newest()), Vec::<String>::new());
}

#[test]
fn every_check_finds_its_seeded_faults() {
    for check in CHECKS.iter().chain([&EXAMPLES]) {
        assert!(!check.faults.is_empty(), "a check that nobody saw failing");
        for (change, complaint) in check.faults {
            let mut document = newest();
            change(&mut document);
            let complaints = (check.run)(&document);
            let seen = complaints.iter().any(|line| line.contains(complaint));
            assert!(seen, "{complaint}: {complaints:#?}");
        }
    }
}
