//! `/audit-events`: what superusers see of what was done.

use std::time::Duration;

use serde_json::{Value, json};

use super::operations::session_of;
use crate::support::Service;
use crate::support::client::{Answer, TestUser};

async fn list(service: &Service, root: &TestUser, query: &str) -> Answer {
    service.by(root, "GET", &format!("/api/v1/audit-events?{query}")).send().await
}

/// The events that a list with this query shows on all its pages.
async fn all(service: &Service, root: &TestUser, query: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut page = list(service, root, query).await.expect(200).json();
    loop {
        found.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_page"].as_str() else { return found };
        page = list(service, root, &format!("{query}&page_token={next}")).await.expect(200).json();
    }
}

/// Whether an event belongs to a list.
type Matches<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

fn ids(events: &[Value]) -> Vec<i64> {
    events.iter().map(|event| event["id"].as_i64().unwrap()).collect()
}

on_both! {
    async fn every_event_is_on_one_page_and_the_newest_comes_first(service: Service) {
        let root = service.superuser().await;
        for second in 0..12 {
            // Some at one instant, some apart.
            if second % 3 == 0 {
                service.clock.advance(Duration::from_secs(1));
            }
            service.log_in_again(&root.email, root.id).await;
        }
        let events = all(&service, &root, "limit=100").await;
        assert!(events.len() >= 14, "{events:?}");
        let mut sorted = events.clone();
        sorted.sort_by_key(|event| std::cmp::Reverse((event["created_at"].as_str().unwrap().to_owned(), event["id"].as_i64())));
        assert_eq!(events, sorted);
        for limit in [1, 2, 5, events.len(), events.len() + 1] {
            assert_eq!(all(&service, &root, &format!("limit={limit}")).await, events, "{limit}");
        }
    }

    async fn a_list_shows_only_the_events_that_are_asked_for(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        service.clock.advance(Duration::from_mins(1));
        let path = format!("/api/v1/users/{}", user.id);
        service.by(&root, "PATCH", &path).json(json!({"full_name": "Ada"})).send().await.expect(200);
        service.clock.advance(Duration::from_mins(1));
        service.by(&user, "PATCH", "/api/v1/users/me").json(json!({"full_name": "Bob"})).send().await.expect(200);
        service.by(&root, "DELETE", &path).send().await.expect(204);
        let events = all(&service, &root, "limit=100").await;
        let expect = |what: &dyn Fn(&Value) -> bool| ids(&events.iter().filter(|event| what(event)).cloned().collect::<Vec<_>>());
        let [deleted, renamed, ..] = &*events else { panic!("{events:?}") };
        assert_eq!((&deleted["kind"], &deleted["user_id"], &deleted["actor_id"]), (&json!("user_deleted"), &json!(user.id), &json!(root.id)));
        assert_eq!((&renamed["kind"], &renamed["actor_id"], &renamed["session_id"]), (&json!("full_name_changed"), &json!(user.id), &json!(session_of(&user))));
        let middle = renamed["created_at"].as_str().unwrap();
        let queries: Vec<(String, Matches<'_>)> = vec![
            (format!("user_id={}", user.id), Box::new(|event| event["user_id"] == user.id)),
            (format!("actor_id={}", root.id), Box::new(|event| event["actor_id"] == root.id)),
            ("kind=full_name_changed".to_owned(), Box::new(|event| event["kind"] == "full_name_changed")),
            (format!("created_after={middle}"), Box::new(|event| event["created_at"].as_str() >= Some(middle))),
            (format!("created_before={middle}"), Box::new(|event| event["created_at"].as_str() < Some(middle))),
            (
                format!("user_id={}&actor_id={}&kind=full_name_changed&created_before={middle}", user.id, root.id),
                Box::new(|event| event["kind"] == "full_name_changed" && event["actor_id"] == root.id),
            ),
            ("kind=no_such_kind".to_owned(), Box::new(|_| false)),
            ("user_id=999999".to_owned(), Box::new(|_| false)),
        ];
        for (query, what) in queries {
            let expected = expect(&*what);
            for limit in [1, 100] {
                assert_eq!(ids(&all(&service, &root, &format!("{query}&limit={limit}")).await), expected, "{query}");
            }
        }
        for (query, field) in [("kind=", "kind"), ("user_id=x", "user_id"), ("created_after=today", "created_after"), ("limit=0", "limit")] {
            assert_eq!(list(&service, &root, query).await.invalid_fields(), [field]);
        }
        // A token is valid for its own list only.
        let page = list(&service, &root, "limit=1").await.expect(200).json();
        let query = format!("limit=1&kind=logged_in&page_token={}", page["next_page"].as_str().unwrap());
        assert_eq!(list(&service, &root, &query).await.invalid_fields(), ["page_token"]);
    }
}
