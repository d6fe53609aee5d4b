//! Settings that are read again while the sensor runs: taken whole, or not at all.

use std::fmt;

use anyhow::Result;
use tripline_respond::Mode;

use crate::settings::Settings;

/// The settings in force, and how they are read again.
pub struct Reload {
    settings: Settings,
    read: Box<dyn Fn() -> Result<Settings>>,
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reload").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Reload {
    /// `read` gives what the files and the command line say now.
    pub fn new(settings: Settings, read: impl Fn() -> Result<Settings> + 'static) -> Self {
        Self { settings, read: Box::new(read) }
    }

    /// The new settings, if they can be taken as they are.
    ///
    /// # Errors
    /// They make no sense, or need a restart; nothing is to be changed then.
    pub fn read(&mut self) -> Result<&Settings> {
        let new = (self.read)()?;
        let fixed = needs_restart(&self.settings, &new);
        anyhow::ensure!(
            fixed.is_empty(),
            "{} cannot be changed without a restart, so nothing was changed",
            fixed.join(", ")
        );
        self.settings = new;
        Ok(&self.settings)
    }
}

/// What differs, of all that is opened or allotted when the sensor starts.
fn needs_restart(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let enforces = |settings: &Settings| settings.curtail.mode == Mode::Enforce;
    let differs = [
        ("`interfaces` under [watch]", old.watch.interfaces != new.watch.interfaces),
        ("`state` under [watch]", old.watch.state != new.watch.state),
        ("`metrics` under [watch]", old.watch.metrics != new.watch.metrics),
        ("`record` under [watch]", old.watch.record != new.watch.record),
        ("`record_size` under [watch]", old.watch.record_size != new.watch.record_size),
        ("[limits]", old.detection.limits != new.detection.limits),
        ("[[hooks]]", old.hooks != new.hooks),
        ("`xdp` under [curtail]", old.curtail.xdp != new.curtail.xdp),
        // The right to change the firewall was given up.
        ("`mode = \"enforce\"` under [curtail]", enforces(new) && !enforces(old)),
    ];
    differs.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reload(new: impl Fn(&mut Settings) + 'static) -> Reload {
        Reload::new(Settings::default(), move || {
            let mut settings = Settings::default();
            new(&mut settings);
            Ok(settings)
        })
    }

    #[test]
    fn what_can_be_changed_is_taken() {
        let mut reload = reload(|settings| settings.detection.alpha = 1e-6);
        assert!((reload.read().unwrap().detection.alpha - 1e-6).abs() < 1e-12);
        assert!((reload.settings.detection.alpha - 1e-6).abs() < 1e-12);
    }

    #[test]
    fn one_thing_that_cannot_spoils_all() {
        let mut reload = reload(|settings| {
            settings.detection.alpha = 1e-6;
            settings.curtail.mode = Mode::Enforce;
            settings.watch.interfaces.push("eth7".to_owned());
        });
        let error = reload.read().unwrap_err().to_string();
        assert!(error.contains("interfaces") && error.contains("enforce"), "{error}");
        assert_eq!(reload.settings, Settings::default());
    }
}
