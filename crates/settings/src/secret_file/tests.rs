use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;
use std::thread;

use secrecy::ExposeSecret;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_key_is_made_once_and_kept_private() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db.jwt-secret");

    let (first, made) = read_or_create_secret(&path).unwrap();
    assert!(made);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(STANDARD.decode(first.expose_secret()).unwrap().len(), 32);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "only the key is left behind");

    let (second, made) = read_or_create_secret(&path).unwrap();
    assert!(!made);
    assert_eq!(second.expose_secret(), first.expose_secret());
}

#[test]
fn all_who_start_at_once_get_the_same_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("race.jwt-secret");
    let barrier = Barrier::new(8);
    let results: Vec<_> = thread::scope(|scope| {
        let start = || {
            barrier.wait();
            read_or_create_secret(&path).unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let keys: HashSet<_> = results.iter().map(|(key, _)| key.expose_secret()).collect();
    assert_eq!(keys.len(), 1);
    assert_eq!(results.iter().filter(|(_, made)| *made).count(), 1);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_name_that_is_taken_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k.jwt-secret");
    fs::write(&path, "the other's").unwrap();
    let error = create(&path, "mine").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&path).unwrap(), "the other's");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_file_others_can_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k.jwt-secret");
    read_or_create_secret(&path).unwrap();
    for open in [0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
        let message = read_or_create_secret(&path).unwrap_err().to_string();
        assert!(message.contains(&format!("mode {open:o}")) && message.contains("chmod 600"), "{message}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    read_or_create_secret(&path).unwrap();
}

#[test]
fn a_file_without_a_key_is_refused_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k.jwt-secret");
    for content in [&b""[..], b"too short\n", &[0xff; 40], &[b'x'; 5_000]] {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = read_or_create_secret(&path).unwrap_err();
        assert!(matches!(error, SecretFileError::Damaged(_)), "{error}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k.jwt-secret");
    assert!(std::process::Command::new("mkfifo").arg("-m").arg("600").arg(&path).status().unwrap().success());
    let message = read_or_create_secret(&path).unwrap_err().to_string();
    assert!(message.contains("not a regular file"), "{message}");
}

#[test]
fn a_directory_that_is_missing_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing/k.jwt-secret");
    let message = read_or_create_secret(&path).unwrap_err().to_string();
    assert!(
        message.starts_with("cannot write") && message.contains(&path.display().to_string()),
        "{message}"
    );
}
