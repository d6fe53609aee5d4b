//! The words of the contract as people say them.

use tripline_core::catalog::Risk;
use tripline_core::event::{Action, CurtailmentStep, Incident, Order, PaceClass, Shape, Verdict};
use tripline_core::{Direction, Outcome, Standing, Technique};

use crate::human;
use crate::term::Ink;

/// How a risk is shown.
pub const fn risk_ink(risk: Risk) -> Ink {
    match risk {
        Risk::Info => Ink::Faint,
        Risk::Low => Ink::Plain,
        Risk::Medium => Ink::Warn,
        Risk::High => Ink::Alarm,
    }
}

/// A verdict as a noun.
pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Sweep => "sweep",
        Verdict::FollowUp => "sweep with follow-up",
        Verdict::Flood => "flood",
        Verdict::Backscatter => "backscatter",
        Verdict::Outage => "outage",
        Verdict::StaleClient => "stale client",
        Verdict::Authorised => "authorised scanner",
        Verdict::Withdrawn => "withdrawn",
    }
}

/// Is this verdict an incident that somebody has to look at? Those are what `--exit-code` and the
/// first section of the report are about; the others are told apart from them.
pub const fn is_alert(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Sweep | Verdict::FollowUp | Verdict::Flood)
}

/// A direction as an adjective with its meaning.
pub const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "inbound, from outside to home",
        Direction::Internal => "internal, from home to home",
        Direction::Outbound => "outbound, from home to outside",
        Direction::Transit => "in transit, between strangers",
    }
}

/// A shape as an adjective.
pub const fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Vertical => "vertical",
        Shape::Horizontal => "horizontal",
        Shape::Block => "block",
        Shape::Distributed => "distributed",
    }
}

/// An order as an adjective.
pub const fn order(order: Order) -> &'static str {
    match order {
        Order::Sequential => "in sequence",
        Order::Random => "in random order",
    }
}

/// A pace in words.
pub const fn pace(class: PaceClass) -> &'static str {
    match class {
        PaceClass::Fast => "fast",
        PaceClass::Slow => "slow",
    }
}

/// An action as an order.
pub const fn action(action: Action) -> &'static str {
    match action {
        Action::Curtail => "curtail the source",
        Action::RateLimit => "limit its rate",
        Action::Investigate => "investigate",
        Action::Notify => "nothing but knowing",
    }
}

/// How an outcome is shown: what answered is what matters.
pub const fn outcome_ink(outcome: Outcome) -> Ink {
    match outcome {
        Outcome::Established => Ink::Warn,
        _ => Ink::Plain,
    }
}

/// The TOML with which somebody who knows better would say so, for a standing.
pub const fn remedy(standing: Standing) -> &'static str {
    match standing {
        Standing::Unused | Standing::Unknown => {
            "declare the service under [[services]], if it is really offered"
        }
        Standing::Dark => {
            "take the network out of `dark`, or declare its services, if hosts live there"
        }
        Standing::Reserved => "take the port out of [[reserved]], if it may be used",
        Standing::Offered | Standing::Stale | Standing::Down => "nothing: it counts for the source",
    }
}

/// How many of what was tried: `1 host × 1,000 ports`.
pub fn size(incident: &Incident) -> String {
    let hosts = human::counted(incident.hosts, "host");
    let noun = match incident.techniques.first() {
        Some(Technique::Arp | Technique::Nd | Technique::Icmp) => return hosts,
        Some(Technique::IpProtocol) => "IP protocol",
        _ => "port",
    };
    let ports = human::counted(incident.ports, noun);
    if incident.ports == 0 {
        return hosts;
    }
    let mut text = format!("{hosts} × {ports}");
    if incident.hosts > 1 && incident.services != incident.hosts.saturating_mul(incident.ports) {
        text.push_str(" (");
        text.push_str(&human::counted(incident.services, "service"));
        text.push(')');
    }
    text
}

/// A step in the life of a curtailment.
pub const fn step(step: CurtailmentStep) -> &'static str {
    match step {
        CurtailmentStep::Curtailed => "held off",
        CurtailmentStep::WouldCurtail => "would be held off",
        CurtailmentStep::Refused => "not held off",
        CurtailmentStep::Released => "let in again",
        CurtailmentStep::Expired => "over",
        CurtailmentStep::Repaired => "put right",
        CurtailmentStep::Failed => "failed",
    }
}

/// What somebody is held off from, by its name in the contract.
pub fn held_from(from: &str) -> &str {
    match from {
        "unoffered" => "services that nobody offers (slowed down)",
        from => from,
    }
}
