//! Filter, score, order.

use gatewright_sdk::placement::{Candidate, Ranking, Rejection, Request};
use gatewright_sdk::{Reason, reason};

use crate::Config;

/// A whole, in the fractions that scores are made of. Integers: the same order on every machine.
const WHOLE: u128 = 1_000_000;

/// Orders the candidates that have room, and gives a reason for each that has not.
pub(crate) fn rank(config: Config, request: &Request, candidates: &[Candidate]) -> Ranking {
    let mut fitting = Vec::new();
    let mut rejected = Vec::new();
    for (index, candidate) in (0_u32..).zip(candidates) {
        match why_not(config, request, candidate) {
            Some(reason) => rejected.push(Rejection { candidate: index, reason }),
            None => fitting.push((index, candidate, score(request, candidate))),
        }
    }
    // Best first: with the image before without, then by room, then by name so that equal nodes have an order.
    fitting.sort_by(|(_, a, a_score), (_, b, b_score)| {
        (b.has_image, b_score)
            .cmp(&(a.has_image, a_score))
            .then_with(|| a.name.cmp(&b.name))
    });
    Ranking {
        order: fitting.into_iter().map(|(index, _, _)| index).collect(),
        rejected,
    }
}

fn why_not(config: Config, request: &Request, candidate: &Candidate) -> Option<Reason> {
    let needed_cpu = u64::from(request.cpu_millicores);
    if config.require_image && !candidate.has_image {
        return Some(reason("image-missing").name("image", &request.image).build());
    }
    if candidate.memory_bytes_free < request.memory_bytes {
        let reason = reason("too-little-memory").bytes("free", candidate.memory_bytes_free);
        return Some(reason.bytes("needed", request.memory_bytes).build());
    }
    if candidate.cpu_millicores_free < needed_cpu {
        return Some(
            reason("too-little-cpu")
                .count("free", candidate.cpu_millicores_free)
                .count("needed", needed_cpu)
                .build(),
        );
    }
    if candidate.sessions_free == 0 {
        return Some(
            reason("no-session-free")
                .count("limit", candidate.sessions_allocatable.into())
                .build(),
        );
    }
    None
}

/// The room that is left once the session is there: the mean of the free fractions of memory, processor and sessions.
fn score(request: &Request, candidate: &Candidate) -> u128 {
    let memory = fraction(
        candidate.memory_bytes_free.saturating_sub(request.memory_bytes),
        candidate.memory_bytes_allocatable,
    );
    let cpu = fraction(
        candidate.cpu_millicores_free.saturating_sub(request.cpu_millicores.into()),
        candidate.cpu_millicores_allocatable,
    );
    let sessions = fraction(
        candidate.sessions_free.saturating_sub(1).into(),
        candidate.sessions_allocatable.into(),
    );
    (memory + cpu + sessions) / 3
}

