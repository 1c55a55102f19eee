//! Limits on password guessing.

use std::net::IpAddr;
use std::sync::Arc;

use groundwork_state::rate_limit::{Quota, RateLimitDecision, RateLimitKey, RateLimiter, is_one_client};

use super::AuthService;
use crate::domain::email::Email;
use crate::domain::ids::SessionId;
use crate::models::sessions;
use crate::services::Error;

/// Limits login attempts per user, and attempts per session to confirm the current password.
#[derive(Clone, Debug)]
pub struct PasswordLimiter {
    limiter: RateLimiter,
    by_user: Quota,
    by_client: Quota,
    by_session: Quota,
    login: Arc<str>,
    confirmation: Arc<str>,
}

impl PasswordLimiter {
    /// `per_user` is the number of login attempts per user, and `per_session` that of confirmations
    /// per session, in a window of the limiter.
    pub fn new(limiter: RateLimiter, per_user: u32, per_session: u32) -> Self {
        Self {
            limiter,
            by_user: Quota::new("account", per_user),
            by_client: Quota::new("client_of_account", per_user),
            by_session: Quota::new("confirmation", per_session),
            login: Arc::from("login"),
            confirmation: Arc::from("confirm"),
        }
    }

    /// Keeps the holder of a stolen access token from guessing the password. The limit is per
    /// session, so that the owner can still change the password in another session.
    pub(in crate::services) async fn check_confirmation(&self, session: SessionId) -> Result<(), Error> {
        let key = RateLimitKey::for_subject(&session.0, None, &self.confirmation);
        let decision = self.by_session.check(&self.limiter, key).await;
        if decision.allowed { Ok(()) } else { Err(Error::TooManyPasswordChecks(decision)) }
    }
}

/// A login attempt over the user's limit.
pub(super) struct OverLimit {
    pub decision: RateLimitDecision,
    /// Whether the correct password is accepted nevertheless.
    pub may_match: bool,
}

impl AuthService {
    /// Limits guessing from many addresses at once. A client with a session of the user is counted
    /// separately, so that an attacker cannot lock the user out (OWASP ASVS 5, 6.3.1 and 6.1.1).
    ///
    /// Over the limit, every attempt takes the same work and gets the same error, except the
    /// correct password from such a client. So the error does not reveal whether the user exists,
    /// not even within the user's network.
    pub(super) async fn check_login_limit(
        &self,
        email: &Email,
        ip: IpAddr,
    ) -> Result<Option<OverLimit>, Error> {
        let Some(PasswordLimiter { limiter, by_user, by_client, login, .. }) = &self.password_limiter else {
            return Ok(None);
        };
        let subject = email.as_str().as_bytes();
        let decision = by_user.check(limiter, RateLimitKey::for_subject(subject, Some(ip), login)).await;
        if decision.allowed {
            return Ok(None);
        }
        let own = by_client.check(limiter, RateLimitKey::for_client_and_subject(ip, subject, login)).await;
        let addresses = sessions::addresses_of(&mut self.store.read(), email, self.store.now()).await?;
        let is_known = addresses.into_iter().any(|address| is_one_client(address, ip));
        Ok(Some(OverLimit { decision, may_match: is_known && own.allowed }))
    }
}
