//! The server of tests itself: it listens, ends and comes back where it was.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use tidegate_brokers::nats::NatsServer;
use tidegate_brokers::proxy::Proxy;

fn greeting(address: SocketAddr) -> Option<String> {
    let mut line = String::new();
    BufReader::new(TcpStream::connect(address).ok()?).read_line(&mut line).ok()?;
    (!line.is_empty()).then_some(line)
}

#[test]
fn a_server_comes_back_on_its_port_and_ends_with_its_value() {
    let mut server = NatsServer::with("max_payload: 4096").unwrap();
    let address = server.address();
    let hello = greeting(address).unwrap();
    assert!(hello.contains("\"jetstream\":true") && hello.contains("\"max_payload\":4096"), "{hello}");
    server.kill();
    assert_eq!(greeting(address), None);
    server.restart().unwrap();
    assert!(greeting(address).is_some());
    drop(server);
    assert_eq!(greeting(address), None);
}

#[test]
fn a_configuration_that_is_wrong_says_so() {
    let error = NatsServer::with("no_such_option: 1").unwrap_err().to_string();
    assert!(error.contains("no_such_option"), "{error}");
}

#[test]
fn a_proxy_passes_on_until_it_cuts_or_truncates() {
    let server = NatsServer::start().unwrap();
    let proxy = Proxy::to(server.address()).unwrap();
    let connect = || {
        let mut stream = BufReader::new(TcpStream::connect(proxy.address()).unwrap());
        stream.read_line(&mut String::new()).unwrap();
        stream
    };
    let mut cut = connect();
    proxy.cut();
    assert_eq!(cut.read_to_end(&mut Vec::new()).unwrap_or(0), 0);
    let mut truncated = connect();
    proxy.truncate();
    truncated.get_mut().write_all(b"CONNECT {}\r\nPING\r\n").unwrap();
    // The half that reached the server has no end; nothing comes back.
    assert_eq!(truncated.read_to_end(&mut Vec::new()).unwrap_or(0), 0);
    proxy.refuse();
    assert_eq!(greeting(proxy.address()), None);
    proxy.resume();
    assert!(greeting(proxy.address()).is_some());
}
