//! What stands in deploy/: the proxies run for real in front of instances that run for real; the files are read, and
//! held against the settings and against each other. The schemas of Compose and Kubernetes are `./scripts/test deploy`'s.

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
