//! What reaches an instance through a proxy.

use std::net::{IpAddr, Ipv4Addr};

use reqwest::Client;

use crate::behind_both;
use crate::deploy::edge::{Edge, Kind};
use crate::deploy::instance::Instances;
use crate::deploy::stand_in::{Manner, StandIns, header};

/// One client, and so one connection to the proxy as long as requests follow one another.
fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

behind_both! {
    async fn requests_are_spread_over_the_instances(kind) {
        let instances = Instances::start().await;
        let edge = Edge::start(kind, instances.addresses()).await;
        let client = client();
        let start = std::time::Instant::now();
        for round in 0.. {
            let ids: Vec<String> = (0..30).map(|number| format!("spread-{round}-{number}")).collect();
            for id in &ids {
                let request = client.get(edge.url()).header("x-request-id", id);
                assert_eq!(request.send().await.unwrap().status(), 200);
            }
            let logged = instances.logged(&ids).await;
            let served = [0, 1, 2].map(|index| logged.values().flatten().filter(|(by, _)| *by == index).count());
            if served.iter().all(|served| *served >= 5) {
                break;
            }
            // An instance that a busy machine held up is left out for some seconds, rightly.
            assert!(start.elapsed() < crate::deploy::edge::LIMIT, "of 30 requests the instances served {served:?}");
        }
    }

    async fn the_client_address_is_the_peer_of_the_proxy_whatever_headers_claim(kind) {
        let instances = Instances::start().await;
        let edge = Edge::start(kind, instances.addresses()).await;
        // Another address than the proxy's own.
        let own = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
        let client = Client::builder().no_proxy().local_address(own).build().unwrap();
        let mut ids = Vec::new();
        for (number, claimed) in ["", "203.0.113.9", "203.0.113.9, 127.0.0.1", "garbage"].iter().enumerate() {
            let id = format!("claim-{number}");
            let mut request = client.get(edge.url()).header("x-request-id", &id);
            if !claimed.is_empty() {
                request = request.header("x-forwarded-for", *claimed).header("x-real-ip", *claimed);
                request = request.header("forwarded", format!("for={claimed}"));
            }
            assert_eq!(request.send().await.unwrap().status(), 200);
            ids.push(id);
        }
        // A GET that was held up may have gone to a second instance as well.
        for (_, line) in instances.logged(&ids).await.values().flatten() {
            assert_eq!(line["ip"], "127.0.0.2", "{line}");
        }
    }

    async fn forwarding_headers_describe_the_request_and_drop_what_the_client_sent(kind) {
        let instances = StandIns::start(Manner::Answers).await;
        let edge = Edge::start(kind, instances.addresses).await;
        let request = client().get(format!("{}/some%2Fpath?a=%20b", edge.url())).header("host", "api.example.com");
        let request = request.header("x-forwarded-for", "203.0.113.9").header("x-forwarded-proto", "https");
        let request = request.header("x-forwarded-host", "evil.example.com").header("x-real-ip", "203.0.113.9");
        assert_eq!(request.send().await.unwrap().status(), 200);
        let heads = instances.heads("GET");
        let [head] = &heads[..] else { panic!("{heads:?}") };
        assert!(head.starts_with("GET /some%2Fpath?a=%20b HTTP/1.1\r\n"), "{head}");
        assert_eq!(header(head, "host").as_deref(), Some("api.example.com"), "{head}");
        assert_eq!(header(head, "x-forwarded-for").as_deref(), Some("127.0.0.1"), "{head}");
        assert_eq!(header(head, "x-forwarded-proto").as_deref(), Some("http"), "{head}");
        assert!(!head.contains("203.0.113.9") && !head.contains("evil"), "{head}");
        assert_ne!(header(head, "connection").as_deref(), Some("close"), "{head}");
    }

    async fn connections_to_the_instances_are_reused(kind) {
        let instances = StandIns::start(Manner::Answers).await;
        let edge = Edge::start(kind, instances.addresses).await;
        let client = client();
        for number in 0..60 {
            let method = if number % 2 == 0 { reqwest::Method::GET } else { reqwest::Method::POST };
            let request = client.request(method, edge.url()).body("{}");
            request.send().await.unwrap().text().await.unwrap();
        }
        let requests = instances.heads("GET").len() + instances.heads("POST").len();
        assert_eq!(requests, 60);
        // Some for each instance, for a proxy may notice the end of an answer late; neither one for
        // each request nor for each POST.
        assert!(instances.connections() < 20, "{} connections for 60 requests", instances.connections());
    }

    async fn a_request_keeps_its_id_or_gets_a_new_one(kind) {
        let instances = Instances::start().await;
        let edge = Edge::start(kind, instances.addresses()).await;
        let client = client();
        let send = |id: &'static str| client.get(edge.url()).header("x-request-id", id).send();
        let id_of = |answer: &reqwest::Response| answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let kept = id_of(&send("mine-1").await.unwrap());
        assert_eq!(kept, "mine-1");
        let replaced = id_of(&send("not {sound}").await.unwrap());
        let made = id_of(&client.get(edge.url()).send().await.unwrap());
        for id in [&replaced, &made] {
            assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        }
        // The instance knows it by the same one.
        let ids = [kept, replaced, made];
        instances.logged(&ids).await;
        if kind == Kind::Nginx {
            // So does nginx. It writes when the answer is sent, which the client may see first.
            let start = std::time::Instant::now();
            while !ids.iter().all(|id| edge.log().contains(&format!("\"request_id\":\"{id}\""))) {
                assert!(start.elapsed() < crate::deploy::edge::LIMIT, "{}", edge.log());
                tokio::time::sleep(crate::deploy::edge::LOOK).await;
            }
        }
    }
}
