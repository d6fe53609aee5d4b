//! The sets of nftables that the kernel drops by.

mod challenge;
#[cfg(target_os = "linux")]
mod elements;
#[cfg(target_os = "linux")]
mod frame;
mod show;
mod text;

pub use challenge::Challenge;
#[cfg(target_os = "linux")]
pub use elements::{Change, Held, Sets};
#[cfg(target_os = "linux")]
pub use frame::Frame;
pub use show::{element, offered};
pub use text::{FAMILY, NETS_TABLE, Ruleset, TABLE};
