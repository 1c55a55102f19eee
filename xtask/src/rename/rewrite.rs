//! Replaces the old name in a text, each occurrence by its own spelling.

use super::context::{self, Place};
use super::spellings::Spellings;

/// From one name to another.
pub struct Renaming {
    pub old: Spellings,
    pub new: Spellings,
    /// The crates that the app depends on and whose names begin with the app's: they keep theirs.
    pub crates: Vec<String>,
}

#[derive(Clone, Copy)]
enum Kind {
    Crate,
    JavaPackage,
    JavaPath,
    NpmPackage,
    Kebab,
    Snake,
    Screaming,
    Pascal,
    Flat,
    Title,
}

impl Renaming {
    /// The text of the file at `path`, with the new name.
    pub fn text(&self, path: &str, text: &str) -> String {
        let needles = self.needles(path);
        let mut renamed = String::with_capacity(text.len());
        let mut rest = 0;
        while let Some((start, needle, kind)) = next(text, rest, &needles) {
            let end = start + needle.len();
            renamed.push_str(&text[rest..start]);
            let place = Place { path, before: &text[..start], after: &text[end..] };
            let new = self.spelled(kind, needle, place);
            fit_article(&mut renamed, needle, &new);
            renamed.push_str(&new);
            rest = end;
        }
        renamed + &text[rest..]
    }

    /// Where a file moves: paths are spelled as texts are.
    pub fn path(&self, path: &str) -> String {
        self.text(path, path)
    }

    /// What is looked for: the first that fits at a place is taken.
    fn needles(&self, path: &str) -> Vec<(String, Kind)> {
        let old = &self.old;
        let crates = self.crates.iter().flat_map(|name| [name.clone(), name.replace('-', "_")]);
        // All crates: `atlas-*` in scripts, `atlas-…` in prose.
        let any = ["-*", "-…"].map(|rest| old.kebab.clone() + rest);
        let is_template = !self.crates.is_empty();
        let any = any.into_iter().filter(|_| is_template);
        let mut needles: Vec<_> = crates.chain(any).map(|name| (name, Kind::Crate)).collect();
        needles.push((old.java_package.clone(), Kind::JavaPackage));
        needles.push((old.java_path(), Kind::JavaPath));
        if path.contains("clients/typescript") {
            needles.push((old.npm_package(), Kind::NpmPackage));
        }
        let kinds = [Kind::Kebab, Kind::Snake, Kind::Screaming, Kind::Pascal, Kind::Flat, Kind::Title];
        needles.extend(old.all().map(str::to_owned).into_iter().zip(kinds));
        needles
    }

    fn spelled(&self, kind: Kind, needle: &str, place: Place<'_>) -> String {
        let (old, new) = (&self.old, &self.new);
        let is_one_word = old.kebab == old.snake;
        match kind {
            Kind::Crate => needle.to_owned(),
            Kind::JavaPackage => new.java_package.clone(),
            Kind::JavaPath => new.java_path(),
            Kind::NpmPackage => new.npm_package(),
            Kind::Kebab | Kind::Snake | Kind::Flat if is_one_word => context::lower(new, place).to_owned(),
            Kind::Pascal | Kind::Title if old.pascal == old.title => context::capital(new, place).to_owned(),
            Kind::Kebab => new.kebab.clone(),
            Kind::Snake => new.snake.clone(),
            Kind::Flat => new.flat.clone(),
            Kind::Screaming => new.screaming.clone(),
            Kind::Pascal => new.pascal.clone(),
            Kind::Title => new.title.clone(),
        }
    }
}

/// The next needle in the text from this byte on.
fn next<'a>(text: &str, from: usize, needles: &'a [(String, Kind)]) -> Option<(usize, &'a str, Kind)> {
    let firsts: Vec<char> = needles.iter().filter_map(|(needle, _)| needle.chars().next()).collect();
    let starts = text[from..].match_indices(&*firsts).map(|(index, _)| from + index);
    let mut found = starts.filter_map(|start| {
        let fits = |(needle, kind): &&(String, Kind)| {
            text[start..].starts_with(&**needle) && is_whole(text, start, start + needle.len(), *kind)
        };
        needles.iter().find(fits).map(|(needle, kind)| (start, &**needle, *kind))
    });
    found.next()
}

/// Whether the name stands there as a word. Underscores may surround it, and a type may continue.
fn is_whole(text: &str, start: usize, end: usize, kind: Kind) -> bool {
    let (before, after) = (text[..start].chars().next_back(), text[end..].chars().next());
    let is = |character: Option<char>, class: fn(&char) -> bool| character.is_some_and(|c| class(&c));
    match kind {
        Kind::Crate => {
            !is(before, char::is_ascii_alphanumeric) && !is(after, |c| c.is_ascii_alphanumeric() || *c == '_')
        }
        // Not the end of a host: `postgres://db.example/atlas`.
        Kind::JavaPath => before.is_none_or(|c| c == '/') && !is(after, char::is_ascii_alphanumeric),
        Kind::Pascal | Kind::Title => {
            !is(before, char::is_ascii_uppercase) && !is(after, char::is_ascii_lowercase)
        }
        Kind::Screaming => !is(before, char::is_ascii_alphanumeric) && !is(after, char::is_ascii_alphabetic),
        _ => !is(before, char::is_ascii_alphanumeric) && !is(after, char::is_ascii_alphanumeric),
    }
}

