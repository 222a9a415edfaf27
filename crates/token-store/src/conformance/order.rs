//! Whether what was answered at once has an order: the search of Wing and Gong, with what was
//! tried before remembered (J. M. Wing, C. Gong, "Testing and Verifying Concurrent Objects", 1993).

use core::hash::Hash;
use std::collections::HashSet;

/// A call that one task made, and when: of two calls, the one that ended before the other began
/// comes first.
pub(super) struct Call<C> {
    pub(super) call: C,
    pub(super) began: u64,
    pub(super) ended: u64,
}

/// Whether some order explains every call.
///
/// `apply` answers what is after a call if it explains the answer; `mark` tells two states apart;
/// `is_end` says whether this is what was found in the end.
pub(super) fn has_order<C, S: Clone, M: Eq + Hash>(
    tasks: &[Vec<Call<C>>],
    state: &S,
    apply: impl Fn(&S, &C) -> Option<S>,
    mark: impl Fn(&S) -> M,
    is_end: impl Fn(&S) -> bool,
) -> bool {
    let mut tried = HashSet::new();
    let mut open = vec![(vec![0; tasks.len()], state.clone())];
    while let Some((done, state)) = open.pop() {
        let next = |task: usize| tasks[task].get(done[task]);
        let nexts = || (0..tasks.len()).filter_map(next);
        // Whatever began after another's end comes later than that.
        let Some(first_end) = nexts().map(|call| call.ended).min() else {
            if is_end(&state) {
                return true;
            }
            continue;
        };
        for (task, call) in (0..tasks.len()).filter_map(|task| Some((task, next(task)?))) {
            if call.began > first_end {
                continue;
            }
            let Some(after) = apply(&state, &call.call) else {
                continue;
            };
            let mut done = done.clone();
            done[task] += 1;
            if tried.insert((done.clone(), mark(&after))) {
                open.push((done, after));
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{Call, has_order};

    /// A register: `Some` writes, `None` reads what stands beside it.
    type Asked = (Option<u8>, u8);

    fn ordered(tasks: &[&[(Asked, u64, u64)]], end: u8) -> bool {
        let task = |calls: &&[(Asked, u64, u64)]| {
            let call = |&(call, began, ended): &(Asked, u64, u64)| Call { call, began, ended };
            calls.iter().map(call).collect()
        };
        let tasks: Vec<Vec<_>> = tasks.iter().map(task).collect();
        let apply = |held: &u8, call: &Asked| match *call {
            (Some(new), _) => Some(new),
            (None, read) => (read == *held).then_some(*held),
        };
        has_order(&tasks, &0, apply, |held| *held, |held| *held == end)
    }

    const WRITES_1: Asked = (Some(1), 0);
    const READS_0: Asked = (None, 0);
    const READS_1: Asked = (None, 1);

    /// Two calls at once may be in either order.
    #[test]
    fn calls_at_once_may_be_in_either_order() {
        for read in [READS_0, READS_1] {
            assert!(ordered(&[&[(WRITES_1, 0, 3)], &[(read, 1, 2)]], 1));
        }
    }

    /// A call that ended before another began comes first, in one task and across several.
    #[test]
    fn what_ended_before_comes_before() {
        assert!(ordered(&[&[(WRITES_1, 0, 1)], &[(READS_1, 2, 3)]], 1));
        assert!(!ordered(&[&[(WRITES_1, 0, 1)], &[(READS_0, 2, 3)]], 1));
        // Also of one task, and in a chain over two.
        let chain: [&[_]; 2] = [&[(WRITES_1, 0, 1), (READS_0, 4, 5)], &[(READS_1, 2, 3)]];
        assert!(!ordered(&chain, 1));
    }

    /// Answers have no order that does not lead to what is left, or that an answer contradicts.
    #[test]
    fn what_is_left_is_explained_too() {
        assert!(!ordered(&[&[(WRITES_1, 0, 1)]], 0));
        // Seen, then unseen: no order has both.
        let reads: [&[_]; 2] = [&[(WRITES_1, 0, 9)], &[(READS_1, 1, 2), (READS_0, 3, 4)]];
        assert!(!ordered(&reads, 1));
    }
}
