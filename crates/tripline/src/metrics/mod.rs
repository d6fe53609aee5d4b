//! Metrics of a running sensor, for Prometheus: `GET /metrics` in the `OpenMetrics` text format.
//!
//! The numbers are those of the [`Board`]; they are put together when somebody asks.

mod collect;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::watch::status::Board;

/// How long the sensor takes, from a packet to what is done about it.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// From the packet that decides to the verdict.
    pub verdict: Histogram,
    /// From the verdict to the kernel's answer that the source is held off.
    pub kernel: Histogram,
}

/// Bounds in seconds.
const BOUNDS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 10.0];

impl Default for Latencies {
    fn default() -> Self {
        Self { verdict: Histogram::new(BOUNDS), kernel: Histogram::new(BOUNDS) }
    }
}

/// A place where metrics can be asked for.
#[derive(Debug)]
pub struct Endpoint(TcpListener);

impl Endpoint {
    /// Takes the address, and answers nobody yet.
    ///
    /// # Errors
    /// Somebody else has it.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    /// The address.
    ///
    /// # Errors
    /// The kernel's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answers, in a thread of its own, for as long as the program runs.
    ///
    /// # Errors
    /// There is no room for another thread.
    pub fn serve(self, board: Board, latencies: &Latencies) -> io::Result<()> {
        let registry = Arc::new(registry(board, latencies));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(self.0) else { return };
                let page = move || {
                    let registry = Arc::clone(&registry);
                    async move { answer(&registry) }
                };
                let router = Router::new().route("/metrics", get(page));
                // Accepting goes on after errors; it ends with the program.
                let _ = axum::serve(listener, router).await;
            });
        })?;
        Ok(())
    }
}

fn registry(board: Board, latencies: &Latencies) -> Registry {
    let mut registry = Registry::with_prefix("tripline");
    registry.register_with_unit(
        "verdict_latency",
        "From the packet that decides to the verdict",
        Unit::Seconds,
        latencies.verdict.clone(),
    );
    registry.register_with_unit(
        "kernel_latency",
        "From the verdict to the kernel's answer that the source is held off",
        Unit::Seconds,
        latencies.kernel.clone(),
    );
    registry.register_collector(Box::new(collect::Numbers(board)));
    registry
}

fn answer(registry: &Registry) -> impl IntoResponse + use<> {
    const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let mut text = String::new();
    match encode(&mut text, registry) {
        Ok(()) => (StatusCode::OK, [(header::CONTENT_TYPE, FORMAT)], text),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, FORMAT)], text),
    }
}

/// What is observed of a time; a clock that was set gives none.
pub fn observe(histogram: &Histogram, time: Duration) {
    const SENSELESS: Duration = Duration::from_secs(3_600);
    if time < SENSELESS {
        histogram.observe(time.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn whoever_asks_is_answered() {
        let endpoint = Endpoint::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = endpoint.address().unwrap();
        let (board, latencies) = (Board::default(), Latencies::default());
        endpoint.serve(board.clone(), &latencies).unwrap();
        latencies.verdict.observe(0.015);
        let ask = || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream
                .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                .unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        };
        let before = ask();
        assert!(before.contains("tripline_verdict_latency_seconds_count 1"), "{before}");
        assert!(before.ends_with("# EOF\n"), "{before}");
        board.put(collect::tests::status());
        let after = ask();
        for line in [
            "tripline_packets_total 7",
            "tripline_interface_drops_total{interface=\"eth0\"} 3",
            "tripline_attempts_total{outcome=\"refused\"} 5",
            "tripline_table_entries{table=\"flows\"} 2",
        ] {
            assert!(after.contains(line), "no `{line}` in {after}");
        }
    }
}
