//! Delivery to an SMTP server.

use std::error::Error as _;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lettre::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret as _;
use tokio::time::timeout;

use crate::error::{ConfigError, SendError, SmtpReply};
use crate::url::{Encryption, SmtpCredentials, SmtpUrl};

/// How long an unused connection is kept. Servers close them after minutes, firewalls without
/// telling either side.
const IDLE_LIMIT: Duration = Duration::from_mins(1);

/// How long a kept connection may take to show that it is still there.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

const BEGIN_CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Replies that ask for other credentials (RFC 4954, 6), to whatever command.
const AUTHENTICATION_CODES: [u16; 4] = [530, 534, 535, 538];

/// Sends mails to one server, and keeps one connection for the next.
///
/// Not lettre's own transport: that has no limit for the replies of a server, and puts a connection
/// back into its pool when a caller has given up in the middle of a mail.
pub(crate) struct SmtpClient {
    url: SmtpUrl,
    tls: Option<TlsParameters>,
    hello_name: ClientId,
    timeout: Duration,
    idle: Mutex<Option<IdleConnection>>,
}

struct IdleConnection {
    connection: AsyncSmtpConnection,
    since: Instant,
}

impl SmtpClient {
    /// Connects with the first mail.
    pub(crate) fn new(url: SmtpUrl, hello_name: &str, timeout: Duration) -> Result<Self, ConfigError> {
        let tls = match url.encryption {
            Encryption::None => None,
            Encryption::Implicit | Encryption::StartTls => Some(tls_parameters(&url)?),
        };
        let hello_name = ClientId::Domain(hello_name.to_owned());
        Ok(Self { url, tls, hello_name, timeout, idle: Mutex::default() })
    }

    /// Returns when the server has accepted the mail. A connection is kept only then, so that the
    /// reply to one mail is never taken for the reply to another.
    pub(crate) async fn send(&self, message: &Message) -> Result<(), SendError> {
        let exchange = timeout(self.timeout, self.exchange(message)).await;
        exchange.unwrap_or(Err(SendError::Timeout(self.timeout)))
    }

    async fn exchange(&self, message: &Message) -> Result<(), SendError> {
        let mut connection = match self.take_idle().await {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let sent = connection.send(message.envelope(), &message.formatted()).await;
        sent.map_err(|error| match negative_reply(&error) {
            Some(reply) if AUTHENTICATION_CODES.contains(&reply.code) => SendError::Authentication,
            Some(reply) if error.is_permanent() => SendError::Refused(reply),
            Some(reply) => SendError::Deferred(reply),
            None if error.is_client() => SendError::Message(text_of(&error)),
            None => SendError::Connection(text_of(&error)),
        })?;
        let idle = IdleConnection { connection, since: Instant::now() };
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(idle);
        Ok(())
    }

    async fn take_idle(&self) -> Option<AsyncSmtpConnection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let mut connection = idle.connection;
        let is_usable = idle.since.elapsed() < IDLE_LIMIT
            && timeout(CHECK_TIMEOUT, connection.test_connected()).await.unwrap_or(false);
        is_usable.then_some(connection)
    }

    /// Connects, encrypts and authenticates, in this order. No refusal on the way is due to a mail,
    /// so none is permanent.
    async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let SmtpUrl { host, port, encryption, credentials, .. } = &self.url;
        let implicit = self.tls.clone().filter(|_| *encryption == Encryption::Implicit);
        let server = (host.as_str(), *port);
        let connected =
            AsyncSmtpConnection::connect_tokio1(server, Some(self.timeout), &self.hello_name, implicit, None);
        let mut connection = connected.await.map_err(connect_error)?;
        if let (Encryption::StartTls, Some(tls)) = (encryption, &self.tls) {
            if !connection.can_starttls() {
                return Err(SendError::Tls("it does not offer STARTTLS".to_owned()));
            }
            connection.starttls(tls.clone(), &self.hello_name).await.map_err(connect_error)?;
        }
        if let Some(SmtpCredentials { user, password }) = credentials {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            let accepted = connection.auth(DEFAULT_MECHANISMS, &credentials).await;
            accepted.map_err(|error| match error.status() {
                // Without the text, which may repeat the credentials.
                Some(code) if error.is_transient() => SendError::Deferred(SmtpReply::new(code.into(), "")),
                Some(_) => SendError::Authentication,
                None if error.is_client() => SendError::Authentication,
                None => connect_error(error),
            })?;
        }
        Ok(connection)
    }
}

fn tls_parameters(url: &SmtpUrl) -> Result<TlsParameters, ConfigError> {
    let mut builder = TlsParametersBuilder::new(url.host.clone());
    if let Some(path) = &url.ca_file {
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authorities(path)?);
    }
    builder.build_rustls().map_err(|error| ConfigError::Tls(text_of(&error)))
}

fn authorities(path: &Path) -> Result<Certificate, ConfigError> {
    let failed = |problem| ConfigError::Authorities { path: path.display().to_string(), problem };
    let (pem, _) = groundwork_files::read(path).map_err(|error| failed(error.to_string()))?;
    if !pem.windows(BEGIN_CERTIFICATE.len()).any(|window| window == BEGIN_CERTIFICATE) {
        return Err(failed("it has no certificate in PEM form".to_owned()));
    }
    Certificate::from_pem(&pem).map_err(|error| failed(text_of(&error)))
}

/// An error before the first command about a mail.
#[allow(clippy::needless_pass_by_value, reason = "the argument of map_err")]
fn connect_error(error: Error) -> SendError {
    match negative_reply(&error) {
        Some(reply) => SendError::Deferred(reply),
        None if is_tls(&error) => SendError::Tls(text_of(&error)),
        None => SendError::Connection(text_of(&error)),
    }
}

/// The reply of a server that is the error.
fn negative_reply(error: &Error) -> Option<SmtpReply> {
    let code = error.status()?;
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    Some(SmtpReply::new(code.into(), &text))
}

/// Whether the handshake failed. lettre reports that as an error of the connection.
fn is_tls(error: &Error) -> bool {
    let inner = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()?.get_ref());
    matches!(inner, Some(inner) if inner.is::<rustls::Error>())
}

/// The cause that the others wrap.
fn text_of(error: &Error) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

fn causes(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}
