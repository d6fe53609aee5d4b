//! A web server on loopback that answers as it is told.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// What a request is answered.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A status, and headers with their line ends.
    Status(u16, &'static str),
    /// Nothing, ever.
    Never,
    /// 200, after so many milliseconds.
    Slow(u64),
}

/// A request that came.
#[derive(Debug)]
pub(crate) struct Request {
    /// Method and path.
    pub(crate) line: String,
    /// By name in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

pub(crate) struct Server {
    pub(crate) url: String,
    requests: Receiver<Request>,
}

impl Server {
    /// Gives the replies one after the other, and the last one again and again.
    pub(crate) fn start(replies: &[Reply]) -> Self {
        Self::start_over(replies, |stream| stream)
    }

    /// The same over what `wrap` makes of a connection.
    pub(crate) fn start_over<S: Read + Write>(
        replies: &[Reply],
        wrap: impl Fn(TcpStream) -> S + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        let mut replies = replies.to_vec();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let reply = if replies.len() > 1 { replies.remove(0) } else { replies[0].clone() };
                let (sender, wrap) = (sender.clone(), wrap.clone());
                std::thread::spawn(move || serve(wrap(stream.unwrap()), &reply, &sender));
            }
        });
        Self { url, requests }
    }

    /// The next request; waits for it.
    pub(crate) fn next(&self) -> Request {
        self.requests.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    /// Requests that came and were not looked at.
    pub(crate) fn rest(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

fn serve(stream: impl Read + Write, reply: &Reply, sender: &Sender<Request>) {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        // Whoever does not trust us goes before he has said anything.
        reader.read_line(&mut line).ok().map(|_| line.trim_end().to_owned())
    };
    let Some(first) = line().filter(|line| !line.is_empty()) else {
        return;
    };
    let fields = std::iter::from_fn(|| line().filter(|line| !line.is_empty()));
    let headers: HashMap<String, String> = fields
        .map(|field| {
            let (name, value) = field.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        })
        .collect();
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    // The test may have seen enough.
    let _ = sender.send(Request { line: first, headers, body });
    answer(reader.get_mut(), reply);
}

fn answer(stream: &mut impl Write, reply: &Reply) {
    let (status, headers) = match *reply {
        Reply::Status(status, headers) => (status, headers),
        Reply::Slow(millis) => {
            std::thread::sleep(Duration::from_millis(millis));
            (200, "")
        }
        Reply::Never => {
            std::thread::sleep(Duration::from_secs(60));
            return;
        }
    };
    let text = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n{headers}\r\nok");
    // Whoever asked may have gone.
    let _ = stream.write_all(text.as_bytes());
}
