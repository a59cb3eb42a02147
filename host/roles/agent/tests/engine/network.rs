//! Sessions with the network `internet`, on both engines at once: what they reach, and that nothing private is among it.
//!
//! Whatever a session must not reach is shown to be there: the host, or the session itself, reaches it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

use gatewright_agent::NetworkConfig;
use gatewright_core::SessionId;
use gatewright_core::record::Network;
use gatewright_ports::agent_control::SessionSpec;
use gatewright_ports::{AgentControl as _, AgentError};
use tokio_util::sync::CancellationToken;

use crate::beating::Listener;
use crate::outside::{GREETING, HOST, Outside, PORT, PRIVATE, PUBLIC, PUBLIC_V6, greet, greets_the_host};
use crate::stand::{FENCE, Stand, session, soon, spec, until};
use crate::witness::Kind;

/// What the host's own packet filter is asked for.
fn nft(arguments: &str) -> String {
    let done = Command::new("nft").args(arguments.split_whitespace()).output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn networked(session: SessionId) -> SessionSpec {
    SessionSpec {
        network: Network::Internet,
        ..spec(session)
    }
}

async fn launched(stand: &Stand) -> SessionId {
    let session = session();
    soon(stand.agent.create(networked(session), FENCE)).await.unwrap();
    soon(stand.agent.start(session, FENCE)).await.unwrap();
    soon(stand.agent.wait_ready(session)).await.unwrap();
    session
}

/// A stand whose packet filter and forwarding rules go with it: for an operator they stay.
struct Wired {
    stand: Stand,
    /// The filter's name, and what the names of its interfaces begin with.
    table: String,
    prefix: String,
}

impl Wired {
    async fn new(kind: Kind, pool: &str) -> Self {
        let before = nft("list tables inet");
        let stand = Stand::networked(
            kind,
            NetworkConfig {
                pool: pool.parse().unwrap(),
                dns: vec![PUBLIC],
            },
        )
        .await;
        let after = nft("list tables inet");
        let table = after.lines().find(|line| line.contains("gatewright_") && !before.contains(*line));
        let Some(table) = table else {
            panic!("no packet filter: {:?}", stand.agent.create(networked(session()), FENCE).await);
        };
        let table = table.rsplit(' ').next().unwrap().to_owned();
        let prefix = format!("gw{}-", table.trim_start_matches("gatewright_"));
        Self { stand, table, prefix }
    }

    fn interfaces(&self) -> Vec<String> {
        let all = std::fs::read_dir("/sys/class/net").unwrap().flatten();
        let names = all.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(&self.prefix)).collect()
    }

    async fn address(&self, session: SessionId) -> Ipv4Addr {
        let shown = self.stand.inside(session, "busybox ip -4 -o addr show dev eth0").await;
        let address = shown.split_whitespace().find_map(|word| word.split_once('/')?.0.parse().ok());
        address.unwrap_or_else(|| panic!("no address: {shown}"))
    }

    /// Which of these a session reaches by TCP, all tried at once. Names are looked up: the workspace's own tools do it only here.
    async fn reached(&self, session: SessionId, targets: &[(String, u16)]) -> Vec<bool> {
        let mut script = String::from(
            "try() { case $1 in *.example) a=$(busybox timeout 5 busybox nslookup $1 | busybox sed -n 's/^Address: *//p' | busybox tail -n 1);; \
             *) a=$1;; esac; \
             printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox timeout 6 busybox nc -w 3 \"$a\" $2 >/tmp/probe.$3 2>&1; }\n",
        );
        for (number, (host, port)) in targets.iter().enumerate() {
            script.push_str(&format!("try {host} {port} {number} &\n"));
        }
        script.push_str("wait\n");
        for number in 0..targets.len() {
            script.push_str(&format!("busybox grep -c '{GREETING}' /tmp/probe.{number} || true\n"));
        }
        let said = self.stand.inside(session, &script).await;
        let reached: Vec<bool> = said.lines().map(|count| count.trim() != "0").collect();
        assert_eq!(reached.len(), targets.len(), "{said}");
        reached
    }

    async fn reaches(&self, session: SessionId, host: &str, port: u16) -> bool {
        self.reached(session, &[(host.to_owned(), port)]).await == [true]
    }
}

