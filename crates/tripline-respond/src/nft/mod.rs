//! The sets of nftables that the kernel drops by.

mod text;

pub use text::{FAMILY, NETS_TABLE, Ruleset, TABLE};
