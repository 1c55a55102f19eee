//! What the links in mails do, and how to get one.

use groundwork_openapi::policy::Limit;
use groundwork_web::error_responses;
use groundwork_web::extract::Body;
use groundwork_web::failure::Failure;
use groundwork_web::idempotency::IdempotencyKey;
use groundwork_web::responses::{AcceptedWithoutBody, NoContent, Resource};
use poem_openapi::OpenApi;

use super::Tag;
use crate::api::context::Context;
use crate::api::guards::LoggedIn;
use crate::api::idempotency::once;
use crate::schemas::links::{EmailChange, LinkRequest, LinkToken, PasswordReset};
use crate::schemas::users::UserView;
use crate::services::links::LinkService;

error_responses! {
    LinkErrors: 400 "invalid_link";
    ConfirmErrors: 400 "invalid_link", 409 "email_taken";
}

pub struct LinksApi {
    pub links: LinkService,
}

#[OpenApi]
impl LinksApi {
    /// Verify an email address
    ///
    /// Records that the address belongs to the user. The token is in the link of the mail that a new
    /// user gets. It is valid once, for 24 hours, and until a newer one is sent.
    #[oai(
        path = "/auth/verify-email",
        method = "post",
        operation_id = "auth_verify_email",
        tag = "Tag::Auth",
        tag = "Limit::Credentials"
    )]
    async fn verify_email(
        &self,
        context: Context,
        body: Body<LinkToken>,
    ) -> Result<Resource<UserView>, Failure<LinkErrors>> {
        Ok(Resource::of(self.links.verify_email(&body.0.token.0, &context).await?))
    }

    /// Resend the verification mail
    ///
    /// Sends another link that verifies the address, if it belongs to a user who has not verified it.
    /// The answer is the same for every address.
    #[oai(
        path = "/auth/resend-verification",
        method = "post",
        operation_id = "auth_resend_verification",
        tag = "Tag::Auth",
        tag = "Limit::Credentials"
    )]
    async fn resend_verification(
        &self,
        context: Context,
        body: Body<LinkRequest>,
    ) -> Result<AcceptedWithoutBody, Failure> {
        self.links.resend_verification(&body.0.email.0, &context).await?;
        Ok(AcceptedWithoutBody)
    }

    /// Request a password reset
    ///
    /// Sends a link that sets a new password, if the address belongs to a user. The answer is the
    /// same for every address.
    #[oai(
        path = "/auth/forgot-password",
        method = "post",
        operation_id = "auth_forgot_password",
        tag = "Tag::Auth",
        tag = "Limit::Credentials"
    )]
    async fn forgot_password(
        &self,
        context: Context,
        body: Body<LinkRequest>,
    ) -> Result<AcceptedWithoutBody, Failure> {
        self.links.forgot_password(&body.0.email.0, &context).await?;
        Ok(AcceptedWithoutBody)
    }

    /// Reset a password
    ///
    /// Sets a new password and ends all sessions of the user. The token is in the link of the mail
    /// that `auth_forgot_password` sends. It is valid once, for 30 minutes, until a newer one is
    /// sent, and until the password or the address changes. Its use also verifies the address.
    #[oai(
        path = "/auth/reset-password",
        method = "post",
        operation_id = "auth_reset_password",
        tag = "Tag::Auth",
        tag = "Limit::Credentials"
    )]
    async fn reset_password(
        &self,
        context: Context,
        body: Body<PasswordReset>,
    ) -> Result<NoContent, Failure<LinkErrors>> {
        let PasswordReset { token, password } = body.0;
        self.links.reset_password(&token.0, password, &context).await?;
        Ok(NoContent)
    }

    /// Confirm a new email address
    ///
    /// Replaces the user's address by the one that the link was sent to. The token is in the link of
    /// the mail that `users_me_change_email` sends. It is valid once, for 24 hours, until a newer one
    /// is sent, and until the password or the address changes.
    #[oai(
        path = "/auth/confirm-email",
        method = "post",
        operation_id = "auth_confirm_email",
        tag = "Tag::Auth",
        tag = "Limit::Credentials"
    )]
    async fn confirm_email(
        &self,
        context: Context,
        body: Body<LinkToken>,
    ) -> Result<Resource<UserView>, Failure<ConfirmErrors>> {
        Ok(Resource::of(self.links.confirm_email(&body.0.token.0, &context).await?))
    }

    /// Change the current user's email address
    ///
    /// Sends a link to the new address, which makes it the user's, and a notice to the current one.
    /// The answer is the same whether or not the new address belongs to another user, who gets no
    /// mail.
    #[oai(
        path = "/users/me/email",
        method = "post",
        operation_id = "users_me_change_email",
        tag = "Tag::Users",
        tag = "Limit::Credentials"
    )]
    async fn change_email(
        &self,
        caller: LoggedIn,
        context: Context,
        body: Body<EmailChange>,
        idempotency_key: IdempotencyKey,
    ) -> Result<AcceptedWithoutBody, Failure> {
        let EmailChange { email, current_password } = body.0;
        let once = once(idempotency_key, |()| AcceptedWithoutBody);
        self.links.request_email_change(&caller.0, &email, current_password, &once, &context).await?;
        Ok(AcceptedWithoutBody)
    }
}
