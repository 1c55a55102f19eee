//! Log-in, sessions and their tokens.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics::Counter;
use secrecy::SecretString;

use crate::core::clock::{Clock, Timestamp};
use crate::core::context::CallContext;
use crate::core::email::Email;
use crate::core::ids::{SessionId, UserId, random_bytes};
use crate::core::rate_limit::{Quota, RateLimitDecision, RateLimitKey, RateLimiter, is_one_client};
use crate::core::security::hasher::Hasher;
use crate::core::security::password::{Form, Password, PasswordAttempt};
use crate::core::security::tokens::{TokenHash, TokenId, TokenKind, TokenSigner, VerifiedToken};
use crate::core::telemetry::metrics::{Meter, SESSIONS_REVOKED, counter};
use crate::core::text::FullName;
use crate::models::audit_events::{self, AuditEvent, AuditKind, AuthEvent};
use crate::models::sessions::{self, Rotation, Session, SessionUsage};
use crate::models::users::{self, NewUser, User};

use super::Error;
use super::store::Store;

/// What a client holds after log-in or refresh. `Debug` shows no token.
#[derive(Clone, Debug)]
pub struct TokenPair {
    /// Sent with each request.
    pub access_token: SecretString,
    /// Exchanged for the next pair.
    pub refresh_token: SecretString,
    /// How long the access token lives.
    pub expires_in: Duration,
}

/// Who is calling, as the guard found out.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account, as it is in the database now.
    pub user: User,
    /// The session the token belongs to.
    pub session: SessionId,
    /// When the session's last write was noted: what it reads includes that write.
    pub last_write: Option<Timestamp>,
    /// What the operation asks of the caller: checked by the guard, and once more by each unit of work that writes.
    pub role: Role,
}

impl Caller {
    /// The caller of an operation for superusers; `None` for any other user.
    #[must_use]
    pub fn into_superuser(self) -> Option<Self> {
        self.user.is_superuser.then_some(Self { role: Role::Superuser, ..self })
    }
}

/// What an operation asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Any active user.
    User,
    /// An active superuser.
    Superuser,
}

/// What a caller is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Nothing that changes anything.
    Read,
    /// Perhaps more.
    Write,
}

/// How long tokens live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Of an access token.
    pub access: Duration,
    /// Of a refresh token, and of a session that is not used.
    pub refresh: Duration,
}

/// How often an account may be tried to log in to.
#[derive(Clone, Debug)]
pub struct Attempts {
    limiter: RateLimiter,
    by_account: Quota,
    by_client: Quota,
    scope: Arc<str>,
}

impl Attempts {
    /// So many log-ins to one account in a window of the limiter.
    pub fn new(limiter: RateLimiter, per_window: u32) -> Self {
        Self {
            limiter,
            by_account: Quota::new("account", per_window),
            by_client: Quota::new("client_of_account", per_window),
            scope: Arc::from("login"),
        }
    }
}

/// How often a present password may be tried in a session.
#[derive(Clone, Debug)]
pub struct Confirmations {
    limiter: RateLimiter,
    by_session: Quota,
    scope: Arc<str>,
}

impl Confirmations {
    /// So many in a window of the limiter.
    pub fn new(limiter: RateLimiter, per_window: u32) -> Self {
        Self { limiter, by_session: Quota::new("confirmation", per_window), scope: Arc::from("confirm") }
    }

    /// Whoever has somebody's access token must not find out the password with it. By session, because the owner, in
    /// another one, is to change the password at that moment.
    pub(super) async fn count(&self, session: SessionId) -> Result<(), Error> {
        let key = RateLimitKey::for_subject(&session.0, None, &self.scope);
        let verdict = self.by_session.check(&self.limiter, key).await;
        if verdict.allowed { Ok(()) } else { Err(Error::TooManyConfirmations(verdict)) }
    }
}

/// An attempt to log in that the account's limit does not cover.
struct OverLimit {
    /// What the client is told.
    verdict: RateLimitDecision,
    /// Whether the right password lets the client in all the same.
    may_match: bool,
}

