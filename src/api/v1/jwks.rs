//! `/.well-known/jwks.json`: the public keys of tokens.

use groundwork_web::failure::Failure;
use groundwork_web::responses::Ok200;
use poem::http::{HeaderValue, header};
use poem_openapi::OpenApi;

use super::Tag;
use crate::schemas::jwks::Jwks;
use crate::services::auth::AuthService;

/// How long others may keep the keys: much shorter than a step of a rotation.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=300");

pub struct JwksApi {
    pub auth: AuthService,
}

#[OpenApi(tag = "Tag::Service")]
impl JwksApi {
    /// Get the public keys of tokens
    ///
    /// Returns the keys that other services verify access tokens with, as a JSON Web Key Set (RFC
    /// 7517), that of new tokens first. The set is empty if neither `JWT_PRIVATE_KEY_FILE` nor
    /// `JWT_PREVIOUS_PRIVATE_KEY_FILES` names a key.
    #[oai(
        path = "/.well-known/jwks.json",
        method = "get",
        operation_id = "service_jwks",
        response_header(
            name = "Cache-Control",
            ty = "String",
            description = "How long the keys may be kept (RFC 9111)."
        )
    )]
    async fn show(&self) -> Result<Ok200<Jwks>, Failure> {
        Ok(Ok200::of(Jwks::of(self.auth.public_keys())).with_header(header::CACHE_CONTROL, CACHE_CONTROL))
    }
}
