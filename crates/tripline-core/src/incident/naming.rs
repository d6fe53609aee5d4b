//! What an incident is called, how grave it is, and what should be done about it.

use super::Incident;
use crate::catalog::{Entry, Risk};
use crate::event::{Action, PaceClass, Response, Shape, Verdict};
use crate::service::{Direction, Protocol, Technique};
use crate::tools::Tools;

impl Incident {
    /// The page of the catalogue that describes it best.
    pub(super) fn signature(&self) -> &'static str {
        match self.verdict {
            Verdict::FollowUp => "Follow_Up",
            Verdict::Backscatter => "Backscatter",
            Verdict::Outage => "Service_Outage",
            Verdict::StaleClient => "Stale_Client",
            Verdict::Authorised => "Authorised_Scanner",
            Verdict::Flood if self.sweep.protocols().first() == Some(&Protocol::Udp) => "UDP_Flood",
            Verdict::Flood => "TCP_Flood",
            Verdict::Sweep | Verdict::Withdrawn => self.sweep_signature(),
        }
    }

    fn sweep_signature(&self) -> &'static str {
        let shape = self.sweep.shape();
        let protocols = self.sweep.protocols();
        let slow = self.sweep.pace().class == PaceClass::Slow;
        if self.decoys {
            return "Decoy_Scan";
        }
        if self.direction == Direction::Outbound {
            return "Outbound_Sweep";
        }
        match self.sweep.techniques().first() {
            Some(Technique::Fin) => return "TCP_FIN_Scan",
            Some(Technique::Null) => return "TCP_Null_Scan",
            Some(Technique::Xmas) => return "TCP_Xmas_Scan",
            Some(Technique::Ack) if shape == Shape::Horizontal => return "TCP_ACK_Ping",
            Some(Technique::Ack) => return "TCP_ACK_Scan",
            Some(Technique::SynFin) => return "TCP_SynFin_Scan",
            Some(Technique::Maimon) => return "TCP_Maimon_Scan",
            Some(Technique::Stray) => return "TCP_Stray_Flags",
            _ => {}
        }
        match (protocols.as_slice(), shape) {
            ([Protocol::Icmp], _) => "Ping_Sweep",
            ([Protocol::Arp], _) => "ARP_Sweep",
            ([Protocol::Nd], _) => "ND_Sweep",
            ([Protocol::Ip], _) => "IP_Protocol_Scan",
            ([Protocol::Tcp], Shape::Vertical) if slow => "Slow_Port_Scan",
            ([Protocol::Tcp], Shape::Horizontal) if slow => "Slow_Service_Sweep",
            ([Protocol::Tcp], Shape::Horizontal) if self.direction == Direction::Internal => {
                "Internal_Sweep"
            }
            ([Protocol::Tcp], Shape::Vertical) => "TCP_Port_Scan",
            ([Protocol::Tcp], Shape::Horizontal) => "TCP_Service_Sweep",
            ([Protocol::Tcp], _) if self.sweep.ports() <= 5 => "TCP_Network_Sweep",
            ([Protocol::Tcp], _) => "TCP_Network_Scan",
            ([Protocol::Udp], Shape::Vertical) => "UDP_Port_Scan",
            ([Protocol::Udp], Shape::Horizontal) => "UDP_Service_Sweep",
            ([Protocol::Udp], _) if self.sweep.ports() <= 5 => "UDP_Network_Sweep",
            ([Protocol::Udp], _) => "UDP_Network_Scan",
            ([Protocol::Sctp], Shape::Vertical) => "SCTP_Port_Scan",
            ([Protocol::Sctp], _) => "SCTP_Service_Sweep",
            _ => "Mixed_Scan",
        }
    }

    /// What else of the catalogue applies to a sweep.
    pub(super) fn also(&self, tools: &Tools) -> Vec<String> {
        const OS_FINGERPRINT: &str = "Nmap_OS_Fingerprint";
        if !self.is_sweep() {
            return Vec::new();
        }
        let tool = self.tool(tools).map(|tool| tool.name);
        let rules = self.marks.iter().map(|(mark, _)| &tools.rules()[usize::from(*mark)]);
        let borne = rules
            .filter(|rule| Some(&rule.name) == tool.as_ref() || rule.signature == OS_FINGERPRINT);
        let mut also: Vec<String> = borne.map(|rule| rule.signature.clone()).collect();
        let impossible = |technique: &&Technique| {
            matches!(
                technique,
                Technique::Null | Technique::Xmas | Technique::SynFin | Technique::Stray
            )
        };
        if self.sweep.techniques().iter().filter(impossible).count() > 1 {
            also.push("TCP_OS_Fingerprint".to_owned());
        }
        if self.fragmented {
            also.push("Fragment_Scan".to_owned());
        }
        also.sort_unstable();
        also.dedup();
        also.retain(|signature| signature != self.signature());
        also
    }

    /// The catalogue's risk, raised by what the sweep found and by where it comes from.
    pub(super) fn risk(&self, entry: Option<&Entry>) -> Risk {
        let base = entry.map_or(Risk::Low, |entry| entry.risk);
        match self.verdict {
            Verdict::Sweep if !self.found.is_empty() || self.direction != Direction::Inbound => {
                base.max(Risk::Medium)
            }
            _ => base,
        }
    }

    pub(super) fn response(&self) -> Response {
        let (action, reason) = match (self.verdict, self.direction) {
            (Verdict::Authorised, _) => {
                (Action::Notify, "an authorised scanner is reported and never curtailed")
            }
            (Verdict::Sweep | Verdict::FollowUp, _) if self.authorised_as.is_some() => (
                Action::Investigate,
                "it is an authorised scanner, but went beyond its targets, ports or time: ask who \
                 runs it, or declare the new scope",
            ),
            (Verdict::Sweep | Verdict::FollowUp, Direction::Internal | Direction::Outbound) => (
                Action::Investigate,
                "the source is one of our own hosts: find out what runs on it before cutting it off",
            ),
            (Verdict::Sweep | Verdict::FollowUp, _) if self.decoys => (
                Action::RateLimit,
                "most of these sources are forged decoys: only what is proven may be curtailed",
            ),
            (Verdict::Sweep | Verdict::FollowUp, _) if self.proof.is_some() => {
                (Action::Curtail, "the source proved that the address is its own")
            }
            (Verdict::Sweep | Verdict::FollowUp, _) if self.is_used => (
                Action::RateLimit,
                "the owner of the address has sessions here, but nothing shows that it is he who \
                 sweeps, and not somebody in his name: a rate limit on services that nobody offers \
                 hurts no one else",
            ),
            (Verdict::Sweep | Verdict::FollowUp, _) => (
                Action::RateLimit,
                "the source address is not proven and may be forged: a rate limit on services \
                 that nobody offers hurts no one else",
            ),
            (Verdict::Outage, _) => (Action::Notify, "the service fails, not its clients"),
            (Verdict::Flood, _) => (
                Action::Notify,
                "the sources are most likely forged: cutting them off would hit others; protect \
                 the service (SYN cookies, rate limits)",
            ),
            (Verdict::StaleClient, _) => {
                (Action::Notify, "a client with an old configuration, not an attacker")
            }
            (Verdict::Backscatter | Verdict::Withdrawn, _) => {
                (Action::Notify, "nothing was attempted here")
            }
        };
        Response { action, reason: reason.to_owned() }
    }
}
