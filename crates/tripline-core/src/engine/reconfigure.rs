//! New settings for a detector that runs.

use tripline_packet::Prefix;

use crate::evidence::Nats;
use crate::home::Home;
use crate::settings::Settings;

use super::{Engine, PAGE_EXTRA};

impl Engine {
    /// Goes on with other settings. What has been learned and weighed stays; from now on the new
    /// settings decide. Table sizes stay as they are: they are fixed when the detector is made.
    pub fn reconfigure(&mut self, settings: Settings) {
        let threshold = -settings.alpha.ln();
        self.threshold = Nats::from_f64(threshold);
        self.page_threshold = Nats::from_f64(threshold + PAGE_EXTRA);
        self.tracker.set_silence(settings.silence);
        self.inventory.reconfigure(&settings);
        self.probes.reconfigure(settings.quiet);
        self.set_home(settings.home.clone());
        self.settings = Settings { limits: self.settings.limits, ..settings };
    }

    /// Protects other networks from now on: the addresses of a machine come and go.
    pub fn set_home(&mut self, home: Vec<Prefix>) {
        self.home = Home::new(home.clone());
        self.tracker.set_home(self.home.clone());
        self.summary.home.clone_from(&home);
        self.settings.home = home;
    }
}
