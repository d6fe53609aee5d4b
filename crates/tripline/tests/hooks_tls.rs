//! Webhooks over TLS: who is not trusted is told nothing.
#![cfg(all(target_os = "linux", feature = "tls"))]
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

#[expect(dead_code, reason = "other tests use the rest")]
mod rig;
#[expect(dead_code, reason = "other tests use the rest")]
mod web;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rig::{Folder, tripline};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tripline::hooks::{HookSink, Pacing};
use tripline::settings;
use tripline_core::event::{Event, Notice, SCHEMA_VERSION};
use web::{Reply, Server};

/// Makes `cert.pem` and `key.pem` for 127.0.0.1, signed by nobody else.
fn certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=a hook"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success(), "openssl is needed for this test");
}

fn server(folder: &Path) -> Server {
    let chain = vec![CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    Server::start_over(&[Reply::Status(200, "")], move |stream| {
        StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream)
    })
}

/// Sends one event there; returns the troubles.
fn tell(url: &str, trusted: Option<&Path>) -> Vec<String> {
    let text = format!("[[hooks]]\nname = \"it\"\nevents = [\"notice\"]\nurl = \"{url}\"");
    let hooks = settings::parse(&text, "hooks.toml").unwrap().hooks;
    let pacing = Pacing { tries: 1, grace: Duration::from_secs(10), ..Pacing::default() };
    let mut runner = tripline();
    runner.arg("hooks-runner").env_remove("SSL_CERT_DIR").env_remove("SSL_CERT_FILE");
    for name in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        runner.env_remove(name);
    }
    if let Some(trusted) = trusted {
        runner.env("SSL_CERT_FILE", trusted);
    }
    let mut sink = HookSink::start(runner, hooks, pacing).unwrap();
    let (name, message) = ("one".to_owned(), "so".to_owned());
    sink.event(&Event::Notice(Notice { schema: SCHEMA_VERSION, name, time: None, message }));
    sink.finish()
}

#[test]
fn certificates_are_verified() {
    let folder = Folder::new();
    certificate(folder.path());
    let server = server(folder.path());
    let url = server.url.replace("http:", "https:");
    let certificate = folder.path().join("cert.pem");

    assert_eq!(tell(&url, Some(&certificate)), Vec::<String>::new());
    assert!(server.next().body.contains("\"one\""));

    let stranger = tell(&url, None);
    assert!(stranger[0].contains("invalid peer certificate: UnknownIssuer"), "{stranger:?}");
    let other_name = tell(&url.replace("127.0.0.1", "localhost"), Some(&certificate));
    assert!(other_name[0].contains("certificate not valid for name"), "{other_name:?}");
    assert!(server.rest().is_empty());
}
