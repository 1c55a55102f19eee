//! Runs the jobs that send mail, and completes sign-ups, whose answer is a mail.

use std::sync::Arc;

use groundwork_clock::Timestamp;
use groundwork_jobs::{Attempt, Handler, Handlers, JobError};
use groundwork_mail::{Mailer, Message, Templates};
use serde::Serialize;
use serde_json::json;

use crate::domain::email::Email;
use crate::domain::one_time_token::TokenPurpose;
use crate::domain::password::PasswordHash;
use crate::domain::text::Invalid;
use crate::services::auth::AuthService;
use crate::services::links::{IssuedLink, LinkService};
use crate::services::mail::{
    ConfirmNewEmail, ForgotPassword, MailJob, NotifyAlreadyRegistered, NotifyEmailChange, NotifyNewLogin,
    NotifyPasswordChanged, Requested, ResendVerification, SendVerification, SignUp,
};

/// Runs the jobs that send mail.
#[derive(Clone)]
pub struct MailHandler {
    pub links: LinkService,
    pub auth: AuthService,
    pub mailer: Arc<Mailer>,
    pub templates: Arc<Templates>,
    /// What links begin with, without a final slash.
    pub public_url: Arc<str>,
}

impl MailHandler {
    /// Adds a handler of each of these jobs.
    pub(super) fn handle_in(self, handlers: Handlers) -> Handlers {
        handlers
            .on::<Requested<SendVerification>>(self.clone())
            .on::<Requested<ResendVerification>>(self.clone())
            .on::<Requested<ForgotPassword>>(self.clone())
            .on::<Requested<SignUp>>(self.clone())
            .on::<Requested<ConfirmNewEmail>>(self.clone())
            .on::<Requested<NotifyAlreadyRegistered>>(self.clone())
            .on::<Requested<NotifyNewLogin>>(self.clone())
            .on::<Requested<NotifyEmailChange>>(self.clone())
            .on::<Requested<NotifyPasswordChanged>>(self)
    }

    async fn send<J: MailJob>(
        &self,
        mail: &Requested<J>,
        attempt: Attempt,
        to: &str,
        template: &str,
        values: impl Serialize + Send,
        link: Option<&str>,
    ) -> Result<(), JobError> {
        let language = self.templates.preferred(mail.origin.accept_language.as_deref().unwrap_or_default());
        let content = self.templates.render(template, language, values).map_err(JobError::permanent)?;
        // It differs per attempt: each sends another link, and an earlier mail may have arrived.
        let id = format!("{}-{}-{}", J::KIND, attempt.job, attempt.number);
        let message = Message::new(&id, to, content).map_err(JobError::permanent)?;
        let message = match link {
            Some(link) => message.with_link(link),
            None => message,
        };
        match self.mailer.send(&message).await {
            Err(error) if error.is_permanent() => Err(JobError::permanent(error)),
            result => Ok(result?),
        }
    }

    /// Sends the link, if there is one.
    async fn send_link<J: MailJob>(
        &self,
        mail: &Requested<J>,
        attempt: Attempt,
        issued: Option<IssuedLink>,
    ) -> Result<(), JobError> {
        let Some(IssuedLink { email, purpose, token }) = issued else { return Ok(()) };
        let page = page_of(purpose);
        let link = format!("{}/{page}?token={}", self.public_url, token.to_text());
        let lifetime = purpose.lifetime().as_secs() / 60;
        // Each template states the lifetime in minutes or in hours.
        let values = match purpose {
            TokenPurpose::ResetPassword => json!({ "link": link, "minutes": lifetime }),
            TokenPurpose::VerifyEmail | TokenPurpose::ConfirmEmail => {
                json!({ "link": link, "hours": lifetime / 60 })
            }
        };
        self.send(mail, attempt, &email, purpose.as_str(), values, Some(&link)).await
    }
}

/// The page that the link of this purpose leads to.
fn page_of(purpose: TokenPurpose) -> &'static str {
    match purpose {
        TokenPurpose::VerifyEmail => "verify-email",
        TokenPurpose::ResetPassword => "reset-password",
        TokenPurpose::ConfirmEmail => "confirm-email",
    }
}

