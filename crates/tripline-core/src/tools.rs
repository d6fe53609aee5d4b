//! Tool fingerprints.

use serde::Deserialize;

/// The tool fingerprints, as read from `catalog/tools.toml`.
#[derive(Clone, Debug, Deserialize)]
pub struct Tools {}
