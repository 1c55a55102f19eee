//! Templates of mails: subject, text and HTML, in several languages.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Template, UndefinedBehavior, context};
use serde::Serialize;

/// The language that has every mail, and is used for those that another language lacks.
pub const DEFAULT_LANGUAGE: &str = "en";

/// The files of a mail, each with the mail's name before it.
const PARTS: [&str; 3] = [".subject.txt", ".txt", ".html"];

/// The variable with the language of the mail, which every template has.
const LANGUAGE: &str = "language";

/// A rendered mail. `Debug` shows its language only.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// The language of all parts, as the folder of its templates is called.
    pub language: String,
    /// Sent as one line.
    pub subject: String,
    /// The mail for clients that show no HTML.
    pub text: String,
    /// The same mail as an HTML document.
    pub html: String,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("language", &self.language).finish_non_exhaustive()
    }
}

/// Why templates cannot be used, or a mail not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A template is not valid, or uses a variable that it was not given.
    #[error("the template {name}: {problem}")]
    Invalid {
        /// The path of the template.
        name: String,
        /// What is wrong with it, without values.
        problem: String,
    },
    /// The templates do not fit together. Each line is one problem.
    #[error("the templates are incomplete:\n  {}", .0.join("\n  "))]
    Incomplete(Vec<String>),
    /// There is no such mail.
    #[error("there is no mail {0}")]
    Unknown(String),
}

impl TemplateError {
    fn invalid(name: &str, error: &minijinja::Error) -> Self {
        // Not the error's own text: in debug builds it shows the values of variables.
        let (kind, detail) = (error.kind(), error.detail().map(|detail| format!(": {detail}")));
        let line = error.line().map(|line| format!(" (line {line})"));
        let problem = format!("{kind}{}{}", detail.unwrap_or_default(), line.unwrap_or_default());
        Self::Invalid { name: error.name().unwrap_or(name).to_owned(), problem }
    }
}

/// The templates of an application's mails, in the syntax of Jinja.
///
/// The mail `welcome` in English is three files: `en/welcome.subject.txt`, `en/welcome.txt` and
/// `en/welcome.html`. Files that are in no language's folder, such as `layout.html`, are for
/// `{% extends %}` and `{% include %}`. Values are escaped in files that end in `.html`.
pub struct Templates {
    environment: Environment<'static>,
    /// The mails of each language.
    languages: BTreeMap<String, BTreeSet<String>>,
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Templates").field("languages", &self.languages).finish_non_exhaustive()
    }
}

impl Templates {
    /// Reads templates, each a path such as `en/welcome.txt` and its source. `globals` are variables
    /// that have the same value in all of them, such as the name of the service.
    ///
    /// # Errors
    /// Beside syntax errors, what would mislead one reader and not another: a mail that has not all
    /// three files, that English lacks, or whose text, HTML and translations use different
    /// variables.
    pub fn new(
        files: impl IntoIterator<Item = (&'static str, &'static str)>,
        globals: &[(&'static str, String)],
    ) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|name| {
            if has_extension(name, "html") { AutoEscape::Html } else { AutoEscape::None }
        });
        for (name, value) in globals {
            environment.add_global(*name, value.clone());
        }
        let mut languages = BTreeMap::<_, BTreeSet<_>>::new();
        for (path, source) in files {
            environment.add_template(path, source).map_err(|error| TemplateError::invalid(path, &error))?;
            if let Some((language, file)) = path.split_once('/') {
                let mails = languages.entry(language.to_owned()).or_default();
                mails.insert(file.split('.').next().unwrap_or(file).to_owned());
            }
        }
        let templates = Self { environment, languages };
        let known: BTreeSet<_> = globals.iter().map(|(name, _)| *name).chain([LANGUAGE]).collect();
        let problems = templates.problems(&known);
        if problems.is_empty() { Ok(templates) } else { Err(TemplateError::Incomplete(problems)) }
    }

