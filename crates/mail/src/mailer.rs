//! Sends mails to where the configuration says.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::error::{ConfigError, SendError};
use crate::message::{Message, Sender};
use crate::outbox::Outbox;
use crate::smtp::SmtpClient;
use crate::url::SmtpUrl;
use crate::{FAILED, SECONDS, SENT};

/// How to send mail.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server. Without one, each mail becomes a file.
    pub smtp_url: Option<SmtpUrl>,
    /// The folder of these files, created when it is missing.
    pub folder: PathBuf,
    /// Who mails are from. Its domain also names this client to the server.
    pub from: Sender,
    /// How long one mail may take, from connecting to the server's last reply.
    pub timeout: Duration,
}

/// Sends mails, over SMTP or into files.
pub struct Mailer {
    from: Sender,
    transport: Transport,
}

enum Transport {
    Smtp(Box<SmtpClient>),
    File(Outbox),
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("tier", &self.tier()).finish_non_exhaustive()
    }
}

impl Mailer {
    /// Does not connect: the first mail does.
    ///
    /// # Errors
    /// A file of authorities that cannot be used.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let Config { smtp_url, folder, from, timeout } = config;
        let transport = match smtp_url {
            Some(url) => Transport::Smtp(Box::new(SmtpClient::new(url.clone(), from.domain(), *timeout)?)),
            None => Transport::File(Outbox { folder: folder.clone() }),
        };
        let mailer = Self { from: from.clone(), transport };
        // At zero from the start, so that the first failure is an increase.
        metrics::counter!(SENT, "tier" => mailer.tier()).increment(0);
        for kind in SendError::KINDS {
            metrics::counter!(FAILED, "kind" => kind).increment(0);
        }
        Ok(mailer)
    }

    /// `smtp` or `file`, for logs and reports.
    pub fn tier(&self) -> &'static str {
        match self.transport {
            Transport::Smtp(_) => "smtp",
            Transport::File(_) => "file",
        }
    }

    /// Sends a mail: the server has accepted it, or its file is complete, when this returns `Ok`.
    ///
    /// Dropping the future abandons the mail, which the server may have by then.
    ///
    /// # Errors
    /// [`SendError::is_permanent`] says whether another attempt can help.
    pub async fn send(&self, message: &Message) -> Result<(), SendError> {
        let start = Instant::now();
        let result = self.deliver(message).await;
        metrics::histogram!(SECONDS).record(start.elapsed());
        match &result {
            Ok(()) => metrics::counter!(SENT, "tier" => self.tier()).increment(1),
            Err(error) => metrics::counter!(FAILED, "kind" => error.kind()).increment(1),
        }
        result
    }

    async fn deliver(&self, message: &Message) -> Result<(), SendError> {
        let mail = message.compose(&self.from).map_err(|error| SendError::Message(error.to_string()))?;
        match &self.transport {
            Transport::Smtp(client) => client.send(&mail).await,
            Transport::File(outbox) => {
                let file = outbox.write(message.id(), mail.formatted()).await?;
                // The one line with a secret, and only here: without a server, it is how the link
                // gets to its reader.
                let (to, link) = (message.to(), message.link());
                tracing::info!(to, link, file = %file.display(), "no SMTP server is set: the mail is in a file");
                Ok(())
            }
        }
    }
}
