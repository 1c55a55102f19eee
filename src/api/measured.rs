//! `/metrics`, on a listener of its own: what is there is for whoever operates the service, not for its clients.

use poem::endpoint::{BoxEndpoint, make_sync};
use poem::http::header;
use poem::{EndpointExt, IntoResponse, Response, Route, get};

use crate::core::telemetry::metrics::Recorded;

/// The one route of that listener.
pub fn endpoint(recorded: Recorded) -> BoxEndpoint<'static, Response> {
    let render = make_sync(move |_| {
        recorded
            .render()
            .with_header(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")
            .into_response()
    });
    Route::new().at("/metrics", get(render)).map_to_response().boxed()
}
