//! The list of users: pages, filters, and parameters that are not right.

use std::time::Duration;

use serde_json::{Value, json};

use super::on;
use crate::support::Service;
use crate::support::client::{Answer, PASSWORD, TestUser};

async fn list(service: &Service, root: &TestUser, query: &str) -> Answer {
    service.by(root, "GET", &format!("/api/v1/users?{query}")).send().await
}

async fn page(service: &Service, root: &TestUser, query: &str) -> Value {
    list(service, root, query).await.expect(200).json()
}

fn ids(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|user| user["id"].as_i64().unwrap()).collect()
}

/// The users that a list with this query shows on all its pages.
async fn all(service: &Service, root: &TestUser, query: &str) -> Vec<i64> {
    let mut found = Vec::new();
    let mut shown = page(service, root, query).await;
    loop {
        found.extend(ids(&shown));
        let Some(next) = shown["next_page"].as_str() else { return found };
        shown = page(service, root, &format!("{query}&page_token={next}")).await;
    }
}

/// A user who never logs in.
async fn register(service: &Service, email: &str) -> Value {
    service.register(email, PASSWORD).await.expect(201).json()
}

on_both! {
    async fn every_user_is_on_one_page_and_ids_ascend(service: Service) {
        let root = service.superuser().await;
        let mut made = vec![root.id];
        for n in 1..45 {
            made.push(register(&service, &format!("n{n}@example.com")).await["id"].as_i64().unwrap());
        }
        let first = page(&service, &root, "limit=20").await;
        let token = first["next_page"].as_str().unwrap();
        let second = page(&service, &root, &format!("limit=20&page_token={token}")).await;
        let token = second["next_page"].as_str().unwrap();
        let third = page(&service, &root, &format!("limit=20&page_token={token}")).await;
        assert_eq!([&first, &second, &third].map(|page| ids(page).len()), [20, 20, 5]);
        assert_eq!(third["next_page"], Value::Null);
        let found: Vec<i64> = [&first, &second, &third].into_iter().flat_map(ids).collect();
        assert_eq!(found, made);
        assert!(found.is_sorted());

        assert_eq!(page(&service, &root, "").await, first, "20 is the default");
        for limit in [7, 15, 44, 45, 46, 100] {
            assert_eq!(all(&service, &root, &format!("limit={limit}")).await, made, "limit {limit}");
        }
        // A full last page has no empty one behind it.
        assert_eq!(page(&service, &root, "limit=45").await["next_page"], Value::Null);
        let shown = on(&service, &root, "GET", root.id, "").await.expect(200).json();
        assert_eq!(first["items"][0], shown, "a list shows users as their own operations do");
    }

    async fn pages_stay_consistent_while_users_are_created_and_deleted(service: Service) {
        let root = service.superuser().await;
        let mut made = Vec::new();
        for n in 0..5 {
            made.push(register(&service, &format!("n{n}@example.com")).await["id"].as_i64().unwrap());
        }
        let first = page(&service, &root, "limit=3").await;
        assert_eq!(ids(&first), [root.id, made[0], made[1]]);
        on(&service, &root, "DELETE", made[1], "").await.expect(204);
        let late = register(&service, "late@example.com").await["id"].as_i64().unwrap();
        let token = first["next_page"].as_str().unwrap();
        let rest = page(&service, &root, &format!("limit=10&page_token={token}")).await;
        assert_eq!(ids(&rest), [made[2], made[3], made[4], late]);
    }

    async fn the_email_filter_matches_a_prefix_in_any_case(service: Service) {
        let root = service.superuser().await;
        let id = |user: Value| user["id"].as_i64().unwrap();
        let ada = id(register(&service, "ada@example.com").await);
        let adam = id(register(&service, "adam@example.com").await);
        let odd = id(register(&service, "a_d%a@example.com").await);
        let wide = id(register(&service, "zoë@example.com").await);
        let plus = id(register(&service, "ada+list@example.com").await);
        for (prefix, expected) in [
            ("ada", vec![ada, adam, plus]),
            ("ADA", vec![ada, adam, plus]),
            ("ada%40", vec![ada]),
            ("Ada%40Example.COM", vec![ada]),
            ("ada%2B", vec![plus]),
            ("adam", vec![adam]),
            ("ada%2Blist%40", vec![plus]),
            // Nothing in it is a wildcard.
            ("a_", vec![odd]),
            ("a_d%25", vec![odd]),
            ("%25", vec![]),
            ("zo%C3%AB", vec![wide]),
            ("ZO%C3%8B", vec![wide]),
            ("da%40", vec![]),
            ("nobody", vec![]),
        ] {
            assert_eq!(all(&service, &root, &format!("email={prefix}")).await, expected, "{prefix}");
        }
        assert_eq!(all(&service, &root, "email=ada&limit=1").await, [ada, adam, plus]);
    }

    async fn an_email_prefix_is_normalized_like_an_email_or_refused(service: Service) {
        let root = service.superuser().await;
        let id = |user: Value| user["id"].as_i64().unwrap();
        let ada = id(register(&service, "ada@exämple.com").await);
        let bob = id(register(&service, "bob+shop@example.com").await);
        for (prefix, expected) in [
            ("ada%40ex%C3%A4mple.c", ada),
            ("ADA%40EX%C3%84MPLE.", ada),
            ("ada%40exa%CC%88mple%E3%80%82com", ada),
            ("ada%40xn--exmple", ada),
            ("%EF%BD%81da%40", ada),
            ("bob%2Bshop%40", bob),
            ("BOB%2BShop%EF%BC%A0Example", bob),
        ] {
            assert_eq!(all(&service, &root, &format!("email={prefix}")).await, [expected], "{prefix}");
        }
        for prefix in ["bob+shop@", "bob%20shop%40", "%20", "+", "%20ada", "ada%20", "%E3%80%80", "a%09", "a%40%40", "%40x", "a%40.",
            "ada%40ex%C3%A4", "(", "a%C2%85"] {
            let answer = list(&service, &root, &format!("email={prefix}&limit=0")).await;
            let mut fields = answer.invalid_fields();
            fields.sort();
            assert_eq!(fields, ["email", "limit"], "{prefix}: all problems at once");
        }
        let body = list(&service, &root, "email=bob+shop@").await.expect_error(422, "validation_error");
        let message = body["details"]["fields"][0]["message"].as_str().unwrap();
        assert!(message.contains("space") && message.contains("%2B"), "{message}");
    }

    async fn an_unescaped_plus_in_a_date_is_refused_with_a_hint_to_escape_it(service: Service) {
        let root = service.superuser().await;
        for name in ["created_after", "created_before"] {
            let body = list(&service, &root, &format!("{name}=2026-01-01T00:00:00+02:00")).await.expect_error(422, "validation_error");
            let problem = &body["details"]["fields"][0];
            assert_eq!((&problem["field"], &problem["rule"]), (&json!(name), &json!("format")));
            assert!(problem["message"].as_str().unwrap().contains("%2B"), "{body}");
            page(&service, &root, &format!("{name}=2026-01-01T00:00:00%2B02:00")).await;
        }
    }

    async fn filters_by_state_and_rights_combine(service: Service) {
        let (root, user, idle) = (service.superuser().await, service.user().await, service.user().await);
        let other_root = service.superuser().await;
        on(&service, &root, "PATCH", idle.id, "/deactivate").await.expect(200);
        on(&service, &root, "PATCH", other_root.id, "/deactivate").await.expect(200);
        for (query, expected) in [
            ("is_active=true", vec![root.id, user.id]),
            ("is_active=false", vec![idle.id, other_root.id]),
            ("is_superuser=true", vec![root.id, other_root.id]),
            ("is_superuser=false", vec![user.id, idle.id]),
            ("is_active=false&is_superuser=true", vec![other_root.id]),
            ("is_active=true&is_superuser=false", vec![user.id]),
        ] {
            assert_eq!(all(&service, &root, query).await, expected, "{query}");
            assert_eq!(all(&service, &root, &format!("{query}&limit=1")).await, expected, "{query}");
        }
        let query = format!("is_active=true&email={}", user.email);
        assert_eq!(all(&service, &root, &query).await, [user.id]);
    }

    async fn filters_by_time_include_the_start_and_exclude_the_end(service: Service) {
        let root = service.superuser().await;
        let mut made = Vec::new();
        for n in 0..3 {
            service.clock.advance(Duration::from_secs(90));
            made.push(register(&service, &format!("n{n}@example.com")).await);
        }
        let id = |n: usize| made[n]["id"].as_i64().unwrap();
        let at = |n: usize| made[n]["created_at"].as_str().unwrap();
        for (query, expected) in [
            (format!("created_after={}", at(1)), vec![id(1), id(2)]),
            (format!("created_before={}", at(1)), vec![root.id, id(0)]),
            (format!("created_after={}&created_before={}", at(0), at(2)), vec![id(0), id(1)]),
            (format!("created_after={}&created_before={}", at(1), at(1)), vec![]),
            (format!("created_after={}&created_before={}", at(2), at(0)), vec![]),
        ] {
            assert_eq!(all(&service, &root, &query).await, expected, "{query}");
        }
        // The same instant elsewhere on earth.
        let everybody = all(&service, &root, "created_after=2020-01-01T01:00:00%2B01:00").await;
        assert_eq!(everybody, [root.id, id(0), id(1), id(2)]);
    }

    /// A later number may have an earlier instant: clocks of instances differ, and are set back.
    async fn lists_by_date_are_in_order_and_continue_within_one_instant(service: Service) {
        let root = service.superuser().await;
        let mut made = vec![root.id];
        for n in 0..5 {
            service.clock.advance(Duration::from_secs(1));
            made.push(register(&service, &format!("n{n}@example.com")).await["id"].as_i64().unwrap());
        }
        let earliest = format!("(SELECT created_at FROM users WHERE id = {})", root.id);
        service.database.sql(&format!("UPDATE users SET created_at = {earliest} WHERE id > {}", made[2])).await;
        let by_date = [0, 3, 4, 5, 1, 2].map(|n| made[n]);
        for dates in ["created_after=2020-01-01T00:00:00Z", "created_before=2100-01-01T00:00:00Z"] {
            for limit in 1..=6 {
                let found = all(&service, &root, &format!("{dates}&limit={limit}")).await;
                assert_eq!(found, by_date, "{dates}, {limit} a page");
            }
        }
        assert_eq!(all(&service, &root, "limit=2").await, made);
    }

    async fn a_list_can_be_read_from_either_end_page_by_page(service: Service) {
        let root = service.superuser().await;
        let mut made = vec![root.id];
        for n in 0..6 {
            service.clock.advance(Duration::from_secs(1));
            made.push(register(&service, &format!("n{n}@example.com")).await["id"].as_i64().unwrap());
        }
        // Three at one instant, and the last one before all others.
        let of = |n: usize| format!("(SELECT created_at FROM users WHERE id = {})", made[n]);
        let equal = format!("UPDATE users SET created_at = {} WHERE id IN ({}, {})", of(2), made[3], made[4]);
        service.database.sql(&equal).await;
        let first = format!("UPDATE users SET created_at = {} WHERE id = {}", of(0), made[6]);
        service.database.sql(&first).await;
        let oldest = [0, 6, 1, 2, 3, 4, 5].map(|n| made[n]);
        let newest: Vec<_> = oldest.iter().rev().copied().collect();
        let all_dates = "created_after=2020-01-01T00:00:00Z&created_before=2100-01-01T00:00:00Z";
        for filter in ["is_active=true", all_dates, "email=n", ""] {
            let shown = |ids: &[i64]| {
                let ids = ids.iter().copied();
                ids.filter(|id| filter != "email=n" || *id != root.id).collect::<Vec<_>>()
            };
            for limit in [1, 2, 3, 7, 20] {
                let query = |sort: &str| format!("{filter}&limit={limit}&sort={sort}");
                let query = |sort: &str| query(sort).trim_start_matches('&').to_owned();
                assert_eq!(all(&service, &root, &query("created_at")).await, shown(&oldest), "{filter} {limit}");
                assert_eq!(all(&service, &root, &query("-created_at")).await, shown(&newest), "{filter} {limit}");
            }
        }
    }

    async fn a_sort_is_one_of_two_and_page_tokens_belong_to_theirs(service: Service) {
        let root = service.superuser().await;
        service.user().await;
        for sort in ["", "id", "+created_at", "created_at,id", "-id", "CREATED_AT", "created_at&sort=created_at"] {
            assert_eq!(list(&service, &root, &format!("sort={sort}")).await.invalid_fields(), ["sort"], "{sort}");
        }
        let sorts = ["", "&sort=created_at", "&sort=-created_at"];
        for (one, other) in sorts.iter().flat_map(|one| sorts.map(|other| (one, other))) {
            let first = page(&service, &root, &format!("limit=1{one}")).await;
            let token = first["next_page"].as_str().unwrap();
            let next = list(&service, &root, &format!("limit=1&page_token={token}{other}")).await;
            if *one == other { drop(next.expect(200)) } else { assert_eq!(next.invalid_fields(), ["page_token"]) }
        }
    }

    async fn a_page_token_of_another_list_or_a_forged_one_is_refused(service: Service) {
        let root = service.superuser().await;
        service.user().await;
        service.user().await;
        let first = page(&service, &root, "limit=1&is_active=true").await;
        let token = first["next_page"].as_str().unwrap();
        let good = page(&service, &root, &format!("is_active=true&page_token={token}")).await;
        assert_eq!(ids(&good).len(), 2, "another limit is the same list");

        let swapped: String = token.chars().rev().collect();
        let first_char = if token.starts_with('A') { "B" } else { "A" };
        let queries = [
            format!("page_token={token}"),
            format!("is_active=false&page_token={token}"),
            format!("is_active=true&is_superuser=false&page_token={token}"),
            format!("is_active=true&page_token={}", &token[..token.len() - 1]),
            format!("is_active=true&page_token={}", &token[1..]),
            format!("is_active=true&page_token={first_char}{}", &token[1..]),
            format!("is_active=true&page_token={token}AAAA"),
            format!("is_active=true&page_token={swapped}"),
            "is_active=true&page_token=garbage".to_owned(),
            "is_active=true&page_token=1".to_owned(),
            "is_active=true&page_token=".to_owned(),
            "is_active=true&page_token=%F0%9F%98%80".to_owned(),
            format!("is_active=true&page_token={}", "A".repeat(513)),
        ];
        for query in queries {
            assert_eq!(list(&service, &root, &query).await.invalid_fields(), ["page_token"], "{query}");
        }
    }

    async fn a_page_token_is_valid_on_another_instance(service: Service) {
        let root = service.superuser().await;
        let user = service.user().await;
        let first = page(&service, &root, "limit=1").await;
        let other = service.another_instance().await;
        let path = format!("/api/v1/users?page_token={}", first["next_page"].as_str().unwrap());
        let call = crate::support::Call::new(&other.url, "GET", &path).bearer(&root.access);
        assert_eq!(ids(&call.send().await.expect(200).json()), [user.id]);
        other.stop().await;
    }

    async fn an_invalid_page_size_is_named(service: Service) {
        let root = service.superuser().await;
        for query in [
            "limit=0", "limit=-1", "limit=101", "limit=1000000000", "limit=99999999999999999999", "limit=abc",
            "limit=", "limit=1&limit=2", "limit=1.5", "limit=1e1", "limit=%2010", "limit=0x10", "limit=+5",
            "limit=%2B5", "limit=05", "limit=-0",
        ] {
            let answer = list(&service, &root, query).await;
            assert_eq!(answer.status, 422, "{query}: {answer:?}");
            assert_eq!(answer.invalid_fields(), ["limit"], "{query}");
        }
        for limit in [1, 100] {
            assert_eq!(ids(&page(&service, &root, &format!("limit={limit}")).await), [root.id]);
        }
    }

    async fn invalid_parameters_are_named(service: Service) {
        let root = service.superuser().await;
        for (query, field) in [
            ("sort=id", "sort"),
            ("Limit=1", "Limit"),
            ("is_active=1", "is_active"),
            ("is_active=", "is_active"),
            ("is_superuser=maybe", "is_superuser"),
            ("is_superuser=TRUE", "is_superuser"),
            ("email=", "email"),
            ("email=a%00", "email"),
            ("created_after=yesterday", "created_after"),
            ("created_after=2026-01-31", "created_after"),
            ("created_before=1769851800", "created_before"),
            ("created_before=2026-02-30T00:00:00Z", "created_before"),
            ("is_active=true&is_active=true", "is_active"),
        ] {
            assert_eq!(list(&service, &root, query).await.invalid_fields(), [field], "{query}");
        }
        let long = format!("email={}", "a".repeat(255));
        assert_eq!(list(&service, &root, &long).await.invalid_fields(), ["email"]);
        // A parameter is refused wherever an operation has none.
        let me = service.by(&root, "GET", &format!("/api/v1/users/{}?verbose=1", root.id)).send().await;
        assert_eq!(me.invalid_fields(), ["verbose"]);
    }

    async fn all_invalid_parameters_are_named_at_once(service: Service) {
        let root = service.superuser().await;
        let query = "limit=0&is_active=maybe&created_after=never&sort=id&email=";
        let mut fields = list(&service, &root, query).await.invalid_fields();
        fields.sort();
        assert_eq!(fields, ["created_after", "email", "is_active", "limit", "sort"]);
        let refused = list(&service, &root, "sort=id").await;
        assert!(refused.text.contains("\"must be created_at or -created_at\""), "{}", refused.text);
        let answer = service.by(&root, "PATCH", "/api/v1/users/abc?sort=id").json(json!({})).send().await;
        let mut fields = answer.invalid_fields();
        fields.sort();
        assert_eq!(fields, ["id", "sort"]);
    }
}
