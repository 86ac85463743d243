//! The queue as a `tower::Service`, alone and under the layers of tower.

use std::time::Duration;

use futures::future::join_all;
use tower::{Service as _, ServiceBuilder, ServiceExt};
use verilane::queue::{QueueError, QueueOptions, Request, Service};

use super::fake::Fake;
use super::{Known, cpu, known, poll, verifier};

impl Known {
    fn request(&self) -> Request {
        Request { public_key: self.public_key, signature: self.signature, message: self.message.clone() }
    }
}

#[test]
fn calls_get_their_own_verdicts() {
    let known = known(60);
    let service =
        Service::new(verifier(vec![cpu(1)], QueueOptions { capacity: 7, ..QueueOptions::default() }));
    let calls = known.iter().map(|known| service.clone().oneshot(known.request()));
    let verdicts = pollster::block_on(join_all(calls));
    known.iter().zip(verdicts).for_each(|(known, verdict)| known.check(verdict));
}

#[test]
fn a_service_is_ready_when_it_holds_a_permit() {
    let (fake, known) = (Fake::new(1), known(4));
    let verifier = fake.verifier(vec![], QueueOptions { capacity: 2, ..QueueOptions::default() });
    fake.hold(1);
    let held = known[0].submit(&verifier);
    let (mut first, mut second) = (Service::new(verifier.clone()), Service::new(verifier.clone()));
    assert!(poll(&mut first.ready()).is_ready());
    assert!(poll(&mut second.ready()).is_pending(), "the first holds the last permit");
    assert!(matches!(known[1].try_submit(&verifier), Err(QueueError::Full)));
    drop(first);
    assert!(poll(&mut second.ready()).is_ready(), "the first has returned it");
    let verdict = second.call(known[2].request());
    assert!(poll(&mut second.ready()).is_pending(), "the call has used it");
    fake.release();
    known[0].check(held.wait());
    known[2].check(pollster::block_on(verdict));
    // A call without a permit waits while the queue is full.
    known[3].check(pollster::block_on(second.call(known[3].request())));
    assert_eq!((verifier.stats().accepted, verifier.stats().depth), (3, 0));
}

#[test]
fn a_call_dropped_before_it_is_polled_returns_its_permit() {
    let (fake, known) = (Fake::new(1), known(2));
    let verifier = fake.verifier(vec![], QueueOptions { capacity: 1, ..QueueOptions::default() });
    let mut service = Service::new(verifier.clone());
    pollster::block_on(service.ready()).unwrap_or_else(|error| panic!("{error}"));
    drop(service.call(known[0].request()));
    known[1].check(known[1].try_submit(&verifier).unwrap().wait());
    assert_eq!(verifier.stats().accepted, 1);
}

#[test]
fn a_message_above_the_free_capacity_waits_in_its_call() {
    let (fake, known) = (Fake::new(1), known(60));
    let verifier = fake.verifier(vec![], QueueOptions { capacity_bytes: 50, ..QueueOptions::default() });
    fake.hold(1);
    let held = known[30].submit(&verifier);
    let mut calls = [50, 51].map(|index| Service::new(verifier.clone()).oneshot(known[index].request()));
    assert!(poll(&mut calls[0]).is_pending());
    assert_eq!(verifier.stats().accepted, 1);
    fake.release();
    known[30].check(held.wait());
    let [waits, too_long] = calls;
    known[50].check(pollster::block_on(waits));
    assert!(matches!(pollster::block_on(too_long), Err(QueueError::TooLong { bytes: 51, capacity: 50 })));
}

#[test]
fn a_closed_queue_is_reported_on_polling_for_readiness() {
    let verifier = Fake::new(1).verifier(vec![], QueueOptions { capacity: 1, ..QueueOptions::default() });
    let (mut holder, mut waiting) = (Service::new(verifier.clone()), Service::new(verifier.clone()));
    assert!(poll(&mut holder.ready()).is_ready());
    assert!(poll(&mut waiting.ready()).is_pending());
    verifier.shutdown();
    assert!(matches!(pollster::block_on(waiting.ready()).err(), Some(QueueError::Closed)));
    let call = holder.call(known(1)[0].request());
    assert!(matches!(pollster::block_on(call), Err(QueueError::Closed)));
}

#[test]
fn the_layers_of_tower_wrap_it() {
    let known = known(300);
    let queue = verifier(vec![cpu(1)], QueueOptions { capacity: 40, ..QueueOptions::default() });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let _inside = runtime.enter();
    let service = ServiceBuilder::new()
        .buffer(16)
        .concurrency_limit(20)
        .timeout(Duration::from_secs(60))
        .service(Service::new(queue.clone()));
    let calls = known.iter().map(|known| runtime.spawn(service.clone().oneshot(known.request())));
    let verdicts = runtime.block_on(join_all(calls.collect::<Vec<_>>()));
    for (known, verdict) in known.iter().zip(verdicts) {
        assert_eq!(verdict.unwrap().unwrap_or_else(|error| panic!("{error}")), known.valid);
    }
    assert_eq!((queue.stats().accepted, queue.stats().depth), (300, 0));
}
