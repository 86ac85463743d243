//! The thread pool of the reference and CPU back ends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{BackendKind, Error};

/// The calling thread and a pool of others. Clones share the pool.
#[derive(Clone, Debug)]
pub struct Threads {
    pool: Arc<rayon::ThreadPool>,
    idle: Arc<IdleThreads>,
}

/// The threads of a pool that the program has already. Rayon's type stands in a public
/// signature here because a pool is shared by nothing else. A call may wait for the other
/// work of such a pool.
impl From<Arc<rayon::ThreadPool>> for Threads {
    fn from(pool: Arc<rayon::ThreadPool>) -> Self {
        let others = pool.current_num_threads().saturating_sub(1);
        Threads { pool, idle: Arc::new(IdleThreads(AtomicUsize::new(others))) }
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
        pool.map(|pool| Threads::from(Arc::new(pool)))
            .map_err(|error| Error::Unavailable { backend: BackendKind::Cpu, reason: error.to_string() })
    }

    /// The number of threads, the calling one included.
    pub fn count(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs `work` inside the pool, where rayon's parallel iterators use all its threads, and
    /// waits for it.
    ///
    /// # Panics
    /// If `work` panics: with what it panicked with.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        // Concurrent calls from outside the pool would wait for the threads that `work` uses.
        let _reserved = self.reserve(self.count());
        self.pool.install(work)
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
    ///
    /// Only idle threads of the pool are recruited: the call waits for all that it recruits, and
    /// one that is busy with a long call would begin when that ends. Threads that become idle
    /// are recruited as long as items remain.
    fn share<I: Iterator<Item: Send> + Send>(&self, items: I, work: impl Fn(SharedIter<'_, I>) + Sync) {
        let max_items = items.size_hint().1.unwrap_or(usize::MAX);
        let others = self.count().min(max_items).saturating_sub(1);
        let items = &Mutex::new(items);
        if others == 0 {
            return work(SharedIter { items, recruit: &|| () });
        }
        let (work, recruited) = (&work, AtomicUsize::new(0));
        self.pool.in_place_scope(|scope| {
            let recruit = || {
                let missing = others - recruited.load(Ordering::Relaxed);
                for reserved in self.recruits(missing) {
                    recruited.fetch_add(1, Ordering::Relaxed);
                    scope.spawn(move |_| {
                        work(SharedIter { items, recruit: &|| () });
                        drop(reserved);
                    });
                }
            };
            work(SharedIter { items, recruit: &recruit });
        });
    }

    /// A reservation of one thread for each of up to `count` that a call can use now.
    fn recruits(&self, count: usize) -> impl Iterator<Item = Option<Reserved<'_>>> {
        // A thread of the pool runs what it spawned itself while it waits: it needs no idle one.
        let in_pool = self.pool.current_thread_index().is_some();
        (0..count).map_while(move |_| match in_pool {
            true => Some(None),
            false => self.reserve(1).map(Some),
        })
    }

    /// Reserves up to `count` idle threads; `None` if there is none.
    fn reserve(&self, count: usize) -> Option<Reserved<'_>> {
        let take = |idle: usize| (idle > 0).then(|| idle.saturating_sub(count));
        let before = self.idle.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        Some(Reserved { idle: &self.idle, count: before.min(count) })
    }
}

/// The number of threads of the pool that no call has reserved.
#[derive(Debug)]
struct IdleThreads(AtomicUsize);

/// Threads reserved for a call, until this is dropped.
struct Reserved<'a> {
    idle: &'a IdleThreads,
    count: usize,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.idle.0.fetch_add(self.count, Ordering::Relaxed);
    }
}

/// An iterator over items shared by threads; each item goes to one of them.
struct SharedIter<'a, I> {
    items: &'a Mutex<I>,
    /// Called after each item that leaves others behind.
    recruit: &'a dyn Fn(),
}

impl<I: Iterator> Iterator for SharedIter<'_, I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let mut items = locked(self.items);
        let item = items.next()?;
        let is_last = items.size_hint().1 == Some(0);
        drop(items);
        if !is_last {
            (self.recruit)();
        }
        Some(item)
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
    fn a_call_does_not_wait_for_other_calls() {
        let threads = Threads::new(3).unwrap();
        let (started, release) = (AtomicUsize::new(0), Mutex::new(()));
        let held = release.lock().unwrap();
        thread::scope(|scope| {
            // Four threads run the long calls: two callers and the two others of the pool.
            for _ in 0..2 {
                scope.spawn(|| {
                    threads.for_each(0..4, |_| {
                        started.fetch_add(1, Ordering::Relaxed);
                        drop(release.lock());
                    });
                });
            }
            while started.load(Ordering::Relaxed) < 4 {
                thread::yield_now();
            }
            let (answer, answered) = std::sync::mpsc::channel();
            let threads = threads.clone();
            scope.spawn(move || answer.send(threads.map(0..2, |item| item + 1)));
            let results = answered.recv_timeout(std::time::Duration::from_secs(10));
            drop(held);
            assert_eq!(results, Ok(vec![1, 2]));
        });
    }

    #[test]
    fn all_threads_are_idle_after_a_call() {
        let threads = Threads::new(3).unwrap();
        let idle = || threads.idle.0.load(Ordering::Relaxed);
        threads.for_each(0..100, |_| thread::yield_now());
        assert_eq!(idle(), 2);
        let panics = || threads.for_each(0..100, |item| assert_ne!(item, 50));
        assert!(thread::scope(|scope| scope.spawn(panics).join()).is_err());
        assert_eq!(idle(), 2);
        assert_eq!(threads.run(idle), 0);
        assert_eq!(idle(), 2);
        assert_eq!(threads.run(|| threads.map(0..100, |item| item)), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let threads = Threads::new(3).unwrap();
        let panics = || threads.for_each(0..100, |item| assert_ne!(item, 50));
        assert!(thread::scope(|scope| scope.spawn(panics).join()).is_err());
        assert_eq!(threads.map(0..3, |item| item), [0, 1, 2]);
    }
}
