//! Every path with every method it does not list.

use std::collections::{BTreeMap, BTreeSet};

use super::{OPERATIONS, Operation};

/// Every standard method and one unknown method. CONNECT is left out: its target is a host and a
/// port (RFC 9110, 9.3.6), so a client cannot address a path with it.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"];

/// The methods of each path: those of the table, and HEAD wherever GET is.
fn allowed() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut paths: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for Operation { template, method, .. } in OPERATIONS {
        let methods = paths.entry(*template).or_default();
        methods.insert(*method);
        if *method == "GET" {
            methods.insert("HEAD");
        }
    }
    paths
}

#[test]
fn every_method_of_the_table_is_tested_elsewhere() {
    assert!(OPERATIONS.iter().all(|operation| METHODS.contains(&operation.method)));
}

on_both! {
    async fn an_unlisted_method_is_refused_and_the_listed_ones_are_named(service: Service) {
        let user = service.superuser().await;
        let before = service.stored().await;
        for (template, allowed) in allowed() {
            let path = template.replace("{id}", &user.id.to_string());
            for method in METHODS.into_iter().filter(|method| !allowed.contains(method)) {
                for call in [service.call(method, &path), service.by(&user, method, &path)] {
                    let answer = call.send().await;
                    let named: Vec<&str> = answer.header("allow").split(", ").collect();
                    assert_eq!(named.len(), allowed.len(), "{method} {path}: {named:?}");
                    assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), allowed, "{method} {path}");
                    if method == "HEAD" {
                        assert_eq!((answer.expect(405).text.as_str()), "", "{method} {path}");
                    } else {
                        answer.expect_error(405, "method_not_allowed");
                    }
                }
            }
        }
        assert_eq!(service.stored().await, before);
    }

    async fn head_is_answered_like_get_without_the_body(service: Service) {
        let root = service.superuser().await;
        for operation in OPERATIONS.iter().filter(|operation| operation.method == "GET") {
            let path = operation.path(&operation.target(&service, &root).await);
            let get = service.by(&root, "GET", &path).send().await.expect(200);
            let head = service.by(&root, "HEAD", &path).send().await.expect(200);
            assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
            assert_eq!(head.text, "", "{path}");
            // What a readiness probe measures differs from one call to the next, and so may its
            // length.
            if operation.id != "health_ready" {
                assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
            }
        }
    }
}
