//! Passwords, login attempts and password hashes.

use std::fmt;

use groundwork_auth::can_be_hashed;
use unicode_normalization::UnicodeNormalization;

use crate::domain::email::Email;
use crate::domain::text::{Invalid, is_ignorable, is_visible};
pub use groundwork_auth::PasswordHash;

/// A password in NFC (RFC 8265, 4.2.2), so that keyboards that compose characters differently give
/// the same password: 8 to 128 characters, at most 72 bytes of UTF-8, no NUL, at least one visible
/// character, and not commonly used.
///
/// bcrypt ignores everything after 72 bytes or a NUL, so longer passwords are refused instead of
/// truncated (OWASP ASVS 5.0, 6.2.9 requires support for at least 64 characters).
#[derive(Clone)]
pub struct Password(String);

impl Password {
    pub const MIN_CHARS: usize = 8;
    pub const MAX_CHARS: usize = 128;
    /// The number of bytes that bcrypt reads.
    pub const MAX_BYTES: usize = 72;

    /// Parses a new password. Nothing is trimmed or folded beyond NFC.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text: String = text.nfc().collect();
        let chars = text.chars().count();
        if chars < Self::MIN_CHARS {
            Err(Invalid("must be at least 8 characters"))
        } else if chars > Self::MAX_CHARS {
            Err(Invalid("must be at most 128 characters"))
        } else if text.len() > Self::MAX_BYTES {
            Err(Invalid("must be at most 72 bytes in UTF-8"))
        } else if text.contains('\0') {
            Err(Invalid("must not contain NUL"))
        } else if !text.chars().any(is_visible) {
            Err(Invalid("must contain a visible character"))
        } else if is_common(&text) {
            Err(Invalid("must not be one of the most common passwords"))
        } else if is_application_name(&text) {
            Err(Invalid("must not be the name of the application"))
        } else {
            Ok(Self(text))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the password is this address or its local part, in any spelling (OWASP ASVS 5.0,
    /// 6.2.11).
    pub fn matches_email(&self, address: &str) -> bool {
        let folded = fold(&self.0);
        let local = address.rsplit_once('@').map(|(local, _)| local);
        // The normalization of addresses covers domains in Unicode.
        folded == address
            || Some(folded.as_str()) == local
            || Email::parse_known(&self.0).is_ok_and(|email| email.as_str() == address)
    }
}

/// For the hasher.
impl AsRef<[u8]> for Password {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The most common passwords of at least 8 characters, in lower case (OWASP ASVS 5.0, 6.2.4).
const COMMON: &str = include_str!("../../assets/passwords/common.txt");

/// The context-specific word that is refused (OWASP ASVS 5.0, 6.1.2), beside the user's address:
/// see [`Password::matches_email`].
const APPLICATION: &str = env!("CARGO_PKG_NAME");

fn is_common(text: &str) -> bool {
    let text = fold(text);
    COMMON.lines().any(|common| common == text)
}

/// Whether the letters of the text are those of the application's name: digits and punctuation do
/// not make it hard to guess.
fn is_application_name(text: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).collect::<String>();
    letters(&fold(text)) == letters(APPLICATION)
}

/// Folds width and case, and removes surrounding white space and invisible characters, for
/// comparison with words.
fn fold(text: &str) -> String {
    let visible: String = text.nfkc().filter(|c| !is_ignorable(*c)).collect();
    visible.trim().to_lowercase().nfkc().collect()
}

/// A form of the text of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// NFC, in which passwords are hashed.
    Normalized,
    /// As typed. Passwords were hashed in this form before they were normalized.
    AsTyped,
}

/// The password of a login attempt. It can be any text.
#[derive(Clone)]
pub struct PasswordAttempt {
    normalized: String,
    /// `None` if it equals the normalized form.
    as_typed: Option<String>,
}

impl PasswordAttempt {
    pub fn new(text: String) -> Self {
        let normalized: String = text.nfc().collect();
        let as_typed = (text != normalized).then_some(text);
        Self { normalized, as_typed }
    }

    /// What may have been hashed, for the hasher: one form, or two.
    pub fn into_forms(self) -> Vec<(Form, String)> {
        let as_typed = self.as_typed.map(|text| (Form::AsTyped, text));
        std::iter::once((Form::Normalized, self.normalized)).chain(as_typed).collect()
    }
}

/// Converts a correct attempt for rehashing, even if it breaks a rule for new passwords.
impl TryFrom<PasswordAttempt> for Password {
    type Error = Invalid;

