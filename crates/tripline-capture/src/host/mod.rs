//! What this machine itself knows: who listens, which addresses it cannot do without, and which
//! packets its firewall logs.

mod clock;
mod listening;
mod log;
mod logins;
mod protected;
mod sockets;

pub use clock::{Synchronised, synchronised};
pub use listening::{Listener, Listening};
pub use log::{Log, Logged};
pub use protected::{ADMIN_PORTS, Guard, Protected, Reason};
pub use sockets::Transport;
