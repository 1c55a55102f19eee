//! The tokens of the links in mails.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use groundwork_values::enum_type;

use super::ids::{NoRandomness, random_bytes};

enum_type! {
    /// What the token of a link is for. It is good for nothing else.
    pub enum TokenPurpose {
        /// It shows that the mailbox belongs to the user.
        VerifyEmail = "verify_email",
        /// It sets a new password.
        ResetPassword = "reset_password",
        /// It replaces the user's email by the one it was sent to.
        ConfirmEmail = "confirm_email",
    }
}

impl TokenPurpose {
    /// How long the token is valid.
    pub fn lifetime(self) -> Duration {
        match self {
            Self::VerifyEmail | Self::ConfirmEmail => Duration::from_hours(24),
            Self::ResetPassword => Duration::from_mins(30),
        }
    }
}

/// 32 random bytes. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeToken([u8; 32]);

impl OneTimeToken {
    pub fn random() -> Result<Self, NoRandomness> {
        random_bytes().map(Self)
    }

    /// Reads the token of a link; `None` if the text is no token.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == bytes.len()).then_some(Self(bytes))
    }

    /// The token as it is in links: base64url.
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The SHA-256, which is stored instead of the token. The token is random, so no salt is needed.
    pub fn hash(&self) -> Vec<u8> {
        digest(&SHA256, &self.0).as_ref().to_vec()
    }
}

impl fmt::Debug for OneTimeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeToken(********)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_form_of_a_token_is_parsed_and_nothing_prints_it() {
        let token = OneTimeToken::random().unwrap();
        let text = token.to_text();
        assert_eq!((text.len(), OneTimeToken::parse(&text)), (43, Some(token.clone())));
        for text in ["", "AAAA", &"A".repeat(42), &"A".repeat(44), &format!("{text}="), &"!".repeat(43)] {
            assert_eq!(OneTimeToken::parse(text), None, "{text}");
        }
        assert_eq!(format!("{token:?}"), "OneTimeToken(********)");
        assert_eq!(token.hash().len(), 32);
    }
}
