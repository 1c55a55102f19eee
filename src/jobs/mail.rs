//! Sends mails.

use std::sync::Arc;

use groundwork_clock::Timestamp;
use groundwork_jobs::{Attempt, Handler, Handlers, Job, JobError};
use groundwork_mail::{DEFAULT_LANGUAGE, Mailer, Message, Templates};
use serde::Serialize;
use serde_json::json;

use crate::domain::email::Email;
use crate::domain::one_time_token::TokenPurpose;
use crate::domain::password::PasswordHash;
use crate::domain::text::{FullName, Invalid};
use crate::services::auth::AuthService;
use crate::services::links::{IssuedLink, LinkService};
use crate::services::mail::{
    ConfirmNewEmail, ForgotPassword, NotifyAlreadyRegistered, NotifyEmailChange, NotifyNewLogin,
    NotifyPasswordChanged, Origin, ResendVerification, SendVerification, SignUp,
};

/// What the jobs that send mail need.
#[derive(Clone)]
pub struct Mails {
    pub links: LinkService,
    pub auth: AuthService,
    pub mailer: Arc<Mailer>,
    pub templates: Arc<Templates>,
    /// What links begin with, without a final slash.
    pub public_url: Arc<str>,
}

impl Mails {
    /// Adds a handler of each of these jobs.
    pub(super) fn handle_in(self, handlers: Handlers) -> Handlers {
        handlers
            .on::<SendVerification>(self.clone())
            .on::<ResendVerification>(self.clone())
            .on::<ForgotPassword>(self.clone())
            .on::<SignUp>(self.clone())
            .on::<ConfirmNewEmail>(self.clone())
            .on::<NotifyAlreadyRegistered>(self.clone())
            .on::<NotifyNewLogin>(self.clone())
            .on::<NotifyEmailChange>(self.clone())
            .on::<NotifyPasswordChanged>(self)
    }

    async fn send<J: Job>(
        &self,
        attempt: Attempt,
        to: &str,
        template: &str,
        values: impl Serialize + Send,
        link: Option<&str>,
    ) -> Result<(), JobError> {
        let content =
            self.templates.render(template, DEFAULT_LANGUAGE, values).map_err(JobError::permanent)?;
        // Of each attempt: a repeated one has another link, and the first mail may have arrived.
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
    async fn send_link<J: Job>(&self, attempt: Attempt, issued: Option<IssuedLink>) -> Result<(), JobError> {
        let Some(IssuedLink { email, purpose, token }) = issued else { return Ok(()) };
        let page = page_of(purpose);
        let link = format!("{}/{page}?token={}", self.public_url, token.to_text());
        let lifetime = purpose.lifetime().as_secs() / 60;
        // Each template states its lifetime in one of the two.
        let values = match purpose {
            TokenPurpose::ResetPassword => json!({ "link": link, "minutes": lifetime }),
            TokenPurpose::VerifyEmail | TokenPurpose::ConfirmEmail => {
                json!({ "link": link, "hours": lifetime / 60 })
            }
        };
        self.send::<J>(attempt, &email, purpose.as_str(), values, Some(&link)).await
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

/// An email that was valid when the job was enqueued.
fn known(email: &str) -> Result<Email, JobError> {
    Email::parse_known(email).map_err(permanent)
}

fn permanent(invalid: Invalid) -> JobError {
    JobError::permanent(invalid.to_string())
}

impl Handler<SendVerification> for Mails {
    async fn run(&self, job: SendVerification, attempt: Attempt) -> Result<(), JobError> {
        let link = self.links.verification_of(job.user_id, &Origin::context_of(job.origin)).await?;
        self.send_link::<SendVerification>(attempt, link).await
    }
}

impl Handler<ResendVerification> for Mails {
    async fn run(&self, job: ResendVerification, attempt: Attempt) -> Result<(), JobError> {
        let link = self.links.verification_for(&known(&job.email)?, &Origin::context_of(job.origin)).await?;
        self.send_link::<ResendVerification>(attempt, link).await
    }
}

impl Handler<ForgotPassword> for Mails {
    async fn run(&self, job: ForgotPassword, attempt: Attempt) -> Result<(), JobError> {
        let link = self.links.reset_for(&known(&job.email)?, &Origin::context_of(job.origin)).await?;
        self.send_link::<ForgotPassword>(attempt, link).await
    }
}

impl Handler<ConfirmNewEmail> for Mails {
    async fn run(&self, job: ConfirmNewEmail, attempt: Attempt) -> Result<(), JobError> {
        let session = job.session.parse().map_err(JobError::permanent)?;
        let (present, new) = (&job.present_email, known(&job.email)?);
        let context = Origin::context_of(job.origin);
        let link = self.links.confirmation_of(job.user_id, session, present, &new, &context).await?;
        self.send_link::<ConfirmNewEmail>(attempt, link).await
    }
}

impl Handler<SignUp> for Mails {
    async fn run(&self, job: SignUp, _: Attempt) -> Result<(), JobError> {
        let SignUp { email, password_hash, full_name, origin } = job;
        let full_name = full_name.map(|name| FullName::parse(&name)).transpose().map_err(permanent)?;
        let hash = PasswordHash::from(password_hash);
        let context = Origin::context_of(origin);
        Ok(self.auth.complete_sign_up(known(&email)?, full_name, hash, &context).await?)
    }
}

impl Handler<NotifyAlreadyRegistered> for Mails {
    async fn run(&self, job: NotifyAlreadyRegistered, attempt: Attempt) -> Result<(), JobError> {
        let name = "already_registered";
        self.send::<NotifyAlreadyRegistered>(attempt, &job.email, name, json!({}), None).await
    }
}

impl Handler<NotifyEmailChange> for Mails {
    async fn run(&self, job: NotifyEmailChange, attempt: Attempt) -> Result<(), JobError> {
        let values = json!({ "new_email": job.new_email });
        self.send::<NotifyEmailChange>(attempt, &job.email, "email_change_requested", values, None).await
    }
}

impl Handler<NotifyNewLogin> for Mails {
    async fn run(&self, job: NotifyNewLogin, attempt: Attempt) -> Result<(), JobError> {
        let values = json!({ "time": to_the_minute(job.logged_in_at), "ip": job.ip });
        self.send::<NotifyNewLogin>(attempt, &job.email, "new_login", values, None).await
    }
}

impl Handler<NotifyPasswordChanged> for Mails {
    async fn run(&self, job: NotifyPasswordChanged, attempt: Attempt) -> Result<(), JobError> {
        let values = json!({ "time": to_the_minute(job.changed_at) });
        self.send::<NotifyPasswordChanged>(attempt, &job.email, "password_changed", values, None).await
    }
}
