//! The commands of the README's tour, run as they are against the real binary. They need bash, curl
//! and sed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const README: &str = include_str!("../../README.md");

/// Far more than a start takes; a machine that builds beside it is slow.
const START_LIMIT: Duration = Duration::from_secs(45);

/// A key and the characters that may vary behind it.
type Masked = (&'static str, fn(char) -> bool);

/// What differs from run to run: the characters of this kind that follow the key are replaced by a
/// star, in the README and in what the commands print. Anything else in such a place stays, and
/// fails the comparison.
const MASKED: [Masked; 4] = [
    (r#""id":"#, |c| c.is_ascii_digit()),
    (r#""created_at":""#, is_timestamp),
    (r#""updated_at":""#, is_timestamp),
    (r#""request_id":""#, |c| matches!(c, '0'..='9' | 'a'..='f')),
];

fn is_timestamp(c: char) -> bool {
    c.is_ascii_digit() || "-:.TZ".contains(c)
}

fn masked(text: &str) -> String {
    MASKED.iter().fold(text.to_owned(), |text, (key, varies)| {
        let mut parts = text.split(key);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |done, part| {
            let rest = part.trim_start_matches(varies);
            let star = if rest.len() < part.len() { "*" } else { "" };
            done + key + star + rest
        })
    })
}

/// The content of the fenced block of this language between the marks of the tour.
fn block(language: &str) -> &'static str {
    let (_, rest) = README.split_once("<!-- tour:begin -->").expect("the README marks where the tour begins");
    let (tour, _) = rest.split_once("<!-- tour:end -->").expect("the README marks where the tour ends");
    let (_, rest) =
        tour.split_once(&format!("```{language}\n")).expect("the tour has a block of this language");
    rest.split_once("```").expect("the block ends").0
}

/// The service in a folder of its own, ended with the test.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_groundwork"))
            .current_dir(folder)
            .env_clear()
            // Port 0 takes a free one, which the log names: no other client can take it in between.
            .envs([("PORT", "0"), ("BCRYPT_ROUNDS", "4"), ("LOG_FORMAT", "text")])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (tell, told) = mpsc::channel();
        // To the end, so that the service never blocks on its log.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let address =
                    line.split_once("listening on http://").and_then(|(_, rest)| rest.split(',').next());
                if let Some(address) = address {
                    drop(tell.send(address.to_owned()));
                }
            }
        });
        let mut service = Self { child, address: String::new() };
        service.address = told.recv_timeout(START_LIMIT).expect("the service listens");
        service
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn the_tour_prints_what_the_readme_shows() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let commands = block("bash").replace("localhost:8000", &service.address);
    assert!(commands.contains(&service.address), "the tour calls the service");
    let run = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &commands])
        // No .curlrc and no proxy of the user who runs the test.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{}: {}{printed}", run.status, String::from_utf8_lossy(&run.stderr));
    assert_eq!(masked(&printed), masked(block("text")), "the tour printed:\n{printed}");
}

#[test]
fn only_ids_and_times_are_masked() {
    let line = r#"{"id":17,"email":"a7@x.com","created_at":"2026-01-31T09:30:00Z","request_id":"00ff"}"#;
    let expected = r#"{"id":*,"email":"a7@x.com","created_at":"*","request_id":"*"}"#;
    assert_eq!(masked(line), expected);
    assert_eq!(
        masked(r#"{"id":null,"created_at":"","request_id":"xyz"}"#),
        r#"{"id":null,"created_at":"","request_id":"xyz"}"#
    );
}
