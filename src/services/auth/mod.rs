//! Registration, login, and the check of every authenticated request.

mod limits;
mod refresh;
mod tokens;

use std::sync::Arc;

use metrics::Counter;

use crate::core::clock::{Clock, Timestamp};
use crate::core::context::CallContext;
use crate::core::email::Email;
use crate::core::ids::{SessionId, UserId};
use crate::core::security::hasher::Hasher;
use crate::core::security::password::{Form, Password, PasswordAttempt, PasswordHash};
use crate::core::security::tokens::{TokenId, TokenKind, TokenSigner, Verified};
use crate::core::telemetry::metrics::{Meter, SESSIONS_REVOKED, counter};
use crate::db::Freshness;
use crate::models::audit_events::{self, Attempt};
use crate::models::sessions::{self, LiveSession, Use};
use crate::models::users::{self, User};

use super::Error;
use super::store::Store;
use super::users::CreateUser;
pub use limits::{LoginLimiter, PasswordCheckLimiter};
pub use tokens::{IssuedTokens, Lifetimes};

/// The user and the session of an authenticated request.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: User,
    pub session: SessionId,
    /// How stale the caller's reads may be.
    pub freshness: Freshness,
    /// The role that the operation requires. The guard checks it, and each unit of work that writes
    /// checks it again.
    pub role: Role,
}

impl Caller {
    /// The caller of an operation for superusers; `None` if the user is not one.
    #[must_use]
    pub fn into_superuser(self) -> Option<Self> {
        self.user.is_superuser.then_some(Self { role: Role::Superuser, ..self })
    }
}

/// The role that an operation requires of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    User,
    Superuser,
}

/// Whether a request may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    Read,
    Write,
}

#[derive(Clone)]
pub struct AuthService {
    store: Store,
    hasher: Hasher,
    signer: Arc<TokenSigner>,
    lifetimes: Lifetimes,
    login_limiter: Option<LoginLimiter>,
    clock: Clock,
    logouts: Meter<Counter>,
    replays: Meter<Counter>,
}

impl AuthService {
    /// Without a `login_limiter`, login attempts are unlimited.
    pub fn new(
        store: Store,
        hasher: Hasher,
        signer: Arc<TokenSigner>,
        lifetimes: Lifetimes,
        login_limiter: Option<LoginLimiter>,
        clock: Clock,
    ) -> Self {
        let revoked = |reason| counter(SESSIONS_REVOKED, &[("reason", reason)]);
        let (logouts, replays) = (revoked("logout"), revoked("replay"));
        Self { store, hasher, signer, lifetimes, login_limiter, clock, logouts, replays }
    }

    /// # Errors
    /// [`Error::EmailTaken`], [`Error::PasswordIsEmail`].
    pub async fn register(&self, request: CreateUser) -> Result<User, Error> {
        let user = request.hash_password(&self.hasher).await?;
        Ok(users::insert(&mut self.store.write_without_caller().await?, &user, self.clock.now()).await?)
    }

    /// Creates a session. An unknown email, a wrong password and an inactive user take the same
    /// work and get the same error.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`], [`Error::TooManyLogins`].
    pub async fn login(
        &self,
        email: &Email,
        attempt: PasswordAttempt,
        context: &CallContext,
    ) -> Result<IssuedTokens, Error> {
        let over_limit = self.check_login_limit(email, context.ip).await?;
        let user = users::find_by_email(&mut self.store.read().await?, email).await?;
        let may_match = over_limit.as_ref().is_none_or(|over| over.may_match);
        let hash = user.as_ref().filter(|_| may_match).map(|user| &user.password_hash);
        let form = self.hasher.check(attempt.clone(), hash).await?;
        let user_id = user.as_ref().map(|user| user.id);
        let Some((user, form)) = user.filter(|user| user.is_active).zip(form) else {
            audit_events::note(Attempt::LogInRefused, user_id);
            return Err(
                over_limit.map_or(Error::InvalidCredentials, |over| Error::TooManyLogins(over.verdict))
            );
        };
        let new_hash = self.rehash(attempt, form, &user.password_hash).await;
        let tokens = self.create_session(&user, &new_hash, context).await?;
        audit_events::note(Attempt::LoggedIn, Some(user.id));
        Ok(tokens)
    }

