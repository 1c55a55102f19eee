//! One function per step of the scenario.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use groundwork_client::types::{ApiKeyWithSecret, ProfileUpdate, RegisterRequest, User, WebhookWithSecret};
use groundwork_client::{Error, Failure, Nullable, ResponseValue, Service, Session};
use serde_json::json;

use crate::control::Control;
use crate::{Failed, Step, TestUser};

/// What later steps need from earlier ones, and the counts.
pub struct Runner {
    pub service: Service,
    pub control: Control,
    test_user: TestUser,
    test_admin: TestUser,
    user: Option<Session>,
    admin: Option<Session>,
    pub kept: Kept,
    counts: Arc<Counts>,
}

/// What the steps beside those of users keep.
#[derive(Default)]
pub struct Kept {
    pub key: Option<ApiKeyWithSecret>,
    /// Another session of the user, and its ID.
    pub other: Option<(Session, String)>,
    /// The user that a step created with a key of its own.
    pub keyed: Option<User>,
    /// The `ETag` of that user before it was changed.
    pub etag: String,
    pub webhook: Option<WebhookWithSecret>,
}

/// Retries and refreshes that the client reported.
#[derive(Default)]
struct Counts {
    refreshes: AtomicU32,
    retries: AtomicU32,
    lists: AtomicU32,
}

impl Runner {
    pub fn new(
        test_user: TestUser,
        test_admin: TestUser,
        url: &str,
        control: Control,
    ) -> Result<Self, Failed> {
        let counts = Arc::<Counts>::default();
        let [refreshed, retried, answered] = [&counts, &counts, &counts].map(Arc::clone);
        let service = Service::new(url)?
            .on_refresh(move || count(&refreshed.refreshes))
            .on_retry(move |_| count(&retried.retries))
            .on_answer(move |operation, _| {
                if operation == "users_list" {
                    count(&answered.lists);
                }
            });
        let kept = Kept::default();
        Ok(Self { service, control, test_user, test_admin, user: None, admin: None, kept, counts })
    }

    pub async fn take(&mut self, step: &Step) -> Result<(), Failed> {
        match step.name.as_str() {
            "register" => self.register(step).await,
            "duplicate" => expect_error(step, self.register_user(&self.test_user).await),
            "invalid" => self.invalid(step).await,
            "login" => self.log_in(step).await,
            "me" => self.me(step).await,
            "patch_absent" => self.patch(step, ProfileUpdate::default()).await,
            "patch_null" => {
                self.patch(
                    step,
                    ProfileUpdate { full_name: Some(Nullable::Null), ..ProfileUpdate::default() },
                )
                .await
            }
            "forbidden" => expect_error(step, self.user()?.users().list().send().await),
            "pages" => self.pages(step).await,
            "not_found" => expect_error(step, self.admin()?.users().get(step.parameters.id).send().await),
            "sorted_pages" => {
                let sort = Some(step.parameters.sort.as_str());
                self.list(step, sort, |before, after| before > after).await
            }
            "api_key" => self.api_key(step).await,
            "insufficient_scope" => self.insufficient_scope(step).await,
            "deleted_api_key" => self.deleted_api_key(step).await,
            "sessions" => self.sessions(step).await,
            "revoked_session" => self.revoked_session(step).await,
            "logout_all" => self.log_out_all(step).await,
            "lost_response" => self.lost_response(step).await,
            "own_key" => self.own_key(step).await,
            "reused_key" => self.reused_key(step).await,
            "fresh_etag" => self.fresh_etag(step).await,
            "stale_etag" => self.stale_etag(step).await,
            "webhook" => self.webhook(step).await,
            "rotated_secret" => self.rotated_secret(step).await,
            "expired_token" => self.expired_token(step).await,
            "rate_limited" => self.rate_limited(step).await,
            "logout" => self.log_out(step).await,
            _ => Err("has no function".into()),
        }
    }

    async fn register(&self, step: &Step) -> Result<(), Failed> {
        let answer = self.register_user(&self.test_user).await?;
        step.compare(&json!({
            "status": answer.status().as_u16(),
            "email": answer.email,
            "full_name": answer.full_name,
            "is_superuser": answer.is_superuser,
        }))
    }

    async fn invalid(&self, step: &Step) -> Result<(), Failed> {
        let test_user = step.parameters.body.as_ref().ok_or("has no body")?;
        let error = refused(self.register_user(test_user).await)?;
        let fields: Vec<&str> = error.fields().iter().map(|problem| problem.field.as_str()).collect();
        step.compare(&json!({ "status": status(&error), "error": error.code(), "fields": fields }))
    }

