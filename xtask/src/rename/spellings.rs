//! The spellings of one name: languages and tools write it differently.

use super::name::AppName;

/// One app, as each kind of file spells it. The comments show `acme-orders`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spellings {
    /// `acme-orders`: packages, the binary, files, images, hosts.
    pub kebab: String,
    /// `acme_orders`: crates, Python modules, metrics, log targets, databases, roles.
    pub snake: String,
    /// `ACME_ORDERS`: the beginning of the scripts' variables.
    pub screaming: String,
    /// `AcmeOrders`: the beginning of the clients' types.
    pub pascal: String,
    /// `acmeorders`: the Go package.
    pub flat: String,
    /// `Acme Orders`: the document's title, `APP_NAME` and prose.
    pub title: String,
    /// `example.acmeorders`: the Java group; packages begin with it.
    pub java_package: String,
    /// `@acme`, or none.
    pub npm_scope: Option<String>,
}

/// What the developer chose besides the name.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// The document's title.
    pub title: Option<String>,
    /// The Java group, such as `com.acme.orders`.
    pub java_package: Option<String>,
    /// The scope of the TypeScript package, such as `@acme`.
    pub npm_scope: Option<String>,
}

impl Spellings {
    /// The spellings of a name, with everything else by default.
    pub fn of(name: &AppName) -> Self {
        let words: Vec<_> = name.words().map(capitalized).collect();
        let kebab = name.as_str().to_owned();
        let flat = kebab.replace('-', "");
        Self {
            snake: kebab.replace('-', "_"),
            screaming: kebab.replace('-', "_").to_uppercase(),
            pascal: words.concat(),
            title: words.join(" "),
            java_package: format!("example.{flat}"),
            npm_scope: None,
            kebab,
            flat,
        }
    }

    /// The spellings of a new name. What was chosen earlier stays, unless it is chosen again.
    pub fn renamed(&self, name: &AppName, choices: &Choices) -> Self {
        let (new, usual) = (Self::of(name), self.kebab.parse().map(|old| Self::of(&old)));
        // A value that is not the default was chosen.
        let kept = |value: &String, default: fn(&Self) -> &String| {
            usual.as_ref().is_ok_and(|usual| value != default(usual)).then(|| value.clone())
        };
        let chosen = choices.clone();
        Self {
            title: chosen.title.or(kept(&self.title, |usual| &usual.title)).unwrap_or(new.title),
            java_package: chosen
                .java_package
                .or(kept(&self.java_package, |usual| &usual.java_package))
                .unwrap_or(new.java_package),
            npm_scope: chosen.npm_scope.or(self.npm_scope.clone()),
            ..new
        }
    }

    /// `@acme/acme-orders-client`, or without a scope `acme-orders-client`.
    pub fn npm_package(&self) -> String {
        let scope = self.npm_scope.as_ref().map(|scope| format!("{scope}/"));
        format!("{}{}-client", scope.unwrap_or_default(), self.kebab)
    }

    /// `example/acmeorders`.
    pub fn java_path(&self) -> String {
        self.java_package.replace('.', "/")
    }

    /// Every text that names the app.
    pub fn all(&self) -> [&str; 6] {
        [&self.kebab, &self.snake, &self.screaming, &self.pascal, &self.flat, &self.title]
    }
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

impl Choices {
    /// What is wrong with the choices.
    pub fn problem(&self) -> Option<String> {
        let title = self.title.as_ref().filter(|title| !is_title(title)).map(|title| {
            format!("--title `{title}`: 2 to 60 ASCII letters, digits, spaces, hyphens and full stops, a letter first")
        });
        let package = self.java_package.as_ref().filter(|package| !is_java_package(package)).map(|package| {
            format!("--java-package `{package}`: at least two lower-case Java identifiers, such as com.acme.orders")
        });
        let scope = self.npm_scope.as_ref().filter(|scope| !is_npm_scope(scope));
        let scope = scope
            .map(|scope| format!("--npm-scope `{scope}`: an at sign and a lower-case name, such as @acme"));
        title.or(package).or(scope)
    }
}

/// Titles stand unquoted and unescaped in YAML, JSON, SQL and code.
fn is_title(title: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '.');
    let begins = title.starts_with(|c: char| c.is_ascii_alphabetic());
    begins && title.chars().all(is_allowed) && (2..=60).contains(&title.len()) && title.trim_end() == title
}

fn is_java_package(package: &str) -> bool {
    let parts: Vec<_> = package.split('.').collect();
    let is_part = |part: &&str| {
        let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = part.starts_with(|c: char| c.is_ascii_lowercase());
        begins && part.chars().all(is_letter) && !crate::keywords::is_java(part)
    };
    parts.len() >= 2 && parts.iter().all(is_part)
}

fn is_npm_scope(scope: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_');
    scope.strip_prefix('@').is_some_and(|name| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_allowed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Spellings {
        Spellings::of(&name.parse().unwrap())
    }

    #[test]
    fn every_spelling_follows_from_the_name() {
        let spellings = of("acme-orders");
        let expected =
            ["acme-orders", "acme_orders", "ACME_ORDERS", "AcmeOrders", "acmeorders", "Acme Orders"];
        assert_eq!(spellings.all(), expected);
        assert_eq!(
            (&*spellings.java_package, &*spellings.npm_package()),
            ("example.acmeorders", "acme-orders-client")
        );
    }

    #[test]
    fn what_was_chosen_stays_and_what_was_not_follows_the_name() {
        let name = |name: &str| name.parse().unwrap();
        let choices = Choices {
            npm_scope: Some("@acme".to_owned()),
            title: Some("Orders".to_owned()),
            ..Choices::default()
        };
        let chosen = of("atlas").renamed(&name("acme-orders"), &choices);
        assert_eq!((&*chosen.title, &*chosen.npm_package()), ("Orders", "@acme/acme-orders-client"));
        let again = chosen.renamed(&name("billing"), &Choices::default());
        assert_eq!((&*again.title, &*again.npm_package()), ("Orders", "@acme/billing-client"));
        assert_eq!((&*again.java_package, &*again.pascal), ("example.billing", "Billing"));
        assert_eq!(chosen.renamed(&name("acme-orders"), &Choices::default()), chosen);
    }

    #[test]
    fn choices_that_would_need_escaping_are_refused() {
        let title = |title: &str| Choices { title: Some(title.to_owned()), ..Choices::default() }.problem();
        assert_eq!(title("Acme Orders 2.0"), None);
        for wrong in ["Acme's", "\"Acme\"", "2 Acme", "Acme: orders", "Acmé", "A", "Acme "] {
            assert!(title(wrong).is_some(), "{wrong}");
        }
        let package = |package: &str| {
            Choices { java_package: Some(package.to_owned()), ..Choices::default() }.problem()
        };
        assert_eq!(package("com.acme.orders"), None);
        for wrong in ["orders", "com.Acme", "com.acme-orders", "com.new.orders", "com..acme"] {
            assert!(package(wrong).is_some(), "{wrong}");
        }
        let scope =
            |scope: &str| Choices { npm_scope: Some(scope.to_owned()), ..Choices::default() }.problem();
        assert_eq!(scope("@acme"), None);
        for wrong in ["acme", "@", "@Acme", "@acme/x"] {
            assert!(scope(wrong).is_some(), "{wrong}");
        }
    }
}
