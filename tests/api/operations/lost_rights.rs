//! A caller who loses its rights while a request is under way: the write does not happen.

use std::sync::Arc;
use std::time::Duration;

use groundwork::domain::api_keys::ApiKeyName;
use groundwork::domain::email::Email;
use groundwork::domain::ids::{JobId, UserId};
use groundwork::domain::password::{Password, PasswordAttempt};
use groundwork::domain::permissions::{Permission, UserRole};
use groundwork::domain::registration::Registration;
use groundwork::domain::text::FullName;
use groundwork::models::api_keys::NewApiKey;
use groundwork::models::users::{NewProfile, NewUser, ProfileChanges, RoleChange, UserChanges};
use groundwork::services::Error;
use groundwork::services::RevokedSessions;
use groundwork::services::api_keys::ApiKeyService;
use groundwork::services::auth::{AuthService, Caller as Authenticated, Intent, Lifetimes, Requirement};
use groundwork::services::idempotency::Idempotency;
use groundwork::services::jobs::JobService;
use groundwork::services::links::LinkService;
use groundwork::services::passwords::Passwords;
use groundwork::services::precondition::Precondition;
use groundwork::services::sessions::SessionService;
use groundwork::services::store::{Actor, Store};
use groundwork::services::users::UserService;
use groundwork_auth::{PasswordHasher, TokenKeys, TokenSigner, ValueSigner};
use groundwork_database::Database;
use groundwork_jobs::{Queue, Wakeups};
use groundwork_state::cache::Cache;
use groundwork_telemetry::context::CallContext;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Caller, Operation, protected};
use crate::support::begun::begun_with;
use crate::support::client::{PASSWORD, TestUser, fresh_email};
use crate::support::postgres::eventually;
use crate::support::{Backend, SECRET, Service};

/// How a caller loses rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Demotion,
    Deactivation,
    Removal,
    Logout,
    OwnNewPassword,
    NewPasswordByAnother,
}

impl Loss {
    const ALL: [Self; 6] = [
        Self::Demotion,
        Self::Deactivation,
        Self::Removal,
        Self::Logout,
        Self::OwnNewPassword,
        Self::NewPasswordByAnother,
    ];

    /// Whether it concerns an operation that any user may call.
    fn concerns_users(self) -> bool {
        self != Self::Demotion
    }

    /// The response for a caller who lost the rights.
    fn answer(self) -> (u16, &'static str) {
        if self == Self::Demotion { (403, "forbidden") } else { (401, "invalid_token") }
    }

    async fn happen(self, service: &Service, victim: &TestUser, root: &TestUser) {
        let by_root = |method: &str, path: &str| {
            service.by(root, method, &format!("/api/v1/users/{}{path}", victim.id))
        };
        let own = |method: &str, path: &str| service.by(victim, method, path);
        let call = match self {
            Self::Demotion => by_root("PATCH", "").json(json!({"is_superuser": false})),
            Self::Deactivation => by_root("PATCH", "/deactivate"),
            Self::Removal => by_root("DELETE", ""),
            Self::Logout => own("POST", "/api/v1/auth/logout"),
            Self::OwnNewPassword => own("PATCH", "/api/v1/users/me")
                .json(json!({"password": "another horse battery", "current_password": PASSWORD})),
            Self::NewPasswordByAnother => {
                by_root("PATCH", "").json(json!({"password": "another horse battery"}))
            }
        };
        let answer = call.send().await;
        assert!(answer.status.is_success(), "{self:?}: {answer:?}");
    }
}

/// The operations that take a body, which a client can hold back.
fn with_body() -> impl Iterator<Item = &'static Operation> {
    protected().filter(|operation| operation.body.is_some())
}

/// Bodies worth trying: what the table has, and the rights back.
fn bodies(operation: &Operation, victim: &TestUser) -> Vec<Value> {
    let mut bodies = vec![operation.body.unwrap()(victim)];
    match operation.id {
        "users_update" => bodies.push(json!({"is_superuser": true, "is_active": true})),
        "users_create" => {
            bodies.push(json!({"email": fresh_email(), "password": PASSWORD, "is_superuser": true}));
        }
        "users_me_update" => {
            bodies.push(json!({"password": "yet another battery", "current_password": PASSWORD}));
        }
        _ => {}
    }
    bodies
}

/// Sends the rest of a request and reads the answer: its status line and the code of its error.
async fn finish(mut stream: TcpStream, body: &str) -> (u16, String) {
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(Duration::from_mins(1), stream.read_to_string(&mut answer)).await;
    read.expect("the answer comes").unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    (status, body["error"].as_str().unwrap_or_default().to_owned())
}

