//! What the files of deploy/ say, held against the settings and against each other.

use std::collections::BTreeMap;

use groundwork::settings::Settings;
use serde_json::{Map, Value};

use crate::deploy::files::{all, read, yaml};
use crate::deploy::instance::SECRET;
use crate::deploy::workers::unit;

/// What the environment of a container is called in these files, and is no setting of the service.
const OTHERS: [&str; 10] = [
    "POSTGRES_USER",
    "POSTGRES_DB",
    "POSTGRES_PASSWORD",
    "POSTGRES_INITDB_ARGS",
    "REDIS_PASSWORD",
    "REDISCLI_AUTH",
    "GROUNDWORK_IMAGE",
    "GROUNDWORK_PORT",
    "PATRONI_SUPERUSER_PASSWORD",
    "PATRONI_REPLICATION_PASSWORD",
];

/// The settings that there are, each as it is in force where only these are set.
pub fn effective(set: &BTreeMap<String, String>) -> Result<BTreeMap<&'static str, String>, String> {
    let settings = Settings::from_lookup(|name| set.get(name).cloned()).map_err(|error| error.to_string())?;
    Ok(settings.effective().into_iter().collect())
}

fn defaults() -> BTreeMap<&'static str, String> {
    effective(&BTreeMap::new()).unwrap()
}

pub fn texts(map: &Value) -> BTreeMap<String, String> {
    let map: &Map<String, Value> = map.as_object().expect("names and values");
    // Kubernetes takes nothing but text here, and Compose makes text of it.
    map.iter().map(|(name, value)| (name.clone(), value.as_str().expect(name).to_owned())).collect()
}

/// The services of Compose that are instances.
pub fn instances(compose: &Value) -> Vec<&Value> {
    let services = compose["services"].as_object().unwrap();
    let instances: Vec<_> = services
        .iter()
        .filter(|(name, _)| name.starts_with("groundwork-") && *name != "groundwork-worker")
        .map(|(_, service)| service)
        .collect();
    assert_eq!(instances.len(), 3);
    instances
}

/// The environment of an instance, once Compose has put the secrets in; those it insists on have to
/// be given.
pub fn compose_settings(secrets: &[(&str, &str)]) -> BTreeMap<String, String> {
    let compose = yaml("compose.yaml");
    let fill = |value: &str| {
        let mut filled = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once("${") {
            let (variable, after) = after.split_once('}').unwrap();
            let (name, insists) = match (variable.split_once(":?"), variable.split_once(":-")) {
                (Some((name, _)), None) => (name, true),
                (None, Some((name, ""))) => (name, false),
                _ => panic!("a default for ${variable}"),
            };
            let secret = secrets.iter().find(|(secret, _)| *secret == name).map(|(_, value)| *value);
            assert!(secret.is_some() || !insists, "{name} is not given");
            filled = filled + before + secret.unwrap_or_default();
            rest = after;
        }
        filled + rest
    };
    texts(&instances(&compose)[0]["environment"])
        .into_iter()
        .map(|(name, value)| (name, fill(&value)))
        .collect()
}

pub fn kubernetes(name: &str) -> Value {
    yaml(&format!("kubernetes/{name}.yaml"))
}

fn dockerfile_settings() -> BTreeMap<String, String> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let line = text.lines().find_map(|line| line.strip_prefix("ENV ")).unwrap().to_owned();
    line.split_whitespace()
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(a, b)| (a.into(), b.into()))
        .collect()
}

#[test]
fn every_variable_in_deploy_is_a_setting() {
    let settings = defaults();
    let secret = [
        ("POSTGRES_PASSWORD", "p"),
        ("REDIS_PASSWORD", "p"),
        ("JWT_SECRET_KEY", SECRET),
        ("PUBLIC_URL", "https://api.example.com"),
    ];
    let places = [
        ("compose.yaml", compose_settings(&secret)),
        ("configmap.yaml", texts(&kubernetes("configmap")["data"])),
        ("secret.example.yaml", texts(&kubernetes("secret.example")["stringData"])),
        ("Dockerfile", dockerfile_settings()),
    ];
    for (place, variables) in places {
        assert!(variables.len() >= 3, "{place}");
        for name in variables.keys() {
            assert!(settings.contains_key(name.as_str()), "{place}: {name} is no setting");
        }
    }
    // And where they are only spoken of: what looks like a variable is one.
    for file in all() {
        for word in read(&file).split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let shouted = word.contains('_') && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
            if shouted && word.len() > 4 && !word.starts_with('_') {
                // A secret may be in a file.
                let word =
                    word.strip_suffix("_FILE").filter(|word| settings.contains_key(word)).unwrap_or(word);
                let known = settings.contains_key(word) || OTHERS.contains(&word);
                assert!(known, "deploy/{file}: {word} is no setting");
            }
        }
    }
}

