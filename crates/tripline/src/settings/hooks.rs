//! Who is told of events: what a `[[hooks]]` table of the settings file says.
//!
//! These values also go to the process that runs the hooks, hence `Serialize`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Result, ensure};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use tripline_core::catalog::Risk;
use tripline_core::event::Event;
use tripline_packet::Duration;

use super::file::Span;

/// Somebody who is told of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Name, for messages.
    pub name: String,
    /// The kinds of events that it is told.
    pub events: Vec<EventKind>,
    /// Incidents of less risk are not told.
    pub risk: Risk,
    /// How long one try may take.
    pub timeout: Duration,
    /// How it is told.
    pub target: Target,
}

/// How somebody is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A program and its arguments; the event is a line on its standard input.
    Command(Vec<String>),
    /// A web server; the event is the body of a POST request.
    Webhook(Webhook),
}

/// A web server that takes events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Where; for many services whoever knows it may write there.
    pub url: Secret,
    /// Headers of the request, by name.
    pub headers: BTreeMap<String, Secret>,
    /// Key of the signature (HMAC-SHA256 of the body).
    pub secret: Option<Secret>,
}

/// Text that appears in no message and no log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Kinds of events that a hook can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Incidents.
    Incident,
    /// What is done about a source, or would be.
    Curtailment,
    /// Single probes.
    Probe,
    /// What the operator should know about the sensor.
    Notice,
}

impl EventKind {
    /// As in the events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Curtailment => "curtailment",
            Self::Probe => "probe",
            Self::Notice => "notice",
        }
    }

    /// The kind of an event; `None` for kinds that no hook is told.
    pub const fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Incident(_) => Some(Self::Incident),
            Event::Curtailment(_) => Some(Self::Curtailment),
            Event::Probe(_) => Some(Self::Probe),
            Event::Notice(_) => Some(Self::Notice),
            Event::Service(_) | Event::Summary(_) => None,
        }
    }
}

/// Can this program serve these hooks?
///
/// # Errors
/// One needs TLS, and the program was built without.
pub fn check(hooks: &[Hook]) -> Result<()> {
    for Hook { name, target, .. } in hooks {
        let is_encrypted = matches!(target, Target::Webhook(webhook)
            if has_scheme(webhook.url.reveal(), "https://"));
        ensure!(
            cfg!(feature = "tls") || !is_encrypted,
            "the hook `{name}` has an https address, and this tripline was built without TLS: \
             build it with `--features tls`, or use a command such as curl"
        );
    }
    Ok(())
}

/// Each hook has a thread and a queue of its own.
const MOST: usize = 32;
/// When nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A hook that takes longer than this should hand the work to somebody else.
const LONGEST: Duration = Duration::from_secs(120);

/// All `[[hooks]]`.
#[derive(Debug)]
pub(super) struct Hooks(pub(super) Vec<Hook>);

impl<'de> Deserialize<'de> for Hooks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tables = Vec::<HookTable>::deserialize(deserializer)?;
        if tables.len() > MOST {
            return Err(D::Error::custom(format!("more than {MOST} hooks; combine some")));
        }
        let hooks: Vec<Hook> = tables.into_iter().map(|table| table.hook).collect();
        let mut names = BTreeSet::new();
        match hooks.iter().find(|hook| !names.insert(&hook.name)) {
            Some(hook) => {
                let name = &hook.name;
                Err(D::Error::custom(format!("two hooks have the name `{name}`; rename one")))
            }
            None => Ok(Self(hooks)),
        }
    }
}

/// One table, put together.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Raw")]
struct HookTable {
    hook: Hook,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: Name,
    events: Option<Vec<EventKind>>,
    risk: Option<Risk>,
    timeout: Option<Timeout>,
    command: Option<Argv>,
    url: Option<Url>,
    headers: Option<BTreeMap<HeaderName, HeaderValue>>,
    secret: Option<Key>,
}