on_both! {
    async fn rights_are_checked_after_a_delayed_body_has_arrived(service: Service) {
        let root = service.superuser().await;
        let mut cases = 0;
        for operation in with_body() {
            for loss in Loss::ALL.into_iter().filter(|loss| operation.who.needs_role() || loss.concerns_users()) {
                let victim = if operation.who.needs_role() { service.superuser().await } else { service.user().await };
                for body in bodies(operation, &victim) {
                    let victim = if operation.who.needs_role() { service.superuser().await } else { service.user().await };
                    let body = body.to_string();
                    let headers = format!("Authorization: Bearer {}\r\nConnection: close\r\n", victim.access);
                    let path = operation.path(&operation.target(&service, &victim).await);
                    let held = begun_with(&service.instance.url, operation.method, &path, &headers, body.len()).await;
                    loss.happen(&service, &victim, &root).await;
                    let after = service.stored().await;
                    let (status, code) = finish(held, &body).await;
                    assert_eq!((status, code.as_str()), loss.answer(), "{} after {loss:?}: {body}", operation.id);
                    assert_eq!(service.stored().await, after, "{} after {loss:?}: {body}", operation.id);
                    cases += 1;
                }
            }
        }
        // Of users alone: two operations of superusers and one of all users, with two bodies each.
        assert!(cases >= 2 * 6 + 2 * 6 + 2 * 5, "{cases}");
    }

    /// Operations without a body too: the services are called as handlers call them, with what the
    /// guard found out before.
    async fn a_caller_who_lost_rights_after_authentication_changes_nothing(service: Service) {
        let root = service.superuser().await;
        let (auth, users) = services(&service);
        let job = JobId(service.job("test_kind", "dead").await);
        let context = CallContext::local();
        for loss in Loss::ALL {
            for (what, role) in WRITES {
                if role == Caller::User && !loss.concerns_users() {
                    continue;
                }
                let (victim, target) = (service.superuser().await, service.user().await);
                let requirement = match role {
                    Caller::Superuser => Requirement::Permission(Permission::UsersWrite),
                    _ => Requirement::Login,
                };
                let caller = auth.authenticate(&victim.access, requirement, Intent::Write).await.unwrap();
                let caller = caller.authorized(requirement).unwrap();
                loss.happen(&service, &victim, &root).await;
                let after = service.stored().await;
                let result = write(what, &auth, &users, &caller, UserId(target.id), job, &context).await;
                match (loss, result) {
                    (Loss::Demotion, Err(Error::Forbidden)) | (_, Err(Error::InvalidToken(_))) => {}
                    // Nothing is left to end.
                    (_, Ok(())) if what == "log out" => {}
                    // The sessions of a deleted user are deleted.
                    (Loss::Removal, Err(Error::NotFound(_))) if what == "revoke own session" => {}
                    (_, result) => panic!("{what} after {loss:?}: {result:?}"),
                }
                assert_eq!(service.stored().await, after, "{what} after {loss:?}");
            }
        }
    }

    async fn a_password_change_that_races_with_deletion_is_not_reported_as_a_wrong_password(service: Service) {
        let (auth, users) = services(&service);
        let (root, victim) = (service.superuser().await, service.user().await);
        let caller = auth.authenticate(&victim.access, Requirement::Login, Intent::Write).await.unwrap();
        Loss::Removal.happen(&service, &victim, &root).await;
        let result = write("change own password", &auth, &users, &caller, UserId(victim.id), JobId(1), &CallContext::local()).await;
        assert!(matches!(result, Err(Error::InvalidToken(_))), "{result:?}");
    }
}

/// The lock is held by what ends the session; the statement has begun before that is done.
#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_waits_while_its_session_ends_is_refused() {
    let service = Service::start(Backend::Postgres).await;
    for (method, path, who) in [
        ("PATCH", "/api/v1/users/me", Caller::User),
        ("PATCH", "/api/v1/users/{id}", Caller::Superuser),
        ("POST", "/api/v1/users", Caller::Superuser),
    ] {
        let victim = if who == Caller::User { service.user().await } else { service.superuser().await };
        let (ending, connection) =
            tokio_postgres::connect(&service.database.url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let end = format!(
            "BEGIN; UPDATE users SET updated_at = now() WHERE id = {0};
             UPDATE sessions SET revoked_at = now() WHERE user_id = {0}",
            victim.id
        );
        let body = json!({"full_name": "After the End", "email": fresh_email(), "password": PASSWORD});
        let body = if path.ends_with("/me") { json!({"full_name": "After the End"}) } else { body };
        // Its guard is asked before the end begins.
        let call = service.by(&victim, method, &path.replace("{id}", &victim.id.to_string())).json(body);
        ending.batch_execute(&end).await.unwrap();
        let request = tokio::spawn(call.send());
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("the write waits", async || {
            (service.database.sql(waiting).await.as_deref() == Some("1")).then_some(())
        })
        .await;
        ending.batch_execute("COMMIT").await.unwrap();
        request.await.unwrap().expect_error(401, "invalid_token");
        let written = "SELECT COUNT(*) FROM users WHERE full_name = 'After the End'";
        assert_eq!(service.database.sql(written).await.as_deref(), Some("0"), "{method} {path}");
    }
}

