//! The mails of this service: the files in `assets/mail`, embedded in the binary.

use groundwork_mail::{TemplateError, Templates};

/// A file in `assets/mail`, by its path there.
macro_rules! file {
    ($($path:literal),+) => {
        (concat!($($path),+), include_str!(concat!("../assets/mail/", $($path),+)))
    };
}

/// The three files of each mail of each language.
macro_rules! mails {
    ($($language:literal: $($name:literal)+;)+) => {
        &[$($(
            file!($language, "/", $name, ".subject.txt"),
            file!($language, "/", $name, ".txt"),
            file!($language, "/", $name, ".html"),
        )+)+]
    };
}

const LAYOUT: [(&str, &str); 2] = [file!("layout.html"), file!("button.html")];

const MAILS: &[(&str, &str)] = mails! {
    "en": "already_registered" "confirm_email" "email_change_requested" "new_login" "password_changed"
          "reset_password" "verify_email";
    "de": "already_registered" "confirm_email" "email_change_requested" "new_login" "password_changed"
          "reset_password" "verify_email";
};

/// The templates, for a service of this name.
///
/// No mail names its user. Everyone may register an address of somebody else under any name, and a
/// greeting with that name would deliver their text.
///
/// # Errors
/// Templates that are invalid or do not fit together.
pub fn templates(service: &str) -> Result<Templates, TemplateError> {
    Templates::new(files(), &[("service", service.to_owned())])
}

/// The path and the source of each template.
pub fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    LAYOUT.iter().chain(MAILS).copied()
}
