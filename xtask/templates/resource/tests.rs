{% set user = "user" if owned else "superuser" -%}
{% set ada = "ada" if owned else "root" -%}
//! {{ Many }}: {{ "whose they are, " if owned }}pages{{ " and filters" if filters }}, and what is refused.

use serde_json::{Value, json};

use super::operations::Fixture;
use crate::support::client::{Answer, TestUser};
use crate::support::{Call, Service};

const {{ plural_screaming }}: &str = "/api/v1/{{ path }}";

/// What the ID of {{ an }} names.
pub const {{ singular_screaming }}: Fixture = Fixture::Owned { path: {{ plural_screaming }}, body: new_{{ singular }} };

/// A body with every field that {{ an }} must have.
pub fn new_{{ singular }}(_: &TestUser) -> Value {
    json!({{ cases.required | object(4, 11) }})
}

/// A call that creates {{ an }} with these fields besides those it must have.
fn creation(service: &Service, {{ user }}: &TestUser, fields: &Value) -> Call {
    let mut {{ singular }} = new_{{ singular }}({{ user }});
    {{ singular }}.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    service.by({{ user }}, "POST", {{ plural_screaming }}).json({{ singular }})
}

async fn create(service: &Service, {{ user }}: &TestUser, fields: Value) -> Value {
    creation(service, {{ user }}, &fields).send().await.expect(201).json()
}

async fn show(service: &Service, {{ user }}: &TestUser, {{ singular }}: &Value) -> Value {
    service.by({{ user }}, "GET", &path({{ singular }})).send().await.expect(200).json()
}

async fn change(service: &Service, {{ user }}: &TestUser, {{ singular }}: &Value, fields: Value) -> Value {
    service.by({{ user }}, "PATCH", &path({{ singular }})).json(fields).send().await.expect(200).json()
}

async fn list(service: &Service, {{ user }}: &TestUser, query: &str) -> Answer {
    service.by({{ user }}, "GET", &format!("{{ "{" ~ plural_screaming ~ "}" }}?{query}")).send().await
}

/// The IDs of the {{ many }} that a list with this query shows on all its pages.
async fn all(service: &Service, {{ user }}: &TestUser, query: &str) -> Vec<Value> {
    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let page = list(service, {{ user }}, &format!("{query}{next}")).await.expect(200).json();
        found.extend(page["items"].as_array().unwrap().iter().map(|{{ singular }}| {{ singular }}["id"].clone()));
        let Some(token) = page["next_page"].as_str() else { return found };
        next = format!("&page_token={token}");
    }
}

fn path({{ singular }}: &Value) -> String {
    format!("{{ "{" ~ plural_screaming ~ "}" }}/{}", {{ singular }}["id"])
}

fn assert_has({{ singular }}: &Value, fields: &Value) {
    for (field, value) in fields.as_object().unwrap() {
        assert_eq!(&{{ singular }}[field], value, "{field}");
    }
}

