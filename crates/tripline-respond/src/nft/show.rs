//! What the sets are filled with, as nft(8) reads it.

use std::fmt::Write as _;
use std::time::Duration;

use tripline_core::Protocol;
use tripline_packet::Prefix;

use super::text::{FAMILY, NETS_TABLE, TABLE};
use crate::target::{Scope, Target};

/// Text that holds somebody off for so long.
pub fn element(Target { source, scope }: Target, left: Duration) -> String {
    let (v4, length) = (source.addr().is_v4(), source.len());
    let size = match length {
        32 if v4 => Some("4"),
        64 if !v4 => Some("64"),
        128 if !v4 => Some("6"),
        _ => None,
    };
    let seconds = left.as_secs().max(1);
    let (table, set, key) = match (scope, size) {
        (_, None) => (NETS_TABLE, if v4 { "nets4" } else { "nets6" }.to_owned(), source.short()),
        (Scope::Everything, Some("64")) => (TABLE, "nets64".to_owned(), address(source)),
        (Scope::Everything, Some(size)) => (TABLE, format!("hosts{size}"), address(source)),
        (Scope::Service { protocol, port }, Some(size)) => {
            (TABLE, format!("ports{size}"), format!("{} . {protocol} . {port}", address(source)))
        }
        (Scope::Unoffered, Some(size)) => (TABLE, format!("slow{size}"), address(source)),
    };
    format!("add element {FAMILY} {table} {set} {{ {key} timeout {seconds}s }}\n")
}

/// Text that tells what is offered.
pub fn offered(services: &[(Protocol, u16)]) -> String {
    let mut text = String::new();
    for (protocol, port) in services.iter().filter(|(protocol, _)| protocol.has_ports()) {
        let _ = writeln!(text, "add element {FAMILY} {TABLE} offered {{ {protocol} . {port} }}");
    }
    text
}

fn address(source: Prefix) -> String {
    source.addr().to_string()
}
