//! Metrics, traces and log lines of the service, and the dashboard and alerts in `deploy/`.

mod collector;
mod counts;
mod detector;
mod listener;
mod logs;
mod process;
mod rules;
mod scrape;
mod secrets;
mod traces;
