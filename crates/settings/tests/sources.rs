//! Where values come from, and how problems are reported.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;
use std::sync::mpsc;
use std::time::Duration;

use groundwork_settings::check::{line, list, number, optional, parsed, secret_key};
use groundwork_settings::{SettingsError, Sources, Table, env_example, markdown_table};
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};

const KEY: &str = "hunter2-Zq8v1LxT0cWm5RjYb3KdN9sE";

groundwork_settings::settings! {
    /// Settings of a test.
    struct Settings {
        /// The name.
        app_name: String = "APP_NAME", default "Test", example "Test", line(20);

        /// The port, or
        /// none.
        port: u16 = "PORT", default "8000", example "8000", number(0_u16, 65_535);

        /// A number of connections | threads.
        size: u32 = "SIZE", default "5", example "5", number(1_u32, 1_000);

        /// The key.
        key: Option<SecretString> = "KEY", default "", example "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
            optional(secret_key("KEYS"));

        /// Former keys.
        keys: Vec<SecretString> = "KEYS", default "", example "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
            list(secret_key("KEYS"));

        /// A network. In CIDR form.
        network: IpNet = "NETWORK", default "10.0.0.0/8", example "10.0.0.0/8",
            parsed(IpNet::from_str);
    }
}

fn from(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let lookup =
        |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Sources::from_lookup(lookup).read(|_, _| {})
}

fn refused(pairs: &[(&str, &str)]) -> String {
    let text = from(pairs).unwrap_err().to_string();
    assert!(!text.contains("hunter2"), "{text}");
    text
}

fn read(
    environment: impl Fn(&str) -> Result<Option<String>, String>,
    file: &Path,
) -> Result<Settings, SettingsError> {
    Sources::new(environment, file)?.read(|_, _| {})
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    fs::write(&file, "PORT=9001\nAPP_NAME='from file'\nSIZE=7\nNETWORK=\n").unwrap();
    let environment = |name: &str| {
        Ok(match name {
            "PORT" => Some("9002".to_owned()),
            // An empty variable counts as unset.
            "SIZE" => Some(" ".to_owned()),
            _ => None,
        })
    };
    let settings = read(environment, &file).unwrap();
    assert_eq!((settings.port, settings.app_name.as_str(), settings.size), (9002, "from file", 7));
    assert_eq!(settings.network.to_string(), "10.0.0.0/8");
    assert!(settings.keys.is_empty());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "reading makes no file");
}

#[test]
fn a_malformed_file_is_an_error_that_names_the_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    fs::write(&file, "PORT=9001\nAPP_NAME=two words\nKEY=\"a$b\"\n").unwrap();
    assert_eq!(
        read(|_| Ok(None), &file).unwrap_err().to_string(),
        "2 lines of .env are wrong:\n  line 2 (APP_NAME) is not NAME=value; put a value with spaces, quotes or $ \
         in single quotes\n  line 3 (KEY) has a $, and nothing is put in its place here; put the value in single \
         quotes"
    );
}

#[test]
fn a_file_that_others_can_change_is_refused_and_one_that_they_can_read_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    fs::write(&file, "KEY_SECRET=x\nPROT=1\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let sources = Sources::new(|_| Ok(None), &file).unwrap();
    assert_eq!(sources.exposed_secrets().unwrap().to_string(), "644");
    let warnings = sources.warnings::<Settings>();
    assert!(warnings[0].contains("did you mean PORT?"), "{warnings:?}");
    assert!(warnings[1].contains("KEY_SECRET"), "{warnings:?}");
    fs::set_permissions(&file, Permissions::from_mode(0o646)).unwrap();
    assert!(matches!(Sources::new(|_| Ok(None), &file), Err(SettingsError::EnvFileExposed(_))));
}

#[test]
fn a_variable_that_is_not_text_is_an_error_and_not_unset() {
    let environment = |name: &str| match name {
        "PORT" => Err("is not valid UTF-8".to_owned()),
        _ => Ok(None),
    };
    let error = read(environment, Path::new("does-not-exist/.env")).unwrap_err();
    assert!(error.to_string().contains("PORT is not valid UTF-8"), "{error}");
}

#[test]
fn one_problem_is_one_setting() {
    assert_eq!(
        refused(&[("PORT", "x")]),
        "1 setting is wrong:\n  PORT must be a whole number from 0 to 65535 (it is \"x\")\n    example: PORT=8000"
    );
}

