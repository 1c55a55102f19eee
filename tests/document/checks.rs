//! Every check on both documents, and every check seeing the faults that it is there for.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::reading::{newest, older};
use crate::{examples, names, references, shape};

/// Gives a sentence for everything that is wrong.
type Check = fn(&Value) -> Vec<String>;

const CHECKS: [(&str, Check); 11] = [
    ("operation ids", names::operation_ids),
    ("schema names", names::schema_names),
    ("inner names", names::inner_names),
    ("siblings", references::siblings),
    ("dangling", references::dangling),
    ("unused", references::unused),
    ("signed integers", shape::signed_integers),
    ("one error schema", shape::one_error_schema),
    ("one success body", shape::one_success_body),
    ("one server", shape::one_server),
    ("header spelling", shape::header_spelling),
];

/// On 3.1 alone, whose schemas are JSON Schema. The examples of 3.0.3 are the same ones (see `parity`).
const EXAMPLES: (&str, Check) = ("examples", examples::examples);

/// A check, a change of the document, and how the check names what the change broke.
type Fault = (&'static str, fn(&mut Value), &'static str);

#[rustfmt::skip]
const FAULTS: [Fault; 37] = [
    ("operation ids", |d| users(d)["get"]["operationId"] = json!("usersList"), "usersList is not snake_case"),
    ("operation ids", |d| users(d)["get"]["operationId"] = json!("users_me"), "users_me and users_me become"),
    ("operation ids", |d| users(d)["get"]["operationId"] = json!("users_m_e"), "users_me and users_m_e become"),
    ("schema names", |d| add_schema(d, "user_role"), "user_role is not PascalCase"),
    ("schema names", |d| add_schema(d, "APIKey"), "APIKey is not PascalCase"),
    ("schema names", |d| add_schema(d, "USer"), "User and USer become"),
    ("schema names", |d| add_schema(d, "Response"), "Response is reserved"),
    ("schema names", |d| add_schema(d, "UsersMe"), "UsersMe is a schema, and users_me an operation"),
    ("inner names", |d| user(d)["properties"]["fullName"] = json!({}), "full_name and fullName become"),
    ("inner names", |d| users(d)["get"]["parameters"][2]["name"] = json!("pageToken"), "page_token and pageToken become"),
    ("inner names", |d| schema(d, "HealthStatus")["enum"] = json!(["not_ok", "notok"]), "not_ok and notok become"),
    ("siblings", |d| success(d)["schema"]["description"] = json!("A page."), "/content/application~1json/schema: `$ref`"),
    ("siblings", |d| user(d)["properties"]["example"] = json!({"$ref": "#/info", "title": ""}), "/properties/example: `$ref`"),
    ("dangling", |d| success(d)["schema"]["$ref"] = json!("#/components/schemas/None"), "/content/application~1json/schema: leads"),
    ("dangling", |d| success(d)["schema"]["$ref"] = json!("other.json#/User"), "/content/application~1json/schema: leads"),
    ("dangling", |d| rename_linked(d), "/links/users_get: leads nowhere"),
    ("unused", |d| add_schema(d, "Role"), "#/components/schemas/Role is not used"),
    ("unused", |d| d["components"]["headers"]["Link"] = json!({}), "#/components/headers/Link is not used"),
    ("unused", |d| d["components"]["securitySchemes"]["Key"] = json!({}), "#/components/securitySchemes/Key is not used"),
    ("signed integers", |d| user(d)["properties"]["id"]["format"] = json!("uint64"), "User/properties/id: an integer of the format `uint64`"),
    ("signed integers", |d| user(d)["properties"]["age"] = json!({"type": ["integer", "null"]}), "User/properties/age: an integer of the format `none`"),
    ("one error schema", |d| response(d, "403")["content"]["application/json"]["schema"] = json!({}), "users_list 403"),
    ("one error schema", |d| response(d, "403")["content"]["text/plain"] = json!({}), "users_list 403"),
    ("one error schema", |d| response(d, "403")["content"] = json!({}), "users_list 403"),
    ("one success body", |d| users(d)["get"]["responses"]["202"] = json!({}), "users_list: 2 successes with 1 bodies"),
    ("one success body", |d| response(d, "200")["content"]["text/csv"] = json!({}), "users_list: 1 successes with 2 bodies"),
    ("one server", |d| d["servers"] = json!([]), "the servers are []"),
    ("one server", |d| d["servers"] = json!([{"url": "/"}, {"url": "/v2"}]), "the servers are [\"/\", \"/v2\"]"),
    ("one server", |d| users(d)["get"]["servers"] = json!([{"url": "/"}]), "/paths/~1api~1v1~1users/get: own servers"),
    ("header spelling", |d| response(d, "200")["headers"]["ETAG"] = json!({}), "ETAG is spelled ETag"),
    ("header spelling", |d| users(d)["get"]["parameters"][2] = json!({"name": "if-match", "in": "header"}), "if-match is spelled If-Match"),
    ("examples", |d| success(d)["example"]["items"][0]["id"] = json!("1"), "example/items/0/id"),
    ("examples", |d| user(d)["properties"]["created_at"]["examples"] = json!(["yesterday"]), "created_at/examples/0"),
    ("examples", |d| response(d, "403")["content"]["application/json"]["examples"]["forbidden"]["value"]["success"] = json!(1), "examples/forbidden/success"),
    ("examples", |d| users(d)["get"]["parameters"][0]["schema"]["default"] = json!(0), "parameters/0/schema/default"),
    ("examples", |d| d["components"]["headers"]["Retry-After"]["schema"]["examples"] = json!(["soon"]), "Retry-After/schema/examples/0"),
    ("examples", |d| users(d)["post"]["requestBody"]["content"]["application/json"]["example"]["email"] = json!("ada"), "example/email"),
];

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

fn response<'a>(document: &'a mut Value, status: &str) -> &'a mut Value {
    &mut users(document)["get"]["responses"][status]
}

fn success(document: &mut Value) -> &mut Value {
    &mut response(document, "200")["content"]["application/json"]
}

fn rename_linked(document: &mut Value) {
    document["paths"]["/api/v1/users/{id}"]["get"]["operationId"] = json!("users_show");
}

#[test]
fn both_documents_pass_every_check() {
    for (name, check) in CHECKS {
        assert_eq!(check(&newest()), Vec::<String>::new(), "{name} of 3.1");
        assert_eq!(check(&older()), Vec::<String>::new(), "{name} of 3.0.3");
    }
    assert_eq!(EXAMPLES.1(&newest()), Vec::<String>::new());
}

#[test]
fn every_check_sees_its_faults() {
    for (name, change, complaint) in FAULTS {
        let mut document = newest();
        change(&mut document);
        let (_, check) = checks().find(|(known, _)| *known == name).expect(name);
        let complaints = check(&document);
        assert!(
            complaints.iter().any(|line| line.contains(complaint)),
            "{name}: {complaint}: {complaints:#?}"
        );
    }
}

#[test]
fn every_check_has_a_fault() {
    let shown: BTreeSet<_> = FAULTS.iter().map(|(name, _, _)| *name).collect();
    assert_eq!(shown, checks().map(|(name, _)| name).collect());
}

fn checks() -> impl Iterator<Item = (&'static str, Check)> {
    CHECKS.into_iter().chain([EXAMPLES])
}
