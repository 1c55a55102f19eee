//! What may be a password, and what a person may try at log-in.

use std::fmt;

use crate::core::text::Invalid;

/// A new password: 8 to 128 characters, at most 72 bytes of UTF-8, no NUL.
///
/// bcrypt reads 72 bytes and stops, and it ends a password with NUL: whatever came after either would not
/// count, so both are refused instead of cut (OWASP ASVS 5.0, 6.2.9 asks for at least 64 characters).
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// The fewest characters.
    pub const MIN_CHARS: usize = 8;
    /// The most characters.
    pub const MAX_CHARS: usize = 128;
    /// The most bytes of UTF-8: what bcrypt reads.
    pub const MAX_BYTES: usize = 72;

    /// Reads a new password as it is: nothing is trimmed or folded.
    ///
    /// # Errors
    /// When it breaks a rule above; the reason never contains the password.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let chars = text.chars().count();
        if chars < Self::MIN_CHARS {
            Err(Invalid("must be at least 8 characters"))
        } else if chars > Self::MAX_CHARS {
            Err(Invalid("must be at most 128 characters"))
        } else if text.len() > Self::MAX_BYTES {
            Err(Invalid("must be at most 72 bytes in UTF-8"))
        } else if text.contains('\0') {
            Err(Invalid("must not contain NUL"))
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A password somebody claims to have. Any text may be tried; only one that [`Password`] accepts can match.
#[derive(Clone)]
pub struct PasswordAttempt(String);

impl PasswordAttempt {
    /// Takes the text as it is.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Whether bcrypt would read this attempt to its end. If not, it cannot be anybody's password.
    pub(super) fn can_match(&self) -> bool {
        self.0.len() <= Password::MAX_BYTES && !self.0.contains('\0')
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// An attempt that turned out right becomes a password again, to be hashed anew.
impl TryFrom<PasswordAttempt> for Password {
    type Error = Invalid;

    fn try_from(attempt: PasswordAttempt) -> Result<Self, Invalid> {
        Self::parse(&attempt.0)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(********)")
    }
}

impl fmt::Debug for PasswordAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordAttempt(********)")
    }
}

/// A bcrypt hash in its `$2b$…` form.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The hash as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The cost factor (log2 of the rounds) it was made with, if it is a bcrypt hash at all.
    pub fn cost(&self) -> Option<u32> {
        self.0.split('$').nth(2)?.parse().ok()
    }
}

/// Takes a hash that this service made or stored.
impl From<String> for PasswordHash {
    fn from(hash: String) -> Self {
        Self(hash)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(********)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_wide_passwords_are_accepted_up_to_the_limit_of_bcrypt() {
        for password in ["12345678", &"a".repeat(64), &"🦀".repeat(15), &"a".repeat(72), "  spaces stay  "]
        {
            assert!(Password::parse(password).is_ok(), "{password}");
        }
    }

    #[test]
    fn short_long_and_ambiguous_passwords_are_refused_not_cut() {
        for password in ["", "1234567", &"a".repeat(73), &"🦀".repeat(19), &"a".repeat(129), "Passw0rd\0tail"]
        {
            assert!(Password::parse(password).is_err(), "{password:?}");
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let password = Password::parse("correct horse").unwrap();
        let hash = PasswordHash::from("$2b$04$secret".to_owned());
        let printed = format!("{password:?} {:?} {hash:?}", PasswordAttempt::new("correct horse".to_owned()));
        assert!(!printed.contains("horse") && !printed.contains("secret"), "{printed}");
    }
}