    async fn log_in(&mut self, step: &Step) -> Result<(), Failed> {
        let session = self.another_session().await?;
        step.compare(&json!({
            "token_type": session.token_type(),
            "expires_in": session.expires_in().as_secs(),
        }))?;
        self.user = Some(session);
        Ok(())
    }

    async fn me(&self, step: &Step) -> Result<(), Failed> {
        let me = self.user()?.users().me().send().await?;
        step.compare(&json!({ "email": me.email, "full_name": me.full_name }))
    }

    async fn patch(&self, step: &Step, changes: ProfileUpdate) -> Result<(), Failed> {
        let me = self.user()?.users().me_update(changes).send().await?;
        step.compare(&json!({ "full_name": me.full_name }))
    }

    async fn pages(&mut self, step: &Step) -> Result<(), Failed> {
        let admin = self.service.log_in(&self.test_admin.email, &self.test_admin.password).await?;
        self.admin = Some(admin);
        self.list(step, None, |before, after| before < after).await
    }

    /// Iterates over all pages of users. `in_order` compares the IDs of two that follow each other.
    async fn list(
        &self,
        step: &Step,
        sort: Option<&str>,
        in_order: fn(&i64, &i64) -> bool,
    ) -> Result<(), Failed> {
        let before = read(&self.counts.lists);
        let parameters = &step.parameters;
        let query = self.admin()?.users().list().limit(parameters.limit).email(parameters.email.as_str());
        let query = match sort {
            Some(sort) => query.sort(sort),
            None => query,
        };
        let ids: Vec<i64> = query.stream().map_ok(|user: User| user.id).try_collect().await?;
        if !ids.is_sorted_by(in_order) {
            return Err(format!("{ids:?} are not in order").into());
        }
        step.compare(&json!({ "count": ids.len(), "calls": read(&self.counts.lists) - before }))
    }

    async fn expired_token(&self, step: &Step) -> Result<(), Failed> {
        self.control.advance(step.parameters.advance_seconds).await?;
        let before = read(&self.counts.refreshes);
        let user = self.user()?;
        let answers = try_join_all((0..step.parameters.parallel).map(|_| user.users().me().send())).await?;
        let refreshes = read(&self.counts.refreshes) - before;
        for answer in answers {
            step.compare(&json!({ "email": answer.email, "refreshes": refreshes }))?;
        }
        Ok(())
    }

    async fn rate_limited(&self, step: &Step) -> Result<(), Failed> {
        let before = self.retries();
        self.call_me(step.parameters.first).await?;
        self.control.advance(step.parameters.advance_seconds).await?;
        self.call_me(step.parameters.then).await?;
        step.compare(&json!({ "retries": self.retries() - before }))
    }

    async fn call_me(&self, times: usize) -> Result<(), Failed> {
        for _ in 0..times {
            self.user()?.auth().me().send().await?;
        }
        Ok(())
    }

    async fn log_out(&self, step: &Step) -> Result<(), Failed> {
        let user = self.user()?;
        user.log_out().await?;
        expect_error(step, user.users().me().send().await)
    }

    async fn register_user(&self, test_user: &TestUser) -> Result<ResponseValue<User>, Error> {
        let body = RegisterRequest {
            email: test_user.email.clone(),
            password: test_user.password.as_str().into(),
            full_name: test_user.full_name.clone(),
        };
        self.service.anonymous().auth().register(body).send().await
    }

    /// Opens one more session of the user.
    pub async fn another_session(&self) -> Result<Session, Error> {
        self.service.log_in(&self.test_user.email, &self.test_user.password).await
    }

    /// How often the client has said that it retries.
    pub fn retries(&self) -> u32 {
        read(&self.counts.retries)
    }

    pub fn user(&self) -> Result<&Session, Failed> {
        self.user.as_ref().ok_or_else(|| "no user is logged in".into())
    }

    pub fn admin(&self) -> Result<&Session, Failed> {
        self.admin.as_ref().ok_or_else(|| "no user is logged in".into())
    }
}

pub fn expect_error<T>(step: &Step, answer: Result<T, Error>) -> Result<(), Failed> {
    let error = refused(answer)?;
    step.compare(&json!({ "status": status(&error), "error": error.code() }))
}

/// The error that the service returned. A call that succeeds fails the step.
fn refused<T>(answer: Result<T, Error>) -> Result<Error, Failed> {
    answer.err().ok_or_else(|| "expected an error, got none".into())
}

fn status(error: &Error) -> Option<u16> {
    error.status().map(|status| status.as_u16())
}

fn count(counter: &AtomicU32) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &AtomicU32) -> u32 {
    counter.load(Ordering::Relaxed)
}
