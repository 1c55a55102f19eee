use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use progenitor_client::{ClientHooks, ClientInfo, OperationInfo};
use reqwest::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Request, Response, StatusCode};

use crate::error::in_the_services_form;
use crate::retry::{Retry, is_idempotent, wait_before};
use crate::types::{LoginRequest, RefreshRequest, TokenPair, TokenType};
use crate::{Client, Error, ResponseValue, Secret};

/// The timeout of a request of a [`Service`] that created its own HTTP client.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

const USER_AGENT: &str = concat!("groundwork-client-rust/", env!("CARGO_PKG_VERSION"));

/// The address of the service and how to call it.
#[derive(Clone)]
pub struct Service {
    url: String,
    http: reqwest::Client,
    on_refresh: Arc<dyn Fn() + Send + Sync>,
    on_retry: Arc<dyn Fn(Retry) + Send + Sync>,
    on_answer: Arc<OnAnswer>,
}

type OnAnswer = dyn Fn(&str, StatusCode) + Send + Sync;

impl Service {
    /// The service with this base URL, without the path of the API: `https://api.example.com`.
    ///
    /// # Errors
    /// If the system's TLS configuration cannot be loaded.
    pub fn new(url: &str) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder().user_agent(USER_AGENT).timeout(REQUEST_TIMEOUT).build()?;
        Ok(Self::with_http_client(url, http))
    }

    /// The service, called with the given HTTP client.
    pub fn with_http_client(url: &str, http: reqwest::Client) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        Self {
            url,
            http,
            on_refresh: Arc::new(|| ()),
            on_retry: Arc::new(|_| ()),
            on_answer: Arc::new(|_, _| ()),
        }
    }

    /// Calls `told` after a session has received new tokens.
    #[must_use]
    pub fn on_refresh(mut self, told: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_refresh = Arc::new(told);
        self
    }

    /// Calls `told` before a refused request is sent again.
    #[must_use]
    pub fn on_retry(mut self, told: impl Fn(Retry) + Send + Sync + 'static) -> Self {
        self.on_retry = Arc::new(told);
        self
    }

    /// Calls `told` with the operation id and the status of each final response, after all retries.
    #[must_use]
    pub fn on_answer(mut self, told: impl Fn(&str, StatusCode) + Send + Sync + 'static) -> Self {
        self.on_answer = Arc::new(told);
        self
    }

    /// A client without a session.
    pub fn anonymous(&self) -> Client {
        self.client(None, None)
    }

    /// A client that sends an API key: `gwk_…`. A key needs no session and no refresh. A call that
    /// the scopes of the key do not allow fails with
    /// [`ErrorCode::InsufficientScope`](crate::ErrorCode).
    pub fn with_api_key(&self, key: impl Into<Secret>) -> Client {
        self.client(None, Some(key.into()))
    }

    /// Opens a session of the user with this email.
    pub async fn log_in(&self, email: &str, password: &str) -> Result<Session, Error> {
        let anonymous = self.anonymous();
        let body = LoginRequest { email: email.to_owned(), password: password.into() };
        let tokens = anonymous.auth_login().body(body).send().await?.into_inner();
        let state = State { tokens, is_over: false, renewal: None };
        let keeper = Arc::new(Keeper { anonymous, state: Mutex::new(state) });
        Ok(Session { client: self.client(Some(Arc::clone(&keeper)), None), keeper })
    }

    fn client(&self, keeper: Option<Arc<Keeper>>, api_key: Option<Secret>) -> Client {
        let caller = Caller { service: self.clone(), keeper, api_key };
        Client::new_with_client(&self.url, self.http.clone(), caller)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The client of a logged-in user. It has every operation, sends the access token with each, and
/// exchanges the refresh token when the access token has expired. Several tasks may use it at once.
#[derive(Clone, Debug)]
pub struct Session {
    client: Client,
    keeper: Arc<Keeper>,
}

impl Session {
    /// The type of the access token, such as `bearer`.
    pub fn token_type(&self) -> TokenType {
        self.keeper.state().tokens.token_type
    }

    /// The lifetime of an access token from the moment it was issued.
    pub fn expires_in(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.keeper.state().tokens.expires_in).unwrap_or_default())
    }

    /// Ends the session in the service. Later calls fail with
    /// [`ErrorCode::InvalidToken`](crate::ErrorCode).
    pub async fn log_out(&self) -> Result<(), Error> {
        self.auth_logout().send().await?;
        self.keeper.state().is_over = true;
        Ok(())
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Sends the requests of a [`Client`].
#[derive(Clone, Debug)]
pub struct Caller {
    service: Service,
    keeper: Option<Arc<Keeper>>,
    api_key: Option<Secret>,
}

/// Why a refresh failed. All calls that waited for it share the error.
#[derive(Clone)]
struct NotRefreshed(Arc<Error>);

impl ClientHooks<Caller> for Client {
    async fn exec(&self, request: Request, info: &OperationInfo) -> reqwest::Result<Response> {
        let response = match &self.inner().keeper {
            None => self.inner().send(request, self.inner().api_key.as_ref()).await?,
            Some(keeper) => self.inner().send_in_session(request, keeper).await?,
        };
        (self.inner().service.on_answer)(info.operation_id, response.status());
        in_the_services_form(response).await
    }

    async fn post<E>(
        &self,
        result: &reqwest::Result<Response>,
        _: &OperationInfo,
    ) -> Result<(), progenitor_client::Error<E>> {
        let failed = result.as_ref().ok().and_then(|response| response.extensions().get::<NotRefreshed>());
        failed.map_or(Ok(()), |NotRefreshed(why)| {
            Err(progenitor_client::Error::Custom(format!("refreshing the session: {why}")))
        })
    }
}

impl Caller {
    /// Sends a request with the access token. If the token has expired, renews the tokens and sends
    /// the request again.
    async fn send_in_session(&self, request: Request, keeper: &Arc<Keeper>) -> reqwest::Result<Response> {
        let used = keeper.state().tokens.access_token.clone();
        let again = request.try_clone();
        let mut response = self.send(request, Some(&used)).await?;
        if !refuses_token(&response) {
            return Ok(response);
        }
        if let Err(failed) = keeper.renew(&used).await {
            response.extensions_mut().insert(failed);
            return Ok(response);
        }
        let token = keeper.state().tokens.access_token.clone();
        match again {
            Some(again) if token != used => self.send(again, Some(&token)).await,
            _ => Ok(response),
        }
    }

    /// Sends a request, and retries it when the service asks for it.
    async fn send(&self, mut request: Request, token: Option<&Secret>) -> reqwest::Result<Response> {
        if let Some(token) = token
            && let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", &**token))
        {
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let mut retries = 0;
        loop {
            let again = request.try_clone();
            let (method, path) = (request.method().clone(), request.url().path().to_owned());
            let is_idempotent = is_idempotent(&request);
            let response = self.service.http.execute(request).await?;
            let (Some(wait), Some(again)) = (wait_before(is_idempotent, &response, retries), again) else {
                return Ok(response);
            };
            tokio::time::sleep(wait).await;
            (self.service.on_retry)(Retry { method, path, status: response.status(), wait });
            request = again;
            retries += 1;
        }
    }
}

/// Whether the response refuses the token, for example because it has expired (RFC 6750, section
/// 3.1).
fn refuses_token(response: &Response) -> bool {
    let challenge = response.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    response.status() == StatusCode::UNAUTHORIZED
        && challenge.is_some_and(|challenge| challenge.contains("error=\"invalid_token\""))
}

/// Holds the tokens of a session and renews them.
struct Keeper {
    anonymous: Client,
    state: Mutex<State>,
}

struct State {
    tokens: TokenPair,
    /// The refresh token was refused, or the session has ended: there are no new tokens.
    is_over: bool,
    renewal: Option<Renewal>,
}

/// The exchange in progress. However many calls wait for it, the refresh token is sent once,
/// because it can be used once.
type Renewal = Shared<BoxFuture<'static, Result<(), NotRefreshed>>>;

impl Keeper {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gets a newer access token than `used`, if possible.
    async fn renew(self: &Arc<Self>, used: &Secret) -> Result<(), NotRefreshed> {
        let renewal = {
            let mut state = self.state();
            if state.is_over || state.tokens.access_token != *used {
                return Ok(());
            }
            state.renewal.get_or_insert_with(|| Arc::clone(self).begin()).clone()
        };
        renewal.await
    }

    /// Starts an exchange in a separate task, so that the response with the new tokens is not lost
    /// if the call that needs them is dropped.
    fn begin(self: Arc<Self>) -> Renewal {
        let task = tokio::spawn(async move { self.run().await });
        let ended = |why: tokio::task::JoinError| Err(NotRefreshed(Arc::new(Error::Custom(why.to_string()))));
        task.map(move |result| result.unwrap_or_else(ended)).boxed().shared()
    }

    async fn run(&self) -> Result<(), NotRefreshed> {
        let refresh_token = self.state().tokens.refresh_token.clone();
        let answer = self.exchange(refresh_token).await;
        let is_renewed = answer.is_ok();
        let result = self.settle(answer);
        if is_renewed {
            (self.anonymous.inner().service.on_refresh)();
        }
        result
    }

    fn settle(&self, answer: Result<TokenPair, Error>) -> Result<(), NotRefreshed> {
        let mut state = self.state();
        state.renewal = None;
        match answer {
            Ok(tokens) => state.tokens = tokens,
            Err(error) if error.status() == Some(StatusCode::UNAUTHORIZED) => state.is_over = true,
            Err(error) => return Err(NotRefreshed(Arc::new(error))),
        }
        Ok(())
    }

    /// Sends the refresh token, and sends it again if the response was lost: the token may have
    /// been used, and the service repeats its response until a token of the new pair is used.
    async fn exchange(&self, refresh_token: Secret) -> Result<TokenPair, Error> {
        let body = RefreshRequest { refresh_token };
        let mut answer = self.anonymous.auth_refresh().body(body.clone()).send().await;
        if matches!(answer, Err(Error::CommunicationError(_) | Error::ResponseBodyError(_))) {
            answer = self.anonymous.auth_refresh().body(body).send().await;
        }
        answer.map(ResponseValue::into_inner)
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper(*)")
    }
}
