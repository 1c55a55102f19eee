//! API keys: of the caller and, for who may change users, of every user.

use groundwork_auth::Page;
use groundwork_telemetry::context::CallContext;
use secrecy::SecretString;

use super::Error;
use super::auth::Caller;
use super::precondition::Precondition;
use super::store::Store;
use crate::domain::api_keys::{API_KEY_FORMAT, ApiKeyId, MAX_API_KEYS};
use crate::domain::ids::{UserId, random_bytes};
use crate::domain::permissions::Permission;
use crate::domain::sort::Sort;
use crate::models::api_keys::{self, ApiKey, NewApiKey};
use crate::models::audit_events::{self, AuditEvent, AuditKind};
use crate::models::users;

const NOT_FOUND: Error = Error::NotFound("API key");
const USER_NOT_FOUND: Error = Error::NotFound("user");

#[derive(Clone)]
pub struct ApiKeyService {
    pub store: Store,
}

impl ApiKeyService {
    /// Lists the API keys of a user, the oldest first unless `sort` says otherwise, starting at
    /// `page_token`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such user, or the caller must not know of it;
    /// [`Error::InvalidPageToken`] if the token was not issued for this list.
    pub async fn list(
        &self,
        caller: &Caller,
        user: Option<UserId>,
        sort: Option<Sort>,
        limit: u16,
        page_token: Option<&str>,
    ) -> Result<Page<ApiKey>, Error> {
        let user = user.unwrap_or(caller.user.id);
        if !manages(caller, user) {
            return Err(USER_NOT_FOUND);
        }
        let list = Sort::list_name(&format!("API keys of {user}"), sort);
        let sort = sort.unwrap_or(Sort::OldestFirst);
        let after = self.store.page_signer.after_id(&list, page_token)?.map(ApiKeyId);
        let mut connection = self.store.read_as(caller);
        let keys = api_keys::page(&mut connection, user, sort, after, i64::from(limit) + 1).await?;
        if keys.is_empty() && users::find_profile(&mut connection, user).await?.is_none() {
            return Err(USER_NOT_FOUND);
        }
        Ok(self.store.page_signer.page(&list, keys, limit, |key| vec![key.id.0]))
    }

    /// Creates an API key of the caller, which is never shown again.
    ///
    /// # Errors
    /// [`Error::LoginRequired`], [`Error::ApiKeyExpired`], [`Error::TooManyApiKeys`].
    pub async fn create(
        &self,
        caller: &Caller,
        new: NewApiKey,
        context: &CallContext,
    ) -> Result<(ApiKey, SecretString), Error> {
        let (session, now) = (caller.session()?, self.store.now());
        if new.expires_at.is_some_and(|instant| instant <= now) {
            return Err(Error::ApiKeyExpired);
        }
        let secret = API_KEY_FORMAT.key(random_bytes()?);
        let (prefix, hash) = (secret.shown_prefix(), secret.hash());
        let key = self
            .store
            .transaction_on_self(caller, async |tx, user| {
                // The user is locked, so that concurrent calls count each other.
                if api_keys::count(tx, user.id).await? >= MAX_API_KEYS {
                    return Err(Error::TooManyApiKeys);
                }
                let key = api_keys::insert(tx, user.id, &new, (prefix, &hash), now).await?;
                let event =
                    AuditEvent::new(AuditKind::API_KEY_CREATED, &key, context).by(caller).in_session(session);
                audit_events::insert(tx, &event, now).await?;
                Ok(key)
            })
            .await?;
        Ok((key, secret.text().clone()))
    }

    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, caller: &Caller, id: ApiKeyId) -> Result<ApiKey, Error> {
        let key = api_keys::find(&mut self.store.read_as(caller), id).await?;
        key.filter(|key| manages(caller, key.user_id)).ok_or(NOT_FOUND)
    }

    /// Deletes an API key, which stops working at once.
    ///
    /// # Errors
    /// [`Error::LoginRequired`], [`Error::NotFound`], [`Error::PreconditionFailed`].
    pub async fn delete(
        &self,
        caller: &Caller,
        id: ApiKeyId,
        precondition: &Precondition<ApiKey>,
        context: &CallContext,
    ) -> Result<(), Error> {
        let (session, now) = (caller.session()?, self.store.now());
        let key = self.get(caller, id).await?;
        let is_own = key.user_id == caller.user.id;
        let permission = if is_own { None } else { Some(Permission::UsersWrite) };
        let caller = &Caller { permission, ..caller.clone() };
        // The user of the key is locked, so that no unit of work of the key is under way.
        self.store
            .transaction_on_user(caller, key.user_id, async |tx, _| {
                let current = api_keys::find_for_update(tx, id).await?.ok_or(NOT_FOUND)?;
                precondition.check(&current)?;
                if !api_keys::delete(tx, id).await? {
                    return Err(NOT_FOUND);
                }
                let event =
                    AuditEvent::new(AuditKind::API_KEY_DELETED, &key, context).by(caller).in_session(session);
                Ok(audit_events::insert(tx, &event, now).await?)
            })
            .await
    }
}

/// Whether the caller may see and delete the keys of `user`.
fn manages(caller: &Caller, user: UserId) -> bool {
    caller.user.id == user || caller.user.role.may(Permission::UsersWrite)
}
