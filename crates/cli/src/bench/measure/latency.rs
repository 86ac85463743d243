//! How long one signature takes through a queue while others arrive at random, and with
//! ed25519-dalek on as many threads, one signature at a time.
//!
//! Arrivals do not wait for answers, and a latency counts from the time at which its
//! signature was due: a stall counts for every signature that it delays.

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::task::{Context, Wake};
use std::thread;
use std::time::{Duration, Instant};

use verilane::queue::Verifier;
use verilane::signature::Batch;
use verilane::{BackendInfo, BackendKind, Fault};

use super::queue::submit;
use super::{BackendSet, Measurement, Run};
use crate::bench::data::latency::{Latency, Quantiles};
use crate::bench::data::queues::queue_fault;
use crate::bench::data::random::RandomStream;
use crate::bench::data::recipe::{CallMode, QUEUE_RULE};
use crate::bench::data::report::NotMeasured;
use crate::bench::data::source::{Source, lock};
use crate::bench::data::workload::Case;
use crate::shared::statistics::median;

/// The shares of the saturation rate at which signatures arrive.
pub const LOADS: [f64; 3] = [0.1, 0.5, 0.9];

/// The share of its own rate up to which the peer counts as keeping up.
const SUSTAINED: f64 = 0.95;

/// Signatures, and when each is due.
struct Arrivals<'a> {
    batch: &'a Batch<'a>,
    right: &'a [bool],
    /// Since the start.
    times: Vec<Duration>,
}

/// The peer.
struct Dalek {
    threads: usize,
    /// With all signatures available at once.
    per_second: f64,
}

/// The latencies of arrivals, and whether their verdicts were right.
struct Answers {
    latencies: Vec<Duration>,
    checked: bool,
}

/// The latencies on each hardware back end that has a saturation rate, after `time` at
/// each load; or why there are none.
///
/// # Errors
/// The oracle's fault: there is then nothing to compare with.
pub fn measure(
    case: &Case,
    backends: &BackendSet,
    measurement: &Measurement,
    source: &mut Source,
    time: Duration,
) -> Result<Vec<Result<Latency, NotMeasured>>, Fault> {
    let batch = source.signatures.draw(case.items, &mut source.stream);
    let mut right = vec![false; batch.len()];
    backends.oracle.verify(QUEUE_RULE, &batch, &mut right)?;
    let Some(dalek_time) = median(&measurement.reference) else { return Ok(Vec::new()) };
    let dalek = Dalek {
        threads: backends.oracle.info().threads,
        per_second: case.items as f64 / dalek_time.as_secs_f64(),
    };
    let mut latencies = Vec::new();
    for (run, load) in measurement.runs.iter().flat_map(|run| LOADS.map(|load| (run, load))) {
        let Some(saturation) = saturation(run) else { continue };
        let rate = load * case.items as f64 / saturation.as_secs_f64();
        let times = poisson(rate, time, &mut source.stream);
        let arrivals = Arrivals { batch: &batch, right: &right, times };
        let queue = lock(&source.queues).of(&run.backend).and_then(|queue| arrivals.through(&queue));
        let info = run.backend.info();
        latencies.push(match queue {
            Ok(queue) => Ok(latency(info, load, rate, &arrivals, queue, &dalek)),
            Err(fault) => Err(NotMeasured::new(info, Some("queue latency"), fault.to_string())),
        });
    }
    Ok(latencies)
}

/// The latencies through a queue, and those of the peer beside them.
fn latency(
    info: &BackendInfo,
    load: f64,
    rate: f64,
    arrivals: &Arrivals<'_>,
    queue: Answers,
    dalek: &Dalek,
) -> Latency {
    let keeps_up = rate <= SUSTAINED * dalek.per_second;
    let peer = keeps_up.then(|| arrivals.through_dalek(dalek.threads));
    Latency {
        backend: info.kind.to_string(),
        detail: info.detail.clone(),
        software: info.software,
        threads: info.threads,
        load,
        arrivals_per_second: rate,
        arrivals: arrivals.times.len(),
        checked: queue.checked && peer.as_ref().is_none_or(|peer| peer.checked),
        queue: Quantiles::of(queue.latencies),
        dalek: peer.map(|peer| Quantiles::of(peer.latencies)),
        dalek_per_second: dalek.per_second,
        dalek_threads: dalek.threads,
    }
}

/// The time that all signatures took through the queue, where that was measured.
fn saturation(run: &Run) -> Option<Duration> {
    let info = run.backend.info();
    let counts = run.mode == CallMode::PerItem && info.kind != BackendKind::Reference && !info.software;
    if counts && run.fault.is_none() { median(&run.samples) } else { None }
}

/// Independent times of arrival: their gaps are exponential.
fn poisson(rate: f64, time: Duration, stream: &mut RandomStream) -> Vec<Duration> {
    let count = (rate * time.as_secs_f64()).ceil() as usize;
    let gaps = stream.words(count).into_iter().map(|word| {
        let uniform = ((word >> 11) + 1) as f64 * 2f64.powi(-53);
        -uniform.ln() / rate
    });
    let mut now = 0.0;
    gaps.map(|gap| {
        now += gap;
        Duration::from_secs_f64(now)
    })
    .collect()
}

