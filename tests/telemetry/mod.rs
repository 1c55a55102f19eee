//! What the service tells of itself: metrics, traces and the ids on its log lines; and what is made of the metrics in
//! `deploy/`.

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
