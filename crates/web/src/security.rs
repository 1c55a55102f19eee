//! Bearer tokens, and guards as extractors.

use poem::Request;
use poem::http::header;
use poem_openapi::registry::{MetaSecurityScheme, Registry};

use super::error::{ApiError, ErrorCode};

/// The name of the security scheme in the document.
pub const SCHEME: &str = "BearerAuth";

/// Reads `Authorization: Bearer …` (RFC 6750, 2.1).
///
/// # Errors
/// `unauthorized` without the header or with another scheme; `invalid_token` if the header is there
/// twice, as a proxy may have checked the other one.
pub fn bearer_token(request: &Request) -> Result<&str, ApiError> {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(ErrorCode::UNAUTHORIZED)?;
    if values.next().is_some() {
        return Err(ErrorCode::INVALID_TOKEN.into());
    }
    let value = value.to_str().map_err(|_| ErrorCode::INVALID_TOKEN)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ErrorCode::UNAUTHORIZED.into());
    }
    Ok(token.trim_matches(' '))
}

/// Adds the bearer scheme to the document.
pub fn register_bearer_scheme(registry: &mut Registry, description: &'static str) {
    let scheme = MetaSecurityScheme {
        ty: "http",
        description: Some(description),
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: Some("JWT"),
        flows: None,
        openid_connect_url: None,
    };
    registry.create_security_scheme(SCHEME, scheme);
}
