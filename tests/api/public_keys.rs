//! Tokens that are signed with a private key, which others verify with the public one.

use std::fs;
use std::path::PathBuf;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::forged_tokens::{assert_refused, parts};
use super::tokens::{bearer, refresh_at};
use crate::support::client::{PASSWORD, TestUser};
use crate::support::postgres::eventually;
use crate::support::{Backend, Call, Instance, SECRET, Service};

pub const ISSUER: &str = "https://api.example.com";
pub const AUDIENCE: &str = "orders";
const ALGORITHMS: [&str; 2] = ["ES256", "EdDSA"];

/// Files with private keys.
pub struct Keys {
    folder: TempDir,
    algorithm: &'static str,
}

impl Keys {
    /// A current key, and no previous one.
    pub fn new(algorithm: &'static str) -> Self {
        let keys = Self { folder: tempfile::tempdir().unwrap(), algorithm };
        keys.write("current.pem", &keys.fresh());
        keys.write("previous.pem", "");
        keys
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As a tool that rotates secrets does: the file is there, or not.
    fn write(&self, name: &str, content: &str) {
        let new = self.path("new");
        fs::write(&new, content).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn fresh(&self) -> String {
        let random = SystemRandom::new();
        let document = match self.algorithm {
            "ES256" => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
            _ => Ed25519KeyPair::generate_pkcs8v1(&random),
        };
        format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(document.unwrap())
        )
    }

    /// The settings of a service with these keys.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.path(name).to_str().unwrap().to_owned();
        vec![
            ("JWT_ALGORITHM", self.algorithm.to_owned()),
            ("JWT_PRIVATE_KEY_FILE", path("current.pem")),
            ("JWT_PREVIOUS_PRIVATE_KEY_FILES", path("previous.pem")),
            ("JWT_ISSUER", ISSUER.to_owned()),
            ("JWT_AUDIENCE", AUDIENCE.to_owned()),
        ]
    }

    /// A service with these keys.
    pub async fn service(&self, backend: Backend) -> Service {
        Service::start_with(backend, &borrowed(&self.settings())).await
    }
}

fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// The keys that a service publishes.
async fn published(url: &str) -> Vec<Value> {
    let answer = Call::new(url, "GET", "/.well-known/jwks.json").send().await.expect(200);
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    answer.json()["keys"].as_array().unwrap().clone()
}

async fn published_ids(url: &str) -> Vec<String> {
    published(url).await.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Waits until a service publishes so many keys.
async fn wait_for_keys(instance: &Instance, count: usize) -> Vec<String> {
    eventually(&format!("{count} keys"), async || {
        let ids = published_ids(&instance.url).await;
        (ids.len() == count).then_some(ids)
    })
    .await
}

fn kid(token: &str) -> String {
    parts(token).header["kid"].as_str().unwrap().to_owned()
}

async fn log_in_at(instance: &Instance, user: &TestUser) -> TestUser {
    let call = Call::new(&instance.url, "POST", "/api/v1/auth/login");
    let pair = call.json(json!({"email": user.email, "password": PASSWORD})).send().await.expect(200).json();
    let text = |name: &str| pair[name].as_str().unwrap().to_owned();
    TestUser { access: text("access_token"), refresh: text("refresh_token"), ..user.clone() }
}

/// Tokens that someone makes who knows the public key and the form of tokens.
pub fn forgeries(token: &str, jwk: &Value) -> Vec<(String, String)> {
    let real = parts(token);
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut forged = Vec::new();
    let parsed: Jwk = serde_json::from_value(jwk.clone()).unwrap();
    let public = DecodingKey::from_jwk(&parsed).unwrap();
    let secrets = [
        ("the public key", public.try_get_as_bytes().unwrap().to_vec()),
        ("x of the public key", jwk["x"].as_str().unwrap().as_bytes().to_vec()),
        ("the published key", jwk.to_string().into_bytes()),
        ("the secret of page tokens", SECRET.as_bytes().to_vec()),
        ("nothing", Vec::new()),
    ];
    for (name, secret) in secrets {
        for header in [
            json!({"alg": "HS256", "typ": "JWT", "kid": jwk["kid"]}),
            json!({"alg": "HS256", "typ": "JWT"}),
            json!({"alg": jwk["alg"], "typ": "JWT", "kid": jwk["kid"]}),
        ] {
            let signed = format!("{}.{}", encode(&header), encode(&real.claims));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
            forged.push((
                format!("{header} signed with {name}"),
                format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag)),
            ));
        }
    }
    for alg in ["none", "None", ""] {
        let header = json!({"alg": alg, "typ": "JWT", "kid": jwk["kid"]});
        forged.push((format!("alg {alg:?}"), format!("{}.{}.", encode(&header), encode(&real.claims))));
    }
    let (content, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    forged.push(("a changed signature".to_owned(), format!("{content}.{other}{}", &signature[1..])));
    let mut claims = real.claims.clone();
    claims["sub"] = json!("999999");
    forged.push((
        "other claims".to_owned(),
        format!("{}.{}.{signature}", encode(&real.header), encode(&claims)),
    ));
    forged
}

