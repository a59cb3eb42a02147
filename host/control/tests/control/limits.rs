//! Limits of sessions, with a clock that is moved.

use std::sync::Arc;
use std::time::Duration;

use gatewright_control::{JoinTokenWish, SessionLimits};
use gatewright_core::session::SessionState;
use gatewright_core::{NodeRole, SessionId};
use gatewright_identity::{NodeCredentials, NodeKey};
use gatewright_ports::Control;
use gatewright_ports::control::{Der, JoinRequest, SecretText};

use crate::agent::{FakeAgent, FakeProxy};
use crate::support::{HandClock, Plane, Site, admin};

const MINUTE: Duration = Duration::from_secs(60);

struct Stand {
    _site: Site,
    plane: Plane,
    agent: Arc<FakeAgent>,
    proxy: Arc<FakeProxy>,
    clock: Arc<HandClock>,
    session: SessionId,
}

impl Stand {
    async fn new(limits: SessionLimits) -> Self {
        let (site, clock) = (Site::new(), HandClock::new());
        let mut config = site.config();
        config.clock = clock.clone();
        config.session_limits = SessionLimits {
            every: Duration::from_secs(3600),
            ..limits
        };
        let plane = site.open_with(config).await;
        let (agent, proxy) = (FakeAgent::new(1, 5).share(), Arc::new(FakeProxy::default()));
        plane.add(&agent).await;
        plane.control.register_proxy(proxy.clone());
        let session = plane.launch().await;
        plane.wait_state(session, SessionState::Ready).await;
        plane.control.check_limits().await.unwrap();
        Self {
            _site: site,
            plane,
            agent,
            proxy,
            clock,
            session,
        }
    }

    async fn after(&self, time: Duration) -> Vec<String> {
        self.clock.advance(time);
        self.plane.control.check_limits().await.unwrap();
        self.proxy.told()
    }

    async fn paused(&self, paused: bool) {
        if paused {
            self.plane.control.pause(self.session, &admin()).await.unwrap();
        } else {
            self.plane.control.resume(self.session, &admin()).await.unwrap();
        }
    }

    async fn is_ready(&self) {
        let session = self.plane.control.session(self.session).await.unwrap().unwrap();
        assert_eq!(session.state, SessionState::Ready, "{:?}", session.end);
    }

    async fn has_ended(&self, code: &str, text: &str) {
        let end = self.plane.wait_final(self.session).await.end.unwrap();
        assert_eq!((end.code.as_str(), end.text.as_str()), (code, text));
        assert!(self.agent.containers().is_empty());
    }
}

#[tokio::test]
async fn nobody_connected_for_half_an_hour_ends_a_session() {
    let stand = Stand::new(SessionLimits::default()).await;
    stand.after(MINUTE * 29).await;
    stand.is_ready().await;
    // Somebody looks in: the time begins anew.
    stand.proxy.connect(stand.session);
    stand.after(MINUTE * 60).await;
    stand.proxy.disconnect(stand.session);
    stand.after(MINUTE * 29).await;
    stand.is_ready().await;
    assert!(stand.after(MINUTE).await.is_empty(), "nobody is there to be warned");
    let text = "Nobody was connected for 30 minutes, so this session was ended.";
    stand.has_ended("unattended", text).await;
}

#[tokio::test]
async fn a_proxy_that_does_not_answer_ends_nobodys_session() {
    let stand = Stand::new(SessionLimits::default()).await;
    stand.proxy.connect(stand.session);
    stand.after(MINUTE).await;
    stand.proxy.answers(false);
    stand.after(MINUTE * 600).await;
    stand.is_ready().await;
    stand.proxy.answers(true);
    stand.proxy.disconnect(stand.session);
    stand.after(MINUTE * 29).await;
    stand.is_ready().await;
    stand.after(MINUTE).await;
    stand.plane.wait_final(stand.session).await;
}

