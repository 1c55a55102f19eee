//! The steps of idempotency keys and conditional requests.

use std::collections::HashSet;

use groundwork_client::types::{User, UserCreate, UserUpdate};
use groundwork_client::{Error, Nullable, ResponseValue};
use serde_json::json;

use crate::steps::{Runner, expect_error};
use crate::{Failed, Step};

impl Runner {
    pub async fn lost_response(&self, step: &Step) -> Result<(), Failed> {
        let users = self.admin()?.users();
        let before = self.retries();
        self.control.lose_response().await?;
        let user = users.create(creation(step)?).send().await?;
        let retries = self.retries() - before;
        let found = users.list().email(user.email.as_str()).send().await?;
        step.compare(&json!({
            "email": user.email,
            "retries": retries,
            "replayed": replayed(&user),
            "count": found.items.len(),
        }))
    }

    pub async fn own_key(&mut self, step: &Step) -> Result<(), Failed> {
        let first = self.create_with_key(step).await??;
        if replayed(&first).is_some() {
            return Err("the first response is a replayed one".into());
        }
        let second = self.create_with_key(step).await??;
        let users = HashSet::from([first.id, second.id]).len();
        let replayed = replayed(&second).map(str::to_owned);
        self.kept.keyed = Some(first.into_inner());
        step.compare(&json!({ "users": users, "replayed": replayed }))
    }

    pub async fn reused_key(&self, step: &Step) -> Result<(), Failed> {
        expect_error(step, self.create_with_key(step).await?)
    }

    pub async fn fresh_etag(&mut self, step: &Step) -> Result<(), Failed> {
        let user = self.admin()?.users().get(self.keyed()?.id).send().await?;
        let etag = user.headers().get("etag").ok_or("has no ETag")?;
        etag.to_str()?.clone_into(&mut self.kept.etag);
        let changed = self.rename(step).await??;
        step.compare(&json!({ "full_name": changed.full_name }))
    }

    pub async fn stale_etag(&self, step: &Step) -> Result<(), Failed> {
        expect_error(step, self.rename(step).await?)
    }

    async fn create_with_key(&self, step: &Step) -> Result<Result<ResponseValue<User>, Error>, Failed> {
        let request = self.admin()?.users().create(creation(step)?);
        Ok(request.idempotency_key(step.parameters.idempotency_key.as_str()).send().await)
    }

    /// Gives the user the name of the step if the `ETag` still matches.
    async fn rename(&self, step: &Step) -> Result<Result<ResponseValue<User>, Error>, Failed> {
        let full_name = Some(Nullable::from(step.parameters.full_name.as_str()));
        let changes = UserUpdate { full_name, ..UserUpdate::default() };
        let request = self.admin()?.users().update(self.keyed()?.id, changes);
        Ok(request.if_match(self.kept.etag.as_str()).send().await)
    }

    fn keyed(&self) -> Result<&User, Failed> {
        self.kept.keyed.as_ref().ok_or_else(|| "there is no user".into())
    }
}

/// The body of `users_create` that the step has.
pub fn creation(step: &Step) -> Result<UserCreate, Failed> {
    let user = step.parameters.body.as_ref().ok_or("has no body")?;
    let body = UserCreate::builder().email(&user.email).password(user.password.as_str());
    Ok(body.full_name(user.full_name.clone()).try_into()?)
}

fn replayed(answer: &ResponseValue<User>) -> Option<&str> {
    answer.headers().get("idempotency-replayed").and_then(|value| value.to_str().ok())
}