/// Registration, log-in, refresh, log-out, and the check behind every authenticated request.
#[derive(Clone)]
pub struct AuthService {
    store: Store,
    hasher: Hasher,
    signer: Arc<TokenSigner>,
    lifetimes: Lifetimes,
    attempts: Option<Attempts>,
    clock: Clock,
    logouts: Meter<Counter>,
    replays: Meter<Counter>,
}

impl AuthService {
    /// Puts the service together; without `attempts`, an account may be tried as often as anybody likes.
    pub fn new(
        store: Store,
        hasher: Hasher,
        signer: Arc<TokenSigner>,
        lifetimes: Lifetimes,
        attempts: Option<Attempts>,
        clock: Clock,
    ) -> Self {
        let ended = |reason| counter(SESSIONS_REVOKED, &[("reason", reason)]);
        let (logouts, replays) = (ended("logout"), ended("replay"));
        Self { store, hasher, signer, lifetimes, attempts, clock, logouts, replays }
    }

    /// Opens an account without any rights but its own.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::PasswordIsEmail`].
    pub async fn register(
        &self,
        email: Email,
        password: Password,
        full_name: Option<FullName>,
    ) -> Result<User, Error> {
        if password.is_email(email.as_str()) {
            return Err(Error::PasswordIsEmail);
        }
        let password_hash = self.hasher.hash(password).await?;
        let user = NewUser {
            email,
            password_hash,
            full_name,
            is_active: true,
            is_superuser: false,
            is_verified: false,
        };
        Ok(users::insert(&mut self.store.write_without_caller().await?, &user, self.clock.now()).await?)
    }

    /// Opens a session. An unknown address, a wrong password and an inactive account take the same work and
    /// get the same answer.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`], [`Error::TooManyAttempts`].
    pub async fn login(
        &self,
        email: &Email,
        attempt: PasswordAttempt,
        context: &CallContext,
    ) -> Result<TokenPair, Error> {
        let over = self.over_limit(email, context.ip).await?;
        let user = users::find_by_email(&mut self.store.read(), email).await?;
        let may_match = over.as_ref().is_none_or(|over| over.may_match);
        let hash = user.as_ref().filter(|_| may_match).map(|user| &user.password_hash);
        let form = self.hasher.verify(attempt.clone().into_forms(), hash).await?;
        let account = user.as_ref().map(|user| user.id);
        let Some(user) = user.filter(|user| form.is_some() && user.is_active) else {
            audit_events::log_auth_event(AuthEvent::LoginRefused, account);
            return Err(over.map_or(Error::InvalidCredentials, |over| Error::TooManyAttempts(over.verdict)));
        };
        let replacement = match Password::try_from(attempt) {
            Ok(password) if form == Some(Form::AsTyped) || self.hasher.is_outdated(&user.password_hash) => {
                // Hashing anew can wait for a quieter log-in; who gave the right password is let in.
                self.hasher.hash(password).await.unwrap_or_else(|_| user.password_hash.clone())
            }
            _ => user.password_hash.clone(),
        };

        let (session, token, now) = (SessionId::random()?, TokenId::new(random_bytes()?), self.clock.now());
        let usage = self.use_of(context, now);
        self.store
            .transaction_without_caller(async |tx| {
                // The password may have changed, or the account been closed, while the hash was computed.
                if !users::confirm_password(tx, user.id, &user.password_hash, &replacement).await? {
                    return Err(Error::InvalidCredentials);
                }
                sessions::delete_expired(tx, user.id, now).await?;
                Ok(sessions::insert(tx, session, user.id, &self.signer.hash(&token), &usage).await?)
            })
            .await?;
        audit_events::log_auth_event(AuthEvent::LoggedIn, Some(user.id));
        self.pair(user.id, session, &token, now, now)
    }

