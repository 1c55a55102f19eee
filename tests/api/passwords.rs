//! Rules for passwords and emails, and password hashing under load.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::client::{Answer, PASSWORD, fresh_email};
use crate::support::{Call, Instance, Service};

async fn log_in_at(instance: &Instance, email: &str, password: &str) -> Answer {
    let call = Call::new(&instance.url, "POST", "/api/v1/auth/login");
    call.json(json!({"email": email, "password": password})).send().await
}

async fn register_at(instance: &Instance, email: &str, password: &str) -> Answer {
    let call = Call::new(&instance.url, "POST", "/api/v1/auth/register");
    call.json(json!({"email": email, "password": password})).send().await
}

async fn stored_hash(service: &Service, email: &str) -> String {
    let hash = format!("SELECT password_hash AS value FROM users WHERE email = '{email}'");
    service.database.sql(&hash).await.unwrap()
}

on_both! {
    async fn a_password_above_72_bytes_is_refused_and_the_limit_is_named(service: Service) {
        for (what, password) in [
            ("73 letters", "a".repeat(73)),
            ("128 letters", "a".repeat(128)),
            ("19 emoji", "🦀".repeat(19)),
            ("36 and a half umlauts", "ü".repeat(36) + "u"),
        ] {
            let answer = service.register(&fresh_email(), &password).await;
            assert!(!answer.text.contains(&password), "{what}");
            let body = answer.expect_error(422, "validation_error");
            let problem = &body["details"]["fields"][0];
            assert_eq!(problem["field"], "password", "{what}");
            assert!(problem["message"].as_str().unwrap().contains("72 bytes"), "{what}: {body}");
        }
    }

    async fn a_common_password_is_refused_and_not_repeated_in_the_error(service: Service) {
        for password in ["password1", "PassWord1", "12345678", "qwertyuiop", "iloveyou2"] {
            let answer = service.register(&fresh_email(), password).await;
            assert!(!answer.text.contains(password), "{password}");
            let body = answer.expect_error(422, "validation_error");
            let problem = &body["details"]["fields"][0];
            assert_eq!((&problem["field"], &problem["rule"]), (&json!("password"), &json!("format")), "{password}");
            assert!(problem["message"].as_str().unwrap().contains("most common"), "{body}");
        }
        service.register(&fresh_email(), "password1, and something of one's own").await.expect(201);
    }

    async fn a_user_who_already_has_a_common_password_can_log_in(service: Service) {
        let user = service.user().await;
        let hash = bcrypt::hash("password1", 5).unwrap();
        let set = format!("UPDATE users SET password_hash = '{hash}' WHERE id = {}", user.id);
        service.database.sql(&set).await;
        service.login(&user.email, "password1").await.expect(200);
        assert!(stored_hash(&service, &user.email).await.starts_with("$2b$04$"), "hashed at the present cost");
    }

    async fn long_wide_and_unusual_passwords_are_accepted_unchanged(service: Service) {
        for password in [
            "a".repeat(64),
            "a".repeat(72),
            "🦀".repeat(15),
            "🦀".repeat(18),
            " spaces stay ".to_owned(),
            "\u{1}\u{7f}\u{1b}[31m\r\n".to_owned(),
            "Å\u{30a}é".repeat(4),
        ] {
            let email = fresh_email();
            service.register(&email, &password).await.expect(201);
            service.login(&email, &password).await.expect(200);
            for other in [format!("{password} "), password.trim().to_owned() + "\n", password.to_uppercase() + "X"] {
                let answer = service.login(&email, &other).await;
                answer.expect_error(401, "invalid_credentials");
            }
        }
    }

    async fn a_password_is_the_same_in_every_unicode_normalization_form(service: Service) {
        let [composed, decomposed] = ["caf\u{e9} au lait", "cafe\u{301} au lait"];
        for (registered, typed) in [(composed, decomposed), (decomposed, composed)] {
            let email = fresh_email();
            service.register(&email, registered).await.expect(201);
            for attempt in [registered, typed] {
                service.login(&email, attempt).await.expect(200);
            }
            service.login(&email, "cafe au lait").await.expect_error(401, "invalid_credentials");
        }
        // 24 syllables are 72 bytes, however they are typed.
        let syllables = "\u{1100}\u{1161}\u{11a8}".repeat(24);
        let email = fresh_email();
        service.register(&email, &syllables).await.expect(201);
        service.login(&email, &"각".repeat(24)).await.expect(200);
    }

    async fn a_hash_of_a_password_that_was_not_normalized_is_accepted_and_replaced(service: Service) {
        let [composed, decomposed] = ["caf\u{e9} au lait", "cafe\u{301} au lait"];
        let user = service.user().await;
        let hash = bcrypt::hash(decomposed, 4).unwrap();
        service.database.sql(&format!("UPDATE users SET password_hash = '{hash}' WHERE id = {}", user.id)).await;
        service.login(&user.email, composed).await.expect_error(401, "invalid_credentials");
        for attempt in [decomposed, decomposed, composed] {
            service.login(&user.email, attempt).await.expect(200);
        }
        assert_ne!(stored_hash(&service, &user.email).await, hash);
    }

    async fn an_easily_guessed_password_is_refused(service: Service) {
        for (password, reason) in [
            ("password ", "most common"),
            ("ｐａｓｓｗｏｒｄ", "most common"),
            ("Groundwork1", "name of the application"),
            ("        ", "visible"),
            ("\t\t\t\t\t\t\t\t", "visible"),
            ("\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}", "visible"),
        ] {
            let body = service.register(&fresh_email(), password).await.expect_error(422, "validation_error");
            let problem = &body["details"]["fields"][0];
            assert_eq!((&problem["field"], &problem["rule"]), (&json!("password"), &json!("format")), "{password:?}");
            assert!(problem["message"].as_str().unwrap().contains(reason), "{password:?}: {body}");
        }
    }

    async fn a_password_must_not_be_the_email_or_its_local_part(service: Service) {
        let refused = |what: &str, answer: Answer| {
            let body = answer.expect_error(422, "validation_error");
            let problem = &body["details"]["fields"][0];
            let expected = (&json!("password"), &json!("own_email"));
            assert_eq!((&problem["field"], &problem["rule"]), expected, "{what}: {body}");
        };
        let root = service.superuser().await;
        for password in ["ada.lovelace@example.com", "Ada.Lovelace@Example.COM", "ada.lovelace", "ADA.LOVELACE "] {
            refused("register", service.register("ada.lovelace@example.com", password).await);
            let body = json!({"email": "ada.lovelace@example.com", "password": password});
            refused("create", service.by(&root, "POST", "/api/v1/users").json(body).send().await);
        }
        let made = service.register("ada.lovelace@example.com", PASSWORD).await.expect(201).json();
        let path = format!("/api/v1/users/{}", made["id"]);
        let change_it = async |body| service.by(&root, "PATCH", &path).json(body).send().await;
        refused("update", change_it(json!({"password": "ada.lovelace"})).await);
        let both = json!({"password": "countess of lovelace", "email": "countess of lovelace@x"});
        assert_eq!(change_it(both).await.invalid_fields(), ["email"]);
        refused("both", change_it(json!({"password": "countess@example.com", "email": "Countess@example.com"})).await);
        // Nothing of a refused change is kept.
        let tokens = service.login("ada.lovelace@example.com", PASSWORD).await.expect(200).json();
        let change = json!({"password": "Ada.Lovelace@example.com", "current_password": PASSWORD});
        let call = service.call("PATCH", "/api/v1/users/me").bearer(tokens["access_token"].as_str().unwrap());
        refused("own", call.json(change).send().await);
        // The former email is free.
        change_it(json!({"password": "ada.lovelace", "email": "countess@example.com"})).await.expect(200);
    }

    async fn invisible_characters_make_no_second_user_and_no_name(service: Service) {
        for email in ["a\u{3164}da@example.com", "ada\u{ffa0}@example.com", "ada\u{115f}@example.com", "a@0x7f.0x1", "a@1.2.3.4a"] {
            assert_eq!(service.register(email, PASSWORD).await.invalid_fields(), ["email"], "{email:?}");
        }
        let user = service.user().await;
        for name in ["\u{200b}", "\u{3164}\u{3164}", "\u{301}", "Ada\u{202e}ecalevoL", "Ada\u{2066}", "Ada\u{2028}Root", "\u{e0041}da"] {
            let call = service.call("PATCH", "/api/v1/users/me").bearer(&user.access);
            let body = call.json(json!({ "full_name": name })).send().await.expect_error(422, "validation_error");
            assert_eq!(body["details"]["fields"].as_array().unwrap().len(), 1, "{name:?}: {body}");
            assert_eq!(body["details"]["fields"][0]["field"], "full_name", "{name:?}");
            assert_ne!(body["details"]["fields"][0]["message"], "is not valid", "{name:?}");
        }
        for blank in [" ", "\t\n", "\u{3000}"] {
            let call = service.call("PATCH", "/api/v1/users/me").bearer(&user.access);
            let body = call.json(json!({ "full_name": blank })).send().await.expect_error(422, "validation_error");
            assert_eq!(body["details"]["fields"][0]["message"], "must not be blank", "{blank:?}");
        }
    }

    async fn a_user_whose_email_would_no_longer_be_accepted_can_log_in_and_be_updated(service: Service) {
        let root = service.superuser().await;
        for email in ["a\u{1160}da@example.com", "ada@0x7f.0x1", "ada@1.2.3.4a"] {
            let user = service.user().await;
            service.database.sql(&format!("UPDATE users SET email = '{email}' WHERE id = {}", user.id)).await;
            let tokens = service.login(email, PASSWORD).await.expect(200).json();
            assert_eq!(service.me(tokens["access_token"].as_str().unwrap()).await.expect(200).json()["email"], email);
            service.login(email, "not the password").await.expect_error(401, "invalid_credentials");
            let path = format!("/api/v1/users/{}", user.id);
            service.by(&root, "PATCH", &path).json(json!({"full_name": "Ada"})).send().await.expect(200);
        }
    }

    async fn nul_does_not_truncate_a_password(service: Service) {
        let (email, password) = (fresh_email(), "Pa55 of Ada");
        let twice = format!("{password}\0{password}");
        assert_eq!(service.register(&email, &twice).await.invalid_fields(), ["password"]);
        service.register(&email, password).await.expect(201);
        for attempt in [twice, format!("{password}\0"), format!("\0{password}"), "\0".to_owned()] {
            assert_eq!(service.login(&email, &attempt).await.invalid_fields(), ["password"]);
        }
        let change = json!({"password": "new\0password", "current_password": password});
        let access = service.login(&email, password).await.expect(200).json()["access_token"].clone();
        let call = service.call("PATCH", "/api/v1/users/me").bearer(access.as_str().unwrap()).json(change);
        assert_eq!(call.send().await.invalid_fields(), ["password"]);
    }

    async fn all_72_bytes_of_a_password_count(service: Service) {
        let email = fresh_email();
        let stem = "a".repeat(71);
        let password = format!("{stem}b");
        service.register(&email, &password).await.expect(201);
        for attempt in [
            format!("{stem}c"),
            stem.clone(),
            format!("{password}c"),
            format!("{password}{password}"),
            password.clone() + &"x".repeat(900),
        ] {
            service.login(&email, &attempt).await.expect_error(401, "invalid_credentials");
        }
        assert_eq!(service.login(&email, &password.repeat(20)).await.invalid_fields(), ["password"]);
        service.login(&email, &password).await.expect(200);
    }

    async fn every_failed_login_does_the_same_work(service: Service) {
        // At this cost a hash takes many times as long as everything else about a request.
        let slow = service.instance_with(&[("BCRYPT_ROUNDS", "9")]).await;
        let (email, inactive) = (fresh_email(), fresh_email());
        for email in [&email, &inactive] {
            register_at(&slow, email, PASSWORD).await.expect(201);
        }
        service.database.sql(&format!("UPDATE users SET is_active = FALSE WHERE email = '{inactive}'")).await;
        let too_long = "x".repeat(73);
        let cases = [
            (email.as_str(), "not the password"),
            ("nobody@example.com", "not the password"),
            (inactive.as_str(), PASSWORD),
            (inactive.as_str(), "not the password"),
            (email.as_str(), too_long.as_str()),
            ("nobody@example.com", too_long.as_str()),
        ];
        let mut fastest = [Duration::MAX; 6];
        let mut bodies = Vec::new();
        // Generous: an answer without a hash would be dozens of times faster, however often it was
        // asked for. One round is not enough beside somebody who needs the processors.
        for round in 1.. {
            for ((email, password), best) in cases.iter().zip(&mut fastest) {
                let start = Instant::now();
                let answer = log_in_at(&slow, email, password).await;
                *best = start.elapsed().min(*best);
                let mut body = answer.expect_error(401, "invalid_credentials");
                body["request_id"].take();
                bodies.push(body);
            }
            if fastest.iter().all(|time| *time * 4 > fastest[0]) {
                break;
            }
            assert!(round < 20, "{fastest:?}");
        }
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    }

    async fn another_spelling_of_an_email_is_the_same_user(service: Service) {
        let (email, id) = ("ada@example.com", {
            service.register("ada@example.com", PASSWORD).await.expect(201).json()["id"].as_i64().unwrap()
        });
        for spelling in [
            "Ada@Example.COM",
            "  ada@example.com\u{20}",
            "\u{3000}ada@example.com\u{a0}",
            "ａｄａ@ｅｘａｍｐｌｅ.com",
            "ada＠example．com",
            "ada@example。com",
            "𝐚𝐝𝐚@example.com",
            "ⓐⓓⓐ@example.com",
        ] {
            let answer = service.register(spelling, "another password").await;
            assert_eq!(answer.status, 409, "{spelling:?}: {answer:?}");
            answer.expect_error(409, "email_taken");
            let tokens = service.login(spelling, PASSWORD).await.expect(200).json();
            let me = service.me(tokens["access_token"].as_str().unwrap()).await.expect(200).json();
            assert_eq!((&me["id"], &me["email"]), (&json!(id), &json!(email)), "{spelling:?}");
        }
        let taken = service.register("b@bücher.example", PASSWORD).await.expect(201).json();
        assert_eq!(taken["email"], "b@xn--bcher-kva.example");
        service.register("b@XN--BCHER-KVA.example", PASSWORD).await.expect_error(409, "email_taken");
        let users = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM users";
        assert_eq!(service.database.sql(users).await.unwrap(), "2");
    }

    async fn an_email_in_a_look_alike_script_is_another_user(service: Service) {
        let victim = service.register("ada@example.com", "the victim's password").await.expect(201).json();
        for look_alike in ["аdа@example.com", "ada@exаmple.com", "adа@example.com", "ada@examp1e.com"] {
            service.login(look_alike, "the victim's password").await.expect_error(401, "invalid_credentials");
            let other = service.register(look_alike, "the attacker's own").await.expect(201).json();
            assert_ne!(other["id"], victim["id"], "{look_alike}");
            service.login("ada@example.com", "the attacker's own").await.expect_error(401, "invalid_credentials");
            let tokens = service.login(look_alike, "the attacker's own").await.expect(200).json();
            let me = service.me(tokens["access_token"].as_str().unwrap()).await.expect(200).json();
            assert_eq!(me["id"], other["id"], "{look_alike}");
        }
    }

    async fn an_email_with_control_or_invisible_characters_is_refused(service: Service) {
        for email in [
            "ada@example.com\r\nBcc: all@example.com",
            "ada@example.com\n",
            "\r\nada@example.com",
            "ada\r\n@example.com",
            "ada@example.com\u{85}",
            "ada\u{2028}x@example.com",
            "ada\u{1b}[31m@example.com",
            "ada\t@example.com",
            "ada\0@example.com",
            "ada\u{200b}@example.com",
            "ada\u{202e}x@example.com",
            "<ada@example.com>",
            "ada@example.com,eve@example.com",
            "ada@example.com eve@example.com",
            "ada@",
            "@example.com",
            "",
        ] {
            let registered = service.register(email, PASSWORD).await;
            assert_eq!(registered.status, 422, "{email:?}: {registered:?}");
            assert_eq!(registered.invalid_fields(), ["email"], "{email:?}");
            assert_eq!(service.login(email, PASSWORD).await.invalid_fields(), ["email"], "{email:?}");
        }
        let long = format!("{}@example.com", "a".repeat(10 * 1024));
        let answer = service.register(&long, PASSWORD).await;
        assert!(answer.text.len() < 1000, "{answer:?}");
        assert!(answer.invalid_fields().iter().all(|field| field == "email"));
    }

    async fn logins_above_the_hashing_queue_are_refused_and_other_requests_served(service: Service) {
        let slow = service.instance_with(&[("BCRYPT_ROUNDS", "10"), ("BCRYPT_QUEUE_SIZE", "2")]).await;
        let email = fresh_email();
        register_at(&slow, &email, PASSWORD).await.expect(201);
        let log_ins = join_all((0..40).map(|n| {
            let (email, password) = match n % 3 {
                0 => (email.as_str(), PASSWORD),
                1 => (email.as_str(), "not the password"),
                _ => ("nobody@example.com", PASSWORD),
            };
            log_in_at(&slow, email, password)
        }));
        let lively = join_all((0..20).map(|_| Call::new(&slow.url, "GET", "/api/v1/health/live").send()));
        let both = async { tokio::join!(log_ins, lively) };
        let (log_ins, lively) = tokio::time::timeout(Duration::from_secs(45), both).await.unwrap();

        assert!(lively.iter().all(|answer| answer.status == 200), "{lively:?}");
        let mut statuses: Vec<u16> = log_ins.iter().map(|answer| answer.status.as_u16()).collect();
        for answer in log_ins {
            match answer.status.as_u16() {
                200 => {}
                401 => drop(answer.expect_error(401, "invalid_credentials")),
                _ => drop(answer.expect_error(503, "service_unavailable")),
            }
        }
        statuses.sort_unstable();
        statuses.dedup();
        assert!(statuses.contains(&503) && statuses.len() > 1, "{statuses:?}");
        log_in_at(&slow, &email, PASSWORD).await.expect(200);
    }

    async fn a_login_rehashes_the_password_at_the_configured_cost(service: Service) {
        let email = fresh_email();
        service.register(&email, PASSWORD).await.expect(201);
        let first = stored_hash(&service, &email).await;
        assert!(first.starts_with("$2b$04$"), "{first}");
        service.login(&email, PASSWORD).await.expect(200);
        assert_eq!(stored_hash(&service, &email).await, first, "nothing changed, nothing is written");

        let dearer = service.instance_with(&[("BCRYPT_ROUNDS", "5")]).await;
        log_in_at(&dearer, &email, "not the password").await.expect_error(401, "invalid_credentials");
        assert_eq!(stored_hash(&service, &email).await, first, "only the password itself can be hashed anew");
        let tokens = log_in_at(&dearer, &email, PASSWORD).await.expect(200).json();
        let second = stored_hash(&service, &email).await;
        assert!(second.starts_with("$2b$05$"), "{second}");
        log_in_at(&dearer, &email, PASSWORD).await.expect(200);
        assert_eq!(stored_hash(&service, &email).await, second);
        log_in_at(&dearer, &email, "not the password").await.expect_error(401, "invalid_credentials");
        // It is the same password: no session ends.
        service.me(tokens["access_token"].as_str().unwrap()).await.expect(200);
        service.login(&email, PASSWORD).await.expect(200);
    }
}