#[test]
fn the_service_accepts_the_settings_of_compose_and_has_no_secret_by_default() {
    let secrets = [
        ("POSTGRES_PASSWORD", "a1b2"),
        ("REDIS_PASSWORD", "c3d4"),
        ("JWT_SECRET_KEY", SECRET),
        ("PUBLIC_URL", "https://api.example.com"),
    ];
    let set = compose_settings(&secrets);
    let settings = effective(&set).unwrap();
    assert_eq!(settings["APP_ENV"], "production");
    assert_eq!(set["DATABASE_URL"], "postgres://groundwork:a1b2@postgres:5432/groundwork");
    assert_eq!(set["REDIS_URL"], "redis://:c3d4@redis:6379/0");
    for missing in 0..secrets.len() {
        let given: Vec<_> =
            secrets.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, s)| *s).collect();
        let refused = std::panic::catch_unwind(|| compose_settings(&given)).is_err();
        assert!(refused, "{} has a default", secrets[missing].0);
    }
}

#[test]
fn the_service_accepts_the_settings_of_kubernetes_and_refuses_the_secrets_of_the_example() {
    let mut set = texts(&kubernetes("configmap")["data"]);
    let example = texts(&kubernetes("secret.example")["stringData"]);
    set.extend(example);
    let refused = effective(&set).unwrap_err();
    assert!(refused.contains("JWT_SECRET_KEY"), "{refused}");
    set.insert("JWT_SECRET_KEY".to_owned(), SECRET.to_owned());
    assert_eq!(effective(&set).unwrap()["APP_ENV"], "production");
}

#[test]
fn the_image_does_not_start_without_a_secret() {
    let refused = effective(&dockerfile_settings()).unwrap_err();
    assert!(refused.contains("JWT_SECRET_KEY"), "{refused}");
}

/// Seconds in a directive of nginx.conf.
fn nginx_seconds(directive: &str) -> u64 {
    let text = read("nginx.conf");
    let mut lines = text.lines().filter_map(|line| line.trim().strip_prefix(directive)?.strip_prefix(' '));
    let value = lines.next().unwrap_or_else(|| panic!("no {directive}"));
    value.split_once("s;").unwrap().0.parse().unwrap()
}

#[test]
fn the_limits_of_the_proxies_leave_the_service_time_for_its_own_answer() {
    let settings = defaults();
    let seconds = |name: &str| settings[name].parse::<u64>().unwrap();
    let request = seconds("REQUEST_TIMEOUT");
    assert!(nginx_seconds("proxy_read_timeout") > request && nginx_seconds("proxy_send_timeout") > request);
    assert_eq!(nginx_seconds("client_body_timeout"), seconds("BODY_TIMEOUT"));
    let transport = &yaml("traefik/dynamic.yaml")["http"]["serversTransports"]["groundwork"];
    assert_eq!(transport["forwardingTimeouts"]["responseHeaderTimeout"], "20s");
    assert_eq!(nginx_seconds("proxy_read_timeout"), 20);
    let static_ = yaml("traefik/traefik.yaml");
    let responding = &static_["entryPoints"]["api"]["transport"]["respondingTimeouts"];
    assert_eq!((&responding["readTimeout"], &responding["writeTimeout"]), (&"20s".into(), &"40s".into()));
}

#[test]
fn every_deployment_allows_the_shutdown_timeout_before_it_kills() {
    let shutdown: u64 = defaults()["SHUTDOWN_TIMEOUT"].parse().unwrap();
    // A proxy that asks every five seconds may send more until it has.
    let drains = |settings: &BTreeMap<String, String>| {
        let drain: u64 = settings["DRAIN_TIMEOUT"].parse().unwrap();
        assert!(drain > 5);
        drain
    };
    let compose = yaml("compose.yaml");
    for instance in instances(&compose) {
        let grace = instance["stop_grace_period"].as_str().unwrap().strip_suffix('s').unwrap();
        assert!(grace.parse::<u64>().unwrap() > drains(&texts(&instance["environment"])) + shutdown);
    }
    let settings = texts(&kubernetes("configmap")["data"]);
    assert_eq!(settings["SHUTDOWN_TIMEOUT"], shutdown.to_string());
    for deployment in ["deployment", "worker"] {
        let pod = &kubernetes(deployment)["spec"]["template"]["spec"];
        assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > drains(&settings) + shutdown);
    }
    for name in ["groundwork", "groundwork-worker"] {
        let unit = unit(name);
        let drain: u64 = unit.settings.get("DRAIN_TIMEOUT").map_or(0, |drain| drain.parse().unwrap());
        let timeout: u64 = unit.lines["TimeoutStopSec"].parse().unwrap();
        assert!(timeout > drain + shutdown, "{name}");
    }
}

#[test]
fn every_container_of_compose_is_restricted_and_has_a_health_check() {
    let compose = yaml("compose.yaml");
    for (name, service) in compose["services"].as_object().unwrap() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], serde_json::json!(["no-new-privileges:true"]), "{name}");
        assert!(service["healthcheck"]["test"].is_array(), "{name}");
        let image = service["image"].as_str().unwrap();
        assert!(
            image.rsplit('/').next().unwrap().contains(':') && !image.contains("latest"),
            "{name}: {image}"
        );
        // The image of the service has a user of its own: see the Dockerfile.
        let user = service["user"].as_str().unwrap_or("none");
        let numeric = user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0));
        assert!(numeric || (user == "none" && name.starts_with("groundwork-")), "{name} runs as {user}");
        assert_eq!(
            service["ports"].is_array(),
            name == "nginx",
            "{name}: only nginx is reached from outside"
        );
    }
    let address = &compose["services"]["nginx"]["networks"]["inside"]["ipv4_address"];
    for instance in instances(&compose) {
        assert_eq!(
            &instance["environment"]["TRUSTED_PROXIES"], address,
            "nginx is believed, and nobody else"
        );
        for dependency in ["postgres", "redis"] {
            assert_eq!(instance["depends_on"][dependency]["condition"], "service_healthy");
        }
    }
}

