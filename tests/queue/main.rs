//! The queue: each caller gets its own verdict, whatever happens to other callers, the device
//! or the queue.

mod fake;
#[cfg(feature = "tower")]
mod tower;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use futures::future::{FutureExt, join_all};
use futures::stream::{self, StreamExt};
use futures::task::SpawnExt;
use verilane::cpu::{Cpu, Level};
use verilane::ed25519::Rule;
use verilane::queue::{QueueError, QueueOptions, Stats, Ticket, Verifier};
use verilane::{Backend, Engine, Error, Threads};

use fake::{Behaviour, Fake};

const RULE: Rule = Rule::Strict;

/// A signature with its expected verdict.
struct Known {
    public_key: [u8; 32],
    signature: [u8; 64],
    message: Vec<u8>,
    valid: bool,
}

impl Known {
    fn check(&self, verdict: Result<bool, QueueError>) {
        assert_eq!(verdict.unwrap(), self.valid);
    }

    fn try_submit(&self, verifier: &Verifier) -> Result<Ticket, QueueError> {
        verifier.try_submit(&self.public_key, &self.signature, &self.message)
    }

    fn submit(&self, verifier: &Verifier) -> Ticket {
        verifier.submit_blocking(&self.public_key, &self.signature, &self.message).unwrap()
    }

    fn verify(&self, verifier: &Verifier) -> impl Future<Output = Result<bool, QueueError>> {
        verifier.verify(&self.public_key, &self.signature, &self.message)
    }
}

/// Signatures over messages of all lengths below 300 bytes, two in seven corrupted.
fn known(count: usize) -> Vec<Known> {
    let make = |n: usize| {
        let key = SigningKey::from_bytes(&[(n % 251) as u8 + 1; 32]);
        let mut message = n.to_le_bytes().repeat(38);
        message.truncate(n % 300);
        let mut signature = key.sign(&message).to_bytes();
        match n % 7 {
            3 => signature[n % 32] ^= 1 << (n % 8),
            5 => message.push(0),
            _ => {}
        }
        let valid = !matches!(n % 7, 3 | 5);
        Known { public_key: key.verifying_key().to_bytes(), signature, message, valid }
    };
    (0..count).map(make).collect()
}

fn cpu(threads: usize) -> Arc<dyn Backend> {
    Arc::new(Cpu::new(Threads::new(threads).unwrap(), Level::detected()))
}

fn verifier(backends: Vec<Arc<dyn Backend>>, options: QueueOptions) -> Verifier {
    Verifier::new(Arc::new(Engine::with_backends(backends).unwrap()), RULE, options).unwrap()
}

#[test]
fn a_million_signatures_each_get_their_own_verdict() {
    let known = Arc::new(known(2048));
    let verifier =
        verifier(vec![cpu(2)], QueueOptions { capacity: 5000, max_batch: 1000, ..QueueOptions::default() });
    thread::scope(|scope| {
        for start in 0..2 {
            let (known, verifier) = (&known, &verifier);
            // Many submissions, then their verdicts.
            scope.spawn(move || {
                for window in 0..400 {
                    let drawn = (0..1000).map(|n| &known[(n * 31 + window + start) % known.len()]);
                    let tickets: Vec<_> = drawn.map(|known| (known, known.submit(verifier))).collect();
                    tickets.into_iter().for_each(|(known, ticket)| known.check(ticket.wait()));
                }
            });
        }
        for start in 0..8 {
            let (known, verifier) = (&known, &verifier);
            // One by one.
            scope.spawn(move || {
                for n in 0..5000 {
                    let known = &known[(n * 17 + start) % known.len()];
                    known.check(verifier.verify_blocking(
                        &known.public_key,
                        &known.signature,
                        &known.message,
                    ));
                }
            });
        }
        let (known, verifier) = (&known, &verifier);
        scope.spawn(move || {
            let tasks = (0..160_000).map(|n| &known[(n * 13) % known.len()]);
            let tasks = stream::iter(tasks)
                .map(|known| known.verify(verifier).map(|verdict| known.check(verdict)))
                .buffer_unordered(3000);
            pollster::block_on(tasks.collect::<()>());
        });
    });
    let stats = verifier.stats();
    assert_eq!((stats.accepted, stats.depth, stats.failed), (1_000_000, 0, 0));
    assert_eq!(stats.valid + stats.invalid, 1_000_000);
    assert!(stats.largest_batch <= 1000 && stats.batches >= 1000, "{stats:?}");
}

