//! Passwords: hashed and verified, and new ones looked up among leaked ones.

use groundwork_auth::{HashError, PasswordHasher};
use groundwork_http_client::LeakedPasswords;

use super::Error;
use crate::domain::password::{Form, Password, PasswordAttempt, PasswordHash};

#[derive(Clone)]
pub struct Passwords {
    pub hasher: PasswordHasher,
    /// Without one, new passwords are compared with the most common ones only.
    pub leaked: Option<LeakedPasswords>,
}

impl Passwords {
    /// Hashes the new password of the user with this address.
    ///
    /// # Errors
    /// [`Error::PasswordIsEmail`], [`Error::PasswordLeaked`].
    pub async fn hash_new(&self, password: Password, email: &str) -> Result<PasswordHash, Error> {
        if password.matches_email(email) {
            return Err(Error::PasswordIsEmail);
        }
        self.hash_without_email_check(&password).await
    }

    /// Hashes the new password of a user whose address may change with it: the caller checks that
    /// they differ.
    ///
    /// # Errors
    /// [`Error::PasswordLeaked`].
    pub async fn hash_without_email_check(&self, password: &Password) -> Result<PasswordHash, Error> {
        self.refuse_leaked(password).await?;
        Ok(self.hasher.hash(password.clone()).await?)
    }

    /// Refuses a password that is known to be leaked (OWASP ASVS 5.0, 6.2.12).
    ///
    /// # Errors
    /// [`Error::PasswordLeaked`].
    async fn refuse_leaked(&self, password: &Password) -> Result<(), Error> {
        match &self.leaked {
            Some(leaked) if leaked.contains(password.as_str()).await => Err(Error::PasswordLeaked),
            _ => Ok(()),
        }
    }

    /// Which form of the attempt is the password behind `hash`, if one is. It takes as long without
    /// a hash, for a user that does not exist.
    pub async fn verify(
        &self,
        attempt: PasswordAttempt,
        hash: Option<&PasswordHash>,
    ) -> Result<Option<Form>, HashError> {
        self.hasher.verify(attempt.into_forms(), hash).await
    }
}
