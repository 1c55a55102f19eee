//! All of it at once: nginx, three instances, a primary of PostgreSQL with a replica that follows
//! it, and a Redis Cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::deploy::edge::{Edge, Kind};
use crate::deploy::instance::Instances;
use crate::support::client::{Answer, PASSWORD};
use crate::support::postgres::Server;
use crate::support::{Call, redis};

/// What each client may ask of a route in a minute; more than any step below but the one about the
/// limit.
const LIMIT: usize = 200;

struct Whole {
    edge: Edge,
    instances: Instances,
    _replica: Server,
    _primary: Server,
}

impl Whole {
    async fn start() -> Self {
        let primary = Server::start(&[]).await;
        let replica = primary.replica(&["hot_standby=on"]).await;
        let settings = [
            ("DATABASE_REPLICA_URLS", replica.url("127.0.0.1", "")),
            ("REDIS_URL", redis::cluster()),
            ("REDIS_KEY_PREFIX", redis::fresh_prefix()),
            ("REDIS_TIMEOUT", "2000".to_owned()),
            ("RATE_LIMIT_PER_MINUTE", LIMIT.to_string()),
        ];
        let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
        let instances = Instances::start_on(primary.database(), &settings).await;
        let edge = Edge::start(Kind::Nginx, instances.addresses()).await;
        Self { edge, instances, _replica: replica, _primary: primary }
    }

    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.edge.url(), method, path)
    }

    /// The tokens of a new user.
    async fn user(&self, email: &str) -> (i64, Value) {
        let credentials = json!({ "email": email, "password": PASSWORD });
        let user = self
            .call("POST", "/api/v1/auth/register")
            .json(credentials.clone())
            .send()
            .await
            .expect(201)
            .json();
        let tokens =
            self.call("POST", "/api/v1/auth/login").json(credentials).send().await.expect(200).json();
        (user["id"].as_i64().unwrap(), tokens)
    }

    /// What each instance says of this path, asked directly.
    async fn everywhere(&self, path: &str, token: &str) -> Vec<Answer> {
        let mut answers = Vec::new();
        for address in self.instances.addresses() {
            let call = Call::new(&format!("http://{address}"), "GET", path).bearer(token);
            answers.push(call.send().await);
        }
        answers
    }
}

fn access(tokens: &Value) -> &str {
    tokens["access_token"].as_str().unwrap()
}

#[ignore = "needs a Redis Cluster"]
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_deployment_behaves_like_one_service() {
    let whole = Whole::start().await;

    // Every dependency is in use, at every instance.
    redis::eventually("the replica is in use", async || {
        whole
            .everywhere("/api/v1/health/ready", "")
            .await
            .iter()
            .all(|answer| answer.json()["status"] == "ok")
    })
    .await;
    for answer in whole.everywhere("/api/v1/health/ready", "").await {
        let entries = answer.json();
        let tiers = entries["dependencies"].as_array().unwrap().iter().map(|entry| &entry["tier"]);
        assert_eq!(tiers.collect::<Vec<_>>(), ["postgresql", "redis_cluster", "postgresql", "postgresql"]);
    }

    // A session sees its own writes at once on every instance, and no cached value is stale.
    let (admin, tokens) = whole.user("root@example.com").await;
    let statement = format!("UPDATE users SET is_superuser = TRUE WHERE id = {admin}");
    whole.instances.database.sql(&statement).await;
    let by_admin = access(&tokens);
    for number in 0..10 {
        let email = format!("user-{number}@example.com");
        let new = json!({ "email": email, "password": PASSWORD });
        let created =
            whole.call("POST", "/api/v1/users").bearer(by_admin).json(new).send().await.expect(201).json();
        for answer in whole.everywhere("/api/v1/users?limit=100", by_admin).await {
            assert!(answer.expect(200).text.contains(&email));
        }
        let path = format!("/api/v1/users/{}", created["id"]);
        for name in ["Ada", "Grace"] {
            let change = whole.call("PATCH", &path).bearer(by_admin).json(json!({ "full_name": name }));
            change.send().await.expect(200);
            for answer in whole.everywhere(&path, by_admin).await {
                assert_eq!(answer.expect(200).json()["full_name"], name);
            }
        }
    }

    // Twenty refreshes of one token at once, over all instances, are one.
    let (_, tokens) = whole.user("ada@example.com").await;
    let mut refreshes = JoinSet::new();
    for _ in 0..20 {
        let call = whole.call("POST", "/api/v1/auth/refresh");
        refreshes.spawn(call.json(json!({ "refresh_token": tokens["refresh_token"] })).send());
    }
    // A repeat has the same tokens. What is left of their time may be a second less.
    let successors: Vec<_> =
        refreshes.join_all().await.into_iter().map(|answer| answer.expect(200).json()).collect();
    for name in ["access_token", "refresh_token"] {
        assert!(successors.iter().all(|pair| pair[name] == successors[0][name]), "one {name} for all");
    }

    // A session that is ended is over everywhere at once.
    let token = access(&successors[0]);
    whole.call("POST", "/api/v1/auth/logout").bearer(token).send().await.expect(204);
    for answer in whole.everywhere("/api/v1/users/me", token).await {
        answer.expect_error(401, "invalid_token");
    }

    // The limit is one, exactly. A quarter more than it is enough to see that, and done long before
    // the minute is over.
    let passed = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..5 {
        let (passed, url) = (Arc::clone(&passed), whole.edge.url());
        clients.spawn(async move {
            for _ in 0..LIMIT / 4 {
                let status = Call::new(&url, "GET", "/").send().await.status;
                assert!(matches!(status.as_u16(), 200 | 429), "{status}");
                passed.fetch_add(usize::from(status == 200), Ordering::Relaxed);
            }
        });
    }
    clients.join_all().await;
    assert_eq!(passed.load(Ordering::Relaxed), LIMIT);
}
