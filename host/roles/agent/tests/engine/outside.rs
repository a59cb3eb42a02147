//! What lies beyond the host, in a network namespace of the test's own: a public server, and much that is private.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The host's address on the way there, public like the others of its network.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(11, 22, 33, 1);
/// A public server, which is the name server as well.
pub(crate) const PUBLIC: Ipv4Addr = Ipv4Addr::new(11, 22, 33, 44);
/// What answers there as well, and that a session must not reach.
pub(crate) const PRIVATE: [Ipv4Addr; 6] = [
    Ipv4Addr::new(10, 99, 7, 2),
    Ipv4Addr::new(172, 20, 99, 9),
    Ipv4Addr::new(192, 168, 177, 2),
    Ipv4Addr::new(100, 64, 9, 9),
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(168, 63, 129, 16),
];
/// The same by IPv6.
pub(crate) const PUBLIC_V6: &str = "2a0e:1234::44";
const HOST_V6: &str = "2a0e:1234::1";
/// Where the web server listens.
pub(crate) const PORT: u16 = 8080;
/// What it says.
pub(crate) const GREETING: &str = "greetings from outside";

const NAMESPACE: &str = "gwagent-outside";
const OURS: &str = "gwagent-out";

/// The namespace with its servers. Taken down when dropped.
pub(crate) struct Outside;

impl Outside {
    /// Makes it. Names in `names` are answered with these addresses, and others not at all.
    pub(crate) fn make(names: &[(&'static str, Ipv4Addr)]) -> Self {
        // Of a test that was killed.
        let _ = Command::new("ip").args(["netns", "delete", NAMESPACE]).output();
        ip(&format!("netns add {NAMESPACE}"));
        let outside = Self;
        ip(&format!("link add {OURS} type veth peer name eth0 netns {NAMESPACE}"));
        ip(&format!("address add {HOST}/24 dev {OURS}"));
        ip(&format!("-6 address add {HOST_V6}/64 dev {OURS} nodad"));
        ip(&format!("link set {OURS} up"));
        ip(&format!("-n {NAMESPACE} link set lo up"));
        ip(&format!("-n {NAMESPACE} address add {PUBLIC}/24 dev eth0"));
        ip(&format!("-n {NAMESPACE} -6 address add {PUBLIC_V6}/64 dev eth0 nodad"));
        ip(&format!("-n {NAMESPACE} link set eth0 up"));
        ip(&format!("-n {NAMESPACE} route add default via {HOST}"));
        for address in PRIVATE {
            ip(&format!("-n {NAMESPACE} address add {address}/32 dev eth0"));
            ip(&format!("route add {address}/32 dev {OURS}"));
        }
        let (web, web_v6, dns) = inside_namespace(|| {
            (
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).unwrap(),
                TcpListener::bind(format!("[{PUBLIC_V6}]:{PORT}")).unwrap(),
                UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 53)).unwrap(),
            )
        });
        greet(web);
        greet(web_v6);
        let names: Arc<[_]> = names.into();
        std::thread::spawn(move || answer_names(&dns, &names));
        outside
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // The pair of interfaces goes with it, and with those the routes.
        let _ = Command::new("ip").args(["netns", "delete", NAMESPACE]).output();
    }
}

/// Greets whoever connects, in the words of HTTP.
pub(crate) fn greet(listener: TcpListener) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
                let _ = stream.read(&mut [0; 1024]);
                let _ = write!(stream, "HTTP/1.0 200 OK\r\ncontent-length: {}\r\n\r\n{GREETING}", GREETING.len());
            });
        }
    });
}

/// Whether the host itself is greeted there: what a session can't reach has to be there to be reached.
pub(crate) fn greets_the_host(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(5)) else {
        return false;
    };
    let mut said = String::new();
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").is_ok() && stream.read_to_string(&mut said).is_ok() && said.contains(GREETING)
}

fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split_whitespace()).output().unwrap();
    assert!(done.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Runs on a thread that is in the namespace. Sockets that are made there stay there.
fn inside_namespace<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(move || {
        let namespace = std::fs::File::open(format!("/run/netns/{NAMESPACE}")).unwrap();
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        work()
    })
    .join()
    .unwrap()
}

/// A name server (RFC 1035) that knows addresses of some names.
fn answer_names(socket: &UdpSocket, names: &[(&'static str, Ipv4Addr)]) {
    let mut buffer = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let question = &buffer[..length];
        let Some((name, end)) = question_name(question) else { continue };
        let wants_address = question[end..].starts_with(&[0, 1, 0, 1]);
        let known = names.iter().find(|(known, _)| *known == name).filter(|_| wants_address);
        // Id, a response with recursion, one question, an answer or none, nothing else.
        let mut answer = [&question[..2], &[0x81, 0x80, 0, 1, 0, u8::from(known.is_some()), 0, 0, 0, 0]].concat();
        answer.extend(&question[12..end + 4]);
        if let Some((_, address)) = known {
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            answer.extend(address.octets());
        }
        let _ = socket.send_to(&answer, from);
    }
}

/// The name that is asked for, and where it ends.
fn question_name(question: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), 12);
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            return question.get(at..at + 4).map(|_| (labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(question.get(at..at + length)?).to_lowercase());
        at += length;
    }
}
