#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::{Value, json};

use super::{Language, Resources, resources, simplify};

const ALL: [Language; 5] =
    [Language::Go, Language::Java, Language::Python, Language::Rust, Language::TypeScript];

fn reference(name: &str) -> Value {
    json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } })
}

fn parameter(place: &str, name: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": place, "required": place == "path", "schema": schema })
}

fn operation(id: &str, parameters: &[Value], status: &str, schema: Option<&str>) -> Value {
    let mut response = json!({ "description": "Success" });
    if let Some(schema) = schema {
        response["content"] = json!({ "application/json": reference(schema) });
    }
    json!({
        "operationId": id,
        "tags": ["order-items"],
        "summary": "Do it",
        "parameters": parameters,
        "responses": { status: response, "404": { "description": "Not found" } },
    })
}

/// A resource with everything that a method can have, and names that are keywords.
fn document() -> Value {
    let id = parameter("path", "id", &json!({ "type": "string", "format": "uuid" }));
    let state = parameter("query", "state", &json!({ "$ref": "#/components/schemas/State" }));
    let from = parameter("query", "from", &json!({ "type": "string", "format": "date-time" }));
    let labels = parameter("query", "labels", &json!({ "type": "array", "items": { "type": "string" } }));
    let token = parameter("query", "page_token", &json!({ "type": "string" }));
    let mut import = operation("order_items_import", &[], "201", Some("Item"));
    import["requestBody"] = json!({ "content": { "application/json": reference("ItemCreate") } });
    let list = operation("order_items_list", &[state, from, labels, token], "200", Some("ItemPage"));
    json!({
        "paths": {
            "/items": { "get": list, "post": import },
            "/items/{id}": {
                "get": operation("order_items_get", std::slice::from_ref(&id), "200", Some("Item")),
                "delete": operation("order_items_delete", &[id], "204", None),
            },
        },
        "components": { "schemas": {
            "Item": { "type": "object" },
            "ItemCreate": { "type": "object" },
            "ItemPage": { "type": "object", "properties": {
                "items": { "type": "array", "items": { "$ref": "#/components/schemas/Item" } },
                "next_page": { "type": ["string", "null"] },
            } },
            "State": { "type": "string", "enum": ["open"] },
        } },
    })
}

fn code(language: Language) -> String {
    let Resources { code, omitted } = resources(&document(), language, "shop");
    assert_eq!(omitted, [""; 0]);
    code
}

#[track_caller]
fn assert_lines(code: &str, lines: &[&str]) {
    for line in lines {
        assert!(code.contains(line), "no {line:?} in\n{code}");
    }
}

#[test]
fn in_typescript_a_list_is_a_pager_and_a_body_an_argument() {
    assert_lines(
        &code(Language::TypeScript),
        &[
            "readonly orderItems: OrderItemsResource;",
            "list(query: Omit<NonNullable<operations['order_items_list']['parameters']['query']>, 'page_token'> = {}): Pager<Item> {",
            "get(id: string): Promise<Item> {",
            "delete(id: string): Promise<void> {",
            "import(body: ItemCreate): Promise<Item> {\n    return unwrap(this.#api.POST('/items', { body }));",
        ],
    );
}

#[test]
fn in_python_keywords_get_an_underscore_and_there_are_two_flavours() {
    assert_lines(
        &code(Language::Python),
        &[
            "class AsyncOrderItemsResource:",
            "self.order_items = AsyncOrderItemsResource(client)",
            "def import_(self, body: ItemCreate) -> Item:",
            "async def get(self, id: UUID) -> Item:",
            "state: State | Unset = UNSET, from_: datetime.datetime | Unset = UNSET, labels: Sequence[str] | Unset = UNSET",
            "labels=labels if isinstance(labels, Unset) else [*labels]",
            "-> AsyncPager[Item]:",
        ],
    );
}

#[test]
fn in_go_names_have_the_generators_spelling() {
    assert_lines(
        &code(Language::Go),
        &[
            "package shop\n",
            "OrderItems *OrderItemsResource",
            "Get(ctx context.Context, id openapi_types.UUID) (*Item, error) {",
            "List(ctx context.Context, params OrderItemsListParams) iter.Seq2[Item, error] {",
            "return expect(answer.JSON201)",
            "\"github.com/oapi-codegen/runtime/types\"",
        ],
    );
}

