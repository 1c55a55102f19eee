//! The mails as their readers see them. `tests/mail/previews` has every mail in every language, for
//! reviewers to open; `UPDATE_GENERATED=1` writes these files instead of comparing them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use groundwork::mail;
use serde_json::{Value, json};

const LINK: &str = "https://api.example.com/PAGE?token=q3vW8yJc0mT5rXbZ1nKdP7sEuHf2AoGiL9tQeRwY4xU";

/// What the service gives to each mail.
fn values(name: &str) -> Value {
    let link = |page| LINK.replace("PAGE", page);
    let time = "2026-01-31 09:30 UTC";
    match name {
        "already_registered" => json!({}),
        "confirm_email" => json!({ "link": link("confirm-email"), "hours": 24 }),
        "email_change_requested" => json!({ "new_email": "ada.king@example.com" }),
        "new_login" => json!({ "time": time, "ip": "192.0.2.1" }),
        "password_changed" => json!({ "time": time }),
        "reset_password" => json!({ "link": link("reset-password"), "minutes": 30 }),
        "verify_email" => json!({ "link": link("verify-email"), "hours": 24 }),
        _ => panic!("no values for the mail {name}"),
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder, by their paths in it.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    found
}

/// Every mail in every language: the path of its preview, and what is in it.
fn previews() -> Vec<(PathBuf, String)> {
    let templates = mail::templates("Example & Co").unwrap();
    let mut previews = Vec::new();
    for language in templates.languages() {
        for name in templates.names() {
            let content = templates.render(name, language, values(name)).unwrap();
            assert_eq!(content.language, language, "{name}");
            let text = format!("Subject: {}\n\n{}\n", content.subject, content.text);
            previews.push((format!("{language}/{name}.txt").into(), text));
            previews.push((format!("{language}/{name}.html").into(), format!("{}\n", content.html)));
        }
    }
    previews
}

#[test]
fn every_mail_in_every_language_reads_as_its_preview() {
    let folder = root().join("tests/mail/previews");
    let previews = previews();
    if env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
        let _ = fs::remove_dir_all(&folder);
        for (path, text) in &previews {
            fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
            fs::write(folder.join(path), text).unwrap();
        }
    }
    for (path, text) in &previews {
        let kept = fs::read_to_string(folder.join(path)).unwrap_or_default();
        assert_eq!(
            &kept,
            text,
            "{}: if it is meant to be so: UPDATE_GENERATED=1 cargo test --test integration -- mail::",
            path.display()
        );
    }
    let expected: BTreeSet<_> = previews.into_iter().map(|(path, _)| path).collect();
    assert_eq!(files(&folder), expected);
}

#[test]
fn a_mail_loads_nothing_and_shows_its_link_as_text_too() {
    for (path, text) in previews() {
        for element in ["<img", "<script", "<link", "<iframe", "url(", "@import", "src="] {
            assert!(!text.contains(element), "{}: {element}", path.display());
        }
        let written = if path.extension().unwrap() == "html" { text.replace("&#x2f;", "/") } else { text };
        if let Some(link) = values(path.file_stem().unwrap().to_str().unwrap())["link"].as_str() {
            // In HTML: for the button, for the link below it, and as its text.
            let times = if path.extension().unwrap() == "html" { 3 } else { 1 };
            assert_eq!(written.matches(link).count(), times, "{}", path.display());
        }
    }
}

#[test]
fn every_file_of_a_mail_is_in_the_binary() {
    let embedded: BTreeSet<_> = mail::files().map(|(path, _)| PathBuf::from(path)).collect();
    assert_eq!(files(&root().join("assets/mail")), embedded);
}
