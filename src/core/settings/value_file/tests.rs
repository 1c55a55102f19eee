use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::core::settings::table::entries;
use crate::core::settings::{Settings, SettingsError};

const KEY: &str = "hunter2-Zq8v1LxT0cWm5RjYb3KdN9sE";

fn from(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::from_lookup(|name| {
        pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

fn refused(pairs: &[(&str, &str)]) -> String {
    let text = from(pairs).unwrap_err().to_string();
    assert!(!text.contains("hunter2"), "{text}");
    text
}

#[test]
fn every_secret_is_read_from_the_file_that_its_variable_with_file_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let mut secrets = 0;
    for entry in entries().iter().filter(|entry| entry.is_secret) {
        let file = variable(entry.name);
        assert!(entries().iter().all(|other| other.name != file), "{file} is a setting of its own");
        for ending in ["", "\n", "\r\n"] {
            fs::write(&path, format!("{}{ending}", entry.example)).unwrap();
            let given = [(file.as_str(), path.to_str().unwrap()), ("DATABASE_URL", "postgres://u:p@h/d")];
            let given: Vec<_> =
                given.into_iter().filter(|(name, _)| !file.starts_with(name) || *name == file).collect();
            let direct: Vec<_> = given[1..].iter().copied().chain([(entry.name, entry.example)]).collect();
            assert_eq!(from(&given).unwrap().effective(), from(&direct).unwrap().effective(), "{file}");
        }
        secrets += 1;
    }
    assert!(secrets >= 5, "{secrets}");
    fs::write(&path, KEY).unwrap();
    let settings = from(&[("JWT_SECRET_KEY_FILE", path.to_str().unwrap())]).unwrap();
    assert_eq!(settings.jwt_secret_key.unwrap().expose_secret(), KEY);
}

#[test]
fn other_settings_are_not_read_from_files() {
    assert_eq!(from(&[("PORT_FILE", "/nowhere"), ("APP_NAME_FILE", "/nowhere")]).unwrap().port, 8000);
}

#[test]
fn a_variable_and_its_file_at_once_are_an_error_that_names_both() {
    let text = refused(&[("JWT_SECRET_KEY", KEY), ("JWT_SECRET_KEY_FILE", "/run/secrets/key")]);
    assert!(text.contains("JWT_SECRET_KEY is set, and so is JWT_SECRET_KEY_FILE"), "{text}");
    // As everywhere, empty is unset.
    assert!(from(&[("JWT_SECRET_KEY", KEY), ("JWT_SECRET_KEY_FILE", " ")]).is_ok());
}

#[test]
fn a_file_that_holds_no_value_is_an_error_that_names_the_variable_and_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let text = path.to_str().unwrap();
    let refused = |problem: &str| {
        let found = refused(&[("JWT_SECRET_KEY_FILE", text)]);
        let expected = format!("JWT_SECRET_KEY cannot be read from JWT_SECRET_KEY_FILE ({text}): {problem}");
        assert!(found.contains(&expected), "{found}");
    };
    refused("No such file");
    fs::write(&path, " \n").unwrap();
    refused("it is empty");
    fs::write(&path, b"hunter2\xff").unwrap();
    refused("it is not valid UTF-8");
    fs::write(&path, "hunter2".repeat(10_000)).unwrap();
    refused("it is larger than 64 KiB");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused("it is not a regular file");
    fs::remove_dir(&path).unwrap();
    // Root reads it all the same.
    fs::write(&path, KEY).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    if File::open(&path).is_err() {
        refused("Permission denied");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o646)).unwrap();
    refused("every user of this machine may change it (mode 646): chmod o-w it");
    // What is in it is checked like any other value.
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "hunter2\n").unwrap();
    let short = super::tests::refused(&[("JWT_SECRET_KEY_FILE", text)]);
    assert!(short.contains("JWT_SECRET_KEY must be at least 32 bytes"), "{short}");
}

#[test]
fn a_secret_given_in_place_of_its_path_is_not_repeated() {
    let text = refused(&[("DATABASE_URL_FILE", "postgres://u:hunter2@h/d")]);
    assert!(text.contains("DATABASE_URL_FILE"), "{text}");
    let text = refused(&[("JWT_SECRET_KEY_FILE", KEY)]);
    assert!(text.contains("JWT_SECRET_KEY_FILE"), "{text}");
}

#[test]
fn a_pipe_in_place_of_a_file_does_not_hang_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(refused(&[("REDIS_URL_FILE", path.to_str().unwrap())])));
    let text = receive.recv_timeout(Duration::from_secs(30)).expect("an answer");
    assert!(text.contains("REDIS_URL_FILE") && text.contains("not a regular file"), "{text}");
}
