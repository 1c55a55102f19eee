//! Which names an app can have.

use std::fmt;
use std::str::FromStr;

use crate::keywords::KEYWORDS;

/// The longest name. With a suffix it is still a DNS label (63 characters, RFC 1035) and a
/// PostgreSQL identifier (63 bytes).
const MAX_LENGTH: usize = 40;

/// A name in kebab case: lower-case ASCII letters, digits and single hyphens, with a letter first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppName(String);

impl AppName {
    /// The name in kebab case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts between the hyphens.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split('-')
    }
}

/// Why a name is refused, and one that would not be.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidName {
    name: String,
    reason: String,
}

impl std::error::Error for InvalidName {}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, reason } = self;
        write!(f, "`{name}` cannot be the name: {reason}; try `{}`", suggestion(name))
    }
}

impl FromStr for AppName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        match problem(name) {
            None => Ok(Self(name.to_owned())),
            Some(reason) => Err(InvalidName { name: name.to_owned(), reason }),
        }
    }
}

fn problem(name: &str) -> Option<String> {
    if let Some(character) =
        name.chars().find(|c| !c.is_ascii_lowercase() && !c.is_ascii_digit() && *c != '-')
    {
        return Some(format!("it has `{character}`, and only a-z, 0-9 and single hyphens are allowed"));
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some("it must begin with a letter".to_owned());
    }
    if name.ends_with('-') || name.contains("--") {
        return Some("a hyphen must be between two letters or digits".to_owned());
    }
    if name.len() < 2 || name.len() > MAX_LENGTH {
        return Some(format!("it must have 2 to {MAX_LENGTH} characters"));
    }
    // As the name of a crate or a module, and as that of a Go or Java package.
    let spellings = [name.replace('-', "_"), name.replace('-', "")];
    let reserved = KEYWORDS.iter().find(|(_, words)| {
        words.split_whitespace().any(|word| spellings.iter().any(|spelling| spelling == word))
    });
    reserved.map(|(language, _)| format!("it is reserved in {language}"))
}

/// The nearest valid name.
fn suggestion(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let kebab = words.collect::<Vec<_>>().join("-");
    let cut = kebab[..kebab.len().min(MAX_LENGTH - "-api".len())].trim_matches('-');
    let candidates = [cut.to_owned(), format!("{cut}-api"), format!("app-{cut}")];
    let valid = candidates.into_iter().find(|candidate| problem(candidate).is_none());
    valid.unwrap_or_else(|| "acme-orders".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_kebab_case_is_a_name() {
        for name in ["acme-orders", "orders2", "a-b-c", "atlas"] {
            assert_eq!(name.parse::<AppName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn another_name_is_refused_with_one_that_is_not() {
        for (name, reason, suggested) in [
            ("Acme Orders", "`A`", "acme-orders"),
            ("acme_orders", "`_`", "acme-orders"),
            ("acme--orders", "hyphen", "acme-orders"),
            ("acme-", "hyphen", "acme"),
            ("2orders", "letter", "app-2orders"),
            ("x", "characters", "x-api"),
            ("class", "Rust", "class-api"),
            ("record", "Java", "record-api"),
            ("struct", "Rust", "struct-api"),
            ("select", "SQL", "select-api"),
            ("function", "JavaScript", "function-api"),
            ("package", "JavaScript", "package-api"),
            ("lambda", "Python", "lambda-api"),
            ("chan", "Go", "chan-api"),
            ("inter-face", "JavaScript", "inter-face-api"),
            ("test", "cargo", "test-api"),
            ("", "letter", "acme-orders"),
            ("é", "`é`", "acme-orders"),
        ] {
            let refused = name.parse::<AppName>().unwrap_err().to_string();
            assert!(refused.contains(reason), "{refused}");
            assert!(refused.ends_with(&format!("try `{suggested}`")), "{refused}");
        }
        assert!("a".repeat(41).parse::<AppName>().is_err());
    }
}
