//! `/auth`: registration, log-in and the life of a session.

use poem_openapi::OpenApi;

use super::Tag;
use crate::api::context::Context;
use crate::api::guards::Authed;
use crate::api::policy::Limit;
use crate::error_responses;
use crate::schemas::auth::{LoginRequest, RefreshRequest, RegisterRequest, TokenPair};
use crate::schemas::users::User;
use crate::services::auth::AuthService;
use crate::web::extract::Body;
use crate::web::failure::{Failure, NoErrors};
use crate::web::responses::{Created, NoContent, Ok200};

error_responses! {
    /// The email has an account.
    Taken: 409 "email_taken";
    /// The credentials are wrong.
    NoSuchCredentials: 401 "invalid_credentials";
    /// The refresh token is not good.
    NoGoodToken: 401 "invalid_token";
}

/// The operations of `/auth`.
pub struct AuthApi {
    /// The rules behind them.
    pub auth: AuthService,
}

#[OpenApi(prefix_path = "/auth")]
impl AuthApi {
    /// Open an account
    ///
    /// Makes an active account without privileges. The email is normalised; one mailbox has one account.
    #[oai(
        path = "/register",
        method = "post",
        operation_id = "auth_register",
        tag = "Tag::Auth",
        tag = "Limit::Credentials"
    )]
    async fn register(&self, body: Body<RegisterRequest>) -> Result<Created<User>, Failure<Taken>> {
        let RegisterRequest { email, password, full_name } = body.0;
        let user = self.auth.register(email, password, full_name).await?;
        Ok(Created::of(user.into()))
    }

    /// Log in
    ///
    /// Opens a session and gives its first pair of tokens. A wrong password, an unknown email and an inactive
    /// account are answered alike.
    #[oai(
        path = "/login",
        method = "post",
        operation_id = "auth_login",
        tag = "Tag::Auth",
        tag = "Limit::Credentials"
    )]
    async fn login(
        &self,
        context: Context,
        body: Body<LoginRequest>,
    ) -> Result<Ok200<TokenPair>, Failure<NoSuchCredentials>> {
        let LoginRequest { email, password } = body.0;
        let tokens = self.auth.login(&email.0, password, &context).await?;
        Ok(Ok200::of(tokens.into()))
    }

    /// Exchange a refresh token
    ///
    /// Returns the next pair of tokens and spends the refresh token. A client that lost the response may send the
    /// same token again until it has used a token of the new pair, and gets the same pair. A token that is sent later
    /// than that, or an older one, was copied: the whole session ends.
    #[oai(
        path = "/refresh",
        method = "post",
        operation_id = "auth_refresh",
        tag = "Tag::Auth",
        tag = "Limit::Credentials"
    )]
    async fn refresh(
        &self,
        context: Context,
        body: Body<RefreshRequest>,
    ) -> Result<Ok200<TokenPair>, Failure<NoGoodToken>> {
        let tokens = self.auth.refresh(&body.0.refresh_token, &context).await?;
        Ok(Ok200::of(tokens.into()))
    }

    /// Log out
    ///
    /// Ends the session: its access tokens and its refresh token are refused from now on.
    #[oai(path = "/logout", method = "post", operation_id = "auth_logout", tag = "Tag::Auth")]
    async fn logout(&self, caller: Authed) -> Result<NoContent, Failure<NoErrors>> {
        self.auth.logout(&caller.0).await?;
        Ok(NoContent)
    }

    /// Show the own account
    ///
    /// The same as `users_me`, beside the other operations of a session.
    #[oai(path = "/me", method = "get", operation_id = "auth_me", tag = "Tag::Auth")]
    async fn me(&self, caller: Authed) -> Result<Ok200<User>, Failure<NoErrors>> {
        Ok(Ok200::of(caller.0.user.into()))
    }
}