    fn try_from(attempt: PasswordAttempt) -> Result<Self, Invalid> {
        let can_match = can_be_hashed(attempt.normalized.as_bytes());
        if can_match { Ok(Self(attempt.normalized)) } else { Err(Invalid("cannot be hashed")) }
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
        for password in [
            "password",
            "PASSWORD",
            "Password1",
            "ｐａｓｓｗｏｒｄ",
            "password ",
            "\t password\u{3000}",
            "pass\u{200b}word",
            "ⓟⓐⓢⓢⓦⓞⓡⓓ",
        ] {
            assert!(Password::parse(password).is_err(), "{password}");
        }
        assert!(Password::parse("password, and more").is_ok());
    }

    #[test]
    fn a_password_is_normalized_and_its_lengths_count_in_that_form() {
        let same = ["Zo\u{eb} und Andr\u{e9}", "Zoe\u{308} und Andre\u{301}"]
            .map(|text| Password::parse(text).unwrap());
        assert_eq!(same[0].as_ref(), same[1].as_ref());
        // 24 syllables of Korean are 72 bytes in NFC and 216 in NFD.
        let syllables: String = "각".repeat(24).nfd().collect();
        assert_eq!(Password::parse(&syllables).unwrap().as_ref().len(), 72);
        // Eight code points, four characters.
        assert!(Password::parse(&"e\u{301}".repeat(4)).is_err());
    }

    #[test]
    fn a_password_of_nothing_visible_is_refused() {
        for blank in
            [" ", "\t", "\u{200b}", "\u{3164}", "\u{ad}", "\u{fe0f}", "\u{e0020}", "\u{1}", "\u{2800}"]
        {
            assert!(Password::parse(&blank.repeat(12)).is_err(), "{blank:?}");
        }
        assert!(Password::parse("       x").is_ok());
    }

    #[test]
    fn the_name_of_the_application_is_refused_whatever_digits_and_punctuation_it_has() {
        let widened = |c: char| char::from_u32(u32::from(c) + 0xfee0).filter(|_| c.is_ascii_alphabetic());
        let wide: String = APPLICATION.chars().map(|c| widened(c).unwrap_or(c)).collect();
        let [spaced, joined] = [" ", ""].map(|between| APPLICATION.replace('-', between));
        for name in [APPLICATION, &APPLICATION.to_uppercase(), &spaced, &joined, &wide] {
            for added in ["", " ", "1!", "123", "2026"] {
                // Short names are refused for their length.
                for password in [format!("{name}{added}"), format!("{added}{name}")] {
                    assert!(Password::parse(&password).is_err(), "{password}");
                }
            }
        }
        assert!(Password::parse(&format!("the {APPLICATION} of it all")).is_ok());
    }

    #[test]
    fn a_password_that_is_the_users_email_is_known() {
        for (password, email) in [
            ("ada@example.com", "ada@example.com"),
            ("ADA@Example.com ", "ada@example.com"),
            ("ada.lovelace", "ada.lovelace@example.com"),
            ("Ada.Lovelace", "ada.lovelace@example.com"),
            ("ａda.lovelace\u{200b}", "ada.lovelace@example.com"),
            ("zoe@Bücher.example", "zoe@xn--bcher-kva.example"),
        ] {
            assert!(Password::parse(password).unwrap().matches_email(email), "{password}");
        }
        for (password, email) in
            [("ada@example.org", "ada@example.com"), ("ada.lovelace!", "ada.lovelace@example.com")]
        {
            assert!(!Password::parse(password).unwrap().matches_email(email), "{password}");
        }
    }

    #[tokio::test]
    async fn both_unicode_forms_of_a_password_match() {
        let hasher = groundwork_auth::PasswordHasher::new(4, 8);
        let [composed, decomposed] = ["caf\u{e9} am Abend", "cafe\u{301} am Abend"];
        let normalized = hasher.hash(Password::parse(decomposed).unwrap()).await.unwrap();
        let as_typed = hasher.hash(decomposed).await.unwrap();
        for (attempt, stored, expected) in [
            (composed, &normalized, Some(Form::Normalized)),
            (decomposed, &normalized, Some(Form::Normalized)),
            (decomposed, &as_typed, Some(Form::AsTyped)),
            (composed, &as_typed, None),
        ] {
            let forms = PasswordAttempt::new(attempt.to_owned()).into_forms();
            assert_eq!(hasher.verify(forms, Some(stored)).await.unwrap(), expected, "{attempt:?}");
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let password = Password::parse("correct horse").unwrap();
        let printed = format!("{password:?} {:?}", PasswordAttempt::new("correct horse".to_owned()));
        assert!(!printed.contains("horse"), "{printed}");
    }
}
