//! What the test that runs this program lets it do.

use reqwest::header::HeaderMap;

use crate::Failed;

pub struct Control {
    pub url: String,
    /// The address for a webhook whose messages [`Control::message`] returns.
    pub receiver: String,
}

impl Control {
    /// Moves the clock of the service forward.
    pub async fn advance(&self, seconds: u64) -> Result<(), Failed> {
        self.order(&format!("/advance?seconds={seconds}")).await
    }

    /// Loses the next response to a request with an `Idempotency-Key`.
    pub async fn lose_response(&self) -> Result<(), Failed> {
        self.order("/lose").await
    }

    /// The headers and the body of the next webhook message, as its receiver gets them.
    pub async fn message(&self) -> Result<(HeaderMap, Vec<u8>), Failed> {
        let response = reqwest::get(format!("{}/message", self.url)).await?.error_for_status()?;
        Ok((response.headers().clone(), response.bytes().await?.into()))
    }

    async fn order(&self, path: &str) -> Result<(), Failed> {
        let url = format!("{}{path}", self.url);
        reqwest::Client::new().post(url).send().await?.error_for_status()?;
        Ok(())
    }
}
