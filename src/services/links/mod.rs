//! What the links in mails do, and how to get one.

mod issue;

use groundwork_clock::Timestamp;
use groundwork_database::Connection;
use groundwork_telemetry::context::CallContext;

pub use issue::IssuedLink;

use super::Error;
use super::auth::Caller;
use super::idempotency::Idempotency;
use super::mail::{
    ConfirmNewEmail, ForgotPassword, MailJob, MailLimiter, NotifyEmailChange, NotifyPasswordChanged,
    ResendVerification,
};
use super::users::UserService;
use crate::domain::email::Email;
use crate::domain::one_time_token::{OneTimeToken, TokenPurpose};
use crate::domain::password::{Password, PasswordAttempt};
use crate::models::audit_events::{self, AuditEvent, AuditKind};
use crate::models::one_time_tokens::{self, TokenSubject};
use crate::models::users::{self, User, UserChanges};
use crate::models::{api_keys, sessions};

#[derive(Clone)]
pub struct LinkService {
    pub users: UserService,
    /// Without one, mails to one address are unlimited.
    pub limiter: Option<MailLimiter>,
}

impl LinkService {
    /// Verifies the email of the token's user.
    ///
    /// # Errors
    /// [`Error::InvalidLink`].
    pub async fn verify_email(&self, token: &str, context: &CallContext) -> Result<User, Error> {
        let purpose = TokenPurpose::VerifyEmail;
        let (token, subject) = self.find(purpose, token).await?;
        let now = self.users.store.now();
        let verification = self.users.store.transaction_without_caller(async |tx| {
            let user = take(tx, purpose, &token, &subject, now).await?;
            // Another mail has gone to another address.
            if user.email != subject.email {
                return Err(Error::InvalidLink);
            }
            let user = self.verified(tx, user, context, now).await?;
            Ok(user)
        });
        self.users.invalidating(subject.user_id, verification).await
    }

    /// Replaces the email of the token's user by the one that the token was sent to, which is
    /// verified by that. All other tokens of the user become invalid.
    ///
    /// # Errors
    /// [`Error::InvalidLink`], [`Error::EmailTaken`] if the email has got a user since.
    pub async fn confirm_email(&self, token: &str, context: &CallContext) -> Result<User, Error> {
        let purpose = TokenPurpose::ConfirmEmail;
        let (token, subject) = self.find(purpose, token).await?;
        let email = Email::parse_known(&subject.email).map_err(|_| Error::InvalidLink)?;
        let (id, now) = (subject.user_id, self.users.store.now());
        let change = self.users.store.transaction_without_caller(async |tx| {
            let before = take(tx, purpose, &token, &subject, now).await?;
            let changes =
                UserChanges { email: Some(email), is_verified: Some(true), ..UserChanges::default() };
            let written = users::update(tx, id, &changes, None, now).await?.ok_or(Error::InvalidLink)?;
            self.users.store.announce_update(tx, &before, &written).await?;
            one_time_tokens::delete_all(tx, id).await?;
            let event = AuditEvent::new(AuditKind::EMAIL_CHANGED, id, context).by(id);
            audit_events::insert(tx, &event, now).await?;
            if !before.is_verified {
                let event = AuditEvent::new(AuditKind::EMAIL_VERIFIED, id, context).by(id);
                audit_events::insert(tx, &event, now).await?;
            }
            Ok(written.user)
        });
        self.users.invalidating(id, change).await
    }

    /// Sets a new password for the token's user and ends all its sessions. The token also shows that
    /// the mailbox belongs to the user; if that was not known, the user's API keys are deleted. All
    /// other tokens of the user become invalid.
    ///
    /// # Errors
    /// [`Error::InvalidLink`], [`Error::PasswordIsEmail`], [`Error::PasswordLeaked`].
    pub async fn reset_password(
        &self,
        token: &str,
        password: Password,
        context: &CallContext,
    ) -> Result<(), Error> {
        let purpose = TokenPurpose::ResetPassword;
        // Before the hash, so that a wrong token costs nothing.
        let (token, subject) = self.find(purpose, token).await?;
        let hash = self.users.passwords.hash_new(password, &subject.email).await?;
        let (id, now) = (subject.user_id, self.users.store.now());
        let reset = self.users.store.transaction_without_caller(async |tx| {
            let user = take(tx, purpose, &token, &subject, now).await?;
            if user.email != subject.email {
                return Err(Error::InvalidLink);
            }
            if !user.is_verified {
                // Until now, anybody may have been the user: who registered somebody else's email
                // keeps nothing.
                api_keys::delete_all(tx, id).await?;
            }
            let before = self.verified(tx, user, context, now).await?;
            let unchanged = UserChanges::default();
            let after =
                users::update(tx, id, &unchanged, Some(&hash), now).await?.ok_or(Error::InvalidLink)?;
            self.users.store.announce_update(tx, &before, &after).await?;
            let ended = sessions::revoke_all(tx, id, now).await?;
            one_time_tokens::delete_all(tx, id).await?;
            let event = AuditEvent::new(AuditKind::PASSWORD_CHANGED, id, context).by(id);
            audit_events::insert(tx, &event, now).await?;
            let notice = NotifyPasswordChanged { email: before.email.clone(), changed_at: now };
            self.users.store.enqueue_mail(tx, notice, context).await?;
            Ok(ended)
        });
        let ended = self.users.invalidating(id, reset).await?;
        self.users.revoked.password_change.increment(ended as u64);
        Ok(())
    }