impl Arrivals<'_> {
    fn through(&self, verifier: &Verifier) -> Result<Answers, Fault> {
        let wake_times: Vec<_> = self.times.iter().map(|_| Arc::new(WakeTime::default())).collect();
        let mut tickets = Vec::with_capacity(self.times.len());
        let start = Instant::now();
        for (index, wake_time) in self.each(start).zip(&wake_times) {
            let mut ticket = submit(verifier, self.batch, index)?;
            let waker = wake_time.clone().into();
            if Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker)).is_ready() {
                wake_time.set();
            }
            tickets.push((index, ticket));
        }
        let mut checked = true;
        for (index, ticket) in tickets {
            checked &= ticket.wait().map_err(queue_fault)? == self.right[index];
        }
        let latencies =
            wake_times.iter().zip(&self.times).map(|(wake_time, &time)| *wake_time.0.wait() - (start + time));
        Ok(Answers { latencies: latencies.collect(), checked })
    }

    /// On a pool of `threads`, each of which takes the next signature once it is free.
    fn through_dalek(&self, threads: usize) -> Answers {
        let (sender, receiver) = mpsc::channel();
        let receiver = Mutex::new(receiver);
        let start = Instant::now();
        let work = || {
            let mut answers = Answers { latencies: Vec::new(), checked: true };
            loop {
                let next = receiver.lock().expect("nobody panics").recv();
                let Ok((index, time)) = next else { return answers };
                let message = self.batch.messages().get(index);
                let (key, signature) = (&self.batch.keys()[index], &self.batch.signatures()[index]);
                answers.checked &= QUEUE_RULE.accepts(key, signature, message) == self.right[index];
                answers.latencies.push(start.elapsed() - time);
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            for (index, &time) in self.each(start).zip(&self.times) {
                sender.send((index, time)).expect("the workers listen");
            }
            drop(sender);
            let mut all = Answers { latencies: Vec::new(), checked: true };
            for worker in workers {
                let Answers { latencies, checked } = worker.join().expect("it does not panic");
                all.latencies.extend(latencies);
                all.checked &= checked;
            }
            all
        })
    }

    /// The position in the batch of each arrival, once it is due.
    fn each(&self, start: Instant) -> impl Iterator<Item = usize> {
        disable_timer_slack();
        self.times.iter().enumerate().map(move |(arrival, &time)| {
            while let Some(left) = time.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
                thread::sleep(left);
            }
            arrival % self.batch.len()
        })
    }
}

/// Lets this thread wake on time: Linux adds up to 50 µs to sleeps to save power, which
/// would count as latency. Elsewhere it does nothing.
fn disable_timer_slack() {
    let Ok(thread) = std::fs::read_link("/proc/thread-self") else { return };
    let Some(id) = thread.file_name() else { return };
    // Without it, both latencies are larger by as much.
    let _ = std::fs::write(Path::new("/proc").join(id).join("timerslack_ns"), "1");
}

/// Stores when it was woken.
#[derive(Default)]
struct WakeTime(OnceLock<Instant>);

impl WakeTime {
    fn set(&self) {
        self.0.get_or_init(Instant::now);
    }
}

impl Wake for WakeTime {
    fn wake(self: Arc<Self>) {
        self.set();
    }
}

#[cfg(test)]
mod tests {
    use verilane::queue::QueueOptions;
    use verilane::{Backend, Engine};

    use super::super::fake::{Behaviour, Fake};
    use super::*;
    use crate::bench::data::pools::SignaturePool;

    const COUNT: usize = 40;

    /// Four arrivals in a millisecond, on a queue in front of a back end of this
    /// behaviour; and on the peer.
    fn answers(behaviour: Behaviour, spoil: impl Fn(&mut [bool])) -> [Answers; 2] {
        let backend: Arc<dyn Backend> = Arc::new(Fake::new(BackendKind::Gpu, behaviour));
        let mut stream = RandomStream::new(1);
        let batch = SignaturePool::new(COUNT, &mut stream).draw(COUNT, &mut stream);
        let mut right = vec![false; COUNT];
        Fake::new(BackendKind::Reference, Behaviour::Honest).verify(QUEUE_RULE, &batch, &mut right).unwrap();
        spoil(&mut right);
        let engine = Arc::new(Engine::with_backends(vec![backend]).unwrap());
        let verifier = Verifier::new(engine, QUEUE_RULE, QueueOptions::default()).unwrap();
        let times = (0..COUNT as u64).map(|n| Duration::from_micros(250 * n)).collect();
        let arrivals = Arrivals { batch: &batch, right: &right, times };
        [arrivals.through(&verifier).unwrap(), arrivals.through_dalek(2)]
    }

    #[test]
    fn every_verdict_is_checked() {
        for answers in answers(Behaviour::Honest, |_| ()) {
            assert!(answers.checked && answers.latencies.len() == COUNT);
            assert!(answers.latencies.iter().all(|latency| !latency.is_zero()));
        }
        for answers in answers(Behaviour::Honest, |right| right[COUNT - 1] ^= true) {
            assert!(!answers.checked);
        }
    }

    #[test]
    fn a_stall_counts_for_every_signature_that_it_delays() {
        let [queue, _] = answers(Behaviour::Late(Duration::from_millis(8)), |_| ());
        // The first batch is the first signature alone; those due within 8 ms wait for it.
        assert!(queue.latencies[..30].iter().all(|&latency| latency >= Duration::from_millis(8)));
    }

    #[test]
    fn arrivals_are_random_at_the_rate_asked_for() {
        let times = poisson(1000.0, Duration::from_secs(20), &mut RandomStream::new(2));
        assert!(times.len() == 20_000 && times.is_sorted());
        let end = times.last().unwrap().as_secs_f64();
        assert!((19.0..21.0).contains(&end), "{end}");
        // The share of gaps longer than the mean is 1 / e.
        let long = times.windows(2).filter(|pair| pair[1] - pair[0] > Duration::from_millis(1)).count();
        assert!((7000..7700).contains(&long), "{long}");
    }
}