#[test]
fn problems_are_in_the_order_of_declaration_and_rules_add_to_them() {
    let lookup = |name: &str| match name {
        "SIZE" | "NETWORK" => Some("0".to_owned()),
        _ => None,
    };
    let found = Sources::from_lookup(lookup).read(|settings: &Settings, problems| {
        assert_eq!(settings.size, 5, "a wrong value is replaced by the default");
        assert!(problems.has("SIZE") && !problems.has("PORT"));
        problems.add("SIZE", "is reported already");
        problems.add("APP_NAME", "is dull");
    });
    let Err(SettingsError::Invalid(problems)) = found else { panic!("{found:?}") };
    let variables: Vec<_> = problems.iter().map(|problem| problem.variable).collect();
    assert_eq!(variables, ["APP_NAME", "SIZE", "NETWORK"]);
    assert_eq!((problems[0].problem.as_str(), problems[0].example), ("is dull", "Test"));
    assert!(problems[1].problem.contains("from 1 to 1000"), "{problems:?}");
}

#[test]
fn a_long_or_unprintable_value_does_not_spoil_the_message() {
    let value = format!("\u{1b}[2J{}", "é".repeat(200));
    let message = refused(&[("PORT", &value)]);
    assert!(message.contains('…') && !message.contains('\u{1b}') && message.len() < 400, "{message}");
}

#[test]
fn documents_have_each_setting_and_no_listing_has_a_secret() {
    assert_eq!(Settings::entries().len(), 6);
    let settings = from(&[("KEY", KEY), ("KEYS", &format!("{KEY},{KEY}"))]).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    let listing = settings.effective();
    assert!(listing.contains(&("KEY", "********".to_owned())), "{listing:?}");
    assert!(listing.contains(&("KEYS", "********,********".to_owned())), "{listing:?}");
    assert!(listing.contains(&("NETWORK", "10.0.0.0/8".to_owned())), "{listing:?}");

    let table = markdown_table::<Settings>();
    assert!(table.contains("| `PORT` | `8000` | The port, or none. From 0 to 65535. |\n"), "{table}");
    assert!(table.contains("| `SIZE` | `5` | A number of connections \\| threads. From"), "{table}");
    assert!(table.contains("`KEY_FILE`, `KEYS_FILE` each name a file of at most 64 KiB"), "{table}");
    let example = env_example::<Settings>();
    assert!(example.ends_with("\n\n# A network. In CIDR form.\n# NETWORK=10.0.0.0/8\n"), "{example}");
    assert!(example.contains("\n# Unset by default. Example: kkkk"), "{example}");
}

#[test]
fn a_secret_is_read_from_the_file_that_its_variable_with_file_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    for ending in ["", "\n", "\r\n"] {
        fs::write(&path, format!("{KEY}{ending}")).unwrap();
        let settings = from(&[("KEY_FILE", path.to_str().unwrap())]).unwrap();
        assert_eq!(settings.key.unwrap().expose_secret(), KEY);
    }
}

#[test]
fn other_settings_are_not_read_from_files() {
    assert_eq!(from(&[("PORT_FILE", "/nowhere"), ("APP_NAME_FILE", "/nowhere")]).unwrap().port, 8000);
}

#[test]
fn a_variable_and_its_file_at_once_are_an_error_that_names_both() {
    let text = refused(&[("KEY", KEY), ("KEY_FILE", "/run/secrets/key")]);
    assert!(text.contains("KEY is set, and so is KEY_FILE"), "{text}");
    // As everywhere, empty is unset.
    assert!(from(&[("KEY", KEY), ("KEY_FILE", " ")]).is_ok());
}

#[test]
fn a_file_that_holds_no_value_is_an_error_that_names_the_variable_and_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let text = path.to_str().unwrap();
    let refused = |problem: &str| {
        let found = refused(&[("KEY_FILE", text)]);
        let expected = format!("KEY cannot be read from KEY_FILE ({text}): {problem}");
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
    let short = crate::refused(&[("KEY_FILE", text)]);
    assert!(short.contains("KEY must be at least 32 bytes"), "{short}");
}

#[test]
fn a_secret_given_in_place_of_its_path_is_not_repeated() {
    let text = refused(&[("KEYS_FILE", "postgres://u:hunter2@h/d")]);
    assert!(text.contains("KEYS_FILE"), "{text}");
    let text = refused(&[("KEY_FILE", KEY)]);
    assert!(text.contains("KEY_FILE"), "{text}");
}

#[test]
fn a_pipe_in_place_of_a_file_does_not_hang_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(refused(&[("KEYS_FILE", path.to_str().unwrap())])));
    let text = receive.recv_timeout(Duration::from_secs(30)).expect("an answer");
    assert!(text.contains("KEYS_FILE") && text.contains("not a regular file"), "{text}");
}