#[test]
fn the_manifests_of_kubernetes_refer_to_each_other() {
    let listed = yaml("kubernetes/kustomization.yaml")["resources"].clone();
    let listed: Vec<_> =
        listed.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    let own = ["kustomization.yaml", "secret.example.yaml"];
    let there = all().into_iter().filter_map(|name| Some(name.strip_prefix("kubernetes/")?.to_owned()));
    let there: Vec<_> = there.filter(|name| !own.contains(&name.as_str())).collect();
    assert_eq!(listed, there, "the kustomization lists every manifest");

    let deployment = kubernetes("deployment");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let matched = serde_json::json!({ "matchLabels": labels });
    assert_eq!(deployment["spec"]["selector"], matched);
    assert_eq!(&kubernetes("service")["spec"]["selector"], labels);
    assert_eq!(kubernetes("disruption-budget")["spec"]["selector"], matched);
    assert_eq!(kubernetes("network-policy")["spec"]["podSelector"], matched);
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap();
    assert_eq!(image, format!("groundwork:{}", env!("CARGO_PKG_VERSION")));
    for name in listed.iter().map(|name| name.trim_end_matches(".yaml")) {
        assert!(kubernetes(name)["metadata"]["namespace"].is_null(), "{name} goes where it is applied");
    }
}

/// The "restricted" level of the Pod Security Standards.
#[test]
fn the_pods_are_restricted() {
    for deployment in ["deployment", "worker"] {
        assert_restricted(&kubernetes(deployment)["spec"]["template"]["spec"]);
    }
}

fn assert_restricted(pod: &Value) {
    let (of_pod, of_container) = (&pod["securityContext"], &pod["containers"][0]["securityContext"]);
    assert_eq!(of_pod["runAsNonRoot"], true);
    assert_eq!(of_pod["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(of_container["allowPrivilegeEscalation"], false);
    assert_eq!(of_container["readOnlyRootFilesystem"], true);
    assert_eq!(of_container["capabilities"]["drop"], serde_json::json!(["ALL"]));
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(kubernetes("service-account")["automountServiceAccountToken"], false);
    let user = of_pod["runAsUser"].as_u64().unwrap();
    assert!(read("Dockerfile").contains(&format!("\nUSER {user}:{user}\n")), "as in the image");
}

#[test]
fn the_build_context_is_exactly_what_the_dockerfile_copies() {
    let dockerfile = read("Dockerfile");
    let copies = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.starts_with('-'));
    let mut sources: Vec<&str> =
        copies.flat_map(|line| line.rsplit_once(' ').unwrap().0.split(' ')).collect();
    sources.sort_unstable();
    let ignore = include_str!("../../.dockerignore");
    let mut lines = ignore.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"), "nothing goes in unless it is named");
    let mut let_in: Vec<&str> = lines.map(|line| line.strip_prefix('!').unwrap()).collect();
    let_in.sort_unstable();
    assert_eq!(sources, let_in);
    for needed in ["\nHEALTHCHECK ", "\nSTOPSIGNAL SIGTERM\n", "org.opencontainers.image.revision"] {
        assert!(dockerfile.contains(needed), "{needed}");
    }
}

#[test]
fn haproxy_checks_the_servers_of_patroni_and_keeps_idle_connections_of_the_pool() {
    let (patroni, haproxy) = (yaml("patroni/patroni.yml"), read("patroni/haproxy.cfg"));
    let (server, rest) = (&patroni["postgresql"]["connect_address"], &patroni["restapi"]["connect_address"]);
    let port = rest.as_str().unwrap().rsplit_once(':').unwrap().1;
    let name = patroni["name"].as_str().unwrap();
    let line = format!("    server {name} {} check port {port}\n", server.as_str().unwrap());
    assert!(haproxy.contains(&line), "{line}");
    for needed in [
        "option httpchk OPTIONS /primary\n",
        "on-marked-down shutdown-sessions\n",
        "timeout client 1h\n",
        "timeout server 1h\n",
    ] {
        assert!(haproxy.contains(needed), "{needed}");
    }
    let dcs = &patroni["bootstrap"]["dcs"];
    assert_eq!(dcs["synchronous_mode"], true, "nothing acknowledged is lost");
    let seconds = |name: &str| dcs[name].as_u64().unwrap();
    assert!(seconds("loop_wait") + 2 * seconds("retry_timeout") <= seconds("ttl"), "Patroni's own rule");
    assert!(!read("patroni/patroni.yml").contains("password:"), "no secret in the file");
}