impl Drop for Wired {
    fn drop(&mut self) {
        nft(&format!("delete table inet {}", self.table));
        let all = format!("{}+", self.prefix);
        let rules = [
            vec!["-i", &all, "-j", "ACCEPT"],
            vec!["-o", &all, "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT"],
        ];
        for rule in rules {
            let _ = Command::new("iptables").args(["-w", "5", "-D", "FORWARD"]).args(rule).output();
        }
    }
}

/// All addresses of this host that others might use.
fn own_addresses() -> Vec<Ipv4Addr> {
    let shown = Command::new("ip").args(["-4", "-o", "addr", "show"]).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    shown
        .split_whitespace()
        .filter_map(|word| word.split_once('/')?.0.parse().ok())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_reach_the_internet_and_nothing_private() {
    let names = [
        ("public.example", PUBLIC),
        ("private.example", PRIVATE[0]),
        ("metadata.example", PRIVATE[4]),
        ("host.example", HOST),
    ];
    let outside = Outside::make(&names);
    let listener = TcpListener::bind("[::]:0").unwrap();
    let host_port = listener.local_addr().unwrap().port();
    greet(listener);

    let wired = [
        Wired::new(Kind::Docker, "10.213.0.0/16").await,
        Wired::new(Kind::Podman, "10.214.0.0/24").await,
    ];
    let mut sessions = Vec::new();
    for one in &wired {
        let first = launched(&one.stand).await;
        sessions.push((one, first, one.address(first).await));
        let second = launched(&one.stand).await;
        sessions.push((one, second, one.address(second).await));
        assert_eq!(one.interfaces().len(), 2);
        // A start that is repeated lays no second cable.
        soon(one.stand.agent.start(first, FENCE)).await.unwrap();
        assert_eq!(one.interfaces().len(), 2);
    }
    for (one, session, address) in &sessions {
        one.stand
            .inside(
                *session,
                &format!("busybox mkdir -p /tmp/www; echo '{GREETING}' >/tmp/www/index.html; busybox httpd -p 9000 -h /tmp/www"),
            )
            .await;
        assert!(
            one.reaches(*session, &address.to_string(), 9000).await,
            "its own server is not there"
        );
    }

    let own = own_addresses();
    assert!(own.contains(&HOST) && own.len() > sessions.len(), "{own:?}");
    // Whatever must not be reached is there: the host reaches it.
    let mut forbidden: Vec<(String, u16)> = Vec::new();
    for private in PRIVATE {
        assert!(greets_the_host(SocketAddr::from((private, PORT))), "nothing is at {private}");
        forbidden.push((private.to_string(), PORT));
    }
    for address in own {
        assert!(
            greets_the_host(SocketAddr::from((address, host_port))),
            "the host is not at {address}"
        );
        // Of loopback addresses a session has its own.
        forbidden.push((address.to_string(), host_port));
    }
    assert!(greets_the_host(format!("[{PUBLIC_V6}]:{PORT}").parse().unwrap()));
    forbidden.push((PUBLIC_V6.to_owned(), PORT));
    // Names that lead to private addresses lead nowhere.
    forbidden.extend(["private.example", "metadata.example"].map(|name| (name.to_owned(), PORT)));
    forbidden.push(("host.example".into(), host_port));

    for (number, (one, session, _)) in sessions.iter().enumerate() {
        let what = format!("session {number} on {:?}", one.stand.kind);
        // What it is for.
        let wanted = [PUBLIC.to_string(), "public.example".into()].map(|host| (host, PORT));
        assert_eq!(
            one.reached(*session, &wanted).await,
            [true, true],
            "{what} does not reach the Internet"
        );

        let mut forbidden = forbidden.clone();
        let others = sessions.iter().enumerate().filter(|(other, _)| *other != number);
        forbidden.extend(others.map(|(_, (_, _, address))| (address.to_string(), 9000)));
        for (target, reached) in forbidden.iter().zip(one.reached(*session, &forbidden).await) {
            assert!(!reached, "{what} reaches {target:?}");
        }
        // By UDP neither: a name server answers at the private addresses as well.
        let asked: String = PRIVATE
            .iter()
            .map(|private| format!("busybox timeout 4 busybox nslookup public.example {private} 2>&1 &\n"))
            .collect();
        let asked = one.stand.inside(*session, &format!("{asked}wait")).await;
        assert!(
            !asked.contains(&PUBLIC.to_string()),
            "{what} reaches something private by UDP: {asked}"
        );
        // No IPv6 at all.
        let addresses = one.stand.inside(*session, "busybox cat /proc/net/if_inet6").await;
        assert_eq!(addresses, "", "{what} has an address of IPv6");
        // Nobody connects to it, not even the host.
        assert!(
            !greets_the_host(SocketAddr::from((sessions[number].2, 9000))),
            "the host reaches {what}"
        );
        // Nor may it change any of it.
        let routes = one.stand.inside(*session, "busybox ip route add 1.2.3.4/32 dev eth0 2>&1").await;
        assert!(routes.contains("not permitted"), "{what} changes its routes: {routes}");
    }

    for (one, session, _) in &sessions {
        soon(one.stand.agent.destroy(*session, FENCE)).await.unwrap();
    }
    for one in &wired {
        until("the cables go with their containers", async || one.interfaces().is_empty()).await;
        one.stand.nothing_is_left().await;
    }
    drop(wired);
    a_filter_that_was_changed_stops_everything().await;
    drop(outside);
}

async fn a_filter_that_was_changed_stops_everything() {
    let wired = Wired::new(Kind::Docker, "10.213.0.0/16").await;
    let agent = &wired.stand.agent;
    let session = launched(&wired.stand).await;
    let second = self::session();
    soon(agent.create(networked(second), FENCE)).await.unwrap();

    // As an administrator might who wants to help somebody.
    for chain in ["leaves", "forward"] {
        nft(&format!("insert rule inet {} {chain} accept", wired.table));
    }
    assert!(
        wired.reaches(session, &PRIVATE[0].to_string(), PORT).await,
        "the change does nothing"
    );
    for refused in [
        agent.start(second, FENCE).await,
        agent.create(networked(self::session()), FENCE).await,
    ] {
        let Err(AgentError::NoCapacity { why }) = refused else {
            panic!("{refused:?}")
        };
        assert!(why.contains(&wired.table) && why.contains("restart the agent"), "{why}");
    }
    // A session that runs loses its cable with the next sign of life.
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (agent, stop) = (agent.clone(), stop.clone());
        async move { agent.run(std::sync::Arc::new(Listener::default()), stop).await }
    });
    until("cables are taken away", async || wired.interfaces().is_empty()).await;
    assert!(!wired.reaches(session, &PUBLIC.to_string(), PORT).await);
    stop.cancel();
    running.await.unwrap();

    // A restart writes the filter anew.
    let again = wired.stand.restarted();
    soon(again.start(second, FENCE)).await.unwrap();
    assert!(wired.reaches(second, &PUBLIC.to_string(), PORT).await);
    assert!(!wired.reaches(second, &PRIVATE[0].to_string(), PORT).await);

    // Where the operator has taken the network away, what was promised one does not run without.
    let third = self::session();
    soon(again.create(networked(third), FENCE)).await.unwrap();
    let without = wired.stand.restarted_with(|config| config.network = None);
    let refused = soon(without.start(third, FENCE)).await;
    assert!(matches!(refused, Err(AgentError::NoCapacity { .. })), "{refused:?}");
    for session in [session, second, third] {
        soon(again.destroy(session, FENCE)).await.unwrap();
    }
    wired.stand.nothing_is_left().await;
}
