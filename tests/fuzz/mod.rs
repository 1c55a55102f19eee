//! Fuzz tests of the parsers of untrusted input: the cases of `corpus/`, one per file, and then
//! random ones, the same in every run, so that a run fails only because of a change.
//!
//! `PROPTEST_CASES=1000000 cargo test --test integration -- fuzz::` tries more and other cases; one
//! that fails goes into the corpus.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use groundwork::domain::email::Email;
use groundwork::domain::email_prefix::EmailPrefix;
use groundwork::domain::ids::{SessionId, UserId, random_bytes};
use groundwork::settings::{ForwardedHeader, Settings};
use groundwork_auth::{TokenId, TokenKeys, TokenKind, TokenSigner, ValueSigner};
use groundwork_clock::Clock;
use groundwork_server::client::TrustedProxies;
use poem::http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestError, TestRunner};

const SECRET: &str = "a key for tests that is long enough to be accepted";

/// Enough for a run of every day: about a second for each reader.
const CASES: u32 = 2000;

#[allow(clippy::print_stdout, reason = "a failure shows which case it was")]
/// Tries every case of the folder, and then random ones of this strategy.
fn holds<S: Strategy<Value = Vec<u8>>>(folder: &str, strategy: S, check: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(folder);
    let mut files = 0;
    for entry in std::fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        check(&std::fs::read(path).unwrap());
        files += 1;
    }
    assert!(files > 0, "{} is empty", corpus.display());

    let asked: Option<u32> = std::env::var("PROPTEST_CASES").ok().map(|cases| cases.parse().unwrap());
    let config = Config {
        cases: asked.unwrap_or(CASES),
        rng_seed: if asked.is_some() { RngSeed::Random } else { RngSeed::Fixed(0) },
        // The corpus is where cases are kept.
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&strategy, |bytes| {
        check(&bytes);
        Ok(())
    });
    if let Err(TestError::Fail(reason, bytes)) = result {
        panic!("{reason}\n{:?}", String::from_utf8_lossy(&bytes));
    }
    result.unwrap();
}

/// Anything, and what looks like the real thing.
fn like(pattern: &str) -> impl Strategy<Value = Vec<u8>> {
    let text = proptest::string::string_regex(pattern).unwrap().prop_map(String::into_bytes);
    prop_oneof![text, proptest::collection::vec(any::<u8>(), 0..200)]
}

#[test]
fn no_unsigned_text_is_accepted_as_a_token() {
    let keys = TokenKeys { domain: "groundwork", current: &SECRET.into(), previous: &[] };
    let signer = TokenSigner::new(keys, Clock::default());
    let verify = |token: &str, kind| signer.verify::<UserId, SessionId>(token, kind);
    let token = TokenId::new(random_bytes().unwrap());
    let (session, now) = (SessionId::random().unwrap(), Clock::default().now());
    let hour = Duration::from_hours(1);
    let good = signer.sign(TokenKind::Access, UserId(1), session, &token, now, hour).unwrap();
    assert!(verify(&good, TokenKind::Access).is_ok());
    holds("tokens", like(r"[A-Za-z0-9_=-]{0,60}(\.[A-Za-z0-9_=+/-]{0,60}){0,4}"), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        for kind in [TokenKind::Access, TokenKind::Refresh] {
            assert!(verify(&text, kind).is_err());
        }
        // The good one, changed at a place that the bytes say.
        let place = bytes.iter().map(|byte| usize::from(*byte)).sum::<usize>() % good.len();
        let mut changed = good.clone().into_bytes();
        changed[place] = bytes.first().copied().unwrap_or(b'A');
        if let Ok(changed) = String::from_utf8(changed)
            && changed != good
        {
            assert!(verify(&changed, TokenKind::Access).is_err(), "{changed}");
        }
    });
}

