//! Authentication by an API key.

use super::{AuthService, Caller, Intent, Requirement};
use crate::domain::api_keys::{API_KEY_FORMAT, has_scope};
use crate::domain::ids::Credential;
use crate::models::api_keys;
use crate::services::Error;

impl AuthService {
    /// Loads an API key and its user. It writes if no use was recorded for a minute, or the request
    /// may write.
    pub(super) async fn authenticate_api_key(
        &self,
        text: &str,
        requirement: Requirement,
        intent: Intent,
    ) -> Result<Caller, Error> {
        // A wrong checksum costs no query.
        let key = API_KEY_FORMAT.parse(text).map_err(|_| Error::InvalidToken("malformed API key"))?;
        let now = self.store.now();
        let found = api_keys::find_user(&mut self.store.read(), &key.hash(), now).await?;
        let (user, key) = found.ok_or(Error::InvalidToken("no such API key, or it has expired"))?;
        if !user.is_active {
            return Err(Error::USER_INACTIVE);
        }
        match requirement {
            Requirement::Login => return Err(Error::LoginRequired),
            Requirement::Scope(scope) | Requirement::Permission(scope) if !has_scope(&key.scopes, scope) => {
                return Err(Error::InsufficientScope(scope));
            }
            Requirement::Scope(_) | Requirement::Permission(_) => {}
        }
        if key.must_record_use(now) {
            api_keys::record_use(&mut self.store.write_without_caller().await?, key.id, now).await?;
        }
        let credential = Credential::ApiKey(key.id);
        let last_write = self.store.record_last_write(credential, key.wrote_at, intent).await?;
        Ok(Caller { user, credential, last_write, permission: None })
    }
}