/// Signs a real token's claims again, after a change, with the key in this file.
fn signed(keys: &Keys, file: &str, token: &str, change: impl Fn(&mut Header, &mut Value)) -> String {
    let real = parts(token);
    let der = STANDARD.decode(keys.read(file).lines().nth(1).unwrap()).unwrap();
    let (algorithm, key) = match keys.algorithm {
        "ES256" => (Algorithm::ES256, EncodingKey::from_ec_der(&der)),
        _ => (Algorithm::EdDSA, EncodingKey::from_ed_der(&der)),
    };
    let mut header = Header { kid: Some(kid(token)), ..Header::new(algorithm) };
    let mut claims = real.claims;
    change(&mut header, &mut claims);
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

on_both! {
    async fn without_private_keys_no_key_is_published_and_tokens_name_no_issuer(service: Service) {
        let user = service.user().await;
        assert_eq!(published(&service.instance.url).await, [Value::Null; 0]);
        let claims = parts(&user.access).claims;
        assert_eq!((&claims["iss"], &claims["aud"]), (&Value::Null, &Value::Null));
    }

    async fn an_issuer_and_an_audience_are_claims_of_all_tokens_and_required(service: Service) {
        let user = service.user().await;
        let strict = service.instance_with(&[("JWT_ISSUER", ISSUER), ("JWT_AUDIENCE", AUDIENCE)]).await;
        bearer(&strict.url, &user.access).send().await.expect_error(401, "invalid_token");
        refresh_at(&strict, &user.refresh).await.expect_error(401, "invalid_token");
        let named = log_in_at(&strict, &user).await;
        for token in [&named.access, &named.refresh] {
            let claims = parts(token).claims;
            assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!(AUDIENCE)));
        }
        bearer(&strict.url, &named.access).send().await.expect(200);
        // Where nothing is expected, nothing is refused.
        service.me(&named.access).await.expect(200);
        for other in [[("JWT_ISSUER", "https://other.example.com")], [("JWT_AUDIENCE", "invoices")]] {
            let other = service.instance_with(&other).await;
            bearer(&other.url, &named.access).send().await.expect_error(401, "invalid_token");
            refresh_at(&other, &named.refresh).await.expect_error(401, "invalid_token");
        }
        refresh_at(&strict, &named.refresh).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_key_verifies_tokens_and_is_named_by_its_thumbprint() {
    for algorithm in ALGORITHMS {
        let keys = Keys::new(algorithm);
        let service = keys.service(Backend::Sqlite).await;
        let user = service.user().await;
        service.me(&user.access).await.expect(200);
        service.refresh(&user.refresh).await.expect(200);
        let [jwk] = &*published(&service.instance.url).await else { panic!("one key") };
        assert!(jwk["d"].is_null() && jwk["k"].is_null(), "{jwk}");
        assert_eq!((&jwk["alg"], &jwk["use"]), (&json!(algorithm), &json!("sig")));
        let parsed: Jwk = serde_json::from_value(jwk.clone()).unwrap();
        assert_eq!(jwk["kid"], parsed.thumbprint(ThumbprintHash::SHA256).unwrap());
        assert_eq!(jwk["kid"], kid(&user.access));
        let mut validation = Validation::new(algorithm.parse().unwrap());
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        let key = DecodingKey::from_jwk(&parsed).unwrap();
        let claims = jsonwebtoken::decode::<Value>(&user.access, &key, &validation).unwrap().claims;
        assert_eq!(claims["sub"], user.id.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_the_public_key_cannot_make_a_token() {
    for algorithm in ALGORITHMS {
        let keys = Keys::new(algorithm);
        let service = keys.service(Backend::Sqlite).await;
        let user = service.user().await;
        let [jwk] = &*published(&service.instance.url).await else { panic!("one key") };
        for (what, token) in forgeries(&user.access, jwk) {
            assert_refused(&what, service.me(&token).await);
        }
        for (what, token) in forgeries(&user.refresh, jwk) {
            assert_refused(&what, service.refresh(&token).await);
        }
        // With the private key, only what a token says decides.
        let token = |change: fn(&mut Header, &mut Value)| signed(&keys, "current.pem", &user.access, change);
        service.me(&token(|_, _| {})).await.expect(200);
        service.me(&token(|header, _| header.kid = None)).await.expect(200);
        for (what, token) in [
            ("another kid", token(|header, _| header.kid = Some("unknown".to_owned()))),
            ("no iss", token(|_, claims| claims["iss"] = Value::Null)),
            ("another iss", token(|_, claims| claims["iss"] = json!("https://other.example.com"))),
            ("another aud", token(|_, claims| claims["aud"] = json!("invoices"))),
            ("no aud", token(|_, claims| drop(claims.as_object_mut().unwrap().remove("aud")))),
            ("another aud among them", token(|_, claims| claims["aud"] = json!([AUDIENCE, "invoices"]))),
            ("another key of the caller", {
                keys.write("theirs.pem", &keys.fresh());
                signed(&keys, "theirs.pem", &user.access, |_, _| {})
            }),
        ] {
            assert_refused(what, service.me(&token).await);
        }
        service.refresh(&user.refresh).await.expect(200);
    }
}

async fn keys_are_rotated(backend: Backend) {
    for algorithm in ALGORITHMS {
        let keys = Keys::new(algorithm);
        let service = keys.service(backend).await;
        let other = service.another_instance().await;
        let user = service.user().await;
        let first = kid(&user.access);
        // docs/operations.md: known, used, alone.
        let next = keys.fresh();
        keys.write("previous.pem", &next);
        for instance in [&service.instance, &other] {
            let ids = wait_for_keys(instance, 2).await;
            assert_eq!(ids[0], first);
        }
        keys.write("previous.pem", &format!("{}{next}", keys.read("current.pem")));
        keys.write("current.pem", &next);
        let second = eventually("the next key signs", async || {
            let id = kid(&log_in_at(&service.instance, &user).await.access);
            (id != first).then_some(id)
        })
        .await;
        // A token of either is good on every instance, whichever file an instance has read.
        let newer = log_in_at(&service.instance, &user).await;
        assert_eq!(kid(&newer.access), second);
        for instance in [&service.instance, &other] {
            for token in [&user.access, &newer.access] {
                bearer(&instance.url, token).send().await.expect(200);
            }
        }
        eventually("both instances use the next key", async || {
            let ids = published_ids(&other.url).await;
            (ids == [second.clone(), first.clone()]).then_some(())
        })
        .await;
        keys.write("previous.pem", "");
        for instance in [&service.instance, &other] {
            assert_eq!(wait_for_keys(instance, 1).await, [second.as_str()]);
            // It was cached.
            assert_refused("a token of a forgotten key", bearer(&instance.url, &user.access).send().await);
            bearer(&instance.url, &newer.access).send().await.expect(200);
        }
        assert_refused("a token of a forgotten key", service.refresh(&user.refresh).await);
        // What cannot be used changes nothing.
        keys.write("current.pem", "no key");
        keys.write("previous.pem", &keys.fresh());
        let again = log_in_at(&service.instance, &user).await;
        assert_eq!(kid(&again.access), second);
        service.me(&again.access).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_by_their_files_and_no_token_is_lost_meanwhile_on_sqlite() {
    keys_are_rotated(Backend::Sqlite).await;
}

#[ignore = "needs PostgreSQL and Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_by_their_files_and_no_token_is_lost_meanwhile_on_postgresql() {
    keys_are_rotated(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_algorithm_loses_no_token_if_the_old_key_still_verifies() {
    let service = Service::start(Backend::Sqlite).await;
    let user = service.user().await;
    let keys = Keys::new("ES256");
    let mut settings = keys.settings();
    settings.truncate(3);
    let without = service.instance_with(&borrowed(&settings)).await;
    bearer(&without.url, &user.access).send().await.expect_error(401, "invalid_token");
    settings.push(("JWT_PREVIOUS_SECRET_KEYS", SECRET.to_owned()));
    let with = service.instance_with(&borrowed(&settings)).await;
    bearer(&with.url, &user.access).send().await.expect(200);
    let pair = refresh_at(&with, &user.refresh).await.expect(200).json();
    let access = pair["access_token"].as_str().unwrap();
    assert_eq!(parts(access).header["alg"], "ES256");
    // And back.
    let files = keys.path("current.pem").to_str().unwrap().to_owned();
    let back = service.instance_with(&[("JWT_PREVIOUS_PRIVATE_KEY_FILES", files.as_str())]).await;
    bearer(&back.url, access).send().await.expect(200);
    let pair = refresh_at(&back, pair["refresh_token"].as_str().unwrap()).await.expect(200).json();
    assert_eq!(parts(pair["access_token"].as_str().unwrap()).header["alg"], "HS256");
    service.me(pair["access_token"].as_str().unwrap()).await.expect(200);
}
