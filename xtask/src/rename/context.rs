//! Which spelling a place takes where the old name does not tell.
//!
//! With a name of one word, `atlas` is the package, the crate and the Go package, and `Atlas` is
//! the title and a type. The text around it decides.

use super::spellings::Spellings;

/// A place in a file.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The file's path from the root.
    pub path: &'a str,
    /// The text of the file before the name.
    pub before: &'a str,
    /// The text after it.
    pub after: &'a str,
}

/// The spelling for a name in lower case.
pub fn lower<'a>(new: &'a Spellings, place: Place<'_>) -> &'a str {
    // cargo keeps the hyphens in this one.
    if place.before.ends_with("CARGO_BIN_EXE_") {
        &new.kebab
    } else if is_identifier(place) || is_postgres(place.before) {
        &new.snake
    } else if is_go(place) {
        &new.flat
    } else {
        &new.kebab
    }
}

/// The spelling for a name with a capital.
pub fn capital<'a>(new: &'a Spellings, place: Place<'_>) -> &'a str {
    let is_joined = place.after.starts_with(|c: char| c.is_ascii_alphanumeric())
        || place.before.ends_with(|c: char| c.is_ascii_alphanumeric());
    if is_joined || is_java_class(place) || is_script_class(place) { &new.pascal } else { &new.title }
}

/// Part of a longer identifier, the root of a Rust path, a log target, or a function.
fn is_identifier(Place { path, before, after }: Place<'_>) -> bool {
    let is_joined = before.ends_with('_') || after.starts_with('_') || after.starts_with("::");
    // `LOG_LEVEL=info,atlas=debug`
    let is_target =
        after.strip_prefix('=').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
    let is_function = after.starts_with('(') && (is_a(path, "rs") || is_a(path, "py"));
    is_joined || is_target || is_function
}

/// A role or a database of PostgreSQL, which a hyphen would force to be quoted in SQL.
fn is_postgres(before: &str) -> bool {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '(' | '<' | '|');
    let token = before.rsplit(ends).next().unwrap_or_default();
    let is_behind_a_port = before.strip_suffix('/').is_some_and(|rest| {
        let host = rest.trim_end_matches(|c: char| c.is_ascii_digit());
        host.len() < rest.len() && host.ends_with(':')
    });
    let names = ["--username=", "--dbname=", "POSTGRES_USER: ", "POSTGRES_DB: "];
    let is_named = names.iter().any(|name| before.ends_with(name));
    is_named || is_behind_a_port || token.contains("postgres://") || token.contains("postgresql://")
}

/// The package of the Go client: its declaration, its import and its use.
fn is_go(Place { path, before, after }: Place<'_>) -> bool {
    let is_declared = ["package ", "package: ", "Package "].iter().any(|word| before.ends_with(word));
    let is_used =
        after.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()));
    path.contains("clients/go") && (is_declared || is_used || after.starts_with(" \""))
}

/// The class that is the service in the Java client, and not its name in prose.
fn is_java_class(Place { path, before, after }: Place<'_>) -> bool {
    if !path.starts_with("clients/java/") {
        return false;
    }
    let line = before.rsplit('\n').next().unwrap_or_default();
    let is_comment = ["*", "/*", "//"].iter().any(|mark| line.trim_start().starts_with(mark));
    let is_code = ["`", ".", "new ", "{@link "].iter().any(|mark| before.ends_with(mark));
    is_code || after.starts_with(" service =") || (is_a(path, "java") && !is_comment)
}

/// The class that is the service in the Python and TypeScript clients, and not its name in prose.
fn is_script_class(Place { path, before, .. }: Place<'_>) -> bool {
    if !["clients/python/", "clients/typescript/"].iter().any(|folder| path.starts_with(folder)) {
        return false;
    }
    let line = before.rsplit('\n').next().unwrap_or_default();
    let is_comment = ["*", "//", "#"].iter().any(|mark| line.trim_start().starts_with(mark));
    let code =
        ["class ", "import ", "{ ", ", ", "new ", "(", ": ", "= ", "\"", "-> ", "`", "with ", "return "];
    let is_code = code.iter().any(|mark| before.ends_with(mark));
    // One name per line of an import.
    let is_alone = line.trim().is_empty() && (is_a(path, "py") || is_a(path, "ts"));
    !is_comment && (is_code || is_alone)
}