/// Mends "a" and "an" at the end of a text that `new` continues instead of `old`.
fn fit_article(text: &mut String, old: &str, new: &str) {
    let is_vowel = |name: &str| name.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']);
    if is_vowel(old) == is_vowel(new) {
        return;
    }
    let body = text.trim_end_matches(['`', '*', '[', '_']).len();
    let (article, other) = if is_vowel(new) { ("a ", "an ") } else { ("an ", "a ") };
    let Some(start) = body.checked_sub(article.len()).filter(|start| text.is_char_boundary(*start)) else {
        return;
    };
    let is_word = !text[..start].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '\''));
    if is_word && text[start..body].eq_ignore_ascii_case(article) {
        text.replace_range(start + 1..body, &other[1..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Spellings {
        Spellings::of(&name.parse().unwrap())
    }

    fn renaming(old: &str, new: &str) -> Renaming {
        Renaming { old: of(old), new: of(new), crates: Vec::new() }
    }

    #[test]
    fn crates_keep_their_names() {
        let crates = ["atlas-web", "atlas-secret-url"].map(str::to_owned).into();
        let renaming = Renaming { crates, ..renaming("atlas", "acme-orders") };
        for (text, expected) in [
            ("atlas-web.workspace = true", "atlas-web.workspace = true"),
            ("use atlas_secret_url::x; use atlas::y;", "use atlas_secret_url::x; use acme_orders::y;"),
            ("each `atlas-…` line; package/atlas-*.crate", "each `atlas-…` line; package/atlas-*.crate"),
            ("atlas-webs, atlas-1", "acme-orders-webs, acme-orders-1"),
        ] {
            assert_eq!(renaming.text("a", text), expected);
        }
    }

    #[test]
    fn every_spelling_is_found_and_nothing_that_only_looks_like_one() {
        let renaming = renaming("atlas", "acme-orders");
        for (path, text, expected) in [
            ("scripts/test", "\"$ATLAS_BIN\"", "\"$ACME_ORDERS_BIN\""),
            (
                "clients/java/pom.xml",
                "<groupId>example.atlas</groupId>",
                "<groupId>example.acmeorders</groupId>",
            ),
            ("a.ts", "AtlasError", "AcmeOrdersError"),
            ("a", "atlases and Atlases and atlasX", "atlases and Atlases and atlasX"),
            ("a.md", "the Atlas API", "the Acme Orders API"),
            ("a.md", "postgres://atlas@db.example/atlas", "postgres://acme_orders@db.example/acme_orders"),
        ] {
            assert_eq!(renaming.text(path, text), expected);
        }
    }

    #[test]
    fn a_second_name_follows_the_first() {
        let text =
            "acme-orders acme_orders::x ACME_ORDERS_BIN AcmeOrdersError Acme Orders package acmeorders";
        let first = renaming("acme-orders", "billing");
        let billing = "billing billing::x BILLING_BIN BillingError Billing package billing";
        assert_eq!(first.text("clients/go/x.go", text), billing);
        assert_eq!(renaming("billing", "acme-orders").text("clients/go/x.go", billing), text);
    }

    #[test]
    fn only_npm_gets_the_scope() {
        let mut renaming = renaming("atlas", "acme-orders");
        renaming.new.npm_scope = Some("@acme".to_owned());
        let text = "import x from 'atlas-client';";
        assert_eq!(
            renaming.text("clients/typescript/a.ts", text),
            "import x from '@acme/acme-orders-client';"
        );
        assert_eq!(
            renaming.text("clients/python/pyproject.toml", "\"atlas-client\""),
            "\"acme-orders-client\""
        );
    }

    #[test]
    fn paths_move_as_their_language_wants() {
        let mut renaming = renaming("atlas", "acme-orders");
        renaming.new.java_package = "com.acme.orders".to_owned();
        for (path, expected) in [
            ("openapi/atlas-3.0.json", "openapi/acme-orders-3.0.json"),
            ("clients/python/src/atlas_client/api/x.py", "clients/python/src/acme_orders_client/api/x.py"),
            (
                "clients/java/src/example/atlas/client/Atlas.java",
                "clients/java/src/com/acme/orders/client/AcmeOrders.java",
            ),
        ] {
            assert_eq!(renaming.path(path), expected);
        }
    }

    #[test]
    fn the_article_fits_the_name() {
        let renaming = renaming("atlas", "billing");
        assert_eq!(
            renaming.text("a.md", "An `AtlasError`, an Atlas, Japan Atlas"),
            "A `BillingError`, a Billing, Japan Billing"
        );
        let back = super::Renaming { old: of("billing"), new: of("atlas"), crates: Vec::new() };
        assert_eq!(
            back.text("a.md", "A `BillingError`, a Billing; plan-a Billing"),
            "An `AtlasError`, an Atlas; plan-a Atlas"
        );
    }
}