/// Every method of a service that writes for a caller.
const WRITES: [(&str, Caller); 15] = [
    ("log out", Caller::User),
    ("log out elsewhere", Caller::User),
    ("revoke own session", Caller::User),
    ("change own name", Caller::User),
    ("change own password", Caller::User),
    ("change own email", Caller::User),
    ("delete self", Caller::User),
    ("create API key", Caller::User),
    ("create", Caller::Superuser),
    ("promote self", Caller::Superuser),
    ("update", Caller::Superuser),
    ("activate self", Caller::Superuser),
    ("delete", Caller::Superuser),
    ("retry job", Caller::Superuser),
    ("delete job", Caller::Superuser),
];

async fn write(
    what: &str,
    auth: &AuthService,
    users: &UserService,
    caller: &Authenticated,
    target: UserId,
    job: JobId,
    context: &CallContext,
) -> Result<(), Error> {
    let own = caller.user.id;
    let renamed = || {
        let mut changes = UserChanges::default();
        changes.profile.full_name = Some(Some(FullName::parse("Written Later").unwrap()));
        changes
    };
    let password = || Password::parse("yet another battery").unwrap();
    match what {
        "log out" => auth.logout(caller, context).await,
        "log out elsewhere" => sessions(users).revoke_others(caller, context).await,
        "revoke own session" => {
            sessions(users).revoke(caller, &caller.session().unwrap().to_string(), context).await
        }
        "change own name" => users
            .update_profile(caller, renamed().profile, None, &Precondition::none(), context)
            .await
            .map(drop),
        "change own password" => {
            let password = Some((PasswordAttempt::new(PASSWORD.to_owned()), password()));
            let unchanged = ProfileChanges::default();
            users.update_profile(caller, unchanged, password, &Precondition::none(), context).await.map(drop)
        }
        "change own email" => {
            let links = LinkService { users: users.clone(), limiter: None };
            let email = Email::parse(&fresh_email()).unwrap();
            let password = PasswordAttempt::new(PASSWORD.to_owned());
            links.request_email_change(caller, &email, password, &Idempotency::none(), context).await
        }
        "create API key" => {
            let scopes = vec!["users:read".to_owned()].try_into().unwrap();
            let new = NewApiKey { name: ApiKeyName::parse("Later").unwrap(), scopes, expires_at: None };
            ApiKeyService { store: users.store.clone() }.create(caller, new, context).await.map(drop)
        }
        "delete self" => users.delete(caller, own, &Precondition::none(), context).await,
        "create" => {
            let new = NewUser {
                email: Email::parse(&fresh_email()).unwrap(),
                profile: NewProfile::default(),
                is_active: true,
                role: UserRole::Superuser,
                is_verified: false,
            };
            users
                .create(Actor::Caller(caller), new, password(), &Idempotency::none(), context)
                .await
                .map(drop)
        }
        "promote self" => {
            let changes =
                UserChanges { role: Some(RoleChange::Set(UserRole::Superuser)), ..UserChanges::default() };
            users.update(caller, own, &changes, None, &Precondition::none(), context).await.map(drop)
        }
        "update" => {
            users.update(caller, target, &renamed(), None, &Precondition::none(), context).await.map(drop)
        }
        "activate self" => users
            .update(caller, own, &UserChanges::activation(true), None, &Precondition::none(), context)
            .await
            .map(drop),
        "delete" => users.delete(caller, target, &Precondition::none(), context).await,
        "retry job" => JobService { store: users.store.clone() }
            .retry(caller, job, &Idempotency::none(), context)
            .await
            .map(drop),
        "delete job" => JobService { store: users.store.clone() }.delete(caller, job, context).await,
        other => panic!("{other} is not a write"),
    }
}

fn sessions(users: &UserService) -> SessionService {
    SessionService { store: users.store.clone(), revoked: users.revoked.clone() }
}

/// The services of one more instance.
fn services(service: &Service) -> (AuthService, UserService) {
    let settings = service.settings();
    let clock = service.clock.clone();
    let page_signer = ValueSigner::new("groundwork", []);
    let database = Database::new(&(&settings).into()).unwrap();
    let queue = Queue::new(Wakeups::new(None, &database));
    let store = Store::new(database, clock.clone(), queue, page_signer);
    let hasher = PasswordHasher::new(settings.bcrypt_rounds, settings.bcrypt_queue_size);
    let passwords = Passwords { hasher, leaked: None };
    let signer = Arc::new(TokenSigner::new(
        TokenKeys { domain: "groundwork", current: &SECRET.into(), previous: &[] },
        clock.clone(),
    ));
    let lifetimes = Lifetimes {
        access: settings.access_token_expire,
        refresh: settings.refresh_token_expire,
        session_max: settings.session_max,
    };
    let revoked = RevokedSessions::default();
    let auth = AuthService {
        store: store.clone(),
        passwords: passwords.clone(),
        signer,
        lifetimes,
        password_limiter: None,
        mail_limiter: None,
        revoked: revoked.clone(),
        registration: Registration::Open,
        requires_verified_email: false,
    };
    let users = UserService {
        store,
        passwords,
        cache: Cache::new(None, settings.cache_ttl, clock),
        password_limiter: None,
        revoked,
    };
    (auth, users)
}
