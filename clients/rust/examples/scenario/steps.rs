//! One function per step of the scenario.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use groundwork_client::types::{ProfileUpdate, RegisterRequest, User};
use groundwork_client::{Error, Failure, Nullable, ResponseValue, Service, Session};
use serde_json::json;

use crate::{Failed, Step, TestUser};

/// What later steps need from earlier ones, and the counts.
pub struct Runner {
    service: Service,
    control: String,
    test_user: TestUser,
    test_admin: TestUser,
    user: Option<Session>,
    admin: Option<Session>,
    counts: Arc<Counts>,
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
        control: String,
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
        Ok(Self { service, control, test_user, test_admin, user: None, admin: None, counts })
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
            "not_found" => {
                let admin = self.admin.as_ref().ok_or("no user is logged in")?;
                expect_error(step, admin.users().get(step.parameters.id).send().await)
            }
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
        let session = self.service.log_in(&self.test_user.email, &self.test_user.password).await?;
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
        let before = read(&self.counts.lists);
        let query = admin.users().list().limit(step.parameters.limit).email(step.parameters.email.as_str());
        let ids: Vec<i64> = query.stream().map_ok(|user: User| user.id).try_collect().await?;
        if !ids.is_sorted_by(|before, after| before < after) {
            return Err(format!("{ids:?} do not ascend").into());
        }
        step.compare(&json!({ "count": ids.len(), "calls": read(&self.counts.lists) - before }))?;
        self.admin = Some(admin);
        Ok(())
    }

    async fn expired_token(&self, step: &Step) -> Result<(), Failed> {
        self.advance(step.parameters.advance_seconds).await?;
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
        let before = read(&self.counts.retries);
        self.call_me(step.parameters.first).await?;
        self.advance(step.parameters.advance_seconds).await?;
        self.call_me(step.parameters.then).await?;
        step.compare(&json!({ "retries": read(&self.counts.retries) - before }))
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

    /// Moves the clock of the service forward.
    async fn advance(&self, seconds: u64) -> Result<(), Failed> {
        let url = format!("{}/advance?seconds={seconds}", self.control);
        reqwest::Client::new().post(url).send().await?.error_for_status()?;
        Ok(())
    }

    fn user(&self) -> Result<&Session, Failed> {
        self.user.as_ref().ok_or_else(|| "no user is logged in".into())
    }
}

fn expect_error<T>(step: &Step, answer: Result<T, Error>) -> Result<(), Failed> {
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
