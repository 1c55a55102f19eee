//! API keys.

use groundwork_clock::Timestamp;
use groundwork_web::error::FieldError;
use groundwork_web::extract::RequestSchema;
use groundwork_web::responses::Located;
use groundwork_web::schema::Nullable;
use groundwork_web::{id_schema, listed, located};
use poem_openapi::types::Example;
use poem_openapi::{NewType, Object};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::api_keys::{ApiKeyId, ApiKeyName, ApiKeyScopes, invalid_scopes};
use crate::domain::ids::UserId;
use crate::domain::permissions::Permission;
use crate::models::api_keys::{ApiKey, NewApiKey};

id_schema!(ApiKeyId, "api_key_id", "The API key's ID.");

/// When the examples happen.
const EXAMPLE_TIME: Timestamp = Timestamp::from_seconds(1_769_851_800);

/// The last second of 2099: the service refuses a key that has expired.
const EXAMPLE_EXPIRY: Timestamp = Timestamp::from_seconds(4_102_444_799);

/// A credential of a service that acts for a user.
#[derive(Object, Serialize)]
#[oai(rename = "ApiKey", example, remote = "ApiKey")]
pub struct ApiKeyView {
    /// The API key's ID. It is never reused.
    pub id: ApiKeyId,
    /// The ID of the user that the key acts for.
    pub user_id: UserId,
    /// What the key is for.
    #[oai(validator(max_length = 100))]
    pub name: String,
    /// The first characters of the key, by which it is recognized.
    #[oai(validator(max_length = 20))]
    pub prefix: String,
    /// What the key may do: the `x-required-scope` of each operation.
    pub scopes: ScopeNames,
    /// When the key was created.
    pub created_at: Timestamp,
    /// When the key stops working, or null if it does not expire.
    pub expires_at: Nullable<Timestamp>,
    /// When the key was last used, or null if it never was. Updated at most once per minute.
    pub last_used_at: Nullable<Timestamp>,
}

example!(ApiKeyView {
    id: ApiKeyId(1),
    user_id: UserId(1),
    name: "Nightly export".to_owned(),
    prefix: "gwk_1fJjkkpe".to_owned(),
    scopes: ScopeNames::example(),
    created_at: EXAMPLE_TIME,
    expires_at: Nullable(None),
    last_used_at: Nullable(None),
});

located!(ApiKeyView, "/api-keys");
listed!(ApiKeyView, "API keys", "in ascending order of `id`, unless `sort` asks for another");

name_list!(ScopeNames(ApiKeyScopes): [Permission::UsersRead]);

/// An API key with the key itself, which is never shown again.
#[derive(Object, Serialize)]
#[oai(rename = "ApiKeyWithSecret", example)]
pub struct ApiKeyWithSecret {
    #[oai(flatten)]
    #[serde(flatten)]
    pub api_key: ApiKeyView,
    /// The key, to be sent as `Authorization: Bearer <key>`. Its last six characters are a checksum.
    #[oai(validator(pattern = "^gwk_[0-9A-Za-z]{49}$"))]
    pub key: String,
}

example!(ApiKeyWithSecret {
    api_key: ApiKeyView::example(),
    key: "gwk_1fJjkkpe9PiTw9KSulA8Ghct30vZz4HpdQ5c5b9cPF13aoJVO".to_owned(),
});

impl Located for ApiKeyWithSecret {
    fn path(&self) -> String {
        self.api_key.path()
    }
}

impl From<(ApiKey, SecretString)> for ApiKeyWithSecret {
    fn from((api_key, key): (ApiKey, SecretString)) -> Self {
        Self { api_key: api_key.into(), key: key.expose_secret().to_owned() }
    }
}

/// The API key to create.
#[derive(Object, Debug)]
pub struct ApiKeyCreate {
    /// What the key is for.
    pub name: ApiKeyName,
    /// What the key may do: the `x-required-scope` of the operations that it is for, each once.
    pub scopes: ScopeNames,
    /// When the key stops working. Without it, the key does not expire.
    pub expires_at: Option<Expiry>,
}

// Not a doc comment, which would be the title of the field. The example of an instant is in the past.
#[derive(Debug, NewType)]
#[oai(example, from_parameter = false, from_multipart = false, to_header = false)]
pub struct Expiry(Timestamp);

impl Example for Expiry {
    fn example() -> Self {
        Self(EXAMPLE_EXPIRY)
    }
}

impl From<ApiKeyCreate> for NewApiKey {
    fn from(body: ApiKeyCreate) -> Self {
        let ApiKeyCreate { name, scopes, expires_at } = body;
        Self { name, scopes: scopes.into(), expires_at: expires_at.map(|Expiry(instant)| instant) }
    }
}

impl RequestSchema for ApiKeyCreate {
    const REFUSED: &'static [&'static str] = &["id", "key", "user_id"];

    fn check(body: &Map<String, Value>) -> Vec<FieldError> {
        let Some(scopes) = body.get("scopes").and_then(Value::as_array) else { return Vec::new() };
        let names: Vec<_> = scopes.iter().filter_map(Value::as_str).collect();
        let problem = invalid_scopes(&names).map(|problem| FieldError::new("scopes", "known", problem));
        problem.into_iter().collect()
    }
}
