//! Whether a CAPTCHA was solved: its verifier is asked, as hCaptcha and those like it have it.

use serde::Deserialize;
use token_delivery::{HttpError, HttpRequest};

use crate::{
    answer::{ApiError, Faults},
    app::App,
    form,
};

const FIELD: &str = "h-captcha-response";
/// The longest answer that is read of a page, in characters: those of hCaptcha have some 2,000 to 4,000.
pub(crate) const LONGEST: usize = 16_384;

#[derive(Deserialize)]
struct Verdict {
    success: bool,
}

impl App {
    /// Says nothing where it was solved, or where there is none. A verifier that does not answer never says yes.
    pub(crate) async fn check_captcha(&self, response: Option<&str>) -> Result<(), ApiError> {
        let Some(captcha) = &self.settings.captcha else {
            return Ok(());
        };
        let unsolved = || {
            let mut faults = Faults::default();
            faults.add(FIELD, "The captcha was not solved.");
            faults.end()
        };
        let Some(response) = response else {
            return unsolved();
        };
        let body = form::written(&[("secret", &captcha.secret), ("response", response)]);
        match self.ask_verifier(&captcha.verify_url, body).await {
            Ok(Some(Verdict { success: true })) => Ok(()),
            Ok(Some(_)) => unsolved(),
            Ok(None) | Err(_) => {
                contract_server::warn("the captcha's verifier did not answer");
                Err(ApiError::of_status(503))
            }
        }
    }

    async fn ask_verifier(&self, url: &str, body: String) -> Result<Option<Verdict>, HttpError> {
        let request = HttpRequest::new("POST", url, body)?;
        let request = request.header("content-type", "application/x-www-form-urlencoded")?;
        let answer = self.client.send(request).await?;
        // A redirect is no answer either.
        if !answer.is_success() {
            return Ok(None);
        }
        Ok(serde_json::from_slice(&answer.body().await?).ok())
    }
}
