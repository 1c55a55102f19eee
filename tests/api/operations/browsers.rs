//! The security headers of every operation.

use super::{Caller, OPERATIONS};
use crate::api::security_headers::assert_safe_for_browsers;

on_both! {
    async fn no_operation_lets_a_browser_store_embed_or_run_its_response(service: Service) {
        let _another_remains = service.superuser().await;
        for operation in OPERATIONS {
            let (caller, other) = (service.superuser().await, service.user().await);
            let target = operation.target_for(&service, &caller, &other).await;
            let success = operation.call(&service, &target).bearer(&caller.access).send().await;
            assert_eq!(success.status, operation.success, "{}: {success:?}", operation.id);
            let mut answers = vec![success, service.call("OPTIONS", &operation.path(&target)).send().await.expect(405)];
            if operation.who != Caller::Anybody {
                answers.push(operation.call(&service, &target).send().await.expect(401));
            }
            for answer in answers {
                assert_safe_for_browsers(operation.id, &answer);
                // Everyone may know public keys.
                let is_public = operation.id == "service_jwks" && answer.status == operation.success;
                let caching = if is_public { "public, max-age=300" } else { "no-store" };
                assert_eq!(answer.header("cache-control"), caching, "{}: {answer:?}", operation.id);
            }
        }
    }
}
