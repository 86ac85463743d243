//! The thread pool of the reference and CPU back ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{BackendKind, Error};

/// The calling thread and a pool of others. Clones share the pool.
#[derive(Clone, Debug)]
pub struct Threads(Arc<rayon::ThreadPool>);

/// The threads of a pool that the program has already. Rayon's type stands in a public
/// signature here because a pool is shared by nothing else.
impl From<Arc<rayon::ThreadPool>> for Threads {
    fn from(pool: Arc<rayon::ThreadPool>) -> Self {
        Threads(pool)
    }
}

impl Threads {
    /// `count` threads, the calling one included; 0 means one for each processor.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the system cannot start the threads.
    pub fn new(count: usize) -> Result<Self, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|index| format!("verilane-{index}"))
            .build();
        pool.map(|pool| Threads(Arc::new(pool)))
            .map_err(|error| Error::Unavailable { backend: BackendKind::Cpu, reason: error.to_string() })
    }

    /// The number of threads, the calling one included.
    pub fn count(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Runs `work` inside the pool, where rayon's parallel iterators use all its threads, and
    /// waits for it.
    ///
    /// # Panics
    /// If `work` panics: with what it panicked with.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.0.install(work)
    }

    /// Calls `work` once with each item, on all threads. Items are started in order.
    ///
    /// The calling thread starts at once: waking another takes as long as verifying a few
    /// signatures. A single item stays on the calling thread.
    pub(crate) fn for_each<T: Send>(&self, items: impl Iterator<Item = T> + Send, work: impl Fn(T) + Sync) {
        self.share(items, |items| items.for_each(&work));
    }

    /// Calls `work` with each chunk of `out`, of `size` elements except the last, and with the
    /// index of its first element. Chunks are distributed as by [`for_each`](Self::for_each).
    pub(crate) fn for_each_chunk<T: Send>(
        &self,
        out: &mut [T],
        size: usize,
        work: impl Fn(usize, &mut [T]) + Sync,
    ) {
        self.for_each(out.chunks_mut(size).enumerate(), |(index, out)| work(index * size, out));
    }

    /// The results of `work` on each item, in the items' order. Distributed as by
    /// [`for_each`](Self::for_each).
    pub(crate) fn map<T: Send, R: Send>(
        &self,
        items: impl Iterator<Item = T> + Send,
        work: impl Fn(T) -> R + Sync,
    ) -> Vec<R> {
        self.map_init(items, || (), |(), item| work(item))
    }

    /// As [`map`](Self::map), with scratch memory that `init` creates once for each thread.
    pub(crate) fn map_init<T: Send, R: Send, S>(
        &self,
        items: impl Iterator<Item = T> + Send,
        init: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, T) -> R + Sync,
    ) -> Vec<R> {
        let results = Mutex::new(Vec::with_capacity(items.size_hint().0));
        self.share(items.enumerate(), |items| {
            let mut scratch = init();
            for (index, item) in items {
                let result = work(&mut scratch, item);
                locked(&results).push((index, result));
            }
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_unstable_by_key(|&(index, _)| index);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// The result of `work` on the first item, in order, for which it is `Some`. Items after
    /// one already found are not started.
    pub(crate) fn find_map_first<T: Send, R: Send>(
        &self,
        items: impl Iterator<Item = T> + Send,
        work: impl Fn(T) -> Option<R> + Sync,
    ) -> Option<R> {
        let found: Mutex<Option<(usize, R)>> = Mutex::new(None);
        let comes_first =
            |index, found: &Option<(usize, R)>| found.as_ref().is_none_or(|found| index < found.0);
        self.share(items.enumerate(), |items| {
            for (index, item) in items {
                if !comes_first(index, &locked(&found)) {
                    return;
                }
                let Some(result) = work(item) else { continue };
                let mut found = locked(&found);
                if comes_first(index, &found) {
                    *found = Some((index, result));
                }
            }
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner).map(|(_, result)| result)
    }

    /// Calls `work` on the calling thread and on others. Each gets an iterator that takes the
    /// next item not yet taken.
    fn share<I: Iterator<Item: Send> + Send>(&self, items: I, work: impl Fn(SharedIter<'_, I>) + Sync) {
        let max_items = items.size_hint().1.unwrap_or(usize::MAX);
        let others = self.count().min(max_items).saturating_sub(1);
        let items = &Mutex::new(items);
        if others == 0 {
            return work(SharedIter(items));
        }
        let work = &work;
        self.0.in_place_scope(|scope| {
            for _ in 0..others {
                scope.spawn(move |_| work(SharedIter(items)));
            }
            work(SharedIter(items));
        });
    }
}

/// An iterator over items shared by threads; each item goes to one of them.
struct SharedIter<'a, I>(&'a Mutex<I>);

impl<I: Iterator> Iterator for SharedIter<'_, I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        locked(self.0).next()
    }
}

/// Locks `mutex`. Poisoning is ignored: no code panics while it holds one of these locks.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    const COUNTS: [usize; 3] = [1, 2, 5];

    #[test]
    fn each_item_is_processed_once() {
        for count in COUNTS {
            let threads = Threads::new(count).unwrap();
            for items in [0, 1, 2, 100] {
                let calls: Vec<_> = (0..items).map(|_| AtomicUsize::new(0)).collect();
                threads.for_each(0..items, |item| {
                    calls[item].fetch_add(1, Ordering::Relaxed);
                });
                assert!(calls.into_iter().all(|calls| calls.into_inner() == 1), "{count} {items}");
            }
        }
    }

    #[test]
    fn chunks_come_with_their_start() {
        for count in COUNTS {
            let mut out = vec![0; 100];
            Threads::new(count).unwrap().for_each_chunk(&mut out, 7, |start, out| {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = start + i;
                }
            });
            assert_eq!(out, (0..100).collect::<Vec<_>>());
        }
    }

    #[test]
    fn results_come_in_order() {
        for count in COUNTS {
            let threads = Threads::new(count).unwrap();
            assert_eq!(
                threads.map(0..1000, |item| item * item),
                (0..1000).map(|i| i * i).collect::<Vec<_>>()
            );
            assert_eq!(threads.map([7].into_iter(), |item| item + 1), [8]);
        }
    }

    #[test]
    fn scratch_memory_is_per_thread() {
        let threads = Threads::new(3).unwrap();
        let counted = threads.map_init(
            0..100,
            || 0,
            |calls, _| {
                *calls += 1;
                *calls
            },
        );
        assert_eq!(counted.len(), 100);
        // Each thread that took an item counted from 1.
        let started = counted.iter().filter(|&&calls| calls == 1).count();
        assert!((1..=3).contains(&started), "{counted:?}");
    }

    #[test]
    fn the_first_match_wins() {
        for count in COUNTS {
            let threads = Threads::new(count).unwrap();
            let slow = |item: usize| {
                if item == 20 {
                    thread::sleep(std::time::Duration::from_millis(5));
                }
                (item >= 20).then_some(item)
            };
            assert_eq!(threads.find_map_first(0..1000, slow), Some(20));
            assert_eq!(threads.find_map_first(0..1000, |_| None::<usize>), None);
        }
    }

    #[test]
    fn a_single_item_stays_on_the_calling_thread() {
        let threads = Threads::new(4).unwrap();
        let ran_on = threads.map([()].into_iter(), |()| thread::current().id());
        assert_eq!(ran_on, [thread::current().id()]);
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let threads = Threads::new(3).unwrap();
        let panics = || threads.for_each(0..100, |item| assert_ne!(item, 50));
        assert!(thread::scope(|scope| scope.spawn(panics).join()).is_err());
        assert_eq!(threads.map(0..3, |item| item), [0, 1, 2]);
    }
}
