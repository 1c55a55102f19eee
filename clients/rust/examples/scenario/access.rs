//! The steps of API keys and sessions.

use futures_util::TryStreamExt;
use groundwork_client::Client;
use groundwork_client::types::{ApiKeyWithSecret, UserSession};
use serde_json::json;

use crate::steps::{Runner, expect_error};
use crate::writes::creation;
use crate::{Failed, Step};

impl Runner {
    pub async fn api_key(&mut self, step: &Step) -> Result<(), Failed> {
        let body = step.parameters.key.clone().ok_or("has no key")?;
        let key = self.admin()?.api_keys().create(body).send().await?.into_inner();
        let scopes = key.scopes.clone();
        self.kept.key = Some(key);
        let me = self.with_key()?.users().me().send().await?;
        step.compare(&json!({ "scopes": scopes, "email": me.email }))
    }

    pub async fn insufficient_scope(&self, step: &Step) -> Result<(), Failed> {
        expect_error(step, self.with_key()?.users().create(creation(step)?).send().await)
    }

    pub async fn deleted_api_key(&self, step: &Step) -> Result<(), Failed> {
        self.admin()?.api_keys().delete(self.key()?.id).send().await?;
        expect_error(step, self.with_key()?.users().me().send().await)
    }

    pub async fn sessions(&mut self, step: &Step) -> Result<(), Failed> {
        let other = self.another_session().await?;
        let sessions = self.user()?.auth().sessions_list().stream();
        let sessions: Vec<UserSession> = sessions.try_collect().await?;
        let count = sessions.len();
        let (current, others): (Vec<_>, Vec<_>) =
            sessions.into_iter().partition(|session| session.is_current);
        let id = others.into_iter().next().ok_or("there is no other session")?.id;
        self.kept.other = Some((other, id));
        step.compare(&json!({ "count": count, "current": current.len() }))
    }

    pub async fn revoked_session(&self, step: &Step) -> Result<(), Failed> {
        let (other, id) = self.kept.other.as_ref().ok_or("there is no other session")?;
        self.user()?.auth().sessions_revoke(id).send().await?;
        expect_error(step, other.users().me().send().await)
    }

    pub async fn log_out_all(&self, step: &Step) -> Result<(), Failed> {
        let other = self.another_session().await?;
        let user = self.user()?;
        user.auth().logout_all().send().await?;
        user.users().me().send().await?;
        expect_error(step, other.users().me().send().await)
    }

    fn key(&self) -> Result<&ApiKeyWithSecret, Failed> {
        self.kept.key.as_ref().ok_or_else(|| "there is no API key".into())
    }

    /// A client with the API key.
    fn with_key(&self) -> Result<Client, Failed> {
        Ok(self.service.with_api_key(self.key()?.key.clone()))
    }
}
