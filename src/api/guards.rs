//! Guards: extractors that authenticate the request. A guard is a handler's first argument, so that 401
//! and 403 come before every other error.
//!
//! The type of the guard is the only declaration of what an operation requires. The check, the
//! document, the table of operations and the error follow from it.

use std::marker::PhantomData;

use groundwork_openapi::LOGIN_ONLY;
use groundwork_web::error::ApiError;
use groundwork_web::request::RequestScope;
use groundwork_web::security::{SCHEME, bearer_token, register_bearer_scheme};
use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::domain::permissions::{PermissionType, UserRole};
use crate::services::Error;
use crate::services::auth::{AuthService, Caller, Intent, Requirement};

const DESCRIPTION: &str = "As `Authorization: Bearer <token>`: the `access_token` of a login or a refresh, or an API \
    key. An API key can do what its user can, as far as its scopes allow: it needs the `x-required-scope` of the \
    operation. Operations without one require a login.";

/// A user who logged in. API keys are refused.
pub struct LoggedIn(pub Caller);

/// A user, for what belongs to it: logged in, or with an API key that has the scope `P`.
pub struct Scoped<P>(pub Caller, PhantomData<P>);

/// A user whose role has the permission `P`: logged in, or with an API key that has it as a scope.
pub struct Permitted<P>(pub Caller, PhantomData<P>);

async fn authenticated_caller(request: &Request, requirement: Requirement) -> poem::Result<Caller> {
    let token = bearer_token(request)?;
    let scope = RequestScope::get(request)?;
    let intent = if request.method().is_safe() { Intent::Read } else { Intent::Write };
    let caller = scope.app_data::<AuthService>()?.authenticate(token, requirement, intent).await;
    if let Err(Error::InvalidToken(_)) = caller {
        scope.forget_api_key(token);
    }
    let caller = caller.map_err(ApiError::from)?;
    scope.set_user_id(caller.user.id.0);
    if caller.credential.api_key().is_some() {
        scope.count_api_key().await?;
    }
    Ok(caller.authorized(requirement).map_err(ApiError::from)?)
}

/// Implements the extractor: `$requirement` is checked, and `$declarations` go to the document.
macro_rules! guard {
    ([$($parameter:ident)?] $guard:ty, $requirement:expr, $declarations:expr, $make:expr) => {
        impl<'a $(, $parameter: PermissionType + Send)?> ApiExtractor<'a> for $guard {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                register_bearer_scheme(registry, DESCRIPTION);
            }

            fn security_schemes() -> Vec<&'static str> {
                $declarations
            }

            async fn from_request(
                request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                authenticated_caller(request, $requirement).await.map($make)
            }
        }
    };
}

guard!([] LoggedIn, Requirement::Login, vec![SCHEME, LOGIN_ONLY], Self);
guard!(
    [P] Scoped<P>,
    Requirement::Scope(P::PERMISSION),
    vec![SCHEME, P::DECLARATION],
    |caller| Self(caller, PhantomData)
);
guard!(
    [P] Permitted<P>,
    Requirement::Permission(P::PERMISSION),
    [SCHEME, P::DECLARATION].into_iter().chain(UserRole::with(P::PERMISSION).map(UserRole::declaration)).collect(),
    |caller| Self(caller, PhantomData)
);