#[test]
fn a_batch_holds_what_arrived_while_another_was_verified() {
    let (fake, known) = (Fake::new(1), known(30));
    let verifier = fake.verifier(vec![], QueueOptions { max_batch: 12, ..QueueOptions::default() });
    fake.hold(1);
    let first = known[0].submit(&verifier);
    fake.await_held(1);
    let rest: Vec<_> = known[1..].iter().map(|known| known.submit(&verifier)).collect();
    assert_eq!(verifier.stats().depth, 30);
    fake.release();
    for (known, ticket) in known.iter().zip(std::iter::once(first).chain(rest)) {
        known.check(ticket.wait());
    }
    assert_eq!(fake.sizes(), [1, 12, 12, 5]);
    let valid = known.iter().filter(|known| known.valid).count() as u64;
    let stats = verifier.stats();
    assert_eq!((stats.valid, stats.invalid, stats.failed), (valid, 30 - valid, 0));
    assert_eq!((stats.accepted, stats.batches, stats.largest_batch, stats.depth), (30, 4, 12, 0));
}

#[test]
fn idle_workers_verify_at_once_unless_there_is_a_delay() {
    let known = known(4);
    for (max_delay, sizes) in [(Duration::ZERO, 2), (Duration::from_secs(1), 1)] {
        let fake = Fake::new(2);
        let verifier = fake.verifier(vec![], QueueOptions { max_delay, ..QueueOptions::default() });
        fake.hold(1);
        let first = known[0].submit(&verifier);
        fake.await_held(1);
        let second = known[1].submit(&verifier);
        if max_delay.is_zero() {
            known[1].check(second.wait());
            known[2].check(known[2].submit(&verifier).wait());
        } else {
            let third = known[2].submit(&verifier);
            known[1].check(second.wait());
            known[2].check(third.wait());
        }
        assert_eq!(fake.sizes().len(), 1 + sizes, "the first call is still held");
        fake.release();
        known[0].check(first.wait());
    }
}

#[test]
fn the_delay_ends_when_other_batches_are_done() {
    let (fake, known) = (Fake::new(2), known(3));
    let hour = Duration::from_secs(3600);
    let verifier =
        fake.verifier(vec![], QueueOptions { max_delay: hour, max_batch: 2, ..QueueOptions::default() });
    known[0].check(known[0].submit(&verifier).wait());
    fake.hold(1);
    let first = known[0].submit(&verifier);
    fake.await_held(1);
    let second = known[1].submit(&verifier);
    fake.release();
    known[0].check(first.wait());
    known[1].check(second.wait());
    // A full batch does not wait either.
    fake.hold(1);
    let first = known[0].submit(&verifier);
    fake.await_held(1);
    let pair: Vec<_> = known[1..].iter().map(|known| (known, known.submit(&verifier))).collect();
    pair.into_iter().for_each(|(known, ticket)| known.check(ticket.wait()));
    fake.release();
    known[0].check(first.wait());
    assert_eq!(fake.sizes(), [1, 1, 1, 1, 2]);
}

#[test]
fn a_full_queue_returns_an_error_or_waits() {
    let (fake, known) = (Fake::new(1), known(8));
    let verifier = fake.verifier(vec![], QueueOptions { capacity: 3, ..QueueOptions::default() });
    fake.hold(1);
    let tickets: Vec<_> = known[..3].iter().map(|known| known.try_submit(&verifier).unwrap()).collect();
    assert!(matches!(known[3].try_submit(&verifier), Err(QueueError::Full)));
    assert_eq!((verifier.stats().accepted, verifier.stats().refused), (3, 1));
    thread::scope(|scope| {
        let blocked = scope.spawn(|| known[4].submit(&verifier).wait());
        let mut task = Box::pin(known[5].verify(&verifier));
        assert!(poll(&mut task).is_pending());
        assert_eq!(verifier.stats().accepted, 3, "neither is accepted");
        fake.release();
        known[4].check(blocked.join().unwrap());
        known[5].check(pollster::block_on(task));
    });
    known.iter().zip(tickets).for_each(|(known, ticket)| known.check(ticket.wait()));
    assert_eq!((verifier.stats().accepted, verifier.stats().depth), (5, 0));
}

#[test]
fn messages_use_capacity_by_their_length() {
    let (fake, known) = (Fake::new(1), known(60));
    let verifier = fake.verifier(vec![], QueueOptions { capacity_bytes: 50, ..QueueOptions::default() });
    fake.hold(1);
    let tickets = [known[30].submit(&verifier), known[20].submit(&verifier), known[0].submit(&verifier)];
    assert!(matches!(known[1].try_submit(&verifier), Err(QueueError::Full)));
    let too_long = known[51].try_submit(&verifier);
    assert!(matches!(too_long, Err(QueueError::TooLong { bytes: 51, capacity: 50 })));
    let too_long = pollster::block_on(known[52].verify(&verifier));
    assert!(matches!(too_long, Err(QueueError::TooLong { bytes: 52, capacity: 50 })));
    let mut waiting = Box::pin(known[50].verify(&verifier));
    assert!(poll(&mut waiting).is_pending());
    fake.release();
    for (index, ticket) in [30, 20, 0].into_iter().zip(tickets) {
        known[index].check(ticket.wait());
    }
    known[50].check(pollster::block_on(waiting));
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future.poll_unpin(&mut Context::from_waker(Waker::noop()))
}

