//! Makes the tokens of links, for the jobs that send them.

use groundwork_clock::Timestamp;
use groundwork_database::Connection;
use groundwork_telemetry::context::CallContext;

use super::LinkService;
use crate::domain::email::Email;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::one_time_token::{OneTimeToken, TokenPurpose};
use crate::models::audit_events::{self, AuditEvent, AuditKind};
use crate::models::one_time_tokens::{self, TokenSubject};
use crate::models::sessions;
use crate::models::users::{self, User};
use crate::services::Error;

/// A token that is stored, and the address to send it to.
#[derive(Clone, Debug)]
pub struct IssuedLink {
    pub email: String,
    pub purpose: TokenPurpose,
    pub token: OneTimeToken,
}

/// Whom a link is for.
#[derive(Clone, Copy, Debug)]
enum Recipient<'a> {
    User(UserId),
    OwnerOf(&'a Email),
}

impl LinkService {
    /// A link that verifies the email of a user; `None` if there is nothing to verify.
    pub async fn verification_of(
        &self,
        user: UserId,
        context: &CallContext,
    ) -> Result<Option<IssuedLink>, Error> {
        self.issue_verification(Recipient::User(user), context).await
    }

    /// A link that verifies this email; `None` if it has no user who needs one.
    pub async fn verification_for(
        &self,
        email: &Email,
        context: &CallContext,
    ) -> Result<Option<IssuedLink>, Error> {
        self.issue_verification(Recipient::OwnerOf(email), context).await
    }

    async fn issue_verification(
        &self,
        recipient: Recipient<'_>,
        context: &CallContext,
    ) -> Result<Option<IssuedLink>, Error> {
        self.issue(TokenPurpose::VerifyEmail, recipient, context, async |_, user| {
            Ok((!user.is_verified).then(|| user.email.clone()))
        })
        .await
    }

    /// A link that sets a new password; `None` if the email has no user.
    pub async fn reset_for(&self, email: &Email, context: &CallContext) -> Result<Option<IssuedLink>, Error> {
        self.issue(TokenPurpose::ResetPassword, Recipient::OwnerOf(email), context, async |_, user| {
            Ok(Some(user.email.clone()))
        })
        .await
    }

    /// A link that replaces `present_email` of a user, for the session that asked for it; `None` if
    /// that has ended or the user has another email by now. `None` also if the new one has a user:
    /// its owner gets no mail that a stranger caused and that is of no use.
    pub async fn confirmation_of(
        &self,
        user: UserId,
        session: SessionId,
        present_email: &str,
        new_email: &Email,
        context: &CallContext,
    ) -> Result<Option<IssuedLink>, Error> {
        let now = self.users.store.now();
        self.issue(TokenPurpose::ConfirmEmail, Recipient::User(user), context, async |tx, user| {
            // The user is locked: a unit of work that ends sessions holds that lock, too.
            if user.email != present_email || !sessions::is_live(tx, session, user.id, now).await? {
                return Ok(None);
            }
            let owner = users::find_by_email(tx, new_email).await?;
            Ok(owner.is_none_or(|owner| owner.id == user.id).then(|| new_email.to_string()))
        })
        .await
    }

    /// Stores a token in place of the previous one, if the recipient is an active user and `address`
    /// gives an address to send it to. The user is locked meanwhile.
    async fn issue(
        &self,
        purpose: TokenPurpose,
        recipient: Recipient<'_>,
        context: &CallContext,
        address: impl AsyncFnOnce(&mut Connection, &User) -> Result<Option<String>, Error> + Clone,
    ) -> Result<Option<IssuedLink>, Error> {
        let token = OneTimeToken::random()?;
        let now: Timestamp = self.users.store.now();
        self.users
            .store
            .transaction_without_caller(async |tx| {
                let id = match recipient {
                    Recipient::User(id) => Some(id),
                    Recipient::OwnerOf(email) => users::find_by_email(tx, email).await?.map(|user| user.id),
                };
                let Some(id) = id else { return Ok(None) };
                let user = users::find_for_update(tx, id).await?.filter(|user| user.is_active);
                let Some(user) = user else { return Ok(None) };
                let Some(email) = address(tx, &user).await? else { return Ok(None) };
                let subject = TokenSubject { user_id: user.id, email };
                one_time_tokens::replace(tx, purpose, &subject, &token, now).await?;
                audit_events::insert(tx, &AuditEvent::new(kind_of(purpose), user.id, context), now).await?;
                Ok(Some(IssuedLink { email: subject.email, purpose, token }))
            })
            .await
    }
}

fn kind_of(purpose: TokenPurpose) -> AuditKind {
    match purpose {
        TokenPurpose::VerifyEmail => AuditKind::VERIFICATION_LINK_ISSUED,
        TokenPurpose::ResetPassword => AuditKind::PASSWORD_RESET_LINK_ISSUED,
        TokenPurpose::ConfirmEmail => AuditKind::EMAIL_CHANGE_LINK_ISSUED,
    }
}
