//! Registration, login, and the check of every authenticated request.

mod api_keys;
mod limits;
mod refresh;
mod registration;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use groundwork_auth::{TokenId, TokenKind, TokenSigner};
use groundwork_clock::Timestamp;
use groundwork_database::Connection;
use groundwork_telemetry::context::CallContext;

use super::mail::{MailLimiter, NotifyNewLogin};
use super::passwords::Passwords;
use super::store::Store;
use super::{Error, RevokedSessions};
use crate::domain::api_keys::API_KEY_FORMAT;
use crate::domain::email::Email;
use crate::domain::ids::{Credential, SessionId, UserId, random_bytes};
use crate::domain::network::Network;
use crate::domain::password::{Form, Password, PasswordAttempt, PasswordHash};
use crate::domain::permissions::Permission;
use crate::domain::registration::Registration;
use crate::models::audit_events::{self, AuditActor, AuditEvent, AuditKind, AuthEvent};
use crate::models::sessions::{self, LiveSession, SessionUsage};
use crate::models::user_networks::{self, NetworkUse};
use crate::models::users::{self, User};
pub use limits::PasswordLimiter;
use tokens::Issued;
pub use tokens::{IssuedTokens, Lifetimes};

/// How often it is recorded that a user still uses a network.
const NETWORK_INTERVAL: Duration = Duration::from_hours(24);

/// The user and the credential of an authenticated request.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: User,
    pub credential: Credential,
    /// When the credential last wrote: the caller's reads include its own writes.
    pub last_write: Option<Timestamp>,
    /// The permission that the user's role has to have. The guard checks it, and each unit of work
    /// that writes checks it again.
    pub permission: Option<Permission>,
}

impl Caller {
    /// The caller, if the role of its user has the permission that is required.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn authorized(self, requirement: Requirement) -> Result<Self, Error> {
        let Requirement::Permission(permission) = requirement else { return Ok(self) };
        if !self.user.role.may(permission) {
            return Err(Error::Forbidden);
        }
        Ok(Self { permission: Some(permission), ..self })
    }

    /// The session of a caller who logged in.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] for an API key.
    pub fn session(&self) -> Result<SessionId, Error> {
        match self.credential {
            Credential::Session(id) => Ok(id),
            Credential::ApiKey(_) => Err(Error::LoginRequired),
        }
    }
}

impl From<&Caller> for AuditActor {
    fn from(caller: &Caller) -> Self {
        Self { user: caller.user.id, api_key: caller.credential.api_key() }
    }
}

/// What a token of this service proves.
type VerifiedToken = groundwork_auth::VerifiedToken<UserId, SessionId>;

/// What an operation requires of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// The caller logged in. API keys are refused.
    Login,
    /// The caller logged in, or has an API key with this scope.
    Scope(Permission),
    /// As [`Scope`](Self::Scope), and the role of the user has the permission.
    Permission(Permission),
}

/// Whether a request may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    Read,
    Write,
}

#[derive(Clone)]
pub struct AuthService {
    pub store: Store,
    pub passwords: Passwords,
    pub signer: Arc<TokenSigner>,
    pub lifetimes: Lifetimes,
    /// Without one, login attempts are unlimited.
    pub password_limiter: Option<PasswordLimiter>,
    /// Without one, mails to one address are unlimited.
    pub mail_limiter: Option<MailLimiter>,
    pub revoked: RevokedSessions,
    pub registration: Registration,
    /// Whether a user has to verify its email before it can log in.
    pub requires_verified_email: bool,
}

impl AuthService {
    /// Creates a session. An unknown email, a wrong password and an inactive user take the same
    /// work and get the same error.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`], [`Error::TooManyLogins`], [`Error::EmailNotVerified`].
    pub async fn login(
        &self,
        email: &Email,
        attempt: PasswordAttempt,
        context: &CallContext,
    ) -> Result<IssuedTokens, Error> {
        let over_limit = self.check_login_limit(email, context.ip).await?;
        let user = users::find_by_email(&mut self.store.read(), email).await?;
        let may_match = over_limit.as_ref().is_none_or(|over| over.may_match);
        let hash = user.as_ref().filter(|_| may_match).map(|user| &user.password_hash);
        let form = self.passwords.verify(attempt.clone(), hash).await?;
        let user_id = user.as_ref().map(|user| user.id);
        let Some((user, form)) = user.filter(|user| user.is_active).zip(form) else {
            audit_events::log_auth_event(AuthEvent::LOGIN_REFUSED, user_id);
            return Err(
                over_limit.map_or(Error::InvalidCredentials, |over| Error::TooManyLogins(over.decision))
            );
        };
        if self.requires_verified_email && !user.is_verified {
            audit_events::log_auth_event(AuthEvent::LOGIN_REFUSED, user_id);
            return Err(Error::EmailNotVerified);
        }
        let new_hash = self.rehash(attempt, form, &user.password_hash).await;
        self.create_session(&user, &new_hash, context).await
    }

