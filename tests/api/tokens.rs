//! Tokens that nobody was given, and tokens that are good no more.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::client::{Account, Answer, PASSWORD};
use crate::support::{Call, Instance, SECRET, Service};

/// The parts of a token, as texts.
struct Parts {
    header: Value,
    claims: Value,
    signature: String,
}

fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn parts(token: &str) -> Parts {
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

/// Shows every token to the guard or to `/refresh`: none is accepted, and none does harm to the session it names.
async fn refuse_all(service: &Service, forge: impl Fn(&Parts) -> Vec<(String, String)>) {
    let user = service.user().await;
    for (what, token) in forge(&parts(&user.access)) {
        assert_refused(&what, service.me(&token).await);
    }
    for (what, token) in forge(&parts(&user.refresh)) {
        assert_refused(&what, service.refresh(&token).await);
    }
    let _ = service.me(&user.access).await.expect(200);
    let _ = service.refresh(&user.refresh).await.expect(200);
}

#[track_caller]
fn assert_refused(what: &str, answer: Answer) {
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

fn bearer(base: &str, token: &str) -> Call {
    Call::new(base, "GET", "/api/v1/users/me").bearer(token)
}

async fn tokens_of(instance: &Instance, user: &Account) -> (String, String) {
    let call = Call::new(&instance.url, "POST", "/api/v1/auth/login");
    let pair = call.json(json!({"email": user.email, "password": PASSWORD})).send().await.expect(200).json();
    let text = |name: &str| pair[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

async fn refresh_at(instance: &Instance, token: &str) -> Answer {
    Call::new(&instance.url, "POST", "/api/v1/auth/refresh")
        .json(json!({"refresh_token": token}))
        .send()
        .await
}

on_both! {
    async fn the_forger_of_these_tests_makes_good_tokens_when_it_changes_nothing(service: Service) {
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
        let _ = service.refresh(&sign(&header, &claims)).await.expect(200);
    }

    async fn no_algorithm_but_the_pinned_one_and_no_key_but_ours_is_accepted(service: Service) {
        refuse_all(&service, forged_headers).await;
    }

    async fn a_key_that_a_token_points_to_is_not_fetched(service: Service) {
        let attackers = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/keys.json", attackers.local_addr().unwrap());
        refuse_all(&service, |real| {
            let brought = |name: &str| with(&real.header, name, json!(address));
            ["jku", "x5u"].map(|name| (name.to_owned(), sign(&brought(name), &real.claims))).into()
        })
        .await;
        // Every answer has come, so a call on the way to one of them would be in the listener's queue by now.
        let connected = tokio::time::timeout(std::time::Duration::from_millis(200), attackers.accept()).await;
        assert!(connected.is_err(), "somebody called {address}: {connected:?}");
    }

    async fn claims_out_of_their_range_type_or_time_are_refused_even_if_we_signed_them(service: Service) {
        let other = service.user().await;
        let now = service.clock.now().seconds();
        refuse_all(&service, |real| forged_claims(real, now, other.id)).await;
    }

    async fn a_changed_or_cut_token_is_refused(service: Service) {
        let other = service.user().await;
        refuse_all(&service, |real| cut_and_changed(real, other.id)).await;
    }

    async fn a_token_is_good_for_its_own_purpose_only(service: Service) {
        let user = service.user().await;
        service.me(&user.refresh).await.expect_error(401, "invalid_token");
        service.refresh(&user.access).await.expect_error(401, "invalid_token");
        let _ = service.refresh(&user.refresh).await.expect(200);
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

    async fn the_bearer_scheme_is_read_in_any_case_and_no_other_is_read(service: Service) {
        let user = service.user().await;
        let token = &user.access;
        for (value, code) in [
            (format!("Bearer {token}"), None),
            (format!("bearer {token}"), None),
            (format!("BEARER {token}"), None),
            (format!("Bearer   {token}"), None),
            (String::new(), Some("unauthorized")),
            (token.clone(), Some("unauthorized")),
            (format!("Basic {}", STANDARD.encode("a:b")), Some("unauthorized")),
            (format!("Token {token}"), Some("unauthorized")),
            (format!("Bearer\t{token}"), Some("unauthorized")),
            (format!("Bearer:{token}"), Some("unauthorized")),
            (format!("Basic {token}, Bearer {token}"), Some("unauthorized")),
            ("Bearer".to_owned(), Some("invalid_token")),
            (format!("Bearer {token} {token}"), Some("invalid_token")),
            (format!("Bearer {token}, Bearer {token}"), Some("invalid_token")),
            (format!("Bearer \"{token}\""), Some("invalid_token")),
            ("Bearer ☃".to_owned(), Some("invalid_token")),
        ] {
            let call = service.call("GET", "/api/v1/users/me").header("authorization", &value);
            let answer = call.send().await;
            match code {
                None => assert_eq!(answer.status, 200, "{value}: {answer:?}"),
                Some(code) => {
                    assert_eq!(answer.json()["error"], code, "{value}: {answer:?}");
                    answer.expect_error(401, code);
                }
            }
        }
        service.call("GET", "/api/v1/users/me").send().await.expect_error(401, "unauthorized");
    }

    async fn of_two_authorizations_none_is_believed(service: Service) {
        let (one, two) = (service.user().await, service.user().await);
        for (first, second) in [(&one.access, &two.access), (&one.access, &one.access)] {
            let answer = bearer(&service.instance.url, first).bearer(second).send().await;
            answer.expect_error(401, "invalid_token");
        }
        let bad_first = bearer(&service.instance.url, "bad").bearer(&one.access).send().await;
        bad_first.expect_error(401, "invalid_token");
    }

    async fn a_key_is_changed_in_three_steps_and_no_instance_refuses_what_another_one_gave(service: Service) {
        const NEW: &str = "the key that comes next and is long enough";
        let user = service.user().await;
        // docs/operations.md: known, used, alone.
        let steps: [&[(&str, &str)]; 4] = [
            &[],
            &[("JWT_PREVIOUS_SECRET_KEYS", NEW)],
            &[("JWT_SECRET_KEY", NEW), ("JWT_PREVIOUS_SECRET_KEYS", SECRET)],
            &[("JWT_SECRET_KEY", NEW)],
        ];
        let mut given: Option<(String, String)> = None;
        for pair in steps[..3].windows(2) {
            // While a step is rolled out, instances of before and after it run side by side.
            let [before, after] = [service.instance_with(pair[0]).await, service.instance_with(pair[1]).await];
            for (giver, other) in [(&before, &after), (&after, &before)] {
                let (access, refresh) = tokens_of(giver, &user).await;
                let _ = bearer(&other.url, &access).send().await.expect(200);
                let _ = refresh_at(other, &refresh).await.expect(200);
            }
            if let Some((access, _)) = &given {
                let _ = bearer(&after.url, access).send().await.expect(200);
            }
            given.get_or_insert(tokens_of(&before, &user).await);
        }
        // The first step's tokens have been good until now; the last step refuses them and keeps the others.
        let (access, refresh) = given.unwrap();
        let second = service.instance_with(steps[2]).await;
        let (newer, _) = tokens_of(&second, &user).await;
        let alone = service.instance_with(steps[3]).await;
        bearer(&alone.url, &access).send().await.expect_error(401, "invalid_token");
        refresh_at(&alone, &refresh).await.expect_error(401, "invalid_token");
        let _ = bearer(&alone.url, &newer).send().await.expect(200);
    }

    async fn after_a_change_of_keys_old_tokens_are_exchanged_for_new_ones(service: Service) {
        let (old, new) = ("the old key, which signed until yesterday", "the new key, which signs from today on");
        let (old, new) = (old.replace(',', ""), new.replace(',', ""));
        let user = service.user().await;
        let before = service.instance_with(&[("JWT_SECRET_KEY", &old)]).await;
        let (access, refresh) = tokens_of(&before, &user).await;

        let forgot = service.instance_with(&[("JWT_SECRET_KEY", &new)]).await;
        bearer(&forgot.url, &access).send().await.expect_error(401, "invalid_token");
        refresh_at(&forgot, &refresh).await.expect_error(401, "invalid_token");

        let settings = [("JWT_SECRET_KEY", new.as_str()), ("JWT_PREVIOUS_SECRET_KEYS", old.as_str())];
        let after = service.instance_with(&settings).await;
        let _ = bearer(&after.url, &access).send().await.expect(200);
        let next = refresh_at(&after, &refresh).await.expect(200).json();
        let kid = |token: &str| parts(token).header["kid"].clone();
        for name in ["access_token", "refresh_token"] {
            let token = next[name].as_str().unwrap();
            assert!(kid(token).is_string() && kid(token) != kid(&access), "{name}");
        }
        let next = next["access_token"].as_str().unwrap();
        let _ = bearer(&after.url, next).send().await.expect(200);
        let _ = bearer(&forgot.url, next).send().await.expect(200);
        bearer(&before.url, next).send().await.expect_error(401, "invalid_token");
    }

    async fn whatever_ends_an_accounts_sessions_ends_them_at_once_everywhere(service: Service) {
        let admin = service.superuser().await;
        let other = service.another_instance().await;
        let own_password = json!({"password": "another horse battery", "current_password": PASSWORD});
        let new_password = json!({"password": "another horse battery"});
        for (what, own, method, path, body) in [
            ("log-out", true, "POST", "/api/v1/auth/logout", None),
            ("own new password", true, "PATCH", "/api/v1/users/me", Some(own_password)),
            ("own removal", true, "DELETE", "/api/v1/users/me", None),
            ("new password", false, "PATCH", "/api/v1/users/{id}", Some(new_password)),
            ("deactivation", false, "PATCH", "/api/v1/users/{id}/deactivate", None),
            ("deactivation as a change", false, "PATCH", "/api/v1/users/{id}", Some(json!({"is_active": false}))),
            ("removal", false, "DELETE", "/api/v1/users/{id}", None),
        ] {
            let user = service.user().await;
            let phone = service.log_in_again(&user.email, user.id).await;
            let actor = if own { &user } else { &admin };
            let call = service.call(method, &path.replace("{id}", &user.id.to_string())).bearer(&actor.access);
            let answer = body.into_iter().fold(call, Call::json).send().await;
            assert!(answer.status.is_success(), "{what}: {answer:?}");

            assert_refused(what, service.me(&user.access).await);
            assert_refused(what, bearer(&other.url, &user.access).send().await);
            assert_refused(what, refresh_at(&other, &user.refresh).await);
            assert_refused(what, service.refresh(&user.refresh).await);
            // Only a log-out leaves the other sessions alone.
            let elsewhere = bearer(&other.url, &phone.access).send().await;
            let expected = if what == "log-out" { 200 } else { 401 };
            assert_eq!(elsewhere.status, expected, "{what}: {elsewhere:?}");
        }
    }

    async fn an_account_that_is_active_again_does_not_get_its_old_sessions_back(service: Service) {
        let (admin, user) = (service.superuser().await, service.user().await);
        for verb in ["deactivate", "activate"] {
            let path = format!("/api/v1/users/{}/{verb}", user.id);
            let _ = service.call("PATCH", &path).bearer(&admin.access).send().await.expect(200);
        }
        service.me(&user.access).await.expect_error(401, "invalid_token");
        service.refresh(&user.refresh).await.expect_error(401, "invalid_token");
        let _ = service.login(&user.email, PASSWORD).await.expect(200);
    }

    async fn a_demoted_superuser_loses_the_rights_at_once_and_stays_logged_in(service: Service) {
        let (admin, demoted) = (service.superuser().await, service.superuser().await);
        let _ = service.call("GET", "/api/v1/users").bearer(&demoted.access).send().await.expect(200);
        let path = format!("/api/v1/users/{}", demoted.id);
        let change = service.call("PATCH", &path).bearer(&admin.access).json(json!({"is_superuser": false}));
        let _ = change.send().await.expect(200);
        for (method, path) in [("GET", "/api/v1/users"), ("GET", path.as_str()), ("DELETE", path.as_str())] {
            service.call(method, path).bearer(&demoted.access).send().await.expect_error(403, "forbidden");
        }
        assert_eq!(service.me(&demoted.access).await.expect(200).json()["is_superuser"], false);
    }
}
