//! What a sensor may still do when its sockets are open: read files, and write into its own folder.
//!
//! It reads what strangers send, so it is the part that would be taken over. Whoever did would have
//! no capability, could start no program (and so get none back), write nowhere else and reach nobody
//! by TCP (capabilities(7), landlock(7)).

use std::path::Path;

use anyhow::{Context as _, Result};
use caps::{CapSet, Capability, CapsHashSet};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
    RulesetStatus, path_beneath_rules,
};

/// Gives up all capabilities but these, of the calling thread and all that it starts.
///
/// # Errors
/// The kernel refuses.
pub fn keep_only(wanted: &[Capability]) -> Result<()> {
    const MEANS: &str = "cannot give up rights";
    for set in [CapSet::Ambient, CapSet::Inheritable] {
        caps::clear(None, set).context(MEANS)?;
    }
    let permitted = caps::read(None, CapSet::Permitted).context(MEANS)?;
    let kept: CapsHashSet =
        wanted.iter().copied().filter(|right| permitted.contains(right)).collect();
    caps::set(None, CapSet::Effective, &kept).context(MEANS)?;
    caps::set(None, CapSet::Permitted, &kept).context(MEANS)
}

/// Hands a capability that the process has on to the programs that it starts, whoever runs it: root's
/// programs get it in any case, those of others only so.
///
/// # Errors
/// The process does not have it.
pub fn pass_on(right: Capability) -> Result<()> {
    for set in [CapSet::Inheritable, CapSet::Ambient] {
        caps::raise(None, set, right).with_context(|| format!("cannot pass {right} on"))?;
    }
    Ok(())
}

/// Confines the calling thread, and all that it starts, to reading files and to writing into a
/// folder. Kernels before 5.13 cannot, and those before 6.7 not all of it: what they can is done.
/// Returns whether anything was.
///
/// # Errors
/// The kernel could, and refuses.
pub fn confine(folder: &Path) -> Result<bool> {
    const NEWEST: ABI = ABI::V5;
    let files = AccessFs::from_all(NEWEST);
    let read = AccessFs::from_read(NEWEST) & !AccessFs::Execute;
    let write = files & !AccessFs::Execute;
    let confined = || -> Result<RulesetStatus, landlock::RulesetError> {
        let rules = Ruleset::default()
            .handle_access(files)?
            .handle_access(AccessNet::from_all(NEWEST))?
            .create()?
            .add_rules(path_beneath_rules(["/"], read))?
            .add_rules(path_beneath_rules([folder], write))?;
        Ok(rules.restrict_self()?.ruleset)
    };
    let status = confined().context("cannot confine the sensor to its folder")?;
    Ok(status != RulesetStatus::NotEnforced)
}
