//! What the run loop does once in a while: looks at what changes slowly, answers, reads settings.

use std::io;
use std::time::Instant;

use anyhow::{Result, ensure};
use tripline_core::event::Event;
use tripline_packet::{Duration, Timestamp};

use super::challenge::Challenges;
use super::clock::Jump;
use super::control::{self, Control};
use super::keeper::Keeper;
use super::status::{SHOWN_SERVICES, SHOWN_SUSPECTS, Status};
use super::telling::notice;
use super::{Sensor, host};
use crate::hooks::HookSink;
use crate::output::Sink;
use crate::run::unread;

/// How often the inventory is kept.
const KEEPING: Duration = Duration::from_secs(60);
/// How often the sensor looks at what changes slowly: who listens, who is protected, what was lost.
const LOOK: Duration = Duration::from_secs(1);
/// How often the kernel's sets are compared with what is in force.
const COMPARISON: Duration = Duration::from_secs(2);

impl Sensor {
    /// Looks at what changes slowly.
    pub(super) fn look(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let moment = Instant::now();
        if moment < self.next_look {
            return Ok(());
        }
        self.next_look = moment + LOOK;
        if let Some(jump) = self.clock.check() {
            self.tell(jumped(jump, self.clock.now()), sink)?;
        }
        let now = self.clock.now();
        let host = self.look_at_host(now);
        // Who does not know what is offered, or cannot answer, lets the kernel refuse.
        let challenges = host.is_ok() && self.challenges.as_ref().is_some_and(Challenges::is_alive);
        if let Err(error) = host {
            let message = format!("the kernel does not tell what this machine offers: {error}");
            self.tell(notice("host_unknown", Some(now), message), sink)?;
        }
        self.look_at_links(now, sink)?;
        let troubles = self.hooks.as_mut().map(HookSink::take_troubles);
        self.tell_troubles(troubles, sink)?;
        self.look_at_recordings();
        self.curtailer.expire(now);
        if moment >= self.next_keeping {
            self.next_keeping = moment + KEEPING;
            self.keep();
        }
        if moment >= self.next_comparison {
            self.next_comparison = moment + COMPARISON;
            self.curtailer.reconcile(now);
            self.curtailer.keep_challenging(challenges);
            // Whoever starts us starts another helper; we have not the right to.
            ensure!(
                !self.curtailer.is_helpless(),
                "the helper that changes the firewall is gone; what is in force runs out in the kernel"
            );
        }
        self.publish(now);
        Ok(())
    }

    fn look_at_host(&mut self, now: Timestamp) -> io::Result<()> {
        let Some(host) = &mut self.host else {
            return Ok(());
        };
        let listening = host.listening()?;
        if self.follows_home
            && let Some(home) = host.new_home()?
        {
            self.engine.set_home(home);
        }
        self.curtailer.set_offered(&listening);
        self.engine.set_listening(listening);
        self.curtailer.set_protected(host.protected()?, host::links()?, now);
        Ok(())
    }

    /// Tells of frames that were lost, and of interfaces that come and go.
    fn look_at_links(&mut self, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let look = match self.links.look(now, LOOK) {
            Ok(look) => look,
            Err(error) => {
                let message = format!("the kernel does not tell of its interfaces: {error}");
                return self.tell(notice("interface_trouble", Some(now), message), sink);
            }
        };
        if look.lossy {
            self.engine.frames_lost();
        }
        self.counts.drops = self.links.drops();
        self.curtailer.follow_interfaces(self.links.indices(), now);
        look.events.into_iter().try_for_each(|event| self.tell(event, sink))
    }

    /// Puts up how the sensor is doing.
    fn publish(&mut self, now: Timestamp) {
        let mut engine = self.engine.status(SHOWN_SUSPECTS);
        engine.summary.malformed = unread(&self.decoder);
        let status = Status {
            started: self.started,
            now,
            mode: self.curtailer.mode(),
            interfaces: self.links.status(),
            events: self.counts.events,
            not_kept: self.keeper.as_ref().map_or(0, Keeper::lost),
            engine,
            incidents: self.status.incidents.clone(),
            services: self.status.services.clone(),
            curtailed: control::in_force(&self.curtailer, now),
            notices: self.status.notices.clone(),
        };
        self.service.turn(&status);
        self.board.put(status);
    }

    /// Keeps the inventory.
    pub(super) fn keep(&mut self) {
        let services = self.engine.services();
        self.status.services = services.iter().take(SHOWN_SERVICES).cloned().collect();
        if let Some(keeper) = &mut self.keeper {
            keeper.services(services);
        }
    }

    /// Reads the settings again.
    pub(super) fn reconfigure(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let Some(reload) = &mut self.reload else {
            return Ok(());
        };
        self.service.reloading();
        let now = self.clock.now();
        let event = match reload.read() {
            Ok(settings) => {
                self.engine.reconfigure(settings.detection.clone());
                self.curtailer.reconfigure(settings, now);
                if let Some(host) = &mut self.host {
                    host.reconfigure(&settings.watch);
                }
                notice("settings_read", Some(now), "the settings were read again".to_owned())
            }
            Err(error) => {
                let message = format!("the settings are as they were: {error:#}");
                notice("settings_refused", Some(now), message)
            }
        };
        self.tell(event, sink)
    }

    /// Answers what was asked on the control socket.
    pub(super) fn answer(&mut self) {
        while let Some(question) = self.control.as_ref().and_then(Control::next) {
            let now = self.clock.now();
            let (request, who) = (&question.request, &question.who);
            let answer = control::answer(request, who, &mut self.curtailer, &self.board, now);
            question.reply(answer);
        }
    }
}

fn jumped(jump: Jump, now: Timestamp) -> Event {
    let message = match jump {
        Jump::Forward(by) => format!(
            "the clock of this machine was set forward by {:.1} s; timers of that time have run",
            by.as_secs_f64()
        ),
        Jump::Backward(by) => format!(
            "the clock of this machine was set back by {:.1} s; times of events go on as before \
             until tripline is started anew",
            by.as_secs_f64()
        ),
    };
    notice("clock_set", Some(now), message)
}