    /// Slows guessing from many addresses at once, and says so when this attempt is over the account's limit. A client that has a
    /// session of the account is counted by itself: whoever attacks an account must not be able to shut its owner out (OWASP ASVS
    /// 5, 6.3.1 and 6.1.1).
    ///
    /// Over the limit everybody gets the same refusal after the same work, but for the right password from such a client. So
    /// nobody learns whether there is an account, not even from its owner's network.
    async fn over_limit(&self, email: &Email, ip: IpAddr) -> Result<Option<OverLimit>, Error> {
        let Some(Attempts { limiter, by_account, by_client, scope }) = &self.attempts else {
            return Ok(None);
        };
        let subject = email.as_str().as_bytes();
        let verdict = by_account.check(limiter, RateLimitKey::for_subject(subject, Some(ip), scope)).await;
        if verdict.allowed {
            return Ok(None);
        }
        let own = by_client.check(limiter, RateLimitKey::for_client_and_subject(ip, subject, scope)).await;
        let addresses = sessions::addresses_of(&mut self.store.read(), email, self.clock.now()).await?;
        let is_known = addresses.into_iter().any(|address| is_one_client(address, ip));
        Ok(Some(OverLimit { verdict, may_match: is_known && own.allowed }))
    }

    /// Exchanges a refresh token for the next pair, once. A client that lost the response may present the same token
    /// again, as long as neither token of the new pair has been used, and gets the same pair. Any other token of the
    /// session that was exchanged before is a sign of theft and ends the session (RFC 9700, 4.14.2).
    ///
    /// # Errors
    /// [`Error::InvalidToken`].
    pub async fn refresh(&self, refresh_token: &str, context: &CallContext) -> Result<TokenPair, Error> {
        let VerifiedToken { subject: user, session, id: token } =
            self.signer.verify(refresh_token, TokenKind::Refresh)?;
        let now = self.clock.now();
        let successor = self.signer.successor(&token);
        let rotation = Rotation {
            presented: self.signer.hash(&token),
            successor: self.signer.hash(&successor),
            access: self.signer.hash(&self.signer.access_id(&successor)),
        };
        let usage = self.use_of(context, now);
        let mut connection = self.store.write_without_caller().await?;
        if sessions::rotate(&mut connection, session, user, &rotation, &usage).await? {
            return self.pair(user, session, &successor, now, now);
        }
        let presented = rotation.presented;

        let found = sessions::find(&mut connection, session).await?;
        let live = found.filter(|s| s.user_id == user && s.revoked_at.is_none() && s.expires_at > now);
        let live = live.ok_or(Error::InvalidToken("the session is over"))?;
        if live.token_hash == presented {
            return Err(Error::InvalidToken("the account is inactive"));
        }
        let parent_of_newest = live.previous_token_hash.as_deref() == Some(presented.0.as_slice());
        drop(connection);
        if parent_of_newest {
            // The same tokens to the byte, unless a client that was offline for long would get them half spent.
            let is_fresh = now < live.last_used_at.plus(self.lifetimes.access / 2);
            let issued = if is_fresh { live.last_used_at } else { now };
            if self.repeat_refresh(session, &live, &presented, context, issued).await? {
                return self.pair(user, session, &successor, issued, now);
            }
        }
        self.end_replayed(session, user, context, now).await?;
        Err(Error::InvalidToken("the token was used before"))
    }

    /// Notes that a refresh is repeated, and says whether it still may be: no token of the newest pair has been used. A
    /// client in another network than the one that made the refresh may be a second client: that is an event.
    async fn repeat_refresh(
        &self,
        session: SessionId,
        live: &Session,
        parent: &TokenHash,
        context: &CallContext,
        issued: Timestamp,
    ) -> Result<bool, Error> {
        let (user, now) = (live.user_id, self.clock.now());
        let usage = self.use_of(context, issued);
        let is_elsewhere = live.ip.parse().is_ok_and(|ip| !is_one_client(ip, context.ip));
        let is_repeated = self
            .store
            .transaction_without_caller(async |tx| {
                let is_repeated = sessions::repeat(tx, session, user, parent, &usage).await?;
                if is_repeated && is_elsewhere {
                    let kind = AuditKind::RefreshRepeatedElsewhere;
                    let event = AuditEvent { kind, actor: None, user, session: Some(session), context };
                    audit_events::insert(tx, &event, now).await?;
                }
                Ok::<_, Error>(is_repeated)
            })
            .await?;
        if is_repeated {
            audit_events::log_auth_event(AuthEvent::RefreshRepeated, Some(user));
        }
        Ok(is_repeated)
    }

