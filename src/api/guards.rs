//! Guards: extractors that authenticate the request. A guard is a handler's first argument, so that 401
//! and 403 come before every other error.

use groundwork_web::error::ApiError;
use groundwork_web::request::RequestScope;
use groundwork_web::security::{SCHEME, bearer_token, register_bearer_scheme};
use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::errors;
use crate::services::auth::{AuthService, Caller, Intent};

const DESCRIPTION: &str = "The `access_token` of a login or a refresh, as `Authorization: Bearer <token>`.";

/// Marks an operation of superusers in the document.
const SUPERUSER: &str = "role:superuser";

/// A logged-in user.
pub struct Authed(pub Caller);

/// A logged-in superuser.
pub struct Superuser(pub Caller);

async fn authenticated_caller(request: &Request) -> Result<Caller, ApiError> {
    let token = bearer_token(request)?;
    let scope = RequestScope::get(request)?;
    let intent = if request.method().is_safe() { Intent::Read } else { Intent::Write };
    let caller = scope.app_data::<AuthService>()?.authenticate(token, intent).await?;
    scope.set_user_id(caller.user.id.0);
    Ok(caller)
}

/// Implements the extractor: `$schemes` go to the document, `$check` turns the caller into the guard.
macro_rules! guard {
    ($name:ident, $schemes:expr, |$caller:ident| $check:expr) => {
        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                register_bearer_scheme(registry, DESCRIPTION);
            }

            fn security_schemes() -> Vec<&'static str> {
                $schemes.to_vec()
            }

            async fn from_request(
                request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                let $caller = authenticated_caller(request).await?;
                $check
            }
        }
    };
}

guard!(Authed, [SCHEME], |caller| Ok(Self(caller)));
guard!(Superuser, [SCHEME, SUPERUSER], |caller| {
    Ok(Self(caller.into_superuser().ok_or(ApiError::from(errors::FORBIDDEN))?))
});
