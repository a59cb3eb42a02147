//! What a session wants, what a node has, and the arithmetic between them.

use serde::{Deserialize, Serialize};

/// The limits that a session runs under. All are enforced by the engine, or the launch is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Thousandths of a core.
    pub cpu_millicores: u32,
    /// Memory with swap, in bytes.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: u32,
    /// `/dev/shm`, in bytes.
    pub shm_bytes: u64,
}

/// What a node can give to sessions in all, after the operator's reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocatable {
    /// Thousandths of a core, overcommit included.
    pub cpu_millicores: u64,
    /// Bytes.
    pub memory_bytes: u64,
    /// Sessions at once.
    pub sessions: u32,
}

/// What is left of [`Allocatable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headroom {
    /// Thousandths of a core.
    pub cpu_millicores: u64,
    /// Bytes.
    pub memory_bytes: u64,
    /// Sessions.
    pub sessions: u32,
}

/// Which resource a node lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shortage {
    /// Not enough cores.
    Cpu,
    /// Not enough memory.
    Memory,
    /// Its number of sessions is reached.
    Sessions,
}

impl Allocatable {
    /// What is left when `reserved` run here. Never negative: an operator may have lowered the limits since.
    #[must_use]
    pub fn headroom<'a>(self, reserved: impl IntoIterator<Item = &'a Resources>) -> Headroom {
        let all = Headroom {
            cpu_millicores: self.cpu_millicores,
            memory_bytes: self.memory_bytes,
            sessions: self.sessions,
        };
        reserved.into_iter().fold(all, Headroom::without)
    }
}

impl Headroom {
    /// What is left when one more runs here.
    #[must_use]
    pub fn without(self, one: &Resources) -> Self {
        Self {
            cpu_millicores: self.cpu_millicores.saturating_sub(u64::from(one.cpu_millicores)),
            memory_bytes: self.memory_bytes.saturating_sub(one.memory_bytes),
            sessions: self.sessions.saturating_sub(1),
        }
    }

    /// Whether `wanted` fits.
    ///
    /// # Errors
    /// The first resource that it lacks.
    pub fn fits(self, wanted: &Resources) -> Result<(), Shortage> {
        if self.sessions == 0 {
            Err(Shortage::Sessions)
        } else if self.memory_bytes < wanted.memory_bytes {
            Err(Shortage::Memory)
        } else if self.cpu_millicores < u64::from(wanted.cpu_millicores) {
            Err(Shortage::Cpu)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Resources = Resources {
        cpu_millicores: 500,
        memory_bytes: 100,
        pids: 10,
        shm_bytes: 1,
    };

    #[test]
    fn headroom_shrinks_and_stops_at_zero() {
        let node = Allocatable {
            cpu_millicores: 1_000,
            memory_bytes: 250,
            sessions: 8,
        };
        assert_eq!(node.headroom([]).fits(&SMALL), Ok(()));
        assert_eq!(node.headroom([&SMALL]).fits(&SMALL), Ok(()));
        assert_eq!(node.headroom([&SMALL, &SMALL]).fits(&SMALL), Err(Shortage::Memory));
        assert_eq!(node.headroom([&SMALL; 5]).memory_bytes, 0);
        let one = Allocatable { sessions: 1, ..node };
        assert_eq!(one.headroom([&SMALL]).fits(&SMALL), Err(Shortage::Sessions));
        let slow = Allocatable {
            cpu_millicores: 400,
            ..node
        };
        assert_eq!(slow.headroom([]).fits(&SMALL), Err(Shortage::Cpu));
    }
}