    /// Has a new verification link sent, if the email has a user who needs one. Whether it has is
    /// found out by the job, so that the answer depends on it in nothing, not even in its time.
    ///
    /// # Errors
    /// [`Error::NoMail`].
    pub async fn resend_verification(&self, email: &Email, context: &CallContext) -> Result<(), Error> {
        self.enqueue(email, ResendVerification { email: email.to_string() }, context).await
    }

    /// Has a link sent that sets a new password, if the email has a user; as
    /// [`resend_verification`](Self::resend_verification).
    ///
    /// # Errors
    /// [`Error::NoMail`].
    pub async fn forgot_password(&self, email: &Email, context: &CallContext) -> Result<(), Error> {
        self.enqueue(email, ForgotPassword { email: email.to_string() }, context).await
    }

    /// Has a link sent to a new email of the caller that makes it the user's, and a notice to the
    /// present one. Whether the new one has a user is not told.
    ///
    /// # Errors
    /// [`Error::LoginRequired`], [`Error::NoMail`], [`Error::WrongCurrentPassword`],
    /// [`Error::TooManyPasswordChecks`]; those of an idempotency key.
    pub async fn request_email_change(
        &self,
        caller: &Caller,
        email: &Email,
        current_password: PasswordAttempt,
        idempotency: &Idempotency<()>,
        context: &CallContext,
    ) -> Result<(), Error> {
        let session = caller.session()?;
        let once = self.users.store.begin(caller, idempotency).await?;
        self.users.store.check_mail()?;
        self.users.check_current_password(caller, current_password).await?;
        let is_allowed = self.allows::<ConfirmNewEmail>(email).await;
        let (id, now) = (caller.user.id, self.users.store.now());
        self.users
            .store
            .transaction_on_self(caller, async |tx, user| {
                // The password may have been changed while the hash was computed.
                if user.password_hash != caller.user.password_hash {
                    return Err(Error::WrongCurrentPassword);
                }
                let request = async |tx: &mut Connection| {
                    let event = AuditEvent::new(AuditKind::EMAIL_CHANGE_REQUESTED, id, context)
                        .by(id)
                        .in_session(session);
                    audit_events::insert(tx, &event, now).await?;
                    let store = &self.users.store;
                    if is_allowed {
                        let link = ConfirmNewEmail {
                            user_id: id,
                            session: session.to_string(),
                            present_email: user.email.clone(),
                            email: email.to_string(),
                        };
                        store.enqueue_mail(tx, link, context).await?;
                    }
                    let notice =
                        NotifyEmailChange { email: user.email.clone(), new_email: email.to_string() };
                    Ok(store.enqueue_mail(tx, notice, context).await?)
                };
                once.run(tx, request).await
            })
            .await
    }

    async fn enqueue<J: MailJob>(&self, email: &Email, job: J, context: &CallContext) -> Result<(), Error> {
        self.users.store.check_mail()?;
        if self.allows::<J>(email).await {
            let mut connection = self.users.store.write_without_caller().await?;
            self.users.store.enqueue_mail(&mut connection, job, context).await?;
        }
        Ok(())
    }

    async fn allows<J: MailJob>(&self, email: &Email) -> bool {
        match &self.limiter {
            Some(limiter) => limiter.allows::<J>(email).await,
            None => true,
        }
    }

    async fn find(&self, purpose: TokenPurpose, token: &str) -> Result<(OneTimeToken, TokenSubject), Error> {
        let token = OneTimeToken::parse(token).ok_or(Error::InvalidLink)?;
        let store = &self.users.store;
        let found = one_time_tokens::find(&mut store.read(), purpose, &token, store.now()).await?;
        Ok((token, found.ok_or(Error::InvalidLink)?))
    }

    /// Records that a user's email is verified, if it was not.
    async fn verified(
        &self,
        tx: &mut Connection,
        user: User,
        context: &CallContext,
        now: Timestamp,
    ) -> Result<User, Error> {
        if user.is_verified {
            return Ok(user);
        }
        let event = AuditEvent::new(AuditKind::EMAIL_VERIFIED, user.id, context).by(user.id);
        audit_events::insert(tx, &event, now).await?;
        let changes = UserChanges { is_verified: Some(true), ..UserChanges::default() };
        let written = users::update(tx, user.id, &changes, None, now).await?.ok_or(Error::InvalidLink)?;
        self.users.store.announce_update(tx, &user, &written).await?;
        Ok(written.user)
    }
}

/// Uses a token up and returns its user, who is active and locked. The user is locked first, as in
/// all units of work that delete tokens, so that no two of them wait for each other.
async fn take(
    tx: &mut Connection,
    purpose: TokenPurpose,
    token: &OneTimeToken,
    subject: &TokenSubject,
    now: Timestamp,
) -> Result<User, Error> {
    let user = users::find_for_update(tx, subject.user_id).await?;
    let consumed = one_time_tokens::take(tx, purpose, token, now).await?;
    user.filter(|user| user.is_active && consumed.is_some()).ok_or(Error::InvalidLink)
}
