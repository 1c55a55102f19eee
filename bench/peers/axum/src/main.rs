//! The endpoints of Groundwork that the benchmark asks for, as an axum service would have them.

mod answers;
mod handlers;
mod limit;
mod store;
mod tokens;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use answers::Problem;
use limit::Limiter;
use tokens::Tokens;

#[derive(Clone)]
struct App {
    pool: PgPool,
    tokens: Arc<Tokens>,
    rounds: u32,
    /// As many hashes at once as there are cores: more would only take longer, all of them.
    hashing: Arc<Semaphore>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = std::env::var("JWT_SECRET_KEY")?;
    let pool = PgPoolOptions::new()
        .max_connections(number("DB_POOL_SIZE")?.unwrap_or(10))
        // A connection that broke says so when it is used; asking first would double the round trips.
        .test_before_acquire(false)
        .connect(&std::env::var("DATABASE_URL")?)
        .await?;
    let cores = std::thread::available_parallelism()?.get();
    let app = App {
        pool,
        tokens: Arc::new(Tokens::new(&secret)),
        rounds: number("BCRYPT_ROUNDS")?.unwrap_or(12),
        hashing: Arc::new(Semaphore::new(cores)),
    };
    let limiter = match (std::env::var("REDIS_URL"), number("RATE_LIMIT_PER_MINUTE")?) {
        (Ok(url), Some(per_minute)) if !url.is_empty() => Some(Limiter::connect(&url, per_minute).await?),
        _ => None,
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, number("PORT")?.unwrap_or(8000)));
    let listener = TcpListener::bind(address).await?.tap_io(|connection| {
        // An answer goes out at once, as it does in Go and in Node.js without being told.
        let _ = connection.set_nodelay(true);
    });
    let service = routes(app, limiter).into_make_service_with_connect_info::<SocketAddr>();
    let mut terminate = signal(SignalKind::terminate())?;
    axum::serve(listener, service)
        .with_graceful_shutdown(async move {
            terminate.recv().await;
        })
        .await?;
    Ok(())
}

fn number<T: FromStr>(name: &str) -> Result<Option<T>, T::Err> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty());
    text.map(|text| text.parse()).transpose()
}

fn routes(app: App, limiter: Option<Limiter>) -> Router {
    let mut users = Router::new()
        .route("/users/me", get(handlers::me).patch(handlers::update_me))
        .route("/users", get(handlers::list));
    if let Some(limiter) = limiter {
        users = users.route_layer(from_fn_with_state(limiter, limit::count));
    }
    let api = users
        .route("/health/live", get(handlers::live))
        .route("/auth/login", post(handlers::login))
        .route("/auth/refresh", post(handlers::refresh));
    Router::new()
        .nest("/api/v1", api)
        .fallback(|| async { Problem::NotFound })
        .layer(DefaultBodyLimit::max(1024 * 1024))
        .with_state(app)
}