#[tokio::test]
async fn idleness_is_warned_of_twice_and_a_key_begins_it_anew() {
    let stand = Stand::new(SessionLimits {
        idle: Some(MINUTE * 60),
        ..SessionLimits::default()
    })
    .await;
    let warning = |left: &str| format!("This session ends in {left}, since nothing is typed or clicked. Press a key to keep it.");
    stand.proxy.idle(stand.session, 50 * 60);
    assert_eq!(stand.after(MINUTE * 50).await, [warning("10 minutes")]);
    stand.proxy.idle(stand.session, 51 * 60);
    assert!(stand.after(MINUTE).await.is_empty(), "said already");
    stand.proxy.idle(stand.session, 0);
    assert!(stand.after(MINUTE).await.is_empty());
    stand.proxy.idle(stand.session, 50 * 60);
    assert_eq!(stand.after(MINUTE * 50).await, [warning("10 minutes")]);
    stand.proxy.idle(stand.session, 59 * 60);
    assert_eq!(stand.after(MINUTE * 9).await, [warning("1 minute")]);
    stand.proxy.idle(stand.session, 60 * 60);
    stand.after(MINUTE).await;
    let text = "Nothing was typed or clicked for 1 hour, so this session was ended.";
    stand.has_ended("idle", text).await;
}

#[tokio::test]
async fn the_longest_time_counts_from_readiness_whatever_is_typed() {
    let stand = Stand::new(SessionLimits {
        longest: Some(MINUTE * 720),
        ..SessionLimits::default()
    })
    .await;
    stand.proxy.connect(stand.session);
    assert!(stand.after(MINUTE * 700).await.is_empty());
    let warning = |left: &str| format!("This session ends in {left}. It may be open for 12 hours at the most. Save your work.");
    assert_eq!(stand.after(MINUTE * 10).await, [warning("10 minutes")]);
    assert_eq!(stand.after(MINUTE * 9).await, [warning("1 minute")]);
    stand.after(MINUTE).await;
    let text = "This session was open for 12 hours, the longest that is allowed.";
    stand.has_ended("time-limit", text).await;
}

#[tokio::test]
async fn who_is_connected_through_another_process_is_known_by_its_link() {
    let stand = Stand::new(SessionLimits::default()).await;
    let control = &stand.plane.control;
    let wish = JoinTokenWish {
        roles: [NodeRole::ConnectionProxy].into(),
        zone: "default".into(),
        uses: 1,
        lifetime: MINUTE,
    };
    let (token, key) = (control.add_node(&wish, &admin()).await.unwrap(), NodeKey::generate().unwrap());
    let request = JoinRequest {
        token: SecretText(token.text().into()),
        request: Der(key.request().unwrap()),
        name: "proxy-2".into(),
        address: Some("198.51.100.2:8444".into()),
    };
    let joined = control.join(request).await.unwrap();
    let identity = NodeCredentials::new(&key, joined.certificate.0.into(), joined.authority.0.into())
        .unwrap()
        .identity()
        .clone();
    assert_eq!(identity.zone, control.own_zone());

    // It joined and nothing is heard of it: somebody may be connected there.
    stand.after(MINUTE * 600).await;
    stand.is_ready().await;
    let other = Arc::new(FakeProxy::default());
    other.connect(stand.session);
    control.link_proxy(identity.node, other.clone());
    stand.after(MINUTE * 600).await;
    stand.is_ready().await;
    // The link is lost, and the proxy removed for good.
    control.unlink_proxy(identity.node);
    stand.after(MINUTE * 600).await;
    stand.is_ready().await;
    control.remove_node(identity.node, &admin()).await.unwrap();
    stand.after(MINUTE * 29).await;
    stand.is_ready().await;
    stand.after(MINUTE).await;
    stand.plane.wait_final(stand.session).await;
}

#[tokio::test]
async fn a_paused_session_ends_by_its_own_limit_and_absence_counts_from_when_it_goes_on() {
    let stand = Stand::new(SessionLimits::default()).await;
    stand.paused(true).await;
    // Far longer than nobody may be connected.
    stand.after(MINUTE * 60 * 23).await;
    stand.is_ready().await;
    stand.paused(false).await;
    stand.after(MINUTE * 29).await;
    stand.is_ready().await;
    stand.paused(true).await;
    stand.after(MINUTE * 60 * 24 - MINUTE).await;
    stand.is_ready().await;
    stand.after(MINUTE).await;
    let ended = stand.plane.wait_final(stand.session).await;
    assert_eq!(ended.end.unwrap().code, "paused-too-long");
    assert!(stand.agent.containers().is_empty());
    stand.plane.control.shutdown().await;
}
