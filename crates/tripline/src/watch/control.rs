//! The socket by which people reach a running sensor: one request a line, one answer a line.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::{Uid, User};
use serde::{Deserialize, Serialize};
use tripline_packet::{Prefix, Timestamp};
use tripline_respond::{Author, Curtailment, Mode, Scope, Target};

use super::curtail::Curtailer;
use super::status::Board;

/// Name of the socket in the sensor's folder.
pub const SOCKET: &str = "control.sock";

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Hold a source off.
    Curtail {
        /// Whom.
        source: Prefix,
        /// For how many seconds.
        seconds: u64,
        /// Why.
        because: String,
    },
    /// End what holds a source off, or all.
    Release {
        /// Whom; `None`: everybody.
        source: Option<Prefix>,
        /// Why.
        because: String,
    },
    /// Who is held off.
    Curtailed,
    /// How the sensor is doing.
    Status,
}

/// Somebody who is held off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// What was decided.
    #[serde(flatten)]
    pub curtailment: Curtailment,
    /// Whether the kernel was asked to; otherwise it is only told what would be.
    pub enforced: bool,
    /// Seconds that it will go on.
    pub left: u64,
    /// Seconds that the kernel will hold it, if it does, and packets that it dropped.
    pub kernel: Option<(u64, u64)>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// So many were changed.
    Done(usize),
    /// Who is held off.
    InForce(Vec<InForce>),
    /// How the sensor is doing, as JSON: [`super::status::Status`].
    Status(Box<serde_json::Value>),
    /// It was not done.
    Refused(String),
}

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Question {
    /// What is asked.
    pub request: Request,
    /// By whom.
    pub who: String,
    reply: SyncSender<Answer>,
}

impl Question {
    /// Answers it.
    pub fn reply(self, answer: Answer) {
        // Whoever asked may have gone.
        let _ = self.reply.send(answer);
    }
}

/// The sensor's end.
#[derive(Debug)]
pub struct Control {
    questions: Receiver<Question>,
    path: PathBuf,
}

/// Whoever says nothing is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);

impl Control {
    /// Takes the place in a folder, and answers nobody yet. Only the owner may ask.
    ///
    /// # Errors
    /// Another sensor listens there, or the folder cannot be written.
    pub fn bind(folder: &Path) -> io::Result<Bound> {
        let path = folder.join(SOCKET);
        if UnixStream::connect(&path).is_ok() {
            let message = format!("another tripline is running in {}", folder.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, message));
        }
        // Left over from one that was killed.
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(Bound { listener, path })
    }

    /// The next question, if there is one.
    pub fn next(&self) -> Option<Question> {
        self.questions.try_recv().ok()
    }
}

/// A place that is taken.
#[derive(Debug)]
pub struct Bound {
    listener: UnixListener,
    path: PathBuf,
}

impl Bound {
    /// Answers from now on, in threads of its own.
    pub fn serve(self) -> Control {
        let Self { listener, path } = self;
        let (sender, questions) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                std::thread::spawn(move || serve(&stream, &sender));
            }
        });
        Control { questions, path }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn serve(stream: &UnixStream, sender: &Sender<Question>) {
    let who = user_of(stream);
    if stream.set_read_timeout(Some(PATIENCE)).is_err() {
        return;
    }
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        let answer = match serde_json::from_str(&line) {
            Err(error) => Answer::Refused(format!("not understood: {error}")),
            Ok(request) => {
                let (reply, answer) = sync_channel(1);
                if sender.send(Question { request, who: who.clone(), reply }).is_err() {
                    return;
                }
                let Ok(answer) = answer.recv_timeout(PATIENCE) else { return };
                answer
            }
        };
        let Ok(text) = serde_json::to_string(&answer) else { return };
        if writeln!(&*stream, "{text}").is_err() {
            return;
        }
    }
}

/// Who is at the other end, as the kernel knows him.
fn user_of(stream: &UnixStream) -> String {
    let Ok(credentials) = getsockopt(stream, PeerCredentials) else {
        return "unknown".to_owned();
    };
    let uid = Uid::from_raw(credentials.uid());
    match User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => format!("user {uid}"),
    }
}

/// Asks a running sensor.
///
/// # Errors
/// None is running there, or it does not answer.
pub fn ask(folder: &Path, request: &Request) -> io::Result<Answer> {
    let path = folder.join(SOCKET);
    let mut stream = UnixStream::connect(&path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    writeln!(stream, "{}", serde_json::to_string(request)?)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// Seconds that a person may ask for.
const LENGTHS: RangeInclusive<u64> = 1..=366 * 86_400;

/// Does what a request asks for.
pub fn answer(
    request: &Request,
    who: &str,
    curtailer: &mut Curtailer,
    board: &Board,
    now: Timestamp,
) -> Answer {
    let by = Author::Operator(who.to_owned());
    match request {
        Request::Curtail { seconds, .. } if !LENGTHS.contains(seconds) => {
            Answer::Refused("a curtailment lasts a second at least, and at most a year".to_owned())
        }
        Request::Curtail { source, seconds, because } => {
            let target = Target { source: *source, scope: Scope::Everything };
            let ordered = Curtailment {
                target,
                since: now,
                until: now + Duration::from_secs(*seconds),
                strikes: 0,
                by,
                because: because.clone(),
                incident: None,
            };
            match curtailer.order(ordered, now) {
                Ok(()) => Answer::Done(1),
                Err(why) => Answer::Refused(why),
            }
        }
        Request::Release { source, because } => {
            let targets: Vec<Target> = curtailer
                .in_force()
                .map(|(curtailment, _)| curtailment.target)
                .filter(|target| {
                    source.is_none_or(|source| {
                        target.source == source || target.source.contains(source.addr())
                    })
                })
                .collect();
            let released =
                targets.iter().filter(|target| curtailer.release(target, &by, because, now));
            Answer::Done(released.count())
        }
        Request::Status => match board.get().map(|status| serde_json::to_value(&*status)) {
            Some(Ok(status)) => Answer::Status(Box::new(status)),
            _ => Answer::Refused("the sensor has just been started".to_owned()),
        },
        Request::Curtailed => {
            curtailer.look();
            Answer::InForce(in_force(curtailer, now))
        }
    }
}

/// Who is held off, and what the kernel was last seen to hold of it.
pub fn in_force(curtailer: &Curtailer, now: Timestamp) -> Vec<InForce> {
    let all = curtailer.in_force().map(|(curtailment, held)| InForce {
        curtailment: curtailment.clone(),
        enforced: curtailer.mode() == Mode::Enforce,
        left: curtailment.until.since(now).as_secs(),
        kernel: held.map(|held| (held.left.as_secs(), held.packets)),
    });
    all.collect()
}