/// `2026-01-31 09:30 UTC` of `2026-01-31T09:30:00.123456Z`.
fn to_the_minute(instant: Timestamp) -> String {
    let text = instant.to_string();
    text.get(..16).map_or_else(|| text.clone(), |minute| minute.replace('T', " ") + " UTC")
}

/// Parses an email that was valid when the job was enqueued.
fn stored_email(email: &str) -> Result<Email, JobError> {
    Email::parse_known(email).map_err(permanent)
}

fn permanent(invalid: Invalid) -> JobError {
    JobError::permanent(invalid.to_string())
}

impl Handler<Requested<SendVerification>> for MailHandler {
    async fn run(&self, mail: Requested<SendVerification>, attempt: Attempt) -> Result<(), JobError> {
        let link = self.links.verification_of(mail.job.user_id, &mail.context()).await?;
        self.send_link(&mail, attempt, link).await
    }
}

impl Handler<Requested<ResendVerification>> for MailHandler {
    async fn run(&self, mail: Requested<ResendVerification>, attempt: Attempt) -> Result<(), JobError> {
        let link = self.links.verification_for(&stored_email(&mail.job.email)?, &mail.context()).await?;
        self.send_link(&mail, attempt, link).await
    }
}

impl Handler<Requested<ForgotPassword>> for MailHandler {
    async fn run(&self, mail: Requested<ForgotPassword>, attempt: Attempt) -> Result<(), JobError> {
        let link = self.links.reset_for(&stored_email(&mail.job.email)?, &mail.context()).await?;
        self.send_link(&mail, attempt, link).await
    }
}

impl Handler<Requested<ConfirmNewEmail>> for MailHandler {
    async fn run(&self, mail: Requested<ConfirmNewEmail>, attempt: Attempt) -> Result<(), JobError> {
        let session = mail.job.session.parse().map_err(JobError::permanent)?;
        let (present, new) = (&mail.job.present_email, stored_email(&mail.job.email)?);
        let context = mail.context();
        let link = self.links.confirmation_of(mail.job.user_id, session, present, &new, &context).await?;
        self.send_link(&mail, attempt, link).await
    }
}

impl Handler<Requested<SignUp>> for MailHandler {
    async fn run(&self, mail: Requested<SignUp>, _: Attempt) -> Result<(), JobError> {
        let context = mail.context();
        let SignUp { email, password_hash, profile } = mail.job;
        let hash = PasswordHash::from(password_hash);
        Ok(self.auth.complete_sign_up(stored_email(&email)?, profile, hash, &context).await?)
    }
}

impl Handler<Requested<NotifyAlreadyRegistered>> for MailHandler {
    async fn run(&self, mail: Requested<NotifyAlreadyRegistered>, attempt: Attempt) -> Result<(), JobError> {
        let name = "already_registered";
        self.send(&mail, attempt, &mail.job.email, name, json!({}), None).await
    }
}

impl Handler<Requested<NotifyEmailChange>> for MailHandler {
    async fn run(&self, mail: Requested<NotifyEmailChange>, attempt: Attempt) -> Result<(), JobError> {
        let values = json!({ "new_email": mail.job.new_email });
        self.send(&mail, attempt, &mail.job.email, "email_change_requested", values, None).await
    }
}

impl Handler<Requested<NotifyNewLogin>> for MailHandler {
    async fn run(&self, mail: Requested<NotifyNewLogin>, attempt: Attempt) -> Result<(), JobError> {
        let values = json!({ "time": to_the_minute(mail.job.logged_in_at), "ip": mail.job.ip });
        self.send(&mail, attempt, &mail.job.email, "new_login", values, None).await
    }
}

impl Handler<Requested<NotifyPasswordChanged>> for MailHandler {
    async fn run(&self, mail: Requested<NotifyPasswordChanged>, attempt: Attempt) -> Result<(), JobError> {
        let values = json!({ "time": to_the_minute(mail.job.changed_at) });
        self.send(&mail, attempt, &mail.job.email, "password_changed", values, None).await
    }
}
