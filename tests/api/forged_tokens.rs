//! Tokens that the service did not issue.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::client::Answer;
use crate::support::{SECRET, Service};

/// The parts of a token, as texts.
pub struct Parts {
    pub header: Value,
    pub claims: Value,
    pub signature: String,
}

fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Decodes a token without any check.
pub fn parts(token: &str) -> Parts {
    let texts: Vec<&str> = token.split('.').collect();
    let read = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    Parts { header: read(texts[0]), claims: read(texts[1]), signature: texts[2].to_owned() }
}

/// Signs any header over any claims.
fn sign_with(algorithm: hmac::Algorithm, key: &str, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let tag = hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", encode(tag))
}

/// Signs as the service does, with its own key.
fn sign(header: &Value, claims: &Value) -> String {
    sign_with(hmac::HMAC_SHA256, SECRET, &header.to_string(), &claims.to_string())
}

/// The same with one claim or header more, or another one.
fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    object
}

fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().remove(name);
    object
}

/// Shows every token to the guard or to `/refresh`: none is accepted, and none does harm to the
/// session it names.
async fn refuse_all(service: &Service, forge: impl Fn(&Parts) -> Vec<(String, String)>) {
    let user = service.user().await;
    for (what, token) in forge(&parts(&user.access)) {
        assert_refused(&what, service.me(&token).await);
    }
    for (what, token) in forge(&parts(&user.refresh)) {
        assert_refused(&what, service.refresh(&token).await);
    }
    service.me(&user.access).await.expect(200);
    service.refresh(&user.refresh).await.expect(200);
}

#[track_caller]
pub fn assert_refused(what: &str, answer: Answer) {
    assert_eq!(answer.status.as_u16(), 401, "{what}: {answer:?}");
    answer.expect_error(401, "invalid_token");
}

