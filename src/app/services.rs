//! Builds the services, which requests and jobs share.

use std::iter;
use std::sync::Arc;

use groundwork_auth::{PasswordHasher, TokenKeys, TokenSigner, ValueSigner};
use groundwork_clock::Clock;
use groundwork_database::Database;
use groundwork_http_client::LeakedPasswords;
use groundwork_jobs::{Queue, Wakeups, Workers};
use groundwork_mail::Mailer;
use groundwork_state::cache::Cache;
use groundwork_state::rate_limit::RateLimiter;
use groundwork_state::redis::Redis;
use groundwork_webhooks::Sender;
use poem::http::HeaderValue;

use super::{DOMAIN, StartError};
use crate::db::migrations;
use crate::domain::api_keys::API_KEY_FORMAT;
use crate::jobs::{self, MailHandler};
use crate::mail;
use crate::services::RevokedSessions;
use crate::services::auth::{AuthService, Lifetimes, PasswordLimiter};
use crate::services::links::LinkService;
use crate::services::mail::MailLimiter;
use crate::services::passwords::Passwords;
use crate::services::store::Store;
use crate::services::users::UserService;
use crate::services::webhooks::{DeliveryCounters, WebhookService};
use crate::settings::{RedisUrl, Settings};

/// How the service names itself to others that it calls.
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// What the API and the workers are made of.
pub(super) struct Services {
    pub database: Database,
    pub redis: Option<Redis>,
    pub limiter: Option<RateLimiter>,
    pub store: Store,
    pub users: UserService,
    pub auth: AuthService,
    pub links: LinkService,
    pub webhooks: WebhookService,
    pub workers: Workers,
}

impl Services {
    /// Prepares the database and builds the services.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn new(settings: &Settings, clock: Clock) -> Result<Self, StartError> {
        let key = settings.signing_key()?;
        let previous = &settings.jwt_previous_secret_keys;
        migrations::prepare(settings).await?;
        log_start(settings);

        let database = Database::new(&settings.into())?;
        database.watch();
        let redis = connect_redis(settings).await;
        let limiter = settings.rate_limit_enabled.then(|| {
            let limiter = RateLimiter::new(redis.clone(), clock.clone());
            limiter.with_api_keys(|text| Some(API_KEY_FORMAT.parse(text).ok()?.hash().0))
        });
        let password_limiter = limiter.clone().map(|limiter| {
            let per_user = settings.account_rate_limit_per_minute;
            PasswordLimiter::new(limiter, per_user, settings.auth_rate_limit_per_minute)
        });
        let mail_limiter = limiter.clone().map(MailLimiter::new);
        let revoked = RevokedSessions::default();
        let wakeups = Wakeups::new(redis.clone(), &database);
        let page_signer = ValueSigner::new(DOMAIN, iter::once(&key).chain(previous));
        let store = Store::new(database.clone(), clock.clone(), Queue::new(wakeups.clone()), page_signer);
        let store = if settings.mail_tier().is_some() { store } else { store.without_mail() };
        let users = UserService {
            store: store.clone(),
            passwords: passwords(settings)?,
            cache: Cache::new(redis.clone(), settings.cache_ttl, clock.clone()),
            password_limiter: password_limiter.clone(),
            revoked: revoked.clone(),
        };
        let keys = TokenKeys { domain: DOMAIN, current: &key, previous };
        let signer = TokenSigner::with_files(keys, settings.key_files(), clock.clone())?
            .with_claims(settings.jwt_issuer.clone(), settings.jwt_audience.clone());
        let auth = AuthService {
            store: store.clone(),
            passwords: users.passwords.clone(),
            signer: Arc::new(signer),
            lifetimes: Lifetimes {
                access: settings.access_token_expire,
                refresh: settings.refresh_token_expire,
                session_max: settings.session_max,
            },
            password_limiter,
            mail_limiter: mail_limiter.clone(),
            revoked,
            registration: settings.registration,
            requires_verified_email: settings.require_verified_email,
        };
        let links = LinkService { users: users.clone(), limiter: mail_limiter };
        let webhooks = WebhookService {
            store: store.clone(),
            sender: Sender::new(settings.into(), clock.clone())?,
            networks: settings.into(),
            counters: DeliveryCounters::default(),
        };
        let mail = mail_handler(settings, &links, &auth)?;
        let handlers = jobs::handlers(&store, &webhooks, mail, settings.audit_retention())?;
        let workers = Workers::new(database.clone(), clock, handlers, wakeups, settings.into());
        Ok(Self { database, redis, limiter, store, users, auth, links, webhooks, workers })
    }
}

/// How passwords are hashed and looked up.
///
/// # Errors
/// [`StartError::HttpClient`].
pub(super) fn passwords(settings: &Settings) -> Result<Passwords, StartError> {
    let config = LeakedPasswords::config(HeaderValue::from_static(USER_AGENT));
    let check = settings.password_leak_check_url.as_ref();
    Ok(Passwords {
        hasher: PasswordHasher::new(settings.bcrypt_rounds, settings.bcrypt_queue_size),
        leaked: check.map(|url| LeakedPasswords::new(url, config)).transpose()?,
    })
}

/// What runs the jobs that send mail; `None` if the service sends none.
fn mail_handler(
    settings: &Settings,
    links: &LinkService,
    auth: &AuthService,
) -> Result<Option<MailHandler>, StartError> {
    if settings.mail_tier().is_none() {
        return Ok(None);
    }
    Ok(Some(MailHandler {
        links: links.clone(),
        auth: auth.clone(),
        mailer: Arc::new(Mailer::new(&settings.mail()?)?),
        templates: Arc::new(mail::templates(&settings.app_name)?),
        public_url: Arc::from(settings.public_url.as_str()),
    }))
}

async fn connect_redis(settings: &Settings) -> Option<Redis> {
    let redis = settings.redis().map(Redis::new);
    if let Some(redis) = &redis {
        // So that an unavailable Redis is noticed and logged before the first request.
        let _ = redis.ping().await;
    }
    redis
}

/// Logs the tier of each part, so that no fallback is silent.
fn log_start(settings: &Settings) {
    tracing::info!(
        environment = %settings.app_env,
        database = settings.database_url.tier(),
        replicas = settings.database_replica_urls.len(),
        state = settings.redis_url.as_ref().map_or("in_process", RedisUrl::tier),
        mail = settings.mail_tier().unwrap_or("none"),
        version = env!("CARGO_PKG_VERSION"),
        "starting"
    );
    if settings.mail_tier().is_none() {
        tracing::warn!(
            "there is no SMTP_URL: no mail is sent, so nobody can reset a password or verify an email; operations that need \
             mail answer 503"
        );
    }
}
