//! Notifications of PostgreSQL (`LISTEN`), on a connection of their own.

use std::future::poll_fn;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client};

use super::connector::PgConnector;
use super::session::CONNECT_TIMEOUT;

/// Receives the notifications of one channel.
pub struct Notifications {
    received: mpsc::UnboundedReceiver<()>,
    /// The connection ends with it.
    _client: Client,
}

impl Notifications {
    /// Waits for the next notification, whose content is dropped. `None` when the connection is
    /// lost, and notifications may have been, too.
    pub async fn next(&mut self) -> Option<()> {
        self.received.recv().await
    }
}

impl PgConnector {
    /// `None` if the server cannot be reached.
    pub(super) async fn listen(&self, channel: &str) -> Option<Notifications> {
        let generation = self.generation();
        let listening = async {
            let (client, mut driver, _) = self.connect_undriven().await.ok()?;
            let (sender, received) = mpsc::unbounded_channel();
            tokio::spawn(async move {
                let forward = async {
                    while let Some(Ok(message)) = poll_fn(|cx| driver.poll_message(cx)).await {
                        if matches!(message, AsyncMessage::Notification(_)) && sender.send(()).is_err() {
                            return;
                        }
                    }
                };
                // A server that is no primary any more may go on as if nothing had happened.
                tokio::select! {
                    () = forward => {}
                    () = generation.ended() => {}
                }
            });
            let listen = format!("LISTEN \"{}\"", channel.replace('"', "\"\""));
            client.batch_execute(&listen).await.ok()?;
            Some(Notifications { received, _client: client })
        };
        timeout(CONNECT_TIMEOUT, listening).await.ok()?
    }
}
