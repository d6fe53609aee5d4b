//! The rules of docs/decode.md, on frames that are built layer by layer.

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
