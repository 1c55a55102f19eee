//! The templates of `xtask/templates/`, filled in.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::prose;
use super::view::View;
use crate::error::Error;

/// A template by the name of its file.
macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../templates/resource/", $name)))),+]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "api.rs",
    "changelog.md",
    "domain.rs",
    "down.sql",
    "model.rs",
    "operations.rs",
    "permissions.rs",
    "postgres_up.sql",
    "schemas.rs",
    "service.rs",
    "sqlite_up.sql",
    "table.rs",
    "tag.rs",
    "tests.rs",
];

/// Fills in templates for one resource.
pub struct Renderer {
    environment: Environment<'static>,
    view: View,
}

impl Renderer {
    pub fn new(view: View) -> Result<Self, Error> {
        let mut environment = Environment::new();
        // What a template misspells is an error and not an empty text.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build().map_err(refused)?;
        environment.set_syntax(syntax);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.add_filter("doc", |text: &str, indent: usize| {
            let mark = format!("{}/// ", " ".repeat(indent));
            prose::wrapped(text, &mark, &mark)
        });
        environment.add_filter("object", |fields: Vec<String>, indent: usize, used: usize| {
            prose::bracketed(['{', '}'], &fields, indent, used)
        });
        environment.add_filter("list", |entries: Vec<String>, indent: usize, used: usize| {
            prose::bracketed(['[', ']'], &entries, indent, used)
        });
        environment.add_filter("bullet", |text: &str| prose::wrapped(text, "- ", "  "));
        for (name, text) in TEMPLATES {
            environment.add_template(name, text).map_err(refused)?;
        }
        Ok(Self { environment, view })
    }

    /// The text that a template gives.
    pub fn render(&self, name: &str) -> Result<String, Error> {
        let template = self.environment.get_template(name).map_err(refused)?;
        template.render(Serde(&self.view)).map_err(refused)
    }
}

/// For `map_err`.
#[allow(clippy::needless_pass_by_value, reason = "`map_err` passes it by value")]
fn refused(error: minijinja::Error) -> Error {
    Error::Refused(format!("xtask/templates/resource: {error:#}"))
}