    /// Hashes a correct password again, if its hash has another cost than the present one or was
    /// not normalised.
    async fn rehash(&self, attempt: PasswordAttempt, form: Form, hash: &PasswordHash) -> PasswordHash {
        match Password::try_from(attempt) {
            Ok(password) if form == Form::AsTyped || self.hasher.is_outdated(hash) => {
                // When the queue is full, a later login hashes it: the password was correct.
                self.hasher.hash(password).await.unwrap_or_else(|_| hash.clone())
            }
            _ => hash.clone(),
        }
    }

    async fn create_session(
        &self,
        user: &User,
        new_hash: &PasswordHash,
        context: &CallContext,
    ) -> Result<IssuedTokens, Error> {
        let (session, token, now) = (SessionId::random()?, TokenId::random()?, self.clock.now());
        let usage = self.usage(context, now);
        self.store
            .transaction_without_caller(async |tx| {
                // While the password was hashed, it may have changed, or the user may have been
                // deactivated.
                if !users::confirm_password(tx, user.id, &user.password_hash, new_hash).await? {
                    return Err(Error::InvalidCredentials);
                }
                sessions::delete_expired(tx, user.id, now).await?;
                Ok(sessions::insert(tx, session, user.id, &token.hash(), &usage).await?)
            })
            .await?;
        self.issue_tokens(user.id, session, &token, now, now)
    }

    /// Ends the caller's session. Does nothing if it has already ended.
    pub async fn logout(&self, caller: &Caller) -> Result<(), Error> {
        let ended = sessions::revoke_own(&mut self.store.statement_as(caller).await?).await?;
        self.logouts.increment(ended.into());
        Ok(())
    }

    /// Verifies an access token, and loads its user and its session with one query.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] if the token is invalid, its session is over, or its user is
    /// inactive or deleted.
    pub async fn authenticate(&self, access_token: &str, intent: Intent) -> Result<Caller, Error> {
        let token = self.signer.verify(access_token, TokenKind::Access)?;
        let now = self.clock.now();
        let (user, session) = self.find_live_session(token.session, token.user, now).await?;
        if !user.is_active {
            return Err(Error::USER_INACTIVE);
        }
        self.confirm_refresh(&token, &session).await?;
        let freshness = self.store.begin_request(token.session, session.wrote_at, intent, now).await?;
        Ok(Caller { user, session: token.session, freshness, role: Role::User })
    }

    async fn find_live_session(
        &self,
        session: SessionId,
        user: UserId,
        now: Timestamp,
    ) -> Result<(User, LiveSession), Error> {
        let find = |mut c| async move { sessions::find_user(&mut c, session, user, now).await };
        self.store.look_up(find).await?.ok_or(Error::SESSION_OVER)
    }

    /// Records the first use of the access token that the last refresh issued: the client has
    /// received it, so a later use of the previous refresh token is a replay.
    async fn confirm_refresh(&self, token: &Verified, session: &LiveSession) -> Result<(), Error> {
        let Some(unused) = &session.unused_access_hash else { return Ok(()) };
        let presented = token.token.hash();
        if presented.0 == *unused {
            let mut connection = self.store.write_without_caller().await?;
            sessions::confirm_refresh(&mut connection, token.session, &presented).await?;
        }
        Ok(())
    }

    fn usage<'a>(&self, context: &'a CallContext, now: Timestamp) -> Use<'a> {
        let user_agent = context.user_agent.as_deref();
        Use { ip: context.ip, user_agent, at: now, expires_at: now.plus(self.lifetimes.refresh) }
    }
}
