//! A new resource is where its answer says.

use serde_json::{Value, json};

use crate::api::operations::OPERATIONS;
use crate::support::client::{PASSWORD, fresh_email};
use crate::support::{Backend, Service};

on_both! {
    async fn a_created_resource_is_at_its_location_with_its_tag(service: Service) {
        let root = service.superuser().await;
        let creating = OPERATIONS.iter().filter(|operation| operation.success == 201);
        let mut checked = 0;
        for operation in creating {
            let target = operation.target(&service, &root).await;
            let created = operation.call(&service, &target).bearer(&root.access).send().await.expect(201);
            let location = created.header("location");
            let id = created.json()["id"].to_string();
            assert!(location.starts_with("/api/v1/") && location.ends_with(&format!("/{id}")), "{location}");
            let found = service.by(&root, "GET", location).send().await.expect(200);
            let mut body = created.json();
            // A secret is shown once.
            let fields = body.as_object_mut().unwrap();
            let (secret, key) = (fields.remove("secret"), fields.remove("key"));
            if secret.or(key).is_none() {
                assert_eq!(created.header("etag"), found.header("etag"), "{}", operation.id);
            } else {
                assert_eq!(created.header("etag"), "", "{}", operation.id);
            }
            assert_eq!(body, found.json(), "{}", operation.id);
            checked += 1;
        }
        assert!(checked >= 3, "{checked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_has_the_prefix_of_the_installation() {
    let service = Service::start_with(Backend::Sqlite, &[("API_V1_PREFIX", "/v9")]).await;
    let body = json!({"email": fresh_email(), "password": PASSWORD});
    let url = format!("{}/v9/auth/register", service.instance.url);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.post(url).json(&body).send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let user: Value = answer.json().await.unwrap();
    assert_eq!(location, format!("/v9/users/{}", user["id"]));
}
