//! The cache, on every store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use groundwork_state::cache::{Cache, Cached, key_of};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::state::stores::{Store, on_every_store};
use crate::support::redis::{self as servers, RedisServer};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Thing(String);

impl Cached for Thing {
    const PREFIX: &'static str = "things:get_thing";
}

/// The same thing in the shape of a later version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct NewThing {
    name: String,
}

impl Cached for NewThing {
    const PREFIX: &'static str = "things:get_thing";
}

fn thing(name: &str) -> Thing {
    Thing(name.to_owned())
}

/// What the cache gives when the thing is called `name` now.
async fn cached(cache: &Cache, key: &str, name: &str) -> Thing {
    cache.cached(key, async || Ok::<_, ()>(thing(name))).await.unwrap()
}

/// What is cached.
async fn get(cache: &Cache, key: &str) -> Option<Thing> {
    cache.cached(key, async || Err::<Thing, _>(())).await.ok()
}

on_every_store! {
    async fn a_loaded_value_is_served_until_it_is_deleted(store: Store) {
        let (cache, key) = (store.cache(), key_of::<Thing>(1));
        assert_eq!(key, "things:get_thing:1");
        assert_eq!(cached(&cache, &key, "old").await, thing("old"));
        assert_eq!(cached(&cache, &key, "new").await, thing("old"));
        assert_eq!(cached(&cache, &key_of::<Thing>(2), "other").await, thing("other"));
        cache.delete(&key).await;
        assert_eq!(cached(&cache, &key, "new").await, thing("new"));
    }

    async fn an_error_is_not_cached(store: Store) {
        let cache = store.cache();
        let failed = cache.cached("a", async || Err::<Thing, _>("no")).await;
        assert_eq!(failed, Err("no"));
        assert_eq!(cached(&cache, "a", "one").await, thing("one"));
    }

    async fn of_many_concurrent_readers_one_loads(store: Store) {
        let (cache, loads, open) = (store.cache(), Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let mut tasks = JoinSet::new();
        for _ in 0..50 {
            let (cache, loads, open) = (cache.clone(), Arc::clone(&loads), Arc::clone(&open));
            tasks.spawn(async move {
                let load = async || {
                    loads.fetch_add(1, Ordering::SeqCst);
                    open.acquire().await.unwrap().forget();
                    Ok::<_, ()>(thing("one"))
                };
                cache.cached("a", load).await.unwrap()
            });
        }
        servers::eventually("one loads", async || loads.load(Ordering::SeqCst) == 1).await;
        open.add_permits(50);
        assert!(tasks.join_all().await.into_iter().all(|loaded| loaded == thing("one")));
        assert_eq!(loads.load(Ordering::SeqCst), 1);
    }

    async fn if_the_loading_reader_is_cancelled_the_next_one_loads(store: Store) {
        let cache = store.cache();
        let (started, has_started) = oneshot::channel();
        let started = std::sync::Mutex::new(Some(started));
        let first = tokio::spawn({
            let cache = cache.clone();
            async move {
                let load = async || {
                    started.lock().unwrap().take().unwrap().send(()).unwrap();
                    std::future::pending::<Result<Thing, ()>>().await
                };
                cache.cached("a", load).await
            }
        });
        has_started.await.unwrap();
        let second = tokio::spawn({
            let cache = cache.clone();
            async move { cached(&cache, "a", "two").await }
        });
        tokio::task::yield_now().await;
        first.abort();
        assert_eq!(second.await.unwrap(), thing("two"));
    }

    async fn a_value_read_before_a_change_is_not_cached_after_it(store: Store) {
        let cache = store.cache();
        let (started, has_started) = oneshot::channel();
        let (go_on, goes_on) = oneshot::channel::<()>();
        let channels = std::sync::Mutex::new(Some((started, goes_on)));
        let slow = tokio::spawn({
            let cache = cache.clone();
            async move {
                let load = async || {
                    let (started, goes_on) = channels.lock().unwrap().take().unwrap();
                    started.send(()).unwrap();
                    goes_on.await.unwrap();
                    Ok::<_, ()>(thing("old"))
                };
                cache.cached("a", load).await.unwrap()
            }
        });
        has_started.await.unwrap();
        cache.delete("a").await;
        go_on.send(()).unwrap();
        assert_eq!(slow.await.unwrap(), thing("old"), "it began before the change");
        assert_eq!(cached(&cache, "a", "new").await, thing("new"));
    }

    async fn an_invalidation_completes_when_its_call_is_cancelled(store: Store) {
        let cache = store.cache();
        cached(&cache, "a", "old").await;
        drop(cache.invalidation("a".to_owned()));
        servers::eventually("the key is deleted", async || get(&cache, "a").await.is_none()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_process_a_value_expires_within_its_time() {
    let store = Store::in_process();
    let cache = store.cache();
    cached(&cache, "a", "one").await;
    // Up to a tenth is taken off, so that what was cached together does not expire together.
    store.clock.advance(Duration::from_secs(260));
    assert_eq!(get(&cache, "a").await, Some(thing("one")));
    store.clock.advance(Duration::from_secs(40));
    assert_eq!(get(&cache, "a").await, None);
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn in_redis_values_expire_within_their_time_and_not_together() {
    let prefix = servers::fresh_prefix();
    let cache = Store::with_prefix(&servers::server(), &prefix).cache();
    let mut times = Vec::new();
    for n in 0..20 {
        let key = key_of::<Thing>(n);
        assert_eq!(cached(&cache, &key, "one").await, thing("one"));
        let name = format!("{prefix}{key}");
        times.push(servers::ask::<u64>(&servers::server(), redis::cmd("PTTL").arg(name)).await.unwrap());
    }
    assert!(times.iter().all(|time| (265_000..=300_000).contains(time)), "{times:?}");
    times.sort_unstable();
    assert!(times[19] - times[0] > 1_000, "{times:?}");
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn versions_of_a_type_are_cached_side_by_side_and_deleted_together() {
    let prefix = servers::fresh_prefix();
    let [old, new] = [0, 1].map(|_| Store::with_prefix(&servers::server(), &prefix).cache());
    let key = key_of::<Thing>(1);
    let new_thing = |name: &str| NewThing { name: name.to_owned() };
    let load_new = async |name: &str| new.cached(&key, async || Ok::<_, ()>(new_thing(name))).await.unwrap();
    assert_eq!(cached(&old, &key, "a").await, thing("a"));
    assert_eq!(load_new("a").await, new_thing("a"));
    assert_eq!(cached(&old, &key, "b").await, thing("a"), "the old one is still there");
    assert_eq!(load_new("b").await, new_thing("a"));
    old.delete(&key).await;
    assert_eq!(load_new("b").await, new_thing("b"));
    assert_eq!(cached(&old, &key, "b").await, thing("b"));
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn a_change_on_one_instance_is_seen_by_a_running_load_on_another() {
    let prefix = servers::fresh_prefix();
    let [one, other] = [0, 1].map(|_| Store::with_prefix(&servers::server(), &prefix).cache());
    let load = async || {
        other.delete("a").await;
        Ok::<_, ()>(thing("old"))
    };
    assert_eq!(one.cached("a", load).await, Ok(thing("old")));
    assert_eq!(cached(&other, "a", "new").await, thing("new"));
    assert_eq!(cached(&one, "a", "newer").await, thing("new"));
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_value_is_loaded_again() {
    let prefix = servers::fresh_prefix();
    let cache = Store::with_prefix(&servers::server(), &prefix).cache();
    cached(&cache, "a", "old").await;
    let name = format!("{prefix}a");
    let fields: Vec<String> = servers::ask(&servers::server(), redis::cmd("HKEYS").arg(&name)).await.unwrap();
    for field in fields {
        let garbage = redis::cmd("HSET").arg(&name).arg(field).arg("{").take();
        servers::ask::<()>(&servers::server(), &garbage).await.unwrap();
    }
    assert_eq!(cached(&cache, "a", "one").await, thing("one"));
}

#[ignore = "needs Redis"]
#[test]
fn hits_misses_and_errors_are_counted() {
    let recorder = metrics_util::debugging::DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let mut redis = RedisServer::start().await;
            let cache = Store::at(&redis.url()).cache();
            for _ in 0..3 {
                assert_eq!(cached(&cache, "a", "one").await, thing("one"));
            }
            redis.kill();
            assert_eq!(cached(&cache, "a", "one").await, thing("one"));
        });
    });
    let mut counts: Vec<_> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().name() == "cache_requests_total")
        .map(|(key, _, _, value)| {
            (key.key().labels().next().unwrap().value().to_owned(), format!("{value:?}"))
        })
        .collect();
    counts.sort();
    let counts: Vec<_> = counts.iter().map(|(result, count)| (result.as_str(), count.clone())).collect();
    let expected = [("error", "1"), ("hit", "2"), ("miss", "2"), ("shared", "0")];
    let expected = expected.map(|(result, count)| (result, format!("Counter({count})")));
    assert_eq!(counts, expected);
}
