//! What this machine itself knows: who listens, and which addresses it cannot do without.

mod clock;
mod listening;
mod logins;
mod protected;
mod sockets;

pub use clock::{Synchronised, synchronised};
pub use listening::{Listener, Listening};
pub use protected::{ADMIN_PORTS, Guard, Protected, Reason};
pub use sockets::Transport;
