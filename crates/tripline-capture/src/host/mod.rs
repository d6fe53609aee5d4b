//! What this machine itself knows: who listens, which addresses it cannot do without, and which
//! packets its firewall logs.

mod listening;
mod log;
mod protected;
mod sockets;

pub use listening::{Listener, Listening};
pub use log::{Log, Logged};
pub use protected::{ADMIN_PORTS, Protected, Reason, protected};
pub use sockets::Transport;
