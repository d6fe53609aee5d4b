//! From incidents to the kernel's sets, and back: what is in force is held to what was decided.

mod journal;
mod repair;

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use anyhow::Context as _;

use tripline_capture::host::Protected;
use tripline_core::event::{Curtailment as Told, CurtailmentStep, Event, Incident, SCHEMA_VERSION};
use tripline_core::{Listening, Protocol, Service};
use tripline_packet::{Prefix, Timestamp};
use tripline_respond::helper::{Helper, Outcome};
use tripline_respond::nft::{Change, Held, Ruleset};
use tripline_respond::{Author, Curtailment, Decision, Ledger, Mode, Policy, Scope, Target};
use tripline_store::Store;

use super::host;
use crate::settings::Settings;

/// See the module documentation.
#[derive(Debug)]
pub struct Curtailer {
    policy: Policy,
    ruleset: Ruleset,
    friends: Vec<Prefix>,
    protected: Protected,
    ledger: Ledger,
    /// Only where it is done.
    helper: Option<Helper>,
    /// Where it is written down before it is done.
    journal: Option<Store>,
    /// What the journal did not take, and when that was last told.
    unwritten: BTreeSet<Target>,
    told_journal: Option<Timestamp>,
    shielded: Vec<u32>,
    is_helpless: bool,
    told_trouble: Option<Timestamp>,
    offered: Vec<(Protocol, u16)>,
    /// Who, besides friends, is never challenged.
    spared: Vec<IpAddr>,
    held: Vec<(Target, Held)>,
    events: Vec<Event>,
}