    /// The languages that have a folder.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(String::as_str)
    }

    /// The names of all mails.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.languages.get(DEFAULT_LANGUAGE).into_iter().flatten().map(String::as_str)
    }

    /// The language of the templates that a client likes best, by its header `Accept-Language` (RFC
    /// 9110); English if it has no header, or likes none of them.
    #[must_use]
    pub fn preferred(&self, accept_language: &str) -> &str {
        let mut best = (DEFAULT_LANGUAGE, 0.0);
        for entry in accept_language.split(',') {
            let (range, weight) = entry.split_once(';').unwrap_or((entry, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
            let base = range.trim().split('-').next().unwrap_or_default();
            let known = self.languages.keys().find(|language| {
                language.eq_ignore_ascii_case(range.trim()) || language.eq_ignore_ascii_case(base)
            });
            // The first of equal weights.
            if let (Some(language), Some(weight)) = (known, weight)
                && weight > best.1
            {
                best = (language, weight);
            }
        }
        best.0
    }

    /// Renders a mail in a language, such as `de` or `de-AT`: in that one, else in the language
    /// without its region, else in English. All parts are in the same language.
    ///
    /// # Errors
    /// A mail that does not exist, and a variable that is missing in `values`.
    pub fn render(
        &self,
        name: &str,
        language: &str,
        values: impl Serialize,
    ) -> Result<Content, TemplateError> {
        let language = self.language_of(name, language)?;
        let values = context! { language, ..Value::from(Serde(&values)) };
        let part = |suffix: &str| {
            let path = format!("{language}/{name}{suffix}");
            let rendered = self.environment.get_template(&path).and_then(|template| template.render(&values));
            rendered.map_err(|error| TemplateError::invalid(&path, &error))
        };
        let [subject, text, html] = PARTS.map(part);
        Ok(Content {
            language: language.to_owned(),
            subject: subject?.trim().to_owned(),
            text: text?,
            html: html?,
        })
    }

    /// The folder to take this mail from.
    fn language_of(&self, name: &str, wanted: &str) -> Result<&str, TemplateError> {
        let wanted = wanted.to_ascii_lowercase();
        let base = wanted.split(['-', '_']).next().unwrap_or_default();
        let folder = |language: &str| {
            let mut folders = self.languages.iter().filter(|(_, mails)| mails.contains(name));
            folders
                .find(|(folder, _)| folder.eq_ignore_ascii_case(language))
                .map(|(folder, _)| folder.as_str())
        };
        let found = folder(&wanted).or_else(|| folder(base)).or_else(|| folder(DEFAULT_LANGUAGE));
        found.ok_or_else(|| TemplateError::Unknown(name.to_owned()))
    }

    /// What does not fit together. `known` are variables that every template has.
    fn problems(&self, known: &BTreeSet<&str>) -> Vec<String> {
        let mut problems = Vec::new();
        for (language, mails) in &self.languages {
            for name in mails {
                let default = self.variables(DEFAULT_LANGUAGE, name, known);
                if default[0].is_none() {
                    problems.push(format!("{DEFAULT_LANGUAGE} lacks the mail {name} of {language}"));
                }
                let variables = self.variables(language, name, known);
                let [_, text, html] = &variables;
                if text != html && text.is_some() && html.is_some() {
                    problems.push(format!("{language}/{name}.txt and .html use different variables"));
                }
                for (suffix, (own, default)) in PARTS.iter().zip(variables.iter().zip(&default)) {
                    match (own, default) {
                        (None, _) => problems.push(format!("{language}/{name}{suffix} is missing")),
                        (Some(own), Some(default)) if own != default => problems.push(format!(
                            "{language}/{name}{suffix} uses {own:?}, and in {DEFAULT_LANGUAGE} {default:?}"
                        )),
                        _ => {}
                    }
                }
            }
        }
        problems
    }

    /// The variables of each part; `None` for a part that does not exist.
    fn variables(&self, language: &str, name: &str, known: &BTreeSet<&str>) -> [Option<BTreeSet<String>>; 3] {
        let own = |template: Template<'_, '_>| {
            let variables = template.undeclared_variables(false).into_iter();
            variables.filter(|name| !known.contains(name.as_str())).collect()
        };
        PARTS.map(|suffix| self.environment.get_template(&format!("{language}/{name}{suffix}")).ok().map(own))
    }
}

fn has_extension(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, found)| found.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELCOME: [(&str, &str); 4] = [
        (
            "layout.html",
            "<html lang=\"{{ language }}\"><p>{% block body %}{% endblock %}</p>{{ shop }}</html>",
        ),
        ("en/welcome.subject.txt", "Welcome to {{ shop }}\n"),
        ("en/welcome.txt", "Hello {{ name }}: {{ link }}\n"),
        (
            "en/welcome.html",
            "{% extends \"layout.html\" %}{% block body %}<a href=\"{{ link }}\">{{ name }}</a>{% endblock %}",
        ),
    ];

    fn templates(more: &[(&'static str, &'static str)]) -> Result<Templates, TemplateError> {
        Templates::new(WELCOME.iter().chain(more).copied(), &[("shop", "A & B".to_owned())])
    }

    fn values() -> Value {
        context! { name => "<b>Eve</b>", link => "https://example.com/?a=\"&b" }
    }

    #[test]
    fn a_client_gets_the_language_that_it_likes_best() {
        let german = [
            ("de/welcome.subject.txt", "Willkommen bei {{ shop }}"),
            ("de/welcome.txt", "Hallo {{ name }}: {{ link }}"),
            ("de/welcome.html", "{{ name }} {{ link }}"),
        ];
        let templates = templates(&german).unwrap();
        for (header, expected) in [
            ("", "en"),
            ("de", "de"),
            ("DE-at", "de"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("en-GB, de;q=0.9", "en"),
            ("fr;q=1.0, de; q=0.5, en;q=0.7", "en"),
            ("fr, de;q=0.1", "de"),
            ("en;q=0.1, de;q=0.2", "de"),
            ("de;q=0", "en"),
            ("de;q=x", "en"),
            ("de;level=1", "en"),
            ("*", "en"),
            (";,;q=,-", "en"),
        ] {
            assert_eq!(templates.preferred(header), expected, "{header}");
        }
    }

    #[test]
    fn values_are_escaped_in_html_and_nowhere_else() {
        let content = templates(&[]).unwrap().render("welcome", "en", values()).unwrap();
        assert_eq!(content.subject, "Welcome to A & B");
        assert_eq!(content.text, "Hello <b>Eve</b>: https://example.com/?a=\"&b");
        assert_eq!(
            content.html,
            "<html lang=\"en\"><p><a href=\"https:&#x2f;&#x2f;example.com&#x2f;?a=&quot;&amp;b\">\
             &lt;b&gt;Eve&lt;&#x2f;b&gt;</a></p>A &amp; B</html>"
        );
    }

    #[test]
    fn a_mail_is_in_the_language_asked_for_or_in_english() {
        let german = [
            ("de/welcome.subject.txt", "Willkommen"),
            ("de/welcome.txt", "Hallo {{ name }}: {{ link }}"),
            ("de/welcome.html", "<p>Hallo {{ name }}: {{ link }}</p>"),
            ("en/bye.subject.txt", "Bye"),
            ("en/bye.txt", "Bye"),
            ("en/bye.html", "Bye"),
        ];
        let templates = templates(&german).unwrap();
        let language = |name, language| templates.render(name, language, values()).unwrap().language;
        for (wanted, used) in
            [("de", "de"), ("de-AT", "de"), ("DE_at", "de"), ("en-GB", "en"), ("fr", "en"), ("", "en")]
        {
            assert_eq!(language("welcome", wanted), used, "{wanted}");
        }
        assert_eq!(language("bye", "de"), "en");
        assert_eq!(templates.names().collect::<Vec<_>>(), ["bye", "welcome"]);
        assert_eq!(templates.languages().collect::<Vec<_>>(), ["de", "en"]);
        let error = templates.render("hello", "en", values()).unwrap_err();
        assert_eq!(error.to_string(), "there is no mail hello");
    }

    #[test]
    fn a_value_that_is_missing_is_an_error_that_shows_no_other_value() {
        let values = context! { name => "hunter2" };
        let error = templates(&[]).unwrap().render("welcome", "en", values).unwrap_err();
        assert_eq!(error.to_string(), "the template en/welcome.txt: undefined value (line 1)");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn templates_that_do_not_fit_together_are_refused() {
        for (files, problem) in [
            (&[("en/welcome.txt", "{% if %}")][..], "the template en/welcome.txt: syntax error"),
            (&[("en/bye.txt", "Bye")], "en/bye.html is missing"),
            (&[("de/welcome.txt", "Hallo {{ name }}: {{ link }}")], "de/welcome.subject.txt is missing"),
            (
                &[("de/welcome.txt", "Hallo {{ name }}")],
                "de/welcome.txt uses {\"name\"}, and in en {\"link\", \"name\"}",
            ),
            (&[("de/hallo.txt", "Hallo")], "en lacks the mail hallo of de"),
            (&[("en/welcome.txt", "Hello {{ name }}")], "en/welcome.txt and .html use different variables"),
        ] {
            let error = templates(files).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
