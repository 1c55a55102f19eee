//! Registration, in the open and hidden.

use groundwork_telemetry::context::CallContext;

use super::AuthService;
use crate::domain::email::Email;
use crate::domain::password::{Password, PasswordHash};
use crate::domain::permissions::UserRole;
use crate::domain::registration::Registration;
use crate::domain::webhooks::EventType;
use crate::models::audit_events::{self, AuditEvent, AuditKind};
use crate::models::users::{self, NewProfile, NewUser, User};
use crate::services::Error;
use crate::services::mail::{NotifyAlreadyRegistered, SendVerification, SignUp};

impl AuthService {
    /// Creates a user, and has the link sent that verifies its email.
    ///
    /// # Errors
    /// [`Error::RegistrationClosed`], [`Error::EmailTaken`], [`Error::PasswordIsEmail`],
    /// [`Error::PasswordLeaked`].
    pub async fn register(
        &self,
        new: NewUser,
        password: Password,
        context: &CallContext,
    ) -> Result<User, Error> {
        if self.registration != Registration::Open {
            return Err(Error::RegistrationClosed);
        }
        let hash = self.passwords.hash_new(password, new.email.as_str()).await?;
        self.create_user(&new, &hash, context).await
    }

    /// Has a user created by a job. Whether the email has one already is only told to its owner, by
    /// mail: the answer depends on it in nothing, not even in its time.
    ///
    /// # Errors
    /// [`Error::RegistrationClosed`], [`Error::NoMail`], [`Error::PasswordIsEmail`],
    /// [`Error::PasswordLeaked`].
    pub async fn sign_up(
        &self,
        new: NewUser,
        password: Password,
        context: &CallContext,
    ) -> Result<(), Error> {
        if self.registration == Registration::Closed {
            return Err(Error::RegistrationClosed);
        }
        self.store.check_mail()?;
        let hash = self.passwords.hash_new(password, new.email.as_str()).await?;
        let is_allowed = match &self.mail_limiter {
            Some(limiter) => limiter.allows::<SignUp>(&new.email).await,
            None => true,
        };
        if is_allowed {
            let job = SignUp {
                email: new.email.to_string(),
                password_hash: hash.as_str().to_owned(),
                profile: new.profile,
            };
            let mut connection = self.store.write_without_caller().await?;
            self.store.enqueue_mail(&mut connection, job, context).await?;
        }
        Ok(())
    }

    /// Does what [`sign_up`](Self::sign_up) left to a job: creates the user, or has the owner of the
    /// email told that there is one.
    pub async fn complete_sign_up(
        &self,
        email: Email,
        profile: NewProfile,
        hash: PasswordHash,
        context: &CallContext,
    ) -> Result<(), Error> {
        let notice = NotifyAlreadyRegistered { email: email.to_string() };
        let new = NewUser { email, profile, is_active: true, role: UserRole::User, is_verified: false };
        match self.create_user(&new, &hash, context).await {
            Ok(_) => Ok(()),
            Err(Error::EmailTaken) => {
                let mut connection = self.store.write_without_caller().await?;
                Ok(self.store.enqueue_mail(&mut connection, notice, context).await?)
            }
            Err(error) => Err(error),
        }
    }

    async fn create_user(
        &self,
        new: &NewUser,
        hash: &PasswordHash,
        context: &CallContext,
    ) -> Result<User, Error> {
        let now = self.store.now();
        self.store
            .transaction_without_caller(async |tx| {
                let written = users::insert(tx, new, hash, now).await?;
                self.store.announce(tx, &[EventType::UserCreated], &written).await?;
                let id = written.user.id;
                self.store.enqueue_mail(tx, SendVerification { user_id: id }, context).await?;
                let event = AuditEvent::new(AuditKind::USER_CREATED, id, context).by(id);
                audit_events::insert(tx, &event, now).await?;
                Ok(written.user)
            })
            .await
    }
}