fn is_a(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(path: &str, text: &str, choose: fn(&Spellings, Place<'_>) -> String) -> String {
        let (before, after) = text.split_once('~').unwrap();
        choose(&Spellings::of(&"acme-orders".parse().unwrap()), Place { path, before, after })
    }

    #[test]
    fn a_hyphen_stays_out_of_identifiers_and_of_sql() {
        for (path, text, expected) in [
            ("Cargo.toml", "name = \"~\"", "acme-orders"),
            ("src/main.rs", "use ~::app;", "acme_orders"),
            ("src/settings.rs", "\"info,~=debug\"", "acme_orders"),
            ("tests/cli.rs", "env!(\"CARGO_BIN_EXE_~\")", "acme-orders"),
            ("tests/cli.rs", "fn ~(folder: &Path)", "acme_orders"),
            ("scripts/test", "build_~", "acme_orders"),
            ("docs/operations.md", "`~_db_wait_seconds`", "acme_orders"),
            ("docs/operations.md", "run `~ migrate` (~)", "acme-orders"),
            (".env.example", "postgres://~:password@replica-1:5432/x", "acme_orders"),
            (".env.example", "postgres://x:password@replica-1:5432/~", "acme_orders"),
            ("deploy/compose.yaml", "${PASSWORD:?set it in deploy/.env}@postgres:5432/~", "acme_orders"),
            ("deploy/compose.yaml", "POSTGRES_DB: ~", "acme_orders"),
            ("docs/guides/deploy.md", "DATABASE_URL=postgres://owner:x@db/x ~ migrate", "acme-orders"),
            (".env.example", "sqlite://~.db", "acme-orders"),
            ("clients/go/session.go", "package ~", "acmeorders"),
            ("scripts/lib/clients/go.sh", "package ~", "acmeorders"),
            ("clients/go/internal/scenario/steps.go", "~.Session", "acmeorders"),
            ("clients/go/README.md", "\t~ \"atlas.example/client-go\"", "acmeorders"),
            ("clients/go/README.md", "go get ~.example/client-go", "acme-orders"),
        ] {
            assert_eq!(
                spelled(path, text, |new, place| lower(new, place).to_owned()),
                expected,
                "{path}: {text}"
            );
        }
    }

    #[test]
    fn a_type_is_told_from_the_title() {
        for (path, text, expected) in [
            ("src/api/mod.rs", "TITLE: &str = \"~\"", "Acme Orders"),
            ("clients/python/README.md", "a `~Error`", "AcmeOrders"),
            ("docs/reference/settings.md", "| `APP_NAME` | `~` |", "Acme Orders"),
            ("clients/java/README.md", "# ~ client for Java", "Acme Orders"),
            ("clients/java/README.md", "~ service = new X", "AcmeOrders"),
            ("clients/java/README.md", "`~` is the service", "AcmeOrders"),
            ("clients/java/src/A.java", "/**\n * A ~ service at an address", "Acme Orders"),
            ("clients/java/src/A.java", " * {@link ~#resume}", "AcmeOrders"),
            ("clients/python/src/a.py", "class Async~(Resources)", "AcmeOrders"),
            ("clients/python/src/a.py", "class ~(Resources)", "AcmeOrders"),
            ("clients/python/tests/a.py", "    return ~(url, api_key=key)", "AcmeOrders"),
            ("clients/python/README.md", "service = ~(url)", "AcmeOrders"),
            ("clients/python/README.md", "# The ~ API in Python", "Acme Orders"),
            ("clients/typescript/README.md", "import { ~, X } from", "AcmeOrders"),
            ("clients/typescript/scenario/world.ts", "import {\n  ~,\n", "AcmeOrders"),
            ("clients/typescript/src/generated/schema.ts", "     *       \"name\": \"~\",", "Acme Orders"),
            ("clients/java/src/A.java", "public final class ~ {", "AcmeOrders"),
            ("clients/java/src/~.java", "clients/java/src/~.java", "AcmeOrders"),
        ] {
            assert_eq!(
                spelled(path, text, |new, place| capital(new, place).to_owned()),
                expected,
                "{path}: {text}"
            );
        }
    }
}
