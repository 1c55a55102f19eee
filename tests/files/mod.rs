//! Files that an operator names: readable or writable by other users, owned by another user, or no
//! regular files.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

/// How long a process may take to say that it will not start. Only one that hangs reaches it.
const LIMIT: Duration = Duration::from_mins(1);

const KEY: &str = "Zq8v1LxT0cWm5RjYb3KdN9sEuHf2AoGi-of-a-test";

/// The binary with this environment and no other.
fn groundwork(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groundwork"));
    command.current_dir(folder).env_clear().envs(environment.iter().copied()).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What it did and said until it ended by itself.
fn run(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> (bool, String) {
    let mut child = groundwork(folder, environment, arguments);
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("it hangs: {:?}", child.wait_with_output().unwrap());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.success(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(path).status().unwrap().success());
}

#[test]
fn a_backup_is_written_exactly_to_its_path() {
    let folder = TempDir::new().unwrap();
    assert!(run(folder.path(), &[], &["migrate"]).0);
    let names = || {
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    for name in ["file:b9", "file:b9?mode=memory", "file:///tmp/groundwork-b9", ":memory:", "b 9"] {
        let before = names();
        let (copied, said) = run(folder.path(), &[], &["backup", name]);
        if name.contains("///") {
            assert!(!copied && names() == before, "there is no such folder: {said}");
            assert!(!Path::new("/tmp/groundwork-b9").exists());
            continue;
        }
        assert!(copied, "{name}: {said}");
        let copy = folder.path().join(name);
        assert_eq!((mode(&copy), names().len()), (0o600, before.len() + 1), "{name}");
        assert!(fs::read(&copy).unwrap().starts_with(b"SQLite format 3\0"), "{name}");
    }
}

#[test]
fn a_database_accessible_to_others_is_refused_or_causes_a_warning() {
    let folder = TempDir::new().unwrap();
    assert!(run(folder.path(), &[], &["migrate"]).0);
    let database = folder.path().join("groundwork.db");
    symlink(&database, folder.path().join("link.db")).unwrap();
    let deployed = [("APP_ENV", "production"), ("JWT_SECRET_KEY", KEY)];
    for url in ["sqlite://groundwork.db", "sqlite://link.db"] {
        for (bits, in_development, in_production) in
            [(0o600, "", true), (0o640, "", true), (0o644, "warned", false), (0o666, "refused", false)]
        {
            set_mode(&database, bits);
            let (started, said) = run(folder.path(), &[("DATABASE_URL", url)], &["migrate"]);
            assert_eq!(started, in_development != "refused", "{bits:o} {url}: {said}");
            assert_eq!(
                said.contains("every user of this machine"),
                !in_development.is_empty(),
                "{bits:o}: {said}"
            );
            let environment = [&deployed[..], &[("DATABASE_URL", url)]].concat();
            let (started, said) = run(folder.path(), &environment, &["migrate"]);
            assert_eq!(started, in_production, "{bits:o} {url}: {said}");
            assert!(started || said.contains(&format!("mode {bits:o}")), "{bits:o}: {said}");
        }
    }
}

#[test]
fn a_settings_file_accessible_to_others_is_refused_or_causes_a_warning() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join(".env");
    let secret = format!("JWT_SECRET_KEY={KEY}\n");
    for (content, bits, env, accepted) in [
        (secret.as_str(), 0o600, "production", true),
        (&secret, 0o640, "production", true),
        (&secret, 0o644, "production", false),
        (&secret, 0o644, "development", true),
        (&secret, 0o666, "development", false),
        ("PORT=1\n", 0o644, "production", true),
        ("PORT=1\n", 0o602, "development", false),
    ] {
        fs::write(&file, content).unwrap();
        set_mode(&file, bits);
        let (ok, said) = run(folder.path(), &[("APP_ENV", env)], &["config"]);
        assert_eq!(ok, accepted, "{bits:o} {env}: {said}");
        assert!(
            !said.contains(KEY) && (ok || said.contains(".env") && said.contains(&format!("mode {bits:o}"))),
            "{said}"
        );
    }
    // A start says so. It ends because its address is in use.
    fs::write(&file, format!("{secret}PROT=1\n")).unwrap();
    set_mode(&file, 0o644);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (_, said) = run(folder.path(), &[("HOST", "127.0.0.1"), ("PORT", &port)], &["serve"]);
    assert!(said.contains("can read the secrets in .env"), "{said}");
    assert!(said.contains("line 2 (PROT) of .env is ignored") && said.contains("PORT?"), "{said}");
}

#[test]
fn an_unquoted_dollar_in_a_secret_is_an_error_with_its_line() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join(".env");
    fs::write(&file, format!("PORT=1\nJWT_SECRET_KEY={KEY}-$zzTAIL\n")).unwrap();
    set_mode(&file, 0o600);
    let (ok, said) = run(folder.path(), &[], &["config"]);
    assert!(!ok && said.contains("line 2 (JWT_SECRET_KEY)") && said.contains("single quotes"), "{said}");
    assert!(!said.contains("zzTAIL"), "{said}");
}

#[test]
fn a_pipe_instead_of_a_file_is_refused_at_once() {
    let certificate = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let CertifiedKey { cert, signing_key } = certificate;
    let tls = [("TLS_CERTIFICATE_FILE", "certificate"), ("TLS_KEY_FILE", "key")];
    let postgres = [
        ("DATABASE_URL", "postgres://u@127.0.0.1:1/d?sslmode=verify-full&sslrootcert=root.pem"),
        ("JWT_SECRET_KEY", KEY),
    ];
    for (name, environment, command) in [
        ("groundwork.db.jwt-secret", &[][..], "serve"),
        ("groundwork.db", &[], "migrate"),
        ("groundwork.db.migration-lock", &[], "migrate"),
        (".env", &[], "config"),
        ("certificate", &tls, "serve"),
        ("key", &tls, "serve"),
        ("root.pem", &postgres, "migrate"),
    ] {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("certificate"), cert.pem()).unwrap();
        fs::write(folder.path().join("key"), signing_key.serialize_pem()).unwrap();
        let path = folder.path().join(name);
        drop(fs::remove_file(&path));
        make_pipe(&path);
        let environment = [environment, &[("HOST", "127.0.0.1"), ("PORT", "0")]].concat();
        let (ok, said) = run(folder.path(), &environment, &[command]);
        assert!(!ok && said.contains("not a regular file"), "{name}: {said}");
    }
}

#[test]
fn a_tls_key_may_be_readable_by_its_group_but_not_writable_by_others() {
    let folder = TempDir::new().unwrap();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("certificate"), cert.pem()).unwrap();
    let key = folder.path().join("key");
    fs::write(&key, signing_key.serialize_pem()).unwrap();
    // The service ends after it has read the key, because its address is in use.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let environment = [
        ("TLS_CERTIFICATE_FILE", "certificate"),
        ("TLS_KEY_FILE", "key"),
        ("HOST", "127.0.0.1"),
        ("PORT", &port),
    ];
    for (bits, expected) in
        [(0o600, ""), (0o440, ""), (0o644, "can read the key for TLS"), (0o666, "open to every user")]
    {
        set_mode(&key, bits);
        let (_, said) = run(folder.path(), &environment, &["serve"]);
        for sentence in ["can read the key for TLS", "open to every user"] {
            assert_eq!(said.contains(sentence), sentence == expected, "{bits:o}: {said}");
        }
    }
}
