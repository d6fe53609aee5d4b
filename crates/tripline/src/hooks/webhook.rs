//! Telling a web server of an event.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tripline_packet::Duration;
use ureq::http::header::{CONTENT_TYPE, RETRY_AFTER};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body, Error};

use super::Failure;
use super::worker::Letter;
use crate::settings::{Secret, Webhook};

/// Kind of the event.
const EVENT: &str = "X-Tripline-Event";
/// `sha256=` and the HMAC-SHA256 of the body in hexadecimal.
const SIGNATURE: &str = "X-Tripline-Signature";
/// The longest wait that the other side can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// A web server and how to speak to it.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    webhook: Webhook,
}

impl Client {
    pub(super) fn new(webhook: Webhook) -> Self {
        let config = Agent::config_builder()
            .user_agent(concat!("tripline/", env!("CARGO_PKG_VERSION")))
            // Whoever moves must say so to a person: an event is for nobody else's eyes.
            .max_redirects(0)
            .http_status_as_error(false)
            // Events are rare; a connection of yesterday is closed on the other side.
            .max_idle_connections(0);
        Self { agent: with_tls(config).build().into(), webhook }
    }

    /// Sends an event.
    pub(super) fn post(&self, letter: &Letter, timeout: Duration) -> Result<(), Failure> {
        let request = self.agent.post(self.webhook.url.reveal());
        let mut request = request.config().timeout_global(Some(timeout)).build();
        let headers = &self.webhook.headers;
        if !headers.keys().any(|name| name.eq_ignore_ascii_case(CONTENT_TYPE.as_str())) {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(name, value.reveal());
        }
        request = request.header(EVENT, letter.kind.name());
        if let Some(secret) = &self.webhook.secret {
            request = request.header(SIGNATURE, signature(secret, letter.text.as_bytes())?);
        }
        match request.send(letter.text.as_bytes()) {
            Ok(response) => judge(&response),
            Err(error) => Err(explain(&error, timeout)),
        }
    }
}

fn signature(secret: &Secret, body: &[u8]) -> Result<String, Failure> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
        .map_err(|_| Failure::lasting("the secret cannot be used as a key"))?;
    mac.update(body);
    let mut text = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// What an answer means. Of what it says nothing is read.
fn judge(response: &Response<Body>) -> Result<(), Failure> {
    let status = response.status();
    let why = format!("the answer was {status}");
    if status.is_success() {
        return Ok(());
    }
    if status.is_redirection() {
        return Err(Failure::lasting(format!("{why}; redirects are not followed")));
    }
    // Of the faults that are said to be ours, those that time may heal (RFC 9110, 8470, 6585).
    let is_passing = status.is_server_error()
        || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS]
            .contains(&status);
    if !is_passing {
        return Err(Failure::lasting(why));
    }
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wait = wait.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
    Err(Failure { wait: wait.map(|wait| wait.min(LONGEST_WAIT)), ..Failure::passing(why) })
}

/// What an error means, in words without the address, which may be a secret.
fn explain(error: &Error, timeout: Duration) -> Failure {
    match error {
        Error::BadUri(_) | Error::Http(_) => Failure::lasting("the address makes no sense"),
        Error::Timeout(_) => Failure::passing(format!("no answer within {timeout:?}")),
        Error::HostNotFound => Failure::passing("the name of the host cannot be resolved"),
        Error::ConnectionFailed => Failure::passing("cannot connect"),
        Error::InvalidProxyUrl => Failure::lasting("the proxy of the environment makes no sense"),
        Error::Io(error) => {
            // What TLS has to say is wrapped twice.
            let inner = error.get_ref().and_then(|inner| inner.source());
            Failure::passing(inner.map_or_else(|| error.to_string(), ToString::to_string))
        }
        error => Failure::passing(error.to_string()),
    }
}

type Config = ureq::config::ConfigBuilder<ureq::typestate::AgentScope>;

/// With the certificates that this machine trusts, so that an authority of the house is one, too.
#[cfg(feature = "tls")]
fn with_tls(config: Config) -> Config {
    use std::sync::Arc;
    use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

    // What cannot be read is not trusted, which the first try will tell.
    let trusted = rustls_native_certs::load_native_certs().certs;
    let trusted = trusted.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::Specific(Arc::new(trusted)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    config.tls_config(tls.build())
}

#[cfg(not(feature = "tls"))]
fn with_tls(config: Config) -> Config {
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test case 2 of RFC 4231.
    #[test]
    fn signature_is_hmac_sha256() {
        let made = signature(&"Jefe".into(), b"what do ya want for nothing?").unwrap();
        let known = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(made, known);
    }

    #[test]
    fn answers_that_time_may_heal() {
        let of = |status: u16, wait: &str| {
            let response = Response::builder().status(status).header(RETRY_AFTER, wait);
            judge(&response.body(Body::builder().data("")).unwrap())
        };
        assert_eq!((of(200, ""), of(204, "")), (Ok(()), Ok(())));
        for status in [301, 307, 400, 401, 404, 410] {
            assert!(of(status, "").unwrap_err().is_final, "{status}");
        }
        for status in [408, 425, 429, 500, 503] {
            assert!(!of(status, "").unwrap_err().is_final, "{status}");
        }
        assert_eq!(of(429, "12").unwrap_err().wait, Some(Duration::from_secs(12)));
        assert_eq!(of(429, "99999").unwrap_err().wait, Some(LONGEST_WAIT));
        assert_eq!(of(503, "soon").unwrap_err().wait, None);
    }

    #[test]
    fn errors_do_not_give_the_address_away() {
        let failure = explain(&Error::BadUri("http://h/secret".to_owned()), LONGEST_WAIT);
        assert!(failure.is_final && !failure.why.contains("secret"), "{failure:?}");
    }
}
