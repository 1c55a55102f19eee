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
        } else if is_common(text) {
            Err(Invalid("must not be one of the most used passwords"))
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The most used passwords that have 8 characters, in lower case (OWASP ASVS 5.0, 6.2.4): whoever guesses begins with them.
const COMMON: &str = include_str!("../../../assets/passwords/common.txt");

fn is_common(text: &str) -> bool {
    let text = text.to_lowercase();
    COMMON.lines().any(|common| common == text)
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

/// An attempt that turned out right becomes a password again, to be hashed anew: also one that would not be taken any more.
impl TryFrom<PasswordAttempt> for Password {
    type Error = Invalid;

    fn try_from(attempt: PasswordAttempt) -> Result<Self, Invalid> {
        if attempt.can_match() { Ok(Self(attempt.0)) } else { Err(Invalid("cannot be hashed")) }
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
        for password in ["eight ch", &"a".repeat(64), &"🦀".repeat(15), &"a".repeat(72), "  spaces stay  "]
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
    fn common_passwords_are_refused_in_any_case_and_there_are_enough_of_them() {
        assert!(COMMON.lines().count() >= 3000);
        for line in COMMON.lines() {
            assert!(line == line.to_lowercase() && line.chars().count() >= Password::MIN_CHARS, "{line}");
        }
        for password in ["password", "PASSWORD", "Password1"] {
            assert!(Password::parse(password).is_err(), "{password}");
        }
        assert!(Password::parse("password, and more").is_ok());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let password = Password::parse("correct horse").unwrap();
        let hash = PasswordHash::from("$2b$04$secret".to_owned());
        let printed = format!("{password:?} {:?} {hash:?}", PasswordAttempt::new("correct horse".to_owned()));
        assert!(!printed.contains("horse") && !printed.contains("secret"), "{printed}");
    }
}
