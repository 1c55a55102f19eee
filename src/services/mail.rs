//! The jobs that send mail.
//!
//! No job has the token of a link: it is made when the job runs. So no token waits in the queue, and
//! an attempt that is repeated sends a link of its own.

use std::net::IpAddr;
use std::sync::Arc;

use groundwork_clock::Timestamp;
use groundwork_jobs::{Job, Priority};
use groundwork_state::rate_limit::{Quota, RateLimitKey, RateLimiter};
use groundwork_telemetry::context::{CallContext, RequestId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::email::Email;
use crate::domain::ids::UserId;
use crate::models::users::NewProfile;

/// Sends a new user the link that verifies its email.
#[derive(Serialize, Deserialize)]
pub struct SendVerification {
    pub user_id: UserId,
}

/// Sends the link that verifies an email, if it has a user who has not verified it.
#[derive(Serialize, Deserialize)]
pub struct ResendVerification {
    pub email: String,
}

/// Sends the link that sets a new password, if the email has a user.
#[derive(Serialize, Deserialize)]
pub struct ForgotPassword {
    pub email: String,
}

/// Creates a user, or tells the owner of the email that there already is one.
#[derive(Serialize, Deserialize)]
pub struct SignUp {
    pub email: String,
    pub password_hash: String,
    #[serde(flatten)]
    pub profile: NewProfile,
}

/// Tells the owner of an email that somebody tried to sign up with it.
#[derive(Serialize, Deserialize)]
pub struct NotifyAlreadyRegistered {
    pub email: String,
}

/// Sends the link that replaces a user's email by this one, unless it has a user. The link is for
/// the session that asked: when a new password has ended that, or the user has another email by now,
/// nobody gets a link.
#[derive(Serialize, Deserialize)]
pub struct ConfirmNewEmail {
    pub user_id: UserId,
    pub session: String,
    pub present_email: String,
    pub email: String,
}

/// Tells a user, at its present email, that it is about to be replaced.
#[derive(Serialize, Deserialize)]
pub struct NotifyEmailChange {
    pub email: String,
    pub new_email: String,
}

/// Tells a user of a login from a network that it has not used before.
#[derive(Serialize, Deserialize)]
pub struct NotifyNewLogin {
    pub email: String,
    pub ip: IpAddr,
    pub logged_in_at: Timestamp,
}

/// Tells a user that its password was changed.
#[derive(Serialize, Deserialize)]
pub struct NotifyPasswordChanged {
    pub email: String,
    pub changed_at: Timestamp,
}

/// A job that sends mail. It is enqueued only if the service can send mail, and always as
/// [`Requested`].
pub trait MailJob: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// See [`Job::KIND`].
    const KIND: &'static str;
    /// High if somebody waits for the mail.
    const PRIORITY: Priority;
}

/// A mail, with what is known of the request that caused it.
#[derive(Serialize, Deserialize)]
#[serde(bound = "J: MailJob")]
pub struct Requested<J> {
    pub origin: Origin,
    #[serde(flatten)]
    pub job: J,
}

impl<J: MailJob> Requested<J> {
    pub(super) fn new(job: J, context: &CallContext) -> Self {
        Self { origin: context.into(), job }
    }

    /// The context of the request, for audit events and for further mails.
    pub fn context(&self) -> CallContext {
        let Origin { ip, request_id, accept_language } = self.origin.clone();
        CallContext { ip, user_agent: None, accept_language, request_id: RequestId::Made(request_id) }
    }
}

impl<J: MailJob> Job for Requested<J> {
    const KIND: &'static str = J::KIND;
    const PRIORITY: Priority = J::PRIORITY;
}

/// Where a request came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Origin {
    ip: IpAddr,
    request_id: String,
    /// The header `Accept-Language`.
    pub accept_language: Option<String>,
}

impl From<&CallContext> for Origin {
    fn from(context: &CallContext) -> Self {
        Self {
            ip: context.ip,
            request_id: context.request_id.for_audit().into_owned(),
            accept_language: context.accept_language.clone(),
        }
    }
}

/// Jobs that send mail, and whether somebody waits for them.
macro_rules! mail_jobs {
    ($($job:ident $kind:literal $priority:ident),+ $(,)?) => {$(
        impl MailJob for $job {
            const KIND: &'static str = $kind;
            const PRIORITY: Priority = Priority::$priority;
        }
    )+};
}

mail_jobs! {
    SendVerification "send_verification" High,
    ResendVerification "resend_verification" High,
    ForgotPassword "forgot_password" High,
    SignUp "sign_up" High,
    ConfirmNewEmail "confirm_new_email" High,
    NotifyAlreadyRegistered "notify_already_registered" High,
    NotifyNewLogin "notify_new_login" Normal,
    NotifyEmailChange "notify_email_change" Normal,
    NotifyPasswordChanged "notify_password_changed" Normal,
}

/// Mails of one kind that strangers can have sent to one address in a window of the limiter.
const MAILS_PER_ADDRESS: u32 = 3;

/// Limits the mails that strangers can have sent to an address.
#[derive(Clone, Debug)]
pub struct MailLimiter {
    limiter: RateLimiter,
    by_address: Quota,
}

impl MailLimiter {
    pub fn new(limiter: RateLimiter) -> Self {
        Self { limiter, by_address: Quota::new("mail", MAILS_PER_ADDRESS) }
    }

    /// Whether another mail by a job of type `J` may be sent to the address. Only the mail is left
    /// out beyond the limit: an error would keep the owner of the address from asking for it.
    pub(super) async fn allows<J: MailJob>(&self, email: &Email) -> bool {
        let scope = Arc::from(J::KIND);
        let key = RateLimitKey::for_subject(email.as_str().as_bytes(), None, &scope);
        self.by_address.check(&self.limiter, key).await.allowed
    }
}
