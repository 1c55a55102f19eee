//! The HTTP server: slow, silent and too many connections, framing of requests, listeners, and
//! shutdown.

mod connections;
mod framing;
mod hosts;
mod load;
mod readiness;
mod stopping;
mod ways_in;
mod wire;
mod workers;