/// A node that gives more than it has is full of room, one that has nothing has none.
fn fraction(free: u64, allocatable: u64) -> u128 {
    (u128::from(free) * WHOLE)
        .checked_div(u128::from(allocatable))
        .map_or(0, |fraction| fraction.min(WHOLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn request() -> Request {
        Request {
            session: "s".into(),
            user: "u".into(),
            groups: Vec::new(),
            workspace: "Desktop".into(),
            zone: "z".into(),
            image: "gatewright/desktop".into(),
            cpu_millicores: 1000,
            memory_bytes: 2 * GIB,
        }
    }

    /// Half of everything is free.
    fn node(name: &str) -> Candidate {
        Candidate {
            name: name.into(),
            zone: "z".into(),
            engine: "docker".into(),
            cpu_millicores_allocatable: 8000,
            cpu_millicores_free: 4000,
            memory_bytes_allocatable: 16 * GIB,
            memory_bytes_free: 8 * GIB,
            sessions_allocatable: 10,
            sessions_free: 5,
            has_image: true,
            labels: Vec::new(),
        }
    }

    fn order(config: Config, candidates: &[Candidate]) -> Vec<&str> {
        let ranking = rank(config, &request(), candidates);
        let places = ranking.order.iter().filter_map(|index| candidates.get(*index as usize));
        places.map(|candidate| candidate.name.as_str()).collect()
    }

    #[test]
    fn the_node_with_the_most_room_left_comes_first() {
        let full = Candidate {
            memory_bytes_free: 3 * GIB,
            ..node("full")
        };
        let empty = Candidate {
            memory_bytes_free: 16 * GIB,
            cpu_millicores_free: 8000,
            sessions_free: 10,
            ..node("empty")
        };
        // More bytes free, but of far more: the same fraction decides, not the size.
        let large = Candidate {
            memory_bytes_allocatable: 64 * GIB,
            memory_bytes_free: 20 * GIB,
            ..node("large")
        };
        assert_eq!(
            order(Config::default(), &[full, large, node("half"), empty]),
            ["empty", "half", "large", "full"]
        );
    }

    #[test]
    fn placing_one_after_the_other_spreads() {
        let mut nodes = [node("a"), node("b"), node("c")];
        let mut taken = Vec::new();
        for _ in 0..6 {
            let best = rank(Config::default(), &request(), &nodes).order.first().copied().unwrap_or(99);
            for (_, node) in (0_u32..).zip(&mut nodes).filter(|(index, _)| *index == best) {
                node.memory_bytes_free -= request().memory_bytes;
                node.cpu_millicores_free -= 1000;
                node.sessions_free -= 1;
            }
            taken.push(best);
        }
        assert_eq!(taken, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn equal_nodes_are_ordered_by_name_whatever_their_order_was() {
        assert_eq!(order(Config::default(), &[node("c"), node("a"), node("b")]), ["a", "b", "c"]);
        assert_eq!(order(Config::default(), &[node("b"), node("c"), node("a")]), ["a", "b", "c"]);
    }

    #[test]
    fn each_rejection_has_its_reason_with_numbers() {
        let nodes = [
            Candidate {
                has_image: false,
                ..node("no image")
            },
            Candidate {
                memory_bytes_free: 2 * GIB - 1,
                ..node("memory")
            },
            Candidate {
                cpu_millicores_free: 999,
                ..node("cpu")
            },
            Candidate {
                sessions_free: 0,
                ..node("sessions")
            },
            Candidate {
                memory_bytes_free: 2 * GIB,
                cpu_millicores_free: 1000,
                sessions_free: 1,
                ..node("just enough")
            },
        ];
        let ranking = rank(Config::default(), &request(), &nodes);
        assert_eq!(ranking.order, [4]);
        let reasons = [
            reason("image-missing").name("image", "gatewright/desktop").build(),
            reason("too-little-memory")
                .bytes("free", 2 * GIB - 1)
                .bytes("needed", 2 * GIB)
                .build(),
            reason("too-little-cpu").count("free", 999).count("needed", 1000).build(),
            reason("no-session-free").count("limit", 10).build(),
        ];
        let expected: Vec<Rejection> = (0_u32..)
            .zip(reasons)
            .map(|(candidate, reason)| Rejection { candidate, reason })
            .collect();
        assert_eq!(ranking.rejected, expected);
    }

    #[test]
    fn without_require_image_nodes_with_it_still_come_first() {
        let empty = Candidate {
            has_image: false,
            memory_bytes_free: 16 * GIB,
            sessions_free: 10,
            ..node("empty")
        };
        let nodes = [empty, node("has it")];
        assert_eq!(order(Config { require_image: false }, &nodes), ["has it", "empty"]);
        assert_eq!(order(Config::default(), &nodes), ["has it"]);
    }

    #[test]
    fn odd_numbers_do_no_harm() {
        let nothing = Candidate {
            memory_bytes_allocatable: 0,
            cpu_millicores_allocatable: 0,
            sessions_allocatable: 0,
            ..node("nothing")
        };
        let most = Candidate {
            memory_bytes_allocatable: 1,
            memory_bytes_free: u64::MAX,
            cpu_millicores_free: u64::MAX,
            sessions_free: u32::MAX,
            ..node("most")
        };
        assert_eq!(order(Config::default(), &[nothing, most]), ["most", "nothing"]);
        assert_eq!(order(Config::default(), &[]), Vec::<&str>::new());
    }

    #[test]
    fn configuration_is_read_and_unknown_fields_are_refused() {
        use gatewright_sdk::parse_config;
        assert_eq!(parse_config("{}"), Ok(Config { require_image: true }));
        assert_eq!(parse_config(r#"{"require_image":false}"#), Ok(Config { require_image: false }));
        assert!(parse_config::<Config>(r#"{"require_images":false}"#).is_err());
    }
}