impl TryFrom<Raw> for HookTable {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let is_plain = raw.headers.is_none() && raw.secret.is_none();
        let target = match (raw.command, raw.url) {
            (Some(command), None) if is_plain => Target::Command(command.0),
            (Some(_), None) => return Err("`headers` and `secret` go with `url`".to_owned()),
            (None, Some(url)) => Target::Webhook(Webhook {
                url: url.0,
                headers: raw
                    .headers
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.0, value.0))
                    .collect(),
                secret: raw.secret.map(|key| key.0),
            }),
            _ => return Err("a hook has either a `command` or a `url`".to_owned()),
        };
        let hook = Hook {
            name: raw.name.0,
            events: raw.events.unwrap_or(vec![EventKind::Incident, EventKind::Curtailment]),
            risk: raw.risk.unwrap_or(Risk::Info),
            timeout: raw.timeout.map_or(TIMEOUT, |timeout| timeout.0),
            target,
        };
        Ok(Self { hook })
    }
}

/// Reads text that has a certain form.
macro_rules! checked_text {
    ($(#[$attribute:meta])* $name:ident($inner:ty), $is_right:expr, $remedy:literal) => {
        $(#[$attribute])*
        #[derive(Debug)]
        struct $name($inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let is_right: fn(&str) -> bool = $is_right;
                if is_right(&text) {
                    return Ok(Self(<$inner>::from(text)));
                }
                Err(D::Error::custom($remedy))
            }
        }
    };
}

checked_text!(
    /// What messages call a hook.
    Name(String),
    |text| !text.trim().is_empty() && text.len() <= 64 && !text.contains(char::is_control),
    "a name has 1 to 64 characters"
);

checked_text!(
    /// The address of a web server.
    Url(Secret),
    |text| {
        let rest = ["https://", "http://"]
            .iter()
            .find(|scheme| has_scheme(text, scheme))
            .map_or("", |scheme| &text[scheme.len()..]);
        let has_host = rest.starts_with(|first: char| !matches!(first, '/' | '?' | '#' | ':'));
        has_host && text.bytes().all(|byte| byte.is_ascii_graphic())
    },
    "not an address of the web; write https://host/path"
);

checked_text!(
    /// A token of RFC 9110, and none of those that the request itself is made of.
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    HeaderName(String),
    |text| {
        const OURS: [&str; 5] =
            ["connection", "content-length", "host", "transfer-encoding", "x-tripline-signature"];
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_ours = OURS.iter().any(|name| name.eq_ignore_ascii_case(text));
        !text.is_empty() && text.bytes().all(is_token) && !is_ours
    },
    "no header that can be set; write a name such as Authorization"
);

checked_text!(
    /// Visible ASCII and blanks: a line break would be a header of its own.
    HeaderValue(Secret),
    |text| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()),
    "a header's value is visible ASCII in one line"
);

checked_text!(
    /// The key of signatures.
    Key(Secret),
    |text| text.len() >= 16,
    "a secret has 16 characters or more; make one with `openssl rand -hex 32`"
);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

fn has_scheme(url: &str, scheme: &str) -> bool {
    url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// A program and its arguments.
#[derive(Debug)]
struct Argv(Vec<String>);

impl<'de> Deserialize<'de> for Argv {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        // No shell looks at it, so one word with blanks would be looked for as a program.
        if words.first().is_none_or(|program| program.trim().is_empty()) {
            let remedy = "no program; write [\"/path/of/program\", \"argument\"]";
            return Err(D::Error::custom(remedy));
        }
        if words.iter().any(|word| word.contains('\0')) {
            return Err(D::Error::custom("a word of a command cannot contain a NUL"));
        }
        Ok(Self(words))
    }
}

