//! One kept connection that has at most one request under way.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    time::Instant,
};

/// A response head of the parties here has a fifth of that.
const RESPONSE_BYTES: usize = 16 << 10;

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    under_way: Option<UnderWay>,
    buffer: Box<[u8]>,
    filled: usize,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    request: usize,
    written: usize,
    due: Instant,
}

/// What became of the request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing yet.
    Waits,
    /// It has its whole answer.
    Answered { status: u16, due: Instant },
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Connection {
    pub(super) fn open(to: SocketAddr) -> Connection {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        Connection { stream, under_way: None, buffer: vec![0; RESPONSE_BYTES].into(), filled: 0 }
    }

    /// Begins with a request; what does not fit is written as there is room.
    pub(super) fn send(&mut self, requests: &[Vec<u8>], request: usize, due: Instant) {
        self.under_way = Some(UnderWay { request, written: 0, due });
        self.write(requests);
    }

    /// Goes on after something changed.
    pub(super) fn proceed(&mut self, requests: &[Vec<u8>]) -> Progress {
        self.write(requests);
        loop {
            match self.stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => panic!("the connection was closed"),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::Waits,
                Err(error) => panic!("reading an answer: {error}"),
            }
            // The answer to the only request under way: nothing can come after it, and reading again would say so
            // at the cost of a system call.
            if let Some(status) = whole_answer(&self.buffer[..self.filled]) {
                self.filled = 0;
                let under_way = self.under_way.take().expect("an answer follows a request");
                return Progress::Answered { status, due: under_way.due };
            }
        }
    }

    fn write(&mut self, requests: &[Vec<u8>]) {
        let Some(UnderWay { request, written, .. }) = &mut self.under_way else { return };
        let bytes = &requests[*request];
        while *written < bytes.len() {
            match self.stream.write(&bytes[*written..]) {
                Ok(more) => *written += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("writing a request: {error}"),
            }
        }
    }
}

/// The status of a response that is there as a whole: its head, and as many bytes as `content-length` says.
fn whole_answer(bytes: &[u8]) -> Option<u16> {
    let head_ends = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..head_ends]).expect("a head is text");
    let mut body = 0;
    for line in head.lines().skip(1) {
        let Some((name, value)) = line.split_once(':') else { continue };
        assert!(!name.eq_ignore_ascii_case("transfer-encoding"), "answers here have a length");
        if name.eq_ignore_ascii_case("content-length") {
            body = value.trim().parse().expect("a length is a number");
        }
    }
    (bytes.len() >= head_ends + body).then(|| head[9..12].parse().expect("a status is a number"))
}
