//! Watches where requests begin and end in a stream of HTTP/1.1, more strictly than the server behind it.
//!
//! A server that follows RFC 9112 section 6.3 lets `Transfer-Encoding` win over `Content-Length` and forgets the latter. A proxy
//! before us may have decided otherwise, and then the rest of one client's body is the next client's request. Here
//! everything that two readers could understand in two ways is refused: both lengths, two of one, another coding than
//! `chunked`, lines that end without a carriage return, and chunk sizes that are more than digits.
//!
//! Nothing is changed or held back: the stream is looked at as it passes.

use memchr::memchr;

const PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// What is looked at next.
#[derive(Debug)]
pub(super) struct Framing {
    state: State,
    /// The beginning of a line whose end did not come yet.
    line: Vec<u8>,
    line_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before or in the line `POST / HTTP/1.1`.
    Request,
    Headers {
        length: Option<u64>,
        chunked: bool,
    },
    Body {
        left: u64,
    },
    ChunkSize,
    Chunk {
        left: u64,
    },
    ChunkEnd,
    Trailers,
    /// Not ours to look at: HTTP/2, which frames itself.
    Other,
    Refused,
}

impl Framing {
    /// For a new connection; `line_max` is what the server behind accepts of a head, and thereby of a line.
    pub(super) fn new(line_max: usize) -> Self {
        Self { state: State::Request, line: Vec::new(), line_max }
    }

    /// Whether the stream turned out to be HTTP/2.
    pub(super) fn is_other(&self) -> bool {
        self.state == State::Other
    }

    /// Looks at what was read next; the error says what is refused, once.
    pub(super) fn look(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            match self.state {
                State::Other | State::Refused => return Ok(()),
                State::Body { ref mut left } | State::Chunk { ref mut left } => {
                    let taken = (*left).min(bytes.len() as u64);
                    *left -= taken;
                    // `taken` is at most the length of a slice.
                    bytes = &bytes[taken as usize..];
                    if *left == 0 {
                        let in_chunk = matches!(self.state, State::Chunk { .. });
                        self.state = if in_chunk { State::ChunkEnd } else { State::Request };
                    }
                }
                State::Request | State::Headers { .. } | State::ChunkSize | State::ChunkEnd | State::Trailers => {
                    let Some(end) = memchr(b'\n', bytes) else {
                        return self.keep(bytes);
                    };
                    let (line, rest) = bytes.split_at(end);
                    bytes = &rest[1..];
                    let next = if self.line.is_empty() {
                        next(self.state, line)
                    } else {
                        self.line.extend_from_slice(line);
                        let next = next(self.state, &self.line);
                        self.line.clear();
                        next
                    };
                    match next {
                        Ok(state) => self.state = state,
                        Err(problem) => {
                            self.state = State::Refused;
                            return Err(problem);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        if self.line.len() + bytes.len() > self.line_max {
            self.line = Vec::new();
            self.state = State::Refused;
            return Err("a line is longer than a head may be");
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }
}

/// What comes after a line, given without its line feed.
fn next(state: State, line: &[u8]) -> Result<State, &'static str> {
    let Some(line) = line.strip_suffix(b"\r") else {
        return Err("a line ends without a carriage return");
    };
    match state {
        // Empty lines before a request are let through (RFC 9112, section 2.2).
        State::Request if line.is_empty() => Ok(State::Request),
        State::Request if line == PREFACE => Ok(State::Other),
        State::Request => Ok(State::Headers { length: None, chunked: false }),
        State::Headers { length: Some(_), chunked: true } => Err(BOTH),
        State::Headers { length, chunked } if line.is_empty() => Ok(match (length, chunked) {
            (_, true) => State::ChunkSize,
            (None | Some(0), false) => State::Request,
            (Some(left), false) => State::Body { left },
        }),
        State::Headers { length, chunked } => header(line, length, chunked),
        State::ChunkSize => Ok(match chunk_size(line)? {
            0 => State::Trailers,
            left => State::Chunk { left },
        }),
        State::ChunkEnd if line.is_empty() => Ok(State::ChunkSize),
        State::ChunkEnd => Err("a chunk is longer than its size"),
        State::Trailers if line.is_empty() => Ok(State::Request),
        State::Trailers => Ok(State::Trailers),
        State::Body { .. } | State::Chunk { .. } | State::Other | State::Refused => Ok(state),
    }
}

const BOTH: &str = "both Content-Length and Transfer-Encoding";

fn header(line: &[u8], length: Option<u64>, chunked: bool) -> Result<State, &'static str> {
    let unchanged = Ok(State::Headers { length, chunked });
    let Some(first) = line.first() else { return unchanged };
    match first.to_ascii_lowercase() {
        b' ' | b'\t' => Err("a header is continued on a line of its own"),
        b'c' => match value_of(line, b"content-length") {
            None => unchanged,
            Some(_) if chunked => Err(BOTH),
            Some(_) if length.is_some() => Err("more than one Content-Length"),
            Some(value) => {
                let length = digits(value).ok_or("Content-Length is no number")?;
                Ok(State::Headers { length: Some(length), chunked })
            }
        },
        b't' => match value_of(line, b"transfer-encoding") {
            None => unchanged,
            Some(_) if length.is_some() => Err(BOTH),
            Some(_) if chunked => Err("more than one Transfer-Encoding"),
            Some(value) if value.eq_ignore_ascii_case(b"chunked") => Ok(State::Headers { length, chunked: true }),
            Some(_) => Err("a Transfer-Encoding other than chunked"),
        },
        _ => unchanged,
    }
}

/// The value of a line that has this header, without the space around it.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = line.split_at_checked(name.len())?;
    if !found.eq_ignore_ascii_case(name) {
        return None;
    }
    Some(rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii())
}

fn digits(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `SIZE` or `SIZE;extensions`.
fn chunk_size(line: &[u8]) -> Result<u64, &'static str> {
    let size = line.split(|b| *b == b';').next().unwrap_or_default();
    let valid = !size.is_empty() && size.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(size).ok().filter(|_| valid);
    text.and_then(|text| u64::from_str_radix(text, 16).ok()).ok_or("a chunk's size is no hexadecimal number")
}

#[cfg(test)]
mod tests;
