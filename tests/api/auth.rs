//! Registration, login and the life of a session.

use std::time::Duration;

use serde_json::json;

use crate::support::Backend;
use crate::support::client::PASSWORD;

on_both! {
    async fn a_user_registers_logs_in_and_gets_the_current_user(service: Service) {
        let registered = service
            .call("POST", "/api/v1/auth/register")
            .json(json!({"email": " Ada@Example.com ", "password": PASSWORD, "full_name": "Ada"}))
            .send()
            .await
            .expect(201)
            .json();
        assert_eq!(registered["email"], "ada@example.com");
        assert_eq!(registered["full_name"], "Ada");
        assert_eq!((&registered["is_active"], &registered["is_superuser"]), (&json!(true), &json!(false)));
        assert!(!registered.to_string().contains("password"));

        let tokens = service.login("ADA@example.com", PASSWORD).await.expect(200).json();
        assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("bearer"), &json!(1800)));
        let access = tokens["access_token"].as_str().unwrap();
        assert_eq!(service.me(access).await.expect(200).json(), registered);
        let also_me = service.call("GET", "/api/v1/auth/me").bearer(access).send().await.expect(200).json();
        assert_eq!(also_me, registered);
    }

    async fn a_wrong_password_and_an_unknown_email_get_the_same_answer(service: Service) {
        let user = service.user().await;
        let mut wrong = service.login(&user.email, "not the password").await.expect_error(401, "invalid_credentials");
        let mut unknown = service.login("nobody@example.com", PASSWORD).await.expect_error(401, "invalid_credentials");
        wrong["request_id"].take();
        unknown["request_id"].take();
        assert_eq!(wrong, unknown);
    }

    async fn a_refresh_token_can_be_used_once(service: Service) {
        let user = service.user().await;
        let next = service.refresh(&user.refresh).await.expect(200).json();
        assert_ne!(next["refresh_token"], user.refresh.as_str());
        assert_ne!(next["access_token"], user.access.as_str());
        let access = next["access_token"].as_str().unwrap();
        service.me(access).await.expect(200);
        // The old access token lives out its time: the session goes on.
        service.me(&user.access).await.expect(200);
    }

    async fn a_refresh_whose_response_was_lost_can_be_repeated_with_the_same_result(service: Service) {
        let user = service.user().await;
        let first = service.refresh(&user.refresh).await.expect(200).json();
        for _ in 0..3 {
            service.clock.advance(Duration::from_mins(1));
            let again = service.refresh(&user.refresh).await.expect(200).json();
            for token in ["access_token", "refresh_token"] {
                assert_eq!(first[token], again[token]);
            }
            // What is left of the access token's life.
            assert!(again["expires_in"].as_u64().unwrap() <= 1740, "{again}");
            // The client still has its old access token meanwhile.
            service.me(&user.access).await.expect(200);
        }
        let newest = first["refresh_token"].as_str().unwrap();
        service.refresh(newest).await.expect(200);
    }

    async fn a_client_offline_for_days_after_a_lost_response_gets_valid_tokens(service: Service) {
        let user = service.user().await;
        for _ in 0..3 {
            let lost = service.refresh(&user.refresh).await.expect(200).json();
            service.clock.advance(Duration::from_hours(2 * 24));
            let access = lost["access_token"].as_str().unwrap();
            service.me(access).await.expect_error(401, "invalid_token");
        }
        let pair = service.refresh(&user.refresh).await.expect(200).json();
        assert_eq!(pair["expires_in"], 1800);
        service.clock.advance(Duration::from_secs(1790));
        service.me(pair["access_token"].as_str().unwrap()).await.expect(200);
        // The repeated refresh lengthened the session like any other.
        service.clock.advance(Duration::from_hours(6 * 24));
        service.refresh(pair["refresh_token"].as_str().unwrap()).await.expect(200);
    }

    async fn a_refresh_token_reused_after_its_successors_ends_the_session(service: Service) {
        for uses_access in [true, false] {
            let user = service.user().await;
            let mut next = service.refresh(&user.refresh).await.expect(200).json();
            if uses_access {
                service.me(next["access_token"].as_str().unwrap()).await.expect(200);
            } else {
                next = service.refresh(next["refresh_token"].as_str().unwrap()).await.expect(200).json();
            }
            service.refresh(&user.refresh).await.expect_error(401, "invalid_token");

            service.refresh(next["refresh_token"].as_str().unwrap()).await.expect_error(401, "invalid_token");
            service.me(next["access_token"].as_str().unwrap()).await.expect_error(401, "invalid_token");
            let events = format!(
                "SELECT CAST(COUNT(*) AS TEXT) AS value FROM audit_events WHERE kind = 'refresh_token_replayed' AND user_id = {}",
                user.id
            );
            assert_eq!(service.database.sql(&events).await.unwrap(), "1");
        }
    }

    async fn a_stolen_refresh_token_is_detected_whether_thief_or_owner_uses_it_first(service: Service) {
        let user = service.user().await;
        // The thief is first and uses what it got.
        let stolen = service.refresh(&user.refresh).await.expect(200).json();
        service.me(stolen["access_token"].as_str().unwrap()).await.expect(200);
        service.refresh(&user.refresh).await.expect_error(401, "invalid_token");
        service.me(stolen["access_token"].as_str().unwrap()).await.expect_error(401, "invalid_token");
    }

    async fn a_refresh_that_is_repeated_from_another_network_is_an_event_and_moves_the_session(service: Service) {
        let user = service.user().await;
        service.database.sql("UPDATE sessions SET ip = '203.0.113.66'").await;
        service.refresh(&user.refresh).await.expect(200);
        let events = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM audit_events WHERE kind = 'refresh_repeated_elsewhere'";
        service.refresh(&user.refresh).await.expect(200);
        assert_eq!(service.database.sql(events).await.as_deref(), Some("0"), "from the same network");
        service.database.sql("UPDATE sessions SET ip = '203.0.113.66'").await;
        service.refresh(&user.refresh).await.expect(200);
        assert_eq!(service.database.sql(events).await.as_deref(), Some("1"));
        let address = service.database.sql("SELECT ip AS value FROM sessions").await;
        assert_eq!(address.as_deref(), Some("127.0.0.1"));
    }

    async fn a_refresh_token_two_generations_old_is_refused(service: Service) {
        let user = service.user().await;
        let parent = service.refresh(&user.refresh).await.expect(200).json();
        service.refresh(parent["refresh_token"].as_str().unwrap()).await.expect(200);
        service.refresh(&user.refresh).await.expect_error(401, "invalid_token");
        service.me(&user.access).await.expect_error(401, "invalid_token");
    }

    async fn another_session_of_the_user_survives_a_replay(service: Service) {
        let user = service.user().await;
        let phone = service.log_in_again(&user.email, user.id).await;
        let next = service.refresh(&user.refresh).await.expect(200).json();
        service.me(next["access_token"].as_str().unwrap()).await.expect(200);
        service.refresh(&user.refresh).await.expect_error(401, "invalid_token");
        service.me(&phone.access).await.expect(200);
    }

    async fn twenty_concurrent_refreshes_over_two_instances_give_one_successor(service: Service) {
        let user = service.user().await;
        let other = service.another_instance().await;
        let calls = (0..20).map(|n| {
            let base = if n % 2 == 0 { &service.instance.url } else { &other.url };
            let call = crate::support::Call::new(base, "POST", "/api/v1/auth/refresh");
            call.json(json!({"refresh_token": user.refresh})).send()
        });
        let answers = futures_util::future::join_all(calls).await;
        let pairs: Vec<_> = answers.into_iter().map(|answer| answer.expect(200).json()).collect();
        let tokens = |pair: &serde_json::Value| [pair["access_token"].clone(), pair["refresh_token"].clone()];
        assert!(pairs.iter().all(|pair| tokens(pair) == tokens(&pairs[0])), "everyone gets the same successor");
        let generations = "SELECT CAST(generation AS TEXT) AS value FROM sessions";
        assert_eq!(service.database.rows(generations).await, [Some("1".to_owned())]);
        service.refresh(pairs[0]["refresh_token"].as_str().unwrap()).await.expect(200);
        other.stop().await;
    }

    async fn after_logout_both_tokens_are_refused(service: Service) {
        let user = service.user().await;
        let answer = service.call("POST", "/api/v1/auth/logout").bearer(&user.access).send().await.expect(204);
        assert_eq!(answer.text, "");
        service.me(&user.access).await.expect_error(401, "invalid_token");
        service.refresh(&user.refresh).await.expect_error(401, "invalid_token");
    }

    async fn an_access_token_expires_after_thirty_minutes_and_a_session_after_seven_days(service: Service) {
        let user = service.user().await;
        service.clock.advance(Duration::from_mins(31));
        service.me(&user.access).await.expect_error(401, "invalid_token");
        let next = service.refresh(&user.refresh).await.expect(200).json();
        service.clock.advance(Duration::from_hours(7 * 24 + 1));
        service.refresh(next["refresh_token"].as_str().unwrap()).await.expect_error(401, "invalid_token");
    }

    async fn fifty_concurrent_registrations_of_one_email_create_one_user(service: Service) {
        let calls = (0..50).map(|_| service.register("race@example.com", PASSWORD));
        let answers = futures_util::future::join_all(calls).await;
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        let taken = answers.iter().filter(|answer| answer.status == 409).count();
        assert_eq!((made, taken), (1, 49), "{answers:?}");
    }

    async fn tokens_and_passwords_are_stored_as_hashes(service: Service) {
        let user = service.user().await;
        let hash = service.database.sql("SELECT password_hash AS value FROM users").await.unwrap();
        assert!(hash.starts_with("$2b$04$"), "{hash}");
        let token = match service.database.backend {
            Backend::Sqlite => "SELECT LOWER(HEX(token_hash)) AS value FROM sessions",
            Backend::Postgres => "SELECT ENCODE(token_hash, 'hex') FROM sessions",
        };
        let token = service.database.sql(token).await.unwrap();
        assert_eq!(token.len(), 64, "SHA-256 in hex: {token}");
        assert!(!user.refresh.contains(&token));
    }
}
