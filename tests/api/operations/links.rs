//! Links of mails, as fixtures of operations.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::support::client::TestUser;
use crate::support::{Backend, Service};

/// The token of the link that a fixture sends to a user.
pub fn token_of(user: &TestUser) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, &user.id.to_be_bytes()))
}

/// Stores the token of a link, as the job that sends it does.
pub async fn send_link(service: &Service, user: &TestUser, purpose: &str) {
    let token = URL_SAFE_NO_PAD.decode(token_of(user)).unwrap();
    let hash = digest(&SHA256, &token);
    let hash = hash.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let hash: String = hash.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
    let (hash, later) = match service.database.backend {
        Backend::Postgres => (format!("'\\x{hash}'"), "now() + INTERVAL '1 hour'"),
        Backend::Sqlite => (format!("X'{hash}'"), "4102444800000000"),
    };
    let id = user.id;
    service.database.sql(&format!("DELETE FROM one_time_tokens WHERE user_id = {id}")).await;
    let row = format!("{id}, '{purpose}', {hash}, '{}', {later}, {later}", user.email);
    let insert = "INSERT INTO one_time_tokens (user_id, kind, token_hash, email, expires_at, created_at)";
    service.database.sql(&format!("{insert} VALUES ({row})")).await;
}