#[test]
fn no_forwarding_header_of_a_client_changes_its_address() {
    let (proxy, client): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "203.0.113.9".parse().unwrap());
    let networks = vec!["10.0.0.0/8".parse().unwrap()];
    let proxies = |header| TrustedProxies { networks: networks.clone(), header, setting: "TRUSTED_PROXIES" };
    let who = |header, peer, name: &'static str, lines: &[&[u8]]| {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, HeaderValue::from_bytes(line).ok()?);
        }
        Some(proxies(header).client_address(Some(peer), &headers))
    };
    holds("forwarded", like(r#"(for=|"|\[|[0-9a-f.:]{1,12}|_|unknown|;|,|\\| ){0,20}"#), |bytes| {
        // Two lines, and one to which the proxy adds; in the standard header a quote may reach into
        // what is added, and then the client is no other client but the proxy that let it through.
        for (header, name, own) in [
            (ForwardedHeader::XForwardedFor, "x-forwarded-for", &b"203.0.113.9"[..]),
            (ForwardedHeader::Forwarded, "forwarded", &b"for=203.0.113.9"[..]),
        ] {
            assert!(who(header, client, name, &[bytes]).is_none_or(|ip| ip == client), "an untrusted peer");
            assert!(who(header, proxy, name, &[bytes, own]).is_none_or(|ip| ip == client), "two lines");
            let one = [bytes, b", ", own].concat();
            let seen = who(header, proxy, name, &[&one]);
            let is_right = |ip| ip == client || (ip == proxy && header == ForwardedHeader::Forwarded);
            assert!(seen.is_none_or(is_right), "one line: {seen:?}");
        }
    });
}

#[test]
fn no_unsigned_text_is_accepted_as_a_page_token() {
    let signer = ValueSigner::new("groundwork", [&SECRET.into()]);
    let good = signer.sign("users", &7_i64.to_be_bytes());
    assert_eq!(signer.verify("users", &good).unwrap(), 7_i64.to_be_bytes());
    holds("page_tokens", like("[A-Za-z0-9_=-]{0,120}"), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        assert!(signer.verify("users", &text).is_err());
        assert!(signer.verify(&text, &good).is_err() || text == "users");
        let cut = bytes.len() % good.len();
        assert!(signer.verify("users", &good[..cut]).is_err());
        assert!(signer.verify("users", &format!("{}{text}", &good[..cut])).is_err());
    });
}

#[test]
fn a_parsed_email_is_normalized_and_safe() {
    holds(
        "emails",
        like(r#"[ \t"A-Za-z0-9.+@Ａé\u{202e}\u{200d}\u{3164}Σß-]{0,30}@[A-Za-z0-9.éＸ\[\]:-]{0,30}"#),
        |bytes| {
            let text = String::from_utf8_lossy(bytes);
            if let Ok(email) = Email::parse(&text) {
                let form = email.as_str();
                assert_eq!(Email::parse(form).unwrap(), email, "{form:?} is read as another one");
                assert!(form.len() <= 254 && form.contains('@'), "{form:?}");
                assert!(!form.chars().any(|c| c.is_control() || c.is_whitespace()), "{form:?}");
            }
            drop(EmailPrefix::parse(&text));
            if let Ok(email) = Email::parse_known(&text) {
                let stored = email.as_str();
                assert_eq!(EmailPrefix::parse(stored).unwrap().as_str(), stored);
                let typed = text.trim();
                let local = &typed[..=typed.rfind('@').unwrap_or(typed.len() - 1)];
                if let Ok(prefix) = EmailPrefix::parse(local) {
                    assert!(stored.starts_with(prefix.as_str()), "{local:?} does not find {stored:?}");
                }
            }
        },
    );
}

#[test]
fn no_value_of_a_setting_panics_or_shows_a_secret() {
    let defaults =
        Settings::from_lookup(|name| (name == "JWT_SECRET_KEY").then(|| SECRET.to_owned())).unwrap();
    let names: Vec<_> = defaults.effective().into_iter().map(|(name, _)| name).collect();
    let pattern =
        r"((postgres|sqlite|redis|rediss|redis\+cluster|redis\+unix)://)?[a-z0-9:@/?#%=,.\[\]-]{0,60}";
    holds("settings", like(pattern), |bytes| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        for wrong in &names {
            let read = Settings::from_lookup(|name| match name {
                name if name == *wrong => Some(text.clone()),
                "JWT_SECRET_KEY" => Some(SECRET.to_owned()),
                _ => None,
            });
            let said = match read {
                Ok(settings) => format!("{:?}{settings:?}", settings.effective()),
                Err(error) => error.to_string(),
            };
            let password = text.rsplit_once('@').and_then(|(before, _)| before.rsplit_once(':'));
            // A file of SQLite has no password, and a short one stands in any text.
            let is_secret = |password: &str| password.len() > 7 && !text.starts_with("sqlite");
            if let Some((_, password)) = password.filter(|(_, password)| is_secret(password))
                && wrong.ends_with("URL")
            {
                assert!(!said.contains(password), "{wrong} repeats it");
            }
        }
    });
}
