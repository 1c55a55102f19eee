//! Two prepared statements on a few connections, each of which carries many questions at once.

use std::cell::Cell;
use std::error::Error;

use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls, Row, Statement};

use crate::token::Claims;

/// Connections. One would do, but the server would use one process for all.
const CONNECTIONS: usize = 4;

const USER: &str = "SELECT u.id, u.email, u.full_name, u.is_active, u.is_superuser, u.is_verified, u.created_at, u.updated_at \
    FROM sessions s JOIN users u ON u.id = s.user_id \
    WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND s.expires_at > $3 AND u.is_active";

const PAGE: &str = "SELECT id, email, full_name, is_active, is_superuser, is_verified, created_at, updated_at \
    FROM users ORDER BY id LIMIT $1";

struct Connection {
    client: Client,
    user: Statement,
    page: Statement,
}

pub struct Database {
    connections: Vec<Connection>,
    next: Cell<usize>,
}

/// An account, as its row says.
pub struct User(Row);

impl Database {
    pub async fn connect(url: &str) -> Self {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("PostgreSQL is there");
            tokio::task::spawn_local(connection);
            let user = client.prepare(USER).await.expect("the schema is Groundwork's");
            let page = client.prepare(PAGE).await.expect("the schema is Groundwork's");
            connections.push(Connection { client, user, page });
        }
        Self { connections, next: Cell::new(0) }
    }

    pub async fn user_of(&self, claims: &Claims) -> Option<User> {
        let connection = self.any();
        let now = Instant(claims.now_micros);
        let parameters: [&(dyn ToSql + Sync); 3] = [&claims.session, &claims.user, &now];
        let rows = connection.client.query(&connection.user, &parameters).await.ok()?;
        rows.into_iter().next().map(User)
    }

    pub async fn page(&self, limit: i64) -> Vec<User> {
        let connection = self.any();
        let rows = connection.client.query(&connection.page, &[&limit]).await.unwrap_or_default();
        rows.into_iter().map(User).collect()
    }

    fn any(&self) -> &Connection {
        let next = self.next.get();
        self.next.set((next + 1) % CONNECTIONS);
        &self.connections[next]
    }
}

impl User {
    pub fn id(&self) -> i64 {
        self.0.get(0)
    }

    pub fn email(&self) -> &str {
        self.0.get(1)
    }

    pub fn full_name(&self) -> Option<&str> {
        self.0.get(2)
    }

    pub fn is_active(&self) -> bool {
        self.0.get(3)
    }

    pub fn is_superuser(&self) -> bool {
        self.0.get(4)
    }

    pub fn is_verified(&self) -> bool {
        self.0.get(5)
    }

    pub fn created_at(&self) -> Instant {
        self.0.get(6)
    }

    pub fn updated_at(&self) -> Instant {
        self.0.get(7)
    }
}

/// Microseconds since 1970; PostgreSQL counts from 2000.
#[derive(Clone, Copy, Debug)]
pub struct Instant(pub i64);

const EPOCH: i64 = 946_684_800_000_000;

impl FromSql<'_> for Instant {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?) + EPOCH))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }
}

impl ToSql for Instant {
    fn to_sql(&self, _: &Type, out: &mut bytes::BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&(self.0 - EPOCH).to_be_bytes());
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}