    /// Hashes a correct password again, if its hash has another cost than the present one or was
    /// not normalized.
    async fn rehash(&self, attempt: PasswordAttempt, form: Form, hash: &PasswordHash) -> PasswordHash {
        match Password::try_from(attempt) {
            Ok(password) if form == Form::AsTyped || self.passwords.hasher.is_outdated(hash) => {
                // When the queue is full, a later login hashes it: the password was correct.
                self.passwords.hasher.hash(password).await.unwrap_or_else(|_| hash.clone())
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
        let (session, token, now) = (SessionId::random()?, TokenId::new(random_bytes()?), self.store.now());
        let usage = usage(context, now);
        let lifetime = self.lifetimes.session();
        let expires_at = now.plus(lifetime.unused.min(lifetime.max));
        let network = Network::of(context.ip);
        self.store
            .transaction_without_caller(async |tx| {
                // While the password was hashed, it may have changed, or the user may have been
                // deactivated.
                let verified = &user.password_hash;
                let known = users::lock_for_login(tx, user.id, verified, new_hash, &network).await?;
                let known = known.ok_or(Error::InvalidCredentials)?;
                sessions::insert(tx, session, user.id, &self.signer.hash(&token), &usage, expires_at).await?;
                self.record_network(tx, user, &network, known, context, now).await?;
                let event =
                    AuditEvent::new(AuditKind::LOGGED_IN, user.id, context).by(user.id).in_session(session);
                Ok(audit_events::insert(tx, &event, now).await?)
            })
            .await?;
        self.issue_tokens(user.id, session, &token, Issued { at: now, session_ends_at: expires_at }, now)
    }

    /// Tells the user by mail of a login from a network that it has not used before, unless it has
    /// used none, and remembers the network. An email that is not verified may belong to somebody
    /// else, who is told nothing.
    async fn record_network(
        &self,
        tx: &mut Connection,
        user: &User,
        network: &Network,
        known: NetworkUse,
        context: &CallContext,
        now: Timestamp,
    ) -> Result<(), Error> {
        if !self.store.sends_mail() {
            return Ok(());
        }
        if known.last_used_at.is_none_or(|last| now >= last.plus(NETWORK_INTERVAL)) {
            user_networks::record(tx, user.id, network, now).await?;
        }
        if known.last_used_at.is_none() && known.has_any && user.is_verified {
            let ip = context.ip.to_canonical();
            let notice = NotifyNewLogin { email: user.email.clone(), ip, logged_in_at: now };
            self.store.enqueue_mail(tx, notice, context).await?;
        }
        Ok(())
    }

    /// Ends the caller's session. Does nothing if it has already ended.
    ///
    /// # Errors
    /// [`Error::LoginRequired`].
    pub async fn logout(&self, caller: &Caller, context: &CallContext) -> Result<(), Error> {
        let session = caller.session()?;
        let event =
            AuditEvent::new(AuditKind::LOGGED_OUT, caller.user.id, context).by(caller).in_session(session);
        let logout = self.store.transaction_with_checked_write(caller, async |write| {
            let ended = sessions::revoke_own(write, session).await?;
            if ended {
                write.record(&event).await?;
            }
            Ok(ended)
        });
        self.revoked.logout.increment(logout.await?.into());
        Ok(())
    }

    /// Authenticates the caller by an access token or an API key, with one query. Whether the role of
    /// the user suffices is up to [`Caller::authorized`].
    ///
    /// # Errors
    /// [`Error::InvalidToken`] if the token is invalid, its session is over, or its user is inactive
    /// or deleted; [`Error::LoginRequired`] and [`Error::InsufficientScope`] for an API key that may
    /// not do this.
    pub async fn authenticate(
        &self,
        token: &str,
        requirement: Requirement,
        intent: Intent,
    ) -> Result<Caller, Error> {
        if API_KEY_FORMAT.is_claimed_by(token) {
            return self.authenticate_api_key(token, requirement, intent).await;
        }
        self.authenticate_session(token, intent).await
    }

    /// Verifies an access token, and loads its user and its session. It writes in two cases: the
    /// token is used for the first time after a refresh, or the request may write.
    async fn authenticate_session(&self, access_token: &str, intent: Intent) -> Result<Caller, Error> {
        let token: VerifiedToken = self.signer.verify(access_token, TokenKind::Access)?;
        let now = self.store.now();
        let found = sessions::find_user(&mut self.store.read(), token.session, token.subject, now).await?;
        let (user, session) = found.ok_or(Error::SESSION_OVER)?;
        if !user.is_active {
            return Err(Error::USER_INACTIVE);
        }
        self.confirm_refresh(&token, &session).await?;
        let credential = Credential::Session(token.session);
        let last_write = self.store.record_last_write(credential, session.wrote_at, intent).await?;
        Ok(Caller { user, credential, last_write, permission: None })
    }

    /// Records the first use of the access token that the last refresh issued: the client has
    /// received it, so a later use of the previous refresh token is a replay.
    async fn confirm_refresh(&self, token: &VerifiedToken, session: &LiveSession) -> Result<(), Error> {
        let Some(unused) = &session.unused_access_hash else { return Ok(()) };
        let presented = self.signer.hash(&token.id);
        if presented.0 == *unused {
            let mut connection = self.store.write_without_caller().await?;
            sessions::confirm_refresh(&mut connection, token.session, &presented).await?;
        }
        Ok(())
    }
}

fn usage(context: &CallContext, now: Timestamp) -> SessionUsage<'_> {
    let user_agent = context.user_agent.as_deref();
    SessionUsage { ip: context.ip.to_string(), user_agent, last_used_at: now }
}
