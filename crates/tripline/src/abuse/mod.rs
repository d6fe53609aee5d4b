//! A complaint to the provider of a source: what an abuse team needs, in the forms that it reads.
//!
//! One complaint is about one incident of one source. It tells what was seen and no more: each attempt
//! with its time in UTC, both ports, and how it ended, and whether the address is proven. All of it is
//! ASCII without control characters, whatever the sources said.

mod arf;
mod lines;
mod xarf;

use std::fmt::{self, Write as _};
use std::str::FromStr;

use tripline_core::Direction;
use tripline_core::event::{Incident, Proof, Verdict};
use tripline_packet::{Addr, Prefix, Timestamp};

use crate::human;
use crate::term::clean;

pub use arf::write as to_arf;
pub use lines::lines;
pub use xarf::write as to_xarf;

/// Who complains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reporter {
    /// Name of the organisation or the person.
    pub name: String,
    /// Where answers are read.
    pub mail: String,
}

impl Reporter {
    /// The domain of the mail address.
    pub fn domain(&self) -> &str {
        self.mail.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// Reads `Example Ltd <noc@example.org>`.
impl FromStr for Reporter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("`{text}` names nobody; write \"Example Ltd <noc@example.org>\"");
        let (name, mail) = text.rsplit_once('<').ok_or_else(bad)?;
        let mail = mail.trim_end().strip_suffix('>').ok_or_else(bad)?;
        let name = name.trim();
        let (is_named, is_mail) = (!name.is_empty() && name.len() <= 200, is_mail(mail));
        let has_control = name.chars().any(char::is_control);
        if !is_named || !is_mail || has_control {
            return Err(bad());
        }
        Ok(Self { name: name.to_owned(), mail: mail.to_owned() })
    }
}

/// Is this an address that mail can be sent to? Only such as need no quotes (RFC 5321 section 4.1.2).
fn is_mail(text: &str) -> bool {
    let is_atom = |part: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
        !part.is_empty()
            && part.bytes().all(allowed)
            && !part.starts_with('.')
            && !part.ends_with('.')
    };
    let is_domain = |part: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        part.split('.').all(|label| !label.is_empty() && label.bytes().all(allowed))
    };
    text.len() <= 254
        && text.split_once('@').is_some_and(|(local, domain)| is_atom(local) && is_domain(domain))
}

/// A mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail(pub String);

impl FromStr for Mail {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_mail(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is no mail address; write abuse@example.net"))
        }
    }
}

/// See the module documentation.
#[derive(Clone, Debug)]
pub struct Complaint<'a> {
    incident: &'a Incident,
    source: Addr,
    /// Who complains.
    pub reporter: &'a Reporter,
    /// To whom, where that is known.
    pub to: Option<&'a Mail>,
    /// Tell only the networks of our own addresses, not the hosts.
    pub mask: bool,
    /// When it is written.
    pub made: Timestamp,
}

/// Why there is nothing to complain about with a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is no sweep, no follow-up.
    Verdict(Verdict),
    /// The source is one of ours.
    Ours,
    /// Nobody but the owner of this network knows who has the address.
    Private,
    /// All but one of several sources may be forged, or each has its own owner.
    SeveralSources,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verdict(verdict) => {
                write!(f, "it is no sweep but: {}", crate::report::words::verdict(*verdict))
            }
            Self::Ours => f.write_str("its source is in the home networks"),
            Self::Private => f.write_str("its source has a private address"),
            Self::SeveralSources => {
                f.write_str("it has several sources, of which most may be forged")
            }
        }
    }
}

/// Network of an IPv6 source that is one household or one server.
const SITE: u8 = 64;
/// What is told of our own addresses when they are masked.
const MASK_V4: u8 = 24;
const MASK_V6: u8 = 48;

impl<'a> Complaint<'a> {
    /// A complaint about an incident.
    ///
    /// # Errors
    /// Why the incident is nothing for a provider.
    pub fn new(
        incident: &'a Incident,
        reporter: &'a Reporter,
        made: Timestamp,
    ) -> Result<Self, Unfit> {
        if !matches!(incident.verdict, Verdict::Sweep | Verdict::FollowUp) {
            return Err(Unfit::Verdict(incident.verdict));
        }
        if matches!(incident.direction, Direction::Outbound | Direction::Internal) {
            return Err(Unfit::Ours);
        }
        let source = single(incident).ok_or(Unfit::SeveralSources)?;
        if source.is_private() || source.is_loopback() {
            return Err(Unfit::Private);
        }
        Ok(Self { incident, source, reporter, to: None, mask: false, made })
    }

    /// Whether the sender is proven to own the address.
    fn is_proven(&self) -> bool {
        matches!(self.incident.proof, Proof::Proven { .. })
    }

    /// Our own address, or its network.
    fn shown(&self, host: Addr) -> String {
        if !self.mask {
            return host.to_string();
        }
        Prefix::new(host, if host.is_v4() { MASK_V4 } else { MASK_V6 }).to_string()
    }

    /// What it is about, in one line.
    fn subject(&self) -> String {
        format!("Port scan from {} at {}", self.source, stamp(self.incident.first))
    }

    /// The whole in a paragraph, without a word that came from the source.
    fn summary(&self) -> String {
        let incident = self.incident;
        let services = human::counted(incident.services, "service");
        let hosts = human::counted(incident.hosts, "host");
        let mut text = format!(
            "{} tried {services} on {hosts} between {} and {}.",
            self.source,
            stamp(incident.first),
            stamp(incident.last)
        );
        if let Some(tool) = &incident.tool {
            let _ = write!(text, " Its packets have the marks of {}.", ascii(&tool.name));
        }
        if incident.verdict == Verdict::FollowUp {
            text.push_str(" It came back and used what it had found, in a session with data.");
        }
        text.push(' ');
        text.push_str(if self.is_proven() {
            "The address is its own: the sender acknowledged sequence numbers that only its owner can \
             have seen."
        } else {
            "Nothing proves that the sender owns the address: it may be forged. Please compare with \
             your own records before acting on this."
        });
        text
    }
}

/// The one source; several addresses are one only if they are of one /64 of IPv6.
fn single(incident: &Incident) -> Option<Addr> {
    let (first, others) = incident.sources.split_first()?;
    let is_told_whole = incident.source_count <= incident.sources.len() as u64;
    let site = Prefix::new(*first, if first.is_v4() { 128 } else { SITE });
    (is_told_whole && others.iter().all(|other| site.contains(*other))).then_some(*first)
}

/// A time as RFC 3339 has it, with milliseconds.
fn stamp(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// Text that came from elsewhere: printable ASCII, and one line.
fn ascii(text: &str) -> String {
    clean(text, false)
}
