//! What is refused, however the stream is cut into pieces.

use super::*;

const LINE_MAX: usize = 4096;

/// Whether the stream is refused, and with what; the same in whole, byte by byte and in two pieces at any place.
fn look(stream: &str) -> Result<(), &'static str> {
    let feed = |pieces: &[&[u8]]| {
        let mut framing = Framing::new(LINE_MAX);
        pieces.iter().try_for_each(|piece| framing.look(piece))
    };
    let stream = stream.as_bytes();
    let whole = feed(&[stream]);
    assert_eq!(feed(&stream.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
    for cut in 0..stream.len() {
        let (first, second) = stream.split_at(cut);
        assert_eq!(feed(&[first, second]), whole, "cut at {cut}");
    }
    whole
}

#[test]
fn requests_one_after_another_are_let_through() {
    let requests = [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab\ncd",
        "\r\nPOST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n5\r\nab\ncd\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Lengthy: x\r\nTE: trailers\r\nContent-Type: a\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length:0\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nxxxx",
    ];
    for request in requests {
        assert_eq!(look(&format!("{request}{request}")), Ok(()), "{request}");
    }
    assert_eq!(look(&requests.concat()), Ok(()));
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let both = Err(BOTH);
    for (head, refused) in [
        ("Content-Length: 3\r\nTransfer-Encoding: chunked", both),
        ("Transfer-Encoding: chunked\r\nContent-Length: 3", both),
        ("Transfer-Encoding: chunked\r\nX: y\r\ncontent-length : 3", both),
        ("Content-Length: 3\r\nContent-Length: 3", Err("more than one Content-Length")),
        ("Content-Length: 3\r\nContent-Length: 4", Err("more than one Content-Length")),
        ("Content-Length: 3, 3", Err("Content-Length is no number")),
        ("Content-Length: +3", Err("Content-Length is no number")),
        ("Content-Length: ", Err("Content-Length is no number")),
        ("Content-Length: 99999999999999999999", Err("Content-Length is no number")),
        ("Transfer-Encoding: gzip, chunked", Err("a Transfer-Encoding other than chunked")),
        ("Transfer-Encoding: xchunked", Err("a Transfer-Encoding other than chunked")),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Err("more than one Transfer-Encoding")),
        ("Transfer-Encoding:\tchunked\r\n identity", Err("a header is continued on a line of its own")),
        ("X: a\nContent-Length: 3", Err("a line ends without a carriage return")),
    ] {
        assert_eq!(look(&format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n0\r\n\r\n")), refused, "{head}");
    }
}

#[test]
fn chunks_are_what_they_say() {
    for (body, refused) in [
        ("x\r\n", "a chunk's size is no hexadecimal number"),
        ("\r\n", "a chunk's size is no hexadecimal number"),
        ("0x5\r\n", "a chunk's size is no hexadecimal number"),
        ("5 \r\n", "a chunk's size is no hexadecimal number"),
        ("fffffffffffffffff\r\n", "a chunk's size is no hexadecimal number"),
        ("5\n", "a line ends without a carriage return"),
        ("2\r\nabc\r\n", "a chunk is longer than its size"),
        ("2\r\nab\n", "a line ends without a carriage return"),
    ] {
        let stream = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        assert_eq!(look(&stream), Err(refused), "{body:?}");
    }
}

#[test]
fn what_frames_itself_is_not_looked_at() {
    let mut framing = Framing::new(LINE_MAX);
    assert_eq!(framing.look(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\n\n\n"), Ok(()));
    assert!(framing.is_other());
    let mut framing = Framing::new(LINE_MAX);
    assert!(framing.look(&vec![b'x'; LINE_MAX + 1]).is_err(), "nobody reads a line beyond every limit");
}
