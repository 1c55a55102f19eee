//! The server under the routes: connections that are slow, silent or too many, where requests end, the ways in,
//! and the end.

mod connections;
mod framing;
mod hosts;
mod load;
mod readiness;
mod stopping;
mod ways_in;
mod wire;
