//! The files in deploy/: real proxies run in front of real instances, and the files are compared
//! with the settings and with each other. `./scripts/test deploy` checks the schemas of Compose and
//! Kubernetes.

mod answers;
mod edge;
mod failing;
mod files;
mod forwarding;
mod instance;
mod manifests;
mod restart;
mod stand_in;
mod tls;
mod whole;
mod workers;
