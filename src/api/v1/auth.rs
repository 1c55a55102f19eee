//! `/auth`: registration, login and sessions.

use groundwork_openapi::policy::Limit;
use groundwork_web::error_responses;
use groundwork_web::extract::Body;
use groundwork_web::failure::Failure;
use groundwork_web::responses::{AcceptedWithoutBody, Created, NoContent, Resource, SecretOk};
use poem_openapi::OpenApi;

use super::Tag;
use crate::api::context::Context;
use crate::api::guards::LoggedIn;
use crate::schemas::auth::{LoginRequest, RefreshRequest, RegisterRequest, TokenPair};
use crate::schemas::users::UserView;
use crate::services::auth::AuthService;

error_responses! {
    RegisterErrors: 403 "registration_closed", 409 "email_taken";
    SignUpErrors: 403 "registration_closed";
    LoginErrors: 401 "invalid_credentials", 403 "email_not_verified";
    RefreshErrors: 401 "invalid_token";
}

pub struct AuthApi {
    pub auth: AuthService,
}

#[OpenApi(prefix_path = "/auth", tag = "Tag::Auth")]
impl AuthApi {
    /// Register a user
    ///
    /// Creates an active user without superuser rights, and sends a link that verifies the address.
    /// The email address is normalized and unique.
    #[oai(path = "/register", method = "post", operation_id = "auth_register", tag = "Limit::Credentials")]
    async fn register(
        &self,
        context: Context,
        body: Body<RegisterRequest>,
    ) -> Result<Created<UserView>, Failure<RegisterErrors>> {
        let (user, password) = body.0.into_parts();
        Ok(Created::of(self.auth.register(user, password, &context).await?))
    }

    /// Sign up
    ///
    /// Creates a user like `auth_register`, without telling whether the email address already
    /// belongs to one: the answer is the same, and only a mail to the address says it.
    #[oai(path = "/signup", method = "post", operation_id = "auth_signup", tag = "Limit::Credentials")]
    async fn sign_up(
        &self,
        context: Context,
        body: Body<RegisterRequest>,
    ) -> Result<AcceptedWithoutBody, Failure<SignUpErrors>> {
        let (user, password) = body.0.into_parts();
        self.auth.sign_up(user, password, &context).await?;
        Ok(AcceptedWithoutBody)
    }

    /// Log in
    ///
    /// Creates a session and returns its first pair of tokens. A wrong password, an unknown email
    /// address and an inactive user all get the same error. Users whose address is not verified are
    /// refused if the service requires it.
    #[oai(path = "/login", method = "post", operation_id = "auth_login", tag = "Limit::Credentials")]
    async fn login(
        &self,
        context: Context,
        body: Body<LoginRequest>,
    ) -> Result<SecretOk<TokenPair>, Failure<LoginErrors>> {
        let LoginRequest { email, password } = body.0;
        Ok(SecretOk::of(self.auth.login(&email.0, password, &context).await?))
    }

    /// Refresh tokens
    ///
    /// Exchanges a refresh token for the next pair of tokens. A client that lost the response can
    /// send the same refresh token again and gets the same pair, until it has used a token of that
    /// pair. Later reuse of a refresh token is treated as theft and ends the session.
    #[oai(path = "/refresh", method = "post", operation_id = "auth_refresh", tag = "Limit::Credentials")]
    async fn refresh(
        &self,
        context: Context,
        body: Body<RefreshRequest>,
    ) -> Result<SecretOk<TokenPair>, Failure<RefreshErrors>> {
        Ok(SecretOk::of(self.auth.refresh(&body.0.refresh_token, &context).await?))
    }

    /// Log out
    ///
    /// Ends the current session. Its access tokens and its refresh token stop working immediately.
    #[oai(path = "/logout", method = "post", operation_id = "auth_logout")]
    async fn logout(&self, caller: LoggedIn, context: Context) -> Result<NoContent, Failure> {
        self.auth.logout(&caller.0, &context).await?;
        Ok(NoContent)
    }

    /// Get the current user
    ///
    /// The same as `users_me`, for a login.
    #[oai(path = "/me", method = "get", operation_id = "auth_me")]
    async fn me(&self, caller: LoggedIn) -> Result<Resource<UserView>, Failure> {
        Ok(Resource::of(caller.0.user))
    }
}