    async fn end_replayed(
        &self,
        session: SessionId,
        user: UserId,
        context: &CallContext,
        now: Timestamp,
    ) -> Result<(), Error> {
        let ended = self
            .store
            .transaction_without_caller(async |tx| {
                // Of several replays at once, one is the event.
                let ended = sessions::revoke(tx, session, now).await?;
                if ended {
                    let kind = AuditKind::RefreshTokenReplayed;
                    let event = AuditEvent { kind, actor: None, user, session: Some(session), context };
                    audit_events::insert(tx, &event, now).await?;
                }
                Ok::<_, Error>(ended)
            })
            .await?;
        self.replays.increment(ended.into());
        Ok(())
    }

    /// Ends the caller's session: neither its access tokens nor its refresh token are good from now on. One that ended
    /// meanwhile stays as it is.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn logout(&self, caller: &Caller) -> Result<(), Error> {
        let (mut connection, authority) = self.store.statement_as(caller).await?;
        let ended = sessions::revoke_own(&mut connection, &authority).await?;
        self.logouts.increment(ended.into());
        Ok(())
    }

    /// Finds the caller of an access token: decodes and validates it, then reads user and session in one query.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when the token, its session or its user is not good.
    pub async fn authenticate(&self, access_token: &str, intent: Intent) -> Result<Caller, Error> {
        let VerifiedToken { subject: user, session, id: token } =
            self.signer.verify(access_token, TokenKind::Access)?;
        let now = self.clock.now();
        let found = sessions::find_user(&mut self.store.read(), session, user, now).await?;
        let (user, live) = found.ok_or(Error::InvalidToken("the session is over"))?;
        if !user.is_active {
            return Err(Error::InvalidToken("the account is inactive"));
        }
        if let Some(unused) = live.unused_access_hash {
            self.confirm_refresh(session, &token, &unused).await?;
        }
        let last_write = self.store.last_write(session, live.wrote_at, intent).await?;
        Ok(Caller { user, session, last_write, role: Role::User })
    }

    /// Once per refresh: when the client uses the access token that the last refresh issued, it has the response, and
    /// whoever presents the spent refresh token later has a copy.
    async fn confirm_refresh(
        &self,
        session: SessionId,
        presented: &TokenId,
        unused: &[u8],
    ) -> Result<(), Error> {
        let presented = self.signer.hash(presented);
        if presented.0 == unused {
            let mut connection = self.store.write_without_caller().await?;
            sessions::confirm_refresh(&mut connection, session, &presented).await?;
        }
        Ok(())
    }

    fn use_of<'a>(&self, context: &'a CallContext, now: Timestamp) -> SessionUsage<'a> {
        let user_agent = context.user_agent.as_deref();
        SessionUsage { ip: context.ip, user_agent, at: now, expires_at: now.plus(self.lifetimes.refresh) }
    }

    fn pair(
        &self,
        user: UserId,
        session: SessionId,
        token: &TokenId,
        issued: Timestamp,
        now: Timestamp,
    ) -> Result<TokenPair, Error> {
        let Lifetimes { access, refresh } = self.lifetimes;
        let sign = |kind, id: &TokenId, lifetime| {
            self.signer.sign(kind, user, session, id, issued, lifetime).map(SecretString::from)
        };
        Ok(TokenPair {
            access_token: sign(TokenKind::Access, &self.signer.access_id(token), access)?,
            refresh_token: sign(TokenKind::Refresh, token, refresh)?,
            expires_in: access.saturating_sub(now.since(issued)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_of_tokens_is_not_printed() {
        let pair = TokenPair {
            access_token: "access-secret".to_owned().into(),
            refresh_token: "refresh-secret".to_owned().into(),
            expires_in: Duration::from_mins(30),
        };
        let printed = format!("{pair:?} {pair:#?}");
        assert!(printed.contains("expires_in") && !printed.contains("secret\""), "{printed}");
    }
}
