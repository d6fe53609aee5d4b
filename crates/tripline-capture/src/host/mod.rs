//! What this machine itself knows: who listens, and which addresses it cannot do without.

mod clock;
mod listening;
mod protected;
mod sockets;

pub use clock::{Synchronised, synchronised};
pub use listening::{Listener, Listening};
pub use protected::{ADMIN_PORTS, Protected, Reason, protected};
pub use sockets::Transport;