on_both! {
    async fn {{ an | replace(" ", "_") }}_is_created_shown_changed_and_deleted(service: Service) {
        let {{ ada }} = service.{{ user }}().await;
{%- if nullable %}
        let fields = json!({{ cases.optional | object(8, 30) }});
        let made = create(&service, &{{ ada }}, fields.clone()).await;
        assert_has(&made, &fields);
        assert_has(&made, &new_{{ singular }}(&{{ ada }}));
{%- else %}
        let made = create(&service, &{{ ada }}, json!({})).await;
        assert_has(&made, &new_{{ singular }}(&{{ ada }}));
{%- endif %}
        assert_eq!(show(&service, &{{ ada }}, &made).await, made);

        let fields = json!({{ cases.changed | object(8, 30) }});
        let changed = change(&service, &{{ ada }}, &made, fields.clone()).await;
        assert_has(&changed, &fields);
        assert_eq!(changed["created_at"], made["created_at"]);
        assert_eq!(show(&service, &{{ ada }}, &made).await, changed);

        service.by(&{{ ada }}, "DELETE", &path(&made)).send().await.expect(204);
        service.by(&{{ ada }}, "GET", &path(&made)).send().await.expect_error(404, "not_found");
        service.by(&{{ ada }}, "DELETE", &path(&made)).send().await.expect_error(404, "not_found");
    }
{%- if owned %}

    async fn only_its_owner_sees_and_changes_{{ an | replace(" ", "_") }}(service: Service) {
        let (ada, eve) = (service.user().await, service.user().await);
        let {{ singular }} = create(&service, &ada, json!({})).await;
        let before = service.stored().await;
        for method in ["GET", "PATCH", "DELETE"] {
            let call = service.by(&eve, method, &path(&{{ singular }}));
            let call = if method == "PATCH" { call.json(json!({{ cases.change | object(16, 0) }})) } else { call };
            let error = call.send().await.expect_error(404, "not_found");
            assert_eq!(error["message"], "The {{ one }} does not exist.", "{method}");
        }
        assert_eq!(all(&service, &eve, "").await, [Value::Null; 0]);
        assert_eq!(service.stored().await, before);
    }

    async fn {{ plural }}_are_deleted_with_their_owner(service: Service) {
        let ada = service.user().await;
        create(&service, &ada, json!({})).await;
        service.by(&ada, "DELETE", "/api/v1/users/me").send().await.expect(204);
        let stored = service.stored().await;
        assert!(!stored.iter().any(|row| row.starts_with("{{ plural }}: ")), "{stored:?}");
    }

    async fn pages_contain_every_{{ singular }}_once_and_a_page_token_is_of_one_list(service: Service) {
        let (ada, eve) = (service.user().await, service.user().await);
        let mut made = Vec::new();
        for _ in 0..5 {
            made.push(create(&service, &ada, json!({})).await["id"].clone());
            create(&service, &eve, json!({})).await;
        }
        for limit in [1, 2, 5, 100] {
            assert_eq!(all(&service, &ada, &format!("limit={limit}")).await, made, "limit {limit}");
            let newest = all(&service, &ada, &format!("limit={limit}&sort=-created_at")).await;
            assert!(newest.iter().rev().eq(&made), "limit {limit}: {newest:?}");
        }
        let first = list(&service, &ada, "limit=2").await.expect(200).json();
        let token = first["next_page"].as_str().unwrap();
{%- if filters %}
        for (user, query) in [(&eve, ""), (&ada, "&{{ cases.narrowed }}")] {
            let answer = list(&service, user, &format!("limit=2{query}&page_token={token}")).await;
            assert_eq!(answer.invalid_fields(), ["page_token"]);
        }
{%- else %}
        let answer = list(&service, &eve, &format!("limit=2&page_token={token}")).await;
        assert_eq!(answer.invalid_fields(), ["page_token"]);
{%- endif %}
    }
{%- else %}

    async fn pages_contain_every_{{ singular }}_once(service: Service) {
        let root = service.superuser().await;
        let mut made = Vec::new();
        for _ in 0..5 {
            made.push(create(&service, &root, json!({})).await["id"].clone());
        }
        for limit in [1, 2, 5, 100] {
            assert_eq!(all(&service, &root, &format!("limit={limit}")).await, made, "limit {limit}");
        }
{%- if filters %}
        let first = list(&service, &root, "limit=2").await.expect(200).json();
        let token = first["next_page"].as_str().unwrap();
        let answer = list(&service, &root, &format!("{{ cases.narrowed }}&page_token={token}")).await;
        assert_eq!(answer.invalid_fields(), ["page_token"]);
{%- endif %}
    }
{%- endif %}
{%- if filters %}

    async fn a_list_can_be_filtered(service: Service) {
        let {{ ada }} = service.{{ user }}().await;
        let mut made = Vec::new();
        for fields in [
{%- for row in cases.rows %}
            json!({{ row | object(12, 19) }}),
{%- endfor %}
        ] {
            made.push(create(&service, &{{ ada }}, fields).await["id"].clone());
        }
        for (query, expected) in [
{%- for query in cases.queries %}
            ("{{ query.query }}", &[{{ query.rows }}]{{ "[..]" if loop.first }}),
{%- endfor %}
        ] {
            let expected: Vec<_> = expected.iter().map(|place: &usize| made[*place].clone()).collect();
            assert_eq!(all(&service, &{{ ada }}, &format!("limit=1&{query}")).await, expected, "{query}");
        }
        for query in {{ cases.wrong_queries | list(8, 23) }} {
            let (field, _) = query.split_once('=').unwrap();
            assert_eq!(list(&service, &{{ ada }}, query).await.invalid_fields(), [field]);
        }
    }
{%- endif %}

    async fn every_invalid_field_is_refused_with_its_reason(service: Service) {
        let {{ ada }} = service.{{ user }}().await;
        let {{ singular }} = create(&service, &{{ ada }}, json!({})).await;
        let before = service.stored().await;
        for (field, value, reason) in [
{%- for case in cases.invalid %}
            ("{{ case.field }}", json!({{ case.value }}), {{ case.message }}),
{%- endfor %}
        ] {
            let wrong = json!({field: value});
            let create = creation(&service, &{{ ada }}, &wrong);
            let update = service.by(&{{ ada }}, "PATCH", &path(&{{ singular }})).json(wrong);
            for call in [create, update] {
                let error = call.send().await.expect_error(422, "validation_error");
                let problems = error["details"]["fields"].as_array().unwrap();
                let reasons: Vec<_> = problems.iter().map(|one| (&one["field"], &one["message"])).collect();
                assert_eq!(reasons, [(&json!(field), &json!(reason))], "{value}");
            }
        }
{%- if cases.required_names %}
        let empty = service.by(&{{ ada }}, "POST", {{ plural_screaming }}).json(json!({})).send().await;
        assert_eq!(empty.invalid_fields(), [{{ cases.required_names }}]);
{%- endif %}
        assert_eq!(service.stored().await, before);
    }
{%- if cases.least %}

    async fn the_limits_of_every_field_are_accepted(service: Service) {
        let {{ ada }} = service.{{ user }}().await;
        for fields in [
            json!({{ cases.least | object(12, 19) }}),
            json!({{ cases.most | object(12, 19) }}),
        ] {
            assert_has(&create(&service, &{{ ada }}, fields.clone()).await, &fields);
        }
    }
{%- endif %}
{%- if nullable %}

    async fn null_clears_a_field_and_an_absent_one_stays(service: Service) {
        let {{ ada }} = service.{{ user }}().await;
        let fields = json!({{ cases.optional | object(8, 30) }});
        let {{ singular }} = create(&service, &{{ ada }}, fields.clone()).await;
        for field in [{{ cases.optional_names }}] {
            let mut expected = show(&service, &{{ ada }}, &{{ singular }}).await;
            assert_eq!(change(&service, &{{ ada }}, &{{ singular }}, json!({})).await[field], fields[field]);
            let cleared = change(&service, &{{ ada }}, &{{ singular }}, json!({field: null})).await;
            (expected[field], expected["updated_at"]) = (Value::Null, cleared["updated_at"].clone());
            assert_eq!(cleared, expected);
        }
    }
{%- endif %}
}