fn forged_headers(real: &Parts) -> Vec<(String, String)> {
    let Parts { header, claims, signature } = real;
    let mut tokens = Vec::new();
    for alg in ["none", "None", "nOnE", "NONE", ""] {
        let header = json!({"alg": alg, "typ": "JWT"});
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        tokens.push((format!("alg {alg:?}, no signature"), format!("{signed}.")));
        tokens.push((format!("alg {alg:?}, two parts"), signed.clone()));
        tokens.push((format!("alg {alg:?}, old signature"), format!("{signed}.{signature}")));
        tokens.push((format!("alg {alg:?}, right signature"), sign(&header, claims)));
    }
    for alg in ["RS256", "ES256", "PS256", "EdDSA", "HS384", "HS512", "hs256", "HS256 ", "HS1"] {
        let header = with(header, "alg", json!(alg));
        tokens.push((format!("alg {alg:?}, signed as HS256"), sign(&header, claims)));
    }
    for (alg, algorithm) in [("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
        let header = with(header, "alg", json!(alg)).to_string();
        let token = sign_with(algorithm, SECRET, &header, &claims.to_string());
        tokens.push((format!("a true {alg}"), token));
        let token = sign_with(algorithm, SECRET, &real.header.to_string(), &claims.to_string());
        tokens.push((format!("a true {alg} that says HS256"), token));
    }
    let alg = |value: Value| sign(&with(header, "alg", value), claims);
    tokens.push(("no alg".into(), sign(&without(header, "alg"), claims)));
    tokens.push(("alg null".into(), alg(Value::Null)));
    tokens.push(("alg a list".into(), alg(json!(["HS256", "none"]))));
    for kid in [json!("unknown"), json!(""), json!("../../../dev/null"), json!("' OR 1=1 --"), json!(7)] {
        tokens.push((format!("kid {kid}"), sign(&with(header, "kid", kid), claims)));
    }
    let attackers = "a key of the attacker, which is long enough";
    let jwk = json!({"kty": "oct", "alg": "HS256", "k": encode(attackers)});
    let brought = with(header, "jwk", jwk.clone());
    let theirs =
        |header: &Value| sign_with(hmac::HMAC_SHA256, attackers, &header.to_string(), &claims.to_string());
    tokens.push(("another key".into(), theirs(header)));
    tokens.push(("an empty key".into(), {
        sign_with(hmac::HMAC_SHA256, "", &header.to_string(), &claims.to_string())
    }));
    tokens.push(("jwk, signed with it".into(), theirs(&brought)));
    tokens.push(("jwk, signed with it, no kid".into(), theirs(&without(&brought, "kid"))));
    tokens.push(("jwk, signed with ours".into(), sign(&brought, claims)));
    tokens.push(("x5c".into(), sign(&with(header, "x5c", json!([STANDARD.encode("certificate")])), claims)));
    tokens.push(("crit".into(), sign(&with(header, "crit", json!(["exp"])), claims)));
    tokens.push(("a header that is a list".into(), sign(&json!(["HS256"]), claims)));
    tokens.push(("a header that is no JSON".into(), {
        sign_with(hmac::HMAC_SHA256, SECRET, "{\"alg\":\"HS256\"", &claims.to_string())
    }));
    tokens
}

fn forged_claims(real: &Parts, now: i64, other: i64) -> Vec<(String, String)> {
    let Parts { header, claims, .. } = real;
    let mut tokens = Vec::new();
    let mut change = |name: &str, value: Value| {
        tokens.push((format!("{name}: {value}"), sign(header, &with(claims, name, value))));
    };
    // The leeway is 5 seconds, so a token that ended 6 seconds ago ended a second too early.
    for exp in [json!(now - 6), json!(0), json!(-1), json!(i64::MIN), json!(null), json!([now + 600])] {
        change("exp", exp);
    }
    for exp in [json!((now + 600).to_string()), json!(9_223_372_036_854_775_808_u64), json!(u64::MAX)] {
        change("exp", exp);
    }
    for exp in [json!(1e300), json!(f64::MAX), json!(1.5), json!(true), json!({})] {
        change("exp", exp);
    }
    for iat in [json!(now + 60), json!(i64::MAX), json!(now.to_string()), json!(1e300), json!(null)] {
        change("iat", iat);
    }
    for nbf in [json!(now + 60), json!(i64::MAX), json!("soon"), json!(1e300)] {
        change("nbf", nbf);
    }
    for sub in [json!(other.to_string()), json!("-1"), json!("0"), json!("9223372036854775808"), json!("")] {
        change("sub", sub);
    }
    for sub in
        [json!("me"), json!("1 OR 1=1"), json!("1\0"), json!(" 1"), json!("1.0"), json!(1), json!(null)]
    {
        change("sub", sub);
    }
    for sid in [json!(encode([0; 16])), json!(encode([0; 15])), json!(""), json!("☃"), json!(null), json!(1)]
    {
        change("sid", sid);
    }
    for kind in [json!("admin"), json!("Access"), json!(""), json!(null), json!(["access", "refresh"])] {
        change("type", kind);
    }
    for name in ["exp", "iat", "sub", "sid", "type", "jti"] {
        tokens.push((format!("no {name}"), sign(header, &without(claims, name))));
    }
    let twice = claims.to_string().replacen('{', &format!("{{\"sub\":\"{other}\","), 1);
    let texts = ["[]", "null", "", "{", "\u{feff}{}", &"[".repeat(900), &twice];
    for text in texts {
        let token = sign_with(hmac::HMAC_SHA256, SECRET, &header.to_string(), text);
        tokens.push((format!("claims {text:?}"), token));
    }
    tokens
}

fn cut_and_changed(real: &Parts, other: i64) -> Vec<(String, String)> {
    let Parts { header, claims, signature } = real;
    let head = encode(header.to_string());
    let body = encode(claims.to_string());
    let changed = |name: &str, value: Value| encode(with(claims, name, value).to_string());
    let last = if signature.ends_with('A') { 'E' } else { 'A' };
    [
        ("changed sub", format!("{head}.{}.{signature}", changed("sub", json!(other.to_string())))),
        ("changed exp", format!("{head}.{}.{signature}", changed("exp", json!(4_102_444_800_i64)))),
        ("changed type", format!("{head}.{}.{signature}", changed("type", json!("other")))),
        ("no signature", format!("{head}.{body}.")),
        ("two parts", format!("{head}.{body}")),
        ("four parts", format!("{head}.{body}.{signature}.{signature}")),
        ("five parts, as of JWE", format!("{head}.{body}.{signature}.{body}.{signature}")),
        ("half a signature", format!("{head}.{body}.{}", &signature[..20])),
        ("another last character", format!("{head}.{body}.{}{last}", &signature[..signature.len() - 1])),
        ("a signature of zeros", format!("{head}.{body}.{}", encode([0; 32]))),
        ("padding", format!("{head}.{body}.{signature}=")),
        ("dots", "..".to_owned()),
        ("a word", "null".to_owned()),
        ("a token of 4 KB", format!("{head}.{}.{signature}", "A".repeat(3500))),
    ]
    .map(|(what, token)| (what.to_owned(), token))
    .into()
}

on_both! {
    async fn the_forging_helpers_make_valid_tokens_if_they_change_nothing(service: Service) {
        let user = service.user().await;
        let Parts { header, claims, .. } = parts(&user.access);
        let now = service.clock.now().seconds();
        for (what, token) in [
            ("signed again", sign(&header, &claims)),
            ("without kid", sign(&without(&header, "kid"), &claims)),
            ("with a claim nobody knows", sign(&header, &with(&claims, "aud", json!("elsewhere")))),
            ("issued within the leeway", sign(&header, &with(&claims, "iat", json!(now + 4)))),
            ("valid from within the leeway", sign(&header, &with(&claims, "nbf", json!(now + 4)))),
        ] {
            let answer = service.me(&token).await;
            assert_eq!(answer.status, 200, "{what}: {answer:?}");
            assert_eq!(answer.json()["id"], user.id);
        }
        let Parts { header, claims, .. } = parts(&user.refresh);
        service.refresh(&sign(&header, &claims)).await.expect(200);
    }

    async fn only_hs256_and_the_services_own_keys_are_accepted(service: Service) {
        refuse_all(&service, forged_headers).await;
    }

    async fn a_key_url_in_a_token_is_not_fetched(service: Service) {
        let attackers = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/keys.json", attackers.local_addr().unwrap());
        refuse_all(&service, |real| {
            let brought = |name: &str| with(&real.header, name, json!(address));
            ["jku", "x5u"].map(|name| (name.to_owned(), sign(&brought(name), &real.claims))).into()
        })
        .await;
        // Every answer has come, so a call on the way to one of them would be in the listener's
        // queue by now.
        let connected = tokio::time::timeout(std::time::Duration::from_millis(200), attackers.accept()).await;
        assert!(connected.is_err(), "somebody called {address}: {connected:?}");
    }

    async fn claims_of_the_wrong_range_type_or_time_are_refused_even_if_signed(service: Service) {
        let other = service.user().await;
        let now = service.clock.now().seconds();
        refuse_all(&service, |real| forged_claims(real, now, other.id)).await;
    }

    async fn a_changed_or_truncated_token_is_refused(service: Service) {
        let other = service.user().await;
        refuse_all(&service, |real| cut_and_changed(real, other.id)).await;
    }

    async fn a_huge_token_is_refused(service: Service) {
        let user = service.user().await;
        let Parts { header, claims, .. } = parts(&user.access);
        let huge = sign(&header, &with(&claims, "more", json!("x".repeat(20 * 1024))));
        service.me(&huge).await.expect_error(401, "invalid_token");
        service.me(&"A".repeat(30 * 1024)).await.expect_error(401, "invalid_token");
        service.me(&".".repeat(30 * 1024)).await.expect_error(401, "invalid_token");
        assert_eq!(service.refresh(&huge).await.invalid_fields(), ["refresh_token"]);
    }
}