/// A waker that counts its calls.
#[derive(Default)]
struct CountingWaker(AtomicUsize);

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_dropped_waiter_passes_on_its_notification() {
    let (fake, known) = (Fake::new(1), known(3));
    let verifier = fake.verifier(vec![], QueueOptions { capacity: 1, ..QueueOptions::default() });
    fake.hold(1);
    let held = known[0].submit(&verifier);
    let [waker, next_waker] = [(); 2].map(|()| Arc::new(CountingWaker::default()));
    let mut dropped = Box::pin(known[1].verify(&verifier));
    let mut next = Box::pin(known[2].verify(&verifier));
    for (task, waker) in [(&mut dropped, &waker), (&mut next, &next_waker)] {
        assert!(task.poll_unpin(&mut Context::from_waker(&waker.clone().into())).is_pending());
    }
    fake.release();
    known[0].check(held.wait());
    while waker.0.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    assert_eq!(next_waker.0.load(Ordering::SeqCst), 0);
    drop(dropped);
    assert_eq!(next_waker.0.load(Ordering::SeqCst), 1);
    known[2].check(pollster::block_on(next));
    assert_eq!(verifier.stats().accepted, 2);
}

#[test]
fn dropped_tickets_and_futures_do_not_affect_others() {
    let (fake, known) = (Fake::new(1), known(40));
    let verifier = fake.verifier(vec![], QueueOptions { capacity: 40, ..QueueOptions::default() });
    fake.hold(1);
    let first = known[0].submit(&verifier);
    fake.await_held(1);
    let mut kept = Vec::new();
    for known in &known[1..] {
        let mut task = Box::pin(known.verify(&verifier));
        assert!(poll(&mut task).is_pending());
        kept.push(task);
    }
    assert!(matches!(known[0].try_submit(&verifier), Err(QueueError::Full)));
    // Every second future is dropped, and so is one that was never polled.
    let kept: Vec<_> = kept.into_iter().skip(1).step_by(2).collect();
    drop(known[0].verify(&verifier));
    drop(first);
    fake.release();
    let verdicts = pollster::block_on(join_all(kept));
    verdicts.into_iter().zip(known[2..].iter().step_by(2)).for_each(|(verdict, known)| known.check(verdict));
    let stats = verifier.stats();
    assert_eq!((stats.accepted, stats.depth), (40, 0), "all capacity is free again: {stats:?}");
}

#[test]
fn a_batch_on_a_faulting_device_is_verified_by_the_next() {
    let (fake, known) = (Fake::new(1), known(100));
    let verifier = fake.verifier(vec![cpu(1)], QueueOptions::default());
    fake.set_behaviour(Behaviour::Faults);
    let tickets: Vec<_> = known.iter().map(|known| known.submit(&verifier)).collect();
    known.iter().zip(tickets).for_each(|(known, ticket)| known.check(ticket.wait()));
    let stats = verifier.stats();
    assert_eq!((stats.failed, stats.passed_over), (0, stats.batches));
}

#[test]
fn if_every_back_end_fails_each_caller_gets_the_error() {
    for (behaviour, text) in [
        (
            Behaviour::Faults,
            "no back end could serve the call; the last one failed: the device was lost: injected",
        ),
        (Behaviour::Panics, "a back end panicked: injected panic"),
    ] {
        let (fake, known) = (Fake::new(2), known(20));
        let verifier = fake.verifier(vec![], QueueOptions::default());
        fake.set_behaviour(behaviour);
        let tickets: Vec<_> = known.iter().map(|known| known.submit(&verifier)).collect();
        for ticket in tickets {
            let error = ticket.wait().unwrap_err();
            let lost = matches!(&error, QueueError::Engine(error) if matches!(**error, Error::Fault(_)));
            assert!(lost || behaviour == Behaviour::Panics, "{error:?}");
            assert_eq!(error.clone().to_string(), text);
        }
        assert_eq!((verifier.stats().failed, verifier.stats().depth), (20, 0));
        fake.set_behaviour(Behaviour::Verifies);
        known[5].check(pollster::block_on(known[5].verify(&verifier)));
        assert_eq!(verifier.stats().accepted, 21);
    }
}