#[test]
fn in_java_a_query_is_set_by_a_function() {
    assert_lines(
        &code(Language::Java),
        &[
            "package shop;\n",
            "public OrderItemsResource orderItems() {",
            "public Stream<Item> list(Consumer<OrderItemsApi.APIOrderItemsListRequest.Builder> query) {",
            "public Item import_(ItemCreate body) throws ApiException {",
            "public void delete(UUID id) throws ApiException {",
        ],
    );
}

#[test]
fn in_rust_a_method_returns_the_builder_of_its_operation() {
    assert_lines(
        &code(Language::Rust),
        &[
            "pub fn order_items(&self) -> OrderItemsResource<'_>",
            "pub fn get(self, id: uuid::Uuid) -> builder::OrderItemsGet<'a> { self.0.order_items_get().id(id) }",
            "impl<'a> builder::OrderItemsList<'a> {",
            "impl Stream<Item = Result<types::Item, Error>>",
        ],
    );
}

#[test]
fn a_resource_with_the_name_of_a_member_gets_another_one() {
    let mut document = document();
    for item in document["paths"].as_object_mut().unwrap().values_mut() {
        for operation in item.as_object_mut().unwrap().values_mut() {
            operation["tags"] = json!(["tokens"]);
        }
    }
    for (language, name) in [
        (Language::TypeScript, "readonly tokens_:"),
        (Language::Python, "self.tokens_ ="),
        (Language::Java, " tokens_()"),
    ] {
        assert_lines(&resources(&document, language, "shop").code, &[name]);
    }
}

#[test]
fn an_operation_that_a_method_cannot_express_is_left_out_with_the_reason() {
    for (pointer, change, reason) in [
        (
            "/paths/~1items/post/requestBody/content",
            json!({ "text/csv": {} }),
            "its body is not JSON of a named schema",
        ),
        ("/paths/~1items/post/responses/201/content", json!({ "text/csv": {} }), "its response is not JSON"),
        ("/paths/~1items/post/responses", json!({ "200": {}, "201": {} }), "it has 2 responses of a success"),
        (
            "/paths/~1items/post/parameters",
            json!([parameter("cookie", "X", &json!({ "type": "string" }))]),
            "its parameter X is in no supported place",
        ),
        (
            "/paths/~1items/post/parameters",
            json!([parameter("query", "x", &json!({ "type": "object" }))]),
            "the type of its parameter x",
        ),
        ("/paths/~1items/post/tags", json!([]), "it has no operationId or no tag"),
    ] {
        let mut document = document();
        *document.pointer_mut(pointer).unwrap() = change;
        for language in ALL {
            let Resources { code, omitted } = resources(&document, language, "shop");
            assert!(omitted.len() == 1 && omitted[0].contains(reason), "{omitted:?}");
            assert!(!code.to_lowercase().contains("import(body") && !code.contains("import_("), "{code}");
        }
    }
}

#[test]
fn a_nullable_enumeration_of_a_field_is_a_schema_with_a_name() {
    let reason = json!({ "type": ["string", "null"], "enum": ["full", null], "description": "Why." });
    let item = json!({ "properties": { "end_reason": reason } });
    let mut document =
        json!({ "paths": {}, "components": { "schemas": { "Item": item, "ItemMade": item, "Text": {} } } });
    simplify(&mut document, false);
    let schemas = &document["components"]["schemas"];
    let reference = json!({ "$ref": "#/components/schemas/ItemEndReason" });
    let expected = json!({ "anyOf": [reference, { "type": "null" }], "description": "Why." });
    for schema in ["Item", "ItemMade"] {
        assert_eq!(schemas[schema]["properties"]["end_reason"], expected);
    }
    let named = json!({ "type": "string", "enum": ["full"], "description": "Why." });
    assert_eq!(schemas["ItemEndReason"], named);
    assert_eq!(schemas["Text"], json!({}));
    assert_eq!(schemas.as_object().unwrap().len(), 4);
}
