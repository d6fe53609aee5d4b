//! From captured bytes to the few header fields that decide about an access attempt.
//!
//! This crate is the first room of the house. It knows link types, IP, TCP, UDP, SCTP, ICMP, ARP
//! and the common tunnels; it does **not** open anything, keep a clock, or judge what it sees.
//!
//! ```text
//! Frame (captured bytes) ──Decoder──▶ Packet (small Copy summary)  or  Malformed (a counter)
//! ```
//!
//! Everything here runs on bytes that an attacker chose. There is no `unsafe`, no panic and no
//! allocation per packet; a packet that lies about its lengths becomes a [`Malformed`] kind.
#![forbid(unsafe_code)]

mod addr;
mod answer;
mod arp;
mod decoder;
mod dns;
mod extent;
mod fragment;
mod frame;
mod hint;
mod icmp;
mod ip;
mod link;
mod malformed;
mod packet;
mod tcp_options;
mod time;
mod transport;
mod tunnel;

pub use addr::{Addr, Prefix, short};
pub use decoder::Decoder;
pub use frame::{Frame, LinkType};
pub use malformed::Malformed;
pub use packet::{
    Arp, Body, Hint, Icmp, Packet, Quoted, Sctp, SctpChunk, Tcp, TcpFlags, TcpOptions, Transport,
    Udp,
};
pub use time::{Duration, Timestamp};
