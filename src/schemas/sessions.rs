//! Sessions.

use groundwork_clock::Timestamp;
use groundwork_web::schema::Nullable;
use groundwork_web::{listed, text_schema};
use poem_openapi::Object;
use poem_openapi::registry::MetaSchema;
use serde::Serialize;

use crate::domain::device::device_name;
use crate::domain::ids::SessionId;
use crate::models::sessions::Session;

/// What a client sends as the ID of a session.
#[derive(Clone, Debug)]
pub struct SessionIdText(pub String);

const EXAMPLE_ID: SessionId = SessionId([
    0x93, 0x5c, 0x1f, 0x0a, 0x7e, 0x42, 0x4d, 0x88, 0xb1, 0x60, 0x2c, 0xd7, 0x05, 0xea, 0x39, 0xf4,
]);

fn id_schema() -> MetaSchema {
    MetaSchema {
        min_length: Some(1),
        max_length: Some(64),
        example: Some(EXAMPLE_ID.to_string().into()),
        ..MetaSchema::new("string")
    }
}

text_schema!(SessionIdText, "session_id",
    MetaSchema { description: Some("The session's ID."), ..id_schema() },
    parse: |text: &str| Ok::<_, String>(SessionIdText(text.to_owned())),
    show: |id: &SessionIdText| id.0.clone());

text_schema!(SessionId, "session_id_value", id_schema(),
    parse: |text: &str| text.parse::<SessionId>().map_err(|error| error.to_string()),
    show: |id: &SessionId| id.to_string());

/// A session: a login, with the tokens that were issued since.
#[derive(Object, Serialize)]
#[oai(rename = "UserSession", example)]
pub struct SessionView {
    /// The session's ID, the `sid` of its tokens.
    pub id: SessionId,
    /// When the user logged in.
    pub created_at: Timestamp,
    /// When tokens were last issued: at the login or the last refresh.
    pub last_used_at: Timestamp,
    /// When the session ends unless its tokens are refreshed.
    pub expires_at: Timestamp,
    /// The address of the client when tokens were last issued.
    #[oai(validator(max_length = 45))]
    pub ip: String,
    /// The client's `User-Agent` at that time, or null if it sent none.
    pub user_agent: Nullable<String>,
    /// The client as people know it, such as "Firefox on Windows", derived from the user agent. Null
    /// if it says nothing.
    pub device: Nullable<String>,
    /// Whether it is the session of this request.
    pub is_current: bool,
}

impl SessionView {
    /// A session as the caller in the session `current` sees it.
    pub fn of(session: Session, current: Option<SessionId>) -> Self {
        Self {
            id: session.id,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            ip: session.ip,
            device: session.user_agent.as_deref().and_then(device_name).into(),
            user_agent: session.user_agent.into(),
            is_current: Some(session.id) == current,
        }
    }
}

example!(SessionView {
    id: EXAMPLE_ID,
    created_at: Timestamp::from_seconds(1_769_851_800),
    last_used_at: Timestamp::from_seconds(1_769_938_200),
    expires_at: Timestamp::from_seconds(1_770_543_000),
    ip: "192.0.2.77".to_owned(),
    user_agent: Nullable(Some(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0".to_owned()
    )),
    device: Nullable(Some("Firefox on Windows".to_owned())),
    is_current: true,
});

listed!(SessionView, "sessions", "in descending order of `created_at`, unless `sort` asks for another");
