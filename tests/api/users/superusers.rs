//! One active superuser always remains.

use serde_json::json;

use super::{on, patch};
use crate::support::{Call, Service};

async fn active_superusers(service: &Service) -> Option<String> {
    let statement = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM users WHERE is_superuser AND is_active";
    service.database.sql(statement).await
}

on_both! {
    async fn the_last_superuser_cannot_be_deleted_demoted_or_deactivated(service: Service) {
        let root = service.superuser().await;
        service.user().await;
        let before = service.stored().await;
        let leave = service.by(&root, "DELETE", "/api/v1/users/me").send().await;
        leave.expect_error(409, "last_superuser");
        on(&service, &root, "DELETE", root.id, "").await.expect_error(409, "last_superuser");
        on(&service, &root, "PATCH", root.id, "/deactivate").await.expect_error(409, "last_superuser");
        for changes in [
            json!({"is_superuser": false, "full_name": "Ada"}),
            json!({"is_active": false, "password": "a new password"}),
            json!({"is_superuser": false, "is_active": false}),
        ] {
            patch(&service, &root, root.id, changes).await.expect_error(409, "last_superuser");
        }
        assert_eq!(service.stored().await, before);
        on(&service, &root, "GET", root.id, "").await.expect(200);
    }

    async fn an_inactive_superuser_does_not_count_as_remaining(service: Service) {
        let (root, other) = (service.superuser().await, service.superuser().await);
        on(&service, &root, "PATCH", other.id, "/deactivate").await.expect(200);
        on(&service, &root, "DELETE", root.id, "").await.expect_error(409, "last_superuser");
        // The inactive superuser can be deleted: the number of active ones stays the same.
        on(&service, &root, "DELETE", other.id, "").await.expect(204);
    }

    async fn the_last_superuser_may_still_change_everything_else(service: Service) {
        let root = service.superuser().await;
        let changes = json!({"full_name": "Root", "is_active": true, "is_superuser": true, "is_verified": true});
        patch(&service, &root, root.id, changes).await.expect(200);
    }

    async fn one_of_two_superusers_can_be_deleted(service: Service) {
        let (root, other) = (service.superuser().await, service.superuser().await);
        service.by(&root, "DELETE", "/api/v1/users/me").send().await.expect(204);
        on(&service, &other, "DELETE", other.id, "").await.expect_error(409, "last_superuser");
    }

    async fn of_two_superusers_who_demote_or_deactivate_each_other_at_once_one_remains(service: Service) {
        let (ann, bob) = (service.superuser().await, service.superuser().await);
        let second = service.another_instance().await;
        let demotion = json!({"is_superuser": false});
        let idle = json!({"is_active": false});
        for round in 0..10 {
            let body = if round % 2 == 0 { &demotion } else { &idle };
            let call = |base: &str, caller: &str, id: i64| {
                let call = Call::new(base, "PATCH", &format!("/api/v1/users/{id}"));
                call.bearer(caller).json(body.clone()).send()
            };
            let (by_ann, by_bob) = tokio::join!(
                call(&service.instance.url, &ann.access, bob.id),
                call(&second.url, &bob.access, ann.id)
            );
            let won = [&by_ann, &by_bob].iter().filter(|answer| answer.status == 200).count();
            assert_eq!(won, 1, "round {round}: {by_ann:?} {by_bob:?}");
            let lost = if by_ann.status == 200 { by_bob } else { by_ann };
            // The loser meets the lock, or was without rights or session before the guard looked.
            assert!([401, 403, 409].contains(&lost.status.as_u16()), "round {round}: {lost:?}");
            assert_eq!(active_superusers(&service).await.as_deref(), Some("1"), "round {round}");
            service.database.sql("UPDATE users SET is_superuser = TRUE, is_active = TRUE").await;
            service.database.sql("UPDATE sessions SET revoked_at = NULL").await;
        }
        second.stop().await;
    }

    async fn of_two_superusers_who_delete_themselves_at_once_one_remains(service: Service) {
        for round in 0..5 {
            service.database.sql("DELETE FROM users").await;
            let (ann, bob) = (service.superuser().await, service.superuser().await);
            let leave = |access: &str| service.call("DELETE", "/api/v1/users/me").bearer(access).send();
            let (by_ann, by_bob) = tokio::join!(leave(&ann.access), leave(&bob.access));
            let mut statuses = [by_ann.status.as_u16(), by_bob.status.as_u16()];
            statuses.sort_unstable();
            assert_eq!(statuses, [204, 409], "round {round}");
            assert_eq!(active_superusers(&service).await.as_deref(), Some("1"), "round {round}");
        }
    }
}