impl Curtailer {
    /// With a helper where it may be done.
    pub fn new(
        policy: Policy,
        ruleset: Ruleset,
        friends: Vec<Prefix>,
        helper: Option<Helper>,
    ) -> Self {
        Self {
            policy,
            ruleset,
            friends,
            protected: Protected::new(),
            ledger: Ledger::default(),
            helper,
            journal: None,
            unwritten: BTreeSet::new(),
            told_journal: None,
            shielded: Vec::new(),
            is_helpless: false,
            told_trouble: None,
            offered: Vec::new(),
            spared: Vec::new(),
            held: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Puts the tables into the kernel, and into them what was in force before a restart.
    ///
    /// # Errors
    /// The kernel does not take them, or the journal cannot be read: there is nothing to enforce
    /// with.
    pub fn start(&mut self, journal: Store, now: Timestamp) -> anyhow::Result<()> {
        let Some(helper) = &mut self.helper else {
            return Ok(());
        };
        self.ledger.restore(journal.curtailments()?, now);
        self.journal = Some(journal);
        helper.install(&self.ruleset).context("cannot put the tables into the kernel")?;
        self.put_up_shield(now);
        self.put_back(now);
        Ok(())
    }

    /// Goes on by other rules. Who is held off stays so, unless nobody may be any more.
    pub fn reconfigure(&mut self, settings: &Settings, now: Timestamp) {
        let links = std::mem::take(&mut self.policy.links);
        let was =
            std::mem::replace(&mut self.policy, Policy { links, ..settings.curtail.policy() });
        self.friends.clone_from(&settings.detection.friends);
        if was.mode == Mode::Enforce && self.policy.mode != Mode::Enforce {
            let why = "the settings do not allow it any more";
            let targets: Vec<Target> = self.ledger.active().map(|active| active.target).collect();
            for target in targets {
                self.release(&target, &Author::Sensor, why, now);
            }
        }
        let ruleset = settings.curtail.ruleset();
        if ruleset != self.ruleset {
            self.ruleset = ruleset;
            self.install(now);
        }
    }

    /// Puts the tables there anew, with what is in force.
    fn install(&mut self, now: Timestamp) -> bool {
        let Some(helper) = &mut self.helper else {
            return false;
        };
        if let Err(error) = helper.install(&self.ruleset) {
            self.tell_trouble(&error, now);
            return false;
        }
        self.put_back(now);
        true
    }

    /// Interfaces where SYNs of those who are cut off are dropped before nftables sees them.
    pub fn shield(&mut self, interfaces: Vec<u32>) {
        self.shielded = interfaces;
    }

    /// The shield goes with an interface that is made again.
    pub fn follow_interfaces(&mut self, interfaces: Vec<u32>, now: Timestamp) {
        if !self.shielded.is_empty() && self.shielded != interfaces {
            self.shielded = interfaces;
            self.put_up_shield(now);
            self.put_back(now);
        }
    }

    fn put_up_shield(&mut self, now: Timestamp) {
        if let Some(helper) = &mut self.helper
            && !self.shielded.is_empty()
            && let Err(error) = helper.shield(&self.shielded, self.ruleset.capacity)
        {
            let message = format!("no early drop (`xdp`), nftables does it alone: {error}");
            self.events.push(super::telling::notice("xdp_unavailable", Some(now), message));
        }
    }

    /// The helper is gone: nothing can be done about anybody any more.
    pub fn is_helpless(&self) -> bool {
        self.is_helpless
    }

    /// Addresses that must not be touched from now on. Who is curtailed and is among them is
    /// released.
    pub fn set_protected(&mut self, protected: Protected, links: Vec<Prefix>, now: Timestamp) {
        self.spare(&protected);
        self.protected = protected;
        self.policy.links = links;
        let targets: Vec<Target> = self.ledger.active().map(|active| active.target).collect();
        for target in targets {
            if let Some(why) = self.is_protected(target.source) {
                self.release(&target, &Author::Sensor, &format!("never touched: {why}"), now);
            }
        }
    }

    /// Lets the kernel hand over openings at services that nobody offers, for the next ten seconds
    /// (`true`), or no longer. Without challenges nothing is done.
    pub fn keep_challenging(&mut self, alive: bool) {
        if self.ruleset.challenge.is_some()
            && let Some(helper) = &mut self.helper
        {
            // If it fails, tables are missing, and the next comparison brings them back.
            let _ = helper.set_alive(alive);
        }
    }

    /// Who is never touched is not challenged either.
    fn spare(&mut self, protected: &Protected) {
        if !protected.keys().eq(&self.spared) {
            self.spared = protected.keys().copied().collect();
            self.tell_spared();
        }
    }

    /// What is offered from now on: nobody is slowed down there. What a port of this machine is
    /// translated to may answer without anybody listening on it (`answering`).
    pub fn set_offered(&mut self, listening: &Listening, answering: impl Iterator<Item = Service>) {
        let answering = answering.filter(|service| listening.own.contains(&service.host));
        let all = listening.services.iter().copied().chain(answering);
        let mut offered: Vec<_> = all.map(|service| (service.protocol, service.port)).collect();
        offered.sort_unstable();
        offered.dedup();
        if offered != self.offered {
            self.offered = offered;
            self.tell_offered();
        }
    }

    /// Decides about an incident, and does what was decided; `true` if somebody is held off from now
    /// on.
    pub fn consider(&mut self, incident: &Incident, now: Timestamp) -> bool {
        let protected = |source| self.is_protected(source);
        match self.policy.decide(incident, &self.ledger, protected, now) {
            Decision::Nothing => false,
            Decision::Refuse(why) => {
                let told = refusal(incident, why.to_string(), now);
                self.events.extend(told.map(Event::Curtailment));
                false
            }
            Decision::Curtail(curtailment) => {
                self.put_in_force(curtailment, now);
                self.policy.mode == Mode::Enforce
            }
        }
    }

    /// Curtails on a person's word. Even then protected addresses are not touched.
    ///
    /// # Errors
    /// Why it is not done.
    pub fn order(&mut self, curtailment: Curtailment, now: Timestamp) -> Result<(), String> {
        if let Some(why) = self.is_protected(curtailment.target.source) {
            return Err(format!("{} is never touched: {why}", curtailment.target.source.short()));
        }
        if self.policy.mode != Mode::Enforce {
            return Err("curtailment is not switched on (`mode` under `[curtail]`)".to_owned());
        }
        self.put_in_force(curtailment, now);
        Ok(())
    }

    /// Ends a curtailment before its time; `false` if there is none.
    pub fn release(&mut self, target: &Target, by: &Author, why: &str, now: Timestamp) -> bool {
        let Some(ended) = self.ledger.release(target, now) else {
            return false;
        };
        self.note_end(&ended, now);
        let result = self.change(Change::Remove(*target));
        self.tell(CurtailmentStep::Released, &Curtailment { by: by.clone(), ..ended }, why, now);
        self.report_failure(*target, result, now);
        true
    }

    /// Ends what is over.
    pub fn expire(&mut self, now: Timestamp) {
        self.write_again(now);
        for ended in self.ledger.expire(now) {
            self.note_end(&ended, now);
            self.tell(CurtailmentStep::Expired, &ended, "its time is over", now);
        }
    }

    /// Looks at what the kernel holds.
    pub fn look(&mut self) {
        if let Some(helper) = &mut self.helper
            && let Ok(Some(held)) = helper.read()
        {
            self.held = held;
        }
    }

    /// How far the sensor may go.
    pub fn mode(&self) -> Mode {
        self.policy.mode
    }

    /// What is in force, and what the kernel counts of it.
    pub fn in_force(&self) -> impl Iterator<Item = (&Curtailment, Option<Held>)> {
        self.ledger.active().map(|curtailment| {
            let held = self.held.iter().find(|(target, _)| *target == curtailment.target);
            (curtailment, held.map(|(_, held)| *held))
        })
    }

    /// Why a network is never touched.
    pub fn is_protected(&self, source: Prefix) -> Option<String> {
        let overlaps =
            |friend: &&Prefix| friend.contains(source.addr()) || source.contains(friend.addr());
        let friend = self.friends.iter().find(overlaps);
        let friend = friend.map(|friend| format!("{friend} is a friend by the settings"));
        friend
            .or_else(|| host::is_protected(&self.protected, source))
            .or_else(|| is_no_host(source))
    }

    /// What there is to tell.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn put_in_force(&mut self, curtailment: Curtailment, now: Timestamp) {
        let target = curtailment.target;
        if self.policy.mode == Mode::Observe {
            self.tell(CurtailmentStep::WouldCurtail, &curtailment, &curtailment.because, now);
            self.ledger.add(curtailment);
            return;
        }
        // Written down first: who is killed in between does it when he is started again.
        self.write_down(&curtailment, now);
        let time = curtailment.until.since(now);
        match self.change(Change::Add(target, time)) {
            Ok(_) => {
                self.tell(CurtailmentStep::Curtailed, &curtailment, &curtailment.because, now);
            }
            Err(error) => {
                self.tell(CurtailmentStep::Failed, &curtailment, &error.to_string(), now);
            }
        }
        // What failed is tried again when ledger and kernel are compared.
        self.ledger.add(curtailment);
    }

    fn change(&mut self, change: Change) -> io::Result<Outcome> {
        match &mut self.helper {
            Some(helper) => match helper.change(change)? {
                Outcome::Missing if matches!(change, Change::Add(..)) => {
                    // The tables are gone; the next comparison brings them back.
                    Err(io::Error::other("the tables are not in the kernel any more"))
                }
                outcome => Ok(outcome),
            },
            None => Ok(Outcome::Done),
        }
    }

    fn tell_offered(&mut self) {
        if let Some(helper) = &mut self.helper {
            // If it fails, tables are missing, and the next comparison brings them back.
            let _ = helper.set_offered(self.offered.clone());
        }
    }

    fn tell_spared(&mut self) {
        if self.ruleset.challenge.is_some()
            && let Some(helper) = &mut self.helper
        {
            let _ = helper.set_spared(self.spared.clone());
        }
    }

    fn tell(&mut self, step: CurtailmentStep, of: &Curtailment, reason: &str, now: Timestamp) {
        self.events.push(Event::Curtailment(Told {
            schema: SCHEMA_VERSION,
            time: now,
            step,
            source: of.target.source,
            from: from(of.target.scope),
            until: Some(of.until),
            strikes: of.strikes,
            incident: of.incident.clone(),
            by: of.by.to_string(),
            reason: reason.to_owned(),
        }));
    }
}

/// Whether it is, or has in it, what can be the address of no other host (RFC 6890): whoever wrote it
/// into a packet forged it.
fn is_no_host(source: Prefix) -> Option<String> {
    const NOBODY: [&str; 6] =
        ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/128", "::1/128", "ff00::/8"];
    let mut nobody = NOBODY.iter().filter_map(|text| text.parse::<Prefix>().ok());
    let found = nobody.find(|one| one.contains(source.addr()) || source.contains(one.addr()))?;
    Some(format!("{} is no address of another host", found.short()))
}

fn from(scope: Scope) -> String {
    match scope {
        Scope::Everything => "everything".to_owned(),
        Scope::Service { protocol, port } => format!("{port}/{protocol}"),
        Scope::Unoffered => "unoffered".to_owned(),
    }
}

fn refusal(incident: &Incident, reason: String, now: Timestamp) -> Option<Told> {
    let source = *incident.sources.first()?;
    Some(Told {
        schema: SCHEMA_VERSION,
        time: now,
        step: CurtailmentStep::Refused,
        source: Prefix::new(source, 128),
        from: "everything".to_owned(),
        until: None,
        strikes: 0,
        incident: Some(incident.id.clone()),
        by: Author::Sensor.to_string(),
        reason,
    })
}
