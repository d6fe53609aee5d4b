//! The rules of docs/decode.md, on frames that are built layer by layer.
#![expect(clippy::unwrap_used, reason = "in tests a failed unwrap is the assertion")]

mod against_etherparse;
mod build;
mod fragments;
mod good;
mod icmp;
mod ip;
mod link;
mod malformed;
mod properties;
mod reader;
mod seeds;
mod transport;
mod tunnel;
