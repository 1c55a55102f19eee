//! The deployments of `groundwork worker`, held against those of the instances.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::deploy::files::{read, yaml};
use crate::deploy::instance::SECRET;
use crate::deploy::manifests::{compose_settings, effective, instances, kubernetes, texts};

/// The last value of each line of a unit of systemd, and its environment.
pub struct Unit {
    pub lines: BTreeMap<String, String>,
    pub settings: BTreeMap<String, String>,
}

pub fn unit(name: &str) -> Unit {
    let text = read(&format!("systemd/{name}.service"));
    let pairs: Vec<_> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let environment = pairs.iter().filter(|(key, _)| *key == "Environment");
    let settings = environment.flat_map(|(_, values)| values.split(' '));
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Unit {
        settings: settings.map(|pair| own(pair.split_once('=').unwrap())).collect(),
        lines: pairs.iter().copied().map(own).collect(),
    }
}

#[test]
fn workers_run_all_jobs_with_the_settings_of_the_instances() {
    let secrets = [
        ("POSTGRES_PASSWORD", "p"),
        ("REDIS_PASSWORD", "p"),
        ("JWT_SECRET_KEY", SECRET),
        ("PUBLIC_URL", "https://api.example.com"),
    ];
    assert_eq!(effective(&compose_settings(&secrets)).unwrap()["JOB_WORKERS"], "0");
    let compose = yaml("compose.yaml");
    let worker = &compose["services"]["groundwork-worker"];
    assert_eq!(worker["command"], serde_json::json!(["worker"]));
    let environment = |service: &Value| {
        let mut settings = texts(&service["environment"]);
        (settings.remove("JOB_WORKERS").unwrap(), settings)
    };
    let ((workers, of_worker), (_, of_instance)) = (environment(worker), environment(instances(&compose)[0]));
    assert!(workers.parse::<u32>().unwrap() > 0);
    assert_eq!(of_worker, of_instance);

    assert_eq!(texts(&kubernetes("configmap")["data"])["JOB_WORKERS"], "0");
    let instance = &kubernetes("deployment")["spec"]["template"]["spec"]["containers"][0];
    let worker = &kubernetes("worker")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(worker["args"], serde_json::json!(["worker"]));
    assert_eq!((&worker["image"], &worker["envFrom"]), (&instance["image"], &instance["envFrom"]));
    assert_eq!(worker["env"][0]["name"], "JOB_WORKERS");
    assert_ne!(worker["env"][0]["value"], "0");
    let labels = &kubernetes("worker")["spec"]["template"]["metadata"]["labels"];
    let matched = serde_json::json!({ "matchLabels": labels });
    assert_eq!(kubernetes("worker")["spec"]["selector"], matched);
    assert_eq!(kubernetes("worker-network-policy")["spec"]["podSelector"], matched);
    assert_ne!(&kubernetes("service")["spec"]["selector"], labels, "no request goes to a worker");

    let (instance, worker) = (unit("groundwork"), unit("groundwork-worker"));
    assert_eq!(worker.lines["ExecStart"], format!("{} worker", instance.lines["ExecStart"]));
    let of_requests = ["TRUSTED_PROXIES", "DRAIN_TIMEOUT"];
    for (name, value) in &instance.settings {
        assert!(worker.settings.get(name) == Some(value) || of_requests.contains(&name.as_str()), "{name}");
    }
    let (mut settings, files) = (instance.settings.clone(), ["DATABASE_URL", "JWT_SECRET_KEY", "SMTP_URL"]);
    for (name, value) in files.iter().zip(["postgres://u@h/d", SECRET, "smtps://u:p@mail.example.com"]) {
        assert!(settings.remove(&format!("{name}_FILE")).is_some(), "{name}");
        settings.insert((*name).to_owned(), value.to_owned());
    }
    assert_eq!(effective(&settings).unwrap()["APP_ENV"], "production");
}
