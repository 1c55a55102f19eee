//! Who is calling. A guard is a handler's first argument, so that 401 and 403 come before any other answer.

use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::errors::{ErrorCode, Problem};
use super::request::RequestScope;
use crate::services::auth::{Caller, Intent};

const SCHEME: &str = "BearerAuth";

/// How the document learns that an operation is for superusers.
const SUPERUSER: &str = "role:superuser";

/// Somebody who is logged in.
pub struct Authed(pub Caller);

/// Somebody who is logged in and may administer.
pub struct Superuser(pub Caller);

impl Authed {
    async fn of(request: &Request) -> Result<Self, Problem> {
        let token = bearer_token(request)?;
        let scope = RequestScope::get(request)?;
        let intent = if request.method().is_safe() { Intent::Read } else { Intent::Write };
        let caller = scope.served()?.auth.authenticate(token, intent).await?;
        scope.set_user(caller.user.id);
        Ok(Self(caller))
    }
}

/// Reads `Authorization: Bearer …` (RFC 6750, 2.1). No header and another scheme are "no token"; what is in the
/// right place but is no token is an invalid one. So are two headers: what stands before the service may have looked
/// at the other one.
fn bearer_token(request: &Request) -> Result<&str, Problem> {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(ErrorCode::Unauthorized)?;
    if values.next().is_some() {
        return Err(ErrorCode::InvalidToken.into());
    }
    let value = value.to_str().map_err(|_| ErrorCode::InvalidToken)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ErrorCode::Unauthorized.into());
    }
    Ok(token.trim_matches(' '))
}

fn register_scheme(registry: &mut Registry) {
    let scheme = MetaSecurityScheme {
        ty: "http",
        description: Some("The `access_token` of a login or a refresh, as `Authorization: Bearer <token>`."),
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: Some("JWT"),
        flows: None,
        openid_connect_url: None,
    };
    registry.create_security_scheme(SCHEME, scheme);
}

/// The second one checks more.
macro_rules! guard {
    ($name:ident, $schemes:expr, |$caller:ident| $check:expr) => {
        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                register_scheme(registry);
            }

            fn security_schemes() -> Vec<&'static str> {
                $schemes.to_vec()
            }

            async fn from_request(
                request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                let Authed($caller) = Authed::of(request).await?;
                $check
            }
        }
    };
}

guard!(Authed, [SCHEME], |caller| Ok(Self(caller)));
guard!(Superuser, [SCHEME, SUPERUSER], |caller| {
    Ok(Self(caller.into_superuser().ok_or(Problem::from(ErrorCode::Forbidden))?))
});