/// How long a try may take.
#[derive(Debug)]
struct Timeout(Duration);

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Span(timeout) = Span::deserialize(deserializer)?;
        if timeout > LONGEST {
            return Err(D::Error::custom("at most two minutes (`2m`)"));
        }
        Ok(Self(timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn hooks(text: &str) -> Result<Vec<Hook>> {
        parse(text, "s.toml").map(|settings| settings.hooks)
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let all = hooks("[[hooks]]\nname = \"a\"\ncommand = [\"/bin/true\"]").unwrap();
        let hook = &all[0];
        assert_eq!(hook.events, [EventKind::Incident, EventKind::Curtailment]);
        assert_eq!((hook.risk, hook.timeout), (Risk::Info, TIMEOUT));
        assert_eq!(hook.target, Target::Command(vec!["/bin/true".to_owned()]));
    }

    #[test]
    fn secrets_are_in_no_debug_output() {
        let text = "[[hooks]]\nname = \"a\"\nurl = \"http://h/path-of-key\"\n\
                    headers = { Authorization = \"Bearer key-of-header\" }\n\
                    secret = \"key-of-signature\"";
        let shown = format!("{:?}", hooks(text).unwrap());
        assert!(!shown.contains("key"), "{shown}");
    }

    #[test]
    fn addresses() {
        let of = |url: &str| hooks(&format!("[[hooks]]\nname = \"a\"\nurl = \"{url}\""));
        for url in ["http://h", "HTTPS://h:8443/a?b=c", "https://[2001:db8::1]:80/"] {
            assert!(of(url).is_ok(), "{url}");
        }
        for url in ["", "h", "ftp://h/", "http://", "http:///x", "http://h/ x", "http://h/\\u0007"]
        {
            assert!(of(url).is_err(), "{url}");
        }
    }

    #[test]
    fn tls_is_needed_for_https_alone() {
        let of = |url: &str| hooks(&format!("[[hooks]]\nname = \"a\"\nurl = \"{url}\"")).unwrap();
        assert!(check(&of("http://h/")).is_ok());
        assert_eq!(check(&of("HTTPS://h/")).is_ok(), cfg!(feature = "tls"));
    }

    #[test]
    fn errors_say_what_to_write() {
        let head = "[[hooks]]\nname = \"a\"\n";
        for (lines, place, words) in [
            ("", "s.toml:1:1: `hooks", "either a `command` or a `url`"),
            ("command = [\"a\"]\nurl = \"http://h\"", "s.toml:1:1: `hooks", "either"),
            (
                "command = [\"a\"]\nsecret = \"0123456789abcdef\"",
                "s.toml:1:1: `hooks",
                "with `url`",
            ),
            ("command = []", "s.toml:3:11: `hooks.command`", "no program"),
            ("command = \"page\"", "s.toml:3:11: `hooks.command`", "sequence"),
            ("comand = [\"page\"]", "s.toml:3:1: `hooks.comand`", "did you mean `command`?"),
            ("url = \"page\"", "s.toml:3:7: `hooks.url`", "https://host/path"),
            ("url = \"http://h\"\nheaders = { Host = \"x\" }", "s.toml:4:", "no header"),
            ("url = \"http://h\"\nheaders = { A = \"x\\ny\" }", "s.toml:4:", "in one line"),
            ("url = \"http://h\"\nsecret = \"short\"", "s.toml:4:10: `hooks.secret`", "openssl"),
            ("url = \"http://h\"\ntimeout = \"1h\"", "s.toml:4:11: `hooks.timeout`", "at most"),
            ("url = \"http://h\"\nevents = [\"sweep\"]", "s.toml:4:", "unknown variant `sweep`"),
            ("url = \"http://h\"\n[[hooks]]\nname = \"a\"\nurl = \"http://h\"", "s.toml", "rename"),
        ] {
            let error = hooks(&format!("{head}{lines}")).unwrap_err().to_string();
            assert!(error.starts_with(place), "{lines}\n{error}");
            assert!(error.contains(words), "{lines}\n{error}");
        }
    }
}
