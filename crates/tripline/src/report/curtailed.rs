//! Somebody who is held off, as a block of text.

use tripline_respond::Scope;

use crate::human;
use crate::term::Page;
use crate::watch::control::InForce;

/// Adds whom it is about, from what, how long it goes on, what the kernel does, and why.
pub(crate) fn add(page: &mut Page, in_force: &InForce) {
    let InForce { curtailment, enforced, left, kernel } = in_force;
    let line = page.line().strong(curtailment.target.source.short());
    let from = match curtailment.target.scope {
        Scope::Everything => String::new(),
        Scope::Service { protocol, port } => format!(" from {port}/{protocol}"),
        Scope::Unoffered => " at services that nobody offers".to_owned(),
    };
    let left = human::duration(*left as f64);
    page.push(line.plain(format!("{from}, {left} to go")));
    let kernel = match kernel {
        Some((_, packets)) => format!("holds, {} dropped", human::counted(*packets, "packet")),
        None if *enforced => "does not have it; see `tripline doctor`".to_owned(),
        None => "not asked: the sensor only tells (`--enforce` does it)".to_owned(),
    };
    page.field("kernel", &page.line().plain(kernel));
    page.field("because", &page.line().plain(&curtailment.because));
    let by = match &curtailment.incident {
        Some(incident) => format!("{}, {incident}", curtailment.by),
        None => curtailment.by.to_string(),
    };
    page.field("by", &page.line().plain(by));
}