#[test]
fn a_panic_in_one_caller_s_executor_does_not_affect_others() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("injected panic");
        }
    }
    let (fake, known) = (Fake::new(1), known(3));
    let verifier = fake.verifier(vec![], QueueOptions::default());
    fake.hold(1);
    let mut tickets: Vec<_> = known.iter().map(|known| known.submit(&verifier)).collect();
    for ticket in &mut tickets {
        assert!(ticket.poll_unpin(&mut Context::from_waker(&Arc::new(Panics).into())).is_pending());
    }
    fake.release();
    known.iter().zip(tickets).for_each(|(known, ticket)| known.check(ticket.wait()));
    known[0].check(known[0].submit(&verifier).wait());
}

#[test]
fn shutdown_answers_what_was_accepted_and_accepts_nothing_more() {
    let (fake, known) = (Fake::new(1), known(12));
    let verifier = fake.verifier(vec![], QueueOptions { capacity: 10, ..QueueOptions::default() });
    fake.hold(1);
    let tickets: Vec<_> = known[..10].iter().map(|known| known.submit(&verifier)).collect();
    let mut waiting = Box::pin(known[10].verify(&verifier));
    assert!(poll(&mut waiting).is_pending());
    thread::scope(|scope| {
        let blocked = scope.spawn(|| {
            let Known { public_key, signature, message, .. } = &known[11];
            verifier.verify_blocking(public_key, signature, message)
        });
        let shutdown = scope.spawn(|| verifier.shutdown());
        assert!(matches!(pollster::block_on(waiting), Err(QueueError::Closed)));
        assert!(matches!(blocked.join().unwrap(), Err(QueueError::Closed)));
        assert!(matches!(known[0].try_submit(&verifier), Err(QueueError::Closed)));
        assert!(!shutdown.is_finished(), "ten signatures are not answered");
        fake.release();
    });
    for (known, mut ticket) in known.iter().zip(tickets) {
        match poll(&mut ticket) {
            Poll::Ready(verdict) => known.check(verdict),
            Poll::Pending => panic!("shutdown returned before all were answered"),
        }
    }
    verifier.shutdown();
    assert_eq!((verifier.stats().accepted, verifier.stats().depth), (10, 0));
}

#[test]
fn what_was_accepted_is_answered_after_the_last_verifier_is_dropped() {
    let (fake, known) = (Fake::new(1), known(10));
    let verifier = fake.verifier(vec![], QueueOptions::default());
    fake.hold(1);
    let tickets: Vec<_> = known.iter().map(|known| known.submit(&verifier.clone())).collect();
    drop(verifier);
    fake.release();
    known.iter().zip(tickets).for_each(|(known, ticket)| known.check(ticket.wait()));
    // The workers hold the engine until they end.
    while Arc::strong_count(&fake) > 1 {
        thread::yield_now();
    }
}

#[test]
fn futures_run_on_any_executor() {
    let known: &'static [Known] = known(200).leak();
    let verifier = verifier(vec![cpu(1)], QueueOptions { capacity: 50, ..QueueOptions::default() });
    known[3].check(pollster::block_on(known[3].verify(&verifier)));
    known[4].check(futures::executor::block_on(known[4].verify(&verifier)));

    let pool = futures::executor::ThreadPool::builder().pool_size(2).create().unwrap();
    let tasks = known.iter().map(|known| {
        let verifier = verifier.clone();
        pool.spawn_with_handle(async move { known.verify(&verifier).await }).unwrap()
    });
    let verdicts = pollster::block_on(join_all(tasks.collect::<Vec<_>>()));
    known.iter().zip(verdicts).for_each(|(known, verdict)| known.check(verdict));

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let tasks = known.iter().map(|known| {
        let verifier = verifier.clone();
        runtime.spawn(async move { known.verify(&verifier).await })
    });
    let verdicts = pollster::block_on(join_all(tasks.collect::<Vec<_>>()));
    known.iter().zip(verdicts).for_each(|(known, verdict)| known.check(verdict.unwrap()));
}

#[test]
fn limits_of_zero_are_rejected() {
    let engine = Arc::new(Engine::with_backends(vec![cpu(1)]).unwrap());
    let cases = [
        ("max_batch", QueueOptions { max_batch: 0, ..QueueOptions::default() }),
        ("capacity", QueueOptions { capacity: 0, ..QueueOptions::default() }),
        ("capacity_bytes", QueueOptions { capacity_bytes: 0, ..QueueOptions::default() }),
    ];
    for (option, options) in cases {
        let error = Verifier::new(engine.clone(), RULE, options).err().unwrap();
        assert!(matches!(error, Error::Parameter { name, .. } if name == option), "{error}");
    }
}

#[test]
fn the_counters_of_a_new_queue_are_zero() {
    let verifier = verifier(vec![cpu(1)], QueueOptions::default());
    assert_eq!(verifier.stats(), Stats::default());
    verifier.shutdown();
    assert_eq!(verifier.stats(), Stats::default());
}
